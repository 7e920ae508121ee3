/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * future.h - the files of a change as they will be, packed into a sealed memfd for
 * exmachina-validate (worker/future.h), and what is needed to tell where in them a fault is.
 *
 * In memory only: nothing is left behind by a crash, and nobody but the jails gets the descriptor.
 * Takes as long as it takes to copy and to hash: large ones are packed in a thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/node.h"
#include "util/digest.h"
#include "util/macro.h"

typedef struct FutureFile {
        char *name; /* that is acted on */
        char *path; /* as the caller gave it, through a link perhaps */
        bool gone;
        uint32_t n_lines;
} FutureFile;

typedef struct Future {
        FutureFile *files;
        size_t n_files;
        int fd; /* sealed by future_seal(); -1: nobody is going to read it */
        uint64_t size;
        char *outside; /* the first name that is not below /etc: it could not be packed */
        Digest *digest;
        char version[DIGEST_HEX_SIZE]; /* after future_seal(): equal for the same change of the same
                                        * files, all bytes and metadata, before and after */
} Future;

/* `packed` false: only its names and its version are wanted. Returns: 0 or -errno. */
int future_new(Future **ret, bool packed);

/* `name` will be `after`, and is `before` (of which only kind, metadata and version count; its
 * content need not be there). Returns: 0 or -errno. */
int future_add(Future *future, const char *name, const char *path, const Node *before,
               const Node *after);

/* Nothing is added after that. Returns: 0 or -errno. */
int future_seal(Future *future);

Future *future_free(Future *future);
DEFINE_CLEANUP(Future *, future_free);

/* Returns: the file of this name, or path; NULL. */
const FutureFile *future_find(const Future *future, const char *name);
