# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys: what somebody's wrong ones do to others, and that time tells nothing of why one is wrong."""
import subprocess

from bus import Client
from measure import Row, call_times, caller_command, median, p99, show, tails

ON_EACH_BUS = True
BOB = 6002
SECRET = "A" * 42 + "E"
UNKNOWN, WRONG = f"unlock exm1_nobody_{SECRET}", f"unlock exm1_bench_{SECRET}"
VALUE = "get /files/etc/hosts/1/ipaddr"
TRIES = 9          # of each wrong kind and user: 20 of a user are answered at once
FIRST_UID = 7000


def rows_of_a_flood(quick, key):
    """Alice sends wrong keys over 20 connections as fast as they are answered; Bob works with his."""
    n = 300 if quick else 2000
    idle, = call_times(n, VALUE, user=BOB, key=key)
    flood = subprocess.Popen(caller_command(["load", "600", "20", WRONG], users=[6001], errors=True),
                             stdout=subprocess.DEVNULL)
    try:
        loaded, = call_times(n, VALUE, user=BOB, key=key)
        unlocks, = call_times(n // 10, f"unlock {key}", user=BOB)
        assert flood.poll() is None, "the flood has ended"
    finally:
        flood.kill()
        flood.wait()
    yield Row("p99 of a GetValue while another user floods wrong keys / idle", p99(loaded), p99(idle), at_most=3,
              note=f"medians {show(median(loaded), 's')}, {show(median(idle), 's')}")
    yield Row("Unlock of a right key meanwhile", median(unlocks), note=tails(unlocks))


def rows_of_timing(quick, key):
    """Each user may try 20 at once, so there are many."""
    times = [[], [], []]
    uids = range(FIRST_UID, FIRST_UID + (10 if quick else 60))
    with open("/etc/passwd", "a", encoding="utf-8") as passwd:  # dbus-daemon serves nobody whom it does not know
        passwd.write("".join(f"bench{uid}:x:{uid}:65534::/:/bin/false\n" for uid in uids))
    for uid in uids:
        # The first call of a connection is longer: the bus is asked who it is.
        for kind, found in zip(times, call_times(TRIES, "whoami", UNKNOWN, WRONG, f"unlock {key}", user=uid,
                                                 errors=True)[1:]):
            kind += found
    unknown, wrong, right = times
    yield Row("Unlock: wrong secret / unknown name", median(wrong), median(unknown), at_most=1.1, at_least=0.9,
              note=tails(wrong, unknown))
    yield Row("Unlock: right secret / unknown name", median(right), median(unknown), share=True, note=tails(right, unknown))


def rows(quick):
    root = Client("root")
    key, _ = root.Authority.CreateKey("bench", user="", read=["/etc/hosts"])
    try:
        yield from rows_of_a_flood(quick, key)
        yield from rows_of_timing(quick, key)
    finally:
        root.Authority.RevokeKey("bench")
        root.close()
