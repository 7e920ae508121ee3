# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service seen from outside: its process, its workers, its journal, the state of /etc."""
import hashlib
import json
import os
import stat
import subprocess
import time
from pathlib import Path

from bus import Client, GLib, NAME, Refusal

SERVICE = "exmachina.service"
AUDIT = "7a1c7d2e1bb44d2f9d5d3f6c0e9a4b51"
WORKER = "exmachina-worker"
CONFIGURATION = Path("/etc/exmachina/exmachina.conf.d/90-test.conf")


def run(*command, check=True, **keywords):
    """Returns: what the command has printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **keywords)
    assert not check or done.returncode == 0, f"{command}: {done.stderr.strip() or done.returncode}"
    return done.stdout


def restart():
    run("systemctl", "restart", SERVICE)


def stop():
    run("systemctl", "stop", SERVICE)


def kill(root):
    """As a crash would end it; systemd starts it again by itself. Returns: the new process."""
    old = pid(root)
    run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", SERVICE)

    def another():
        try:
            return pid(root) != old and pid(root)
        except Refusal:
            return None
    new = wait_for(another, "another process", 30)
    run("systemctl", "reset-failed", SERVICE, check=False)
    return new


def end_unit(name):
    """At once, and as if it had never run."""
    run("systemctl", "kill", "--signal=KILL", name, check=False)
    subprocess.run(["systemctl", "stop", name], check=False, capture_output=True)
    run("systemctl", "reset-failed", name, check=False)


def unique_name(root):
    return root.bus("GetNameOwner", GLib.Variant("(s)", (NAME,)))


def pid(root=None):
    if root is None:
        root = Client("root")
        try:
            return pid(root)
        finally:
            root.close()
    return root.bus("GetConnectionUnixProcessID", GLib.Variant("(s)", (NAME,)))


def children(parent):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == parent and fields[0] != "Z":
                found.append(int(entry))
    return found


def program(process):
    """The name of the program that a process has been started with."""
    try:
        return os.path.basename(Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode())
    except (FileNotFoundError, ProcessLookupError):
        return ""


def workers(root):
    return [child for child in children(pid(root)) if program(child) == WORKER]


def wait_for(condition, what, timeout=30):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {timeout} s")


def status_of(process):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def descriptors(process):
    """fd → what it is."""
    found = {}
    for fd in os.listdir(f"/proc/{process}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{process}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def memory(process):
    """Proportional bytes, and those that it alone has written to."""
    proportional = private = 0
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            proportional = int(line.split()[1]) * 1024
        elif line.startswith("Private_Dirty:"):
            private = int(line.split()[1]) * 1024
    return proportional, private


def bytes_read(process):
    """From files, with read() and the like; not from sockets."""
    for line in Path(f"/proc/{process}/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise AssertionError("no rchar")


def is_sanitised(process):
    """AddressSanitizer keeps freed memory for a while: what grows says nothing then."""
    return "libasan" in Path(f"/proc/{process}/maps").read_text()


# ---------------------------------------------------------------- journal

class Journal:
    """The records since this was made."""

    def __init__(self):
        out = run("journalctl", "--quiet", "--lines=1", "--output=json")
        self.cursor = json.loads(out)["__CURSOR"] if out.strip() else None

    def entries(self, **fields):
        """Those with these fields. (journalctl's own matches miss entries when there is a cursor.)"""
        subprocess.run(["journalctl", "--sync"], check=False, capture_output=True)
        since = [f"--after-cursor={self.cursor}"] if self.cursor else []
        out = run("journalctl", "--quiet", "--output=json", "--all", *since)
        found = [json.loads(line) for line in out.splitlines()]
        return [e for e in found if all(str(e.get(key)) == value for key, value in fields.items())]

    def audit(self, **fields):
        """The audit records with these fields (uid=…, method=…)."""
        records = self.entries(MESSAGE_ID=AUDIT)
        wanted = {f"EXMACHINA_{key.upper()}": str(value) for key, value in fields.items()}
        return [r for r in records if all(r.get(key) == value for key, value in wanted.items())]

    def text(self):
        return "\n".join(str(entry.get("MESSAGE")) for entry in self.entries())

    def polkit_questions(self):
        """(user, action and details) of each question that our rules have logged."""
        marker = "asked "
        return [str(e["MESSAGE"]).partition(marker)[2] for e in self.entries(_COMM="polkitd")
                if marker in str(e.get("MESSAGE"))]


# ---------------------------------------------------------------- files

def fingerprint(path):
    """All of a file that a change could lose: kind, mode, owner, ACL and other xattrs, content."""
    info = os.lstat(path)
    attributes = ()
    if not stat.S_ISLNK(info.st_mode):
        attributes = tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))
    content = b""
    if stat.S_ISREG(info.st_mode):
        content = hashlib.sha256(Path(path).read_bytes()).digest()
    elif stat.S_ISLNK(info.st_mode):
        content = os.readlink(path).encode()
    return info.st_mode, info.st_uid, info.st_gid, attributes, content


_OUTSIDE = ("/etc/polkit-1/rules.d", "/etc/.pwd.lock")


def etc_state(known=None):
    """path → (stamp, fingerprint) of everything in /etc. Whatever bears its old stamp is not read again."""
    state, known = {}, known or {}
    for folder, folders, files in os.walk("/etc"):
        for name in folders + files:
            path = os.path.join(folder, name)
            if path.startswith(_OUTSIDE):
                continue
            try:
                info = os.lstat(path)
                stamp = info.st_ino, info.st_ctime_ns, info.st_mtime_ns, info.st_size
                old = known.get(path)
                state[path] = old if old and old[0] == stamp else (stamp, fingerprint(path))
            except FileNotFoundError:
                pass
    return state


def difference(before, after):
    changes = [f"{path} is new" for path in after.keys() - before.keys()]
    changes += [f"{path} is gone" for path in before.keys() - after.keys()]
    changes += [f"{path} is changed" for path in before.keys() & after.keys()
                if before[path][1] != after[path][1]]
    return sorted(changes)
