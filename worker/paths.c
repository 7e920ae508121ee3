/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * paths.c - two hash tables over the nodes: by identity, and by parent, label and number.
 *
 * The number of a node is its place among the siblings of the same label, from 1. A path has it in
 * brackets if there are several. Tables are open-addressed, half empty at least, and hold indexes
 * of nodes. Labels are hostile: the hash is seeded.
 */
#include "worker/paths.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SPECIAL "][|/=()!,\\ \t\n\v\f\r" /* what pathx_escape_name() of Augeas escapes */
#define PLAIN   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.#"

#define LOOKUPS_MAX 65536U

struct Paths {
        Flat flat;
        uint32_t *number; /* of each node among its namesakes */
        uint32_t *count;  /* of namesakes, at the first of them */
        uint32_t *first;  /* the first namesake */
        uint32_t *by_id;
        uint32_t *by_name;
        uint32_t mask; /* of both tables */
        uint64_t seed;
        Cursor cursor;
};

static uint64_t mix(uint64_t h)
{
        h ^= h >> 32;
        h *= 0x9E3779B97F4A7C15U;
        return h ^ h >> 29;
}

static uint64_t hash_name(const Paths *paths, uint32_t parent, const char *label, size_t size,
                          uint32_t number)
{
        uint64_t h = paths->seed ^ ((uint64_t)parent << 32 | number);

        for (size_t i = 0; i < size; i++)
                h = mix(h ^ (unsigned char)label[i]);
        return mix(h);
}

/* Where the node is in the table, or the empty place for it. */
static uint32_t *find_name(const Paths *paths, uint32_t parent, const char *label, size_t size,
                           uint32_t number)
{
        uint64_t h = hash_name(paths, parent, label, size, number);

        for (;; h++) {
                uint32_t *slot = &paths->by_name[h & paths->mask];
                const FlatNode *node;

                if (*slot == FLAT_NONE)
                        return slot;
                node = &paths->flat.nodes[*slot];
                if (node->parent == parent && paths->number[*slot] == number &&
                    strncmp(node->label, label, size) == 0 && node->label[size] == '\0')
                        return slot;
        }
}

static uint32_t *find_id(const Paths *paths, const char *id)
{
        uint64_t h = mix((uintptr_t)id ^ paths->seed);

        for (;; h++) {
                uint32_t *slot = &paths->by_id[h & paths->mask];

                if (*slot == FLAT_NONE || paths->flat.nodes[*slot].id == id)
                        return slot;
        }
}

static void add_node(Paths *paths, uint32_t i)
{
        const FlatNode *node = &paths->flat.nodes[i];
        size_t size = strlen(node->label);
        uint32_t first = *find_name(paths, node->parent, node->label, size, 1);

        if (first == FLAT_NONE)
                first = i;
        paths->first[i] = first;
        paths->number[i] = ++paths->count[first];
        *find_name(paths, node->parent, node->label, size, paths->number[i]) = i;
        *find_id(paths, node->id) = i;
}

static int allocate(Paths *paths)
{
        size_t n = paths->flat.n, slots = 16;

        while (slots < 2 * n)
                slots *= 2;
        paths->mask = (uint32_t)(slots - 1);
        paths->number = calloc(n + 1, sizeof(uint32_t));
        paths->count = calloc(n + 1, sizeof(uint32_t));
        paths->first = calloc(n + 1, sizeof(uint32_t));
        paths->by_id = malloc(slots * sizeof(uint32_t));
        paths->by_name = malloc(slots * sizeof(uint32_t));
        if (!paths->number || !paths->count || !paths->first || !paths->by_id || !paths->by_name)
                return -ENOMEM;
        memset(paths->by_id, 0xFF, slots * sizeof(uint32_t));
        memset(paths->by_name, 0xFF, slots * sizeof(uint32_t));
        return 0;
}

Paths *paths_free(Paths *paths)
{
        if (!paths)
                return NULL;
        flat_done(&paths->flat);
        free(paths->number);
        free(paths->count);
        free(paths->first);
        free(paths->by_id);
        free(paths->by_name);
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
        r = flat_read(&paths->flat, tree, TREE_CONTEXT_ROOT, FLAT_BORROWED);
        if (r == 0)
                r = allocate(paths);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < paths->flat.n; i++)
                add_node(paths, i);
        paths->cursor = (Cursor){
                .tree = tree,
                .flat = &paths->flat,
                .root = TREE_CONTEXT_ROOT,
                .variable = TREE_OWN_VARIABLES "paths",
                .at = FLAT_NONE,
        };
        *ret = tree->paths = TAKE_PTR(paths);
        tree->n_lookups = 0;
        return 0;
}

void paths_drop(Tree *tree)
{
        /* One that was made and hardly used: the next has to wait twice as long. */
        if (tree->paths && tree->n_lookups < tree->lookups_worth)
                tree->lookups_worth *= 2;
        else if (tree->paths)
                tree->lookups_worth = PATHS_WORTH;
        if (tree->lookups_worth < PATHS_WORTH || tree->lookups_worth > LOOKUPS_MAX)
                tree->lookups_worth = PATHS_WORTH;
        tree->paths = paths_free(tree->paths);
        tree->n_lookups = 0;
}

bool paths_worth(Tree *tree)
{
        tree->n_lookups++;
        return tree->paths || tree->n_lookups > tree->lookups_worth;
}

uint32_t paths_of_node(const Paths *paths, const Tree *tree, const char *variable, int i)
{
        const char *id = NULL;

        if (aug_ns_label(tree->aug, variable, i, &id, NULL) < 0 || !id)
                return FLAT_NONE;
        return *find_id(paths, id);
}

uint32_t paths_depth(const Paths *paths, uint32_t node)
{
        return paths->flat.nodes[node].depth;
}

static char *write_step(const Paths *paths, uint32_t node, char *to)
{
        *to++ = '/';
        for (const char *p = paths->flat.nodes[node].label; *p != '\0'; p++) {
                if (strchr(SPECIAL, *p))
                        *to++ = '\\';
                *to++ = *p;
        }
        if (paths->count[paths->first[node]] > 1)
                to += sprintf(to, "[%u]", paths->number[node]);
        return to;
}

char *paths_make(const Paths *paths, uint32_t node)
{
        size_t size = sizeof(TREE_CONTEXT_ROOT);
        uint32_t steps[FLAT_DEPTH_MAX], n = 0;
        char *path, *to;

        for (; node != FLAT_NONE; node = paths->flat.nodes[node].parent) {
                steps[n++] = node;
                size += 2 * strlen(paths->flat.nodes[node].label) + sizeof("/[4294967295]");
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
        *ret_number = 0;
        if (*ret_size == 0 || **ret_label == '.')
                return false;
        if (*p == '[') {
                for (p++; isdigit((unsigned char)*p) && *ret_number < 100000000; p++)
                        *ret_number = 10 * *ret_number + (uint32_t)(*p - '0');
                if (*ret_number == 0 || *p++ != ']')
                        return false;
        }
        *path = p;
        return true;
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

uint32_t paths_find(const Paths *paths, const char *path)
{
        static const char root[] = TREE_CONTEXT_ROOT "/";
        uint32_t node = FLAT_NONE, number;
        const char *label;
        size_t size;

        if (strncmp(path, root, strlen(root)) != 0)
                return FLAT_NONE;
        for (path += strlen(root) - 1; *path != '\0';) {
                if (!next_step(&path, &label, &size, &number))
                        return FLAT_NONE;
                node = *find_name(paths, node, label, size, number > 0 ? number : 1);
                if (node == FLAT_NONE || (number == 0 && paths->count[paths->first[node]] > 1))
                        return FLAT_NONE;
        }
        return node;
}

int paths_go(Paths *paths, uint32_t node, uint32_t file_depth, char path[CURSOR_PATH_BYTES])
{
        paths->cursor.level = file_depth + 1;
        return cursor_go(&paths->cursor, node, path);
}
