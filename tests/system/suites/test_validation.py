# SPDX-License-Identifier: LGPL-2.1-or-later
"""Validators: what the programs that will read a configuration say of it before it is written."""
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import daemon
from bus import PingWatch, expect
from case import equal, has, has_not
from changes import DATABASE
from ctl import ctl

SSHD = "/etc/ssh/sshd_config.d/50-test.conf"
SUDOERS = "/etc/sudoers.d/test"
NGINX = "/etc/nginx/nginx.conf"
VHOST = "/etc/nginx/sites-enabled/test"
UNIT = "/etc/systemd/system/exm-test.service"
TARGET = "/etc/hosts"
HOSTILE = Path(__file__).resolve().parents[1] / "hostile.py"
CANARY = "canary-7f3a"
SECRET = "/etc/exm-secret"


def writer(t, user="alice", words=False):
    """A caller who may write every file; and read the secret ones, only if `words`."""
    for action in ("read-config", "write-config", "write-sensitive-config", "commit-several"):
        t.rules.allow(user, action)
    if words:
        t.rules.allow(user, "read-secret-config")
    else:
        t.rules.allow(user, "read-secret-config", file=SUDOERS)
    return t.client(user)


def validate(client, *edits):
    """validator → its report."""
    transaction = client.begin()
    transaction.Edit(list(edits))
    reports = transaction.Validate()
    transaction.Rollback()
    return {report["validator"]: report for report in reports}


def text(file, *lines):
    return "text", [file, "".join(line + "\n" for line in lines)]


def nginx_site(t):
    """A configuration with a relative include and a glob."""
    t.file(NGINX, "events {\n}\nhttp {\n    include sites-enabled/*;\n}\n")
    t.folder("/etc/nginx/sites-enabled")
    t.keep(VHOST)
    t.keep("/etc/nginx/sites-enabled/default")
    if os.path.lexists("/etc/nginx/sites-enabled/default"):
        os.unlink("/etc/nginx/sites-enabled/default")


def validators(t, **files):
    """Validators of the test, known to the service; {name: text}."""
    t.undo(daemon.restart)  # registered first, done last: when the files are gone
    for name, content in files.items():
        t.file(f"/etc/exmachina/validators.d/{name.replace('_', '-')}.conf", content)
    daemon.restart()


def checker(command, *lines, files=TARGET):
    return f"[Validator]\nFiles={files}\nCommand={command}\n" + "".join(line + "\n" for line in lines)


def hostile(what, *lines, **keywords):
    return checker(f"/usr/bin/python3 -ISB {HOSTILE} {what}", *lines, **keywords)


def shared_device(t, path):
    """Mounted and writable in /dev, as hugetlbfs is; a machine may have it or not."""
    made = not os.path.isdir(path)
    os.makedirs(path, exist_ok=True)
    daemon.run("mount", "-t", "tmpfs", "exm", path)

    def remove():
        daemon.run("umount", path)
        if made:
            os.rmdir(path)
    t.undo(remove)


def jails():
    return daemon.run("systemctl", "list-units", "--all", "--plain", "--no-legend",
                      "exmachina-validate-*").split("\n")[:-1]


# ---------------------------------------------------------------- programs as they are shipped

def test_bad_configuration_is_caught(t):
    """By Validate, and by Commit: then nothing is changed, byte for byte."""
    nginx_site(t)
    t.keep(SSHD), t.keep(SUDOERS), t.keep(UNIT)
    alice = writer(t)
    before, history = daemon.etc_state(), alice.History.ListChanges()
    for name, file, line, edits in (
            ("sshd", SSHD, 2, [text(SSHD, "Port 22", "Nonsense yes")]),
            ("nginx", VHOST, 2, [text(VHOST, "server {", "    nonsense on;", "}")]),
            ("sudoers", SUDOERS, 0, [text(SUDOERS, "bob ALL=(ALL) ALL"), ("mode", [SUDOERS, "0666"])]),
            ("systemd-unit", UNIT, 3, [text(UNIT, "[Service]", "ExecStart=/bin/true", "Nonsense=yes")])):
        report = validate(alice, *edits)[name]
        equal((report["result"], report["file"], report["line"]), ("failed", file, line), name)
        with expect("ValidationFailed") as refused:
            alice.Config.Apply(edits)
        has(refused.message, name, f"{file}:{line}: " if line else f"{file}: ")
        equal(daemon.difference(before, daemon.etc_state(before)), [], name)
    equal(alice.History.ListChanges(), history)


def test_good_configuration_is_committed(t):
    nginx_site(t)
    t.keep(SSHD), t.keep(SUDOERS), t.keep(UNIT)
    alice = writer(t)
    edits = [text(SSHD, "Port 22"), text(SUDOERS, "bob ALL=(ALL) ALL"),
             text(VHOST, "server {", "    listen 8080;", "}"),
             text(UNIT, "[Service]", "ExecStart=/bin/true")]
    reports = validate(alice, *edits)
    equal({name: r["result"] for name, r in reports.items()},
          {name: "passed" for name in ("nginx", "sshd", "sudoers", "systemd-unit")})
    assert alice.Config.Apply(edits) > 0
    has(Path(VHOST).read_text(), "listen 8080")


def test_new_and_deleted_files_and_globs_see_the_future(t):
    nginx_site(t)
    t.file(VHOST, "server {\n    listen 8080;\n}\n")
    t.keep("/etc/nginx/conf.d/needed.conf")
    alice = writer(t)
    needs = text(NGINX, "events {", "}", "http {", "    include conf.d/needed.conf;", "}")
    needed = text("/etc/nginx/conf.d/needed.conf", "server_tokens off;")
    equal(validate(alice, needs)["nginx"]["result"], "failed")
    equal(validate(alice, needs, needed)["nginx"]["result"], "passed")
    alice.Config.Apply([needs, needed])
    gone = ("rm", ["/files/etc/nginx/conf.d/needed.conf"])
    with expect("ValidationFailed") as refused:
        alice.Config.Apply([gone])
    has(refused.message, "nginx")
    without = text(NGINX, "events {", "}", "http {", "    include sites-enabled/*;", "}")
    alice.Config.Apply([gone, without])
    # What a glob finds no more cannot be wrong.
    Path(VHOST).write_text("server {\n    nonsense on;\n}\n")
    equal(validate(alice, ("rm", ["/files" + VHOST]))["nginx"]["result"], "passed")


def test_link_is_told_by_the_name_that_was_changed(t):
    """nginx names the link, the change the file that it leads to."""
    nginx_site(t)
    target = "/etc/nginx/sites-available/test"
    t.file(target, "server {\n    listen 8080;\n}\n")
    os.symlink(target, VHOST)
    report = validate(writer(t), text(target, "server {", "    nonsense on;", "}"))["nginx"]
    equal((report["result"], report["file"], report["line"]), ("failed", target, 2))


def test_what_the_jail_hides_is_no_fault(t):
    """A program in /home, a log in a directory that is emptied, an address of this machine: committed all
    the same. Where nothing is hidden, what is missing is a fault as ever."""
    nginx_site(t)
    t.keep(UNIT), t.keep("/etc/fstab"), t.keep(SSHD)
    alice = writer(t)
    cases = [("systemd-unit", text(UNIT, "[Service]", f"ExecStart={place}/exm-web/app"))
             for place in ("/home", "/mnt", "/root", "/var/tmp", "/run")]
    cases += [("nginx", text(NGINX, "error_log /var/log/nginx/e.log;", "events {", "}", "http {", f"    {line};", "}"))
              for line in ("access_log /home/exm-web/a.log", "access_log /var/log/nginx/site/a.log",
                           "include /root/exm.conf", "access_log /srv/exm-a.log")]
    cases += [("nginx", text(VHOST, "server {", f"    listen {where};", "}"))
              for where in ("192.0.2.7:8099", "unix:/run/exm.sock")]
    cases += [("fstab", text("/etc/fstab", "tmpfs /mnt/exm tmpfs defaults 0 0"))]
    for name, edit in cases:
        equal(validate(alice, edit)[name]["result"], "inconclusive", edit)
    assert alice.Config.Apply([cases[0][1]]) > 0
    for name, edit in (("systemd-unit", text(UNIT, "[Service]", "ExecStart=/usr/local/exm-missing")),
                       ("nginx", text(NGINX, "events {", "}", "http {", "    include /etc/exm-missing;", "}"))):
        equal(validate(alice, edit)[name]["result"], "failed", edit)


def test_mounts_below_etc_are_seen(t):
    """And what is staged in one is, there and nowhere else."""
    nginx_site(t)
    certificates, name = t.folder("/etc/nginx/conf.d"), "/etc/nginx/conf.d/exm.conf"
    daemon.run("mount", "-t", "tmpfs", "exm", str(certificates))
    t.undo(lambda: daemon.run("umount", str(certificates)))
    Path(name).write_text("server_tokens off;\n")
    alice = writer(t)
    include = text(NGINX, "events {", "}", "http {", "    include conf.d/exm.conf;", "}")
    equal(validate(alice, include)["nginx"]["result"], "passed")
    report = validate(alice, include, text(name, "nonsense on;"))["nginx"]
    equal((report["result"], report["file"], report["line"]), ("failed", name, 1))
    equal(Path(name).read_text(), "server_tokens off;\n")


def test_revert_to_what_is_not_valid_is_refused(t):
    t.file(SSHD, "Nonsense yes\n")
    alice = writer(t)
    change = alice.Config.Apply([text(SSHD, "Port 22")])
    with expect("ValidationFailed") as refused:
        alice.History.Revert(change)
    has(refused.message, "sshd", f"{SSHD}:1: ")
    equal(Path(SSHD).read_text(), "Port 22\n")


# ---------------------------------------------------------------- what applies, who may what

def test_masked_missing_and_inconclusive(t):
    """A validator without its program does not apply; what only the jail made fail stops nothing."""
    t.keep(TARGET), t.keep(SSHD)
    validators(t, missing=checker("/usr/sbin/exm-not-installed"), sshd="",
               one=checker('/bin/sh -c "echo no network here; exit 1"', "[Inconclusive]", "net=no network"),
               two=checker('/bin/sh -c "echo all well, but wrong"', "[Failed]", "x=but wrong$", files=SSHD))
    alice = writer(t)
    equal(validate(alice, text(TARGET, "127.0.0.1 x"))["one"]["result"], "inconclusive")
    equal(list(validate(alice, text(TARGET, "127.0.0.1 x"))), ["one"])
    assert alice.Config.Apply([text(TARGET, "127.0.0.1 x")]) > 0
    equal({n: r["result"] for n, r in validate(alice, text(SSHD, "Nonsense yes")).items()}, {"two": "failed"})
    equal(validate(alice), {})


def test_what_a_validator_could_not_judge_is_told(t):
    """In the history and after the commit, by its name alone; never what words claim."""
    other = t.keep("/etc/default/exm-other")
    t.keep(TARGET)
    validators(t, one=checker('/bin/sh -c "echo no network here; exit 1"', "[Inconclusive]", "net=no network"),
               two=checker('/bin/sh -c "echo; echo three: inconclusive"', files=other))
    alice = writer(t)

    def commit(file, content, *options):
        return ctl(*options, "text", str(file), "-", stdin=content, user="alice")
    for file, names in ((TARGET, ["one"]), (other, [])):
        done = commit(file, "# 1\n", "-j")
        equal(done.json["inconclusive"], names)
        (has if names else has_not)(done.err, f"validator one could not judge change {done.json['change']};")
        has(commit(file, "# 2\n").err, *[f"validator {name} could not judge" for name in names])
        found = alice.History.ListChanges(limit=2)
        equal([change["inconclusive"] for change in found], [names, names])
        (has if names else has_not)(ctl("show", str(found[0]["id"]), user="alice").out, "inconclusive: one\n")
    has(commit(other, "# 2\n", "--restart=exm-none").err, "no unit was reloaded or restarted")
    has_not(commit(other, "# 2\n").err, "unit")
    alice.History.Revert(next(c["id"] for c in alice.History.ListChanges() if c["files"] == [TARGET]))
    equal(alice.History.ListChanges(limit=1)[0]["inconclusive"], ["one"])


def test_damaged_file_ends_nothing(t):
    """The service starts; what is shipped stays in force, what nobody else checks is refused."""
    t.keep(TARGET), t.keep(SSHD), t.keep("/etc/networks")
    validators(t, sshd="rubbish", web=checker("/bin/true", "Nonsense=1"))
    alice = writer(t)
    damaged = "/etc/exmachina/validators.d/web.conf"
    has(t.journal.text(), f"{damaged}: [Validator] Nonsense: there is no such key", f"{damaged}: mend it")
    report = validate(alice, text(TARGET, "127.0.0.1 x"))["web"]
    equal(report["result"], "failed")
    has(report["output"], damaged)
    with expect("ValidationFailed") as refused:
        alice.Config.Apply([text(TARGET, "127.0.0.1 x")])
    has(refused.message, damaged)
    assert alice.Config.Apply([text("/etc/networks", "loopback 127.0.0.0")]) > 0
    transaction = alice.begin()
    transaction.Edit([text(SSHD, "Nonsense yes")])
    equal(sorted(report["result"] for report in transaction.Validate()), ["failed", "inconclusive"])
    transaction.Edit([text(SSHD, "Port 22")])
    equal(sorted(report["result"] for report in transaction.Validate()), ["inconclusive", "passed"])
    assert transaction.Commit() > 0


def test_words_are_kept_with_the_change(t):
    """For root alone."""
    t.keep(TARGET)
    validators(t, talks=checker(f'/bin/sh -c "echo {CANARY}"'))
    alice = writer(t)
    change = alice.Config.Apply([text(TARGET, "127.0.0.1 x")])
    has_not(str(alice.History.ListChanges()), CANARY)
    daemon.stop()
    with closing(sqlite3.connect(DATABASE)) as database:
        kept = database.execute("SELECT checks FROM change WHERE id = ?", (change,)).fetchone()[0]
    equal(kept, f"talks: passed (exit status 0)\n{CANARY}\n\n")


def test_validate_false_is_for_ordinary_files(t):
    t.keep(TARGET), t.keep(SSHD)
    validators(t, never=checker("/bin/false"))
    alice = writer(t)
    edit = text(TARGET, "127.0.0.1 other")
    with expect("ValidationFailed"):
        alice.Config.Apply([edit])
    with expect("Refused") as refused:
        alice.Config.Apply([edit, text(SSHD, "Port 22")], validate=False)
    has(refused.message, SSHD)
    assert alice.Config.Apply([edit], validate=False) > 0


def test_validate_needs_the_right_to_write(t):
    t.keep(SSHD)
    t.rules.allow("alice", "read-config")
    t.rules.deny("alice", "write-sensitive-config")
    transaction = t.client().begin()
    transaction.Edit([text(SSHD, "Port 22")])
    with expect("AccessDenied"):
        transaction.Validate()


def validated(client, *edits, **options):
    """A transaction with these edits, of which Validate has been asked."""
    transaction = client.begin()
    transaction.Edit(list(edits))
    transaction.Validate(**options)
    return transaction


def test_validate_then_commit_asks_once(t):
    """The dialog of Validate stays with the transaction, for exactly these bytes."""
    t.keep(SSHD)
    t.rules.allow("alice", "read-config")
    t.rules.ask("alice", "write-sensitive-config")
    agent = t.agent("approve")
    transaction = validated(t.client(), text(SSHD, "Port 22"), interactive=True)
    equal(len(agent.prompts), 1, "dialogs")
    for other in (text(SSHD, "Port 23"), ("mode", [SSHD, "0640"])):
        transaction.Edit([text(SSHD, "Port 22"), other])
        with expect("InteractiveAuthorizationRequired"):
            transaction.Commit()
    transaction.Rollback()
    transaction = validated(t.client(), text(SSHD, "Port 22"), interactive=True)
    equal(len(agent.prompts), 2, "dialogs")
    transaction.Validate(interactive=True)
    assert transaction.Commit(interactive=True) > 0
    equal(len(agent.prompts), 2, "dialogs")


def test_yes_of_a_rule_for_validate_is_none_for_commit(t):
    """What rules say is asked anew, of Commit: their yes and their no."""
    t.keep(SSHD)
    t.rules.allow("alice", "read-config")
    t.rules.allow("alice", "write-sensitive-config", method="Transaction.Validate")
    alice, port = t.client(), text(SSHD, "Port 22")
    for options in ({}, {"interactive": True}):  # no dialog to approve: polkit says yes by itself
        transaction = validated(alice, port, **options)
        with expect("InteractiveAuthorizationRequired"):
            transaction.Commit()
        transaction.Rollback()
    t.rules.clear().allow("alice")
    withdrawn, denied, fine = (validated(alice, port) for _ in range(3))
    t.rules.clear().allow("alice", "read-config")
    with expect("InteractiveAuthorizationRequired"):
        withdrawn.Commit()
    t.rules.deny("alice", "write-sensitive-config")
    with expect("AccessDenied") as refused:
        denied.Commit()
    has(refused.message, SSHD)
    assert not os.path.exists(SSHD)
    t.rules.clear().allow("alice")
    assert fine.Commit() > 0


def test_dialog_of_validate_does_not_outlast_a_no(t):
    """One about several files is for all that were in it, and each of them can still be denied."""
    t.keep(SSHD), t.keep(TARGET)
    edits = text(SSHD, "Port 22"), text(TARGET, "127.0.0.1 x")
    t.rules.allow("alice", "read-config")
    agent, alice = t.agent("approve"), t.client()
    one, several, fine = (validated(alice, *edits, interactive=True) for _ in range(3))
    equal([prompt["action"][15:] for prompt in agent.prompts], 3 * ["commit-several"])
    before = Path(TARGET).read_bytes()
    for transaction, action in ((one, "write-config"), (several, "commit-several")):
        t.rules.clear().allow("alice", "read-config").deny("alice", action)
        with expect("AccessDenied"):
            transaction.Commit(interactive=True)
    equal(Path(TARGET).read_bytes(), before)
    t.rules.clear().allow("alice", "read-config")
    assert fine.Commit(interactive=True) > 0
    equal(len(agent.prompts), 3, "dialogs")


def test_dialog_of_validate_is_for_the_files_in_it(t):
    """A file that a rule allowed was in no dialog: without the rule it is asked for."""
    t.keep(SSHD), t.keep(TARGET)
    t.rules.allow("alice", "read-config")
    t.rules.allow("alice", "write-config")
    agent = t.agent("approve")
    transaction = validated(t.client(), text(SSHD, "Port 22"), text(TARGET, "127.0.0.1 x"), interactive=True)
    equal([prompt["action"][15:] for prompt in agent.prompts], ["write-sensitive-config"])
    t.rules.clear().allow("alice", "read-config")
    with expect("InteractiveAuthorizationRequired"):
        transaction.Commit()
    agent.mode = "cancel"
    with expect("AccessDenied"):
        transaction.Commit(interactive=True)
    equal(agent.prompts[1]["action"][15:], "commit-several")
    agent.mode = "approve"
    assert transaction.Commit(interactive=True) > 0


def test_words_are_for_who_may_read_secrets(t):
    """A rule for one file is no right to words, which may be of any."""
    t.file(SECRET, f"{CANARY} yes\n", mode=0o600)
    t.keep(SSHD)
    validators(t)
    edit = text(SSHD, f"Include {SECRET}")
    for client, seen in ((writer(t), False), (writer(t, "bob", words=True), True)):
        report = validate(client, edit)["sshd"]
        equal((report["result"], report["file"]), ("failed", ""))
        (has if seen else has_not)(report["output"], CANARY)
        with expect("ValidationFailed") as refused:
            client.Config.Apply([edit])
        has_not(refused.message, CANARY)
    has_not(t.journal.text(), CANARY)


def test_places_are_of_the_callers_own_change(t):
    """A validator that lies says nothing of other files, and no number that is no line."""
    t.keep(TARGET)
    lines = "[Location]", "x=^%f:%l:"
    validators(t, a=checker('/bin/sh -c "echo /etc/shadow:1: x; exit 1"', *lines),
               b=checker(f'/bin/sh -c "echo {TARGET}:123456: x; exit 1"', *lines),
               c=checker(f'/bin/sh -c "echo {TARGET}:2: x; exit 1"', *lines))
    found = validate(writer(t), text(TARGET, "127.0.0.1 x", "127.0.0.2 y"))
    equal({n: (r["file"], r["line"]) for n, r in found.items()},
          {"a": ("", 0), "b": (TARGET, 0), "c": (TARGET, 2)})


# ---------------------------------------------------------------- hostile validators

def test_jail(t):
    """What a checker tries, as root and as nobody: all of it is refused, and the host is as it was."""
    t.file(SECRET, CANARY, mode=0o600)
    t.keep(TARGET)
    shared_device(t, "/dev/hugepages")
    validators(t, as_root=hostile("try", "User=root", "Processes=4"), as_user=hostile("try", "Processes=4"),
               with_rights=hostile("try", "User=root", "Capabilities=CAP_DAC_READ_SEARCH CAP_SETUID",
                                   "Sockets=inet netlink pair", "ProcSubset=all", "Processes=4"))
    before = daemon.etc_state()
    reports = validate(writer(t, words=True), text(TARGET, "127.0.0.1 x"))
    equal(daemon.difference(before, daemon.etc_state(before)), [])
    for name, can in (("as-root", {"read secret"}), ("as-user", set()),
                      ("with-rights", {"read secret", "inet socket", "setuid"})):
        lines = reports[name]["output"].splitlines()
        has(lines, "end")
        equal({line[5:] for line in lines if line.startswith("done ")}, can, name)
        assert sum(line.startswith("refused ") for line in lines) >= 35, lines
    for directory in ("/dev/hugepages", "/etc", "/tmp", "/run", "/var/tmp"):
        trace = f"{directory}/exm-hostile"
        assert not os.path.exists(trace), trace
    equal(jails(), [])


def test_limits(t):
    """Each is stopped within its limit, which the error names; meanwhile the service answers."""
    t.keep(TARGET)
    cases = {"sleeps": ("TimeoutSec=1", "longer than 1 s"), "ignores": ("TimeoutSec=1", "longer than 1 s"),
             "burns": ("CpuSec=1", "CPU time"), "prints": ("TimeoutSec=60", "printed more than"),
             "forks": ("Processes=8", "exit status 7"), "allocates": ("MemoryMiB=64", "exit status 7"),
             "threads": ("TimeoutSec=60", "it was killed"), "leaves": ("TimeoutSec=5", "exit status 7")}
    validators(t, **{name: hostile(name, limit, *([] if "Processes" in limit else ["Processes=2"]),
                                   files=f"/etc/sysctl.d/{name}.conf") for name, (limit, _) in cases.items()},
               sysctl="")
    alice = writer(t)
    with PingWatch() as pings:
        for name, (_, why) in cases.items():
            t.keep(f"/etc/sysctl.d/{name}.conf")
            with expect("ValidationFailed") as refused:
                alice.Config.Apply([text(f"/etc/sysctl.d/{name}.conf", "vm.swappiness = 1")])
            has(refused.message, f"validator {name} ", why)
            assert not os.path.exists(f"/etc/sysctl.d/{name}.conf")
    pings.check()
    daemon.wait_for(lambda: not jails(), "end of all jails", 30)
    processes = daemon.run("ps", "-eo", "args")
    has_not(processes, str(HOSTILE))


def test_one_user_does_not_delay_another(t):
    """However many checks alice has, and however long they take; and she cannot have any number waiting."""
    t.keep(TARGET), t.keep("/etc/networks")
    validators(t, slow=hostile("sleeps", "TimeoutSec=300"), quick=checker("/bin/true", files="/etc/networks"))
    alice, bob = writer(t), writer(t, "bob")
    for _ in range(3):
        transaction = alice.begin()
        transaction.Edit([text(TARGET, "127.0.0.1 x")])
        transaction.later("Validate", timeout=300)
    daemon.wait_for(jails, "a jail", 30)
    equal(validate(bob, text("/etc/networks", "loopback 127.0.0.0"))["quick"]["result"], "passed")
    daemon.wait_for(lambda: len(jails()) == 1, "the one jail of alice", 30)
    alice.close()
    daemon.wait_for(lambda: not jails(), "end of the jail", 30)


def test_halves_that_do_not_fit_together(t):
    """Each is valid alone: the second is checked when the first is there. Who waits may leave, others go on."""
    halves = [str(t.keep(f"/etc/default/exm-half-{name}")) for name in "abc"]
    end = t.keep("/usr/local/lib/exm-end")
    program = t.file("/usr/local/bin/exm-halves", f"""#!/bin/sh
[ -e {halves[0]} ] && [ -e {halves[1]} ] && exit 1
until [ -e {end} ]; do sleep 0.1; done
""", mode=0o755)
    t.keep("/etc/default/exm-other")
    validators(t, halves=checker(program, "Processes=5", "TimeoutSec=100", files="/etc/default/exm-half-*"))
    alice, bob, gone = writer(t), writer(t, "bob"), writer(t)
    first = alice.Config.later("Apply", [text(halves[0], "a=1")], timeout=200)
    daemon.wait_for(jails, "the first validation", 30)
    left, second = gone.begin(), bob.begin()
    for transaction, half in ((left, halves[2]), (second, halves[1])):
        transaction.Edit([text(half, "b=1")])
        transaction.commit = transaction.later("Commit", timeout=200)
        daemon.wait_for(lambda: any(half in q and "Commit" in q for q in t.journal.polkit_questions()), "its question", 30)
    assert bob.Config.Apply([text("/etc/default/exm-other", "a=1")]) > 0
    equal((first.done(), second.commit.done(), len(jails())), (False, False, 1))
    gone.close()
    end.touch()
    assert first.result(60) > 0
    error = second.commit.exception(60)
    equal(error.short, "ValidationFailed")
    has(error.message, "validator halves")
    equal([os.path.exists(half) for half in halves], [True, False, False])


def test_vanished_caller_ends_its_validation(t):
    t.keep(TARGET)
    validators(t, slow=hostile("sleeps", "TimeoutSec=300"))
    alice = writer(t)
    alice.Config.later("Apply", [text(TARGET, "127.0.0.1 x")], timeout=100)
    daemon.wait_for(jails, "a jail", 30)
    before = Path(TARGET).read_bytes()
    alice.close()
    daemon.wait_for(lambda: not jails(), "end of the jail", 30)
    equal(Path(TARGET).read_bytes(), before)


def test_module_of_nginx(t):
    """load_module runs code of whoever wrote the configuration: in the jail."""
    nginx_site(t)
    t.file(SECRET, CANARY, mode=0o600)
    source = t.file("/usr/local/lib/exm-module.c", HOSTILE.with_name("module.c").read_text())
    module = t.keep("/usr/local/lib/exm-module.so")
    daemon.run("gcc", "-shared", "-fPIC", "-o", str(module), str(source))
    before = daemon.etc_state()
    edit = text(NGINX, f"load_module {module};", "events {", "}", "http {", "}")
    report = validate(writer(t, "bob", words=True), edit)["nginx"]
    has(report["output"], "module: etc refused", "module: unix refused", "module: fork refused",
        "module: thread joined", f"module: secret {CANARY}")
    report = validate(writer(t), edit)["nginx"]
    has_not(str(report), CANARY)
    equal(daemon.difference(before, daemon.etc_state(before)), [])
