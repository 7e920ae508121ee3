/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover.h - bringing unfinished changes to all-old or all-new after a crash, a power cut, a
 * reboot.
 *
 * Every prepared change without units: each step is settled (files/step.h). All after: it was done,
 * it becomes applied (or pending, if it was to be confirmed and this is the same boot). Otherwise
 * what is after is undone: all old, failed. A file that is neither, or that a later change has
 * written, is kept, reported, and the change is failed. A pending change of another boot, or past
 * its deadline, is reverted; so is one whose taking back was interrupted, which shows by a file
 * that is old again.
 *
 * A prepared change with units is always taken back: nobody knows whether they have taken the new
 * files. If a unit was acted on in this boot (record.h) it has to be acted on again once the files
 * are back, and only then is the change at its end: until then it stays prepared or pending, its
 * files old, and is found again by the next recovery. After a reboot the units start with what is
 * there.
 *
 * What cannot be done now (a full disk) stays unfinished, is logged, and is tried again the next
 * time. Idempotent; safe to crash within. Blocking: runs in a thread, or in `exmachinad --recover`
 * early at boot, before anything is served; no commit runs meanwhile.
 */
#pragma once

#include "commit/journal.h"

typedef struct Recovery {
        unsigned n_settled;  /* changes brought to an end */
        char **files;        /* written by it */
        bool reload_manager; /* unit files or fstab were among them: daemon-reload is due */
        uint64_t *due;       /* changes whose files are back, and whose units are to be acted on */
        size_t n_due;
} Recovery;

/* Everything that is due now. Returns: 0 (also if some change could not be restored: that is in the
 * log, and in its reason if it is final); EXM_E_REFUSED (journal unusable); -errno. */
int recover_all(Journal *journal, const Roots *roots, Recovery *ret, Failure *f);

/* Takes back one change: a pending one becomes reverted, a prepared one with units failed, with
 * `reason`; a file that somebody has edited since is kept, and the change is failed saying which.
 * *ret_record (with 0 and EXM_E_CONFLICT) is the change with the state and reason of its end. While
 * it is in ret->due that end is not in the journal: its units come first, then recover_end().
 * Returns: 0; EXM_E_CONFLICT (kept files, in `f`); EXM_E_REFUSED (there is nothing to take back;
 * the journal is unusable); what file_step_undo() returns, and it is still unfinished; -errno. */
int recover_revert(Journal *journal, const Roots *roots, uint64_t id, const char *reason,
                   ChangeRecord *ret_record, Recovery *ret, Failure *f);

/* Records that end. Returns: as journal_set_state(). */
int recover_end(Journal *journal, const ChangeRecord *record, Failure *f);

void recovery_done(Recovery *recovery);
