#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A method that does not say who may call it does not build; nor does one that says it wrongly.

usage: test-generate.py GENERATE.PY
"""
import subprocess
import sys
import tempfile
from pathlib import Path

NEEDS = '<annotation name="org.exmachina1.Needs" value="{}"/>'
ABOUT = '<annotation name="org.exmachina1.About" value="{}"/>'
ARG = '<arg name="{}" type="{}" direction="in"/>'

GOOD = NEEDS.format("read") + ABOUT.format("expression path") + ARG.format("path", "s")
BAD = {
    "no annotation": ARG.format("path", "s"),
    "no Needs": ABOUT.format("expression path") + ARG.format("path", "s"),
    "unknown Needs": GOOD.replace('value="read"', 'value="everybody"'),
    "no About": NEEDS.format("read") + ARG.format("path", "s"),
    "About another argument": GOOD.replace("expression path", "expression file"),
    "About an argument of another type": GOOD.replace('type="s"', 'type="u"'),
    "public without a reason": NEEDS.format("public"),
    "manage-units without a verb": NEEDS.format("manage-units") + ABOUT.format("unit unit") + ARG.format("unit", "s"),
    "a verb without need": GOOD + '<annotation name="org.exmachina1.Verb" value="start"/>',
    "options without an argument for them": GOOD + '<annotation name="org.exmachina1.Options" value="a:s"/>',
    "an option of unknown type": GOOD + ARG.format("options", "a{sv}")
    + '<annotation name="org.exmachina1.Options" value="a:v"/>',
    "a mandatory option of unknown type": GOOD + ARG.format("options", "a{sv}")
    + '<annotation name="org.exmachina1.Options" value="a:v!"/>',
    "sensitive or not": GOOD + '<annotation name="org.exmachina1.Sensitive" value="false"/>',
    "an argument that is not decoded": GOOD + ARG.format("x", "v"),
    "an unknown annotation": GOOD + '<annotation name="org.exmachina1.Neds" value="read"/>',
}
WRITABLE = '<property name="P" type="s" access="readwrite"/>'


def generate(program, method, extra=""):
    with tempfile.TemporaryDirectory() as directory:
        xml, out = Path(directory, "x.xml"), Path(directory, "out.c")
        xml.write_text(f'<node><interface name="org.exmachina1.X"><method name="M">{method}</method>{extra}'
                       "</interface></node>", encoding="utf-8")
        result = subprocess.run([sys.executable, program, "tables", out, xml], capture_output=True, text=True,
                                check=False)
        return result.returncode, result.stderr, out.exists()


def main():
    program = sys.argv[1]
    cases = [("a good method builds", generate(program, GOOD)[0] == 0)]
    for name, method in BAD.items():
        status, said, written = generate(program, method)
        cases.append((name, status != 0 and "org.exmachina1.X.M: " in said and not written))
    status, said, written = generate(program, GOOD, WRITABLE)
    cases.append(("a writable property", status != 0 and "never writable" in said and not written))
    for number, (name, passed) in enumerate(cases, 1):
        print(f"{'ok' if passed else 'not ok'} {number} - {name.replace(' ', '_')}")
    sys.exit(0 if all(passed for _, passed in cases) else 1)


if __name__ == "__main__":
    main()
