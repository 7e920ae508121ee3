# SPDX-License-Identifier: LGPL-2.1-or-later
"""The time zone: set through systemd-timedated, in the journal, taken back, seen by everybody."""
import os
import signal
import sqlite3
from pathlib import Path

import daemon
from bus import Gio, GLib, OBJECT, expect
from case import equal, has, has_not

LINK = Path("/etc/localtime")
JOURNAL = "/var/lib/exmachina/journal.sqlite"
MASK = Path("/etc/systemd/system/dbus-org.freedesktop.timedate1.service")
BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"
INTERFACE = "org.exmachina1.Clock"
HOSTILE = ["", "/", "/etc/shadow", "../../etc/shadow", "Europe/../../etc/shadow", "Europe//Berlin",
           "Europe/", "-o", "a;b", "$(reboot)", "Europe/Berlin\n", "Europe Berlin", "x" * 256,
           "Nowhere/Atlantis", "Europe", "tzdata.zi", "zone1970.tab", "europe/berlin"]

_TIMEDATED = """<node><interface name="org.freedesktop.timedate1">
<method name="ListTimezones"><arg type="as" direction="out"/></method>
<method name="SetTimezone"><arg type="s" direction="in"/><arg type="b" direction="in"/></method>
</interface></node>"""


def link_to(zone):
    new = LINK.with_name("localtime.new")
    new.unlink(missing_ok=True)
    new.symlink_to(f"../usr/share/zoneinfo/{zone}")
    new.rename(LINK)


def start_in(t, zone):
    """The service has seen it; afterwards the link is as it was."""
    t.keep(LINK)
    link_to(zone)
    daemon.wait_for(lambda: t.root.property(INTERFACE, "Timezone") == zone, f"Timezone is {zone}")


def zone_now():
    return os.readlink(LINK).partition("/zoneinfo/")[2]


def allowed(t, user="alice"):
    t.rules.allow(user, "set-timezone")
    return t.client(user)


def last_change(client, **filters):
    return client.History.ListChanges(limit=1, **filters)[0]


def test_list_of_zones(t):
    zones = t.client("bob").Clock.ListTimezones()
    has(zones, "UTC", BERLIN, TOKYO)
    assert len(zones) > 300, len(zones)


def test_denied_then_allowed_by_polkit(t):
    start_in(t, BERLIN)
    t.rules.deny("alice")
    alice = t.client("alice")
    with expect("AccessDenied"):
        alice.Clock.SetTimezone(TOKYO)
    t.rules.clear().ask("alice")
    with expect("InteractiveAuthorizationRequired"):
        alice.Clock.SetTimezone(TOKYO)
    equal(zone_now(), BERLIN)
    t.rules.clear().allow("alice", "set-timezone", zone=TOKYO, method="Clock.SetTimezone")
    equal(alice.Clock.SetTimezone(TOKYO), None)
    equal((zone_now(), alice.property(INTERFACE, "Timezone")), (TOKYO, TOKYO), "with the reply")
    with expect("InteractiveAuthorizationRequired"):
        alice.Clock.SetTimezone(BERLIN)
    change = last_change(alice)["id"]
    done = t.journal.audit(method="Clock.SetTimezone", outcome="done")
    equal([(r["EXMACHINA_UID"], r["EXMACHINA_ZONE"], r["EXMACHINA_CHANGE"], r["EXMACHINA_AUTHORITY"])
           for r in done], [("6001", TOKYO, str(change), "polkit:org.exmachina1.set-timezone")])
    denied = t.journal.audit(method="Clock.SetTimezone", outcome="org.freedesktop.DBus.Error.AccessDenied")
    equal([r["EXMACHINA_ZONE"] for r in denied], [TOKYO])


def test_allowed_by_key(t):
    start_in(t, BERLIN)
    t.rules.deny("bob")
    bob = t.client("bob", t.key("exm-zone", timezone=True))
    bob.Clock.SetTimezone(TOKYO)
    change = last_change(bob)
    equal((zone_now(), change["authority"]), (TOKYO, "key:exm-zone"))
    equal(bob.Authority.Permitted([("set-timezone", "")]), ["yes"])
    bob.History.Revert(change["id"])
    equal(zone_now(), BERLIN)
    other = t.client("bob", t.key("exm-files", write=["/etc/hosts"]))
    for call in (lambda: other.Clock.SetTimezone(TOKYO), lambda: other.History.Revert(change["id"])):
        with expect("AccessDenied"):
            call()
    equal(zone_now(), BERLIN)


def test_hostile_names(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    before = len(alice.History.ListChanges())
    for name in HOSTILE:
        with expect("InvalidArgs") as seen:
            alice.Clock.SetTimezone(name)
        has(seen.message, "ListTimezones")
    equal(zone_now(), BERLIN)
    equal(len(alice.History.ListChanges()), before, "changes in the journal")


def test_history_and_revert(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    heard = t.client("bob").listen()
    alice.Clock.SetTimezone(TOKYO)
    made = last_change(alice)
    equal((made["timezone"], made["state"], made["files"], made["user"]),
          ((BERLIN, TOKYO), "applied", [], "alice"))
    equal(alice.History.DiffChange(made["id"]), [("timezone", f"-{BERLIN}\n+{TOKYO}\n")])
    equal(alice.History.GetChange(made["id"]), (made, [("timezone", f"-{BERLIN}\n+{TOKYO}\n")]))
    equal(alice.History.RevertDiff(made["id"]), [("timezone", f"-{TOKYO}\n+{BERLIN}\n")])
    with expect("AccessDenied", "InteractiveAuthorizationRequired"):
        t.client("bob").History.DiffChange(made["id"])
    for option in ({"merge": True}, {"confirm_within": 60}, {"expect": {"/etc/hosts": ""}}):
        with expect("InvalidArgs") as seen:
            alice.History.Revert(made["id"], **option)
        has(seen.message, *option)
    back = alice.History.Revert(made["id"], message="we stay", token="back-1")
    equal(zone_now(), BERLIN)
    row = last_change(alice, token="back-1")
    equal((row["id"], row["timezone"], row["reverts"], row["message"], row["state"]),
          (back, (TOKYO, BERLIN), made["id"], "we stay", "applied"))
    with expect("Conflict") as seen:
        alice.History.Revert(made["id"])
    has(seen.message, BERLIN)
    with expect("NotPending"):
        alice.History.Confirm(made["id"])
    daemon.wait_for(lambda: ("History", "Committed", (back, [])) in heard, "Committed")
    has(heard, ("History", "Committed", (made["id"], [])))


def test_revert_needs_the_right(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    alice.Clock.SetTimezone(TOKYO)
    change = last_change(alice)["id"]
    t.rules.clear().allow("alice", "set-timezone", zone=TOKYO)
    with expect("InteractiveAuthorizationRequired"):
        alice.History.Revert(change)
    equal(zone_now(), TOKYO)
    t.rules.clear().allow("alice", "set-timezone", zone=BERLIN)
    alice.History.Revert(change)
    equal(zone_now(), BERLIN)


def test_same_zone_changes_nothing(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    before = len(alice.History.ListChanges())
    inode = LINK.lstat().st_ino
    alice.Clock.SetTimezone(BERLIN)
    equal((len(alice.History.ListChanges()), LINK.lstat().st_ino), (before, inode))


def test_property_follows_everybody(t):
    """timedatectl, and whoever exchanges the link by himself."""
    start_in(t, BERLIN)
    bob = t.client("bob")
    heard = bob.listen()
    alice = allowed(t)

    def changed():
        return [(member, arguments[0], arguments[1].get("Timezone"))
                for _, member, arguments in heard if member == "PropertiesChanged"]
    for zone, change in ((TOKYO, lambda: alice.Clock.SetTimezone(TOKYO)),
                         ("UTC", lambda: daemon.run("timedatectl", "set-timezone", "UTC")),
                         (BERLIN, lambda: link_to(BERLIN))):
        heard.clear()
        change()
        daemon.wait_for(changed, f"PropertiesChanged for {zone}")
        equal(changed(), [("PropertiesChanged", INTERFACE, zone)])
        equal(bob.property(INTERFACE, "Timezone"), zone)
    with expect("PropertyReadOnly", "AccessDenied"):
        alice.call(OBJECT, "org.freedesktop.DBus.Properties", "Set",
                   GLib.Variant("(ssv)", (INTERFACE, "Timezone", GLib.Variant("s", TOKYO))))


def test_without_timedated(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    daemon.run("systemctl", "stop", "systemd-timedated")
    t.keep(MASK).symlink_to("/dev/null")
    daemon.run("systemctl", "daemon-reload")
    t.undo(lambda: (MASK.unlink(), daemon.run("systemctl", "daemon-reload")))
    for call in (alice.Clock.ListTimezones, lambda: alice.Clock.SetTimezone(TOKYO)):
        with expect("Refused") as seen:
            call()
        has(seen.message, "systemd-timedated")
    equal((zone_now(), t.root.property(INTERFACE, "Timezone")), (BERLIN, BERLIN))


def other_timedated(t, mode):
    """In the place of the true one; it does as `mode` says when it is asked for Tokyo."""
    daemon.run("systemctl", "stop", "systemd-timedated")
    other = t.client("root")

    def answer(connection, sender, path, interface, method, arguments, invocation):
        if method == "ListTimezones":
            invocation.return_value(GLib.Variant("(as)", ([BERLIN, TOKYO],)))
        elif arguments.unpack()[0] == BERLIN and mode != "dies when it is reminded":
            invocation.return_value(None)
        elif mode == "refuses":
            invocation.return_dbus_error("org.freedesktop.DBus.Error.Failed", "not today")
        else:
            if mode == "does it and dies":
                link_to(TOKYO)
            other.close()
    node = Gio.DBusNodeInfo.new_for_xml(_TIMEDATED)
    other.connection.register_object("/org/freedesktop/timedate1", node.interfaces[0], answer, None, None)
    equal(other.bus("RequestName", GLib.Variant("(su)", ("org.freedesktop.timedate1", 4))), 1)
    return other


def test_timedated_that_ends_while_it_is_asked(t):
    """What the link says afterwards decides, for the caller and in the history."""
    start_in(t, BERLIN)
    alice = allowed(t)
    for mode, error, says in (("dies", "Timeout", "has ended or hangs"),
                              ("dies when it is reminded", "Timeout", "has ended or hangs"),
                              ("refuses", "Refused", "not today")):
        other = other_timedated(t, mode)
        with expect(error) as seen:
            alice.Clock.SetTimezone(TOKYO)
        has(seen.message, "systemd-timedated", says)
        change = last_change(alice)
        equal((change["timezone"], change["state"], zone_now()), ((BERLIN, TOKYO), "failed", BERLIN), mode)
        has(change["reason"], says, f"the time zone is {BERLIN}")
        other.close()
    other_timedated(t, "does it and dies")
    alice.Clock.SetTimezone(TOKYO)
    equal((last_change(alice)["state"], zone_now(), alice.property(INTERFACE, "Timezone")),
          ("applied", TOKYO, TOKYO))


def test_timedated_that_hangs(t):
    """It is not asked to set anything: nothing happens when it goes on, nor is anything in the history."""
    start_in(t, BERLIN)
    alice = allowed(t)
    alice.Clock.ListTimezones()
    before = len(alice.History.ListChanges())
    hanging = int(daemon.run("systemctl", "show", "-P", "MainPID", "systemd-timedated"))
    os.kill(hanging, signal.SIGSTOP)
    t.undo(lambda: daemon.run("systemctl", "kill", "-s", "KILL", "systemd-timedated", check=False))
    waiting = alice.Clock.later("SetTimezone", TOKYO)
    equal(t.client("bob").property(INTERFACE, "Timezone"), BERLIN, "while it is waited for")
    error = waiting.exception(300)
    equal(error.short, "Timeout")
    has(error.message, "systemctl status systemd-timedated")
    has_not(error.message, "may still do it")
    os.kill(hanging, signal.SIGCONT)
    alice.Clock.ListTimezones()
    equal((len(alice.History.ListChanges()), zone_now()), (before, BERLIN))


test_timedated_that_hangs.slow = True


def test_timedated_that_is_killed(t):
    start_in(t, BERLIN)
    alice = allowed(t)
    alice.Clock.ListTimezones()
    hanging = int(daemon.run("systemctl", "show", "-P", "MainPID", "systemd-timedated"))
    os.kill(hanging, signal.SIGSTOP)
    waiting = alice.Clock.later("SetTimezone", TOKYO)
    alice.Config.Transactions()  # answered after the other has been sent on
    os.kill(hanging, signal.SIGKILL)
    error = waiting.exception(300)
    # If it had not been asked before it was killed, the next one did it.
    equal((error and error.short, zone_now()), ("Timeout", BERLIN) if error else (None, TOKYO))
    alice.Clock.SetTimezone(TOKYO)
    equal((zone_now(), last_change(alice)["state"]), (TOKYO, "applied"))


def test_odd_links(t):
    """What localtime(5) knows has a name; all else has none, can be left, and cannot be come back to."""
    start_in(t, BERLIN)
    alice = allowed(t)
    zoneinfo = Path("/usr/share/zoneinfo")
    outside = t.file("/run/exm/zoneinfo/Europe/Berlin", (zoneinfo / BERLIN).read_bytes())

    def none():
        LINK.unlink()

    def regular():
        LINK.unlink()
        LINK.write_bytes((zoneinfo / BERLIN).read_bytes())

    def link(target):
        def make():
            LINK.unlink()
            LINK.symlink_to(target)
        return make
    for make, zone in ((none, "UTC"), (regular, ""), (link(zoneinfo / BERLIN), BERLIN),
                       (link(f"..{zoneinfo}/{BERLIN}"), BERLIN), (link(outside), ""),
                       (link("../run/exm/zoneinfo/Europe/Berlin"), ""), (link("/nowhere"), ""),
                       (link(f"{zoneinfo}/../zoneinfo/{BERLIN}"), ""), (link(zoneinfo), ""),
                       (link(f"{zoneinfo}/Nowhere/Atlantis"), "Nowhere/Atlantis")):
        make()
        daemon.wait_for(lambda: alice.property(INTERFACE, "Timezone") == zone, f"{zone!r} of {make}")
        alice.Clock.SetTimezone(TOKYO)
        change = last_change(alice)
        equal((change["timezone"], change["state"], zone_now()), ((zone, TOKYO), "applied", TOKYO))
        if zone in ("UTC", BERLIN):
            alice.History.Revert(change["id"])
            equal((zone_now(), alice.property(INTERFACE, "Timezone")), (zone, zone))
        else:
            with expect("Refused", "InvalidArgs") as seen:
                alice.History.Revert(change["id"])
            has(seen.message, "no name" if not zone else "no such time zone")
            equal(zone_now(), TOKYO)
    alice.Clock.SetTimezone("UTC")
    regular()
    daemon.wait_for(lambda: alice.property(INTERFACE, "Timezone") == "", "no name")
    alice.Clock.SetTimezone("UTC")
    equal((zone_now(), last_change(alice)["timezone"]), ("UTC", ("", "UTC")), "what timedated remembers")


def test_timedated_that_remembers_another_zone(t):
    """It was not told that somebody has exchanged the link, and takes the zone for set."""
    start_in(t, BERLIN)
    alice = allowed(t)
    alice.Clock.SetTimezone(TOKYO)
    link_to(BERLIN)
    alice.Clock.SetTimezone(TOKYO)
    equal((zone_now(), last_change(alice)["state"]), (TOKYO, "applied"))


def test_interrupted_change_is_settled(t):
    """Killed between the journal and timedated: what the link says decides."""
    start_in(t, BERLIN)
    alice = allowed(t)
    alice.Clock.SetTimezone(TOKYO)
    change = last_change(alice)["id"]
    for zone, state, reason in ((TOKYO, "applied", ""), (BERLIN, "failed", BERLIN)):
        daemon.stop()
        with sqlite3.connect(JOURNAL) as journal:
            journal.execute("UPDATE change SET state = 'prepared' WHERE id = ?", (change,))
        journal.close()
        Path(JOURNAL).with_name("unfinished").touch()
        link_to(zone)
        row = last_change(alice)
        equal((row["id"], row["state"], row["timezone"]), (change, state, (BERLIN, TOKYO)))
        has(row["reason"], reason)


def test_two_at_once_are_one_after_the_other(t):
    start_in(t, "UTC")
    alice = allowed(t)
    before = len(alice.History.ListChanges())
    zones = [BERLIN, TOKYO] * 6
    futures = [t.client("alice").Clock.later("SetTimezone", zone) for zone in zones]
    errors = [future.exception(30) for future in futures]
    assert any(error is None for error in errors), errors
    equal({error.short for error in errors if error} - {"Busy"}, set())
    assert zone_now() in (BERLIN, TOKYO)
    rows = alice.History.ListChanges()[:-before or None]
    equal({row["state"] for row in rows}, {"applied"})
    for newer, older in zip(rows, rows[1:]):
        equal(newer["timezone"][0], older["timezone"][1], "each begins where the one before ended")
