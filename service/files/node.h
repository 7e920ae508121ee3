/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * node.h - what is, or is to be, under one name of a directory: nothing, a file or a link.
 *
 * A Node owns what it points to; one that was put together from an image borrows, and is not given
 * to node_done(). Blocking: runs in a thread.
 */
#pragma once

#include <sys/stat.h>

#include "files/metadata.h"

typedef enum NodeKind {
        NODE_MISSING,
        NODE_FILE,
        NODE_LINK,
        NODE_OTHER, /* a directory, a device, ... */
} NodeKind;

typedef struct Node {
        NodeKind kind;
        Metadata metadata; /* of a link: the owner only */
        void *content;     /* NODE_FILE; NUL-terminated beyond `size`; NULL if not asked for */
        size_t size;
        char *link_target;             /* NODE_LINK */
        char version[DIGEST_HEX_SIZE]; /* NODE_FILE with content */
} Node;

/* Reads the regular file `file` (an O_PATH descriptor), and its state as it was then.
 * Returns: 0; -EFBIG (more than max_bytes, known from its size at once); -EAGAIN (it went on
 * changing while it was read); -errno. */
int node_read_file(int file, uint64_t max_bytes, Node *ret, struct stat *ret_st);

/* Looks at what is at `name` of `dir`. Of a file that is longer than max_bytes the content is left
 * away. Returns: 0 or -errno. */
int node_read(int dir, const char *name, uint64_t max_bytes, Node *ret);

/* Returns: true if `found`, read with its content, is what became of `wanted` on the disk: of one
 * kind, one content, and metadata that match (metadata_matches()). A link's owner is no difference.
 */
bool node_matches(const Node *found, const Node *wanted);

/* A deep copy. Returns: 0 or -ENOMEM. */
int node_copy(const Node *from, Node *ret);

/* As metadata_version(), into node->version. */
int node_set_version(Node *node);

void node_done(Node *node);

#define _cleanup_node_ _cleanup_(node_done)
