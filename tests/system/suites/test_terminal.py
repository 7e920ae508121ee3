# SPDX-License-Identifier: LGPL-2.1-or-later
"""exmachinactl on a terminal: the countdown, passwords, tables and colours, completion, the shell."""
import os
import re
import signal
import subprocess
from pathlib import Path

import daemon
from case import equal, has, has_not
from changes import Deadline, finish_all, state
from ctl import Terminal, other_machine
from network import HERE
from samples import HOSTS

SET = "exmachinactl -q set /etc/hosts/1/ipaddr 192.0.2.50"
CHANGED = HOSTS.replace("127.0.0.1", "192.0.2.50")


def text():
    return Path("/etc/hosts").read_text()


def setup(t, user="root", **more):
    t.file("/etc/hosts", HOSTS)
    t.undo(lambda: finish_all(t))
    return Terminal(t, user, **more)


def last(t):
    return t.root.History.ListChanges(limit=1)[0]["id"]


def commit(terminal, seconds):
    terminal.type(f"{SET} --confirm {seconds}; echo status $?.")
    terminal.wait("Keep change", "[y]es")


# ---------------------------------------------------------------- confirm or revert

def test_countdown_is_answered(t):
    terminal = setup(t)
    commit(terminal, 100)
    terminal.wait("taken back in 99 s")
    equal((state(t.root, last(t)), text()), ("pending", CHANGED))
    terminal.keys("x", "e")
    terminal.wait("taken back in 100 s")
    terminal.keys("y")
    has_not(terminal.wait("status 0."), "Keep change")
    equal((state(t.root, last(t)), text()), ("applied", CHANGED))
    terminal.clear()
    terminal.type("exmachinactl -q set /etc/hosts/1/ipaddr 127.0.0.1 --confirm 100; echo status $?.")
    terminal.wait("[y]es")
    terminal.keys("n")
    terminal.wait("status 8.")
    equal((state(t.root, last(t)), text()), ("reverted", CHANGED))
    # The terminal is as before: what is typed is shown.
    terminal.type("echo a line of text")
    terminal.wait("$ echo a line of text")


def test_interrupt_lets_the_time_run(t):
    terminal = setup(t)
    commit(terminal, 300)
    terminal.keys("C-c")
    terminal.wait("status 8.")
    equal((state(t.root, last(t)), text()), ("pending", CHANGED))
    t.root.History.Confirm(last(t))
    terminal.clear()
    terminal.type("exmachinactl set /etc/hosts/1/ipaddr 127.0.0.1 --confirm 300; echo status $?.")
    terminal.wait("[y]es")
    t.root.History.Confirm(last(t))
    terminal.wait("kept by somebody else", "status 0.")


def test_the_end_of_the_countdown_has_its_own_line(t):
    terminal = setup(t)
    commit(terminal, 300)
    terminal.keys("C-d")
    terminal.wait("status 8.")
    terminal.clear()
    t.root.History.Confirm(last(t))
    terminal.type("exmachinactl set /etc/hosts/1/ipaddr 192.0.2.51 --confirm 300; echo status $?.")
    terminal.wait("Keep change", "[y]es")
    terminal.keys("C-d")
    has(terminal.wait("status 8."), f"\nexmachinactl: not confirmed: change {last(t)} is taken back in ")


def test_countdown_over_ssh(t):
    """The yes comes in anew; where nobody can, the change is not kept."""
    host, there = other_machine(t)
    terminal = setup(t, "bob", there=there)
    t.rules.allow("alice")
    terminal.type(f"{SET.replace('-q', '-q -H ' + host)} --confirm 100; echo status $?.")
    terminal.wait("Keep change", "[y]es")
    daemon.run("ip", "link", "set", "exm0", "down")
    terminal.keys("y")
    terminal.wait("nobody can come in anew", "[y]es")
    equal(state(t.root, last(t)), "pending")
    daemon.run("ip", "link", "set", "exm0", "up")
    daemon.wait_for(lambda: subprocess.run([*there, "bash", "-c", f"< /dev/tcp/{HERE}/2222"], check=False,
                                           capture_output=True).returncode == 0, "the way there", 60)
    terminal.keys("y")
    terminal.wait("status 0.", timeout=60)
    equal((state(t.root, last(t)), text()), ("applied", CHANGED))


def test_nobody_answers(t):
    terminal = setup(t)
    terminal.type(f"{SET} --confirm 2; echo status $?.")
    terminal.wait("was not confirmed and is taken back", "status 8.")
    equal((state(t.root, last(t)), text()), ("reverted", HOSTS))


def test_a_lost_terminal_is_no_yes(t):
    terminal = setup(t)
    with Deadline(3) as deadline:
        commit(terminal, 3)
    terminal.close()
    deadline.wait_until(lambda: text() == HOSTS)
    equal(state(t.root, last(t)), "reverted")


def test_an_interrupted_wait_tells_how_to_ask(t):
    """The change waits for its unit: it goes on, and its token finds it."""
    t.unit("exm-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'read x < /run/exm-fifo'\n")
    os.mkfifo("/run/exm-fifo")
    t.undo(lambda: os.unlink("/run/exm-fifo"))
    terminal = setup(t)
    terminal.type(f"{SET} --restart exm-slow --grace 0; echo status $?.")
    daemon.wait_for(lambda: text() == CHANGED, "the files are in place", 20)
    terminal.keys("C-c")
    token = re.search(r"--token (exmachinactl-[0-9a-f]+)'", terminal.wait("interrupted", "status 7.").replace("\n", ""))[1]
    Path("/run/exm-fifo").write_text("go on\n")
    daemon.wait_for(lambda: t.root.History.ListChanges(token=token, state="applied"), "the change", 20)
    equal(text(), CHANGED)


test_nobody_answers.slow = test_a_lost_terminal_is_no_yes.slow = True


# ---------------------------------------------------------------- passwords

def test_password_is_asked_for_on_the_terminal(t):
    terminal = setup(t, "alice")
    t.keep("/etc/shadow"), t.keep("/etc/shadow-")
    daemon.run("chpasswd", input="dave:mechanical\n")
    terminal.type(f"{SET} --no-ask-password; echo status $?.")
    terminal.wait("status 4.")
    terminal.type(f"{SET}; echo status $?.")
    terminal.wait("Password: ")
    terminal.type("mechanical")
    terminal.wait("status 0.")
    has_not(terminal.screen(), "mechanical")
    equal((text(), t.root.History.ListChanges(limit=1)[0]["user"]), (CHANGED, "alice"))
    # Somebody else's change needs a right of its own, once for what it was and what it did.
    change = t.root.Config.Apply([("set", ["/files/etc/hosts/1/alias", "me"])])
    terminal.clear()
    terminal.type(f"exmachinactl --no-pager show {change}; echo status $?.")
    terminal.wait("Password: ")
    terminal.type("mechanical")
    terminal.wait(f"change {change} is applied", "user: root", "+192.0.2.50  localhost me", "status 0.")
    equal(terminal.screen().count("Password: "), 1)


def test_who_gives_no_password_is_asked_again(t):
    """n needs one, of whom the change needed one; the question stays until its time is over."""
    terminal = setup(t, "alice")
    t.keep("/etc/shadow"), t.keep("/etc/shadow-")
    daemon.run("chpasswd", input="dave:mechanical\n")
    terminal.type("exmachinactl shell")
    terminal.wait("exmachina> ")
    terminal.type("set /etc/hosts/1/ipaddr 192.0.2.50")
    terminal.wait("exmachina*> ")
    terminal.type("commit --confirm 300")
    terminal.wait("Password: ")
    terminal.type("mechanical")
    terminal.wait("Keep change", "[y]es")
    terminal.keys("n")
    daemon.wait_for(lambda: terminal.screen().count("Password: ") == 2, "the question", 30)
    terminal.keys("C-c")
    screen = terminal.wait("no password was given, and nothing was done\nKeep change")
    has(screen, "[y]es")
    equal(text(), CHANGED)
    terminal.keys("C-c")
    terminal.wait("not confirmed: ", "\nexmachina> ")


def echoes(terminal):
    terminal.type("echo a line of text")
    terminal.wait("$ echo a line of text\na line of text")


def test_a_password_that_is_not_given(t):
    """Ctrl-C leaves a terminal that shows what is typed, and nothing was done."""
    terminal = setup(t, "alice")
    for words, says in (("-q set /etc/hosts/1/ipaddr 192.0.2.50", "org.exmachina1.write-config: not authorised"),
                        ("restart systemd-journald", "org.exmachina1.manage-units: not authorised"),
                        ("key list", "org.exmachina1.manage-keys: not authorised"),
                        ("key create exm-x --user alice --read /etc/hosts", "org.exmachina1.manage-keys: not authorised")):
        terminal.type(f"exmachinactl {words}; echo status $?.")
        terminal.wait("Password: ")
        terminal.keys("C-c")
        terminal.wait(f"\nexmachinactl: {says}; no password was given, and nothing was done\nstatus 4.")
        echoes(terminal)
        terminal.clear()
    terminal.type("exmachinactl --key-file - get /etc/hosts/1/ipaddr; echo status $?.")
    terminal.wait("Key: ")
    terminal.keys("C-c")
    terminal.wait("\n$ ")
    echoes(terminal)
    equal(text(), HOSTS)


def test_nobody_is_asked_without_a_controlling_terminal(t):
    """Standard input is one, but polkit's agent could not ask there."""
    terminal = setup(t, "alice")
    terminal.type(f"setsid -w {SET}; echo status $?.")
    has_not(terminal.wait("not authorised; on a terminal, or as root, it may be allowed", "status 4."),
            "Error", "agent")
    equal(text(), HOSTS)


# ---------------------------------------------------------------- what a terminal shows

def test_tables_colours_and_control_characters(t):
    terminal = setup(t, "alice", PAGER="cat")
    terminal.type("exmachinactl files /etc/hosts")
    has(terminal.wait("FILE       LENS\n/etc/hosts Hosts.lns"), "$ ")
    terminal.type("exmachinactl --no-legend units systemd-journald.service")
    has_not(terminal.wait("Journal Service"), "ACTIVE")
    Path("/etc/hosts").write_text("127.0.0.1 a # \x1b]0;title\x07\x1b[31mred \u202e\n")
    terminal.type("exmachinactl get /etc/hosts/1/#comment")
    terminal.wait("\\x1b]0;title\\x07\\x1b[31mred \\u202e")
    terminal.type("exmachinactl get -j '/etc/hosts/1/#comment' | cat; exmachinactl -j get /etc/hosts/1/#comment")
    terminal.wait('"value": "\\u001B]0;title\\u0007\\u001B[31mred \\u202e"')
    Path("/etc/hosts").write_text(HOSTS)
    diff = "exmachinactl diff set /etc/hosts/1/ipaddr 192.0.2.50"
    terminal.clear()
    terminal.type(f"script -qec '{diff}' /dev/null | tr -d '\\r' | cat -v; NO_COLOR=1 script -qec '{diff}' /dev/null"
                  " | tr -d '\\r' | cat -v")
    screen = terminal.wait("^[[32m+192.0.2.50  localhost^[[0m", "\n+192.0.2.50  localhost\n")
    has(screen, "^[[31m-127.0.0.1  localhost^[[0m", "\n-127.0.0.1  localhost\n")


def test_pager_comes_where_it_is_wanted(t):
    terminal = setup(t, "alice", EXMACHINA_PAGER="sed s/^/paged:/")
    terminal.type("exmachinactl print /etc/hosts/1")
    terminal.wait('paged:/etc/hosts/1/ipaddr = "127.0.0.1"')
    terminal.clear()
    terminal.type("exmachinactl --no-pager print /etc/hosts/1; SUDO_UID=1 exmachinactl print /etc/hosts/2")
    has_not(terminal.wait('/etc/hosts/2/alias = "files"'), "paged")


def test_a_broken_pager_hides_nothing(t):
    terminal = setup(t, "alice")
    for pager in ("exm-none", "false", "true", "exec 0<&-; exit 3"):
        terminal.type(f"EXMACHINA_PAGER='{pager}' exmachinactl get /etc/hosts/1; EXMACHINA_PAGER='{pager}' "
                      "exmachinactl print /etc/hosts/1/canonical; echo status $?.")
        terminal.wait(f"exmachinactl: the pager '{pager}' shows nothing: ",
                      '\n/etc/hosts/1/canonical = "localhost"\nstatus 0.')
        terminal.clear()
    # One that has shown a part is not broken, whatever its status.
    terminal.type("EXMACHINA_PAGER='head -n 1; exit 3' exmachinactl print /etc/hosts/1; echo status $?.")
    has_not(terminal.wait("\n/etc/hosts/1\nstatus 0."), "canonical", "shows nothing")


def test_a_long_message_leaves_room_for_the_files(t):
    terminal = setup(t)
    t.root.Config.Apply([("set", ["/files/etc/hosts/1/alias", "me"])], message=20 * "long ")
    terminal.type("exmachinactl --no-pager history -n1")
    terminal.wait(" applied /etc/hosts long long ")


def test_a_message_of_lines_stays_on_its_line(t):
    terminal = setup(t)
    t.root.Config.Apply([("set", ["/files/etc/hosts/1/alias", "me"])], message="one\ntwo\t\\x1b")
    number = last(t)
    terminal.type(f"exmachinactl --no-pager --no-legend history -n1; exmachinactl --no-pager show {number}")
    terminal.wait(" /etc/hosts one\\ntwo\\t\\x1b", "message: one\\ntwo\\t\\x1b\n")


# ---------------------------------------------------------------- completion

# Within quotes. bash closes them, zsh only at the end of a word.
QUOTED = [(f"exmachinactl {begun}", f"exmachinactl {wanted}") for begun, wanted in (
    ('get "/etc/hostn', 'get "/etc/hostname"'),
    ("get '/etc/hostn", "get '/etc/hostname'"),
    ('get "/etc/hosts/2', 'get "/etc/hosts/2/'),
    ("""rm "/etc/hosts/*[ipaddr='192.0.2.7']/ali""", """rm "/etc/hosts/*[ipaddr='192.0.2.7']/alias\""""),
    (r"""rm "/etc/hosts/*[ipaddr=\"192.0.2.7\"]/ali""", r"""rm "/etc/hosts/*[ipaddr=\"192.0.2.7\"]/alias""" + '"'),
    ("status 'systemd-journald.serv", "status 'systemd-journald.service' "))]


BEGUN = [(f"exmachinactl {begun}", f"exmachinactl {wanted}") for begun, wanted in (
    ("mon", "monitor "), ("get /etc/hostn", "get /etc/hostname"),
    ("set -m why /etc/hosts/2/al", "set -m why /etc/hosts/2/alias"),
    ("status systemd-journald.serv", "status systemd-journald.service "), ("package rem", "package remove "),
    ("package status systemd-sys", "package status systemd-sysv "), ("set --conf", "set --confirm="),
    ("get --json=pr", "get --json=pretty "), ("key revoke exm-co", "key revoke exm-completed "))]


def completes(t, pairs, prepare, **more):
    t.key("exm-completed", timezone=True)
    t.rules.allow("alice", "manage-keys")
    terminal = setup(t, "alice", **more)
    terminal.type(f"{prepare}='> '; clear")
    terminal.wait("> ")
    for begun, wanted in pairs:
        terminal.keys("C-u")
        terminal.clear()
        terminal.keys("-l", begun)
        terminal.keys("Tab")
        terminal.keys("-l", "END")
        terminal.wait(f"> {wanted}END")


def test_bash_completes(t):
    completes(t, [*BEGUN, ("exmachinactl diff rm /etc/hosts/2/#c", "exmachinactl diff rm /etc/hosts/2/#comment"),
                  *QUOTED], ". /usr/share/bash-completion/bash_completion; PS1")


def test_zsh_completes(t):
    completes(t, [*BEGUN, *((begun, wanted.rstrip("\"'")) for begun, wanted in QUOTED)],
              "autoload -U compinit; compinit -u -D; PROMPT", shell="zsh -f", PROMPT="$ ")


test_zsh_completes.slow = True


# ---------------------------------------------------------------- the shell

def test_shell_edits_completes_and_remembers(t):
    terminal = setup(t, "root")
    terminal.type("exmachinactl shell; echo status $?.")
    terminal.wait("exmachina> ")
    terminal.keys("-l", "pri")
    terminal.keys("Tab")
    terminal.keys("-l", "/etc/hosts/2/al")
    terminal.keys("Tab", "Enter")
    terminal.wait("exmachina> print /etc/hosts/2/alias", '/etc/hosts/2/alias = "files"')
    terminal.type("set /etc/hosts/1/ipaddr 192.0.2.50")
    terminal.wait("exmachina*> ")
    terminal.type("quit")
    terminal.wait("1 edit is not written")
    equal(text(), HOSTS)
    terminal.keys("Up", "Up", "Enter")  # sets it again
    terminal.type("commit --message 'in the shell' --confirm 100")
    terminal.wait("Keep change")
    terminal.keys("y")
    terminal.wait("is kept")
    equal((text(), state(t.root, last(t))), (CHANGED, "applied"))
    terminal.type("quit")
    terminal.wait("status 0.")
    for name in os.listdir("/root"):
        has_not(name, "editline", "exmachina")


def test_shell_loses_no_edits_by_a_key(t):
    terminal = setup(t)
    terminal.type("exmachinactl shell; echo status $?.")
    terminal.wait("exmachina> ")
    terminal.type("set /etc/hosts/1/alias gr\u00fc\u00df")
    terminal.wait("exmachina*> ")
    terminal.keys("-l", "rollback")
    terminal.wait("exmachina*> rollback")
    terminal.keys("C-c")
    terminal.wait("exmachina*> rollback\nexmachina*> ")
    terminal.type("get /etc/hosts/1/alias")
    terminal.wait("\ngr\u00fc\u00df\nexmachina*>")
    # A service that does not answer is not waited for.
    service = daemon.pid(t.root)
    t.undo(lambda: os.kill(service, signal.SIGCONT))
    os.kill(service, signal.SIGSTOP)
    terminal.type("get /etc/hosts/1/ipaddr")
    terminal.interrupt("exmachinactl: interrupted\nexmachina*>")
    os.kill(service, signal.SIGCONT)
    terminal.keys("C-d")
    terminal.wait("1 edit is not written: ")
    terminal.clear()
    terminal.type("diff")
    terminal.wait("+127.0.0.1  localhost gr\u00fc\u00df", "exmachina*> ")
    terminal.keys("C-d")
    terminal.wait("1 edit is not written: ")
    terminal.keys("C-d")
    terminal.wait("1 edit was not committed and is dropped\nstatus 0.")
    equal(text(), HOSTS)


def test_shell_takes_text_from_the_terminal(t):
    terminal = setup(t)
    terminal.type("exmachinactl shell")
    terminal.wait("exmachina> ")
    terminal.type("text /etc/hosts -")
    terminal.wait("end the text with Ctrl-D")
    terminal.type("192.0.2.9 other")
    terminal.keys("C-d")
    terminal.wait("exmachina*> ")
    terminal.type("commit")
    terminal.wait("is made; ")
    equal(text(), "192.0.2.9 other\n")
    terminal.clear()
    terminal.type("text /etc/hosts -")
    terminal.wait("end the text with Ctrl-D")
    terminal.interrupt("\nexmachina> ")
    terminal.clear()
    terminal.keys("-l", "text /etc/hosts /etc/machine-i")  # no lens covers that: it is a file here
    terminal.keys("Tab")
    terminal.wait("exmachina> text /etc/hosts /etc/machine-id")
