# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second network beside that of the machine, and programs that run there."""
import subprocess
from pathlib import Path

import daemon

HERE, THERE = "192.0.2.1", "192.0.2.2"


def other_network(t, *kinds):
    """Connected with ours by a pair of interfaces, exm0 here and exm1 there. `kinds`: what else is not ours, as
    unshare(1) names it. Returns: the command that runs there."""
    keeper = subprocess.Popen(["unshare", "--net", *kinds, "sleep", "infinity"])

    def end():
        subprocess.run(["ip", "link", "delete", "exm0"], check=False, capture_output=True)
        keeper.kill()
        keeper.wait()
    t.undo(end)
    daemon.wait_for(lambda: Path(f"/proc/{keeper.pid}/comm").read_text() == "sleep\n", "the namespace", 10)
    there = ["nsenter", "--target", str(keeper.pid), "--net", *kinds]
    daemon.run("ip", "link", "add", "exm0", "type", "veth", "peer", "name", "exm1", "netns", str(keeper.pid))
    daemon.run("ip", "address", "add", f"{HERE}/24", "dev", "exm0")
    daemon.run("ip", "link", "set", "exm0", "up")
    daemon.run(*there, "ip", "address", "add", f"{THERE}/24", "dev", "exm1")
    daemon.run(*there, "ip", "link", "set", "exm1", "up")
    return there


def other_terminal(t):
    """As another machine for who sits at its terminal: a network and a name of its own, and no system bus.
    Returns: the command that runs there."""
    there = other_network(t, "--mount", "--uts")
    daemon.run(*there, "hostname", "exm-terminal")
    daemon.run(*there, "mount", "-t", "tmpfs", "tmpfs", "/run/dbus")
    return there
