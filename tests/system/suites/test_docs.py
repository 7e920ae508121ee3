# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents keep what they promise: every command in them is run, and answers what stands below it."""
import re
import shutil
import subprocess
from pathlib import Path

import changes
import daemon
import documents
import repository
from bus import SOURCE
from case import equal, has
from ctl import Cut
from documents import DOCUMENTS, PROMPT, blocks
from samples import HOSTS, PROBE_UNIT

EXAMPLES = SOURCE / "docs" / "examples"
RULES = SOURCE / "policy" / "examples"
USER_DATABASE = [f"/etc/{name}{suffix}" for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
                 for suffix in ("", "-")]


def packages(t):
    """A repository of one package."""
    repository.make_key()
    docs = repository.Repository("docs")
    docs.add("hello", "2.10-3")
    docs.publish()
    repository.reset()
    repository.use(repository.source("docs"))
    t.undo(repository.leave)
    t.undo(lambda: shutil.rmtree("/usr/share/hello", ignore_errors=True))


def users(t):
    for name in USER_DATABASE:
        t.keep(name)


def rules(t):
    """Those that a reader copies are gone after the test."""
    users(t)
    for path in RULES.glob("*.rules"):
        t.keep(f"/etc/polkit-1/rules.d/{path.name}")


def work_through(t, *names):
    """A machine as a reader finds it, whose changes are counted from 1. Returns: how many commands ran of each."""
    changes.begin_anew(t)
    t.file("/etc/hosts", HOSTS)
    t.keep("/etc/localtime")
    t.unit("nginx.service", PROBE_UNIT)
    return [documents.Reader(t).work_through(SOURCE / name) for name in names]


def test_readme(t):
    rules(t)
    ran, = work_through(t, "README.md")
    assert ran > 10, ran


def test_migration(t):
    packages(t)
    ran, = work_through(t, "docs/migration.md")
    assert ran > 20, ran
    assert not Path("/usr/share/hello").exists()


def test_api(t):
    packages(t)
    t.root.Units.Start("nginx.service")
    t.undo(lambda: t.revoke("web"))
    ran, = work_through(t, "docs/api.md")
    assert ran > 5, ran


def test_cookbook(t):
    rules(t)
    t.keep("/etc/ntp.conf")
    ran, = work_through(t, "docs/cookbook.md")
    assert ran > 40, ran


def test_frontends(t):
    users(t)
    packages(t)
    ran, = work_through(t, "docs/frontends.md")
    assert ran > 20, ran


def test_example_in_c_knows_what_became_of_a_change(t):
    """Whether the connection is lost before or after the call has reached the service."""
    t.file("/etc/hosts", HOSTS)
    program = "/tmp/exm-set-value"
    t.undo(lambda: Path(program).unlink(missing_ok=True))
    daemon.run("sh", "-c", f"cc -o {program} {EXAMPLES}/set-value.c $(pkg-config --cflags --libs libsystemd)")
    for forward, status, said in ((True, 0, r"The connection was lost; it is change \d+, which is applied\.\n"),
                                  (False, 1, r"The connection was lost, and nothing was changed\.\n")):
        with Cut("Apply", forward) as way:
            done = subprocess.run([program, "/files/etc/hosts/2/ipaddr", f"192.0.2.{80 + status}"], check=False,
                                  capture_output=True, text=True, timeout=60,
                                  env={"DBUS_SYSTEM_BUS_ADDRESS": way.address})
        equal(done.returncode, status, done.stderr)
        assert re.fullmatch(said, done.stdout + done.stderr), done
    has(Path("/etc/hosts").read_text(), "192.0.2.80 ")


def test_manual_page_of_the_client(t):
    """Its examples work."""
    packages(t)
    t.file("/etc/hosts", HOSTS)
    page = (SOURCE / "docs/man/exmachinactl.1.scd").read_text()
    examples = [re.sub(r"\\(.)", r"\1", line.strip()) for line in page.splitlines()
                if line.startswith("\texmachinactl ")]
    shell = documents.Shell("root")
    t.undo(shell.close)
    elsewhere = [line for line in examples if " -H " in line]  # the suite terminal does this
    equal(len(elsewhere), 1)
    for line in set(examples) - set(elsewhere):
        output, status = shell.run(line)
        equal(status, 0, f"{line}: {output}")
    assert len(examples) > 2, examples


def test_other_documents(t):
    """What administrators and contributors read, in one machine."""
    t.keep("/etc/nginx/snippets/a.conf")
    t.undo(daemon.restart)
    done = {"README.md", "migration.md", "api.md", "cookbook.md", "frontends.md"}
    ran = sum(work_through(t, *[document.relative_to(SOURCE) for document in DOCUMENTS
                                if document.name not in done]))
    assert ran > 15, ran


def test_a_document_that_is_wrong_is_found(t):
    """The reader itself: what fits, and what does not."""
    right = ("```console\n$ echo one; echo two >&2\none\n...\n# id -un\nr...t\n"
             "bob$ x='a \\\n  b'; cat <<E\n> $x\n> E\na...\n ...b\n$ id -un\nalice\n```\n")
    wrong = {"another output": "$ echo one\ntwo\n", "more output": "$ echo one; echo two\none\n",
             "less output": "$ echo one\none\ntwo\n", "a failure": "$ false\n", "the end of the shell": "$ exit\n"}
    document = t.file("/tmp/exm-document.md", right)
    equal(documents.Reader(t).work_through(document), 4)
    for what, text in wrong.items():
        document.write_text(f"```console\n{text}```\n")
        try:
            documents.Reader(t).work_through(document)
        except AssertionError:
            continue
        raise AssertionError(f"{what} was not found")
    for text in ("    $ true\n", "```shell\ntrue\n```\n", "```console\ntrue\n```\n", "```console\n$ true\n",
                 "- x\n  ```text\n"):
        document.write_text(text)
        try:
            [block.commands() for block in blocks(document)]
        except AssertionError:
            continue
        raise AssertionError(f"{text!r} was taken for a document")


def test_what_is_not_run_says_why(t):
    """And nothing that looks like a command stands in a block of another kind."""
    seen = 0
    for document in DOCUMENTS:
        for block in blocks(document):
            seen += 1
            if block.kind == "console":
                reason = block.argument.removeprefix("not run: ")
                assert not block.argument or (reason != block.argument and len(reason.split()) > 3), block.place
                assert block.commands(), block.place
            elif block.kind in ("text", "sh") and not block.argument:
                commands = [line for line in block.lines if PROMPT.fullmatch(line)]
                equal(commands, [], block.place)
                assert block.kind == "text", f"{block.place}: a script without the name of its file"
    assert seen > 50, seen


def test_what_is_shown_of_an_example_is_in_it(t):
    files = {path.name: path.read_text() for folder in (EXAMPLES, RULES) for path in folder.iterdir()}
    shown = set()
    for document in DOCUMENTS:
        for block in blocks(document):
            if block.kind != "console" and block.argument and not block.argument.startswith("/"):
                assert block.text in files[block.argument], f"{block.place} is not in {block.argument}"
                shown.add(block.argument)
    equal(set(path.name for path in RULES.iterdir()) - shown, set(), "rules that no document shows")


def test_links_lead_somewhere(t):
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_threats_name_tests_that_exist(t):
    """Each row names its test, and the test is there."""
    tests = {path: path.read_text() for path in (SOURCE / "tests").rglob("*")
             if path.suffix in (".c", ".py") and path.is_file()}
    functions = set(re.findall(r"\b(test_\w+)\(", "\n".join(tests.values())))
    rows = [line for line in (SOURCE / "docs/threats.md").read_text().splitlines()
            if line.startswith("| ") and not line.startswith("| threat ")]
    assert len(rows) > 60, len(rows)
    for row in rows:
        named = row.rstrip(" |").rpartition(" | ")[2]
        found = re.findall(r"`(test_\w+)`", named)
        paths = re.findall(r"\b(\w+/test-[\w-]+\.c)", named)
        places = re.findall(r"`(tests/[\w/.-]+)`", named)
        assert found or paths or places, f"no test: {row}"
        missing = [name for name in found if name not in functions]
        missing += [path for path in paths if not (SOURCE / "tests/unit" / path).is_file()]
        missing += [place for place in places if not (SOURCE / place).exists()]
        equal(missing, [], row)


# What they show does not depend on the bus.
for function in (test_migration, test_api, test_frontends, test_other_documents,
                 test_example_in_c_knows_what_became_of_a_change):
    function.slow = True
