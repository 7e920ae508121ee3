# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one test gets: clients, rules, files, units, a configuration, and the promise to undo them all."""
import os
import shutil
import stat
from pathlib import Path

import daemon
from bus import Client, Refusal
from polkit import Agent, Rules


def equal(actual, expected, what=""):
    assert actual == expected, f"{what + ': ' if what else ''}expected {expected!r}, got {actual!r}"


def less(actual, bound, what=""):
    assert actual < bound, f"{what}: {actual}, wanted less than {bound}"


def has(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


def has_not(text, *parts):
    for part in parts:
        assert part not in text, f"{part!r} is in {str(text)[:400]!r}"


def patched(text, diff):
    """The text after a unified diff."""
    lines, out, position = text.splitlines(keepends=True), [], 0
    for line in diff.splitlines(keepends=True):
        if line.startswith(("---", "+++")):
            continue
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0].lstrip("-"))
            out += lines[position:max(start - 1, 0)]
            position = max(start - 1, 0)
        elif line.startswith("-"):
            equal(lines[position], line[1:])
            position += 1
        elif line.startswith("+"):
            out.append(line[1:])
        elif line.startswith(" "):
            out.append(lines[position])
            position += 1
    return "".join(out + lines[position:])


class Case:
    def __init__(self, shared):
        self.root = shared.root
        self._undo = []
        self._rules = None
        self._configured = False
        self.journal = daemon.Journal()

    # ------------------------------------------------------------ callers

    def client(self, user="alice", key=None):
        client = Client(user)
        self._undo.append(client.close)
        return client.unlock(key) if key else client

    def key(self, name, user="", **grants):
        """A key that root has made (grants as CreateKey takes them), revoked afterwards. Returns: its text."""
        text, _ = self.root.Authority.CreateKey(name, user=user, **grants)
        self._undo.append(lambda: self.revoke(name))
        return text

    def revoke(self, name):
        try:
            self.root.Authority.RevokeKey(name)
        except Refusal as refusal:
            equal(refusal.short, "NoMatch")

    @property
    def rules(self):
        """Without any rule of the test polkit's defaults hold."""
        if self._rules is None:
            self._rules = Rules(self.root)
            self._undo.append(self._rules.clear)
        return self._rules

    def agent(self, mode="open"):
        agent = Agent(mode)
        self._undo.append(agent.close)
        return agent

    # ------------------------------------------------------------ files

    def file(self, path, content, mode=0o644, owner=(0, 0)):
        """Makes or overwrites a file; afterwards everything is as it was before."""
        path = Path(path)
        self.keep(path)
        self.folder(path.parent)
        if path.is_symlink() or path.exists():
            path.unlink()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(path, *owner)
        os.chmod(path, mode)
        return path

    def folder(self, path, mode=0o755):
        path = Path(path)
        if not path.exists():
            self.folder(path.parent)
            path.mkdir()
            path.chmod(mode)
            self._undo.append(lambda: shutil.rmtree(path, ignore_errors=True))
        return path

    def keep(self, path):
        """Whatever happens to this name is undone."""
        path = Path(path)
        if not path.is_symlink() and not path.exists():
            self._undo.append(lambda: _remove(path))
            return path
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            target = os.readlink(path)

            def restore():
                _remove(path)
                path.symlink_to(target)
        else:
            content = path.read_bytes()
            attributes = [(name, os.getxattr(path, name)) for name in os.listxattr(path)]

            def restore():
                _remove(path)
                path.write_bytes(content)
                os.chown(path, info.st_uid, info.st_gid)
                os.chmod(path, stat.S_IMODE(info.st_mode))
                for name, value in attributes:
                    os.setxattr(path, name, value)
        self._undo.append(restore)
        return path

    def undo(self, function):
        self._undo.append(function)

    # ------------------------------------------------------------ units, service

    def unit(self, name, text, links=()):
        """A unit of the test in /etc/systemd/system, known to systemd."""
        path = self.file(f"/etc/systemd/system/{name}", text)
        for alias in links:
            link = self.keep(Path(f"/etc/systemd/system/{alias}"))
            link.symlink_to(path)
        daemon.run("systemctl", "daemon-reload")
        self._undo.append(lambda: daemon.run("systemctl", "daemon-reload", check=False))
        self._undo.append(lambda: daemon.end_unit(name))
        return path

    def configure(self, text):
        """The service is restarted with these settings, and with its own ones afterwards."""
        if not self._configured:
            self._configured = True
            self._undo.append(daemon.restart)
        self.file(daemon.CONFIGURATION, text)
        daemon.restart()

    def finish(self):
        """Undoes everything, last first. Returns: what went wrong in that."""
        problems = []
        for function in reversed(self._undo):
            try:
                function()
            except Exception as error:  # each of the others still has to be undone
                problems.append(f"{type(error).__name__}: {error}")
        return problems


def _remove(path):
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        pass
