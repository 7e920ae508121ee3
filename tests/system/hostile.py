#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A validator that does what none should: test_validation.py runs it in the jail.

"try" prints one line for each attempt, "done WHAT" or "refused WHAT"; the others break one limit each.
"""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
SECRET = "/etc/exm-secret"


def call(function, *args):
    if function(*args) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def write(path):
    def attempt():
        with open(path, "a", encoding="ascii") as file:
            file.write("1")
    return attempt


def connect(path):
    def attempt():
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
    return attempt


def over_a_pair():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].sendto(b"x", "/run/systemd/notify")


def busctl():
    subprocess.run(["/usr/bin/busctl", "call", "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                    "org.freedesktop.systemd1.Manager", "Reload"], check=True, capture_output=True)


def must_exist(path):
    def attempt():
        if not os.listdir(path):
            raise OSError("empty")
    return attempt


def terminal():
    names = [name for name in os.listdir("/dev/pts") if name.isdigit()]
    with open(f"/dev/pts/{names[0]}", "w", encoding="ascii"):
        pass


def other_process():
    """Any but the first of this namespace, its own parent and itself."""
    if not [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 50]:
        raise OSError("there is none")


def kill_first():
    os.kill(1, signal.SIGKILL)
    os.kill(-1, signal.SIGCONT)
    time.sleep(0.2)
    raise OSError("it lives")


ATTEMPTS = {
    "write etc": write("/etc/exm-hostile"),
    "change etc": write("/etc/passwd"),
    "write usr": write("/usr/exm-hostile"),
    "write var": write("/var/lib/exm-hostile"),
    "read secret": lambda: print("secret:", Path(SECRET).read_text(encoding="ascii")),
    "own settings": must_exist("/etc/exmachina"),
    "own state": must_exist("/var/lib/exmachina"),
    "home": must_exist("/home"),
    "root": must_exist("/root"),
    "bus socket": connect("/run/dbus/system_bus_socket"),
    "systemd socket": connect("/run/systemd/private"),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "abstract socket": connect("\0exm"),
    "pair": over_a_pair,
    "inet socket": lambda: socket.socket(socket.AF_INET),
    "inet6 socket": lambda: socket.socket(socket.AF_INET6),
    "network": lambda: socket.create_connection(("192.0.2.7", 80), 1),
    "packet socket": lambda: socket.socket(socket.AF_PACKET),
    "systemd": busctl,
    "sysctl": write("/proc/sys/kernel/hostname"),
    "sysrq": write("/proc/sysrq-trigger"),
    "cgroup": lambda: os.mkdir("/sys/fs/cgroup/exm-hostile"),
    "sysfs": write("/sys/kernel/uevent_helper"),
    "terminal": terminal,
    "disk": lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)),
    "processes": other_process,
    "mount": lambda: call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None),
    "remount": lambda: call(libc.mount, None, b"/etc", None, 32 | 4096, None),
    "unmount": lambda: call(libc.umount2, b"/etc", 2),
    "user namespace": lambda: call(libc.unshare, 0x10000000),
    "chroot": lambda: os.chroot("/tmp"),
    "setuid": lambda: os.setuid(6001 if os.getuid() == 0 else 0),
    "trace": lambda: call(libc.ptrace, 16, os.getppid(), None, None),
    "exec in tmp": lambda: (write("/tmp/x")(), os.chmod("/tmp/x", 0o755), subprocess.run(["/tmp/x"], check=False)),
    "first process": kill_first,
}


def attempt_all():
    for what, attempt in ATTEMPTS.items():
        try:
            attempt()
            print("done", what, flush=True)
        except (OSError, subprocess.CalledProcessError, IndexError):
            print("refused", what, flush=True)
    print("end")
    return 0


def sleeps():
    time.sleep(1000)


def ignores():
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
    while True:
        time.sleep(1)


def burns():
    while True:
        pass


def prints():
    while True:
        os.write(1, b"x" * 65536)


def forks():
    for _ in range(1000):
        try:
            if os.fork() == 0:
                time.sleep(1000)
        except OSError:
            return 7
    return 0


def allocates():
    try:
        return len(bytearray(1 << 30)) and 0
    except MemoryError:
        return 7


def leaves():
    """Something behind, that has nothing open any more."""
    if os.fork() == 0:
        os.setsid()
        os.closerange(0, 1024)
        time.sleep(1000)
    return 7


sys.exit({"try": attempt_all, **{f.__name__: f for f in (sleeps, ignores, burns, prints, forks, allocates,
                                                         leaves)}}[sys.argv[1]]())
