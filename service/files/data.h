/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * data.h - the line format of the policy data that is installed with the service.
 *
 * One entry a line; empty lines and lines that begin with # are comments. The files are the
 * administrator's and trusted, but a damaged one is an error, never half a policy.
 */
#pragma once

/* Returns: NULL, or what is wrong with the line, as the end of a sentence. */
typedef const char *(*DataLine)(char *line, void *userdata);

/* Calls `entry` for each line, without blanks at either end; it may write into it.
 * Returns: 0; -EINVAL (a damaged line); -errno. Every failure is logged with file and line. */
int data_read(const char *path, DataLine entry, void *userdata);
