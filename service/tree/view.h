/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view.h - a set of files as one Augeas tree, in a worker process of its own.
 *
 * A view is data: the images of its files, with lenses, and the edits made on them. The worker is
 * only a cache of that: it is started when needed, thrown away after any error that leaves its
 * state in doubt (crash, stall, limit, half-done Edit), and the next call starts a fresh one, loads
 * the images and replays the edits. So undo, recovery and rebase are one mechanism.
 *
 * Operations are queued and run one after another; `done` runs exactly once for each, never before
 * the call returns. The worker is killed when one call takes longer than limits->worker_wall_sec
 * (EXM_E_LIMIT_EXCEEDED); its death is EXM_E_WORKER_FAILED. What is lost to a crash is repeated
 * once on a fresh worker. Every answer is checked as hostile: D-Bus type, sizes, every path under
 * /files<a file of this view>. Who may read the files was decided before.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "files/image.h"
#include "tree/tree.h"
#include "util/failure.h"

typedef struct View View;
#define VIEW_NO_LENS "no_lens" /* ViewFile.error_kind: its lens is not there */
typedef struct ViewFile {
        FileImage *image; /* reference owned by the view; a missing file can be made by edits */
        char *lens;       /* "Hosts.lns" */
        char *conflicting_lens; /* a second lens that claims the file: not loaded, an error of kind
                                 * mxfm_load as in Augeas; NULL otherwise */
        /* filled in when the worker has parsed it: */
        bool loaded;      /* the tree holds its nodes, or will once edits make the missing file */
        char *error_kind; /* NULL: parsed */
        char *error_message;
        uint32_t error_line, error_column; /* from 1; 0 unknown */
} ViewFile;

typedef struct ViewNode {
        const char *path;
        const char *value; /* NULL: none */
} ViewNode;

typedef struct Edit {
        char *verb;
        char **args; /* NULL-terminated */
} Edit;

/* The text of one file that edits have touched and that differs from its image (or whose existence
 * does). */
typedef struct ViewText {
        const FileImage *base;
        bool exists;
        void *content; /* taken over with TAKE_PTR or freed by the view after the callback */
        size_t size;
} ViewText;

/* What a finished operation hands over; pointers live until the callback returns. */
typedef struct ViewResult {
        bool has_value; /* view_get_value */
        const char *value;
        const ViewNode *nodes; /* view_match (paths only), view_read */
        size_t n_nodes;
        uint32_t total;         /* view_read */
        const uint32_t *counts; /* view_edit: one per edit */
        size_t n_counts;
        ViewText *texts; /* view_render */
        size_t n_texts;
} ViewResult;

typedef void (*ViewDone)(int r, Failure *f, const ViewResult *result, void *userdata);

int view_new(View **ret, Tree *tree);
/* Kills the worker; pending operations end with -ECANCELED before this returns. NULL is allowed. */
View *view_free(View *view);

/* The files of the view, in the order in which they were added. */
size_t view_n_files(const View *view);
const ViewFile *view_file(const View *view, size_t i);
/* Returns: the index of the file with this name (image->path), or -1. */
ssize_t view_find(const View *view, const char *path);

/* Adds a file, or gives a known one a new image (the worker reloads it before the next operation;
 * edits are kept and replayed). Takes a reference of `image`, which must have its content if it
 * exists. lens and conflicting_lens are copied. Returns: 0; EXM_E_LIMIT_EXCEEDED (files, bytes). */
int view_put(View *view, FileImage *image, const char *lens, const char *conflicting_lens,
             Failure *f);
/* The same bytes, looked at later (content not needed): that stamp counts from now on. */
void view_renew(View *view, FileImage *image);
void view_remove(View *view, const char *path);

/* Gives all these files (each a file of the view already) new images, all or nothing: the recorded
 * edits are replayed on a fresh worker, and if one no longer applies the old images come back and
 * the failure says which ("edit 3: ", counted over all recorded edits). References are taken.
 * Returns: 0; -ENOENT a file that is not in the view; -EINVAL an image without its content;
 * -ENOMEM. */
int view_rebase(View *view, FileImage *const *images, size_t n, ViewDone done, void *userdata);

/* For views that only read: an image's content goes once it is loaded, if nobody else holds it, or
 * by view_forget(); a fresh worker then needs view_put() again: view_is_alive() tells. */
void view_set_volatile(View *view);
void view_forget(View *view);
/* Returns: true if a worker holds every file of the view as last put, and is healthy. */
bool view_is_alive(const View *view);

/* Loads what is not loaded; then error_* of every file is known. A parse error is no failure; an
 * edit that can no longer be replayed is ("edit 3: ", counted over all recorded edits). */
int view_load(View *view, ViewDone done, void *userdata);
int view_get_value(View *view, const char *path, ViewDone done, void *userdata);
int view_match(View *view, const char *expression, ViewDone done, void *userdata);
int view_read(View *view, const char *expression, uint32_t offset, uint32_t limit, ViewDone done,
              void *userdata);
/* All or nothing; recorded for replay on success. Edits are copied. Only tree verbs and "text".
 * EXM_E_LIMIT_EXCEEDED over limits->edits or staged bytes. */
int view_edit(View *view, const Edit *edits, size_t n_edits, ViewDone done, void *userdata);
/* The files that differ, in order of first edit; EXM_E_PUT_FAILED: a lens cannot write one. */
int view_render(View *view, ViewDone done, void *userdata);
/* Number of recorded edits; bytes of images and edits held (for quotas). */
size_t view_n_edits(const View *view);
uint64_t view_bytes(const View *view);
