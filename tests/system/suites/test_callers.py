# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is calling, and may they: threats 1-13 and 15-20."""
import re
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import daemon
from bus import Gio, GLib, NAME, OBJECT, SOURCE, PingWatch, Refusal, expect
from case import equal, has, has_not
from samples import HOSTS, PROBE, PROBE_UNIT, arguments, methods, options

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
        start = time.monotonic()
        with expect("AccessDenied"):
            call()
        assert time.monotonic() - start < 6, "later than the limit"
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
    with PingWatch() as watch:
        with expect("AccessDenied"):
            alice.Config.Apply(EDIT)
    assert 1.5 < time.monotonic() - start < 4, f"after {time.monotonic() - start:.1f} s"
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


def _questions(journal, user):
    found = []
    for line in journal.polkit_questions():
        who, _, action = line.partition(" ")
        if who == user:
            pairs = dict(re.findall(r"([\w.]+)='([^']*)'", action))
            found.append((pairs.pop("id").removeprefix("org.exmachina1."), pairs))
    return found


def test_t07_action_and_details_of_each_method(t):
    t.unit(PROBE, PROBE_UNIT)
    t.file("/etc/hosts", HOSTS)
    t.rules.deny("carol")
    verbs = {"Start": "start", "Stop": "stop", "Restart": "restart", "Reload": "reload",
             "ReloadOrRestart": "reload-or-restart", "Enable": "enable", "Disable": "disable",
             "Mask": "mask", "Unmask": "unmask"}
    wrong = []
    for interface, method in methods("Config", "Units"):
        if method.needs == "public" or method.name == "Begin":
            continue
        carol = t.client("carol")
        journal = daemon.Journal()
        with expect("AccessDenied"):
            getattr(getattr(carol, interface), method.name)(*arguments(method))
        carol.close()
        name = f"{interface}.{method.name}"
        if method.name == "ListUnits":
            wanted = ("read-units", {"method": name})
        elif method.name == "Status":
            wanted = ("read-units", {"method": name, "unit": PROBE})
        elif interface == "Units":
            action = "manage-units" if method.name in list(verbs)[:5] else "manage-unit-files"
            wanted = (action, {"method": name, "unit": PROBE, "verb": verbs[method.name]})
        else:
            wanted = ("read-config", {"method": name, "file": "/etc/hosts"})
        seen = _questions(journal, "carol")
        if wanted not in seen:
            wrong.append(f"{name}: {seen} instead of {wanted}")
    assert not wrong, "; ".join(wrong)


def test_t07_action_and_details_of_history(t):
    """About a change of somebody else: read-history, or the right to write each of its files."""
    t.file("/etc/hosts", HOSTS)
    t.file("/etc/sysctl.d/exm-test.conf", "kernel.sysrq = 0\n")
    t.rules.allow("alice").deny("carol")
    alice, carol = t.client("alice"), t.client("carol")
    text = alice.Config.Apply(EDIT)
    sensitive = alice.Config.Apply([("set", ["/files/etc/sysctl.d/exm-test.conf/kernel.sysrq", "1"])])
    mode = alice.Config.Apply([("mode", ["/etc/hosts", "0640"])])
    alice.Config.Apply([("mode", ["/etc/hosts", "0644"])])
    wrong = []
    for _, method in methods("History"):
        name = f"History.{method.name}"
        for change, action, file in ((text, "write-config", "/etc/hosts"),
                                     (mode, "write-sensitive-config", "/etc/hosts"),
                                     (sensitive, "write-sensitive-config", "/etc/sysctl.d/exm-test.conf")):
            wanted = (action, {"method": name, "file": file})
            if method.needs == "own-or-history":
                wanted = ("read-history", {"method": name})
            journal = daemon.Journal()
            try:
                getattr(carol.History, method.name)(*arguments(method, change=change))
            except Refusal as refusal:
                equal(refusal.short, "AccessDenied", name)
            else:
                equal(name, "History.ListChanges")
            seen = _questions(journal, "carol")
            if seen != [wanted]:
                wrong.append(f"{name}: {seen} instead of {wanted}")
    assert not wrong, "; ".join(wrong)


def test_t07_action_and_details_of_authority(t):
    """Managing keys is one action; what is public asks nothing, but for Permitted, which only asks."""
    t.rules.deny("carol")
    carol = t.client("carol")
    for _, method in methods("Authority"):
        journal = daemon.Journal()
        wanted = []
        if method.needs == "manage-keys":
            wanted = [("manage-keys", {"method": f"Authority.{method.name}"})]
        elif method.name == "Permitted":
            wanted = [("read-config", {"method": "Authority.Permitted", "file": "/etc/hosts"})]
        try:
            getattr(carol.Authority, method.name)(*arguments(method), **options(method))
        except Refusal as refusal:
            equal(refusal.short, "BadKey" if method.name == "Unlock" else "AccessDenied", method.name)
        equal(_questions(journal, "carol"), wanted, method.name)


def test_t07_write_actions(t):
    """An ordinary file, a sensitive one, several: each file is its own question (threat 48)."""
    t.file("/etc/hosts", HOSTS)
    t.file("/etc/sysctl.d/exm-test.conf", "kernel.sysrq = 0\n")
    alice = t.client("alice")
    t.rules.allow("alice", "read-config").deny("alice")
    for edits, wanted in (
            (EDIT, {("write-config", "/etc/hosts")}),
            ([("set", ["/files/etc/sysctl.d/exm-test.conf/kernel.sysrq", "1"])],
             {("write-sensitive-config", "/etc/sysctl.d/exm-test.conf")})):
        journal = daemon.Journal()
        with expect("AccessDenied"):
            alice.Config.Apply(edits)
        seen = {(a, d.get("file")) for a, d in _questions(journal, "alice") if a.startswith("write")}
        equal(seen, wanted)


def test_t48_one_file_for_one_question(t):
    """A rule that forbids one file and allows the rest cannot be outwitted by a list."""
    t.file("/etc/hosts", HOSTS)
    t.file("/etc/sysctl.d/exm-test.conf", "kernel.sysrq = 0\n")
    t.rules.deny("alice", file="/etc/sysctl.d/exm-test.conf", action="write-sensitive-config")
    t.rules.allow("alice")
    alice = t.client("alice")
    both = EDIT + [("set", ["/files/etc/sysctl.d/exm-test.conf/kernel.sysrq", "1"])]
    for edits in (both, both[::-1]):
        with expect("AccessDenied"):
            alice.Config.Apply(edits)
        with expect("AccessDenied"):
            alice.Config.Apply(edits, interactive=True)
    hosts_unchanged()
    equal(Path("/etc/sysctl.d/exm-test.conf").read_text(), "kernel.sysrq = 0\n")
    for question in t.journal.polkit_questions():
        if "write" in question:
            has_not(question, ",")


def test_t07_properties_cannot_be_set(t):
    t.rules.allow("alice")
    alice = t.client("alice")
    transaction = alice.begin()
    for path, interface, names in ((OBJECT, "org.exmachina1.Config", ("Version", "Features", "Nothing")),
                                   (transaction.path, "org.exmachina1.Transaction",
                                    ("Owner", "Files", "State", "Change"))):
        for caller in (alice, t.root):
            for name in names:
                try:
                    caller.call(path, PROPERTIES, "Set",
                                GLib.Variant("(ssv)", (interface, name, GLib.Variant("s", "x"))))
                except Refusal as refusal:
                    assert refusal.short in ("PropertyReadOnly", "UnknownProperty", "AccessDenied",
                                             "UnknownObject", "InvalidArgs", "UnknownInterface"), refusal
                else:
                    raise AssertionError(f"{name} was set")
    equal(transaction.property("Owner"), alice.name)
    equal(transaction.property("State"), "open")


def test_t08_nothing_changes_what_a_dialog_approves(t):
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice", "read-config").ask("alice")
    agent = t.agent("open")
    alice = t.client("alice")
    transaction = alice.begin()
    transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.50")
    commit = transaction.later("Commit", interactive=True)
    cookie = agent.wait(1)[0]["cookie"]
    others = [transaction.later("SetValue", "/files/etc/hosts/1/ipaddr", "192.0.2.66", timeout=5),
              transaction.later("Edit", [("rm", ["/files/etc/hosts/2"])], timeout=5),
              transaction.later("Rebase", timeout=5)]
    time.sleep(0.3)
    agent.answer(cookie, True)
    commit.result(30)
    for other in others:
        other.exception(30)
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("127.0.0.1", "192.0.2.50"))


def test_t09_names_cannot_write_the_dialog(t):
    t.rules.deny("carol")
    carol = t.client("carol")
    names = ["a\nb.service", "a\u202eb.service", "$(verb).service", "a" * 65536 + ".service",
             "x service.service", "<b>x</b>.service", "a'b.service", "../x.service", ""]
    for name in names:
        with expect("InvalidArgs", "AccessDenied", "NoSuchUnit", "LimitExceeded"):
            carol.Units.Start(name)
        with expect("AccessDenied", "InvalidArgs", "InvalidPath", "NoLens", "NoMatch", "LimitExceeded",
                    "Refused"):
            carol.Config.ReadFile("/etc/" + name)
    for question in t.journal.polkit_questions():
        has_not(question, "\n", "\u202e")
        assert len(question) < 8192, f"{len(question)} bytes in one question"
    for record in t.journal.audit():
        for value in record.values():
            assert "\u202e" not in str(value) and len(str(value)) < 4096, "unescaped or uncut"


def test_t10_no_work_on_what_is_named_before_authorisation(t):
    """A denied caller does not make the service open the named file for reading or writing."""
    t.file("/etc/sysctl.d/exm-canary.conf", "kernel.sysrq = 0\n", mode=0o600)
    t.rules.deny("bob")
    bob = t.client("bob")
    with expect("AccessDenied"):
        bob.Config.ReadFile("/etc/hosts")
    process = daemon.pid(t.root)
    trace = Path("/run/exm-trace")
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-e", "trace=open,openat,openat2,creat,execve",
                               "-o", str(trace), "-p", str(process)], stderr=subprocess.DEVNULL)
    try:
        daemon.wait_for(lambda: daemon.status_of(process)["TracerPid"] != "0", "strace")
        with expect("AccessDenied"):
            bob.Config.ReadFile("/etc/sysctl.d/exm-canary.conf")
        with expect("AccessDenied"):
            bob.Config.Match("/files/etc/sysctl.d/exm-canary.conf/*")
        with expect("AccessDenied"):
            bob.Config.Apply([("text", ["/etc/sysctl.d/exm-canary.conf", "x = y\n"])])
    finally:
        tracer.terminate()
        tracer.wait()
    for line in trace.read_text().splitlines():
        if "exm-canary" in line and "O_PATH" not in line:
            raise AssertionError(f"opened: {line}")
        assert "execve" not in line, f"started for a denied caller: {line}"


GOLDEN_ACTIONS = {
    "read-config": "yes", "read-secret-config": "auth_admin", "write-config": "auth_admin",
    "write-sensitive-config": "auth_admin", "commit-several": "auth_admin", "read-units": "yes",
    "manage-units": "auth_admin", "manage-several-units": "auth_admin", "manage-unit-files": "auth_admin",
    "read-history": "auth_admin", "manage-keys": "auth_admin", "set-timezone": "auth_admin",
    "read-packages": "yes", "refresh-packages": "auth_admin", "manage-packages": "auth_admin",
    "manage-several-packages": "auth_admin"}


def test_t11_t12_polkit_knows_the_actions_as_they_are_meant(t):
    output = daemon.run("pkaction", "--verbose")
    actions = {}
    for block in re.split(r"\n(?=\S)", output):
        name, *fields = block.strip().splitlines()
        if name.startswith(NAME + "."):
            values = dict(f.strip().split(":", 1) for f in fields if ":" in f)
            actions[name.rstrip(":").removeprefix(NAME + ".")] = \
                {values[f"implicit {k}"].strip() for k in ("any", "inactive", "active")}
            assert len(values["message"].strip()) > 20 and values["description"].strip(), name
    equal(actions, {name: {value} for name, value in GOLDEN_ACTIONS.items()})
    assert not any("keep" in value for values in actions.values() for value in values)


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
    daemon.wait_for(free, "all slots free", 1.5)
    daemon.wait_for(lambda: len(daemon.workers(t.root)) <= 1, "workers of the dead reaped", 1.5)
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
