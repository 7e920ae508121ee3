# SPDX-License-Identifier: LGPL-2.1-or-later
"""What polkit is asked, and with which words: threats 7-12 and 48."""
import re
import subprocess
import time
from pathlib import Path

import daemon
from bus import GLib, NAME, OBJECT, Refusal, expect
from case import equal, has_not
from samples import HOSTS, PROBE, PROBE_UNIT, arguments, methods, options
from test_callers import EDIT, PROPERTIES, hosts_unchanged



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
