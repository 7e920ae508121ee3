# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers of the service: connections to the system bus as any user, with the methods of the contract.

A Client is one connection. client.Config.GetValue(path) calls with the argument types that the
introspection XML gives; transactions are objects of their own (client.begin()). An error reply is
raised as Refusal. Every connection is private: closing one is, for the bus, a client that vanished.
"""
import os
import pwd
import threading
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.exmachina1"
OBJECT = "/org/exmachina1"
ADDRESS = "unix:path=/run/dbus/system_bus_socket"
SOURCE = Path(__file__).resolve().parents[2]
PING_LIMIT = 0.05  # seconds: the loop never blocks for longer

_FREEDESKTOP = {"AccessDenied", "InteractiveAuthorizationRequired", "InvalidArgs", "UnknownObject",
                "Timeout", "UnknownMethod", "UnknownInterface", "UnknownProperty", "NoReply", "Failed",
                "PropertyReadOnly", "ServiceUnknown", "Disconnected", "LimitsExceeded",
                "NameHasNoOwner", "InvalidSignature"}
_identity = threading.Lock()
_pool = ThreadPoolExecutor(max_workers=128)


class Refusal(Exception):
    """An error reply."""

    def __init__(self, name, message):
        super().__init__(f"{name}: {message}")
        self.name, self.message = name, message

    @property
    def short(self):
        return self.name.rsplit(".", 1)[-1]


def full_error_name(short):
    if "." in short:
        return short
    prefix = "org.freedesktop.DBus.Error." if short in _FREEDESKTOP else "org.exmachina1.Error."
    return prefix + short


class Expected:
    message = None
    name = None


@contextmanager
def expect(*names):
    """The block must be answered with one of these errors, exactly."""
    wanted = {full_error_name(name) for name in names}
    seen = Expected()
    try:
        yield seen
    except Refusal as refusal:
        seen.name, seen.message = refusal.name, refusal.message
        assert refusal.name in wanted, f"expected {' or '.join(names)}, got {refusal}"
        return
    raise AssertionError(f"expected {' or '.join(names)}, but the call succeeded")


# ---------------------------------------------------------------- the contract, from the XML

class Method:
    def __init__(self, interface, element):
        notes = {a.get("name").rsplit(".", 1)[-1]: a.get("value") for a in element.findall("annotation")}
        args = element.findall("arg")
        self.interface, self.name = interface, element.get("name")
        self.ins = [(a.get("name"), a.get("type")) for a in args if a.get("direction") != "out"]
        self.outs = [(a.get("name"), a.get("type")) for a in args if a.get("direction") == "out"]
        self.needs, self.about = notes.get("Needs"), notes.get("About", "")
        self.verb = notes.get("Verb")
        options = notes.get("Options", "").split()
        self.options = dict(o.removesuffix("!").split(":", 1) for o in options)
        self.mandatory = [o.split(":")[0] for o in options if o.endswith("!")]

    @property
    def signature(self):
        return "(" + "".join(type_ for _, type_ in self.ins) + ")"


def read_contract():
    methods = {}
    for path in sorted((SOURCE / "introspection").glob("*.xml")):
        for interface in ElementTree.parse(path).getroot().findall("interface"):
            short = interface.get("name").rsplit(".", 1)[-1]
            methods[short] = {m.get("name"): Method(interface.get("name"), m)
                              for m in interface.findall("method")}
    return methods


CONTRACT = read_contract()


# ---------------------------------------------------------------- connections

def _open_connection(user):
    """The bus takes the identity that a process has when it connects."""
    flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT |
             Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
    with _identity:
        try:
            if isinstance(user, int):
                os.setgroups([])
                os.setegid(65534)
                os.seteuid(user)
            elif user != "root":
                entry = pwd.getpwnam(user)
                os.setgroups(os.getgrouplist(user, entry.pw_gid))
                os.setegid(entry.pw_gid)
                os.seteuid(entry.pw_uid)
            connection = Gio.DBusConnection.new_for_address_sync(ADDRESS, flags, None, None)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups([0])
    connection.set_exit_on_close(False)
    return connection


def _unpack(reply):
    if reply is None:
        return None
    values = []
    for i in range(reply.n_children()):
        child = reply.get_child_value(i)
        if child.get_type_string() == "ay":
            values.append(bytes(child.get_data_as_bytes().get_data() or b""))
        else:
            values.append(child.unpack())
    return values[0] if len(values) == 1 else tuple(values) if values else None


def _type_of(value):
    """For options that the method does not know."""
    return {bool: "b", int: "u"}.get(type(value), "s")


class Interface:
    def __init__(self, client, path, short):
        self._client, self._path, self._methods = client, path, CONTRACT[short]

    def __getattr__(self, name):
        method = self._methods[name]

        def call(*args, interactive=False, timeout=60, **options):
            args = list(args)
            if method.ins and method.ins[-1][1] == "a{sv}" and len(args) < len(method.ins):
                args.append({key: GLib.Variant(method.options.get(key, _type_of(value)), value)
                             for key, value in options.items()})
            return self._client.call(self._path, method.interface, name,
                                     GLib.Variant(method.signature, tuple(args)), interactive, timeout)
        return call

    def later(self, name, *args, **keywords):
        """The call in a thread. Returns: a Future."""
        return _pool.submit(getattr(self, name), *args, **keywords)


class Transaction(Interface):
    def __init__(self, client, path):
        super().__init__(client, path, "Transaction")
        self.path, self.client = path, client

    def property(self, name):
        return self.client.property("org.exmachina1.Transaction", name, self.path)


class Client:
    def __init__(self, user="alice"):
        self.user = user
        self.connection = _open_connection(user)
        self.Authority = Interface(self, OBJECT, "Authority")
        self.Config = Interface(self, OBJECT, "Config")
        self.Clock = Interface(self, OBJECT, "Clock")
        self.Packages = Interface(self, OBJECT, "Packages")
        self.Units = Interface(self, OBJECT, "Units")
        self.History = Interface(self, OBJECT, "History")

    @property
    def name(self):
        return self.connection.get_unique_name()

    def call(self, path, interface, member, arguments=None, interactive=False, timeout=60,
             destination=NAME):
        flags = Gio.DBusCallFlags.NONE
        if interactive:
            flags |= Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION
        try:
            return _unpack(self.connection.call_sync(destination, path, interface, member, arguments,
                                                     None, flags, int(timeout * 1000), None))
        except GLib.Error as error:
            remote = Gio.DBusError.get_remote_error(error)
            if remote is None:
                raise Refusal(f"local.{error.domain}.{error.code}", error.message) from None
            raise Refusal(remote, error.message.removeprefix(f"GDBus.Error:{remote}: ")) from None

    def send(self, path, interface, member, arguments=None, interactive=False):
        """Sends a call and waits for nothing. Returns: its serial."""
        message = Gio.DBusMessage.new_method_call(NAME, path, interface, member)
        if arguments is not None:
            message.set_body(arguments)
        if interactive:
            message.set_flags(Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
        _, serial = self.connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
        self.connection.flush_sync(None)
        return serial

    def bus(self, member, arguments=None):
        return self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", member, arguments,
                         destination="org.freedesktop.DBus")

    def ping(self, timeout=30):
        self.call(OBJECT, "org.freedesktop.DBus.Peer", "Ping", timeout=timeout)

    def property(self, interface, name, path=OBJECT):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get",
                         GLib.Variant("(ss)", (interface, name)))

    def listen(self, sender=NAME):
        """[(interface, member, arguments)] of the service's signals, from now on."""
        heard = []
        self.connection.signal_subscribe(
            sender, None, None, None, None, Gio.DBusSignalFlags.NONE,
            lambda *a: heard.append((a[3].removeprefix(NAME + "."), a[4], a[5].unpack())))
        self.bus("ListNames")
        return heard

    def begin(self, **options):
        return Transaction(self, self.Config.Begin(**options))

    def unlock(self, key):
        """Returns: itself, with the rights of the key."""
        self.Authority.Unlock(key)
        return self

    def transaction(self, path):
        """The object at `path`, whoever owns it."""
        return Transaction(self, path)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)


def in_background(function, *args, **keywords):
    return _pool.submit(function, *args, **keywords)


class Late(AssertionError):
    """An answer took too long. On a busy machine that happens; a loop that blocks does it every time."""


@contextmanager
def within(seconds, what):
    """Late unless the block ends in time. Never a measurement: at least ten times what is expected."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    if took > seconds:
        raise Late(f"{what}: {took:.1f} s instead of less than {seconds} s")


class PingWatch:
    """Pings the service while a block runs, and logind in turn: how late an idle process answers here.

    On a machine with more to do than it can, everybody is late now and then; a blocked loop is late
    alone.
    """

    def __init__(self, user="bob", interval=0.01):
        self._client, self._interval = Client(user), interval
        self._stop = threading.Event()
        self.times, self._others = [], []

    def _ping_logind(self):
        self._client.call("/org/freedesktop/login1", "org.freedesktop.DBus.Peer", "Ping",
                          destination="org.freedesktop.login1")

    def _run(self):
        while not self._stop.is_set():
            for ping, times in ((self._ping_logind, self._others), (self._client.ping, self.times)):
                start = time.monotonic()
                ping()
                times.append(time.monotonic() - start)
                self._stop.wait(self._interval)

    def __enter__(self):
        self._client.ping()
        self._ping_logind()
        self._thread = _pool.submit(self._run)
        return self

    def __exit__(self, kind, value, traceback):
        self._stop.set()
        self._thread.result(60)
        self._client.close()

    @property
    def worst(self):
        return max(self.times)

    def check(self, at_least=10):
        """Within 50 ms, or within twice what logind has needed meanwhile; one, or one in a hundred, may be late."""
        assert len(self.times) >= at_least, f"only {len(self.times)} answers to Ping"
        limit = max(PING_LIMIT, 2 * max(self._others))
        slow = [t for t in self.times if t > limit]
        if len(slow) > max(1, len(self.times) / 100) or self.worst > 10 * limit:
            raise Late(f"Ping took up to {self.worst * 1000:.0f} ms, logind's "
                       f"{max(self._others) * 1000:.0f} ms ({len(slow)} of {len(self.times)} too long)")
