# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a row is, and how its times are taken."""
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Row:
    name: str
    ours: float            # seconds
    peer: float = None     # None: left out
    target: float = None   # times faster than the peer
    note: str = ""


def timed(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def best(action, times=3):
    """The shortest of a few: what else the machine does only adds."""
    return min(timed(action) for _ in range(times))


def augtool(lens, file, text, commands, *options):
    """Seconds that augtool takes for a file of its own, told which lens it needs and no other: the fastest
    way to use it. Returns them with what it printed and the text that it left."""
    with tempfile.TemporaryDirectory(dir="/run") as root:
        place = Path(root, file.lstrip("/"))
        place.parent.mkdir(parents=True)
        place.write_text(text, encoding="utf-8")
        script = Path(root, "script")
        script.write_text("".join(f"{command}\n" for command in commands), encoding="utf-8")
        start = time.monotonic()
        done = subprocess.run(["augtool", "--root", root, "--noautoload", "--transform", f"{lens} incl {file}",
                               *options, "--file", str(script)], capture_output=True, text=True, check=True)
        seconds = time.monotonic() - start
        return seconds, done.stdout, place.read_text(encoding="utf-8")
