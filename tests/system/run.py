#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs test suites in the throwaway machine: one line for each test, "ok NAME" or "FAIL NAME: why".

A test is a function test_*(t) in suites/test_*.py; t is a Case. Beyond what it asserts itself, no test
may leave a change in /etc, or end the service other than by stopping or restarting it.

usage: run.py [--quick] [--part K/N] [--without SUITE]... [--prefix TEXT] [SUITE | SUITE.TEST]...
"""
import argparse
import importlib
import inspect
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(HERE / "suites")]

import daemon  # noqa: E402
import polkit  # noqa: E402
from bus import Client, Late  # noqa: E402
from case import Case  # noqa: E402


class Shared:
    root = None


def find_tests(wanted, quick, part):
    """[(name, function)] in the order of the files. `part` (k, n): of every n suites the k-th."""
    found = []
    for i, path in enumerate(sorted((HERE / "suites").glob("test_*.py"))):
        if i % part[1] != part[0] - 1:
            continue
        suite = path.stem[len("test_"):]
        if wanted and not any(w == suite or w.startswith(suite + ".") for w in wanted):
            continue
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if not name.startswith("test_") or not inspect.isfunction(function):
                continue
            full = f"{suite}.{name[len('test_'):]}"
            if wanted and suite not in wanted and full not in wanted:
                continue
            if not (quick and getattr(function, "slow", False)):
                found.append((full, function))
    return found


def why(error):
    """One line: what, and where in the suite."""
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if "/suites/" in frame.filename:
            place = f" [{Path(frame.filename).name}:{frame.lineno}]"
    text = str(error) if isinstance(error, AssertionError) and str(error) else \
        f"{type(error).__name__}: {error}"
    if isinstance(error, AssertionError) and not str(error):
        text = traceback.extract_tb(error.__traceback__)[-1].line
    return " ".join(text.split())[:600] + place


ATTEMPTS = 3  # at being answered in time; everything else has to work at once
# polkit up to 122 may miss that a rule has ended, and then answers 15 s late (its commit 5615ed04).
POLKIT_HUNG = "Terminating runaway script"
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehaviorSanitizer")


def bad_news(journal, may_end):
    """What the journal says about a bad end of the service, and what the sanitisers have found."""
    daemon.run("systemctl", "reset-failed", daemon.SERVICE, check=False)
    news = []
    for entry in journal.entries():
        text = str(entry.get("MESSAGE"))
        if entry.get("UNIT") == daemon.SERVICE and "Main process exited" in text and not may_end:
            news.append(text)
        if any(mark in text for mark in SANITIZERS):
            news.append(f"sanitizer: {text}")
    return news[:4]


def run_one(shared, function, etc):
    """Returns: (why it failed or None, whether it was late)."""
    problems, late = [], False
    case = Case(shared)
    try:
        function(case)
    except Exception as error:
        problems.append(why(error))
        late = isinstance(error, Late)
    problems += case.finish()
    after = daemon.etc_state(etc)
    changes = daemon.difference(etc, after)
    if changes:
        problems.append("left in /etc: " + ", ".join(changes[:5]))
    etc.clear()
    etc.update(after)
    problems += bad_news(case.journal, getattr(function, "ends_service", False))
    late = late or (problems and POLKIT_HUNG in case.journal.text())
    return "; ".join(problems) or None, late


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--part", default="1/1", help="K/N: of every N suites the K-th")
    parser.add_argument("--without", action="append", default=[], help="leaves this suite out")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("wanted", nargs="*")
    options = parser.parse_args()
    part = tuple(int(number) for number in options.part.split("/"))
    tests = [test for test in find_tests(options.wanted, options.quick, part)
             if test[0].split(".")[0] not in options.without]
    unknown = [w for w in options.wanted if not any(w == name or name.startswith(w + ".") for name, _ in tests)]
    if unknown and part == (1, 1):
        print(f"run.py: no such test, or none that is short: {', '.join(unknown)}", file=sys.stderr)
    if options.list:
        print("\n".join(name for name, _ in tests))
        return 0
    polkit.run_main_loop()
    shared = Shared()
    shared.root = Client("root")
    polkit.Rules(shared.root).clear()
    etc = daemon.etc_state()
    failed = 0
    for name, function in tests:
        start = time.monotonic()
        for _ in range(ATTEMPTS):
            reason, late = run_one(shared, function, etc)
            if not late:
                break
        took = time.monotonic() - start
        failed += reason is not None
        print(f"FAIL {options.prefix}{name}: {reason}" if reason else
              f"ok {options.prefix}{name} ({took:.1f} s)", flush=True)
    subprocess.run(["systemctl", "stop", daemon.SERVICE], check=False)
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
