/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-texts.h - the texts that Augeas' own tests of its lenses parse.
 *
 * The files test_*.aug that are installed with the lenses hold, for most of them, a real
 * configuration file as a string: `test Hosts.lns get two_entries`.
 */
#pragma once

#include <stddef.h>

typedef struct LensText {
        char *lens; /* "Hosts.lns" */
        char *text;
} LensText;

typedef struct LensTexts {
        LensText *list; /* sorted by lens */
        size_t n, n_lenses;
} LensTexts;

/* Every `step`th lens, with all of its texts. Fails the test if there are none. Freed with
 * lens_texts_done(). */
void lens_texts_read(LensTexts *ret, const char *directory, unsigned step);
void lens_texts_done(LensTexts *texts);
