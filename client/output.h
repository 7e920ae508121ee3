/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.h - standard output: text or JSON, colours, the pager; and words on standard error.
 *
 * What comes from the service is text that others wrote. On a terminal its control characters are
 * shown escaped; a pipe gets them as they are, but for newlines where one line is expected. Colours
 * are for terminals only, and NO_COLOR is obeyed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "options.h"

typedef struct Output {
        OutputMode mode;
        bool terminal; /* also if a pager stands between */
        bool colour;
        bool quiet, legend, pager_allowed;
        int collected;       /* what the pager is to show; -1: no pager */
        int standard_output; /* meanwhile */
        uint64_t change;     /* that was made; 0: none */
} Output;

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_BOLD,
        COLOUR_DIM,
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        COLOUR_CYAN,
} Colour;

void output_init(Output *output, const Options *options);
static inline bool output_is_json(const Output *output)
{
        return output->mode != OUTPUT_TEXT;
}

/* From now on for a pager, if standard output is a terminal and that is wanted. */
void output_open_pager(Output *output);
/* Has the pager show what was collected, and finds out whether all could be written. A reader that
 * has left has seen enough. Returns: 0, EXIT_OUTPUT. */
int output_finish(Output *output);

/* To be called after much was printed: later nobody knows why it could not be written. */
void output_check(void);

/* One line of JSON, or several. Takes no reference. Returns: 0, -ENOMEM. */
int output_json(Output *output, const json_t *value);

/* Text that others wrote; newlines only if `lines`. Returns: 0, -ENOMEM. */
int output_text(const Output *output, Colour colour, const char *text, bool lines);
/* The same in a sentence, on standard error; what looks like a key is left out. Returns:
 * EXIT_FAILED. */
int output_error(const char *format, ...) _printf_(1, 2);
/* Of what was not written as it has to be. Returns: EXIT_USAGE. */
int output_usage(const char *format, ...) _printf_(1, 2);
/* A word about what is going on, on standard error, unless --quiet. */
void output_note(const Output *output, const char *format, ...) _printf_(2, 3);

/* Diffs as the service sends them, [[file, diff]...]. Returns: 0, -ENOMEM. */
int output_diffs(const Output *output, const json_t *diffs);

const char *colour_on(const Output *output, Colour colour);
const char *colour_off(const Output *output, Colour colour);
