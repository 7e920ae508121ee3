# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's own troubles: damaged, of a newer version, full, read-only; its secrecy, its retention."""
import os
import shutil
import sqlite3
import stat
import subprocess

import daemon
from bus import PingWatch, expect
from case import equal, has, has_not
from changes import (CHANGED, DATABASE, EDIT, HOSTS_TREE, MARKER, STATE, begin_anew, finish_all,
                     record, setup, text)
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE


def fresh_state(t):
    """The service is stopped, and what it finds at its next start is this test's alone."""
    begin_anew(t)

    def remove():
        daemon.stop()
        shutil.rmtree(STATE, ignore_errors=True)
    t.undo(remove)


def reads_but_does_not_commit(t, *words, prepare=lambda: None):
    """The service is there, and says what is wrong; nothing is written."""
    alice = t.client()
    inode = os.stat("/etc/hosts").st_ino
    equal(alice.Config.GetValue(HOSTS_TREE + "/1/ipaddr")[0], True)
    has(dict(alice.Config.Preview([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.52"])])[0])["/etc/hosts"], "192.0.2.52")
    before = text()
    for options in ({}, {"confirm_within": 600}, {"token": "x"}):
        prepare()
        with expect("Refused") as seen:
            alice.Config.Apply([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.52"])], **options)
        has(seen.message, str(STATE), *words)
        equal((text(), os.stat("/etc/hosts").st_ino), (before, inode))
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/2/ipaddr", "192.0.2.52")
    prepare()
    with expect("Refused"):
        transaction.Commit()
    equal(transaction.property("State"), "open")
    assert not [n for n in os.listdir("/etc") if n.startswith(".exmachina")], "litter"


# ---------------------------------------------------------------- trouble

def test_damaged_database(t):
    """It is kept as it is; when it is moved away the service begins anew."""
    alice = setup(t)
    fresh_state(t)
    change = alice.Config.Apply(EDIT)
    for damage in (lambda data: b"x" * 4096 + data[4096:], lambda data: data[:1000], lambda data: b"",
                   lambda data: os.urandom(len(data))):
        daemon.stop()
        whole = DATABASE.read_bytes()
        broken = damage(whole)
        DATABASE.write_bytes(broken)
        reads_but_does_not_commit(t, "damaged")
        for call in (alice.History.ListChanges, lambda: alice.History.DiffChange(change),
                     lambda: alice.History.Revert(change)):
            with expect("Refused") as seen:
                call()
            has(seen.message, "damaged")
        daemon.stop()
        equal(DATABASE.read_bytes(), broken, "the damaged file")
        DATABASE.write_bytes(whole)
        equal(record(alice, change)["state"], "applied")
    daemon.stop()
    DATABASE.write_bytes(b"")
    reads_but_does_not_commit(t, "damaged")
    DATABASE.rename(STATE / "damaged")
    assert alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.53"])]) > 0


def test_damaged_content_is_never_restored(t):
    """Bytes of an old text that the disk has altered do not get into /etc."""
    alice = setup(t)
    fresh_state(t)
    change = alice.Config.Apply(EDIT)
    daemon.stop()
    data = DATABASE.read_bytes()
    assert data.count(b"127.0.0.1  localhost") == 1
    DATABASE.write_bytes(data.replace(b"127.0.0.1  localhost", b"127.0.0.1  lOcalhost"))
    with expect("Refused") as seen:
        alice.History.Revert(change)
    has(seen.message, "damaged")
    equal(text(), CHANGED)


def test_database_of_a_newer_version(t):
    """Read, and left as it is to the byte."""
    alice = setup(t)
    fresh_state(t)
    change = alice.Config.Apply(EDIT, message="of the older one")
    daemon.stop()
    database = sqlite3.connect(DATABASE)
    database.execute("PRAGMA user_version=99")
    database.execute("ALTER TABLE change ADD COLUMN mood TEXT")
    database.commit()
    database.close()
    before = DATABASE.read_bytes()
    reads_but_does_not_commit(t, "newer version")
    equal(record(alice, change)["message"], "of the older one")
    has(dict(alice.History.DiffChange(change))["/etc/hosts"], "+192.0.2.50")
    has(dict(alice.History.RevertDiff(change))["/etc/hosts"], "-192.0.2.50")
    with expect("Refused") as seen:
        alice.History.Revert(change)
    has(seen.message, "newer version")
    equal(text(), CHANGED)
    daemon.stop()
    equal(DATABASE.read_bytes(), before)


def test_not_our_database(t):
    setup(t)
    fresh_state(t)
    STATE.mkdir(mode=0o700)
    database = sqlite3.connect(DATABASE)
    database.execute("CREATE TABLE change (x)")
    database.commit()
    database.close()
    DATABASE.chmod(0o600)
    before = DATABASE.read_bytes()
    reads_but_does_not_commit(t, "not a journal of ExMachina")
    daemon.stop()
    equal(DATABASE.read_bytes(), before)


def small_state(t, size):
    fresh_state(t)
    STATE.mkdir(mode=0o700, exist_ok=True)
    daemon.run("mount", "-t", "tmpfs", "-o", f"mode=700,size={size}", "tmpfs", str(STATE))

    def back():
        daemon.stop()
        daemon.run("umount", str(STATE))
    t.undo(back)


def fill():
    """To the last byte. (A commit that did not fit gives back what it had taken: there is room again.)"""
    with open(STATE / "filler", "ab") as file:
        subprocess.run(["dd", "if=/dev/zero", "bs=4k"], stdout=file, stderr=subprocess.DEVNULL, check=False)


def test_full_file_system_of_the_journal(t):
    """Before the first change, and when it becomes full; with room again it goes on."""
    setup(t)
    small_state(t, "2M")
    reads_but_does_not_commit(t, "full", prepare=fill)
    (STATE / "filler").unlink()
    alice = t.client()
    change = alice.Config.Apply(EDIT)
    reads_but_does_not_commit(t, "full", prepare=fill)
    equal(record(alice, change)["state"], "applied")
    fill()
    with expect("Refused"):
        alice.History.Revert(change)
    equal(text(), CHANGED)
    (STATE / "filler").unlink()
    alice.History.Revert(change)
    equal(text(), HOSTS)


def test_change_that_does_not_fit_into_the_journal(t):
    alice = setup(t)
    small_state(t, "1M")
    alice = t.client()
    first = alice.Config.Apply(EDIT)
    t.file(FILE, "a = 1\n")
    with expect("Refused") as seen:
        alice.Config.Apply([("text", [FILE, "# filler filler\n" * 200000])])
    has(seen.message, "full")
    equal(text(FILE), "a = 1\n")
    equal([r["id"] for r in alice.History.ListChanges(limit=5)], [first])
    assert alice.Config.Apply([("set", [TREE + "/a", "2"])]) > first


def test_pending_change_is_taken_back_when_there_is_room_again(t):
    """Full at the deadline: the file goes back, and once there is room the history says so."""
    setup(t)
    small_state(t, "2M")
    alice = t.client()
    change = alice.Config.Apply(EDIT, confirm_within=2)
    fill()
    daemon.wait_for(lambda: text() == HOSTS, "the old text", 30)
    (STATE / "filler").unlink()
    daemon.wait_for(lambda: record(alice, change)["state"] == "reverted", "its end", 60)
    assert alice.Config.Apply(EDIT) > change


def test_read_only_file_system_of_the_journal(t):
    setup(t)
    small_state(t, "2M")
    alice = t.client()
    change = alice.Config.Apply(EDIT)
    daemon.stop()
    daemon.run("mount", "-o", "remount,ro", str(STATE))
    t.undo(lambda: daemon.run("mount", "-o", "remount,rw", str(STATE)))
    daemon.run("systemctl", "start", daemon.SERVICE, check=False)
    reads_but_does_not_commit(t, "read-only")
    equal(record(t.client(), change)["state"], "applied")


# ---------------------------------------------------------------- secrecy

def test_state_is_roots_alone(t):
    alice = setup(t)
    t.file(FILE, "a = canary-state\n", 0o600)
    change = alice.Config.Apply([("set", [TREE + "/a", "canary-new"])], confirm_within=600)
    equal(stat.S_IMODE(STATE.stat().st_mode), 0o700)
    for folder, _, files in os.walk(STATE):
        for name in files:
            info = os.lstat(os.path.join(folder, name))
            equal((stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid), (0o600, 0, 0), name)
    alice.History.Revert(change)
    has_not(t.journal.text(), "canary-state", "canary-new")


def test_state_open_to_others_is_refused(t):
    """Somebody has made the directory accessible: nothing more goes into it."""
    alice = setup(t)
    fresh_state(t)
    alice.Config.Apply(EDIT)
    daemon.stop()
    STATE.chmod(0o755)
    done = subprocess.run(["/usr/libexec/exmachina/exmachinad", "--recover"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode != 0
    has(done.stderr, str(STATE))
    alice.ping()
    equal(stat.S_IMODE(STATE.stat().st_mode), 0o700, "after systemd has started the service")
    equal(len(alice.History.ListChanges()), 1)


def test_old_secrets_do_not_stay_on_the_disk(t):
    """What retention has removed is overwritten, in the database and in its WAL."""
    setup(t)
    fresh_state(t)
    t.configure("[Limits]\nKeepChanges=3\n")
    alice = t.client()
    t.file(FILE, "a = canary-secret-1\n", 0o600)
    for n in range(2, 8):
        alice.Config.Apply([("set", [TREE + "/a", f"canary-secret-{n}"])])

    def found():
        return {n for n in range(1, 8) for path in STATE.iterdir()
                if f"canary-secret-{n}\n".encode() in path.read_bytes()}
    daemon.wait_for(lambda: found() <= {4, 5, 6, 7}, "the old ones to go", 20)
    daemon.stop()
    equal(found(), {4, 5, 6, 7})


# ---------------------------------------------------------------- retention

def test_history_keeps_as_many_changes_as_it_is_told(t):
    setup(t)
    fresh_state(t)
    t.configure("[Limits]\nKeepChanges=3\n")
    alice = t.client()
    t.file(FILE, "a = 0\n")
    pending = alice.Config.Apply(EDIT, confirm_within=600)
    made = [alice.Config.Apply([("set", [TREE + "/a", str(n)])]) for n in range(1, 9)]

    def listed():
        return [r["id"] for r in alice.History.ListChanges()]
    daemon.wait_for(lambda: len(listed()) <= 3, "the old ones to go", 30)
    equal(listed(), [made[-1], made[-2], pending], "a pending change stays")
    with expect("NoSuchChange"):
        alice.History.Revert(made[0])
    alice.History.Revert(pending)
    equal(text(), HOSTS)
    again = alice.Config.Apply([("set", [TREE + "/a", "99"])])
    assert again > made[-1]


def test_history_keeps_as_many_bytes_as_it_is_told(t):
    setup(t)
    fresh_state(t)
    t.configure("[Limits]\nKeepBytes=1048576\n")
    alice = t.client()
    t.file(FILE, "a = 0\n")
    with PingWatch() as watch:
        for n in range(8):
            alice.Config.Apply([("text", [FILE, f"a = {n}\n" + "# filler filler filler filler\n" * 8000])])
    watch.check(1)
    daemon.wait_for(lambda: len(alice.History.ListChanges()) < 5, "the old ones to go", 30)
    assert alice.History.ListChanges(), "all are gone"
    daemon.stop()
    assert sum(p.stat().st_size for p in STATE.iterdir()) < 2 * 1048576, "the database has not shrunk"


# ---------------------------------------------------------------- recovery at start

def test_nothing_to_recover(t):
    """Without the marker the recovery unit does not run; started by hand it does no harm."""
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    finish_all(t)
    daemon.stop()
    assert not MARKER.exists()
    daemon.run("systemctl", "start", "exmachina-recover.service")
    equal(daemon.run("systemctl", "show", "--property=ConditionResult", "--value",
                     "exmachina-recover.service").strip(), "no")
    daemon.run("/usr/libexec/exmachina/exmachinad", "--recover")
    equal((text(), record(alice, change)["state"]), (CHANGED, "applied"))


def test_recovery_leaves_a_pending_change_of_this_boot(t):
    """It is not due yet; the service does not run meanwhile."""
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    daemon.stop()
    assert MARKER.exists()
    daemon.run("systemctl", "start", "exmachina-recover.service")
    equal((text(), record(alice, change)["state"]), (CHANGED, "pending"))


def test_recovery_does_not_run_beside_the_service(t):
    """One process at a time has the journal."""
    alice = setup(t)
    change = alice.Config.Apply(EDIT, confirm_within=600)
    done = subprocess.run(["/usr/libexec/exmachina/exmachinad", "--recover"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode != 0
    has(done.stderr, "in use")
    equal((text(), record(alice, change)["state"]), (CHANGED, "pending"))


def test_recovery_comes_before_whatever_reads_the_files(t):
    """Where the unit stands in the order of a boot, and in emergency mode."""
    def show(unit, name):
        return set(daemon.run("systemctl", "show", f"--property={name}", "--value", unit).split())
    unit = "exmachina-recover.service"
    before, after = show(unit, "Before"), show(unit, "After")
    assert {"sysinit.target", "network-pre.target", "emergency.service", "rescue.service"} <= before, before
    assert "local-fs.target" in after, after
    for target in ("sysinit.target", "emergency.target", "rescue.target"):
        assert unit in show(target, "Wants"), target


test_pending_change_is_taken_back_when_there_is_room_again.slow = True
