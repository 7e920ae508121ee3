/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail.h - what a checker is left with: exmachina-validate's steps after the future /etc is there.
 *
 * The unit that it runs in (service/validate/jail.c) has made the system read-only and emptied most
 * of it. It must be assumed that the checker runs code of whoever wrote the configuration, as uid 0
 * if it needs to read what only root may: so what a uid 0 without capabilities can still do is
 * taken away too. Signals, limits and priorities of other processes of root: it has a PID namespace
 * of its own. Sockets, namespaces, mounts, keys, ways around the filter: the filter.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Jail {
        uid_t uid;
        gid_t gid;
        uint64_t capabilities; /* that it keeps */
        uint64_t families;     /* 1 inet, 2 inet6, 4 netlink, 8 socketpair() */
        uint64_t timeout_sec;  /* of the wall's clock, then it is killed with all it started */
        uint64_t cpu_seconds;  /* of each process */
        uint64_t memory_bytes; /* address space of each process */
        uint64_t processes;    /* 1: it starts no other */
        bool whole_proc;
        char **empty;   /* directories to be empty and writable; NULL-terminated */
        char **command; /* [0] absolute; NULL-terminated */
} Jail;

/* Empties directories. Returns: 0 or -errno with a line on stderr, as those below. */
int jail_empty(const Jail *jail);

/* In the new PID namespace: a /proc of its own, read-only. */
int jail_mount_proc(const Jail *jail);

/* Gives up all but what `jail` says, for good. */
int jail_enter(const Jail *jail);
