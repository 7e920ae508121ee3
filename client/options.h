/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.h - the options of all verbs, and which verb takes which.
 *
 * One table names each option once: its group, its argument, its help. A verb names the groups that
 * it takes; an option of another group is an error, never ignored.
 */
#pragma once

#include "util/strv.h"

/* Groups of options, a bit each. */
#define TAKES_GENERAL  0U
#define TAKES_STAGE    (1U << 0) /* what is known before anything is written: --dry-run, --lens */
#define TAKES_COMMIT   (1U << 1) /* how it is written: --message, --confirm ... */
#define TAKES_MERGE    (1U << 2)
#define TAKES_FILTER   (1U << 3) /* which changes */
#define TAKES_NOW      (1U << 4)
#define TAKES_KEY      (1U << 5)
#define TAKES_OFFLINE  (1U << 6)
#define TAKES_UNITS    (1U << 7) /* what else is done with the change: --reload ... */
#define TAKES_REMOVALS (1U << 8)
#define TAKES_N        9U /* groups */

typedef enum OutputMode {
        OUTPUT_TEXT,
        OUTPUT_JSON_SHORT,
        OUTPUT_JSON_PRETTY,
} OutputMode;

/* Strings are those of argv. */
typedef struct Options {
        OutputMode output;
        const char *host;
        const char *key_file;
        bool no_pager, no_legend, no_ask_password, quiet, help, version;

        bool dry_run, no_validate, reload_affected, merge;
        const char *message;
        unsigned confirm; /* seconds; 0: not asked for */
        unsigned grace;   /* seconds; UINT_MAX: not given */
        char **reload, **restart, **expect, **lenses;

        bool all, now;
        const char *file, *state, *token;
        uint64_t since, before; /* µs since 1970; 0: not given */
        unsigned lines;         /* 0: not given */

        const char *user, *root;
        char **read, **write, **units, **packages;
        uint64_t expires; /* µs since 1970; 0: never */
        bool privileged, timezone, offline;

        bool allow_more_removals;

        unsigned groups;                     /* those that an option was given of */
        const char *first_of_group[TAKES_N]; /* its name */
} Options;

/* Reads options wherever they stand, up to "--". What is wrong has been said on standard error.
 * Returns: 0, and argv[*ret_first...] are the other words; EXIT_USAGE; -ENOMEM. */
int options_parse(Options *options, int argc, char **argv, int *ret_first);
void options_done(Options *options);

/* Returns: the name of an option that was given but is in none of `groups`, or NULL. */
const char *options_first_besides(const Options *options, unsigned groups);

/* The help of the general options, and of those of `groups`. */
void options_print_help(unsigned groups);

/* The names, each on a line, for completion: of the general ones and of `groups`. */
void options_print_names(unsigned groups);
