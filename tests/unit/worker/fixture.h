/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fixture.h - a running exmachina-worker and the other end of its connection.
 *
 * As root it runs chrooted as user 65534, as in production; else without chroot as the caller. Any
 * failure to talk to it fails the test, but for worker_call(), which hands errors over.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <setjmp.h>

#include <cmocka.h>
#include <systemd/sd-bus.h>

#include "util/macro.h"

#define WORKER_TEST_UID 65534

typedef struct Worker {
        pid_t pid;
        sd_bus *bus;
} Worker;

/* cmocka setup and teardown: *state is a Worker. */
int worker_setup(void **state);
int worker_teardown(void **state);

/* Lenses elsewhere than in EXM_LENSDIR. */
void worker_start(Worker *worker, const char *lens_dir);
/* Closes the connection. Returns: the wait status. */
int worker_stop(Worker *worker);

/* Returns: >= 0 and *ret_reply (which may be NULL), or -errno with `error`. */
int worker_call(Worker *worker, sd_bus_error *error, sd_bus_message **ret_reply, const char *method,
                const char *types, ...);

/* Load. Returns: ok; else *ret_message (new) and *ret_line, both of which may be NULL. */
bool worker_load(Worker *worker, const char *file, const char *lens, const char *text, size_t size);
bool worker_load_problem(Worker *worker, const char *file, const char *lens, const char *text,
                         size_t size, char **ret_message, uint32_t *ret_line, uint32_t *ret_column);

/* Returns: a new string, NULL for a node without a value. */
char *worker_get(Worker *worker, const char *path);
/* Returns: the matching paths, joined with a space, new. */
char *worker_match(Worker *worker, const char *expression);
/* Returns: the text (new), NULL if the file is gone. */
char *worker_render(Worker *worker, const char *file, size_t *ret_size);
/* Returns: Changed(), joined with a space, new. */
char *worker_changed(Worker *worker);

/* One edit of up to three arguments (the first NULL ends them). Returns: its count. */
uint32_t worker_edit(Worker *worker, const char *verb, const char *a, const char *b, const char *c);
/* The same, but it must fail with that error (the part after the last dot) and those words in it.
 */
void worker_edit_fails(Worker *worker, const char *error, const char *words, const char *verb,
                       const char *a, const char *b, const char *c);
/* Any method that takes one string. */
void worker_fails(Worker *worker, const char *error, const char *words, const char *method,
                  const char *argument);

/* assert_string_equal() that frees `actual`. */
void assert_text(char *actual, const char *expected);
