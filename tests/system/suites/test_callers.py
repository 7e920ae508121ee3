# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is calling, and may they: threats 1-13 and 15-20."""
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import daemon
from bus import Gio, GLib, NAME, OBJECT, SOURCE, PingWatch, Refusal, expect, within
from case import equal, has, has_not
from samples import HOSTS, PROBE, arguments, methods
PROPERTIES = "org.freedesktop.DBus.Properties"
EDIT = [("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.99"])]


def hosts_unchanged():
    equal(Path("/etc/hosts").read_text(), HOSTS, "/etc/hosts")


def test_t01_subject_is_the_sender_on_the_bus(t):
    """polkit is asked about the bus name: no process of the caller has to live for it, none is raced."""
    monitor = subprocess.Popen(
        ["busctl", "monitor", "--json=short", "--match",
         "type='method_call',interface='org.freedesktop.PolicyKit1.Authority'"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        time.sleep(0.5)
        alice = t.client("alice")
        alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
        with expect("InteractiveAuthorizationRequired"):
            alice.Config.Apply(EDIT)
        time.sleep(0.3)
    finally:
        monitor.terminate()
        output = monitor.communicate()[0]
    checks = [line for line in output.splitlines() if '"CheckAuthorization"' in line]
    assert len(checks) >= 2, f"{len(checks)} questions seen"
    for line in checks:
        has(line, '"system-bus-name"', alice.name)
        has_not(line, '"unix-process"', '"unix-session"')


def test_t02_caller_gone_while_authorisation_runs(t):
    t.file("/etc/hosts", HOSTS)
    for delay in range(21):
        bob = t.client("bob")
        bob.send(OBJECT, "org.exmachina1.Config", "Apply",
                 GLib.Variant("(a(sas)a{sv})", (EDIT, {})), interactive=delay % 2 == 1)
        time.sleep(delay / 1000)
        bob.close()
    alice = t.client("alice")
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    hosts_unchanged()
    equal(alice.Config.Transactions(), [])


def test_t02_root_is_not_assumed_for_a_caller_that_is_gone(t):
    """The same with an interactive call whose dialog is open when the caller goes."""
    t.file("/etc/hosts", HOSTS)
    agent = t.agent("open")
    bob = t.client("bob")
    bob.send(OBJECT, "org.exmachina1.Config", "Apply",
             GLib.Variant("(a(sas)a{sv})", (EDIT, {})), interactive=True)
    agent.wait(1)
    bob.close()
    agent.wait_cancelled(1)
    hosts_unchanged()


def _polkit_gone(t):
    daemon.run("systemctl", "mask", "--runtime", "polkit.service")
    daemon.run("systemctl", "stop", "polkit.service")

    def back():
        daemon.run("systemctl", "unmask", "--runtime", "polkit.service")
        daemon.run("systemctl", "restart", "polkit.service")
    t.undo(back)


def test_t03_polkit_absent_is_a_denial(t):
    t.file("/etc/hosts", HOSTS)
    t.configure("[Limits]\nPolkitSec=3\n")
    t.client("alice").Config.GetValue("/files/etc/hosts/1/ipaddr")
    _polkit_gone(t)
    alice = t.client("alice")
    for call in (lambda: alice.Config.Apply(EDIT), lambda: alice.Units.Start(PROBE),
                 lambda: alice.Config.GetValue("/files/etc/hosts/1/ipaddr")):
        with within(30, "a denial after 3 s"), expect("AccessDenied"):
            call()
    hosts_unchanged()


def test_t03_polkit_slow_is_a_denial(t):
    t.file("/etc/hosts", HOSTS)
    t.configure("[Limits]\nPolkitSec=2\n")
    alice = t.client("alice")
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    polkitd = daemon.run("systemctl", "show", "--property=MainPID", "--value", "polkit").strip()
    t.undo(lambda: daemon.run("kill", "-CONT", polkitd, check=False))
    daemon.run("kill", "-STOP", polkitd)
    start = time.monotonic()
    with PingWatch() as watch, within(20, "a denial after 2 s"):
        with expect("AccessDenied"):
            alice.Config.Apply(EDIT)
    assert time.monotonic() - start > 1.5, f"after {time.monotonic() - start:.1f} s"
    watch.check()
    hosts_unchanged()
    daemon.run("kill", "-CONT", polkitd)
    time.sleep(0.2)
    hosts_unchanged()


_NONSENSE = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="CheckAuthorization"><arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/>
<arg type="a{ss}" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="%s" direction="out"/></method></interface></node>"""


def test_t03_polkit_talking_nonsense_is_a_denial(t):
    t.file("/etc/hosts", HOSTS)
    t.configure("[Limits]\nPolkitSec=1\n")
    t.client("alice").Config.GetValue("/files/etc/hosts/1/ipaddr")
    _polkit_gone(t)
    asked = []
    for type_, answer in (("s", "yes"), ("b", True), ("(bb)", (True, True)), ("(sba{ss})", ("y", True, {}))):
        liar = t.client("polkitd")
        node = Gio.DBusNodeInfo.new_for_xml(_NONSENSE % type_)

        def reply(*arguments, type_=type_, answer=answer):
            asked.append(type_)
            arguments[-1].return_value(GLib.Variant(f"({type_})", (answer,)))
        liar.connection.register_object("/org/freedesktop/PolicyKit1/Authority", node.interfaces[0],
                                        reply, None, None)
        equal(liar.bus("RequestName", GLib.Variant("(su)", ("org.freedesktop.PolicyKit1", 4))), 1)
        time.sleep(0.1)
        with expect("AccessDenied"):
            t.client("alice").Config.Apply(EDIT)
        liar.close()
    assert asked, "the liar was never asked"
    hosts_unchanged()


test_t03_polkit_talking_nonsense_is_a_denial.slow = True


def test_t05_uids_at_the_edges(t):
    t.file("/etc/hosts", HOSTS)
    for uid in (2147483647, 2147483648, 4294967294):
        try:
            caller = t.client(uid)
        except GLib.Error:
            continue  # the bus itself does not let it in
        for interactive in (False, True):
            with expect("AccessDenied", "InteractiveAuthorizationRequired"):
                caller.Config.Apply(EDIT, interactive=interactive)
            with expect("AccessDenied", "InteractiveAuthorizationRequired"):
                caller.Config.Match("/files/etc/shadow/*", interactive=interactive)
    hosts_unchanged()


def test_t13_a_transaction_is_its_connections_own(t):
    t.rules.allow("alice").allow("bob")
    t.file("/etc/hosts", HOSTS)
    owner = t.client("alice")
    transaction = owner.begin()
    transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.50")
    missing = transaction.path + "9999"
    for user in ("alice", "bob", "root"):
        stranger = t.client(user)
        equal(stranger.Config.Transactions(), [])
        for path in (transaction.path, missing):
            stolen = stranger.transaction(path)
            for _, method in methods("Transaction"):
                with expect("UnknownObject"):
                    getattr(stolen, method.name)(*arguments(method))
            with expect("UnknownObject"):
                stolen.property("Owner")
            with expect("UnknownObject"):
                stranger.call(path, PROPERTIES, "GetAll",
                              GLib.Variant("(s)", ("org.exmachina1.Transaction",)))
        seen = stranger.call("/org/exmachina1/transaction", "org.freedesktop.DBus.Introspectable",
                             "Introspect") if _exists(stranger, "/org/exmachina1/transaction") else ""
        has_not(seen, transaction.path.rsplit("/", 1)[-1] + '"')
    equal(owner.Config.Transactions(), [transaction.path])
    equal(transaction.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.50"))
    hosts_unchanged()


def _exists(client, path):
    try:
        client.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")
    except Refusal:
        return False
    return True


def test_t15_bus_policy_opens_nothing_else(t):
    path = Path("/usr/share/dbus-1/system.d/org.exmachina1.conf")
    rules = list(ElementTree.parse(path).getroot().iter("allow"))
    assert rules, "no rule"
    for rule in rules:
        assert rule.get("send_destination") == NAME or rule.get("own") == NAME, rule.attrib
    equal([policy.get("user") for policy in ElementTree.parse(path).getroot().iter("policy")
           if policy.find("allow[@own]") is not None], ["root"])


def test_t16_nobody_else_can_be_the_service(t):
    for user in ("alice", "exmachina-worker", 4000000000):
        try:
            client = t.client(user)
        except GLib.Error:
            continue
        for flags in (0, 2, 4, 7):
            with expect("AccessDenied"):
                client.bus("RequestName", GLib.Variant("(su)", (NAME, flags)))
    t.client("alice").ping()
    owner = daemon.unique_name(t.root)
    done = subprocess.run(["/usr/libexec/exmachina/exmachinad"], capture_output=True, timeout=30)
    assert done.returncode != 0, "a second instance runs"
    equal(daemon.unique_name(t.root), owner)
    answer = t.root.bus("RequestName", GLib.Variant("(su)", (NAME, 6)))  # replace, do not queue
    equal(answer, 3, "RequestName by another process of root (3: it has an owner)")
    equal(daemon.unique_name(t.root), owner)


def test_t17_signals_tell_strangers_nothing(t):
    canary = "canary-8d21"
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    heard = []
    bob, alice = t.client("bob"), t.client("alice")
    own = []
    for client, into in ((bob, heard), (alice, own)):
        client.connection.signal_subscribe(
            NAME, None, None, None, None, Gio.DBusSignalFlags.NONE,
            lambda *a, into=into: into.append((a[2], a[3], a[4], a[5].print_(False))))
    bob.bus("ListNames")
    transaction = alice.begin()
    transaction.SetValue("/files/etc/hosts/1/canonical", canary)
    transaction.Commit(message=canary)
    second = alice.begin()
    second.SetValue("/files/etc/hosts/1/canonical", canary + "2")
    second.Rollback()
    daemon.wait_for(lambda: any(member == "Closed" for _, _, member, _ in own), "Closed to the owner")
    has(str(own), "rollback")
    time.sleep(0.3)
    bob.bus("ListNames")
    heard = [entry for entry in heard if entry[1].startswith(NAME)]
    equal([(entry[1], entry[2]) for entry in heard], [(f"{NAME}.History", "Committed")])
    has_not(str(heard), canary)


def test_t19_forged_signals_are_ignored(t):
    """JobRemoved, NameOwnerChanged and polkit's Changed, sent straight to the service by bob."""
    t.unit("exm-slow.service", "[Service]\nExecStart=/bin/sh -c 'trap \"sleep 6; exit 0\" TERM; "
           "while :; do sleep 0.1; done'\n")
    t.rules.allow("alice")
    alice, bob = t.client("alice"), t.client("bob")
    alice.Units.Start("exm-slow.service")
    service = daemon.unique_name(t.root)
    start = time.monotonic()
    stop = alice.Units.later("Stop", "exm-slow.service")
    time.sleep(0.3)
    transaction = alice.begin()
    for job in range(1, 1500):
        path = f"/org/freedesktop/systemd1/job/{job}"
        bob.connection.emit_signal(
            service, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved",
            GLib.Variant("(uoss)", (job, path, "exm-slow.service", "done")))
    for name in (alice.name, "org.freedesktop.systemd1", "org.freedesktop.PolicyKit1"):
        bob.connection.emit_signal(service, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                   "NameOwnerChanged", GLib.Variant("(sss)", (name, name, "")))
    bob.connection.emit_signal(service, "/org/freedesktop/PolicyKit1/Authority",
                               "org.freedesktop.PolicyKit1.Authority", "Changed", None)
    bob.connection.flush_sync(None)
    time.sleep(0.5)
    if time.monotonic() - start < 5.5:
        assert not stop.done(), "the reply came before the job's end"
    equal(alice.Config.Transactions(), [transaction.path], "the transaction after a forged goodbye")
    equal(stop.result(30)[0], "done")
    assert time.monotonic() - start >= 5.9
    equal(daemon.unique_name(t.root), service)


def test_t20_nothing_outlives_its_client(t):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    t.configure("[Limits]\nTransactionsUser=3\n")
    bob = t.client("bob")
    bob.Config.GetValue("/files/etc/hosts/1/ipaddr")
    for point in range(40):
        alice = t.client("alice")
        transaction = alice.begin()
        calls = [("SetValue", GLib.Variant("(ss)", ("/files/etc/hosts/1/canonical", "x" * (point + 1)))),
                 ("Diff", GLib.Variant("(a{sv})", ({},))),
                 ("Match", GLib.Variant("(s)", ("/files/etc/hosts/*",)))]
        for member, body in calls[:1 + point % 3]:
            alice.send(transaction.path, "org.exmachina1.Transaction", member, body)
        time.sleep(point / 2000)
        alice.close()
    alice = t.client("alice")

    def free():
        made = []
        try:
            for _ in range(3):
                made.append(alice.begin())
        except Refusal:
            return False
        finally:
            for transaction in made:
                transaction.Rollback()
        return True
    daemon.wait_for(free, "all slots free")
    daemon.wait_for(lambda: len(daemon.workers(t.root)) <= 1, "workers of the dead reaped")
    hosts_unchanged()


def test_t20_a_vanished_caller_cancels_its_dialog(t):
    agent = t.agent("open")
    carol = t.client("carol")
    carol.send(OBJECT, "org.exmachina1.Config", "ReadFile", GLib.Variant("(s)", ("/etc/shadow",)),
               interactive=True)
    agent.wait(1)
    carol.close()
    agent.wait_cancelled(1, 2)


def test_audit_record_of_a_denial(t):
    t.rules.deny("bob")
    bob = t.client("bob")
    with expect("AccessDenied"):
        bob.Config.ReadFile("/etc/shadow")
    with expect("AccessDenied"):
        bob.Units.Start("dbus.service")
    uid = 6002
    records = daemon.wait_for(lambda: len(t.journal.audit(uid=uid)) >= 2 and t.journal.audit(uid=uid),
                              "two audit records")
    by_method = {r["EXMACHINA_METHOD"]: r for r in records}
    equal(set(by_method), {"Config.ReadFile", "Units.Start"})
    for record in records:
        has(record["EXMACHINA_OUTCOME"], "AccessDenied")
        equal(record["EXMACHINA_SENDER"], bob.name)
    equal(by_method["Config.ReadFile"]["EXMACHINA_FILE"], "/etc/shadow")


def test_audit_record_of_a_change(t):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    alice = t.client("alice")
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    change = alice.Config.Apply(EDIT, message="a reason")
    assert change > 0
    records = daemon.wait_for(lambda: t.journal.audit(uid=6001), "an audit record")
    equal(len(records), 1, "records (reads leave none)")
    record = records[0]
    equal((record["EXMACHINA_METHOD"], record["EXMACHINA_FILE"], record["EXMACHINA_OUTCOME"],
           record["EXMACHINA_MESSAGE"], record["EXMACHINA_CHANGE"]),
          ("Config.Apply", "/etc/hosts", "done", "a reason", str(change)))
    has(record["EXMACHINA_AUTHORITY"], "polkit")


def test_t25_newlines_do_not_forge_records(t):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    alice = t.client("alice")
    forged = "ok\nEXMACHINA_UID=0\nMESSAGE=root did it\n" + "x" * 4000
    alice.Config.Apply(EDIT, message=forged)
    records = daemon.wait_for(lambda: t.journal.audit(uid=6001), "an audit record")
    equal(len(records), 1)
    assert "\n" not in records[0]["EXMACHINA_MESSAGE"], "a newline in the record"
    assert len(records[0]["EXMACHINA_MESSAGE"]) <= 1100, "not cut"
    equal(records[0]["EXMACHINA_UID"], "6001")
    assert not any(str(e.get("MESSAGE", "")).startswith("root did it") for e in t.journal.entries())


def test_introspection_equals_the_xml(t):
    """busctl shows what the XML says, argument names included."""
    alice = t.client("alice")
    transaction = alice.begin()
    for path, names in ((OBJECT, ("Authority", "Clock", "Config", "History", "Packages", "Units")),
                        (transaction.path, ("Transaction",))):
        text = alice.call(path, "org.freedesktop.DBus.Introspectable", "Introspect")
        live = {i.get("name"): _shape(i) for i in ElementTree.fromstring(text).findall("interface")
                if i.get("name").startswith(NAME)}
        source = {}
        for name in names:
            root = ElementTree.parse(SOURCE / "introspection" / f"org.exmachina1.{name}.xml").getroot()
            source.update({i.get("name"): _shape(i) for i in root.findall("interface")})
        equal(live, source)


def _shape(interface):
    methods_ = {m.get("name"): [(a.get("name"), a.get("type"), a.get("direction"))
                                for a in sorted(m.findall("arg"), key=lambda a: a.get("direction"))]
                for m in interface.findall("method")}
    signals = {s.get("name"): [(a.get("name"), a.get("type")) for a in s.findall("arg")]
               for s in interface.findall("signal")}
    properties = {p.get("name"): (p.get("type"), p.get("access")) for p in interface.findall("property")}
    return methods_, signals, properties
