/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child.h - a child process of the daemon, followed by a pidfd on the event loop.
 *
 * Started with posix_spawn (safe beside threads): empty environment, default signals, no descriptor
 * but those named, stdin from /dev/null. What it may do is for the program itself to give up before
 * it reads anything (worker/sandbox.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "util/macro.h"

typedef struct Child Child;

/* `code`/`status` as siginfo_t's si_code (CLD_EXITED, CLD_KILLED, CLD_DUMPED) and si_status. Not
 * called after child_free(). */
typedef void (*ChildExited)(int code, int status, void *userdata);

/* fds[i] becomes descriptor i+1 of the child (fds[0] its stdout); -1 leaves /dev/null there. The
 * caller keeps and closes its own. stderr (fds[1]) -1: the daemon's.
 * Returns: 0 or -errno. */
int child_spawn(Child **ret, sd_event *event, const char *path, char *const argv[], const int *fds,
                size_t n_fds, ChildExited exited, void *userdata);

pid_t child_pid(const Child *child);

/* SIGKILL if it runs, reaped in the background. NULL is allowed. */
Child *child_free(Child *child);
