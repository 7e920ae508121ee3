/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edits.h - the verbs of a(sas): how many arguments, which are expressions, which name a file.
 *
 * Pure. Verbs on nodes and "text" go to the worker; the other verbs on whole files are kept by the
 * transaction (staged.h).
 */
#pragma once

#include <stdbool.h>

#include "tree/view.h"
#include "util/failure.h"

typedef enum VerbKind {
        VERB_TREE, /* the worker's; "text" too */
        VERB_LINK,
        VERB_MODE,
        VERB_OWNER,
} VerbKind;

/* Checks one edit's verb, number of arguments and their syntax.
 * Returns: 0 and the kind; EXM_E_INVALID_EDIT, EXM_E_INVALID_PATH with "edit N: " before the text.
 */
int edit_check(const Edit *edit, size_t index, VerbKind *ret_kind, Failure *f);

/* What an edit that passed edit_check() reaches: the prefixes of its expressions, and the file that
 * it names as such (borrowed, NULL if none). Returns: 0; EXM_E_INVALID_PATH; -ENOMEM. */
int edit_reach(const Edit *edit, size_t index, char ***ret_prefixes, const char **ret_file,
               Failure *f);
