/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * validation.h - what a call is about to write, checked by the programs that will read it.
 *
 * Three steps, each asynchronous: prepare (what will be in the files, its digest, and which
 * validators apply), then the right to write is asked for, then the validators run. The event loop
 * goes on meanwhile; a caller that vanishes ends what runs.
 *
 * Of the right to write only that a dialog of Validate has approved exactly these bytes stays with
 * the transaction, so that Commit needs no second one. What rules say is asked anew each time.
 */
#pragma once

#include "bus/call/call.h"

/* From the changes in call->state (render.h), or without a transaction from call->restored. Runs
 * `next`, or the call has failed. */
void validation_prepare(Call *call, void (*next)(Call *call));

/* write_right_ask(), without a dialog if one of this transaction was approved for the same bytes.
 */
void validation_ask_right(Call *call, void (*granted)(Call *call));

/* For who is going to commit: runs all that apply, unless option `validate` says no. Runs `next` if
 * none failed; else the call has failed (EXM_E_VALIDATION_FAILED). */
void validation_run(Call *call, void (*next)(Call *call));

/* Adds the validators that apply to the names of a turn (name-locks.h). Returns: 0 or -ENOMEM. */
int validation_add_names(const Call *call, char ***names);

/* What was said, into the record of the change that is made now: root alone reads it. Returns: 0 or
 * -ENOMEM. */
int validation_record(const Call *call, ChangeRecord *record);

/* For Validate: runs all that apply, replies aa{sv}. Ends the call. */
void validation_reply(Call *call);

Validation *validation_free(Validation *validation);
