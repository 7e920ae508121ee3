/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage.h - edits into a call's transaction, all or nothing.
 *
 * Edits on nodes and texts go to the worker in one batch; when that has succeeded, links, modes and
 * owners (checked before, names of users looked up in a thread) are noted beside it.
 */
#pragma once

#include "bus/call/call.h"

/* Begins a private transaction for this call (Preview, Apply). Returns: 0 or what to fail with. */
int stage_begin_private(Call *call);

/* Loads what the call reached, stages `edits` (borrowed; they live as long as the call), then runs
 * `next`; call->counts has the number of nodes of each edit. `numbered`: errors say "edit N: ".
 * Returns: 0, or what the call is to fail with. */
int stage_edits(Call *call, const Edit *edits, size_t n_edits, bool numbered,
                void (*next)(Call *call));
