/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diff.h - a unified diff of two texts, or a merge of three, by diff(1) or diff3(1) in a sandboxed
 * child.
 *
 * The texts go in as sealed memfds; the child (exmachina-diff, worker/sandbox.h) runs as the
 * worker's user with no capabilities, no new privileges, rlimits, a seccomp filter and a wall-clock
 * limit, and never sees a live file. What it prints is not trusted: its size is bounded, its bytes
 * are made valid UTF-8.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "util/failure.h"

typedef struct Diff Diff;

/* How the child is run. Nothing of it is kept after diff_start(). */
typedef struct DiffConfig {
        const char *program; /* NULL: EXM_LIBEXECDIR "/exmachina/exmachina-diff" */
        uid_t uid;           /* of the sandbox */
        gid_t gid;
        unsigned timeout_sec; /* wall clock */
} DiffConfig;

/* r: 0, EXM_E_LIMIT_EXCEEDED (time, or more than LIMIT_MESSAGE_BYTES of output) or -errno. `text`
 * is valid UTF-8 (utf8_sanitise), "" if the two are equal, NULL on failure, and lives until the
 * callback returns. */
typedef void (*DiffDone)(int r, Failure *f, const char *text, void *userdata);

/* Labels are "--- <file>" and "+++ <file>", /dev/null for the side whose bytes are NULL; NULL and
 * an empty text are equal. The texts are copied. `done` never runs before this returns, and may
 * call diff_free(). Returns: 0 and *ret (to be given to diff_free() also after `done`), or -errno.
 */
int diff_start(Diff **ret, sd_event *event, const DiffConfig *config, const char *file,
               const void *old, size_t old_size, const void *new, size_t new_size, DiffDone done,
               void *userdata);

typedef struct DiffText {
        const void *bytes;
        size_t size;
} DiffText;

/* r: 0 and the merged bytes, valid until the callback returns; EXM_E_CONFLICT (the two overlap);
 * EXM_E_LIMIT_EXCEEDED; -errno. */
typedef void (*MergeDone)(int r, Failure *f, const void *bytes, size_t size, void *userdata);

/* The same by diff3(1): what leads from `base` to `theirs`, done to `mine`. */
int merge_start(Diff **ret, sd_event *event, const DiffConfig *config, const char *file,
                DiffText mine, DiffText base, DiffText theirs, MergeDone done, void *userdata);

/* Kills the child if it still runs; `done` is not called then. NULL is allowed. */
Diff *diff_free(Diff *diff);
