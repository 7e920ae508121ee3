# SPDX-License-Identifier: LGPL-2.1-or-later
"""Config's reading methods: what they answer, and what nobody gets to see."""
import hashlib
import os
import time
from pathlib import Path

import daemon
from bus import OBJECT, PingWatch, expect
from case import equal, has, has_not, less
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE


def test_first_call_starts_the_service(t):
    daemon.stop()
    out = daemon.run("runuser", "-u", "alice", "--", "busctl", "call", "org.exmachina1", OBJECT,
                     "org.exmachina1.Config", "GetValue", "s", "/files/etc/hosts/1/ipaddr")
    equal(out.strip(), 'bs true "127.0.0.1"')


def test_get_value(t):
    t.file("/etc/hosts", HOSTS)
    alice = t.client()
    equal(alice.Config.GetValue("/files/etc/hosts/2/canonical"), (True, "files.example"))
    equal(alice.Config.GetValue("/files/etc/hosts/1"), (False, ""))
    equal(alice.Config.GetValue("/files/etc/hosts/*[ipaddr='192.0.2.7']/alias"), (True, "files"))
    with expect("NoMatch"):
        alice.Config.GetValue("/files/etc/hosts/9/ipaddr")
    with expect("ManyMatches"):
        alice.Config.GetValue("/files/etc/hosts/*/ipaddr")


def test_match(t):
    t.file("/etc/hosts", HOSTS)
    alice = t.client()
    equal(alice.Config.Match("/files/etc/hosts/*/ipaddr"),
          ["/files/etc/hosts/1/ipaddr", "/files/etc/hosts/2/ipaddr"])
    equal(alice.Config.Match("/files/etc/hosts/7"), [])
    equal(alice.Config.Match("/files/etc/hosts/*[alias]"), ["/files/etc/hosts/2"])


def test_read_in_document_order_and_by_pages(t):
    t.file("/etc/hosts", HOSTS)
    alice = t.client()
    nodes, total, versions = alice.Config.Read("/files/etc/hosts/descendant::*", 0, 0)
    wanted = [("#comment[1]", True, "The addresses of this machine"), ("1", False, ""),
              ("1/ipaddr", True, "127.0.0.1"), ("1/canonical", True, "localhost"),
              ("#comment[2]", True, "others"), ("2", False, ""), ("2/ipaddr", True, "192.0.2.7"),
              ("2/canonical", True, "files.example"), ("2/alias", True, "files"),
              ("2/#comment", True, "the file server")]
    for got, (path, has_value, value) in zip(nodes, wanted):
        equal(got, ("/files/etc/hosts/" + path, has_value, value))
    equal(total, len(wanted))
    equal(list(versions), ["/etc/hosts"])
    pages = []
    for offset in range(0, total, 3):
        page, count, _ = alice.Config.Read("/files/etc/hosts/descendant::*", offset, 3)
        equal(count, total)
        pages += page
    equal(pages, nodes)
    equal(alice.Config.Read("/files/etc/hosts/descendant::*", 100, 5)[0], [])


def test_read_file_is_exact(t):
    alice = t.client()
    for content in (HOSTS.encode(), b"", b"127.0.0.1 a", b"# caf\xe9\n127.0.0.1 a\n", b"1.1.1.1 a\r\n",
                    bytes(range(1, 256)) + b"\n", b"# a\0b\n"):
        t.file("/etc/hosts", content)
        got, version = alice.Config.ReadFile("/etc/hosts")
        equal(got, content)
        equal(len(version), 64)


def test_versions(t):
    """SHA-256 in hex of content and metadata: each of them changes it, and nothing else does."""
    t.file("/etc/hosts", HOSTS)
    alice = t.client()

    def version():
        return alice.Config.ReadFile("/etc/hosts")[1]
    first = version()
    equal(alice.Config.Read("/files/etc/hosts/1", 0, 0)[2], {"/etc/hosts": first})
    os.utime("/etc/hosts", (1, 1))
    equal(version(), first, "after touch")
    seen = {first}
    os.chmod("/etc/hosts", 0o664)
    seen.add(version())
    os.chown("/etc/hosts", 0, 6001)
    seen.add(version())
    os.setxattr("/etc/hosts", "user.exm", b"1")
    seen.add(version())
    Path("/etc/hosts").write_text(HOSTS + "# more\n")
    seen.add(version())
    equal(len(seen), 5, "versions after five states")


def test_list_files(t):
    t.file("/etc/hosts", HOSTS)
    t.file(FILE, "a = 1\n")
    t.file("/etc/sysctl.d/exm-secret.conf", "a = 1\n", mode=0o600)
    t.file("/etc/exm-no-lens-covers-this", "a")
    alice = t.client()
    equal(alice.Config.ListFiles("/etc/hosts"), [("/etc/hosts", "Hosts.lns")])
    equal(alice.Config.ListFiles("/etc/sysctl.d/exm-*"), [(FILE, "Sysctl.lns")])
    equal(alice.Config.ListFiles("/etc/exm-no*"), [])
    with expect("InvalidArgs", "InvalidPath"):
        alice.Config.ListFiles("etc/*")


def test_errors(t):
    t.file("/etc/hosts", HOSTS + "alone\n")
    alice = t.client()
    errors = alice.Config.Errors("/files/etc/hosts")
    equal([(e["file"], e["kind"], e["lens"]) for e in errors],
          [("/etc/hosts", "parse_failed", "Hosts.lns")])
    equal(set(errors[0]), {"file", "kind", "message", "line", "column", "lens"})
    assert errors[0]["line"] >= 5, errors
    equal(alice.Config.Errors("/files/etc/host.conf"), [])
    with expect("ParseFailed") as seen:
        alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    assert seen.message.startswith("/etc/hosts:"), seen.message
    line, column = seen.message.split(":")[1:3]
    assert int(line) >= 5 and int(column) >= 0, seen.message


def test_expressions_that_are_refused(t):
    alice = t.client()
    for expression in ("", "/files/etc/hosts[", "/files/etc/hosts/1[ipaddr=", "hosts", "*", "//*", "/*",
                       "/augeas", "/augeas//error", "/augeas/load/Hosts/lens", "/files/etc/hosts\n",
                       "$variable", "/files/etc/hosts/1/" + "a" * 5000,
                       "/files/etc/hosts" + "[(" * 65 + "1" + ")]" * 65):
        for call in (lambda: alice.Config.GetValue(expression), lambda: alice.Config.Match(expression),
                     lambda: alice.Config.Read(expression, 0, 0)):
            try:
                answer = call()
            except Exception as refusal:
                assert getattr(refusal, "short", "") in ("InvalidPath", "NoMatch", "LimitExceeded",
                                                         "NoLens", "AccessDenied", "ManyMatches"), \
                    f"{expression[:40]!r}: {refusal}"
            else:
                has_not(str(answer), "/augeas", "lens")


def test_no_lens(t):
    t.file("/etc/exm-no-lens-covers-this", "a")
    alice = t.client()
    with expect("NoLens"):
        alice.Config.GetValue("/files/etc/exm-no-lens-covers-this/a")
    with expect("NoLens"):
        alice.Config.ReadFile("/etc/exm-no-lens-covers-this")


def test_missing_public_file_is_no_match(t):
    t.keep("/etc/sysctl.d/exm-missing.conf")
    alice = t.client()
    with expect("NoMatch"):
        alice.Config.GetValue("/files/etc/sysctl.d/exm-missing.conf/a")
    with expect("NoMatch"):
        alice.Config.ReadFile("/etc/sysctl.d/exm-missing.conf")
    equal(alice.Config.Match("/files/etc/sysctl.d/exm-missing.conf/a"), [])


# ---------------------------------------------------------------- text

def test_text_without_final_newline(t):
    t.file(FILE, "a = 1\nb = 2")
    equal(t.client().Config.Read(TREE + "/*", 0, 0)[0], [(TREE + "/a", True, "1"), (TREE + "/b", True, "2")])


def test_text_empty(t):
    t.file(FILE, "")
    alice = t.client()
    equal(alice.Config.Read(TREE + "/*", 0, 0)[:2], ([], 0))
    equal(alice.Config.Errors(TREE), [])


def test_text_crlf(t):
    t.file(FILE, b"a = 1\r\nb = 2\r\n")
    alice = t.client()
    nodes, _, _ = alice.Config.Read(TREE + "/*", 0, 0)
    equal([path for path, _, _ in nodes], [TREE + "/a", TREE + "/b"])
    equal(alice.Config.ReadFile(FILE)[0], b"a = 1\r\nb = 2\r\n")


def test_t50_nul_is_never_loaded(t):
    t.file(FILE, b"a = 1\n\0b = 2\nc = 3\n")
    alice = t.client()
    with expect("ParseFailed") as seen:
        alice.Config.GetValue(TREE + "/a")
    has(seen.message, FILE)
    equal([e["file"] for e in alice.Config.Errors(TREE)], [FILE])
    t.rules.allow("alice")
    with expect("ParseFailed"):
        alice.Config.Apply([("set", [TREE + "/a", "2"])])
    equal(Path(FILE).read_bytes(), b"a = 1\n\0b = 2\nc = 3\n")


def test_t45_latin_1_keeps_the_service_on_the_bus(t):
    alice = t.client()
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    before = daemon.pid(t.root), daemon.unique_name(t.root)
    t.file(FILE, b"# caf\xe9\na = na\xefve\n")
    equal(alice.Config.GetValue(TREE + "/a"), (True, "na\ufffdve"))
    equal(alice.Config.GetValue(TREE + "/#comment"), (True, "caf\ufffd"))
    t.file("/etc/hosts", b"127.0.0.1 \xff\xfe ( \xe9\n")
    for error in alice.Config.Errors("/files/etc/hosts"):
        error["message"].encode()
    name = os.fsdecode(b"/etc/sysctl.d/exm-\xe9.conf")
    t.keep(name)
    Path(name).write_text("a = 1\n")
    alice.Config.ListFiles("/etc/sysctl.d/*")
    alice.Config.Match("/files/etc/sysctl.d/*/a")
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t45_a_reply_of_40_mib_is_refused_not_sent(t):
    """12 MiB of text make a reply far over the limit."""
    alice = t.client()
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    before = daemon.pid(t.root), daemon.unique_name(t.root)
    t.file(FILE, "".join(f"key{i} = {'v' * 1000}\n" for i in range(12000)))
    with expect("LimitExceeded") as seen:
        alice.Config.Read(TREE + "/*", 0, 0)
    has(seen.message, "8")
    nodes, total, _ = alice.Config.Read(TREE + "/*", 0, 100)
    equal((len(nodes), total), (100, 12000))
    with expect("LimitExceeded"):
        alice.Config.ReadFile(FILE)
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


test_t45_a_reply_of_40_mib_is_refused_not_sent.slow = True


# ---------------------------------------------------------------- secrets

def test_secret_file_needs_its_own_right(t):
    t.file(FILE, "canary = 4711\n", mode=0o640)
    alice = t.client()
    for call in (lambda: alice.Config.GetValue(TREE + "/canary"),
                 lambda: alice.Config.Match(TREE + "/canary"),
                 lambda: alice.Config.Read(TREE + "/*", 0, 0), lambda: alice.Config.ReadFile(FILE),
                 lambda: alice.Config.Errors(TREE),
                 lambda: alice.Config.Preview([("set", [TREE + "/canary", "1"])])):
        with expect("AccessDenied", "InteractiveAuthorizationRequired") as seen:
            call()
        has_not(seen.message, "4711")
    t.rules.allow("alice", "read-secret-config", file=FILE)
    equal(alice.Config.GetValue(TREE + "/canary"), (True, "4711"))
    equal(alice.Config.ReadFile(FILE)[0], b"canary = 4711\n")
    t.rules.clear()
    with expect("AccessDenied", "InteractiveAuthorizationRequired"):
        alice.Config.GetValue(TREE + "/canary")


def test_secret_after_it_was_public(t):
    """A warm view does not answer for what the caller may no longer read."""
    t.file(FILE, "canary = 4711\n")
    alice = t.client()
    equal(alice.Config.GetValue(TREE + "/canary"), (True, "4711"))
    os.chmod(FILE, 0o600)
    with expect("AccessDenied", "InteractiveAuthorizationRequired"):
        alice.Config.GetValue(TREE + "/canary")
    equal(alice.Config.Match("/files/etc/sysctl.d/exm-*/canary"), [])
    os.chmod(FILE, 0o644)
    equal(alice.Config.GetValue(TREE + "/canary"), (True, "4711"))
    daemon.run("setfacl", "-m", "u:bob:r", FILE)
    with expect("AccessDenied", "InteractiveAuthorizationRequired"):
        alice.Config.GetValue(TREE + "/canary")


def test_secret_behind_a_closed_directory(t):
    folder = t.folder("/etc/modprobe.d/exm-closed", mode=0o700)
    t.file("/etc/sysctl.d/exm-plain.conf", "a = 1\n")
    link = t.keep(Path(FILE))
    (folder / "secret.conf").write_text("canary = 4711\n")
    link.symlink_to(folder / "secret.conf")
    with expect("AccessDenied", "InteractiveAuthorizationRequired"):
        t.client().Config.GetValue(TREE + "/canary")


def test_t28_missing_and_secret_are_the_same(t):
    t.folder("/etc/ssl/private", mode=0o700)
    private = Path("/etc/sudoers.d") if Path("/etc/sudoers.d").is_dir() else t.folder("/etc/sudoers.d")
    mode = private.stat().st_mode & 0o7777
    t.undo(lambda: private.chmod(mode))
    private.chmod(0o750)
    t.file("/etc/sudoers.d/exm-secret", "root ALL=(ALL) ALL\n", mode=0o440)
    alice = t.client()
    answers = set()
    for name in ("exm-secret", "exm-missing"):
        for call in (alice.Config.ReadFile, lambda f: alice.Config.Match("/files" + f + "/*")):
            with expect("AccessDenied", "InteractiveAuthorizationRequired") as seen:
                call("/etc/sudoers.d/" + name)
            answers.add((seen.name, seen.message.replace(name, "NAME")))
    equal(len(answers), 1, f"answers {answers}")


ATTEMPTS = (
    "/files/etc/hosts/../shadow/*", "/files/etc/hosts/1/../../shadow/root/password",
    "/files/etc/hosts[/files/etc/shadow/root/password]",
    "/files/etc/hosts/*[ipaddr=/files/etc/shadow/root/password]",
    "/files/etc/hosts/*[count(/files/etc/shadow/*)>0]",
    "/files/etc/hosts/1[/files/etc/shadow/root/password=~regexp('\\\\$.*')]",
    "/files//password", "/files/etc//password", "/files/*/shadow/*", "/files/etc/*/root/password",
    "/files/etc/sha*/root/password", "/files/etc/hosts/1|/files/etc/shadow/*",
    "/files/etc/hosts/ancestor::*/shadow/*", "/files/etc/hosts/following-sibling::*/*",
    "/files/etc/hosts/preceding-sibling::*/*", "/files/etc/hosts/parent::*/shadow/*",
    "/files/etc/./shadow/*", "/files/etc/hosts/../*[label()='shadow']/*", "//*[label()='password']",
    "/files/etc/*[label()='shadow']/*/password", "//password | /files/etc/hosts/1/ipaddr",
    "/files/etc/hosts/1[../../shadow/root/password]", "(/files/etc/shadow/*)", "/files/etc//shadow//*",
    "/descendant-or-self::*[label()='password']", "/files/descendant::password",
    "/augeas/text/etc/shadow", "/augeas//*[. =~ regexp('.*root.*')]")


def test_no_expression_reaches_shadow(t):
    """Neither by value nor by the existence of a match (the truth of a predicate about shadow)."""
    t.file("/etc/hosts", HOSTS)
    alice = t.client()
    hash_ = "$6$exmcanary$abcdef"
    shadow = "".join(f"root:{hash_}:19000:0:99999:7:::\n" if line.startswith("root:") else line
                     for line in Path("/etc/shadow").read_text().splitlines(keepends=True))
    t.file("/etc/shadow", shadow, mode=0o640, owner=(0, 42))
    leaks = []
    for expression in ATTEMPTS:
        for call in (lambda: alice.Config.Match(expression), lambda: alice.Config.Read(expression, 0, 0),
                     lambda: alice.Config.GetValue(expression),
                     lambda: alice.Config.Errors(expression)):
            try:
                answer = str(call())
            except Exception as refusal:
                answer = str(refusal)
                if not hasattr(refusal, "short"):
                    raise
            if "exmcanary" in answer or "/files/etc/shadow/" in answer.replace(expression, ""):
                leaks.append(expression)
    assert not leaks, f"leaks: {leaks}"
    for expression, plain in (("/files/etc/hosts/1[/files/etc/shadow/root]", "/files/etc/hosts/1"),
                              ("/files/etc/hosts/1[count(/files/etc/shadow/*)>0]", "/files/etc/hosts/1")):
        try:
            answer = alice.Config.Match(expression)
        except Exception as refusal:
            assert refusal.short in ("AccessDenied", "InteractiveAuthorizationRequired", "InvalidPath")
        else:
            equal(answer, [], f"a predicate about shadow was true: {plain}")


def test_t46_only_nodes_under_files(t):
    alice = t.client()
    for expression in ("//*", "/descendant-or-self::*", "/files/etc/hosts/1 | /augeas//*",
                       "/*[label()='augeas']/*", "/files/etc/hosts/1/ancestor::*",
                       "//*[label()='lens']", "/files/../augeas/*"):
        try:
            paths = alice.Config.Match(expression)
        except Exception as refusal:
            assert refusal.short in ("InvalidPath", "LimitExceeded"), f"{expression}: {refusal}"
            continue
        for path in paths:
            assert path.startswith("/files/") and path != "/files/", f"{expression}: {path}"


def test_span_holds_only_public_files(t):
    t.file("/etc/sysctl.d/exm-public.conf", "exm.canary = 1\n")
    t.file("/etc/sysctl.d/exm-secret.conf", "exm.canary = 2\n", mode=0o600)
    alice = t.client()
    equal(alice.Config.Match("/files/etc/sysctl.d/*/exm.canary"),
          ["/files/etc/sysctl.d/exm-public.conf/exm.canary"])
    t.rules.allow("alice")
    equal(alice.Config.Match("/files/etc/sysctl.d/*/exm.canary"),
          ["/files/etc/sysctl.d/exm-public.conf/exm.canary"])


def test_t21_paths_that_go_astray(t):
    """Refused before anything is opened, and whatever they would lead to is not shown."""
    t.rules.allow("alice")
    alice = t.client()
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    names = ["", "etc/hosts", "/etc/../etc/hosts", "/etc/./hosts", "//etc/hosts", "/etc//hosts",
             "/etc/hosts/", "/etc/", "/", "/etc", "..", "/..", "/../etc/hosts", "/etc/hosts/..",
             "/etc/hosts/../shadow", "/proc/self/root/etc/hosts", "/proc/1/root/etc/hosts",
             "/dev/fd/0", "/dev/stdin", "/dev/mem", "/sys/kernel/notes", "/root/.bashrc",
             "/home/alice/.bashrc", "/etc/hosts\n", "/etc/\x01hosts", "/etc/hosts ", " /etc/hosts",
             "~/hosts", "$HOME/hosts", "/etc/*", "/etc/hos?s", "/etc/hosts%00", "file:///etc/hosts",
             "/files/etc/hosts", "/etc/" + "a/" * 2100 + "b", "/" + "a" * 5000, "/etc/" + "a" * 300,
             "/etc/exmachina/exmachina.conf", "/etc/exmachina/exmachina.conf.d/x.conf",
             "/var/lib/exmachina/x", "/usr/lib/sysctl.d/50-default.conf", "/tmp/hosts", "/run/hosts",
             "/boot/grub/grub.cfg", "/etc/hosts/1/ipaddr", "/etc/mtab/../hosts", "C:\\hosts", "/etc\\hosts",
             "/etc/hosts;id", "/etc/`id`", "/etc/$(id)", "/etc/hosts\t", "/etc/..", "/etc/...",
             "/etc/hosts/.", "/etc/\u202ehosts", "/etc/\ufffd", "./etc/hosts", "/./etc/hosts", "/etc/ssh/../hosts", "/var/../etc/hosts"]
    assert len(names) >= 60, len(names)
    wrong = []
    for name in names:
        for call in (lambda: alice.Config.ReadFile(name),
                     lambda: alice.Config.Apply([("text", [name, "127.0.0.1 a\n"])]),
                     lambda: alice.Config.Apply([("ln", ["/etc/hosts", name])])):
            try:
                call()
            except Exception as refusal:
                if getattr(refusal, "short", "") not in (
                        "InvalidArgs", "InvalidPath", "InvalidEdit", "NoLens", "NoMatch", "Refused",
                        "AccessDenied", "LimitExceeded", "ParseFailed"):
                    wrong.append(f"{name[:40]!r}: {refusal}")
            else:
                wrong.append(f"{name[:40]!r} was accepted")
    assert not wrong, "; ".join(wrong[:6])


def test_own_configuration_is_out_of_reach(t):
    t.rules.allow("alice")
    for caller in (t.client(), t.client("root")):
        for name in ("/etc/exmachina/exmachina.conf", "/etc/exmachina/exmachina.conf.d/a.conf"):
            with expect("AccessDenied", "NoLens", "Refused", "NoMatch"):
                caller.Config.ReadFile(name)
            with expect("AccessDenied", "NoLens", "Refused", "NoMatch"):
                caller.Config.Apply([("text", [name, "[Limits]\n"])])
    equal(t.client().Config.ListFiles("/etc/exmachina/**"), [])


# ---------------------------------------------------------------- warm views

def test_t47_a_rewrite_within_one_tick_is_seen(t):
    t.file(FILE, "a = 0\n")
    alice = t.client()
    for i in range(200):
        value = str(i % 10)
        Path(FILE).write_text(f"a = {value}\n")
        info = os.stat(FILE)
        equal(alice.Config.GetValue(TREE + "/a"), (True, value), f"round {i}")
        other = str((i + 5) % 10)
        Path(FILE).write_text(f"a = {other}\n")
        os.utime(FILE, ns=(info.st_atime_ns, info.st_mtime_ns))
        equal(alice.Config.GetValue(TREE + "/a"), (True, other), f"round {i}, same mtime")


def test_warm_view_follows_every_kind_of_change(t):
    t.file(FILE, "a = 1\n")
    alice = t.client()
    equal(alice.Config.GetValue(TREE + "/a"), (True, "1"))
    time.sleep(0.1)
    Path(FILE + ".new").write_text("a = 2\n")
    os.rename(FILE + ".new", FILE)
    equal(alice.Config.GetValue(TREE + "/a"), (True, "2"))
    Path(FILE).unlink()
    with expect("NoMatch"):
        alice.Config.GetValue(TREE + "/a")
    Path(FILE).write_text("a = 3\n")
    equal(alice.Config.GetValue(TREE + "/a"), (True, "3"))
    Path(FILE).write_text("a = \n= b\n")
    with expect("ParseFailed"):
        alice.Config.GetValue(TREE + "/a")
    Path(FILE).write_text("a = 4\n")
    equal(alice.Config.GetValue(TREE + "/a"), (True, "4"))


def test_values_that_came_together_are_asked_for_each(t):
    """What the service has read before is told by the right of today, and as the file is today."""
    t.file(FILE, "".join(f"name{i} = {i}\n" for i in range(30)))
    alice = t.client(key=t.key("values", read=[FILE]))
    bob = t.client("bob")

    def values(client, **changed):
        for i in range(30):
            equal(client.Config.GetValue(f"{TREE}/name{i}"), (True, changed.get(f"name{i}", str(i))))

    values(alice)
    values(bob)
    Path(FILE).write_text(Path(FILE).read_text().replace("name7 = 7\n", "name7 = new\n"))
    values(alice, name7="new")
    values(bob, name7="new")
    t.rules.deny("bob", "read-config", file=FILE).deny("alice", "read-secret-config")
    with expect("AccessDenied"):
        bob.Config.GetValue(f"{TREE}/name8")
    values(alice, name7="new")
    Path(FILE).chmod(0o600)
    values(alice, name7="new")
    t.revoke("values")
    with expect("AccessDenied"):
        alice.Config.GetValue(f"{TREE}/name9")


def test_a_file_that_has_just_been_written_is_not_read_for_ever(t):
    """Its stamp says nothing for 50 ms; what is read then gives it another."""
    text = "# " + 50000 * "x" + "\na = 1\n"
    t.file(FILE, text)
    alice = t.client()
    value = lambda: equal(alice.Config.GetValue(TREE + "/a"), (True, "1"))

    def bytes_read(action):
        before = daemon.bytes_read(daemon.pid(t.root))
        action()
        return daemon.bytes_read(daemon.pid(t.root)) - before

    value()
    for _ in range(100):
        Path(FILE).write_text(text)
        value()  # loaded with a stamp that says nothing, unless this took long
        if bytes_read(value) >= len(text):
            break
    else:
        raise AssertionError("it was never read twice")
    time.sleep(0.1)
    value()
    less(bytes_read(lambda: [value() for _ in range(20)]), len(text), "bytes read")


def test_warm_reads_share_a_worker_of_one_user_only(t):
    daemon.restart()
    alice, bob = t.client("alice"), t.client("bob")
    for _ in range(20):
        alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    equal(len(daemon.workers(t.root)), 1)
    bob.Config.GetValue("/files/etc/hosts/1/ipaddr")
    equal(len(daemon.workers(t.root)), 2)


def test_first_read_is_fast(t):
    """One lens, not all: well under what augtool needs to load everything."""
    t.client().Config.GetValue("/files/etc/hosts/1/ipaddr")
    start = time.monotonic()
    daemon.run("augtool", "get", "/files/etc/hosts/1/ipaddr")
    everything = time.monotonic() - start
    daemon.restart()
    alice = t.client()
    start = time.monotonic()
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    took = time.monotonic() - start
    assert took < everything / 2, f"{took * 1000:.0f} ms, augtool {everything * 1000:.0f} ms"


def test_reads_do_not_block_each_other(t):
    t.file(FILE, "".join(f"key{i} = {i}\n" for i in range(20000)))
    alice = t.client()
    with PingWatch() as watch:
        for _ in range(3):
            alice.Config.Match(TREE + "/*[. = '19999']")
            os.utime(FILE)
    watch.check(at_least=3)


def test_hash_of_version_is_not_of_content_alone(t):
    t.file("/etc/hosts", HOSTS)
    version = t.client().Config.ReadFile("/etc/hosts")[1]
    assert version != hashlib.sha256(HOSTS.encode()).hexdigest()
