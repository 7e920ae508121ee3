/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice-private.h - the way through the records and the source; for splice.c, which copies and has
 * records put, and exchange.c, which exchanges what differs where it stands.
 */
#pragma once

#include <stdio.h>

#include "worker/align.h"
#include "worker/parse.h"
#include "worker/splice.h"

#define PIECE     PARSE_NODES "/piece"
#define PIECE_MAX 64 /* records put at once: the time that it takes grows with the square */

/* What has become of some changed records, put at once: Augeas takes as long to begin with a put as
 * for some dozens of records. */
typedef struct Pieces {
        size_t records[PIECE_MAX], n; /* indexes, ascending */
        size_t end;                   /* the first index that was not looked at */
        size_t next;                  /* the first that was not asked for */
        Span spans[PIECE_MAX];        /* of what they were */
        size_t starts[PIECE_MAX + 1]; /* where each begins in the text, and the end */
        char *text;                   /* NULL: they have to be put one by one */
} Pieces;

typedef struct Work {
        Splice *splice;
        const AlignedRecord *records;
        size_t n_records, size;
        Cursor before, after;
        uint32_t next; /* the first record before that was not dealt with */
        size_t at;     /* what of the source was dealt with */
        Pieces pieces;
        FILE *out;
} Work;

/* Copies the source, up to there. Returns: 0; -EOPNOTSUPP if that is behind already. */
int splice_copy_until(Work *work, size_t end);

/* In the source, of a node before. Returns: 0; -EOPNOTSUPP if it was read from no text; -errno. */
int splice_find_span(Work *work, uint32_t node, Span *ret);
/* The span of a record with all below it: of what a recursive lens (AptConf) reads, a node's own
 * may end before its children do. */
int splice_find_record(Work *work, uint32_t record, Span *ret);

/* Returns: 0; -EOPNOTSUPP if the record differs in more than values and nodes that have gone; then
 * nothing was written. */
int splice_exchange(Work *work, const AlignedRecord *record);
