# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/migration.md: every command in it is run, and answers what stands below it."""
import re
import shutil
import subprocess
from pathlib import Path

import repository
from bus import CONTRACT, SOURCE
from case import equal, has
from samples import HOSTS, PROBE_UNIT

DOCUMENT = SOURCE / "docs" / "migration.md"
# What the daemon of 2012 offered.
CALLS_2012 = {"authenticate", "need_to_auth", "augeas.get", "augeas.match", "augeas.set", "augeas.setm",
              "augeas.insert", "augeas.move", "augeas.remove", "augeas.save", "initd.status", "initd.start",
              "initd.stop", "initd.restart", "misc.set_timezone", "apt.install", "apt.update", "apt.remove"}


def commands():
    """[(command, expected output)] in the order of the document."""
    found = []
    for line in DOCUMENT.read_text().splitlines():
        if line.startswith("    $ "):
            found.append((line[6:], []))
        elif line.startswith("    "):
            found[-1][1].append(line[4:])
    return found


def test_every_call_of_2012_is_in_the_table_and_has_an_example(t):
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| `([a-z_.]+)\([^`]*\)` \| (.*?) \|", text, re.M)
    equal({name for name, _ in rows}, CALLS_2012)
    examples = text.partition("## A worked example")[2]
    for name, now in rows:
        has(examples, f"**{name}**")
        for interface, method in re.findall(r"\b([A-Z][a-z]+)\.([A-Z][A-Za-z]+)\b", now):
            has(CONTRACT[interface], method)


def test_every_command_answers_what_it_says(t):
    t.file("/etc/hosts", HOSTS)
    t.keep("/etc/localtime")
    t.unit("nginx.service", PROBE_UNIT)
    repository.make_key()
    docs = repository.Repository("docs")
    docs.add("hello", "2.10-3")
    docs.publish()
    repository.reset()
    repository.use(repository.source("docs"))
    t.undo(repository.leave)
    t.undo(lambda: shutil.rmtree("/usr/share/hello", ignore_errors=True))
    ran = commands()
    assert len(ran) > 20, len(ran)
    # One shell, as for a reader; a mark after each command.
    script = "".join(f"{command}\necho \"== $?\"\n" for command, _ in ran)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    answers = re.split(r"== (\d+)\n", done.stdout)
    offset = None
    for (command, expected), output, status in zip(ran, answers[::2], answers[1::2]):
        equal(status, "0", f"{command}: {done.stderr}")
        actual = output.splitlines()
        # Changes are counted from what other tests have left.
        if expected and re.fullmatch(r"t \d+", expected[0]):
            number = int(actual[0].removeprefix("t "))
            offset = number - int(expected[0].removeprefix("t ")) if offset is None else offset
            actual = [f"t {number - offset}"]
        equal(actual, expected, command)
    equal(len(answers) // 2, len(ran))
    assert not Path("/usr/share/hello").exists()
