/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach.h - which files does a call reach, and may its caller read them?
 *
 *   1. lenses   the index (async) tells the files that a lens covers, named exactly, from
 * directories
 *   2. names    from the arguments alone: static prefixes of expressions, files of edits, options
 *   3. ask      read-config for every named file and every span, before anything on disk is looked
 * at; what the caller's key could grant is looked at by that right
 *   4. probe    in a thread: spans are walked, every file opened with O_PATH and classified, and
 * judged by the key; without a thread where a glance (glance.h) says that all is as a warm view has
 * it
 *   5. ask      read-config for what was looked at by the key and is not granted by it;
 * read-secret-config for every named file that is not public; spans leave such out
 *   6. read     in a thread: the bytes of what no view holds fresh. The class is judged again on
 * the descriptor that is read: a file that became stricter is denied, or left out of a span.
 *
 * A span that the key lets the caller walk is polkit's only if it holds more than the key grants;
 * without polkit's yes it is what the key grants.
 * Files that a transaction holds are not asked for again, unless they have become secret, or their
 * right came from a key: that ends with the key, so they are judged as if they were named anew.
 * At its end call->reach.files are what may be loaded; load.h puts them into a view.
 */
#pragma once

#include "bus/reach/reach-files.h"

/* Runs steps 1 to 6, then `done`; or the call has failed. */
void reach_start(Call *call, void (*done)(Call *call));

/* Step 6 again, for every file, whatever a view holds: after the loss of a worker. Then `done` of
 * reach_start() again. */
void reach_read_again(Call *call);
