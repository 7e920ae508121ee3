# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents as programs: the commands in their fenced code blocks, run as a reader would.

A block says after its fence what it is:

    ```console                       commands behind a prompt, with what they print
    ```console not run: REASON       commands that cannot run in the throwaway machine
    ```js /etc/polkit-1/rules.d/x    a file, which is written there (any language, any absolute name)
    ```js 50-example.rules           a part of this file of the examples, word for word
    ```text                          no commands: a form, a drawing

A prompt is `$ ` (alice), `# ` (root) or `NAME$ `. A command goes on in the next line after a backslash, or
where that begins with `> `. Lines until the next prompt are its output: `...` stands for anything in a line,
a line of three dots for any lines. Without them anything may be printed, but the command must succeed. What
is printed is compared, errors too. The commands of a user share one shell, so variables hold.
"""
import os
import pwd
import re
import secrets
import select
import signal
import subprocess
import time

from bus import SOURCE

DOCUMENTS = [SOURCE / "README.md", SOURCE / "CONTRIBUTING.md", *sorted((SOURCE / "docs").glob("*.md"))]
KINDS = {"console", "text", "c", "ini", "js", "python", "sh"}
PROMPT = re.compile(r"(?:([a-z]+)\$|([$#])) (.*)")
LIMIT = 60  # seconds for one command


class Block:
    def __init__(self, document, line, info):
        self.place, self.lines = f"{document.name}:{line}", []
        self.kind, _, self.argument = info.partition(" ")

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)

    def commands(self):
        """[(user, command, lines of output)]"""
        found, more = [], False
        for line in self.lines:
            prompt = None if more else PROMPT.fullmatch(line)
            if prompt:
                user = prompt[1] or {"$": "alice", "#": "root"}[prompt[2]]
                found.append((user, prompt[3], []))
            elif found and (more or (line.startswith("> ") and not found[-1][2])):
                user, command, output = found.pop()
                found.append((user, command + "\n" + (line if more else line[2:]), output))
            elif found:
                found[-1][2].append(line)
            else:
                raise AssertionError(f"{self.place}: output before the first prompt: {line}")
            more = line.endswith("\\") and (prompt is not None or more)
        return found


def blocks(document):
    """Its code blocks. Code that is only indented is none of them, and is not allowed."""
    found, current, before = [], None, ""
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if current is not None:
            if line == "```":
                current = None
            else:
                current.lines.append(line)
        elif line.startswith("```"):
            current = Block(document, number, line[3:])
            assert current.kind in KINDS, f"{current.place}: what is a block of '{current.kind}'?"
            found.append(current)
        else:
            assert "```" not in line, f"{document.name}:{number}: a fence that is indented"
            assert before or not line.startswith("    "), f"{document.name}:{number}: indented code: {line}"
        before = line
    assert current is None, f"{current and current.place}: has no end"
    return found


class Shell:
    """One bash of this user, in his home."""

    def __init__(self, user):
        entry = pwd.getpwnam(user)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": entry.pw_dir, "USER": user,
                       "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}
        self._mark = secrets.token_hex(8)
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=entry.pw_dir, env=environment, user=entry.pw_uid,
            group=entry.pw_gid, extra_groups=os.getgrouplist(user, entry.pw_gid), start_new_session=True)

    def run(self, command):
        """Returns: (lines printed, exit status)."""
        script = f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {self._mark} $?\n"
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        end = re.compile(rf"\n{self._mark} (\d+)\n".encode())
        data, deadline = b"", time.monotonic() + LIMIT
        while not (found := end.search(data)):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            assert more, f"no end of: {command}: {data.decode(errors='replace')[-300:]}"
            data += more
        return data[:found.start()].decode().splitlines(), int(found[1])

    def close(self):
        """With all that it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def fits(expected, actual):
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + "\n"
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in actual)) is not None


def trimmed(lines):
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


class Reader:
    """Works through one document in a test."""

    def __init__(self, t):
        self._t, self._shells, self.ran = t, {}, 0

    def work_through(self, document):
        for block in blocks(document):
            if block.kind == "console" and not block.argument:
                for user, command, output in block.commands():
                    self._run(block.place, user, command, trimmed(output))
            elif block.argument.startswith("/"):
                self._t.file(block.argument, block.text)
                self._take_effect(block.argument)
        return self.ran

    def _run(self, place, user, command, expected):
        if "journalctl" in command:
            subprocess.run(["journalctl", "--sync"], check=True, capture_output=True)
        if user not in self._shells:
            self._shells[user] = Shell(user)
            self._t.undo(self._shells[user].close)
        actual, status = self._shells[user].run(command)
        what = f"{place}: {user}: {command}"
        if expected:
            assert fits(expected, trimmed(actual)), f"{what}: expected {expected}, got {actual}"
        else:
            assert status == 0, f"{what}: status {status}: {actual}"
        self._take_effect(command)
        self.ran += 1

    def _take_effect(self, text):
        """polkitd reads changed rules by itself, but a test cannot wait and hope."""
        if "/etc/polkit-1/rules.d" in text:
            self._t.rules.apply()
