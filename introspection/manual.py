#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the manual page org.exmachina1(5), in scdoc, from the introspection XML.

The words are the comments right before the members, the rest are the signatures and the annotations that
generate.py makes the policy from: so the page cannot lag behind. A member without a comment does not build.
In the template, the line @INTERFACES@ is where they go.

usage: manual.py OUTPUT TEMPLATE XML ...
"""
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import generate

NEEDS = {
    "read": "_read_.", "write": "_write_.",  # which the template explains
    "own-or-history": "nothing for one's own changes; *read-history* for those of others.",
    "own-or-write": "nothing for one's own change; _write_ for each file of another's.",
}
EMITS = {"const": "It does not change.", "false": "Its changes are not signalled.", "true": "Its changes are signalled."}


def escape(text):
    return re.sub(r"([\\*_#|\[\]`~])", r"\\\1", text)


def prose(text):
    """A comment as one paragraph, `code` in bold."""
    words = " ".join(text.split())
    return re.sub(r"`([^`]+)`|([^`]+)", lambda m: f"*{escape(m[1])}*" if m[1] else escape(m[2]), words)


def arguments(pairs):
    return ", ".join(f"{escape(kind)} _{escape(name)}_" for name, kind in pairs)


def needs(method):
    if method.needs == "public":
        return f"nothing: {prose(method.notes[generate.PREFIX + 'Why'])}."
    if method.needs in NEEDS:
        return NEEDS[method.needs]
    return f"*{method.needs}*" + (f", with *{method.verb}* as its verb." if method.verb else ".")


def item(head, *paragraphs):
    """A head and indented paragraphs."""
    return [head + "\n" + "\n\n".join(f"\t{p}" for p in paragraphs if p) + "\n"]


def method_item(method, text):
    head = f"*{method.name}*({arguments(method.ins)})"
    if method.outs:
        head += f" -> ({arguments(method.outs)})"
    options = ", ".join(f"*{escape(name)}* {escape(kind.removesuffix('!'))}{' (mandatory)' if '!' in kind else ''}"
                        for name, kind in method.options)
    return item(head, prose(text), f"Needs {needs(method)}", f"Options: {options}." if options else "")


def documented(element):
    """(member, the comment right before it), in order."""
    text = None
    for child in element:
        if child.tag is ElementTree.Comment:
            text = child.text
        elif child.tag in ("method", "property", "signal"):
            if not text:
                raise generate.Bad(f"{element.get('name')}.{child.get('name')}: no comment right before it says "
                                   "what it is (introspection/manual.py)")
            yield child, text
            text = None


def interface_lines(element, node):
    name = element.get("name")
    contract = generate.Interface(element)
    methods = {m.name: m for m in contract.methods}
    lines = [f"## {name}\n", f"On the object */{escape((node.get('name') or '').lstrip('/'))}*.\n"
             if node.get("name") else "On the objects that *Config.Begin* returns.\n"]
    for member, text in documented(element):
        if member.tag == "method":
            lines += method_item(methods[member.get("name")], text)
        elif member.tag == "property":
            emits = generate.annotations(member).get("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")
            lines += item(f"Property *{member.get('name')}* {escape(member.get('type'))}", prose(text), EMITS[emits])
        else:
            pairs = [(a.get("name"), a.get("type")) for a in member.findall("arg")]
            lines += item(f"Signal *{member.get('name')}*({arguments(pairs)})", prose(text))
    return lines


def main():
    output, template, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    lines = []
    try:
        for file in files:
            parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
            node = ElementTree.parse(file, parser).getroot()
            for element in node.findall("interface"):
                lines += interface_lines(element, node)
    except (generate.Bad, ElementTree.ParseError) as problem:
        sys.exit(f"manual.py: {problem}")
    page = Path(template).read_text(encoding="utf-8").replace("@INTERFACES@\n", "\n".join(lines))
    Path(output).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
