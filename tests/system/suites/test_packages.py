# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages through PackageKit, from signed repositories of the tests in the machine."""
import fcntl
import functools
import http.server
import select
import threading
from pathlib import Path

import daemon
import repository
from bus import GLib, OBJECT, PingWatch, expect
from case import equal, has, has_not
from repository import installed

GO, STARTED = Path("/run/exm-slow.go"), Path("/run/exm-slow.started")
SLOW = f"touch {STARTED}\nuntil [ -e {GO} ]; do sleep 0.05; done\n"
MENDED = f"[ -e {GO} ] || {{ echo not yet; exit 5; }}\n"
FAILS = "echo the first line\nprintf 'no \\033[31mflux\\033[0m\\n'\necho 'progress 1%\\rprogress 2%'\nexit 3\n"
HOSTILE = ["", "-o", "--purge", "../x.deb", "/tmp/x.deb", "./x", "foo=1.0", "foo/unstable", "a;b",
           "foo;1.0;all;", "foo:amd64", "foo*", "foo|bar", "foo bar", "foo\nbar", "$(reboot)", "~nfoo",
           "http://host/x.deb", "%s", "ünïcode", "x" * 256, "+foo", ".foo"]
OWN = ("packagekit", "systemd", "dbus", "polkitd", "exmachina", "tzdata")
WAITS = "wait for another program"


@functools.cache
def publish():
    repository.make_key()
    main = repository.Repository("main")
    main.add("exm-base")
    main.add("exm-needs", Depends="exm-base")
    main.add("exm-clash", Conflicts="exm-base")
    main.add("exm-fails", scripts={"postinst": FAILS})
    main.add("exm-slow", scripts={"postinst": SLOW})
    main.add("exm-mends", scripts={"postinst": MENDED})
    main.add("exm-clings", scripts={"postrm": MENDED})
    main.add("exm-stays", scripts={"prerm": "echo it has to stay\nexit 4\n"})
    main.add("exm-impossible", Depends="exm-nowhere")
    main.publish()
    newer = repository.Repository("newer")
    newer.add("exm-base", "2.0")
    newer.add("exm-fails", "2.0")
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
    slow.add("exm-big", size=1 << 20, Depends="exm-base", Conflicts="exm-late")
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
    equal(client.Packages.PackageStatus(["exm-base"])[0]["automatic"], True, "PackageKit cannot change that")
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
    with expect("Refused") as seen:
        client.Packages.Remove(list(OWN), allow_more_removals=True)
    has(seen.message, *OWN)


def test_holds_are_kept(t):
    use(t, repository.source(), repository.source("newer"))
    client = alice(t)
    repository.put("exm-base")
    repository.hold("exm-base")
    for call in (client.Packages.Install, client.Packages.Remove):
        with expect("Refused") as seen:
            call(["exm-base"], allow_more_removals=True)
        has(seen.message, "exm-base: on hold", "apt-mark unhold")
    equal(installed("exm-base"), "1.0")
    repository.hold("exm-base", "install")
    equal(client.Packages.Install(["exm-base"]), [("upgrade", "exm-base", "2.0")])
    repository.hold("exm-base")
    equal(client.Packages.Install(["exm-base"]), [], "nothing is changed of it")


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


def test_what_is_unfinished_is_finished_or_told(t):
    client = main(t)
    for _ in range(2):
        with expect("PackageFailed") as seen:
            client.Packages.Install(["exm-mends"])
        has(seen.message, "exm-mends 1.0 (half-configured)", "dpkg --configure -a", "not yet")
        equal(client.Packages.PackageStatus(["exm-mends"]), [row("exm-mends")])
    GO.touch()
    equal(client.Packages.Install(["exm-mends"]), [("configure", "exm-mends", "1.0")])
    equal(installed("exm-mends"), "1.0")
    clean()
    with expect("PackageFailed"):
        client.Packages.Install(["exm-mends"])
    equal(client.Packages.Remove(["exm-mends"]), [("remove", "exm-mends", "1.0")])
    client.Packages.Install(["exm-clings"])
    for _ in range(2):
        with expect("PackageFailed") as seen:
            client.Packages.Remove(["exm-clings"])
        has(seen.message, "exm-clings 1.0 (half-installed)", "apt-get --fix-broken install")
    with expect("PackageFailed") as seen:
        client.Packages.Install(["exm-clings"])
    has(seen.message, "exm-clings 1.0 (half-installed)")
    has_not(seen.message, "The end of the output", "Log ended")
    GO.touch()
    equal(client.Packages.Remove(["exm-clings"]), [("remove", "exm-clings", "1.0")])


def test_what_is_unfinished_is_mended_by_a_newer_version(t):
    use(t, repository.source(), repository.source("newer"))
    client = alice(t)
    repository.put("exm-fails", status="install ok half-configured")
    equal(client.Packages.PackageStatus(["exm-fails"]), [row("exm-fails", candidate="2.0")])
    equal(client.Packages.Install(["exm-fails"]), [("upgrade", "exm-fails", "2.0")])


def test_unfinished_ones_of_others_are_told(t):
    """They stand in the way of every change."""
    client = main(t)
    repository.put("exm-lost", status="install reinstreq half-installed")
    with expect("PackageFailed") as seen:
        client.Packages.Install(["exm-base"])
    has(seen.message, "exm-lost 1.0 (reinst-required)", "apt-get")
    equal(installed("exm-base"), None)


def test_part_of_it_is_told(t):
    client = main(t)
    with expect("PackageFailed") as seen:
        client.Packages.Install(["exm-base", "exm-fails"])
    has(seen.message, "done nevertheless: install exm-base 1.0", "Unfinished: exm-fails 1.0 (half-configured)")
    equal(installed("exm-base"), "1.0")


def test_interrupted_dpkg(t):
    """It is not another program at work, and waiting does not help."""
    client = main(t)
    mark = repository.DATABASE / "updates/0001"
    mark.touch()
    for call in (client.Packages.Install, client.Packages.Remove):
        with expect("PackageFailed") as seen:
            call(["exm-base"])
        has(seen.message, "dpkg --configure -a")
    equal(client.Packages.PackageStatus(["exm-base"]), [row("exm-base")])
    mark.unlink()
    equal(len(client.Packages.Install(["exm-base"])), 1)


def test_unsigned_is_refused(t):
    """Also where the administrator lets apt read such a repository; not where he has said that it counts as signed
    (PackageKit then cannot tell it from one that is)."""
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
    repository.use(repository.source("unsigned", "trusted=yes"))
    client.Packages.Refresh()
    equal(client.Packages.Install(["exm-unsigned"]), [("install", "exm-unsigned", "1.0")])


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


def test_a_dialog_holds_nobody_up(t):
    """Not even others' changes: who was asked may find one under way, or nothing left to do."""
    client, root = main(t), t.root
    for answer_during in ("nothing", "another change", "the same change"):
        clean()
        client.Packages.Install(["exm-needs"])
        t.rules.clear().allow("alice", "manage-packages", package="exm-base")
        agent = t.agent("open")
        future = client.Packages.later("Remove", ["exm-base"], allow_more_removals=True, interactive=True)
        agent.wait()
        GO.touch()
        equal(root.Packages.Install(["exm-mends"]), [("install", "exm-mends", "1.0")])
        GO.unlink()
        if answer_during == "another change":
            other = root.Packages.later("Install", ["exm-slow"])
            daemon.wait_for(STARTED.exists, "the script runs", 20)
        elif answer_during == "the same change":
            root.Packages.Remove(["exm-base", "exm-needs"])
        agent.answer(agent.prompts[0]["cookie"], True)
        if answer_during == "another change":
            with expect("Busy"):
                future.result(20)
            GO.touch()
            equal(other.result(20), [("install", "exm-slow", "1.0")])
        elif answer_during == "the same change":
            equal(future.result(20), [])
        else:
            equal(sorted(future.result(20)), [("remove", "exm-base", "1.0"), ("remove", "exm-needs", "1.0")])
        agent.close()
        t.rules.clear().allow("alice")


# ---------------------------------------------------------------- while it goes on

def progress(heard, operation=""):
    return [arguments[1:] for interface, member, arguments in list(heard)
            if (interface, member) == ("Packages", "Progress") and arguments[0] == operation]


def test_progress_is_for_the_caller_alone(t):
    """PackageKit itself says nothing of an installation that is over within 0.1 s: hence the slow one."""
    client, other = main(t), t.client("bob")
    heard, overheard = client.listen(), other.listen()

    def told(operation):
        return progress(heard, operation)
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
        equal([words for words, next in zip(told(operation), told(operation)[1:]) if words == next], [], "said twice")
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
        with expect("Busy"):
            other.Packages.PackageStatus(["exm-base"])
        client.close()
        with expect("Busy"):
            other.Packages.Install(["exm-base"])
    watch.check(at_least=1)
    equal(installed("exm-slow"), None)
    GO.touch()
    daemon.wait_for(lambda: installed("exm-slow") == "1.0", "the installation goes to its end", 20)
    daemon.wait_for(lambda: t.journal.audit(method="Packages.Install", outcome="done"),
                    "it is on record", 20)
    equal([r["EXMACHINA_OUTCOME"] for r in t.journal.audit(packages="exm-slow")], ["begun", "done"])
    equal(other.Packages.Install(["exm-base"]), [("install", "exm-base", "1.0")])


def test_stopped_in_mid_install(t):
    """PackageKit goes on, and that is what is said and on record."""
    client = main(t)
    future = client.Packages.later("Install", ["exm-slow"])
    daemon.wait_for(STARTED.exists, "the script runs", 20)
    daemon.stop()
    with expect("Timeout") as seen:
        future.result(20)
    has(seen.message, "PackageKit goes on", "PackageStatus")
    has_not(seen.message, "taken back")
    equal([r["EXMACHINA_OUTCOME"].rpartition(".")[2] for r in t.journal.audit(packages="exm-slow")],
          ["begun", "Timeout"])
    GO.touch()
    daemon.wait_for(lambda: installed("exm-slow") == "1.0", "the installation goes to its end", 20)
    equal(client.Packages.Install(["exm-slow"]), [])


def test_stopped_in_mid_download(t):
    server, client = big(t)
    future = client.Packages.later("Install", ["exm-big"])
    assert server.half.wait(20), "the download has begun"
    daemon.stop()
    with expect("Timeout") as seen:
        future.result(20)
    has(seen.message, "no package was changed")
    assert server.lost.wait(20), "the download is cancelled"
    equal([r["EXMACHINA_OUTCOME"].rpartition(".")[2] for r in t.journal.audit(packages="exm-big")], ["Timeout"])


def test_another_program_at_work_is_waited_for_and_then_it_is_busy(t):
    """Here another client of PackageKit; as long as it works, PackageKit answers nobody."""
    client, root = main(t), t.root
    heard = client.listen()
    path = root.call("/org/freedesktop/PackageKit", "org.freedesktop.PackageKit", "CreateTransaction",
                     destination="org.freedesktop.PackageKit")
    ids = GLib.Variant("(tas)", (0, ["exm-slow;1.0;all;"]))
    root.call(path, "org.freedesktop.PackageKit.Transaction", "InstallPackages", ids,
              destination="org.freedesktop.PackageKit")
    daemon.wait_for(STARTED.exists, "the script runs", 20)
    questions = [client.Packages.later("PackageStatus", ["exm-base"], timeout=200) for _ in range(3)]
    equal(sorted(future.exception(200).short for future in questions), ["Busy", "Busy", "LimitExceeded"])
    with expect("Busy"):
        client.Packages.Install(["exm-base"], timeout=200)
    equal(progress(heard), [(0, WAITS)])
    refresh = client.Packages.later("Refresh", operation="lists", timeout=200)
    daemon.wait_for(lambda: (0, WAITS) in progress(heard, "lists"), "it is told that it waits", 20)
    GO.touch()
    refresh.result(200)
    daemon.wait_for(lambda: installed("exm-slow") == "1.0", "the installation", 20)
    equal(len(client.Packages.Install(["exm-base"])), 1, "no place is taken for ever")
    equal(len(client.Packages.PackageStatus(["exm-base"])), 1)


def test_lock_of_apt_is_waited_for(t):
    client = main(t)
    heard = client.listen()
    with open(repository.DATABASE / "lock-frontend", "w", encoding="utf-8") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        future = client.Packages.later("Install", ["exm-base"])
        daemon.wait_for(lambda: (0, WAITS) in progress(heard), "it is told that it waits", 20)
    equal(future.result(60), [("install", "exm-base", "1.0")])


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
        while not self.server.go.wait(0.02):
            if select.select([self.connection], [], [], 0)[0] and self.connection.recv(1) == b"":
                self.server.lost.set()
                return
        outputfile.write(content[len(content) // 2:])


def big(t):
    server = Server()
    t.undo(server.shutdown)
    use(t, repository.source("slow", scheme="http", place=f"//127.0.0.1:{server.server_port}"),
        repository.source())
    return server, alice(t)


def test_what_has_changed_during_the_download_is_judged_again(t):
    server, client = big(t)
    future = client.Packages.later("Install", ["exm-big"], allow_more_removals=True)
    assert server.half.wait(20), "the download has begun"
    repository.put("exm-late")
    server.go.set()
    with expect("Refused") as seen:
        future.result(60)
    has(seen.message, "now also remove exm-late", "nothing was changed")
    equal((installed("exm-late"), installed("exm-base"), installed("exm-big")), ("1.0", None, None))
    server, client = big(t)
    future = client.Packages.later("Install", ["exm-big"])
    assert server.half.wait(20), "the download has begun"
    repository.put("exm-base")
    server.go.set()
    equal(future.result(60), [("install", "exm-big", "1.0")], "what was not done by this call")


def test_caller_gone_in_mid_download(t):
    server, client = big(t)
    other = t.client("alice")
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
