/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-texts.c - finds `let NAME = "..."` and `test Module.lns get NAME` in a file.
 *
 * It reads words and strings only, passes over comments, and leaves out what is put together from
 * several strings.
 */
#include "lens-texts.h"

#include <ctype.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "util/macro.h"

typedef struct Word {
        char *text;
        bool is_string;
} Word;

typedef struct Words {
        Word *list;
        size_t n;
} Words;

static void words_done(Words *words)
{
        for (size_t i = 0; i < words->n; i++)
                free(words->list[i].text);
        free(words->list);
}

static const char *skip_comment(const char *p)
{
        unsigned depth = 0;

        do {
                if (strncmp(p, "(*", 2) == 0) {
                        depth++;
                        p++;
                } else if (strncmp(p, "*)", 2) == 0) {
                        depth--;
                        p++;
                }
                p++;
        } while (*p != '\0' && depth > 0);
        return p;
}

/* A string as it stands between quotes, with its escapes. */
static const char *read_string(const char *p, char **ret)
{
        char *to = *ret = malloc(strlen(p) + 1);

        assert_non_null(to);
        for (; *p != '\0' && *p != '"'; p++) {
                if (*p == '\\' && p[1] != '\0') {
                        p++;
                        *to++ = (char)(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' : *p);
                } else {
                        *to++ = *p;
                }
        }
        *to = '\0';
        return *p == '"' ? p + 1 : p;
}

static bool is_word(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == '\'' || c == '.';
}

static void split_words(const char *p, Words *ret)
{
        ret->list = calloc(strlen(p) + 2, sizeof(*ret->list));
        assert_non_null(ret->list);
        while (*p != '\0') {
                Word *word = &ret->list[ret->n];
                size_t size = 1;

                if (isspace((unsigned char)*p)) {
                        p++;
                } else if (strncmp(p, "(*", 2) == 0) {
                        p = skip_comment(p);
                } else if (*p == '"') {
                        p = read_string(p + 1, &word->text);
                        word->is_string = true;
                        ret->n++;
                } else {
                        if (is_word(*p))
                                while (is_word(p[size]))
                                        size++;
                        word->text = strndup(p, size);
                        assert_non_null(word->text);
                        p += size;
                        ret->n++;
                }
        }
}

static bool word_is(const Words *words, size_t i, const char *text)
{
        return i < words->n && !words->list[i].is_string && strcmp(words->list[i].text, text) == 0;
}

static bool is_joined(const Words *words, size_t i)
{
        return word_is(words, i, ".") || word_is(words, i, "^");
}

/* The string that word `i` is or names. */
static const char *find_text(const Words *words, size_t i)
{
        if (words->list[i].is_string)
                return is_joined(words, i + 1) ? NULL : words->list[i].text;
        for (size_t k = 0; k + 3 < i; k++)
                if (word_is(words, k, "let") && word_is(words, k + 1, words->list[i].text) &&
                    word_is(words, k + 2, "=") && words->list[k + 3].is_string &&
                    !is_joined(words, k + 4))
                        return words->list[k + 3].text;
        return NULL;
}

static void add_texts(LensTexts *texts, const Words *words)
{
        for (size_t i = 0; i + 3 < words->n; i++) {
                const char *lens = words->list[i + 1].text, *dot = strchr(lens, '.'), *text;

                if (!word_is(words, i, "test") || !dot || strcmp(dot, ".lns") != 0 ||
                    !word_is(words, i + 2, "get"))
                        continue;
                text = find_text(words, i + 3);
                if (!text || *text == '\0')
                        continue;
                texts->list = reallocarray(texts->list, texts->n + 1, sizeof(*texts->list));
                assert_non_null(texts->list);
                texts->list[texts->n++] = (LensText){ strdup(lens), strdup(text) };
        }
}

static void read_file(LensTexts *texts, const char *name)
{
        _cleanup_fclose_ FILE *file = fopen(name, "re");
        _cleanup_(words_done) Words words = { 0 };
        static char buffer[1 << 20];
        size_t size;

        assert_non_null(file);
        size = fread(buffer, 1, sizeof(buffer) - 1, file);
        buffer[size] = '\0';
        split_words(buffer, &words);
        add_texts(texts, &words);
}

static int compare_lenses(const void *a, const void *b)
{
        const LensText *x = a, *y = b;
        int r = strcmp(x->lens, y->lens);

        return r != 0 ? r : strcmp(x->text, y->text);
}

static void choose_lenses(LensTexts *texts, unsigned step)
{
        _cleanup_free_ char *lens = NULL;
        size_t n = 0, n_seen = 0;

        for (size_t i = 0; i < texts->n; i++) {
                LensText text = texts->list[i];

                if (!lens || strcmp(lens, text.lens) != 0) {
                        free(lens);
                        lens = strdup(text.lens);
                        assert_non_null(lens);
                        n_seen++;
                        texts->n_lenses += n_seen % step == 0;
                }
                if (n_seen % step == 0) {
                        texts->list[n++] = text;
                } else {
                        free(text.lens);
                        free(text.text);
                }
        }
        texts->n = n;
}

void lens_texts_read(LensTexts *ret, const char *directory, unsigned step)
{
        _cleanup_free_ char *pattern = NULL;
        glob_t found;

        *ret = (LensTexts){ 0 };
        assert_true(asprintf(&pattern, "%s/test_*.aug", directory) > 0);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        for (size_t i = 0; i < found.gl_pathc; i++)
                read_file(ret, found.gl_pathv[i]);
        globfree(&found);
        assert_true(ret->n > 0);
        qsort(ret->list, ret->n, sizeof(*ret->list), compare_lenses);
        choose_lenses(ret, step);
}

void lens_texts_done(LensTexts *texts)
{
        for (size_t i = 0; i < texts->n; i++) {
                free(texts->list[i].lens);
                free(texts->list[i].text);
        }
        free(texts->list);
}
