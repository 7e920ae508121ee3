/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * args.h - a message's arguments as typed values, decoded once by the method's signature.
 *
 * Strings point into the message, which whoever holds an Args keeps. The decoder accepts exactly
 * the signature of the XML, bounds what it counts, and takes options only by the method's table: an
 * unknown key, a key given twice, a wrong type, or the lack of one that is mandatory is InvalidArgs
 * naming it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bus/call/method.h"
#include "tree/view.h"
#include "util/failure.h"
#include "util/limits.h"

typedef struct Pair {
        const char *first, *second;
} Pair;

typedef struct Option {
        const OptionSpec *spec; /* NULL: not given */
        const char *s;
        uint32_t u;
        uint64_t t;
        bool b;
        Pair *pairs; /* a(ss), a{ss} */
        size_t n_pairs;
        const char **strings; /* as */
        size_t n_strings;
} Option;

#define ARGS_MAX_OPTIONS 12

typedef struct Arg {
        const char *s;
        uint32_t u;
        uint64_t t;
        bool b;
        const char **strings; /* as */
        size_t n_strings;
        Pair *pairs; /* a(ss) */
        size_t n_pairs;
        Edit *edits; /* a(sas); verb and args point into the message */
        size_t n_edits;
} Arg;

typedef struct Args {
        Arg arg[METHOD_MAX_ARGS];
        Option options[ARGS_MAX_OPTIONS];
} Args;

/* Returns: 0; EXM_E_INVALID_ARGS; EXM_E_LIMIT_EXCEEDED; -errno. On failure args_done() is still
 * due. */
int args_decode(Args *ret, const Method *method, sd_bus_message *message, const Limits *limits,
                Failure *f);
void args_done(Args *args);

/* Overwrites the text at the beginning of a sensitive message's arguments: sd-bus wipes what it
 * sends, not what it has received. What was decoded of it is not to be used any more. */
void args_wipe(sd_bus_message *message);

/* Returns: the option if the caller gave it, else NULL. */
const Option *args_option(const Args *args, const char *name);
