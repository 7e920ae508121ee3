/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.h - the files that a call may read, in the view that it works on.
 *
 * A file that is named exactly and cannot be parsed ends the call with ParseFailed; in a span it is
 * merely not there (Errors tells).
 */
#pragma once

#include "bus/reach/call-view.h"

/* Puts what was read into the view, has it parsed, then runs `next`; or the call has failed.
 * Returns: 0, or what the call is to fail with. */
int load_view(Call *call, void (*next)(Call *call));

/* What to do with `r` of an operation on the view: a read that was lost with its worker is begun
 * again, once, on a fresh one; otherwise the call fails. */
void load_failed(Call *call, int r, Failure *f);
