/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-journal-crash.c - a process that is killed, and a disk that goes away, at any instant.
 *
 * A child journals changes and says by a pipe what had returned. Whatever it said must be found
 * afterwards, by another process; what it had not said yet is there wholly or not at all.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/types.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include "journal-fixture.h"
#include "util/log.h"

#define IMAGE                  "/mnt/disk"
#define SHUTDOWN_IOCTL         _IOR('X', 125, __u32) /* EXT4_IOC_SHUTDOWN */
#define SHUTDOWN_WITHOUT_FLUSH 2
#define MAX_CHANGES            20000

/* What the child says: one for each call that has returned. */
typedef struct Word {
        uint64_t id;
        ChangeState state;
        bool durable;
} Word;

static char *text_of(unsigned i)
{
        char *text = malloc(12000);

        assert_non_null(text);
        snprintf(text, 12000, "content %u %0*u", i, (int)(i * 97 % 9000 + 1), 0U);
        return text;
}

/* Until it is killed or a call fails. Each third change stays pending; states are durable or not.
 */
static void journal_for_ever(int fd)
{
        Journal *journal = journal_fixture_open();
        Word word;

        for (unsigned i = 0;; i++) {
                char *old = text_of(i), *new = text_of(i + 1), name[32];
                ChangeRecord record;

                snprintf(name, sizeof(name), "/etc/%d-%u", (int)getpid(), i);
                record = record_write(name, old, new);
                record_add(&record, "/etc/second", NULL, old);
                snprintf(record.steps[1].name, strlen("/etc/second") + 1, "/e/%u", i);
                snprintf(record.steps[1].path, strlen("/etc/second") + 1, "/e/%u", i);
                free(old);
                free(new);
                if (i % 4 == 0 && journal_next_id(journal, &record.id, NULL) != 0)
                        return;
                if (journal_prepare(journal, &record, NULL) != 0)
                        return;
                word = (Word){ record.id, CHANGE_PREPARED, true };
                if (write(fd, &word, sizeof(word)) != sizeof(word))
                        return;
                record.state = i % 3 == 0 ? CHANGE_FAILED : CHANGE_APPLIED;
                if (i % 50 == 49)
                        record.state = CHANGE_PENDING;
                word = (Word){ record.id, record.state, i % 2 == 0 };
                if (journal_set_state(journal, &record, word.durable, NULL) != 0)
                        return;
                if (write(fd, &word, sizeof(word)) != sizeof(word))
                        return;
                change_record_done(&record);
        }
}

static pid_t start_child(int *ret_fd)
{
        int fds[2];
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        /* Room for all it says: nobody reads meanwhile. */
        assert_true(fcntl(fds[1], F_SETPIPE_SZ, 1024 * 1024) > 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(fds[0]);
                journal_for_ever(fds[1]);
                _exit(0);
        }
        close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

static void sleep_usec(long usec)
{
        struct timespec t = { .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 };

        nanosleep(&t, NULL);
}

static void reap(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* What one child has said, by number: the last word, and the last one that was durable. */
typedef struct Said {
        ChangeState last[MAX_CHANGES];
        ChangeState durable[MAX_CHANGES];
        bool said[MAX_CHANGES];
        uint64_t max;
} Said;

static void take_word(Said *said, const Word *word)
{
        assert_in_range(word->id, 1, MAX_CHANGES - 1);
        /* A number that was used once is used for nothing else. */
        if (word->state == CHANGE_PREPARED)
                assert_false(said->said[word->id]);
        said->said[word->id] = true;
        said->last[word->id] = word->state;
        if (word->durable)
                said->durable[word->id] = word->state;
        if (word->id > said->max)
                said->max = word->id;
}

/* Waits for up to `max` words. Returns: how many there were before its end. */
static unsigned hear(Said *said, int fd, unsigned max)
{
        unsigned n = 0;
        Word word;

        while (n < max && read(fd, &word, sizeof(word)) == sizeof(word)) {
                take_word(said, &word);
                n++;
        }
        return n;
}

/* Whole: both steps with content that the journal itself finds to be what was stored. */
static void assert_whole(const ChangeRecord *record)
{
        assert_int_equal(record->n_steps, 2);
        assert_int_equal(strncmp(record->steps[0].before.content, "content ", 8), 0);
        assert_int_equal(strncmp(record->steps[0].after.content, "content ", 8), 0);
        assert_int_equal(record->steps[1].before.kind, NODE_MISSING);
        assert_string_equal(record->steps[1].after.content, record->steps[0].before.content);
}

static void assert_found(Journal *journal, const Said *said, uint64_t id, bool power_cut)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        int r = journal_load(journal, id, true, &record, NULL);

        if (r != 0 && !said->said[id])
                return;
        assert_int_equal(r, 0);
        assert_whole(&record);
        if (!said->said[id] || record.state == said->last[id])
                return;
        /* It was further than it said; or what was not durable is lost. */
        if (said->last[id] != CHANGE_PREPARED)
                assert_true(power_cut && record.state == said->durable[id]);
}

/* Everything is finished in the end, and that is what the next check has to find. */
static void check_all(Said *said, bool power_cut)
{
        bool marked = access(JOURNAL_MARK, F_OK) == 0;
        Journal *journal = journal_fixture_open();
        uint64_t *ids = NULL;
        Failure f = { 0 };
        size_t n;

        if (journal_unfinished(journal, &ids, &n, &f) != 0)
                fail_msg("%s", f.message);
        if (n > 0)
                assert_true(marked);
        for (uint64_t id = 1; id <= said->max + 1; id++)
                assert_found(journal, said, id, power_cut);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(set_state(journal, ids[i], CHANGE_FAILED, true), 0);
        free(ids);
        for (uint64_t id = 1; id <= said->max; id++)
                if (said->said[id])
                        said->last[id] = said->durable[id] = state_of(journal, id);
        journal_close(journal);
        assert_missing(JOURNAL_MARK);
}

static void test_killed(void **state)
{
        Said *said = calloc(1, sizeof(Said));
        unsigned wanted;
        pid_t pid;
        int fd;

        assert_non_null(said);
        srand(2);
        for (unsigned round = 0; round < 90; round++) {
                /* From the making of the database on. */
                if (round % 3 == 0) {
                        journal_fixture_reset(state);
                        *said = (Said){ 0 };
                }
                pid = start_child(&fd);
                wanted = round % 3 == 0 ? 0 : (unsigned)rand() % 40;
                assert_int_equal(hear(said, fd, wanted), wanted);
                sleep_usec(rand() % 4000);
                assert_int_equal(kill(pid, SIGKILL), 0);
                reap(pid);
                hear(said, fd, UINT_MAX);
                assert_int_equal(close(fd), 0);
                check_all(said, false);
        }
        free(said);
}

static void mount_disk(void)
{
        if (system("mount -o loop " IMAGE " " JOURNAL_DIR) != 0)
                skip();
        assert_int_equal(chmod(JOURNAL_DIR, 0700), 0);
}

static void cut_power(void)
{
        __u32 flags = SHUTDOWN_WITHOUT_FLUSH;
        int fd = open(JOURNAL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(ioctl(fd, SHUTDOWN_IOCTL, &flags), 0);
        assert_int_equal(close(fd), 0);
}

/* Nothing reaches the disk from an instant on but what an fsync had brought there. The child is
 * stopped first: an fsync that is under way in that instant returns 0 on ext4 and is lost (a plain
 * program that does nothing else sees the same). */
static void test_power_cut(void **state)
{
        Said *said = calloc(1, sizeof(Said));
        int fd, status;
        unsigned wanted;
        pid_t pid;

        assert_non_null(said);
        srand(3);
        if (system("truncate -s 64M " IMAGE " && mkfs.ext4 -q -F " IMAGE " 2>/dev/null") != 0)
                skip();
        for (unsigned round = 0; round < 12; round++) {
                mount_disk();
                pid = start_child(&fd);
                wanted = (unsigned)rand() % 40;
                assert_int_equal(hear(said, fd, wanted), wanted);
                sleep_usec(rand() % 8000);
                assert_int_equal(kill(pid, SIGSTOP), 0);
                assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
                assert_true(WIFSTOPPED(status));
                cut_power();
                assert_int_equal(kill(pid, SIGKILL), 0);
                reap(pid);
                hear(said, fd, UINT_MAX);
                assert_int_equal(close(fd), 0);
                assert_int_equal(umount(JOURNAL_DIR), 0);
                mount_disk();
                check_all(said, true);
                assert_int_equal(umount(JOURNAL_DIR), 0);
        }
        free(said);
}

static int clean_up(void **state)
{
        umount2(JOURNAL_DIR, MNT_DETACH);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_killed, journal_fixture_reset),
                cmocka_unit_test_setup_teardown(test_power_cut, journal_fixture_reset, clean_up),
        };

        scratch_enter();
        log_set_level(LOG_CRIT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
