# SPDX-License-Identifier: LGPL-2.1-or-later
"""Taking changes back: what Revert restores, what it merges, what it refuses."""
import os
import shutil
from pathlib import Path

import daemon
from bus import expect
from case import equal, has, patched
from changes import CHANGED, EDIT, HOSTS_TREE, record, setup, state, text
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE
OTHER = "/etc/sysctl.d/exm-other.conf"
# Far enough from each other that an edit of one is not next to an edit of the other.
LONG = "".join(f"key{n} = 0\n" + "# filler\n" * 6 for n in range(1, 6))


def five_changes(t, alice):
    """Each of another key of one file."""
    t.file(FILE, LONG)
    return [alice.Config.Apply([("set", [f"{TREE}/key{n}", str(n)])]) for n in range(1, 6)]


# ---------------------------------------------------------------- taking back

def test_revert_of_change_3_of_5_keeps_4_and_5(t):
    alice = setup(t)
    changes = five_changes(t, alice)
    with expect("Conflict") as seen:
        alice.History.Revert(changes[2])
    has(seen.message, FILE, "merge")
    new = alice.History.Revert(changes[2], merge=True)
    assert new > changes[4], new
    wanted = LONG
    for n in (1, 2, 4, 5):
        wanted = wanted.replace(f"key{n} = 0", f"key{n} = {n}")
    equal(text(FILE), wanted)
    equal(record(alice, new)["reverts"], changes[2])
    equal(state(alice, changes[2]), "applied")


def test_revert_of_change_3_of_5_in_five_files(t):
    """No merge is needed where nobody else has changed the file."""
    alice = setup(t)
    paths = [f"/etc/sysctl.d/exm-{n}.conf" for n in range(5)]
    for path in paths:
        t.file(path, "a = 1\n")
    changes = [alice.Config.Apply([("set", [f"/files{path}/a", "2"])]) for path in paths]
    alice.History.Revert(changes[2])
    equal([text(path) for path in paths], ["a = 2\n"] * 2 + ["a = 1\n"] + ["a = 2\n"] * 2)


def test_revert_diff_is_what_revert_does(t):
    alice = setup(t)
    changes = five_changes(t, alice)
    several = alice.Config.Apply(EDIT + [("set", [f"{TREE}/key1", "9"]), ("mode", ["/etc/hosts", "0640"])])
    before = {"/etc/hosts": text(), FILE: text(FILE)}
    diffs = dict(alice.History.RevertDiff(several))
    equal(set(diffs), {"/etc/hosts", FILE})
    has(diffs["/etc/hosts"], "old mode 0640\nnew mode 0644\n")
    equal({path: text(path) for path in before}, before)
    new = alice.History.Revert(several)
    for path, diff in diffs.items():
        plain = "".join(line for line in diff.splitlines(True) if not line.startswith(("old ", "new ")))
        equal(patched(before[path], plain), text(path), path)
    equal(dict(alice.History.DiffChange(new)), diffs)
    equal(os.stat("/etc/hosts").st_mode & 0o7777, 0o644)
    with expect("Conflict"):
        alice.History.RevertDiff(changes[1])
    merged = dict(alice.History.RevertDiff(changes[1], merge=True))
    before = text(FILE)
    new = alice.History.Revert(changes[1], merge=True)
    equal(patched(before, merged[FILE]), text(FILE))
    equal(dict(alice.History.DiffChange(new)), merged)


def test_diff_change_is_what_it_did(t):
    alice = setup(t)
    shown = dict(alice.Config.Preview(EDIT)[0])
    change = alice.Config.Apply(EDIT)
    equal(dict(alice.History.DiffChange(change)), shown)
    Path("/etc/hosts").write_text("192.0.2.1 else\n")
    equal(dict(alice.History.DiffChange(change)), shown)


def test_overlapping_changes_are_not_merged(t):
    alice = setup(t)
    first = alice.Config.Apply(EDIT)
    alice.Config.Apply([("set", [HOSTS_TREE + "/1/canonical", "elsewhere"])])
    before = text()
    for call in (alice.History.Revert, alice.History.RevertDiff):
        for merge in (False, True):
            with expect("Conflict") as seen:
                call(first, merge=merge)
            has(seen.message, "/etc/hosts")
    equal(text(), before)
    equal(len(alice.History.ListChanges(file="/etc/hosts", state="applied", limit=2)), 2)


def test_merge_keeps_what_others_have_written_by_hand(t):
    alice = setup(t)
    t.file(FILE, LONG)
    change = alice.Config.Apply([("set", [TREE + "/key1", "1"])])
    Path(FILE).write_text(text(FILE) + "by_hand = 1\n")
    alice.History.Revert(change, merge=True)
    equal(text(FILE), LONG + "by_hand = 1\n")


APT = "/etc/apt/apt.conf.d/99exm"


def test_merged_text_must_parse(t):
    """A comment's ends are taken away; meanwhile somebody wrote into it what is no syntax."""
    alice = setup(t)
    filler = "".join(f'Exm::A{n} "1";\n' for n in range(20))
    t.file(APT, filler)
    lines = filler.splitlines(True)
    change = alice.Config.Apply([("text", [APT, "/*\n" + filler + "*/\nExm::B \"1\";\n"])])
    broken = "/*\n" + "".join(lines[:10]) + "}} nonsense {{\n" + "".join(lines[10:]) + "*/\nExm::B \"1\";\n"
    Path(APT).write_text(broken)
    equal(alice.Config.Errors("/files" + APT), [])
    with expect("Conflict") as seen:
        alice.History.Revert(change, merge=True)
    has(seen.message, APT, "parse")
    equal(text(APT), broken)


def test_revert_of_a_file_that_no_longer_parses(t):
    """Byte for byte, and nobody asks a lens."""
    alice = setup(t)
    original = b"# caf\xe9  \n\n a   =   1\n;x\nb=2"
    t.file(FILE, original)
    change = alice.Config.Apply([("set", [TREE + "/a", "7"])])
    t.configure(f"[Lens Json.lns]\nInclude={FILE}\n")
    alice = t.client()
    with expect("ParseFailed"):
        alice.Config.GetValue(TREE + "/a")
    diff = dict(alice.History.RevertDiff(change))[FILE]
    has(diff, "-", "+")
    alice.History.Revert(change)
    equal(Path(FILE).read_bytes(), original)


def test_merge_of_a_file_that_did_not_parse_before_either(t):
    t.undo(daemon.restart)
    t.file("/etc/exmachina/validators.d/sysctl.conf", "")  # sysctl would refuse it, rightly
    daemon.restart()
    alice = setup(t)
    t.file(FILE, LONG)
    change = alice.Config.Apply([("set", [TREE + "/key1", "1"])])
    Path(FILE).write_text(text(FILE) + "no syntax at all\n")
    with expect("ParseFailed"):
        alice.Config.GetValue(TREE + "/key1")
    alice.History.Revert(change, merge=True)
    equal(text(FILE), LONG + "no syntax at all\n")


def furnished(t, path, mode=0o640, content="a = 1\n"):
    t.file(path, content, mode, (6002, 6001))
    daemon.run("setfacl", "-m", "u:carol:r,g:dave:rw,m::rw", path)
    os.chmod(path, mode)
    os.setxattr(path, "user.exm", b"\0\x01\xff")
    return daemon.fingerprint(path)


def test_metadata_comes_back(t):
    """Mode, owner, ACL and attributes, of a file that was changed and of one that was removed."""
    alice = setup(t)
    for mode in (0o600, 0o640, 0o664):
        before = furnished(t, FILE, mode)
        change = alice.Config.Apply([("set", [TREE + "/a", "2"]), ("mode", [FILE, "0644"]),
                                     ("owner", [FILE, "root:root"])])
        assert daemon.fingerprint(FILE)[:3] != before[:3]
        alice.History.Revert(change)
        equal(daemon.fingerprint(FILE), before, f"{mode:o}, changed")
        change = alice.Config.Apply([("rm", [TREE])])
        assert not Path(FILE).exists()
        alice.History.Revert(change)
        equal(daemon.fingerprint(FILE), before, f"{mode:o}, removed")


def test_never_exposed_again(t):
    """chmod 600 by hand, then Revert: Conflict, and the mode stays."""
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    os.chmod("/etc/hosts", 0o600)
    for call in (alice.History.Revert, alice.History.RevertDiff):
        for merge in (False, True):
            with expect("Conflict") as seen:
                call(change, merge=merge)
            has(seen.message, "/etc/hosts")
    equal((os.stat("/etc/hosts").st_mode & 0o7777, text()), (0o600, CHANGED))
    os.chmod("/etc/hosts", 0o644)
    for touched in (lambda: daemon.run("setfacl", "-m", "u:bob:rw", "/etc/hosts"),
                    lambda: os.chown("/etc/hosts", 0, 6001)):
        touched()
        with expect("Conflict"):
            alice.History.Revert(change)
        equal(text(), CHANGED)


def test_created_file_and_directories_go(t):
    alice = setup(t)
    folder = Path("/etc/systemd/system/exm-new.service.d")
    t.undo(lambda: shutil.rmtree(folder, ignore_errors=True))
    edits = [("set", [f"/files{folder}/x.conf/Service/Restart/value", "always"])]
    change = alice.Config.Apply(edits)
    assert (folder / "x.conf").exists()
    alice.History.Revert(change)
    assert not folder.exists(), "the directory is still there"
    change = alice.Config.Apply(edits)
    (folder / "by-hand.conf").write_text("[Unit]\n")
    alice.History.Revert(change)
    equal(sorted(os.listdir(folder)), ["by-hand.conf"])


def test_removed_file_and_its_directory_come_back(t):
    alice = setup(t)
    folder = t.folder("/etc/systemd/system/exm.service.d")
    t.file(folder / "x.conf", "[Service]\nNice=1\n")
    change = alice.Config.Apply([("rm", [f"/files{folder}/x.conf"])])
    folder.rmdir()
    alice.History.Revert(change)
    equal(text(folder / "x.conf"), "[Service]\nNice=1\n")


def test_links_come_back(t):
    alice = setup(t)
    t.file(OTHER, "a = 1\n")
    t.keep(FILE).symlink_to(OTHER)
    change = alice.Config.Apply([("rm", [TREE])])
    assert not os.path.lexists(FILE)
    alice.History.Revert(change)
    equal(os.readlink(FILE), OTHER)
    third = t.file("/etc/sysctl.d/exm-third.conf", "a = 3\n")
    change = alice.Config.Apply([("ln", [str(third), FILE])])
    equal(os.readlink(FILE), str(third))
    alice.History.Revert(change)
    equal((os.readlink(FILE), text(OTHER), text(third)), (OTHER, "a = 1\n", "a = 3\n"))
    before = daemon.fingerprint(third)
    change = alice.Config.Apply([("ln", [OTHER, str(third)])])
    alice.History.Revert(change)
    equal(daemon.fingerprint(third), before, "the file that a link had replaced")


def test_edit_through_a_link_is_taken_back_where_it_leads(t):
    alice = setup(t)
    t.file(OTHER, "a = 1\n")
    t.keep(FILE).symlink_to(OTHER)
    change = alice.Config.Apply([("set", [TREE + "/a", "2"])])
    equal(text(OTHER), "a = 2\n")
    alice.History.Revert(change)
    equal((text(OTHER), os.readlink(FILE)), ("a = 1\n", OTHER))


def test_several_files_go_back_together_or_not_at_all(t):
    alice = setup(t)
    paths = [f"/etc/sysctl.d/exm-{n}.conf" for n in "abc"]
    for path in paths:
        t.file(path, "a = 1\n")
    change = alice.Config.Apply([("set", [f"/files{path}/a", "2"]) for path in paths])
    Path(paths[1]).write_text("a = 3\n")
    with expect("Conflict") as seen:
        alice.History.Revert(change)
    has(seen.message, paths[1])
    equal([text(path) for path in paths], ["a = 2\n", "a = 3\n", "a = 2\n"])
    Path(paths[1]).write_text("a = 2\n")
    t.undo(lambda: daemon.run("chattr", "-i", paths[2], check=False))
    daemon.run("chattr", "+i", paths[2])
    with expect("Refused"):
        alice.History.Revert(change)
    equal([text(path) for path in paths], ["a = 2\n"] * 3)
    daemon.run("chattr", "-i", paths[2])
    alice.History.Revert(change)
    equal([text(path) for path in paths], ["a = 1\n"] * 3)


def test_revert_of_a_revert(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    undone = alice.History.Revert(change, message="did not work")
    equal(text(), HOSTS)
    again = alice.History.Revert(undone)
    equal(text(), CHANGED)
    equal((record(alice, again)["reverts"], record(alice, undone)["message"]), (undone, "did not work"))
    alice.History.Revert(again)
    with expect("Conflict"):
        alice.History.Revert(again)
    equal(text(), HOSTS)


def test_revert_needs_the_right_to_write_each_file(t):
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    change = alice.Config.Apply(EDIT + [("set", [TREE + "/a", "2"])])
    t.rules.clear()
    t.rules.allow("alice", "write-config")
    with expect("InteractiveAuthorizationRequired"):
        alice.History.Revert(change)
    t.rules.clear()
    t.rules.allow("alice", "write-config").deny("alice")
    with expect("AccessDenied") as seen:
        alice.History.Revert(change)
    has(seen.message, FILE)
    equal((text(), text(FILE)), (CHANGED, "a = 2\n"))
    t.rules.clear()
    t.rules.allow("bob", "write-config").allow("bob", "write-sensitive-config").deny("bob")
    bob = t.client("bob")
    new = bob.History.Revert(change)
    equal((text(), text(FILE)), (HOSTS, "a = 1\n"))
    equal(record(t.root, new)["user"], "bob")


def test_mode_that_goes_back_is_sensitive(t):
    """write-config covers the text of an ordinary file alone, also backwards."""
    alice = setup(t)
    change = alice.Config.Apply([("mode", ["/etc/hosts", "0640"])])
    t.rules.clear()
    t.rules.allow("alice", "write-config").deny("alice")
    with expect("AccessDenied"):
        alice.History.Revert(change)
    equal(os.stat("/etc/hosts").st_mode & 0o7777, 0o640)


def test_revert_with_expect(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    version = alice.Config.ReadFile("/etc/hosts")[1]
    for wrong in ({"/etc/hosts": "0" * 64}, {"/etc/hosts": ""}, {FILE: ""}):
        with expect("Conflict"):
            alice.History.Revert(change, expect=wrong)
        equal(text(), CHANGED)
    alice.History.Revert(change, expect={"/etc/hosts": version})
    equal(text(), HOSTS)
