# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a key reaches: every kind of access times every kind of name, as written in the tables below.

polkit says no to alice about everything, so that the key alone decides; where polkit lets everybody read
(its default), a row says so. A row is "yes" only if the access did what was asked, and "no" only if it
was AccessDenied; "bad" is a name that nobody may use, key or not.
"""
import time
from pathlib import Path

import daemon
from bus import GLib, Refusal
from case import equal
from samples import HOSTS

DIR = "/etc/sysctl.d"  # a lens covers *.conf there
IN, OUT = f"{DIR}/exm-in.conf", f"{DIR}/exm-out.conf"

# The files of the tests: name -> (mode, link target).
FILES = {
    IN: 0o644, OUT: 0o644,
    f"{DIR}/exm-glob-1.conf": 0o644,
    f"{DIR}/exm-glob-secret.conf": 0o600,
    f"{DIR}/exm-secret.conf": 0o600,
    f"{DIR}/exm-other-secret.conf": 0o600,
    f"{DIR}/exm-we[ird].conf": 0o644,
    f"{DIR}/exm-wei.conf": 0o644,
    f"{DIR}/exm-star*.conf": 0o644,
    f"{DIR}/exm-starry.conf": 0o644,
}
LINKS = {
    f"{DIR}/exm-link-in.conf": IN,             # outside -> inside
    f"{DIR}/exm-glob-link.conf": OUT,          # inside (by glob) -> outside
    f"{DIR}/exm-link-secret.conf": f"{DIR}/exm-other-secret.conf",
}

GRANTS = {
    "read": [f"{DIR}/exm-glob-*.conf", f"{DIR}/exm-secret.conf", f"{DIR}/exm-we\\[ird\\].conf",
             f"{DIR}/exm-star\\*.conf", f"{DIR}/exm-link-secret.conf"],
    "write": [IN, "/etc/hos?s", f"{DIR}/exm-star\\*.conf"],
    "units": ["exm-scope.service:reload,restart", "exm-scope@*.service:restart", "exm-any*:start"],
}

# polkit: "no" to everything, or "read": read-config is allowed, as by default.
READ = [
    # polkit, file, granted
    ("no", IN, "yes"),                                   # write implies read
    ("no", OUT, "no"),
    ("no", f"{DIR}/exm-glob-1.conf", "yes"),
    ("no", f"{DIR}/exm-glob-secret.conf", "no"),         # a glob reaches public files only
    ("no", f"{DIR}/exm-glob-missing.conf", "missing"),
    ("no", f"{DIR}/exm-secret.conf", "yes"),             # named literally
    ("no", f"{DIR}/exm-other-secret.conf", "no"),
    ("no", f"{DIR}/exm-we[ird].conf", "yes"),            # an escaped bracket is a bracket
    ("no", f"{DIR}/exm-wei.conf", "no"),
    ("no", f"{DIR}/exm-star*.conf", "yes"),
    ("no", f"{DIR}/exm-starry.conf", "no"),              # an escaped star is no glob
    ("no", f"{DIR}/exm-link-in.conf", "no"),             # the name is not granted: not looked at
    ("read", f"{DIR}/exm-link-in.conf", "yes"),
    ("no", f"{DIR}/exm-glob-link.conf", "no"),           # leads out of the scope
    ("read", f"{DIR}/exm-glob-link.conf", "yes"),        # by polkit, as anybody's
    ("read", f"{DIR}/exm-link-secret.conf", "no"),       # a right to a link is none to its target
    ("read", f"{DIR}/exm-glob-secret.conf", "no"),
    ("no", "/etc/shadow", "no"),
    ("no", "/etc/exmachina/exmachina.conf", "no"),       # no grant can name it
]
# In an expression these are steps in a tree that holds granted files only; a file name they are not.
STEPS = [(f"{DIR}/../sysctl.d/exm-in.conf", "yes"), (f"{DIR}//exm-in.conf", "yes"),
         (f"{DIR}/./exm-in.conf", "yes"), (f"{DIR}/../sysctl.d/exm-out.conf", "missing"),
         (f"{DIR}//exm-out.conf", "missing"), ("/etc/../etc/shadow", "missing")]

WRITE = [
    ("no", IN, "yes"),
    ("no", OUT, "no"),
    ("no", f"{DIR}/exm-glob-1.conf", "no"),              # read only
    ("no", f"{DIR}/exm-secret.conf", "no"),
    ("no", f"{DIR}/exm-we[ird].conf", "no"),
    ("no", f"{DIR}/exm-star*.conf", "yes"),
    ("no", f"{DIR}/exm-starry.conf", "no"),
    ("read", f"{DIR}/exm-link-in.conf", "yes"),          # what is written is the file behind it
    ("read", f"{DIR}/exm-glob-link.conf", "no"),
    ("read", OUT, "no"),
    ("no", "/etc/passwd", "no"),
    ("no", "/etc/exmachina/exmachina.conf", "no"),
]

UNITS = [
    # method, unit, granted
    ("Reload", "exm-scope.service", "yes"),
    ("Restart", "exm-scope.service", "yes"),
    ("Start", "exm-scope.service", "no"),                # another verb
    ("Stop", "exm-scope.service", "no"),
    ("ReloadOrRestart", "exm-scope.service", "no"),
    ("Enable", "exm-scope.service", "no"),
    ("Mask", "exm-scope.service", "no"),
    ("Restart", "exm-alias.service", "yes"),             # another name of it
    ("Stop", "exm-alias.service", "no"),
    ("Restart", "exm-scope@one.service", "yes"),
    ("Restart", "exm-scope@.service", "bad"),            # a template is no unit
    ("Restart", "exm-other.service", "no"),
    ("Restart", "exm-outside-alias.service", "no"),      # an alias of a unit outside the scope
    ("Start", "exm-any1.service", "yes"),
    ("Start", "exm-any-alias.service", "no"),            # matches the glob by name, is another unit
    ("Restart", "exm-missing.service", "no"),
    ("Restart", "../exm-scope.service", "bad"),
    ("Restart", "exm-scop?.service", "bad"),             # no glob in a call
    ("Stop", "exmachina.service", "no"),
    ("Status", "exm-scope.service", "yes"),              # any verb lets its status be seen
    ("Status", "exm-other.service", "no"),
]

UNIT = "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n"


def setup(t, **grants):
    """Files, units, and a key of alice with GRANTS. Returns: (the client who has it unlocked, its text)."""
    for path, mode in FILES.items():
        t.file(path, "a = 1\n", mode)
    for path, target in LINKS.items():
        t.keep(path)
        Path(path).symlink_to(target)
    text = t.key("scope", **{"user": "alice", **GRANTS, **grants})
    client = t.client()
    equal(client.Authority.Unlock(text), "scope")
    return client, text


def polkit_says(t, word):
    t.rules.clear()
    if word == "read":
        t.rules.allow("alice", "read-config")
    t.rules.deny("alice")


def outcome(call):
    """"yes", "no" for AccessDenied, or the error."""
    try:
        call()
    except Refusal as refusal:
        if refusal.short in ("AccessDenied", "InteractiveAuthorizationRequired"):
            return "no"
        return {"NoMatch": "missing", "NoLens": "no-lens", "InvalidPath": "bad", "InvalidArgs": "bad",
                "Refused": "bad"}.get(refusal.short, refusal.short)
    return "yes"


def in_expression(path):
    """As Augeas wants it: characters of its syntax are escaped."""
    return "/files" + "".join("\\" + c if c in "[]*()" else c for c in path)


def table(t, rows, call):
    wrong, said = [], None
    for polkit, name, wanted in rows:
        if polkit != said:
            polkit_says(t, polkit)
            said = polkit
        got = outcome(lambda: call(name))
        if got != wanted:
            wrong.append(f"polkit {polkit}, {name}: {got}, not {wanted}")
    assert not wrong, "; ".join(wrong)


def by_polkit(rows):
    """Rows of one answer of polkit together: each change of the rules takes time."""
    return sorted(rows, key=lambda row: row[0])


def test_reading(t):
    client, _ = setup(t)
    steps = [("no", name, wanted) for name, wanted in STEPS]
    table(t, by_polkit(READ) + steps, lambda file: client.Config.GetValue(in_expression(file) + "/a"))


def test_reading_a_whole_file(t):
    """ReadFile takes the name as it is, without a syntax of its own."""
    client, _ = setup(t)
    rows = [row for row in READ if not row[1].startswith("/etc/exmachina")]
    table(t, by_polkit(rows) + [("no", name, "bad") for name, _ in STEPS], client.Config.ReadFile)
    for name in ("/etc/exmachina/exmachina.conf", "/etc/exmachina/keys.d/scope.key"):
        equal(outcome(lambda: client.Config.ReadFile(name)), "no-lens", name)


def test_writing(t):
    client, _ = setup(t)
    numbers = iter(range(2, 1000))

    def write(file):
        client.Config.Apply([("set", [in_expression(file) + "/a", str(next(numbers))])])
    table(t, by_polkit(WRITE), write)
    for path in (OUT, f"{DIR}/exm-glob-1.conf", f"{DIR}/exm-secret.conf", f"{DIR}/exm-starry.conf"):
        equal(Path(path).read_text(), "a = 1\n", path)


def test_mode_owner_and_links_need_privilege(t):
    """A key writes texts. Who had the mode or the owner of a file once would keep the file."""
    t.file("/etc/hosts", HOSTS)
    client, _ = setup(t)
    polkit_says(t, "read")
    equal(outcome(lambda: client.Config.Apply([("mode", [IN, "0640"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("owner", [IN, "alice:alice"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("ln", [f"{DIR}/exm-star*.conf", IN])])), "no")
    equal(outcome(lambda: client.Config.Apply([("mode", [OUT, "0640"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "192.0.2.3"])])), "yes")
    equal(outcome(lambda: client.Config.Apply([("mode", ["/etc/hosts", "0666"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("owner", ["/etc/hosts", "alice:alice"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("ln", [IN, f"{DIR}/exm-new-link.conf"])])), "no")


def test_units(t):
    for name, links in (("exm-scope.service", ["exm-alias.service"]), ("exm-scope@.service", []),
                        ("exm-other.service", ["exm-outside-alias.service", "exm-any-alias.service"]),
                        ("exm-any1.service", [])):
        t.unit(name, UNIT, links)
    client, _ = setup(t)
    t.rules.deny("alice")
    daemon.run("systemctl", "start", "exm-scope.service")
    t.undo(lambda: daemon.end_unit("exm-scope@one.service"))
    table(t, [("no", (method, unit), wanted) for method, unit, wanted in UNITS],
          lambda row: getattr(client.Units, row[0])(row[1]))


def test_a_glob_of_units_never_reaches_the_machine_itself(t):
    text = t.key("scope", user="alice", units=["*:start,stop,restart,reload"])
    client = t.client()
    client.Authority.Unlock(text)
    t.rules.deny("alice")
    wrong = [unit for unit in ("poweroff.target", "reboot.target", "halt.target", "kexec.target",
                               "rescue.target", "emergency.target", "emergency.service", "rescue.service",
                               "debug-shell.service", "user@0.service", "systemd-poweroff.service",
                               "systemd-reboot.service", "systemd-halt.service", "systemd-kexec.service",
                               "exmachina.service", "exmachina-recover.service", "sysinit.target",
                               "basic.target", "system.slice", "dbus.service", "polkit.service",
                               "getty@tty1.service", "systemd-journald.service", "suspend.target")
             if outcome(lambda: client.Units.Start(unit)) != "no"]
    equal(wrong, [])


def test_privileged_keys_change_modes_but_set_no_id(t):
    client, _ = setup(t, privileged=True)
    t.rules.deny("alice")
    equal(outcome(lambda: client.Config.Apply([("mode", [IN, "0640"])])), "yes")
    for mode in ("4755", "2755", "1777", "7777"):
        equal(outcome(lambda: client.Config.Apply([("mode", [IN, mode])])), "InvalidEdit")
    equal(Path(IN).stat().st_mode & 0o7777, 0o640)


def test_privileged_globs_reach_all(t):
    client, _ = setup(t, privileged=True, write=[f"{DIR}/exm-*.conf"])
    t.rules.deny("alice")
    for path in (IN, OUT, f"{DIR}/exm-glob-secret.conf"):
        equal(outcome(lambda: client.Config.GetValue(in_expression(path) + "/a")), "yes", path)
        equal(outcome(lambda: client.Config.Apply([("set", [in_expression(path) + "/a", "7"])])), "yes",
              path)
    equal(outcome(lambda: client.Config.ReadFile("/etc/shadow")), "no")


def test_not_privileged_globs_reach_ordinary_files_only(t):
    """The same globs without the word."""
    client, _ = setup(t, write=[f"{DIR}/exm-*.conf", "/etc/host*"])
    t.file("/etc/hosts", "127.0.0.1 localhost\n")
    t.rules.deny("alice")
    equal(outcome(lambda: client.Config.Apply([("set", [f"/files{IN}/a", "7"])])), "no")
    equal(outcome(lambda: client.Config.Apply([("set", ["/files/etc/hosts/1/ipaddr", "127.0.0.2"])])), "yes")
    equal(outcome(lambda: client.Config.Apply([("set", ["/files/etc/host.conf/multi", "off"])])), "no")


def test_a_span_holds_what_the_key_grants(t):
    client, _ = setup(t)
    polkit_says(t, "no")
    found = [path.removeprefix("/files") for path in client.Config.Match(f"/files{DIR}/*/a")]
    equal(sorted(path.removesuffix("/a").replace("\\", "") for path in found if "/exm-" in path),
          sorted([IN, f"{DIR}/exm-link-in.conf", f"{DIR}/exm-glob-1.conf", f"{DIR}/exm-secret.conf", f"{DIR}/exm-we[ird].conf",
                  f"{DIR}/exm-star*.conf"]))
    assert all("/exm-" in path for path in found), found
    polkit_says(t, "read")
    found = client.Config.Match(f"/files{DIR}/*/a")
    assert any("exm-out.conf" in path for path in found), found
    assert any("exm-secret.conf" in path for path in found), found
    assert not any("exm-other-secret.conf" in path for path in found), found


def test_another_user_cannot_unlock_it(t):
    _, text = setup(t)
    bob = t.client("bob")
    equal(outcome(lambda: bob.Authority.Unlock(text)), "BadKey")
    t.rules.deny("bob")
    equal(outcome(lambda: bob.Config.GetValue(f"/files{IN}/a")), "no")


def test_a_second_connection_has_not_unlocked_it(t):
    setup(t)
    t.rules.deny("alice")
    equal(outcome(lambda: t.client().Config.GetValue(f"/files{IN}/a")), "no")


def test_expired(t):
    end = time.time_ns() // 1000 + 1_500_000
    client, text = setup(t, expires=end)
    t.rules.deny("alice")
    equal(outcome(lambda: client.Config.GetValue(f"/files{IN}/a")), "yes")
    time.sleep(max(0, end / 1e6 - time.time()) + 0.1)
    equal(outcome(lambda: client.Config.GetValue(f"/files{IN}/a")), "no")
    equal(outcome(lambda: client.Authority.Unlock(text)), "BadKey")


def ends(t, end):
    """A transaction holds files by the key's right; `end` takes the key away; nothing is left of it."""
    client, text = setup(t)
    t.rules.deny("alice")
    transaction = client.begin()
    transaction.SetValue(f"/files{IN}/a", "5")
    equal(transaction.GetValue(f"/files{IN}/a"), (True, "5"))
    end(client, text)
    equal(outcome(lambda: client.Config.GetValue(f"/files{IN}/a")), "no")
    equal(outcome(lambda: transaction.GetValue(f"/files{IN}/a")), "no")
    equal(outcome(transaction.Diff), "no")
    equal(outcome(transaction.Commit), "no")
    equal(Path(IN).read_text(), "a = 1\n")
    return client, text


def test_locked(t):
    client, text = ends(t, lambda client, _: client.Authority.Lock())
    equal(client.Authority.Unlock(text), "scope")
    equal(outcome(lambda: client.Config.GetValue(f"/files{IN}/a")), "yes")


def test_revoked_in_mid_connection(t):
    client, text = ends(t, lambda *_: t.root.Authority.RevokeKey("scope"))
    equal(outcome(lambda: client.Authority.Unlock(text)), "BadKey")


def test_key_file_removed_in_mid_connection(t):
    def remove(client, _):
        Path("/etc/exmachina/keys.d/scope.key").unlink()
        daemon.wait_for(lambda: client.Authority.WhoAmI()["key"] == "", "the end of the key")
    ends(t, remove)


def test_key_file_changed_in_mid_connection(t):
    def change(client, _):
        path = Path("/etc/exmachina/keys.d/scope.key")
        path.write_text(path.read_text() + "\n")
        daemon.wait_for(lambda: client.Authority.WhoAmI()["key"] == "", "the end of the key")
    ends(t, change)


def test_keys_replaced_as_a_whole_in_mid_connection(t):
    """No watch on the old directory sees that: the next call looks."""
    def replace(client, _):
        daemon.run("cp", "-a", "/etc/exmachina", "/etc/exmachina.new")
        daemon.run("mv", "/etc/exmachina", "/etc/exmachina.old")
        daemon.run("mv", "/etc/exmachina.new", "/etc/exmachina")
        t.undo(restore)
        Path("/etc/exmachina/keys.d/scope.key").unlink()
        daemon.wait_for(lambda: client.Authority.WhoAmI()["key"] == "", "the end of the key")

    def restore():
        daemon.run("rm", "-rf", "/etc/exmachina")
        daemon.run("mv", "/etc/exmachina.old", "/etc/exmachina")
        daemon.restart()
    ends(t, replace)


def test_never_what_only_an_administrator_may(t):
    """No grant covers keys, others' history, or ExMachina's own files."""
    client, _ = setup(t, privileged=True, read=["/**"], write=["/**"], units=["*:start,stop,restart"])
    t.rules.deny("alice")
    for call in (client.Authority.ListKeys, lambda: client.Authority.RevokeKey("scope"),
                 lambda: client.Authority.CreateKey("more", {"user": GLib.Variant("s", "")}),
                 lambda: client.History.ListChanges(all=True)):
        equal(outcome(call), "no")
    for path in ("/etc/exmachina/keys.d/scope.key", "/etc/exmachina/exmachina.conf",
                 "/var/lib/exmachina/journal.sqlite", "/etc/exmachina/exmachina.conf.d/x.conf"):
        assert outcome(lambda: client.Config.ReadFile(path)) in ("bad", "no-lens"), path
        assert outcome(lambda: client.Config.Apply([("text", [path, "x = 1\n"])])) in ("bad", "no-lens"), path
