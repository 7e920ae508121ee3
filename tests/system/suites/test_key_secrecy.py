# SPDX-License-Identifier: LGPL-2.1-or-later
"""A key is nowhere but with who holds it, asks nobody else, and a flood of wrong ones is nobody's loss."""
import base64
import os
import time
from pathlib import Path

import daemon
from bus import Refusal, expect, within
from case import equal, has, has_not
from samples import HOSTS

IP = "/files/etc/hosts/1/ipaddr"


def secret_of(text):
    return text.split("_", 2)[2]


def spellings(text):
    secret = base64.urlsafe_b64decode(secret_of(text) + "=")
    return [text.encode(), secret_of(text).encode(), secret, secret.hex().encode(),
            base64.b64encode(secret)[:40]]


def memory_of(process):
    """All that a process could read of itself now."""
    out = []
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, mode = line.split()[:2]
            if not mode.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                out.append(memory.read(end - start))
            except OSError:
                pass
    return b"".join(out)


def found_in(text, *chunks):
    return [where for where, data in chunks for spelling in spellings(text) if spelling in data]


def test_canary_key_is_found_nowhere(t):
    """Made, used rightly and wrongly, revoked: no trace in files, logs, processes or errors."""
    t.file("/etc/hosts", HOSTS)
    text = t.key("canary", user="alice", write=["/etc/hosts"])
    client, bob = t.client(), t.client("bob")
    client.Authority.Unlock(text)
    client.Config.Apply([("set", [IP, "192.0.2.8"])], message="by key")
    client.Config.GetValue(IP)
    client.Authority.Lock()
    client.Authority.Unlock(text)
    errors = []
    for wrong in (text[:-1] + ("A" if text[-1] != "A" else "E"), text + "x", text.replace("canary", "other")):
        with expect("BadKey") as seen:
            bob.Authority.Unlock(wrong)
        errors.append(seen.message)
    has_not("".join(errors), secret_of(text), "canary")
    chunks = []
    client.ping()  # what the last reply left behind is put away after it is sent
    process = daemon.pid(t.root)
    for child in [process, *daemon.children(process)]:
        for name in ("environ", "cmdline"):
            chunks.append((f"{name} of {child}", Path(f"/proc/{child}/{name}").read_bytes()))
        if not daemon.is_sanitised(child):  # terabytes are its own books, and what is freed is kept
            chunks.append((f"memory of {child}", memory_of(child)))
    for folder in ("/etc/exmachina", "/var/lib/exmachina", "/var/cache/exmachina", "/run/exmachina"):
        for path in Path(folder).rglob("*") if os.path.isdir(folder) else []:
            if path.is_file():
                chunks.append((str(path), path.read_bytes()))
    t.journal.text()
    for path in [*Path("/var/log/journal").rglob("*"), *Path("/run/log/journal").rglob("*")]:
        if path.is_file():
            chunks.append((str(path), path.read_bytes()))
    assert len(chunks) > 6
    equal(found_in(text, *chunks), [])


def test_polkit_is_not_asked_with_a_key(t):
    t.file("/etc/hosts", HOSTS)
    text = t.key("panel", user="alice", write=["/etc/hosts"])
    client = t.client()
    client.Authority.Unlock(text)
    t.rules.ask("nobody")  # so that questions are logged
    transaction = client.begin()
    equal(transaction.GetValue(IP)[0], True)
    transaction.Edit([("set", [IP, "192.0.2.9"])])
    has(transaction.Diff()[0][1], "192.0.2.9")
    change = transaction.Commit()
    equal(client.Config.GetValue(IP), (True, "192.0.2.9"))
    client.History.Revert(change)
    equal(client.Authority.Permitted([("read", "/etc/hosts"), ("write", "/etc/hosts")]), ["yes", "yes"])
    equal([question for question in t.journal.polkit_questions() if "asked alice" in question or
           question.startswith("alice")], [])
    equal({r["EXMACHINA_AUTHORITY"] for r in t.journal.audit(method="Transaction.Commit")}, {"key:panel"})


def test_a_key_works_without_polkit(t):
    t.file("/etc/hosts", HOSTS)
    text = t.key("panel", user="alice", write=["/etc/hosts"])
    daemon.run("systemctl", "mask", "--runtime", "--now", "polkit.service")
    t.undo(lambda: daemon.run("systemctl", "unmask", "--runtime", "polkit.service"))
    client = t.client()
    with within(20, "work with a key"):
        client.Authority.Unlock(text)
        equal(client.Config.GetValue(IP)[0], True)
        client.Config.Apply([("set", [IP, "192.0.2.10"])])
        equal(client.Config.GetValue(IP), (True, "192.0.2.10"))


def test_a_flood_of_wrong_keys(t):
    """As fast as one user can send: its own later ones are delayed or told to wait; all others go on."""
    text = t.key("panel", user="alice", write=["/etc/hosts"])
    process = daemon.pid(t.root)
    bob, alice = t.client("bob"), t.client("alice")
    before = daemon.memory(process)[1]
    wrong = "exm1_panel_" + "A" * 43
    futures = [bob.Authority.later("Unlock", wrong) for _ in range(200)]
    others = [t.client("bob") for _ in range(20)]
    futures += [other.Authority.later("Unlock", wrong) for other in others for _ in range(10)]
    with within(5, "the owner's Unlock"):
        equal(alice.Authority.Unlock(text), "panel")
    said = set()
    for future in futures:
        try:
            future.result(60)
            said.add("unlocked")
        except Refusal as refusal:
            said.add(refusal.short)
    equal(said, {"BadKey", "LimitExceeded"})
    equal(daemon.pid(t.root), process)
    if not daemon.is_sanitised(process):
        assert daemon.memory(process)[1] - before < 4 << 20, "memory has grown"
    # Delayed, never locked out: the same user gets in with the right key in the end.
    own = t.key("own", user="bob")
    deadline = time.monotonic() + 60
    while True:
        try:
            equal(t.client("bob").Authority.Unlock(own), "own")
            break
        except Refusal as refusal:
            equal(refusal.short, "LimitExceeded")
            assert time.monotonic() < deadline, "locked out"
            time.sleep(0.2)
