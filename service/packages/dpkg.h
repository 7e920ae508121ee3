/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg.h - what dpkg itself knows and PackageKit has no word for: holds, packages of which an
 * installation or removal stopped halfway, and whether somebody else is at work.
 *
 * Asked of dpkg-query(1), a child process whose answer is complete even while dpkg is running (it
 * reads the journal of the database too). The locks are looked at, never taken. Where there is no
 * dpkg the answer is empty (`n` is 0): on such a system PackageKit's word alone counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <systemd/sd-event.h>

#include "util/failure.h"
#include "util/task.h"

/* Strings are of DpkgRows.text. */
typedef struct DpkgRow {
        const char *name, *architecture, *version;
        const char
                *state; /* "installed", "half-configured" ... (dpkg(1)), also "reinst-required" */
        bool held;      /* apt-mark hold */
} DpkgRow;

/* All packages in the order of dpkg_row_compare(). */
typedef struct DpkgRows {
        char *text;
        DpkgRow *rows;
        size_t n;
} DpkgRows;

typedef struct DpkgLook DpkgLook;

/* Once. r: 0; EXM_E_BUSY (only with `wait`); EXM_E_PACKAGE_FAILED (dpkg was interrupted, or does
 * not answer); -errno. `rows` may be taken over. The look may be freed in it. */
typedef void (*DpkgDone)(int r, Failure *f, DpkgRows *rows, void *userdata);

/* `wait`: packages are about to be changed: as long as another program has dpkg's lock it is waited
 * for, up to PACKAGES_WAIT_USEC, and `waits` is told that it is.
 * Returns: 0 and *ret, or -errno. `done` never runs before this returns. */
int dpkg_look(DpkgLook **ret, sd_event *event, TaskPool *pool, bool wait, DpkgDone done,
              void (*waits)(void *userdata), void *userdata);
/* Without `done` if it has not run. NULL is allowed. */
DpkgLook *dpkg_look_free(DpkgLook *look);

/* Takes over `text`, the answer of dpkg-query (DPKG_FORMAT). Lines of another form are left out.
 * Returns: 0 or -ENOMEM. */
#define DPKG_FORMAT                                                                                \
        "${Package}\\t${Architecture}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Status}\\t"   \
        "${db:Status-Eflag}\\n"
int dpkg_rows_parse(DpkgRows *ret, char *text);
void dpkg_rows_done(DpkgRows *rows);
/* Moves them; what was in `to` is freed. */
void dpkg_rows_take(DpkgRows *to, DpkgRows *from);

/* By name and architecture. */
int dpkg_row_compare(const void *a, const void *b);
/* NULL: it has never been there. */
const DpkgRow *dpkg_row_find(const DpkgRows *rows, const char *name, const char *architecture);

/* NULL is allowed in both. There in whatever state, but as configuration files. */
bool dpkg_row_is_there(const DpkgRow *row);
/* There, and neither wholly nor in order. */
bool dpkg_row_is_unfinished(const DpkgRow *row);
