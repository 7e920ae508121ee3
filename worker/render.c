/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * render.c - the text of a file from its nodes.
 *
 * A text whose nodes nobody touched is not rendered at all. Else the changes are spliced into the
 * text that was parsed, and the result is proved: parsed again, it must give the nodes that are
 * wanted. So it does not matter how the splices were guessed. Only if no guess holds does the lens
 * put the whole file. What it cannot put with the empty lines that are there (two in a row, say,
 * when what stood between them has gone) is spliced without those of the record.
 */
#include "worker/render.h"

#include <errno.h>
#include <string.h>

#include "worker/flat.h"
#include "worker/parse.h"
#include "worker/proof.h"
#include "worker/put.h"
#include "worker/splice.h"

#define BASE_TREE PARSE_NODES "/base"

/* Parses the source of a file again, to where its spans can be asked for. */
static int parse_base(Tree *tree, const TreeFile *file, Flat *ret)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *problem = NULL;
        TextPosition at;
        int r;

        if (!file->source || file->size == 0)
                return 0;
        r = parse_source(tree, file->lens, file->source, &at, &problem, &f);
        if (r == 0 && problem)
                r = -EOPNOTSUPP;
        if (r == 0 && aug_mv(tree->aug, PARSE_TREE, BASE_TREE) < 0)
                r = -EIO;
        return r != 0 ? r : flat_read(ret, tree, BASE_TREE, FLAT_BORROWED);
}

/* Returns: as splice_text(). */
static int try_splices(Splice *splice, const TreeFile *file, char **ret, size_t *ret_size)
{
        _cleanup_free_ char *text = NULL;
        int r;

        for (int mode = SPLICE_VALUES; mode <= SPLICE_RECORDS; mode++) {
                free(TAKE_PTR(text));
                splice->mode = (SpliceMode)mode;
                r = splice_text(splice, &text);
                if (r == -EOPNOTSUPP)
                        continue;
                if (r != 0)
                        return r;
                *ret_size = file->source ? text_rendered_size(text, file->source, file->size)
                                         : strlen(text);
                r = proof_text(splice->tree, file->lens, text, *ret_size, splice->after);
                if (r == 0)
                        *ret = TAKE_PTR(text);
                if (r != -EOPNOTSUPP || !splice->has_values)
                        return r;
        }
        return -EOPNOTSUPP;
}

int render_by_splices(Tree *tree, const TreeFile *file, bool lossy, char **ret, size_t *ret_size)
{
        _cleanup_flat_ Flat base = { 0 }, after = { 0 };
        Splice splice = { .tree = tree, .lens = file->lens, .path = file->path, .lossy = lossy };
        int r;

        splice.source = file->size > 0 ? file->source : "";
        splice.reshaped = !file->before;
        splice.before = file->before ? file->before : &base;
        splice.before_path = file->before ? file->path : BASE_TREE;
        splice.after = &after;
        r = flat_read(&after, tree, file->path, FLAT_BORROWED);
        if (r == 0 && !file->before)
                r = parse_base(tree, file, &base);
        if (r == 0)
                r = try_splices(&splice, file, ret, ret_size);
        parse_forget(tree);
        return r;
}

static int render_by_put(Tree *tree, const TreeFile *file, char **ret, size_t *ret_size, Failure *f)
{
        int r;

        r = put_file(tree, file, ret, f);
        if (r == 0)
                *ret_size = file->source ? text_rendered_size(*ret, file->source, file->size)
                                         : strlen(*ret);
        return r;
}

static int render_anew(Tree *tree, TreeFile *file, Failure *f)
{
        int r;

        r = render_by_splices(tree, file, /* lossy= */ false, &file->rendered,
                              &file->rendered_size);
        if (r == 0 || r == -ENOMEM)
                return r;
        /* The put leaves spans of its own text on the nodes. */
        r = tree_mark_reshaped(tree, file);
        if (r == 0)
                r = render_by_put(tree, file, &file->rendered, &file->rendered_size, f);
        if (r == EXM_E_PUT_FAILED &&
            render_by_splices(tree, file, /* lossy= */ true, &file->rendered,
                              &file->rendered_size) == 0) {
                failure_done(f);
                r = 0;
        }
        return r;
}

int tree_render_file(Tree *tree, const char *name, char **ret_text, size_t *ret_size, Failure *f)
{
        TreeFile *file = tree_find_file(tree, name);
        int r;

        *ret_text = NULL;
        *ret_size = 0;
        if (!file)
                return failure_set(f, EXM_E_NO_LENS, "%s: not loaded", name);
        if (file->problem)
                return tree_file_problem(file, f);
        r = aug_match(tree->aug, file->path, NULL);
        if (r <= 0)
                return r < 0 ? -EIO : 0;

        if (!file->pristine && !file->rendered) {
                r = render_anew(tree, file, f);
                if (r != 0)
                        return r;
        }
        *ret_size = file->pristine ? file->size : file->rendered_size;
        *ret_text = strndup(file->pristine ? file->source : file->rendered, *ret_size);
        return *ret_text ? 0 : -ENOMEM;
}
