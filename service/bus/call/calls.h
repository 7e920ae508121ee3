/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calls.h - all calls that are under way.
 */
#pragma once

#include "bus/call/call.h"

/* How many: of one uid, and in all. */
void calls_count(const Manager *m, uid_t uid, unsigned *ret_user, unsigned *ret_total);

/* Before so much of the history is loaded for one of them: what all hold is limited, of its user
 * and in all. Returns: 0 or EXM_E_LIMIT_EXCEEDED (call->failure). */
int calls_hold_bytes(Call *call, uint64_t bytes);

void calls_cancel_of_peer(Peer *peer); /* which has gone */
