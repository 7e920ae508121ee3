# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reading and changing large files: the peer is augtool, with only the lens that it needs."""
from pathlib import Path

from bus import NAME, OBJECT, Client, Gio, GLib
from measure import Row, augtool, best, timed

HOSTS = Path("/etc/hosts")
LENS = "Hosts.lns"
PAGE = 20000


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
        yield Row(f"set one value, commit: hosts of {lines} lines", ours,
                  None if left_out else peer_set_and_save(lines), target,
                  f"{per_line[lines] * 1e6:.0f} us a line" + (", peer left out (--quick)" if left_out else ""))


def call(client, method, arguments):
    """With arguments and a reply that are not turned into Python's objects: that takes longer than all the
    rest."""
    return client.connection.call_sync(NAME, OBJECT, f"{NAME}.Config", method, arguments, None,
                                       Gio.DBusCallFlags.NONE, -1, None)


def read_all(client, total):
    nodes = 0
    for offset in range(0, total, PAGE):
        reply = call(client, "Read", GLib.Variant("(suu)", ("/files/etc/hosts//*", offset, PAGE)))
        assert reply.get_child_value(1).get_uint32() == total
        nodes += reply.get_child_value(0).n_children()
    assert nodes == total, nodes


def row_of_reading(client, quick):
    lines = 5000 if quick else 20000
    total = 4 * lines
    HOSTS.write_text(hosts(lines), encoding="utf-8")
    first = timed(lambda: read_all(client, total))
    warm = best(lambda: read_all(client, total))
    peer, printed, _ = augtool(LENS, "/etc/hosts", hosts(lines), ["print /files/etc/hosts"])
    assert printed.count("\n") >= total
    target = None if quick else 10
    yield Row(f"read {total} nodes, parsing included, in pages of {PAGE}", first, peer, target)
    yield Row(f"read {total} nodes again, in pages of {PAGE}", warm, peer, target)


def row_of_many_edits(client, quick):
    lines = n_edits = 2000 if quick else 10000
    text = hosts(lines)
    edits = [(f"/files/etc/hosts/{i + 1}/canonical", f"new{i}.example") for i in range(n_edits)]
    arguments = GLib.Variant("(a(sas)a{sv})", ([("set", list(edit)) for edit in edits], {}))
    seconds = []
    for _ in range(3):
        HOSTS.write_text(text, encoding="utf-8")
        seconds.append(timed(lambda: call(client, "Apply", arguments)))
    assert HOSTS.read_text(encoding="utf-8") == "".join(
        line.replace(f"host{i}.example", f"new{i}.example", 1)
        for i, line in enumerate(text.splitlines(keepends=True)))
    peer, _, _ = augtool(LENS, "/etc/hosts", text, [f"set {path} {value}" for path, value in edits] + ["save"])
    yield Row(f"{n_edits} edits in one call: hosts of {lines} lines", min(seconds), peer, None if quick else 10)


def rows(quick):
    kept = HOSTS.read_bytes()
    client = Client("root")
    try:
        client.Config.GetValue("/files/etc/hosts/1/ipaddr")
        yield from rows_of_one_value(client, quick)
        yield from row_of_reading(client, quick)
        yield from row_of_many_edits(client, quick)
    finally:
        HOSTS.write_bytes(kept)
        client.close()
