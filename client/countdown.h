/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * countdown.h - "keep this change?", asked while its time runs.
 *
 * Losing the terminal, Ctrl-C and end of input let the change be taken back; only a yes keeps it.
 * The yes goes over a new connection: what must still work is to come in, not to be in.
 */
#pragma once

#include "session.h"

/* Asks on a terminal; else says how to confirm, and returns 0 at once.
 * Returns: 0 (kept), EXIT_TAKEN_BACK, another exit status, negative errno. */
int countdown_run(Session *session, uint64_t change, unsigned seconds);
