# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live files: what is refused, what is kept, and what a race cannot do (threats 22, 23, 27)."""
import os
import stat
import subprocess
import threading
import time
from pathlib import Path

import daemon
from bus import PingWatch, Refusal, expect, within
from case import equal, has
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE
SET = [("set", [TREE + "/a", "2"])]
REPLACE = [("text", [FILE, "a = 2\n"])]


def alice(t):
    t.rules.allow("alice")
    return t.client()


def refused_quickly(t, what, *names):
    """Neither read nor written, within 100 ms, with the service on its feet."""
    client = alice(t)
    client.Config.GetValue("/files/etc/hosts/1/ipaddr")
    for call in (lambda: client.Config.ReadFile(FILE), lambda: client.Config.GetValue(TREE + "/a"),
                 lambda: client.Config.Apply(SET), lambda: client.Config.Apply(REPLACE)):
        with within(1, f"{what}: the refusal"), expect(*names):
            call()


def test_t23_fifo(t):
    t.keep(FILE)
    os.mkfifo(FILE)
    os.chmod(FILE, 0o644)
    refused_quickly(t, "FIFO", "Refused")
    assert stat.S_ISFIFO(os.lstat(FILE).st_mode)


def test_t23_device(t):
    t.keep(FILE)
    os.mknod(FILE, 0o644 | stat.S_IFCHR, os.makedev(1, 5))
    refused_quickly(t, "device zero", "Refused")
    assert stat.S_ISCHR(os.lstat(FILE).st_mode)


def test_t23_link_to_a_device(t):
    t.keep(FILE)
    os.symlink("/dev/zero", FILE)
    refused_quickly(t, "link to /dev/zero", "Refused", "AccessDenied")


def test_t23_directory_and_socket(t):
    import socket
    t.keep(FILE)
    os.mkdir(FILE)
    refused_quickly(t, "directory", "Refused", "NoLens")
    os.rmdir(FILE)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(FILE)
        os.chmod(FILE, 0o644)
        refused_quickly(t, "socket", "Refused")


def test_t23_huge_and_sparse(t):
    t.file(FILE, "a = 1\n")
    os.truncate(FILE, 1 << 40)
    refused_quickly(t, "a sparse terabyte", "LimitExceeded")
    os.truncate(FILE, 16 * 1024 * 1024 + 1)
    refused_quickly(t, "one byte over 16 MiB", "LimitExceeded")
    equal(os.stat(FILE).st_size, 16 * 1024 * 1024 + 1)


def test_t23_hard_link(t):
    """Written, it would part from its other name; it may be read."""
    other = t.file("/etc/exm-other-name", "a = 1\n")
    t.keep(FILE)
    os.link(other, FILE)
    client = alice(t)
    for edits in (SET, REPLACE, [("mode", [FILE, "0600"])]):
        with expect("Refused") as seen:
            client.Config.Apply(edits)
        has(seen.message, FILE)
    equal((os.stat(FILE).st_nlink, other.read_text()), (2, "a = 1\n"))


def test_two_names_of_one_file_in_one_commit(t):
    target = t.file("/etc/sysctl.d/exm-target.conf", "a = 1\n")
    t.keep(FILE)
    os.symlink(target, FILE)
    with expect("Refused"):
        alice(t).Config.Apply([("set", [TREE + "/a", "2"]),
                               ("set", ["/files/etc/sysctl.d/exm-target.conf/a", "3"])])
    equal(target.read_text(), "a = 1\n")


def test_link_is_followed_to_a_safe_place(t):
    target = t.file("/etc/sysctl.d/exm-target.conf", "a = 1\n")
    t.keep(FILE)
    os.symlink("exm-target.conf", FILE)
    alice(t).Config.Apply(SET)
    equal((os.readlink(FILE), target.read_text()), ("exm-target.conf", "a = 2\n"))


def test_link_is_authorised_by_its_target(t):
    """An ordinary name that leads to a sensitive file is that sensitive file."""
    target = t.file("/etc/exm-sensitive", HOSTS)
    t.keep("/etc/hosts")
    os.unlink("/etc/hosts")
    os.symlink(target, "/etc/hosts")
    t.rules.allow("alice", "write-config").allow("alice", "read-config").deny("alice")
    with expect("AccessDenied", "Refused"):
        t.client().Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])])
    equal(target.read_text(), HOSTS)


def test_link_out_of_the_roots_is_refused(t):
    outside = Path("/root/exm-outside")
    outside.write_text("a = 1\n")
    t.undo(outside.unlink)
    for target in (outside, Path("/home/alice/exm"), Path("/tmp/exm"), Path("/var/lib/exm")):
        t.keep(FILE)
        Path(FILE).unlink(missing_ok=True)
        os.symlink(target, FILE)
        for edits in (SET, REPLACE):
            with expect("Refused", "AccessDenied", "NoMatch"):
                alice(t).Config.Apply(edits)
        assert target == outside or not target.exists(), f"{target} was made"
    equal(outside.read_text(), "a = 1\n")


def test_rm_of_a_link_removes_the_link(t):
    target = t.file("/etc/sysctl.d/exm-target.conf", "a = 1\n")
    t.keep(FILE)
    os.symlink(target, FILE)
    alice(t).Config.Apply([("rm", [TREE])])
    assert not os.path.lexists(FILE) and target.read_text() == "a = 1\n"


def test_directory_of_another_user_is_refused(t):
    """alice could swap what is in it at any time."""
    folder = t.folder("/etc/systemd/system/exm.service.d")
    t.file(folder / "x.conf", "[Service]\nNice=1\n")
    edits = [("set", [f"/files{folder}/x.conf/Service/Nice/value", "2"])]
    for change in (lambda: os.chown(folder, 6001, 0), lambda: os.chmod(folder, 0o777),
                   lambda: os.chmod(folder, 0o1777)):
        change()
        with expect("Refused") as seen:
            alice(t).Config.Apply(edits)
        has(seen.message, str(folder))
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o755)
    equal((folder / "x.conf").read_text(), "[Service]\nNice=1\n")
    alice(t).Config.Apply(edits)
    equal((folder / "x.conf").read_text(), "[Service]\nNice=2\n")


def test_mount_point_is_rewritten_in_place(t):
    """As container managers mount /etc/hosts: the same inode gets the new text, and the old one back."""
    for path, text, edit, wanted in (
            ("/etc/hosts", HOSTS, ("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"]),
             HOSTS.replace("127.0.0.1", "192.0.2.50")),
            (FILE, "a = 1\nb = 1\n", ("rm", [TREE + "/b"]), "a = 1\n")):
        t.file(path, text)
        source = Path("/run/exm-mounted")
        source.unlink(missing_ok=True)
        source.write_text(text)
        source.chmod(0o640)
        os.chown(source, 0, 6002)
        os.setxattr(source, "user.exm", b"1")
        t.undo(lambda: source.unlink(missing_ok=True))
        daemon.run("mount", "--bind", str(source), path)
        t.undo(lambda path=path: daemon.run("umount", path, check=False))
        client = alice(t)
        daemon.restart()
        before, inode = daemon.fingerprint(source), source.stat().st_ino
        change = client.Config.Apply([edit])
        equal(source.read_text(), wanted)
        equal((daemon.fingerprint(source)[:4], source.stat().st_ino), (before[:4], inode))
        client.History.Revert(change)
        equal((daemon.fingerprint(source), source.stat().st_ino), (before, inode))
        change = client.Config.Apply([edit], confirm_within=600)
        client.History.Revert(change)
        equal((daemon.fingerprint(path), os.stat(path).st_ino), (before, inode))
        daemon.run("umount", path)


def test_immutable_file_is_refused(t):
    t.file(FILE, "a = 1\n")
    daemon.run("chattr", "+i", FILE)
    t.undo(lambda: daemon.run("chattr", "-i", FILE, check=False))
    with expect("Refused") as seen:
        alice(t).Config.Apply(SET)
    has(seen.message, FILE)
    equal(Path(FILE).read_text(), "a = 1\n")
    daemon.run("chattr", "-i", FILE)


def test_append_only_file_is_refused(t):
    t.file(FILE, "a = 1\n")
    daemon.run("chattr", "+a", FILE)
    t.undo(lambda: daemon.run("chattr", "-a", FILE, check=False))
    with expect("Refused"):
        alice(t).Config.Apply(SET)
    daemon.run("chattr", "-a", FILE)
    equal(Path(FILE).read_text(), "a = 1\n")


def test_read_only_file_system_is_refused(t):
    folder = t.folder("/etc/systemd/system/exm.service.d")
    daemon.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))
    t.undo(lambda: daemon.run("umount", str(folder), check=False))
    (folder / "x.conf").write_text("[Service]\nNice=1\n")
    daemon.run("mount", "-o", "remount,ro", str(folder))
    client = alice(t)
    daemon.restart()
    with expect("Refused"):
        client.Config.Apply([("set", [f"/files{folder}/x.conf/Service/Nice/value", "2"])])
    equal((folder / "x.conf").read_text(), "[Service]\nNice=1\n")


def test_full_file_system_changes_nothing(t):
    folder = t.folder("/etc/systemd/system/exm.service.d")
    daemon.run("mount", "-t", "tmpfs", "-o", "mode=755,size=64k", "tmpfs", str(folder))
    t.undo(lambda: daemon.run("umount", str(folder), check=False))
    (folder / "x.conf").write_text("[Service]\nNice=1\n")
    subprocess.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=1k", "count=1000"], check=False,
                   capture_output=True)
    client = alice(t)
    daemon.restart()
    process = daemon.pid(t.root)
    with expect("Failed", "Refused", "LimitExceeded"):
        client.Config.Apply([("set", [f"/files{folder}/x.conf/Service/Environment/value", "x" * 3000])])
    equal((folder / "x.conf").read_text(), "[Service]\nNice=1\n")
    equal(sorted(os.listdir(folder)), ["filler", "x.conf"], "litter")
    equal(daemon.pid(t.root), process)


# ---------------------------------------------------------------- what is kept

def test_t27_mode_owner_acl_and_attributes_are_kept(t):
    """mode × owner × ACL × attribute, under a hostile umask of the service's own (0077 as shipped)."""
    client = alice(t)
    wrong = []
    for mode in (0o644, 0o600, 0o640, 0o444, 0o755, 0o664, 0o4755, 0o2755):
        for owner in ((0, 0), (6001, 0), (0, 6002), (6001, 6002)):
            for acl in (None, "u:carol:rw,m::rw", "u:carol:r,g:dave:rwx,m::rwx"):
                for attributes in ({}, {"user.exm": b"\0\x01\xff", "user.b": b"x" * 2000}):
                    t.file(FILE, "a = 1\n", mode, owner)
                    if acl:
                        daemon.run("setfacl", "-m", acl, FILE)
                    for name, value in attributes.items():
                        os.setxattr(FILE, name, value)
                    before = daemon.fingerprint(FILE)
                    client.Config.Apply(SET)
                    after = daemon.fingerprint(FILE)
                    if before[:4] != after[:4]:
                        wrong.append(f"{mode:o} {owner} {acl} {list(attributes)}: "
                                     f"{before[:4]} became {after[:4]}")
                    equal(Path(FILE).read_text(), "a = 2\n")
    assert not wrong, f"{len(wrong)}: {'; '.join(wrong[:3])}"


test_t27_mode_owner_acl_and_attributes_are_kept.slow = True


def test_t27_an_attribute_that_cannot_be_kept_is_not_lost(t):
    """security.* needs rights that the service does not have."""
    t.file(FILE, "a = 1\n")
    os.setxattr(FILE, "security.exm", b"label")
    before = daemon.fingerprint(FILE)
    try:
        alice(t).Config.Apply(SET)
    except Refusal as refusal:
        equal(refusal.short, "Refused")
        equal(daemon.fingerprint(FILE), before)
    equal(daemon.fingerprint(FILE)[:4], before[:4])


def test_never_wider_on_the_way(t):
    """While a secret file is replaced, no name in its directory is readable by others."""
    t.file(FILE, "a = 1\n", mode=0o600)
    client = alice(t)
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            for name in os.listdir("/etc/sysctl.d"):
                if "exm" in name or name.startswith("."):
                    try:
                        mode = os.lstat(f"/etc/sysctl.d/{name}").st_mode
                    except FileNotFoundError:
                        continue
                    if stat.S_ISREG(mode) and mode & 0o077:
                        seen.append((name, oct(mode)))
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for i in range(40):
            client.Config.Apply([("set", [TREE + "/a", str(i)])])
    finally:
        stop.set()
        thread.join()
    equal(seen, [])


def test_default_acl_of_a_directory_does_not_widen(t):
    folder = t.folder("/etc/systemd/system/exm.service.d")
    daemon.run("setfacl", "-d", "-m", "u:carol:rwx", str(folder))
    path = t.file(folder / "x.conf", "[Service]\nNice=1\n", mode=0o600)
    daemon.run("setfacl", "-b", str(path))
    path.chmod(0o600)
    before = daemon.fingerprint(path)
    alice(t).Config.Apply([("set", [f"/files{path}/Service/Nice/value", "2"])])
    equal(daemon.fingerprint(path)[:4], before[:4])


# ---------------------------------------------------------------- races

def test_t22_symlink_swap(t):
    """A directory flips between itself and a link to one full of canaries, through up to 1,000 commits."""
    folder = t.folder("/etc/systemd/system/exm.service.d")
    aside = t.keep("/etc/systemd/system/exm-aside.d")
    outside = Path("/root/exm-canaries")
    outside.mkdir()
    t.undo(lambda: daemon.run("rm", "-rf", str(outside)))
    canary = "[Service]\nNice=7\n"
    (outside / "x.conf").write_text(canary)
    (folder / "x.conf").write_text("[Service]\nNice=1\n")
    flipper = subprocess.Popen(["/usr/bin/python3", "-c", _FLIP, str(folder), str(aside), str(outside)])
    client = alice(t)
    done = refused = 0
    end = time.monotonic() + 15
    try:
        for i in range(1000):
            if time.monotonic() > end and done and refused:
                break
            try:
                client.Config.Apply([("set", [f"/files{folder}/x.conf/Service/Nice/value", str(i % 19)])])
                done += 1
            except Refusal as refusal:
                assert refusal.short in ("Refused", "Conflict", "NoMatch", "NoLens", "AccessDenied",
                                         "PutFailed", "ParseFailed"), refusal
                refused += 1
            if i % 100 == 0:
                equal(sorted(os.listdir(outside)), ["x.conf"], "litter among the canaries")
    finally:
        flipper.terminate()
        flipper.wait()
        if folder.is_symlink():
            folder.unlink()
        if not folder.exists():
            os.rename(aside, folder)
    equal((outside / "x.conf").read_text(), canary)
    equal(sorted(os.listdir(outside)), ["x.conf"])
    equal(sorted(os.listdir(folder)), ["x.conf"], "litter")
    assert done and refused, f"{done} done, {refused} refused: the race was not run"


test_t22_symlink_swap.slow = True


_FLIP = """
import os, sys, time
folder, aside, outside = sys.argv[1:]
while True:
    os.rename(folder, aside)
    os.symlink(outside, folder)
    time.sleep(0.001)
    os.unlink(folder)
    os.rename(aside, folder)
    time.sleep(0.002)
"""


def test_t22_file_swapped_for_a_link(t):
    """The file itself flips between a plain one and a link to /etc/shadow."""
    t.file(FILE, "a = 1\n")
    before = daemon.fingerprint("/etc/shadow")
    flipper = subprocess.Popen(["/usr/bin/python3", "-c", _FLIP_FILE, FILE])
    client = alice(t)
    t.rules.clear()
    t.rules.deny("alice", "read-secret-config").deny("alice", file="/etc/shadow").allow("alice")
    try:
        for i in range(300):
            try:
                has(client.Config.ReadFile(FILE)[0].decode(), "a = ")
                client.Config.Apply([("set", [TREE + "/a", str(i)])])
            except Refusal as refusal:
                assert refusal.short in ("Refused", "Conflict", "NoMatch", "AccessDenied"), refusal
    finally:
        flipper.terminate()
        flipper.wait()
        for name in (FILE + ".link", FILE + ".plain"):
            Path(name).unlink(missing_ok=True)
    equal(daemon.fingerprint("/etc/shadow"), before)


test_t22_file_swapped_for_a_link.slow = True


_FLIP_FILE = """
import os, sys, time
file = sys.argv[1]
while True:
    os.symlink("/etc/shadow", file + ".link")
    os.rename(file + ".link", file)
    time.sleep(0.001)
    with open(file + ".plain", "w") as out:
        out.write("a = 1\\n")
    os.rename(file + ".plain", file)
    time.sleep(0.002)
"""


def test_swap_between_check_and_rename(t):
    """Another writer replaces the file all the time: each of its versions survives or was the base."""
    t.file(FILE, "a = 1\nb = 0\n")
    client = alice(t)
    stop, lost = threading.Event(), []

    def write():
        n = 0
        while not stop.is_set():
            n += 1
            Path(FILE + ".w").write_text(f"a = 1\nb = {n}\n")
            os.rename(FILE + ".w", FILE)
            time.sleep(0.5 if n % 8 == 0 else 0.004 * (n % 12))
            text = Path(FILE).read_text()
            if f"b = {n}\n" not in text:
                lost.append((n, text))
    thread = threading.Thread(target=write)
    thread.start()
    outcomes = {"done": 0, "Conflict": 0}
    try:
        for i in range(1000):
            if outcomes["done"] >= 3 and outcomes["Conflict"] >= 20:
                break
            try:
                client.Config.Apply([("set", [TREE + "/a", str(i + 10)])])
                outcomes["done"] += 1
            except Refusal as refusal:
                equal(refusal.short, "Conflict")
                outcomes["Conflict"] += 1
    finally:
        stop.set()
        thread.join()
    equal(lost, [], "edits of somebody else")
    assert outcomes["done"] and outcomes["Conflict"], outcomes


test_swap_between_check_and_rename.slow = True


def test_the_loop_answers_while_files_are_slow(t):
    """9 to 16 MiB, too much for an answer, are read and hashed in threads."""
    t.file(FILE, "# " + "x" * 70 + "\n" + "a = 1\n")
    client = alice(t)
    with PingWatch() as watch:
        for i in range(3):
            with open(FILE, "a", encoding="ascii") as out:
                out.write(("# " + "y" * 97 + "\n") * (90000 if i == 0 else 30000))
            with expect("LimitExceeded"):
                client.Config.ReadFile(FILE)
    watch.check(at_least=1)


def test_passwd_is_changed_under_its_lock(t):
    """While somebody holds lckpwdf a commit of /etc/passwd waits or is refused; others go on."""
    import ctypes
    t.keep("/etc/passwd")
    t.keep("/etc/.pwd.lock")
    t.file("/etc/hosts", HOSTS)
    client = alice(t)
    libc = ctypes.CDLL(None)
    equal(libc.lckpwdf(), 0)
    try:
        future = client.Config.later("Apply", [("set", ["/files/etc/passwd/carol/name", "Carol"])])
        time.sleep(0.3)
        assert not future.done() or isinstance(future.exception(), Refusal), "written under the lock"
        assert "Carol" not in Path("/etc/passwd").read_text()
        client.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])])
    finally:
        libc.ulckpwdf()
    if not future.exception(40):
        has(Path("/etc/passwd").read_text(), "Carol")
