# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an upgrade relies on: systemctl reload ends the service, but in the middle of nothing; and a running
one keeps to the programs that it came with."""
from pathlib import Path

import daemon
from case import equal
from changes import finish_all, state
from samples import HOSTS

EDIT = [("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.50"])]
PROGRAMS = Path("/usr/libexec/exmachina")


def reload(t):
    process = daemon.pid(t.root)
    daemon.run("systemctl", "reload", daemon.SERVICE)
    return process


def wait_until_gone(process):
    daemon.wait_for(lambda: not Path(f"/proc/{process}").exists(), "the end of the service", 20)


def replace_programs(t):
    """As an upgrade to a version that speaks another protocol. Returns: what takes it back."""
    def restore():
        for kept in PROGRAMS.glob("*.kept"):
            kept.rename(kept.with_suffix(""))

    t.undo(restore)
    for name in ("exmachina-worker", "exmachina-diff"):
        program = PROGRAMS / name
        program.rename(program.with_suffix(".kept"))
        program.write_text("#!/bin/false\n")
        program.chmod(0o755)
    return restore


def test_reload_waits_for_a_transaction(t):
    t.file("/etc/hosts", HOSTS)
    alice = t.client("alice")
    transaction = alice.begin()
    transaction.Edit(EDIT)
    process = reload(t)
    replace_programs(t)
    equal(alice.Config.GetValue("/files/etc/hostname/hostname")[0], True)
    equal([file for file, _ in transaction.Diff()], ["/etc/hosts"])
    equal(daemon.pid(t.root), process)
    transaction.Rollback()
    wait_until_gone(process)


def test_reload_waits_for_a_pending_change(t):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    t.undo(lambda: finish_all(t))
    alice = t.client("alice")
    change = alice.Config.Apply(EDIT, confirm_within=600)
    process = reload(t)
    restore_programs = replace_programs(t)
    equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.50"))
    equal((daemon.pid(t.root), state(alice, change)), (process, "pending"))
    alice.History.Confirm(change)
    wait_until_gone(process)
    restore_programs()
    equal(state(alice, change), "applied")
    equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.50"))
    assert daemon.pid(t.root) != process


def test_reload_ends_a_service_that_nothing_needs(t):
    """At once; an unlocked key, which a panel may hold for months, is unlocked again."""
    text = t.key("exm-k", read=["/etc/shadow"])
    bob = t.client("bob", text)
    t.client("alice").Config.GetValue("/files/etc/hosts/1/ipaddr")
    wait_until_gone(reload(t))
    equal(bob.Authority.WhoAmI()["key"], "")
    equal(bob.Authority.Unlock(text), "exm-k")
