# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small commit on a real disk: the peers are the system calls that it cannot do without.

The throwaway machine's own disk is memory, where fsync costs nothing: the file and the service's state are
put on the host's for this.
"""
import os
import sqlite3
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import daemon
from bus import Client
from measure import Row, call_times, median, tails, timed

FILE = Path("/etc/default/exmachina-bench")
STATE = Path("/var/lib/exmachina")
TEXT = "# of a bench\nNUMBER=0\nNAME=value\n"


@contextmanager
def on_disk(place, name):
    directory = Path(os.environ["EXMACHINA_BENCH_DISK"], name)
    directory.mkdir()
    directory.chmod(place.stat().st_mode & 0o7777 if place.exists() else 0o700)
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", str(directory), str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
        subprocess.run(["rm", "-rf", str(directory)], check=True)


def write_durably(text):
    """The least that replaces a file: nothing is compared, no owner, mode or attribute is kept."""
    new = FILE.with_name(".new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, FILE)
    directory = os.open(FILE.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def open_database():
    database = sqlite3.connect(STATE / "bench.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
    return database


def rows(quick):
    with ExitStack() as stack:
        daemon.stop()
        stack.callback(daemon.stop)
        stack.enter_context(on_disk(STATE, "state"))
        stack.enter_context(on_disk(FILE.parent, "etc"))
        FILE.write_text(TEXT, encoding="utf-8")
        database = open_database()
        stack.callback(database.close)
        client = Client("root")
        stack.callback(client.close)
        key, _ = client.Authority.CreateKey("bench", user="", write=[str(FILE)])
        stack.callback(lambda: client.Authority.RevokeKey("bench"))
        commits, wholes, files, inserts = [], [], [], []
        for i in range(15 if quick else 100):
            value = str(i + 1)
            time.sleep(0.1)  # a file that has not been written this very moment
            calls = call_times(1, "begin", f"set /files/etc/default/exmachina-bench/NUMBER {value}", "commit", key=key)
            commits += calls[2]
            wholes.append(sum(time_ for time_, in calls))
            wanted = TEXT.replace("NUMBER=0", f"NUMBER={value}")
            assert FILE.read_text(encoding="utf-8") == wanted
            files.append(timed(lambda: write_durably(wanted)))
            inserts.append(timed(lambda: database.execute("INSERT INTO t (text) VALUES (?)", [wanted])))
        both = [a + b for a, b in zip(files, inserts)]
        yield Row("small commit, journaled / durable file + durable SQLite", median(commits), median(both),
                  at_most=2, note=tails(commits, both))
        yield Row("the same with Begin and SetValue: a parser is started", median(wholes), median(both),
                  share=True, note=tails(wholes, both))
