# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every lens-covered file of the machine: Read is what augtool prints, a no-op commit writes nothing."""
import os
from pathlib import Path

import daemon
from bus import expect
from case import equal


def augtool(*commands):
    return daemon.run("augtool", input="\n".join(commands) + "\n")


def augtool_tree():
    """file → [(path, has_value, value)] as augtool has it."""
    broken = set(unparsable())
    files = [line.partition(" = ")[2].strip().removeprefix("/files")
             for line in augtool("match /augeas/files//path").splitlines() if " = " in line]
    files = [file for file in files if file not in broken and _may_be_read(file)]
    printed = {file: [] for file in files}
    output = augtool(*(f"print /files{_escape(file)}" for file in files))
    roots = {f"/files{_escape(file)}": file for file in files}
    nodes = None
    for line in output.splitlines():
        path, equals, value = line.partition(' = "')
        if path in roots:
            nodes = printed[roots[path]]
        if nodes is not None:
            nodes.append((path, bool(equals), value[:-1]))
    return printed


def unparsable():
    lines = augtool("match /augeas/files//error").splitlines()
    return [line.partition(" = ")[0].removeprefix("/augeas/files").removesuffix("/error").replace("\\", "")
            for line in lines if line.startswith("/augeas/files/etc/")]


def _may_be_read(file):
    """By whoever is authorised: within the readable root, and not the service's own configuration."""
    real = os.path.realpath(file)
    return real.startswith("/etc/") and not real.startswith("/etc/exmachina/")


def _escape(file):
    return "".join("\\" + c if c in " ()[]|=,!\t\\" else c for c in file)


def _printed_value(value):
    """As augtool's print escapes a value."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b",
             "\f": "\\f", "\v": "\\v"}
    return "".join(named.get(char) or (char if " " <= char <= "~" else
                                       "".join(f"\\{byte:03o}" for byte in char.encode()))
                   for char in value)


def test_read_is_what_augtool_prints(t):
    root = t.client("root")
    expected = augtool_tree()
    assert len(expected) > 50, f"only {len(expected)} files"
    wrong, compared = [], 0
    for file, nodes in expected.items():
        try:
            content = Path(file).read_bytes()
            content.decode()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        answer, total, _ = root.Config.Read(f"/files{_escape(file)}/descendant-or-self::*", 0, 0)
        got = [(path, has_value, _printed_value(value)) for path, has_value, value in answer]
        compared += 1
        if got != nodes or total != len(nodes):
            pair = next(((g, n) for g, n in zip(got, nodes) if g != n), (len(got), len(nodes)))
            wrong.append(f"{file}: {pair}")
    assert not wrong, f"{len(wrong)} of {compared} differ: {'; '.join(wrong[:5])}"
    assert compared > 50, f"only {compared} files compared"


def test_files_are_those_of_augtool(t):
    root = t.client("root")
    expected = set(augtool_tree())
    listed = {file for file, _ in root.Config.ListFiles("/etc/**")}
    public = {file for file in expected if _is_public(file)}
    missing = public - listed
    assert not missing, f"not listed: {sorted(missing)[:5]}"


def _is_public(file):
    path = Path(file)
    real = path.resolve()
    return os.stat(real).st_mode & 0o004 and \
        all(os.stat(parent).st_mode & 0o001 for parent in real.parents) and \
        not any(name.startswith("system.posix_acl") for name in os.listxattr(real))


def test_unparsable_files_are_those_of_augtool(t):
    root = t.client("root")
    expected = [file for file in unparsable() if _may_be_read(file)]
    assert expected, "this machine has no unparsable file to compare"
    for file in sorted(expected):
        found = root.Config.Errors("/files" + _escape(file))
        equal([e["file"] for e in found], [file])
        if "NUL" not in found[0]["message"] and found[0]["kind"] == "parse_failed":
            with expect("ParseFailed"):
                root.Config.GetValue(f"/files{_escape(file)}/1")


def test_no_op_commit_writes_nothing(t):
    """Each file is loaded into a transaction and one value set to what it is: change 0, same inode."""
    root = t.client("root")
    wrong, done = [], 0
    for file, nodes in augtool_tree().items():
        leaf = next((path for path, has_value, _ in nodes[1:] if has_value), None)
        if leaf is None:
            continue
        before = os.stat(file)
        transaction = root.begin()
        try:
            _, value = transaction.GetValue(leaf)
            if "\ufffd" in value or any(ord(c) < 32 and c not in "\t\n" for c in value):
                continue
            transaction.SetValue(leaf, value)
            diff = transaction.Diff()
            change = transaction.Commit()
        finally:
            for path in root.Config.Transactions():
                root.transaction(path).Rollback()
        after = os.stat(file)
        done += 1
        if change or diff or (before.st_ino, before.st_mtime_ns, before.st_ctime_ns) != \
                (after.st_ino, after.st_mtime_ns, after.st_ctime_ns):
            wrong.append(f"{file} (change {change})")
    assert not wrong, f"{len(wrong)} of {done}: {'; '.join(wrong[:5])}"
    assert done > 50, f"only {done} files"


test_no_op_commit_writes_nothing.slow = True
test_read_is_what_augtool_prints.slow = True
