/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse.c - from a text to nodes in a place of our own.
 *
 * Augeas takes the path that it parses to both as an expression and as plain labels, so a file name
 * with a bracket or a space could not be parsed in place.
 */
#include "worker/parse.h"

#include <errno.h>
#include <string.h>

#define PARSE_TEXT  PARSE_NODES "/text"
#define PARSE_ERROR "/augeas/text" PARSE_TREE "/error"

/* A name that no module binds: looking it up loads the module and finds nothing. */
#define NO_BINDING "exmachina"

#define MESSAGE_MAX 200

static uint32_t error_number(Tree *tree, const char *path)
{
        const char *value = NULL;

        if (aug_get(tree->aug, path, &value) != 1 || !value)
                return 0;
        return (uint32_t)strtoul(value, NULL, 10);
}

/* Why the text just given to Augeas could not be parsed: Augeas' first line, cut. */
static int read_problem(Tree *tree, const char *lens, TextPosition *ret_at, char **ret)
{
        const char *message = NULL;
        size_t size;

        ret_at->line = error_number(tree, PARSE_ERROR "/line");
        /* Augeas counts columns from 0. */
        ret_at->column = ret_at->line > 0 ? error_number(tree, PARSE_ERROR "/char") + 1 : 0;
        if (aug_get(tree->aug, PARSE_ERROR "/message", &message) != 1 || !message)
                message = "it does not fit";
        size = strcspn(message, "\n");
        if (asprintf(ret, "lens %s cannot read the text from here: %.*s", lens,
                     (int)(size < MESSAGE_MAX ? size : MESSAGE_MAX), message) < 0)
                return -ENOMEM;
        return 0;
}

/* Makes @Module known to Augeas, which loads modules only for names of lenses. */
static int load_module(Tree *tree, const char *module)
{
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s." NO_BINDING, module) < 0)
                return -ENOMEM;
        aug_text_store(tree->aug, name, PARSE_TEXT, PARSE_TREE);
        return 0;
}

int parse_source(Tree *tree, const char *lens, const char *source, TextPosition *ret_at,
                 char **ret_problem, Failure *f)
{
        int r;

        aug_rm(tree->aug, PARSE_ERROR);
        if (aug_set(tree->aug, PARSE_TEXT, source) < 0)
                return -ENOMEM;
        if (lens[0] == '@') {
                r = load_module(tree, lens + 1);
                if (r < 0)
                        return r;
        }
        if (aug_text_store(tree->aug, lens, PARSE_TEXT, PARSE_TREE) >= 0)
                return 0;
        if (aug_error(tree->aug) != AUG_NOERROR) {
                r = tree_augeas_failure(tree, lens, f);
                return r == EXM_E_NO_LENS || r == EXM_E_LIMIT_EXCEEDED ? r : -EIO;
        }
        return read_problem(tree, lens, ret_at, ret_problem);
}

void parsed_done(Parsed *parsed)
{
        free(parsed->source);
        free(parsed->problem);
}

void parse_forget(Tree *tree)
{
        aug_rm(tree->aug, PARSE_NODES);
}

int parse_text(Tree *tree, const char *lens, const char *text, size_t size, Parsed *ret, Failure *f)
{
        int r;

        if (!text_is_parsable(text, size, &ret->at)) {
                ret->problem = strdup("a control character (NUL to 4) that Augeas cannot keep; "
                                      "is this a text file?");
                return ret->problem ? 0 : -ENOMEM;
        }
        ret->source = text_with_newline(text, size);
        if (!ret->source)
                return -ENOMEM;
        r = parse_source(tree, lens, ret->source, &ret->at, &ret->problem, f);
        if (r != 0 || !ret->problem || size > 0)
                return r;

        /* Some lenses read no line at all, but not an empty one. */
        ret->source[0] = '\0';
        free(TAKE_PTR(ret->problem));
        r = parse_source(tree, lens, ret->source, &ret->at, &ret->problem, f);
        if (r != 0 || !ret->problem)
                return r;
        free(TAKE_PTR(ret->problem));
        ret->at = (TextPosition){ 0 };
        if (asprintf(&ret->problem, "the file is empty, which lens %s cannot read", lens) < 0)
                return -ENOMEM;
        return 0;
}
