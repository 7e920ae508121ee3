/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * definition.h - one validator: a file of validators.d as data (docs/validators.md).
 *
 * Such a file is root's and trusted; the program that it names, and all that this program prints,
 * are not. Immutable once read, so threads may use it.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* Address families that a checker may open sockets of, in a network of its own that leads nowhere.
 */
typedef enum ValidatorFamily {
        VALIDATOR_INET = 1 << 0,
        VALIDATOR_INET6 = 1 << 1,
        VALIDATOR_NETLINK = 1 << 2,
        VALIDATOR_PAIR = 1 << 3, /* socketpair(2) */
} ValidatorFamily;

/* A line of its words that tells where the fault is. Without a file: the one it was to check. */
typedef struct ValidatorLocation {
        regex_t regex;
        unsigned file, line; /* which group; 0: it has none */
} ValidatorLocation;

typedef struct ValidatorPatterns {
        regex_t *list;
        size_t n;
} ValidatorPatterns;

typedef struct Validator {
        char *name;     /* of its file, without ".conf" */
        char **files;   /* globs (files/name-glob.h) */
        char **units;   /* that use these files; globs allowed */
        char **command; /* [0] is the program: an absolute name, globs allowed; in the others %f
                         * stands for the changed files, %d for the names of their directories
                         * without ".d", %e for one file: then it runs once for each */
        unsigned timeout_sec, cpu_sec;
        uint64_t memory_bytes;
        unsigned processes; /* at once; 1: it can start no other, threads apart */
        bool as_root;       /* uid 0; else a user of its own */
        uint64_t capabilities;
        unsigned families; /* of ValidatorFamily */
        bool whole_proc;   /* also what /proc says of the system (read-only) */
        char **empty;      /* directories that it finds empty, and may write */
        ValidatorLocation *locations;
        size_t n_locations;
        ValidatorPatterns failed; /* a line like that is a failure whatever the exit status is */
        ValidatorPatterns inconclusive; /* the jail is the reason, not the configuration */
        char *damaged; /* NULL, or its file, of which only the globs are known: it cannot run */
        const struct Validator *stand_in; /* checks in place of a damaged one; NULL: none does */
} Validator;

/* Reads one file. One that is damaged is logged, with its key, and returned as such, with the globs
 * if they can be read. Returns: 0, with *ret NULL if the file is empty; -ENOMEM. */
int validator_read(Validator **ret, const char *file, const char *name);
Validator *validator_free(Validator *validator);
DEFINE_CLEANUP(Validator *, validator_free);

/* Is any of its globs for this file? */
bool validator_matches(const Validator *validator, const char *file);

/* Has it something to say of a file, which is known by two names: what is acted on, and as the
 * caller gave it? */
bool validator_applies(const Validator *validator, const char *name, const char *path);
