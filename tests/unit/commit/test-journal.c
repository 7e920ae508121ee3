/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-journal.c - what is stored comes back, states, numbers, tokens, who has which file.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "journal-fixture.h"
#include "util/strv.h"

static void test_absent(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        JournalFilter filter = { .state = _CHANGE_STATE_MAX };
        JournalLimits limits = { 0 };
        _cleanup_record_ ChangeRecord record = { 0 };
        ChangeRecord *records = NULL;
        uint64_t *ids = NULL;
        size_t n = 1;

        assert_int_equal(journal_check_writable(journal, NULL), 0);
        assert_int_equal(journal_list(journal, &filter, &records, &n, NULL), 0);
        assert_int_equal(n, 0);
        change_records_free(records, n);
        n = 1;
        assert_int_equal(journal_unfinished(journal, &ids, &n, NULL), 0);
        assert_int_equal(n, 0);
        free(ids);
        assert_int_equal(journal_load(journal, 1, true, &record, NULL), -ENOENT);
        assert_int_equal(set_state(journal, 1, CHANGE_APPLIED, true), -ENOENT);
        assert_int_equal(journal_prune(journal, &limits), 0);
        assert_missing(JOURNAL_PATH);
        assert_missing(JOURNAL_WAL);
        assert_missing(JOURNAL_MARK);
}

static void assert_mode(const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                fail_msg("%s: %s", path, strerror(errno));
        assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void test_files(void **state)
{
        Journal *journal = journal_fixture_open();
        mode_t mask = umask(0);
        uint64_t id;

        id = prepare_write(journal, "/etc/a", "old", "new");
        umask(mask);
        assert_mode(JOURNAL_PATH);
        assert_mode(JOURNAL_WAL);
        assert_mode(JOURNAL_MARK);
        assert_missing(JOURNAL_PATH "-shm");
        assert_int_equal(set_state(journal, id, CHANGE_APPLIED, true), 0);
        journal_close(journal);
        assert_missing(JOURNAL_WAL);
        assert_missing(JOURNAL_PATH ".new");
}

static ChangeRecord full_record(void)
{
        ChangeRecord record = record_write("/etc/a", NULL, "new\n");
        Node *node;

        record.message = strdup("why");
        record.token = strdup("t-1");
        record.reverts = 17;
        record.confirm_within = 60;
        record.grace = 5;
        assert_int_equal(strv_extend(&record.inconclusive, "fstab"), 0);
        assert_int_equal(strv_extend(&record.inconclusive, "sshd"), 0);
        assert_int_equal(change_record_add_unit(&record, "a.service", "reload", true), 0);
        assert_int_equal(change_record_add_unit(&record, "b.service", "restart", false), 0);
        assert_int_equal(strv_extend(&record.steps[0].parents, "/etc/x"), 0);
        assert_int_equal(strv_extend(&record.steps[0].parents, "/etc/x/y\nz"), 0);

        record_add(&record, "/etc/link", "", "x");
        record.steps[1].in_place = true;
        node_done(&record.steps[1].after);
        record.steps[1].after.kind = NODE_LINK;
        record.steps[1].after.link_target = strdup("../target");
        record.steps[1].after.metadata.uid = 7;

        record_add(&record, "/etc/b", "", "");
        free(record.steps[2].path);
        record.steps[2].path = strdup("/etc/to-b");
        node = &record.steps[2].before;
        free(node->content);
        node->content = malloc(5);
        memcpy(node->content, "\0\1\2\0", 5);
        node->size = 4;
        node->metadata = (Metadata){ .mode = 04755, .uid = 3, .gid = 4294967294U };
        node->metadata.xattrs = calloc(2, sizeof(FileXattr));
        node->metadata.n_xattrs = 2;
        node->metadata.xattrs[0] = (FileXattr){ strdup("system.posix_acl_access"),
                                                memcpy(malloc(3), "\0\2\377", 3), 3 };
        node->metadata.xattrs[1] = (FileXattr){ strdup("user.empty"), strdup(""), 0 };
        assert_int_equal(node_set_version(node), 0);
        return record;
}

static void assert_same_list(char *const *a, char *const *b)
{
        assert_int_equal(strv_length(a), strv_length(b));
        for (size_t i = 0; a && a[i]; i++)
                assert_string_equal(a[i], b[i]);
}

static void assert_same_metadata(const Metadata *a, const Metadata *b)
{
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->gid, b->gid);
        assert_int_equal(a->n_xattrs, b->n_xattrs);
        for (size_t i = 0; i < a->n_xattrs; i++) {
                assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
                assert_int_equal(a->xattrs[i].size, b->xattrs[i].size);
                assert_memory_equal(a->xattrs[i].value, b->xattrs[i].value, b->xattrs[i].size);
        }
}

static void assert_same_node(const Node *found, const Node *stored, bool content)
{
        assert_int_equal(found->kind, stored->kind);
        assert_same_metadata(&found->metadata, &stored->metadata);
        assert_string_equal(found->version, stored->version);
        assert_int_equal(found->size, stored->size);
        assert_int_equal(found->link_target != NULL, stored->kind == NODE_LINK);
        if (stored->link_target)
                assert_string_equal(found->link_target, stored->link_target);
        assert_int_equal(found->content != NULL, content && stored->kind == NODE_FILE);
        if (found->content) {
                assert_memory_equal(found->content, stored->content, stored->size);
                assert_int_equal(((char *)found->content)[found->size], '\0');
        }
}

static void assert_same_units(const ChangeRecord *found, const ChangeRecord *stored)
{
        assert_int_equal(found->n_units, stored->n_units);
        for (size_t i = 0; i < stored->n_units; i++) {
                assert_string_equal(found->units[i].id, stored->units[i].id);
                assert_string_equal(found->units[i].verb, stored->units[i].verb);
                assert_int_equal(found->units[i].was_active, stored->units[i].was_active);
                assert_int_equal(found->units[i].acted, stored->units[i].acted);
        }
}

static void assert_same_record(const ChangeRecord *found, const ChangeRecord *stored, bool content)
{
        assert_int_equal(found->id, stored->id);
        assert_int_equal(found->time, stored->time);
        assert_int_equal(found->uid, stored->uid);
        assert_string_equal(found->user, stored->user);
        assert_string_equal(found->authority, stored->authority);
        assert_string_equal(found->message, stored->message);
        assert_string_equal(found->token, stored->token);
        assert_int_equal(found->reverts, stored->reverts);
        assert_int_equal(found->confirm_within, stored->confirm_within);
        assert_int_equal(found->grace, stored->grace);
        assert_same_list(found->inconclusive, stored->inconclusive);
        assert_same_units(found, stored);
        assert_int_equal(found->n_steps, stored->n_steps);
        for (size_t i = 0; i < stored->n_steps; i++) {
                assert_string_equal(found->steps[i].name, stored->steps[i].name);
                assert_string_equal(found->steps[i].path, stored->steps[i].path);
                assert_int_equal(found->steps[i].change, stored->id);
                assert_int_equal(found->steps[i].place, i);
                assert_int_equal(found->steps[i].in_place, stored->steps[i].in_place);
                assert_same_list(found->steps[i].parents, stored->steps[i].parents);
                assert_same_node(&found->steps[i].before, &stored->steps[i].before, content);
                assert_same_node(&found->steps[i].after, &stored->steps[i].after, content);
        }
}

static void test_round_trip(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord stored = full_record();
        _cleanup_record_ ChangeRecord with = { 0 }, without = { 0 }, again = { 0 };
        JournalFilter filter = { .state = _CHANGE_STATE_MAX };
        ChangeRecord *records;
        size_t n;

        stored.state = CHANGE_FAILED;
        assert_int_equal(journal_prepare(journal, &stored, NULL), 0);
        assert_int_equal(stored.state, CHANGE_PREPARED);
        assert_int_equal(stored.id, 1);
        for (size_t i = 0; i < stored.n_steps; i++)
                assert_int_equal(stored.steps[i].change, 1);

        assert_int_equal(journal_load(journal, 1, true, &with, NULL), 0);
        assert_same_record(&with, &stored, true);
        assert_int_equal(with.state, CHANGE_PREPARED);
        assert_string_equal(with.reason, "");
        assert_int_equal(with.deadline, 0);
        assert_int_equal(journal_load(journal, 1, false, &without, NULL), 0);
        assert_same_record(&without, &stored, false);
        assert_int_equal(journal_list(journal, &filter, &records, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_same_record(&records[0], &stored, false);
        change_records_free(records, n);

        journal_close(journal);
        journal = journal_fixture_open();
        assert_int_equal(journal_load(journal, 1, true, &again, NULL), 0);
        assert_same_record(&again, &stored, true);
}

static void test_states(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord found = { 0 };
        ChangeRecord next = { .state = CHANGE_PENDING,
                              .pending_since = 5,
                              .deadline = UINT64_C(1) << 62,
                              .boot_id = "0123456789abcdef0123456789abcdef" };
        Failure f = { 0 };

        next.id = prepare_write(journal, "/etc/a", "old", "new");
        assert_int_equal(journal_set_state(journal, &next, true, NULL), 0);
        assert_int_equal(journal_load(journal, next.id, false, &found, NULL), 0);
        assert_int_equal(found.state, CHANGE_PENDING);
        assert_int_equal(found.pending_since, 5);
        assert_int_equal(found.deadline, UINT64_C(1) << 62);
        assert_string_equal(found.boot_id, next.boot_id);
        assert_mode(JOURNAL_MARK);

        /* Extended. */
        next.deadline = 77;
        assert_int_equal(journal_set_state(journal, &next, true, NULL), 0);
        change_record_done(&found);
        assert_int_equal(journal_load(journal, next.id, false, &found, NULL), 0);
        assert_int_equal(found.deadline, 77);

        /* Its end keeps when it would have been, and is the only one. */
        next = (ChangeRecord){ .id = next.id, .state = CHANGE_REVERTED, .reason = (char *)"late" };
        assert_int_equal(journal_set_state(journal, &next, true, NULL), 0);
        change_record_done(&found);
        assert_int_equal(journal_load(journal, next.id, false, &found, NULL), 0);
        assert_int_equal(found.state, CHANGE_REVERTED);
        assert_string_equal(found.reason, "late");
        assert_int_equal(found.deadline, 77);
        assert_missing(JOURNAL_MARK);
        next.state = CHANGE_APPLIED;
        assert_failure(journal_set_state(journal, &next, true, &f), &f, EXM_E_CONFLICT,
                       "already reverted");
        assert_int_equal(state_of(journal, next.id), CHANGE_REVERTED);

        assert_int_equal(set_state(journal, 99, CHANGE_APPLIED, true), -ENOENT);
        assert_int_equal(set_state(journal, next.id, CHANGE_PREPARED, true), -EINVAL);
        assert_int_equal(set_state(journal, next.id, _CHANGE_STATE_MAX, true), -EINVAL);
}

static void test_marker(void **state)
{
        Journal *journal = journal_fixture_open();
        uint64_t a, b, *ids;
        size_t n;

        a = prepare_write(journal, "/etc/a", "old", "new");
        b = prepare_write(journal, "/etc/b", "old", "new");
        assert_int_equal(set_state(journal, a, CHANGE_APPLIED, true), 0);
        assert_mode(JOURNAL_MARK);
        assert_int_equal(journal_unfinished(journal, &ids, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(ids[0], b);
        free(ids);
        assert_mode(JOURNAL_MARK);

        /* Not on the disk for certain: the marker stays, until somebody asks. */
        assert_int_equal(set_state(journal, b, CHANGE_FAILED, false), 0);
        assert_mode(JOURNAL_MARK);
        assert_int_equal(journal_unfinished(journal, &ids, &n, NULL), 0);
        assert_int_equal(n, 0);
        free(ids);
        assert_missing(JOURNAL_MARK);

        apply_write(journal, "/etc/a", "old", "new");
        assert_mode(JOURNAL_MARK);
        /* Somebody has removed it. */
        assert_int_equal(unlink(JOURNAL_MARK), 0);
        a = prepare_write(journal, "/etc/a", "old", "new");
        b = prepare_write(journal, "/etc/c", "old", "new");
        assert_mode(JOURNAL_MARK);
        assert_int_equal(set_state(journal, a, CHANGE_APPLIED, false), 0);
        journal_close(journal);
        assert_mode(JOURNAL_MARK);

        journal = journal_fixture_open();
        assert_int_equal(journal_unfinished(journal, &ids, &n, NULL), 0);
        assert_int_equal(n, 1);
        assert_int_equal(ids[0], b);
        free(ids);
        assert_int_equal(set_state(journal, b, CHANGE_APPLIED, false), 0);
        journal_close(journal);
        assert_missing(JOURNAL_MARK);
}

static void test_numbers(void **state)
{
        Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord late = record_write("/etc/a", "old", "new");
        _cleanup_record_ ChangeRecord same = record_write("/etc/b", "old", "new");
        JournalLimits nothing = { 0 };
        uint64_t first, second;

        assert_int_equal(journal_next_id(journal, &first, NULL), 0);
        assert_int_equal(journal_next_id(journal, &second, NULL), 0);
        assert_int_equal(second, first + 1);
        assert_int_equal(prepare_write(journal, "/etc/c", "old", "new"), second + 1);
        late.id = first;
        assert_int_equal(journal_prepare(journal, &late, NULL), 0);
        assert_int_equal(late.id, first);
        same.id = first;
        assert_int_equal(journal_prepare(journal, &same, NULL), -EEXIST);
        assert_int_equal(same.id, first);
        assert_int_equal(state_of(journal, first), CHANGE_PREPARED);

        /* All of them pruned: their numbers are not given out again, by no later process either. */
        assert_int_equal(set_state(journal, first, CHANGE_APPLIED, false), 0);
        assert_int_equal(set_state(journal, second + 1, CHANGE_APPLIED, false), 0);
        assert_int_equal(journal_prune(journal, &nothing), 2);
        journal_close(journal);
        journal = journal_fixture_open();
        assert_int_equal(journal_next_id(journal, &first, NULL), 0);
        assert_int_equal(first, second + 2);
        journal_close(journal);
}

static void test_token(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord a = record_write("/etc/a", "old", "new");
        _cleanup_record_ ChangeRecord b = record_write("/etc/b", "old", "new");
        _cleanup_record_ ChangeRecord c = record_write("/etc/c", "old", "new");
        _cleanup_record_ ChangeRecord d = record_write("/etc/d", "old", "new");
        Failure f = { 0 };

        a.token = strdup("mine");
        b.token = strdup("mine");
        c.token = strdup("mine");
        assert_int_equal(journal_prepare(journal, &a, NULL), 0);
        assert_failure(journal_prepare(journal, &b, &f), &f, EXM_E_CONFLICT, "change 1 (prepared)");
        assert_int_equal(set_state(journal, a.id, CHANGE_APPLIED, true), 0);
        assert_failure(journal_prepare(journal, &b, &f), &f, EXM_E_CONFLICT, "change 1 (applied)");
        assert_int_equal(b.id, 0);
        /* Refused before there was anything to mark. */
        assert_missing(JOURNAL_MARK);
        c.uid = 1001;
        assert_int_equal(journal_prepare(journal, &c, NULL), 0);
        /* Two keys of one user, and the user: three owners. */
        free(b.authority);
        b.authority = strdup("key:web");
        assert_int_equal(journal_prepare(journal, &b, NULL), 0);
        free(d.authority);
        d.authority = strdup("key:web, polkit:org.exmachina1.write-config");
        d.token = strdup("mine");
        d.uid = 1001;
        assert_failure(journal_prepare(journal, &d, &f), &f, EXM_E_CONFLICT, "change 3 (prepared)");
        free(d.authority);
        d.authority = strdup("key:website");
        assert_int_equal(journal_prepare(journal, &d, NULL), 0);
        /* None is no token. */
        prepare_write(journal, "/etc/x", "old", "new");
        prepare_write(journal, "/etc/y", "old", "new");
}

static void test_taken_file(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        _cleanup_record_ ChangeRecord held = record_write("/etc/other", "old", "new");
        _cleanup_record_ ChangeRecord by_name = record_write("/etc/free", "old", "new");
        _cleanup_record_ ChangeRecord by_path = record_write("/etc/link", "old", "new");
        _cleanup_record_ ChangeRecord through = record_write("/etc/real", "old", "new");
        _cleanup_record_ ChangeRecord named = record_write("/etc/elsewhere", "old", "new");
        Failure f = { 0 };

        record_add(&held, "/etc/real", "old", "new");
        free(held.steps[1].path);
        held.steps[1].path = strdup("/etc/link");
        record_add(&by_name, "/etc/real", "old", "new");
        free(through.steps[0].path);
        through.steps[0].path = strdup("/etc/second-link");
        /* What the pending change has written is a link by now. */
        free(named.steps[0].path);
        named.steps[0].path = strdup("/etc/real");

        assert_int_equal(journal_prepare(journal, &held, NULL), 0);
        assert_failure(journal_prepare(journal, &by_name, &f), &f, EXM_E_CONFLICT,
                       "/etc/real: change 1 ");
        assert_int_equal(set_state(journal, held.id, CHANGE_PENDING, true), 0);
        assert_failure(journal_prepare(journal, &by_name, &f), &f, EXM_E_CONFLICT, "awaits");
        assert_failure(journal_prepare(journal, &by_path, &f), &f, EXM_E_CONFLICT,
                       "/etc/link: change 1 ");
        assert_failure(journal_prepare(journal, &through, &f), &f, EXM_E_CONFLICT,
                       "/etc/second-link: change 1 ");
        assert_failure(journal_prepare(journal, &named, &f), &f, EXM_E_CONFLICT,
                       "/etc/real: change 1 ");
        prepare_write(journal, "/etc/free", "old", "new");
        assert_int_equal(set_state(journal, held.id, CHANGE_APPLIED, true), 0);
        assert_int_equal(journal_prepare(journal, &through, NULL), 0);
}

static size_t count(Journal *journal, JournalFilter filter, uint64_t first)
{
        ChangeRecord *records = NULL;
        size_t n = 0;

        assert_int_equal(journal_list(journal, &filter, &records, &n, NULL), 0);
        for (size_t i = 1; i < n; i++)
                assert_true(records[i - 1].id > records[i].id);
        if (n > 0)
                assert_int_equal(records[0].id, first);
        change_records_free(records, n);
        return n;
}

static void test_list(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        ChangeState any = _CHANGE_STATE_MAX;

        for (uint64_t i = 1; i <= 110; i++) {
                _cleanup_record_ ChangeRecord r = record_write("/etc/a", "old", "new");

                r.time = i * 10;
                r.uid = i % 2 == 0 ? 1000 : 1001;
                if (i == 4) {
                        free(r.authority);
                        r.authority = strdup("key:web");
                        r.token = strdup("four");
                }
                if (i == 6) {
                        free(r.authority);
                        r.authority = strdup("key:web, polkit:org.exmachina1.write-config");
                }
                if (i == 5) {
                        free(r.steps[0].path);
                        r.steps[0].path = strdup("/etc/link");
                }
                assert_int_equal(journal_prepare(journal, &r, NULL), 0);
                assert_int_equal(r.id, i);
                assert_int_equal(
                        set_state(journal, i, i == 9 ? CHANGE_FAILED : CHANGE_APPLIED, false), 0);
        }
        assert_int_equal(count(journal, (JournalFilter){ .state = any }, 110), 100);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .limit = 3 }, 110), 3);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .limit = 5000 }, 110), 110);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .id = 7 }, 7), 1);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .id = 111 }, 0), 0);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .before = 50 }, 4), 4);
        assert_int_equal(
                count(journal, (JournalFilter){ .state = any, .before = 60, .since = 50 }, 5), 1);
        assert_int_equal(count(journal, (JournalFilter){ .state = CHANGE_FAILED }, 9), 1);
        assert_int_equal(count(journal, (JournalFilter){ .state = CHANGE_PREPARED }, 0), 0);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .token = "four" }, 4), 1);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .token = "five" }, 0), 0);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .file = "/etc/link" }, 5),
                         1);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .file = "/etc/a" }, 110),
                         100);
        assert_int_equal(count(journal, (JournalFilter){ .state = any, .file = "/etc" }, 0), 0);
        assert_int_equal(
                count(journal,
                      (JournalFilter){ .state = any, .own_only = true, .uid = 1000, .limit = 200 },
                      110),
                53);
        assert_int_equal(count(journal,
                               (JournalFilter){ .state = any,
                                                .own_only = true,
                                                .uid = 1000,
                                                .key = "web",
                                                .key_since = 60,
                                                .limit = 200 },
                               110),
                         54);
        assert_int_equal(
                count(journal,
                      (JournalFilter){ .state = any, .own_only = true, .uid = 7, .key = "web" }, 6),
                2);
        assert_int_equal(
                count(journal,
                      (JournalFilter){ .state = any, .own_only = true, .uid = 7, .key = "we" }, 0),
                0);
}

#define THREADS 8
#define ROUNDS  20

typedef struct Worker {
        Journal *journal;
        int number;
        uint64_t ids[ROUNDS];
} Worker;

/* cmocka's assertions belong to the main thread: what fails here leaves a 0 behind. */
static void *work(void *userdata)
{
        Worker *w = userdata;
        char name[64];

        for (int i = 0; i < ROUNDS; i++) {
                ChangeRecord record = { .uid = (uid_t)w->number };
                FileStep step = { .name = name, .path = name };

                snprintf(name, sizeof(name), "/etc/%d", w->number);
                record.steps = &step;
                record.n_steps = 1;
                if (journal_next_id(w->journal, &record.id, NULL) != 0 ||
                    journal_prepare(w->journal, &record, NULL) != 0)
                        continue;
                record.state = CHANGE_APPLIED;
                if (journal_set_state(w->journal, &record, i % 2 == 0, NULL) == 0)
                        w->ids[i] = record.id;
        }
        return NULL;
}

static void test_threads(void **state)
{
        _cleanup_(journal_close_cleanup) Journal *journal = journal_fixture_open();
        bool seen[THREADS * ROUNDS + 1] = { false };
        Worker workers[THREADS] = { 0 };
        pthread_t threads[THREADS];
        uint64_t *ids;
        size_t n;

        for (int i = 0; i < THREADS; i++) {
                workers[i] = (Worker){ .journal = journal, .number = i };
                assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (int i = 0; i < THREADS; i++)
                for (int k = 0; k < ROUNDS; k++) {
                        assert_in_range(workers[i].ids[k], 1, THREADS * ROUNDS);
                        assert_false(seen[workers[i].ids[k]]);
                        seen[workers[i].ids[k]] = true;
                        assert_int_equal(state_of(journal, workers[i].ids[k]), CHANGE_APPLIED);
                }
        assert_int_equal(journal_unfinished(journal, &ids, &n, NULL), 0);
        assert_int_equal(n, 0);
        free(ids);
        assert_missing(JOURNAL_MARK);
}

static void test_one_at_a_time(void **state)
{
        Journal *first = journal_fixture_open(), *second = journal_fixture_open();
        uint64_t id = apply_write(first, "/etc/a", "old", "new"), *ids;
        Failure f = { 0 };
        size_t n;

        assert_failure(journal_unfinished(second, &ids, &n, &f), &f, EXM_E_TIMEOUT, "in use");
        journal_close(first);
        assert_int_equal(state_of(second, id), CHANGE_APPLIED);
        journal_close(second);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_absent, journal_fixture_reset),
                cmocka_unit_test_setup(test_files, journal_fixture_reset),
                cmocka_unit_test_setup(test_round_trip, journal_fixture_reset),
                cmocka_unit_test_setup(test_states, journal_fixture_reset),
                cmocka_unit_test_setup(test_marker, journal_fixture_reset),
                cmocka_unit_test_setup(test_numbers, journal_fixture_reset),
                cmocka_unit_test_setup(test_token, journal_fixture_reset),
                cmocka_unit_test_setup(test_taken_file, journal_fixture_reset),
                cmocka_unit_test_setup(test_list, journal_fixture_reset),
                cmocka_unit_test_setup(test_threads, journal_fixture_reset),
                cmocka_unit_test_setup(test_one_at_a_time, journal_fixture_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
