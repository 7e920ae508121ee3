# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arguments that fit each method of the contract, so that suites can go through all of them."""
from bus import CONTRACT

HOSTS = """# The addresses of this machine
127.0.0.1  localhost

# others
192.0.2.7       files.example files   # the file server
"""
PROBE = "exm-probe.service"
PROBE_UNIT = """[Unit]
Description=A unit of the tests

[Service]
ExecStart=/bin/sleep infinity
ExecReload=/bin/true

[Install]
WantedBy=multi-user.target
"""


def arguments(method, file="/etc/hosts", node="1/ipaddr", change=999999999):
    """What a caller who may do it would send; about one node of one file, one change, or the unit PROBE."""
    path = f"/files{file}/{node}"
    edits = [("set", [path, "192.0.2.99"])]
    values = {"path": path, "expression": path, "base": path, "sub": "", "value": "192.0.2.99",
              "label": "new", "before": True, "source": path, "destination": path + "2",
              "file": file, "glob": file, "edits": edits, "unit": PROBE, "names": ["exm-probe"], "timezone": "Etc/UTC", "patterns": [],
              "offset": 0, "limit": 0, "change": change, "seconds": 60,
              "key": "exm1_nobody_" + 43 * "A", "name": "exm-probe", "wants": [("read", file)]}
    return [values[name] for name, type_ in method.ins if type_ != "a{sv}"]


def options(method):
    """The options without which it is not taken."""
    return {name: {"s": ""}[method.options[name]] for name in method.mandatory}


def methods(*interfaces):
    for interface in interfaces or CONTRACT:
        for method in CONTRACT[interface].values():
            yield interface, method


def wrong_signature(method):
    """A body that no method takes."""
    from bus import GLib
    assert method.signature != "(dd)"
    return GLib.Variant("(dd)", (1.5, 2.5))
