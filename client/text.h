/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * text.h - paths as people write them, and text that is safe to show.
 *
 * Short paths: an absolute path of an expression that begins neither with /files nor with /augeas
 * nor with // stands for the same below /files: /etc/hosts/1 is /files/etc/hosts/1. Pure functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/macro.h"

/* Every short path of a path expression made long, also in unions and predicates, never in strings.
 * Slashes and blanks at its end go, as augtool does it. Returns: a new string, NULL out of memory.
 */
char *path_expand(const char *expression);

/* Characters are counted from 1. Returns: which one of `expression` is at `position` of what
 * path_expand() makes of it. */
size_t path_position(const char *expression, size_t position);

/* The short form of what the service has sent: points into `path`, or to "/". */
const char *path_shorten(const char *path);

/* The expression for what `expression` (long) matches and all below. Returns: a new string or NULL.
 */
char *path_subtree(const char *expression);

/* Is this the name of a file or a path, not a verb? */
bool path_looks_like_one(const char *word);

/* nginx: nginx.service. Returns: a new string, NULL out of memory. */
char *unit_name_expand(const char *word);

/* For a terminal: control characters, and what turns a line around, as \xNN and \uNNNN; newlines
 * as \n unless `lines`, tabs stay. Returns: a new string, NULL out of memory. */
char *text_for_terminal(const char *s, bool lines);
/* For a program that reads lines: newlines as \n, nothing else. Returns: the same. */
char *text_for_line(const char *s);
/* For one field of several: newlines and tabs as \n and \t; control characters as above for a
 * terminal, and for a program backslashes doubled. Returns: the same. */
char *text_for_cell(const char *s, bool terminal);

/* Of a sentence that is shown to a person: words and sentences that are too long lose their middle.
 * Returns: a new string, NULL out of memory. */
#define TEXT_WORD_MAX     240U
#define TEXT_SENTENCE_MAX 8000U
char *text_shorten(const char *s);

/* In double quotes, as print shows values: ", \, newline and tab after a backslash. Returns: a new
 * string, NULL out of memory. */
char *text_quote(const char *s);

/* A moment: "2027-01-31", "2027-01-31 12:00[:00]" (local time), "2027-01-31T12:00:00Z", "@seconds",
 * or a span such as "90s", "15min", "2h", "30d", "1w": that long before `now` (`future` false), or
 * after it (then a + may stand before it). In µs since 1970. Returns: 0 or -EINVAL. */
int time_parse(const char *s, uint64_t now, bool future, uint64_t *ret);

/* "2026-11-23 07:30:12", local time. Returns: a new string, NULL out of memory. */
char *time_show(uint64_t usec);

/* Decimal, from min to max, nothing else. Returns: 0 or -EINVAL. */
int number_parse(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
