# SPDX-License-Identifier: LGPL-2.1-or-later
"""Transactions: each verb, all or nothing, diffs, commits, versions, limits, and their end."""
import os
import shutil
import time
from pathlib import Path

import daemon
from bus import GLib, PingWatch, Refusal, expect, in_background, within
from case import equal, has, patched
from samples import HOSTS

HOSTS_TREE = "/files/etc/hosts"
FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE


def setup(t, user="alice"):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow(user)
    return t.client(user)


def unchanged():
    equal(Path("/etc/hosts").read_text(), HOSTS, "/etc/hosts")


def test_commit_of_several_files_is_all_or_nothing(t):
    """The last of three files cannot be replaced: the first two are as before."""
    paths = [f"/etc/sysctl.d/exm-{n}.conf" for n in "abc"]
    for path in paths:
        t.file(path, "a = 1\n")
    t.rules.allow("alice")
    t.undo(lambda: daemon.run("chattr", "-i", paths[2], check=False))
    daemon.run("chattr", "+i", paths[2])
    with expect("Refused") as seen:
        t.client().Config.Apply([("set", [f"/files{path}/a", "2"]) for path in paths])
    has(seen.message, paths[2])
    daemon.run("chattr", "-i", paths[2])
    for path in paths:
        equal(Path(path).read_text(), "a = 1\n", path)
    assert t.client().Config.Apply([("set", [f"/files{path}/a", "2"]) for path in paths]) > 0
    for path in paths:
        equal(Path(path).read_text(), "a = 2\n", path)


# ---------------------------------------------------------------- diff, commit

def test_diff_is_what_commit_writes(t):
    alice = setup(t)
    t.file(FILE, "a = 1\nb = 2\n")
    transaction = alice.begin()
    equal(transaction.Diff(), [])
    transaction.Edit([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"]), ("set", [TREE + "/b", "3"])])
    diffs = dict(transaction.Diff())
    equal(set(diffs), {"/etc/hosts", FILE})
    has(diffs["/etc/hosts"], "\n-127.0.0.1  localhost\n", "\n+192.0.2.50  localhost\n", "--- ", "+++ ", "@@")
    equal(transaction.Diff(file=FILE), [(FILE, diffs[FILE])])
    before = {"/etc/hosts": HOSTS, FILE: "a = 1\nb = 2\n"}
    change = transaction.Commit()
    assert change > 0
    for path, diff in diffs.items():
        equal(patched(before[path], diff), Path(path).read_text(), path)
    equal(transaction.property("State"), "committed")
    equal(transaction.property("Change"), change)


def test_untouched_text_stays_byte_for_byte(t):
    """Comments, order, odd spacing, line ends, Latin-1, the missing final newline."""
    for content in (b"# caf\xe9  \n\n\n  a   =   1\n;x\nb=2\n\n", b"a = 1\r\n# c\r\nb=2\r\n", b"b=2\na=1"):
        t.file(FILE, content)
        t.rules.allow("alice")
        wanted = content.replace(b"b=2", b"b=3")
        value = "3\r" if b"\r" in content else "3"
        try:
            t.client().Config.Apply([("set", [TREE + "/b", value])])
        except Refusal as refusal:
            assert b"\r" in content and refusal.short == "InvalidEdit", refusal
            t.client().Config.Apply([("rm", [TREE + "/a"])])
            wanted = b"# c\r\nb=2\r\n"
        equal(Path(FILE).read_bytes(), wanted)


def test_empty_commit_is_change_0(t):
    alice = setup(t)
    inode = os.stat("/etc/hosts").st_ino
    equal(alice.begin().Commit(), 0)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "127.0.0.1")
    equal(transaction.Commit(), 0)
    equal(os.stat("/etc/hosts").st_ino, inode)


def test_change_numbers_grow(t):
    alice = setup(t)
    first = alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"])])
    second = alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.51"])])
    assert 0 < first < second, (first, second)


def test_new_file_and_removed_file(t):
    t.rules.allow("alice")
    t.keep(FILE)
    alice = t.client()
    alice.Config.Apply([("set", [TREE + "/exm.a", "1"])])
    equal(Path(FILE).read_text(), "exm.a = 1\n")
    alice.Config.Apply([("rm", [TREE])])
    assert not Path(FILE).exists(), "still there"


def test_new_file_in_a_new_directory(t):
    t.rules.allow("alice")
    folder = Path("/etc/systemd/system/exm-new.service.d")
    t.undo(lambda: shutil.rmtree(folder, ignore_errors=True))
    t.client().Config.Apply([("set", [f"/files{folder}/x.conf/Service/Restart/value", "always"])])
    equal((folder / "x.conf").read_text().strip(), "[Service]\nRestart=always")
    equal((folder.stat().st_mode & 0o7777, folder.stat().st_uid), (0o755, 0))


def test_mode_of_new_secrets(t):
    """A file that is to be secret is so from its first moment."""
    t.rules.allow("alice")
    t.folder("/etc/sudoers.d")
    t.keep("/etc/sudoers.d/exm")
    t.client().Config.Apply([("text", ["/etc/sudoers.d/exm", "alice ALL=(ALL) ALL\n"])])
    equal(os.stat("/etc/sudoers.d/exm").st_mode & 0o7777, 0o440)


def test_no_lens_is_never_a_silent_nothing(t):
    alice = setup(t)
    for path in ("/files/etc/exm-no-lens/a", "/files/tmp/x/a"):
        with expect("NoLens"):
            alice.Config.Apply([("set", [path, "1"])])
    with expect("NoLens"):
        alice.Config.Apply([("text", ["/etc/exm-no-lens", "x"])])
    assert not Path("/etc/exm-no-lens").exists()


def test_a_lens_of_the_callers_choice(t):
    t.file("/etc/exm-other.conf", "a = 1\n")
    t.rules.allow("alice")
    alice = t.client()
    with expect("NoLens"):
        alice.begin().GetValue("/files/etc/exm-other.conf/a")
    transaction = alice.begin(files=[("/etc/exm-other.conf", "Sysctl.lns")])
    equal(transaction.GetValue("/files/etc/exm-other.conf/a"), (True, "1"))
    transaction.SetValue("/files/etc/exm-other.conf/a", "2")
    transaction.Commit()
    equal(Path("/etc/exm-other.conf").read_text(), "a = 2\n")
    for lens in ("Nothing.lns", "Sysctl", "../x.lns", "Sysctl.lns; x", "", "/etc/x.aug", "@Sysctl"):
        with expect("NoLens", "InvalidArgs"):
            alice.begin(files=[("/etc/exm-other.conf", lens)]).GetValue("/files/etc/exm-other.conf/a")
    for file in ("/tmp/x", "/var/lib/dpkg/status", "relative", "/etc/exmachina/exmachina.conf"):
        with expect("Refused", "InvalidArgs", "InvalidPath", "AccessDenied", "NoLens"):
            alice.begin(files=[(file, "Sysctl.lns")]).Match("/files" + file + "/*")


def test_preview_changes_nothing_and_apply_does(t):
    alice = setup(t)
    edits = [("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"])]
    diffs, versions = alice.Config.Preview(edits)
    has(dict(diffs)["/etc/hosts"], "+192.0.2.50  localhost")
    equal(versions, {"/etc/hosts": alice.Config.ReadFile("/etc/hosts")[1]})
    unchanged()
    equal(alice.Config.Transactions(), [])
    assert alice.Config.Apply(edits, expect=versions) > 0
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("127.0.0.1", "192.0.2.50"))
    equal(alice.Config.Transactions(), [])


# ---------------------------------------------------------------- conflict, expect, rebase

def test_t30_a_lost_update_is_a_conflict(t):
    """Also within the same second, with the same size, with mtime put back; metadata counts too."""
    t.rules.allow("alice")

    def same_size():
        info = os.stat("/etc/hosts")
        Path("/etc/hosts").write_text(HOSTS.replace("files", "fIles"))
        os.utime("/etc/hosts", ns=(info.st_atime_ns, info.st_mtime_ns))

    def replaced():
        Path("/etc/hosts.exm").write_text(HOSTS + "# x\n")
        os.rename("/etc/hosts.exm", "/etc/hosts")

    for outside in (lambda: Path("/etc/hosts").write_text(HOSTS + "# x\n"), same_size, replaced,
                    lambda: os.chmod("/etc/hosts", 0o600), lambda: os.chown("/etc/hosts", 0, 6001),
                    lambda: os.setxattr("/etc/hosts", "user.exm", b"1"), lambda: os.unlink("/etc/hosts")):
        t.file("/etc/hosts", HOSTS)
        transaction = t.client().begin()
        transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
        outside()
        state = daemon.fingerprint("/etc/hosts") if Path("/etc/hosts").exists() else None
        with expect("Conflict") as seen:
            transaction.Commit()
        has(seen.message, "/etc/hosts")
        equal(daemon.fingerprint("/etc/hosts") if Path("/etc/hosts").exists() else None, state)


def test_a_file_that_appeared_meanwhile_is_a_conflict(t):
    t.rules.allow("alice")
    t.keep(FILE)
    transaction = t.client().begin()
    transaction.SetValue(TREE + "/a", "1")
    Path(FILE).write_text("b = 2\n")
    with expect("Conflict"):
        transaction.Commit()
    equal(Path(FILE).read_text(), "b = 2\n")


def test_expect(t):
    alice = setup(t)
    version = alice.Config.ReadFile("/etc/hosts")[1]
    edits = [("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"])]
    for wrong in ("0" * 64, "", "x", version.upper() if version.upper() != version else "y"):
        with expect("Conflict", "InvalidArgs"):
            alice.Config.Apply(edits, expect={"/etc/hosts": wrong})
        unchanged()
    t.keep(FILE)
    with expect("Conflict"):
        alice.Config.Apply([("set", [TREE + "/a", "1"])], expect={FILE: "0" * 64})
    assert not Path(FILE).exists()
    assert alice.Config.Apply([("set", [TREE + "/a", "1"])], expect={FILE: ""}) > 0
    assert alice.Config.Apply(edits, expect={"/etc/hosts": version}) > 0
    with expect("Conflict"):
        alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.51"])], expect={"/etc/hosts": version})


def test_rebase(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"]),
                      ("set", [HOSTS_TREE + "/1/alias", "me"])])
    Path("/etc/hosts").write_text("# new first line\n" + HOSTS)
    with expect("Conflict"):
        transaction.Commit()
    equal(transaction.Rebase(), 2)
    transaction.Commit()
    equal(Path("/etc/hosts").read_text(), "# new first line\n" +
          HOSTS.replace("127.0.0.1  localhost", "192.0.2.50  localhost me"))


def test_rebase_that_no_longer_fits(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("set", [HOSTS_TREE + "/1/alias", "me"]),
                      ("mv", [HOSTS_TREE + "/2/alias", HOSTS_TREE + "/2/x"])])
    Path("/etc/hosts").write_text("127.0.0.1 localhost\n")
    with expect("NoMatch", "InvalidEdit", "Conflict") as seen:
        transaction.Rebase()
    has(seen.message, "edit")
    equal(Path("/etc/hosts").read_text(), "127.0.0.1 localhost\n")


def test_a_file_that_became_secret_meanwhile(t):
    """A file that is as it was is not judged again in a thread; one that is not is."""
    t.file(FILE, "a = 1\n")
    t.rules.deny("alice", "read-secret-config")
    transaction = t.client().begin()
    equal(transaction.GetValue(TREE + "/a"), (True, "1"))
    time.sleep(0.1)
    for _ in range(3):
        equal(transaction.GetValue(TREE + "/a"), (True, "1"))
    os.chmod(FILE, 0o600)
    for call in (lambda: transaction.GetValue(TREE + "/a"), lambda: transaction.SetValue(TREE + "/a", "2"),
                 transaction.Diff, transaction.Commit):
        with expect("AccessDenied"):
            call()
    os.chmod(FILE, 0o644)
    equal(transaction.GetValue(TREE + "/a"), (True, "1"))


def test_commit_after_the_right_to_write_is_gone(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    t.rules.clear()
    t.rules.deny("alice", "write-config")
    with expect("AccessDenied"):
        transaction.Commit()
    unchanged()
    t.rules.clear()
    t.rules.allow("alice")
    assert transaction.Commit() > 0


def test_one_dialog_for_several_files(t):
    t.file("/etc/hosts", HOSTS)
    t.file("/etc/networks", "link-local 169.254.0.0\n")
    t.file(FILE, "a = 1\n")
    agent = t.agent("approve")
    alice = t.client()
    edits = [("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"]), ("set", [TREE + "/a", "2"])]
    with expect("InteractiveAuthorizationRequired"):
        alice.Config.Apply(edits)
    assert alice.Config.Apply(edits, interactive=True) > 0
    equal([p["action"] for p in agent.prompts], ["org.exmachina1.commit-several"])
    has(agent.prompts[0]["message"], "/etc/hosts", FILE)
    agent.mode = "cancel"
    with expect("AccessDenied"):
        alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.51"])], interactive=True)
    equal(agent.prompts[1]["action"], "org.exmachina1.write-config")
    has(agent.prompts[1]["message"], "/etc/hosts")
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("127.0.0.1", "192.0.2.50"))


# ---------------------------------------------------------------- its end

def test_rollback(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    transaction.Rollback()
    with expect("UnknownObject"):
        transaction.Diff()
    equal(alice.Config.Transactions(), [])
    unchanged()


def test_idle_timeout(t):
    alice = setup(t)
    closed = []
    alice.connection.signal_subscribe("org.exmachina1", "org.exmachina1.Transaction", "Closed", None, None,
                                      0, lambda *a: closed.append((a[2], a[5].unpack())))
    transaction = alice.begin(idle_timeout=1)
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    time.sleep(0.6)
    transaction.GetValue(HOSTS_TREE + "/1/ipaddr")
    time.sleep(0.6)
    transaction.GetValue(HOSTS_TREE + "/1/ipaddr")
    daemon.wait_for(lambda: closed, "Closed")
    equal(closed, [(transaction.path, ("idle",))])
    with expect("UnknownObject"):
        transaction.Diff()
    for bad in (0, 3601, 4294967295):
        with expect("InvalidArgs"):
            alice.begin(idle_timeout=bad)


def test_after_commit_it_is_over(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    assert transaction.Commit() > 0
    for call in (lambda: transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.51"),
                 lambda: transaction.Commit()):
        with expect("UnknownObject", "InvalidArgs", "Refused"):
            call()
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("127.0.0.1", "192.0.2.50"))


def test_caller_vanishes_during_commit(t):
    """All or nothing, and every worker gone, wherever the caller stopped listening."""
    paths = [f"/etc/sysctl.d/exm-{n}.conf" for n in "abc"]
    t.rules.allow("alice")
    for delay in range(0, 40, 2):
        for path in paths:
            t.file(path, "a = 1\n")
        alice = t.client()
        transaction = alice.begin()
        transaction.Edit([("set", [f"/files{path}/a", "2"]) for path in paths])
        alice.send(transaction.path, "org.exmachina1.Transaction", "Commit", GLib.Variant("(a{sv})", ({},)))
        time.sleep(delay / 1000)
        alice.close()
        time.sleep(0.1)
        texts = {Path(path).read_text() for path in paths}
        assert texts in ({"a = 1\n"}, {"a = 2\n"}), f"after {delay} ms: {texts}"


def test_limit_of_transactions(t):
    """At the limit of one user LimitExceeded; another user is served at once."""
    alice, bob = setup(t), t.client("bob")
    made = [alice.begin() for _ in range(8)]
    with expect("LimitExceeded"):
        alice.begin()
    with expect("LimitExceeded"):
        t.client("alice").begin()
    with within(1, "another user's Begin"):
        bob.begin()
    made[0].Rollback()
    alice.begin()


def test_limit_of_staged_bytes(t):
    alice = setup(t)
    t.configure("[Limits]\nStagedBytes=100000\nStagedBytesUser=150000\n")
    alice = t.client()
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/canonical", "x" * 50000)
    with expect("LimitExceeded"):
        transaction.SetValue(HOSTS_TREE + "/2/canonical", "x" * 60000)
    other = alice.begin()
    other.SetValue(HOSTS_TREE + "/1/canonical", "x" * 80000)
    with expect("LimitExceeded"):
        other.SetValue(HOSTS_TREE + "/2/canonical", "x" * 18000 + "y" * 18000)


def test_calls_on_one_transaction_keep_their_order(t):
    alice = setup(t)
    transaction = alice.begin()
    futures = [in_background(transaction.SetValue, HOSTS_TREE + "/1/canonical", f"v{i}") for i in range(30)]
    for future in futures:
        future.result(30)
    for i in range(30):
        alice.send(transaction.path, "org.exmachina1.Transaction", "SetValue",
                   GLib.Variant("(ss)", (HOSTS_TREE + "/1/canonical", f"w{i}")))
    equal(transaction.GetValue(HOSTS_TREE + "/1/canonical"), (True, "w29"))


def test_two_transactions_on_one_file(t):
    """The second commit is a conflict: nobody's edit is lost."""
    alice = setup(t)
    first, second = alice.begin(), alice.begin()
    first.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    second.SetValue(HOSTS_TREE + "/2/ipaddr", "192.0.2.51")
    first.Commit()
    with expect("Conflict"):
        second.Commit()
    second.Rebase()
    second.Commit()
    equal(Path("/etc/hosts").read_text(),
          HOSTS.replace("127.0.0.1", "192.0.2.50").replace("192.0.2.7", "192.0.2.51"))


def test_ping_during_commits(t):
    alice = setup(t)
    with PingWatch() as watch:
        for i in range(40):
            alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", f"192.0.2.{i}"])])
    watch.check()


def test_unknown_options_and_wrong_types_are_refused(t):
    """An ignored confirm_within would lock somebody out."""
    alice = setup(t)
    edits = [["set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"]]]
    for option in ("confirm_withn", "Message", "restart", "grace", "reload_affected"):
        with expect("InvalidArgs") as seen:
            alice.Config.Apply(edits, {option: GLib.Variant("s", "1")})
        has(seen.message, option)
    unchanged()


def test_a_link_to_what_is_no_file_is_refused(t):
    """It could be neither read nor taken back."""
    t.rules.allow("alice")
    alice = t.client("alice")
    link = t.keep("/etc/sysctl.d/exm-link.conf")
    with expect("Refused"):
        alice.Config.Apply([("ln", ["/etc/default", str(link)])])
    assert not link.is_symlink()


def test_edits_beside_a_link_are_not_dropped(t):
    t.rules.allow("alice")
    t.file(FILE, "a = 1\n")
    t.file("/etc/sysctl.d/exm-target.conf", "b = 1\n")
    with expect("InvalidEdit"):
        t.client("alice").Config.Preview([("ln", ["/etc/sysctl.d/exm-target.conf", FILE]),
                                          ("set", [f"/files{FILE}/a", "2"])])
