/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-commit.c - commits side by side and one after another, and the lock of the user database.
 *
 * The password files are those of an /etc of its own: a tmpfs in the private mount namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <shadow.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "commit/commit.h"
#include "commit/journal-fixture.h"

typedef struct Bench {
        sd_event *event;
        TaskPool *pool;
        Roots *roots;
        Journal *journal;
        Committer *committer;
        uint32_t confirm_within; /* of what is started next */
        unsigned n_done;
        char order[64];
} Bench;

typedef struct Call {
        Bench *bench;
        char name;
        bool done;
        int r;
        uint64_t change;
        ChangeState state;
        char *message;
} Call;

static void bench_init(Bench *bench, Roots *roots)
{
        *bench = (Bench){ .roots = roots, .journal = journal_fixture_open() };
        assert_int_equal(sd_event_new(&bench->event), 0);
        assert_int_equal(task_pool_new(&bench->pool, bench->event, 4), 0);
        assert_int_equal(
                committer_new(&bench->committer, bench->pool, bench->roots, bench->journal), 0);
}

static void bench_done(Bench *bench)
{
        committer_free(bench->committer);
        task_pool_free(bench->pool);
        journal_close(bench->journal);
        roots_free(bench->roots);
        sd_event_unref(bench->event);
}

static void on_done(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Call *call = userdata;

        assert_false(call->done);
        call->done = true;
        call->r = r;
        call->change = record ? record->id : 0;
        call->state = record ? record->state : _CHANGE_STATE_MAX;
        call->message = f->message ? strdup(f->message) : NULL;
        if (call->bench->n_done < sizeof(call->bench->order) - 1)
                call->bench->order[call->bench->n_done] = call->name;
        call->bench->n_done++;
}

static void start(Bench *bench, Call *call, char name, const FileChange *changes, size_t n)
{
        FileChange *copy = calloc(n, sizeof(*copy));
        ChangeRecord record = { .confirm_within = bench->confirm_within };

        memcpy(copy, changes, n * sizeof(*copy));
        *call = (Call){ .bench = bench, .name = name };
        assert_int_equal(commit_start(bench->committer, &record, copy, n, on_done, call), 0);
        assert_false(call->done);
        assert_true(committer_is_busy(bench->committer));
}

static void run_until(Bench *bench, unsigned n_done)
{
        while (bench->n_done < n_done)
                assert_true(sd_event_run(bench->event, 30 * 1000000) > 0);
}

/* A base that is not there, whatever is there: only the first such change succeeds. */
static FileChange change_new(const char *path, const char *text)
{
        FileImage *base = calloc(1, sizeof(*base));

        base->n_ref = 1;
        base->path = strdup(path);
        base->canonical = strdup(path);
        return (FileChange){ .kind = FILE_CHANGE_WRITE,
                             .base = base,
                             .content = strdup(text),
                             .size = strlen(text),
                             .create_mode = 0644 };
}

static void test_numbers(void **state)
{
        Call calls[3] = { 0 };
        Bench bench;

        bench_init(&bench, scratch_roots());
        assert_false(committer_is_busy(bench.committer));
        for (unsigned i = 0; i < 3; i++) {
                FileChange change = change_new("/mnt/etc/a", "x");

                if (i == 2) {
                        file_change_done(&change);
                        change = change_write(bench.roots, "/mnt/etc/a", "y");
                }
                start(&bench, &calls[i], 'a', &change, 1);
                run_until(&bench, i + 1);
        }
        assert_int_equal(calls[0].r, 0);
        assert_int_equal(calls[0].change, 1);
        assert_int_equal(calls[1].r, EXM_E_CONFLICT);
        assert_int_equal(calls[1].change, 0);
        assert_non_null(calls[1].message);
        assert_int_equal(calls[2].r, 0);
        assert_true(calls[2].change > calls[0].change);
        assert_int_equal(calls[2].state, CHANGE_APPLIED);
        assert_text("/mnt/etc/a", "y");
        assert_false(committer_is_busy(bench.committer));
        free(calls[1].message);
        bench_done(&bench);
}

/* Of many that want one file from the same base, the first wins, and the others are told. */
static void test_same_file(void **state)
{
        FileChange changes[12][2];
        Call calls[12];
        unsigned conflicts = 0;
        Bench bench;

        bench_init(&bench, scratch_roots());
        scratch_write("/mnt/etc/a", "old", 0644);
        assert_int_equal(symlink("a", "/mnt/etc/link"), 0);
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                char text[2] = { (char)('a' + i), '\0' };

                changes[i][0] =
                        change_write(bench.roots, i % 2 ? "/mnt/etc/link" : "/mnt/etc/a", text);
                changes[i][1] = change_new(i % 3 ? "/mnt/etc/x/b" : "/mnt/etc/x/c", text);
        }
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++)
                start(&bench, &calls[i], (char)('a' + i), changes[i], 2);
        run_until(&bench, ELEMENTSOF(calls));
        assert_string_equal(bench.order, "abcdefghijkl");
        assert_int_equal(calls[0].r, 0);
        for (unsigned i = 1; i < ELEMENTSOF(calls); i++) {
                conflicts += calls[i].r == EXM_E_CONFLICT;
                free(calls[i].message);
        }
        assert_int_equal(conflicts, ELEMENTSOF(calls) - 1);
        assert_text("/mnt/etc/a", "a");
        assert_text("/mnt/etc/x/c", "a");
        assert_missing("/mnt/etc/x/b");
        assert_no_litter();
        bench_done(&bench);
}

static void test_disjoint(void **state)
{
        Call calls[40];
        char path[40];
        Bench bench;

        bench_init(&bench, scratch_roots());
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                FileChange changes[2];

                for (unsigned k = 0; k < 2; k++) {
                        snprintf(path, sizeof(path), "/mnt/etc/new/dir/%u-%u", i, k);
                        changes[k] = change_new(path, "x");
                }
                start(&bench, &calls[i], 'x', changes, 2);
        }
        run_until(&bench, ELEMENTSOF(calls));
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                if (calls[i].r != 0)
                        fail_msg("%u: %s", i, calls[i].message);
                snprintf(path, sizeof(path), "/mnt/etc/new/dir/%u-1", i);
                assert_text(path, "x");
        }
        bench_done(&bench);
}

/* Waiting ones end as cancelled, running ones run to their end. */
static void test_free_while_busy(void **state)
{
        Call calls[4];
        Bench bench;

        bench_init(&bench, scratch_roots());
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                FileChange change = change_new("/mnt/etc/a", "x");

                start(&bench, &calls[i], (char)('a' + i), &change, 1);
        }
        bench_done(&bench);
        assert_int_equal(bench.n_done, 4);
        for (unsigned i = 1; i < ELEMENTSOF(calls); i++)
                assert_int_equal(calls[i].r, -ECANCELED);
        /* The pool may not have begun it yet: then it must not say that it is done. */
        if (calls[0].r == 0) {
                assert_text("/mnt/etc/a", "x");
        } else {
                assert_int_equal(calls[0].r, -ECANCELED);
                assert_missing("/mnt/etc/a");
        }
}

/* Taken back through the same queue: it waits for what is before it, and what is after it for it.
 */
static void test_revert_pending(void **state)
{
        Call calls[5];
        FileChange change;
        Bench bench;

        bench_init(&bench, scratch_roots());
        bench.confirm_within = 60;
        scratch_write("/mnt/etc/a", "old", 0644);
        change = change_write(bench.roots, "/mnt/etc/a", "new");
        start(&bench, &calls[0], 'a', &change, 1);
        run_until(&bench, 1);
        assert_int_equal(calls[0].state, CHANGE_PENDING);
        assert_text("/mnt/etc/a", "new");

        bench.confirm_within = 0;
        change = change_new("/mnt/etc/b", "x");
        start(&bench, &calls[1], 'b', &change, 1);
        calls[2] = (Call){ .bench = &bench, .name = 'c' };
        calls[4] = (Call){ .bench = &bench, .name = 'e' };
        assert_int_equal(commit_revert(bench.committer, calls[0].change, "no", on_done, &calls[2]),
                         0);
        change = change_new("/mnt/etc/c", "x");
        start(&bench, &calls[3], 'd', &change, 1);
        assert_int_equal(commit_revert(bench.committer, calls[0].change, "no", on_done, &calls[4]),
                         0);
        run_until(&bench, 5);
        assert_string_equal(bench.order, "abcde");
        assert_int_equal(calls[2].r, 0);
        assert_int_equal(calls[2].change, calls[0].change);
        assert_int_equal(calls[2].state, CHANGE_REVERTED);
        assert_text("/mnt/etc/a", "old");
        assert_int_equal(calls[4].r, EXM_E_REFUSED);
        assert_non_null(strstr(calls[4].message, "reverted"));
        free(calls[4].message);
        bench_done(&bench);
}

/* What is pending is in nobody's hand but of whoever confirms or reverts it. */
static void test_pending_is_kept(void **state)
{
        Call calls[2];
        FileChange change;
        Bench bench;

        bench_init(&bench, scratch_roots());
        bench.confirm_within = 60;
        change = change_new("/mnt/etc/a", "new");
        start(&bench, &calls[0], 'a', &change, 1);
        run_until(&bench, 1);
        change = change_write(bench.roots, "/mnt/etc/a", "newer");
        start(&bench, &calls[1], 'b', &change, 1);
        run_until(&bench, 2);
        assert_int_equal(calls[1].r, EXM_E_CONFLICT);
        assert_text("/mnt/etc/a", "new");
        free(calls[1].message);
        bench_done(&bench);
}

/* The steps of a change, exchanged, take it back. */
static void test_start_steps(void **state)
{
        ChangeRecord record = { 0 };
        FileChange change;
        Call calls[2];
        Bench bench;

        bench_init(&bench, scratch_roots());
        scratch_write("/mnt/etc/a", "old", 0640);
        change = change_write(bench.roots, "/mnt/etc/a", "new");
        start(&bench, &calls[0], 'a', &change, 1);
        run_until(&bench, 1);
        assert_int_equal(journal_load(bench.journal, calls[0].change, true, &record, NULL), 0);
        Node after = record.steps[0].after;
        record.steps[0].after = record.steps[0].before;
        record.steps[0].before = after;
        record.reverts = record.id;
        calls[1] = (Call){ .bench = &bench, .name = 'b' };
        assert_int_equal(commit_start_steps(bench.committer, &record, on_done, &calls[1]), 0);
        assert_null(record.steps);
        run_until(&bench, 2);
        assert_int_equal(calls[1].r, 0);
        assert_true(calls[1].change > calls[0].change);
        assert_text("/mnt/etc/a", "old");
        assert_int_equal(journal_load(bench.journal, calls[1].change, false, &record, NULL), 0);
        assert_int_equal(record.reverts, calls[0].change);
        change_record_done(&record);
        bench_done(&bench);
}

static void make_etc(void)
{
        assert_int_equal(mount("etc", "/etc", "tmpfs", 0, "mode=755"), 0);
        scratch_write("/etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644);
        scratch_write("/etc/shadow", "root:*:::::::\n", 0640);
        scratch_write("/etc/hosts", "old\n", 0644);
}

static Roots *etc_roots(void)
{
        const char *list[] = { "/etc", NULL };
        Roots *roots = NULL;

        assert_int_equal(roots_new(&roots, NULL, (char *const *)list), 0);
        return roots;
}

/* Another program, with the C library's own lock. Returns when it has the lock. */
static pid_t hold_lock(unsigned msec)
{
        int fds[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        if (pid == 0) {
                if (lckpwdf() == 0 && write(fds[1], "x", 1) == 1)
                        usleep(msec * 1000);
                _exit(0);
        }
        close(fds[1]);
        assert_int_equal(read(fds[0], &c, 1), 1);
        close(fds[0]);
        return pid;
}

static void test_password_lock(void **state)
{
        static const char *const users[] = { "/etc/passwd", "/etc/shadow" };
        struct timespec before, after;
        Call calls[3] = { 0 };
        Bench bench;
        pid_t pid;

        make_etc();
        bench_init(&bench, etc_roots());
        pid = hold_lock(700);
        clock_gettime(CLOCK_MONOTONIC, &before);
        for (unsigned i = 0; i < 2; i++) {
                FileChange change = change_write(bench.roots, users[i], "new\n");

                start(&bench, &calls[i], (char)('a' + i), &change, 1);
        }
        FileChange change = change_write(bench.roots, "/etc/hosts", "new\n");
        start(&bench, &calls[2], 'c', &change, 1);
        run_until(&bench, 1);
        /* Nobody else waits for them. */
        assert_true(calls[2].done);
        assert_int_equal(calls[2].r, 0);
        assert_text("/etc/passwd", "root:x:0:0::/:/bin/sh\n");
        run_until(&bench, 3);
        clock_gettime(CLOCK_MONOTONIC, &after);
        assert_string_equal(bench.order, "cab");
        assert_int_equal(calls[0].r, 0);
        assert_int_equal(calls[1].r, 0);
        assert_true((after.tv_sec - before.tv_sec) * 1000 +
                            (after.tv_nsec - before.tv_nsec) / 1000000 >=
                    500);
        assert_text("/etc/passwd", "new\n");
        assert_text("/etc/shadow", "new\n");
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* And it is given back. */
        pid = hold_lock(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        bench_done(&bench);
        assert_int_equal(umount2("/etc", MNT_DETACH), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_numbers, journal_fixture_reset),
                cmocka_unit_test_setup(test_same_file, journal_fixture_reset),
                cmocka_unit_test_setup(test_disjoint, journal_fixture_reset),
                cmocka_unit_test_setup(test_free_while_busy, journal_fixture_reset),
                cmocka_unit_test_setup(test_revert_pending, journal_fixture_reset),
                cmocka_unit_test_setup(test_pending_is_kept, journal_fixture_reset),
                cmocka_unit_test_setup(test_start_steps, journal_fixture_reset),
                cmocka_unit_test_setup(test_password_lock, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
