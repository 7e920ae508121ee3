/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * grants.h - what a key may do, and who may use it. Pure: no I/O.
 *
 * Files are matched by their canonical name (links resolved by whoever asks), units by their real
 * id; auth/glob.h has the syntax of globs. A grant without glob characters (or with each of them
 * escaped by a backslash) is literal. Without `privileged` a glob reaches only files that are
 * public (to read) or ordinary (to write): anything else must be granted by its literal name; and a
 * glob of units never reaches poweroff, reboot, halt, kexec, rescue, emergency, debug-shell, user@
 * or ExMachina itself. Nothing reaches ExMachina's own configuration and state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/failure.h"

typedef struct Grants {
        char *user;       /* who may use the key, by name; "": anyone */
        char **read;      /* globs on absolute file names */
        char **write;     /* likewise; implies reading */
        char **units;     /* "nginx.service:reload,restart": glob on ids, verbs of units.h */
        char **packages;  /* globs on names: may be installed and removed */
        uint64_t expires; /* µs, CLOCK_REALTIME; 0: never */
        bool timezone;    /* the time zone may be set */
        bool privileged;
} Grants;

#define GRANTS_MAX       256U  /* entries of each list */
#define GRANTS_MAX_BYTES 4096U /* one entry */

/* Syntax of all fields; `user` must be set ("" says anyone), and is a name that is looked up by
 * whoever makes the key. Returns: 0 or EXM_E_INVALID_ARGS naming the entry. */
int grants_check(const Grants *grants, Failure *f);
/* Is this one of the verbs of units.h? */
bool grants_verb_is_known(const char *verb, size_t length);
/* Deep; *ret is only set if it works. Returns: 0 or -ENOMEM. */
int grants_copy(const Grants *from, Grants *ret);
void grants_done(Grants *grants);

/* May this file be read? `is_public`: its class. */
bool grants_read(const Grants *grants, const char *canonical, bool is_public);
/* May it be written? `is_ordinary`: on the list of ordinary files. `only_text`: its mode and owner
 * stay, and it becomes no link; those are for `privileged` keys, since who has them for a moment
 * keeps the file. */
bool grants_write(const Grants *grants, const char *canonical, bool is_ordinary, bool only_text);
/* May `verb` (unit_verb_to_string()) be done to the unit? */
bool grants_unit(const Grants *grants, const char *id, const char *verb);
/* May this package be installed and removed? */
bool grants_package(const Grants *grants, const char *name);
/* Is there any package that may? Then the lists may be seen and refreshed. */
bool grants_any_package(const Grants *grants);
/* Is there any verb that may be done to the unit? Then its status may be seen. */
bool grants_any_verb(const Grants *grants, const char *id);

/* For the time before links are resolved: could the file of this name be granted? Then it may be
 * looked at; grants_read() decides. */
bool grants_may_look(const Grants *grants, const char *name);
/* Could a file under this prefix (a directory with or without final slash, or a beginning of
 * names) be granted? Then it may be walked. */
bool grants_may_walk(const Grants *grants, const char *prefix);
/* Is there any file that may be read? */
bool grants_any_file(const Grants *grants);
