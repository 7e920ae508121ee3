#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# walk.sh - the main job, step by step, as alice, an ordinary user; run by ./try in the throwaway
# machine. Every command is printed before its output. A step that does not end as it should (an allowed
# one is refused, a refused one is allowed) ends the walk with an error.
set -euo pipefail

config=(org.exmachina1 /org/exmachina1 org.exmachina1.Config)
units=(org.exmachina1 /org/exmachina1 org.exmachina1.Units)

say() {
        printf '\n\033[1m# %s\033[0m\n' "$*"
}

# Prints a command as one would type it, and runs it as alice.
show() {
        printf '\033[36malice$'
        printf ' %s' "${@@Q}" | sed "s/ '\([][a-zA-Z0-9_./:=@-]\{1,\}\)'/ \1/g"
        printf '\033[0m\n'
        runuser -u alice -- "$@"
}

allowed() {
        show "$@" || {
                echo "walk: this was to be allowed" >&2
                exit 1
        }
}

denied() {
        if show "$@" 2>&1; then
                echo "walk: this was to be denied" >&2
                exit 1
        fi
}

as_root() {
        printf '\033[35mroot#\033[0m %s\n' "$*"
        "$@"
}

cat >/etc/systemd/system/greeter.service <<'UNIT'
[Unit]
Description=A service that reads its name at start

[Service]
ExecStart=/bin/sh -c 'echo "I am $$(cat /etc/hostname)"; exec sleep infinity'
UNIT
systemctl daemon-reload
systemctl start greeter.service

say "Who asks: an ordinary user, in no group of any power."
allowed id

say "1. A public file: anybody may read it. This call starts the service."
allowed busctl call "${config[@]}" GetValue s /files/etc/hosts/1/ipaddr
allowed busctl call "${config[@]}" Match s '/files/etc/hosts/*/canonical'
allowed gdbus call --system --dest org.exmachina1 --object-path /org/exmachina1 \
        --method org.exmachina1.Config.Read '/files/etc/hosts/*' 0 0

say "2. A secret file: denied, unless polkit says otherwise."
denied busctl call "${config[@]}" Match s '/files/etc/shadow/*'
denied gdbus call --system --dest org.exmachina1 --object-path /org/exmachina1 \
        --method org.exmachina1.Config.ReadFile /etc/shadow

say "3. Anybody may see what an edit would change ..."
edit=(1 set 2 '/files/etc/hosts/*[ipaddr="192.0.2.7"]/ipaddr' 192.0.2.8)
allowed busctl call "${config[@]}" Preview 'a(sas)a{sv}' "${edit[@]}" 0

say "... but not make it so."
denied busctl call "${config[@]}" Apply 'a(sas)a{sv}' "${edit[@]}" 0

say "4. The administrator lets alice change /etc/hosts, and restart greeter.service; nothing else."
cat >/etc/polkit-1/rules.d/50-alice.rules.new <<'RULES'
polkit.addRule(function(action, subject) {
    if (subject.user !== "alice")
        return polkit.Result.NOT_HANDLED;
    if (action.id === "org.exmachina1.write-config" && action.lookup("file") === "/etc/hosts")
        return polkit.Result.YES;
    if (action.id === "org.exmachina1.manage-units" && action.lookup("verb") === "restart" &&
        action.lookup("unit") === "greeter.service")
        return polkit.Result.YES;
    return polkit.Result.NOT_HANDLED;
});
RULES
mv /etc/polkit-1/rules.d/50-alice.rules.new /etc/polkit-1/rules.d/50-alice.rules
as_root cat /etc/polkit-1/rules.d/50-alice.rules
sleep 1

say "5. The same edit again, with the reason that the journal will show."
allowed busctl call "${config[@]}" Apply 'a(sas)a{sv}' "${edit[@]}" 1 message s 'the file server has moved'
say "The file: one address has changed; comments, spaces and order have not."
allowed cat /etc/hosts

say "Another file is still denied."
denied busctl call "${config[@]}" Apply 'a(sas)a{sv}' 1 set 2 /files/etc/hostname/hostname evil 0

say "6. A transaction: several edits over one connection, a diff, then the commit."
allowed cat /usr/src/exmachina/docs/examples/transaction.py
allowed /usr/bin/python3 /usr/src/exmachina/docs/examples/transaction.py
allowed tail -n 2 /etc/hosts

say "7. A service restarted: the reply comes when the job is done. (Another one: denied.)"
allowed busctl --timeout=600 call "${units[@]}" Restart 'sa{sv}' greeter.service 0
denied busctl call "${units[@]}" Stop 'sa{sv}' systemd-journald.service 0
allowed busctl call "${units[@]}" Status s greeter.service

say "8. What the journal says about all this."
journalctl --sync
as_root journalctl --quiet --no-pager --output=cat MESSAGE_ID=7a1c7d2e1bb44d2f9d5d3f6c0e9a4b51

say "Done. The machine ends here, and nothing of it remains. ./try --shell leaves you in it."
