/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.h - which nodes does an expression match?
 *
 * The expression is hostile. It is evaluated first, into a variable, and judged afterwards by the
 * nodes that came out, so that no wording of it (//, unions, variables, ..) gets around the rule
 * that callers see and change nodes under /files only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/failure.h"
#include "worker/tree.h"

#define QUERY_ALL_NODES TREE_CONTEXT_ROOT "/descendant::*" /* in document order, as "//" is not */

/* Length and nesting, as the contract limits them. Returns: 0; EXM_E_INVALID_PATH. */
int query_check_expression(const char *expression, Failure *f);

typedef struct QueryNode {
        char *path; /* raw bytes: labels need not be UTF-8; NULL outside the page that was asked for
                     */
        uint32_t order; /* of all nodes under /files, if the index was used */
        int index;      /* in the variable */
} QueryNode;

typedef struct Query {
        QueryNode *nodes; /* under /files, in document order */
        size_t n_nodes;
        size_t n_foreign; /* matched, but elsewhere */
} Query;

/* Evaluates `expression` into `variable` (which begins with TREE_OWN_VARIABLES and stays defined)
 * and fills *ret, which is freed with query_done() whatever is returned. Returns: 0, also for no
 * match; EXM_E_INVALID_PATH, EXM_E_LIMIT_EXCEEDED; -errno. */
int query_evaluate(Query *ret, Tree *tree, const char *variable, const char *expression,
                   Failure *f);
void query_done(Query *query);

/* The same for who wants `limit` nodes (0: the rest) from `offset` on only: a path costs memory. */
int query_evaluate_page(Query *ret, Tree *tree, const char *variable, const char *expression,
                        size_t offset, size_t limit, Failure *f);

#define _cleanup_query_ _cleanup_(query_done)

/* The value of node `i` of a query that was evaluated into `variable`: borrowed until the tree
 * changes; NULL if it has none. Returns: 0 or -errno. */
int query_get_value(const Query *query, Tree *tree, const char *variable, size_t i,
                    const char **ret);

/* The one node that is wanted: a failure if there are none or several. `path` is for its words.
 * Returns: 0; EXM_E_NO_MATCH, EXM_E_MANY_MATCHES. */
int query_require_one(const Query *query, const char *path, Failure *f);
