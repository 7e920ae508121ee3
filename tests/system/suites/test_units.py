# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units: jobs with results, real names, unit files (threats 38 and 49)."""
import os
import time
from pathlib import Path

import daemon
from bus import PingWatch, Refusal, expect
from case import equal, has
from samples import PROBE, PROBE_UNIT

SLOW = """[Service]
ExecStart=/bin/sleep infinity
ExecStop=/bin/sleep %d
TimeoutStopSec=60
"""


WANTS = Path("/etc/systemd/system/multi-user.target.wants")


def wanted(t):
    """The link that Enable makes. systemd removes its directory with the last link in it."""
    link = t.keep(WANTS / PROBE)
    t.undo(lambda: WANTS.mkdir(exist_ok=True))
    return link


def alice(t):
    t.rules.allow("alice")
    return t.client()


def state(unit):
    return daemon.run("systemctl", "is-active", unit, check=False).strip()


def test_start_stop_restart_reload(t):
    t.unit(PROBE, PROBE_UNIT)
    client = alice(t)
    equal(client.Units.Start(PROBE), ("done", "active"))
    equal(state(PROBE), "active")
    first = client.Units.Status(PROBE)["main_pid"]
    equal(client.Units.Restart(PROBE), ("done", "active"))
    second = client.Units.Status(PROBE)["main_pid"]
    assert first != second and second, (first, second)
    equal(client.Units.Reload(PROBE), ("done", "active"))
    equal(client.Units.ReloadOrRestart(PROBE), ("done", "active"))
    equal(client.Units.Status(PROBE)["main_pid"], second)
    equal(client.Units.Stop(PROBE), ("done", "inactive"))
    equal(state(PROBE), "inactive")


def test_starting_what_runs_already(t):
    t.unit(PROBE, PROBE_UNIT)
    client = alice(t)
    client.Units.Start(PROBE)
    equal(client.Units.Start(PROBE), ("done", "active"))


def test_a_failed_job_is_an_error_with_its_result(t):
    t.unit("exm-fails.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    client = alice(t)
    with expect("UnitFailed") as seen:
        client.Units.Start("exm-fails.service")
    assert seen.message.startswith("exm-fails.service: "), seen.message
    has(seen.message, "failed", "exit-code", "journalctl")
    equal(client.Units.Status("exm-fails.service")["active_state"], "failed")
    with expect("UnitFailed") as seen:
        client.Units.Reload("exm-fails.service")


def test_a_failed_dependency_is_an_error(t):
    t.unit("exm-fails.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n")
    t.unit("exm-needs.service", "[Unit]\nRequires=exm-fails.service\nAfter=exm-fails.service\n"
           "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    with expect("UnitFailed") as seen:
        alice(t).Units.Start("exm-needs.service")
    has(seen.message, "dependency")


def test_a_cancelled_job_is_an_error(t):
    t.unit("exm-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 20\n")
    client = alice(t)
    future = client.Units.later("Start", "exm-slow.service")
    time.sleep(0.5)
    daemon.run("systemctl", "stop", "exm-slow.service")
    with expect("UnitFailed") as seen:
        future.result(60)
    has(seen.message, "canceled")


def test_ping_while_a_unit_takes_ten_seconds_to_stop(t):
    t.unit("exm-slow.service", SLOW % 10)
    client, other = alice(t), t.client("alice")
    client.Units.Start("exm-slow.service")
    with PingWatch() as watch:
        start = time.monotonic()
        stop = client.Units.later("Stop", "exm-slow.service")
        equal(other.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
        equal(other.Units.Status("exm-slow.service")["active_state"], "deactivating")
        equal(stop.result(40), ("done", "inactive"))
        took = time.monotonic() - start
    assert took >= 9.5, f"replied after {took:.1f} s"
    watch.check()


test_ping_while_a_unit_takes_ten_seconds_to_stop.slow = True


def test_two_callers_wait_for_one_job(t):
    t.unit("exm-slow.service", SLOW % 1)
    client = alice(t)
    client.Units.Start("exm-slow.service")
    futures = [t.client("alice").Units.later("Stop", "exm-slow.service") for _ in range(4)]
    for future in futures:
        equal(future.result(20), ("done", "inactive"))


def test_caller_vanishes_while_a_job_runs(t):
    t.unit("exm-slow.service", SLOW % 1)
    client = alice(t)
    client.Units.Start("exm-slow.service")
    future = client.Units.later("Stop", "exm-slow.service")
    time.sleep(0.2)
    client.close()
    future.exception(10)
    daemon.wait_for(lambda: state("exm-slow.service") == "inactive", "the job goes on to its end")
    equal(t.client().Units.Status("exm-slow.service")["active_state"], "inactive")


def test_job_time_limit(t):
    t.unit("exm-slow.service", SLOW % 4)
    t.configure("[Limits]\nJobSec=1\n")
    client = alice(t)
    client.Units.Start("exm-slow.service")
    with expect("Timeout") as seen:
        client.Units.Stop("exm-slow.service")
    has(seen.message, "exm-slow.service")


def test_status(t):
    t.unit(PROBE, PROBE_UNIT, links=["exm-alias.service"])
    status = t.client("bob").Units.Status(PROBE)
    equal(set(status), {"id", "names", "description", "load_state", "active_state", "sub_state",
                        "unit_file_state", "main_pid", "changed"})
    equal((status["id"], status["description"], status["load_state"], status["active_state"],
           status["sub_state"], status["main_pid"]),
          (PROBE, "A unit of the tests", "loaded", "inactive", "dead", 0))
    status = t.client("bob").Units.Status("exm-alias.service")
    equal(status["id"], PROBE)
    has(status["names"], PROBE, "exm-alias.service")
    status = t.client("bob").Units.Status("dbus.socket")
    assert status["active_state"] == "active" and status["changed"] > 0


def test_list_units(t):
    t.unit(PROBE, PROBE_UNIT)
    bob = t.client("bob")
    rows = bob.Units.ListUnits(["exm-pro*"])
    equal([row[0] for row in rows], [PROBE])
    equal(rows[0][5], "disabled")
    everything = bob.Units.ListUnits([])
    names = [row[0] for row in everything]
    equal(names, sorted(set(names)), "sorted, each once")
    rows = daemon.run("systemctl", "list-units", "--all", "--plain", "--no-legend").splitlines()
    loaded = {row.split()[0] for row in rows if row.split()[1] != "not-found"}
    missing = {unit for unit in loaded if not unit.startswith(("run-", "sys-", "dev-"))} - set(names)
    assert not missing, f"not listed: {sorted(missing)[:5]}"
    equal(bob.Units.ListUnits(["no-such-unit-*"]), [])


def test_no_such_unit(t):
    client = alice(t)
    for call in ("Start", "Stop", "Restart", "Reload", "ReloadOrRestart", "Enable", "Disable", "Mask",
                 "Unmask", "Status"):
        with expect("NoSuchUnit") as seen:
            getattr(client.Units, call)("exm-nowhere.service")
        has(seen.message, "exm-nowhere.service")
    assert not Path("/etc/systemd/system/exm-nowhere.service").exists()


def test_enable_and_disable(t):
    t.unit(PROBE, PROBE_UNIT)
    link = wanted(t)
    client = alice(t)
    equal(client.Units.Enable(PROBE), [("symlink", str(link), f"/etc/systemd/system/{PROBE}")])
    equal(os.readlink(link), f"/etc/systemd/system/{PROBE}")
    equal(client.Units.Status(PROBE)["unit_file_state"], "enabled")
    equal(state(PROBE), "inactive")
    equal(client.Units.Enable(PROBE), [])
    equal(client.Units.Disable(PROBE), [("unlink", str(link), "")])
    equal(client.Units.Status(PROBE)["unit_file_state"], "disabled")
    client.Units.Enable(PROBE, now=True)
    equal((state(PROBE), client.Units.Status(PROBE)["unit_file_state"]), ("active", "enabled"))
    client.Units.Disable(PROBE, now=True)
    equal((state(PROBE), client.Units.Status(PROBE)["unit_file_state"]), ("inactive", "disabled"))


def test_now_needs_manage_units_too(t):
    t.unit(PROBE, PROBE_UNIT)
    link = wanted(t)
    t.rules.allow("alice", "manage-unit-files").deny("alice", "manage-units")
    client = t.client()
    with expect("AccessDenied"):
        client.Units.Enable(PROBE, now=True)
    assert not link.is_symlink(), "enabled all the same"
    client.Units.Enable(PROBE)
    assert link.is_symlink()
    with expect("AccessDenied"):
        client.Units.Disable(PROBE, now=True)
    assert link.is_symlink()


def vendor_unit(t, name=PROBE, text=PROBE_UNIT, alias=None):
    """In /usr/lib, where units of packages are: those can be masked."""
    path = Path("/usr/lib/systemd/system") / name
    path.write_text(text)
    t.undo(lambda: daemon.run("systemctl", "daemon-reload"))
    t.undo(path.unlink)
    if alias:
        link = path.with_name(alias)
        link.symlink_to(name)
        t.undo(link.unlink)
    daemon.run("systemctl", "daemon-reload")
    t.undo(lambda: daemon.end_unit(name))


def test_mask_and_unmask(t):
    vendor_unit(t)
    mask = t.keep(f"/etc/systemd/system/{PROBE}")
    client = alice(t)
    client.Units.Start(PROBE)
    equal(client.Units.Mask(PROBE), [("symlink", str(mask), "/dev/null")])
    equal(os.readlink(mask), "/dev/null")
    equal(state(PROBE), "active")
    equal(client.Units.Stop(PROBE), ("done", "inactive"))
    with expect("UnitFailed", "NoSuchUnit"):
        client.Units.Start(PROBE)
    equal(client.Units.Unmask(PROBE), [("unlink", str(mask), "")])
    equal(client.Units.Start(PROBE), ("done", "active"))
    client.Units.Mask(PROBE, now=True)
    assert state(PROBE) != "active"
    client.Units.Unmask(PROBE)
    with expect("InvalidArgs"):
        client.Units.Unmask(PROBE, now=True)


def test_t49_an_alias_is_its_unit(t):
    """Authorised, shown and handed to systemd is the real id."""
    vendor_unit(t, alias="exm-alias.service")
    mask = t.keep(f"/etc/systemd/system/{PROBE}")
    alias_mask = t.keep("/etc/systemd/system/exm-alias.service")
    link = wanted(t)
    t.rules.deny("alice", "manage-units", unit=PROBE).deny("alice", "manage-unit-files", unit=PROBE)
    t.rules.allow("alice")
    client = t.client()
    for call in ("Start", "Stop", "Restart", "Reload", "ReloadOrRestart", "Enable", "Disable", "Mask",
                 "Unmask"):
        with expect("AccessDenied"):
            getattr(client.Units, call)("exm-alias.service")
    equal(state(PROBE), "inactive")
    for question in t.journal.polkit_questions():
        assert "exm-alias" not in question, question
    t.rules.clear()
    t.rules.allow("alice", "manage-units", unit=PROBE).allow("alice", "manage-unit-files", unit=PROBE)
    client.Units.Enable("exm-alias.service")
    assert link.is_symlink(), "the real unit is enabled"
    client.Units.Disable("exm-alias.service")
    assert not link.is_symlink(), "the real unit is disabled"
    client.Units.Mask("exm-alias.service")
    assert os.readlink(mask) == "/dev/null" and not alias_mask.is_symlink()
    client.Units.Unmask("exm-alias.service")
    assert not mask.is_symlink()


def test_t38_names_that_are_no_unit(t):
    client = alice(t)
    t.unit("exm-template@.service", "[Service]\nType=oneshot\nExecStart=/bin/true\nRemainAfterExit=yes\n")
    names = ["", ".", "..", "/", "dbus", "dbus.", ".service", "dbus.servic", "/etc/systemd/system/" + PROBE,
             "../../tmp/x.service", "etc/x.service", "a/b.service", "*.service", "dbus.s?rvice",
             "[d]bus.service", "dbus.service dbus.socket", "dbus.service\n", "dbus.service\0x"[:12] + "\t",
             " dbus.service", "dbus.service ", "exm-template@.service", "a" * 256 + ".service",
             "a" * 300, "dbus.service;id", "$(id).service", "`id`.service", "däbus.service",
             "dbus.SERVICE", "@.service", "@x.service", "dbus.service.service/", "-.mount/",
             "dbus.snapshot", "dbus.service@", "a b.service", "\u202edbus.service", "dbus%2eservice/",
             "run-u1.service/x", "/run/systemd/transient/x.service", "~/x.service"]
    assert len(set(names)) >= 38, len(set(names))
    wrong = []
    for name in names:
        for call in ("Start", "Enable", "Mask", "Status"):
            try:
                getattr(client.Units, call)(name)
            except Exception as refusal:
                if getattr(refusal, "short", "") not in ("InvalidArgs", "NoSuchUnit"):
                    wrong.append(f"{call} {name[:30]!r}: {refusal}")
            else:
                wrong.append(f"{call} {name[:30]!r} was accepted")
    assert not wrong, "; ".join(wrong[:5])
    equal(client.Units.Start("exm-template@one.service"), ("done", "active"))
    equal(state("exm-template@one.service"), "active")
    daemon.run("systemctl", "stop", "exm-template@one.service")


def test_t38_escaped_names_are_authorised_as_they_are(t):
    t.unit("exm-a\\x2db.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    t.rules.allow("alice", "manage-units", unit="exm-a\\x2db.service")
    client = t.client()
    equal(client.Units.Start("exm-a\\x2db.service"), ("done", "inactive"))


def test_itself_is_not_stopped(t):
    client = alice(t)
    before = daemon.pid(t.root)
    for call in ("Stop", "Restart"):
        with expect("Refused"):
            getattr(client.Units, call)("exmachina.service")
    for call in ("Mask", "Disable"):
        with expect("Refused"):
            getattr(client.Units, call)("exmachina.service", now=True)
    with expect("Refused"):
        client.Units.Mask("exmachina.service")
    client.ping()
    equal(daemon.pid(t.root), before)


def test_verbs_are_told_apart(t):
    """A right to restart one unit is neither one to stop it nor one to restart another."""
    t.unit(PROBE, PROBE_UNIT)
    t.unit("exm-other.service", PROBE_UNIT)
    t.rules.allow("alice", "manage-units", unit=PROBE, verb="restart").deny("alice", "manage-units")
    client = t.client()
    equal(client.Units.Restart(PROBE), ("done", "active"))
    for call, unit in (("Stop", PROBE), ("Start", PROBE), ("Reload", PROBE), ("ReloadOrRestart", PROBE),
                       ("Restart", "exm-other.service")):
        with expect("AccessDenied"):
            getattr(client.Units, call)(unit)
    equal(state(PROBE), "active")


def test_dialog_names_unit_and_verb(t):
    t.unit(PROBE, PROBE_UNIT)
    agent = t.agent("approve")
    equal(t.client("carol").Units.Restart(PROBE, interactive=True), ("done", "active"))
    has(agent.prompts[0]["message"], PROBE, "restart")
    equal(agent.prompts[0]["action"], "org.exmachina1.manage-units")


def test_audit_names_the_real_unit(t):
    t.unit(PROBE, PROBE_UNIT, links=["exm-alias.service"])
    client = alice(t)
    client.Units.Start("exm-alias.service")
    records = daemon.wait_for(lambda: t.journal.audit(uid=6001), "an audit record")
    equal((records[0]["EXMACHINA_METHOD"], records[0]["EXMACHINA_UNIT"], records[0]["EXMACHINA_OUTCOME"]),
          ("Units.Start", PROBE, "done"))


def test_systemd_reloaded_meanwhile(t):
    t.unit("exm-slow.service", SLOW % 2)
    client = alice(t)
    client.Units.Start("exm-slow.service")
    stop = client.Units.later("Stop", "exm-slow.service")
    time.sleep(0.3)
    daemon.run("systemctl", "daemon-reload")
    equal(stop.result(30), ("done", "inactive"))


def test_a_job_is_answered_and_on_record_when_the_service_stops(t):
    t.unit("exm-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 4\n")
    client = alice(t)
    start = client.Units.later("Start", "exm-slow.service")
    time.sleep(0.5)
    daemon.stop()
    with expect("Timeout"):
        start.result(60)
    records = daemon.wait_for(lambda: t.journal.audit(uid=6001), "an audit record")
    equal((records[0]["EXMACHINA_UNIT"], records[0]["EXMACHINA_OUTCOME"]),
          ("exm-slow.service", "org.freedesktop.DBus.Error.Timeout"))


def test_a_flood_of_lists_denies_nobody(t):
    """One user has two made at a time; more at once are LimitExceeded, and others are served."""
    client, bob = alice(t), t.client("bob")
    futures = [client.Units.later("ListUnits", ["*"]) for _ in range(30)]
    for _ in range(10):
        equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    answers = set()
    for future in futures:
        try:
            answers.add(len(future.result(60)) > 0)
        except Refusal as refusal:
            answers.add(refusal.short)
    assert True in answers and answers <= {True, "LimitExceeded"}, answers
