/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c - see text.h.
 *
 * path_expand() does not parse expressions: it finds the slashes that can only begin a path, which
 * are those after an operator, an opening bracket, or nothing. A wrong guess is an error of the
 * service, or no match; it never reaches a file that the words did not name.
 */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/utf8.h"

/* Where something new begins: nothing before it, or an operator. Of these, < and > can be in a name
 * outside of predicates. */
static bool begins_operand(char before, unsigned depth)
{
        return before == '\0' || strchr("[(|=!,", before) || (depth > 0 && strchr("<>", before));
}

/* "and" and "or" between blanks, within a predicate, are operators as well. */
static bool follows_keyword(const char *start, const char *slash)
{
        const char *end = slash;

        while (end > start && isblank((unsigned char)end[-1]))
                end--;
        if (end == slash)
                return false;
        for (size_t i = 0; i < 2; i++) {
                static const char *const keywords[] = { "and", "or" };
                size_t size = strlen(keywords[i]);

                if ((size_t)(end - start) > size && memcmp(end - size, keywords[i], size) == 0 &&
                    strchr(" \t])\"'", end[-(ptrdiff_t)size - 1]))
                        return true;
        }
        return false;
}

static bool begins_with_step(const char *path, const char *step)
{
        size_t size = strlen(step);

        return strncmp(path, step, size) == 0 &&
               (path[size] == '\0' || strchr("/[]|) \t,=", path[size]));
}

static bool is_short(const char *path)
{
        return !begins_with_step(path, "/files") && !begins_with_step(path, "/augeas") &&
               path[1] != '/';
}

/* `at`: a place in what is returned; *ret_before: how many characters before it were put in. */
static char *expand(const char *expression, size_t at, size_t *ret_before)
{
        size_t left = strlen(expression), slashes = 0;
        char *expanded, *out, before = '\0', quote = '\0';
        unsigned depth = 0;

        *ret_before = 0;
        while (left > 1 && strchr("/ \t", expression[left - 1]) && expression[left - 2] != '\\')
                left--;
        for (size_t i = 0; i < left; i++)
                slashes += expression[i] == '/';
        expanded = out = malloc(left + slashes * strlen("/files") + 1);
        if (!expanded)
                return NULL;
        for (const char *s = expression; s < expression + left; s++) {
                if (quote) {
                        quote = *s == quote ? '\0' : quote;
                } else if (*s == '\\' && s + 1 < expression + left) {
                        *out++ = *s++;
                } else if (begins_operand(before, depth) && (*s == '"' || *s == '\'')) {
                        quote = *s;
                } else if (*s == '/' && (begins_operand(before, depth) ||
                                         (depth > 0 && follows_keyword(expression, s)))) {
                        if (is_short(s)) {
                                if ((size_t)(out - expanded) < at)
                                        *ret_before += strlen("/files");
                                out = stpcpy(out, "/files");
                        }
                        if (left == 1)
                                break; /* "/" alone */
                } else if (*s == '[') {
                        depth++;
                } else if (*s == ']' && depth > 0) {
                        depth--;
                }
                if (!isblank((unsigned char)*s) && !(*s == '~' && strchr("=!", before)))
                        before = *s;
                *out++ = *s;
        }
        *out = '\0';
        return expanded;
}

char *path_expand(const char *expression)
{
        size_t none;

        return expand(expression, 0, &none);
}

size_t path_position(const char *expression, size_t position)
{
        size_t before, most = strlen(expression) + 1;
        _cleanup_free_ char *expanded = expand(expression, position - 1, &before);

        if (!expanded || position <= before)
                return 1;
        return position - before < most ? position - before : most;
}

const char *path_shorten(const char *path)
{
        if (strcmp(path, "/files") == 0)
                return "/";
        if (strncmp(path, "/files/", strlen("/files/")) != 0)
                return path;
        return is_short(path + strlen("/files")) ? path + strlen("/files") : path;
}

char *path_subtree(const char *expression)
{
        bool is_union = strchr(expression, '|') != NULL;
        char *subtree;

        if (asprintf(&subtree, "%s%s%s/descendant-or-self::*", is_union ? "(" : "", expression,
                     is_union ? ")" : "") < 0)
                return NULL;
        return subtree;
}

bool path_looks_like_one(const char *word)
{
        return word[0] == '/' || word[0] == '(' || word[0] == '$';
}

/* `kept`: which of newline and tab stay. Others become a backslash and a letter. */
static char *escape(const char *s, const char *kept, bool controls, bool backslashes)
{
        _cleanup_free_ char *copy = strdup(s);
        char *shown, *out;

        /* Of one byte at most four are made (\x1b), of a sequence less than that for each byte. */
        shown = out = malloc(4 * strlen(s) + 1);
        if (!shown || !copy) {
                free(shown);
                return NULL;
        }
        for (char *piece = copy, *next = NULL; piece; piece = next) {
                size_t size = strcspn(piece, "\n\t\\");
                char separator = piece[size];

                piece[size] = '\0';
                next = separator ? piece + size + 1 : NULL;
                if (!controls || utf8_is_plain(piece)) {
                        out = stpcpy(out, piece);
                } else {
                        _cleanup_free_ char *escaped = utf8_escape(piece, 4 * size);

                        if (!escaped) {
                                free(shown);
                                return NULL;
                        }
                        out = stpcpy(out, escaped);
                }
                if (!separator)
                        break;
                if (separator == '\\' ? backslashes : !strchr(kept, separator)) {
                        *out++ = '\\';
                        separator = separator == '\n' ? 'n' : separator == '\t' ? 't' : '\\';
                }
                *out++ = separator;
        }
        *out = '\0';
        return shown;
}

char *text_for_terminal(const char *s, bool lines)
{
        return escape(s, lines ? "\n\t" : "\t", /* controls= */ true, /* backslashes= */ false);
}

char *text_for_line(const char *s)
{
        return escape(s, "\t", /* controls= */ false, /* backslashes= */ false);
}

char *text_for_cell(const char *s, bool terminal)
{
        return escape(s, "", terminal, !terminal);
}

/* The end of a piece of text, not within a character of UTF-8. */
static size_t whole_characters(const char *s, size_t size)
{
        while (size > 0 && ((unsigned char)s[size] & 0xC0U) == 0x80)
                size--;
        return size;
}

/* What is longer than `most` loses its middle. `out` has room for it. */
static char *put_shortened(char *out, const char *s, size_t size, size_t most)
{
        size_t begin, end;

        if (size <= most)
                return mempcpy(out, s, size);
        begin = whole_characters(s, most / 2);
        end = whole_characters(s, size - most / 4);
        out = stpcpy(mempcpy(out, s, begin), "[...]");
        return mempcpy(out, s + end, size - end);
}

char *text_shorten(const char *s)
{
        size_t left = strlen(s);
        _cleanup_free_ char *words = malloc(left + 1);
        char *shortened = malloc(left + 1), *out = words;

        if (!words || !shortened) {
                free(shortened);
                return NULL;
        }
        while (*s) {
                size_t word = strcspn(s, " \t\n");

                out = put_shortened(out, s, word, TEXT_WORD_MAX);
                s += word;
                if (*s)
                        *out++ = *s++;
        }
        *put_shortened(shortened, words, (size_t)(out - words), TEXT_SENTENCE_MAX) = '\0';
        return shortened;
}

char *text_quote(const char *s)
{
        char *quoted, *out;

        quoted = out = malloc(2 * strlen(s) + 3);
        if (!quoted)
                return NULL;
        *out++ = '"';
        for (; *s; s++) {
                if (strchr("\"\\\n\t", *s))
                        *out++ = '\\';
                *out++ = *s == '\n' ? 'n' : *s == '\t' ? 't' : *s;
        }
        *out++ = '"';
        *out = '\0';
        return quoted;
}

char *unit_name_expand(const char *word)
{
        static const char *const suffixes[] = { ".service", ".socket", ".target",    ".timer",
                                                ".path",    ".mount",  ".automount", ".swap",
                                                ".slice",   ".scope",  ".device" };
        const char *dot = strrchr(word, '.');
        char *name;

        for (size_t i = 0; dot && i < ELEMENTSOF(suffixes); i++)
                if (strcmp(dot, suffixes[i]) == 0)
                        return strdup(word);
        return asprintf(&name, "%s.service", word) < 0 ? NULL : name;
}

static int span_parse(const char *s, uint64_t *ret)
{
        static const struct {
                const char *unit;
                uint64_t seconds;
        } units[] = {
                { "s", 1 },        { "min", 60 },    { "m", 60 },         { "h", 3600 },
                { "d", 86400 },    { "w", 604800 },  { "sec", 1 },        { "hours", 3600 },
                { "days", 86400 }, { "day", 86400 }, { "weeks", 604800 },
        };
        size_t digits = strspn(s, "0123456789");
        _cleanup_free_ char *number = strndup(s, digits);
        uint64_t n;

        if (!number || number_parse(number, 0, 1000000000, &n) < 0)
                return -EINVAL;
        for (s += digits; isblank((unsigned char)*s); s++)
                ;
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (strcmp(s, units[i].unit) == 0) {
                        *ret = n * units[i].seconds * 1000000;
                        return 0;
                }
        }
        return -EINVAL;
}

static int utc_parse(const char *s, uint64_t *ret)
{
        struct tm tm = { 0 };
        const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
        time_t seconds = end && *end == '\0' ? timegm(&tm) : -1;

        if (seconds < 0)
                return -EINVAL;
        *ret = (uint64_t)seconds * 1000000;
        return 0;
}

int time_parse(const char *s, uint64_t now, bool future, uint64_t *ret)
{
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
        uint64_t span;

        if (s[0] == '@') {
                if (number_parse(s + 1, 0, 100000000000, &span) < 0)
                        return -EINVAL;
                *ret = span * 1000000;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm tm = { .tm_isdst = -1 };
                const char *end = strptime(s, formats[i], &tm);
                time_t seconds;

                if (!end || *end != '\0')
                        continue;
                seconds = mktime(&tm);
                if (seconds < 0)
                        return -EINVAL;
                *ret = (uint64_t)seconds * 1000000;
                return 0;
        }
        if (utc_parse(s, ret) == 0)
                return 0;
        if (future && s[0] == '+')
                s++;
        if (span_parse(s, &span) < 0 || (!future && span > now))
                return -EINVAL;
        *ret = future ? now + span : now - span;
        return 0;
}

char *time_show(uint64_t usec)
{
        time_t seconds = (time_t)(usec / 1000000);
        char shown[64];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(shown, sizeof(shown), "%F %T", &tm) == 0)
                return strdup("");
        return strdup(shown);
}

int number_parse(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
        unsigned long long n;

        if (s[0] == '\0' || s[strspn(s, "0123456789")] != '\0')
                return -EINVAL;
        errno = 0;
        n = strtoull(s, NULL, 10);
        if (errno != 0 || n < min || n > max)
                return -EINVAL;
        *ret = n;
        return 0;
}
