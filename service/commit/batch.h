/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.h - the file work of one commit: all of its changes or none.
 *
 * Runs in a thread and touches nothing but its arguments and the files. The caller holds the names
 * of the files locked against other commits.
 */
#pragma once

#include "files/change.h"

/* Checks all files before the first is written; undoes in reverse order when one fails.
 * Returns: 0; else nothing has changed: EXM_E_CONFLICT, EXM_E_REFUSED (also two changes for one
 * file), EXM_E_LIMIT_EXCEEDED, EXM_E_TIMEOUT, -errno; or, where undoing failed, EXM_E_CONFLICT and
 * a message that names every file that is not as before. */
int batch_apply(const Roots *roots, const FileChange *changes, size_t n_changes, Failure *f);
