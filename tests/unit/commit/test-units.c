/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-units.c - changes with units: the order of files and units, what is taken back when the
 * units fail, who waits meanwhile, and what recovery leaves to be done.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commit/commit.h"
#include "commit/journal-fixture.h"
#include "commit/moment.h"
#include "commit/recover.h"
#include "commit/schema.h"

#define A "/mnt/etc/a"
#define B "/mnt/etc/b"

typedef struct Bench {
        sd_event *event;
        TaskPool *pool;
        Roots *roots;
        Journal *journal;
        Committer *committer;
        char story[512]; /* what happened, in order */
        CommitJob *acting;
        uint64_t id;
        bool back;
        unsigned n_done;
        int r;
        char *message;
} Bench;

static void tell(Bench *bench, const char *word)
{
        size_t n = strlen(bench->story);

        snprintf(bench->story + n, sizeof(bench->story) - n, "%s%s", n ? " " : "", word);
}

static void on_act(CommitJob *job, const ChangeRecord *record, bool back, void *userdata)
{
        Bench *bench = userdata;
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = read_bytes(A, &size);
        assert_null(bench->acting);
        assert_int_equal(record->n_units, 2);
        tell(bench, back ? "back-with" : "act-with");
        tell(bench, memcmp(text, "old", 3) == 0 ? "old" : "new");
        bench->acting = job;
        bench->id = record->id;
        bench->back = back;
}

static void on_done(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Bench *bench = userdata;

        bench->n_done++;
        bench->r = r;
        free(bench->message);
        bench->message = f->message ? strdup(f->message) : NULL;
        tell(bench, record ? change_state_to_string(record->state) : "error");
}

static void on_other_done(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Bench *bench = userdata;

        tell(bench, r == 0 ? "other" : r == EXM_E_CONFLICT ? "conflict" : "?");
        bench->n_done++;
}

static void bench_init(Bench *bench)
{
        *bench = (Bench){ .roots = scratch_roots(), .journal = journal_fixture_open() };
        assert_int_equal(sd_event_new(&bench->event), 0);
        assert_int_equal(task_pool_new(&bench->pool, bench->event, 4), 0);
        assert_int_equal(
                committer_new(&bench->committer, bench->pool, bench->roots, bench->journal), 0);
        committer_set_actor(bench->committer, on_act, bench);
        scratch_write(A, "old", 0640);
}

static void bench_done(Bench *bench)
{
        committer_free(bench->committer);
        task_pool_free(bench->pool);
        journal_close(bench->journal);
        roots_free(bench->roots);
        sd_event_unref(bench->event);
        free(bench->message);
}

static void add_units(ChangeRecord *record)
{
        assert_int_equal(change_record_add_unit(record, "a.service", "restart", true), 0);
        assert_int_equal(change_record_add_unit(record, "b.service", "reload", true), 0);
}

static void start(Bench *bench, uint32_t confirm_within)
{
        ChangeRecord record = { .confirm_within = confirm_within, .grace = 2 };
        FileChange *changes = calloc(1, sizeof(*changes));

        add_units(&record);
        *changes = change_write(bench->roots, A, "new");
        assert_int_equal(commit_start(bench->committer, &record, changes, 1, on_done, bench), 0);
}

static void start_other(Bench *bench, const char *path)
{
        ChangeRecord record = { 0 };
        FileChange *changes = calloc(1, sizeof(*changes));

        *changes = change_write(bench->roots, path, "other");
        assert_int_equal(commit_start(bench->committer, &record, changes, 1, on_other_done, bench),
                         0);
}

static void run_until_acting(Bench *bench)
{
        while (!bench->acting)
                assert_true(sd_event_run(bench->event, 30 * 1000000) > 0);
}

static void run_until(Bench *bench, unsigned n_done)
{
        while (bench->n_done < n_done)
                assert_true(sd_event_run(bench->event, 30 * 1000000) > 0);
}

/* As bus/change/unit-jobs.c does before each job. */
static void act(Bench *bench, int r, const char *words)
{
        CommitJob *job = TAKE_PTR(bench->acting);
        Failure f = { 0 };

        assert_int_equal(journal_set_acted(bench->journal, bench->id, 0, bench->back ? 2 : 1, NULL),
                         0);
        if (words)
                failure_set(&f, EXM_E_UNIT_FAILED, "%s", words);
        commit_acted(job, r, &f);
}

static void test_units_after_files(void **state)
{
        Bench bench;

        bench_init(&bench);
        start(&bench, 0);
        run_until_acting(&bench);
        assert_int_equal(state_of(bench.journal, bench.id), CHANGE_PREPARED);
        act(&bench, 0, NULL);
        run_until(&bench, 1);
        assert_string_equal(bench.story, "act-with new applied");
        assert_int_equal(state_of(bench.journal, bench.id), CHANGE_APPLIED);
        bench_done(&bench);
}

static void test_failed_units_bring_the_files_back(void **state)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Bench bench;

        bench_init(&bench);
        start(&bench, 60);
        run_until_acting(&bench);
        act(&bench, EXM_E_UNIT_FAILED, "a.service: restart failed");
        run_until_acting(&bench);
        assert_int_equal(state_of(bench.journal, bench.id), CHANGE_PREPARED);
        act(&bench, 0, "a.service runs with them");
        run_until(&bench, 1);
        assert_string_equal(bench.story, "act-with new back-with old error");
        assert_int_equal(bench.r, EXM_E_UNIT_FAILED);
        assert_string_equal(bench.message, "a.service: restart failed. All files are as before; "
                                           "a.service runs with them");
        assert_int_equal(journal_load(bench.journal, bench.id, false, &record, NULL), 0);
        assert_int_equal(record.state, CHANGE_FAILED);
        assert_string_equal(record.reason, "a.service: restart failed");
        bench_done(&bench);
}

/* The first unit was never reached: there is nothing to be put right but the files. */
static void test_nothing_acted_nothing_to_act_back(void **state)
{
        Failure f = { 0 };
        CommitJob *job;
        Bench bench;

        bench_init(&bench);
        start(&bench, 0);
        run_until_acting(&bench);
        job = TAKE_PTR(bench.acting);
        failure_set(&f, EXM_E_TIMEOUT, "systemd did not answer");
        commit_acted(job, EXM_E_TIMEOUT, &f);
        run_until(&bench, 1);
        assert_string_equal(bench.story, "act-with new error");
        assert_int_equal(bench.r, EXM_E_TIMEOUT);
        assert_string_equal(bench.message, "systemd did not answer. All files are as before");
        assert_text(A, "old");
        assert_int_equal(state_of(bench.journal, bench.id), CHANGE_FAILED);
        bench_done(&bench);
}

static void test_going_back_fails_too(void **state)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Bench bench;

        bench_init(&bench);
        start(&bench, 0);
        run_until_acting(&bench);
        scratch_write(A, "edited", 0640);
        act(&bench, EXM_E_UNIT_FAILED, "a.service: restart failed");
        run_until_acting(&bench);
        act(&bench, EXM_E_UNIT_FAILED, "a.service is failed");
        run_until(&bench, 1);
        assert_int_equal(bench.r, EXM_E_UNIT_FAILED);
        assert_non_null(strstr(bench.message, "a.service: restart failed. "));
        assert_non_null(strstr(bench.message, A));
        assert_non_null(strstr(bench.message, "; a.service is failed"));
        assert_int_equal(journal_load(bench.journal, bench.id, false, &record, NULL), 0);
        assert_int_equal(record.state, CHANGE_FAILED);
        assert_non_null(strstr(record.reason, A));
        assert_non_null(strstr(record.reason, "a.service is failed"));
        bench_done(&bench);
}

/* While units are acted on the files are locked, and no others. */
static void test_who_waits(void **state)
{
        Bench bench;

        bench_init(&bench);
        start(&bench, 0);
        run_until_acting(&bench);
        scratch_write(B, "old", 0644);
        start_other(&bench, A);
        start_other(&bench, B);
        run_until(&bench, 1);
        assert_text(B, "other");
        act(&bench, EXM_E_UNIT_FAILED, "a.service: restart failed");
        run_until_acting(&bench);
        act(&bench, 0, NULL);
        run_until(&bench, 3);
        /* A is old again, but another file than the one that was loaded. */
        assert_string_equal(bench.story, "act-with new other back-with old error conflict");
        bench_done(&bench);
}

static void test_revert_acts_on_units(void **state)
{
        for (int r = 0; r < 2; r++) {
                Bench bench;

                journal_fixture_reset(NULL);
                bench_init(&bench);
                start(&bench, 60);
                run_until_acting(&bench);
                act(&bench, 0, NULL);
                run_until(&bench, 1);
                assert_int_equal(
                        commit_revert(bench.committer, bench.id, "deadline", on_done, &bench), 0);
                run_until_acting(&bench);
                /* It goes on after a crash here: it is found pending, with old files. */
                assert_int_equal(state_of(bench.journal, bench.id), CHANGE_PENDING);
                scratch_write(B, "old", 0644);
                start_other(&bench, B);
                run_until(&bench, 2);
                act(&bench, r == 0 ? 0 : EXM_E_UNIT_FAILED, r == 0 ? NULL : "a.service is failed");
                run_until(&bench, 3);
                assert_string_equal(bench.story,
                                    r == 0 ? "act-with new pending back-with old other reverted"
                                           : "act-with new pending back-with old other failed");
                assert_int_equal(bench.r, r == 0 ? 0 : EXM_E_UNIT_FAILED);
                bench_done(&bench);
        }
}

/* The service ends: what is acted on stays for recovery. */
static void test_free_while_acting(void **state)
{
        Bench bench;

        bench_init(&bench);
        start(&bench, 0);
        run_until_acting(&bench);
        bench_done(&bench);
        assert_string_equal(bench.story, "act-with new error");
        assert_text(A, "new");
}

/* --- recovery --- */

typedef struct Patient {
        Roots *roots;
        Journal *journal;
        ChangeRecord record;
} Patient;

static void plan(Patient *p)
{
        FileChange change;

        journal_fixture_reset(NULL);
        *p = (Patient){ .roots = scratch_roots(), .journal = journal_fixture_open() };
        scratch_write(A, "old", 0640);
        change = change_write(p->roots, A, "new");
        p->record.steps = calloc(1, sizeof(FileStep));
        p->record.n_steps = 1;
        add_units(&p->record);
        assert_int_equal(moment_boot_id(p->record.boot_id), 0);
        assert_int_equal(journal_next_id(p->journal, &p->record.id, NULL), 0);
        assert_int_equal(
                file_step_plan(p->roots, &change, p->record.id, 0, &p->record.steps[0], NULL), 0);
        file_change_done(&change);
}

static void prepare(Patient *p, bool pending, uint32_t acted)
{
        assert_int_equal(journal_prepare(p->journal, &p->record, NULL), 0);
        assert_int_equal(file_step_apply(p->roots, &p->record.steps[0], NULL), 0);
        if (acted > 0)
                assert_int_equal(journal_set_acted(p->journal, p->record.id, 1, acted, NULL), 0);
        p->record.state = CHANGE_PENDING;
        p->record.pending_since = p->record.deadline = 1;
        if (pending)
                assert_int_equal(journal_set_state(p->journal, &p->record, true, NULL), 0);
}

static void patient_done(Patient *p)
{
        change_record_done(&p->record);
        journal_close(p->journal);
        roots_free(p->roots);
}

static size_t recover(Patient *p)
{
        Recovery recovery;
        size_t n;

        assert_int_equal(recover_all(p->journal, p->roots, &recovery, NULL), 0);
        n = recovery.n_due;
        assert_int_equal(recovery.n_settled, n == 0);
        if (n > 0)
                assert_int_equal(recovery.due[0], p->record.id);
        recovery_done(&recovery);
        assert_text(A, "old");
        return n;
}

/* All files are new, and yet: nobody knows how far the units are. */
static void test_recover_without_an_act(void **state)
{
        Patient p;

        plan(&p);
        prepare(&p, false, 0);
        assert_int_equal(recover(&p), 0);
        assert_int_equal(state_of(p.journal, p.record.id), CHANGE_FAILED);
        patient_done(&p);
}

static void test_recover_after_a_reboot(void **state)
{
        Patient p;

        plan(&p);
        memset(p.record.boot_id, '0', RECORD_BOOT_ID_SIZE - 1);
        prepare(&p, false, 1);
        assert_int_equal(recover(&p), 0);
        assert_int_equal(state_of(p.journal, p.record.id), CHANGE_FAILED);
        patient_done(&p);
}

/* Interrupted again and again it is due again and again, until its units have ended it. */
static void test_recover_with_acts(void **state)
{
        for (int pending = 0; pending < 2; pending++) {
                _cleanup_record_ ChangeRecord record = { 0 };
                ChangeState before = pending ? CHANGE_PENDING : CHANGE_PREPARED;
                ChangeState after = pending ? CHANGE_REVERTED : CHANGE_FAILED;
                Recovery recovery;
                Patient p;

                plan(&p);
                prepare(&p, pending, 1);
                for (unsigned i = 0; i < 2; i++) {
                        assert_int_equal(recover(&p), 1);
                        assert_int_equal(state_of(p.journal, p.record.id), before);
                }
                assert_int_equal(recover_revert(p.journal, p.roots, p.record.id, "why", &record,
                                                &recovery, NULL),
                                 0);
                assert_int_equal(recovery.n_due, 1);
                recovery_done(&recovery);
                assert_int_equal(record.state, after);
                assert_string_equal(record.reason, "why");
                assert_int_equal(record.units[0].acted, 0);
                assert_int_equal(record.units[1].acted, 1);
                assert_int_equal(recover_end(p.journal, &record, NULL), 0);
                assert_int_equal(state_of(p.journal, p.record.id), after);
                patient_done(&p);
        }
}

/* A journal of before there were units keeps its changes, which have none. */
static void test_journal_without_units(void **state)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Journal *journal = journal_fixture_open();
        SchemaList old = schema_list();
        sqlite3 *db = NULL;

        old.n = 2;
        assert_int_equal(sqlite3_open(JOURNAL_PATH, &db), SQLITE_OK);
        assert_int_equal(schema_migrate(db, old, 0), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(db,
                             "INSERT INTO change VALUES (7, 1, 2, 'u', 'a', 'm', 't', 'applied',"
                             " 'r', 0, 60, 3, 4, 'boot', x'', 0)",
                             NULL, NULL, NULL),
                SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        assert_int_equal(chmod(JOURNAL_PATH, 0600), 0);

        assert_int_equal(journal_check_writable(journal, NULL), 0);
        assert_int_equal(journal_load(journal, 7, false, &record, NULL), 0);
        assert_string_equal(record.token, "t");
        assert_string_equal(record.boot_id, "boot");
        assert_int_equal(record.confirm_within, 60);
        assert_int_equal(record.n_units, 0);
        assert_int_equal(record.grace, 0);
        assert_int_equal(journal_set_acted(journal, 7, 0, 1, NULL), -ENOENT);
        journal_close(journal);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_units_after_files, journal_fixture_reset),
                cmocka_unit_test_setup(test_failed_units_bring_the_files_back,
                                       journal_fixture_reset),
                cmocka_unit_test_setup(test_nothing_acted_nothing_to_act_back,
                                       journal_fixture_reset),
                cmocka_unit_test_setup(test_going_back_fails_too, journal_fixture_reset),
                cmocka_unit_test_setup(test_who_waits, journal_fixture_reset),
                cmocka_unit_test_setup(test_revert_acts_on_units, journal_fixture_reset),
                cmocka_unit_test_setup(test_free_while_acting, journal_fixture_reset),
                cmocka_unit_test_setup(test_recover_without_an_act, journal_fixture_reset),
                cmocka_unit_test_setup(test_recover_after_a_reboot, journal_fixture_reset),
                cmocka_unit_test_setup(test_recover_with_acts, journal_fixture_reset),
                cmocka_unit_test_setup(test_journal_without_units, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
