# SPDX-License-Identifier: LGPL-2.1-or-later
"""exmachinad --create-key: keys that root makes without bus or polkit."""
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import daemon
from case import equal, has, has_not

PROGRAM = "/usr/libexec/exmachina/exmachinad"
KEYS = Path("/etc/exmachina/keys.d")
IMAGE = Path("/run/key-image")


def create(name, *arguments, user="alice", as_user=None, stdout=subprocess.PIPE):
    command = [PROGRAM, "--create-key", name, "--user", user, *arguments]
    if as_user:
        command = ["runuser", "-u", as_user, "--", *command]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
                          timeout=30)


def remove(name):
    (KEYS / f"{name}.key").unlink(missing_ok=True)


def test_key_is_made_without_the_service(t):
    daemon.stop()
    try:
        done = create("made", "--read", "/etc/hosts", "--unit", "cron.service:reload", "--expires", "+30d")
        equal((done.returncode, done.stderr), (0, ""))
        assert re.fullmatch(r"exm1_made_[A-Za-z0-9_-]{43}\n", done.stdout), "one key and nothing else"
        status = (KEYS / "made.key").stat()
        equal((stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid), (0o600, 0, 0))
        text = (KEYS / "made.key").read_text()
        has(text, "Name=made\n", "User=alice\n", "Read=/etc/hosts;\n", "Units=cron.service:reload;\n")
        has_not(text, done.stdout.strip()[len("exm1_made_"):])
        equal(create("made").returncode, 3, "a second one")
        equal((KEYS / "made.key").read_text(), text)
        equal(daemon.run("systemctl", "is-active", daemon.SERVICE, check=False).strip(), "inactive")
    finally:
        remove("made")


test_key_is_made_without_the_service.ends_service = True


def test_key_says_what_amounts_to_root(t):
    try:
        done = create("strong", "--write", "/etc/sudoers.d/*", "--write", "/etc/fancy.conf",
                      "--unit", "debug-shell.service:start", "--privileged", user="")
        equal(done.returncode, 0)
        has(done.stderr, "warning: write /etc/sudoers.d/*: reaches /etc/sudoers.d/**: sudo",
            "warning: write /etc/fancy.conf: not on the list of ordinary files",
            "a shell of root on tty9", "every local user")
        has_not(done.stderr, done.stdout.strip())
    finally:
        remove("strong")


def test_what_is_wrong_makes_no_key(t):
    before = sorted(KEYS.iterdir())
    for arguments, user in ((["--read", "etc/hosts"], "alice"), (["--read", "/etc/["], "alice"),
                            (["--write", "/etc/exmachina/exmachina.conf"], "alice"),
                            (["--unit", "cron.service"], "alice"), (["--expires", "2001-01-01"], "alice"),
                            (["--expires", "soon"], "alice"), (["--frob"], "alice"), (["--user", "bob"], "alice"),
                            (["--root", "/a", "--root", "/b"], "alice"), (["--expires", "+1d", "--expires", "+2d"], "alice"), (["more"], "alice"),
                            ([], "no-such-user")):
        done = create("wrong", *arguments, user=user)
        equal((done.returncode, done.stdout), (2, ""), str(arguments))
        assert done.stderr, arguments
    equal(create("Wrong").returncode, 2)
    done = create("wrong", as_user="alice")
    equal((done.returncode, done.stdout), (1, ""))
    has(done.stderr, "only root")
    with open("/dev/full", "w", encoding="ascii") as full:
        equal(create("wrong", stdout=full).returncode, 1, "a key that cannot be printed")
    equal(sorted(KEYS.iterdir()), before)


def test_key_of_an_image(t):
    """Its directories are made, its users not asked for, and no link leads out of it."""
    outside = Path("/run/key-outside")
    try:
        (IMAGE / "etc").mkdir(parents=True, mode=0o755)
        equal(create("image", "--root", str(IMAGE), user="someone-of-the-image").returncode, 0)
        made = IMAGE / "etc/exmachina/keys.d/image.key"
        has(made.read_text(), "User=someone-of-the-image\n")
        equal(stat.S_IMODE(made.parent.stat().st_mode), 0o700)
        shutil.rmtree(made.parent)
        outside.mkdir()
        os.symlink(outside, made.parent)
        equal(create("image", "--root", str(IMAGE)).returncode, 1)
        equal(list(outside.iterdir()), [])
        shutil.rmtree(IMAGE)
        equal(create("image", "--root", str(IMAGE)).returncode, 1, "without the directory itself")
        IMAGE.mkdir(mode=0o755)
        equal(create("image", "--root", str(IMAGE)).returncode, 0)
        equal([stat.S_IMODE(path.stat().st_mode) for path in (made.parents[2], made.parents[1], made.parent)],
              [0o755, 0o755, 0o700])
    finally:
        shutil.rmtree(IMAGE, ignore_errors=True)
        shutil.rmtree(outside, ignore_errors=True)
