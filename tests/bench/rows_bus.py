# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small calls: what the service adds to the bus, to polkit, and to being started. Run on each bus."""
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import daemon
from bus import Client
from measure import (Row, call_rate, call_times, compiled, median, show, tails, timed)

ON_EACH_BUS = True
HOSTS = Path("/etc/hosts")
BARE = "org.exmachina1.Bare"
POLICY = Path("/etc/dbus-1/system.d/exmachina-bench.conf")
ALICE = 6001
USERS = (6001, 6002, 6003, 6004)
VALUE = "get /files/etc/hosts/1/ipaddr"
READS = (VALUE, "match /files/etc/hosts/*", "read /files/etc/hosts//*", "get /files/etc/hosts/2/canonical")


@contextmanager
def bare_service():
    """The least that a service can be."""
    POLICY.write_text(f"""<busconfig>
<policy user="root"><allow own="{BARE}"/></policy>
<policy context="default"><allow send_destination="{BARE}"/></policy>
</busconfig>
""", encoding="utf-8")
    subprocess.run(["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                    "org.freedesktop.DBus", "ReloadConfig"], check=True)
    service = subprocess.Popen([compiled("bare"), BARE], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout.readline() == "ready\n", "the bare service has no name"
        yield
    finally:
        service.kill()
        service.wait()
        POLICY.unlink()


@contextmanager
def held_key():
    """A key that lets anybody read and change /etc/hosts."""
    root = Client("root")
    key, _ = root.Authority.CreateKey("bench", user="", write=["/etc/hosts"])
    try:
        yield key
    finally:
        root.Authority.RevokeKey("bench")
        root.close()


@contextmanager
def many_hosts():
    """A file of which so many values can be asked for that no answer is one that was given before."""
    kept = HOSTS.read_bytes()
    HOSTS.write_text("".join(f"127.0.0.1 host{i}\n" for i in range(200)), encoding="utf-8")
    time.sleep(0.1)  # one that has been written this very moment is read again each time
    try:
        yield
    finally:
        HOSTS.write_bytes(kept)
        time.sleep(0.1)


def rows_of_one_call(quick, key):
    n = 500 if quick else 3000
    ping, ours = call_times(n, f"ping {BARE}", VALUE, user=ALICE, key=key)
    yield Row("warm GetValue with a key, as before / Ping of a bare service", median(ours), median(ping), at_most=2,
              note=tails(ours, ping))
    with many_hosts():
        ping, ours = call_times(n, f"ping {BARE}", "get /files/etc/hosts/#/ipaddr", user=ALICE, key=key)
        yield Row("warm GetValue with a key, another each time / Ping", median(ours), median(ping), at_most=2,
                  note=tails(ours, ping))
    ping, check, ours = call_times(n // 2, f"ping {BARE}", "check /etc/hosts", VALUE, user=ALICE)
    both = [a + b for a, b in zip(ping, check)]
    yield Row("warm GetValue through polkit / Ping + CheckAuthorization", median(ours), median(both),
              at_most=1.3, note=tails(ours, both))


def rows_of_many_clients(quick, key):
    seconds, clients = 1 if quick else 4, 100
    runs = [(call_rate(seconds, clients, *READS, users=USERS, key=key),
             call_rate(seconds, clients, f"ping {BARE}", users=USERS)) for _ in range(1 if quick else 3)]
    ours, peer = (median(values) for values in zip(*runs))
    yield Row("100 clients with a key, mixed reads / Ping of a bare service", ours, peer, at_least=0.5, unit="/s")
    for _ in range(3):
        ours = call_rate(seconds, clients, *READS, users=USERS)
        if ours > 0:
            break
        time.sleep(16)  # polkit up to 122 may hang for 15 s (tests/system/run.py)
    assert ours > 0, "polkit answers nothing"
    yield Row("100 clients through polkit, mixed reads", ours, unit="/s", note="each asks polkit once")


def cold(unit, case):
    subprocess.run(["systemctl", "stop", unit], check=True, capture_output=True)
    subprocess.run(["systemctl", "reset-failed", unit], check=False, capture_output=True)
    return call_times(1, case, user=ALICE)[0][0]


def row_of_activation(quick):
    pairs = [(cold(daemon.SERVICE, VALUE), cold("systemd-hostnamed.service", "hostname"))
             for _ in range(4 if quick else 15)]
    ours, peer = zip(*pairs)
    yield Row("cold: first GetValue / first property of hostnamed", median(ours), median(peer), at_most=2,
              note=tails(ours, peer))


def resident(process):
    """Bytes that it has in memory, and those that no other process shares."""
    values = {}
    for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, value = line.split(":")
        values[name] = int(value.split()[0]) * 1024
    return values["Rss"], values["Private_Clean"] + values["Private_Dirty"], values["Pss"]


def row_of_memory():
    """Right after the first call of each, when nothing is under way any more."""
    cold(daemon.SERVICE, VALUE)
    cold("systemd-hostnamed.service", "hostname")
    root = Client("root")
    time.sleep(1)
    peer = resident(int(daemon.run("systemctl", "show", "--value", "--property=MainPID",
                                   "systemd-hostnamed.service")))
    ours = resident(daemon.pid(root))
    worker = resident(daemon.workers(root)[0])
    root.close()
    yield Row("resident broker, idle / hostnamed", ours[0], peer[0], at_most=1.3, unit="B",
              note=f"private {show(ours[1], 'B')}, hostnamed's {show(peer[1], 'B')}")
    yield Row("a worker with one small file", worker[0], unit="B", note=f"private {show(worker[1], 'B')}")


def row_of_the_client(quick):
    """Whole commands, as a person or a script runs them."""
    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "127.0.0.1" in done.stdout, done.stdout

    times = 3 if quick else 10
    ours = [timed(lambda: run("exmachinactl", "get", "/etc/hosts/1/ipaddr")) for _ in range(3 * times)]
    peer = [timed(lambda: run("augtool", "get", "/files/etc/hosts/1/ipaddr")) for _ in range(times)]
    yield Row("exmachinactl get, service running / augtool get", median(ours), median(peer), 30,
              note=tails(ours, peer))


def rows(quick):
    with bare_service(), held_key() as key:
        yield from rows_of_one_call(quick, key)
        yield from rows_of_many_clients(quick, key)
    yield from row_of_activation(quick)
    yield from row_of_memory()
    yield from row_of_the_client(quick)
