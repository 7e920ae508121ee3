# SPDX-License-Identifier: LGPL-2.1-or-later
"""exmachinactl as a user would run it: into pipes, or on a terminal (a window of tmux)."""
import json
import os
import pwd
import select
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import daemon
from network import HERE, other_terminal

PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def environment(user, **more):
    return {"PATH": PATH, "HOME": pwd.getpwnam(user).pw_dir, "USER": user, "LANG": "C.UTF-8", "TZ": "UTC",
            **more}


class Done:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"status {self.status}, {self.out!r}, {self.err!r}"


def start(*words, user="root", there=(), **more):
    """exmachinactl as a process; `there`: the command that runs it somewhere else."""
    who = ["setpriv", "--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"]
    return subprocess.Popen([*there, *who, "exmachinactl", *words], stdin=subprocess.PIPE, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                            env=environment(user, **more))


def ctl(*words, status=0, stdin="", **more):
    """Runs exmachinactl, which has to end with this status."""
    process = start(*words, **more)
    try:
        out, err = process.communicate(stdin, timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    done = Done(process.returncode, out, err)
    assert status is None or done.status == status, f"{words}: expected status {status}, got {done}"
    return done


def other_machine(t):
    """This machine by ssh from another network: bob comes in as alice. Returns: what -H takes, and the
    command that runs something at his terminal."""
    there = other_terminal(t)
    folder = Path(tempfile.mkdtemp(prefix="exm-ssh-"))
    t.undo(lambda: shutil.rmtree(folder))
    folder.chmod(0o755)
    for name in ("host", "user"):
        daemon.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "sshd").write_text(f"""Port 2222
ListenAddress {HERE}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PidFile none
""")
    home = Path("/home/bob/.ssh")
    home.mkdir(mode=0o700)
    t.undo(lambda: shutil.rmtree(home))
    shutil.move(folder / "user", home / "id_ed25519")
    (home / "config").write_text("StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n"
                                  "LogLevel ERROR\nConnectTimeout 2\n")
    for path in (home, *home.iterdir()):
        shutil.chown(path, "bob", "bob")
    Path("/run/sshd").mkdir(exist_ok=True)
    # Without PAM a locked account cannot come in.
    shadow = t.keep("/etc/shadow")
    shadow.write_text(shadow.read_text().replace("alice:!:", "alice:*:"))
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd")],
                              stderr=subprocess.PIPE, text=True)
    t.undo(server.wait)
    t.undo(server.kill)
    line = server.stderr.readline()
    assert "listening" in line, line
    return f"alice@{HERE}:2222", there


class Cut:
    """A way to the bus that breaks once: when the client has sent `word`. With `forward` the call still
    reaches the service, and the way breaks when it has been answered; with None it does not break, but
    `seen` is set. With `for_good` there is no other."""

    def __init__(self, word, forward, for_good=False):
        self._word, self._forward, self._for_good = word.encode(), forward, for_good
        self.seen = threading.Event()
        self._folder = tempfile.mkdtemp(prefix="exm-bus-")
        self.address = f"unix:path={self._folder}/socket"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder}/socket")
        self._listener.listen()
        self._broken = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        if not self._for_good:
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        self._listener.close()
        subprocess.run(["rm", "-r", self._folder], check=False)

    def _run(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            bus = socket.socket(socket.AF_UNIX)
            bus.connect("/run/dbus/system_bus_socket")
            self._serve(client, bus)
            if self._broken and self._for_good:
                self._listener.shutdown(socket.SHUT_RDWR)
            client.close()
            bus.close()

    def _serve(self, client, bus):
        """One connection, until one side ends it."""
        silent = False
        while True:
            ready, _, _ = select.select([client, bus], [], [])
            for side in ready:
                data = side.recv(1 << 20)
                if not data or (side is bus and silent):
                    return
                called = side is client and not self._broken and self._word in data
                if called and self._forward is not None:
                    self._broken = silent = True
                    if not self._forward:
                        return
                (bus if side is client else client).sendall(data)
                if called:
                    self.seen.set()


class Terminal:
    """A window of tmux with a shell of this user in it, whose prompt is "$ "."""

    def __init__(self, t, user="alice", shell="bash --norc --noprofile", there=(), **more):
        self._folder = tempfile.mkdtemp(prefix="exm-tmux-")
        os.chown(self._folder, pwd.getpwnam(user).pw_uid, -1)
        self._socket = f"{self._folder}/socket"
        variables = environment(user, PS1="$ ", TERM="screen", **more)
        command = f"cd; exec {shell}"
        words = ["env", "-i", *(f"{key}={value}" for key, value in variables.items()), "sh", "-c", command]
        t.undo(self.close)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "40",
                   shlex.join([*there, "runuser", "-u", user, "--", *words]))
        self.wait("$ ")

    def _tmux(self, *words):
        return subprocess.run(["tmux", "-S", self._socket, *words], capture_output=True, text=True,
                              check=True, timeout=30).stdout

    def close(self):
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)
        subprocess.run(["rm", "-rf", self._folder], check=False)

    def keys(self, *keys):
        """Names of keys, as tmux knows them (Enter, Tab, C-c), or text."""
        self._tmux("send-keys", *keys)

    def type(self, line):
        self._tmux("send-keys", "-l", line)
        self.keys("Enter")

    def is_at_prompt(self):
        return self._tmux("display-message", "-p", "#{cursor_x}").strip() != "0"

    def interrupt(self, text):
        """Ctrl-C, once a command runs, until the screen says so: a key may come before the wait that it ends."""
        daemon.wait_for(lambda: not self.is_at_prompt(), "a command that runs", 30)

        def said():
            self.keys("C-c")
            return text in self.screen()
        daemon.wait_for(said, text, 30)

    def screen(self):
        return self._tmux("capture-pane", "-p", "-J").rstrip("\n")

    def wait(self, *texts, timeout=30):
        """Until all of these are on the screen. Returns: the screen."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.02)
        raise AssertionError(f"{texts} are not on the screen: {screen!r}")

    def clear(self):
        """At a prompt, which alone is left: what was there before is not taken for what comes."""
        self.keys("C-l")
        daemon.wait_for(lambda: "\n" not in self.screen(), "an empty screen", 30)
        self._tmux("clear-history")
