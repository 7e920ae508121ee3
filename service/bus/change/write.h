/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write.h - what is staged is written (Commit, Apply).
 *
 * It starts from the same list of changes as show.h's diff, so a commit writes exactly the bytes
 * that its diff showed. Before a commit polkit is asked for each changed file on its own, without a
 * dialog: a plain no for any ends it. What is left to a dialog is one question: for the file, or
 * for all of them (commit-several). The bytes were rendered before the question and are what is
 * written after it.
 */
#pragma once

#include "bus/call/call.h"

/* Authorises, validates and commits; replies t change. Ends the call. */
void write_commit(Call *call);

/* The same up to validating; replies what was found. Ends the call. */
void write_validate(Call *call);

/* Replies as: the active units that use the files which a commit would change. Ends the call. */
void write_affected(Call *call);
