/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * method.h - one row per method of the introspection XML: what it takes, who may call it, who does
 * it.
 *
 * The rows are generated (introspection/generate.py); nothing reaches a `run` function but through
 * the gate (gate.c), which reads them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-bus.h>

#include "util/macro.h"

#define METHOD_MAX_ARGS 4

typedef struct Call Call;

/* What a caller needs before `run` is called. */
typedef enum Needs {
        NEEDS_PUBLIC, /* nothing: it concerns only what this connection made or gives up itself */
        NEEDS_READ,   /* read-config, and read-secret-config for each file that is not public */
        NEEDS_WRITE,  /* the same here; run asks for each changed file (write.h) */
        NEEDS_OWN_OR_HISTORY, /* nothing more for one's own change, else read-history */
        NEEDS_OWN_OR_WRITE, /* nothing more for one's own, else the right to write each of its files
                             */
        NEEDS_ACTION,       /* Method.action */
} Needs;

/* What the call is about: which files have to be loaded, what polkit is told. */
typedef enum About {
        ABOUT_NOTHING,
        ABOUT_EXPRESSION,
        ABOUT_FILE,
        ABOUT_GLOB,
        ABOUT_EDITS,
        ABOUT_OPTIONS,
        ABOUT_STAGED,
        ABOUT_UNIT,
        ABOUT_ZONE,
        ABOUT_PACKAGES,
        ABOUT_CHANGE,
        ABOUT_KEY,
} About;

typedef struct OptionSpec {
        const char *name, *type;
        bool mandatory;
} OptionSpec;

typedef struct Method {
        const char *interface, *member;
        const char *signature;
        const char *arg_names[METHOD_MAX_ARGS + 1];
        Needs needs;
        const char *action;
        About about;
        int about_args[2];
        const char *verb;
        const OptionSpec *options;
        bool sensitive; /* its messages are wiped (args_wipe()), its arguments are on no record */
        int (*run)(Call *call);
} Method;

extern const Method methods[];
extern const size_t n_methods;

/* The handler of every method in every vtable (gate.c). */
int gate_on_method(sd_bus_message *message, void *userdata, sd_bus_error *error);

#include "introspection-tables.h"
