/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * settings.h - exmachina.conf and exmachina.conf.d, read once at start.
 *
 * A file that cannot be read as it is meant (unknown section or key, a value out of range, a root
 * that is no normal path) is an error and the service does not start: a limit or a root that was
 * ignored would be worse. exmachina.conf(5) lists every setting.
 */
#pragma once

#include "tree/lens-index.h"
#include "util/limits.h"

typedef struct Settings {
        Limits limits;
        char **readable;  /* [Roots] Readable= */
        char **writable;  /* [Roots] Writable= */
        LensFile *lenses; /* [Lens NAME] Include=: file is the glob, lens the NAME */
        size_t n_lenses;
        int log_level; /* [Log] Level= */
} Settings;

/* Reads `file` (NULL or missing: defaults) and then FILE.d/<name>.conf in name order.
 * Returns: 0 or -errno, logged. settings_done() is due in either case. */
int settings_read(Settings *ret, const char *file);
void settings_done(Settings *settings);
