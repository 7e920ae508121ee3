/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * script.c - see script.h.
 */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define COMMAND_MAX_WORDS 16

static const EditVerb verbs[EDIT_VERBS] = {
        { "set", "pv", "clear", "PATH VALUE", "Set the value of a node, which is made if missing" },
        { "clear", "p", NULL, "PATH", "Take the value of a node away" },
        { "touch", "p", NULL, "PATH", "Make a node if there is none" },
        { "setm", "psv", "clearm", "BASE SUB VALUE", "Set SUB below each node that BASE matches" },
        { "clearm", "ps", NULL, "BASE SUB", "The same, without a value" },
        { "ins", "vvp", NULL, "LABEL before|after PATH", "Insert a node beside another" },
        { "mv", "pp", NULL, "SOURCE DESTINATION", "Move a node with all below it" },
        { "cp", "pp", NULL, "SOURCE DESTINATION", "Copy a node with all below it" },
        { "rm", "p", NULL, "EXPRESSION", "Remove all nodes that match" },
        { "rename", "pv", NULL, "EXPRESSION LABEL", "Give all nodes that match another label" },
        { "defvar", "vp", NULL, "NAME EXPRESSION", "Let $NAME stand for what matches" },
        { "defnode", "vpv", NULL, "NAME EXPRESSION VALUE", "The same; makes the node" },
        { "text", "ft", NULL, "FILE SOURCE|-", "Replace the whole text of a file" },
        { "ln", "vf", NULL, "TARGET FILE", "Make FILE a symbolic link to TARGET" },
        { "mode", "fv", NULL, "FILE OCTAL", "Change the permissions of a file" },
        { "owner", "fv", NULL, "FILE USER:GROUP", "Change the owner of a file" },
};

void script_done(Script *script)
{
        for (size_t i = 0; i < script->n; i++) {
                strv_free(script->edits[i].arguments);
                strv_free(script->edits[i].typed);
        }
        free(script->edits);
        *script = (Script){ 0 };
}

const EditVerb *edit_verb_find(const char *name)
{
        static const char *const long_names[][2] = { { "insert", "ins" },
                                                     { "move", "mv" },
                                                     { "copy", "cp" } };

        for (size_t i = 0; i < ELEMENTSOF(long_names); i++)
                if (strcmp(name, long_names[i][0]) == 0)
                        name = long_names[i][1];
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(name, verbs[i].name) == 0)
                        return &verbs[i];
        return NULL;
}

const EditVerb *edit_verb_at(size_t i)
{
        return i < ELEMENTSOF(verbs) ? &verbs[i] : NULL;
}

static int problem(char **ret, const char *format, ...) _printf_(2, 3);
static int problem(char **ret, const char *format, ...)
{
        va_list list;
        int r;

        va_start(list, format);
        r = vasprintf(ret, format, list);
        va_end(list);
        return r < 0 ? -ENOMEM : 1;
}

static int take_arguments(const EditVerb *verb, char *const *words, Edit *edit)
{
        int r = 0;

        for (size_t i = 0; words[i] && r >= 0; i++) {
                _cleanup_free_ char *expanded = NULL;

                if (verb->arguments[i] == 'p') {
                        expanded = path_expand(words[i]);
                        if (!expanded)
                                return -ENOMEM;
                        r = strv_extend(&edit->typed, words[i]);
                }
                if (r >= 0)
                        r = strv_extend(&edit->arguments, expanded ? expanded : words[i]);
        }
        return r;
}

int script_add(Script *script, const char *name, char *const *words, unsigned line,
               char **ret_problem)
{
        const EditVerb *verb = edit_verb_find(name);
        size_t n = strv_length(words);
        Edit *more;

        if (!verb)
                return problem(ret_problem,
                               "'%s' is not an edit: see 'exmachinactl edit --help' for the words",
                               name);
        /* augtool takes the value away then: too much for an argument that was forgotten. */
        if (verb->without && n + 1 == strlen(verb->arguments))
                return problem(ret_problem, "'%s' is written as: %s %s; to have no value, '%s'",
                               verb->name, verb->name, verb->synopsis, verb->without);
        if (n != strlen(verb->arguments))
                return problem(ret_problem, "'%s' is written as: %s %s", verb->name, verb->name,
                               verb->synopsis);
        if (strcmp(verb->name, "ins") == 0 && strcmp(words[1], "before") != 0 &&
            strcmp(words[1], "after") != 0)
                return problem(ret_problem, "'ins' needs 'before' or 'after', not '%s'", words[1]);
        more = reallocarray(script->edits, script->n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        script->edits = more;
        more[script->n] = (Edit){ .verb = verb->name, .line = line };
        return take_arguments(verb, words, &more[script->n++]);
}

/* ---------------------------------------------------------------- augtool's words */

/* The word that is being read. `out` has room for all of the line. */
typedef struct Word {
        const char *s;
        char *out;
        bool path;
        char quote;
        int brackets;
} Word;

/* A line may end with CR LF. */
static bool is_end(const char *line)
{
        return *line == '\0' || (line[0] == '\r' && line[1] == '\0');
}

/* `word->s` is at a backslash. */
static int take_escape(Word *word, char **ret_problem)
{
        char next = word->s[1];
        bool in_other_quote = word->quote && (next == '"' || next == '\'') && word->quote != next;

        if (is_end(word->s + 1))
                return problem(ret_problem, "a backslash at the end of a line stands for nothing: "
                                            "write \\\\ for a backslash");
        if (strchr("][|/=()!,", next)) {
                /* Path expressions have a use for these themselves. */
                *word->out++ = *word->s++;
                *word->out++ = *word->s++;
        } else if (next == 't' || next == 'n') {
                *word->out++ = next == 't' ? '\t' : '\n';
                word->s += 2;
        } else if (in_other_quote || (word->quote && isblank((unsigned char)next))) {
                *word->out++ =
                        *word->s++; /* only the backslash: what follows has no meaning here */
        } else if (strchr(" \t\"'\\", next)) {
                *word->out++ = next;
                word->s += 2;
        } else {
                return problem(ret_problem, "\\%c stands for nothing: write \\\\ for a backslash",
                               next);
        }
        return 0;
}

/* Returns: 0, and with *done the word has ended; 1. */
static int take_character(Word *word, bool *done, char **ret_problem)
{
        char c = *word->s;

        word->brackets += (c == '[') - (c == ']');
        if (word->path && word->brackets < 0)
                return problem(ret_problem, "there is a ] without a [ before it");
        if (!word->path || word->brackets == 0) {
                if (!word->quote && isblank((unsigned char)c)) {
                        *done = true;
                        return 0;
                }
                if (!word->quote && (c == '"' || c == '\'')) {
                        word->quote = c;
                        word->s++;
                        return 0;
                }
                if (word->quote && c == word->quote) {
                        word->quote = '\0';
                        word->s++;
                        return 0;
                }
        }
        *word->out++ = c;
        word->s++;
        return 0;
}

static int take_word(const char **line, bool path, char *out, char **ret_problem)
{
        Word word = { .s = *line, .out = out, .path = path };
        bool done = false;
        int r;

        while (!done && !is_end(word.s)) {
                r = *word.s == '\\' ? take_escape(&word, ret_problem)
                                    : take_character(&word, &done, ret_problem);
                if (r != 0)
                        return r;
        }
        if (path && word.brackets > 0)
                return problem(ret_problem, "there is a [ without a ] after it");
        if (word.quote)
                return problem(ret_problem, "there is no second %c", word.quote);
        *word.out = '\0';
        *line = word.s;
        return 0;
}

static bool is_path(const char *verb, size_t i)
{
        const EditVerb *row = edit_verb_find(verb);

        /* Other commands, those of the shell, have paths only. */
        return row ? i < strlen(row->arguments) && strchr("ps", row->arguments[i]) : true;
}

size_t script_bom(const char *text)
{
        static const char mark[] = "\xEF\xBB\xBF";

        return strncmp(text, mark, strlen(mark)) == 0 ? strlen(mark) : 0;
}

int script_split(const char *line, char ***ret, char **ret_problem)
{
        _cleanup_free_ char *word = malloc(strlen(line) + 1);
        _cleanup_strv_ char **words = NULL;
        int r;

        *ret = NULL;
        if (!word)
                return -ENOMEM;
        for (;;) {
                size_t n = strv_length(words);

                line += strspn(line, " \t");
                if (is_end(line) || (n == 0 && *line == '#'))
                        break;
                if (n > COMMAND_MAX_WORDS)
                        return problem(ret_problem, "'%s' has too many words", words[0]);
                r = take_word(&line, n > 0 && is_path(words[0], n - 1), word, ret_problem);
                if (r != 0)
                        return r;
                r = strv_extend(&words, word);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

static int parse_line(Script *script, const char *text, unsigned line, bool *ended,
                      char **ret_problem)
{
        _cleanup_strv_ char **words = NULL;
        int r;

        r = script_split(text, &words, ret_problem);
        if (r != 0 || !words)
                return r;
        if (!words[1] && (strcmp(words[0], "save") == 0 || strcmp(words[0], "quit") == 0)) {
                *ended = true;
                return 0;
        }
        if (*ended)
                return problem(ret_problem, "'save' and 'quit' can only end a script: all of it is "
                                            "written together");
        return script_add(script, words[0], words + 1, line, ret_problem);
}

int script_parse(Script *script, const char *text, char **ret_problem, unsigned *ret_line)
{
        _cleanup_free_ char *copy = strdup(text);
        bool ended = false;
        int r;

        *ret_line = 0;
        if (!copy)
                return -ENOMEM;
        for (char *line = copy + script_bom(copy); line;) {
                char *end = strchr(line, '\n');

                if (end)
                        *end = '\0';
                ++*ret_line;
                r = parse_line(script, line, *ret_line, &ended, ret_problem);
                if (r != 0)
                        return r;
                line = end ? end + 1 : NULL;
        }
        return 0;
}
