/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench.h - an event loop, a tree and a view to try things on, for the tests of tree/.
 *
 * The programs come from the environment: EXM_WORKER is exmachina-worker, EXM_FAKE_WORKER the one
 * that misbehaves.
 */
#pragma once

#include <stdbool.h>

#include "tree/tree.h"
#include "tree/view.h"

#define HOSTS "127.0.0.1 localhost\n192.0.2.1 one uno\n"

typedef struct Bench {
        sd_event *event;
        TaskPool *pool;
        Limits limits;
        Tree *tree;
        View *view;
        char cache_dir[64];
        int n_fds; /* before anything was opened */
} Bench;

/* What a finished operation handed over, copied. */
typedef struct Outcome {
        bool done;
        int r;
        Failure f;
        bool has_value;
        char *value;
        char **paths;
        char **values; /* "" for none */
        uint32_t total;
        size_t n_counts;
        uint32_t counts[16];
        size_t n_texts;
        char *text_files[16];
        char *texts[16]; /* NULL for a file that is gone */
} Outcome;

/* `place`: the lens directory, or the fake's mode. */
void bench_open(Bench *b, const char *program, const char *place);
void bench_open_real(Bench *b);
void bench_open_fake(Bench *b, const char *mode);
/* Frees everything and asserts that no process and no descriptor is left. */
void bench_close(Bench *b);

void bench_put(Bench *b, const char *path, const char *content, const char *lens);
FileImage *image_make(const char *path, const char *content);

/* A ViewDone; `userdata` is an Outcome. */
void outcome_take(int r, Failure *f, const ViewResult *result, void *userdata);
void outcome_done(Outcome *o);
/* Runs the loop until it is there; asserts that this takes no longer than 20 s. Returns: its r. */
int bench_wait(Bench *b, Outcome *o);
/* Runs the loop for a while, whatever happens. */
void bench_idle(Bench *b, unsigned msec);

int bench_get(Bench *b, Outcome *o, const char *path);
int bench_match(Bench *b, Outcome *o, const char *expression);
int bench_read(Bench *b, Outcome *o, const char *expression, uint32_t offset, uint32_t limit);
int bench_load(Bench *b, Outcome *o);
int bench_render(Bench *b, Outcome *o);
/* One edit: verb and up to three arguments, NULL at the end of them. */
int bench_edit(Bench *b, Outcome *o, const char *verb, const char *a1, const char *a2,
               const char *a3);
/* Returns: the pid of the only child that is there, 0 if there is none. */
pid_t bench_child(void);
int bench_count_fds(void);

#define _cleanup_outcome_ _cleanup_(outcome_done)
