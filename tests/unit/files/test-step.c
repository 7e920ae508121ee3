/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-step.c - what a crash can leave behind of a step, made by hand, and what settling makes of
 * it; and files that are rewritten in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "files/scratch.h"

#define NAME "/mnt/etc/a"
#define TEMP "/mnt/etc/.exmachina-7-0"

/* Before "old", after "new"; NULL is a missing file. */
static FileStep make_step(const Roots *roots, const char *old, const char *new)
{
        FileChange change;
        FileStep step = { 0 };
        Failure f = { 0 };

        if (old)
                scratch_write(NAME, old, 0640);
        change =
                new ? change_write(roots, NAME, new)
                    : (FileChange){ .kind = FILE_CHANGE_DELETE, .base = scratch_take(roots, NAME) };
        change.create_mode = 0640;
        if (file_step_plan(roots, &change, 7, 0, &step, &f) != 0)
                fail_msg("%s", f.message ? f.message : "?");
        file_change_done(&change);
        return step;
}

static void put(const char *path, const char *text)
{
        (void)unlink(path);
        if (text)
                scratch_write(path, text, 0640);
}

static void assert_there(const char *path, const char *text)
{
        if (text)
                assert_text(path, text);
        else
                assert_missing(path);
}

typedef struct Case {
        const char *old, *new;   /* of the step */
        const char *name, *temp; /* what the crash left */
        const char *part;        /* half a file */
        const char *settled;     /* under the name afterwards */
        FileStepSide side;
} Case;

static void test_settle(void **state)
{
        static const Case cases[] = {
                /* replace: before, in the middle of making, made, exchanged, done */
                { "old", "new", "old", NULL, NULL, "old", FILE_STEP_BEFORE },
                { "old", "new", "old", NULL, "ne", "old", FILE_STEP_BEFORE },
                { "old", "new", "old", "new", NULL, "old", FILE_STEP_BEFORE },
                { "old", "new", "new", "old", NULL, "new", FILE_STEP_AFTER },
                { "old", "new", "new", NULL, NULL, "new", FILE_STEP_AFTER },
                /* undo in the middle of making */
                { "old", "new", "new", NULL, "o", "new", FILE_STEP_AFTER },
                /* an edit came out; it was put back; it was put back but there was a newer one */
                { "old", "new", "new", "edit", NULL, "edit", FILE_STEP_FOREIGN },
                { "old", "new", "old", "edit", NULL, "edit", FILE_STEP_FOREIGN },
                { "old", "new", "edit", "new", NULL, "edit", FILE_STEP_FOREIGN },
                { "old", "new", "edit", "old", NULL, "edit", FILE_STEP_FOREIGN },
                { "old", "new", "edit", NULL, "ne", "edit", FILE_STEP_FOREIGN },
                /* create */
                { NULL, "new", NULL, NULL, NULL, NULL, FILE_STEP_BEFORE },
                { NULL, "new", NULL, NULL, "ne", NULL, FILE_STEP_BEFORE },
                { NULL, "new", "new", NULL, NULL, "new", FILE_STEP_AFTER },
                { NULL, "new", NULL, "new", NULL, NULL, FILE_STEP_BEFORE },
                { NULL, "new", NULL, "edit", NULL, "edit", FILE_STEP_FOREIGN },
                { NULL, "new", "edit", NULL, "new", "edit", FILE_STEP_FOREIGN },
                /* remove */
                { "old", NULL, "old", NULL, NULL, "old", FILE_STEP_BEFORE },
                { "old", NULL, NULL, "old", NULL, NULL, FILE_STEP_AFTER },
                { "old", NULL, NULL, NULL, NULL, NULL, FILE_STEP_AFTER },
                { "old", NULL, NULL, "edit", NULL, "edit", FILE_STEP_FOREIGN },
                { "old", NULL, "edit", "old", NULL, "edit", FILE_STEP_FOREIGN },
                /* no change at all counts as done */
                { "same", "same", "same", "same", NULL, "same", FILE_STEP_AFTER },
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Case *c = &cases[i];
                FileStepSide side;
                FileStep step;

                put(NAME, NULL);
                step = make_step(roots, c->old, c->new);
                put(NAME, c->name);
                put(TEMP, c->temp);
                put(TEMP ".part", c->part);
                for (unsigned twice = 0; twice < 2; twice++) {
                        assert_int_equal(file_step_settle(roots, &step, &side), 0);
                        if (side != c->side)
                                fail_msg("case %zu: side %d", i, (int)side);
                        assert_there(NAME, c->settled);
                        assert_no_litter();
                }
                file_step_done(&step);
        }
}

/* Two edits, one of which came out: both are kept. */
static void test_settle_two_edits(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep step = make_step(roots, "old", "new");
        FileStepSide side;

        put(NAME, "newer");
        put(TEMP, "older");
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_FOREIGN);
        assert_text(NAME, "newer");
        assert_text(TEMP, "older");
}

/* A mode, an owner or an attribute alone make the difference, but for a label of the system's. */
static void test_settle_metadata(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep step = make_step(roots, "old", "new");
        FileStepSide side;

        put(NAME, "new");
        assert_int_equal(chmod(NAME, 0644), 0);
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_FOREIGN);
        assert_int_equal(chmod(NAME, 0640), 0);
        assert_int_equal(setxattr(NAME, "trusted.x", "1", 1, 0), 0);
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_FOREIGN);
        assert_int_equal(removexattr(NAME, "trusted.x"), 0);
        if (setxattr(NAME, "security.SMACK64", "x", 1, 0) < 0)
                fprintf(stderr, "SKIPPED: no labels on this kernel's tmpfs\n");
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_AFTER);
}

/* Directories of a step that is not done go, if they are empty; of one that is, they stay. */
static void test_settle_parents(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep step = { 0 };
        FileChange change = change_write(roots, "/mnt/etc/x/y/a", "new");
        FileStepSide side;

        assert_int_equal(file_step_plan(roots, &change, 7, 0, &step, NULL), 0);
        assert_int_equal(mkdir("/mnt/etc/x", 0700), 0);
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_BEFORE);
        assert_missing("/mnt/etc/x");

        assert_int_equal(file_step_apply(roots, &step, NULL), 0);
        assert_int_equal(file_step_settle(roots, &step, &side), 0);
        assert_int_equal(side, FILE_STEP_AFTER);
        assert_int_equal(file_step_undo(roots, &step, NULL), 0);
        assert_missing("/mnt/etc/x");

        /* A directory that was there at the plan is not made for somebody. */
        assert_int_equal(mkdir("/mnt/etc/x", 0755), 0);
        assert_int_equal(file_step_check(roots, &step, NULL), 0);
        assert_int_equal(rmdir("/mnt/etc/x"), 0);
        assert_int_equal(file_step_apply(roots, &step, NULL), EXM_E_CONFLICT);
        assert_missing("/mnt/etc/x");
        file_change_done(&change);
}

/* --- in place --- */

static void mount_over(const char *text, mode_t mode)
{
        scratch_write(NAME, "below", 0644);
        scratch_write("/mnt/two", text, mode);
        assert_int_equal(mount("/mnt/two", NAME, NULL, MS_BIND, NULL), 0);
}

static void unmount(void)
{
        assert_int_equal(umount(NAME), 0);
        assert_text(NAME, "below");
}

static void test_in_place(void **state)
{
        static const char *const texts[][2] = {
                { "old", "new and longer" }, { "old and longer", "new" }, { "old", "" }, { "", "x" }
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(file_image_unref_cleanup) FileImage *after = NULL, *back = NULL;
                _cleanup_(file_step_done) FileStep step = { 0 };
                FileStepSide side;
                FileChange change;
                struct stat before, now;

                mount_over(texts[i][0], 04755);
                assert_int_equal(setxattr("/mnt/two", "trusted.a", "1", 1, 0), 0);
                assert_int_equal(stat(NAME, &before), 0);
                change = change_write(roots, NAME, texts[i][1]);
                if (i % 2) {
                        change.set_owner = change.set_mode = true;
                        change.uid = 33;
                        change.mode = 0600;
                }
                assert_int_equal(change_apply(roots, &change, &step, NULL), 0);
                assert_true(step.in_place);
                after = scratch_take(roots, NAME);
                assert_string_equal(after->content, texts[i][1]);
                assert_int_equal(after->mode, i % 2 ? 0600 : 04755);
                assert_int_equal(after->uid, i % 2 ? 33 : 0);
                assert_int_equal(after->n_xattrs, 1);
                assert_string_equal(after->version, step.after.version);
                assert_int_equal(stat(NAME, &now), 0);
                assert_int_equal(now.st_ino, before.st_ino);
                assert_int_equal(file_step_settle(roots, &step, &side), 0);
                assert_int_equal(side, FILE_STEP_AFTER);

                assert_int_equal(file_step_undo(roots, &step, NULL), 0);
                back = scratch_take(roots, NAME);
                assert_string_equal(back->version, change.base->version);
                assert_no_litter();
                file_change_done(&change);
                unmount();
        }
}

/* No room for the longer text: nothing has changed. */
static void test_in_place_full(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        FileStep step = { 0 };
        FileChange change;
        Failure f = { 0 };

        assert_int_equal(mkdir("/mnt/small", 0755), 0);
        assert_int_equal(mount("small", "/mnt/small", "tmpfs", 0, "mode=755,size=64k"), 0);
        scratch_write("/mnt/small/s", "old", 0644);
        scratch_write(NAME, "below", 0644);
        assert_int_equal(mount("/mnt/small/s", NAME, NULL, MS_BIND, NULL), 0);
        change = change_write(roots, NAME, "");
        free(change.content);
        change.size = 256 * 1024;
        change.content = calloc(1, change.size);
        assert_int_equal(change_apply(roots, &change, &step, &f), EXM_E_LIMIT_EXCEEDED);
        assert_non_null(strstr(f.message, "nothing was changed"));
        failure_done(&f);
        assert_text(NAME, "old");
        file_change_done(&change);
        unmount();
        assert_int_equal(umount("/mnt/small"), 0);
}

static void test_in_place_conflict(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep step = { 0 };
        FileChange change;

        mount_over("old", 0644);
        change = change_write(roots, NAME, "new");
        assert_int_equal(file_step_plan(roots, &change, 7, 0, &step, NULL), 0);
        scratch_write("/mnt/two", "edit", 0644);
        assert_int_equal(file_step_apply(roots, &step, NULL), EXM_E_CONFLICT);
        assert_text(NAME, "edit");
        unmount();
        /* What is below is not what was planned for. */
        assert_int_equal(file_step_apply(roots, &step, NULL), EXM_E_CONFLICT);
        assert_text(NAME, "below");
        file_change_done(&change);
}

/* Torn by a crash: "old text" -> "new" or back; and what only looks like it. */
static void test_in_place_settle(void **state)
{
        static const struct {
                const char *text, *settled;
                mode_t mode;
                FileStepSide side;
        } cases[] = {
                { "old text", "old text", 0644, FILE_STEP_BEFORE },
                { "new", "new", 0600, FILE_STEP_AFTER },
                { "new text", "old text", 0644, FILE_STEP_BEFORE },
                { "nld text", "old text", 0600, FILE_STEP_BEFORE },
                { "new te", "old text", 0600, FILE_STEP_BEFORE },
                { "old text", "old text", 0600, FILE_STEP_BEFORE },
                { "new", "old text", 0644, FILE_STEP_BEFORE },
                { "old text", "old text", 0666, FILE_STEP_FOREIGN },
                { "ne", "ne", 0644, FILE_STEP_FOREIGN },
                { "new text!", "new text!", 0644, FILE_STEP_FOREIGN },
                { "nEw text", "nEw text", 0644, FILE_STEP_FOREIGN },
                { "", "", 0644, FILE_STEP_FOREIGN },
        };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(file_step_done) FileStep step = { 0 };
                FileStepSide side;
                FileChange change;

                mount_over("old text", 0644);
                change = change_write(roots, NAME, "new");
                change.set_mode = true;
                change.mode = 0600;
                assert_int_equal(file_step_plan(roots, &change, 7, 0, &step, NULL), 0);
                scratch_write("/mnt/two", cases[i].text, cases[i].mode);
                for (unsigned twice = 0; twice < 2; twice++) {
                        assert_int_equal(file_step_settle(roots, &step, &side), 0);
                        if (side != cases[i].side)
                                fail_msg("case %zu: side %d", i, (int)side);
                        assert_text(NAME, cases[i].settled);
                }
                file_change_done(&change);
                unmount();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_settle, scratch_reset),
                cmocka_unit_test_setup(test_settle_two_edits, scratch_reset),
                cmocka_unit_test_setup(test_settle_metadata, scratch_reset),
                cmocka_unit_test_setup(test_settle_parents, scratch_reset),
                cmocka_unit_test_setup(test_in_place, scratch_reset),
                cmocka_unit_test_setup(test_in_place_full, scratch_reset),
                cmocka_unit_test_setup(test_in_place_conflict, scratch_reset),
                cmocka_unit_test_setup(test_in_place_settle, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
