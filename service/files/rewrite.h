/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rewrite.h - a file that cannot be exchanged, since something is mounted on its name, gets new
 * content and metadata where it is.
 *
 * Only for a file whose old and new text are in the journal: while it is written it is neither, and
 * after a crash rewrite_settle() puts the old text back. Readers may see a mixture meanwhile; an
 * edit that another program makes within the milliseconds of writing can be lost, as with any
 * program that writes in place. Blocking: runs in a thread.
 */
#pragma once

#include "files/node.h"
#include "util/failure.h"

/* `file` is an O_PATH descriptor of a regular file; both nodes are NODE_FILE. wanted->version
 * becomes that of the file as it is on the disk. Returns: 0; else nothing has changed:
 * EXM_E_CONFLICT (something else than `expected` is there), EXM_E_REFUSED, EXM_E_LIMIT_EXCEEDED,
 * -errno; or EXM_E_CONFLICT and the message says what is there now. */
int rewrite_node(int file, const char *path, const Node *expected, Node *wanted, Failure *f);

/* After a crash within rewrite_node() between these two, in either direction: what is torn becomes
 * `before`. It is held for torn if it is neither of the two, its length is between the two lengths,
 * each byte is that of one of them at its place, and so is each attribute. Anything else is
 * somebody's edit, and stays. (An edit that is itself such a mixture gives way to `before`: a text
 * that was there.) Returns: 0 or -errno. */
int rewrite_settle(int file, const Node *before, const Node *after);
