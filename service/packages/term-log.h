/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * term-log.h - what dpkg and the packages' scripts have written, from apt's log of it.
 *
 * PackageKit's error has only dpkg's sentence ("post-installation script subprocess returned error
 * exit status 3"); what the script said itself is in /var/log/apt/term.log. Where that is not
 * (other systems than Debian's), there is no output to tell. Both block: they run in a thread.
 */
#pragma once

#include <stdint.h>

typedef struct TermLog {
        uint64_t device, inode, size; /* all 0: it is not there */
} TermLog;

/* How far it has been written, before the change is made. */
void term_log_mark(TermLog *ret);

/* The end of what was written since, of the last operation alone: at most some twenty lines,
 * cleaned (pk-error.h). Returns: a new string; NULL if there is none. */
char *term_log_tail(const TermLog *mark);
