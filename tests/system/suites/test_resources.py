# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits and load: threats 31-35 and 37. Nobody can make the service stop serving the others."""
import time
from concurrent.futures import wait
from pathlib import Path

import daemon
from bus import GLib, Late, OBJECT, PingWatch, Refusal, expect, within
from case import equal
from samples import HOSTS

FILE = "/etc/sysctl.d/exm-test.conf"
TREE = "/files" + FILE
# Backtracking over a node with many children: CPU time without end.
HOSTILE = "/files/etc/sysctl.d/exm-test.conf/*" + "[../*[../*[../*[. =~ regexp('(a*)*b')]]]]"


def settled(t):
    """Process and unique name, to be compared with later."""
    t.client().Config.GetValue("/files/etc/hosts/1/ipaddr")
    return daemon.pid(t.root), daemon.unique_name(t.root)


def test_t37_hostile_expression(t):
    """It ends in an error for its caller, in time; everybody else is served within 50 ms."""
    t.configure("[Limits]\nWorkerWallSec=3\n")
    t.file(FILE, "".join(f"key{i} = {'a' * 30}\n" for i in range(3000)))
    before = settled(t)
    alice, bob = t.client("alice"), t.client("bob")
    bob.Config.GetValue("/files/etc/hosts/1/ipaddr")
    with PingWatch() as watch, within(60, "two workers' 3 s each"):
        hostile = alice.Config.later("Match", HOSTILE)
        while not hostile.done():
            with within(0.5, "another user's read"):
                equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
            time.sleep(0.02)
        with expect("LimitExceeded", "WorkerFailed"):
            hostile.result()
    watch.check()
    equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t37_expressions_and_texts_that_crash_augeas(t):
    before = settled(t)
    alice = t.client()
    t.rules.allow("alice")
    deep = "(" * 100000
    for call in (lambda: alice.Config.Match("/files/etc/hosts[" + deep + "]"),
                 lambda: alice.Config.Match("/files/etc/hosts" + "[a" * 2000),
                 lambda: alice.Config.Match("/files/etc/hosts/*[. =~ regexp('" + "(a|b)" * 500 + "')]"),
                 lambda: alice.Config.Match("/files/etc/hosts/*[. =~ regexp('((((a{1,255}){1,255}){1,255}){1,255})')]"),
                 lambda: alice.Config.Match("/files/etc/hosts/*[. =~ regexp('" + "[" * 100 + "')]")):
        try:
            call()
        except Refusal as refusal:
            assert refusal.short in ("InvalidPath", "LimitExceeded", "WorkerFailed", "NoMatch"), refusal
        bob = t.client("bob")
        equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
        bob.close()
    nested = "[" * 30000 + "]" * 30000
    t.file("/etc/exm.json", nested)
    transaction = alice.begin(files=[("/etc/exm.json", "Json.lns")])
    for call in (lambda: transaction.Match("/files/etc/exm.json//*"),
                 lambda: transaction.Edit([("text", ["/etc/exm.json", nested[:-1] + " ]"])]),
                 transaction.Diff):
        try:
            call()
        except Refusal as refusal:
            assert refusal.short in ("WorkerFailed", "LimitExceeded", "ParseFailed"), refusal
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)
    equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)


test_t37_expressions_and_texts_that_crash_augeas.slow = True


def test_t37_byte_4_in_a_value(t):
    t.file(FILE, b"a = x\x04y\nb = 2\n")
    before = settled(t)
    alice = t.client()
    for call in (lambda: alice.Config.Read(TREE + "/*", 0, 0), lambda: alice.Config.GetValue(TREE + "/a")):
        try:
            call()
        except Refusal as refusal:
            assert refusal.short in ("ParseFailed", "NoMatch", "WorkerFailed"), refusal
    t.rules.allow("alice")
    try:
        alice.Config.Apply([("set", [TREE + "/b", "3"])])
        equal(Path(FILE).read_bytes(), b"a = x\x04y\nb = 3\n")
    except Refusal as refusal:
        assert refusal.short in ("ParseFailed", "PutFailed", "InvalidEdit", "WorkerFailed"), refusal
        equal(Path(FILE).read_bytes(), b"a = x\x04y\nb = 2\n")
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t37_worker_killed_in_the_middle(t):
    """A read is repeated once on a fresh worker; a transaction goes on with its edits."""
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    before = settled(t)
    alice = t.client()
    transaction = alice.begin()
    transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.50")
    for _ in range(5):
        for worker in daemon.workers(t.root):
            daemon.run("kill", "-KILL", str(worker), check=False)
        equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr"), (True, "127.0.0.1"))
        equal(transaction.GetValue("/files/etc/hosts/1/ipaddr"), (True, "192.0.2.50"))
    for worker in daemon.workers(t.root):
        daemon.run("kill", "-KILL", str(worker), check=False)
    transaction.SetValue("/files/etc/hosts/1/canonical", "me")
    transaction.Commit()
    equal(Path("/etc/hosts").read_text(), HOSTS.replace("127.0.0.1  localhost", "192.0.2.50  me"))
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t37_worker_stopped_in_the_middle(t):
    t.configure("[Limits]\nWorkerWallSec=2\n")
    before = settled(t)
    alice = t.client()
    alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
    for worker in daemon.workers(t.root):
        daemon.run("kill", "-STOP", str(worker))
    with PingWatch() as watch:
        with within(40, "an answer after two workers' 2 s each"):
            try:
                alice.Config.GetValue("/files/etc/hosts/2/ipaddr")
            except Refusal as refusal:
                assert refusal.short in ("LimitExceeded", "WorkerFailed"), refusal
    watch.check()
    equal(alice.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t31_more_questions_than_a_bus_lets_wait(t):
    """dbus-daemon lets a connection wait for 128 replies: who comes then is not denied for it."""
    before = settled(t)
    path = GLib.Variant("(s)", ("/files/etc/hosts/1/ipaddr",))
    users = [t.client(user) for user in ("alice", "bob", "carol")]
    for _ in range(60):
        for client in users:
            client.send(OBJECT, "org.exmachina1.Config", "GetValue", path)
    equal(t.root.Authority.ListKeys(), [])
    for client in users:
        client.close()
    equal(t.client("dave").Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t31_sessions_of_one_user(t):
    """At the limit LimitExceeded, others within 100 ms, memory flat."""
    before = settled(t)
    alice, bob = t.client("alice"), t.client("bob")
    for _ in range(8):
        alice.begin()
    for _ in range(100):
        with expect("LimitExceeded"):
            alice.begin()
    _, at_limit = daemon.memory(before[0])
    for _ in range(500):
        with expect("LimitExceeded"):
            alice.begin()
    bob.Config.GetValue("/files/etc/hosts/1/ipaddr")
    with within(1, "another user's transaction"):
        bob.begin().GetValue("/files/etc/hosts/1/ipaddr")
    _, after = daemon.memory(before[0])
    assert after - at_limit < 4_000_000 or daemon.is_sanitised(before[0]), f"grew by {(after - at_limit) / 1e6:.1f} MB"
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


def test_t31_calls_of_one_user(t):
    """Far more calls at once than are allowed: some LimitExceeded, all answered, others served."""
    t.configure("[Limits]\nCallsUser=8\nWorkerWallSec=1\n")
    t.file(FILE, "".join(f"key{i} = {'a' * 30}\n" for i in range(3000)))
    before = settled(t)
    alice, bob = t.client("alice"), t.client("bob")
    with PingWatch() as watch:
        futures = [alice.Config.later("Match", HOSTILE, timeout=100) for _ in range(40)]
        time.sleep(0.5)
        with within(1, "another user's read"):
            equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
        wait(futures, 100)
    watch.check()
    names = {future.exception().short for future in futures if future.exception()}
    assert "LimitExceeded" in names and names <= {"LimitExceeded", "WorkerFailed"}, names
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


test_t31_calls_of_one_user.slow = True


def test_t32_worker_churn(t):
    """Workers come and go: the descriptors of the service are back at the baseline."""
    t.rules.allow("alice")
    alice = t.client()
    for _ in range(20):
        transaction = alice.begin()
        transaction.GetValue("/files/etc/hosts/1/ipaddr")
        transaction.Rollback()
    process = settled(t)[0]
    baseline = len(daemon.descriptors(process))
    for _ in range(200):
        transaction = alice.begin()
        transaction.SetValue("/files/etc/hosts/1/ipaddr", "192.0.2.1")
        transaction.Rollback()
    daemon.wait_for(lambda: len(daemon.descriptors(process)) <= baseline + 2, "descriptors")
    equal(daemon.pid(t.root), process)
    daemon.wait_for(lambda: len(daemon.workers(t.root)) <= 2, "workers")
    zombies = [line for line in daemon.run("ps", "--no-headers", "-o", "stat", "--ppid", str(process),
                                           check=False).split() if line.startswith("Z")]
    equal(zombies, [])


test_t32_worker_churn.slow = True


def test_t33_dialogs_do_not_pile_up(t):
    agent = t.agent("open")
    alice = t.client()
    futures = [alice.Config.later("ReadFile", "/etc/shadow", interactive=True) for _ in range(12)]
    agent.wait(4)
    daemon.wait_for(lambda: sum(future.done() for future in futures) >= 8, "refusals")
    time.sleep(0.3)
    equal(len(agent.prompts), 4, "dialogs")
    for future in futures:
        if future.done():
            equal(future.exception().short, "LimitExceeded")
    bob = t.client("bob")
    bobs = bob.Config.later("ReadFile", "/etc/shadow", interactive=True)
    agent.wait(5)
    with PingWatch() as watch:
        time.sleep(0.5)
    watch.check()
    alice.close()
    agent.wait_cancelled(4)
    for prompt in agent.prompts:
        if prompt["cookie"] not in agent.cancelled:
            agent.answer(prompt["cookie"], False)
    with expect("AccessDenied"):
        bobs.result(60)


def test_t33_a_dialog_left_open_is_a_denial(t):
    t.configure("[Limits]\nPromptSec=2\n")
    agent = t.agent("open")
    alice = t.client()
    start = time.monotonic()
    with within(20, "a denial after 2 s"), expect("AccessDenied"):
        alice.Config.ReadFile("/etc/shadow", interactive=True)
    assert time.monotonic() - start > 1.5
    agent.wait_cancelled(1)


def test_t34_huge_and_deep_messages(t):
    before = settled(t)
    t.rules.allow("alice")
    alice, bob = t.client("alice"), t.client("bob")
    with PingWatch() as watch:
        for size in (5000, 1_000_000, 20_000_000):
            with expect("LimitExceeded", "InvalidPath"):
                alice.Config.Match("/files/etc/hosts/" + "a" * size)
            with expect("LimitExceeded", "InvalidEdit", "PutFailed", "InvalidArgs"):
                alice.Config.Apply([("set", ["/files/etc/hosts/1/canonical", "b" * size + "\x01"])])
        with expect("LimitExceeded", "InvalidEdit", "NoMatch", "InvalidPath"):
            alice.Config.Apply([("set", ["/files/etc/hosts/7/x[9]/y", "a"])] * 150000)
        with expect("LimitExceeded", "InvalidArgs", "InvalidEdit"):
            alice.Config.Apply([("set", ["a"] * 300000)])
        with expect("LimitExceeded", "InvalidArgs"):
            alice.Units.ListUnits(["x" * 200] * 20000)
        deep = GLib.Variant("s", "x")
        for _ in range(30):
            deep = GLib.Variant("v", deep)
        with expect("InvalidArgs"):
            alice.call(OBJECT, "org.exmachina1.Config", "Begin", GLib.Variant("(a{sv})", ({"files": deep},)))
        equal(bob.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    if watch.worst > 1:
        raise Late(f"Ping took {watch.worst:.2f} s")
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)


test_t34_huge_and_deep_messages.slow = True


def test_t35_mixed_calls_leak_nothing(t):
    """Thousands of calls of every kind: memory and descriptors flat once warm."""
    t.file("/etc/hosts", HOSTS)
    t.rules.allow("alice")
    alice, bob = t.client("alice"), t.client("bob")

    def round_of_calls():
        for i in range(25):
            alice.Config.GetValue("/files/etc/hosts/1/ipaddr")
            alice.Config.Read("/files/etc/hosts//*", 0, 0)
            alice.Config.ListFiles("/etc/host*")
            alice.Units.Status("dbus.service")
            for call in (lambda: bob.Config.ReadFile("/etc/shadow"),
                         lambda: alice.Config.GetValue("/files/etc/hosts/["),
                         lambda: bob.Units.Start("dbus.service")):
                try:
                    call()
                except Refusal:
                    pass
        transaction = alice.begin()
        transaction.SetValue("/files/etc/hosts/1/ipaddr", f"192.0.2.{i}")
        transaction.Diff()
        transaction.Rollback()

    process = settled(t)[0]
    for _ in range(8):
        round_of_calls()
    fds, (_, warm) = len(daemon.descriptors(process)), daemon.memory(process)
    for _ in range(12):
        round_of_calls()
    _, after = daemon.memory(process)
    assert after - warm < 1_500_000 or daemon.is_sanitised(process), f"grew by {(after - warm) / 1e6:.2f} MB in 2,100 calls"
    daemon.wait_for(lambda: len(daemon.descriptors(process)) <= fds + 2, "descriptors")
    equal(daemon.pid(t.root), process)


test_t35_mixed_calls_leak_nothing.slow = True


def test_views_are_bounded(t):
    """Many users' warm views: no more workers than the limits say."""
    t.configure("[Limits]\nViewsUser=2\nViewsTotal=5\n")
    for user in ("alice", "bob", "carol", "dave"):
        client = t.client(user)
        for file in ("hosts", "host.conf", "fstab", "passwd", "group"):
            try:
                client.Config.Match(f"/files/etc/{file}/*")
            except Refusal:
                pass
    daemon.wait_for(lambda: len(daemon.workers(t.root)) <= 5, "workers within the limit")


def test_a_file_too_big_for_a_view(t):
    t.configure("[Limits]\nViewBytes=20000\n")
    t.file(FILE, "".join(f"key{i} = {i}\n" for i in range(3000)))
    with expect("LimitExceeded") as seen:
        t.client().Config.Match(TREE + "/*")
    assert len(seen.message) > 20, seen.message
