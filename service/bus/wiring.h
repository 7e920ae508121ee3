/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wiring.h - the service as a whole, from the connection to the bus to its end.
 */
#pragma once

#include "bus/call/manager.h"

typedef struct ManagerConfig {
        const Limits *limits;
        char *const *readable;
        char *const *writable;
        TreeConfig tree;
        const char *ordinary_files; /* path of the list */
        const char *file_modes;     /* path of the list */
        const char *ways_to_root;   /* path of the list */
        const char *keys;           /* the directory of the keys */
        const char *key_state;      /* the directory of their times of use */
        const char *diff_path;      /* absolute, starts exmachina-diff */
        const Validators *validators;
        JailConfig jail; /* in which they run */
} ManagerConfig;

/* Connects to the system bus, exports the objects and asks for the name.
 * `config` and what it points to outlive the manager. Returns: 0 or -errno, logged. */
int manager_new(Manager **ret, sd_event *event, const ManagerConfig *config);

/* Open transactions end with Closed("shutdown"). NULL is allowed. */
Manager *manager_free(Manager *m);
