/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.c - what is expected and what is wanted under a name, checked and swapped.
 *
 * Undoing is the same act with the two exchanged: it finds its own new file there, by version, or
 * leaves alone what is there.
 */
#include "files/change.h"

#include <errno.h>
#include <string.h>

#include "files/node.h"
#include "files/parents.h"
#include "files/place.h"
#include "files/swap.h"
#include "files/walk.h"
#include "util/strv.h"

#define MODE_BITS   07777U
#define SET_ID_BITS 06000U

struct FileUndo {
        char *name;      /* what was acted on */
        FileImage *base; /* `before` borrows from it */
        Node before;
        Node after;  /* version and length, or link_target, which is owned here */
        char **made; /* directories */
};

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

static void set_access(Node *node, const FileChange *change)
{
        Metadata *metadata = &node->metadata;

        if (change->set_owner && (change->uid != metadata->uid || change->gid != metadata->gid)) {
                metadata->mode &= ~(mode_t)SET_ID_BITS;
                metadata->uid = change->uid;
                metadata->gid = change->gid;
        }
        if (change->set_mode)
                metadata->mode = change->mode & MODE_BITS;
}

/* Borrows from the change and its base. */
static Node wanted_node(const FileChange *change)
{
        Node node;

        if (change->kind == FILE_CHANGE_DELETE)
                return (Node){ .kind = NODE_MISSING };
        if (change->kind == FILE_CHANGE_LINK)
                return (Node){ .kind = NODE_LINK, .link_target = change->link_target };

        node = expected_node(change);
        if (node.kind == NODE_MISSING)
                node = (Node){ .kind = NODE_FILE,
                               .metadata.mode = change->create_mode & MODE_BITS };
        if (change->kind == FILE_CHANGE_WRITE) {
                node.content = change->content;
                node.size = change->size;
        }
        set_access(&node, change);
        return node;
}

/* What follows from the change alone. */
static int check_shape(const Roots *roots, const FileChange *change, const Node *expected,
                       Failure *f)
{
        _cleanup_free_ char *target = NULL;
        const char *name = file_change_name(change);
        int r;

        if (expected->kind == NODE_FILE && !change->base->version[0])
                return -EINVAL;
        if (!roots_may_write(roots, name))
                return failure_set(f, EXM_E_REFUSED, "%s: the file is outside the writable roots.",
                                   name);
        if (change->kind == FILE_CHANGE_WRITE)
                return 0;
        if (change->kind != FILE_CHANGE_LINK)
                return expected->kind != NODE_MISSING
                               ? 0
                               : failure_set(f, EXM_E_REFUSED, "%s: there is no such file.", name);

        r = walk_resolve_link(name, change->link_target, &target, f);
        if (r != 0)
                return r;
        if (strcmp(target, name) == 0)
                return failure_set(f, EXM_E_REFUSED, "%s: the link would lead to itself.", name);
        if (!roots_may_read(roots, target))
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: the link would lead out of the readable roots, to %s.",
                                   name, target);
        return 0;
}

static int conflict(const char *path, Failure *f)
{
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: the file has been changed by another program since it was loaded; "
                           "nothing was changed. Load it again.",
                           path);
}

static bool same_text(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static int check_current(const Walk *walk, const Node *expected, const char *path, Failure *f)
{
        _cleanup_node_ Node now = { 0 };
        int r;

        if ((walk->file < 0) != (expected->kind == NODE_MISSING))
                return conflict(path, f);
        if (walk->file < 0)
                return 0;
        r = node_read(walk->dir, walk_name(walk), expected->size, &now);
        if (r < 0)
                return swap_explain(r, path, f);
        return node_equal(&now, expected) ? 0 : conflict(path, f);
}

/* Walks to the place of the change, and checks all that can be known there. */
static int go_there(const Roots *roots, const FileChange *change, const Node *expected, Walk *walk,
                    Failure *f)
{
        const FileImage *base = change->base;
        bool follow = acts_on_target(change);
        int r;

        r = walk_to(walk, roots, base->path, follow, f);
        if (r != 0)
                return r;
        if (!same_text(walk->link_target, base->link_target) ||
            (follow && strcmp(walk->canonical, base->canonical) != 0))
                return conflict(base->path, f);
        r = place_check(walk, roots, base->path, f);
        if (r != 0)
                return r;
        return check_current(walk, expected, base->path, f);
}

int file_change_check(const Roots *roots, const FileChange *change, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        Node expected = expected_node(change);
        int r;

        r = check_shape(roots, change, &expected, f);
        if (r != 0)
                return r;
        return go_there(roots, change, &expected, &walk, f);
}

/* Everything that could fail in making the undo does so before anything is written. */
static int undo_new(FileUndo **ret, const FileChange *change, const Walk *walk, const Node *before,
                    const Node *after)
{
        _cleanup_(file_undo_free_cleanup) FileUndo *undo = NULL;

        undo = calloc(1, sizeof(*undo));
        if (!undo)
                return -ENOMEM;
        undo->name = strdup(walk->canonical);
        undo->base = file_image_ref(change->base);
        undo->before = *before;
        if (before->kind == NODE_LINK) {
                undo->before.metadata.uid = walk->st.st_uid;
                undo->before.metadata.gid = walk->st.st_gid;
        }
        undo->after = (Node){ .kind = after->kind, .size = after->size };
        if (after->link_target) {
                undo->after.link_target = strdup(after->link_target);
                if (!undo->after.link_target)
                        return -ENOMEM;
        }
        if (!undo->name)
                return -ENOMEM;
        *ret = TAKE_PTR(undo);
        return 0;
}

static int write_there(const Roots *roots, const FileChange *change, Walk *walk,
                       const Node *expected, FileUndo *undo, Failure *f)
{
        Node wanted = wanted_node(change);
        int r;

        r = parents_make(walk, roots, &undo->made, f);
        if (r != 0)
                return r;
        r = swap_nodes(walk->dir, walk_name(walk), change->base->path, expected, &wanted, f);
        if (r != 0) {
                parents_remove(roots, undo->made);
                return r;
        }
        memcpy(undo->after.version, wanted.version, sizeof(wanted.version));
        return 0;
}

int file_change_apply(const Roots *roots, const FileChange *change, FileUndo **ret_undo, Failure *f)
{
        _cleanup_(file_undo_free_cleanup) FileUndo *undo = NULL;
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        Node expected = expected_node(change), wanted = wanted_node(change);
        int r;

        r = check_shape(roots, change, &expected, f);
        if (r == 0)
                r = go_there(roots, change, &expected, &walk, f);
        if (r == 0)
                r = undo_new(&undo, change, &walk, &expected, &wanted);
        if (r == 0)
                r = write_there(roots, change, &walk, &expected, undo, f);
        if (r != 0)
                return r;
        *ret_undo = TAKE_PTR(undo);
        return 0;
}

int file_undo_apply(const Roots *roots, const FileUndo *undo, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        Node before = undo->before;
        int r;

        r = walk_to(&walk, roots, undo->name, /* follow= */ false, f);
        if (r != 0)
                return r;
        r = place_check(&walk, roots, undo->name, f);
        if (r != 0)
                return r;
        if (!walk_has_parent(&walk))
                return conflict(undo->name, f);
        r = swap_nodes(walk.dir, walk_name(&walk), undo->name, &undo->after, &before, f);
        if (r == 0)
                parents_remove(roots, undo->made);
        return r;
}

FileUndo *file_undo_free(FileUndo *undo)
{
        if (!undo)
                return NULL;
        free(undo->name);
        file_image_unref(undo->base);
        free(undo->after.link_target);
        strv_free(undo->made);
        free(undo);
        return NULL;
}
