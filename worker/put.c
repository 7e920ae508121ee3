/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * put.c - aug_text_retrieve(), or in words why it failed.
 *
 * Augeas' own words for that are a dump of the tree and a regular expression; they are boiled down
 * to the node and what is wrong with it.
 */
#include "worker/put.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "worker/parse.h"

#define PUT_SOURCE PARSE_NODES "/source"
#define PUT_RESULT PARSE_NODES "/result"
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
          "the nodes below are not as lens %s writes them: a wrong label or value, a "
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

/* The file's node that a path means; new. Augeas puts the path of what it puts before what is a
 * full path already. */
static char *path_in_file(const TreeFile *file, const char *path)
{
        size_t length = strlen(file->path);
        char *in_file;

        while (path && strncmp(path, file->path, length) == 0)
                path += length;
        return asprintf(&in_file, "%s%s", file->path, path ?: "") < 0 ? NULL : in_file;
}

/* Returns: EXM_E_PUT_FAILED, or -ENOMEM. */
static int put_failure(Tree *tree, const TreeFile *file, Failure *f)
{
        _cleanup_free_ char *words = NULL, *unexpected = NULL, *in_file = NULL;
        const char *message = put_error_get(tree, PUT_ERROR "/message");
        const char *path = put_error_get(tree, PUT_ERROR "/path");
        const char *status = put_error_get(tree, PUT_ERROR);
        const char *format = "lens %s cannot write this node";

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
        in_file = path_in_file(file, unexpected ? unexpected : path);
        if (!in_file)
                return -ENOMEM;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (asprintf(&words, format, file->lens) < 0)
#pragma GCC diagnostic pop
                return -ENOMEM;
        return failure_set(f, EXM_E_PUT_FAILED, "%s: %s", in_file, words);
}

int put_nodes(Tree *tree, const char *lens, const char *path, const char *source, const char **ret,
              Failure *f)
{
        aug_rm(tree->aug, PUT_ERRORS);
        if (aug_set(tree->aug, PUT_SOURCE, source) < 0)
                return -ENOMEM;
        if (aug_text_retrieve(tree->aug, lens, PUT_SOURCE, path, PUT_RESULT) >= 0) {
                *ret = put_error_get(tree, PUT_RESULT);
                return *ret ? 0 : -EIO;
        }
        if (aug_error(tree->aug) == AUG_NOERROR)
                return EXM_E_PUT_FAILED;
        return tree_augeas_failure(tree, lens, f) == EXM_E_LIMIT_EXCEEDED ? EXM_E_LIMIT_EXCEEDED
                                                                          : -EIO;
}

int put_new_nodes(Tree *tree, const char *lens, const char *path, const char **ret, Failure *f)
{
        int r;

        r = put_nodes(tree, lens, path, "\n", ret, f);
        return r == EXM_E_PUT_FAILED ? put_nodes(tree, lens, path, "", ret, f) : r;
}

void put_forget(Tree *tree)
{
        aug_rm(tree->aug, PUT_SOURCE);
        aug_rm(tree->aug, PUT_RESULT);
        aug_rm(tree->aug, PUT_ERRORS);
}

int put_file(Tree *tree, const TreeFile *file, char **ret, Failure *f)
{
        const char *text = NULL;
        int r;

        r = put_nodes(tree, file->lens, file->path, file->source ? file->source : "\n", &text, f);
        if (r == EXM_E_PUT_FAILED) {
                /* Of a new file, the first failure is the one that is told. */
                r = put_failure(tree, file, f);
                if (r == EXM_E_PUT_FAILED && !file->source &&
                    put_nodes(tree, file->lens, file->path, "", &text, f) == 0) {
                        failure_done(f);
                        r = 0;
                }
        }
        if (r == 0) {
                *ret = strdup(text);
                r = *ret ? 0 : -ENOMEM;
        }
        put_forget(tree);
        return r;
}
