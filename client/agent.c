/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * agent.c - see agent.h.
 *
 * --fallback lets an agent of the desktop go first. polkit never asks such an agent for a process
 * that is in no login session; there no other one can be, and ours is the first. pkttyagent closes
 * the descriptor that it was told of when it is registered; it dies with us.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "util/macro.h"

#define AGENT           "/usr/bin/pkttyagent"
#define AGENT_WAIT_MSEC 10000

static void run_agent(int notify, pid_t parent, bool in_session)
{
        char fd[16];

        snprintf(fd, sizeof(fd), "%d", notify);
        if (fcntl(notify, F_SETFD, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 ||
            getppid() != parent)
                _exit(1);
        if (in_session)
                execl(AGENT, AGENT, "--notify-fd", fd, "--fallback", (char *)NULL);
        else
                execl(AGENT, AGENT, "--notify-fd", fd, (char *)NULL);
        _exit(127);
}

/* Ctrl-C ends it, too. */
static bool has_ended(const Agent *agent)
{
        siginfo_t info = { 0 };

        return waitid(P_PID, (id_t)agent->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
               info.si_pid != 0;
}

/* It asks there, wherever standard input is. */
static bool has_controlling_terminal(void)
{
        _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

        return fd >= 0;
}

void agent_open(Agent *agent)
{
        pid_t parent = getpid(), child;
        struct pollfd registered;
        bool in_session;
        int ends[2];

        if (agent->pid > 0 && !has_ended(agent))
                return;
        agent_close(agent);
        if (geteuid() == 0 || tcgetattr(STDIN_FILENO, &agent->before) < 0 ||
            !isatty(STDERR_FILENO) || !has_controlling_terminal() || access(AGENT, X_OK) < 0 ||
            pipe2(ends, O_CLOEXEC) < 0)
                return;
        in_session = sd_pid_get_session(0, NULL) >= 0;
        child = fork();
        if (child == 0)
                run_agent(ends[1], parent, in_session);
        close(ends[1]);
        registered = (struct pollfd){ .fd = ends[0], .events = POLLIN };
        if (child > 0) {
                agent->pid = child;
                while (poll(&registered, 1, AGENT_WAIT_MSEC) < 0 && errno == EINTR)
                        ;
        }
        close(ends[0]);
}

void agent_close(Agent *agent)
{
        if (agent->pid <= 0)
                return;
        kill(agent->pid, SIGTERM);
        kill(agent->pid, SIGCONT);
        while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        agent->pid = 0;
        /* In the background the terminal is not ours to change. */
        if (tcgetpgrp(STDIN_FILENO) == getpgrp())
                tcsetattr(STDIN_FILENO, TCSADRAIN, &agent->before);
}
