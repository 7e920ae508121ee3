/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.c - final newlines, and bytes that Augeas cannot take. The text is hostile.
 */
#include "worker/text.h"

#include <stdlib.h>
#include <string.h>

/* 1 to 4 separate keys from values in Augeas' own encoding of a tree. */
#define TEXT_LAST_RESERVED 4

bool text_is_parsable(const char *text, size_t size, TextPosition *ret_bad)
{
        TextPosition at = { 1, 1 };

        for (size_t i = 0; i < size; i++) {
                if ((unsigned char)text[i] <= TEXT_LAST_RESERVED) {
                        *ret_bad = at;
                        return false;
                }
                at.column++;
                if (text[i] == '\n') {
                        at.line++;
                        at.column = 1;
                }
        }
        return true;
}

char *text_with_newline(const char *text, size_t size)
{
        bool add = size == 0 || text[size - 1] != '\n';
        char *copy;

        copy = malloc(size + 2);
        if (!copy)
                return NULL;
        if (size > 0)
                memcpy(copy, text, size);
        if (add)
                copy[size++] = '\n';
        copy[size] = '\0';
        return copy;
}

/* The last line of a text that ends with a newline, with that newline. */
static const char *last_line(const char *text, size_t size)
{
        const char *before = size > 1 ? memrchr(text, '\n', size - 1) : NULL;

        return before ? before + 1 : text;
}

size_t text_rendered_size(const char *rendered, const char *source, size_t size)
{
        size_t n = strlen(rendered), n_source = strlen(source);

        if (n_source == size || n == 0 || rendered[n - 1] != '\n')
                return n;
        if (strcmp(last_line(rendered, n), last_line(source, n_source)) != 0)
                return n;
        return n - 1;
}
