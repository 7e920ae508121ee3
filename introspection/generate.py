#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the sd-bus vtables and the policy table from the introspection XML.

Annotations, each checked here, so that a method without a policy does not build:

  org.exmachina1.Needs    public, read, write, own-or-history, own-or-write, or one polkit action without
                          its prefix (read-units ...).
                          "read" is read-config, and read-secret-config for files that are not public;
                          "write" is write-config or write-sensitive-config for each changed file.
                          "own-or-...": nothing more for one's own change, else read-history, or the
                          right to write each of its files.
  org.exmachina1.About    what the call is about, for polkit's details and for what is loaded:
                            expression ARG [ARG]   the files that path expressions reach
                            file ARG, glob ARG     one file, the files that a glob matches
                            edits ARG              the files that a list of edits reaches
                            options ARG            the pairs of option "files"
                            staged                 what the transaction has loaded
                            unit ARG               one unit
                            zone ARG               one time zone
                            packages ARG           packages, each of which is asked for
                            change ARG             one change of the journal
                            key [ARG]              one key, for the record
                            nothing
  org.exmachina1.Verb     polkit detail "verb" of a method about units or packages
  org.exmachina1.Options  NAME:TYPE ... of the a{sv} argument; any other key is InvalidArgs, and so is
                          the lack of one that is written NAME:TYPE!
  org.exmachina1.Sensitive  "true": the messages are wiped, and no argument is put on record
  org.exmachina1.Why      mandatory with "public": why anybody may call this

usage: generate.py tables|header|members OUTPUT XML ...
"""
import sys
import xml.etree.ElementTree as ElementTree

PREFIX = "org.exmachina1."
ACTIONS = {"read-units", "manage-units", "manage-unit-files", "manage-keys", "set-timezone",
           "read-packages", "refresh-packages", "manage-packages"}
# polkit is told what is done there.
VERBS = {"manage-units", "manage-unit-files", "manage-packages"}
NEEDS = {"public", "read", "write", "own-or-history", "own-or-write"} | ACTIONS
ABOUT = {"expression": (1, 2), "file": (1, 1), "glob": (1, 1), "edits": (1, 1), "options": (1, 1),
         "staged": (0, 0), "unit": (1, 1), "zone": (1, 1), "packages": (1, 1),
         "change": (1, 1), "key": (0, 1), "nothing": (0, 0)}
TYPES = {"expression": "s", "file": "s", "glob": "s", "edits": "a(sas)", "options": "a{sv}", "unit": "s",
         "zone": "s", "packages": "as", "change": "t", "key": "s"}
DECODED = {"s", "u", "t", "b", "as", "a(ss)", "a(sas)", "a{sv}"}
OPTION_TYPES = {"s", "u", "t", "b", "as", "a(ss)", "a{ss}"}
MAX_ARGS = 4


class Bad(Exception):
    pass


def snake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def annotations(element):
    return {a.get("name"): a.get("value") for a in element.findall("annotation")}


class Method:
    def __init__(self, interface, element):
        self.interface, self.name = interface, element.get("name")
        args = element.findall("arg")
        self.ins = [(a.get("name"), a.get("type")) for a in args if a.get("direction") == "in"]
        self.outs = [(a.get("name"), a.get("type")) for a in args if a.get("direction") == "out"]
        self.notes = annotations(element)
        self.check()

    def bad(self, why):
        raise Bad(f"{self.interface}.{self.name}: {why}")

    def check(self):
        self.needs = self.notes.get(PREFIX + "Needs")
        if self.needs not in NEEDS:
            self.bad(f"annotation Needs is {self.needs!r}, must be one of {sorted(NEEDS)}")
        if self.needs == "public" and not self.notes.get(PREFIX + "Why"):
            self.bad("a public method says in annotation Why who is harmed by nothing")
        about = self.notes.get(PREFIX + "About", "" if self.needs != "public" else "nothing").split()
        if not about or about[0] not in ABOUT:
            self.bad(f"annotation About must begin with one of {sorted(ABOUT)}")
        self.about, names = about[0], about[1:]
        low, high = ABOUT[self.about]
        if not low <= len(names) <= high:
            self.bad(f"About {self.about} takes {low} to {high} arguments")
        self.about_args = []
        for name in names:
            index = next((i for i, a in enumerate(self.ins) if a[0] == name), None)
            if index is None or self.ins[index][1] != TYPES[self.about]:
                self.bad(f"About names {name!r}, no in-argument of type {TYPES[self.about]}")
            self.about_args.append(index)
        self.verb = self.notes.get(PREFIX + "Verb")
        if (self.needs in VERBS) != (self.verb is not None):
            self.bad(f"annotation Verb goes with {sorted(VERBS)}")
        self.options = [o.split(":") for o in self.notes.get(PREFIX + "Options", "").split()]
        for option in self.options:
            if len(option) != 2 or option[1].removesuffix("!") not in OPTION_TYPES:
                self.bad(f"option {option}: NAME:TYPE with a type of {sorted(OPTION_TYPES)}")
        self.sensitive = self.notes.get(PREFIX + "Sensitive")
        if self.sensitive not in (None, "true"):
            self.bad('annotation Sensitive is "true" or not there')
        if self.options and "a{sv}" not in [t for _, t in self.ins]:
            self.bad("annotation Options without an a{sv} argument")
        if len(self.ins) > MAX_ARGS:
            self.bad(f"more than {MAX_ARGS} arguments")
        for name, kind in self.ins:
            if kind not in DECODED:
                self.bad(f"argument {name}: the gate decodes no type {kind}")
        known = {PREFIX + n for n in ("Needs", "About", "Verb", "Options", "Sensitive", "Why")}
        for name in self.notes:
            if name.startswith(PREFIX) and name not in known:
                self.bad(f"unknown annotation {name}")

    @property
    def function(self):
        return f"method_{snake(self.interface.rsplit('.', 1)[1])}_{snake(self.name)}"


class Interface:
    def __init__(self, element):
        self.name = element.get("name")
        self.short = snake(self.name.rsplit(".", 1)[1])
        self.methods = [Method(self.name, m) for m in element.findall("method")]
        self.properties = [(p.get("name"), p.get("type"), annotations(p))
                           for p in element.findall("property")]
        for p in element.findall("property"):
            if p.get("access") != "read":
                raise Bad(f"{self.name}.{p.get('name')}: a property is never writable")
        self.signals = [(s.get("name"), [(a.get("name"), a.get("type")) for a in s.findall("arg")])
                        for s in element.findall("signal")]


def c_args(macro, pairs):
    if not pairs:
        return {"ARGS": "SD_BUS_NO_ARGS", "RESULT": "SD_BUS_NO_RESULT"}[macro]
    return f"SD_BUS_{macro}(" + ", ".join(f'"{t}", {n}' for n, t in pairs) + ")"


def tables(interfaces, out):
    out("/* Made by introspection/generate.py: edit the XML instead. */")
    out('#include "bus/call/method.h"\n')
    for i in interfaces:
        for m in i.methods:
            if m.options:
                rows = ", ".join(f'{{ "{n}", "{t.removesuffix("!")}", {str(t[-1] == "!").lower()} }}'
                                 for n, t in m.options)
                out(f"static const OptionSpec options_{m.function}[] = {{ {rows}, {{ NULL, NULL, false }} }};")
    out("\nconst Method methods[] = {")
    for i in interfaces:
        for m in i.methods:
            about_args = ", ".join(str(a) for a in m.about_args + [-1] * (2 - len(m.about_args)))
            action = f'"{PREFIX}{m.needs}"' if m.needs in ACTIONS else "NULL"
            needs = "NEEDS_ACTION" if m.needs in ACTIONS else "NEEDS_" + m.needs.upper().replace("-", "_")
            verb = f'"{m.verb}"' if m.verb else "NULL"
            options = f"options_{m.function}" if m.options else "NULL"
            signature = "".join(t for _, t in m.ins)
            names = "".join(f'"{n}", ' for n, _ in m.ins)
            out(f'        {{ "{i.name}", "{m.name}", "{signature}", {{ {names}NULL }}, {needs}, {action},\n'
                f"          ABOUT_{m.about.upper()}, {{ {about_args} }}, {verb}, {options}, "
                f"{str(bool(m.sensitive)).lower()}, {m.function} }},")
    out("};\nconst size_t n_methods = ELEMENTSOF(methods);\n")
    for i in interfaces:
        out(f"const sd_bus_vtable {i.short}_vtable[] = {{")
        out("        SD_BUS_VTABLE_START(0),")
        for m in i.methods:
            out(f'        SD_BUS_METHOD_WITH_ARGS("{m.name}", {c_args("ARGS", m.ins)},\n'
                f'                                {c_args("RESULT", m.outs)}, gate_on_method,\n'
                "                                SD_BUS_VTABLE_UNPRIVILEGED"
                f"{' | SD_BUS_VTABLE_SENSITIVE' if m.sensitive else ''}),")
        for name, kind, notes in i.properties:
            emits = notes.get("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")
            flag = {"const": "SD_BUS_VTABLE_PROPERTY_CONST", "false": "0",
                    "true": "SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE"}[emits]
            out(f'        SD_BUS_PROPERTY("{name}", "{kind}", property_{i.short}_{snake(name)}, 0, {flag}),')
        for name, args in i.signals:
            out(f'        SD_BUS_SIGNAL_WITH_ARGS("{name}", {c_args("ARGS", args)}, 0),')
        out("        SD_BUS_VTABLE_END,\n};\n")


def header(interfaces, out):
    out("/* Made by introspection/generate.py: edit the XML instead. */")
    out("#pragma once\n")
    out("/* One function a method: a method in the XML without one does not link. */")
    for i in interfaces:
        out(f"extern const sd_bus_vtable {i.short}_vtable[];")
        for m in i.methods:
            out(f"int {m.function}(Call *call);")
        for name, _, _ in i.properties:
            out(f"int property_{i.short}_{snake(name)}(sd_bus *bus, const char *path, const char *interface,\n"
                "        const char *property, sd_bus_message *reply, void *userdata, sd_bus_error *error);")


def members(interfaces, out):
    """The golden table for tests: one line a method, tab-separated."""
    for i in interfaces:
        for m in i.methods:
            out("\t".join([i.name, m.name, "".join(t for _, t in m.ins), "".join(t for _, t in m.outs),
                           m.needs, m.about, m.verb or ""]))


def main():
    what, path, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        interfaces = [Interface(e) for f in files
                      for e in ElementTree.parse(f).getroot().findall("interface")]
    except (Bad, ElementTree.ParseError) as problem:
        sys.exit(f"generate.py: {problem}")
    lines = []
    {"tables": tables, "header": header, "members": members}[what](interfaces, lines.append)
    with open(path, "w", encoding="utf-8") as output:
        output.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
