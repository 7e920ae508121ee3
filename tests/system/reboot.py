#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes over reboots of the throwaway machine, which runs this program anew after each (--reboots).

  boot 1: changes are made, pending, confirmed, applied, half written; the machine is rebooted
  boot 2: what was pending is old again, and a unit ordered like ssh has seen only that; once more
  boot 3: into emergency mode, in which a unit looks at the files and reboots; nobody else runs there
  boot 4: the same is found; the machine is rebooted with nothing to do
  boot 5: the recovery unit has not run

One line for each test: "ok NAME" or "FAIL NAME: why".

usage: reboot.py [--prefix TEXT]
"""
import argparse
import json
import os
import signal
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE)]

import daemon  # noqa: E402
import polkit  # noqa: E402
from bus import Client  # noqa: E402
from case import equal, has  # noqa: E402
from changes import MARKER, record  # noqa: E402
from samples import HOSTS  # noqa: E402

NOTES = Path("/var/lib/exm-reboot")  # what one boot tells the next
RECOVER = "exmachina-recover.service"
PENDING, CONFIRMED, APPLIED, EXTENDED, EDITED, UNIT, FOLLOWED, GRACE = (
    f"/etc/sysctl.d/exm-{name}.conf" for name in
    ("pending", "confirmed", "applied", "extended", "edited", "unit", "followed", "grace"))
MADE = Path("/etc/systemd/system/exm-made.service.d/x.conf")
OLD, NEW = "a = 1\n", "a = 2\n"

# As ssh.service; and one in the middle of the boot that only waits for the network to be prepared.
SEERS = {"exm-ssh": "[Unit]\nAfter=network.target\n", "exm-network": "[Unit]\nDefaultDependencies=no\n"
         "Before=network.target\nAfter=network-pre.target sysinit.target\n"}
SEER = """%s
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'cp /etc/hosts %s/%s-saw; systemctl show -P Environment exm-made.service > %s/%s-environment; true'
"""
# It says what it has started with.
FOLLOWER = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'cat %s >> %s/%s-saw'\n"
EMERGENCY = """[Unit]
DefaultDependencies=no
After=exmachina-recover.service
Before=emergency.service

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cp /etc/hosts %s/emergency-saw; ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target'
ExecStart=/bin/systemctl --no-block reboot
""" % NOTES


def boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text()


def edit(path, value="2"):
    return ("set", [f"/files{path}/a", value])


def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def enable(name, text, target="multi-user.target"):
    write(f"/etc/systemd/system/{name}.service", text)
    wants = Path(f"/etc/systemd/system/{target}.wants")
    wants.mkdir(exist_ok=True)
    (wants / f"{name}.service").symlink_to(f"/etc/systemd/system/{name}.service")


def note(**values):
    write(NOTES / "notes.json", json.dumps({**notes(), **values}))


def notes():
    path = NOTES / "notes.json"
    return json.loads(path.read_text()) if path.exists() else {}


def state(change):
    root = Client("root")
    try:
        return record(root, change)
    finally:
        root.close()


def text(path):
    return Path(path).read_text()


# ---------------------------------------------------------------- the boots

def boot_1():
    """Sets the stage."""
    root = Client("root")
    write("/etc/hosts", HOSTS)
    for path in (PENDING, CONFIRMED, APPLIED, EXTENDED, EDITED, UNIT, FOLLOWED, GRACE):
        write(path, OLD)
    os.chmod(PENDING, 0o640)
    daemon.run("setfacl", "-m", "u:carol:r", PENDING)
    write("/etc/systemd/system/exm-made.service", "[Service]\nExecStart=/bin/true\n")
    for name, head in SEERS.items():
        enable(name, SEER % (head, NOTES, name, NOTES, name))
    apply = root.Config.Apply
    for name, path in (("exm-followed", FOLLOWED), ("exm-grace", GRACE)):
        enable(name, FOLLOWER % (path, NOTES, name))
    daemon.run("systemctl", "daemon-reload")
    note(boot=boot_id(), fingerprint=repr(daemon.fingerprint(PENDING)),
         applied=apply([edit(APPLIED)]),
         confirmed=apply([edit(CONFIRMED)], confirm_within=600),
         pending=apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"]), edit(PENDING),
                        ("mode", [PENDING, "0644"]),
                        ("set", [f"/files{MADE}/Service/Environment/value", "NEW=1"])], confirm_within=3600),
         extended=apply([edit(EXTENDED)], confirm_within=60),
         edited=apply([edit(EDITED), edit(UNIT)], confirm_within=3600))
    root.History.Confirm(notes()["confirmed"])
    root.History.Extend(notes()["extended"], 3000)
    note(followed=apply([edit(FOLLOWED)], restart=["exm-followed.service"], grace=0, confirm_within=3600))
    root.Config.later("Apply", [edit(GRACE)], restart=["exm-grace.service"], grace=300, token="grace")
    daemon.wait_for((NOTES / "exm-grace-saw").exists, "the unit of the last commit runs", 30)
    write(EDITED, "a = 3\n")
    assert MARKER.exists()


def test_pending_is_taken_back_by_a_reboot():
    assert boot_id() != notes()["boot"], "the machine has not been rebooted"
    equal((text("/etc/hosts"), text(PENDING), text(EXTENDED)), (HOSTS, OLD, OLD))
    equal(repr(daemon.fingerprint(PENDING)), notes()["fingerprint"])
    assert not MADE.parent.exists(), "the directory that was made"
    for name in ("pending", "extended"):
        found = state(notes()[name])
        equal((found["state"], found["remaining"]), ("reverted", 0), name)


def test_recovery_was_early_and_before_the_bus():
    """The unit did it, not the service that the tests' first call has started."""
    equal(daemon.run("systemctl", "show", "--property=Result,ConditionResult", RECOVER).split(),
          ["Result=success", "ConditionResult=yes"])

    def when(unit, name):
        return int(daemon.run("systemctl", "show", "--value", f"--property={name}", unit))
    end = when(RECOVER, "InactiveEnterTimestampMonotonic")
    for unit in ("sysinit.target", "dbus.service", "exm-ssh.service", "exm-network.service"):
        assert 0 < end <= when(unit, "ActiveEnterTimestampMonotonic"), unit


def test_unit_ordered_like_ssh_saw_the_old_content():
    for name in SEERS:
        equal(text(NOTES / f"{name}-saw"), HOSTS, name)
        equal(text(NOTES / f"{name}-environment").strip(), "", f"{name}: systemd's idea of a unit")


def test_units_start_with_the_old_content():
    """Of a change that awaited its confirmation, and of one whose units were being acted on."""
    equal((text(FOLLOWED), text(GRACE)), (OLD, OLD))
    root = Client("root")
    cut = root.History.ListChanges(token="grace")[0]
    equal((state(notes()["followed"])["state"], cut["state"]), ("reverted", "failed"))
    for name in ("exm-followed", "exm-grace"):
        daemon.wait_for(lambda: text(NOTES / f"{name}-saw") == NEW + OLD, f"{name}: as it starts", 60)
    has(cut["reason"], "interrupted")
    root.close()


def test_confirmed_and_applied_stay_over_a_reboot():
    equal((text(CONFIRMED), text(APPLIED)), (NEW, NEW))
    for name in ("confirmed", "applied"):
        equal(state(notes()[name])["state"], "applied", name)


def test_edit_by_hand_is_kept_by_a_reboot():
    found = state(notes()["edited"])
    equal((text(EDITED), text(UNIT), found["state"]), ("a = 3\n", OLD, "failed"))
    has(found["reason"], EDITED)


def test_after_a_reboot_it_goes_on():
    """Nothing is left over; numbers go on; the files can be changed again."""
    assert not MARKER.exists()
    root = Client("root")
    equal(root.History.ListChanges(state="pending"), [])
    change = root.Config.Apply([edit(PENDING)])
    assert change > notes()["edited"]
    root.History.Revert(change)
    equal(text(PENDING), OLD)


def boot_2():
    yield test_pending_is_taken_back_by_a_reboot
    yield test_recovery_was_early_and_before_the_bus
    yield test_unit_ordered_like_ssh_saw_the_old_content
    yield test_units_start_with_the_old_content
    yield test_confirmed_and_applied_stay_over_a_reboot
    yield test_edit_by_hand_is_kept_by_a_reboot
    yield test_after_a_reboot_it_goes_on
    root = Client("root")
    note(emergency=root.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.51"])], confirm_within=3600))
    enable("exm-emergency", EMERGENCY, "emergency.target")
    Path("/etc/systemd/system/default.target").unlink()
    Path("/etc/systemd/system/default.target").symlink_to("/lib/systemd/system/emergency.target")


def test_emergency_mode_takes_it_back_too():
    equal(text(NOTES / "emergency-saw"), HOSTS)
    equal((text("/etc/hosts"), state(notes()["emergency"])["state"]), (HOSTS, "reverted"))


def boot_3():
    """(The boot into emergency mode runs no command.)"""
    yield test_emergency_mode_takes_it_back_too
    assert not MARKER.exists()


def test_nothing_to_do_is_not_done():
    equal(daemon.run("systemctl", "show", "--value", "--property=ConditionResult", RECOVER).strip(), "no")
    equal(text("/etc/hosts"), HOSTS)


def boot_4():
    yield test_nothing_to_do_is_not_done


# ---------------------------------------------------------------- running

def run(test, prefix):
    name = f"{prefix}reboot.{test.__name__.removeprefix('test_')}"
    try:
        test()
    except Exception as error:  # one line each, and the others still run
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        print(f"FAIL {name}: {words} [{Path(place.filename).name}:{place.lineno}]", flush=True)
        return 1
    print(f"ok {name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", default="")
    options = parser.parse_args()
    boot = notes().get("commands", 0) + 1
    note(commands=boot)
    polkit.run_main_loop()
    failed = notes().get("failed", 0)
    for test in (boot_1, boot_2, boot_3, boot_4)[boot - 1]() or ():
        failed += run(test, options.prefix)
    note(failed=failed)
    if boot < 4:
        daemon.run("systemctl", "--no-block", "reboot")
        signal.pause()  # until the reboot ends this program
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
