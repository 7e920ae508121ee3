/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree.h - the Augeas tree of one worker, and the files that are in it.
 *
 * Nodes under /files belong to the files that were loaded or defined here, and to nothing else. A
 * file's node exists once or not at all; directories above it are bare nodes. What this program
 * needs for itself lies under /augeas, which callers never get to see or touch. Variables whose
 * names begin with TREE_OWN_VARIABLES are this program's too.
 *
 * Any function that fails half-way leaves the tree in a state that only the end of the process
 * mends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <augeas.h>

#include "util/failure.h"
#include "util/macro.h"
#include "worker/text.h"

#define TREE_OWN_VARIABLES "exm_"
#define TREE_CONTEXT       "/augeas/context"
#define TREE_CONTEXT_ROOT  "/files"

typedef struct Flat Flat;
struct Paths;

typedef struct TreeFile {
        char *name;   /* "/etc/hosts" */
        char *lens;   /* "Hosts.lns" */
        char *path;   /* "/files/etc/hosts", labels escaped */
        char *source; /* what was parsed, with a final newline; NULL: a file that does not exist */
        size_t size;  /* of the text itself; a newline that was added comes behind it */
        uint32_t depth; /* of its node below /files */
        bool pristine;  /* the nodes are as they were parsed */
        bool reshaped;  /* nodes came, went, moved or got other labels since they were parsed */
        Flat *before;   /* the nodes as they were parsed, if only values were changed since */
        char *rendered; /* the text of the nodes as they are now; NULL: not known */
        size_t rendered_size;
        bool changed;  /* since Load or Define */
        char *problem; /* why it could not be parsed, for a person; NULL: it could */
        TextPosition problem_at;
} TreeFile;

typedef struct Tree {
        augeas *aug;
        TreeFile **files; /* in strcmp() order of their paths */
        size_t n_files;
        char **changed;      /* names, in order of the first edit */
        struct Paths *paths; /* see paths.h */
        unsigned n_lookups, lookups_worth;
} Tree;

/* What Augeas says about a text: kind in its own words, NULL if it could be parsed. */
typedef struct TreeProblem {
        const char *kind;
        const char *message; /* lives as long as the file is not loaded again */
        TextPosition at;
} TreeProblem;

/* `load_path`: colon-separated directories with lenses. Returns: 0 or -errno. */
int tree_new(Tree **ret, const char *load_path);
Tree *tree_free(Tree *tree);
DEFINE_CLEANUP(Tree *, tree_free);

/* Returns: 0, also if the text cannot be parsed; EXM_E_NO_LENS, EXM_E_INVALID_ARGS, -errno. */
int tree_load_file(Tree *tree, const char *name, const char *lens, const char *text, size_t size,
                   TreeProblem *ret, Failure *f);
int tree_define_file(Tree *tree, const char *name, const char *lens, Failure *f);
int tree_drop_file(Tree *tree, const char *name, Failure *f);

/* Puts another text in place of a known file, as one edit.
 * Returns: 0; EXM_E_NO_LENS, EXM_E_PARSE_FAILED (then nothing has changed); -errno. */
int tree_replace_text(Tree *tree, const char *name, const char *text, Failure *f);

/* `*ret_text` is new and *ret_size long, NULL if the file's node is gone.
 * Returns: 0; EXM_E_NO_LENS (an unknown file), EXM_E_PARSE_FAILED, EXM_E_PUT_FAILED; -errno. */
int tree_render_file(Tree *tree, const char *name, char **ret_text, size_t *ret_size, Failure *f);

/* Returns: the known file, or NULL. */
TreeFile *tree_find_file(const Tree *tree, const char *name);

/* The file that a node's full path (as aug_ns_path() gives it) lies in. Returns: NULL if none. */
TreeFile *tree_file_of_node(const Tree *tree, const char *path);

/* Remembers the file as touched by an edit that makes, removes, moves or renames nodes.
 * Returns: 0 or -ENOMEM. */
int tree_mark_changed(Tree *tree, TreeFile *file);

/* The same for who keeps the index of paths as it will be. */
int tree_mark_reshaped(Tree *tree, TreeFile *file);

/* The same for an edit that only gives nodes other values; to be called before it is done.
 * Returns: 0, -ENOMEM, -EIO. */
int tree_mark_values(Tree *tree, TreeFile *file);

/* Translates the error that Augeas has on record; `what` is the path or expression it is about.
 * Returns: a condition, never 0. */
int tree_augeas_failure(Tree *tree, const char *what, Failure *f);

/* What to say about an edit or rendering of a file that could not be parsed.
 * Returns: EXM_E_PARSE_FAILED. */
int tree_file_problem(const TreeFile *file, Failure *f);
