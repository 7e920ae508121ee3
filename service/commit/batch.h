/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.h - the file work of one commit: all of its steps or none, and in the journal before.
 *
 * Runs in a thread and touches nothing but its arguments, the journal and the files. The caller
 * holds the names of the files locked against other commits.
 */
#pragma once

#include "commit/journal.h"
#include "files/change.h"

/* 1. Plans or (changes NULL) checks all steps; 2. makes them durable in the journal; 3. does them,
 * in reverse undoes what is done when one fails; 4. records the end. Killed at any instant it
 * leaves what recovery (recover.h) brings to all-old or all-new. `record` gets its number, time,
 * steps and state; user is looked up if it is not set. Returns: 0, the record is applied, or
 * pending if it asks for confirmation, or, if it has units, still prepared: they are to be acted
 * on, then batch_finish() or recover_revert() is due; else nothing has changed: EXM_E_CONFLICT,
 * EXM_E_REFUSED (also two steps for one file, and a journal that cannot be written),
 * EXM_E_LIMIT_EXCEEDED, EXM_E_TIMEOUT, -errno; or, where undoing failed, EXM_E_CONFLICT and a
 * message that names every file that is not as before. */
int batch_apply(const Roots *roots, Journal *journal, ChangeRecord *record,
                const FileChange *changes, size_t n_changes, Failure *f);

/* Time, state prepared, boot, the name of the user; texts that are not set are "". Returns: 0 or
 * -errno. */
int batch_fill_in(ChangeRecord *record);

/* The units have taken the files: the record becomes applied or pending.
 * Returns: 0; as journal_set_state(), and it is still prepared. */
int batch_finish(Journal *journal, ChangeRecord *record, Failure *f);
