# SPDX-License-Identifier: LGPL-2.1-or-later
"""The gate: for every method in the introspection data denied, allowed, bad arguments."""
import daemon
from bus import CONTRACT, GLib, OBJECT, expect
from case import equal, has
from samples import HOSTS, PROBE, PROBE_UNIT, arguments, methods, options, wrong_signature

CHANGED = "/etc/networks"

# They need no right to read beyond the one that their transaction holds already.
HELD = {"Diff", "Rebase", "Rollback"}


class Unmoved:
    """The service keeps its process and its name on the bus, and the files of the test their content."""

    def __init__(self, t):
        self._t = t
        t.file("/etc/hosts", HOSTS)
        t.file("/etc/host.conf", "multi on\n")
        t.root.call(OBJECT, "org.freedesktop.DBus.Peer", "Ping")
        self._before = self._state()

    def _state(self):
        return (daemon.pid(self._t.root), daemon.unique_name(self._t.root),
                daemon.fingerprint("/etc/hosts"), daemon.fingerprint("/etc/host.conf"))

    def check(self):
        equal(self._state(), self._before, "process, name and files")


def pending_change(t):
    """A change of alice that awaits its confirmation."""
    t.file(CHANGED, "link-local 169.254.0.0\n")
    t.rules.allow("alice")
    change = t.client("alice").Config.Apply(
        [("set", [f"/files{CHANGED}/1/number", "169.254.1.0"])], confirm_within=600)
    t.undo(lambda: settle(t.root, change))
    return change


def settle(root, change):
    if any(c["id"] == change for c in root.History.ListChanges(state="pending")):
        root.History.Confirm(change)


def is_open(interface, method):
    """Everybody may, and gets what is his own."""
    return method.needs == "public" or method.name in HELD and interface == "Transaction" or \
        method.about == "nothing" and interface == "History"


def target(client, interface, transaction=None):
    return transaction if interface == "Transaction" else getattr(client, interface)


def scene(t, interface):
    """What a call of bob's could be about. Returns: a change, what is not to move, him, his transaction."""
    t.unit(PROBE, PROBE_UNIT)
    change = pending_change(t) if interface == "History" else 0
    unmoved = Unmoved(t)
    bob = t.client("bob")
    transaction = None
    if interface == "Transaction":
        transaction = bob.begin()
        transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.66")
    return change, unmoved, bob, transaction


def refused(interface, method):
    def test(t):
        change, unmoved, bob, transaction = scene(t, interface)
        t.rules.deny("bob")
        on = target(bob, interface, transaction)
        call = getattr(on, method.name)
        given = arguments(method, "/etc/host.conf", "multi", change)
        if method.name == "Unlock":
            with expect("BadKey"):
                call(*given)
        elif is_open(interface, method):
            call(*given)
        else:
            with expect("AccessDenied"):
                call(*given, **options(method))
            with expect("AccessDenied"):
                call(*given, interactive=True, **options(method))
        if interface == "History":
            equal(t.root.History.ListChanges(state="pending")[0]["id"], change)
        equal(daemon.run("systemctl", "is-active", PROBE, check=False).strip(), "inactive")
        unmoved.check()
    return test


def challenged(interface, method):
    """Without an agent and without the permission to ask there is only one answer."""
    def test(t):
        change, unmoved, bob, transaction = scene(t, interface)
        t.rules.ask("bob")
        call = getattr(target(bob, interface, transaction), method.name)
        if is_open(interface, method):
            return
        given = arguments(method, "/etc/host.conf", "multi", change)
        with expect("InteractiveAuthorizationRequired"):
            call(*given, **options(method))
        with expect("AccessDenied"):
            call(*given, interactive=True, **options(method))
        unmoved.check()
    return test


def bad_arguments(interface, method):
    def test(t):
        unmoved = Unmoved(t)
        alice = t.client("alice")
        t.rules.allow("alice")
        path = OBJECT if interface != "Transaction" else alice.Config.Begin()
        with expect("InvalidArgs"):
            alice.call(path, method.interface, method.name, wrong_signature(method))
        with expect("UnknownMethod"):
            alice.call(path, method.interface, method.name + "X", None)
        if any(type_ == "a{sv}" for _, type_ in method.ins):
            given = arguments(method)
            with expect("InvalidArgs") as seen:
                alice.call(path, method.interface, method.name, GLib.Variant(
                    method.signature, (*given, {"no_such_option": GLib.Variant("b", True)})))
            has(seen.message, "no_such_option")
            for option in method.options:
                with expect("InvalidArgs") as seen:
                    alice.call(path, method.interface, method.name, GLib.Variant(
                        method.signature, (*given, {option: GLib.Variant("d", 1.5)})))
                has(seen.message, option)
        unmoved.check()
    return test


def test_changes_that_are_not_there(t):
    """The same answer for everybody, whatever he may do."""
    unmoved = Unmoved(t)
    t.rules.allow("alice").deny("bob")
    for user in ("alice", "bob", "root"):
        client = t.client(user)
        for _, method in methods("History"):
            if method.about == "nothing":
                continue
            for change in (0, 999999999, 2**63 - 1, 2**63, 2**64 - 1):
                with expect("NoSuchChange"):
                    getattr(client.History, method.name)(*arguments(method, change=change))
    unmoved.check()


def _generate():
    """One test for each method and property of the gate: nobody can forget a new method."""
    for interface, method in methods():
        name = f"{interface}_{method.name}"
        globals()[f"test_t06_refused_{name}"] = refused(interface, method)
        globals()[f"test_challenged_{name}"] = challenged(interface, method)
        globals()[f"test_bad_arguments_{name}"] = bad_arguments(interface, method)


_generate()


def test_every_method_has_a_policy(t):
    found = [m for _, m in methods()]
    assert len(found) >= 35, f"only {len(found)} methods in the introspection data"
    for method in found:
        assert method.needs in ("public", "read", "write", "read-units", "manage-units",
                                "manage-unit-files", "manage-keys", "set-timezone",
                                "read-packages", "refresh-packages", "manage-packages", "own-or-history",
                                "own-or-write"), method.name


def test_t04_no_argument_is_an_identity(t):
    for interface, method in methods():
        for name, _ in method.ins:
            assert not {"uid", "gid", "pid", "user", "sender", "subject", "session"} & set(name.split("_")), \
                f"{interface}.{method.name} takes {name}"


def test_allowed_is_allowed(t):
    """The other side of the matrix: with the right, each method of one object works."""
    t.unit(PROBE, PROBE_UNIT)
    wants = t.keep(f"/etc/systemd/system/multi-user.target.wants/{PROBE}").parent
    t.undo(lambda: wants.mkdir(exist_ok=True))
    t.file("/etc/hosts", HOSTS)
    t.keep("/etc/localtime")
    t.rules.allow("alice")
    alice = t.client("alice")
    for interface, method in methods():
        if interface == "Packages":
            continue  # with repositories of their own: suite packages
        transaction = alice.begin() if interface == "Transaction" else None
        if method.name in ("Mask", "Unmask", "Unlock"):
            continue  # their unit file is elsewhere: suite units; a right key: suite keys
        change = pending_change(t) if interface == "History" else 0
        getattr(target(alice, interface, transaction), method.name)(
            *arguments(method, change=change), **options(method))
        if change:
            settle(t.root, change)
        if transaction and method.name not in ("Commit", "Rollback"):
            transaction.Rollback()
        for path in alice.Config.Transactions():
            alice.transaction(path).Rollback()
    daemon.run("systemctl", "stop", PROBE)
    equal(len(CONTRACT), 7)
