/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-files.h - the files and spans that a call reaches, with what is known of each so far
 * (reach.h).
 */
#pragma once

#include <stdbool.h>

#include "auth/grants.h"
#include "files/image.h"
#include "tree/lens-index.h"

typedef struct Call Call;
typedef struct Reach Reach;

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

struct Reach {
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
        void (*asked)(Call *call); /* after the step of reach-ask.h that is under way */
        void (*done)(Call *call);
};

/* Appends a file. `ret` (NULL allowed) is valid until the next one. Returns: 0 or -ENOMEM. */
int reach_add_file(Reach *reach, const char *file, const char *lens, const char *other_lens,
                   ReachFile **ret);

/* Returns: the file of that name, or NULL. */
ReachFile *reach_find(Reach *reach, const char *file);

void reach_done(Reach *reach);
