# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signed repositories of small packages, and a PackageKit that knows only them.

Everything is below one directory in /run, dpkg's database too: packagekitd is sent there by a drop-in of
its unit. So nothing in /etc changes, the system's own repositories are not asked, it does not matter what
is installed there, and each test begins with a database of a few packages. Since the service asks dpkg-query
too, it is mounted where dpkg's own is.
"""
import hashlib
import shutil
import subprocess
import textwrap
from pathlib import Path

import daemon

HOME = Path("/run/exmachina-repository")
DATABASE, PLACE = HOME / "dpkg", Path("/var/lib/dpkg")
# What is installed there from the start, in name only.
INSTALLED = ("dpkg", "systemd", "dbus", "polkitd", "packagekit", "exmachina", "tzdata")
DROP_IN = Path("/run/systemd/system/packagekit.service.d/test.conf")
SERVICE = "packagekit.service"
ARCHITECTURE = "all"


def _run(*command, **keywords):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True,
                          timeout=60, **keywords).stdout


class Repository:
    """`name` is that of its folder. Packages are added, then publish() makes them known."""

    def __init__(self, name="main"):
        self.folder = HOME / name
        self.packages = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, name, version="1.0", scripts=None, size=0, **fields):
        """`scripts`: {"postinst": shell text}; `size`: bytes of content that do not compress away."""
        tree = HOME / "build" / f"{name}_{version}"
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "DEBIAN").mkdir(parents=True)
        share = tree / "usr/share" / name
        share.mkdir(parents=True)
        (share / "version").write_text(version + "\n")
        if size:
            (share / "content").write_bytes(b"x" * size)
        control = {"Package": name, "Version": version, "Architecture": ARCHITECTURE,
                   "Maintainer": "Nobody <nobody@example>", "Description": "a package of the tests"}
        control.update({key.replace("_", "-"): value for key, value in fields.items()})
        text = "".join(f"{key}: {value}\n" for key, value in control.items())
        (tree / "DEBIAN/control").write_text(text)
        for script, body in (scripts or {}).items():
            path = tree / "DEBIAN" / script
            path.write_text("#!/bin/sh\n" + textwrap.dedent(body))
            path.chmod(0o755)
        deb = self.folder / f"{name}_{version}.deb"
        _run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb)
        shutil.rmtree(tree)
        content = deb.read_bytes()
        self.packages.append(text + f"Filename: ./{deb.name}\nSize: {len(content)}\n"
                             f"SHA256: {hashlib.sha256(content).hexdigest()}\n")

    def publish(self, sign=True):
        listing = "\n".join(self.packages).encode()
        (self.folder / "Packages").write_bytes(listing)
        release = ("Origin: exmachina\nSuite: stable\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
                   f" {hashlib.sha256(listing).hexdigest()} {len(listing)} Packages\n")
        for name in ("Release", "InRelease"):
            (self.folder / name).unlink(missing_ok=True)
        if sign:
            _run(*_gpg(), "--clearsign", "--output", self.folder / "InRelease", input=release.encode())
        else:
            (self.folder / "Release").write_text(release)


def _gpg():
    return ["gpg", "--homedir", HOME / "gpg", "--batch", "--quiet", "--yes"]


def make_key():
    """Once; the public half is what apt trusts."""
    if (HOME / "key.gpg").exists():
        return
    (HOME / "gpg").mkdir(parents=True)
    (HOME / "gpg").chmod(0o700)
    _run(*_gpg(), "--passphrase", "", "--quick-generate-key", "tests@example", "ed25519", "sign", "never")
    (HOME / "key.gpg").write_bytes(_run(*_gpg(), "--export"))


def use(*sources):
    """packagekitd, started anew, knows these lines of a sources.list and nothing else."""
    lists, cache = HOME / "lists", HOME / "cache"
    shutil.rmtree(lists, ignore_errors=True)
    shutil.rmtree(cache, ignore_errors=True)
    for folder in (lists / "partial", cache / "archives/partial"):
        folder.mkdir(parents=True)
    (HOME / "sources.list").write_text("".join(line + "\n" for line in sources))
    (HOME / "apt.conf").write_text(f"""
Dir::Etc::sourcelist "{HOME}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "{lists}";
Dir::Cache "{cache}";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::State::status "{DATABASE}/status";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
DPkg::Options {{ "--admindir={DATABASE}"; "--force-unsafe-io"; }};
""")
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    # Without a network in the machine PackageKit would call itself offline and fetch nothing, not even
    # from a file: base is the network monitor that does not look.
    DROP_IN.write_text(f"[Service]\nEnvironment=APT_CONFIG={HOME}/apt.conf "
                       "GIO_USE_NETWORK_MONITOR=base\n"
                       "ExecStart=\nExecStart=/usr/libexec/packagekitd --keep-environment\n")
    daemon.run("systemctl", "daemon-reload")
    daemon.run("systemctl", "stop", SERVICE)
    if not PLACE.is_mount():
        DATABASE.mkdir(exist_ok=True)
        daemon.run("mount", "--bind", str(DATABASE), str(PLACE))


def source(name="main", options="", scheme="file", place=HOME):
    return f"deb [signed-by={HOME}/key.gpg{' ' + options if options else ''}] {scheme}:{place}/{name} ./"


def reset():
    """No package of the tests is installed."""
    DATABASE.mkdir(parents=True, exist_ok=True)
    for entry in DATABASE.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for folder in ("info", "updates", "triggers"):
        (DATABASE / folder).mkdir()
    (DATABASE / "status").write_text("")
    for name in INSTALLED:
        put(name)
    for folder in Path("/usr/share").glob("exm-*"):
        shutil.rmtree(folder)


def put(name, version="1.0", status="install ok installed"):
    """A package in name only, as if another program had installed it just now."""
    (DATABASE / "info" / f"{name}.list").touch()
    new = DATABASE / "status-of-test"
    new.write_text((DATABASE / "status").read_text() + f"Package: {name}\nStatus: {status}\nVersion: {version}\n"
                   f"Architecture: {ARCHITECTURE}\nMaintainer: Nobody <nobody@example>\n"
                   "Description: a package of the system\n\n")
    new.rename(DATABASE / "status")


def hold(name, want="hold"):
    """As apt-mark does; "install" ends it."""
    subprocess.run(["dpkg", f"--admindir={DATABASE}", "--set-selections"], check=True, input=f"{name} {want}\n",
                   text=True)


def installed(name):
    """The version; None if it is not wholly installed."""
    done = subprocess.run(["dpkg-query", f"--admindir={DATABASE}", "--show",
                           "--showformat=${db:Status-Status} ${Version}", name],
                          capture_output=True, text=True, check=False).stdout.split()
    return done[1] if done and done[0] == "installed" else None


def leave():
    """packagekitd and dpkg's database as they were."""
    if PLACE.is_mount():
        daemon.run("umount", str(PLACE))
    reset()
    daemon.run("systemctl", "stop", SERVICE)
    shutil.rmtree(DROP_IN.parent, ignore_errors=True)
    daemon.run("systemctl", "daemon-reload")
