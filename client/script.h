/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * script.h - edits in augtool's words: the table of verbs, and scripts of them.
 *
 * A script is read by augtool's rules: one command a line, one that begins with # is a comment;
 * words are separated by blanks; quotes of either kind hold a word together, a backslash takes the
 * meaning of what follows it (\t and \n are tab and newline, and what path expressions themselves
 * escape, \/ \[ \] \( \) \| \= \! \, stays as it is); in a path, brackets hold a word together too.
 * Beyond augtool's rules, a line may end with CR LF, and a byte order mark may begin the script;
 * against them, set and setm need their value. "save" and "quit" may end it; every other command of
 * augtool that is no edit is an error. Pure functions.
 */
#pragma once

#include "util/strv.h"

typedef struct EditVerb {
        const char *name;
        /* One letter for each argument: p path expression, s path relative to another, v anything,
         * f name of a file, t text (on the command line: of which file to take it). */
        const char *arguments;
        const char *without; /* the verb that needs no last argument, or NULL */
        const char *synopsis;
        const char *summary;
} EditVerb;

typedef struct Edit {
        const char *verb;
        char **arguments;
        char **typed;  /* those of them that are path expressions, as they were written */
        unsigned line; /* in the script, from 1 */
} Edit;

typedef struct Script {
        Edit *edits;
        size_t n;
} Script;

/* Zero-initialise; frees and clears. */
void script_done(Script *script);

/* Returns: the row, which is static; NULL: no such verb. augtool's long names (insert, move, copy)
 * are known too. `i` counts all rows. */
const EditVerb *edit_verb_find(const char *name);
const EditVerb *edit_verb_at(size_t i);
#define EDIT_VERBS 16U

/* Adds one edit, from words that are separate already; paths may be short. `line` is kept.
 * Returns: 0; 1, with a sentence in *ret_problem; -ENOMEM. */
int script_add(Script *script, const char *verb, char *const *words, unsigned line,
               char **ret_problem);

/* Splits one line into words, by the rules above, the words of `verb` (the first one) known.
 * Returns: 0, and *ret is NULL for a line without words; 1; -ENOMEM. */
int script_split(const char *line, char ***ret, char **ret_problem);

/* Returns: how many bytes a byte order mark takes at the begin of `text`, which says nothing. */
size_t script_bom(const char *text);

/* A whole script, added to `script`. Returns: 0; 1, with a sentence and the line it is about;
 * -ENOMEM. */
int script_parse(Script *script, const char *text, char **ret_problem, unsigned *ret_line);

#define _cleanup_script_ _cleanup_(script_done)
