/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-change-race.c - others move things about while changes run: nothing outside the tree is
 * touched, nobody's edit is lost, no half text is ever seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/scratch.h"

/* Rounds go on, up to the maximum, until both ends of the race have been seen. */
#define ROUNDS     3000
#define MAX_ROUNDS 300000

typedef struct Race {
        atomic_bool stop;
        unsigned count;
} Race;

/* /mnt/etc/d is in turn a directory and a link to /mnt/outside. */
static void *flip_dir(void *userdata)
{
        Race *race = userdata;

        while (!atomic_load(&race->stop)) {
                renameat2(AT_FDCWD, "/mnt/etc/d", AT_FDCWD, "/mnt/etc/l", RENAME_EXCHANGE);
                race->count++;
        }
        return NULL;
}

static void test_dir_and_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        unsigned applied = 0, refused = 0;
        Race race = { 0 };
        pthread_t thread;

        assert_int_equal(mkdir("/mnt/outside", 0755), 0);
        scratch_write("/mnt/outside/a", "canary", 0644);
        assert_int_equal(mkdir("/mnt/etc/d", 0755), 0);
        scratch_write("/mnt/etc/d/a", "0", 0644);
        assert_int_equal(symlink("/mnt/outside", "/mnt/etc/l"), 0);
        assert_int_equal(pthread_create(&thread, NULL, flip_dir, &race), 0);
        for (unsigned i = 0; i < ROUNDS || (i < MAX_ROUNDS && !(applied && refused)); i++) {
                FileChange change = { .kind = FILE_CHANGE_WRITE, .size = 3 };
                FileStep undo = { 0 };
                int r;

                r = file_image_take(&change.base, roots, "/mnt/etc/d/a", true, 100, NULL);
                change.content = strdup("new");
                if (r == 0)
                        r = change_apply(roots, &change, &undo, NULL);
                if (r == 0 && i % 2)
                        (void)file_step_undo(roots, &undo, NULL);
                applied += r == 0;
                refused += r == EXM_E_REFUSED;
                assert_true(r == 0 || r == EXM_E_REFUSED || r == EXM_E_CONFLICT);
                file_step_done(&undo);
                file_change_done(&change);
        }
        atomic_store(&race.stop, true);
        pthread_join(thread, NULL);
        assert_text("/mnt/outside/a", "canary");
        assert_no_litter();
        /* Otherwise this has shown nothing. */
        assert_true(applied > 0 && refused > 0);
}

/* /mnt/etc/a is in turn a file and a link to the canary. */
static void *flip_file(void *userdata)
{
        Race *race = userdata;

        while (!atomic_load(&race->stop)) {
                unlink("/mnt/etc/l");
                if (symlink("/mnt/outside", "/mnt/etc/l") == 0 &&
                    rename("/mnt/etc/l", "/mnt/etc/a") == 0)
                        race->count++;
                scratch_write("/mnt/etc/l", "0", 0644);
                rename("/mnt/etc/l", "/mnt/etc/a");
        }
        return NULL;
}

static void test_file_and_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        unsigned tried = 0;
        Race race = { 0 };
        pthread_t thread;

        scratch_write("/mnt/outside", "canary", 0644);
        scratch_write("/mnt/etc/a", "0", 0644);
        assert_int_equal(pthread_create(&thread, NULL, flip_file, &race), 0);
        for (unsigned i = 0; i < ROUNDS || (i < MAX_ROUNDS && !(tried && race.count)); i++) {
                FileChange change = { .kind = i % 3 ? FILE_CHANGE_WRITE : FILE_CHANGE_DELETE };
                FileStep undo = { 0 };

                if (file_image_take(&change.base, roots, "/mnt/etc/a", true, 100, NULL) == 0) {
                        change.content = strdup("new");
                        change.size = 3;
                        change.create_mode = 0644;
                        (void)change_apply(roots, &change, &undo, NULL);
                        tried++;
                }
                file_step_done(&undo);
                file_change_done(&change);
        }
        atomic_store(&race.stop, true);
        pthread_join(thread, NULL);
        assert_text("/mnt/outside", "canary");
        assert_no_litter();
        assert_true(tried > 0 && race.count > 0);
}

/* An editor counts up, each time by a new file put in the place: a number must never be lost
 * between what it wrote and what it reads next, unless a change took exactly that number as its
 * base. */
static void *count_up(void *userdata)
{
        Race *race = userdata;
        char text[32];

        while (!atomic_load(&race->stop)) {
                snprintf(text, sizeof(text), "edit %u", ++race->count);
                scratch_write("/mnt/etc/edit", text, 0644);
                rename("/mnt/etc/edit", "/mnt/etc/a");
                usleep(50);
        }
        return NULL;
}

static void test_no_lost_update(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        unsigned applied = 0, conflicts = 0;
        Race race = { 0 };
        pthread_t thread;
        char last[32];

        scratch_write("/mnt/etc/a", "edit 0", 0644);
        assert_int_equal(pthread_create(&thread, NULL, count_up, &race), 0);
        for (unsigned i = 0; i < ROUNDS || (i < MAX_ROUNDS && !(applied && conflicts)); i++) {
                FileChange change = change_write(roots, "/mnt/etc/a", "ours");
                FileStep undo = { 0 };
                int r;

                r = change_apply(roots, &change, &undo, NULL);
                applied += r == 0;
                conflicts += r == EXM_E_CONFLICT;
                assert_true(r == 0 || r == EXM_E_CONFLICT);
                file_step_done(&undo);
                file_change_done(&change);
        }
        /* With the editor at rest, a change that was loaded before its last edit is refused. */
        FileChange stale = change_write(roots, "/mnt/etc/a", "stale");
        usleep(2000);
        atomic_store(&race.stop, true);
        pthread_join(thread, NULL);
        assert_int_equal(change_check(roots, &stale, NULL), EXM_E_CONFLICT);
        file_change_done(&stale);
        snprintf(last, sizeof(last), "edit %u", race.count);
        assert_text("/mnt/etc/a", last);
        assert_no_litter();
        assert_true(applied > 0 && conflicts > 0);
}

/* A reader sees one of the two texts, whole, at every moment. */
static void *read_all_the_time(void *userdata)
{
        Race *race = userdata;

        while (!atomic_load(&race->stop)) {
                char *text = scratch_read("/mnt/etc/a");

                if (!text || (strcmp(text, "one") != 0 && strcmp(text, "another") != 0))
                        race->count++;
                free(text);
        }
        return NULL;
}

static void test_readers_see_whole_texts(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        Race race = { 0 };
        pthread_t thread;

        scratch_write("/mnt/etc/a", "one", 0644);
        assert_int_equal(pthread_create(&thread, NULL, read_all_the_time, &race), 0);
        for (unsigned i = 0; i < ROUNDS; i++) {
                FileChange change = change_write(roots, "/mnt/etc/a", i % 2 ? "one" : "another");
                FileStep undo = { 0 };

                assert_int_equal(change_apply(roots, &change, &undo, NULL), 0);
                file_step_done(&undo);
                file_change_done(&change);
        }
        atomic_store(&race.stop, true);
        pthread_join(thread, NULL);
        assert_int_equal(race.count, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_dir_and_link, scratch_reset),
                cmocka_unit_test_setup(test_file_and_link, scratch_reset),
                cmocka_unit_test_setup(test_no_lost_update, scratch_reset),
                cmocka_unit_test_setup(test_readers_see_whole_texts, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
