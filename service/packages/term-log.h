/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * term-log.h - what dpkg and the packages' scripts have written, from apt's log of it.
 *
 * PackageKit's error has only dpkg's sentence ("post-installation script subprocess returned error
 * exit status 3"); what the script said itself is in /var/log/apt/term.log. Where that is not
 * (other systems than Debian's), there is no output to tell.
 */
#pragma once

#include <stdint.h>

#include "util/task.h"

typedef struct TermLog {
        uint64_t device, inode, size; /* all 0: it is not there */
} TermLog;

/* How far it has been written, before the change is made. */
void term_log_mark(TermLog *ret);

/* The end of what was written since, of the last operation alone: at most some twenty lines,
 * cleaned (pk-error.h). Returns: a new string; NULL if there is none. */
char *term_log_tail(const TermLog *mark);

/* Both block; this has one of them done in a thread. `mark` NULL: the mark, and `tail` is NULL;
 * else the tail since then, which may be taken over. Returns: 0 and *ret, or -errno. */
typedef struct TermLogTask TermLogTask;
typedef void (*TermLogDone)(const TermLog *mark, char **tail, void *userdata);
int term_log_start(TermLogTask **ret, TaskPool *pool, const TermLog *mark, TermLogDone done,
                   void *userdata);
/* It ends without `done`. NULL is allowed. */
TermLogTask *term_log_forget(TermLogTask *task);
