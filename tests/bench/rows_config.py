# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reading and changing large files: the peer is augtool, with only the lens that it needs."""
import time
from pathlib import Path

from bus import NAME, OBJECT, Client, Gio, GLib
from measure import Row, augtool, call_times, peer_time, timed

HOSTS = Path("/etc/hosts")
LENS = "Hosts.lns"
PAGE = 20000
NODES = "/files/etc/hosts//*"


def hosts(lines):
    return "".join(f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}   host{i}.example host{i}\n"
                   for i in range(lines))


def set_and_commit(client, lines):
    """One value in the middle; the file is read and parsed anew each time."""
    text = hosts(lines)
    number = lines // 2

    def change():
        edits = [("set", [f"/files/etc/hosts/{number}/canonical", "changed.example"])]
        client.Config.Apply(edits, {})

    seconds = []
    for _ in range(3):
        HOSTS.write_text(text, encoding="utf-8")
        seconds.append(timed(change))
        wanted = text.replace(f"host{number - 1}.example ", "changed.example ", 1)
        assert HOSTS.read_text(encoding="utf-8") == wanted, "another text than wanted"
    return min(seconds)


def peer_set_and_save(lines):
    number = lines // 2
    seconds, _, text = augtool(LENS, "/etc/hosts", hosts(lines),
                               [f"set /files/etc/hosts/{number}/canonical changed.example", "save"])
    assert "changed.example" in text
    return seconds


def rows_of_one_value(client, quick):
    per_line = {}
    for lines, target in ((1000, None), (5000, None), (20000, 50), (50000, 100)):
        ours = set_and_commit(client, lines)
        per_line[lines] = ours / lines
        left_out = quick and lines > 5000
        peer = {} if left_out else peer_time(lambda n=lines: peer_set_and_save(n))
        yield Row(f"set one value, commit: hosts of {lines} lines", ours, target=target, **peer,
                  note=f"{per_line[lines] * 1e6:.0f} us a line" + (", peer left out (--quick)" if left_out else ""))


def call(client, method, arguments):
    """With arguments and a reply that are not turned into Python's objects: that takes longer than all the
    rest."""
    return client.connection.call_sync(NAME, OBJECT, f"{NAME}.Config", method, arguments, None,
                                       Gio.DBusCallFlags.NONE, -1, None)


def read_all(client, total):
    nodes = 0
    for offset in range(0, total, PAGE):
        reply = call(client, "Read", GLib.Variant("(suu)", (NODES, offset, PAGE)))
        assert reply.get_child_value(1).get_uint32() == total
        nodes += reply.get_child_value(0).n_children()
    assert nodes == total, nodes


def pages(total):
    """Seconds that a program in C takes for all of them."""
    times = call_times(1, *(f"page {offset} {PAGE} {NODES}" for offset in range(0, total, PAGE)))
    return sum(seconds for seconds, in times)


def row_of_reading(client, quick):
    lines = 5000 if quick else 20000
    total = 4 * lines
    HOSTS.write_text(hosts(lines), encoding="utf-8")
    time.sleep(0.1)
    first = pages(total)
    warm = min(pages(total) for _ in range(3))
    read_all(client, total)

    def print_all():
        seconds, printed, _ = augtool(LENS, "/etc/hosts", hosts(lines), ["print /files/etc/hosts"])
        assert printed.count("\n") >= total
        return seconds

    peer = peer_time(print_all)
    target = None if quick else 10
    yield Row(f"read {total} nodes, parsing included, in pages of {PAGE}", first, target=target, **peer)
    yield Row(f"read {total} nodes again, in pages of {PAGE}", warm, target=target, **peer)


def apply_and_save(client, text, edits, wanted):
    """The same edits in one call, and in one script of augtool's. Returns: seconds, and what Row wants of the peer."""
    arguments = GLib.Variant("(a(sas)a{sv})", ([(verb, list(words)) for verb, *words in edits], {}))
    seconds = []
    for _ in range(3):
        HOSTS.write_text(text, encoding="utf-8")
        seconds.append(timed(lambda: call(client, "Apply", arguments)))
        assert HOSTS.read_text(encoding="utf-8") == wanted, "another text than wanted"
    script = [" ".join(verb_and_words) for verb_and_words in edits] + ["save"]
    return min(seconds), peer_time(lambda: augtool(LENS, "/etc/hosts", text, script)[0])


def row_of_many_edits(client, quick):
    lines = n_edits = 2000 if quick else 10000
    text = hosts(lines)
    edits = [("set", f"/files/etc/hosts/{i + 1}/canonical", f"new{i}.example") for i in range(n_edits)]
    wanted = "".join(line.replace(f"host{i}.example", f"new{i}.example", 1)
                     for i, line in enumerate(text.splitlines(keepends=True)))
    ours, peer = apply_and_save(client, text, edits, wanted)
    yield Row(f"{n_edits} edits in one call: hosts of {lines} lines", ours, target=None if quick else 10, **peer)


def edits_of_nodes(kind, lines):
    """As many edits that make or remove nodes as there are lines. Returns: them, and what they lead to."""
    text = hosts(lines).splitlines(keepends=True)
    place = "/files/etc/hosts"
    if kind == "new hosts":
        edits = [("set", f"{place}/{lines + 1 + i // 2}/{'canonical' if i % 2 else 'ipaddr'}",
                  f"new{i // 2}" if i % 2 else "192.0.2.1") for i in range(lines)]
        return edits, text + [f"192.0.2.1\tnew{i}\n" for i in range(lines // 2)]
    if kind == "new aliases":
        edits = [("set", f"{place}/{i + 1}/alias[last()+1]", f"more{i}") for i in range(lines)]
        return edits, [f"{line[:-1]} more{i}\n" for i, line in enumerate(text)]
    if kind == "comments put in":
        edits = [edit for i in range(lines // 2)
                 for edit in (("ins", "#comment", "before", f"{place}/{i + 1}"),
                              ("set", f"{place}/#comment[{i + 1}]", f"number{i}"))]
        return edits, [f"# number{i}\n{line}" if i < lines // 2 else line for i, line in enumerate(text)]
    if kind == "hosts moved":
        edits = [("mv", f"{place}/{i + 1}", f"{place}/{lines + i + 1}") for i in range(lines)]
        return edits, [line.replace("   ", "\t", 1) for line in text]
    assert kind == "hosts removed"
    return [("rm", f"{place}/{i + 1}") for i in range(lines - 1)], text[-1:]


def rows_of_edits_of_nodes(client, quick):
    """Twice: four times the edits in a file four times as large take four times as long."""
    for kind in ("new hosts", "new aliases", "comments put in", "hosts moved", "hosts removed"):
        for lines in ((500, 2000) if quick else (2500, 10000)):
            edits, wanted = edits_of_nodes(kind, lines)
            ours, peer = apply_and_save(client, hosts(lines), edits, "".join(wanted))
            yield Row(f"{len(edits)} edits, {kind}: hosts of {lines} lines", ours, **peer,
                      note=f"{ours / len(edits) * 1e6:.0f} us an edit")


def rows(quick):
    kept = HOSTS.read_bytes()
    client = Client("root")
    try:
        client.Config.GetValue("/files/etc/hosts/1/ipaddr")
        yield from rows_of_one_value(client, quick)
        yield from row_of_reading(client, quick)
        yield from row_of_many_edits(client, quick)
        yield from rows_of_edits_of_nodes(client, quick)
    finally:
        HOSTS.write_bytes(kept)
        client.close()
