# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages through PackageKit, from signed repositories of the tests in the machine."""
import functools
import http.server
import threading
from pathlib import Path

import daemon
import repository
from bus import GLib, OBJECT, PingWatch, expect
from case import equal, has, has_not
from repository import installed

GO, STARTED = Path("/run/exm-slow.go"), Path("/run/exm-slow.started")
SLOW = f"touch {STARTED}\nuntil [ -e {GO} ]; do sleep 0.05; done\n"
FAILS = "echo the first line\nprintf 'no \\033[31mflux\\033[0m\\n'\necho 'progress 1%\\rprogress 2%'\nexit 3\n"
HOSTILE = ["", "-o", "--purge", "../x.deb", "/tmp/x.deb", "./x", "foo=1.0", "foo/unstable", "a;b",
           "foo;1.0;all;", "foo:amd64", "foo*", "foo|bar", "foo bar", "foo\nbar", "$(reboot)", "~nfoo",
           "http://host/x.deb", "%s", "ünïcode", "x" * 256, "+foo", ".foo"]
OWN = ("packagekit", "systemd", "dbus", "polkitd", "exmachina")


@functools.cache
def publish():
    repository.make_key()
    main = repository.Repository("main")
    main.add("exm-base")
    main.add("exm-needs", Depends="exm-base")
    main.add("exm-clash", Conflicts="exm-base")
    main.add("exm-fails", scripts={"postinst": FAILS})
    main.add("exm-slow", scripts={"postinst": SLOW})
    main.add("exm-stays", scripts={"prerm": "echo it has to stay\nexit 4\n"})
    main.add("exm-impossible", Depends="exm-nowhere")
    main.publish()
    newer = repository.Repository("newer")
    newer.add("exm-base", "2.0")
    newer.publish()
    unsigned = repository.Repository("unsigned")
    unsigned.add("exm-unsigned")
    unsigned.publish(sign=False)
    tampered = repository.Repository("tampered")
    tampered.add("exm-tampered")
    tampered.publish()
    tampered.add("exm-added")
    (tampered.folder / "Packages").write_text("\n".join(tampered.packages))
    slow = repository.Repository("slow")
    slow.add("exm-big", size=1 << 20)
    slow.publish()


_sources = None


def use(t, *sources):
    """The repositories with fresh lists, nothing of the tests installed."""
    global _sources
    publish()
    clean()
    if _sources != sources:
        repository.use(*sources)
        t.root.Packages.Refresh()
        _sources = sources


def clean():
    for mark in (GO, STARTED):
        mark.unlink(missing_ok=True)
    repository.reset()


def alice(t):
    t.rules.allow("alice")
    return t.client()


def main(t):
    use(t, repository.source())
    return alice(t)


def row(name, now="", candidate="1.0", automatic=False):
    return {"name": name, "installed": now, "candidate": candidate, "automatic": automatic}


# ---------------------------------------------------------------- what is asked for is what is done

def test_install_status_remove(t):
    client = main(t)
    equal(client.Packages.PackageStatus(["exm-needs", "exm-base", "exm-nowhere"]),
          [row("exm-needs"), row("exm-base"), row("exm-nowhere", candidate="")])
    equal(sorted(client.Packages.Install(["exm-needs"])),
          [("install", "exm-base", "1.0"), ("install", "exm-needs", "1.0")])
    equal((installed("exm-needs"), installed("exm-base")), ("1.0", "1.0"))
    equal(client.Packages.PackageStatus(["exm-base", "exm-needs"]),
          [row("exm-base", "1.0", automatic=True), row("exm-needs", "1.0")])
    equal(client.Packages.Install(["exm-needs", "exm-base"]), [], "all is there")
    equal(client.Packages.Remove(["exm-needs"]), [("remove", "exm-needs", "1.0")])
    equal((installed("exm-needs"), installed("exm-base")), (None, "1.0"))
    equal(client.Packages.Remove(["exm-needs"]), [], "it is gone already")
    done = t.journal.audit(method="Packages.Install", outcome="done")
    equal([r["EXMACHINA_PACKAGES"] for r in done], ["exm-needs", "exm-needs, exm-base"])
    equal({r["EXMACHINA_AUTHORITY"] for r in done}, {"polkit:org.exmachina1.manage-packages"})


def test_upgrade(t):
    global _sources
    client = main(t)
    _sources = None
    client.Packages.Install(["exm-base"])
    repository.use(repository.source(), repository.source("newer"))
    client.Packages.Refresh()
    equal(client.Packages.PackageStatus(["exm-base"]), [row("exm-base", "1.0", "2.0")])
    equal(client.Packages.Install(["exm-base"]), [("upgrade", "exm-base", "2.0")])
    equal(installed("exm-base"), "2.0")


def test_hostile_names(t):
    client = main(t)
    for name in HOSTILE:
        for call in (client.Packages.Install, client.Packages.Remove, client.Packages.PackageStatus):
            with expect("InvalidArgs") as seen:
                call(["exm-base", name])
            has(seen.message, "is not the name of a package")
    for call in (client.Packages.Install, client.Packages.Remove, client.Packages.PackageStatus):
        with expect("InvalidArgs"):
            call([])
        with expect("InvalidArgs") as seen:
            call(["exm-base", "exm-needs", "exm-base"])
        has(seen.message, "exm-base", "twice")
        for n in (1001, 10000):
            with expect("LimitExceeded"):
                call([f"exm-{i}" for i in range(n)])
    for operation in ("x" * 65, "a\nb", "a\x1bb"):
        with expect("InvalidArgs") as seen:
            client.Packages.Install(["exm-base"], operation=operation)
        has(seen.message, "operation")
    with expect("NoSuchPackage") as seen:
        client.Packages.Install(["exm-base", "x.deb", "exm-nowhere"])
    has(seen.message, "x.deb, exm-nowhere", "Refresh")
    with expect("NoSuchPackage"):
        client.Packages.Remove(["exm-nowhere"])
    equal(len(client.Packages.PackageStatus([f"exm-{i}" for i in range(1000)])), 1000)
    equal(installed("exm-base"), None)


# ---------------------------------------------------------------- plans

def test_more_removals_are_refused_with_the_list(t):
    client = main(t)
    client.Packages.Install(["exm-needs"])
    with expect("Refused") as seen:
        client.Packages.Remove(["exm-base"])
    has(seen.message, "remove exm-needs", "allow_more_removals")
    with expect("Refused") as seen:
        client.Packages.Install(["exm-clash"])
    has(seen.message, "exm-base", "exm-needs")
    equal((installed("exm-base"), installed("exm-needs"), installed("exm-clash")), ("1.0", "1.0", None))
    equal(sorted(client.Packages.Install(["exm-clash"], allow_more_removals=True)),
          [("install", "exm-clash", "1.0"), ("remove", "exm-base", "1.0"),
           ("remove", "exm-needs", "1.0")])
    equal((installed("exm-base"), installed("exm-needs"), installed("exm-clash")), (None, None, "1.0"))
    client.Packages.Remove(["exm-clash"])
    client.Packages.Install(["exm-needs"])
    equal(sorted(client.Packages.Remove(["exm-base", "exm-needs"])),
          [("remove", "exm-base", "1.0"), ("remove", "exm-needs", "1.0")], "all that goes was named")


def test_more_removals_need_the_right_to_each(t):
    client = main(t)
    client.Packages.Install(["exm-needs"])
    t.rules.clear().allow("alice", "manage-packages", package="exm-base", verb="remove")
    with expect("InteractiveAuthorizationRequired"):
        client.Packages.Remove(["exm-base"], allow_more_removals=True)
    equal(installed("exm-base"), "1.0")
    t.rules.allow("alice", "manage-packages", package="exm-needs", verb="remove")
    equal(len(client.Packages.Remove(["exm-base"], allow_more_removals=True)), 2)


def test_what_cannot_be(t):
    client = main(t)
    with expect("PackageFailed") as seen:
        client.Packages.Install(["exm-impossible"])
    has(seen.message, "exm-nowhere")
    for name in OWN:
        with expect("Refused") as seen:
            client.Packages.Remove([name], allow_more_removals=True)
        has(seen.message, name, "ExMachina itself needs it")
        equal(installed(name), "1.0")


# ---------------------------------------------------------------- what fails

def test_a_script_that_fails_is_told_with_the_end_of_its_output(t):
    client = main(t)
    with expect("PackageFailed") as seen:
        client.Packages.Install(["exm-fails"])
    has(seen.message, "exm-fails", "exit status 3", "the first line\nno ", "flux", "progress 2%")
    has_not(seen.message, "\x1b", "\r", "progress 1%", "... 5%", "Log started")
    assert len(seen.message) < 4000, len(seen.message)
    clean()
    client.Packages.Install(["exm-stays"])
    with expect("PackageFailed") as seen:
        client.Packages.Remove(["exm-stays"])
    has(seen.message, "it has to stay")
    has_not(seen.message, "the first line")


def test_unsigned_is_refused(t):
    """Also where the administrator lets apt read such a repository."""
    publish()
    global _sources
    _sources = None
    client = alice(t)
    clean()
    for name, package in (("unsigned", "exm-unsigned"), ("tampered", "exm-tampered")):
        repository.use(repository.source(name))
        with expect("PackageFailed", "Refused"):
            client.Packages.Refresh()
        with expect("NoSuchPackage"):
            client.Packages.Install([package])
    repository.use(repository.source("unsigned", "allow-insecure=yes"))
    client.Packages.Refresh()
    equal(client.Packages.PackageStatus(["exm-unsigned"]), [row("exm-unsigned")])
    with expect("Refused") as seen:
        client.Packages.Install(["exm-unsigned"])
    has(seen.message, "exm-unsigned", "signature")
    equal(installed("exm-unsigned"), None)


def test_without_packagekit(t):
    """Removed: the bus knows no such service."""
    use(t, repository.source())
    client = alice(t)
    service = Path("/usr/share/dbus-1/system-services/org.freedesktop.PackageKit.service")
    aside = service.with_name("PackageKit.aside")
    daemon.run("systemctl", "stop", "packagekit")
    service.rename(aside)
    reload = ("busctl", "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "ReloadConfig")
    t.undo(lambda: (aside.rename(service), daemon.run(*reload)))
    daemon.run(*reload)
    for call in (lambda: client.Packages.PackageStatus(["exm-base"]), client.Packages.Refresh,
                 lambda: client.Packages.Install(["exm-base"]),
                 lambda: client.Packages.Remove(["exm-base"])):
        with expect("Refused") as seen:
            call()
        has(seen.message, "PackageKit", "apt-get install packagekit")


def test_packagekit_that_dies(t):
    client = main(t)
    future = client.Packages.later("Install", ["exm-slow"])
    daemon.wait_for(STARTED.exists, "the script runs", 20)
    daemon.run("systemctl", "kill", "--signal=KILL", "packagekit")
    with expect("PackageFailed") as seen:
        future.result(30)
    has(seen.message, "PackageKit has ended", "dpkg --audit")
    GO.touch()
    daemon.run("systemctl", "reset-failed", "packagekit", check=False)
    equal(client.Packages.PackageStatus(["exm-base"]), [row("exm-base")], "it is started again")


# ---------------------------------------------------------------- who may

def test_denied_then_allowed_by_polkit(t):
    use(t, repository.source())
    client = t.client("alice")
    calls = {"read-packages": lambda: client.Packages.PackageStatus(["exm-base"]),
             "refresh-packages": client.Packages.Refresh,
             "manage-packages": lambda: client.Packages.Install(["exm-base"])}
    for action, call in calls.items():
        t.rules.clear().deny("alice", action)
        with expect("AccessDenied"):
            call()
        t.rules.clear().ask("alice", action)
        with expect("InteractiveAuthorizationRequired"):
            call()
        equal(installed("exm-base"), None)
        t.rules.clear().allow("alice", action)
        call()
    equal(installed("exm-base"), "1.0")
    t.rules.clear().allow("alice", "manage-packages", verb="install")
    with expect("InteractiveAuthorizationRequired"):
        client.Packages.Remove(["exm-base"])
    t.rules.clear().allow("alice", "manage-packages", verb="remove", method="Packages.Remove")
    client.Packages.Remove(["exm-base"])
    equal(installed("exm-base"), None)


def test_each_package_is_a_question_and_what_is_left_one_dialog(t):
    client = main(t)
    names = ["exm-base", "exm-needs", "exm-clash"]
    t.rules.clear().allow("alice", "manage-packages", package="exm-base") \
        .deny("alice", "manage-packages", package="exm-clash")
    agent = t.agent("approve")
    with expect("AccessDenied") as seen:
        client.Packages.Install(names, interactive=True)
    has(seen.message, "exm-clash")
    equal(agent.prompts, [], "dialogs before a plain no")
    equal(len(client.Packages.Install(["exm-base", "exm-needs"], interactive=True)), 2)
    t.rules.clear()
    client.Packages.Remove(["exm-base", "exm-needs"], interactive=True)
    equal([(p["action"].rpartition(".")[2], p["message"]) for p in agent.prompts],
          [("manage-packages", "Authentication is required to install the software package exm-needs."),
           ("manage-several-packages", "Authentication is required to change these software packages "
            "together: remove exm-base\nremove exm-needs.")])


def test_allowed_by_key(t):
    """Names and globs; the rest of a call and removals that were not named are polkit's."""
    use(t, repository.source())
    t.rules.deny("bob")
    bob = t.client("bob", t.key("exm-software", packages=["exm-needs", "exm-b*"]))
    equal(bob.Packages.PackageStatus(["exm-base", "exm-clash"]), [row("exm-base"), row("exm-clash")])
    bob.Packages.Refresh()
    equal(len(bob.Packages.Install(["exm-needs"])), 2)
    for call in (lambda: bob.Packages.Install(["exm-base", "exm-clash"]),
                 lambda: bob.Packages.Remove(["exm-clash"])):
        with expect("AccessDenied") as seen:
            call()
        has(seen.message, "exm-clash")
    narrow = t.client("bob", t.key("exm-narrow", packages=["exm-base"]))
    with expect("AccessDenied") as seen:
        narrow.Packages.Remove(["exm-base"], allow_more_removals=True)
    has(seen.message, "exm-needs")
    equal(len(bob.Packages.Remove(["exm-base"], allow_more_removals=True)), 2)
    equal(bob.Authority.Permitted([("install", "exm-base"), ("remove", "exm-clash"), ("read-packages", "")]),
          ["yes", "no", "yes"])
    everything = t.client("bob", t.key("exm-all", packages=["*"], privileged=True))
    for name in OWN:
        with expect("Refused"):
            everything.Packages.Remove([name], allow_more_removals=True)
    done = t.journal.audit(method="Packages.Install", outcome="done")
    equal([r["EXMACHINA_AUTHORITY"] for r in done], ["key:exm-software"])
    without = t.client("bob", t.key("exm-none", write=["/etc/hosts"]))
    with expect("AccessDenied"):
        without.Packages.PackageStatus(["exm-base"])


# ---------------------------------------------------------------- while it goes on

def test_progress_is_for_the_caller_alone(t):
    """PackageKit itself says nothing of an installation that is over within 0.1 s: hence the slow one."""
    client, other = main(t), t.client("bob")
    heard, overheard = client.listen(), other.listen()

    def told(operation):
        return [arguments[1:] for interface, member, arguments in list(heard)
                if (interface, member) == ("Packages", "Progress") and arguments[0] == operation]
    client.Packages.Refresh(operation="lists")
    future = client.Packages.later("Install", ["exm-slow"], operation="öp 7")
    daemon.wait_for(lambda: [d for _, d in told("öp 7") if d == "install exm-slow"], "what is done", 20)
    assert not future.done()
    assert max(percent for percent, _ in told("öp 7")) < 100, told("öp 7")
    GO.touch()
    future.result(20)
    for operation in ("lists", "öp 7"):
        daemon.wait_for(lambda: (100, "done") in told(operation), "the last word")
        percents = [percent for percent, _ in told(operation)]
        equal(percents, sorted(percents))
        equal(told(operation)[-1], (100, "done"))
    assert not [m for _, m, _ in overheard if m == "Progress"], overheard


def test_one_change_at_a_time_and_a_caller_gone_in_mid_install(t):
    client, other = main(t), t.client("alice")
    client.Packages.later("Install", ["exm-slow"])
    daemon.wait_for(STARTED.exists, "the script runs", 20)
    with PingWatch() as watch:
        for call in (lambda: other.Packages.Install(["exm-base"]), other.Packages.Refresh,
                     lambda: other.Packages.Remove(["exm-base"])):
            with expect("Busy"):
                call()
        client.close()
        with expect("Busy"):
            other.Packages.Install(["exm-base"])
    watch.check(at_least=1)
    equal(installed("exm-slow"), None)
    GO.touch()
    daemon.wait_for(lambda: installed("exm-slow") == "1.0", "the installation goes to its end", 20)
    daemon.wait_for(lambda: t.journal.audit(method="Packages.Install", outcome="done"),
                    "it is on record", 20)
    equal(other.Packages.Install(["exm-base"]), [("install", "exm-base", "1.0")])


class Server(http.server.ThreadingHTTPServer):
    """Serves the repositories, and of a big file half until it is told to go on."""
    daemon_threads = True

    def __init__(self):
        self.half, self.go, self.lost = threading.Event(), threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=repository.HOME))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments):
        pass

    def copyfile(self, source, outputfile):
        content = source.read()
        if len(content) < 1 << 20:
            outputfile.write(content)
            return
        outputfile.write(content[:len(content) // 2])
        outputfile.flush()
        self.server.half.set()
        # Its end of the connection is closed when the download was cancelled.
        self.connection.settimeout(60)
        if not self.server.go.is_set() and self.connection.recv(1) == b"":
            self.server.lost.set()
            return
        outputfile.write(content[len(content) // 2:])


def test_caller_gone_in_mid_download(t):
    server = Server()
    t.undo(server.shutdown)
    use(t, repository.source("slow", scheme="http", place=f"//127.0.0.1:{server.server_port}"),
        repository.source())
    client, other = alice(t), t.client("alice")
    client.Packages.later("Install", ["exm-big"])
    assert server.half.wait(20), "the download has begun"
    with expect("Busy"):
        other.Packages.Install(["exm-base"])
    client.close()
    assert server.lost.wait(20), "the download is cancelled"
    equal(other.Packages.Install(["exm-base"], timeout=60), [("install", "exm-base", "1.0")])
    equal(installed("exm-big"), None)
    server.go.set()
    equal(other.Packages.Install(["exm-big"]), [("install", "exm-big", "1.0")], "a second try")


def test_forged_signals_of_packagekit(t):
    """Finished from somebody else ends nothing."""
    client = main(t)
    future = client.Packages.later("Install", ["exm-slow"])
    daemon.wait_for(STARTED.exists, "the script runs", 20)
    out = daemon.run("busctl", "call", "org.freedesktop.PackageKit", "/org/freedesktop/PackageKit",
                     "org.freedesktop.PackageKit", "GetTransactionList")
    path = out.split('"')[1]
    bob = t.client("bob")
    for destination in (None, daemon.unique_name(t.root)):
        bob.connection.emit_signal(destination, path, "org.freedesktop.PackageKit.Transaction",
                                   "Finished", GLib.Variant("(uu)", (1, 1)))
    bob.ping()
    t.client("alice").call(OBJECT, "org.freedesktop.DBus.Peer", "Ping")
    assert not future.done(), "ended by a forged signal"
    GO.touch()
    equal(future.result(30), [("install", "exm-slow", "1.0")])


def test_zz_packagekit_is_as_it_was(t):
    """The last one: other suites find the machine's own PackageKit."""
    global _sources
    _sources = None
    clean()
    repository.leave()
