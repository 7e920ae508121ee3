# bash completion for exmachinactl                                         -*- shell-script -*-
# SPDX-License-Identifier: LGPL-2.1-or-later
# What can stand somewhere is what 'exmachinactl complete' says: it asks the service, and no person.

# Takes the quotes of $cur away, of which the last may be open: readline keeps what stands before the
# word, and quotes what comes in its place.
__exmachinactl_unquote() {
        local rest=$cur quote='' c

        cur=
        while [[ -n $rest ]]; do
                c=${rest:0:1} rest=${rest:1}
                if [[ $c == "$quote" ]]; then
                        quote=''
                elif [[ -z $quote && $c == [\"\'] ]]; then
                        quote=$c
                elif [[ $c == "\\" && ($quote == '' || $quote == '"' && $rest == [\"\\\$\`]*) ]]; then
                        cur+=${rest:0:1} rest=${rest:1}
                else
                        cur+=$c
                fi
        done
        quoted=$quote
}

# The candidates of a kind (see client/complete.c) for the word that is being written.
__exmachinactl_ask() {
        local IFS=$'\n'

        mapfile -t COMPREPLY < <(exmachinactl complete "$1" "$cur" 2>/dev/null)
        if [[ $1 == paths || $1 == files ]]; then
                compopt -o filenames -o nospace
                # A second one keeps readline from closing the quote where the path goes on.
                [[ -z $quoted || ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != */ ]] || COMPREPLY+=("${COMPREPLY[0]}*")
        fi
}

__exmachinactl_words() {
        mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# Names of packages that apt knows here: the service has no list of them. Where apt keeps no cache it
# makes one in memory.
__exmachinactl_packages() {
        mapfile -t COMPREPLY < <({ apt-cache --no-generate pkgnames "$cur" || apt-cache pkgnames "$cur"; } \
                2>/dev/null | head -n 500)
}

# After an option that takes an argument; false: this is none.
__exmachinactl_argument() {
        case $1 in
        --key-file) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        --root) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        --file | --expect | --lens | --read | --write) __exmachinactl_ask files ;;
        --reload | --restart | --unit) __exmachinactl_ask units ;;
        --package) __exmachinactl_packages ;;
        --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
        --json) __exmachinactl_words 'short pretty off' ;;
        --state) __exmachinactl_words 'prepared pending applied reverted failed' ;;
        -H | --host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
        -m | --message | -n | --lines | --confirm | --grace | --since | --before | --token | --expires)
                COMPREPLY=()
                ;;
        *) return 1 ;;
        esac
}

# After read and write a file, after install and remove a package, after a verb of units a unit.
__exmachinactl_permitted() {
        local units='start stop restart reload reload-or-restart enable disable mask unmask'

        if [[ $prev == read || $prev == write ]]; then
                __exmachinactl_ask files
        elif [[ $prev == install || $prev == remove ]]; then
                __exmachinactl_packages
        elif [[ " $units " == *" $prev "* ]]; then
                __exmachinactl_ask units
        else
                __exmachinactl_words "read write install remove $units manage-keys read-history"
        fi
}

# The words of the verb "$1", of which "$2" stand before the one that is being written.
__exmachinactl_of_verb() {
        case $1:$2 in
        get:0 | ls:0 | print:0 | errors:0 | set:0 | clear:0 | touch:0 | setm:0 | clearm:0 | rm:0 | \
        rename:0 | mv:* | cp:* | ins:2 | defvar:1 | defnode:1)
                __exmachinactl_ask paths
                ;;
        ins:1) __exmachinactl_words 'before after' ;;
        cat:0 | files:0 | text:0 | mode:0 | owner:0 | ln:1) __exmachinactl_ask files ;;
        edit:0 | text:1) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        show:0 | revert:0) __exmachinactl_ask changes ;;
        confirm:0 | extend:0) __exmachinactl_ask pending ;;
        units:* | status:* | start:* | stop:* | restart:* | reload:* | reload-or-restart:* | \
        enable:* | disable:* | mask:* | unmask:*)
                __exmachinactl_ask units
                ;;
        timezone:0) __exmachinactl_ask timezones ;;
        package:0) __exmachinactl_words 'status refresh install remove' ;;
        package:*) __exmachinactl_packages ;;
        permitted:*) __exmachinactl_permitted ;;
        key:0) __exmachinactl_words 'create list revoke' ;;
        key:1) [[ $prev != revoke ]] || __exmachinactl_ask keys ;;
        diff:0 | validate:0) __exmachinactl_ask verbs ;;
        esac
}

# Readline takes a colon outside of quotes for the end of a word.
__exmachinactl_trim() {
        [[ -n $quoted ]] || __ltrim_colon_completions "$cur"
}

_exmachinactl() {
        local cur prev words cword verb='' before=0 i with_argument quoted

        _get_comp_words_by_ref -n =: cur prev words cword
        if [[ $cur == --*=* ]]; then
                prev=${cur%%=*} cur=${cur#*=}
                __exmachinactl_unquote
                __exmachinactl_argument "$prev"
                __exmachinactl_trim
                return
        fi
        __exmachinactl_unquote
        if __exmachinactl_argument "$prev"; then
                return
        fi
        with_argument='-H|--host|-m|--message|-n|--lines|--key-file|--lens|--expect|--confirm|--reload'
        with_argument+='|--restart|--grace|--since|--before|--file|--state|--token|--user|--read|--write'
        with_argument+='|--unit|--package|--expires|--root'
        for ((i = 1; i < cword; i++)); do
                if [[ ${words[i]} =~ ^($with_argument)$ ]]; then
                        ((i++))
                elif [[ ${words[i]} == -* ]]; then
                        :
                elif [[ -z $verb || ($verb == @(diff|validate) && $before == 0) ]]; then
                        verb=${words[i]} before=0
                else
                        ((before++))
                fi
        done
        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(exmachinactl complete options "$verb")" -- "$cur")
                [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
        elif [[ -z $verb && $cur == /* ]]; then
                __exmachinactl_ask paths
        elif [[ -z $verb ]]; then
                __exmachinactl_ask verbs
        else
                __exmachinactl_of_verb "$verb" "$before"
        fi
        __exmachinactl_trim
}
complete -F _exmachinactl exmachinactl
