/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h - the text of a file as Augeas' own load and save would see it, and back.
 *
 * Pure functions on bytes. Lenses want a newline at the end, so a missing one is added for parsing
 * and taken away again afterwards; Augeas works on C strings and keeps the bytes 1 to 4 for itself,
 * so a text that holds one of those or a NUL is never parsed, and thus never written.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Line and column count from 1, the column in bytes. */
typedef struct TextPosition {
        uint32_t line;
        uint32_t column;
} TextPosition;

/* Returns: true if Augeas can take every byte; else false and where the first bad one is. */
bool text_is_parsable(const char *text, size_t size, TextPosition *ret_bad);

/* Returns: a new NUL-terminated copy that ends with a newline ("\n" for no text at all); NULL out
 * of memory. The text must be parsable. */
char *text_with_newline(const char *text, size_t size);

/* How many bytes of `rendered` are to be written, when `source` is what was parsed, of which the
 * first `size` bytes are the file's own. If text_with_newline() had to add the last newline, it
 * goes away again, unless the last line is no longer the one that had none. */
size_t text_rendered_size(const char *rendered, const char *source, size_t size);
