# SPDX-License-Identifier: LGPL-2.1-or-later
"""exmachinactl package: what it prints, how it ends, the bar on a terminal. (The service: test_packages.py.)"""
import signal
from pathlib import Path

import daemon
import repository
import test_packages
from bus import GLib, NAME, OBJECT
from case import equal, has, has_not
from ctl import Cut, Terminal, ctl, start
from repository import installed
from test_packages import GO, STARTED


def package(*words, **more):
    return ctl("package", *words, **more)


def test_status_install_remove(t):
    test_packages.use(t, repository.source())
    equal(package("status", "exm-needs", "dpkg", user="bob", status=3).out,
          "exm-needs\t\t1.0\tno\ndpkg\t1.0\t1.0\tyes\n")
    equal(package("status", "dpkg", "-j").json,
          [{"name": "dpkg", "installed": "1.0", "candidate": "1.0", "automatic": True}])
    has(package("refresh").err, "fresh")
    package("refresh", user="bob", status=4)
    has(package("install", "exm-needs", user="bob", status=4).err, "manage-packages")
    equal(sorted(package("install", "exm-needs").out.splitlines()),
          ["install\texm-base\t1.0", "install\texm-needs\t1.0"])
    equal((installed("exm-base"), installed("exm-needs")), ("1.0", "1.0"))
    done = package("install", "exm-needs")
    equal(done.out, "")
    has(done.err, "nothing had to be changed")
    done = package("remove", "exm-base", status=1)
    has(done.err, "exm-needs", ". --allow-more-removals agrees to that\n")
    equal((done.out, installed("exm-base")), ("", "1.0"))
    gone = package("-j", "remove", "exm-base", "--allow-more-removals").json
    equal(sorted(gone, key=str), [{"action": "remove", "name": name, "version": "1.0"}
                                  for name in ("exm-base", "exm-needs")])
    done = package("-q", "install", "exm-base")
    equal((done.out, done.err, installed("exm-base")), ("", "", "1.0"))
    has(package("install", "exm-nowhere", status=3).err, "exm-nowhere", "fresh ('exmachinactl package refresh')?\n")
    has(package("install", "exm-fails", status=1).err, "the first line")
    for words in (("status",), ("refresh", "exm-base"), ("frobnicate",), ("install",),
                  ("--allow-more-removals", "status", "dpkg"), ("--dry-run", "install", "exm-base")):
        package(*words, status=2)


def test_a_lost_connection_is_said(t):
    """What has begun goes on; nobody claims that it did not happen."""
    test_packages.use(t, repository.source())
    with Cut("Install", forward=True) as cut:
        has(package("install", "exm-base", status=7, DBUS_SYSTEM_BUS_ADDRESS=cut.address).err, "package status")
    daemon.wait_for(lambda: package("install", "exm-base", status=None).status == 0, "its end", 20)
    client = start("package", "install", "exm-slow")
    daemon.wait_for(STARTED.exists, "the script of the package", 20)
    client.send_signal(signal.SIGINT)
    out, err = client.communicate(timeout=20)
    equal((client.returncode, out), (7, ""))
    has(err, "interrupted", "package status")
    equal(package("remove", "exm-base", status=1).out, "", "it is busy")
    GO.touch()
    daemon.wait_for(lambda: package("install", "exm-slow", status=None).status == 0, "its end", 60)
    equal(installed("exm-slow"), "1.0")


def test_a_service_that_is_stopped_leaves_it_unknown(t):
    """PackageKit goes on with what has begun."""
    test_packages.use(t, repository.source())
    client = start("package", "install", "exm-slow")
    daemon.wait_for(STARTED.exists, "the script of the package", 20)
    daemon.stop()
    out, err = client.communicate(timeout=20)
    equal((client.returncode, out), (7, ""))
    has(err, "package status")
    GO.touch()
    daemon.wait_for(lambda: package("install", "exm-slow", status=None).status == 0, "its end", 60)


def connection_of(t, program):
    for name in t.root.bus("ListNames"):
        if name.startswith(":"):
            process = t.root.bus("GetConnectionUnixProcessID", GLib.Variant("(s)", (name,)))
            if Path(f"/proc/{process}/comm").read_text() == program + "\n":
                return name
    raise AssertionError(f"{program} is not on the bus")


def test_bar_on_a_terminal(t):
    """What others send for progress is not shown."""
    test_packages.use(t, repository.source())
    record = t.keep("/run/exm-typescript")
    terminal = Terminal(t, "root")
    terminal.type(f"script -qec 'exmachinactl package install exm-slow' {record}; echo status $?.")
    terminal.wait("[", "%")
    bob = t.client("bob")
    for operation in ("", "exmachinactl-"):
        bob.connection.emit_signal(connection_of(t, "exmachinactl"), OBJECT, NAME + ".Packages", "Progress",
                                   GLib.Variant("(sus)", (operation, 99, "forged")))
    bob.ping()
    GO.touch()
    has_not(terminal.wait("ACTION  PACKAGE  VERSION\ninstall exm-slow 1.0", "status 0."), "%")
    has(record.read_text(), "install exm-slow", "\x1b[K[")
    has_not(record.read_text(), "forged")
    terminal.clear()
    terminal.type("exmachinactl package status exm-slow exm-base; echo status $?.")
    terminal.wait("PACKAGE  INSTALLED CANDIDATE AUTOMATIC\nexm-slow 1.0       1.0       no", "status 3.")


def test_zz_packagekit_is_as_it_was(t):
    test_packages.test_zz_packagekit_is_as_it_was(t)
