# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real services: a web server that cannot bind its new address, a link that a change has cut."""
import socket
import subprocess
from pathlib import Path

import daemon
from bus import PingWatch, expect, within
from case import equal, has
from changes import Deadline, finish_all, record, state
from network import HERE, other_network

SITE = Path("/etc/nginx/conf.d/exm-site.conf")
NGINX = "nginx.service"
LINK = Path("/etc/sysctl.d/exm-link.conf")
LINK_UNIT = "exm-link.service"


def site(address, word):
    return f'server {{\n    listen {address};\n    location / {{\n        return 200 "{word}";\n    }}\n}}\n'


def page(address="127.0.0.1:8081", *before):
    done = subprocess.run([*before, "curl", "--silent", "--max-time", "2", f"http://{address}/"],
                          capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else None


def setup(t):
    t.rules.allow("alice")
    t.undo(lambda: finish_all(t))
    return t.client()


def nginx(t, address="127.0.0.1:8081"):
    t.file(SITE, site(address, "old"))
    t.undo(lambda: daemon.end_unit(NGINX))
    daemon.run("systemctl", "restart", NGINX)
    daemon.wait_for(lambda: page(address) == "old", "nginx serves", 20)


def text(address, word):
    return [("text", [str(SITE), site(address, word)])]


def test_nginx_that_cannot_bind_serves_the_old_page(t):
    """The configuration is valid and the address taken: bytes, service and page are back."""
    alice = setup(t)
    nginx(t)
    taken = socket.create_server(("127.0.0.1", 8082))
    before = daemon.fingerprint(SITE)
    with PingWatch() as watch, within(60, "files and unit as before"), expect("UnitFailed") as seen:
        alice.Config.Apply(text("127.0.0.1:8082", "new"), restart=[NGINX], confirm_within=60, token="nginx")
    taken.close()
    has(seen.message, f"{NGINX}: restart failed", "All files are as before", f"{NGINX} runs with them")
    equal((daemon.fingerprint(SITE), page()), (before, "old"))
    equal(daemon.run("systemctl", "is-active", NGINX).strip(), "active")
    equal(alice.History.ListChanges(token="nginx")[0]["state"], "failed")
    watch.check()


def test_nginx_follows_as_the_unit_that_uses_its_files(t):
    """What the transaction tells beforehand is what reload_affected reloads."""
    alice = setup(t)
    nginx(t)
    transaction = alice.begin()
    transaction.Edit(text("127.0.0.1:8081", "new"))
    equal(transaction.Affected(), [NGINX])
    pid = alice.Units.Status(NGINX)["main_pid"]
    change = transaction.Commit(reload_affected=True, grace=1)
    equal(record(alice, change)["units"], [NGINX])
    daemon.wait_for(lambda: page() == "new", "the new page")
    equal(alice.Units.Status(NGINX)["main_pid"], pid)
    asked = [q for q in t.journal.polkit_questions() if "manage-units" in q]
    equal(len(asked), 1, asked)
    has(asked[0], NGINX, "reload", "Transaction.Commit")
    alice.History.Revert(change)
    daemon.wait_for(lambda: page() == "old", "the old page")

    daemon.run("systemctl", "stop", NGINX)
    transaction = alice.begin()
    transaction.Edit(text("127.0.0.1:8081", "new"))
    equal(transaction.Affected(), [])
    equal(record(alice, transaction.Commit(reload_affected=True))["units"], [])


def test_affected_needs_read_units(t):
    setup(t)
    bob = t.client("bob")
    t.rules.deny("bob", "read-units")
    transaction = bob.begin()
    transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.50")
    with expect("AccessDenied") as seen:
        transaction.Affected()
    has(seen.message, "read-units")


# ---------------------------------------------------------------- the network

def test_a_link_that_was_cut_comes_back(t):
    """Who sits on the other side cannot confirm: file and link are back after the deadline."""
    alice = setup(t)
    there = other_network(t)
    nginx(t, f"{HERE}:8081")
    t.file(LINK, "link = up\n")
    t.unit(LINK_UNIT, "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
           f"ExecStart=/bin/sh -c 'ip link set exm0 $(sed \"s/.* = //\" {LINK})'\n")
    daemon.run("systemctl", "start", LINK_UNIT)
    daemon.wait_for(lambda: page(f"{HERE}:8081", *there) == "old", "the other side reaches us", 20)
    with Deadline(4) as deadline:
        change = alice.Config.Apply([("set", [f"/files{LINK}/link", "down"])], restart=[LINK_UNIT], grace=0,
                                    confirm_within=4)
    equal((state(alice, change), page(f"{HERE}:8081", *there)), ("pending", None))
    deadline.wait_until(lambda: LINK.read_text() == "link = up\n")
    daemon.wait_for(lambda: page(f"{HERE}:8081", *there) == "old", "the link is back", 20)
    daemon.wait_for(lambda: state(alice, change) == "reverted", "its end", 20)
