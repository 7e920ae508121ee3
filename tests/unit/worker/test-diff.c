/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-diff.c - two texts in memory become a unified diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/macro.h"

#define UID_NOBODY 65534
#define MANY_LINES 20000

#ifdef __SANITIZE_ADDRESS__
static char *const environment[] = { (char *)"ASAN_OPTIONS=detect_leaks=0", NULL };
#else
static char *const environment[] = { NULL };
#endif

static int make_text(const char *text)
{
        int fd = memfd_create("text", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
        return fd;
}

static pid_t start_diff(const char *old, const char *new, const char *label, int out)
{
        bool root = geteuid() == 0;
        char uid[16], gid[16];
        const char *argv[] = { DIFF_PATH, uid, gid, "10", "536870912", label, "/etc/new", NULL };
        posix_spawn_file_actions_t actions;
        int old_fd = make_text(old), new_fd = make_text(new);
        pid_t pid;

        snprintf(uid, sizeof(uid), "%u", root ? UID_NOBODY : getuid());
        snprintf(gid, sizeof(gid), "%u", root ? UID_NOBODY : getgid());
        /* Out of the way of the numbers that they are to have. */
        old_fd = fcntl(old_fd, F_DUPFD_CLOEXEC, 10);
        new_fd = fcntl(new_fd, F_DUPFD_CLOEXEC, 10);
        assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out, 1), 0);
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, old_fd, 3), 0);
        assert_int_equal(posix_spawn_file_actions_adddup2(&actions, new_fd, 4), 0);
        assert_int_equal(
                posix_spawn(&pid, DIFF_PATH, &actions, NULL, (char *const *)argv, environment), 0);
        posix_spawn_file_actions_destroy(&actions);
        close(old_fd);
        close(new_fd);
        return pid;
}

/* Returns: the diff, new; checks the exit status. */
static char *diff(const char *old, const char *new, const char *label, int expected)
{
        char *text = calloc(1, 1), *longer;
        size_t size = 0;
        int out[2], status;
        pid_t pid;
        ssize_t n;

        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        pid = start_diff(old, new, label, out[1]);
        close(out[1]);
        do {
                longer = realloc(text, size + 65537);
                assert_non_null(longer);
                text = longer;
                n = read(out[0], text + size, 65536);
                assert_true(n >= 0);
                size += (size_t)n;
        } while (n > 0);
        text[size] = '\0';
        close(out[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), expected);
        return text;
}

static void check(const char *old, const char *new, int status, const char *expected)
{
        _cleanup_free_ char *text = diff(old, new, "/etc/old", status);

        assert_string_equal(text, expected);
}

static void test_diff(void **state)
{
        check("a\nb\n", "a\nc\n", 1, "--- /etc/old\n+++ /etc/new\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        check("", "a\n", 1, "--- /etc/old\n+++ /etc/new\n@@ -0,0 +1 @@\n+a\n");
        check("a\n", "", 1, "--- /etc/old\n+++ /etc/new\n@@ -1 +0,0 @@\n-a\n");
        check("same\n", "same\n", 0, "");
        check("", "", 0, "");
        check("a", "a\n", 1,
              "--- /etc/old\n+++ /etc/new\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        check("\xfc\n", "\xfd\n", 1, "--- /etc/old\n+++ /etc/new\n@@ -1 +1 @@\n-\xfc\n+\xfd\n");
}

static void test_label_is_no_option(void **state)
{
        _cleanup_free_ char *text = diff("a\n", "b\n", "--to-file=/etc/passwd", 1);

        assert_string_equal(text, "--- --to-file=/etc/passwd\n+++ /etc/new\n@@ -1 +1 @@\n-a\n+b\n");
}

static void test_big_texts(void **state)
{
        _cleanup_free_ char *old = calloc(MANY_LINES, 16), *new = calloc(MANY_LINES, 16);
        _cleanup_free_ char *text = NULL;
        char *p = old, *q = new;

        for (int i = 0; i < MANY_LINES; i++) {
                p += sprintf(p, "line %d\n", i);
                q += sprintf(q, "line %d\n", i % 3 ? i : -i);
        }
        text = diff(old, new, "/etc/old", 1);
        assert_true(strlen(text) > MANY_LINES * 8);
}

/* It waits for somebody to read, and can be looked at meanwhile. */
static void test_rights(void **state)
{
        static const char *const lines[] = {
                "\nUid:\t65534\t65534\t65534\t65534\n",
                "\nGid:\t65534\t65534\t65534\t65534\n",
                "\nGroups:\t \n",
                "\nCapPrm:\t0000000000000000\n",
                "\nCapEff:\t0000000000000000\n",
                "\nCapBnd:\t0000000000000000\n",
                "\nNoNewPrivs:\t1\n",
                "\nSeccomp:\t2\n",
        };
        const size_t size = 1024 * 1024;
        _cleanup_free_ char *new = malloc(size + 1);
        char path[64], status[8192] = "";
        _cleanup_fclose_ FILE *file = NULL;
        int out[2], result;
        char first;
        pid_t pid;

        if (geteuid() != 0)
                skip();
        assert_non_null(new);
        memset(new, '\n', size);
        new[size] = '\0';
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        pid = start_diff("", new, "/etc/old", out[1]);
        close(out[1]);
        assert_int_equal(read(out[0], &first, 1), 1);
        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_true(fread(status, 1, sizeof(status) - 1, file) > 0);
        assert_memory_equal(status, "Name:\tdiff\n", strlen("Name:\tdiff\n"));
        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                if (!strstr(status, lines[i]))
                        fail_msg("no \"%s\" in:\n%s", lines[i], status);
        close(out[0]);
        assert_int_equal(waitpid(pid, &result, 0), pid);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_diff),
                cmocka_unit_test(test_label_is_no_option),
                cmocka_unit_test(test_big_texts),
                cmocka_unit_test(test_rights),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
