/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glance.h - is a file still what it was? Told at once or not at all, so that the event loop may
 * ask.
 *
 * The walk of walk.h again, but only as far as the kernel has it in memory (RESOLVE_CACHED, Linux
 * 5.12), only on the file system of "/" and only if that is a local one: nothing on the way can
 * wait for a disk or a server. It says yes when each thing that a probe judges by is as in the
 * image: the file's stamp, and whether every directory is searchable by all. Everything else (a
 * file that is not there, a link, another file system, whatever is not in memory) is for a thread.
 */
#pragma once

#include "files/image.h"

typedef struct Glance {
        dev_t device; /* of "/", 0: glances tell nothing here */
} Glance;

/* May block: once, at the start. */
Glance glance_new(void);

/* Returns: true if a probe of known->path, taken now, would be like `known`. */
bool glance_is_current(const Glance *glance, const FileImage *known);
