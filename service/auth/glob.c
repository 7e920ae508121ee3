/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glob.c - globs as lists of steps, followed all at once (no backtracking).
 */
#include "auth/glob.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

#define LAST_CHARACTER  0x10FFFFU
#define INVALID_BYTE    0xDC00U /* and the byte: no character of valid UTF-8 */
#define BRACKET_RANGES  64U
#define CAN_BE_ESCAPED  "\\*?[]!^-"
#define GLOB_CHARACTERS "*?["

typedef struct Range {
        uint32_t first, last;
} Range;

/* One character of a set of `n` ranges that begins at `range`; `many`: any number of them. `skip`,
 * of a slash: a component that is just `**` follows, which may be left out with its own slash. */
typedef struct Step {
        bool many, skip;
        size_t range, n;
} Step;

struct Glob {
        Step *steps;
        Range *ranges;
        size_t n_steps, n_ranges;
};

static const Range any_character[] = { { 1, LAST_CHARACTER } };
static const Range not_slash[] = { { 1, '/' - 1 }, { '/' + 1, LAST_CHARACTER } };

static uint32_t next_character(const char **s)
{
        uint32_t c;
        size_t n;

        n = utf8_decode(*s, strlen(*s) < 4 ? strlen(*s) : 4, &c);
        if (n == 0) {
                c = INVALID_BYTE + (unsigned char)**s;
                n = 1;
        }
        *s += n;
        return c;
}

/* There is room for it: a step takes at least one character of the pattern, a range likewise, but
 * for two of `?` and `*` and one more where a bracket is cut at the slash. */
static void add_step(Glob *glob, const Range *ranges, size_t n, bool many)
{
        glob->steps[glob->n_steps++] = (Step){ .many = many, .range = glob->n_ranges, .n = n };
        for (size_t i = 0; i < n; i++)
                glob->ranges[glob->n_ranges++] = ranges[i];
}

static void add_character(Glob *glob, uint32_t c)
{
        add_step(glob, &(Range){ c, c }, 1, /* many= */ false);
}

static int compare_ranges(const void *a, const void *b)
{
        const Range *x = a, *y = b;

        return x->first < y->first ? -1 : x->first > y->first;
}

/* The characters that are in none of the `n` sorted ranges: at most n + 1 ranges, which are sorted
 * and apart. Returns: how many they are. */
static size_t complement(const Range *ranges, size_t n, Range *ret)
{
        uint32_t next = 1;
        size_t m = 0;

        for (size_t i = 0; i < n; i++) {
                if (ranges[i].first > next)
                        ret[m++] = (Range){ next, ranges[i].first - 1 };
                if (ranges[i].last + 1 > next)
                        next = ranges[i].last + 1;
        }
        if (next <= LAST_CHARACTER)
                ret[m++] = (Range){ next, LAST_CHARACTER };
        return m;
}

/* Without the slash, which no bracket matches. */
static const char *add_bracket(Glob *glob, Range *ranges, size_t n, bool negated)
{
        Range others[BRACKET_RANGES + 1], merged[BRACKET_RANGES + 2], cut[BRACKET_RANGES + 3];
        size_t m = 0;

        qsort(ranges, n, sizeof(*ranges), compare_ranges);
        n = complement(ranges, n, others);
        ranges = others;
        if (!negated) {
                n = complement(others, n, merged);
                ranges = merged;
        }
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ELEMENTSOF(not_slash); k++) {
                        uint32_t first = ranges[i].first, last = ranges[i].last;

                        if (first < not_slash[k].first)
                                first = not_slash[k].first;
                        if (last > not_slash[k].last)
                                last = not_slash[k].last;
                        if (first <= last)
                                cut[m++] = (Range){ first, last };
                }
        if (m == 0)
                return "has brackets that match nothing";
        add_step(glob, cut, m, /* many= */ false);
        return NULL;
}

/* One character within brackets, maybe escaped. Returns: false at the end of the text. */
static bool bracket_character(const char **s, uint32_t *ret)
{
        if (**s == '\\' && (*s)[1] && strchr(CAN_BE_ESCAPED, (*s)[1]))
                (*s)++;
        else if (**s == '\\')
                return false;
        if (**s == '\0')
                return false;
        *ret = next_character(s);
        return true;
}

/* *s is behind the opening bracket, afterwards behind the closing one. */
static const char *read_bracket(Glob *glob, const char **s)
{
        Range ranges[BRACKET_RANGES];
        bool negated = **s == '!' || **s == '^';
        const char *start;
        size_t n = 0;

        *s += negated;
        for (start = *s; *s == start || **s != ']'; n++) {
                if (n == BRACKET_RANGES)
                        return "has brackets with more than 64 parts";
                if (**s == '[' && strchr(":.=", (*s)[1]))
                        return "has a class of characters in brackets: write them out";
                if (!bracket_character(s, &ranges[n].first))
                        return "has a bracket that is not closed: write \\[ for a plain one";
                ranges[n].last = ranges[n].first;
                if (**s != '-' || (*s)[1] == ']')
                        continue;
                (*s)++;
                if (!bracket_character(s, &ranges[n].last) || ranges[n].last < ranges[n].first)
                        return "has a range in brackets that runs backwards";
        }
        (*s)++;
        return add_bracket(glob, ranges, n, negated);
}

static const char *read_stars(Glob *glob, const char **s)
{
        size_t n = strspn(*s, "*");

        *s += n;
        if (n > 2)
                return "has more than two stars in a row";
        if (n == 2)
                add_step(glob, any_character, ELEMENTSOF(any_character), /* many= */ true);
        else
                add_step(glob, not_slash, ELEMENTSOF(not_slash), /* many= */ true);
        return NULL;
}

static const char *read_step(Glob *glob, const char **s)
{
        switch (**s) {
        case '*':
                return read_stars(glob, s);
        case '?':
                (*s)++;
                add_step(glob, not_slash, ELEMENTSOF(not_slash), /* many= */ false);
                return NULL;
        case '[':
                (*s)++;
                return read_bracket(glob, s);
        case '\\':
                if ((*s)[1] == '\0' || !strchr(CAN_BE_ESCAPED, (*s)[1]))
                        return "has a backslash before a plain character: write \\\\ for a plain "
                               "backslash";
                (*s)++;
                break;
        default:
                break;
        }
        add_character(glob, next_character(s));
        return NULL;
}

static bool step_is(const Glob *glob, size_t i, uint32_t c)
{
        const Step *step = &glob->steps[i];

        return !step->many && step->n == 1 && glob->ranges[step->range].first == c &&
               glob->ranges[step->range].last == c;
}

static void find_skips(Glob *glob)
{
        for (size_t i = 0; i + 2 < glob->n_steps; i++)
                glob->steps[i].skip = step_is(glob, i, '/') && glob->steps[i + 1].many &&
                                      glob->steps[i + 1].n == ELEMENTSOF(any_character) &&
                                      step_is(glob, i + 2, '/');
}

int glob_compile(Glob **ret, const char *pattern, const char **ret_fault)
{
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;
        size_t length = strlen(pattern);
        const char *fault = NULL;

        glob = calloc(1, sizeof(*glob));
        if (!glob)
                return -ENOMEM;
        glob->steps = calloc(length + 1, sizeof(*glob->steps));
        glob->ranges = calloc(2 * length + 1, sizeof(*glob->ranges));
        if (!glob->steps || !glob->ranges)
                return -ENOMEM;
        while (!fault && *pattern)
                fault = read_step(glob, &pattern);
        if (fault) {
                *ret_fault = fault;
                return -EINVAL;
        }
        find_skips(glob);
        *ret = TAKE_PTR(glob);
        return 0;
}

Glob *glob_free(Glob *glob)
{
        if (!glob)
                return NULL;
        free(glob->steps);
        free(glob->ranges);
        free(glob);
        return NULL;
}

bool glob_is_literal(const char *pattern)
{
        for (; *pattern; pattern++) {
                if (*pattern == '\\' && pattern[1])
                        pattern++;
                else if (strchr(GLOB_CHARACTERS, *pattern))
                        return false;
        }
        return true;
}

char *glob_unescape(const char *pattern)
{
        char *name, *out;

        name = out = malloc(strlen(pattern) + 1);
        if (!name)
                return NULL;
        for (; *pattern; pattern++) {
                if (*pattern == '\\' && pattern[1])
                        pattern++;
                *out++ = *pattern;
        }
        *out = '\0';
        return name;
}

/* "Any number" may be none. */
static void close_over(const Glob *glob, bool *at)
{
        for (size_t i = 0; i < glob->n_steps; i++)
                if (at[i] && glob->steps[i].many)
                        at[i + 1] = true;
}

/* The places that a character taken at place i leads to: the first, and each two on from it while
 * places_more(). */
static size_t places_first(const Glob *glob, size_t i)
{
        return glob->steps[i].many ? i : i + 1;
}

static bool places_more(const Glob *glob, size_t i, size_t place)
{
        return !glob->steps[i].many && glob->steps[place - 1].skip;
}

static void take_step(const Glob *glob, size_t i, bool *next)
{
        size_t place = places_first(glob, i);

        for (next[place] = true; places_more(glob, i, place); next[place] = true)
                place += 2;
}

static bool step_takes(const Glob *glob, size_t i, uint32_t c)
{
        const Range *range = &glob->ranges[glob->steps[i].range];

        for (size_t k = 0; k < glob->steps[i].n; k++)
                if (c >= range[k].first && c <= range[k].last)
                        return true;
        return false;
}

/* Follows `text` through the glob: at[i] says whether place i can be reached by it. */
static bool follow(const Glob *glob, const char *text, bool *at, bool *next)
{
        bool alive = true;

        at[0] = true;
        close_over(glob, at);
        while (alive && *text) {
                uint32_t c = next_character(&text);

                alive = false;
                memset(next, 0, (glob->n_steps + 1) * sizeof(*next));
                for (size_t i = 0; i < glob->n_steps; i++) {
                        if (!at[i] || !step_takes(glob, i, c))
                                continue;
                        take_step(glob, i, next);
                        alive = true;
                }
                close_over(glob, next);
                memcpy(at, next, (glob->n_steps + 1) * sizeof(*at));
        }
        return alive;
}

/* Compares as far as neither a glob character nor an end comes: most questions are answered here.
 * Returns: false if no name that begins with `text` can be matched. */
static bool begins_alike(const char *pattern, const char *text)
{
        while (*pattern && *text && !strchr(GLOB_CHARACTERS "\\", *pattern))
                if (*pattern++ != *text++)
                        return false;
        return true;
}

static bool ask(const char *pattern, const char *text, bool beginning)
{
        _cleanup_(glob_free_cleanup) Glob *glob = NULL;
        _cleanup_free_ bool *at = NULL, *next = NULL;
        const char *fault;

        if (!begins_alike(pattern, text) || glob_compile(&glob, pattern, &fault) < 0)
                return false;
        at = calloc(glob->n_steps + 1, sizeof(*at));
        next = calloc(glob->n_steps + 1, sizeof(*next));
        if (!at || !next || !follow(glob, text, at, next))
                return false;
        return beginning || at[glob->n_steps];
}

bool glob_matches(const char *pattern, const char *name)
{
        return ask(pattern, name, /* beginning= */ false);
}

bool glob_matches_beginning(const char *pattern, const char *prefix)
{
        return ask(pattern, prefix, /* beginning= */ true);
}

static bool steps_share(const Glob *a, size_t i, const Glob *b, size_t j)
{
        const Range *x = &a->ranges[a->steps[i].range], *y = &b->ranges[b->steps[j].range];

        for (size_t k = 0; k < a->steps[i].n; k++)
                for (size_t m = 0; m < b->steps[j].n; m++)
                        if (x[k].first <= y[m].last && y[m].first <= x[k].last)
                                return true;
        return false;
}

static void take_steps(const Glob *a, size_t i, const Glob *b, size_t j, bool *at)
{
        size_t x = places_first(a, i), y;

        for (;; x += 2) {
                for (y = places_first(b, j);; y += 2) {
                        at[x * (b->n_steps + 1) + y] = true;
                        if (!places_more(b, j, y))
                                break;
                }
                if (!places_more(a, i, x))
                        break;
        }
}

/* at[i][j]: some text leads to place i of `a` and to place j of `b`. A step never leads back, so
 * one pass in order finds all. */
int globs_share(const Glob *a, const Glob *b)
{
        const size_t width = b->n_steps + 1;
        _cleanup_free_ bool *at = NULL;

        at = calloc((a->n_steps + 1) * width, sizeof(*at));
        if (!at)
                return -ENOMEM;
        at[0] = true;
        for (size_t i = 0; i <= a->n_steps; i++)
                for (size_t j = 0; j <= b->n_steps; j++) {
                        if (!at[i * width + j])
                                continue;
                        if (i < a->n_steps && a->steps[i].many)
                                at[(i + 1) * width + j] = true;
                        if (j < b->n_steps && b->steps[j].many)
                                at[i * width + j + 1] = true;
                        if (i < a->n_steps && j < b->n_steps && steps_share(a, i, b, j))
                                take_steps(a, i, b, j, at);
                }
        return at[a->n_steps * width + b->n_steps];
}
