/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree.c - known files, and what has become of them since they were loaded.
 *
 * What is replaced is removed as aug_rm() does it, which also takes the nodes out of variables;
 * aug_mv() and aug_cp() free them under a variable's feet.
 */
#include "worker/tree.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "util/strv.h"
#include "worker/flat.h"
#include "worker/parse.h"
#include "worker/paths.h"

int tree_new(Tree **ret, const char *load_path)
{
        _cleanup_(tree_free_cleanup) Tree *tree = NULL;

        tree = calloc(1, sizeof(*tree));
        if (!tree)
                return -ENOMEM;
        tree->aug = aug_init("/", load_path,
                             AUG_NO_STDINC | AUG_NO_LOAD | AUG_NO_MODL_AUTOLOAD | AUG_ENABLE_SPAN);
        if (!tree->aug)
                return -ENOMEM;
        tree->lookups_worth = PATHS_WORTH;
        *ret = TAKE_PTR(tree);
        return 0;
}

/* What was known of the file's nodes and text is no longer so. */
static void forget_text(TreeFile *file)
{
        free(TAKE_PTR(file->rendered));
        if (file->before)
                flat_done(file->before);
        free(TAKE_PTR(file->before));
        file->reshaped = false;
}

static void tree_file_free(TreeFile *file)
{
        forget_text(file);
        free(file->name);
        free(file->lens);
        free(file->path);
        free(file->source);
        free(file->problem);
        free(file);
}

DEFINE_CLEANUP(TreeFile *, tree_file_free);

Tree *tree_free(Tree *tree)
{
        if (!tree)
                return NULL;
        for (size_t i = 0; i < tree->n_files; i++)
                tree_file_free(tree->files[i]);
        free(tree->files);
        strv_free(tree->changed);
        paths_free(tree->paths);
        if (tree->aug)
                aug_close(tree->aug);
        free(tree);
        return NULL;
}

/* Augeas marks the place of a fault in an expression with |=|. */
static void mark_place(char *message)
{
        char *mark;

        while (message && (mark = strstr(message, "|=|"))) {
                memmove(mark, mark + 2, strlen(mark + 2) + 1);
                *mark = '^';
        }
}

int tree_augeas_failure(Tree *tree, const char *what, Failure *f)
{
        const char *minor = aug_error_minor_message(tree->aug);
        const char *details = aug_error_details(tree->aug);
        Condition condition;

        switch (aug_error(tree->aug)) {
        case AUG_ENOMEM:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: takes more memory than a worker may use", what);
        case AUG_ENOMATCH:
                condition = EXM_E_NO_MATCH;
                break;
        case AUG_EMMATCH:
                condition = EXM_E_MANY_MATCHES;
                break;
        case AUG_ESYNTAX:
        case AUG_ENOLENS:
                condition = EXM_E_NO_LENS;
                break;
        case AUG_EMVDESC:
        case AUG_ECPDESC:
        case AUG_ELABEL:
        case AUG_EBADARG:
                condition = EXM_E_INVALID_EDIT;
                break;
        case AUG_EPATHX:
                condition = EXM_E_INVALID_PATH;
                break;
        default:
                return -EIO;
        }
        failure_set(f, condition, "%s: %s%s%s", what, minor ? minor : aug_error_message(tree->aug),
                    details ? ": " : "", details ? details : "");
        mark_place(f->message);
        return condition;
}

/* ---- known files ---- */

/* `path` as strcmp() would compare its first `size` bytes. */
static int compare_prefix(const char *path, size_t size, const char *other)
{
        int r = strncmp(path, other, size);

        return r != 0 ? r : -(other[size] != '\0');
}

/* Returns: where the path is, or belongs, in the sorted list. */
static size_t find_position(const Tree *tree, const char *path, size_t size, bool *ret_found)
{
        size_t low = 0, high = tree->n_files;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = compare_prefix(path, size, tree->files[middle]->path);

                if (r == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        *ret_found = false;
        return low;
}

TreeFile *tree_file_of_node(const Tree *tree, const char *path)
{
        size_t size = 0, position;
        bool found;

        while (path[size] != '\0') {
                size += 1 + strcspn(path + size + 1, "/");
                position = find_position(tree, path, size, &found);
                if (found)
                        return tree->files[position];
        }
        return NULL;
}

TreeFile *tree_find_file(const Tree *tree, const char *name)
{
        for (size_t i = 0; i < tree->n_files; i++)
                if (strcmp(tree->files[i]->name, name) == 0)
                        return tree->files[i];
        return NULL;
}

/* Appends "/" and the escaped label of `size` bytes. */
static int append_label(Tree *tree, char **path, const char *label, size_t size)
{
        _cleanup_free_ char *plain = NULL, *escaped = NULL;
        char *longer;

        plain = strndup(label, size);
        if (!plain || aug_escape_name(tree->aug, plain, &escaped) < 0)
                return -ENOMEM;
        if (asprintf(&longer, "%s/%s", *path, escaped ? escaped : plain) < 0)
                return -ENOMEM;
        free(*path);
        *path = longer;
        return 0;
}

static int make_path(Tree *tree, const char *name, char **ret, uint32_t *ret_depth)
{
        _cleanup_free_ char *path = strdup(TREE_CONTEXT_ROOT);
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        for (const char *label = name + strspn(name, "/"); *label != '\0';
             label += size, label += strspn(label, "/")) {
                size = strcspn(label, "/");
                r = append_label(tree, &path, label, size);
                if (r < 0)
                        return r;
                ++*ret_depth;
        }
        *ret = TAKE_PTR(path);
        return 0;
}

static int insert_file(Tree *tree, TreeFile *file)
{
        TreeFile **files;
        size_t position;
        bool found;

        position = find_position(tree, file->path, strlen(file->path), &found);
        if (found)
                return -EEXIST;
        files = reallocarray(tree->files, tree->n_files + 1, sizeof(*files));
        if (!files)
                return -ENOMEM;
        tree->files = files;
        memmove(files + position + 1, files + position,
                (tree->n_files - position) * sizeof(*files));
        files[position] = file;
        tree->n_files++;
        return 0;
}

/* Module.lens, or @Module: whatever that module loads by itself. */
static bool lens_name_is_valid(const char *lens)
{
        bool autoload = lens[0] == '@';
        const char *p = autoload ? lens + 1 : lens;
        size_t dots = 0;

        if (!isalpha((unsigned char)*p))
                return false;
        for (; *p != '\0'; p++) {
                if (*p == '.')
                        dots++;
                else if (!isalnum((unsigned char)*p) && *p != '_' && *p != '\'')
                        return false;
        }
        return dots == (autoload ? 0 : 1) && p[-1] != '.';
}

/* The known file of that name with that lens, made if need be. */
static int add_file(Tree *tree, const char *name, const char *lens, TreeFile **ret, Failure *f)
{
        _cleanup_(tree_file_free_cleanup) TreeFile *made = NULL;
        TreeFile *file;
        char *copy;
        int r;

        if (name[0] != '/' || name[1] == '\0')
                return failure_set(f, EXM_E_INVALID_ARGS, "%s: not an absolute file name", name);
        if (!lens_name_is_valid(lens))
                return failure_set(f, EXM_E_NO_LENS, "%s: not the name of a lens (Module.lens)",
                                   lens);

        file = tree_find_file(tree, name);
        if (file) {
                copy = strdup(lens);
                if (!copy)
                        return -ENOMEM;
                free(file->lens);
                file->lens = copy;
                *ret = file;
                return 0;
        }

        made = calloc(1, sizeof(*made));
        if (!made)
                return -ENOMEM;
        made->name = strdup(name);
        made->lens = strdup(lens);
        if (!made->name || !made->lens)
                return -ENOMEM;
        r = make_path(tree, name, &made->path, &made->depth);
        if (r == 0)
                r = insert_file(tree, made);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(made);
        return 0;
}

/* Removes the file's node, and the directories above it that are empty then. */
static int remove_node(Tree *tree, const TreeFile *file)
{
        _cleanup_free_ char *path = strdup(file->path);
        _cleanup_free_ char *children = NULL;
        char *end;

        if (!path)
                return -ENOMEM;
        paths_drop(tree);
        if (aug_rm(tree->aug, path) < 0)
                return -EIO;
        while ((end = strrchr(path, '/')) > path) {
                *end = '\0';
                free(TAKE_PTR(children));
                if (asprintf(&children, "%s/*", path) < 0)
                        return -ENOMEM;
                if (strcmp(path, TREE_CONTEXT_ROOT) == 0 ||
                    aug_match(tree->aug, children, NULL) != 0)
                        break;
                aug_rm(tree->aug, path);
        }
        return 0;
}

static void forget_change(Tree *tree, TreeFile *file)
{
        size_t i, n = strv_length(tree->changed);

        file->changed = false;
        for (i = 0; i < n && strcmp(tree->changed[i], file->name) != 0; i++)
                ;
        if (i < n) {
                free(tree->changed[i]);
                memmove(tree->changed + i, tree->changed + i + 1, (n - i) * sizeof(char *));
        }
}

static int remember_change(Tree *tree, TreeFile *file)
{
        int r;

        if (file->changed)
                return 0;
        r = strv_extend(&tree->changed, file->name);
        if (r < 0)
                return r;
        file->changed = true;
        return 0;
}

int tree_mark_reshaped(Tree *tree, TreeFile *file)
{
        forget_text(file);
        file->reshaped = true;
        file->pristine = false;
        return remember_change(tree, file);
}

int tree_mark_changed(Tree *tree, TreeFile *file)
{
        paths_drop(tree);
        return tree_mark_reshaped(tree, file);
}

/* Keeps the nodes as they were parsed, to be compared with later. A tree that cannot be kept counts
 * as reshaped. */
static int keep_nodes(Tree *tree, TreeFile *file)
{
        int r;

        file->before = calloc(1, sizeof(*file->before));
        if (!file->before)
                return -ENOMEM;
        r = flat_read(file->before, tree, file->path, FLAT_COPIED);
        if (r < 0) {
                forget_text(file);
                file->reshaped = true;
        }
        return r == -EOPNOTSUPP ? 0 : r;
}

int tree_mark_values(Tree *tree, TreeFile *file)
{
        int r = 0;

        free(TAKE_PTR(file->rendered));
        if (!file->before && !file->reshaped)
                r = file->pristine ? keep_nodes(tree, file) : 0;
        file->pristine = false;
        return r < 0 ? r : remember_change(tree, file);
}

int tree_drop_file(Tree *tree, const char *name, Failure *f)
{
        TreeFile *file = tree_find_file(tree, name);
        size_t position;
        bool found;
        int r;

        if (!file)
                return failure_set(f, EXM_E_NO_LENS, "%s: not loaded", name);
        r = remove_node(tree, file);
        if (r < 0)
                return r;
        forget_change(tree, file);
        position = find_position(tree, file->path, strlen(file->path), &found);
        tree->n_files--;
        memmove(tree->files + position, tree->files + position + 1,
                (tree->n_files - position) * sizeof(*tree->files));
        tree_file_free(file);
        return 0;
}

int tree_file_problem(const TreeFile *file, Failure *f)
{
        if (file->problem_at.line == 0)
                return failure_set(f, EXM_E_PARSE_FAILED, "%s: %s", file->name, file->problem);
        return failure_set(f, EXM_E_PARSE_FAILED, "%s:%u:%u: %s", file->name, file->problem_at.line,
                           file->problem_at.column, file->problem);
}

/* ---- loading ---- */

int tree_define_file(Tree *tree, const char *name, const char *lens, Failure *f)
{
        _cleanup_(parsed_done) Parsed parsed = { 0 };
        TreeFile *file;
        int r;

        /* Whether the lens is there: else that would show only when the file is rendered. */
        r = parse_text(tree, lens, "", 0, &parsed, f);
        parse_forget(tree);
        if (r == 0)
                r = add_file(tree, name, lens, &file, f);
        if (r != 0)
                return r;
        forget_change(tree, file);
        forget_text(file);
        free(TAKE_PTR(file->source));
        free(TAKE_PTR(file->problem));
        file->reshaped = true;
        file->pristine = false;
        return remove_node(tree, file);
}

/* Puts what was parsed at the file's node, whose old children are gone first. */
static int take_parsed(Tree *tree, TreeFile *file, size_t size, Parsed *parsed)
{
        _cleanup_free_ char *children = NULL;

        if (asprintf(&children, "%s/*", file->path) < 0)
                return -ENOMEM;
        paths_drop(tree);
        if (aug_rm(tree->aug, children) < 0 || aug_mv(tree->aug, PARSE_TREE, file->path) < 0)
                return -EIO;
        forget_text(file);
        free(file->source);
        file->source = TAKE_PTR(parsed->source);
        file->size = size;
        file->pristine = true;
        free(TAKE_PTR(file->problem));
        return 0;
}

int tree_load_file(Tree *tree, const char *name, const char *lens, const char *text, size_t size,
                   TreeProblem *ret, Failure *f)
{
        _cleanup_(parsed_done) Parsed parsed = { 0 };
        TreeFile *file;
        int r;

        *ret = (TreeProblem){ 0 };
        r = add_file(tree, name, lens, &file, f);
        if (r == 0)
                r = parse_text(tree, lens, text, size, &parsed, f);
        if (r != 0)
                return r;
        forget_change(tree, file);
        if (!parsed.problem) {
                r = take_parsed(tree, file, size, &parsed);
        } else {
                r = remove_node(tree, file);
                forget_text(file);
                free(file->source);
                file->source = TAKE_PTR(parsed.source);
                free(file->problem);
                file->problem = TAKE_PTR(parsed.problem);
                file->problem_at = parsed.at;
                *ret = (TreeProblem){ "parse_failed", file->problem, file->problem_at };
        }
        parse_forget(tree);
        return r;
}

int tree_replace_text(Tree *tree, const char *name, const char *text, Failure *f)
{
        _cleanup_(parsed_done) Parsed parsed = { 0 };
        TreeFile *file = tree_find_file(tree, name);
        int r;

        if (!file)
                return failure_set(f, EXM_E_NO_LENS, "%s: no lens covers this file", name);
        r = parse_text(tree, file->lens, text, strlen(text), &parsed, f);
        if (r == 0 && parsed.problem) {
                TreeFile would_be = { .name = file->name,
                                      .problem = parsed.problem,
                                      .problem_at = parsed.at };

                r = tree_file_problem(&would_be, f);
        } else if (r == 0) {
                r = take_parsed(tree, file, strlen(text), &parsed);
        }
        parse_forget(tree);
        return r != 0 ? r : remember_change(tree, file);
}
