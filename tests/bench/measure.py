# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a row is, and how its times are taken."""
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = Path("/run/exmachina-bench")  # in the throwaway machine
PEER_LIMIT = 300                         # seconds that a peer may take

peer_limit = PEER_LIMIT  # None: as long as it wants


@dataclass
class Row:
    """The ratio is how many times faster than the peer (`target` of them are to be reached), or, with `share`,
    `at_most` or `at_least`, how many times what the peer has. No peer (None: it was left out), no ratio."""
    name: str
    ours: float
    peer: float = None
    target: float = None
    note: str = ""
    at_most: float = None
    at_least: float = None
    unit: str = "s"        # or "B", "/s"
    share: bool = False
    peer_stopped: bool = False  # its time is the least that it would have been

    @property
    def is_share(self):
        return self.share or self.at_most is not None or self.at_least is not None

    @property
    def ratio(self):
        if self.peer is None:
            return None
        return self.ours / self.peer if self.is_share else self.peer / self.ours

    @property
    def has_target(self):
        return any(bound is not None for bound in (self.target, self.at_least, self.at_most))

    @property
    def is_open(self):
        """What is known of the peer does not decide it."""
        return self.peer_stopped and self.ratio < (self.target or 0)

    @property
    def is_met(self):
        if self.ratio is None or self.is_open:
            return True
        return (self.ratio >= (self.target or 0) and self.ratio >= (self.at_least or 0) and
                (self.at_most is None or self.ratio <= self.at_most))

    @property
    def wanted(self):
        if self.target is not None:
            return f"≥ {self.target:g}x faster"
        if self.at_most is not None and self.at_least is not None:
            return f"{self.at_least:g}x to {self.at_most:g}x"
        if self.at_most is not None:
            return f"≤ {self.at_most:g}x"
        return "-" if self.at_least is None else f"≥ {self.at_least:g}x"


def show(value, unit):
    """With three digits that matter."""
    if value is None:
        return "-"
    steps = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "us")), "B": ((1 << 20, "MiB"), (1 << 10, "KiB")),
             "/s": ((1, "/s"),)}[unit]
    factor, name = next((step for step in steps if value >= step[0]), steps[-1])
    value /= factor
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {name}"


def timed(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def p99(times):
    return sorted(times)[min(len(times) - 1, len(times) * 99 // 100)]


def tails(ours, peer=None):
    """The words for what a median does not say."""
    return f"p99 {show(p99(ours), 's')}" + (f", peer's {show(p99(peer), 's')}" if peer else "")


def median(times):
    return statistics.median(times)


class PeerStopped(Exception):
    """It was not done in time."""


def peer_time(action):
    """Returns: what Row wants to know of a peer: the seconds that `action` returns, or those after which it was
    stopped."""
    try:
        return {"peer": action()}
    except PeerStopped:
        return {"peer": peer_limit, "peer_stopped": True}


def augtool(lens, file, text, commands, *options):
    """Seconds that augtool takes for a file of its own, told which lens it needs and no other: the fastest
    way to use it. Returns them with what it printed and the text that it left; or raises PeerStopped."""
    with tempfile.TemporaryDirectory(dir="/run") as root:
        place = Path(root, file.lstrip("/"))
        place.parent.mkdir(parents=True)
        place.write_text(text, encoding="utf-8")
        script = Path(root, "script")
        script.write_text("".join(f"{command}\n" for command in commands), encoding="utf-8")
        start = time.monotonic()
        try:
            done = subprocess.run(["augtool", "--root", root, "--noautoload", "--transform", f"{lens} incl {file}",
                                   *options, "--file", str(script)], capture_output=True, text=True, check=True,
                                  timeout=peer_limit)
        except subprocess.TimeoutExpired as late:
            raise PeerStopped from late
        seconds = time.monotonic() - start
        return seconds, done.stdout, place.read_text(encoding="utf-8")


# ---------------------------------------------------------------- programs of ours in C

def compiled(name):
    """Returns: the program of tests/bench/NAME.c."""
    program = PROGRAMS / name
    if not program.exists():
        PROGRAMS.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-D_GNU_SOURCE",
                        "-o", str(program), str(HERE / f"{name}.c"), "-lsystemd"], check=True)
    return str(program)


def call_times(n, *cases, user=None, key=None, errors=False):
    """Seconds that each of n calls of each case took: one list for each case."""
    lines = _caller(["times", str(n), *cases], user and [user], key, errors).splitlines()
    return [[int(time_) / 1e9 for time_ in line.split()] for line in lines]


def call_rate(seconds, clients, *cases, users=None, key=None, errors=False):
    """Calls a second that are answered to so many connections with one call each under way. An error is
    no answer, unless errors."""
    answers, failed = map(int, _caller(["load", str(seconds), str(clients), *cases], users, key, errors).split())
    assert errors or failed == 0, f"{failed} of {answers} calls had an error for an answer"
    return answers / seconds


def caller_command(arguments, users=None, key=None, errors=False):
    command = [compiled("caller"), *(["--key"] if key else []), *(["--errors"] if errors else [])]
    for user in users or []:
        command += ["--user", str(user)]
    return command + arguments


def _caller(arguments, users, key, errors):
    return subprocess.run(caller_command(arguments, users, key, errors), input=key, stdout=subprocess.PIPE,
                          text=True, check=True, timeout=600).stdout
