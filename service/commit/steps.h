/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * steps.h - what a commit and a recovery do alike with the steps of one change.
 *
 * Blocking: runs in a thread.
 */
#pragma once

#include "files/step.h"

/* Takes the lock of the user database if one of the steps acts on it.
 * Returns: 0 and a descriptor that holds it, or -1; EXM_E_TIMEOUT; -errno. */
int steps_lock(const FileStep *steps, size_t n, int *ret, Failure *f);

/* Undoes in reverse order, each whatever became of the others. `sides` (NULL: all) says which are
 * after. *words: "path (why), ..." of those that could not be undone is added to.
 * Returns: 0; EXM_E_CONFLICT if all of those were edited by somebody else, and are kept; else the
 * first other failure: then it is worth another try. */
int steps_undo(const Roots *roots, const FileStep *steps, const FileStepSide *sides, size_t n,
               char **words);

/* Adds "path (why)" to a list of such words, which stays as it is when memory runs out. */
void steps_add_words(char **words, const char *path, const char *why);
