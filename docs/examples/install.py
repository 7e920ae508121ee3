#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Installs packages, and shows how far it is.

The call has no time-out: a download and the scripts of packages take as long as they take. Ctrl-C closes the
connection, which cancels what has not begun.

usage: install.py NAME...
"""
import secrets
import sys

from gi.repository import Gio, GLib

NAME, PATH, INTERFACE = "org.exmachina1", "/org/exmachina1", "org.exmachina1.Packages"
# Who sends a signal with this word in it has it from us.
OPERATION = secrets.token_urlsafe()


def on_progress(_bus, _sender, _path, _interface, _signal, parameters):
    operation, percent, detail = parameters.unpack()
    if operation == OPERATION:
        print(f"{percent:3} % {detail}", file=sys.stderr)


def install(bus, names, done):
    """`done` gets the list of changes, or the error."""
    def on_reply(_bus, result):
        try:
            done(bus.call_finish(result).unpack()[0], None)
        except GLib.Error as error:
            done(None, error)
    options = {"operation": GLib.Variant("s", OPERATION)}
    bus.call(NAME, PATH, INTERFACE, "Install", GLib.Variant("(asa{sv})", (names, options)),
             GLib.VariantType("(a(sss))"), Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, GLib.MAXINT, None,
             on_reply)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.rpartition("usage: ")[2].strip())
    loop, status = GLib.MainLoop(), 0

    def done(changes, error):
        nonlocal status
        if error:
            name = Gio.DBusError.get_remote_error(error) or ""
            print(error.message.removeprefix(f"GDBus.Error:{name}: "), file=sys.stderr)
            status = 1
        elif not changes:
            print("Nothing had to be changed.")
        for change in changes or ():
            print(*change)
        loop.quit()
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    bus.signal_subscribe(NAME, INTERFACE, "Progress", PATH, None, Gio.DBusSignalFlags.NONE, on_progress)
    install(bus, sys.argv[1:], done)
    loop.run()
    sys.exit(status)


if __name__ == "__main__":
    main()
