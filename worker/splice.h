/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice.h - a text with some of its records changed, taken out or put in.
 *
 * A record is a child of the file's node with all below it. Where only values differ, or nodes have
 * gone, they are exchanged where they stand, or cut out; a record that differs more, or is new, is
 * put by the lens on its own. Every other byte stays. The result is a guess: whoever wants it has
 * to prove it (proof.h).
 */
#pragma once

#include "worker/flat.h"

typedef enum SpliceMode {
        SPLICE_VALUES,
        SPLICE_RECORDS, /* what differs is always put by the lens: quotes, for example */
} SpliceMode;

typedef struct Splice {
        Tree *tree;
        const char *lens;
        const char *source;      /* the text, with a final newline or empty */
        const char *path;        /* of the file */
        const char *before_path; /* of nodes that have spans in the source */
        const Flat *before;      /* the nodes of the source */
        const Flat *after;       /* of the file as it is now */
        bool reshaped;           /* they differ in more than values */
        SpliceMode mode;
        bool lossy;      /* empty lines within a record that is put may go */
        bool has_values; /* out: values were exchanged, so the other mode may give another text */
} Splice;

/* *ret is new. Returns: 0; -EOPNOTSUPP if there is no way; EXM_E_LIMIT_EXCEEDED; -errno. */
int splice_text(Splice *splice, char **ret);
