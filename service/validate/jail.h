/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail.h - the transient unit in which one checker runs: what systemd takes away from it, as one
 * table. What has to be done after the future /etc is mounted, exmachina-validate does
 * (worker/jail.h).
 */
#pragma once

#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "validate/definition.h"

typedef struct JailConfig {
        const char *program; /* exmachina-validate */
        uid_t uid;           /* of checkers that are not root */
        gid_t gid;
} JailConfig;

typedef struct JailRun {
        const Validator *validator;
        char *const *command; /* of the checker, complete */
        int future;           /* sealed memfd: its input */
        uint64_t future_bytes;
        int output, control; /* pipes: its words, and what exmachina-validate says */
} JailRun;

/* Does the jail of `v` empty or hide this absolute name, or a directory above it? Then a checker
 * that does not find it says nothing about the configuration. `path` is `length` bytes long. */
bool jail_hides(const Validator *v, const char *path, size_t length);

/* The arguments of StartTransientUnit for unit `name`. Returns: 0 or -errno. */
int jail_append(sd_bus_message *m, const char *name, const JailConfig *config, const JailRun *run);
