/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * expression.c - the static prefixes of a path expression.
 *
 * Follows the lexical rules of Augeas' pathx.c token by token: where an operand may begin, quotes
 * open a literal; inside a name they are ordinary characters; a name ends at one of "][|/=()!," or
 * at " or ", " and ", " else ". Types, function names and arity are left to Augeas. What cannot be
 * tokenized is EXM_E_INVALID_PATH: then nobody knows which files it means.
 *
 * Input is hostile. Length and nesting are limited before anything is done, every loop consumes at
 * least one byte, and recursion goes no deeper than LIMIT_EXPRESSION_NESTING. All prefixes that are
 * being collected live in one scratch buffer as long as the expression: a path inside a predicate
 * begins where the path around it stands, and gives its room back.
 */
#include "tree/expression.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/limits.h"
#include "util/strv.h"

typedef struct Scanner {
        const char *text;
        const char *pos;
        char *scratch;
        size_t used;
        unsigned depth;
        unsigned brackets; /* predicates around this place: a relative path means their node */
        char **prefixes;
        Failure *f;
} Scanner;

/* One location path that is being read. */
typedef struct PathScan {
        size_t base; /* where its prefix begins in the scratch buffer */
        unsigned steps;
        bool absolute;
        bool open;      /* every step so far was a plain name */
        bool elsewhere; /* does not begin at /files */
} PathScan;

static const char name_follow[] = "][|/=()!,";
static const char *const name_stops[] = { " or ", " and ", " else " };
static const char *const operators[] = { "=~", "!~", "!=", "<=", ">=",  "=",    "<", ">",
                                         "|",  "*",  "+",  "-",  "and", "else", "or" };
static const char *const axes[] = {
        "self",   "child",    "seq",  "descendant",        "descendant-or-self",
        "parent", "ancestor", "root", "preceding-sibling", "following-sibling"
};

static int scan_expression(Scanner *s);

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n';
}

static bool is_alpha(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool starts_with(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void skip_space(Scanner *s)
{
        while (is_space(*s->pos))
                s->pos++;
}

/* Skips white space, as pathx.c does before each single-character token, also when it is not there.
 */
static bool match(Scanner *s, char c)
{
        skip_space(s);
        if (*s->pos != c || c == '\0')
                return false;
        s->pos++;
        return true;
}

static int scan_refuse(Scanner *s, const char *what)
{
        return failure_set(s->f, EXM_E_INVALID_PATH,
                           "%s at character %zu of the path expression; correct it there", what,
                           (size_t)(s->pos - s->text) + 1);
}

static bool match_axis(Scanner *s)
{
        for (size_t i = 0; i < ELEMENTSOF(axes); i++) {
                const char *p = s->pos;

                if (!starts_with(p, axes[i]))
                        continue;
                p += strlen(axes[i]);
                while (is_space(*p))
                        p++;
                if (starts_with(p, "::")) {
                        s->pos = p + 2;
                        return true;
                }
        }
        return false;
}

static bool match_operator(Scanner *s)
{
        for (size_t i = 0; i < ELEMENTSOF(operators); i++)
                if (starts_with(s->pos, operators[i])) {
                        s->pos += strlen(operators[i]);
                        return true;
                }
        return false;
}

static bool at_name_end(const char *p)
{
        if (*p == '\0' || strchr(name_follow, *p))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(name_stops); i++)
                if (starts_with(p, name_stops[i]))
                        return true;
        return false;
}

/* Appends the name at s->pos, unescaped and without the space at its end, to the scratch buffer. */
static int scan_name(Scanner *s)
{
        size_t solid = s->used; /* end of the name without the unescaped space that follows it */

        while (!at_name_end(s->pos)) {
                bool escaped = *s->pos == '\\';

                if (escaped)
                        s->pos++;
                if (*s->pos == '\0')
                        return scan_refuse(s, "a backslash with nothing to escape");
                if (escaped || !is_space(*s->pos))
                        solid = s->used + 1;
                s->scratch[s->used++] = *s->pos++;
        }

        s->used = solid;
        return 0;
}

static int scan_predicates(Scanner *s)
{
        while (match(s, '[')) {
                int r;

                s->brackets++;
                r = scan_expression(s);
                s->brackets--;
                if (r != 0)
                        return r;
                if (!match(s, ']'))
                        return scan_refuse(s, "a predicate \"[\" without its \"]\"");
        }
        return 0;
}

/* The step just read is the bytes from `start` on in the scratch buffer: keep or forget them. */
static void path_add_name(Scanner *s, PathScan *path, size_t start)
{
        const char *name = s->scratch + start;
        size_t size = s->used - start;
        bool dots = (size == 1 && name[0] == '.') || (size == 2 && memcmp(name, "..", 2) == 0);
        bool plain = size > 0 && !dots && !memchr(name, '/', size);

        if (path->open && path->steps == 0 && plain) {
                /* The first step names the tree; it is no part of the prefix. */
                path->elsewhere = size != strlen("files") || memcmp(name, "files", size) != 0;
                path->open = !path->elsewhere;
                s->used = start;
                return;
        }
        if (path->open && plain) {
                memmove(s->scratch + start + 1, name, size);
                s->scratch[start] = '/';
                s->used++;
                return;
        }
        path->open = false;
        s->used = start;
}

static int scan_step(Scanner *s, PathScan *path)
{
        size_t start = s->used;
        int r;

        if (match_axis(s))
                path->open = false;

        if (match(s, '*')) {
                path->open = false;
        } else {
                r = scan_name(s);
                if (r != 0)
                        return r;
                path_add_name(s, path, start);
        }
        path->steps++;

        return scan_predicates(s);
}

/* Steps up to the end of the path. A slash with nothing behind it is for Augeas to refuse. */
static int scan_steps(Scanner *s, PathScan *path)
{
        int r;

        do {
                if (*s->pos == '/') {
                        s->pos++;
                        path->open = false;
                }
                r = scan_step(s, path);
                if (r != 0)
                        return r;
        } while (match(s, '/'));

        return 0;
}

static int path_finish(Scanner *s, const PathScan *path)
{
        char *prefix = s->scratch + path->base;
        int r = 0;

        if (path->absolute && !path->elsewhere) {
                s->scratch[s->used] = '\0';
                r = strv_extend_unique(&s->prefixes, s->used == path->base ? "/" : prefix);
        }
        s->used = path->base;
        return r;
}

static int scan_location_path(Scanner *s)
{
        PathScan path = { .base = s->used };
        const char *start = s->pos;
        int r;

        path.absolute = match(s, '/');
        path.open = path.absolute;
        if (!path.absolute && s->brackets == 0)
                return failure_set(s->f, EXM_E_INVALID_PATH,
                                   "the files that the path expression means cannot be told, since "
                                   "at character %zu it does not begin with a slash; start it with "
                                   "/files/ and the name of the file",
                                   (size_t)(s->pos - s->text) + 1);

        r = scan_steps(s, &path);
        if (r != 0)
                return r;
        if (s->pos == start)
                return scan_refuse(s,
                                   *s->pos ? "an unexpected character" : "a missing path or value");
        return path_finish(s, &path);
}

static int scan_literal(Scanner *s)
{
        const char *end = strchr(s->pos + 1, *s->pos);

        if (!end)
                return scan_refuse(s, "a quoted string without its second quotation mark");
        s->pos = end + 1;
        return 0;
}

static int scan_variable(Scanner *s)
{
        s->pos++;
        if (!is_alpha(*s->pos) && *s->pos != '_')
                return scan_refuse(s, "a \"$\" without the name of a variable");
        while (is_alpha(*s->pos) || is_digit(*s->pos) || *s->pos == '_')
                s->pos++;
        return 0;
}

/* A word of letters, possibly none, and an opening parenthesis. */
static bool match_call(Scanner *s)
{
        const char *p = s->pos;

        while (is_alpha(*p))
                p++;
        while (is_space(*p))
                p++;
        if (*p != '(')
                return false;
        s->pos = p + 1;
        return true;
}

static int scan_arguments(Scanner *s)
{
        int r;

        if (match(s, ')'))
                return 0;
        do {
                r = scan_expression(s);
                if (r != 0)
                        return r;
        } while (match(s, ','));

        return match(s, ')') ? 0 : scan_refuse(s, "a \"(\" without its \")\"");
}

/* What may follow a value, a variable or something in parentheses: predicates and steps. */
static int scan_tail(Scanner *s)
{
        PathScan path = { .base = s->used, .steps = 1 };
        int r;

        r = scan_predicates(s);
        if (r != 0 || !match(s, '/'))
                return r;
        r = scan_steps(s, &path);
        if (r != 0)
                return r;
        return path_finish(s, &path);
}

static int scan_operand(Scanner *s)
{
        int r = 0;

        skip_space(s);
        if (*s->pos == '"' || *s->pos == '\'')
                r = scan_literal(s);
        else if (*s->pos == '$')
                r = scan_variable(s);
        else if (is_digit(*s->pos))
                while (is_digit(*s->pos))
                        s->pos++;
        else if (match_call(s))
                r = scan_arguments(s);
        else
                return scan_location_path(s);

        return r != 0 ? r : scan_tail(s);
}

static int scan_expression(Scanner *s)
{
        int r;

        if (s->depth > LIMIT_EXPRESSION_NESTING)
                return failure_set(s->f, EXM_E_INVALID_PATH,
                                   "the path expression nests more than %u parentheses and "
                                   "predicates; split it into several",
                                   LIMIT_EXPRESSION_NESTING);
        s->depth++;
        do {
                r = scan_operand(s);
                if (r != 0)
                        return r;
                skip_space(s);
        } while (match_operator(s));
        s->depth--;

        return 0;
}

static int check_text(const char *expression, Failure *f)
{
        const unsigned char *p = (const unsigned char *)expression;

        if (strlen(expression) > LIMIT_EXPRESSION_BYTES)
                return failure_set(f, EXM_E_INVALID_PATH,
                                   "the path expression is %zu bytes long, more than the %u "
                                   "allowed; split it into several",
                                   strlen(expression), LIMIT_EXPRESSION_BYTES);

        for (; *p; p++) {
                bool c0 = *p < 0x20 && *p != '\t' && *p != '\n';
                bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

                if (c0 || c1 || *p == 0x7f)
                        return failure_set(f, EXM_E_INVALID_PATH,
                                           "the path expression has a control character at byte "
                                           "%zu; take it out",
                                           (size_t)(p - (const unsigned char *)expression) + 1);
        }
        return 0;
}

int expression_prefixes(const char *expression, char ***ret_prefixes, Failure *f)
{
        _cleanup_free_ char *scratch = NULL;
        _cleanup_strv_ char **prefixes = NULL;
        Scanner s = { .text = expression, .pos = expression, .f = f };
        int r;

        r = check_text(expression, f);
        if (r != 0)
                return r;

        scratch = malloc(strlen(expression) + 2);
        if (!scratch)
                return -ENOMEM;

        s.scratch = scratch;
        r = scan_expression(&s);
        prefixes = s.prefixes;
        if (r != 0)
                return r;
        if (*s.pos != '\0')
                return scan_refuse(&s, "an unexpected character");

        *ret_prefixes = TAKE_PTR(prefixes);
        return 0;
}
