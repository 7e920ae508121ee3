/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flat.c - trees as arrays.
 *
 * "descendant::*" gives all nodes in document order, but not their depth; the nodes of each depth
 * by themselves come in the same order, and the two lists are merged. A node is known again by the
 * address of its label, which is its own. Should two nodes share one, the lists do not add up, and
 * the answer is that it cannot be told.
 *
 * The variables go away at once: aug_rm() looks through each of them for each node it removes.
 */
#include "worker/flat.h"

#include <errno.h>
#include <string.h>

#define ALL_VARIABLE   TREE_OWN_VARIABLES "flat"
#define LEVEL_VARIABLE TREE_OWN_VARIABLES "level"
#define NEAR           32U /* siblings */

void flat_done(Flat *flat)
{
        free(flat->nodes);
        free(flat->strings);
        *flat = (Flat){ 0 };
}

/* Returns: the number of nodes, or -EIO. */
static int define_nodes(Tree *tree, const char *variable, const char *from, const char *step)
{
        _cleanup_free_ char *expression = NULL;
        int n;

        if (asprintf(&expression, "%s/%s", from, step) < 0)
                return -ENOMEM;
        n = aug_defvar(tree->aug, variable, expression);
        return n < 0 ? -EIO : n;
}

static int read_nodes(Flat *flat, Tree *tree)
{
        for (size_t i = 0; i < flat->n; i++) {
                FlatNode *node = &flat->nodes[i];

                if (aug_ns_attr(tree->aug, ALL_VARIABLE, (int)i, &node->value, &node->label, NULL) <
                            0 ||
                    !node->label)
                        return -EIO;
                node->id = node->label;
        }
        return 0;
}

/* Gives the `n` nodes of the level that the variable holds their depth.
 * Returns: 0; -EOPNOTSUPP if they are not all met, in order. */
static int mark_level(Flat *flat, Tree *tree, int n, uint32_t depth)
{
        size_t i = 0;

        for (int k = 0; k < n; k++) {
                const char *label;

                if (aug_ns_label(tree->aug, LEVEL_VARIABLE, k, &label, NULL) < 0)
                        return -EIO;
                while (i < flat->n && flat->nodes[i].id != label)
                        i++;
                if (i == flat->n || flat->nodes[i].depth != 0)
                        return -EOPNOTSUPP;
                flat->nodes[i].depth = depth;
        }
        return 0;
}

static int find_depths(Flat *flat, Tree *tree, const char *root)
{
        size_t found = 0;
        int n, r;

        n = define_nodes(tree, LEVEL_VARIABLE, root, "*");
        for (uint32_t depth = 1; n > 0; depth++) {
                if (depth > FLAT_DEPTH_MAX)
                        return -EOPNOTSUPP;
                r = mark_level(flat, tree, n, depth);
                if (r < 0)
                        return r;
                found += (size_t)n;
                n = define_nodes(tree, LEVEL_VARIABLE, "$" LEVEL_VARIABLE, "*");
        }
        return n < 0 ? n : found == flat->n ? 0 : -EOPNOTSUPP;
}

/* Parent, position and end from the depths. */
static int link_nodes(Flat *flat)
{
        uint32_t last[FLAT_DEPTH_MAX + 1], depth = 0; /* the node of each depth that is open */

        last[0] = FLAT_NONE;
        for (uint32_t i = 0; i < flat->n; i++) {
                FlatNode *node = &flat->nodes[i];

                if (node->depth > depth + 1)
                        return -EOPNOTSUPP;
                for (uint32_t d = node->depth; d <= depth; d++)
                        flat->nodes[last[d]].end = i;
                node->position =
                        node->depth <= depth ? flat->nodes[last[node->depth]].position + 1 : 1;
                node->parent = last[node->depth - 1];
                depth = node->depth;
                last[depth] = i;
        }
        for (uint32_t d = 1; d <= depth; d++)
                flat->nodes[last[d]].end = (uint32_t)flat->n;
        return 0;
}

static const char *copy_string(char **to, const char *s)
{
        char *copy = *to;

        *to = stpcpy(copy, s) + 1;
        return copy;
}

static int copy_strings(Flat *flat)
{
        size_t size = 1;
        char *to;

        for (size_t i = 0; i < flat->n; i++)
                size += strlen(flat->nodes[i].label) + 1 +
                        (flat->nodes[i].value ? strlen(flat->nodes[i].value) + 1 : 0);
        flat->strings = to = malloc(size);
        if (!to)
                return -ENOMEM;
        for (size_t i = 0; i < flat->n; i++) {
                FlatNode *node = &flat->nodes[i];

                node->label = copy_string(&to, node->label);
                if (node->value)
                        node->value = copy_string(&to, node->value);
        }
        return 0;
}

int flat_read(Flat *ret, Tree *tree, const char *root, FlatStrings strings)
{
        int n, r;

        *ret = (Flat){ 0 };
        n = define_nodes(tree, ALL_VARIABLE, root, "descendant::*");
        if (n < 0)
                return n;
        ret->nodes = calloc((size_t)n + 1, sizeof(*ret->nodes));
        if (!ret->nodes)
                return -ENOMEM;
        ret->n = (size_t)n;
        r = read_nodes(ret, tree);
        if (r == 0)
                r = find_depths(ret, tree, root);
        aug_defvar(tree->aug, ALL_VARIABLE, NULL);
        aug_defvar(tree->aug, LEVEL_VARIABLE, NULL);
        if (r == 0)
                r = link_nodes(ret);
        if (r == 0 && strings == FLAT_COPIED)
                r = copy_strings(ret);
        return r;
}

static bool strings_equal(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool flat_equal(const Flat *left, uint32_t a, const Flat *right, uint32_t b)
{
        uint32_t n = left->nodes[a].end - a;

        if (right->nodes[b].end - b != n)
                return false;
        for (uint32_t i = 0; i < n; i++) {
                const FlatNode *x = &left->nodes[a + i], *y = &right->nodes[b + i];

                if (x->end - a != y->end - b || strcmp(x->label, y->label) != 0 ||
                    !strings_equal(x->value, y->value))
                        return false;
        }
        return true;
}

/* ---- one node ---- */

/* Appends the steps from `from` (FLAT_NONE: the root) down to node `i`. */
static int append_steps(const Flat *flat, uint32_t from, uint32_t i, char *path)
{
        uint32_t steps[FLAT_DEPTH_MAX], n = 0;
        char *p = path + strlen(path), *end = path + CURSOR_PATH_BYTES;

        for (; i != from; i = flat->nodes[i].parent)
                steps[n++] = flat->nodes[i].position;
        while (n > 0) {
                p += snprintf(p, (size_t)(end - p), "/*[%u]", steps[--n]);
                if (p >= end)
                        return -EOPNOTSUPP;
        }
        return 0;
}

/* The variable comes to hold node `i`. */
static int move_to(Cursor *cursor, uint32_t i)
{
        const FlatNode *nodes = cursor->flat->nodes;
        char path[CURSOR_PATH_BYTES];
        int r = 0;

        if (i == cursor->at)
                return 0;
        if (cursor->at != FLAT_NONE && nodes[i].parent == nodes[cursor->at].parent &&
            nodes[i].position > nodes[cursor->at].position) {
                snprintf(path, sizeof(path), "$%s/following-sibling::*[%u]", cursor->variable,
                         nodes[i].position - nodes[cursor->at].position);
        } else {
                if (strlen(cursor->root) >= sizeof(path))
                        return -EOPNOTSUPP;
                strcpy(path, cursor->root);
                r = append_steps(cursor->flat, FLAT_NONE, i, path);
        }
        if (r < 0)
                return r;
        cursor->at = FLAT_NONE;
        if (aug_defvar(cursor->tree->aug, cursor->variable, path) != 1)
                return -EIO;
        cursor->at = i;
        return 0;
}

/* The variable is not moved for a few steps: that costs as much as they do. */
static bool is_near(const Cursor *cursor, uint32_t i)
{
        const FlatNode *nodes = cursor->flat->nodes;

        return cursor->at != FLAT_NONE && nodes[i].parent == nodes[cursor->at].parent &&
               nodes[i].position > nodes[cursor->at].position &&
               nodes[i].position - nodes[cursor->at].position < NEAR;
}

int cursor_go(Cursor *cursor, uint32_t i, char path[CURSOR_PATH_BYTES])
{
        const FlatNode *nodes = cursor->flat->nodes;
        uint32_t sibling = i;
        int r;

        while (nodes[sibling].depth > cursor->level)
                sibling = nodes[sibling].parent;
        if (is_near(cursor, sibling)) {
                snprintf(path, CURSOR_PATH_BYTES, "$%s/following-sibling::*[%u]", cursor->variable,
                         nodes[sibling].position - nodes[cursor->at].position);
                return append_steps(cursor->flat, sibling, i, path);
        }
        r = move_to(cursor, sibling);
        if (r < 0)
                return r;
        snprintf(path, CURSOR_PATH_BYTES, "$%s", cursor->variable);
        return append_steps(cursor->flat, sibling, i, path);
}

void cursor_done(Cursor *cursor)
{
        aug_defvar(cursor->tree->aug, cursor->variable, NULL);
}

int cursor_span(Cursor *cursor, uint32_t i, Span *ret)
{
        char path[CURSOR_PATH_BYTES];
        int r;

        r = cursor_go(cursor, i, path);
        if (r < 0)
                return r;
        if (aug_span(cursor->tree->aug, path, NULL, &ret->label_start, &ret->label_end,
                     &ret->value_start, &ret->value_end, &ret->start, &ret->end) < 0)
                return aug_error(cursor->tree->aug) == AUG_ENOSPAN ? -EOPNOTSUPP : -EIO;
        return ret->start > ret->end ? -EOPNOTSUPP : 0;
}
