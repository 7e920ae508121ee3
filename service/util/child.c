/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child.c - posix_spawn, pidfd, reap.
 *
 * The event source on the pidfd outlives its Child when that is freed while the process runs: it is
 * made floating then and reaps by itself.
 */
#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

struct Child {
        pid_t pid;
        int pidfd;
        sd_event_source *source;
        ChildExited exited;
        void *userdata;
        bool orphaned; /* the owner called child_free() */
};

static void child_destroy(Child *child)
{
        sd_event_source_disable_unref(child->source);
        if (child->pidfd >= 0)
                close(child->pidfd);
        free(child);
}

static int on_exit_event(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Child *child = userdata;
        siginfo_t info = { 0 };

        if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) < 0 && errno == EINTR)
                return 0;
        if (info.si_pid == 0 && info.si_code == 0)
                return 0;

        child->pid = 0;
        if (child->orphaned) {
                child_destroy(child);
                return 0;
        }
        sd_event_source_set_enabled(child->source, SD_EVENT_OFF);
        child->exited(info.si_code, info.si_status, child->userdata);
        return 0;
}

/* Two steps, since a source may sit on a target number: sources go above every target first. The
 * dup3 of file actions clears close-on-exec, as wanted. */
static int prepare_actions(posix_spawn_file_actions_t *actions, const int *fds, size_t n_fds)
{
        int r;

        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        for (size_t i = 0; r == 0 && i < n_fds; i++) {
                if (fds[i] >= 0)
                        r = posix_spawn_file_actions_adddup2(actions, fds[i], (int)i + 1);
                else if (i != 1)
                        r = posix_spawn_file_actions_addopen(actions, (int)i + 1, "/dev/null",
                                                             O_RDWR, 0);
        }
        if (r == 0 && n_fds < 1)
                r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_RDWR,
                                                     0);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions,
                                                             n_fds < 2 ? 3 : (int)n_fds + 1);
        return -r;
}

static int spawn(pid_t *ret, const char *path, char *const argv[], const int *fds, size_t n_fds)
{
        char *const no_environment[] = { NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attr;
        sigset_t none, all;
        int r;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attr);
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attr, &none);
        posix_spawnattr_setsigdefault(&attr, &all);
        posix_spawnattr_setpgroup(&attr, 0);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                POSIX_SPAWN_SETPGROUP);
        r = prepare_actions(&actions, fds, n_fds);
        if (r == 0)
                r = -posix_spawn(ret, path, &actions, &attr, argv, no_environment);
        posix_spawnattr_destroy(&attr);
        posix_spawn_file_actions_destroy(&actions);
        return r;
}

/* Copies of `fds` that lie above every target number, so that no dup2 overwrites a later source. */
static int lift_fds(const int *fds, size_t n_fds, int *ret)
{
        for (size_t i = 0; i < n_fds; i++)
                ret[i] = -1;
        for (size_t i = 0; i < n_fds; i++) {
                if (fds[i] < 0)
                        continue;
                ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)n_fds + 3);
                if (ret[i] < 0)
                        return -errno;
        }
        return 0;
}

int child_spawn(Child **ret, sd_event *event, const char *path, char *const argv[], const int *fds,
                size_t n_fds, ChildExited exited, void *userdata)
{
        int lifted[8] = { -1 };
        Child *child;
        int r;

        if (n_fds > ELEMENTSOF(lifted))
                return -EINVAL;
        child = calloc(1, sizeof(*child));
        if (!child)
                return -ENOMEM;
        *child = (Child){ .pidfd = -1, .exited = exited, .userdata = userdata };

        r = lift_fds(fds, n_fds, lifted);
        if (r == 0)
                r = spawn(&child->pid, path, argv, lifted, n_fds);
        for (size_t i = 0; i < n_fds; i++)
                if (lifted[i] >= 0)
                        close(lifted[i]);
        if (r < 0) {
                free(child);
                return r;
        }

        /* Not reaped yet, so the pid is still this process. */
        child->pidfd = pidfd_open(child->pid, 0);
        r = child->pidfd < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_io(event, &child->source, child->pidfd, EPOLLIN, on_exit_event,
                                    child);
        if (r < 0) {
                kill(child->pid, SIGKILL);
                while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
                child_destroy(child);
                return r;
        }
        *ret = child;
        return 0;
}

pid_t child_pid(const Child *child)
{
        return child->pid;
}

Child *child_free(Child *child)
{
        if (!child)
                return NULL;
        if (child->pid == 0) {
                child_destroy(child);
                return NULL;
        }
        child->orphaned = true;
        pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
        return NULL;
}
