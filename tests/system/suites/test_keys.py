# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secret keys: what Authority does, what a key gives its connection, and when it is taken away."""
import os
import re
import time
from pathlib import Path

import daemon
from bus import GLib, OBJECT, expect
from case import equal, has, has_not
from samples import HOSTS, PROBE, PROBE_UNIT
from test_questions import GOLDEN_ACTIONS

KEYS = Path("/etc/exmachina/keys.d")
SECRET = "/etc/shadow"
FSTAB = "/etc/fstab"
SYSCTL = "/etc/sysctl.d/exm-test.conf"
SYSCTL_TEXT = "kernel.sysrq = 0\n"
WRONG = "exm1_exm-k_" + 43 * "A"
AUTHORITY = "org.exmachina1.Authority"
HOST_EDIT = [("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.99"])]
SYSCTL_EDIT = [("set", [f"/files{SYSCTL}/kernel.sysrq", "1"])]


def now():
    return time.time_ns() // 1000


def files(t):
    t.file("/etc/hosts", HOSTS)
    t.file(SYSCTL, SYSCTL_TEXT)


def state(connection, change):
    return [c for c in connection.History.ListChanges() if c["id"] == change]


# ---------------------------------------------------------------- one's own identity

def test_unlock_who_am_i_lock(t):
    key = t.key("exm-k", user="bob", read=["/etc/ssl/**"], write=["/etc/hosts"],
                units=["exm-probe.service:start"], expires=now() + 10**12)
    assert re.fullmatch(r"exm1_exm-k_[A-Za-z0-9_-]{43}", key), "the form of a key"
    bob = t.client("bob")
    nobody = {"uid": 6002, "user": "bob", "key": "", "read": [], "write": [], "units": [], "packages": [],
              "timezone": False, "expires": 0}
    equal(bob.Authority.WhoAmI(), nobody)
    equal(bob.Authority.Unlock(key), "exm-k")
    who = bob.Authority.WhoAmI()
    assert who.pop("expires") > now()
    equal(who, {"uid": 6002, "user": "bob", "key": "exm-k", "read": ["/etc/ssl/**"],
                "write": ["/etc/hosts"], "units": ["exm-probe.service:start"],
                "packages": [], "timezone": False})
    equal(t.client("bob").Authority.WhoAmI(), nobody, "another connection of the same user")
    equal(bob.Authority.Lock(), None)
    equal(bob.Authority.WhoAmI(), nobody)
    bob.Authority.Lock()


def test_a_wrong_key_is_bad_key_whatever_is_wrong(t):
    """In 2012 a wrong key ended the server: here it is one error, and one text for all of them."""
    right = t.key("exm-k", user="bob", read=[SECRET])
    other = t.key("exm-other", user="alice", read=[SECRET])
    service = daemon.pid(t.root)
    texts = set()
    for wrong in (WRONG, "exm1_exm-none_" + 43 * "A", other, right[:-1], right + "A", right.upper(), "", "exm1_",
                  "exm1__", "exm1_exm-k_", "exm1_../../shadow_" + 43 * "A", "exm1_" + 70000 * "a", "\n", right + "\n",
                  "exm1_exm-k_" + 43 * "\u00e9"):
        bob = t.client("bob")
        with expect("BadKey") as seen:
            bob.Authority.Unlock(wrong)
        texts.add(seen.message)
        equal(bob.Authority.WhoAmI()["key"], "")
        bob.close()
    equal(len(texts), 1, f"texts {texts}")
    equal(daemon.pid(t.root), service)
    bob = t.client("bob", right)
    with expect("BadKey"):
        bob.Authority.Unlock(WRONG)
    equal(bob.Authority.WhoAmI()["key"], "exm-k", "a wrong key takes no right one away")


def test_another_key_takes_the_place_of_the_first(t):
    first, second = t.key("exm-a", read=[SECRET]), t.key("exm-b", read=["/etc/hosts"])
    t.rules.deny("bob")
    bob = t.client("bob", first)
    bob.Config.Match("/files/etc/shadow/*")
    equal(bob.Authority.Unlock(second), "exm-b")
    with expect("AccessDenied"):
        bob.Config.Match("/files/etc/shadow/*")
    bob.Config.Match("/files/etc/hosts/*")


# ---------------------------------------------------------------- reading

def test_a_key_is_asked_before_polkit(t):
    key = t.key("exm-k", read=[SECRET])
    t.rules.deny("bob")
    bob, other = t.client("bob", key), t.client("bob")
    journal = daemon.Journal()
    has(bob.Config.Match("/files/etc/shadow/*"), "/files/etc/shadow/root")
    has(bob.Config.ReadFile(SECRET)[0], b"root:")
    equal(journal.polkit_questions(), [], "questions to polkit")
    for name in ("/etc/hosts", "/etc/gshadow", "/etc/exm-is-not-there"):
        with expect("AccessDenied", "NoLens"):
            bob.Config.ReadFile(name)
    for client in (other, bob):
        if client is bob:
            bob.Authority.Lock()
        with expect("AccessDenied"):
            client.Config.ReadFile(SECRET)
        with expect("AccessDenied"):
            client.Config.Match("/files/etc/shadow/*")


def test_a_glob_reaches_what_is_public(t):
    t.file("/etc/sysctl.d/exm-public.conf", SYSCTL_TEXT)
    t.file("/etc/sysctl.d/exm-secret.conf", SYSCTL_TEXT, mode=0o600)
    glob = t.key("exm-glob", read=["/etc/sysctl.d/exm-*"])
    privileged = t.key("exm-priv", read=["/etc/sysctl.d/exm-*"], privileged=True)
    t.rules.deny("bob")
    bob = t.client("bob", glob)
    equal(bob.Config.ReadFile("/etc/sysctl.d/exm-public.conf")[0], SYSCTL_TEXT.encode())
    with expect("AccessDenied"):
        bob.Config.ReadFile("/etc/sysctl.d/exm-secret.conf")
    with expect("NoMatch"):
        bob.Config.ReadFile("/etc/sysctl.d/exm-absent.conf")
    with expect("AccessDenied"):
        bob.Config.ReadFile("/etc/sysctl.d/other.conf")
    listed = "/etc/sysctl.d/exm-*"
    equal(bob.Config.ListFiles(listed), [("/etc/sysctl.d/exm-public.conf", "Sysctl.lns")])
    bob.unlock(privileged)
    equal([f for f, _ in bob.Config.ListFiles(listed)],
          ["/etc/sysctl.d/exm-public.conf", "/etc/sysctl.d/exm-secret.conf"])
    bob.Config.ReadFile("/etc/sysctl.d/exm-secret.conf")


def test_a_span_is_what_the_key_grants_and_what_polkit_allows(t):
    t.file("/etc/sysctl.d/exm-public.conf", SYSCTL_TEXT)
    t.file("/etc/sysctl.d/exm-secret.conf", SYSCTL_TEXT, mode=0o600)
    secret = t.key("exm-k", read=["/etc/sysctl.d/exm-secret.conf"])
    elsewhere = t.key("exm-e", read=["/etc/ssl/openssl.cnf"])
    span = "/files/etc/sysctl.d/*[kernel.sysrq]"

    def names(client):
        return [path.rpartition("/")[2] for path in client.Config.Match(span)]
    bob = t.client("bob", secret)
    has(names(bob), "exm-secret.conf", "exm-public.conf")
    has_not(names(t.client("bob")), "exm-secret.conf")
    t.rules.deny("bob")
    journal = daemon.Journal()
    equal(names(bob), ["exm-secret.conf"])
    has(str(journal.polkit_questions()), "read-config")
    both = t.client("bob", t.key("exm-all", read=["/etc/sysctl.d/*"], privileged=True))
    equal(names(both), names(t.client("root")) + ["exm-secret.conf"])
    equal(names(t.client("bob", t.key("exm-open", read=["/etc/sysctl.d/*"]))), names(t.client("root")))
    bob.unlock(elsewhere)
    with expect("AccessDenied"):
        names(bob)


def test_the_name_behind_a_link_decides(t):
    t.file("/etc/sysctl.d/exm-secret.conf", SYSCTL_TEXT, mode=0o600)
    link = t.keep("/etc/sysctl.d/exm-link.conf")
    link.symlink_to("/etc/sysctl.d/exm-secret.conf")
    named, target = t.key("exm-n", read=[str(link)]), t.key("exm-t", read=["/etc/sysctl.d/exm-secret.conf"])
    t.rules.deny("bob")
    bob = t.client("bob", named)
    with expect("AccessDenied"):
        bob.Config.ReadFile(str(link))
    bob.unlock(target)
    with expect("AccessDenied"):
        bob.Config.ReadFile(str(link))
    t.rules.clear()
    t.rules.allow("bob", "read-config").deny("bob")
    bob.Config.ReadFile(str(link))
    bob.unlock(named)
    with expect("AccessDenied"):
        bob.Config.ReadFile(str(link))


def test_a_transaction_ends_what_it_read_by_the_key(t):
    files(t)
    key = t.key("exm-k", write=["/etc/hosts"])
    t.rules.deny("bob")
    bob = t.client("bob", key)
    transaction = bob.begin()
    transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.99")
    equal(transaction.property("Files"), ["/etc/hosts"])
    bob.Authority.Lock()
    for call in (lambda: transaction.GetValue("/files/etc/hosts/1/ipaddr"), transaction.Diff,
                 transaction.Commit, transaction.Rebase):
        with expect("AccessDenied"):
            call()
    bob.unlock(key)
    equal(transaction.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.99"))
    bob.Authority.Lock()
    t.rules.clear()
    t.rules.allow("bob", "read-config").deny("bob")
    has(str(transaction.Diff()), "192.0.2.99")
    with expect("AccessDenied"):
        transaction.Commit()
    equal(Path("/etc/hosts").read_text(), HOSTS)


# ---------------------------------------------------------------- writing, units

def test_writing_by_the_key_and_the_rest_by_polkit(t):
    files(t)
    sysctl, hosts = t.key("exm-s", write=[SYSCTL]), t.key("exm-h", write=["/etc/h*"])
    t.rules.deny("bob")
    bob = t.client("bob", hosts)
    with expect("AccessDenied"):
        bob.Config.Apply(HOST_EDIT + [("mode", ["/etc/hosts", "0600"])])
    with expect("AccessDenied"):
        bob.Config.Apply([("set", ["/files/etc/host.conf/multi", "off"])] + SYSCTL_EDIT)
    change = bob.Config.Apply(HOST_EDIT)
    equal(state(bob, change)[0]["authority"], "key:exm-h")
    t.rules.clear()
    t.rules.allow("bob", "read-config").allow("bob", "write-sensitive-config").deny("bob")
    both = bob.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.98"])] + SYSCTL_EDIT)
    equal(state(bob, both)[0]["authority"], "key:exm-h, polkit:org.exmachina1.write-sensitive-config")
    t.rules.clear()
    t.rules.deny("bob")
    bob.unlock(sysctl)
    bob.Config.Apply([("set", [f"/files{SYSCTL}/kernel.sysrq", "0"])])
    records = daemon.wait_for(lambda: t.journal.audit(method="Config.Apply", outcome="done", authority="key:exm-s"),
                              "the record")
    equal(records[0]["EXMACHINA_FILE"], SYSCTL)


def test_a_dialog_for_the_rest_ends_with_the_key(t):
    """What the key said yes to is not written after it was revoked, whoever approves the rest."""
    files(t)
    key = t.key("exm-k", write=["/etc/hosts"])
    agent = t.agent("open")
    bob = t.client("bob", key)
    call = bob.Config.later("Apply", HOST_EDIT + SYSCTL_EDIT, interactive=True)
    agent.wait(1)
    equal(agent.prompts[0]["action"], "org.exmachina1.write-sensitive-config")
    t.root.Authority.RevokeKey("exm-k")
    with expect("AccessDenied"):
        call.result(30)
    agent.wait_cancelled(1)
    bob.unlock(t.key("exm-again", write=["/etc/hosts"]))
    transaction = bob.begin()
    transaction.Edit(HOST_EDIT + SYSCTL_EDIT)
    call = transaction.later("Commit", interactive=True)
    agent.wait(2)
    bob.Authority.Lock()
    with expect("AccessDenied"):
        call.result(30)
    has(str(transaction.Diff()), "192.0.2.99")
    equal((Path("/etc/hosts").read_text(), Path(SYSCTL).read_text()), (HOSTS, SYSCTL_TEXT))


def test_units_by_the_key(t):
    t.unit(PROBE, PROBE_UNIT, links=["exm-alias.service"])
    key = t.key("exm-k", units=["exm-p*.service:start,stop"])
    t.rules.deny("bob")
    bob = t.client("bob", key)
    equal(bob.Units.Start("exm-alias.service"), ("done", "active"))
    equal(bob.Units.Status(PROBE)["id"], PROBE)
    for call in (lambda: bob.Units.Restart(PROBE), lambda: bob.Units.Enable(PROBE),
                 lambda: bob.Units.Stop("dbus.service"), lambda: bob.Units.Status("dbus.service"),
                 lambda: bob.Units.ListUnits([])):
        with expect("AccessDenied"):
            call()
    bob.Units.Stop(PROBE)
    records = daemon.wait_for(lambda: t.journal.audit(method="Units.Start"), "the record")
    equal((records[0]["EXMACHINA_AUTHORITY"], records[0]["EXMACHINA_UNIT"]), ("key:exm-k", PROBE))


def test_what_systemd_does_already_goes_on(t):
    t.unit("exm-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 3\n")
    bob = t.client("bob", t.key("exm-k", units=["exm-slow.service:start"]))
    call = bob.Units.later("Start", "exm-slow.service")
    daemon.wait_for(lambda: "activating" in daemon.run("systemctl", "show", "exm-slow.service"), "its start")
    t.root.Authority.RevokeKey("exm-k")
    equal(call.result(30)[0], "done")
    with expect("InteractiveAuthorizationRequired"):
        bob.Units.Start("exm-slow.service")


# ---------------------------------------------------------------- history

def test_a_change_belongs_to_its_key(t):
    files(t)
    key = t.key("exm-k", write=["/etc/hosts"])
    t.rules.allow("bob", "read-config").deny("bob").deny("carol")
    bob = t.client("bob", key)
    change = bob.Config.Apply(HOST_EDIT, token="exm-token", confirm_within=600)
    with expect("Conflict"):
        bob.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.98"])], token="exm-token")
    plain = t.client("bob")
    equal(state(plain, change), [], "the user's own changes")
    for call in (lambda: plain.History.Confirm(change), lambda: plain.History.DiffChange(change)):
        with expect("AccessDenied"):
            call()
    carol = t.client("carol", key)
    equal(state(carol, change)[0]["user"], "bob", "the key in another hand")
    has(str(carol.History.DiffChange(change)), "192.0.2.99")
    carol.History.Confirm(change)
    t.revoke("exm-k")
    again = t.key("exm-k", write=["/etc/hosts"])
    bob.unlock(again)
    equal(state(bob, change), [], "of a later key of that name")
    with expect("AccessDenied"):
        bob.History.DiffChange(change)


# ---------------------------------------------------------------- losing it

def lost(client):
    return lambda: client.Authority.WhoAmI()["key"] == ""


def test_revoked_changed_expired(t):
    t.rules.deny("bob")
    text = t.key("exm-k", read=[SECRET])
    clients = [t.client("bob", text) for _ in range(3)]
    t.root.Authority.RevokeKey("exm-k")
    for client in clients:
        with expect("AccessDenied"):
            client.Config.ReadFile(SECRET)
        equal(client.Authority.WhoAmI()["key"], "")
        with expect("BadKey"):
            client.Authority.Unlock(text)
    for what in (lambda path: path.unlink(), lambda path: path.write_text(path.read_text() + "\n# \n"),
                 lambda path: path.chmod(0o644), lambda path: path.rename(path.with_name("exm-x.new"))):
        text = t.key("exm-k", read=[SECRET])
        bob = t.client("bob", text)
        t.keep(KEYS / "exm-x.new")
        what(KEYS / os.listdir(KEYS)[0])
        daemon.wait_for(lost(bob), "the key is lost")
        with expect("AccessDenied"):
            bob.Config.ReadFile(SECRET)
        t.revoke("exm-k")
        for left in KEYS.iterdir():
            left.unlink()
    text = t.key("exm-k", read=[SECRET], expires=now() + 1500000)
    bob = t.client("bob", text)
    daemon.wait_for(lost(bob), "the key has expired")
    with expect("BadKey"):
        t.client("bob").Authority.Unlock(text)
    with expect("AccessDenied"):
        bob.Config.ReadFile(SECRET)


def test_a_bound_key_keeps_the_service(t):
    t.configure("[Limits]\nIdleExitSec=1\n")
    key = t.key("exm-k", read=[SECRET])
    bob = t.client("bob", key)
    service = daemon.pid(t.root)
    time.sleep(3)
    equal(daemon.pid(t.root), service)
    equal(bob.Authority.WhoAmI()["key"], "exm-k")
    bob.Authority.Lock()
    daemon.wait_for(lambda: not t.root.bus("NameHasOwner", GLib.Variant("(s)", ("org.exmachina1",))),
                    "the service has ended", 10)


test_a_bound_key_keeps_the_service.ends_service = True


def test_callers_that_vanish(t):
    key = t.key("exm-k", read=[SECRET])
    create = GLib.Variant("(sa{sv})", ("exm-late", {"user": GLib.Variant("s", "")}))
    t.undo(lambda: t.revoke("exm-late"))
    for point in range(10):
        bob = t.client("bob")
        for text in (key, WRONG) if point % 2 else (key,):
            bob.send(OBJECT, AUTHORITY, "Unlock", GLib.Variant("(s)", (text,)))
        bob.send(OBJECT, AUTHORITY, "Permitted", GLib.Variant("(a(ss))", ([("write", SECRET)] * 20,)))
        time.sleep(point / 1000)
        bob.close()
    root = t.client("root")
    root.Authority.WhoAmI()
    root.send(OBJECT, AUTHORITY, "CreateKey", create)
    root.close()

    def is_made():
        return any(key["name"] == "exm-late" for key in t.root.Authority.ListKeys())

    def is_on_record():
        return bool(t.journal.audit(method="Authority.CreateKey", key="exm-late", outcome="done"))
    daemon.wait_for(lambda: is_made() == is_on_record(), "what was made is on record")
    equal(t.client("bob", key).Authority.WhoAmI()["key"], "exm-k")


# ---------------------------------------------------------------- wrong keys cost time

def test_wrong_keys_are_slowed_down(t):
    key = t.key("exm-k", read=[SECRET])
    carol, alice = t.client("carol"), t.client("alice")
    start = time.monotonic()
    for _ in range(24):
        with expect("BadKey"):
            carol.Authority.Unlock(WRONG)
    assert time.monotonic() - start > 0.7, f"24 wrong keys took {time.monotonic() - start:.2f} s"
    calls = [carol.Authority.later("Unlock", WRONG) for _ in range(60)]
    equal(alice.Authority.Unlock(key), "exm-k")
    answers = []
    for call in calls:
        with expect("BadKey", "LimitExceeded") as seen:
            call.result(60)
        answers.append((seen.name.rpartition(".")[2], seen.message))
    refused = [text for name, text in answers if name == "LimitExceeded"]
    assert 0 < len(refused) < len(calls), f"{len(refused)} of {len(calls)} were told to wait"
    has(refused[0], " ms")
    equal(carol.Authority.Unlock(key), "exm-k", "delayed, never locked out")


# ---------------------------------------------------------------- Permitted

def test_permitted(t):
    files(t)
    t.unit(PROBE, PROBE_UNIT, links=["exm-alias.service"])
    bob = t.client("bob")
    wants = [("read", "/etc/hosts"), ("read", SECRET), ("read", "/etc/exm-absent"), ("write", "/etc/hosts"),
             ("write", SECRET), ("start", PROBE), ("start", "exm-alias.service"), ("enable", "exm-none.service"),
             ("manage-keys", ""), ("org.exmachina1.read-units", ""), ("read", "/proc/version")]
    equal(bob.Authority.Permitted(wants), ["yes"] + ["challenge"] * 8 + ["yes", "no"])
    key = t.key("exm-k", read=[SECRET], write=["/etc/hosts"], units=["exm-probe.service:start"])
    bob.unlock(key)
    equal(bob.Authority.Permitted(wants), ["yes", "yes", "challenge", "yes", "challenge", "yes", "yes"] +
          ["challenge"] * 2 + ["yes", "no"])
    t.rules.deny("bob")
    equal(bob.Authority.Permitted(wants), ["yes", "yes", "no", "yes", "no", "yes", "yes"] + ["no"] * 4)
    bob.Authority.Lock()
    equal(bob.Authority.Permitted(wants), ["no"] * len(wants))
    t.rules.clear()
    t.rules.allow("bob")
    equal(bob.Authority.Permitted(wants), ["yes"] * 10 + ["no"])
    equal(bob.Authority.Permitted([]), [])


def test_permitted_arguments(t):
    bob = t.client("bob")
    equal(dict(zip(GOLDEN_ACTIONS, bob.Authority.Permitted([(name, "") for name in GOLDEN_ACTIONS]))),
          {name: "yes" if value == "yes" else "challenge" for name, value in GOLDEN_ACTIONS.items()})
    good = ("read", "/etc/hosts")
    for bad, errors in ((("look", "/etc/hosts"), ["InvalidArgs"]), (("", ""), ["InvalidArgs"]),
                        (("read", "etc/hosts"), ["InvalidPath"]), (("read", "/etc/../etc/hosts"), ["InvalidPath"]),
                        (("start", "../x.service"), ["InvalidArgs"]), (("start", ""), ["InvalidArgs"]),
                        (("manage-keys", "x"), ["InvalidArgs"]), (("org.example.x", ""), ["InvalidArgs"])):
        with expect(*errors) as seen:
            bob.Authority.Permitted([good, bad])
        has(seen.message, "want 1: ")
    equal(len(bob.Authority.Permitted([good] * 64)), 64)
    with expect("LimitExceeded"):
        bob.Authority.Permitted([good] * 65)


def test_permitted_tells_nothing_of_secrets(t):
    """Missing, secret and in a directory that is not public: one answer, whatever the rules say."""
    t.folder("/etc/exm-closed", mode=0o700)
    t.file("/etc/exm-closed/there.conf", "a = 1\n")
    t.file("/etc/sysctl.d/exm-secret.conf", SYSCTL_TEXT, mode=0o600)
    hidden = ["/etc/exm-closed/there.conf", "/etc/exm-closed/missing.conf", "/etc/sysctl.d/exm-secret.conf",
              "/etc/sysctl.d/exm-missing.conf"]
    glob = t.key("exm-k", write=["/etc/exm-closed/**", "/etc/sysctl.d/exm-*"])
    t.rules.allow("bob", "read-config")
    for key in (None, glob):
        for answer in ("no", "challenge"):
            t.rules.clear()
            t.rules.allow("bob", "read-config")
            if answer == "no":
                t.rules.deny("bob")
            bob = t.client("bob", key)
            equal(bob.Authority.Permitted([(word, name) for name in hidden for word in ("read", "write")]),
                  [answer] * 8)


# ---------------------------------------------------------------- making them

def test_create_list_revoke(t):
    t.rules.allow("alice", "manage-keys")
    alice = t.client("alice")
    for name in ("exm-one", "exm-two"):
        t.undo(lambda name=name: t.revoke(name))
    before = now()
    text, warnings = alice.Authority.CreateKey(
        "exm-one", user="bob", read=["/etc/hosts"], write=["/etc/sudoers"], units=["*.service:restart"],
        expires=now() + 10**10, privileged=True)
    has(" ".join(warnings), "/etc/sudoers")
    equal(alice.Authority.CreateKey("exm-two", user="bob", write=["/etc/hosts"])[1], [])
    with expect("Conflict"):
        alice.Authority.CreateKey("exm-one", user="bob")
    listed = {key["name"]: key for key in alice.Authority.ListKeys()}
    equal(set(listed["exm-one"]), {"name", "user", "read", "write", "units", "packages", "timezone", "expires", "privileged", "created",
                                   "last_use"})
    assert before - 10**6 <= listed["exm-one"]["created"] <= now()
    equal((listed["exm-one"]["write"], listed["exm-one"]["privileged"], listed["exm-one"]["last_use"]),
          (["/etc/sudoers"], True, 0))
    has_not(str(listed), text.split("_", 2)[2], text[-20:])
    t.client("bob").unlock(text)
    used = {key["name"]: key["last_use"] for key in alice.Authority.ListKeys()}
    assert used["exm-one"] > 0 and used["exm-two"] == 0, used
    alice.Authority.RevokeKey("exm-one")
    with expect("NoMatch"):
        alice.Authority.RevokeKey("exm-one")
    equal([key["name"] for key in alice.Authority.ListKeys()], ["exm-two"])


def test_bad_grants(t):
    t.rules.allow("alice", "manage-keys")
    alice = t.client("alice")
    for name, grants in (("Exm", {}), ("", {}), ("exm_k", {}), ("../exm", {}), ("e" * 33, {}),
                         ("exm-k", {"user": "exm-nobody-of-this-name"}), ("exm-k", {"read": ["etc/hosts"]}),
                         ("exm-k", {"write": ["/etc/../etc/hosts"]}), ("exm-k", {"units": ["nginx.service"]}),
                         ("exm-k", {"units": ["nginx.service:explode"]}), ("exm-k", {"expires": 1}),
                         ("exm-k", {"read": [""]})):
        with expect("InvalidArgs"):
            alice.Authority.CreateKey(name, **{"user": "", **grants})
    with expect("InvalidArgs") as seen:
        alice.Authority.CreateKey("exm-k", read=["/etc/hosts"])
    has(seen.message, "user")
    equal(alice.Authority.ListKeys(), [])


def test_a_key_never_covers_keys_and_history(t):
    key = t.key("exm-k", read=["/**"], write=["/**"], units=["*:start,stop"], privileged=True)
    t.rules.deny("bob")
    bob = t.client("bob", key)
    for call in (lambda: bob.Authority.CreateKey("exm-x", user=""), bob.Authority.ListKeys,
                 lambda: bob.Authority.RevokeKey("exm-k"), lambda: bob.History.ListChanges(all=True),
                 lambda: bob.Config.ReadFile("/etc/exmachina/keys.d/exm-k")):
        with expect("AccessDenied", "Refused", "NoLens"):
            call()


def test_on_record_and_nowhere_else(t):
    t.rules.allow("alice", "manage-keys")
    alice, bob = t.client("alice"), t.client("bob")
    t.undo(lambda: t.revoke("exm-k"))
    text, _ = alice.Authority.CreateKey("exm-k", user="bob", read=[SECRET])
    bob.unlock(text).Authority.Lock()
    bob.Authority.Lock()
    wrong = text[:-10] + "A" * 10
    for secret in (wrong, "hunter2-" + text[-20:]):
        with expect("BadKey"):
            bob.Authority.Unlock(secret)
    with expect("InvalidArgs", "NoMatch"):
        alice.Authority.RevokeKey(text)
    alice.Authority.RevokeKey("exm-k")
    with expect("InteractiveAuthorizationRequired"):
        bob.Authority.CreateKey(text, user="")
    wanted = [("CreateKey", "exm-k", "done", "polkit:org.exmachina1.manage-keys"),
              ("Unlock", "exm-k", "done", "key:exm-k"), ("Lock", "exm-k", "done", "key:exm-k"),
              ("Unlock", "exm-k", "BadKey", "none"), ("Unlock", "", "BadKey", "none"),
              ("RevokeKey", "", "InvalidArgs", "polkit:org.exmachina1.manage-keys"),
              ("RevokeKey", "exm-k", "done", "polkit:org.exmachina1.manage-keys"),
              ("CreateKey", None, "InteractiveAuthorizationRequired", "none")]

    def records():
        found = [r for r in t.journal.audit() if r["EXMACHINA_METHOD"].startswith("Authority.")]
        return len(found) >= len(wanted) and found
    found = daemon.wait_for(records, "the records")
    equal([(r["EXMACHINA_METHOD"].partition(".")[2], r.get("EXMACHINA_KEY"),
            r["EXMACHINA_OUTCOME"].rpartition(".")[2], r["EXMACHINA_AUTHORITY"]) for r in found], wanted)
    everything = str(t.journal.entries())
    for part in (text[-43:], text[-20:], wrong[-43:]):
        has_not(everything, part)
