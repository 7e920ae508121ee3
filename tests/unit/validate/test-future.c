/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-future.c - what is packed for exmachina-validate, and the digest by which a change is known
 * again. The other end is tests/system/suites/test_validation.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "validate/future.h"
#include "worker/future.h"

static const Node missing = { 0 };

static Node file_of(const char *text, mode_t mode)
{
        Node node = { .kind = NODE_FILE,
                      .content = (char *)text,
                      .size = strlen(text),
                      .metadata.mode = mode };

        assert_int_equal(node_set_version(&node), 0);
        return node;
}

static Future *packed(const char *name, const Node *before, const Node *after)
{
        Future *future = NULL;

        assert_int_equal(future_new(&future, true), 0);
        assert_int_equal(future_add(future, name, name, before, after), 0);
        assert_int_equal(future_seal(future), 0);
        return future;
}

static void test_record(void **state)
{
        static const char acl[] = "1234";
        FileXattr xattrs[] = { { (char *)"system.posix_acl_access", (char *)acl, 4 },
                               { (char *)"user.x", (char *)"y", 1 } };
        _cleanup_(future_free_cleanup) Future *future = NULL;
        char bytes[sizeof(FutureRecord) + sizeof("/etc/a") + 4 + 5];
        Node after = file_of("hello", 0640);
        FutureRecord record;

        after.metadata.uid = 5;
        after.metadata.xattrs = xattrs;
        after.metadata.n_xattrs = 2;
        future = packed("/etc/a", &missing, &after);
        assert_int_equal(future->size, sizeof(bytes));
        assert_int_equal(read(future->fd, bytes, sizeof(bytes)), sizeof(bytes));
        memcpy(&record, bytes, sizeof(record));
        assert_int_equal(record.magic, FUTURE_MAGIC);
        assert_int_equal(record.kind, FUTURE_FILE);
        assert_int_equal(record.mode, 0640);
        assert_int_equal(record.uid, 5);
        assert_int_equal(record.acl_size, 4);
        assert_int_equal(record.content_size, 5);
        assert_string_equal(bytes + sizeof(record), "/etc/a");
        assert_memory_equal(bytes + sizeof(record) + sizeof("/etc/a"), "1234hello", 9);
}

static void test_nobody_can_change_it(void **state)
{
        Node after = file_of("hello", 0644);
        _cleanup_(future_free_cleanup) Future *future = packed("/etc/a", &missing, &after);

        assert_int_equal(pwrite(future->fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_int_equal(ftruncate(future->fd, 0), -1);
        assert_int_equal(fcntl(future->fd, F_GET_SEALS) & F_SEAL_SEAL, F_SEAL_SEAL);
}

static void test_files_outside_are_told(void **state)
{
        _cleanup_(future_free_cleanup) Future *future = NULL;
        Node after = file_of("hello", 0644);

        assert_int_equal(future_new(&future, true), 0);
        assert_int_equal(future_add(future, "/etc/a", "/etc/a", &missing, &after), 0);
        assert_null(future->outside);
        assert_int_equal(future_add(future, "/srv/b", "/srv/b", &missing, &after), 0);
        assert_int_equal(future_add(future, "/etcetera", "/etc/link", &missing, &after), 0);
        assert_string_equal(future->outside, "/srv/b");
        assert_ptr_equal(future_find(future, "/etc/link"), &future->files[2]);
        assert_null(future_find(future, "/etc"));
}

static void assert_differs(const char *one, const Future *other)
{
        if (strcmp(one, other->version) == 0)
                fail_msg("the same digest for another change");
}

/* Anything that differs makes another change of it. */
static void test_digest(void **state)
{
        Node old = file_of("old", 0644), new = file_of("new", 0644), mode = file_of("new", 0640);
        Node link = { .kind = NODE_LINK, .link_target = (char *)"new" };
        _cleanup_(future_free_cleanup) Future *one = packed("/etc/a", &old, &new);
        _cleanup_(future_free_cleanup) Future *same = packed("/etc/a", &old, &new);
        _cleanup_(future_free_cleanup) Future *name = packed("/etc/b", &old, &new);
        _cleanup_(future_free_cleanup) Future *before = packed("/etc/a", &missing, &new);
        _cleanup_(future_free_cleanup) Future *content = packed("/etc/a", &old, &old);
        _cleanup_(future_free_cleanup) Future *access = packed("/etc/a", &old, &mode);
        _cleanup_(future_free_cleanup) Future *kind = packed("/etc/a", &old, &link);
        _cleanup_(future_free_cleanup) Future *gone = packed("/etc/a", &old, &missing);

        assert_string_equal(one->version, same->version);
        assert_differs(one->version, name);
        assert_differs(one->version, before);
        assert_differs(one->version, content);
        assert_differs(one->version, access);
        assert_differs(one->version, kind);
        assert_differs(one->version, gone);
        assert_true(gone->files[0].gone);
}

/* What no validator is going to read has a version all the same. */
static void test_not_packed(void **state)
{
        Node after = file_of("hello", 0644);
        _cleanup_(future_free_cleanup) Future *one = packed("/etc/a", &missing, &after);
        _cleanup_(future_free_cleanup) Future *other = NULL;

        assert_int_equal(future_new(&other, false), 0);
        assert_int_equal(future_add(other, "/etc/a", "/etc/a", &missing, &after), 0);
        assert_int_equal(future_seal(other), 0);
        assert_int_equal(other->fd, -1);
        assert_int_equal(other->size, 0);
        assert_string_equal(other->version, one->version);
        assert_non_null(future_find(other, "/etc/a"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_record),
                cmocka_unit_test(test_nobody_can_change_it),
                cmocka_unit_test(test_files_outside_are_told),
                cmocka_unit_test(test_digest),
                cmocka_unit_test(test_not_packed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
