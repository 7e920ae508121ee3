# SPDX-License-Identifier: LGPL-2.1-or-later
"""exmachinactl in pipes: what it prints, what it changes, how it ends. (Terminals: test_terminal.py.)"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import daemon
from bus import NAME, OBJECT
from case import equal, has, has_not
from changes import begin_anew, finish_all, record, state
from ctl import Cut, ctl, other_machine, start
from samples import HOSTS, PROBE, PROBE_UNIT

HOSTS_TREE = """/etc/hosts
/etc/hosts/#comment[1] = "The addresses of this machine"
/etc/hosts/1
/etc/hosts/1/ipaddr = "127.0.0.1"
/etc/hosts/1/canonical = "localhost"
/etc/hosts/#comment[2] = "others"
/etc/hosts/2
/etc/hosts/2/ipaddr = "192.0.2.7"
/etc/hosts/2/canonical = "files.example"
/etc/hosts/2/alias = "files"
/etc/hosts/2/#comment = "the file server"
"""
DIFF = """--- /etc/hosts
+++ /etc/hosts
@@ -1,5 +1,5 @@
 # The addresses of this machine
-127.0.0.1  localhost
+192.0.2.50  localhost
 
 # others
 192.0.2.7       files.example files   # the file server
"""
SET = ("set", "/etc/hosts/1/ipaddr", "192.0.2.50")
CHANGED = HOSTS.replace("127.0.0.1", "192.0.2.50")


def setup(t):
    t.file("/etc/hosts", HOSTS)
    t.undo(lambda: finish_all(t))


def text(path="/etc/hosts"):
    return Path(path).read_text()


# ---------------------------------------------------------------- reading

def test_reads_as_text(t):
    setup(t)
    equal(ctl("get", "/etc/hosts/1/ipaddr", user="alice").out, "127.0.0.1\n")
    equal(ctl("get", "/files/etc/hosts/1/ipaddr", user="alice").out, "127.0.0.1\n")
    equal(ctl("ls", "/etc/hosts/*[ipaddr='192.0.2.7']", user="alice").out, "/etc/hosts/2\n")
    equal(ctl("print", "/etc/hosts", user="alice").out, HOSTS_TREE)
    equal(ctl("/etc/hosts", user="alice").out, HOSTS_TREE)
    equal(ctl("print", "/etc/hosts/1/ipaddr | /etc/hosts/2/alias", user="alice").out,
          '/etc/hosts/1/ipaddr = "127.0.0.1"\n/etc/hosts/2/alias = "files"\n')
    equal(ctl("cat", "/etc/hosts", user="alice").out, HOSTS)
    equal(ctl("files", "/etc/hosts", user="alice").out, "/etc/hosts\tHosts.lns\n")
    t.file("/etc/sysctl.d/exm-bad.conf", "no value\n")
    has(ctl("errors", "/etc/sysctl.d/exm-bad.conf", user="alice").out, "/etc/sysctl.d/exm-bad.conf:1:",
        "Sysctl")


def test_reads_as_json(t):
    setup(t)
    equal(ctl("get", "-j", "/etc/hosts/1/ipaddr").out,
          '{"path":"/files/etc/hosts/1/ipaddr","value":"127.0.0.1"}\n')
    equal(ctl("get", "--json=pretty", "/etc/hosts/1").out,
          '{\n  "path": "/files/etc/hosts/1",\n  "value": null\n}\n')
    equal(ctl("--json=short", "ls", "/etc/hosts/2/*").json,
          [f"/files/etc/hosts/2/{label}" for label in ("ipaddr", "canonical", "alias", "#comment")])
    tree = ctl("-j", "print", "/etc/hosts/1").json
    equal(tree["nodes"], [{"path": "/files/etc/hosts/1", "value": None},
                          {"path": "/files/etc/hosts/1/ipaddr", "value": "127.0.0.1"},
                          {"path": "/files/etc/hosts/1/canonical", "value": "localhost"}])
    equal(tree["versions"], {"/etc/hosts": t.root.Config.ReadFile("/etc/hosts")[1]})
    equal(ctl("-j", "files", "/etc/hosts").json, [{"file": "/etc/hosts", "lens": "Hosts.lns"}])
    equal(ctl("-j", "errors", "/etc/hosts").json, [])


def test_print_reads_more_than_one_page(t):
    t.file("/etc/hosts", "".join(f"192.0.{n >> 8}.{n & 255} host{n}\n" for n in range(2000)))
    lines = ctl("print", "/etc/hosts").out.splitlines()
    equal(len(lines), 1 + 3 * 2000)
    equal(lines[-1], '/etc/hosts/2000/canonical = "host1999"')


def test_files_of_odd_names(t):
    """What can be a name on the bus is listed, and as a path it can be used as it is printed."""
    t.folder("/etc/sysctl.d")
    for name in (b"exm a b", b"exm a[1]", b"exm a'\"b", b"exm a(b|c)", b"exm a=!,b", b"exm a\\b", "exm ä".encode(),
                 b"exm a\nb", b"exm a\x1bb", b"exm \xe4"):
        file = Path(os.fsdecode(b"/etc/sysctl.d/" + name + b".conf"))
        file.write_text("exm.odd=1\n")
        t.undo(file.unlink)
    listed = [row["file"] for row in ctl("-j", "files", "/etc/sysctl.d/exm*", user="alice").json]
    equal(sorted(os.path.basename(file)[4:-5] for file in listed),
          ["a b", "a'\"b", "a(b|c)", "a=!,b", "a[1]", "a\\b", "ä"])
    paths = ctl("ls", "/etc/sysctl.d/*/exm.odd", user="alice").out.splitlines()
    equal(len(paths), len(listed))
    for path in paths:
        equal(ctl("get", path, user="alice").out, "1\n", path)
    for file in listed:
        equal(ctl("cat", file, user="alice").out, "exm.odd=1\n", file)
    begun = "/etc/sysctl.d/exm a"
    equal(ctl("complete", "files", begun, user="alice").out.splitlines(),
          sorted(file for file in listed if file.startswith(begun)))
    equal(ctl("complete", "files", begun + "[", user="alice").out, begun + "[1].conf\n")
    for begun in (r"/etc/sysctl.d/exm\ a\[", r"/etc/sysctl.d/exm a\[", r"/etc/sysctl.d/exm a\(b\|"):
        path = ctl("complete", "paths", begun, user="alice").out.removesuffix("\n")
        assert path.startswith(begun) and path.endswith(".conf"), path
        equal(ctl("get", path + "/exm.odd", user="alice").out, "1\n", path)
    equal(len(ctl("complete", "paths", "/etc/sysctl.d/exm a", user="alice").out.splitlines()), 6)


def test_a_pipe_gets_text_as_it_is(t):
    """Control characters of others are for the reader of a pipe to judge (terminals: test_terminal.py)."""
    t.file("/etc/hosts", "127.0.0.1 a # \x1b[31mred\n")
    equal(ctl("get", "/etc/hosts/1/#comment").out, "\x1b[31mred\n")


def test_exit_statuses_and_what_they_say(t):
    setup(t)
    for words, status, says in (
            (("get", "/etc/hosts/9/ipaddr"), 3, "no node matches"),
            (("ls", "/etc/hosts/9"), 3, "nothing matches"),
            (("show", "99999999"), 3, "no change 99999999; see 'exmachinactl history'\n"),
            (("cat", "/etc/exm-none"), 3, "/etc/exm-none: there is no such file\n"),
            (("get", "/etc/exm-none/1/ipaddr"), 3, "/etc/exm-none: there is no such file\n"),
            (("print", "/files/etc/exm-none"), 3, "/etc/exm-none: there is no such file\n"),
            (("ls", "/etc/hosts/9/*"), 3, "nothing matches"),
            (("print", "/etc/machine-id"), 3, "/etc/machine-id: no lens covers it: 'exmachinactl files'"),
            (("files", "/etc/exm-none*"), 3, "no file"),
            (("units", "exm-none*"), 3, "no unit"),
            (("history", "--state=failed", "--since=@1", "--before=@2"), 3, "no such change"),
            (("history", "--token=none"), 3, "no change has this token"),
            (("confirm",), 3, "'exmachinactl history'"),
            (("status", "exm-none.service"), 3, "exm-none.service"),
            (("get", "/etc/shadow/root/password"), 4, "; on a terminal, or as root, it may be"),
            (("--no-ask-password", *SET), 4, "--no-ask-password"),
            (("get", "hosts"), 2, "character 1 it does not begin with a slash; start it with / and"),
            (("get", "/etc/hosts/)"), 2, "at character 12 of the path"),
            (("print", "/etc/hosts/1|)"), 2, "at character 14 it does not begin with a slash"),
            (("get", "/etc/hosts/*[ipaddr"), 2, "at character 20 of the path"),
            (("diff", "mv", "/etc/hosts/1", "/etc/hosts/2)x"), 2, "at character 13 of the path"),
            (("permitted", "bogus"), 2, ": 'bogus': must begin with read"),
            (("permitted", "install", "no name"), 2, ": 'install no name': "),
            (("set", "/etc/hosts/1/ipaddr", "1", "-m", "\a"), 2, ": --message: must be text"),
            (("frobnicate",), 2, "'frobnicate'"),
            (("get",), 2, "get PATH"),
            (("mv", "/etc/hosts/1"), 2, "mv SOURCE DESTINATION"),
            (("--merge", "get", "/etc/hosts/1"), 2, "--merge does not go with 'get'"),
            (("set", "/etc/hosts/1/ipaddr", "-5"), 2, "--"),
            (("--confirm=0", *SET), 2, "from 1 to 3600"),
            (("--confirm",), 2, "--confirm needs an argument"),
            (("--quiet=x", "whoami"), 2, "--quiet takes no argument"),
            (("-x", "whoami"), 2, "no option -x"),
            (("--frob=x", "whoami"), 2, "--frob is no option"),
            (("-H", "", "whoami"), 2, "the name of a machine"),
            (("set", "/etc/hosts/1/ipaddr"), 2, "to have no value, 'clear'"),
            (("setm", "/etc/hosts", "1/ipaddr"), 2, "to have no value, 'clearm'"),
            (("timezone", "UTC", "--dry-run"), 2, "--dry-run does not go with 'timezone'"),
            (("timezone", "UTC", "-m", "x"), 2, "--message does not go with 'timezone'"),
            (("timezone", "UTC", "--confirm=60"), 2, "--confirm does not go with 'timezone'"),
            (("--json=yaml", "get", "/etc/hosts/1"), 2, "short, pretty or off"),
            ((), 2, "--help")):
        done = ctl(*words, user="bob", status=status)
        has(done.err, says)
        if status != 4:
            equal(done.out, "", str(words))
    equal(text(), HOSTS)
    Path("/run/exm-full").symlink_to("/dev/full")
    t.undo(Path("/run/exm-full").unlink)
    with open("/run/exm-full", "w", encoding="utf-8") as full:
        done = subprocess.run(["exmachinactl", "get", "/etc/hosts/1/ipaddr"], stdout=full, check=False,
                              stderr=subprocess.PIPE, text=True)
    equal(done.returncode, 10)
    has(done.stderr, "No space left")


def test_nothing_found_is_said_by_the_status(t):
    """The same for all verbs, and with JSON, which is then an empty list. A list of all may be empty."""
    setup(t)
    for words, empty in ((("ls", "/etc/hosts/9"), []), (("files", "/etc/exm-none*"), []),
                         (("units", "exm-none*"), []), (("history", "--token=none"), []),
                         (("print", "/etc/hosts/9"), {"nodes": [], "versions": None})):
        done = ctl("-j", *words, user="bob", status=3)
        equal([key for key in done.json], [key for key in empty], str(words))
    begin_anew(t)
    equal((ctl("history").out, ctl("-j", "history").json), ("", []))


def test_a_full_disk_is_no_failed_change(t):
    setup(t)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(["exmachinactl", "-q", *SET, "-j"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    number = t.root.History.ListChanges(limit=1)[0]["id"]
    equal((done.returncode, text()), (10, CHANGED))
    has(done.stderr, f"change {number} is made", "No space left on device", f"exmachinactl show {number}")
    # Who has left before the end has seen enough.
    pipe = subprocess.run(["bash", "-o", "pipefail", "-c", "exmachinactl cat /etc/hosts | true"], check=False,
                          capture_output=True, text=True)
    equal((pipe.returncode, pipe.stderr), (0, ""))


def test_messages_are_of_a_bearable_length(t):
    setup(t)
    word = 300000 * "x"
    script = t.file("/run/exm-script", f"set /etc/hosts/1/ipaddr[{word} 192.0.2.50\n")
    for line in (f"set /etc/hosts/1/ipaddr[{word} 1", f"{word} 1", f"mode /etc/hosts {word}",
                 f"set /etc/{word}/1 1", f"mode '{' '.join(word)}' 1"):
        script.write_text(line + "\n")
        said = ctl("edit", str(script), status=None).err
        assert len(said.encode()) < 10000, said[:200]
    has(ctl(100000 * "y", status=2).err, "there is no verb 'yyy", "yyy[...]yyy", "yyy': '")


def test_help_names_every_verb(t):
    out = ctl("--help").out
    for verb in ctl("complete", "verbs", "").out.split():
        has(out, f"\n  {verb} ")
        has(ctl(verb, "--help").out, f" {verb} ", "--json")
    version = daemon.run("busctl", "get-property", NAME, OBJECT, NAME + ".Config", "Version").split('"')[1]
    equal(ctl("--version").out, f"exmachinactl {version}\n")


# ---------------------------------------------------------------- editing

def test_set_shows_the_diff_and_writes_it(t):
    setup(t)
    t.rules.allow("alice")
    done = ctl("--dry-run", *SET, user="alice")
    equal((done.out, text()), (DIFF, HOSTS))
    equal(ctl("diff", *SET, user="alice").out, DIFF)
    done = ctl(*SET, "-m", "it has moved", user="alice")
    equal((done.out, text()), (DIFF, CHANGED))
    entry = t.root.History.ListChanges(limit=1)[0]
    equal((entry["user"], entry["message"]), ("alice", "it has moved"))
    has(done.err, f"exmachinactl revert {entry['id']}")
    equal(ctl(*SET, user="alice").out, "")
    equal(t.root.History.ListChanges(limit=1)[0]["id"], entry["id"])
    done = ctl("-j", "set", "/etc/hosts/1/ipaddr", "127.0.0.1", user="alice")
    equal((done.json["state"], done.json["change"] > entry["id"], text()), ("applied", True, HOSTS))
    equal(done.json["diffs"][0]["file"], "/etc/hosts")
    equal(ctl("-q", *SET, user="alice").out, "")


def test_each_edit_verb(t):
    setup(t)
    for words, wanted in (
            (("rm", "/etc/hosts/2"), HOSTS[:HOSTS.index("192")]),
            (("ins", "3", "after", "/etc/hosts/1"), None),
            (("clear", "/etc/hosts/1/ipaddr"), None),
            (("mv", "/etc/hosts/2/alias", "/etc/hosts/1/alias"),
             HOSTS.replace("localhost", "localhost files").replace("example files", "example")),
            (("setm", "/etc/hosts/*[ipaddr]", "canonical", "x"),
             HOSTS.replace("localhost", "x").replace("files.example", "x")),
            (("text", "/etc/hosts", "-"), "192.0.2.9 other\n"),
            (("rename", "/etc/hosts/1/canonical", "alias"), None)):
        done = ctl(*words, stdin="192.0.2.9 other\n", status=None)
        equal((done.status, text()), (0, wanted) if wanted else (1, HOSTS), str(words))
        Path("/etc/hosts").write_text(HOSTS)
    ctl("mode", "/etc/hosts", "0600")
    equal(os.stat("/etc/hosts").st_mode & 0o777, 0o600)


def test_script_makes_what_augtool_makes(t):
    """Quotes, escapes, brackets, comments: the same script, the same file."""
    setup(t)
    script = r"""# comment
set /files/etc/hosts/*[ipaddr = '127.0.0.1']/canonical "my host"
   set /files/etc/hosts/2/#comment "a \"quoted\" [word] \\ it's"

defvar other /files/etc/hosts/*[alias="files"]
set $other/alias[1] 'sto'rage
set "/files/etc/hosts/1/alias[last() + 1]" loc\ al
ins alias before /files/etc/hosts/2/alias[1]
set /files/etc/hosts/2/alias[1] first
rm /files/etc/hosts/#comment[. =~ regexp('oth.*')]
set /files/etc/hosts/01/ipaddr 192.0.2.77
set /files/etc/hosts/01/canonical new
"""
    script = script.replace('"my host"', "my-host").replace("loc\\ al", "local")
    with tempfile.TemporaryDirectory() as root:
        Path(root, "etc").mkdir()
        Path(root, "etc/hosts").write_text(HOSTS)
        subprocess.run(["augtool", "--noautoload", "--root", root, "--transform", "Hosts.lns incl /etc/hosts"],
                       input="load\n" + script + "save\n", text=True, check=True, capture_output=True)
        wanted = Path(root, "etc/hosts").read_text()
    assert wanted != HOSTS
    ctl("edit", "-", stdin=script)
    equal(text(), wanted)
    Path("/etc/hosts").write_text(HOSTS)
    ctl("edit", "-", stdin=script.replace("/files/etc", "/etc") + "save\n")
    equal(text(), wanted)


def test_script_is_all_or_nothing(t):
    setup(t)
    script = t.file("/run/exm-script", "set /etc/hosts/1/ipaddr 192.0.2.50\n# a comment\nmv /etc/hosts/7 /etc/x\n")
    done = ctl("edit", str(script), status=None)
    assert done.status != 0
    has(done.err, "/run/exm-script:3: ")
    equal((done.out, text()), ("", HOSTS))
    script.write_text("set /etc/hosts/1/ipaddr 192.0.2.50\nprint /etc/hosts\n")
    has(ctl("edit", str(script), status=2).err, "/run/exm-script:2: 'print' is not an edit")
    script.write_bytes(b"set /etc/hosts/1/ipaddr \xff\n")
    has(ctl("edit", str(script), status=2).err, "UTF-8")
    equal(text(), HOSTS)
    # As editors of other systems write it.
    script.write_bytes(b"\xef\xbb\xbf# a comment\r\nset /etc/hosts/1/ipaddr 192.0.2.50\r\n\r\n")
    equal(ctl("diff", "edit", str(script)).out, DIFF)
    script.write_text("set /etc/hosts/1/ipaddr 192.0.2.50\n")
    equal(ctl("diff", "edit", str(script)).out, DIFF)
    equal(text(), HOSTS)
    equal(ctl("edit", str(script)).out, DIFF)
    equal(text(), CHANGED)


def test_validators_are_heard(t):
    t.keep("/etc/ssh/sshd_config")
    before = text("/etc/ssh/sshd_config")
    bad = ("set", "/etc/ssh/sshd_config/PermitRootLogin", "perhaps")
    says = "/etc/ssh/sshd_config:"
    has(ctl("validate", "set", "/etc/ssh/sshd_config/Port", "2222").out, "sshd: passed")
    has(ctl("validate", *bad, status=9).out, "sshd: failed: " + says, '\n    ', 'unsupported option "perhaps"')
    equal([report["result"] for report in ctl("-j", "validate", *bad, status=9).json], ["failed"])
    done = ctl(*bad, status=9)
    has(done.err, says, "nothing was changed", 'unsupported option "perhaps"')
    equal((done.out, text("/etc/ssh/sshd_config")), ("", before))
    has(ctl(*bad, "--no-validate", status=1).err, "; leave --no-validate away\n")
    has(ctl("validate", "set", "/etc/hosts/1/alias", "b").err, "no validator")


def test_expect_and_lens(t):
    setup(t)
    version = ctl("-j", "print", "/etc/hosts").json["versions"]["/etc/hosts"]
    Path("/etc/hosts").write_text(HOSTS + "# more\n")
    has(ctl(*SET, "--expect", f"/etc/hosts={version}", status=5).err, "/etc/hosts")
    equal(text(), HOSTS + "# more\n")
    Path("/etc/hosts").write_text(HOSTS)
    ctl(*SET, "--expect", f"/etc/hosts={version}")
    equal(text(), CHANGED)
    t.file("/etc/exm-odd", "A=1\n")
    has(ctl("text", "/etc/exm-odd", "-", stdin="A=2\n", status=3).err, "no lens covers",
        "; choose one with --lens for an edit, or ask")
    ctl("set", "/etc/exm-odd/A", "2", "--lens", "/etc/exm-odd=Shellvars.lns")
    equal(text("/etc/exm-odd"), "A=2\n")


def test_shell_reads_commands(t):
    setup(t)
    script = "get /etc/hosts/1/ipaddr\nset /etc/hosts/1/ipaddr 192.0.2.50\nget /etc/hosts/1/ipaddr\ndiff\n"
    done = ctl("shell", stdin=script)
    equal(done.out, "127.0.0.1\n192.0.2.50\n" + DIFF)
    has(done.err, "1 edit was not committed")
    equal(text(), HOSTS)
    ctl("shell", stdin=script + "rollback\ncommit\n")
    equal(text(), HOSTS)
    ctl("shell", stdin=script + "commit --message 'from the shell'\n")
    equal(text(), CHANGED)
    equal(t.root.History.ListChanges(limit=1)[0]["message"], "from the shell")
    done = ctl("shell", stdin="get /etc/hosts/77\nset /etc/hosts/1/ipaddr 192.0.2.51\ncommit\n", status=3)
    equal(text(), CHANGED)


def test_shell_takes_text_from_a_file(t):
    """As `text` does outside of it."""
    setup(t)
    t.file("/run/exm-text", "192.0.2.9 other\n")
    ctl("shell", stdin="text /etc/hosts /run/exm-text\ncommit\n")
    equal(text(), "192.0.2.9 other\n")
    has(ctl("shell", stdin="text /etc/hosts -\ncommit\n", status=2).err, "name the file")
    has(ctl("shell", stdin="text /etc/hosts /run/exm-none\ncommit\n", status=1).err, "/run/exm-none cannot be opened")
    equal(text(), "192.0.2.9 other\n")


def shell_with_an_edit(t):
    client = start("shell")
    t.undo(client.wait)
    t.undo(client.kill)
    client.stdin.write("set /etc/hosts/1/ipaddr 192.0.2.50\nget /etc/hosts/1/ipaddr\n")
    client.stdin.flush()
    equal(client.stdout.readline(), "192.0.2.50\n")
    return client


def test_shell_says_what_to_do_about_a_conflict(t):
    setup(t)
    client = shell_with_an_edit(t)
    Path("/etc/hosts").write_text(HOSTS + "# more\n")
    _, said = client.communicate("commit\n", timeout=60)
    equal((client.returncode, text()), (5, HOSTS + "# more\n"))
    has(said, "nothing was changed. 'rebase' makes the edits again on the file as it is now.\n")
    Path("/etc/hosts").write_text(HOSTS)
    client = shell_with_an_edit(t)
    Path("/etc/hosts").write_text(HOSTS + "# more\n")
    client.communicate("rebase\ncommit\n", timeout=60)
    equal((client.returncode, text()), (0, CHANGED + "# more\n"))


def test_shell_does_nothing_without_its_edits(t):
    """They have ended with the service, whether or not it could say so."""
    setup(t)
    for end, why in ((daemon.restart, "shutdown"), (lambda: daemon.kill(t.root), "the service has ended")):
        for command in ("commit", "rebase", "diff"):
            client = shell_with_an_edit(t)
            end()
            out, said = client.communicate(command + "\n", timeout=60)
            equal((client.returncode, out, text()), (1, "", HOSTS), command)
            has(said, f"the transaction has ended ({why}), and its edits (1) with it: make them again")
            has_not(said, "as they are now", "nothing had to be changed")


test_shell_does_nothing_without_its_edits.ends_service = True


# ---------------------------------------------------------------- history

def test_history_shows_and_undoes(t):
    setup(t)
    begin_anew(t)
    t.rules.allow("alice", "write-config")
    ctl(*SET, "-m", "tab\tand \\\nuser: root", user="alice")
    row = ctl("history", user="alice").out
    equal(row.split("\t")[0::1][2:],
          ["alice", "applied", "/etc/hosts", "tab\\tand \\\\\\nuser: root", "", "\n"])
    number = row.split("\t")[0]
    equal(ctl("history", user="bob").out, "")
    equal(ctl("history", "--since=1h", "--file=/etc/hosts", "-n1", user="alice").out, row)
    equal(ctl("history", "--before=1h", user="alice", status=3).out, "")
    equal(ctl("history", "--state=pending", user="alice", status=3).out, "")
    ctl("history", "--all", user="alice", status=4)
    equal(ctl("history", "-j").json, t.root.History.ListChanges())
    shown = ctl("show", number, user="alice").out
    equal(shown.partition("\n\n")[2], DIFF)
    has(shown, f"change {number} is applied\n", "message: tab\\tand \\\\\\nuser: root\n", "user: alice\n")
    equal(len(re.findall("^ *user: ", shown, re.M)), 1)
    equal(ctl("-j", "show", number).json["diffs"], [["/etc/hosts", DIFF]])
    ctl("show", number, user="bob", status=4)
    t.rules.allow("bob", "read-history")
    equal(ctl("show", number, user="bob").out, shown, "of somebody else")
    back = ctl("revert", number, "--dry-run", user="alice").out
    has(back, "-192.0.2.50  localhost\n+127.0.0.1  localhost\n")
    equal(text(), CHANGED)
    equal(ctl("revert", number, user="alice").out, back)
    equal(text(), HOSTS)
    has(ctl("revert", number, user="alice", status=5).err, ". 'revert --merge' undoes only")


def test_confirm_and_extend(t):
    setup(t)
    done = ctl(*SET, "--confirm", "300")
    number = t.root.History.ListChanges(limit=1)[0]["id"]
    has(done.err, f"exmachinactl confirm {number}")
    equal(state(t.root, number), "pending")
    ctl("extend", str(number), "900")
    assert record(t.root, number)["remaining"] > 300
    has(ctl("set", "/etc/hosts/2/alias", "x", status=5).err, str(number))
    ctl("confirm")
    equal((state(t.root, number), text()), ("applied", CHANGED))
    has(ctl("confirm", str(number), status=1).err, str(number))
    has(ctl("confirm", status=3).err, "no change of yours")
    equal(ctl("-j", "set", "/etc/hosts/1/ipaddr", "127.0.0.1", "--confirm=300").json["state"], "pending")
    number = t.root.History.ListChanges(limit=1)[0]["id"]
    has(ctl("revert", str(number)).err, "taken back")
    equal((state(t.root, number), text()), ("reverted", CHANGED))


def test_a_lost_reply_is_found_out(t):
    """The connection is cut before the commit reaches the service, and before its reply comes back."""
    setup(t)
    begin_anew(t)
    with Cut("Commit", forward=False) as cut:
        done = ctl(*SET, status=6, DBUS_SYSTEM_BUS_ADDRESS=cut.address)
    has(done.err, "nothing was written")
    equal((text(), t.root.History.ListChanges()), (HOSTS, []))
    with Cut("Commit", forward=True) as cut:
        done = ctl(*SET, "--confirm=300", DBUS_SYSTEM_BUS_ADDRESS=cut.address)
    has(done.err, "asking what became of the change", "exmachinactl confirm 1")
    equal((text(), done.out), (CHANGED, DIFF))
    equal([entry["state"] for entry in t.root.History.ListChanges()], ["pending"])
    with Cut("Revert\0", forward=True) as cut:
        done = ctl("revert", "1", DBUS_SYSTEM_BUS_ADDRESS=cut.address, status=None)
    equal((text(), state(t.root, 1)), (HOSTS, "reverted"))


def test_what_nobody_can_tell_is_not_guessed(t):
    """The bus does not come back: who ends the wait for it learns how to ask later."""
    setup(t)
    with Cut("Commit", forward=True, for_good=True) as cut:
        client = start(*SET, DBUS_SYSTEM_BUS_ADDRESS=cut.address)
        has(client.stderr.readline(), "asking what became of the change")
        client.send_signal(signal.SIGTERM)
        _, said = client.communicate(timeout=60)
    equal(client.returncode, 7)
    token = re.fullmatch(r"exmachinactl: interrupted; .* 'exmachinactl history --token (\S+)'\n", said)[1]
    equal((ctl("history", "--token", token).out.split("\t")[3], text()), ("applied", CHANGED))


def test_a_service_that_ends_in_the_middle(t):
    """What only reads is asked again; of what does not nobody claims that it was not done."""
    setup(t)
    get = ("get", "/etc/hosts/1/ipaddr")
    t.root.ping()
    with Cut("GetValue", forward=None) as cut:
        os.kill(daemon.pid(t.root), signal.SIGSTOP)
        client = start(*get, DBUS_SYSTEM_BUS_ADDRESS=cut.address)
        assert cut.seen.wait(60)
        t.root.bus("ListNames")  # the bus has had the call before
        daemon.kill(t.root)
        out, said = client.communicate(timeout=60)
        equal((client.returncode, out), (0, "127.0.0.1\n"), said)
    key = t.file("/run/exm-key", t.key("exm-cut", read=["/etc/hosts"]) + "\n", mode=0o600)
    with Cut("WhoAmI", forward=False) as cut:
        has(ctl("whoami", "--key-file", str(key), DBUS_SYSTEM_BUS_ADDRESS=cut.address).out, "key exm-cut")
    t.unit(PROBE, PROBE_UNIT)
    with Cut("Restart", forward=True) as cut:
        done = ctl("restart", PROBE, status=7, DBUS_SYSTEM_BUS_ADDRESS=cut.address)
    has(done.err, "whether this is done is not known: look before you do it again")


def test_a_stopped_service_is_asked_by_the_token(t):
    """The change has waited for its unit; whoever asks starts the service, which takes it back."""
    setup(t)
    begin_anew(t)
    t.unit("exm-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'read x < /run/exm-fifo'\n")
    os.mkfifo("/run/exm-fifo")
    t.undo(lambda: os.unlink("/run/exm-fifo"))
    client = start(*SET, "--restart", "exm-slow", "--grace=0")
    daemon.wait_for(lambda: text() == CHANGED, "the files are in place", 20)
    daemon.stop()
    out, said = client.communicate(timeout=60)
    equal((client.returncode, out, text()), (1, "", HOSTS), said)
    has(said, "asking what became of the change", "change 1 was interrupted: ")
    equal(state(t.root, 1), "failed")


def test_a_service_that_cannot_start(t):
    daemon.stop()
    t.undo(daemon.restart)
    t.undo(lambda: daemon.run("systemctl", "unmask", "--runtime", daemon.SERVICE))
    daemon.run("systemctl", "mask", "--runtime", daemon.SERVICE)
    for words in (("get", "/etc/hosts/1/ipaddr"), SET, ("restart", PROBE)):
        has(ctl(*words, status=6).err, "the service cannot be started (", "systemctl status exmachina")


test_a_service_that_ends_in_the_middle.ends_service = True


def test_monitor_prints_what_happens(t):
    setup(t)
    client = subprocess.Popen(["exmachinactl", "-j", "monitor"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    t.undo(client.wait)
    t.undo(client.kill)
    has(client.stderr.readline(), "waiting")
    ctl(*SET, "--confirm=300")
    number = t.root.History.ListChanges(limit=1)[0]["id"]
    ctl("confirm", str(number))
    seen = {}
    for _ in range(3):
        event = json.loads(client.stdout.readline())
        equal(event["change"], number)
        assert abs(event["time"] / 1e6 - time.time()) < 60, event
        seen[event["event"]] = event
    equal(seen["committed"]["files"], ["/etc/hosts"])
    equal(seen["pending"]["remaining"], 300)
    has(seen, "confirmed")


# ---------------------------------------------------------------- units

def test_units(t):
    t.unit(PROBE, PROBE_UNIT)
    # systemd removes it with its last link.
    t.undo(lambda: Path("/etc/systemd/system/multi-user.target.wants").mkdir(exist_ok=True))
    name = PROBE.removesuffix(".service")
    row = "exm-probe.service\t{}\tdisabled\t{}\n"
    ctl("start", name, user="bob", status=4)
    equal(ctl("units", "exm-probe*", user="bob").out.split("\t")[0], PROBE)
    has(ctl("start", name).err, f"{PROBE}: done, now active")
    equal(ctl("units", "exm-probe*").out, row.format("loaded\tactive\trunning", "A unit of the tests"))
    shown = ctl("status", name, user="bob").out
    has(shown, f"{PROBE} - A unit of the tests\n", "Active: active (running) since 20", "Main PID: ")
    for verb in ("reload", "reload-or-restart", "restart"):
        equal(ctl("-j", verb, name).json, [{"unit": PROBE, "result": "done", "active_state": "active"}])
    ctl("stop", name)
    has(ctl("set", "/etc/hosts/1/alias", "a", "--reload", name, status=1).err, ". To have it started use --restart\n")
    has(ctl("stop", name, "exm-none", PROBE, status=3).err, "exm-none.service", "now inactive")
    equal(ctl("-j", "status", PROBE, status=3).json[0]["active_state"], "inactive")
    has(ctl("enable", "--now", name).err, "multi-user.target.wants/exm-probe.service, a link to")
    equal(ctl("status", name, "-j").json[0]["unit_file_state"], "enabled")
    equal(ctl("-j", "disable", name, "--now").json[0]["changes"][0][0], "unlink")
    ctl("status", name, status=3)

    t.undo(daemon.restart)
    t.file("/etc/exmachina/validators.d/exm-client.conf", f"[Validator]\nFiles=/etc/hosts\nUnits={PROBE}\n")
    daemon.restart()
    t.file("/etc/hosts", HOSTS)
    ctl("start", name)
    process = ctl("-j", "status", name).json[0]["main_pid"]
    ctl(*SET, "--restart", name, "--grace=0", "-q")
    assert ctl("-j", "status", name).json[0]["main_pid"] != process
    equal(t.root.History.ListChanges(limit=1)[0]["units"], [PROBE])
    done = ctl("set", "/etc/hosts/1/ipaddr", "192.0.2.51", "--reload=exm-none", status=None)
    assert done.status != 0
    has(done.err, "exm-none.service")
    equal((done.out, text()), ("", CHANGED))
    back = ("set", "/etc/hosts/1/ipaddr", "127.0.0.1", "--reload-affected")
    has(ctl(*back, "--dry-run").err, PROBE)
    ctl(*back, "--grace=0")
    equal((t.root.History.ListChanges(limit=1)[0]["units"], text()), ([PROBE], HOSTS))
    ctl("stop", name)
    ctl(*SET, "--reload-affected")
    equal((t.root.History.ListChanges(limit=1)[0]["units"], text()), ([], CHANGED))


# ---------------------------------------------------------------- completion, keys, other machines

def test_candidates_come_from_the_service(t):
    setup(t)

    def candidates(kind, word, user="bob"):
        return ctl("complete", kind, word, user=user).out.splitlines()

    equal(candidates("paths", "/etc/hosts"), ["/etc/hosts", "/etc/hosts.allow", "/etc/hosts.deny"])
    equal(candidates("paths", "/etc/hosts/"),
          ["/etc/hosts/1/", "/etc/hosts/2/", "/etc/hosts/#comment[1]", "/etc/hosts/#comment[2]"])
    equal(candidates("paths", "/etc/hosts/2/a"), ["/etc/hosts/2/alias"])
    equal(candidates("paths", "/files/etc/hosts/*[ipaddr='192.0.2.7']/c"),
          ["/files/etc/hosts/*[ipaddr='192.0.2.7']/canonical"])
    equal(candidates("files", "/etc/ssh/sshd_c"), ["/etc/ssh/sshd_config"])
    has(candidates("files", "/etc/s"), "/etc/ssh/")
    equal(candidates("units", "systemd-journald.ser"), ["systemd-journald.service"])
    equal(candidates("paths", "/etc/shadow/"), [])
    ctl(*SET)
    number = str(t.root.History.ListChanges(limit=1)[0]["id"])
    has(candidates("changes", "", "root"), number)
    equal(candidates("pending", "", "root"), [])
    has(candidates("options", "set"), "--message=", "--dry-run", "-q")
    has_not(candidates("options", "get"), "--message=")


def test_time_zone(t):
    for path in ("/etc/localtime", "/etc/timezone"):
        t.keep(path)
    before = ctl("timezone", user="bob").out
    has(ctl("timezones", user="bob").out, "\nEurope/Vienna\n")
    ctl("--no-ask-password", "timezone", "Europe/Vienna", user="bob", status=4)
    ctl("timezone", "Europe/Vienna")
    equal(ctl("-j", "timezone").json, "Europe/Vienna")
    change = f"{before.strip()} to Europe/Vienna"
    has(ctl("history").out, f"time zone {change}")
    has(ctl("show", str(t.root.History.ListChanges(limit=1)[0]["id"])).out, f"time zone: {change}\n")
    has(ctl("timezone", "Nowhere/Land", status=2).err, "Nowhere/Land", "; see 'exmachinactl timezones'")
    ctl("revert", str(t.root.History.ListChanges(limit=1)[0]["id"]))
    equal(ctl("timezone").out, before)
    equal(ctl("complete", "timezones", "Europe/Vien").out, "Europe/Vienna\n")


def test_key_file_is_private(t):
    setup(t)
    key = t.file("/run/exm-key", "exm1_name_secret\n", mode=0o644)
    has(ctl("--key-file", str(key), "get", "/etc/hosts/1/ipaddr", status=1).err, "can be read by others")
    key.chmod(0o600)
    has(ctl("--key-file", str(key), "get", "/etc/hosts/1/ipaddr", user="bob", status=1).err,
        "Permission denied")
    shutil.chown(key, "alice")
    has(ctl("get", "/etc/hosts/1/ipaddr", user="alice", status=None, EXMACHINA_KEY_FILE="/run/exm-none").err,
        "/run/exm-none")
    key.write_text("something else\n")
    done = ctl("--key-file", str(key), "get", "/etc/hosts/1/ipaddr", user="alice", status=1)
    has(done.err, "exm1_")
    has_not(done.err, "something")
    equal(ctl("get", "/etc/hosts/1/ipaddr", user="alice", EXMACHINA_KEY_FILE="").out, "127.0.0.1\n")


def test_key_file_is_a_file(t):
    """Or what has no name: a pipe of the shell's, standard input. Nothing is waited for."""
    setup(t)
    key = t.key("exm-piped", read=["/etc/hosts"])
    fifo = Path("/run/exm-key-fifo")
    os.mkfifo(fifo, 0o600)
    t.undo(fifo.unlink)
    shutil.chown(fifo, "alice")
    for name in (str(fifo), "/dev/zero", "/etc", "/run/dbus/system_bus_socket"):
        done = ctl("--key-file", name, "whoami", user="alice", status=1)
        has(done.err, name)
    has(ctl("--key-file", str(fifo), "whoami", user="alice", status=1).err, "is not a file")
    has(ctl("--key-file=", "whoami", status=2).err, "--key-file")
    for name, user in (("-", "alice"), ("/dev/stdin", "root")):  # root's is the pipe
        has(ctl("--key-file", name, "whoami", user=user, stdin=f"{key}\n").out, "key exm-piped")


def test_a_key_given_by_mistake_is_not_repeated(t):
    """Not even where it was cut, or stands in the middle of a word."""
    secret = "Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8"
    for words in (("{}",), ("--key-file", "{}", "whoami"), ("--keyfile={}", "whoami"), ("--quiet={}", "whoami"),
                  ("key", "revoke", "{}"), ("key", "create", "{}", "--user", "alice"), ("key", "{}"),
                  ("key", "create", "exm-x", "--user", "alice", "--read", "{}"),
                  ("key", "create", "exm-x", "--user", "alice", "--read", "{}", "--offline"),
                  ("key", "create", "exm-x", "--user", "alice", "--unit", "{}"),
                  ("key", "create", "exm-x", "--user", "{}"), ("--lens", "{}", "whoami"), ("get", "{}"),
                  ("timezone", "{}"), ("status", "{}"), ("show", "{}"), ("cat", "/etc/{}"), ("revert", "x{}"),
                  ("edit", "{}"), ("diff", "{}"), ("package", "{}"), ("permitted", "{}")):
        for key in (f"exm1_web_{secret}", f"exm1_{secret[:20]}"):
            done = ctl(*(word.format(key) for word in words), status=None)
            assert done.status != 0 and done.err, words
            has_not(done.out + done.err, key, key[len("exm1_"):])
    has(ctl("--key-file", f"exm1_web_{secret}", "whoami", status=1).err, "this is a key", "revoked")
    has(ctl("whoami", EXMACHINA_KEY_FILE=f"exm1_web_{secret}", status=1).err, "this is a key")


def test_keys_are_made_used_and_revoked(t):
    setup(t)
    create = ("key", "create", "exm-cli", "--user", "alice", "--write", "/etc/hosts", "--expires", "+30d",
              "--package", "exm-*", "--package", "hello", "--timezone")
    ctl(*create, user="bob", status=4)
    has(ctl("key", "create", "exm-cli", status=2).err, "--user")
    for twice in (("--user", "bob"), ("--expires", "1d")):
        has(ctl(*create, *twice, status=2).err, twice[0], twice[1], "once")
    equal(ctl("key", "list").out, "")
    done = ctl(*create)
    t.undo(lambda: ctl("key", "revoke", "exm-cli", status=None))
    assert re.fullmatch(r"exm1_exm-cli_[A-Za-z0-9_-]{43}\n", done.out), "the key and nothing else"
    has_not(done.err, done.out.strip())
    equal(ctl("key", "list").out.split("\t")[:8],
          ["exm-cli", "alice", "", "/etc/hosts", "", "exm-* hello", "yes", "no"])
    file = str(t.file("/run/exm-key", done.out, mode=0o600, owner=(6001, 6001)))
    ctl(*SET, user="alice", status=4)
    equal(ctl("--key-file", file, *SET, user="alice").out, DIFF)
    equal(text(), CHANGED)
    has(t.root.History.ListChanges(limit=1)[0]["authority"], "exm-cli")
    has(ctl("whoami", user="alice", EXMACHINA_KEY_FILE=file).out,
        "user alice (uid 6001)\nkey exm-cli, until 20", " write: /etc/hosts\n",
        "packages: exm-* hello\ntimezone: yes\n")
    equal(ctl("whoami", user="alice").out, "user alice (uid 6001)\n")
    wants = ("permitted", "write", "/etc/hosts", "restart", "systemd-journald", "install", "exm-x", "manage-keys")
    equal(ctl(*wants, user="alice", status=4, EXMACHINA_KEY_FILE=file).out,
          "write\t/etc/hosts\tyes\nrestart\tsystemd-journald.service\tchallenge\ninstall\texm-x\tyes\n"
          "manage-keys\t\tchallenge\n")
    equal([answer["answer"] for answer in ctl("-j", *wants).json], 4 * ["yes"])
    ctl("--key-file", file, "whoami", user="bob", status=1)  # he cannot read it
    ctl("key", "revoke", "exm-cli")
    has(ctl("--key-file", file, *SET, user="alice", status=4).err, "key")
    equal(ctl("key", "list", "-j").json, [])
    has_not(t.journal.text(), done.out.strip())


def test_a_key_that_nobody_has_seen_is_revoked(t):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(["exmachinactl", "key", "create", "exm-lost", "--user", "alice", "--read",
                               "/etc/hosts"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    equal(done.returncode, 1)
    has(done.stderr, "revoked again")
    equal(ctl("key", "list", "-j").json, [])


def test_what_a_new_key_grants_is_told(t):
    """The same with the service and without."""
    t.undo(lambda: ctl("key", "revoke", "exm-told", status=None))
    for offline in ((), ("--offline",)):
        create = ("key", "create", "exm-told", "--user", "alice", *offline)
        done = ctl(*create)
        has(done.err, "warning: grants: there are none", "shown this once")
        has(ctl(*create, status=5).err, "exm-told")
        ctl("key", "revoke", "exm-told")
        done = ctl(*create, "--unit", "cron:reload", "--unit", "ssh.socket:stop", "--unit", "exm-*:start")
        has_not(done.err, "there are none")
        equal(ctl("key", "list", "-j").json[0]["units"],
              ["cron.service:reload", "ssh.socket:stop", "exm-*:start"])
        ctl("key", "revoke", "exm-told")
        has(ctl(*create, "--unit", "cron", status=2).err, '"cron" is not a unit and its verbs', "nginx.service:reload")
        has(ctl(*create, "--read", "etc/hosts", status=2).err, '"etc/hosts" is not absolute')
        done = ctl("-j", *create, "--read", '/etc/a"\\\\b', "--write", "/etc/exm-fancy")
        assert re.fullmatch(r"exm1_exm-told_[A-Za-z0-9_-]{43}", done.json["key"]), done
        has(done.json["warnings"][0], "write /etc/exm-fancy: not on the list of ordinary files")
        has(done.err, "warning: " + done.json["warnings"][0], "shown this once")
        has_not(ctl("-q", "key", "revoke", "exm-told").err + ctl("-q", *create).err, "shown this once")
        ctl("key", "revoke", "exm-told")
        done = ctl("-j", *create, "--privileged", "--write", '/etc/"x\\\\y"*')
        has(done.json["warnings"][-1], '/etc/"x\\\\y"*')
        ctl("key", "revoke", "exm-told")
        ctl(*create, user="bob", status=4)
    equal(ctl("key", "list").out, "")


def test_keys_are_made_without_the_bus(t):
    root = Path(tempfile.mkdtemp(prefix="exm-root-"))
    t.undo(lambda: shutil.rmtree(root))
    root.chmod(0o755)
    create = ("key", "create", "exm-off", "--user", "nobody-here", "--read", "/etc/hosts", "--expires",
              "2099-01-31T12:00:00Z", "--package", "exm-*", "--timezone", "--offline", "--root", str(root))
    done = ctl(*create, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/none")
    assert re.fullmatch(r"exm1_exm-off_[A-Za-z0-9_-]{43}\n", done.out), "the key and nothing else"
    has((root / "etc/exmachina/keys.d/exm-off.key").read_text(), "nobody-here", "2099-01-31T12:00:00Z", "exm-*",
        "Timezone=true")
    ctl("key", "create", "exm-off", "--user", "x", "--root", str(root), status=2)
    ctl("-H", "localhost", *create, status=2)
    ctl(*create, "--root", "/", status=2)
    has(ctl(*create[:-1], f"{root}/none", status=1).err, f"{root}/none: there is no such directory")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(["exmachinactl", *create[:2], "exm-lost", *create[3:]], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    equal(done.returncode, 1)
    has(done.stderr, "revoked again")
    has_not(done.stderr, "shown this once")
    equal(os.listdir(root / "etc/exmachina/keys.d"), ["exm-off.key"])


def test_another_machine_over_ssh(t):
    """bob sits in another network, at a machine without a bus; here he is alice."""
    setup(t)
    host, there = other_machine(t)
    t.rules.allow("alice")
    ctl(*SET, user="bob", there=there, status=6)
    equal(ctl("-H", host, *SET, user="bob", there=there).out, DIFF)
    equal(text(), CHANGED)
    equal(t.root.History.ListChanges(limit=1)[0]["user"], "alice")
    host = host.replace("2222", "2223")
    has(ctl("-H", host, "get", "/etc/hosts/1/ipaddr", user="bob", there=there, status=6).err, host)
