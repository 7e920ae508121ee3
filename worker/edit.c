/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edit.c - the verbs.
 *
 * Each works in three steps: match into a variable of our own; refuse what lies outside the known
 * files; change the nodes in the variable. A node that has to be made is judged after it was made,
 * since only Augeas knows where an expression puts it: a refusal then leaves it behind, and the
 * caller of edit_apply() gives the whole tree up.
 *
 * A file's own node is special: it can be removed, moved, copied and made, but has no value, and
 * nothing is inserted or renamed beside it, where no lens would ever write it.
 */
#include "worker/edit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/utf8.h"
#include "worker/paths.h"
#include "worker/plain.h"
#include "worker/query.h"

#define TARGET      TREE_OWN_VARIABLES "target"
#define SOURCE      TREE_OWN_VARIABLES "source"
#define BASE        TREE_OWN_VARIABLES "base"
#define NAME_LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

typedef struct Verb {
        const char *name;
        unsigned n_args;
        int (*run)(Tree *tree, char *const *args, uint32_t *ret_count, Failure *f);
} Verb;

typedef enum Need {
        NEED_FILE,        /* the node of a file, or one within it */
        NEED_WITHIN_FILE, /* not the node of a file itself */
} Need;

/* ---- what may be touched ---- */

static int refuse_node(const char *path, Failure *f)
{
        if (strncmp(path, TREE_CONTEXT_ROOT "/", strlen(TREE_CONTEXT_ROOT "/")) == 0)
                return failure_set(f, EXM_E_NO_LENS,
                                   "%s: no lens covers this place, so it could not be written",
                                   path);
        return failure_set(f, EXM_E_INVALID_EDIT, "%s: only nodes under /files can be edited",
                           path);
}

static int require_file(const Tree *tree, const char *path, Need need, TreeFile **ret, Failure *f)
{
        TreeFile *file = tree_file_of_node(tree, path);

        if (!file || (need == NEED_WITHIN_FILE && strcmp(file->path, path) == 0))
                return refuse_node(path, f);
        if (file->problem)
                return tree_file_problem(file, f);
        *ret = file;
        return 0;
}

static int refuse_foreign(const Query *query, const char *expression, Failure *f)
{
        if (query->n_foreign == 0)
                return 0;
        return failure_set(f, EXM_E_INVALID_EDIT,
                           "%s: matches nodes outside /files; only those under it can be edited",
                           expression);
}

/* Every node that matched lies in a known file. */
static int require_files(Tree *tree, const Query *query, const char *expression, Need need,
                         Failure *f)
{
        TreeFile *file;
        int r;

        r = refuse_foreign(query, expression, f);
        for (size_t i = 0; i < query->n_nodes && r == 0; i++)
                r = require_file(tree, query->nodes[i].path, need, &file, f);
        return r;
}

/* And these files count as changed from here on. */
static int claim_nodes(Tree *tree, const Query *query, const char *expression, Need need,
                       Failure *f)
{
        int r;

        r = require_files(tree, query, expression, need, f);
        for (size_t i = 0; i < query->n_nodes && r == 0; i++)
                r = tree_mark_changed(tree, tree_file_of_node(tree, query->nodes[i].path));
        return r;
}

/* The files of the nodes that have another value count as changed: to set what is there already
 * changes nothing, not even the form of a text that its lens would write otherwise. */
static int claim_other_values(Tree *tree, const Query *query, const char *value)
{
        int r = 0;

        for (size_t i = 0; i < query->n_nodes && r == 0; i++) {
                const char *now = NULL;

                r = query_get_value(query, tree, TARGET, i, &now);
                if (r == 0 && (now && value ? strcmp(now, value) != 0 : now != value))
                        r = tree_mark_values(tree, tree_file_of_node(tree, query->nodes[i].path));
        }
        return r;
}

/* A value on a file's node would be there for reading, and never be written. */
static int check_value_place(const Tree *tree, const Query *query, const char *value, Failure *f)
{
        for (size_t i = 0; value && i < query->n_nodes; i++) {
                const TreeFile *file = tree_file_of_node(tree, query->nodes[i].path);

                if (file && strcmp(file->path, query->nodes[i].path) == 0)
                        return failure_set(f, EXM_E_INVALID_EDIT,
                                           "%s: a file has no value of its own; set a node below "
                                           "it, or use the verb text",
                                           file->path);
        }
        return 0;
}

/* Matches and claims exactly one node. */
static int claim_one(Tree *tree, const char *variable, const char *expression, Need need,
                     Query *ret, Failure *f)
{
        int r;

        r = query_evaluate(ret, tree, variable, expression, f);
        if (r == 0)
                r = claim_nodes(tree, ret, expression, need, f);
        if (r == 0)
                r = query_require_one(ret, expression, f);
        return r;
}

/* ---- making nodes ---- */

/* No error on record means that Augeas stopped at a step that is not a plain name. */
static int creation_failure(Tree *tree, const char *expression, Failure *f)
{
        if (aug_error(tree->aug) != AUG_NOERROR)
                return tree_augeas_failure(tree, expression, f);
        return failure_set(f, EXM_E_NO_MATCH,
                           "%s: no node matches, and none can be made from an expression that is "
                           "not a plain path",
                           expression);
}

/* Makes the node, leaves it in `variable`, and judges it by where it came to be. `ret` is filled as
 * by query_evaluate(). */
static int create_node(Tree *tree, const char *variable, const char *expression, const char *value,
                       Query *ret, Failure *f)
{
        _cleanup_free_ char *path = NULL;
        TreeFile *file = NULL;
        int r;

        paths_drop(tree);
        if (aug_defnode(tree->aug, variable, expression, value, NULL) < 0)
                return creation_failure(tree, expression, f);
        if (aug_ns_path(tree->aug, variable, 0, &path) < 0 || !path)
                return -EIO;
        r = require_file(tree, path, NEED_FILE, &file, f);
        if (r == 0)
                r = tree_mark_changed(tree, file);
        if (r != 0)
                return r;
        query_done(ret);
        ret->nodes = calloc(1, sizeof(*ret->nodes));
        if (!ret->nodes)
                return -ENOMEM;
        ret->nodes[0].path = TAKE_PTR(path);
        ret->n_nodes = 1;
        return check_value_place(tree, ret, value, f);
}

typedef enum SetMode {
        SET_ONE,
        SET_MANY,
        SET_TOUCH, /* only what is not there */
} SetMode;

static int set_nodes(Tree *tree, const char *expression, const char *value, SetMode mode,
                     uint32_t *count, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        int r;

        r = query_evaluate(&query, tree, TARGET, expression, f);
        if (r == 0)
                r = require_files(tree, &query, expression, NEED_FILE, f);
        if (r != 0)
                return r;
        if (query.n_nodes == 0) {
                ++*count;
                return create_node(tree, TARGET, expression, value, &query, f);
        }
        if (mode == SET_TOUCH)
                return 0;
        r = mode == SET_ONE ? query_require_one(&query, expression, f) : 0;
        if (r == 0)
                r = check_value_place(tree, &query, value, f);
        if (r != 0)
                return r;
        r = claim_other_values(tree, &query, value);
        if (r != 0)
                return r;
        *count += (uint32_t)query.n_nodes;
        if (aug_setm(tree->aug, "$" TARGET, NULL, value) < 0)
                return tree_augeas_failure(tree, expression, f);
        return 0;
}

/* The one node, made if it is not there. */
static int set_one(Tree *tree, const char *path, const char *value, SetMode mode, uint32_t *count,
                   Failure *f)
{
        bool done;
        int r;

        r = query_check_expression(path, f);
        if (r == 0)
                r = plain_set(tree, path, value, mode == SET_TOUCH ? PLAIN_TOUCH : PLAIN_SET, &done,
                              count, f);
        return r != 0 || done ? r : set_nodes(tree, path, value, mode, count, f);
}

static int run_set(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        return set_one(tree, args[0], args[1], SET_ONE, count, f);
}

static int run_clear(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        return set_one(tree, args[0], NULL, SET_ONE, count, f);
}

static int run_touch(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        return set_one(tree, args[0], NULL, SET_TOUCH, count, f);
}

/* SUB is evaluated with each node of BASE in turn as Augeas' context, which is what aug_setm()
 * does, but lets us see the nodes before they are set. */
static int set_below(Tree *tree, char *const *args, const char *value, uint32_t *count, Failure *f)
{
        _cleanup_query_ Query base = { 0 };
        int r;

        r = query_evaluate(&base, tree, BASE, args[0], f);
        if (r == 0)
                r = refuse_foreign(&base, args[0], f);
        for (size_t i = 0; i < base.n_nodes && r == 0; i++) {
                _cleanup_free_ char *context = NULL;

                if (asprintf(&context, "$" BASE "[%d]", base.nodes[i].index + 1) < 0 ||
                    aug_set(tree->aug, TREE_CONTEXT, context) < 0)
                        return -ENOMEM;
                /* "": the node itself, as for aug_setm(). */
                r = set_nodes(tree, *args[1] ? args[1] : ".", value, SET_MANY, count, f);
        }
        if (aug_set(tree->aug, TREE_CONTEXT, TREE_CONTEXT_ROOT) < 0)
                return -ENOMEM;
        return r;
}

static int run_setm(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        return set_below(tree, args, args[2], count, f);
}

static int run_clearm(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        return set_below(tree, args, NULL, count, f);
}

/* ---- structure ---- */

static int check_label(const char *label, Failure *f)
{
        if (label[0] == '\0' || strchr(label, '/'))
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "\"%s\": a label is not empty and has no /", label);
        return 0;
}

static int run_ins(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        bool before = strcmp(args[1], "before") == 0, done;
        int r;

        if (!before && strcmp(args[1], "after") != 0)
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "\"%s\": say before or after (ins LABEL before|after PATH)",
                                   args[1]);
        r = check_label(args[0], f);
        if (r == 0)
                r = query_check_expression(args[2], f);
        if (r == 0)
                r = plain_insert(tree, args[2], args[0], before, &done, count, f);
        if (r != 0 || done)
                return r;
        r = claim_one(tree, TARGET, args[2], NEED_WITHIN_FILE, &query, f);
        if (r != 0)
                return r;
        if (aug_insert(tree->aug, "$" TARGET, args[0], before) < 0)
                return tree_augeas_failure(tree, args[2], f);
        *count = 1;
        return 0;
}

static int run_rm(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        bool done;
        int r;

        r = query_check_expression(args[0], f);
        if (r == 0)
                r = plain_remove(tree, args[0], &done, count, f);
        if (r != 0 || done)
                return r;
        r = query_evaluate(&query, tree, TARGET, args[0], f);
        if (r == 0)
                r = claim_nodes(tree, &query, args[0], NEED_FILE, f);
        if (r != 0)
                return r;
        r = aug_rm(tree->aug, "$" TARGET);
        if (r < 0)
                return tree_augeas_failure(tree, args[0], f);
        *count = (uint32_t)r;
        return 0;
}

static int run_rename(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        int r;

        r = check_label(args[1], f);
        if (r == 0)
                r = query_evaluate(&query, tree, TARGET, args[0], f);
        if (r == 0)
                r = claim_nodes(tree, &query, args[0], NEED_WITHIN_FILE, f);
        if (r != 0)
                return r;
        r = aug_rename(tree->aug, "$" TARGET, args[1]);
        if (r < 0)
                return tree_augeas_failure(tree, args[0], f);
        *count = (uint32_t)r;
        return 0;
}

static bool path_contains(const char *outer, const char *inner)
{
        size_t size = strlen(outer);

        return strncmp(outer, inner, size) == 0 && (inner[size] == '/' || inner[size] == '\0');
}

/* Neither within the other: Augeas refuses one way, and frees what it still reads the other way. */
static int check_apart(Tree *tree, const char *source, const char *destination, Failure *f)
{
        _cleanup_free_ char *from = NULL, *to = NULL;

        /* Now, after the destination was made: that may have given the source another index. */
        if (aug_ns_path(tree->aug, SOURCE, 0, &from) < 0 || !from ||
            aug_ns_path(tree->aug, TARGET, 0, &to) < 0 || !to)
                return -EIO;
        if (path_contains(from, to) || path_contains(to, from))
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "%s and %s: one is the other, or lies within it", source,
                                   destination);
        return 0;
}

/* Leaves the source in SOURCE and an empty destination in TARGET. */
static int prepare_transfer(Tree *tree, char *const *args, bool remove_source, Failure *f)
{
        _cleanup_query_ Query source = { 0 }, destination = { 0 };
        const char *value;
        int r;

        r = query_evaluate(&source, tree, SOURCE, args[0], f);
        if (r == 0 && remove_source)
                r = claim_nodes(tree, &source, args[0], NEED_FILE, f);
        if (r == 0)
                r = query_require_one(&source, args[0], f);
        if (r == 0)
                r = query_evaluate(&destination, tree, TARGET, args[1], f);
        if (r == 0)
                r = claim_nodes(tree, &destination, args[1], NEED_FILE, f);
        if (r == 0 && destination.n_nodes == 0)
                r = create_node(tree, TARGET, args[1], NULL, &destination, f);
        if (r == 0)
                r = query_require_one(&destination, args[1], f);
        if (r == 0)
                r = check_apart(tree, args[0], args[1], f);
        if (r == 0)
                r = query_get_value(&source, tree, SOURCE, 0, &value);
        if (r == 0)
                r = check_value_place(tree, &destination, value, f);
        if (r == 0 && aug_rm(tree->aug, "$" TARGET "/*") < 0)
                r = tree_augeas_failure(tree, args[1], f);
        return r;
}

static int run_mv(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        bool done;
        int r;

        r = query_check_expression(args[0], f);
        if (r == 0)
                r = query_check_expression(args[1], f);
        if (r == 0)
                r = plain_move(tree, args[0], args[1], &done, count, f);
        if (r != 0 || done)
                return r;
        r = prepare_transfer(tree, args, /* remove_source= */ true, f);
        if (r != 0)
                return r;
        if (aug_mv(tree->aug, "$" SOURCE, "$" TARGET) < 0)
                return tree_augeas_failure(tree, args[0], f);
        *count = 1;
        return 0;
}

static int run_cp(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        int r;

        r = prepare_transfer(tree, args, /* remove_source= */ false, f);
        if (r != 0)
                return r;
        if (aug_cp(tree->aug, "$" SOURCE, "$" TARGET) < 0)
                return tree_augeas_failure(tree, args[0], f);
        *count = 1;
        return 0;
}

/* ---- variables, texts ---- */

static int check_variable(const char *name, Failure *f)
{
        size_t letters = strspn(name, NAME_LETTER);

        if (letters == 0 || strspn(name, NAME_LETTER "0123456789") != strlen(name))
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "\"%s\": a variable's name is letters, digits and _", name);
        if (strncmp(name, TREE_OWN_VARIABLES, strlen(TREE_OWN_VARIABLES)) == 0)
                return failure_set(f, EXM_E_INVALID_EDIT,
                                   "\"%s\": names beginning with " TREE_OWN_VARIABLES
                                   " are taken; choose another",
                                   name);
        return 0;
}

static int run_defvar(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        int r;

        r = check_variable(args[0], f);
        if (r == 0)
                r = query_check_expression(args[1], f);
        if (r == 0 && aug_defvar(tree->aug, args[0], args[1]) < 0)
                r = tree_augeas_failure(tree, args[1], f);
        return r;
}

static int run_defnode(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        _cleanup_query_ Query query = { 0 };
        int r;

        r = check_variable(args[0], f);
        if (r == 0)
                r = query_evaluate(&query, tree, TARGET, args[1], f);
        if (r != 0)
                return r;
        if (query.n_nodes + query.n_foreign > 0) {
                if (aug_defvar(tree->aug, args[0], "$" TARGET) < 0)
                        return tree_augeas_failure(tree, args[1], f);
                return 0;
        }
        *count = 1;
        return create_node(tree, args[0], args[1], args[2], &query, f);
}

static int run_text(Tree *tree, char *const *args, uint32_t *count, Failure *f)
{
        *count = 1;
        return tree_replace_text(tree, args[0], args[1], f);
}

static const Verb verbs[] = {
        { "set", 2, run_set },       { "clear", 1, run_clear },   { "setm", 3, run_setm },
        { "clearm", 2, run_clearm }, { "touch", 1, run_touch },   { "ins", 3, run_ins },
        { "mv", 2, run_mv },         { "cp", 2, run_cp },         { "rm", 1, run_rm },
        { "rename", 2, run_rename }, { "defvar", 2, run_defvar }, { "defnode", 3, run_defnode },
        { "text", 2, run_text },
};

static const Verb *find_verb(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

/* Paths too, since a path can make labels. */
static int check_args(const Verb *verb, char *const *args, Failure *f)
{
        unsigned n = 0;

        for (; args && args[n]; n++)
                if (!utf8_is_writable(args[n]))
                        return failure_set(f, EXM_E_INVALID_EDIT,
                                           "argument %u of %s holds a control character or U+FFFD, "
                                           "which are never written to a file",
                                           n + 1, verb->name);
        if (n != verb->n_args)
                return failure_set(f, EXM_E_INVALID_EDIT, "%s takes %u arguments, not %u",
                                   verb->name, verb->n_args, n);
        return 0;
}

int edit_apply(Tree *tree, const char *verb, char *const *args, uint32_t *ret_count, Failure *f)
{
        const Verb *found = find_verb(verb);
        uint32_t count = 0;
        int r;

        if (!found)
                return failure_set(f, EXM_E_INVALID_EDIT, "\"%s\": no such verb", verb);
        r = check_args(found, args, f);
        if (r == 0)
                r = found->run(tree, args, &count, f);
        if (r == 0)
                *ret_count = count;
        return r;
}
