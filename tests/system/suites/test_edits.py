# SPDX-License-Identifier: LGPL-2.1-or-later
"""Edits: each verb, all of a call or nothing, and what must never be written."""
import os
from pathlib import Path

from bus import Refusal, expect
from case import equal, has
from samples import HOSTS
from test_transactions import FILE, HOSTS_TREE, TREE, setup, unchanged


def committed(t, *edits, content=HOSTS):
    """The text of /etc/hosts after these edits."""
    t.file("/etc/hosts", content)
    t.rules.allow("alice")
    t.client().Config.Apply(list(edits))
    return Path("/etc/hosts").read_text()


# ---------------------------------------------------------------- verbs

def test_verb_set(t):
    equal(committed(t, ("set", [HOSTS_TREE + "/1/ipaddr", "127.0.0.9"])),
          HOSTS.replace("127.0.0.1", "127.0.0.9"))


def test_verb_set_makes_nodes(t):
    equal(committed(t, ("set", [HOSTS_TREE + "/01/ipaddr", "192.0.2.1"]),
                    ("set", [HOSTS_TREE + "/01/canonical", "new"])), HOSTS + "192.0.2.1\tnew\n")


def test_verb_setm(t):
    equal(committed(t, ("setm", [HOSTS_TREE + "/*[ipaddr]", "canonical", "same"])),
          HOSTS.replace("localhost", "same").replace("files.example", "same"))


def test_verb_clear_and_clearm(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("clear", [HOSTS_TREE + "/2/alias"])])
    equal(transaction.GetValue(HOSTS_TREE + "/2/alias"), (False, ""))
    transaction.Edit([("clearm", [HOSTS_TREE + "/*[ipaddr]", "canonical"])])
    equal(transaction.GetValue(HOSTS_TREE + "/1/canonical"), (False, ""))
    with expect("PutFailed") as seen:
        transaction.Commit()
    has(seen.message, "/etc/hosts")
    assert len(seen.message) < 1000, "a dump, not words"
    unchanged()


def test_verb_touch(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("touch", [HOSTS_TREE + "/2/alias[2]"])])
    equal(transaction.Match(HOSTS_TREE + "/2/alias"),
          [HOSTS_TREE + "/2/alias[1]", HOSTS_TREE + "/2/alias[2]"])


def test_verb_ins(t):
    equal(committed(t, ("ins", ["01", "before", HOSTS_TREE + "/2"]),
                    ("set", [HOSTS_TREE + "/01/ipaddr", "192.0.2.1"]),
                    ("set", [HOSTS_TREE + "/01/canonical", "new"])),
          HOSTS.replace("192.0.2.7 ", "192.0.2.1\tnew\n192.0.2.7 "))


def test_verb_mv_cp_rename(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("cp", [HOSTS_TREE + "/2", HOSTS_TREE + "/05"])])
    equal(transaction.GetValue(HOSTS_TREE + "/05/canonical"), (True, "files.example"))
    transaction.Edit([("mv", [HOSTS_TREE + "/05/canonical", HOSTS_TREE + "/05/moved"])])
    equal(transaction.GetValue(HOSTS_TREE + "/05/moved"), (True, "files.example"))
    transaction.Edit([("rename", [HOSTS_TREE + "/05/moved", "canonical"])])
    equal(transaction.GetValue(HOSTS_TREE + "/05/canonical"), (True, "files.example"))


def test_verb_rm(t):
    equal(committed(t, ("rm", [HOSTS_TREE + "/2/alias"])), HOSTS.replace("files.example files ", "files.example "))


def test_verb_defvar_defnode_live_with_the_transaction(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.Edit([("defvar", ["server", HOSTS_TREE + "/*[ipaddr='192.0.2.7']"])])
    transaction.Edit([("set", ["$server/canonical", "renamed"]),
                      ("defnode", ["fresh", HOSTS_TREE + "/09/ipaddr", "192.0.2.9"]),
                      ("set", [HOSTS_TREE + "/09/canonical", "nine"])])
    equal(transaction.GetValue("$fresh"), (True, "192.0.2.9"))
    transaction.Commit()
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("files.example", "renamed") + "192.0.2.9\tnine\n")


def test_verb_text(t):
    equal(committed(t, ("text", ["/etc/hosts", "192.0.2.3 x\n"])), "192.0.2.3 x\n")
    with expect("ParseFailed"):
        t.client().Config.Apply([("text", ["/etc/hosts", "alone\n"])])
    equal(Path("/etc/hosts").read_text(), "192.0.2.3 x\n")


def test_verb_text_makes_a_file(t):
    t.rules.allow("alice")
    t.keep(FILE)
    t.client().Config.Apply([("text", [FILE, "a = 1\n"])])
    equal(Path(FILE).read_text(), "a = 1\n")
    info = os.stat(FILE)
    equal((info.st_mode & 0o7777, info.st_uid, info.st_gid), (0o644, 0, 0))


def test_verb_ln(t):
    t.file("/etc/sysctl.d/exm-target.conf", "a = 1\n")
    t.keep(FILE)
    t.rules.allow("alice")
    t.client().Config.Apply([("ln", ["/etc/sysctl.d/exm-target.conf", FILE])])
    equal(os.readlink(FILE), "/etc/sysctl.d/exm-target.conf")
    equal(Path("/etc/sysctl.d/exm-target.conf").read_text(), "a = 1\n")


def test_verb_mode_and_owner(t):
    t.file(FILE, "a = 1\n")
    t.rules.allow("alice")
    t.client().Config.Apply([("mode", [FILE, "0640"]), ("owner", [FILE, "root:alice"])])
    info = os.stat(FILE)
    equal((info.st_mode & 0o7777, info.st_uid, info.st_gid), (0o640, 0, 6001))
    equal(Path(FILE).read_text(), "a = 1\n")
    for edit in (("mode", [FILE, "rwx"]), ("mode", [FILE, "99999"]), ("owner", [FILE, "nobody-such:x"]),
                 ("owner", [FILE, "root"]), ("mode", [FILE, "-1"])):
        with expect("InvalidEdit", "InvalidArgs"):
            t.client().Config.Apply([edit])


def test_mode_of_an_ordinary_file_is_sensitive(t):
    """The right to write /etc/hosts covers its text alone."""
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice", "write-config").allow("alice", "read-config").deny("alice")
    for edit in (("mode", ["/etc/hosts", "0666"]), ("owner", ["/etc/hosts", "alice:alice"]),
                 ("ln", ["/etc/passwd", "/etc/hosts"])):
        with expect("AccessDenied"):
            t.client().Config.Apply([edit])
    unchanged()


def test_methods_for_single_edits(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/canonical", "one")
    equal(transaction.SetMany(HOSTS_TREE + "/*[ipaddr]", "alias", "many"), 2)
    transaction.Insert(HOSTS_TREE + "/2", "07", True)
    transaction.SetValue(HOSTS_TREE + "/07/ipaddr", "192.0.2.70")
    transaction.SetValue(HOSTS_TREE + "/07/name", "seven")
    transaction.Move(HOSTS_TREE + "/07/name", HOSTS_TREE + "/07/canonical")
    equal(transaction.Remove(HOSTS_TREE + "/2/#comment"), 1)
    transaction.Commit()
    equal(Path("/etc/hosts").read_text(),
          "# The addresses of this machine\n127.0.0.1  one many\n\n# others\n192.0.2.70\tseven\n"
          "192.0.2.7       files.example many\n")


def test_staged_tree_is_read_by_its_transaction_alone(t):
    alice = setup(t)
    transaction = alice.begin()
    transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
    equal(transaction.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "192.0.2.50"))
    equal(transaction.Match(HOSTS_TREE + "/*[ipaddr='192.0.2.50']"), [HOSTS_TREE + "/1"])
    equal(transaction.Read(HOSTS_TREE + "/1/ipaddr", 0, 0)[0], [(HOSTS_TREE + "/1/ipaddr", True, "192.0.2.50")])
    equal(transaction.Errors(HOSTS_TREE), [])
    equal(alice.Config.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "127.0.0.1"))
    equal(transaction.property("Files"), ["/etc/hosts"])
    other = alice.begin()
    equal(other.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "127.0.0.1"))
    unchanged()


# ---------------------------------------------------------------- all or nothing

def test_edit_is_all_or_nothing(t):
    alice = setup(t)
    transaction = alice.begin()
    good = ("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"])
    for index, bad in enumerate((("set", [HOSTS_TREE + "/*/ipaddr", "x"]), ("nonsense", ["a"]),
                                 ("set", [HOSTS_TREE + "/1"]), ("set", []),
                                 ("mv", [HOSTS_TREE + "/77", HOSTS_TREE + "/78"]),
                                 ("ins", ["x", "beside", HOSTS_TREE + "/1"]),
                                 ("set", [HOSTS_TREE + "[", "x"]), ("load", []), ("save", []),
                                 ("setm", [HOSTS_TREE + "/*", "a"])), 1):
        with expect("InvalidEdit", "InvalidPath", "ManyMatches", "NoMatch", "InvalidArgs") as seen:
            transaction.Edit([good] * index + [bad])
        assert seen.message.startswith(f"edit {index}: "), f"{bad}: {seen.message}"
        equal(transaction.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "127.0.0.1"), f"after {bad}")
    equal(transaction.Diff(), [])
    transaction.Edit([good])
    equal(transaction.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "192.0.2.50"))


def test_values_that_must_not_be_written(t):
    alice = setup(t)
    transaction = alice.begin()
    for value in ("a\ufffdb", "a\x01b", "a\x7fb", "a\x1b[0m", "a\rb", "a\x04b"):
        with expect("InvalidEdit"):
            transaction.SetValue(HOSTS_TREE + "/1/canonical", value)
        with expect("InvalidEdit"):
            transaction.Insert(HOSTS_TREE + "/1", value, True)
        with expect("InvalidEdit"):
            transaction.Edit([("text", ["/etc/hosts", f"127.0.0.1 {value}\n"])])
    equal(transaction.Diff(), [])


def test_t24_a_newline_does_not_make_a_line(t):
    """The lens refuses it, or the diff touches the one node."""
    alice = setup(t)
    for path, value in ((HOSTS_TREE + "/1/canonical", "a\n6.6.6.6 evil"), (HOSTS_TREE + "/1/ipaddr", "1\n2"),
                        (HOSTS_TREE + "/#comment[1]", "a\n6.6.6.6 evil")):
        with expect("PutFailed", "InvalidEdit"):
            alice.Config.Apply([("set", [path, value])])
    unchanged()
    t.file(FILE, "a = 1\n")
    with expect("PutFailed", "InvalidEdit"):
        alice.Config.Apply([("set", [TREE + "/a", "1\nkernel.core_pattern = |/bin/sh"])])
    equal(Path(FILE).read_text(), "a = 1\n")


def test_t29_the_loader_cannot_be_steered(t):
    alice = setup(t)
    transaction = alice.begin()
    for path in ("/augeas/load/Hosts/incl", "/augeas/save", "/augeas/context", "/augeas/root",
                 "/augeas/load/X/lens", "/augeas/variables/x", "/", "/files", "/text/x", "/augeas"):
        with expect("InvalidEdit", "InvalidPath", "NoLens"):
            transaction.SetValue(path, "x")
        with expect("InvalidEdit", "InvalidPath", "NoLens", "NoMatch"):
            transaction.Edit([("mv", [HOSTS_TREE + "/1", path])])
        try:
            equal(transaction.Remove(path + "//*"), 0, f"nodes removed from {path}")
        except Refusal as refusal:
            assert refusal.short in ("InvalidEdit", "InvalidPath", "NoLens"), refusal
    equal(transaction.GetValue(HOSTS_TREE + "/1/ipaddr"), (True, "127.0.0.1"))
