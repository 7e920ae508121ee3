/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover.h - bringing unfinished changes to all-old or all-new after a crash, a power cut, a
 * reboot.
 *
 * Every prepared change: each step is settled (files/step.h). All after: it was done, it becomes
 * applied (or pending, if it was to be confirmed and this is the same boot). Otherwise what is
 * after is undone: all old, failed. A file that is neither, or that a later change has written, is
 * kept, reported, and the change is failed. A pending change of another boot, or past its deadline,
 * is reverted; so is one whose taking back was interrupted, which shows by a file that is old
 * again.
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
} Recovery;

/* Everything that is due now. Returns: 0 (also if some change could not be restored: that is in the
 * log, and in its reason if it is final); EXM_E_REFUSED (journal unusable); -errno. */
int recover_all(Journal *journal, const Roots *roots, Recovery *ret, Failure *f);

/* Takes back one pending change: state reverted with `reason`; a file that somebody has edited
 * since is kept, and the change is failed saying which. Returns: 0; EXM_E_CONFLICT (kept files, in
 * `f`); EXM_E_REFUSED (it is not pending; the journal is unusable); what file_step_undo() returns,
 * and it is still pending; -errno. */
int recover_revert(Journal *journal, const Roots *roots, uint64_t id, const char *reason,
                   Recovery *ret, Failure *f);

void recovery_done(Recovery *recovery);
