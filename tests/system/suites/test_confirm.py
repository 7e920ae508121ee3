# SPDX-License-Identifier: LGPL-2.1-or-later
"""Confirm or revert: who may, deadlines, and that neither a kill nor a stop of the service loses one."""
import os
import random
import time
from pathlib import Path

import daemon
from bus import expect
from case import equal, has
from changes import CHANGED, EDIT, HOSTS_TREE, MARKER, Deadline, record, setup, state, text, timers
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE
SECOND = [("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.51"])]


def is_old():
    return text() == HOSTS


def armed():
    """What is left of a deadline outside of the history."""
    return timers(), MARKER.exists()


def nothing_armed(t):
    equal(t.root.History.ListChanges(state="pending"), [])
    equal(t.root.History.ListChanges(state="prepared"), [])
    daemon.wait_for(lambda: timers() == [], "the timers go", 20)


# ---------------------------------------------------------------- the deadline

def test_not_confirmed_is_taken_back_in_time(t):
    alice = setup(t)
    heard = t.client("bob").listen()
    with Deadline(3) as deadline:
        change = alice.Config.Apply(EDIT, confirm_within=3)
    equal((text(), state(alice, change)), (CHANGED, "pending"))
    assert 1 <= record(alice, change)["remaining"] <= 3
    assert MARKER.exists() and timers()
    deadline.wait_until(is_old)
    daemon.wait_for(lambda: ("History", "Reverted", (change, "deadline")) in heard, "Reverted", 20)
    found = record(alice, change)
    equal((found["state"], found["remaining"]), ("reverted", 0))
    has(found["reason"], "deadline")
    nothing_armed(t)
    assert not MARKER.exists()
    for call in (alice.History.Confirm, lambda c: alice.History.Extend(c, 10)):
        with expect("NotPending"):
            call(change)
    with expect("Conflict"):
        alice.History.Revert(change)


def test_all_of_it_goes_back(t):
    """A file that was changed with its ACL, one made in a new directory, one removed, a link."""
    alice = setup(t)
    new = Path("/etc/systemd/system/exm-new.service.d")
    t.keep(new)
    t.file(FILE, "a = 1\n", 0o600, (6002, 6001))
    daemon.run("setfacl", "-m", "u:carol:r", FILE)
    os.setxattr(FILE, "user.exm", b"1")
    removed = t.file("/etc/sysctl.d/exm-removed.conf", "b = 1\n", 0o640)
    link = t.keep(Path("/etc/sysctl.d/exm-link.conf"))
    link.symlink_to(t.file("/etc/sysctl.d/exm-target.conf", "c = 1\n"))
    before = [daemon.fingerprint(path) for path in ("/etc/hosts", FILE, removed, link)]
    with Deadline(2) as deadline:
        alice.Config.Apply(EDIT + [
            ("set", [TREE + "/a", "2"]), ("mode", [FILE, "0644"]), ("owner", [FILE, "root:root"]),
            ("rm", [f"/files{removed}"]), ("ln", [FILE, str(link)]),
            ("set", [f"/files{new}/x.conf/Service/Restart/value", "always"])], confirm_within=2)
    assert (new / "x.conf").exists() and not removed.exists()
    deadline.wait_until(lambda: is_old() and removed.exists())
    daemon.wait_for(lambda: not t.root.History.ListChanges(state="pending"), "its end", 20)
    equal([daemon.fingerprint(path) for path in ("/etc/hosts", FILE, removed, link)], before)
    assert not new.exists()


def test_confirmed_stays(t):
    alice = setup(t)
    heard = t.client("bob").listen()
    change = alice.Config.Apply(EDIT, confirm_within=2)
    alice.History.Confirm(change)
    equal(state(alice, change), "applied")
    daemon.wait_for(lambda: ("History", "Confirmed", (change,)) in heard, "Confirmed", 20)
    time.sleep(3)
    equal(text(), CHANGED)
    nothing_armed(t)
    assert not MARKER.exists()


def test_confirm_twice_is_not_pending(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    alice.History.Confirm(change)
    for call in (alice.History.Confirm, lambda c: alice.History.Extend(c, 10)):
        with expect("NotPending") as seen:
            call(change)
        has(seen.message, str(change))
    plain = alice.Config.Apply(SECOND)
    with expect("NotPending"):
        alice.History.Confirm(plain)
    equal((state(alice, change), state(alice, plain)), ("applied", "applied"))


def test_many_confirm_at_once(t):
    """One of them is it; Revert comes before it, or takes the confirmed change back as a new one."""
    alice = setup(t)
    for _ in range(10):
        change = alice.Config.Apply(EDIT, confirm_within=600)
        calls = [t.client().History.later("Confirm", change) for _ in range(4)]
        revert = t.client().History.later("Revert", change)
        errors = [call.exception(60) for call in calls]
        for error in errors:
            assert error is None or error.short == "NotPending", error
        done = [e for e in errors if e is None]
        if revert.exception(60):
            assert revert.exception().short in ("Conflict", "Refused"), revert.exception()
            equal((len(done), state(alice, change), text()), (1, "applied", CHANGED))
        elif revert.result() == change:
            equal((len(done), state(alice, change), text()), (0, "reverted", HOSTS))
        else:
            equal((len(done), state(alice, change), text()), (1, "applied", HOSTS))
        t.file("/etc/hosts", HOSTS)


def test_limits_of_confirm_within(t):
    alice = setup(t)
    for bad in (0, 3601, 4000, 4294967295):
        for call in (lambda: alice.Config.Apply(EDIT, confirm_within=bad),
                     lambda: alice.begin().Commit(confirm_within=bad)):
            with expect("InvalidArgs") as seen:
                call()
            has(seen.message, "confirm_within")
    equal(text(), HOSTS)
    nothing_armed(t)
    change = alice.Config.Apply(EDIT, confirm_within=3600)
    assert record(alice, change)["remaining"] > 3500
    alice.History.Confirm(change)


# ---------------------------------------------------------------- who may

def test_owner_confirms_on_a_new_connection(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    alice.close()
    t.rules.clear()
    later = t.client("alice")
    assert later.History.Extend(change, 700) <= 700
    later.History.Confirm(change)
    equal((state(later, change), text()), ("applied", CHANGED))


def test_stranger_is_denied(t):
    alice, bob = setup(t), t.client("bob")
    change = alice.Config.Apply(EDIT, confirm_within=600)
    for give in (lambda: None, lambda: t.rules.allow("bob", "read-history").allow("bob", "write-sensitive-config")):
        give()
        for call in (bob.History.Confirm, lambda c: bob.History.Extend(c, 10), bob.History.Revert):
            with expect("InteractiveAuthorizationRequired"):
                call(change)
    t.rules.deny("bob")
    for call in (bob.History.Confirm, lambda c: bob.History.Extend(c, 10), bob.History.Revert):
        with expect("AccessDenied"):
            call(change)
    equal((state(alice, change), text()), ("pending", CHANGED))


def test_stranger_who_may_write_the_files_may_settle_it(t):
    alice, bob = setup(t), t.client("bob")
    t.file(FILE, "a = 1\n")
    t.rules.allow("bob", "write-config").deny("bob")
    for settle, wanted in ((bob.History.Confirm, CHANGED), (bob.History.Revert, HOSTS)):
        t.file("/etc/hosts", HOSTS)
        change = alice.Config.Apply(EDIT, confirm_within=600)
        bob.History.Extend(change, 500)
        settle(change)
        equal(text(), wanted)
    t.file("/etc/hosts", HOSTS)
    change = alice.Config.Apply(EDIT + [("set", [TREE + "/a", "2"])], confirm_within=600)
    with expect("AccessDenied") as seen:
        bob.History.Confirm(change)
    has(seen.message, FILE)
    equal(state(alice, change), "pending")


def test_dialog_of_a_stranger_names_the_file(t):
    alice = setup(t)
    agent = t.agent("approve")
    change = alice.Config.Apply(EDIT, confirm_within=600)
    t.client("bob").History.Confirm(change, interactive=True)
    equal([p["action"] for p in agent.prompts], ["org.exmachina1.write-config"])
    has(agent.prompts[0]["message"], "/etc/hosts")
    equal(state(alice, change), "applied")


# ---------------------------------------------------------------- Extend

def test_extended_outlives_the_first_deadline(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=3)
    remaining = alice.History.Extend(change, 100)
    assert 90 < remaining <= 100, remaining
    time.sleep(5)
    equal((text(), state(alice, change)), (CHANGED, "pending"))
    equal(len(timers()), 1)
    with Deadline(2) as deadline:
        alice.History.Extend(change, 2)
    deadline.wait_until(is_old)


def test_extend_beyond_an_hour_is_refused(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    time.sleep(1.1)
    for bad in (0, 3600, 3601, 4294967295):
        with expect("InvalidArgs") as seen:
            alice.History.Extend(change, bad)
        has(seen.message, "seconds")
    assert 590 < record(alice, change)["remaining"] <= 599
    assert 3500 < alice.History.Extend(change, 3590) <= 3590
    alice.History.Confirm(change)


# ---------------------------------------------------------------- what is armed

def test_failed_commit_leaves_nothing_armed(t):
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    t.undo(lambda: daemon.run("chattr", "-i", FILE, check=False))
    daemon.run("chattr", "+i", FILE)
    with expect("Refused"):
        alice.Config.Apply(EDIT + [("set", [TREE + "/a", "2"])], confirm_within=1)
    with expect("Conflict"):
        alice.Config.Apply(EDIT, expect={"/etc/hosts": "0" * 64}, confirm_within=1)
    nothing_armed(t)
    assert not MARKER.exists()
    alice.Config.Apply(EDIT)
    time.sleep(3)
    equal(text(), CHANGED)


def test_empty_commit_is_never_pending(t):
    alice = setup(t)
    equal(alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "127.0.0.1"])], confirm_within=1), 0)
    nothing_armed(t)


def test_second_commit_on_a_pending_file_is_a_conflict(t):
    """It names the change; a commit of another file goes ahead, and the first backup is what comes back."""
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    with Deadline(6) as deadline:
        change = alice.Config.Apply(EDIT, confirm_within=6)
    for call in (lambda: alice.Config.Apply(SECOND), lambda: alice.Config.Apply(SECOND, confirm_within=600),
                 lambda: alice.Config.Apply([("set", [TREE + "/a", "3"])] + SECOND)):
        with expect("Conflict") as seen:
            call()
        has(seen.message, "/etc/hosts", f"change {change} ")
    equal((text(), text(FILE)), (CHANGED, "a = 1\n"))
    other = alice.Config.Apply([("set", [TREE + "/a", "2"])])
    deadline.wait_until(is_old)
    equal((text(FILE), state(alice, other)), ("a = 2\n", "applied"))
    daemon.wait_for(lambda: state(alice, change) == "reverted", "its end", 20)
    assert alice.Config.Apply(SECOND) > other


def test_two_pending_changes_end_each_by_itself(t):
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    with Deadline(2) as first:
        alice.Config.Apply(EDIT, confirm_within=2)
    with Deadline(4) as second:
        kept = alice.Config.Apply([("set", [TREE + "/a", "2"])], confirm_within=4)
    first.wait_until(is_old)
    equal((text(FILE), state(alice, kept)), ("a = 2\n", "pending"))
    second.wait_until(lambda: text(FILE) == "a = 1\n")


def test_edit_by_hand_while_pending_is_kept(t):
    """Its file stays, all others go back, and the history says so."""
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    with Deadline(2) as deadline:
        change = alice.Config.Apply(EDIT + [("set", [TREE + "/a", "2"])], confirm_within=2)
    Path(FILE).write_text("a = 2\nby_hand = 1\n")
    deadline.wait_until(is_old)
    daemon.wait_for(lambda: state(alice, change) == "failed", "its end", 20)
    has(record(alice, change)["reason"], FILE)
    equal(text(FILE), "a = 2\nby_hand = 1\n")
    nothing_armed(t)


def test_chmod_by_hand_while_pending_is_kept(t):
    alice = setup(t)
    with Deadline(2):
        change = alice.Config.Apply(EDIT, confirm_within=2)
    os.chmod("/etc/hosts", 0o600)
    daemon.wait_for(lambda: state(t.root, change) == "failed", "its end", 30)
    equal((os.stat("/etc/hosts").st_mode & 0o7777, text()), (0o600, CHANGED))


def test_revert_of_a_pending_change_is_its_own_answer(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    equal(alice.History.Revert(change), change)
    equal((text(), state(alice, change), record(alice, change)["reason"]), (HOSTS, "reverted", "revert"))
    nothing_armed(t)
    assert not MARKER.exists()


def test_revert_that_is_itself_to_be_confirmed(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    with Deadline(2) as deadline:
        new = alice.History.Revert(change, confirm_within=2)
    equal((text(), state(alice, new), state(alice, change)), (HOSTS, "pending", "applied"))
    deadline.wait_until(lambda: text() == CHANGED)
    kept = alice.History.Revert(change, confirm_within=600)
    alice.History.Confirm(kept)
    equal(text(), HOSTS)


def test_audit_of_a_deadline(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=1)
    found = daemon.wait_for(lambda: t.journal.audit(method="deadline"), "a record", 30)
    equal([(r["EXMACHINA_UID"], r["EXMACHINA_CHANGE"], r["EXMACHINA_OUTCOME"]) for r in found],
          [("0", str(change), "done")])


# ---------------------------------------------------------------- the service ends

def test_confirm_then_restart_reverts_nothing(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=3)
    alice.History.Confirm(change)
    for end in (daemon.restart, lambda: daemon.kill(t.root)):
        end()
        time.sleep(2)
        equal((text(), state(alice, change)), (CHANGED, "applied"))
    nothing_armed(t)


test_confirm_then_restart_reverts_nothing.ends_service = True


def test_killed_then_confirmed(t):
    """At any instant; the service is back by itself, and knows."""
    alice = setup(t)
    for instant in (0, 0.2, random.uniform(0.2, 2)):
        t.file("/etc/hosts", HOSTS)
        change = alice.Config.Apply(EDIT, confirm_within=600)
        time.sleep(instant)
        daemon.kill(t.root)
        found = record(alice, change)
        equal(found["state"], "pending", f"after {instant} s")
        assert 500 < found["remaining"] <= 600, found["remaining"]
        alice.History.Confirm(change)
        equal((text(), state(alice, change)), (CHANGED, "applied"))


test_killed_then_confirmed.ends_service = True


def test_killed_then_taken_back_in_time(t):
    """Killed at once, in between, and just before the deadline."""
    alice = setup(t)
    for instant in (0, 1.5, 2.9, 2.99, 3.0):
        t.file("/etc/hosts", HOSTS)
        with Deadline(3) as deadline:
            change = alice.Config.Apply(EDIT, confirm_within=3)
        time.sleep(max(0, deadline.earliest - 3 + instant - time.monotonic()))
        daemon.kill(t.root)
        deadline.wait_until(is_old)
        daemon.wait_for(lambda: state(alice, change) == "reverted", "its end", 20)
    nothing_armed(t)


test_killed_then_taken_back_in_time.ends_service = True


def test_extended_then_killed_keeps_the_new_deadline(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=3)
    alice.History.Extend(change, 600)
    daemon.kill(t.root)
    time.sleep(5)
    found = record(alice, change)
    equal((found["state"], text()), ("pending", CHANGED))
    assert 550 < found["remaining"] < 600


test_extended_then_killed_keeps_the_new_deadline.ends_service = True


def test_stopped_service_comes_back_for_the_deadline(t):
    """systemctl stop while it is pending: systemd's timer starts the service again."""
    alice = setup(t)
    with Deadline(5) as deadline:
        change = alice.Config.Apply(EDIT, confirm_within=5)
    daemon.stop()
    equal(daemon.run("systemctl", "is-active", daemon.SERVICE, check=False).strip(), "inactive")
    equal((text(), len(timers())), (CHANGED, 1))
    deadline.wait_until(is_old, margin=10)
    equal(state(alice, change), "reverted")
    nothing_armed(t)


def test_service_does_not_go_idle_while_a_change_is_pending(t):
    setup(t)
    t.configure("[Limits]\nIdleExitSec=1\n")
    alice = t.client()
    change = alice.Config.Apply(EDIT, confirm_within=600)
    process = daemon.pid(t.root)
    time.sleep(4)
    assert Path(f"/proc/{process}").exists(), "it has ended"
    alice.History.Confirm(change)
    daemon.wait_for(lambda: not Path(f"/proc/{process}").exists(), "its end when idle", 30)
    equal(text(), CHANGED)


test_extended_outlives_the_first_deadline.slow = True
test_second_commit_on_a_pending_file_is_a_conflict.slow = True
test_extended_then_killed_keeps_the_new_deadline.slow = True
test_service_does_not_go_idle_while_a_change_is_pending.slow = True
test_killed_then_taken_back_in_time.slow = True
