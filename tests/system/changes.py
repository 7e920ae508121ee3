# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes in the history, and the service's state on the disk."""
import shutil
import time
from pathlib import Path

import daemon
from case import equal
from samples import HOSTS

HOSTS_TREE = "/files/etc/hosts"
EDIT = [("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.50"])]
CHANGED = HOSTS.replace("127.0.0.1", "192.0.2.50")
STATE = Path("/var/lib/exmachina")
DATABASE = STATE / "journal.sqlite"
MARKER = STATE / "unfinished"
FINISHED_MARGIN = 2  # seconds: a change is taken back at most so long after its deadline


def setup(t, user="alice"):
    """The hosts of the samples, and a user who may change them."""
    t.file("/etc/hosts", HOSTS)
    t.rules.allow(user)
    t.undo(lambda: finish_all(t))
    return t.client(user)


def text(path="/etc/hosts"):
    return Path(path).read_text()


def begin_anew(t):
    """An empty history."""
    finish_all(t)
    daemon.stop()
    shutil.rmtree(STATE, ignore_errors=True)


def finish_all(t):
    for record in t.root.History.ListChanges(state="pending"):
        t.root.History.Confirm(record["id"])


def record(client, change):
    found = [r for r in client.History.ListChanges(limit=1000) if r["id"] == change]
    equal(len(found), 1, f"records of change {change}")
    return found[0]


def state(client, change):
    return record(client, change)["state"]


def timers():
    """systemd's timers of deadlines."""
    return [line.split()[0] for line in daemon.run(
        "systemctl", "list-units", "--all", "--plain", "--no-legend", "exmachina-deadline-*.timer").splitlines()]


class Deadline:
    """Of a change that is made within the block: when it is over, by the clock of this process."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        self._start = time.monotonic()
        return self

    def __exit__(self, kind, value, traceback):
        self.earliest = self._start + self.seconds
        self.latest = time.monotonic() + self.seconds

    def wait_until(self, is_back, margin=FINISHED_MARGIN):
        """`is_back` comes true not before the deadline and at most `margin` seconds after it."""
        while not is_back():
            assert time.monotonic() < self.latest + margin, f"not back {margin} s after the deadline"
            time.sleep(0.01)
        early = self.earliest - time.monotonic()
        assert early < 0, f"back {early:.2f} s before the deadline"
