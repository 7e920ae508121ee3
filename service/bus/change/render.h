/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * render.h - the list of changes that a transaction amounts to now: call->state while it is shown
 * or committed.
 */
#pragma once

#include "bus/call/call.h"
#include "files/change.h"

typedef struct Rendered {
        FileChange *changes;
        size_t n_changes;
        const char *only; /* only this file is shown */
        bool versions;
        void (*done)(Call *call);
} Rendered;

/* An empty one as call->state. Returns: NULL out of memory. */
Rendered *render_new(Call *call, void (*done)(Call *call));

/* Has the view render its texts, joins them with what is staged, then runs `done`; or the call has
 * failed. */
void render_start(Call *call);
