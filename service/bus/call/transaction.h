/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.h - edits staged for one connection: a view of its own, and what is staged beside it.
 *
 * Only the unique name that began it sees the object on the bus (the find callback tells nobody
 * else that it exists, and there is no enumerator), and it ends with that connection, by Rollback,
 * or when idle. Calls on it run one after another, so that nothing changes what a dialog is open
 * for. Preview and Apply use a private one that has no object.
 *
 * Counted: the calls on it hold references. An ended transaction has no view any more.
 */
#pragma once

#include <stdbool.h>

#include "bus/call/manager.h"
#include "bus/call/staged.h"
#include "tree/view.h"

typedef struct Peer Peer;

/* Exports the fallback object. Returns: 0 or -errno. */
int transactions_export(Manager *m);

/* For a call's peer. `idle_sec` 0: private, without object. Begin's and everybody's limits are
 * checked. Returns: 0 and a reference; EXM_E_LIMIT_EXCEEDED; -errno. */
int transaction_begin(Call *call, unsigned idle_sec, Transaction **ret);

Transaction *transaction_ref(Transaction *t);
Transaction *transaction_unref(Transaction *t);

/* Ends it: its calls get UnknownObject, the worker goes, Closed(reason) is sent unless reason is
 * NULL. */
void transaction_end(Transaction *t, const char *reason);
void transactions_end_of_peer(Peer *peer);

/* Commit has written it: the view goes, State and Change stay to be read until its connection ends.
 */
void transaction_committed(Transaction *t, uint64_t change);

/* A call's turn: at once if nothing else runs on it. May end the call. */
void transaction_take_turn(Transaction *t, Call *call);
void transaction_call_ended(Transaction *t, Call *call);

Manager *transaction_manager(const Transaction *t);
const char *transaction_path(const Transaction *t);
/* Returns: the view, NULL once it has ended. */
View *transaction_view(const Transaction *t);
Staged *transaction_staged(Transaction *t);

/* read-secret-config was granted for a file that it holds or is about to. */
int transaction_allow_secret(Transaction *t, const char *file);
bool transaction_may_secret(const Transaction *t, const char *file);

/* The files whose right to be read came from a key, of all that it holds (a strv that is taken
 * over): they are asked for at each call. */
void transaction_set_by_key(Transaction *t, char **files);
bool transaction_is_by_key(const Transaction *t, const char *file);

/* What the dialog of a Validate has approved for a change of this digest (validate/future.h):
 * "ACTION FILE" of each file that the dialog was about (a strv that is taken over). It spares a
 * second dialog and nothing else; only the last is kept. Returns: 0 or -ENOMEM. */
int transaction_keep_approval(Transaction *t, const char *version, char **approved);
bool transaction_is_approved(const Transaction *t, const char *version, const char *question);

/* Whether `extra` more bytes may be staged: in this transaction, by its user, and in all.
 * Returns: 0 or EXM_E_LIMIT_EXCEEDED. */
int transaction_check_bytes(const Transaction *t, uint64_t extra, Failure *f);

/* The open transactions of a unique name, as object paths (strv). Returns: 0 or -ENOMEM. */
int transactions_list(const Manager *m, const char *sender, char ***ret);
