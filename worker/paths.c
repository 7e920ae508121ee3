/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths.c - from a tree to the index, from nodes to paths and back.
 */
#include "worker/paths-private.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SPECIAL "][|/=()!,\\ \t\n\v\f\r" /* what pathx_escape_name() of Augeas escapes */
#define PLAIN   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.#"

#define LOOKUPS_MAX  65536U
#define VARIABLE     TREE_OWN_VARIABLES "paths"
#define NEAR         32U /* siblings */
#define NUMBER_NONE  0U
#define NUMBER_LAST  (UINT32_MAX - 1)
#define NUMBER_NEW   UINT32_MAX
#define NUMBER_LIMIT 100000000U

static uint32_t *find_id(const Paths *paths, const char *id)
{
        uint64_t h = paths_mix((uintptr_t)id ^ paths->seed);

        for (;; h++) {
                uint32_t *slot = &paths->by_id[h & paths->id_mask];

                if (*slot == FLAT_NONE || paths->nodes[*slot].label == id)
                        return slot;
        }
}

void paths_link_child(Paths *paths, uint32_t node, uint32_t parent, uint32_t previous)
{
        PathsNode *nodes = paths->nodes, *added = &nodes[node];
        uint32_t next = previous == FLAT_NONE ? nodes[parent].first : nodes[previous].next;

        added->parent = parent;
        added->depth = nodes[parent].depth + 1;
        added->previous = previous;
        added->next = next;
        *(previous == FLAT_NONE ? &nodes[parent].first : &nodes[previous].next) = node;
        *(next == FLAT_NONE ? &nodes[parent].last : &nodes[next].previous) = node;
}

PathsNode paths_new_node(const char *label)
{
        return (PathsNode){ .label = label,
                            .parent = FLAT_NONE,
                            .first = FLAT_NONE,
                            .last = FLAT_NONE,
                            .previous = FLAT_NONE,
                            .next = FLAT_NONE,
                            .previous_namesake = FLAT_NONE,
                            .next_namesake = FLAT_NONE,
                            .certain_last = FLAT_NONE };
}

/* ---- making it ---- */

/* Nodes come in document order: each behind its siblings that are there. */
static int take_node(Paths *paths, const FlatNode *from)
{
        uint32_t node = paths->n_nodes++;
        uint32_t parent = from->parent == FLAT_NONE ? PATHS_ROOT : from->parent + 1;
        int r;

        paths->nodes[node] = paths_new_node(from->label);
        paths_link_child(paths, node, parent, paths->nodes[parent].last);
        r = namesakes_append(paths, node);
        if (r < 0)
                return r;
        paths->nodes[node].number = paths->namesakes[paths->nodes[node].namesakes].count;
        *find_id(paths, from->label) = node;
        return 0;
}

static int take_nodes(Paths *paths)
{
        _cleanup_flat_ Flat flat = { 0 };
        int r;

        r = flat_read(&flat, paths->tree, TREE_CONTEXT_ROOT, FLAT_BORROWED);
        if (r < 0)
                return r;
        paths->n_allocated = (uint32_t)flat.n + 1;
        paths->nodes = calloc(paths->n_allocated, sizeof(*paths->nodes));
        paths->by_id = paths_new_table(paths->n_allocated, &paths->id_mask);
        if (!paths->nodes || !paths->by_id)
                return -ENOMEM;
        paths->nodes[PATHS_ROOT] = paths_new_node("");
        paths->n_nodes = 1;
        r = namesakes_reserve(paths, paths->n_allocated);
        for (size_t i = 0; i < flat.n && r == 0; i++)
                r = take_node(paths, &flat.nodes[i]);
        return r;
}

Paths *paths_free(Paths *paths)
{
        if (!paths)
                return NULL;
        for (Label *label = paths->labels, *next; label; label = next) {
                next = label->next;
                free(label);
        }
        free(paths->nodes);
        free(paths->namesakes);
        free(paths->by_name);
        free(paths->by_id);
        free(paths);
        return NULL;
}

DEFINE_CLEANUP(Paths *, paths_free);

int paths_get(Tree *tree, Paths **ret)
{
        _cleanup_(paths_free_cleanup) Paths *paths = NULL;
        int r;

        if (tree->paths) {
                *ret = tree->paths;
                return 0;
        }
        paths = calloc(1, sizeof(*paths));
        if (!paths)
                return -ENOMEM;
        if (getrandom(&paths->seed, sizeof(paths->seed), 0) < 0)
                return -errno;
        paths->tree = tree;
        for (uint32_t i = 0; i < PATHS_ANCHORS; i++)
                paths->anchors[i].node = FLAT_NONE;
        r = take_nodes(paths);
        if (r < 0)
                return r;
        *ret = tree->paths = TAKE_PTR(paths);
        tree->n_lookups = 0;
        return 0;
}

bool paths_are_ordered(const Tree *tree)
{
        return tree->paths && tree->paths->by_id;
}

int paths_get_ordered(Tree *tree, Paths **ret)
{
        if (tree->paths && !tree->paths->by_id)
                tree->paths = paths_free(tree->paths);
        return paths_get(tree, ret);
}

void paths_drop(Tree *tree)
{
        if (!tree->paths)
                return;
        /* One that was made and hardly used: the next has to wait twice as long. */
        tree->lookups_worth =
                tree->n_lookups >= tree->lookups_worth ? PATHS_WORTH : 2 * tree->lookups_worth;
        if (tree->lookups_worth > LOOKUPS_MAX)
                tree->lookups_worth = PATHS_WORTH;
        tree->paths = paths_free(tree->paths);
        tree->n_lookups = 0;
}

bool paths_worth(Tree *tree)
{
        tree->n_lookups++;
        return tree->paths || tree->n_lookups > tree->lookups_worth;
}

/* ---- from nodes to paths ---- */

static bool has_id(const Paths *paths, uint32_t node, const char *id)
{
        return node < paths->n_nodes && paths->nodes[node].label == id;
}

uint32_t paths_of_node(const Paths *paths, const Tree *tree, const char *variable, int i,
                       uint32_t last)
{
        const char *id = NULL;

        if (aug_ns_label(tree->aug, variable, i, &id, NULL) < 0 || !id)
                return FLAT_NONE;
        if (last < paths->n_nodes && has_id(paths, paths->nodes[last].next, id))
                return paths->nodes[last].next;
        if (last < paths->n_nodes && has_id(paths, last + 1, id))
                return last + 1;
        return *find_id(paths, id);
}

uint32_t paths_count(const Paths *paths)
{
        return paths->n_nodes;
}

uint32_t paths_depth(const Paths *paths, uint32_t node)
{
        return paths->nodes[node].depth;
}

static char *write_step(const Paths *paths, uint32_t node, char *to)
{
        *to++ = '/';
        for (const char *p = paths->nodes[node].label; *p != '\0'; p++) {
                if (strchr(SPECIAL, *p))
                        *to++ = '\\';
                *to++ = *p;
        }
        if (paths->namesakes[paths->nodes[node].namesakes].count > 1)
                to += sprintf(to, "[%u]", paths->nodes[node].number);
        return to;
}

char *paths_make(const Paths *paths, uint32_t node)
{
        size_t size = sizeof(TREE_CONTEXT_ROOT);
        uint32_t steps[FLAT_DEPTH_MAX], n = 0;
        char *path, *to;

        for (; node != PATHS_ROOT; node = paths->nodes[node].parent) {
                steps[n++] = node;
                size += 2 * strlen(paths->nodes[node].label) + sizeof("/[4294967295]");
        }
        path = malloc(size);
        if (!path)
                return NULL;
        to = stpcpy(path, TREE_CONTEXT_ROOT);
        while (n > 0)
                to = write_step(paths, steps[--n], to);
        *to = '\0';
        return path;
}

/* ---- from paths to nodes ---- */

/* What stands in brackets. Returns: false if it is something else than a number or last(). */
static bool read_number(const char **path, uint32_t *ret)
{
        const char *p = *path;

        if (strncmp(p, "last()", strlen("last()")) == 0) {
                p += strlen("last()");
                *ret = NUMBER_LAST;
                if (strncmp(p, "+1", strlen("+1")) == 0) {
                        p += strlen("+1");
                        *ret = NUMBER_NEW;
                }
        } else {
                for (*ret = 0; isdigit((unsigned char)*p) && *ret < NUMBER_LIMIT; p++)
                        *ret = 10 * *ret + (uint32_t)(*p - '0');
        }
        *path = p + 1;
        return *ret != NUMBER_NONE && *p == ']';
}

/* Takes "/label" or "/label[3]" off the path. Returns: false if that is not what it begins with. */
static bool next_step(const char **path, const char **ret_label, size_t *ret_size,
                      uint32_t *ret_number)
{
        const char *p = *path;

        if (*p++ != '/')
                return false;
        *ret_label = p;
        *ret_size = strspn(p, PLAIN);
        p += *ret_size;
        *ret_number = NUMBER_NONE;
        if (*ret_size == 0 || **ret_label == '.')
                return false;
        if (*p == '[') {
                p++;
                if (!read_number(&p, ret_number))
                        return false;
        }
        *path = p;
        return true;
}

bool paths_next_step(const char **path, const char **ret_label, size_t *ret_size)
{
        uint32_t number;

        return next_step(path, ret_label, ret_size, &number);
}

bool paths_is_plain(const char *path)
{
        const char *label;
        uint32_t number;
        size_t size;

        while (next_step(&path, &label, &size, &number))
                ;
        return *path == '\0';
}

/* The one node of a step. Returns: false if there are several; FLAT_NONE if there is none. */
static bool find_child(Paths *paths, uint32_t parent, const char *label, size_t size,
                       uint32_t number, uint32_t *ret)
{
        Namesakes *namesakes = namesakes_find(paths, parent, label, size);

        *ret = FLAT_NONE;
        if (!namesakes || number == NUMBER_NEW)
                return true;
        if (number == NUMBER_LAST)
                *ret = namesakes->last;
        else if (number == NUMBER_NONE)
                *ret = namesakes->first;
        else if (number <= namesakes->count)
                *ret = namesakes_get(paths, namesakes, number);
        return number != NUMBER_NONE || namesakes->count == 1;
}

bool paths_find(Paths *paths, const char *path, PathsPlace *ret)
{
        static const char root[] = TREE_CONTEXT_ROOT "/";
        const char *label, *rest;
        uint32_t number, child;
        size_t size;

        if (strncmp(path, root, strlen(root)) != 0)
                return false;
        *ret = (PathsPlace){ .node = PATHS_ROOT };
        path += strlen(root) - 1;
        for (rest = path; next_step(&rest, &label, &size, &number); path = rest) {
                if (!find_child(paths, ret->node, label, size, number, &child))
                        return false;
                if (child == FLAT_NONE)
                        break;
                ret->node = child;
        }
        ret->missing = path;
        return paths_is_plain(path);
}

/* ---- names for nodes that Augeas finds fast ---- */

static uint32_t position_of(const Paths *paths, uint32_t node)
{
        uint32_t position = 1;

        while ((node = paths->nodes[node].previous) != FLAT_NONE)
                position++;
        return position;
}

/* Appends the steps from `from` down to `node`. */
static int append_steps(const Paths *paths, uint32_t from, uint32_t node, char *path)
{
        uint32_t steps[FLAT_DEPTH_MAX], n = 0;
        char *p = path + strlen(path), *end = path + CURSOR_PATH_BYTES;

        for (; node != from; node = paths->nodes[node].parent)
                steps[n++] = position_of(paths, node);
        while (n > 0) {
                p += snprintf(p, (size_t)(end - p), "/*[%u]", steps[--n]);
                if (p >= end)
                        return -EOPNOTSUPP;
        }
        return 0;
}

/* The anchor that is the fewest siblings before the node. Returns: FLAT_NONE if there is none. */
static uint32_t find_anchor(const Paths *paths, uint32_t node, uint32_t *ret_steps)
{
        for (*ret_steps = 0; node != FLAT_NONE; node = paths->nodes[node].previous, ++*ret_steps)
                if (paths->nodes[node].anchor > 0)
                        return paths->nodes[node].anchor - 1;
        return FLAT_NONE;
}

static void name_behind(uint32_t anchor, uint32_t steps, char path[CURSOR_PATH_BYTES])
{
        if (steps == 0)
                snprintf(path, CURSOR_PATH_BYTES, "$" VARIABLE "%u", anchor);
        else
                snprintf(path, CURSOR_PATH_BYTES, "$" VARIABLE "%u/following-sibling::*[%u]",
                         anchor, steps);
}

int paths_hold(const Paths *paths, uint32_t node, const char *variable)
{
        char path[CURSOR_PATH_BYTES] = TREE_CONTEXT_ROOT;
        uint32_t anchor, steps;
        int r = 0;

        anchor = find_anchor(paths, node, &steps);
        if (anchor != FLAT_NONE)
                name_behind(anchor, steps, path);
        else
                r = append_steps(paths, PATHS_ROOT, node, path);
        return r == 0 && aug_defvar(paths->tree->aug, variable, path) != 1 ? -EIO : r;
}

void paths_release(Paths *paths, uint32_t node)
{
        if (paths->nodes[node].anchor > 0)
                paths->anchors[paths->nodes[node].anchor - 1].node = FLAT_NONE;
        paths->nodes[node].anchor = 0;
}

/* The anchor that was not asked for longest comes to hold the node, which none holds. */
static int move_anchor(Paths *paths, uint32_t node, uint32_t *ret)
{
        char variable[sizeof(VARIABLE "4294967295")];
        uint32_t oldest = 0;
        int r;

        for (uint32_t i = 0; i < PATHS_ANCHORS; i++)
                if (paths->anchors[i].used < paths->anchors[oldest].used)
                        oldest = i;
        snprintf(variable, sizeof(variable), VARIABLE "%u", oldest);
        r = paths_hold(paths, node, variable);
        if (paths->anchors[oldest].node != FLAT_NONE)
                paths_release(paths, paths->anchors[oldest].node);
        if (r < 0)
                return r;
        paths->anchors[oldest].node = node;
        paths->nodes[node].anchor = oldest + 1;
        *ret = oldest;
        return 0;
}

int paths_go(Paths *paths, uint32_t node, uint32_t file_depth, char path[CURSOR_PATH_BYTES])
{
        uint32_t sibling = node, anchor, steps, place;
        int r;

        while (paths->nodes[sibling].depth > file_depth + 1)
                sibling = paths->nodes[sibling].parent;
        anchor = find_anchor(paths, sibling, &steps);
        /* None is moved for a few steps: that costs as much as they do. */
        if (anchor == FLAT_NONE || steps > NEAR) {
                /* To one before it: edits may go forwards or backwards from here, and this node may
                 * be one that goes. */
                place = sibling;
                for (steps = 0; steps < NEAR / 2 && paths->nodes[place].previous != FLAT_NONE;
                     steps++)
                        place = paths->nodes[place].previous;
                r = move_anchor(paths, place, &anchor);
                if (r < 0)
                        return r;
        }
        paths->anchors[anchor].used = ++paths->n_gone;
        name_behind(anchor, steps, path);
        return append_steps(paths, sibling, node, path);
}
