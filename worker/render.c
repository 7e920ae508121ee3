/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * render.c - the text of a file from its nodes, or in words why there is none.
 *
 * A text whose nodes nobody touched is not rendered at all: some lenses (AptConf, Shellvars) write
 * what they have read in another form.
 *
 * Augeas' own words for that are a dump of the tree and a regular expression; they are boiled down
 * to the node and what is wrong with it.
 */
#include <errno.h>
#include <string.h>

#include "worker/tree.h"

#define OWN_SOURCE "/augeas/exmachina/source"
#define OWN_RESULT "/augeas/exmachina/result"
#define OWN_NODES  "/augeas/exmachina"
#define PUT_ERRORS "/augeas/text"
/* Directories on the way may be called "error", too. */
#define PUT_ERROR PUT_ERRORS "//error[message]"

typedef struct PutWords {
        const char *augeas; /* how Augeas' message begins */
        const char *ours;
} PutWords;

static const PutWords put_words[] = {
        { "Value '", "its value has a form that lens %s cannot write here" },
        { "Can not store a nonexistent", "lens %s needs a value here" },
        { "Missing a node", "lens %s needs another node below this one, or in another order" },
        { "Unexpected node '", "lens %s cannot write this node here: a wrong label, value, place "
                               "or too many of its kind" },
        { "Failed to match tree",
          "the nodes below are not as lens %s writes them: a wrong label, a "
          "missing or additional node, or a wrong order" },
        { "None of the alternatives",
          "lens %s has no form that fits this node: a wrong label or value, or a "
          "missing, additional or misplaced node below it" },
};

static const char *put_error_get(Tree *tree, const char *path)
{
        const char *value = NULL;

        return aug_get(tree->aug, path, &value) == 1 ? value : NULL;
}

/* "Unexpected node '/files/etc/hosts/x': ...": the node is named in the message. */
static char *unexpected_node(const char *message)
{
        const char *begin = strchr(message, '\''), *end;

        end = begin ? strstr(begin, "': ") : NULL;
        return end ? strndup(begin + 1, (size_t)(end - begin - 1)) : NULL;
}

/* Returns: EXM_E_PUT_FAILED, or -ENOMEM. */
static int put_failure(Tree *tree, const TreeFile *file, Failure *f)
{
        _cleanup_free_ char *words = NULL, *unexpected = NULL;
        const char *message = put_error_get(tree, PUT_ERROR "/message");
        const char *path = put_error_get(tree, PUT_ERROR "/path");
        const char *status = put_error_get(tree, PUT_ERROR);
        const char *format = "lens %s cannot write this node";
        size_t size = strlen(file->path);

        if (status && strcmp(status, "parse_skel_failed") == 0)
                return failure_set(f, EXM_E_PUT_FAILED,
                                   "%s: lens %s cannot begin with an empty file; give it a text "
                                   "first (verb text)",
                                   file->path, file->lens);
        for (size_t i = 0; message && i < ELEMENTSOF(put_words); i++)
                if (strncmp(message, put_words[i].augeas, strlen(put_words[i].augeas)) == 0)
                        format = put_words[i].ours;
        if (message && strncmp(message, "Unexpected", strlen("Unexpected")) == 0)
                unexpected = unexpected_node(message);
        if (unexpected)
                path = unexpected;
        /* Augeas puts the file's path before what is a full path already. */
        else if (path && strncmp(path, file->path, size) == 0 &&
                 strncmp(path + size, file->path, size) == 0)
                path += size;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (asprintf(&words, format, file->lens) < 0)
#pragma GCC diagnostic pop
                return -ENOMEM;
        return failure_set(f, EXM_E_PUT_FAILED, "%s: %s", path ? path : file->path, words);
}

/* *ret: borrowed until the next change. Returns: 0; EXM_E_PUT_FAILED; -errno. */
static int retrieve(Tree *tree, const TreeFile *file, const char *source, const char **ret,
                    Failure *f)
{
        aug_rm(tree->aug, PUT_ERRORS);
        if (aug_set(tree->aug, OWN_SOURCE, source) < 0)
                return -ENOMEM;
        if (aug_text_retrieve(tree->aug, file->lens, OWN_SOURCE, file->path, OWN_RESULT) >= 0) {
                *ret = put_error_get(tree, OWN_RESULT);
                return *ret ? 0 : -EIO;
        }
        if (aug_error(tree->aug) == AUG_NOERROR)
                return put_failure(tree, file, f);
        return tree_augeas_failure(tree, file->lens, f) == EXM_E_LIMIT_EXCEEDED
                       ? EXM_E_LIMIT_EXCEEDED
                       : -EIO;
}

/* A file that did not exist is written as if an empty line had been there, as Augeas does, or as if
 * nothing had, for lenses that have no empty lines. The first failure is the one that is told. */
static int retrieve_new(Tree *tree, const TreeFile *file, const char **ret, Failure *f)
{
        _cleanup_failure_ Failure second = { 0 };
        int r;

        r = retrieve(tree, file, "\n", ret, f);
        if (r != EXM_E_PUT_FAILED)
                return r;
        if (retrieve(tree, file, "", ret, &second) != 0)
                return r;
        failure_done(f);
        return 0;
}

int tree_render_file(Tree *tree, const char *name, char **ret_text, size_t *ret_size, Failure *f)
{
        const TreeFile *file = tree_find_file(tree, name);
        const char *rendered = NULL;
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

        if (file->pristine) {
                *ret_size = file->size;
                *ret_text = strndup(file->source, file->size);
                return *ret_text ? 0 : -ENOMEM;
        }
        r = file->source ? retrieve(tree, file, file->source, &rendered, f)
                         : retrieve_new(tree, file, &rendered, f);
        if (r == 0) {
                *ret_size = file->source ? text_rendered_size(rendered, file->source, file->size)
                                         : strlen(rendered);
                *ret_text = strndup(rendered, *ret_size);
                r = *ret_text ? 0 : -ENOMEM;
        }
        aug_rm(tree->aug, OWN_NODES);
        aug_rm(tree->aug, PUT_ERRORS);
        return r;
}
