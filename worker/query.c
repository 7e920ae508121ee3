/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.c - evaluate first, judge the nodes afterwards.
 */
#include "worker/query.h"

#include <errno.h>
#include <string.h>

#include "util/limits.h"
#include "worker/paths.h"

#define ROOT_PREFIX  TREE_CONTEXT_ROOT "/"
#define ALL_VARIABLE TREE_OWN_VARIABLES "all"

void query_done(Query *query)
{
        for (size_t i = 0; i < query->n_nodes; i++)
                free(query->nodes[i].path);
        free(query->nodes);
        *query = (Query){ 0 };
}

/* Depth of ( and [ outside literals. The length is what bounds Augeas' recursion; the depth is part
 * of the contract, and told in words before Augeas says something else. */
static unsigned nesting_of(const char *expression)
{
        unsigned depth = 0, deepest = 0;
        char quote = '\0';

        for (const char *p = expression; *p != '\0'; p++) {
                if (quote != '\0') {
                        if (*p == quote)
                                quote = '\0';
                } else if (*p == '\\' && p[1] != '\0') {
                        p++;
                } else if (*p == '\'' || *p == '"') {
                        quote = *p;
                } else if (*p == '(' || *p == '[') {
                        depth++;
                        deepest = depth > deepest ? depth : deepest;
                } else if ((*p == ')' || *p == ']') && depth > 0) {
                        depth--;
                }
        }
        return deepest;
}

int query_check_expression(const char *expression, Failure *f)
{
        if (strlen(expression) > LIMIT_EXPRESSION_BYTES)
                return failure_set(f, EXM_E_INVALID_PATH,
                                   "the path expression has more than %u bytes",
                                   LIMIT_EXPRESSION_BYTES);
        if (nesting_of(expression) > LIMIT_EXPRESSION_NESTING)
                return failure_set(f, EXM_E_INVALID_PATH,
                                   "the path expression has more than %u brackets within each "
                                   "other",
                                   LIMIT_EXPRESSION_NESTING);
        return 0;
}

/* Defines the variable. An expression that is no set of nodes (a number, a string) is refused by
 * aug_match(), which aug_defvar() would take as a set of none. */
static int define_variable(Tree *tree, const char *variable, const char *expression, int *ret_n,
                           Failure *f)
{
        *ret_n = aug_defvar(tree->aug, variable, expression);
        if (*ret_n < 0 || (*ret_n == 0 && !paths_is_plain(expression) &&
                           aug_match(tree->aug, expression, NULL) < 0))
                return tree_augeas_failure(tree, expression, f);
        return 0;
}

static int compare_paths(const void *a, const void *b)
{
        return strcmp(((const QueryNode *)a)->path, ((const QueryNode *)b)->path);
}

/* All nodes of the variable, with their paths, but those elsewhere. */
static int collect_nodes(Query *ret, Tree *tree, const char *variable, int n)
{
        ret->nodes = calloc((size_t)n + 1, sizeof(*ret->nodes));
        if (!ret->nodes)
                return -ENOMEM;
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = NULL;

                if (aug_ns_path(tree->aug, variable, i, &path) < 0 || !path)
                        return -EIO;
                if (strncmp(path, ROOT_PREFIX, strlen(ROOT_PREFIX)) != 0) {
                        ret->n_foreign++;
                        continue;
                }
                ret->nodes[ret->n_nodes++] = (QueryNode){ .path = TAKE_PTR(path), .index = i };
        }
        return 0;
}

/* Augeas gives the parts of a union one after another, some axes backwards, and for "//" all
 * children of a node before those of its first child. None of it can be told from the nodes, only
 * from the words; a word too many costs time, nothing else. */
static bool may_be_unordered(const char *expression)
{
        return strchr(expression, '|') || strstr(expression, "::") || strchr(expression, '$') ||
               strstr(expression, "//");
}

/* A union has a node twice that both its sides match. */
static void sort_by_path(Query *query)
{
        size_t n = 0;

        qsort(query->nodes, query->n_nodes, sizeof(*query->nodes), compare_paths);
        for (size_t i = 0; i < query->n_nodes; i++) {
                if (n > 0 && strcmp(query->nodes[n - 1].path, query->nodes[i].path) == 0)
                        free(query->nodes[i].path);
                else
                        query->nodes[n++] = query->nodes[i];
        }
        query->n_nodes = n;
}

/* Sorts by the order of all nodes of the tree. */
static int sort_nodes(Query *query, Tree *tree)
{
        _cleanup_query_ Query all = { 0 };
        size_t n_sorted = 0;
        QueryNode *sorted;
        int n, r;

        n = aug_defvar(tree->aug, ALL_VARIABLE, QUERY_ALL_NODES);
        if (n < 0)
                return -EIO;
        r = collect_nodes(&all, tree, ALL_VARIABLE, n);
        aug_defvar(tree->aug, ALL_VARIABLE, NULL);
        if (r < 0)
                return r;

        sorted = calloc(query->n_nodes + 1, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        sort_by_path(query);
        for (size_t i = 0; i < all.n_nodes && n_sorted < query->n_nodes; i++) {
                QueryNode *found = bsearch(&all.nodes[i], query->nodes, query->n_nodes,
                                           sizeof(*query->nodes), compare_paths);

                if (found)
                        sorted[n_sorted++] = *found;
        }
        if (n_sorted != query->n_nodes) {
                free(sorted);
                return -EIO;
        }
        free(query->nodes);
        query->nodes = sorted;
        return 0;
}

/* Without an index: slow for many nodes. */
static int evaluate_slowly(Query *ret, Tree *tree, const char *variable, int n, bool unordered)
{
        int r;

        r = collect_nodes(ret, tree, variable, n);
        if (r == 0 && ret->n_nodes > 1 && unordered)
                r = sort_nodes(ret, tree);
        return r;
}

static int collect_by_index(Query *ret, Tree *tree, const Paths *paths, const char *variable, int n)
{
        uint32_t order = FLAT_NONE;

        ret->nodes = calloc((size_t)n + 1, sizeof(*ret->nodes));
        if (!ret->nodes)
                return -ENOMEM;
        for (int i = 0; i < n; i++) {
                order = paths_of_node(paths, tree, variable, i, order);
                if (order == FLAT_NONE)
                        ret->n_foreign++;
                else
                        ret->nodes[ret->n_nodes++] = (QueryNode){ .order = order, .index = i };
        }
        return 0;
}

/* Each goes to its place among all nodes, from where they are taken in a row. */
static int sort_by_order(Query *query, uint32_t n_places)
{
        _cleanup_free_ uint32_t *places = calloc(n_places, sizeof(*places));
        QueryNode *sorted = calloc(query->n_nodes + 1, sizeof(*sorted));
        size_t n = 0;

        if (!places || !sorted) {
                free(sorted);
                return -ENOMEM;
        }
        for (size_t i = 0; i < query->n_nodes; i++)
                places[query->nodes[i].order] = (uint32_t)i + 1;
        for (uint32_t k = 0; k < n_places; k++)
                if (places[k] > 0)
                        sorted[n++] = query->nodes[places[k] - 1];
        free(query->nodes);
        query->nodes = sorted;
        query->n_nodes = n;
        return 0;
}

int query_evaluate_page(Query *ret, Tree *tree, const char *variable, const char *expression,
                        size_t offset, size_t limit, Failure *f)
{
        bool unordered = may_be_unordered(expression);
        Paths *paths = NULL;
        int n = 0, r;

        r = query_check_expression(expression, f);
        if (r == 0)
                r = define_variable(tree, variable, expression, &n, f);
        if (r == 0 && (paths_are_ordered(tree) || n > (int)PATHS_WORTH || (unordered && n > 1)))
                r = paths_get_ordered(tree, &paths);
        if ((r == 0 && !paths) || r == -EOPNOTSUPP)
                return evaluate_slowly(ret, tree, variable, n, unordered);
        if (r == 0)
                r = collect_by_index(ret, tree, paths, variable, n);
        if (r == 0 && unordered && ret->n_nodes > 1)
                r = sort_by_order(ret, paths_count(paths));
        if (r != 0)
                return r;
        for (size_t i = offset; i < ret->n_nodes && (limit == 0 || i - offset < limit); i++) {
                ret->nodes[i].path = paths_make(paths, ret->nodes[i].order);
                if (!ret->nodes[i].path)
                        return -ENOMEM;
        }
        return 0;
}

int query_evaluate(Query *ret, Tree *tree, const char *variable, const char *expression, Failure *f)
{
        return query_evaluate_page(ret, tree, variable, expression, 0, 0, f);
}

int query_get_value(const Query *query, Tree *tree, const char *variable, size_t i,
                    const char **ret)
{
        return aug_ns_value(tree->aug, variable, query->nodes[i].index, ret) < 0 ? -EIO : 0;
}

int query_require_one(const Query *query, const char *path, Failure *f)
{
        if (query->n_nodes == 0)
                return failure_set(f, EXM_E_NO_MATCH, "%s: no node matches", path);
        if (query->n_nodes > 1)
                return failure_set(f, EXM_E_MANY_MATCHES,
                                   "%s: %zu nodes match; add an index such as [1] or a condition",
                                   path, query->n_nodes);
        return 0;
}
