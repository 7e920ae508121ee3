/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write-right.h - may the caller write these files?
 *
 * What the caller's key covers is not asked for. Of the rest polkit is asked for each file on its
 * own, without a dialog: a plain no for any ends the call.
 * What is left to a dialog is one question: for the file, or for all of them (commit-several).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Call Call;

typedef struct WriteRight {
        char **files;         /* names that are to be changed and that no key covers */
        const char **actions; /* for each, of static strings */
        size_t n_files, next;
        char **challenged; /* names that polkit wants a dialog for */
        const char *challenged_action;
        void (*granted)(Call *call);
} WriteRight;

/* Adds a file. `plainly`: only its content changes, or it comes or goes as a regular file. Another
 * owner, mode or a link gives power even over an ordinary file. Returns: 0 or -ENOMEM. */
int write_right_add(Call *call, const char *file, bool plainly);

/* Asks for all that was added (at least one was), then runs `granted`; or the call has failed. */
void write_right_ask(Call *call, void (*granted)(Call *call));

void write_right_done(WriteRight *right);
