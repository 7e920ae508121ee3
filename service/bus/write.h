/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write.h - what is staged: shown (Diff, Preview) or written (Commit, Apply).
 *
 * Both start from the same list of changes, so a commit writes exactly the bytes that its diff
 * showed. Before a commit polkit is asked for each changed file on its own, without a dialog: a
 * plain no for any ends it. What is left to a dialog is one question: for the file, or for all of
 * them (commit-several). The bytes were rendered before the question and are what is written after
 * it.
 */
#pragma once

#include "bus/call.h"

/* Replies a(ss), and a{ss} versions if `versions`; only of `file` if that is not NULL. Ends the
 * call. */
void write_show(Call *call, const char *file, bool versions);

/* Authorises, validates and commits; replies t change. Validate: validates only, and replies what
 * was found. Ends the call. */
void write_commit(Call *call);

/* Replies as: the active units that use the files which a commit would change. Ends the call. */
void write_affected(Call *call);
