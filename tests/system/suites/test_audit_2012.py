# SPDX-License-Identifier: LGPL-2.1-or-later
"""The six findings of the audit of the daemon of 2012 that this service succeeds: none comes back."""
import base64
import os
import stat
import subprocess
from pathlib import Path

import daemon
from bus import GLib, NAME, Refusal, expect
from case import equal
from samples import arguments, methods

KEYS = Path("/etc/exmachina/keys.d")
DENIED = ("AccessDenied", "InteractiveAuthorizationRequired")


def test_1_nobody_gets_by_without_authentication(t):
    """It sufficed not to authenticate. Now: no right, no answer, whichever method it is."""
    t.rules.deny("bob")
    bob = t.client("bob")
    for interface, method in methods("Config", "Units", "Authority"):
        if method.needs == "public" or method.name == "CreateKey":  # its own arguments: below
            continue
        try:
            getattr(getattr(bob, interface), method.name)(*arguments(method))
        except Refusal as refusal:
            assert refusal.short in DENIED, f"{interface}.{method.name}: {refusal.short}"
        else:
            raise AssertionError(f"{interface}.{method.name} was done")
    with expect(*DENIED):
        bob.Authority.CreateKey("mine", {"user": GLib.Variant("s", "bob")})


def test_2_a_wrong_key_harms_nobody(t):
    """It ended the server. Now: an error for who sent it, and everybody else is served."""
    bob, before = t.client("bob"), daemon.pid(t.root)
    alice = t.client("alice")
    t.key("panel", user="alice")
    for wrong in ("", "x", "exm1_", "exm1_panel_", "exm1_panel_" + "A" * 43, "exm1_nobody_" + "A" * 43,
                  "exm1_panel_" + "A" * 44, "exm1_PANEL_" + "A" * 43, "exm1_" + "a" * 100000, "é" * 43,
                  "exm1_../../etc/shadow_" + "A" * 43, "exm1_panel_" + "A" * 42 + "\n", "%s%n" * 20):
        with expect("BadKey"):
            alice.Authority.Unlock(wrong)
        equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    equal(daemon.pid(t.root), before)
    equal(alice.Authority.WhoAmI()["key"], "")


def test_3_keys_are_not_kept_in_plain_text(t):
    text = t.key("panel", user="alice")
    secret = base64.urlsafe_b64decode(text.split("_", 2)[2] + "=")
    equal(len(secret), 32)
    found = b"".join(path.read_bytes() for path in KEYS.iterdir())
    assert b"panel" in found
    for spelling in (text.encode(), secret, secret.hex().encode(), base64.b64encode(secret)[:40],
                     base64.urlsafe_b64encode(secret)[:40]):
        assert spelling not in found and spelling.upper() not in found


def test_4_a_client_neither_sets_nor_reaches_a_key(t):
    text = t.key("panel", user="alice", read=["/**"], write=["/**"], privileged=True)
    alice = t.client("alice")
    alice.Authority.Unlock(text)
    file = KEYS / "panel.key"
    before = file.read_bytes()
    equal((stat.S_IMODE(file.stat().st_mode), file.stat().st_uid), (0o600, 0))
    equal((stat.S_IMODE(KEYS.stat().st_mode), KEYS.stat().st_uid), (0o700, 0))
    with expect(*DENIED):
        alice.Authority.CreateKey("mine", {"user": GLib.Variant("s", "alice")})
    for call in (lambda: alice.Config.ReadFile(str(file)),
                 lambda: alice.Config.Apply([("text", [str(file), "[Key]\n"])]),
                 lambda: alice.Config.Apply([("ln", ["/etc/hosts", str(file)])]),
                 lambda: alice.Config.Apply([("set", [f"/files{file}/Key/Name", "x"])])):
        with expect("Refused", "AccessDenied", "InvalidPath", "NoLens", "InvalidEdit"):
            call()
    equal(file.read_bytes(), before)


def test_5_nobody_takes_the_service_over(t):
    """The socket could be taken by whoever came first. Now only root owns the name, once."""
    before = daemon.unique_name(t.root)
    for user in ("alice", "nobody"):
        with expect("AccessDenied"):
            t.client(user).bus("RequestName", GLib.Variant("(su)", (NAME, 4)))
    second = subprocess.run(["/usr/libexec/exmachina/exmachinad"], capture_output=True, timeout=60)
    assert second.returncode != 0
    equal(daemon.unique_name(t.root), before)
    sockets = [line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()
               if "exmachina" in line]
    equal(sockets, [], "sockets of its own")


def test_6_a_local_user_is_not_accepted_for_being_there(t):
    """Any local user could call. Now a key is for one user, attested by the bus, and the default is no."""
    text = t.key("panel", user="alice", write=["/etc/hosts"])
    bob = t.client("bob")
    with expect("BadKey"):
        bob.Authority.Unlock(text)
    before = Path("/etc/hosts").read_bytes()
    with expect(*DENIED):
        bob.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.1"])])
    equal(Path("/etc/hosts").read_bytes(), before)
    equal(os.stat("/etc/hosts").st_uid, 0)
