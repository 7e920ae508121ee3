/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-batch.c - several files: all new, or all old and nothing left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "commit/batch.h"
#include "commit/journal-fixture.h"

static void free_all(FileChange *changes, size_t n)
{
        for (size_t i = 0; i < n; i++)
                file_change_done(&changes[i]);
}

/* With a journal of its own. The record's state is in the journal too. */
static int apply(const Roots *roots, ChangeRecord *record, const FileChange *changes, size_t n,
                 Failure *f)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        int r;

        r = batch_apply(roots, journal, record, changes, n, f);
        if (r == 0)
                assert_int_equal(state_of(journal, record->id), record->state);
        return r;
}

static int apply_plainly(const Roots *roots, const FileChange *changes, size_t n, Failure *f)
{
        _cleanup_(change_record_done) ChangeRecord record = { 0 };

        return apply(roots, &record, changes, n, f);
}

static void test_all(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        Failure f = { 0 };

        scratch_write("/mnt/etc/a", "old a", 0640);
        scratch_write("/mnt/etc/b", "old b", 0644);

        FileChange changes[] = {
                change_write(roots, "/mnt/etc/a", "new a"),
                change_write(roots, "/mnt/etc/x/c", "new c"),
                change_write(roots, "/mnt/etc/x/d", "new d"),
                { .kind = FILE_CHANGE_DELETE, .base = scratch_take(roots, "/mnt/etc/b") },
                { .kind = FILE_CHANGE_LINK,
                  .base = scratch_take(roots, "/mnt/etc/l"),
                  .link_target = strdup("a") },
        };

        assert_int_equal(apply_plainly(roots, changes, ELEMENTSOF(changes), &f), 0);
        assert_null(f.message);
        assert_text("/mnt/etc/a", "new a");
        assert_text("/mnt/etc/l", "new a");
        assert_text("/mnt/etc/x/c", "new c");
        assert_text("/mnt/etc/x/d", "new d");
        assert_missing("/mnt/etc/b");
        assert_no_litter();
        free_all(changes, ELEMENTSOF(changes));
}

/* The last file does not fit on its file system: only writing shows that. */
static void test_failure_in_the_middle(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_image_unref_cleanup) FileImage *back = NULL;
        Failure f = { 0 };

        scratch_write("/mnt/etc/a", "old a", 04750);
        scratch_write("/mnt/etc/b", "old b", 0644);
        assert_int_equal(mkdir("/mnt/etc/small", 0755), 0);
        assert_int_equal(mount("small", "/mnt/etc/small", "tmpfs", 0, "mode=755,size=64k"), 0);
        scratch_write("/mnt/etc/small/s", "old s", 0644);

        FileChange changes[] = {
                change_write(roots, "/mnt/etc/a", "new a"),
                change_write(roots, "/mnt/etc/x/y/c", "new c"),
                { .kind = FILE_CHANGE_DELETE, .base = scratch_take(roots, "/mnt/etc/b") },
                change_write(roots, "/mnt/etc/small/s", ""),
                change_write(roots, "/mnt/etc/after", "x"),
        };
        free(changes[3].content);
        changes[3].size = 256 * 1024;
        changes[3].content = calloc(1, changes[3].size);

        assert_int_equal(apply_plainly(roots, changes, ELEMENTSOF(changes), &f),
                         EXM_E_LIMIT_EXCEEDED);
        assert_non_null(strstr(f.message, "/mnt/etc/small/s"));
        failure_done(&f);
        assert_text("/mnt/etc/a", "old a");
        assert_text("/mnt/etc/b", "old b");
        assert_text("/mnt/etc/small/s", "old s");
        assert_missing("/mnt/etc/x");
        assert_missing("/mnt/etc/after");
        assert_no_litter();
        back = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(back->version, changes[0].base->version);
        free_all(changes, ELEMENTSOF(changes));
        assert_int_equal(umount("/mnt/etc/small"), 0);
}

/* A conflict in the last file is found before the first is written. */
static void test_checked_first(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        struct stat before, after;
        Failure f = { 0 };

        scratch_write("/mnt/etc/a", "old a", 0644);
        scratch_write("/mnt/etc/b", "old b", 0644);

        FileChange changes[] = {
                change_write(roots, "/mnt/etc/a", "new a"),
                change_write(roots, "/mnt/etc/b", "new b"),
        };
        scratch_write("/mnt/etc/b", "OLD b", 0644);
        assert_int_equal(stat("/mnt/etc/a", &before), 0);
        assert_int_equal(apply_plainly(roots, changes, 2, &f), EXM_E_CONFLICT);
        assert_int_equal(stat("/mnt/etc/a", &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_text("/mnt/etc/b", "OLD b");
        failure_done(&f);
        free_all(changes, 2);
}

static void test_twice(void **state)
{
        static const char *const pairs[][2] = {
                { "/mnt/etc/a", "/mnt/etc/a" },        { "/mnt/etc/a", "/mnt/etc/link" },
                { "/mnt/etc/link", "/mnt/etc/link2" }, { "/mnt/etc/a", "/mnt/etc/hard" },
                { "/mnt/etc/none", "/mnt/etc/none" },
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        scratch_write("/mnt/etc/a", "old", 0644);
        assert_int_equal(symlink("a", "/mnt/etc/link"), 0);
        assert_int_equal(symlink("a", "/mnt/etc/link2"), 0);
        assert_int_equal(link("/mnt/etc/a", "/mnt/etc/hard"), 0);
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                FileChange changes[] = {
                        change_write(roots, pairs[i][0], "new 1"),
                        change_write(roots, pairs[i][1], "new 2"),
                };
                Failure f = { 0 };

                assert_int_equal(apply_plainly(roots, changes, 2, &f), EXM_E_REFUSED);
                assert_non_null(strstr(f.message, "twice"));
                failure_done(&f);
                free_all(changes, 2);
        }
        assert_text("/mnt/etc/a", "old");
}

/* --- what the journal is told --- */

static void test_record(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_(change_record_done) ChangeRecord record = { .message = strdup("why") },
                                                   kept = { 0 };
        FileChange change = change_write(roots, "/mnt/etc/x/a", "new");

        assert_int_equal(batch_apply(roots, journal, &record, &change, 1, NULL), 0);
        assert_int_equal(journal_load(journal, record.id, true, &kept, NULL), 0);
        assert_int_equal(kept.state, CHANGE_APPLIED);
        assert_string_equal(kept.user, "root");
        assert_string_equal(kept.message, "why");
        assert_true(kept.time > 0);
        assert_int_equal(kept.n_steps, 1);
        assert_string_equal(kept.steps[0].name, "/mnt/etc/x/a");
        assert_string_equal(kept.steps[0].parents[0], "/mnt/etc/x");
        assert_int_equal(kept.steps[0].before.kind, NODE_MISSING);
        assert_memory_equal(kept.steps[0].after.content, "new", 4);
        file_change_done(&change);
}

static void test_pending(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(change_record_done) ChangeRecord record = { .confirm_within = 60 };
        FileChange change = change_write(roots, "/mnt/etc/a", "new");

        assert_int_equal(apply(roots, &record, &change, 1, NULL), 0);
        assert_int_equal(record.state, CHANGE_PENDING);
        assert_int_equal(record.deadline - record.pending_since, 60 * 1000000);
        assert_int_equal(strlen(record.boot_id), 32);
        file_change_done(&change);
}

/* A failure after the journal knows of the change ends it there too. */
static void test_failure_is_recorded(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_(change_record_done) ChangeRecord record = { 0 };
        FileChange changes[2] = { change_write(roots, "/mnt/etc/a", "new") };
        Failure f = { 0 };

        assert_int_equal(mkdir("/mnt/etc/small", 0755), 0);
        assert_int_equal(mount("small", "/mnt/etc/small", "tmpfs", 0, "mode=755,size=64k"), 0);
        changes[1] = change_write(roots, "/mnt/etc/small/s", "");
        free(changes[1].content);
        changes[1].size = 256 * 1024;
        changes[1].content = calloc(1, changes[1].size);
        assert_int_equal(batch_apply(roots, journal, &record, changes, 2, &f),
                         EXM_E_LIMIT_EXCEEDED);
        assert_int_equal(record.state, CHANGE_FAILED);
        assert_int_equal(state_of(journal, record.id), CHANGE_FAILED);
        assert_string_equal(record.reason, f.message);
        assert_missing("/mnt/etc/a");
        failure_done(&f);
        free_all(changes, 2);
        assert_int_equal(umount("/mnt/etc/small"), 0);
}

/* Where nothing can be journaled nothing is written. */
static void test_no_journal(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        FileChange change = change_write(roots, "/mnt/etc/a", "new");
        Failure f = { 0 };

        write_bytes(JOURNAL_PATH, "no database, but long enough to be taken for one", 48, 0600);
        assert_int_equal(apply_plainly(roots, &change, 1, &f), EXM_E_REFUSED);
        assert_non_null(f.message);
        failure_done(&f);
        assert_missing("/mnt/etc/a");
        file_change_done(&change);
}

static FileStep ready_step(const char *name, NodeKind before, NodeKind after, const char *target)
{
        FileStep step = { .name = strdup(name), .path = strdup(name) };

        step.before.kind = before;
        step.after = (Node){ .kind = after, .metadata.mode = 0600 };
        if (after == NODE_FILE) {
                step.after.content = strdup("ready");
                step.after.size = 5;
                assert_int_equal(node_set_version(&step.after), 0);
        }
        if (after == NODE_LINK)
                step.after.link_target = strdup(target);
        return step;
}

/* Steps that come ready are held to the same rules. */
static void test_ready_steps(void **state)
{
        static const struct {
                const char *name, *target;
                NodeKind before, after;
                int r;
        } cases[] = {
                { "/mnt/etc/x/a", NULL, NODE_MISSING, NODE_FILE, 0 },
                { "/mnt/etc/l", "../usr/x", NODE_MISSING, NODE_LINK, 0 },
                { "/mnt/etc/l", "../etc/l", NODE_MISSING, NODE_LINK, EXM_E_REFUSED },
                { "/mnt/etc/l", "/root/x", NODE_MISSING, NODE_LINK, EXM_E_REFUSED },
                { "/mnt/usr/a", NULL, NODE_MISSING, NODE_FILE, EXM_E_REFUSED },
                { "/mnt/etc/there", NULL, NODE_MISSING, NODE_FILE, EXM_E_CONFLICT },
                { "/mnt/etc/none", NULL, NODE_MISSING, NODE_MISSING, EXM_E_REFUSED },
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(change_record_done) ChangeRecord record = { .n_steps = 1 };
                int r;

                journal_fixture_reset(NULL);
                scratch_write("/mnt/etc/there", "old", 0600);
                record.steps = calloc(1, sizeof(FileStep));
                record.steps[0] =
                        ready_step(cases[i].name, cases[i].before, cases[i].after, cases[i].target);
                r = apply(roots, &record, NULL, 0, NULL);
                if (r != cases[i].r)
                        fail_msg("case %zu: %d", i, r);
                assert_text("/mnt/etc/there", "old");
        }
}

typedef struct Meddler {
        atomic_bool stop;
} Meddler;

/* Edits /mnt/etc/a as soon as it is new. */
static void *meddle(void *userdata)
{
        Meddler *meddler = userdata;

        while (!atomic_load(&meddler->stop)) {
                char *text = scratch_read("/mnt/etc/a");
                bool is_new = text && strcmp(text, "new a") == 0;

                free(text);
                if (is_new) {
                        scratch_write("/mnt/etc/mine", "somebody's", 0644);
                        rename("/mnt/etc/mine", "/mnt/etc/a");
                        return NULL;
                }
        }
        return NULL;
}

/* Undoing meets a file that somebody has edited since: it is kept, and named. */
static void test_undo_fails(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        Meddler meddler = { 0 };
        FileChange changes[122];
        char name[32];
        Failure f = { 0 };
        pthread_t thread;

        assert_int_equal(mkdir("/mnt/etc/small", 0755), 0);
        assert_int_equal(mount("small", "/mnt/etc/small", "tmpfs", 0, "mode=755,size=64k"), 0);
        scratch_write("/mnt/etc/a", "old a", 0644);
        changes[0] = change_write(roots, "/mnt/etc/a", "new a");
        for (unsigned i = 1; i <= 120; i++) {
                snprintf(name, sizeof(name), "/mnt/etc/n%u", i);
                changes[i] = change_write(roots, name, "text");
        }
        changes[121] = change_write(roots, "/mnt/etc/small/s", "");
        free(changes[121].content);
        changes[121].size = 256 * 1024;
        changes[121].content = calloc(1, changes[121].size);

        assert_int_equal(pthread_create(&thread, NULL, meddle, &meddler), 0);
        assert_int_equal(apply_plainly(roots, changes, ELEMENTSOF(changes), &f), EXM_E_CONFLICT);
        atomic_store(&meddler.stop, true);
        pthread_join(thread, NULL);
        assert_non_null(strstr(f.message, "/mnt/etc/small/s: the commit failed here"));
        assert_non_null(strstr(f.message, "no space"));
        assert_non_null(strstr(f.message, "/mnt/etc/a ("));
        assert_null(strstr(f.message, "/mnt/etc/n1"));
        failure_done(&f);
        assert_text("/mnt/etc/a", "somebody's");
        assert_missing("/mnt/etc/n1");
        assert_missing("/mnt/etc/n120");
        assert_no_litter();
        free_all(changes, ELEMENTSOF(changes));
        assert_int_equal(umount("/mnt/etc/small"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_all, journal_fixture_reset),
                cmocka_unit_test_setup(test_failure_in_the_middle, journal_fixture_reset),
                cmocka_unit_test_setup(test_checked_first, journal_fixture_reset),
                cmocka_unit_test_setup(test_twice, journal_fixture_reset),
                cmocka_unit_test_setup(test_record, journal_fixture_reset),
                cmocka_unit_test_setup(test_pending, journal_fixture_reset),
                cmocka_unit_test_setup(test_failure_is_recorded, journal_fixture_reset),
                cmocka_unit_test_setup(test_no_journal, journal_fixture_reset),
                cmocka_unit_test_setup(test_ready_steps, journal_fixture_reset),
                cmocka_unit_test_setup(test_undo_fails, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
