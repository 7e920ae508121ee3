/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plain.c - one path, one node, one change of the list that it stands in.
 *
 * A new node belongs behind all of its siblings, also those that have no label (empty lines,
 * mostly), which are not in the index. Augeas walks to the end of the list for it; only behind one
 * that was made in that way before can the next be put at once.
 */
#include "worker/plain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/paths.h"

#define SOURCE TREE_OWN_VARIABLES "source"

typedef struct Place {
        Tree *tree;
        Paths *paths;
        TreeFile *file;
        uint32_t node; /* within the file, or the file's own */
        const char *missing;
} Place;

/* Returns: 0; `paths` is NULL if the path is not for this way. */
static int find_place(Tree *tree, const char *path, Place *ret)
{
        PathsPlace place;
        Paths *paths;
        TreeFile *file;
        int r;

        *ret = (Place){ .tree = tree };
        if (!paths_worth(tree))
                return 0;
        r = paths_get(tree, &paths);
        if (r < 0)
                return r == -EOPNOTSUPP ? 0 : r;
        if (!paths_find(paths, path, &place))
                return 0;
        file = tree_file_of_node(tree, path);
        if (!file || file->problem || paths_depth(paths, place.node) < file->depth)
                return 0;
        *ret = (Place){ tree, paths, file, place.node, place.missing };
        return 0;
}

static bool is_within_file(const Place *place)
{
        return place->missing[0] == '\0' &&
               paths_depth(place->paths, place->node) > place->file->depth;
}

static int go(const Place *place, uint32_t node, char path[CURSOR_PATH_BYTES])
{
        return paths_go(place->paths, node, place->file->depth, path);
}

/* ---- values ---- */

static int set_value(const Place *place, uint32_t node, const char *value)
{
        char path[CURSOR_PATH_BYTES];
        int r;

        r = go(place, node, path);
        return r == 0 && aug_setm(place->tree->aug, path, NULL, value) != 1 ? -EIO : r;
}

static int set_existing(const Place *place, const char *value)
{
        char path[CURSOR_PATH_BYTES];
        const char *now = NULL;
        int r;

        r = go(place, place->node, path);
        if (r == 0 && aug_get(place->tree->aug, path, &now) != 1)
                r = -EIO;
        if (r < 0 || (now && value ? strcmp(now, value) == 0 : now == value))
                return r;
        r = tree_mark_values(place->tree, place->file);
        if (r == 0 && aug_setm(place->tree->aug, path, NULL, value) != 1)
                r = -EIO;
        return r;
}

/* ---- new nodes ---- */

/* Makes the last child of `parent`. */
static int append_node(const Place *place, uint32_t parent, const char *label, size_t size,
                       uint32_t *ret)
{
        uint32_t last = paths_certain_last(place->paths, parent);
        _cleanup_free_ char *name = NULL, *expression = NULL;
        char path[CURSOR_PATH_BYTES];
        int r;

        r = go(place, last == FLAT_NONE ? parent : last, path);
        if (r < 0)
                return r;
        name = strndup(label, size);
        if (!name)
                return -ENOMEM;
        if (last != FLAT_NONE) {
                r = aug_insert(place->tree->aug, path, name, /* before= */ 0);
        } else {
                if (asprintf(&expression, "%s/%s[last()+1]", path, name) < 0)
                        return -ENOMEM;
                r = aug_set(place->tree->aug, expression, NULL);
        }
        if (r < 0)
                return -EIO;
        return paths_added(place->paths, parent, PATHS_LAST_BELOW, label, size, ret);
}

/* Makes the nodes of the steps that are missing. */
static int make_missing(const Place *place, uint32_t *ret)
{
        const char *rest = place->missing, *label;
        uint32_t node = place->node;
        size_t size;
        int r;

        r = tree_mark_reshaped(place->tree, place->file);
        while (r == 0 && paths_next_step(&rest, &label, &size))
                r = append_node(place, node, label, size, &node);
        *ret = node;
        return r;
}

int plain_set(Tree *tree, const char *path, const char *value, PlainSet how, bool *ret_done,
              uint32_t *ret_count, Failure *f)
{
        uint32_t node;
        Place place;
        int r;

        *ret_done = false;
        r = find_place(tree, path, &place);
        if (r < 0 || !place.paths || (place.missing[0] == '\0' && !is_within_file(&place)))
                return r;
        *ret_done = true;
        *ret_count = 1;
        if (place.missing[0] != '\0') {
                r = make_missing(&place, &node);
                if (r == 0 && value)
                        r = set_value(&place, node, value);
        } else if (how == PLAIN_TOUCH) {
                *ret_count = 0;
        } else {
                r = set_existing(&place, value);
        }
        return r == -EIO ? tree_augeas_failure(tree, path, f) : r;
}

int plain_insert(Tree *tree, const char *path, const char *label, bool before, bool *ret_done,
                 uint32_t *ret_count, Failure *f)
{
        char node_path[CURSOR_PATH_BYTES];
        uint32_t node;
        Place place;
        int r;

        *ret_done = false;
        r = find_place(tree, path, &place);
        if (r < 0 || !place.paths || !is_within_file(&place))
                return r;
        *ret_done = true;
        *ret_count = 1;
        r = tree_mark_reshaped(tree, place.file);
        if (r == 0)
                r = go(&place, place.node, node_path);
        if (r < 0)
                return r;
        if (aug_insert(tree->aug, node_path, label, before) < 0)
                return tree_augeas_failure(tree, path, f);
        return paths_added(place.paths, place.node, before ? PATHS_BEFORE : PATHS_BEHIND, label,
                           strlen(label), &node);
}

int plain_remove(Tree *tree, const char *path, bool *ret_done, uint32_t *ret_count, Failure *f)
{
        char node_path[CURSOR_PATH_BYTES];
        Place place;
        int r;

        *ret_done = false;
        r = find_place(tree, path, &place);
        if (r < 0 || !place.paths || !is_within_file(&place))
                return r;
        *ret_done = true;
        r = tree_mark_reshaped(tree, place.file);
        if (r == 0)
                r = go(&place, place.node, node_path);
        if (r < 0)
                return r;
        r = aug_rm(tree->aug, node_path);
        if (r < 1)
                return r < 0 ? tree_augeas_failure(tree, path, f) : -EIO;
        paths_removed(place.paths, place.node);
        *ret_count = (uint32_t)r;
        return 0;
}

int plain_move(Tree *tree, const char *path, const char *to, bool *ret_done, uint32_t *ret_count,
               Failure *f)
{
        char to_path[CURSOR_PATH_BYTES];
        Place source, target = { 0 };
        uint32_t node;
        int r;

        *ret_done = false;
        r = find_place(tree, path, &source);
        if (r == 0 && source.paths)
                r = find_place(tree, to, &target);
        if (r < 0 || !target.paths || !is_within_file(&source) || target.missing[0] == '\0' ||
            paths_is_below(target.paths, target.node, source.node))
                return r;
        *ret_done = true;
        *ret_count = 1;
        r = tree_mark_reshaped(tree, source.file);
        if (r == 0)
                r = make_missing(&target, &node);
        if (r == 0)
                r = paths_hold(source.paths, source.node, SOURCE);
        if (r == 0)
                r = go(&target, node, to_path);
        if (r == 0 && aug_mv(tree->aug, "$" SOURCE, to_path) < 0)
                r = -EIO;
        if (r == 0)
                r = paths_moved(target.paths, source.node, node);
        return r == -EIO ? tree_augeas_failure(tree, path, f) : r;
}
