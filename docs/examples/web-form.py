#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A form in two requests that loses nobody's change: GET shows a value, POST writes it.

The form carries the version of the file as it was shown. POST passes it on as `expect`, so that the service
writes only if the file is still that one; else the page shows both values, and the user decides again. It
carries a token too, so that a form that is sent twice, or whose reply was lost, makes one change.

Nothing is kept in between: each request has a connection of its own, on which it unlocks the key. Who may see
the page is not decided here: put a server with a log-in before it.

usage: EXMACHINA_KEY_FILE=FILE web-form.py PORT PATH, such as: web-form.py 8080 /files/etc/hosts/2/ipaddr
"""
import html
import os
import secrets
import sys
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gi.repository import Gio, GLib

FLAGS = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
NO_TIME_OUT = GLib.MAXINT  # a commit may take minutes, and goes on without us
STATUS = {"Conflict": HTTPStatus.CONFLICT, "AccessDenied": HTTPStatus.FORBIDDEN,
          "InteractiveAuthorizationRequired": HTTPStatus.FORBIDDEN, "BadKey": HTTPStatus.FORBIDDEN,
          "NoMatch": HTTPStatus.NOT_FOUND,
          "Busy": HTTPStatus.SERVICE_UNAVAILABLE, "LimitExceeded": HTTPStatus.SERVICE_UNAVAILABLE}
# Another site can send our form too, but cannot know what is in it.
SECRET = secrets.token_urlsafe()

PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>{path}</title>
<p>{said}</p>
<form method="post">
<label>{path} <input name="value" value="{value}"></label>
<input type="hidden" name="version" value="{version}">
<input type="hidden" name="token" value="{token}">
<input type="hidden" name="secret" value="{secret}">
<button>Save</button>
</form>
"""


class Refusal(Exception):
    """An error reply: its name without prefix, and its message, which is made to be shown."""

    def __init__(self, error):
        name = Gio.DBusError.get_remote_error(error) or ""
        super().__init__(error.message.removeprefix(f"GDBus.Error:{name}: "))
        self.name = name.rpartition(".")[2]


class Service:
    """One connection, with the rights of the key if there is one."""

    def __enter__(self):
        address = Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM)
        self._bus = Gio.DBusConnection.new_for_address_sync(address, FLAGS)
        if "EXMACHINA_KEY_FILE" in os.environ:
            with open(os.environ["EXMACHINA_KEY_FILE"], encoding="ascii") as file:
                self.call("Authority", "Unlock", "(s)", file.read().strip())
        return self

    def __exit__(self, *_):
        self._bus.close_sync()

    def call(self, interface, method, types, *values):
        try:
            return self._bus.call_sync("org.exmachina1", "/org/exmachina1", "org.exmachina1." + interface, method,
                                       GLib.Variant(types, values), None, Gio.DBusCallFlags.NONE,
                                       NO_TIME_OUT).unpack()
        except GLib.Error as error:
            raise Refusal(error) from error

    def read(self, path):
        """Returns: (value, file, version)."""
        nodes, _, versions = self.call("Config", "Read", "(suu)", path, 0, 1)
        (file, version), = versions.items()
        return nodes[0][2] if nodes else "", file, version

    def write(self, path, value, file, version, token):
        """Returns: the number of the change; of the same form sent before, the number that it got then."""
        options = {"expect": GLib.Variant("a{ss}", {file: version}), "token": GLib.Variant("s", token),
                   "message": GLib.Variant("s", "web form")}
        try:
            return self.call("Config", "Apply", "(a(sas)a{sv})", [("set", [path, value])], options)[0]
        except Refusal as refusal:
            if refusal.name != "Conflict":
                raise
            done, = self.call("History", "ListChanges", "(a{sv})", {"token": options["token"]})
            if not done or done[0]["state"] in ("failed", "reverted"):
                raise
            return done[0]["id"]


class Form(BaseHTTPRequestHandler):
    path_of_node = ""

    def do_GET(self):
        try:
            with Service() as service:
                self._show(service, HTTPStatus.OK, "")
        except Refusal as refusal:
            self._refuse(refusal)

    def do_POST(self):
        try:
            self._save()
        except Refusal as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal):
        self.send_error(STATUS.get(refusal.name, HTTPStatus.BAD_REQUEST), explain=str(refusal))

    def _save(self):
        length = min(int(self.headers.get("Content-Length", 0)), 65536)
        fields = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode(errors="replace"), keep_blank_values=True))
        ours = secrets.compare_digest(fields.get("secret", "").encode(), SECRET.encode())
        if not ours or not {"value", "version", "token"} <= fields.keys():
            self.send_error(HTTPStatus.FORBIDDEN, "This form is not from here")
            return
        with Service() as service:
            try:
                _, file, _ = service.read(self.path_of_node)
                change = service.write(self.path_of_node, fields["value"], file, fields["version"], fields["token"])
            except Refusal as refusal:
                self._show(service, STATUS.get(refusal.name, HTTPStatus.BAD_REQUEST),
                           f"{refusal} (You wanted: {fields['value']})")
                return
            self._show(service, HTTPStatus.OK, f"Saved as change {change}.")

    def _show(self, service, status, said):
        """The value as it is now, with its version: what is sent from here builds upon what was seen."""
        value, _, version = service.read(self.path_of_node)
        values = {"path": self.path_of_node, "said": said, "value": value, "version": version,
                  "token": secrets.token_urlsafe(), "secret": SECRET}
        body = PAGE.format(**{key: html.escape(text) for key, text in values.items()}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Form.path_of_node = sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Form).serve_forever()
