# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/migration.md answers for every call of 2012. (Its commands are run by the suite docs.)"""
import re

from bus import CONTRACT, SOURCE
from case import equal, has

DOCUMENT = SOURCE / "docs" / "migration.md"
# What the daemon of 2012 offered.
CALLS_2012 = {"authenticate", "need_to_auth", "augeas.get", "augeas.match", "augeas.set", "augeas.setm",
              "augeas.insert", "augeas.move", "augeas.remove", "augeas.save", "initd.status", "initd.start",
              "initd.stop", "initd.restart", "misc.set_timezone", "apt.install", "apt.update", "apt.remove"}


def test_every_call_of_2012_is_in_the_table_and_has_an_example(t):
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| `([a-z_.]+)\([^`]*\)` \| (.*?) \|", text, re.M)
    equal({name for name, _ in rows}, CALLS_2012)
    examples = text.partition("## A worked example")[2]
    for name, now in rows:
        has(examples, f"**{name}**")
        for interface, method in re.findall(r"\b([A-Z][a-z]+)\.([A-Z][A-Za-z]+)\b", now):
            has(CONTRACT[interface], method)
