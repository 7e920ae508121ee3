/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-change.c - changes that are made, what they keep, and that undoing brings everything back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "files/scratch.h"

#define ACL "system.posix_acl_access"

/* user::rw-, user:65534:rw-, group::r--, mask::MASK, other::r-- */
static void put_acl(const char *path, const char *attribute, unsigned char mask)
{
        unsigned char acl[] = {
                2,    0,    0,    0,    1,    0,    6,  0, 0xFF, 0xFF, 0xFF, 0xFF, 2,    0,    6,
                0,    0xFE, 0xFF, 0,    0,    4,    0,  4, 0,    0xFF, 0xFF, 0xFF, 0xFF, 16,   0,
                mask, 0,    0xFF, 0xFF, 0xFF, 0xFF, 32, 0, 4,    0,    0xFF, 0xFF, 0xFF, 0xFF,
        };

        assert_int_equal(setxattr(path, attribute, acl, sizeof(acl), 0), 0);
}

static void apply(const Roots *roots, FileChange *change, FileStep *undo)
{
        Failure f = { 0 };
        int r;

        r = change_check(roots, change, &f);
        if (r == 0)
                r = change_apply(roots, change, undo, &f);
        if (r != 0)
                fail_msg("%d: %s", r, f.message ? f.message : "?");
        assert_no_litter();
}

static void undo_it(const Roots *roots, const FileStep *undo)
{
        Failure f = { 0 };

        if (file_step_undo(roots, undo, &f) != 0)
                fail_msg("%s", f.message ? f.message : "?");
        assert_no_litter();
}

typedef struct Cell {
        mode_t mode;
        uid_t uid;
        gid_t gid;
        unsigned char acl_mask; /* 0: none */
        bool capability, user_xattr, trusted_xattr, label;
} Cell;

static void make_cell(const char *path, const Cell *cell)
{
        /* VFS_CAP_REVISION_2, effective, cap_net_raw */
        static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 0x20 };

        scratch_write(path, "old\n", 0600);
        assert_int_equal(chown(path, cell->uid, cell->gid), 0);
        if (cell->acl_mask)
                put_acl(path, ACL, cell->acl_mask);
        else
                assert_int_equal(chmod(path, cell->mode), 0);
        if (cell->capability)
                assert_int_equal(setxattr(path, "security.capability", capability, 20, 0), 0);
        if (cell->user_xattr && setxattr(path, "user.note", "a\0b", 3, 0) < 0)
                fprintf(stderr, "SKIPPED: this kernel's tmpfs has no user attributes\n");
        if (cell->trusted_xattr)
                assert_int_equal(setxattr(path, "trusted.note", "", 0, 0), 0);
        if (cell->label && setxattr(path, "security.test", "label", 6, 0) < 0)
                fprintf(stderr, "SKIPPED: a security module rejects unknown labels\n");
}

static void assert_same_metadata(const FileImage *a, const FileImage *b)
{
        assert_int_equal(a->mode, b->mode);
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->gid, b->gid);
        assert_int_equal(a->n_xattrs, b->n_xattrs);
        for (size_t i = 0; i < a->n_xattrs; i++) {
                assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
                assert_int_equal(a->xattrs[i].size, b->xattrs[i].size);
                assert_memory_equal(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].size);
        }
}

static void check_cell(const Roots *roots, const Cell *cell, mode_t mask)
{
        _cleanup_(file_image_unref_cleanup) FileImage *before = NULL, *after = NULL, *back = NULL;
        _cleanup_(file_step_done) FileStep undo = { 0 };
        FileChange change;

        make_cell("/mnt/etc/a", cell);
        before = scratch_take(roots, "/mnt/etc/a");
        change = change_write(roots, "/mnt/etc/a", "new text\n");
        umask(mask);
        apply(roots, &change, &undo);
        after = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(after->content, "new text\n");
        assert_same_metadata(before, after);
        assert_string_not_equal(before->version, after->version);
        undo_it(roots, &undo);
        umask(022);
        back = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(back->content, "old\n");
        assert_same_metadata(before, back);
        assert_string_equal(before->version, back->version);
        file_change_done(&change);
        assert_int_equal(unlink("/mnt/etc/a"), 0);
}

/* Mode, owner, ACL and attributes are the same before and after, whatever the umask, and also below
 * a directory with a default ACL and a set-group-id bit. */
static void test_metadata_matrix(void **state)
{
        static const mode_t modes[] = { 0644, 0600,  0440,  0000,  0664,
                                        0755, 04755, 02755, 06711, 01644 };
        static const mode_t masks[] = { 0, 022, 077, 0777 };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (unsigned inherit = 0; inherit < 2; inherit++) {
                if (inherit) {
                        put_acl("/mnt/etc", "system.posix_acl_default", 6);
                        assert_int_equal(chmod("/mnt/etc", 02755), 0);
                }
                for (size_t m = 0; m < ELEMENTSOF(modes); m++)
                        for (unsigned i = 0; i < 64; i++) {
                                Cell cell = {
                                        .mode = modes[m],
                                        .uid = i & 1 ? 33 : 0,
                                        .gid = i & 2 ? 42 : 0,
                                        .acl_mask = i & 4 ? (i & 1 ? 4 : 6) : 0,
                                        .capability = i & 8,
                                        .user_xattr = i & 16,
                                        .trusted_xattr = i & 32,
                                        .label = i & 32,
                                };

                                check_cell(roots, &cell, masks[(m + i) % ELEMENTSOF(masks)]);
                        }
        }
}

static void test_create(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep undo = { 0 };
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
        FileChange change = change_write(roots, "/mnt/etc/a", "text");

        put_acl("/mnt/etc", "system.posix_acl_default", 6);
        assert_int_equal(chown("/mnt/etc", 0, 42), 0);
        assert_int_equal(chmod("/mnt/etc", 02755), 0);
        change.create_mode = 0600;
        umask(0777);
        apply(roots, &change, &undo);
        umask(022);
        image = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(image->content, "text");
        assert_int_equal(image->mode, 0600);
        assert_int_equal(image->uid, 0);
        assert_int_equal(image->gid, 0);
        assert_int_equal(image->n_xattrs, 0);
        undo_it(roots, &undo);
        assert_missing("/mnt/etc/a");
        file_change_done(&change);
}

static void test_create_parents(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep undo = { 0 };
        FileChange change = change_write(roots, "/mnt/etc/x/y/z/a", "text");
        struct stat st;

        assert_int_equal(chmod("/mnt/etc", 02755), 0);
        assert_int_equal(chown("/mnt/etc", 0, 42), 0);
        put_acl("/mnt/etc", "system.posix_acl_default", 6);
        umask(077);
        apply(roots, &change, &undo);
        umask(022);
        assert_text("/mnt/etc/x/y/z/a", "text");
        assert_int_equal(stat("/mnt/etc/x/y", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(st.st_gid, 0);
        assert_true(getxattr("/mnt/etc/x/y", "system.posix_acl_default", NULL, 0) < 0);
        undo_it(roots, &undo);
        assert_missing("/mnt/etc/x");

        /* What somebody else has put there stays, and with it the directories above. */
        file_step_done(&undo);
        apply(roots, &change, &undo);
        scratch_write("/mnt/etc/x/y/other", "mine", 0644);
        undo_it(roots, &undo);
        assert_missing("/mnt/etc/x/y/z");
        assert_text("/mnt/etc/x/y/other", "mine");
        file_change_done(&change);
}

static void test_delete(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep undo = { 0 };
        _cleanup_(file_image_unref_cleanup) FileImage *back = NULL;
        FileChange change = { .kind = FILE_CHANGE_DELETE };

        scratch_write("/mnt/etc/a", "text", 0640);
        assert_int_equal(chown("/mnt/etc/a", 5, 6), 0);
        put_acl("/mnt/etc/a", ACL, 6);
        change.base = scratch_take(roots, "/mnt/etc/a");
        apply(roots, &change, &undo);
        assert_missing("/mnt/etc/a");
        undo_it(roots, &undo);
        back = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(back->version, change.base->version);
        file_change_done(&change);
}

/* The link goes, its target stays; and the other way round for a write. */
static void test_through_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep undo = { 0 };
        FileChange change;
        struct stat st;

        scratch_write("/mnt/etc/target", "old", 0644);
        assert_int_equal(symlink("target", "/mnt/etc/link"), 0);
        assert_int_equal(lchown("/mnt/etc/link", 5, 6), 0);

        change = change_write(roots, "/mnt/etc/link", "new");
        assert_string_equal(file_change_name(&change), "/mnt/etc/target");
        apply(roots, &change, &undo);
        assert_text("/mnt/etc/target", "new");
        assert_int_equal(lstat("/mnt/etc/link", &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        undo_it(roots, &undo);
        assert_text("/mnt/etc/target", "old");
        file_change_done(&change);
        file_step_done(&undo);

        change = (FileChange){ .kind = FILE_CHANGE_DELETE,
                               .base = scratch_take(roots, "/mnt/etc/link") };
        apply(roots, &change, &undo);
        assert_missing("/mnt/etc/link");
        assert_text("/mnt/etc/target", "old");
        undo_it(roots, &undo);
        assert_int_equal(lstat("/mnt/etc/link", &st), 0);
        assert_true(S_ISLNK(st.st_mode));
        assert_int_equal(st.st_uid, 5);
        assert_int_equal(st.st_gid, 6);
        file_change_done(&change);
}

static void test_make_link(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        char target[16];

        for (unsigned i = 0; i < 3; i++) {
                _cleanup_(file_step_done) FileStep undo = { 0 };
                FileChange change = { .kind = FILE_CHANGE_LINK };

                (void)unlink("/mnt/etc/a");
                if (i == 1)
                        scratch_write("/mnt/etc/a", "text", 0600);
                if (i == 2)
                        assert_int_equal(symlink("old", "/mnt/etc/a"), 0);
                change.base = scratch_take(roots, "/mnt/etc/a");
                change.link_target = strdup("../usr/x");
                apply(roots, &change, &undo);
                assert_int_equal(readlink("/mnt/etc/a", target, sizeof(target)), 8);
                assert_memory_equal(target, "../usr/x", 8);
                undo_it(roots, &undo);
                if (i == 0)
                        assert_missing("/mnt/etc/a");
                if (i == 1)
                        assert_text("/mnt/etc/a", "text");
                if (i == 2)
                        assert_int_equal(readlink("/mnt/etc/a", target, sizeof(target)), 3);
                file_change_done(&change);
        }
}

static void test_meta(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();
        _cleanup_(file_step_done) FileStep undo = { 0 }, second = { 0 };
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL, *back = NULL;
        FileChange change = { .kind = FILE_CHANGE_META, .set_mode = true, .mode = 0600 };

        scratch_write("/mnt/etc/a", "text", 04755);
        put_acl("/mnt/etc/a", ACL, 6);
        assert_int_equal(chmod("/mnt/etc/a", 04775), 0);
        change.base = scratch_take(roots, "/mnt/etc/a");
        apply(roots, &change, &undo);
        image = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(image->content, "text");
        assert_int_equal(image->mode, 0600);
        assert_int_equal(image->n_xattrs, 1);
        undo_it(roots, &undo);
        back = scratch_take(roots, "/mnt/etc/a");
        assert_string_equal(back->version, change.base->version);

        change.set_mode = false;
        change.set_owner = true;
        change.uid = 33;
        change.gid = 34;
        apply(roots, &change, &second);
        file_image_unref(TAKE_PTR(image));
        image = scratch_take(roots, "/mnt/etc/a");
        assert_int_equal(image->uid, 33);
        assert_int_equal(image->gid, 34);
        assert_int_equal(image->mode, 0775);
        file_change_done(&change);
}

/* An undo keeps what somebody else has done since. */
static void test_undo_conflict(void **state)
{
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (unsigned i = 0; i < 3; i++) {
                _cleanup_(file_step_done) FileStep undo = { 0 };
                FileChange change;

                scratch_write("/mnt/etc/a", "old", 0644);
                change = change_write(roots, "/mnt/etc/a", "new");
                apply(roots, &change, &undo);
                if (i == 0)
                        scratch_write("/mnt/etc/a", "NEW", 0644);
                if (i == 1)
                        assert_int_equal(chmod("/mnt/etc/a", 0600), 0);
                if (i == 2)
                        assert_int_equal(unlink("/mnt/etc/a"), 0);
                assert_int_equal(file_step_undo(roots, &undo, NULL), EXM_E_CONFLICT);
                if (i == 2)
                        assert_missing("/mnt/etc/a");
                else
                        assert_text("/mnt/etc/a", i == 0 ? "NEW" : "new");
                assert_no_litter();
                file_change_done(&change);
        }
}

/* Any size, also nothing and bytes that are no text. */
static void test_content_is_exact(void **state)
{
        static const size_t sizes[] = { 0, 1, 4095, 4096, 65537, 1024 * 1024 };
        _cleanup_(roots_free_cleanup) Roots *roots = scratch_roots();

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_(file_step_done) FileStep undo = { 0 };
                _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
                FileChange change = change_write(roots, "/mnt/etc/a", "");

                free(change.content);
                change.content = malloc(sizes[i] + 1);
                change.size = sizes[i];
                for (size_t k = 0; k < sizes[i]; k++)
                        ((unsigned char *)change.content)[k] = (unsigned char)(k * 7 + (k >> 8));
                apply(roots, &change, &undo);
                image = scratch_take(roots, "/mnt/etc/a");
                assert_int_equal(image->size, sizes[i]);
                assert_memory_equal(image->content, change.content, sizes[i]);
                file_change_done(&change);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_metadata_matrix, scratch_reset),
                cmocka_unit_test_setup(test_create, scratch_reset),
                cmocka_unit_test_setup(test_create_parents, scratch_reset),
                cmocka_unit_test_setup(test_delete, scratch_reset),
                cmocka_unit_test_setup(test_through_link, scratch_reset),
                cmocka_unit_test_setup(test_make_link, scratch_reset),
                cmocka_unit_test_setup(test_meta, scratch_reset),
                cmocka_unit_test_setup(test_undo_conflict, scratch_reset),
                cmocka_unit_test_setup(test_content_is_exact, scratch_reset),
        };

        scratch_enter();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
