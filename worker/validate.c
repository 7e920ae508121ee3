/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * validate.c - exmachina-validate: makes /etc what it will be, gives up everything, becomes a
 * checker, and says how that ended.
 *
 * It is the one command of a transient unit (service/validate/jail.c), in a mount namespace of its
 * own. Descriptor 0 is the staged files (future.h), 1 takes the checker's words, 2 what this
 * program has to say: "exit N", "signal N" or "timeout" as the verdict, any other line is why there
 * is none. The checker never has that descriptor. Three processes: this one keeps the time and
 * counts threads; the first of a new PID namespace, with whose end all others in it die; the
 * checker.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/arguments.h"
#include "worker/future.h"
#include "worker/jail.h"

#define EMPTY_MAX    32U
#define THREADS_MAX  40U /* beyond one for each process */
#define LOOK_NSEC    100000000L
#define SEC_IN_NSECS 1000000000L

static int step_failed(const char *step)
{
        fprintf(stderr, "%s: %s\n", step, strerror(errno));
        return -1;
}

/* --- arguments --- */

static int usage(void)
{
        fputs("usage: exmachina-validate [--uid N] [--gid N] [--capabilities MASK] [--families "
              "MASK] "
              "[--timeout SEC] [--cpu SEC] [--memory BYTES] [--processes N] [--whole-proc] "
              "[--empty DIRECTORY]... -- PROGRAM [ARGUMENT]...\n",
              stderr);
        return EXIT_SANDBOX;
}

static bool parse_arguments(int argc, char **argv, Jail *jail)
{
        static const struct option options[] = {
                { "uid", required_argument, NULL, 'u' },
                { "gid", required_argument, NULL, 'g' },
                { "capabilities", required_argument, NULL, 'c' },
                { "families", required_argument, NULL, 'f' },
                { "timeout", required_argument, NULL, 't' },
                { "cpu", required_argument, NULL, 's' },
                { "memory", required_argument, NULL, 'm' },
                { "processes", required_argument, NULL, 'p' },
                { "whole-proc", no_argument, NULL, 'w' },
                { "empty", required_argument, NULL, 'e' },
                { 0 },
        };
        uint64_t *numbers[128] = { ['c'] = &jail->capabilities, ['f'] = &jail->families,
                                   ['t'] = &jail->timeout_sec,  ['s'] = &jail->cpu_seconds,
                                   ['m'] = &jail->memory_bytes, ['p'] = &jail->processes };
        uint64_t uid = 0, gid = 0;
        unsigned n_empty = 0;
        int option;

        numbers['u'] = &uid;
        numbers['g'] = &gid;
        while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (option == 'w')
                        jail->whole_proc = true;
                else if (option == 'e' && n_empty < EMPTY_MAX)
                        jail->empty[n_empty++] = optarg;
                else if (option > 127 || !numbers[option] ||
                         !arguments_number(optarg, UINT64_MAX, numbers[option]))
                        return false;
        }
        jail->uid = (uid_t)uid;
        jail->gid = (gid_t)gid;
        jail->command = argv + optind;
        return uid <= ARGUMENTS_ID_MAX && gid <= ARGUMENTS_ID_MAX && jail->timeout_sec > 0 &&
               jail->cpu_seconds > 0 && jail->memory_bytes > 0 && jail->processes > 0 &&
               optind < argc;
}

/* --- the three processes --- */

/* Returns only if it fails. */
static int become_checker(const Jail *jail, int control)
{
        char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char locale[] = "LC_ALL=C", home[] = "HOME=/";
        char *environment[] = { path, locale, home, NULL };
        sigset_t none;

        if (jail_enter(jail) < 0)
                return EXIT_SANDBOX;
        sigemptyset(&none);
        signal(SIGPIPE, SIG_DFL);
        if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
                return EXIT_SANDBOX;
        execve(jail->command[0], jail->command, environment);
        dprintf(control, "%s: %s\n", jail->command[0], strerror(errno));
        return EXIT_SANDBOX;
}

/* Waits for all that are orphaned too. Returns: the checker's status. */
static int wait_for(pid_t checker)
{
        int status = 0;
        pid_t ended;

        do
                ended = wait(&status);
        while (ended != checker && (ended >= 0 || errno == EINTR));
        return status;
}

static int be_first(const Jail *jail, int control)
{
        pid_t checker;
        int status;

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || jail_mount_proc(jail) < 0)
                return EXIT_SANDBOX;
        checker = fork();
        if (checker < 0)
                return step_failed("fork");
        if (checker == 0)
                _exit(become_checker(jail, control));
        status = wait_for(checker);
        if (WIFSIGNALED(status))
                dprintf(control, "signal %d\n", WTERMSIG(status));
        else
                dprintf(control, "exit %d\n", WEXITSTATUS(status));
        return EXIT_SUCCESS;
}

/* Threads of all processes in the new PID namespace. RLIMIT_NPROC does not bind uid 0, and the
 * unit's TasksMax= only does where systemd has the pids controller. */
static uint64_t count_threads(void)
{
        const struct dirent *entry;
        uint64_t n = 0;
        struct stat st;
        DIR *proc;

        /* This process is in /proc only as long as it is still that of the machine. */
        if (access("/proc/self", F_OK) == 0 || !(proc = opendir("/proc")))
                return 0;
        while ((entry = readdir(proc))) {
                char name[32];

                if (!isdigit((unsigned char)entry->d_name[0]))
                        continue;
                snprintf(name, sizeof(name), "%.20s/task", entry->d_name);
                if (fstatat(dirfd(proc), name, &st, 0) == 0 && st.st_nlink > 2)
                        n += st.st_nlink - 2;
        }
        closedir(proc);
        return n;
}

/* Returns: false at `end`; else it may have waited for as long as until the next look. */
static bool wait_a_little(const struct timespec *end, const sigset_t *signals)
{
        struct timespec now, left;

        clock_gettime(CLOCK_MONOTONIC, &now);
        left = (struct timespec){ end->tv_sec - now.tv_sec, end->tv_nsec - now.tv_nsec };
        if (left.tv_nsec < 0) {
                left.tv_nsec += SEC_IN_NSECS;
                left.tv_sec--;
        }
        if (left.tv_sec < 0)
                return false;
        if (left.tv_sec > 0 || left.tv_nsec > LOOK_NSEC)
                left = (struct timespec){ .tv_nsec = LOOK_NSEC };
        sigtimedwait(signals, NULL, &left);
        return true;
}

/* Returns: NULL when the child has ended by itself; the verdict if it had to be ended. */
static const char *wait_in_bounds(pid_t child, const Jail *jail, const sigset_t *signals)
{
        const char *verdict = NULL;
        struct timespec end;

        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += (time_t)jail->timeout_sec;
        while (!verdict) {
                if (waitpid(child, NULL, WNOHANG) == child)
                        return NULL;
                if (!wait_a_little(&end, signals))
                        verdict = "timeout";
                else if (count_threads() > jail->processes + THREADS_MAX)
                        verdict = "signal 9";
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        return verdict;
}

static int run(const Jail *jail, int control)
{
        const char *verdict;
        sigset_t signals;
        pid_t first;

        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || unshare(CLONE_NEWPID) < 0)
                return step_failed("PID namespace");
        first = fork();
        if (first < 0)
                return step_failed("fork");
        if (first == 0)
                _exit(be_first(jail, control) == 0 ? EXIT_SUCCESS : EXIT_SANDBOX);
        verdict = wait_in_bounds(first, jail, &signals);
        if (verdict)
                dprintf(control, "%s\n", verdict);
        return 0;
}

/* The staged files have been read: the checker gets an empty input. */
static int replace_input(void)
{
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        return null >= 0 && dup2(null, STDIN_FILENO) >= 0 ? 0 : step_failed("/dev/null");
}

int main(int argc, char **argv)
{
        char *empty[EMPTY_MAX + 1] = { NULL };
        Jail jail = { .empty = empty };
        int control;

        if (!parse_arguments(argc, argv, &jail))
                return usage();
        if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return step_failed("descriptors") < 0 ? EXIT_SANDBOX : 0;
        control = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (control < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
                step_failed("mount namespace");
                return EXIT_SANDBOX;
        }
        if (future_apply(STDIN_FILENO) < 0 || jail_empty(&jail) < 0 || replace_input() < 0 ||
            run(&jail, control) < 0)
                return EXIT_SANDBOX;
        return EXIT_SUCCESS;
}
