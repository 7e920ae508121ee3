/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * values.c - all nodes through the index, until the message is full.
 *
 * One path is made at a time: of deep trees with long labels, all of them together could be as
 * large as the square of the text.
 */
#include "worker/values.h"

#include <errno.h>
#include <string.h>

#include "util/utf8.h"
#include "worker/paths.h"
#include "worker/protocol.h"
#include "worker/query.h"

#define VARIABLE TREE_OWN_VARIABLES "values"

/* Returns: 1 it was appended, or has no plain path; 0 there is no room for it; -errno. */
static int append_value(sd_bus_message *reply, Tree *tree, const Query *query, size_t i,
                        size_t *left)
{
        _cleanup_free_ char *path = paths_make(tree->paths, query->nodes[i].order), *clean = NULL;
        const char *value;
        size_t bytes;
        int r;

        if (!path)
                return -ENOMEM;
        if (!paths_is_plain(path))
                return 1;
        r = query_get_value(query, tree, VARIABLE, i, &value);
        if (r < 0)
                return r;
        clean = utf8_sanitise(value ? value : "", value ? strlen(value) : 0);
        if (!clean)
                return -ENOMEM;
        bytes = VALUE_NODE_BYTES + strlen(path) + strlen(clean);
        if (bytes > *left)
                return 0;
        *left -= bytes;
        r = sd_bus_message_append(reply, "(sbs)", path, value != NULL, clean);
        return r < 0 ? r : 1;
}

static int append_values(sd_bus_message *reply, Tree *tree, size_t left, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        Paths *paths;
        int r;

        r = paths_get(tree, &paths);
        if (r < 0)
                return r == -EOPNOTSUPP ? 0 : r;
        /* No path is wanted of the query itself. */
        r = query_evaluate_page(&query, tree, VARIABLE, QUERY_ALL_NODES, SIZE_MAX, 0, f);
        if (r != 0)
                return r;
        r = 1;
        for (size_t i = 0; i < query.n_nodes && r > 0; i++)
                r = append_value(reply, tree, &query, i, &left);
        aug_defvar(tree->aug, VARIABLE, NULL);
        return r < 0 ? r : 0;
}

int values_append(sd_bus_message *reply, Tree *tree, size_t max_bytes, Failure *f)
{
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(sbs)");
        if (r < 0)
                return r;
        r = append_values(reply, tree, max_bytes, f);
        if (r != 0)
                return r;
        r = sd_bus_message_close_container(reply);
        return r < 0 ? r : 0;
}
