/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call-view.h - the view that a call works on: its transaction's, or a warm one of the caller's uid
 * for exactly the files that it reaches.
 */
#pragma once

#include "bus/call/call.h"
#include "tree/view.h"

/* Between probing and reading: finds the view and notes what it holds (ReachFile.loaded).
 * Returns: 0; EXM_E_LIMIT_EXCEEDED in call->failure; -errno. */
int call_choose_view(Call *call);

/* Valid after call_choose_view(). */
View *call_view(Call *call);
