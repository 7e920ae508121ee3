/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-dir.h - the directory of key files: opened step by step, judged, read, written, cleaned.
 *
 * Every directory on the way belongs to root, nobody else may write in it, and none is a link, so
 * nobody else can put a key there; what is in it is judged all the same, on what was opened.
 * Whoever writes holds the directory's lock (flock), which also tells a leftover of a crash from a
 * file that another process is making. Blocking.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "files/image.h"
#include "util/failure.h"

#define KEY_DIR_MAX_KEYS   1000U
#define KEY_DIR_FILE_BYTES 65536U /* of one */

/* `root` NULL: "/". `make`: directories of `path` that are missing are made, 0755, the last one
 * 0700; without `root` only the last two, for a system has the others. Returns: 0 and a descriptor;
 * EXM_E_NO_MATCH (a directory is missing); EXM_E_REFUSED (a link, somebody else may write there,
 * read-only); -errno. */
int key_dir_open(const char *root, const char *path, bool make, int *ret, Failure *f);

/* Waits for the lock, which goes with the descriptor; or not: -EWOULDBLOCK. Returns: 0 or -errno.
 */
int key_dir_lock(int dir, bool wait);
/* Removes what a crash has left of files that were being made. The lock is held. */
void key_dir_clean(int dir);

/* What is there with the suffix .key, without it, sorted. Returns: 0 or -errno. */
int key_dir_list(int dir, char ***ret);

/* Cheap: only looks. A missing file is a success with exists false. Returns: 0 or -errno. */
int key_dir_look(int dir, const char *name, FileStamp *ret);
/* Reads the key file of this name if it is what a key file must be.
 * Returns: 0; EXM_E_NO_MATCH; EXM_E_REFUSED and why it is not, as the end of a sentence; -errno. */
int key_dir_read(int dir, const char *name, size_t max_bytes, char **ret, size_t *ret_size,
                 FileStamp *ret_stamp, Failure *f);

/* Makes the file, durably, or nothing. The lock is held. Returns: 0; EXM_E_CONFLICT (it is there);
 * EXM_E_REFUSED; -errno. */
int key_dir_write(int dir, const char *name, const char *text, Failure *f);
/* Removes it, durably. Returns: 0; EXM_E_NO_MATCH; EXM_E_REFUSED; -errno. */
int key_dir_remove(int dir, const char *name, Failure *f);
