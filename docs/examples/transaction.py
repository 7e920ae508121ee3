#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A transaction: edits that are staged, looked at, and written together.

It belongs to one connection; busctl and gdbus make a new one for each call.
"""
from gi.repository import Gio

bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)


def proxy(path, interface):
    return Gio.DBusProxy.new_sync(bus, Gio.DBusProxyFlags.DO_NOT_LOAD_PROPERTIES, None, "org.exmachina1",
                                  path, interface, None)


config = proxy("/org/exmachina1", "org.exmachina1.Config")
transaction = proxy(config.Begin("(a{sv})", {}), "org.exmachina1.Transaction")
transaction.SetValue("(ss)", "/files/etc/hosts/seq::*[canonical='files.example']/alias[1]", "storage")
count = transaction.Edit("(a(sas))", [
    ("set", ["/files/etc/hosts/01/ipaddr", "192.0.2.9"]),
    ("set", ["/files/etc/hosts/01/canonical", "printer.example"]),
])
print(count, "edits staged; nothing is written yet. The diff:")
for file, diff in transaction.Diff("(a{sv})", {}):
    print(diff)
print("Commit made change", transaction.Commit("(a{sv})", {}))
