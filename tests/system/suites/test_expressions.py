# SPDX-License-Identifier: LGPL-2.1-or-later
"""A table of path expressions: Match finds what augtool finds."""
import daemon
from bus import Refusal
from case import equal

HOSTS = """\
# first
127.0.0.1 localhost loop
192.0.2.7 files.example files store # with a word
2001:db8::1 six.example
"""
NETWORKS = "loopback 127.0.0.0\nlan 192.0.2.0\n"
SSHD = "Port 22\nAcceptEnv LANG LC_*\nMatch User bob\n  X11Forwarding no\n"

EXPRESSIONS = """\
/files/etc/hosts
/files/etc/hosts/1
/files/etc/hosts/*
/files/etc/hosts/*/ipaddr
/files/etc/hosts/#comment
/files/etc/hosts/2/alias
/files/etc/hosts/2/alias[1]
/files/etc/hosts/2/alias[last()]
/files/etc/hosts/*[last()]
/files/etc/hosts/*[position() = 2]
/files/etc/hosts/*[ipaddr = '192.0.2.7']
/files/etc/hosts/*[ipaddr="192.0.2.7"]/canonical
/files/etc/hosts/*[ipaddr != '192.0.2.7']
/files/etc/hosts/*[alias]
/files/etc/hosts/*[count(alias) = 0]
/files/etc/hosts/*[not(alias = 'loop')]
/files/etc/hosts/*[count(alias) = 2]
/files/etc/hosts/*[count(alias) > 0 and ipaddr = '127.0.0.1']
/files/etc/hosts/*[ipaddr = '127.0.0.1' or canonical = 'six.example']
/files/etc/hosts/*[label() = '2']
/files/etc/hosts/*[label() =~ regexp('[0-9]+')]
/files/etc/hosts/*[canonical =~ regexp('.*example')]
/files/etc/hosts/*[canonical !~ regexp('.*example')]/canonical
/files/etc/hosts/2/*[. = 'files']
/files/etc/hosts/2/alias/..
/files/etc/hosts/2/alias[1]/following-sibling::alias
/files/etc/hosts/2/alias[2]/preceding-sibling::*
/files/etc/hosts/descendant::alias
/files/etc/hosts/descendant-or-self::*[alias]
/files/etc/hosts/child::*[child::alias = 'loop']
/files/etc/hosts/2/self::*
/files/etc/hosts/2/parent::*
/files/etc/hosts/2/ancestor::hosts
/files/etc/hosts//alias
/files/etc/hosts//*[. = 'store']
/files/etc/hosts/*/alias|/files/etc/hosts/*/canonical
/files/etc/hosts/1/ipaddr|/files/etc/networks/1/name
/files/etc/networks/*[number = '192.0.2.0']/name
/files/etc/hosts/*[ipaddr = /files/etc/hosts/2/ipaddr]/alias
/files/etc/networks/*[name = 'lan' and /files/etc/hosts/1]
/files/etc/ssh/sshd_config/Match/Condition/User
/files/etc/ssh/sshd_config/Match[Condition/User = 'bob']/Settings/*
/files/etc/ssh/sshd_config/AcceptEnv/*[2]
/files/etc/ssh/sshd_config/Port[. = '22']
/files/etc/nothing/here
/files/etc/hosts/*[ipaddr =~ regexp('2001:.*', 'i')]
/files/etc/hosts/1[ipaddr][canonical]
""".splitlines()


def _augtool_matches():
    """expression → paths; all in one run, since that loads every lens."""
    commands = []
    for number, expression in enumerate(EXPRESSIONS):
        commands += [f"set /exm/mark {number}", "get /exm/mark", f"match {expression}"]
    found, now = {}, None
    for line in daemon.run("augtool", input="\n".join(commands) + "\n", check=False).splitlines():
        path, equals, value = line.partition(" = ")
        if path == "/exm/mark":
            now = found.setdefault(EXPRESSIONS[int(value)], [])
        elif line.startswith("/files") and now is not None:
            now.append(path)
    return found


def test_forty_expressions_find_what_augtool_finds(t):
    t.file("/etc/hosts", HOSTS)
    t.file("/etc/networks", NETWORKS)
    t.file("/etc/ssh/sshd_config", SSHD)
    wanted = _augtool_matches()
    equal(len(wanted), len(EXPRESSIONS), "answers of augtool")
    assert sum(1 for paths in wanted.values() if paths) >= 40, wanted
    alice = t.client("alice")
    wrong = []
    for expression, paths in wanted.items():
        try:
            found = alice.Config.Match(expression)
        except Refusal as refusal:
            found = [str(refusal)]
        if sorted(found) != sorted(paths):
            wrong.append((expression, found, paths))
    equal(wrong, [])
