/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-sandbox.c - the worker's rights, as the kernel tells them to somebody outside.
 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "worker/filter.h"

#define EXIT_SANDBOX 125

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static char *read_proc(pid_t pid, const char *name, size_t *ret_size)
{
        char path[64], *text = calloc(1, 65536);
        FILE *file;

        assert_non_null(text);
        snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        file = fopen(path, "re");
        assert_non_null(file);
        *ret_size = fread(text, 1, 65535, file);
        fclose(file);
        return text;
}

static int setup(void **state)
{
        Worker *w;

        worker_setup(state);
        w = *state;
        /* It has answered, so it is in its sandbox. */
        assert_text(worker_changed(w), "");
        return 0;
}

static void test_status(void **state)
{
        static const char *const lines[] = {
                "\nUid:\t65534\t65534\t65534\t65534\n",
                "\nGid:\t65534\t65534\t65534\t65534\n",
                "\nGroups:\t \n",
                "\nThreads:\t1\n",
                "\nCapInh:\t0000000000000000\n",
                "\nCapPrm:\t0000000000000000\n",
                "\nCapEff:\t0000000000000000\n",
                "\nCapBnd:\t0000000000000000\n",
                "\nCapAmb:\t0000000000000000\n",
                "\nNoNewPrivs:\t1\n",
                "\nSeccomp:\t2\n",
        };
        Worker *w = *state;
        size_t size;

        if (geteuid() != 0)
                skip();
        {
                _cleanup_free_ char *status = read_proc(w->pid, "status", &size);

                for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                        if (!strstr(status, lines[i]))
                                fail_msg("no \"%s\" in:\n%s", lines[i], status);
        }
}

static void test_root_directory(void **state)
{
        Worker *w = *state;
        struct stat lenses, root, cwd;
        char path[64];

        if (geteuid() != 0)
                skip();
        assert_int_equal(stat(EXM_LENSDIR, &lenses), 0);
        snprintf(path, sizeof(path), "/proc/%d/root/", w->pid);
        assert_int_equal(stat(path, &root), 0);
        snprintf(path, sizeof(path), "/proc/%d/cwd/", w->pid);
        assert_int_equal(stat(path, &cwd), 0);
        assert_true(root.st_ino == lenses.st_ino && root.st_dev == lenses.st_dev);
        assert_true(cwd.st_ino == lenses.st_ino && cwd.st_dev == lenses.st_dev);
}

static void test_descriptors(void **state)
{
        Worker *w = *state;
        struct dirent *entry;
        char path[64];
        DIR *dir;
        int n = 0;

        if (geteuid() != 0)
                skip();
        snprintf(path, sizeof(path), "/proc/%d/fd", w->pid);
        dir = opendir(path);
        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                assert_in_range(atoi(entry->d_name), 0, 3);
                n++;
        }
        closedir(dir);
        assert_int_equal(n, 4);
}

static void test_environment(void **state)
{
        Worker *w = *state;
        size_t size;

        if (geteuid() != 0 || SANITIZED)
                skip();
        free(read_proc(w->pid, "environ", &size));
        assert_int_equal(size, 0);
}

static void test_limits(void **state)
{
        static const char *const lines[] = {
                "Max cpu time 60 61 seconds",
                "Max stack size 67108864 67108864 bytes",
                "Max open files 16 16 files",
                "Max core file size 0 0 bytes",
                "Max file size 0 0 bytes",
                "Max processes 0 0 processes",
                "Max address space 536870912 536870912 bytes",
        };
        Worker *w = *state;
        size_t size, n = 0;
        _cleanup_free_ char *limits = read_proc(w->pid, "limits", &size);

        /* Columns to single spaces. */
        for (size_t i = 0; i < size; i++)
                if (limits[i] != ' ' || (n > 0 && limits[n - 1] != ' '))
                        limits[n++] = limits[i];
        limits[n] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(lines) - SANITIZED; i++)
                if (!strstr(limits, lines[i]))
                        fail_msg("no \"%s\" in:\n%s", lines[i], limits);
}

static void test_no_file_is_mapped_for_writing(void **state)
{
        Worker *w = *state;
        size_t size;

        if (geteuid() != 0)
                skip();
        {
                _cleanup_free_ char *maps = read_proc(w->pid, "maps", &size);

                for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n"))
                        if (strstr(line, "rws") || strstr(line, "rwx"))
                                fail_msg("%s", line);
        }
}

static int run(char *const argv[])
{
        posix_spawn_file_actions_t actions;
        char *const environment[] = { NULL };
        pid_t pid;
        int status;

        assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
        assert_int_equal(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0),
                         0);
        assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, argv, environment), 0);
        posix_spawn_file_actions_destroy(&actions);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void run_refused(const char *program, const char *const *words)
{
        const char *argv[10] = { program };
        int status;

        for (size_t i = 0; words[i]; i++)
                argv[i + 1] = words[i];
        status = run((char *const *)argv);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EXIT_SANDBOX);
}

static void test_arguments(void **state)
{
        static const char *const bad[][7] = {
                { NULL },
                { EXM_LENSDIR, "65534", "65534", "60", NULL },
                { EXM_LENSDIR, "65534", "65534", "60", "536870912", "more", NULL },
                { EXM_LENSDIR, "0", "65534", "60", "536870912", NULL },
                { EXM_LENSDIR, "65534", "0", "60", "536870912", NULL },
                { EXM_LENSDIR, "-1", "65534", "60", "536870912", NULL },
                { EXM_LENSDIR, "4294967295", "65534", "60", "536870912", NULL },
                { EXM_LENSDIR, " 65534", "65534", "60", "536870912", NULL },
                { EXM_LENSDIR, "65534", "65534", "60s", "536870912", NULL },
                { EXM_LENSDIR, "65534", "65534", "60", "99999999999999999999", NULL },
                { EXM_LENSDIR, "65534", "65534", "60", "", NULL },
                { "/nonexistent", "65534", "65534", "60", "536870912", NULL },
                { "--no-chroot", EXM_LENSDIR, "12345", "65534", "60", "536870912", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                run_refused(WORKER_PATH, bad[i]);
}

/* ---- what the filter lets through, tried by a child of this test ---- */

typedef void (*Attempt)(void);

/* Not _exit(), where a sanitizer looks for leaks by means that the filter forbids. */
static void leave(int status)
{
        syscall(SYS_exit_group, status);
}

static int attempt(Attempt what, FilterKind kind)
{
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct rlimit none = { 0 };

                setrlimit(RLIMIT_CORE, &none);
                if (filter_install(kind) < 0)
                        leave(2);
                what();
                leave(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return status;
}

static void try_nothing(void)
{
}

static void try_read(void)
{
        if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
                leave(3);
}

static void try_write(void)
{
        open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void try_create(void)
{
        open("/dev/null", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void try_socket(void)
{
        socket(2, 1, 0);
}

static void try_kill(void)
{
        kill(getpid(), 0);
}

static void try_fork(void)
{
        fork();
}

static void try_exec(void)
{
        char *const argv[] = { (char *)"true", NULL };

        execv("/nonexistent", argv);
}

static void try_trace(void)
{
        ptrace(0, 0, NULL, NULL);
}

static void try_unlink(void)
{
        unlink("/nonexistent");
}

static void try_chmod(void)
{
        chmod("/nonexistent", 0);
}

static void try_limit(void)
{
        struct rlimit none = { 0 };

        setrlimit(RLIMIT_CORE, &none);
}

static void try_executable_memory(void)
{
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_make_executable(void)
{
        void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void test_filter(void **state)
{
        static const Attempt never[] = { try_write, try_create, try_socket, try_kill, try_fork,
                                         try_trace, try_unlink, try_chmod,  try_limit };
        static const Attempt exec_only[] = { try_exec, try_executable_memory, try_make_executable };

        for (FilterKind kind = FILTER_WORKER; kind <= FILTER_EXEC; kind++) {
                assert_int_equal(attempt(try_nothing, kind), 0);
                assert_int_equal(attempt(try_read, kind), 0);
                for (size_t i = 0; i < ELEMENTSOF(never); i++) {
                        int status = attempt(never[i], kind);

                        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
                                fail_msg("attempt %zu was let through", i);
                }
                for (size_t i = 0; i < ELEMENTSOF(exec_only); i++) {
                        int status = attempt(exec_only[i], kind);

                        assert_true(kind ? status == 0 : WTERMSIG(status) == SIGSYS);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_status, setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_root_directory, setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_descriptors, setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_environment, setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_limits, setup, worker_teardown),
                cmocka_unit_test_setup_teardown(test_no_file_is_mapped_for_writing, setup,
                                                worker_teardown),
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_filter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
