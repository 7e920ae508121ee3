# SPDX-License-Identifier: LGPL-2.1-or-later
"""Units in a commit: they follow its files, and when they cannot both go back."""
import os
import time
from pathlib import Path

import daemon
from bus import PingWatch, expect
from case import equal, has, has_not
from changes import Deadline, finish_all, record, state
from ctl import ctl
from samples import HOSTS

FILE = Path("/etc/sysctl.d/exm-jobs.conf")
UNIT = "exm-jobs.service"
OTHER = "exm-other.service"
SAW = Path("/run/exm-jobs")
NEW_UNIT = Path("/etc/systemd/system/exm-new.service")

# What it does is in the file: a = bad (does not start, does not reload), dies (after a while), slow.
TEXT = """[Service]
ExecStartPre=/bin/sh -c '! grep -qE "bad|worse" %(file)s; x=$?; grep -q slow %(file)s && sleep 1; exit $x'
ExecStartPre=/bin/sh -c 'echo %%N start $(cat %(file)s) >> %(saw)s'
ExecStart=/bin/sh -c 'grep "^%%N " %(saw)s | tail -n1 | grep -q dies && sleep 0.7 && exit 3; exec sleep infinity'
ExecReload=/bin/sh -c '! grep -q bad %(file)s && echo %%N reload $(cat %(file)s) >> %(saw)s'
""" % {"file": FILE, "saw": SAW}


def edit(value):
    return [("set", [f"/files{FILE}/a", str(value)])]


def setup(t, *units, text=TEXT, start=True):
    t.file(FILE, "a = 1\n")
    t.keep(SAW)
    SAW.write_text("")
    t.rules.allow("alice")
    t.undo(lambda: finish_all(t))
    for unit in units or (UNIT,):
        t.unit(unit, text)
        if start:
            daemon.run("systemctl", "start", unit)
    SAW.write_text("")
    return t.client()


def saw():
    """What the units have taken, in order."""
    return SAW.read_text().splitlines()


def active(unit=UNIT):
    return daemon.run("systemctl", "is-active", unit, check=False).strip()


def timers():
    return daemon.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "exmachina-units-*.timer")


def is_old(t, change=None):
    equal(FILE.read_text(), "a = 1\n")
    if change:
        equal(state(t.root, change), "failed")
    equal(t.root.History.ListChanges(state="prepared"), [])


# ---------------------------------------------------------------- they follow

def test_units_follow_the_files(t):
    alice = setup(t, UNIT, OTHER)
    change = alice.Config.Apply(edit(2), restart=[OTHER], reload=[UNIT], grace=1)
    equal(saw(), ["exm-jobs reload a = 2", "exm-other start a = 2"])
    found = record(alice, change)
    equal((found["state"], found["units"]), ("applied", [UNIT, OTHER]))
    equal(alice.Config.Apply(edit(2), restart=[OTHER]), 0)
    equal(len(saw()), 2)
    daemon.wait_for(lambda: not timers(), "the timer goes", 20)


def test_restart_starts_what_was_not_active(t):
    alice = setup(t, start=False)
    alice.Config.Apply(edit(2), restart=[UNIT], grace=0)
    equal((active(), saw()), ("active", ["exm-jobs start a = 2"]))


def test_a_unit_named_twice_is_restarted_once(t):
    """By an alias, and by both verbs; only its real name is asked for."""
    alice = setup(t)
    link = t.keep(Path("/etc/systemd/system/exm-alias.service"))
    link.symlink_to(f"/etc/systemd/system/{UNIT}")
    daemon.run("systemctl", "daemon-reload")
    change = alice.Config.Apply(edit(2), reload=[UNIT], restart=["exm-alias.service", UNIT], grace=0)
    equal((saw(), record(alice, change)["units"]), (["exm-jobs start a = 2"], [UNIT]))
    asked = [q for q in t.journal.polkit_questions() if "manage-units" in q]
    equal(len(asked), 1, asked)
    has(asked[0], UNIT, "restart", "Config.Apply")
    found = t.journal.audit(method="Config.Apply")
    equal([r.get("EXMACHINA_UNIT") for r in found], [UNIT])


def test_a_unit_file_is_read_before_its_unit_is_started(t):
    alice = setup(t)
    t.keep(NEW_UNIT)
    t.undo(lambda: daemon.run("systemctl", "daemon-reload"))
    t.undo(lambda: daemon.end_unit(NEW_UNIT.name))
    lines = "[Service]\nExecStart=/bin/sleep infinity\nEnvironment=EXM=%d\n"
    alice.Config.Apply([("text", [str(NEW_UNIT), lines % 1])], restart=[NEW_UNIT.name], grace=0)
    equal(active(NEW_UNIT.name), "active")
    change = alice.Config.Apply([("text", [str(NEW_UNIT), lines % 2])], restart=[NEW_UNIT.name], grace=0)
    has(daemon.run("systemctl", "show", "-P", "Environment", NEW_UNIT.name), "EXM=2")
    alice.History.Revert(change)
    has(daemon.run("systemctl", "show", "-P", "Environment", NEW_UNIT.name), "EXM=1")


# ---------------------------------------------------------------- they fail

def test_failed_units_bring_files_and_units_back(t):
    alice = setup(t, UNIT, OTHER)
    for options, first in (({"restart": [UNIT]}, "restart"), ({"reload": [UNIT]}, "reload")):
        SAW.write_text("")
        before = daemon.fingerprint(FILE)
        with expect("UnitFailed") as seen:
            alice.Config.Apply(edit("bad"), grace=0, token=f"fails-{first}", **options)
        assert seen.message.startswith(f"{UNIT}: {first} failed (result '"), seen.message
        has(seen.message, "journalctl", "All files are as before", f"{UNIT} runs with them")
        equal((daemon.fingerprint(FILE), active()), (before, "active"))
        equal(saw()[-1].split(" ", 2)[2], "a = 1")
        found = alice.History.ListChanges(token=f"fails-{first}")[0]
        equal((found["state"], found["units"]), ("failed", [UNIT]))
        has(found["reason"], f"{first} failed")
    daemon.wait_for(lambda: not timers(), "the timers go", 20)


def test_of_several_units_those_go_back_that_were_acted_on(t):
    alice = setup(t, UNIT, OTHER)
    third = "exm-third.service"
    t.unit(third, TEXT)
    daemon.run("systemctl", "start", third)
    t.unit(OTHER, TEXT.replace("bad|worse", "2"))
    SAW.write_text("")
    with expect("UnitFailed") as seen:
        alice.Config.Apply(edit(2), restart=[UNIT, OTHER, third], grace=0)
    assert seen.message.startswith(OTHER), seen.message
    equal(saw(), ["exm-jobs start a = 2", "exm-jobs start a = 1", "exm-other start a = 1"])
    equal([active(u) for u in (UNIT, OTHER, third)], ["active"] * 3)
    is_old(t)


def test_what_ends_within_grace_has_failed(t):
    """By itself, or started again by systemd; after the grace it is not looked at any more."""
    alice = setup(t)
    for more in ("", "Restart=always\nRestartSec=0\n"):
        t.unit(UNIT, TEXT + more)
        daemon.run("systemctl", "start", UNIT)
        with expect("UnitFailed") as seen:
            alice.Config.Apply(edit("dies"), restart=[UNIT], grace=20)
        has(seen.message, "did not stay active", "All files are as before")
        equal((active(), saw()[-1]), ("active", "exm-jobs start a = 1"))
        is_old(t)
    equal(state(alice, alice.Config.Apply(edit("dies"), restart=[UNIT], grace=0)), "applied")


def test_a_unit_that_was_not_active_is_stopped_again(t):
    alice = setup(t, start=False)
    with expect("UnitFailed") as seen:
        alice.Config.Apply(edit("dies"), restart=[UNIT], grace=10)
    has(seen.message, f"{UNIT} is stopped, as before")
    assert active() in ("inactive", "failed"), active()
    is_old(t)


def test_when_going_back_fails_too_it_says_how_things_are(t):
    alice = setup(t)
    FILE.write_text("a = bad\n")
    with expect("UnitFailed") as seen:
        alice.Config.Apply(edit("worse"), restart=[UNIT], grace=0, token="both-fail")
    has(seen.message, "All files are as before", "restart failed", "with the old files again, and failed now")
    equal((FILE.read_text(), active()), ("a = bad\n", "failed"))
    found = alice.History.ListChanges(token="both-fail")[0]
    equal(found["state"], "failed")
    has(found["reason"], "and failed now")


def test_a_job_that_takes_too_long(t):
    """It does not go on: that with the old file takes its place, and nothing says otherwise."""
    alice = setup(t, text=TEXT.replace("sleep 1;", "sleep 600;"))
    t.configure("[Limits]\nJobSec=4\n")
    with expect("Timeout") as seen:
        alice.Config.Apply(edit("slow"), restart=[UNIT], grace=0, token="too-long")
    has(seen.message, f"{UNIT}: restart has not ended", "All files are as before", f"{UNIT} runs with them")
    has_not(seen.message, "goes on")
    equal((saw(), active()), (["exm-jobs start a = 1"], "active"))
    is_old(t)


def test_a_change_that_is_being_made_cannot_be_taken_back_yet(t):
    """And how it ended is in the history, with its units."""
    alice = setup(t)
    call = alice.Config.later("Apply", edit(2), restart=[UNIT], grace=300, token="being-made")
    daemon.wait_for(lambda: saw() and active() == "active", "the unit runs", 20)
    change = alice.History.ListChanges(token="being-made")[0]["id"]
    for method in (alice.History.RevertDiff, alice.History.Revert):
        with expect("Conflict") as seen:
            method(change)
        has(seen.message, f"change {change} is still being made", "wait")
    daemon.run("systemctl", "kill", "--signal=KILL", UNIT)
    equal(call.exception(60).short, "UnitFailed")
    reason = record(alice, change)["reason"]
    has(reason, UNIT, "did not stay active")
    row = ctl("history", "-n1", user="alice").out.rstrip("\n").split("\t")
    equal((row[0], row[3], row[6:]), (str(change), "failed", [UNIT, reason]))
    has(ctl("show", str(change), user="alice").out, f"reason: {reason}\n", f"units: {UNIT}\n")


def test_a_file_edited_meanwhile_is_kept_and_told(t):
    alice = setup(t)
    t.file("/etc/hosts", HOSTS)
    call = alice.Config.later("Apply", edit("dies") + [("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])],
                              restart=[UNIT], grace=30)
    daemon.wait_for(lambda: saw(), "the unit runs", 20)
    FILE.write_text("a = by_hand\n")
    error = call.exception(60)
    equal(error.short, "UnitFailed")
    has(error.message, str(FILE), "edited", f"{UNIT} runs with them")
    equal((FILE.read_text(), Path("/etc/hosts").read_text()), ("a = by_hand\n", HOSTS))


def test_a_unit_file_goes_back_too(t):
    alice = setup(t)
    t.keep(NEW_UNIT)
    t.undo(lambda: daemon.run("systemctl", "daemon-reload"))
    with expect("UnitFailed") as seen:
        alice.Config.Apply([("text", [str(NEW_UNIT), "[Service]\nExecStart=/bin/false\n"])],
                           restart=[NEW_UNIT.name], grace=5)
    has(seen.message, NEW_UNIT.name)
    assert not NEW_UNIT.exists()
    assert active(NEW_UNIT.name) != "active"
    equal(daemon.run("systemctl", "show", "-P", "LoadState", "exm-new.service").strip(), "not-found")


# ---------------------------------------------------------------- refused before anything changes

def test_what_cannot_be_done_is_refused_before(t):
    alice = setup(t)
    t.unit(OTHER, "[Service]\nExecStart=/bin/sleep infinity\n")
    before = daemon.fingerprint(FILE)
    cases = [({"reload": [OTHER]}, "UnitFailed", "inactive"),
             ({"reload": ["exm-none.service"]}, "NoSuchUnit", "exm-none.service"),
             ({"restart": ["exmachina.service"]}, "Refused", "exmachina.service"),
             ({"restart": ["dbus.service"]}, "Refused", "dbus"),
             ({"restart": ["/etc/passwd"]}, "InvalidArgs", ""), ({"reload": ["*.service"]}, "InvalidArgs", ""),
             ({"restart": [f"exm-{i}.service" for i in range(33)]}, "InvalidArgs", "32"),
             ({"grace": 301}, "InvalidArgs", "grace")]
    for options, name, word in cases:
        with expect(name) as seen:
            alice.Config.Apply(edit(2), **options)
        has(seen.message, word)
    daemon.run("systemctl", "start", OTHER)
    with expect("UnitFailed") as seen:
        alice.Config.Apply(edit(2), reload=[OTHER])
    has(seen.message, "ExecReload", "restart")
    equal((daemon.fingerprint(FILE), saw()), (before, []))
    equal(alice.History.ListChanges(file=str(FILE), since=0, limit=1, state="prepared"), [])


def test_an_alias_made_by_the_commit_is_not_followed(t):
    """The right was given for one unit; with the new link the name means another."""
    alice = setup(t, UNIT, OTHER)
    link = t.keep(NEW_UNIT)
    t.undo(lambda: daemon.run("systemctl", "daemon-reload"))
    t.file("/usr/lib/systemd/system/exm-new.service", "[Service]\nExecStart=/bin/sleep infinity\n")
    daemon.run("systemctl", "daemon-reload")
    with expect("UnitFailed") as seen:
        alice.Config.Apply([("ln", [f"/etc/systemd/system/{OTHER}", str(link)])], restart=[NEW_UNIT.name], grace=0)
    has(seen.message, OTHER, "another unit", "All files are as before")
    assert not link.is_symlink()
    equal(saw(), [])


def test_a_unit_that_systemd_has_lost_is_named(t):
    """An active unit became an alias for the time of two daemon-reloads: what systemd makes of it is told."""
    alice = setup(t, OTHER)
    t.unit(NEW_UNIT.name, "[Service]\nExecStart=/bin/sleep infinity\n")
    daemon.run("systemctl", "start", NEW_UNIT.name)
    pid = int(daemon.run("systemctl", "show", "-P", "MainPID", NEW_UNIT.name))
    t.undo(lambda: os.path.exists(f"/proc/{pid}") and os.kill(pid, 9))
    with expect("UnitFailed") as seen:
        alice.Config.Apply([("ln", [f"/etc/systemd/system/{OTHER}", str(NEW_UNIT)])], restart=[NEW_UNIT.name],
                           grace=0, token="lost")
    has(seen.message, "another unit", "All files are as before")
    lost = f"{NEW_UNIT.name} was active before and is inactive now"
    equal((lost in seen.message, lost in alice.History.ListChanges(token="lost")[0]["reason"]),
          (active(NEW_UNIT.name) != "active",) * 2, seen.message)


# ---------------------------------------------------------------- who may

def test_each_unit_needs_its_own_right(t):
    alice = setup(t, UNIT, OTHER)
    before = daemon.fingerprint(FILE)
    t.rules.clear()
    t.rules.allow("alice", "write-sensitive-config").allow("alice", "manage-units", unit=UNIT, verb="reload")
    for options, name in (({"restart": [UNIT]}, "InteractiveAuthorizationRequired"),
                          ({"reload": [UNIT, OTHER]}, "InteractiveAuthorizationRequired"),
                          ({"reload": ["exm-none.service"]}, "InteractiveAuthorizationRequired")):
        with expect(name) as seen:
            alice.Config.Apply(edit(2), grace=0, **options)
        has(seen.message, "manage-units")
    agent = t.agent("approve")
    t.rules.clear()
    t.rules.allow("alice", "manage-units", unit=UNIT).deny("alice", "manage-units")
    with expect("AccessDenied") as seen:
        alice.Config.Apply(edit(2), grace=0, restart=[OTHER], interactive=True)
    has(seen.message, OTHER)
    equal((agent.prompts, daemon.fingerprint(FILE), saw()), ([], before, []))
    t.rules.clear()
    t.rules.allow("alice", "write-sensitive-config").allow("alice", "manage-units", unit=UNIT, verb="reload")
    alice.Config.Apply(edit(2), reload=[UNIT], grace=0)


def test_a_commit_asks_at_most_twice(t):
    """For files and for units; one unit by its own action, several by that for several."""
    setup(t, UNIT, OTHER)
    t.rules.clear()
    agent, alice = t.agent("approve"), t.client()
    alice.Config.Apply(edit(2), restart=[UNIT], grace=0, interactive=True)
    equal([p["action"].rpartition(".")[2] for p in agent.prompts], ["write-sensitive-config", "manage-units"])
    has(agent.prompts[1]["message"], UNIT, "restart")
    change = alice.Config.Apply(edit(3), restart=[UNIT], reload=[OTHER], grace=0, interactive=True)
    equal([p["action"].rpartition(".")[2] for p in agent.prompts[2:]],
          ["write-sensitive-config", "manage-several-units"])
    has(agent.prompts[3]["message"], f"reload {OTHER}\nrestart {UNIT}")
    asked = [q for q in t.journal.polkit_questions() if "manage-several-units" in q]
    has(asked[0], "units=")
    has_not(asked[0], "unit=", "verb=")
    equal(record(alice, change)["authority"],
          "polkit:org.exmachina1.write-sensitive-config, polkit:org.exmachina1.manage-several-units")


def test_a_key_covers_files_and_units(t):
    """What its connection may commit is what it grants, unit by unit and verb by verb."""
    setup(t)
    t.rules.clear()
    t.rules.deny("bob")
    bob = t.client("bob", t.key("exm-k", write=[str(FILE)], units=[f"{UNIT}:restart"]))
    for options in ({"reload": [UNIT]}, {"restart": [OTHER]}, {"restart": [UNIT, OTHER]}):
        with expect("AccessDenied"):
            bob.Config.Apply(edit(2), **options)
    change = bob.Config.Apply(edit(2), restart=[UNIT], grace=0)
    equal((saw(), record(bob, change)["authority"]), (["exm-jobs start a = 2"], "key:exm-k"))
    bob.History.Revert(change, grace=0)
    equal(FILE.read_text(), "a = 1\n")


# ---------------------------------------------------------------- taken back

def test_deadline_acts_on_the_units_too(t):
    alice = setup(t, UNIT, OTHER)
    with Deadline(3) as deadline:
        change = alice.Config.Apply(edit(2), restart=[UNIT], reload=[OTHER], grace=0, confirm_within=3)
    equal(state(alice, change), "pending")
    SAW.write_text("")
    deadline.wait_until(lambda: FILE.read_text() == "a = 1\n")
    daemon.wait_for(lambda: state(alice, change) == "reverted", "its end", 20)
    equal(sorted(saw()), ["exm-jobs start a = 1", "exm-other reload a = 1"])


def test_what_was_stopped_meanwhile_stays_stopped(t):
    """By the deadline and by Revert of a pending change, which say so; one that has failed is started."""
    alice = setup(t, UNIT, OTHER)
    change = alice.Config.Apply(edit(2), restart=[UNIT, OTHER], grace=0, confirm_within=600)
    daemon.run("systemctl", "stop", UNIT)
    daemon.run("systemctl", "kill", "--signal=ABRT", OTHER)
    daemon.wait_for(lambda: active(OTHER) == "failed", "the other's failure", 20)
    SAW.write_text("")
    equal(alice.History.Revert(change), change)
    equal((active(), active(OTHER), saw()), ("inactive", "active", ["exm-other start a = 1"]))
    found = record(alice, change)
    equal((found["state"], found["reason"]), ("reverted", f"revert; {UNIT} was stopped meanwhile, and stays so"))
    daemon.run("systemctl", "start", UNIT)
    change = alice.Config.Apply(edit(2), restart=[UNIT], grace=0, confirm_within=3)
    daemon.run("systemctl", "mask", "--now", "--runtime", UNIT)
    t.undo(lambda: daemon.run("systemctl", "unmask", "--runtime", UNIT))
    daemon.wait_for(lambda: state(alice, change) == "reverted", "its end", 30)
    has(record(alice, change)["reason"], "deadline; ", UNIT, "stays so")
    equal((FILE.read_text(), active()), ("a = 1\n", "inactive"))


def test_deadline_whose_units_fail_is_failed(t):
    """The files are back; the unit does not start with them any more, and the history says so."""
    alice = setup(t)
    FILE.write_text("a = bad\n")
    change = alice.Config.Apply(edit(2), restart=[UNIT], grace=0, confirm_within=2)
    daemon.wait_for(lambda: state(alice, change) == "failed", "its end", 30)
    equal((FILE.read_text(), active()), ("a = bad\n", "failed"))
    has(record(alice, change)["reason"], UNIT, "failed now")


def test_revert_acts_on_the_units_too(t):
    alice = setup(t)
    change = alice.Config.Apply(edit(2), restart=[UNIT], grace=0, confirm_within=600)
    t.rules.clear()
    t.rules.allow("alice", "write-sensitive-config")
    with expect("InteractiveAuthorizationRequired"):
        alice.History.Revert(change)
    t.rules.allow("alice", "manage-units", unit=UNIT, verb="restart")
    equal(alice.History.Revert(change), change)
    equal((FILE.read_text(), saw()[-1], state(alice, change)), ("a = 1\n", "exm-jobs start a = 1", "reverted"))

    change = alice.Config.Apply(edit(2), restart=[UNIT], grace=0)
    new = alice.History.Revert(change, grace=0)
    equal((FILE.read_text(), saw()[-1], record(alice, new)["units"]), ("a = 1\n", "exm-jobs start a = 1", [UNIT]))
    change = alice.Config.Apply(edit(2), restart=[UNIT], grace=0)
    daemon.run("systemctl", "stop", UNIT)
    new = alice.History.Revert(change, grace=0)
    equal((FILE.read_text(), active(), record(alice, new)["units"]), ("a = 1\n", "inactive", []))


# ---------------------------------------------------------------- nothing waits, nothing is lost

def test_ping_while_units_are_acted_on(t):
    alice = setup(t)
    with PingWatch() as watch:
        alice.Config.Apply(edit("slow"), restart=[UNIT], grace=1)
        with expect("UnitFailed"):
            alice.Config.Apply(edit("bad"), restart=[UNIT], grace=1)
    watch.check()


def test_caller_vanishes_while_units_are_acted_on(t):
    alice = setup(t)
    call = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=1, token="vanishes")
    daemon.wait_for(lambda: FILE.read_text() != "a = 1\n", "the file is there", 20)
    alice.close()
    call.exception(60)
    bob = t.client("alice")
    daemon.wait_for(lambda: bob.History.ListChanges(token="vanishes")[0]["state"] == "applied", "its end", 30)
    equal(saw(), ["exm-jobs start a = slow"])


def test_files_stay_locked_while_units_are_acted_on(t):
    alice = setup(t)
    t.file("/etc/hosts", HOSTS)
    first = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=1)
    daemon.wait_for(lambda: FILE.read_text() != "a = 1\n", "the file is there", 20)
    second = t.client().Config.later("Apply", edit(3))
    t.client().Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])])
    assert not first.done() and not second.done()
    assert first.result(60) < second.result(60)
    equal(FILE.read_text(), "a = 3\n")


def test_commits_on_one_unit_follow_one_another(t):
    """Neither takes the other's restart for a failure of its own; the bad one goes back to what the good one left."""
    bad = t.keep("/etc/default/exm-jobs")
    alice = setup(t, text=TEXT.replace("ExecStartPre=", f"ExecStartPre=/bin/sh -c '! [ -e {bad} ]'\nExecStartPre=", 1))
    good = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=2)
    daemon.wait_for(lambda: FILE.read_text() != "a = 1\n", "the file is there", 20)
    with expect("UnitFailed") as seen:
        t.client().Config.Apply([("text", [str(bad), "a=1\n"])], restart=[UNIT], grace=2)
    assert good.done()
    assert good.result() > 0
    has(seen.message, "restart failed (result 'exit-code')", f"All files are as before; {UNIT} runs with them")
    equal((saw(), active(), bad.exists()), (["exm-jobs start a = slow"] * 2, "active", False))


def consistent(t, token):
    """After a kill and recovery: files, unit and journal say the same."""
    def ended():
        found = t.root.History.ListChanges(all=True, token=token)
        return not found or found[0]["state"] in ("applied", "failed") and found
    found = daemon.wait_for(lambda: ended() or None if t.root.History.ListChanges(all=True, token=token) else [{}],
                            "its end", 60)[0]
    wanted = "a = slow" if found.get("state") == "applied" else "a = 1"
    equal(FILE.read_text().strip(), wanted, found)
    equal(active(), "active")
    last = saw()[-1].split(" ", 2)[2] if saw() else "a = 1"
    equal(last, wanted, f"what the unit runs with ({found})")
    return found.get("state", "none")


def test_killed_at_any_time_while_units_are_acted_on(t):
    """Before, within and after the job and the grace: recovery brings back files and units alike."""
    alice = setup(t)
    states = set()
    for i, instant in enumerate((0, 0.03, 0.1, 0.3, 0.7, 1.2, 1.6, 2.1)):
        FILE.write_text("a = 1\n")
        daemon.run("systemctl", "restart", UNIT)
        SAW.write_text("")
        call = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=1, token=f"kill-{i}")
        time.sleep(instant)
        daemon.kill(t.root)
        call.exception(60)
        states.add(consistent(t, f"kill-{i}"))
        daemon.wait_for(lambda: not timers(), "the timers go", 20)
        alice.Config.Match("/files/etc/hosts")
    assert "failed" in states, states
    equal(t.root.History.ListChanges(all=True, state="prepared"), [])


test_killed_at_any_time_while_units_are_acted_on.ends_service = True
test_killed_at_any_time_while_units_are_acted_on.slow = True


def test_recovery_killed_while_it_acts_on_units(t):
    alice = setup(t)
    call = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=5, token="killed-twice")
    daemon.wait_for(saw, "the unit runs", 20)
    for _ in range(3):
        daemon.kill(t.root)
        daemon.wait_for(lambda: FILE.read_text() == "a = 1\n", "the files are back", 20)
        time.sleep(0.1)
    call.exception(60)
    equal(consistent(t, "killed-twice"), "failed")


test_recovery_killed_while_it_acts_on_units.ends_service = True


def test_stopped_while_units_are_acted_on(t):
    """Restarted, the service takes it back at once; stopped, it is started again for that."""
    alice = setup(t)
    for end in (daemon.restart, daemon.stop):
        FILE.write_text("a = 1\n")
        daemon.run("systemctl", "restart", UNIT)
        SAW.write_text("")
        call = alice.Config.later("Apply", edit("slow"), restart=[UNIT], grace=30, token=f"ends-{end.__name__}")
        daemon.wait_for(saw, "the unit runs", 20)
        end()
        has(str(call.exception(60)), "taken back when it starts again")
        daemon.wait_for(lambda: FILE.read_text() == "a = 1\n", "the files are back", 60)
        equal(consistent(t, f"ends-{end.__name__}"), "failed")


test_stopped_while_units_are_acted_on.slow = True


def test_unit_files_alone_are_read_again(t):
    """A commit of a unit's file that names no unit, and its way back: systemd knows the file as it is."""
    client = setup(t, text=TEXT.replace("[Service]", "[Service]\nNice=1"))

    def nice():
        return daemon.run("systemctl", "show", "--property=Nice", "--value", UNIT).strip()

    def reloaded(value):
        daemon.wait_for(lambda: nice() == value, f"Nice={value}", 20)
        equal(daemon.run("systemctl", "show", "--property=NeedDaemonReload", "--value", UNIT).strip(), "no")
    write = [("set", [f"/files/etc/systemd/system/{UNIT}/Service/Nice/value", "5"])]
    change = client.Config.Apply(write)
    reloaded("5")
    client.History.Revert(change)
    reloaded("1")
    client.Config.Apply(write, confirm_within=2)
    reloaded("5")
    reloaded("1")
    pending = client.Config.Apply(write, confirm_within=600)
    reloaded("5")
    client.History.Revert(pending)
    reloaded("1")
