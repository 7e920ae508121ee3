/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * place.h - whether what a walk ended at may be replaced at all, known without writing.
 *
 * Blocking: runs in a thread.
 */
#pragma once

#include "files/walk.h"
#include "util/failure.h"

/* Refuses: a directory on the way in which others than root may swap entries; what is no regular
 * file and no link; several names; immutable or append-only files and directories; a read-only file
 * system; missing directories outside the writable roots. `path` is for messages.
 * Returns: 0 and whether something is mounted on the file itself, so that it cannot be exchanged or
 * removed; EXM_E_REFUSED; -errno. */
int place_check(const Walk *walk, const Roots *roots, const char *path, bool *ret_mounted,
                Failure *f);
