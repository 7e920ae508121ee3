/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.c - from a wish to the nodes before and after.
 */
#include "files/change.h"

#include <errno.h>
#include <string.h>

#define MODE_BITS   07777U
#define SET_ID_BITS 06000U

void file_change_done(FileChange *change)
{
        file_image_unref(change->base);
        free(change->content);
        free(change->link_target);
        *change = (FileChange){ 0 };
}

static bool acts_on_target(const FileChange *change)
{
        return change->kind == FILE_CHANGE_WRITE || change->kind == FILE_CHANGE_META;
}

const char *file_change_name(const FileChange *change)
{
        return acts_on_target(change) ? change->base->canonical : change->base->path;
}

/* Borrows from the base. */
static Node expected_node(const FileChange *change)
{
        const FileImage *base = change->base;
        Node node = { 0 };

        if (base->link_target && !acts_on_target(change))
                return (Node){ .kind = NODE_LINK, .link_target = base->link_target };
        if (!base->stamp.exists)
                return node;
        node = (Node){
                .kind = NODE_FILE,
                .metadata = { .mode = base->mode,
                              .uid = base->uid,
                              .gid = base->gid,
                              .xattrs = base->xattrs,
                              .n_xattrs = base->n_xattrs },
                .content = base->content,
                .size = base->size,
        };
        memcpy(node.version, base->version, sizeof(node.version));
        return node;
}

static void set_access(Metadata *metadata, const FileChange *change)
{
        if (change->set_owner && (change->uid != metadata->uid || change->gid != metadata->gid)) {
                metadata->mode &= ~(mode_t)SET_ID_BITS;
                metadata->uid = change->uid;
                metadata->gid = change->gid;
        }
        if (change->set_mode)
                metadata_set_mode(metadata, change->mode);
}

/* Borrows from the change and `before`; access is set on the copy. */
static Node wanted_node(const FileChange *change, const Node *before)
{
        Node node = *before;

        if (change->kind == FILE_CHANGE_DELETE)
                return (Node){ .kind = NODE_MISSING };
        if (change->kind == FILE_CHANGE_LINK)
                return (Node){ .kind = NODE_LINK, .link_target = change->link_target };
        if (node.kind == NODE_MISSING)
                node = (Node){ .kind = NODE_FILE,
                               .metadata.mode = change->create_mode & MODE_BITS };
        if (change->kind == FILE_CHANGE_WRITE) {
                node.content = change->content;
                node.size = change->size;
        }
        return node;
}

int file_change_get_nodes(const FileChange *change, Node *ret_before, Node *ret_after, Failure *f)
{
        Node expected = expected_node(change), wanted = wanted_node(change, &expected);
        _cleanup_node_ Node before = { 0 }, after = { 0 };
        int r;

        /* Without its content a file could not be put back. */
        if (expected.kind == NODE_FILE && !expected.version[0])
                return -EINVAL;
        if (expected.kind == NODE_MISSING &&
            (change->kind == FILE_CHANGE_DELETE || change->kind == FILE_CHANGE_META))
                return failure_set(f, EXM_E_REFUSED, "%s: there is no such file.",
                                   file_change_name(change));
        r = node_copy(&expected, &before);
        if (r == 0)
                r = node_copy(&wanted, &after);
        if (r == 0 && after.kind == NODE_FILE) {
                set_access(&after.metadata, change);
                r = node_set_version(&after);
        }
        if (r < 0)
                return r;
        *ret_before = before;
        *ret_after = after;
        before = after = (Node){ 0 };
        return 0;
}
