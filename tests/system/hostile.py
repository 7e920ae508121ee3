#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A validator that does what none should: test_validation.py runs it in the jail.

"try" prints one line for each attempt, "done WHAT" or "refused WHAT"; the others break one limit each.
"""
import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
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


def two_readers():
    return [open("/etc/passwd", "rb") for _ in range(2)]


def lock_whole():
    """A lock that is seen by others is seen by another reader of the file."""
    one, other = two_readers()
    fcntl.flock(one, fcntl.LOCK_EX)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    raise OSError("there is no lock")


def lock_record(command):
    def attempt():
        one, other = two_readers()
        layout = "hhqqi4x"
        fcntl.fcntl(one, command, struct.pack(layout, fcntl.F_RDLCK, 0, 0, 0, 0))
        found = fcntl.fcntl(other, F_OFD_GETLK, struct.pack(layout, fcntl.F_WRLCK, 0, 0, 0, 0))
        if struct.unpack(layout, found)[0] == fcntl.F_UNLCK:
            raise OSError("there is no lock")
    return attempt


def control(path, command, argument):
    def attempt():
        fcntl.fcntl(os.open(path, os.O_RDONLY), command, argument)
    return attempt


def wait_for_others():
    """At a futex that is not private: who waits is woken in place of somebody else."""
    word, moment = ctypes.c_uint32(7), (ctypes.c_long * 2)(0, 10_000_000)
    libc.syscall(SYS_FUTEX, ctypes.byref(word), 0, 7, moment, None, 0)
    if ctypes.get_errno() != errno.ETIMEDOUT:
        raise OSError("it does not wait")


F_OFD_GETLK, F_OFD_SETLK, F_SET_RW_HINT = 36, 37, 1036
SYS_FUTEX = {"x86_64": 202}.get(os.uname().machine, 98)
ATTEMPTS = {
    "lock": lock_whole,
    "record lock": lock_record(fcntl.F_SETLK),
    "lock of a description": lock_record(F_OFD_SETLK),
    "lease": control("/etc/passwd", fcntl.F_SETLEASE, fcntl.F_RDLCK),
    "notify": control("/etc", fcntl.F_NOTIFY, 1),
    "write hint": control("/etc/passwd", F_SET_RW_HINT, struct.pack("Q", 2)),
    "futex": wait_for_others,
    "inotify": lambda: call(libc.inotify_init1, 0),
    "huge pages": lambda: os.memfd_create("x", os.MFD_HUGETLB),
    "file of huge pages": write("/dev/hugepages/exm-hostile"),
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


def threads():
    """Killed by itself where it cannot have them."""
    threading.stack_size(1 << 16)
    try:
        for _ in range(500):
            threading.Thread(target=time.sleep, args=(1000,)).start()
    except RuntimeError:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1000)


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


sys.exit({"try": attempt_all, **{f.__name__: f for f in (sleeps, ignores, burns, prints, forks, threads, allocates,
                                                         leaves)}}[sys.argv[1]]())
