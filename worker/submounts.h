/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * submounts.h - what is mounted below a directory, shown again over an overlay of this directory,
 * which does not reach into other file systems.
 *
 * A directory that is mounted there gets an overlay of its own, so that staged files can be put
 * into it too. What cannot be shown again is left away: a checker then does not find it.
 */
#pragma once

typedef struct Submounts Submounts;

/* Before the overlay is mounted on `root`: takes hold of all that is mounted below it.
 * Returns: 0; -1 with errno. */
int submounts_open(Submounts **ret, const char *root);

/* After: mounts it again, where it was. `stage`: an empty directory of the overlay's upper layer's
 * file system, for the layers of those that are made here. Returns: 0; -1 with errno. */
int submounts_restore(Submounts *submounts, const char *stage);

/* Makes all of it read-only. Returns: 0; -1 with errno. */
int submounts_seal(const Submounts *submounts);

Submounts *submounts_free(Submounts *submounts);
