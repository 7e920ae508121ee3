# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkit as the tests need it: rules that hold at once, and an authentication agent that obeys."""
import functools
import itertools
import json
import os
import threading
import time
from pathlib import Path

from bus import Client, Gio, GLib, Refusal

RULES = Path("/etc/polkit-1/rules.d/10-test.rules")
PREFIX = "org.exmachina1."
AUTHORITY = ("/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority")
POLKIT = "org.freedesktop.PolicyKit1"
_probes = itertools.count(time.time_ns() % 1000000 * 1000)

_TEMPLATE = """// written by the tests
polkit.addRule(function(action, subject) {
    if (action.lookup("probe") === "%(probe)s")
        return polkit.Result.YES;
    if (action.id.indexOf("org.exmachina1.") === 0)
        polkit.log("asked " + subject.user + " " + action);
    var rules = %(rules)s;
    for (var i = 0; i < rules.length; i++) {
        var rule = rules[i], fits = true;
        if (rule.user && rule.user !== subject.user)
            continue;
        if (rule.action && action.id !== rule.action)
            continue;
        if (!rule.action && action.id.indexOf("org.exmachina1.") !== 0)
            continue;
        for (var key in rule.details)
            if (action.lookup(key) !== rule.details[key])
                fits = false;
        if (fits)
            return rule.result;
    }
    return polkit.Result.NOT_HANDLED;
});
"""


class Rules:
    """The rules of one test: the first that fits decides."""

    def __init__(self, root):
        self._root, self._rules = root, []

    def allow(self, user, action=None, **details):
        return self._add(user, action, "yes", details)

    def deny(self, user=None, action=None, **details):
        return self._add(user, action, "no", details)

    def ask(self, user, action=None, **details):
        """As the default of most actions: an administrator's password."""
        return self._add(user, action, "auth_admin", details)

    def clear(self):
        self._rules = []
        return self.apply()

    def _add(self, user, action, result, details):
        self._rules.append({"user": user, "action": PREFIX + action if action else None,
                            "result": result, "details": details})
        return self.apply()

    def apply(self):
        """Writes the rules and returns when polkitd answers by them."""
        probe = str(next(_probes))
        text = _TEMPLATE % {"probe": probe, "rules": json.dumps(self._rules)}
        temporary = RULES.with_name("test.new")
        temporary.write_text(text)
        temporary.chmod(0o644)
        temporary.rename(RULES)
        deadline = time.monotonic() + 40  # polkit 122 may hang for 15 s (run.py)
        while time.monotonic() < deadline:
            if check(self._root, "manage-units", {"probe": probe}, _somebody().name)[0]:
                return self
            time.sleep(0.01)
        raise AssertionError("polkitd has not loaded the rules within 40 s")


@functools.cache
def _somebody():
    """Whom to ask about: polkit says yes to everything about root."""
    return Client("nobody")


def check(root, action, details, subject_name, flags=0):
    """polkit's own answer. Returns: (is authorised, is challenge, details)."""
    subject = ("system-bus-name", {"name": GLib.Variant("s", subject_name)})
    return root.call(*AUTHORITY, "CheckAuthorization",
                     GLib.Variant("((sa{sv})sa{ss}us)", (subject, PREFIX + action, details, flags, "")),
                     destination=POLKIT)


_INTERFACE = """<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
<method name="BeginAuthentication"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="a{ss}"/>
<arg type="s"/><arg type="a(sa{sv})"/></method>
<method name="CancelAuthentication"><arg type="s"/></method></interface></node>"""


def run_main_loop():
    """Dispatches what arrives for exported objects; once for the whole run."""
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()


class Agent:
    """The dialog for every caller in this process. Modes: open (leaves it unanswered), approve, cancel."""

    def __init__(self, mode="open"):
        self.mode, self.prompts, self.cancelled = mode, [], []
        self._arrived = threading.Condition()
        self._invocations = {}
        self._root = Client("root")
        start_time = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        self._subject = ("unix-process", {"pid": GLib.Variant("u", os.getpid()),
                                          "start-time": GLib.Variant("t", start_time)})
        node = Gio.DBusNodeInfo.new_for_xml(_INTERFACE)
        self._root.connection.register_object("/agent", node.interfaces[0], self._called, None, None)
        self._root.call(*AUTHORITY, "RegisterAuthenticationAgent",
                        GLib.Variant("((sa{sv})ss)", (self._subject, "C", "/agent")),
                        destination=POLKIT)

    def _called(self, _connection, _sender, _path, _interface, member, parameters, invocation):
        arguments = parameters.unpack()
        if member == "CancelAuthentication":
            with self._arrived:
                self.cancelled.append(arguments[0])
                self._arrived.notify_all()
            waiting = self._invocations.pop(arguments[0], None)
            if waiting:
                waiting.return_value(None)
            invocation.return_value(None)
            return
        action, message, _icon, details, cookie, identities = arguments
        self._invocations[cookie] = invocation
        with self._arrived:
            self.prompts.append({"action": action, "message": message, "details": details,
                                 "cookie": cookie, "identities": identities})
            self._arrived.notify_all()
        if self.mode != "open":
            threading.Thread(target=self.answer, args=(cookie, self.mode == "approve"),
                             daemon=True).start()

    def answer(self, cookie, approve):
        """What polkit-agent-helper-1 does, as root, after the password was right."""
        invocation = self._invocations.pop(cookie)
        if approve:
            identity = ("unix-user", {"uid": GLib.Variant("u", 0)})
            prompt = next(p for p in self.prompts if p["cookie"] == cookie)
            kind, values = prompt["identities"][0]
            identity = (kind, {key: GLib.Variant("u", value) for key, value in values.items()})
            self._root.call(*AUTHORITY, "AuthenticationAgentResponse2",
                            GLib.Variant("(us(sa{sv}))", (0, cookie, identity)), destination=POLKIT)
        invocation.return_value(None)

    def wait(self, count=1, timeout=30):
        """Until so many dialogs have been opened."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.prompts) >= count, timeout):
                raise AssertionError(f"{len(self.prompts)} dialogs instead of {count}")
        return self.prompts

    def wait_cancelled(self, count=1, timeout=30):
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.cancelled) >= count, timeout):
                raise AssertionError(f"{len(self.cancelled)} dialogs cancelled instead of {count}")

    def close(self):
        for invocation in self._invocations.values():
            invocation.return_value(None)
        try:
            self._root.call(*AUTHORITY, "UnregisterAuthenticationAgent",
                            GLib.Variant("((sa{sv})s)", (self._subject, "/agent")), destination=POLKIT)
        except Refusal:
            pass  # polkitd was restarted by the test
        self._root.close()
