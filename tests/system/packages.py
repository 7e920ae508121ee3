#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of the Debian packages in the throwaway machine: installed, used, upgraded, removed, purged.

Each test goes on from where the one before has ended. One line for each: "ok NAME" or "FAIL NAME: why".

usage: packages.py DIRECTORY, with the packages
"""
import os
import subprocess
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE)]

import daemon  # noqa: E402
import polkit  # noqa: E402
from bus import Client, expect  # noqa: E402
from case import equal  # noqa: E402
from changes import MARKER, STATE, state, timers  # noqa: E402

MAIN_JOB = HERE.parents[1] / "debian/tests/main-job"
HOSTS = Path("/etc/hosts")
EDIT = [("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])]
# What the administrator has made, and only a purge removes.
KEPT = [Path("/etc/exmachina/exmachina.conf"), Path("/etc/exmachina/exmachina.conf.d/10-mine.conf"),
        Path("/etc/exmachina/keys.d/panel"), STATE / "journal.sqlite"]
# Where any package that comes and goes leaves traces, and where a running system writes.
VOLATILE = {"/var/tmp", "/var/log", "/var/lib/dpkg", "/var/lib/systemd", "/var/cache/man", "/etc/passwd-",
            "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock", "/etc/polkit-1/rules.d",
            "/usr/src/exmachina"}


def dpkg(*arguments):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    done = subprocess.run(["dpkg", *arguments], capture_output=True, text=True, check=False, env=environment)
    said = done.stdout + done.stderr
    equal(done.returncode, 0, f"dpkg {arguments[0]}: {said[-600:]}")
    equal([line for line in said.splitlines() if "warning" in line or "rror" in line or "ailed" in line], [],
          f"dpkg {arguments[0]} says")


def files():
    found = set()
    for top in ("/etc", "/usr", "/var"):
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in VOLATILE]
            found.update(os.path.join(folder, name) for name in folders + names)
    return found - VOLATILE


class Life:
    def __init__(self, directory):
        self.packages = sorted(str(package) for package in Path(directory).glob("*.deb"))
        self.names = [Path(package).name.partition("_")[0] for package in self.packages]
        self.root, self.alice = Client("root"), Client("alice")
        self.hosts = HOSTS.read_text()
        self.before = files()

    def _apply_pending(self):
        """Returns: the change, and the process that watches its deadline."""
        change = self.alice.Config.Apply(EDIT, confirm_within=600)
        equal((state(self.alice, change), MARKER.exists()), ("pending", True))
        return change, daemon.pid(self.root)

    # ------------------------------------------------------------ the tests, in order

    def install(self):
        """The first call starts it: the bus, polkit and systemd know of it, and nothing runs before."""
        dpkg("--install", *self.packages)
        equal(daemon.run("systemctl", "is-active", daemon.SERVICE, check=False).strip(), "inactive")
        daemon.wait_for(lambda: "org.exmachina1" in self.root.bus("ListActivatableNames"), "the bus knows it", 20)
        equal(self.alice.Config.GetValue("/files/etc/hosts/1/ipaddr"), (True, "127.0.0.1"))
        with expect("AccessDenied", "InteractiveAuthorizationRequired"):
            self.alice.Config.Apply(EDIT)
        dpkg("--verify", *self.names)

    def autopkgtest(self):
        done = subprocess.run([str(MAIN_JOB)], capture_output=True, text=True, check=False, timeout=300)
        equal(done.returncode, 0, (done.stdout + done.stderr)[-600:])

    def upgrade_keeps_a_pending_change(self):
        rules = polkit.Rules(self.root)
        rules.allow("alice")
        change, process = self._apply_pending()
        transaction = self.alice.begin()
        dpkg("--install", *self.packages)
        equal((daemon.pid(self.root), state(self.alice, change)), (process, "pending"))
        equal(self.alice.Config.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.50"))
        transaction.Rollback()
        equal(daemon.pid(self.root), process)
        self.alice.History.Confirm(change)
        daemon.wait_for(lambda: not Path(f"/proc/{process}").exists(), "the end of the old service", 30)
        equal(state(self.alice, change), "applied")
        self.alice.History.Revert(change)
        equal(HOSTS.read_text(), self.hosts)

    def upgrade_replaces_an_unused_service(self):
        self.alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
        process = daemon.pid(self.root)
        dpkg("--install", *self.packages)
        daemon.wait_for(lambda: not Path(f"/proc/{process}").exists(), "the end of the old service", 30)

    def remove(self):
        """What is pending is taken back, since nobody will be there at its deadline; what is the
        administrator's stays."""
        KEPT[1].write_text("[Log]\nLevel=info\n")
        KEPT[2].parent.mkdir(mode=0o700, exist_ok=True)
        KEPT[2].write_text("what a key is\n")
        _, process = self._apply_pending()
        dpkg("--remove", *self.names)
        assert not Path(f"/proc/{process}").exists(), "the service is still there"
        equal((HOSTS.read_text(), timers(), MARKER.exists()), (self.hosts, [], False))
        assert not Path("/usr/libexec/exmachina").exists()
        daemon.wait_for(lambda: "org.exmachina1" not in self.root.bus("ListActivatableNames"), "the bus forgets", 20)
        equal([str(path) for path in KEPT if not path.exists()], [])
        equal(daemon.run("systemctl", "--failed", "--plain", "--no-legend"), "")

    def install_again_with_its_history(self):
        dpkg("--install", *self.packages)
        last = self.alice.History.ListChanges(limit=1)[0]
        equal((last["state"], HOSTS.read_text()), ("reverted", self.hosts))

    def purge_leaves_nothing(self):
        dpkg("--purge", *self.names)
        equal(sorted(files() - self.before), [])
        equal(sorted(self.before - files()), [])
        equal(daemon.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "exmachina*"), "")


def run(life, name):
    try:
        getattr(life, name)()
    except Exception as error:  # one line each, and the others still run
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(f"{type(error).__name__}: {error}".split())[:900]
        print(f"FAIL package.{name}: {words} [{Path(place.filename).name}:{place.lineno}]", flush=True)
        return 1
    print(f"ok package.{name}", flush=True)
    return 0


def main():
    # Of an image that starts no services at installation.
    Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
    polkit.run_main_loop()
    life = Life(sys.argv[1])
    tests = [name for name in vars(Life) if not name.startswith("_")]
    return 1 if sum(run(life, name) for name in tests) else 0


if __name__ == "__main__":
    sys.exit(main())
