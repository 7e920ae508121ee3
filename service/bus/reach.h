/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach.h - which files does a call reach, and may its caller read them?
 *
 *   1. lenses   the index (async) tells the files that a lens covers, named exactly, from
 * directories
 *   2. names    from the arguments alone: static prefixes of expressions, files of edits, options
 *   3. ask      read-config for every named file and every span, before anything on disk is looked
 * at; what the caller's key could grant is looked at by that right
 *   4. probe    in a thread: spans are walked, every file opened with O_PATH and classified, and
 * judged by the key; without a thread where a glance (glance.h) says that all is as a warm view has
 * it
 *   5. ask      read-config for what was looked at by the key and is not granted by it;
 * read-secret-config for every named file that is not public; spans leave such out
 *   6. read     in a thread: the bytes of what no view holds fresh. The class is judged again on
 * the descriptor that is read: a file that became stricter is denied, or left out of a span.
 *
 * A span that the key lets the caller walk is polkit's only if it holds more than the key grants;
 * without polkit's yes it is what the key grants.
 * Files that a transaction holds are not asked for again, unless they have become secret, or their
 * right came from a key: that ends with the key, so they are judged as if they were named anew.
 * At its end call->reach.files are what may be loaded; load.h puts them into a view.
 */
#pragma once

#include <stdbool.h>

#include "auth/grants.h"
#include "files/image.h"
#include "tree/lens-index.h"

typedef struct Call Call;

typedef struct ReachFile {
        char *file;
        char *lens;
        char *other_lens; /* a second one that claims it */
        bool named;       /* exactly: absence or denial is told; else it is part of a span */
        bool held;        /* by the transaction, with its authorisation */
        bool by_key;      /* the key grants what was found; of a held one before that: once did */
        bool looked;      /* read-config has yet to be asked for, unless the key grants it */
        bool may_secret;  /* read-secret-config was granted, for image->canonical */
        bool left_out;
        uint32_t spans; /* in which it was found, a bit each */
        unsigned group; /* != 0: leading paths of one prefix; the first that is a file is meant */
        FileImage *image;
        FileImage *loaded; /* what the view holds of it, NULL: nothing */
        int r;             /* of taking the image, with failure */
        Failure failure;
} ReachFile;

typedef struct ReachSpan {
        char *prefix;
        size_t n_found; /* files */
        bool looked;    /* walked by the right of the key */
        bool asked;     /* polkit has said yes to it */
} ReachSpan;

typedef struct Reach {
        ReachFile *files;
        size_t n_files;
        ReachSpan *spans;
        size_t n_spans;
        unsigned n_groups;
        size_t next; /* file or span that is being asked for */
        LensIndex *index;
        bool probe_only; /* nothing is read: ListFiles */
        bool refresh;    /* held files are read too: Rebase */
        const Roots *roots;
        const Grants *grants; /* of call->key, for the threads; NULL: none */
        uint64_t max_bytes;   /* likewise */
        size_t max_files;
        int r; /* of a walk in a thread, with failure */
        Failure failure;
        void (*done)(Call *call);
} Reach;

/* Runs steps 1 to 6, then `done`; or the call has failed. */
void reach_start(Call *call, void (*done)(Call *call));

/* Step 6 again, for every file, whatever a view holds: after the loss of a worker. */
void reach_read_again(Call *call, void (*done)(Call *call));

void reach_done(Reach *reach);

/* Returns: the file of that name, or NULL. */
ReachFile *reach_find(Reach *reach, const char *file);
