/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * show.h - what a change does to files, as text: a unified diff and the lines of its metadata each.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "files/node.h"

typedef struct Call Call;

/* One name, before and after; all owned. */
typedef struct Shown {
        char *path;
        Node before, after;
} Shown;

/* What a change to be taken back amounts to now (restore.h). */
typedef struct Restored {
        Shown *items; /* `path` is the step's, in its order */
        char **names; /* what is acted on */
        size_t n_items;
} Restored;

/* Takes over `items`, and `reply`, if what it has goes before (else NULL). Replies a(ss), and a{ss}
 * versions of the call's view if `versions`; of `only` alone if that is not NULL. Ends the call. */
void show_items(Call *call, sd_bus_message *reply, Shown *items, size_t n_items, const char *only,
                bool versions);
void shown_free(Shown *items, size_t n_items);

/* What the transaction's edits would change. Replies a(ss), and a{ss} versions if `versions`; only
 * of `file` if that is not NULL. Ends the call. */
void show_staged(Call *call, const char *file, bool versions);
