# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service and its workers are, seen from outside: identity, rights, files, environment."""
import os
import re
import subprocess
import time
from pathlib import Path

import daemon
from bus import Gio, GLib, PingWatch, expect
from case import equal, has_not


def capabilities(status, name):
    return int(status[name], 16)


def worker_of(t, client, expression="/files/etc/hosts/1/ipaddr"):
    """A worker that holds a view of /etc/hosts."""
    daemon.restart()
    client.Config.GetValue(expression)
    found = daemon.workers(t.root)
    equal(len(found), 1, "workers")
    return found[0]


def test_t39_worker_identity(t):
    worker = worker_of(t, t.client())
    status = daemon.status_of(worker)
    uid = daemon.run("id", "-u", "exmachina-worker").strip()
    gid = daemon.run("id", "-g", "exmachina-worker").strip()
    equal(status["Uid"].split(), [uid] * 4)
    equal(status["Gid"].split(), [gid] * 4)
    equal(status["Groups"], "")
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(capabilities(status, name), 0, name)
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
    assert int(uid) != 0


def test_t39_worker_world(t):
    """Its root is the lens directory, its descriptors are its socket, its environment is empty."""
    worker = worker_of(t, t.client())
    equal(os.readlink(f"/proc/{worker}/root"), "/usr/share/augeas/lenses")
    equal(os.readlink(f"/proc/{worker}/cwd"), "/usr/share/augeas/lenses")
    fds = daemon.descriptors(worker)
    for fd, what in fds.items():
        fits = fd <= 2 and (what == "/dev/null" or what.startswith(("socket:", "pipe:"))) or \
            fd == 3 and what.startswith("socket:") or what.startswith(("anon_inode:", "socket:"))
        assert fits, f"descriptor {fd} is {what}"
    assert fds.get(3, "").startswith("socket:") and len(fds) <= 8, fds
    environment = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    equal([entry for entry in environment if entry], [])


def test_t39_worker_has_no_way_to_the_bus(t):
    """None of its sockets is a connection to the bus or to systemd."""
    worker = worker_of(t, t.client())
    inodes = {what[8:-1] for what in daemon.descriptors(worker).values() if what.startswith("socket:")}
    listening = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    named = [fields for fields in listening if fields[6] in inodes and len(fields) > 7]
    equal(named, [], "sockets with a name")


def test_t39_worker_limits(t):
    worker = worker_of(t, t.client())
    limits = {line[:26].strip(): line[26:].split()[0]
              for line in Path(f"/proc/{worker}/limits").read_text().splitlines()[1:]}
    equal((limits["Max core file size"], limits["Max processes"], limits["Max file size"]), ("0", "0", "0"))
    equal(limits["Max stack size"], str(64 * 1024 * 1024))
    equal(limits["Max address space"], str(512 * 1024 * 1024))
    equal(limits["Max cpu time"], "60")
    assert int(limits["Max open files"]) <= 64, limits["Max open files"]


def test_t39_hostile_environment_of_the_service(t):
    """Nothing that the service was started with reaches a worker or a lens."""
    drop_in = "/run/systemd/system/exmachina.service.d/environment.conf"
    t.undo(daemon.restart)
    t.undo(lambda: daemon.run("systemctl", "daemon-reload"))
    t.file(drop_in, "[Service]\nEnvironment=AUGEAS_ROOT=/root AUGEAS_LENS_LIB=/tmp LD_LIBRARY_PATH=/tmp "
           "LC_ALL=tr_TR.UTF-8 TMPDIR=/root HOME=/root G_DEBUG=fatal-warnings\n")
    daemon.run("systemctl", "daemon-reload")
    client = t.client()
    worker = worker_of(t, client)
    equal(Path(f"/proc/{worker}/environ").read_bytes().strip(b"\0"), b"")
    equal(client.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)


def test_worker_cannot_be_looked_into_by_others(t):
    """Not dumpable: another process of the same uid, or of the caller, cannot read its memory."""
    worker = worker_of(t, t.client())
    for user in ("alice", "exmachina-worker"):
        done = subprocess.run(["runuser", "-u", user, "--", "cat", f"/proc/{worker}/environ"],
                              capture_output=True, check=False)
        assert done.returncode != 0, f"{user} reads /proc/{worker}"


def test_workers_end_with_the_service(t):
    worker = worker_of(t, t.client())
    os.kill(daemon.pid(t.root), 9)
    daemon.wait_for(lambda: not Path(f"/proc/{worker}").exists(), "the worker's end")
    daemon.run("systemctl", "reset-failed", daemon.SERVICE, check=False)
    t.client().Config.GetValue("/files/etc/hosts/1/ipaddr")


test_workers_end_with_the_service.ends_service = True


def test_broker_privileges(t):
    """Root, but with no more capabilities than it uses, no new ones, and a filter on system calls."""
    t.client().ping()
    status = daemon.status_of(daemon.pid(t.root))
    allowed = {"chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
               "sys_chroot", "linux_immutable"}
    numbers = ["chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
               "setpcap", "linux_immutable"]
    held = {numbers[bit] if bit < len(numbers) else {18: "sys_chroot"}.get(bit, f"capability {bit}")
            for bit in range(64) if capabilities(status, "CapEff") >> bit & 1}
    assert held <= allowed, f"holds {sorted(held - allowed)}"
    equal(status["NoNewPrivs"], "1")
    if not daemon.is_sanitised(daemon.pid(t.root)):
        equal(status["Seccomp"], "2")


def test_broker_is_linked_without_augeas(t):
    t.client().ping()
    has_not(Path(f"/proc/{daemon.pid(t.root)}/maps").read_text(), "libaugeas", "libfa.", "libxml2")


def test_own_configuration_is_read_only_but_for_keys(t):
    """As the service sees it: it makes keys, and nothing else of its own configuration."""
    t.client().ping()
    etc = f"/proc/{daemon.pid(t.root)}/root/etc"

    def is_read_only(path):
        return bool(os.statvfs(f"{etc}/{path}").f_flag & os.ST_RDONLY)
    equal([is_read_only(path) for path in ("exmachina", "exmachina/exmachina.conf",
                                           "exmachina/exmachina.conf.d", "exmachina/keys.d", "ssl")],
          [True, True, True, False, False])
    status = os.stat("/etc/exmachina/keys.d")
    equal((status.st_uid, status.st_mode & 0o7777), (0, 0o700))


def test_systemd_analyze_security(t):
    if Path("/etc/systemd/system/exmachina.service.d/sanitised.conf").exists():
        return  # its own drop-in loosens the unit
    for unit in (daemon.SERVICE, "exmachina-recover.service"):
        out = daemon.run("systemd-analyze", "security", "--no-pager", unit)
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", out).group(1))
        assert level <= 2.0, f"exposure level of {unit}: {level}"


def test_unit_files_are_what_systemd_expects(t):
    done = subprocess.run(["systemd-analyze", "verify", daemon.SERVICE, "exmachina-recover.service"],
                          capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if "exmachina" in line]
    equal(lines, [])


def test_log_at_start_and_end_is_clean(t):
    daemon.stop()
    journal = daemon.Journal()
    t.client().Config.GetValue("/files/etc/hosts/1/ipaddr")
    daemon.stop()
    bad = [entry["MESSAGE"] for entry in journal.entries(_SYSTEMD_UNIT="exmachina.service")
           if int(entry.get("PRIORITY", 6)) <= 4]
    equal(bad, [])


def test_idle_exit(t):
    t.configure("[Limits]\nIdleExitSec=1\nViewIdleSec=1\n")
    client = t.client()
    client.Config.GetValue("/files/etc/hosts/1/ipaddr")
    first = daemon.pid(t.root)
    daemon.wait_for(lambda: not Path(f"/proc/{first}").exists(), "exit when idle")
    equal(client.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)
    transaction = client.begin()
    second = daemon.pid(t.root)
    time.sleep(3.5)
    equal(transaction.Diff(), [])
    equal(daemon.pid(t.root), second, "it has left a transaction behind")
    transaction.Rollback()


test_idle_exit.slow = True


def test_no_call_is_lost_when_it_goes_idle(t):
    """Calls that arrive while it is leaving are answered, by it or by the next one."""
    t.configure("[Limits]\nIdleExitSec=1\n")
    client = t.client()
    for i in range(6):
        time.sleep(0.95 + i * 0.02)
        equal(client.Config.GetValue("/files/etc/hosts/1/ipaddr")[0], True)


test_no_call_is_lost_when_it_goes_idle.slow = True


def test_wrong_settings_end_the_start(t):
    """A limit that was ignored would be worse than no service."""
    for text in ("[Limits]\nNoSuchLimit=1\n", "[Limits]\nFileBytes=many\n", "[Roots]\nWritable=../etc\n",
                 "[NoSuchSection]\na=b\n", "[Limits]\nFileBytes=0\n", "[Limits]\nFileBytes=-1\n"):
        t.file(daemon.CONFIGURATION, text)
        t.undo(lambda: daemon.run("systemctl", "reset-failed", daemon.SERVICE, check=False))
        journal = daemon.Journal()
        done = subprocess.run(["systemctl", "restart", daemon.SERVICE], capture_output=True, check=False)
        assert done.returncode != 0, f"started with {text!r}"
        assert any("90-test.conf" in str(e.get("MESSAGE")) for e in journal.entries()), \
            f"{text!r}: the journal does not name the file"
        daemon.run("systemctl", "reset-failed", daemon.SERVICE, check=False)
    daemon.CONFIGURATION.unlink()
    daemon.restart()


test_wrong_settings_end_the_start.ends_service = True


def test_resident_memory(t):
    """The broker under 10 MB, an idle worker's own memory 1-2 MB."""
    daemon.restart()
    client = t.client()
    client.Config.GetValue("/files/etc/hosts/1/ipaddr")
    client.Units.ListUnits([])
    if daemon.is_sanitised(daemon.pid(t.root)):
        return
    proportional, _ = daemon.memory(daemon.pid(t.root))
    _, private = daemon.memory(daemon.workers(t.root)[0])
    assert proportional < 10_000_000, f"broker: {proportional / 1e6:.1f} MB"
    assert private < 2_500_000, f"worker: {private / 1e6:.1f} MB"


def test_a_text_that_was_read_is_not_kept(t):
    """The parser has it, and the service can read it again."""
    file, size = "/etc/sysctl.d/exm-test.conf", 4 << 20
    t.file(file, "a = 1\n# " + size * "x" + "\n")
    root = t.root
    root.Config.GetValue("/files/etc/hosts/1/ipaddr")
    process = daemon.pid(root)
    if daemon.is_sanitised(process):
        return
    before = daemon.memory(process)[1]
    equal(root.Config.GetValue(f"/files{file}/a"), (True, "1"))
    daemon.wait_for(lambda: daemon.memory(process)[1] - before < size // 2, "the text is given up")
    equal(root.Config.GetValue(f"/files{file}/a"), (True, "1"))


def test_busctl_sees_argument_names(t):
    out = daemon.run("busctl", "introspect", "--xml-interface", "org.exmachina1", "/org/exmachina1")
    for name in ('name="GetValue"', 'name="has_value"', 'name="expression"', 'name="active_state"'):
        assert name in out, f"{name} is not shown"


def test_diff_child_is_sandboxed(t):
    """Diffs of 2 MB texts run in a child without rights; the loop answers meanwhile."""
    t.rules.allow("alice")
    client = t.client()
    path = "/etc/sysctl.d/exm-test.conf"
    t.file(path, "".join(f"key{i} = {i}\n" for i in range(40000)))
    transaction = client.begin()
    transaction.Edit([("text", [path, "".join(f"key{i} = {i * 7 % 1000}\n" for i in range(40000))])])
    seen = []
    with PingWatch() as watch:
        future = transaction.later("Diff")
        while not future.done():
            time.sleep(0.005)
            for child in daemon.children(daemon.pid(t.root)):
                program = daemon.program(child)
                if program in ("diff", "exmachina-diff"):
                    try:
                        status = daemon.status_of(child)
                    except FileNotFoundError:
                        continue
                    seen.append((program, status["Uid"].split()[0], status["CapEff"], status["NoNewPrivs"],
                                 status["Seccomp"]))
        future.exception(30)
    watch.check(at_least=1)
    diffs = [entry for entry in seen if entry[0] == "diff"]
    assert diffs, f"no diff child seen: {set(seen)}"
    uid = daemon.run("id", "-u", "exmachina-worker").strip()
    equal(set(diffs), {("diff", uid, "0" * 16, "1", "2")})


def test_messages_that_are_not_calls(t):
    """Errors, returns and signals sent at the service do nothing."""
    client = t.client()
    client.ping()
    before = daemon.pid(t.root), daemon.unique_name(t.root)
    service = before[1]
    for kind in (Gio.DBusMessageType.METHOD_RETURN, Gio.DBusMessageType.ERROR):
        for serial in range(1, 60):
            message = Gio.DBusMessage.new()
            message.set_message_type(kind)
            message.set_destination(service)
            message.set_reply_serial(serial)
            if kind == Gio.DBusMessageType.ERROR:
                message.set_error_name("org.exmachina1.Error.Refused")
            message.set_body(GLib.Variant("(s)", ("x",)))
            try:
                client.connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
            except GLib.Error:
                pass  # the bus lets no reply through that nobody waits for
    client.ping()
    equal((daemon.pid(t.root), daemon.unique_name(t.root)), before)
    with expect("UnknownMethod", "UnknownInterface"):
        client.call("/org/exmachina1", "org.exmachina1.Nothing", "Nothing")
