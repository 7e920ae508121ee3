#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# preview-apply.sh PATH VALUE - one edit with busctl: shows the diff, asks, and writes what was shown.
#
# busctl makes a connection for each call, so it can hold neither a key nor a transaction. Preview and Apply
# need none: the versions that Preview has seen are what Apply expects, so nothing but what was shown is
# written. Who has a key uses exmachinactl --key-file.
set -euo pipefail

path=$1 value=$2
service=(org.exmachina1 /org/exmachina1)
edits=(1 set 2 "$path" "$value")
token=preview-apply-$(cat /proc/sys/kernel/random/uuid)

# Without a time-out: a dialog waits for a person, and a commit may take minutes. `--json` gives text exactly.
# Where busctl is the client, a dialog may open.
call() {
        busctl --json=short --timeout=infinity call "${service[@]}" "$@"
}

preview=$(call org.exmachina1.Config Preview 'a(sas)a{sv}' "${edits[@]}" 0)
diff=$(jq --raw-output '.data[0][] | .[1]' <<<"$preview")
if [[ -z $diff ]]; then
        echo "Nothing would change."
        exit 0
fi
printf '%s\nWrite this? [y/N] ' "$diff"
read -r answer || answer=
if [[ $answer != y ]]; then
        printf '\nNothing was written.\n'
        exit 1
fi

# File and version of each, as a{ss} takes them: how many, then pairs.
mapfile -t expect < <(jq --raw-output '.data[1] | length, (to_entries[] | .key, .value)' <<<"$preview")
if change=$(call org.exmachina1.Config Apply 'a(sas)a{sv}' "${edits[@]}" \
        2 token s "$token" expect 'a{ss}' "${expect[@]}"); then
        echo "Change $(jq '.data[0]' <<<"$change")."
        exit 0
fi

# busctl has printed the message of the error. If the reply was lost, the token tells.
found=$(call org.exmachina1.History ListChanges 'a{sv}' 1 token s "$token" |
        jq --raw-output '.data[0][0] // empty | "\(.id.data), which is \(.state.data)"')
if [[ -n $found ]]; then
        echo "It is change $found."
        [[ $found != *failed && $found != *reverted ]]
        exit
fi
exit 1
