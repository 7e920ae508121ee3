/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calls.c - the manager's list of them.
 */
#include "bus/call/calls.h"

#include "bus/call/peer.h"

void calls_count(const Manager *m, uid_t uid, unsigned *ret_user, unsigned *ret_total)
{
        const Call *call;

        *ret_user = *ret_total = 0;
        LIST_FOREACH(call, &m->calls, entry) {
                (*ret_total)++;
                if (call->admitted && call->uid == uid)
                        (*ret_user)++;
        }
}

int calls_hold_bytes(Call *call, uint64_t bytes)
{
        const Limits *limits = call->manager->limits;
        uint64_t user = bytes, total = bytes;
        const Call *other;

        LIST_FOREACH(other, &call->manager->calls, entry) {
                total += other->held_bytes;
                if (other->uid == call->uid)
                        user += other->held_bytes;
        }
        if (user > limits->staged_bytes_user || total > limits->staged_bytes_total)
                return failure_set(
                        &call->failure, EXM_E_LIMIT_EXCEEDED,
                        "too much of the history is being looked at: wait for the answers "
                        "that are under way");
        call->held_bytes = bytes;
        return 0;
}

static Call *first_of_peer(const Peer *peer)
{
        Call *call;

        LIST_FOREACH(call, &peer->manager->calls, entry)
                if (call->peer == peer)
                        return call;
        return NULL;
}

/* Ending one may start or end others of its transaction, so each round looks anew. */
void calls_cancel_of_peer(Peer *peer)
{
        Call *call;

        while ((call = first_of_peer(peer)))
                call_cancel(call);
}
