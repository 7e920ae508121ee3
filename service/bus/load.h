/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load.h - the files that a call may read, in the view that it works on.
 *
 * That view is the transaction's, or a warm one of the caller's uid for exactly this set of files.
 * A file that is named exactly and cannot be parsed ends the call with ParseFailed; in a span it is
 * merely not there (Errors tells).
 */
#pragma once

#include "bus/call.h"
#include "tree/view.h"

/* Between probing and reading: finds the view and notes what it holds (ReachFile.loaded).
 * Returns: 0; EXM_E_LIMIT_EXCEEDED in call->failure; -errno. */
int load_choose_view(Call *call);

/* Puts what was read into the view, has it parsed, then runs `next`; or the call has failed.
 * Returns: 0, or what the call is to fail with. */
int load_view(Call *call, void (*next)(Call *call));

/* Valid after load_choose_view(). */
View *call_view(Call *call);

/* What to do with `r` of an operation on the view: a read that was lost with its worker is begun
 * again, once, on a fresh one; otherwise the call fails. */
void load_failed(Call *call, int r, Failure *f);
