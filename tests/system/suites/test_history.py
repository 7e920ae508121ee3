# SPDX-License-Identifier: LGPL-2.1-or-later
"""The history: what was changed and who may know, taking it back, tokens, signals, lost updates."""
import os
import time
from pathlib import Path

import daemon
from bus import GLib, OBJECT, expect
from case import equal, has, has_not
from changes import CHANGED, EDIT, HOSTS_TREE, begin_anew, finish_all, record, setup, text
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE
OTHER = "/etc/sysctl.d/exm-other.conf"


# ---------------------------------------------------------------- lost updates

def test_line_appended_by_hand_is_kept(t):
    """Between Begin and Commit: later, within the same second, and with mtime put back."""
    alice = setup(t)

    def append(back=False):
        info = os.stat("/etc/hosts")
        with open("/etc/hosts", "a", encoding="ascii") as file:
            file.write("192.0.2.200 by-hand\n")
        if back:
            os.utime("/etc/hosts", ns=(info.st_atime_ns, info.st_mtime_ns))

    for wait, back in ((1.1, False), (0, False), (0, True)):
        t.file("/etc/hosts", HOSTS)
        transaction = alice.begin()
        transaction.SetValue(HOSTS_TREE + "/1/ipaddr", "192.0.2.50")
        time.sleep(wait)
        append(back)
        with expect("Conflict") as seen:
            transaction.Commit()
        has(seen.message, "/etc/hosts")
        equal(text(), HOSTS + "192.0.2.200 by-hand\n")
        transaction.Rebase()
        assert transaction.Commit() > 0
        equal(text(), CHANGED + "192.0.2.200 by-hand\n", "Rebase keeps both")


def test_two_web_forms(t):
    """Both have shown the same version: the second to be sent overwrites nothing."""
    alice, bob = setup(t), t.client("bob")
    t.rules.allow("bob")
    versions = [client.Config.Read(HOSTS_TREE + "/*", 0, 0)[2] for client in (alice, bob)]
    equal(versions[0], versions[1])
    first = alice.Config.Apply(EDIT, expect=versions[0])
    with expect("Conflict") as seen:
        bob.Config.Apply([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.51"])], expect=versions[1])
    has(seen.message, "/etc/hosts")
    equal(text(), CHANGED)
    versions = bob.Config.Read(HOSTS_TREE + "/*", 0, 0)[2]
    second = bob.Config.Apply([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.51"])], expect=versions)
    assert second > first
    equal(text(), CHANGED.replace("192.0.2.7", "192.0.2.51"))


# ---------------------------------------------------------------- tokens

def test_same_token_twice_is_a_conflict_that_names_the_change(t):
    alice = setup(t)
    begin_anew(t)
    change = alice.Config.Apply(EDIT, token="form-17")
    for attempt in (lambda: alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", "192.0.2.51"])], token="form-17"),
                    lambda: alice.Config.Apply(EDIT, token="form-17"),
                    lambda: alice.History.Revert(change, token="form-17"),
                    lambda: t.client().Config.Apply([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.51"])],
                                                    token="form-17")):
        with expect("Conflict") as seen:
            attempt()
        has(seen.message, f"change {change} ", "token")
    equal(text(), CHANGED)
    found = alice.History.ListChanges(token="form-17")
    equal([(r["id"], r["state"], r["token"]) for r in found], [(change, "applied", "form-17")])
    equal(alice.History.ListChanges(token="form-18"), [])
    t.rules.allow("bob")
    bob = t.client("bob")
    other = bob.Config.Apply([("set", [HOSTS_TREE + "/2/ipaddr", "192.0.2.51"])], token="form-17")
    equal([r["id"] for r in t.root.History.ListChanges(token="form-17")], [other, change])


def test_token_of_a_commit_that_failed_is_free(t):
    alice = setup(t)
    for _ in range(2):
        with expect("Conflict"):
            alice.Config.Apply(EDIT, token="again", expect={"/etc/hosts": "0" * 64})
    equal(alice.History.ListChanges(token="again"), [])
    change = alice.Config.Apply(EDIT, token="again")
    equal([r["id"] for r in alice.History.ListChanges(token="again")], [change])


def test_tokens_and_messages_that_are_none(t):
    alice = setup(t)
    for token in ("", "x" * 65, "a\nb", "a\x01b", "a\x7fb", "a\u202eb"):
        with expect("InvalidArgs") as seen:
            alice.Config.Apply(EDIT, token=token)
        has(seen.message, "token")
        with expect("InvalidArgs"):
            alice.begin().Commit(token=token)
    with expect("InvalidArgs") as seen:
        alice.Config.Apply(EDIT, message="x" * 4097)
    has(seen.message, "message")
    equal(text(), HOSTS)
    change = alice.Config.Apply(EDIT, token="ü" * 32, message="x" * 4096)
    equal((record(alice, change)["token"], record(alice, change)["message"]), ("ü" * 32, "x" * 4096))


def test_caller_that_vanished_finds_its_change_by_its_token(t):
    """Past `prepared` nothing cancels a commit, and the history says how it ended."""
    alice = setup(t)
    seen = set()
    for delay in range(0, 600, 15):
        t.file("/etc/hosts", HOSTS)
        caller, token = t.client(), f"vanish-{delay}-{time.monotonic_ns()}"
        caller.send(OBJECT, "org.exmachina1.Config", "Apply",
                    GLib.Variant("(a(sas)a{sv})", (EDIT, {"token": GLib.Variant("s", token)})))
        time.sleep(delay / 1000)
        caller.close()
        alice.ping()
        time.sleep(0.3)
        found = alice.History.ListChanges(token=token)
        if found:
            equal((len(found), found[0]["state"], text()), (1, "applied", CHANGED), f"after {delay} ms")
        else:
            equal(text(), HOSTS, f"after {delay} ms, nothing on record")
        seen.add(bool(found))
        if True in seen and delay > 150:
            break
    assert True in seen, "no commit was begun within 600 ms"


# ---------------------------------------------------------------- ListChanges

def test_what_a_record_says(t):
    alice = setup(t)
    t.file(FILE, "a = 1\n")
    start = time.time_ns() // 1000
    change = alice.Config.Apply(EDIT + [("set", [TREE + "/a", "2"])], message="why", token=f"t{start}")
    end = time.time_ns() // 1000
    found = record(alice, change)
    when = found.pop("time")
    assert start <= when <= end, (start, when, end)
    equal(found, {"id": change, "uid": 6001, "user": "alice", "message": "why", "token": f"t{start}",
                  "authority": "polkit:org.exmachina1.write-config, polkit:org.exmachina1.write-sensitive-config",
                  "state": "applied", "reason": "", "inconclusive": [],
                  "files": ["/etc/hosts", FILE], "units": [], "remaining": 0})
    new = alice.History.Revert(change)
    found = record(alice, new)
    equal((found["reverts"], found["message"], found["token"]), (change, "", ""))
    pending = alice.Config.Apply(EDIT, confirm_within=600)
    found = record(alice, pending)
    equal(found["state"], "pending")
    assert 500 < found["remaining"] <= 600, found["remaining"]


def test_numbers_are_never_used_twice(t):
    alice = setup(t)
    first = alice.Config.Apply(EDIT)
    daemon.restart()
    second = t.client().History.Revert(first)
    assert second > first, (first, second)
    equal([r["id"] for r in t.client().History.ListChanges(limit=2)], [second, first])


def test_filters(t):
    alice = setup(t)
    begin_anew(t)
    t.file(FILE, "a = 0\n")
    changes = []
    for n in range(1, 6):
        changes.append(alice.Config.Apply([("set", [TREE + "/a", str(n)])], token=f"n{n}"))
        time.sleep(0.002)
    hosts = alice.Config.Apply(EDIT)
    pending = alice.Config.Apply([("set", [TREE + "/a", "9"])], confirm_within=600)

    def listed(**options):
        return [r["id"] for r in alice.History.ListChanges(**options)]
    everything = [pending, hosts] + changes[::-1]
    equal(listed(), everything)
    equal(listed(limit=3), everything[:3])
    time_of = {r["id"]: r["time"] for r in alice.History.ListChanges()}
    equal(listed(since=time_of[changes[3]]), everything[:4])
    equal(listed(before=time_of[changes[3]]), everything[4:])
    equal(listed(since=time_of[changes[1]], before=time_of[changes[3]]), [changes[2], changes[1]])
    equal(listed(before=time_of[pending], limit=2), [hosts, changes[4]], "paging")
    equal((listed(id=changes[2]), listed(id=pending + 1)), ([changes[2]], []))
    equal(t.client("bob").History.ListChanges(id=changes[2]), [], "of somebody else")
    with expect("InvalidArgs"):
        listed(id=0)
    equal(listed(file="/etc/hosts"), [hosts])
    equal(listed(file=FILE), [pending] + changes[::-1])
    equal(listed(file="/etc/host"), [])
    equal(listed(state="pending"), [pending])
    equal(listed(state="applied"), everything[1:])
    equal(listed(state="failed"), [])
    equal(listed(token="n3"), [changes[2]])
    equal(listed(token="n3", file="/etc/hosts"), [])
    alice.History.Revert(pending)
    equal(listed(state="reverted"), [pending])


def test_file_is_found_by_link_and_by_target(t):
    alice = setup(t)
    t.file(OTHER, "a = 1\n")
    t.keep(FILE).symlink_to(OTHER)
    change = alice.Config.Apply([("set", [TREE + "/a", "2"])])
    for name in (FILE, OTHER):
        equal(alice.History.ListChanges(file=name)[0]["id"], change, name)


def test_filters_that_are_none(t):
    alice = setup(t)
    for options in ({"limit": 0}, {"limit": 1001}, {"limit": 4294967295}, {"state": "done"}, {"state": ""},
                    {"user": "alice"}, {"Limit": 5}):
        with expect("InvalidArgs") as seen:
            alice.History.ListChanges(**options)
        has(seen.message, next(iter(options)))
    for key in ("before", "since", "limit", "file", "state", "token"):
        with expect("InvalidArgs") as seen:
            alice.call(OBJECT, "org.exmachina1.History", "ListChanges",
                       GLib.Variant("(a{sv})", ({key: GLib.Variant("d", 1.5)},)))
        has(seen.message, key)
    for options in ({"before": 2**63}, {"since": 2**64 - 1}, {"before": 2**64 - 1}, {"file": "x'; DROP TABLE change;"},
                    {"token": "' OR 1"}, {"file": "/" + "x" * 4000}):
        alice.History.ListChanges(**options)
    equal(alice.History.ListChanges(since=2**62), [])


def test_a_thousand_changes(t):
    """limit holds, and a long history neither blocks others nor breaks the reply."""
    alice = setup(t)
    for n in range(120):
        alice.Config.Apply([("set", [HOSTS_TREE + "/1/ipaddr", f"192.0.2.{n}"])])
    equal(len(alice.History.ListChanges()), 100)
    equal(len(alice.History.ListChanges(limit=110)), 110)
    assert len(alice.History.ListChanges(limit=1000)) >= 120


test_a_thousand_changes.slow = True


# ---------------------------------------------------------------- who may know

def test_everybody_sees_what_is_his_own(t):
    alice, bob = setup(t), t.client("bob")
    t.file(FILE, "a = 1\n")
    t.rules.allow("bob", "write-sensitive-config").deny("bob", "read-history")
    hers = alice.Config.Apply(EDIT)
    his = bob.Config.Apply([("set", [TREE + "/a", "2"])])
    t.rules.clear()
    alice, bob = t.client("alice"), t.client("bob")
    for client, own, other in ((alice, hers, his), (bob, his, hers)):
        ids = [r["id"] for r in client.History.ListChanges(limit=1000)]
        assert own in ids and other not in ids, (client.user, ids[:4])
        equal({r["user"] for r in client.History.ListChanges(limit=1000)}, {client.user})
        assert client.History.DiffChange(own)
        assert client.History.RevertDiff(own)
        for call in (client.History.DiffChange, client.History.GetChange, client.History.RevertDiff):
            with expect("InteractiveAuthorizationRequired"):
                call(other)
            with expect("AccessDenied"):
                call(other, interactive=True)
    equal(t.client("carol").History.ListChanges(limit=1000), [])
    both = {r["id"] for r in t.root.History.ListChanges(limit=1000)}
    assert {hers, his} <= both


def test_read_history_shows_everybodys(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT, message="hers")
    t.rules.clear()
    t.rules.allow("bob", "read-history")
    bob = t.client("bob")
    equal(record(bob, change)["message"], "hers")
    equal(bob.History.DiffChange(change), alice.History.DiffChange(change))
    equal(bob.History.GetChange(change), (record(alice, change), alice.History.DiffChange(change)))
    with expect("InteractiveAuthorizationRequired"):
        bob.History.Revert(change)
    t.rules.clear()
    t.rules.deny("bob", "read-config").allow("bob", "read-history")
    with expect("AccessDenied"):
        t.client("bob").History.DiffChange(change)


def test_diff_of_a_secret_file(t):
    """Its stricter class then and now; also of one's own change."""
    t.undo(lambda: finish_all(t))
    secret = "canary-secret"
    for then, now, allowed in ((0o644, 0o644, True), (0o600, 0o600, False), (0o600, 0o644, False),
                               (0o644, 0o600, False), (0o640, 0o644, False)):
        t.rules.clear()
        t.rules.allow("alice")
        alice = t.client()
        t.file(FILE, f"a = {secret}\n", then)
        change = alice.Config.Apply([("set", [TREE + "/a", "2"])])
        os.chmod(FILE, now)
        has(dict(alice.History.DiffChange(change))[FILE], secret)
        t.rules.clear()
        t.rules.deny("alice", "read-secret-config")
        alice = t.client()
        calls = [alice.History.DiffChange, lambda change, client=alice: client.History.GetChange(change)[1]]
        if then == now:
            calls.append(alice.History.RevertDiff)
        for call in calls:
            if allowed:
                has(dict(call(change))[FILE], secret)
                continue
            with expect("AccessDenied") as seen:
                call(change)
            has_not(seen.message, secret)
        with expect("AccessDenied", "InteractiveAuthorizationRequired"):
            t.client("bob").History.DiffChange(change)


def test_diff_of_a_change_that_made_it_secret(t):
    t.rules.allow("alice")
    t.file(FILE, "a = canary\n")
    change = t.client().Config.Apply([("mode", [FILE, "0600"])])
    t.client().Config.Apply([("mode", [FILE, "0644"])])
    t.rules.clear()
    t.rules.deny("alice", "read-secret-config")
    with expect("AccessDenied"):
        t.client().History.DiffChange(change)


def test_conflict_tells_nothing_to_who_may_not_read(t):
    """RevertDiff asks before it compares; Revert's words name the file and none of its text."""
    t.rules.allow("alice")
    t.file(FILE, "a = canary\n", 0o600)
    change = t.client().Config.Apply([("set", [TREE + "/a", "canary2"])])
    Path(FILE).write_text("a = canary3\n")
    t.rules.clear()
    t.rules.allow("alice", "write-sensitive-config").deny("alice", "read-secret-config")
    with expect("AccessDenied"):
        t.client().History.RevertDiff(change, merge=True)
    for merge in (False, True):
        with expect("Conflict") as seen:
            t.client().History.Revert(change, merge=merge)
        has_not(seen.message, "canary")


# ---------------------------------------------------------------- signals

def test_signals_name_public_files_only(t):
    alice, bob = setup(t), t.client("bob")
    t.file(FILE, "a = 1\n", 0o600)
    t.file(OTHER, "a = 1\n")
    heard = bob.listen()
    made = [(alice.Config.Apply(EDIT), ["/etc/hosts"]),
            (alice.Config.Apply([("set", [TREE + "/a", "2"])]), []),
            (alice.Config.Apply([("set", [TREE + "/a", "3"]), ("set", [f"/files{OTHER}/a", "2"])]), [OTHER]),
            (alice.Config.Apply([("mode", [OTHER, "0600"])]), []),
            (alice.Config.Apply([("mode", [OTHER, "0644"])]), [])]
    made.append((alice.History.Revert(made[0][0]), ["/etc/hosts"]))
    daemon.wait_for(lambda: len(heard) >= len(made), "signals", 20)
    equal(heard, [("History", "Committed", (change, files)) for change, files in made])


def test_signals_of_a_change_that_is_pending(t):
    alice, bob = setup(t), t.client("bob")
    t.file(FILE, "a = 1\n", 0o600)
    heard = bob.listen()
    kept = alice.Config.Apply(EDIT, confirm_within=100)
    alice.History.Extend(kept, 200)
    alice.History.Confirm(kept)
    back = alice.Config.Apply([("set", [TREE + "/a", "2"])], confirm_within=100)
    alice.History.Revert(back)
    late = alice.Config.Apply([("set", [TREE + "/a", "3"])], confirm_within=1)
    daemon.wait_for(lambda: len(heard) >= 10, "signals", 30)
    equal([(member, arguments[0]) for _, member, arguments in heard],
          [("Committed", kept), ("Pending", kept), ("Pending", kept), ("Confirmed", kept),
           ("Committed", back), ("Pending", back), ("Reverted", back),
           ("Committed", late), ("Pending", late), ("Reverted", late)])
    assert 90 < heard[1][2][1] <= 100 and 190 < heard[2][2][1] <= 200, heard[1:3]
    equal((heard[6][2][1], heard[9][2][1]), ("revert", "deadline"))
    equal([arguments[1] for _, member, arguments in heard if member == "Committed"], [["/etc/hosts"], [], []])


def test_signals_carry_no_content(t):
    canary = "canary4711"
    alice, bob = setup(t), t.client("bob")
    secret = f"/etc/sysctl.d/exm-{canary}.conf"
    t.file(secret, f"a = {canary}\n", 0o600)
    heard = bob.listen(None)
    token = f"{canary}-{time.monotonic_ns()}"
    first = alice.Config.Apply([("set", [f"/files{secret}/a", canary + "b"]),
                                ("set", [HOSTS_TREE + "/1/canonical", canary])], message=canary, token=token)
    alice.History.Revert(first, message=canary)
    pending = alice.Config.Apply([("set", [f"/files{secret}/a", canary])] + EDIT, message=canary, confirm_within=600)
    alice.History.Confirm(pending)
    made = alice.Config.Apply([("rm", [f"/files{secret}"])], message=canary)
    daemon.wait_for(lambda: any(m == "Committed" and a[0] == made for _, m, a in heard), "signals", 20)
    assert len([1 for interface, _, _ in heard if interface == "History"]) >= 6
    has_not(str(heard), canary)


# ---------------------------------------------------------------- audit

def test_audit_of_history(t):
    alice = setup(t)
    change = alice.Config.Apply(EDIT)
    alice.History.ListChanges()
    alice.History.DiffChange(change)
    new = alice.History.Revert(change, message="back again")
    t.rules.clear()
    with expect("InteractiveAuthorizationRequired"):
        t.client("bob").History.Revert(change)

    def records():
        return [r for r in t.journal.audit() if r["EXMACHINA_METHOD"].startswith("History.")]
    daemon.wait_for(lambda: len(records()) >= 2, "audit records", 20)
    by_uid = {r["EXMACHINA_UID"]: r for r in records()}
    equal(len(records()), 2, "records (reading one's own leaves none)")
    hers, his = by_uid["6001"], by_uid["6002"]
    equal((hers["EXMACHINA_METHOD"], hers["EXMACHINA_OUTCOME"], hers["EXMACHINA_CHANGE"], hers["EXMACHINA_FILE"],
           hers["EXMACHINA_MESSAGE"]), ("History.Revert", "done", str(new), "/etc/hosts", "back again"))
    has(his["EXMACHINA_OUTCOME"], "InteractiveAuthorizationRequired")
