/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.c - check all, journal, write one by one, undo in reverse; the end once units have
 * followed.
 */
#include "commit/batch.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "commit/moment.h"
#include "commit/steps.h"
#include "util/log.h"

#define PASSWD_BYTES 16384

static int refuse_twice(const char *a, const char *b, Failure *f)
{
        return failure_set(f, EXM_E_REFUSED,
                           "%s: the commit would change this file twice, also as %s; nothing was "
                           "changed.",
                           a, b);
}

/* --- 1. plan --- */

/* Two names of one inode: hard links, or one file mounted on two names. */
static int check_distinct_inodes(const FileChange *changes, size_t n, Failure *f)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++) {
                        const FileStamp *a = &changes[i].base->stamp, *b = &changes[k].base->stamp;

                        if (a->exists && b->exists && a->dev == b->dev && a->ino == b->ino)
                                return refuse_twice(changes[i].base->path, changes[k].base->path,
                                                    f);
                }
        return 0;
}

static int check_distinct_names(const FileStep *steps, size_t n, Failure *f)
{
        for (size_t i = 0; i < n; i++)
                for (size_t k = i + 1; k < n; k++)
                        if (strcmp(steps[i].path, steps[k].path) == 0 ||
                            strcmp(steps[i].name, steps[k].name) == 0 ||
                            strcmp(steps[i].path, steps[k].name) == 0 ||
                            strcmp(steps[i].name, steps[k].path) == 0)
                                return refuse_twice(steps[i].path, steps[k].path, f);
        return 0;
}

static int plan_steps(const Roots *roots, ChangeRecord *record, const FileChange *changes,
                      size_t n_changes, Failure *f)
{
        int r;

        r = check_distinct_inodes(changes, n_changes, f);
        if (r != 0)
                return r;
        record->steps = calloc(n_changes, sizeof(FileStep));
        if (!record->steps)
                return -ENOMEM;
        for (; r == 0 && record->n_steps < n_changes; record->n_steps += r == 0)
                r = file_step_plan(roots, &changes[record->n_steps], record->id,
                                   (unsigned)record->n_steps, &record->steps[record->n_steps], f);
        return r;
}

static int check_steps(const Roots *roots, ChangeRecord *record, Failure *f)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_steps; i++) {
                record->steps[i].change = record->id;
                record->steps[i].place = (unsigned)i;
                r = file_step_check(roots, &record->steps[i], f);
        }
        return r;
}

/* --- 2. journal --- */

static int set_user(ChangeRecord *record)
{
        struct passwd entry, *found = NULL;
        char buffer[PASSWD_BYTES];

        if (record->user)
                return 0;
        (void)getpwuid_r(record->uid, &entry, buffer, sizeof(buffer), &found);
        record->user = strdup(found ? found->pw_name : "");
        return record->user ? 0 : -ENOMEM;
}

static int set_default(char **text)
{
        if (!*text)
                *text = strdup("");
        return *text ? 0 : -ENOMEM;
}

/* The boot is on record from the start: after a crash it tells whether the change may still wait
 * for its confirmation. */
int batch_fill_in(ChangeRecord *record)
{
        char **texts[] = { &record->authority, &record->message, &record->token, &record->reason };
        int r;

        record->time = moment_now(CLOCK_REALTIME);
        record->state = CHANGE_PREPARED;
        r = set_user(record);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(texts); i++)
                r = set_default(texts[i]);
        return r == 0 ? moment_boot_id(record->boot_id) : r;
}

/* --- 3. write --- */

static void set_reason(ChangeRecord *record, int r, const Failure *f)
{
        free(record->reason);
        record->reason = strdup(f && f->message ? f->message : strerror(r < 0 ? -r : EIO));
}

/* The first n steps were done, and the change cannot be: `r` and `f` say why. */
static int take_back(const Roots *roots, Journal *journal, ChangeRecord *record, size_t n, int r,
                     Failure *f)
{
        _cleanup_failure_ Failure fault = { 0 };
        _cleanup_free_ char *stuck = NULL, *first = NULL;
        const char *path = record->steps[n < record->n_steps ? n : n - 1].path;
        int undone;

        undone = steps_undo(roots, record->steps, NULL, n, &stuck);
        if (undone != 0) {
                if (f) {
                        first = TAKE_PTR(f->message);
                        failure_done(f);
                }
                r = failure_set(f, EXM_E_CONFLICT,
                                "%s: the commit failed here (%s). These files could not be put "
                                "back and hold what was written, or what another program has "
                                "written since: %s. All others of the commit are as before.",
                                path, first ? first : strerror(r < 0 ? -r : EIO), stuck);
        }
        record->state = CHANGE_FAILED;
        set_reason(record, r, f);
        /* What could be undone at another time stays prepared, for recovery to try again. */
        if (undone != 0 && undone != EXM_E_CONFLICT)
                return r;
        /* If this fails recovery will find that all is as before. */
        if (journal_set_state(journal, record, /* durable= */ true, &fault) != 0)
                log_error("change %llu has failed, which could not be recorded: %s",
                          (unsigned long long)record->id, fault.message ? fault.message : "?");
        return r;
}

/* 4. An applied change need not be durable as such: after a power cut it is found prepared, all of
 * its files new on the disk, and becomes applied. A deadline is nowhere else. */
static int record_end(Journal *journal, ChangeRecord *record, Failure *f)
{
        bool pending = record->confirm_within > 0;
        int r = 0;

        record->state = pending ? CHANGE_PENDING : CHANGE_APPLIED;
        if (pending)
                r = moment_start_pending(record);
        return r == 0 ? journal_set_state(journal, record, pending, f) : r;
}

int batch_finish(Journal *journal, ChangeRecord *record, Failure *f)
{
        return record_end(journal, record, f);
}

static int write_all(const Roots *roots, Journal *journal, ChangeRecord *record, Failure *f)
{
        size_t n = 0;
        int r = 0;

        for (; r == 0 && n < record->n_steps; n += r == 0)
                r = file_step_apply(roots, &record->steps[n], f);
        if (r == 0 && record->n_units == 0)
                r = record_end(journal, record, f);
        return r == 0 ? 0 : take_back(roots, journal, record, n, r, f);
}

int batch_apply(const Roots *roots, Journal *journal, ChangeRecord *record,
                const FileChange *changes, size_t n_changes, Failure *f)
{
        _cleanup_close_ int password_lock = -1;
        int r;

        r = journal_next_id(journal, &record->id, f);
        if (r == 0)
                r = changes ? plan_steps(roots, record, changes, n_changes, f)
                            : check_steps(roots, record, f);
        if (r == 0)
                r = check_distinct_names(record->steps, record->n_steps, f);
        if (r == 0)
                r = steps_lock(record->steps, record->n_steps, &password_lock, f);
        /* Whoever had the lock before may have changed the files. */
        if (r == 0 && password_lock >= 0)
                r = check_steps(roots, record, f);
        if (r == 0)
                r = batch_fill_in(record);
        if (r == 0)
                r = journal_prepare(journal, record, f);
        return r == 0 ? write_all(roots, journal, record, f) : r;
}
