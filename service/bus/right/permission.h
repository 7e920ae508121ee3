/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * permission.h - the one place that decides: the connection's key is asked first, polkit second.
 *
 * A question is polkit's, an action and its details; what a key grants of it is looked up there,
 * with the file's canonical name or the unit's real id. A key answers at once and says only yes:
 * what it does not cover is polkit's to answer, as if there were no key. Managing keys and others'
 * history are never covered, nor is commit-several: each of its files was asked for before.
 *
 * A call that a key has said yes to ends when the key is dropped before it has begun to change
 * something (binding.h).
 */
#pragma once

#include "auth/authoriser.h"
#include "bus/call/call.h"

/* As AuthDone of authoriser.h; what was asked is call->asked. */
typedef void (*PermissionDone)(Call *call, int r, Failure *f, AuthVerdict verdict);

/* Pure, for any thread. */
bool permission_covers(const Grants *grants, const AuthQuestion *question);

/* Does the caller's key cover it? Then it is on record. */
bool permission_by_key(Call *call, const AuthQuestion *question);

/* Before a name is resolved: may its file be looked at, may the files below the prefix, since the
 * key could grant them? What is found is asked for then (call->key is the key). */
bool permission_may_look(Call *call, const char *file);
bool permission_may_walk(Call *call, const char *prefix);

/* What the caller's key is now, kept for as long as the call rests on it. Returns: NULL if it has
 * none. */
const Key *permission_hold_key(Call *call);

/* Asks polkit alone (sender, uid and method are filled in here). `interactive`: a dialog may open
 * if the message allows it. Nothing goes on record. `done` runs later, unless the call has ended.
 */
void permission_ask_polkit(Call *call, const AuthQuestion *question, bool interactive,
                           PermissionDone done);

/* On a yes the authority goes on record and `next` runs; otherwise the call has failed. */
void call_authorise(Call *call, const AuthQuestion *question, void (*next)(Call *call));
/* The same where the key has been asked. */
void call_authorise_by_polkit(Call *call, const AuthQuestion *question, void (*next)(Call *call));

/* polkit has said yes to call->asked. Returns: 0 or -ENOMEM. */
int permission_record(Call *call);

/* The answer to "challenge" when no dialog was allowed. Returns: EXM_E_INTERACTION_REQUIRED. */
int call_wants_interaction(Call *call, const char *action);
