/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * parse.h - a text, parsed by a lens into PARSE_TREE.
 *
 * Whoever parses takes the nodes from there, and calls parse_forget() when done.
 */
#pragma once

#include "worker/tree.h"

#define PARSE_NODES "/augeas/exmachina" /* all that we keep beside the files */
#define PARSE_TREE  PARSE_NODES "/tree"

typedef struct Parsed {
        char *source;    /* what was parsed, with a final newline */
        char *problem;   /* why it could not be, for a person; NULL: it could */
        TextPosition at; /* of the problem */
} Parsed;

void parsed_done(Parsed *parsed);

/* A file's text as it is. *ret is freed with parsed_done() whatever is returned.
 * Returns: 0, also if it cannot be parsed; EXM_E_NO_LENS, EXM_E_LIMIT_EXCEEDED; -errno. */
int parse_text(Tree *tree, const char *lens, const char *text, size_t size, Parsed *ret,
               Failure *f);

/* A text that Augeas can take (text_is_parsable(), with its final newline). *ret_problem, where it
 * is new, and *ret_at: set if it cannot be parsed. Returns: as parse_text(). */
int parse_source(Tree *tree, const char *lens, const char *source, TextPosition *ret_at,
                 char **ret_problem, Failure *f);

/* Removes PARSE_NODES. */
void parse_forget(Tree *tree);
