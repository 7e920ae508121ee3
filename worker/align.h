/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * align.h - which records of a file are still there after it was edited?
 *
 * A record is a child of the file's node with all that is below it.
 */
#pragma once

#include "worker/flat.h"

typedef enum AlignKind {
        ALIGN_SAME,    /* as it was */
        ALIGN_CHANGED, /* came from that record */
        ALIGN_NEW,
} AlignKind;

typedef struct AlignedRecord {
        uint32_t after;  /* the record's node */
        uint32_t before; /* the one that it was, FLAT_NONE if new; ascending over all records */
        AlignKind kind;
} AlignedRecord;

/* One for each record of `after`, in its order; the cursors are on the nodes of the text and on
 * those that came of them. `reshaped` false: both have the same nodes, but for their values. *ret
 * is new. Returns: 0; as cursor_go(). */
int align_records(Cursor *before, Cursor *after, bool reshaped, AlignedRecord **ret, size_t *ret_n);
