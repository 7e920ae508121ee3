/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * utf8.h - the text rules of the D-Bus contract (docs/api.md, Text).
 *
 * What we send is valid UTF-8, a byte that is not becomes U+FFFD. What a caller wants written must
 * hold neither U+FFFD (a lossy value never goes back to disk) nor NUL nor a control character other
 * than tab and newline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one character of the `size` (>= 1) bytes at `s`, by RFC 3629.
 * Returns: its length in bytes and *ret; 0 if the first byte begins no valid character. */
size_t utf8_decode(const char *s, size_t size, uint32_t *ret);

/* UTF-8 as D-Bus takes it: no overlong forms, no surrogates, at most U+10FFFF, no NUL.
 * Returns: true if all `size` bytes are valid. */
bool utf8_is_valid(const char *s, size_t size);

/* Returns: a new NUL-terminated string in which each invalid byte and each NUL is U+FFFD; NULL out
 * of memory. */
char *utf8_sanitise(const char *s, size_t size);

/* Returns: true if a caller may have `s` written to a file: valid, no U+FFFD, no control character
 * (C0 but tab and newline, DEL, C1). */
bool utf8_is_writable(const char *s);

/* For texts of several lines that others have written: controls but tab and newline, and characters
 * that can make a line read as something else, become '?', a byte each. `s` is valid. */
void utf8_disarm(char *s);

/* For logs and dialogs: controls, bidirectional overrides and invalid bytes are escaped as \xNN or
 * \uNNNN, backslash doubled, the result cut to `max_bytes` with "..." at its end.
 * Returns: a new string, NULL out of memory. */
char *utf8_escape(const char *s, size_t max_bytes);

/* Returns: true if utf8_escape() would show `s` as it is but for backslashes: valid, no control, no
 * character that can make a line read as something else. */
bool utf8_is_plain(const char *s);
