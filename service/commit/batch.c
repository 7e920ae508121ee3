/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.c - check all, write one by one, undo in reverse.
 */
#include "commit/batch.h"

#include <errno.h>
#include <string.h>

#include "commit/password-lock.h"

static bool same_file(const FileImage *a, const FileImage *b)
{
        if (strcmp(a->path, b->path) == 0 || strcmp(a->canonical, b->canonical) == 0 ||
            strcmp(a->path, b->canonical) == 0 || strcmp(a->canonical, b->path) == 0)
                return true;
        return a->stamp.exists && b->stamp.exists && a->stamp.dev == b->stamp.dev &&
               a->stamp.ino == b->stamp.ino;
}

static int check_distinct(const FileChange *changes, size_t n_changes, Failure *f)
{
        for (size_t i = 0; i < n_changes; i++)
                for (size_t k = i + 1; k < n_changes; k++)
                        if (same_file(changes[i].base, changes[k].base))
                                return failure_set(f, EXM_E_REFUSED,
                                                   "%s: the commit would change this file twice, "
                                                   "also as %s; nothing was changed.",
                                                   changes[i].base->path, changes[k].base->path);
        return 0;
}

static int take_password_lock(const FileChange *changes, size_t n_changes, int *ret, Failure *f)
{
        for (size_t i = 0; i < n_changes; i++)
                if (password_lock_covers(file_change_name(&changes[i])))
                        return password_lock_take(ret, f);
        return 0;
}

/* Appends to *list, which is left as it is when memory runs out. */
static void add_words(char **list, const char *path, const char *why)
{
        char *longer;

        if (asprintf(&longer, "%s%s%s (%s)", *list ? *list : "", *list ? ", " : "", path, why) < 0)
                return;
        free(*list);
        *list = longer;
}

/* Returns: NULL, or the files that could not be put back, with the reason for each. */
static char *undo_all(const Roots *roots, const FileChange *changes, FileUndo *const *undos,
                      size_t n)
{
        char *stuck = NULL;
        int r;

        while (n-- > 0) {
                _cleanup_failure_ Failure fault = { 0 };

                r = file_undo_apply(roots, undos[n], &fault);
                if (r != 0)
                        add_words(&stuck, file_change_name(&changes[n]),
                                  fault.message ? fault.message : strerror(r < 0 ? -r : EIO));
        }
        return stuck;
}

static int undo_after(const Roots *roots, const FileChange *changes, FileUndo *const *undos,
                      size_t n, int r, Failure *f)
{
        _cleanup_free_ char *stuck = NULL, *first = NULL;

        stuck = undo_all(roots, changes, undos, n);
        if (!stuck)
                return r;
        if (f) {
                first = TAKE_PTR(f->message);
                failure_done(f);
        }
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: the commit failed here (%s). These files could not be put back and "
                           "hold what was written, or what another program has written since: %s. "
                           "All others of the commit are as before.",
                           changes[n].base->path, first ? first : strerror(r < 0 ? -r : EIO),
                           stuck);
}

static int write_all(const Roots *roots, const FileChange *changes, size_t n_changes,
                     FileUndo **undos, Failure *f)
{
        int r;

        for (size_t i = 0; i < n_changes; i++) {
                r = file_change_apply(roots, &changes[i], &undos[i], f);
                if (r != 0)
                        return undo_after(roots, changes, undos, i, r, f);
        }
        return 0;
}

int batch_apply(const Roots *roots, const FileChange *changes, size_t n_changes, Failure *f)
{
        _cleanup_close_ int password_lock = -1;
        FileUndo **undos;
        int r;

        r = check_distinct(changes, n_changes, f);
        if (r == 0)
                r = take_password_lock(changes, n_changes, &password_lock, f);
        for (size_t i = 0; r == 0 && i < n_changes; i++)
                r = file_change_check(roots, &changes[i], f);
        if (r != 0)
                return r;

        undos = calloc(n_changes, sizeof(*undos));
        if (!undos)
                return -ENOMEM;
        r = write_all(roots, changes, n_changes, undos, f);
        for (size_t i = 0; i < n_changes; i++)
                file_undo_free(undos[i]);
        free(undos);
        return r;
}
