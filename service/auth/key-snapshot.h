/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-snapshot.h - what the key files said when they were last looked at.
 *
 * A refresh compares stamps of the directory and of each file with those of the time of reading and
 * reads what differs, or was changed less than 50 ms before it was read (FileStamp.young): so a key
 * that was just made, edited or removed counts at once. Blocking; one thread at a time.
 */
#pragma once

#include "auth/key-file.h"

typedef struct KeySnapshot KeySnapshot;

/* Returns: 0 or -ENOMEM. */
int key_snapshot_new(KeySnapshot **ret, const char *root, const char *directory);
KeySnapshot *key_snapshot_free(KeySnapshot *snapshot);
DEFINE_CLEANUP(KeySnapshot *, key_snapshot_free);

/* A file that cannot be used is logged once for each state it is found in; so is the directory.
 * Returns: 0; -errno: nothing can be said now (out of memory or descriptors). */
int key_snapshot_refresh(KeySnapshot *snapshot);

/* The key of this name that is in order, NULL if there is none; valid until the next refresh. */
const Key *key_snapshot_find(const KeySnapshot *snapshot, const char *name,
                             const KeyProof **ret_proof);
/* Sorted by name, those that are in order: `i` counts from 0; NULL at the end. */
const Key *key_snapshot_next(const KeySnapshot *snapshot, size_t *i);
