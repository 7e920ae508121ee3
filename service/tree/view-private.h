/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-private.h - the inside of a view: files, recorded edits, queue; for tree/ only.
 *
 * view.c holds the data, view-operation.c makes operations, view-queue.c runs them one after
 * another, view-sync.c brings a worker to the state that the data describes, view-reply.c checks
 * what the worker answers, view-answers.c keeps some of that for the next time.
 *
 * The one rule of replay: a file was loaded when `since` edits had been made, and is loaded again
 * at the same place. So a fresh worker goes through exactly the states of the first one.
 */
#pragma once

#include "tree/tree-private.h"
#include "tree/view-answers.h"
#include "tree/view.h"

typedef struct FileSlot {
        ViewFile file;
        char *node;     /* "/files/etc/hosts", escaped as Augeas does */
        size_t since;   /* recorded edits that came before it */
        bool synced;    /* the worker has it as last put */
        bool in_worker; /* the worker knows the name */
} FileSlot;

typedef enum OperationKind {
        OPERATION_LOAD,
        OPERATION_GET_VALUE,
        OPERATION_MATCH,
        OPERATION_READ,
        OPERATION_EDIT,
        OPERATION_RENDER,
        OPERATION_REBASE,
} OperationKind;

typedef struct Operation {
        OperationKind kind;
        char *text; /* path or expression */
        uint32_t offset, limit;
        Edit *edits;
        size_t n_edits;
        uint64_t edit_bytes;
        FileImage **images; /* rebase: the new ones, the old ones once swapped */
        size_t n_images;
        bool swapped;
        char **changed; /* render: files that may differ */
        size_t next_changed;
        ViewText *texts;
        FileImage **bases; /* references that keep texts[i].base */
        size_t n_texts;
        uint64_t text_bytes;
        uint64_t state; /* of the view when it was sent */
        bool sent;      /* its own call, not one that brings the worker up to date, is under way */
        bool repeated;  /* lost to a crash once already */
        bool fresh;     /* has had a worker started for it */
        ViewDone done;
        void *userdata;
        struct Operation *next;
} Operation;

struct View {
        WorkerHost *host;
        Worker *worker;
        sd_event_source *pump;
        FileSlot **files;
        size_t n_files;
        FileSlot **by_node; /* sorted; NULL when out of date */
        uint64_t image_bytes;
        char **drops; /* names that the worker must forget */
        Edit *log;
        size_t n_log;
        uint64_t log_bytes;
        size_t applied;           /* edits of the log that the worker has */
        size_t replaying;         /* size of the batch under way */
        FileSlot *loading;        /* the file under way, NULL if it was removed meanwhile */
        FileImage *loading_image; /* as it was when sent; owned reference */
        bool forget_content;
        bool has_content; /* of a file that is loaded: somebody else held it then */
        bool ending;      /* view_free() is at work */
        bool restart;     /* the worker's state is not what the data says: begin with a fresh one */
        Answers answers;
        Operation *current;
        Operation *queue;
        Operation **queue_end;
};

/* view.c */
void edits_free(Edit *edits, size_t n);
/* One of the same name; takes a reference. */
void view_set_image(View *view, FileSlot *slot, FileImage *image);

/* view-sync.c */
void view_discard_worker(View *view);
/* One step nearer to what the data says. Returns: 0 the worker is up to date; -EINPROGRESS a call
 * is under way, view_step() or view_fail() follows; another -errno or a Condition: failed. */
int view_sync(View *view, Failure *f);
int message_append_edits(sd_bus_message *m, const Edit *edits, size_t n);

/* view-queue.c */
void view_queue(View *view, Operation *op);
/* Returns: the operation under way, else the next of the queue, which then is; NULL if there is
 * none. */
Operation *view_take(View *view);
/* Takes the operation under way one step further. The view may be gone afterwards. */
void view_step(View *view);
/* Ends it, or repeats it if it was only lost. The view may be gone afterwards. */
void view_fail(View *view, int r, Failure *f);
/* The same; -EBADMSG, an answer about `what` that cannot be right, costs the worker its life. */
void view_fail_hostile(View *view, int r, const char *what, Failure *f);

/* view-operation.c */
Operation *operation_free(Operation *op);
DEFINE_CLEANUP(Operation *, operation_free);
/* Forgets what it has gathered from a worker that is gone. */
void operation_reset(Operation *op);
