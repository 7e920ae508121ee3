/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * steps.c - lock, and undo in reverse.
 */
#include "commit/steps.h"

#include <errno.h>
#include <string.h>

#include "commit/password-lock.h"

int steps_lock(const FileStep *steps, size_t n, int *ret, Failure *f)
{
        *ret = -1;
        for (size_t i = 0; i < n; i++)
                if (password_lock_covers(steps[i].name))
                        return password_lock_take(ret, f);
        return 0;
}

void steps_add_words(char **words, const char *path, const char *why)
{
        char *longer;

        if (asprintf(&longer, "%s%s%s (%s)", *words ? *words : "", *words ? ", " : "", path, why) <
            0)
                return;
        free(*words);
        *words = longer;
}

int steps_undo(const Roots *roots, const FileStep *steps, const FileStepSide *sides, size_t n,
               char **words)
{
        int r, first = 0;

        while (n-- > 0) {
                _cleanup_failure_ Failure fault = { 0 };

                if (sides && sides[n] != FILE_STEP_AFTER)
                        continue;
                r = file_step_undo(roots, &steps[n], &fault);
                if (r == 0)
                        continue;
                steps_add_words(words, steps[n].path,
                                fault.message ? fault.message : strerror(r < 0 ? -r : EIO));
                if (first == 0 || first == EXM_E_CONFLICT)
                        first = r;
        }
        return first;
}
