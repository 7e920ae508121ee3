/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench.h - Units on a bus and an event loop, for tests that wait for one answer after the other.
 */
#pragma once

#include "units/units.h"

typedef struct Bench {
        sd_event *event;
        sd_bus *bus;
        Limits limits;
        Units *units;
} Bench;

/* What `done` was told; strings are copies. */
typedef struct Answer {
        unsigned n_done;
        int r;
        char *message, *id, *result, *active_state;
        char *row_id, *row_load_state, *row_file_state; /* the first row */
        size_t n_rows, n_changes, n_names;
        uint32_t main_pid;
        UnitsRequest *free_this; /* set by a test: freed within `done` */
} Answer;

/* `address` NULL: the system bus. */
void bench_init(Bench *b, sd_event *event, const char *address);
void bench_done(Bench *b);

/* UnitsDone with an Answer as userdata. */
void answer_take(int r, Failure *f, const UnitsResult *result, void *userdata);
void answer_clear(Answer *a);

/* Runs the loop until the answer is there; fails the test after 20 seconds. */
void bench_wait(Bench *b, const Answer *a);
/* Runs the loop for so long. */
void bench_run(Bench *b, unsigned msec);

/* One request from start to end; `a` is cleared first. */
void bench_job(Bench *b, Answer *a, const char *id, UnitVerb verb);
void bench_change_files(Bench *b, Answer *a, const char *id, UnitVerb verb);
void bench_resolve(Bench *b, Answer *a, const char *name);
void bench_status(Bench *b, Answer *a, const char *id);
void bench_list(Bench *b, Answer *a, const char *pattern);
