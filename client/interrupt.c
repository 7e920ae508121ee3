/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.c - see interrupt.h. The signals are blocked and read, so that none is missed between a
 * look and the wait that follows it.
 */
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

int interrupt_begin(Interrupt *i)
{
        static const int caught[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t set;

        sigemptyset(&set);
        for (size_t n = 0; n < ELEMENTSOF(caught); n++) {
                struct sigaction action;

                /* Blocked signals are kept even where they are ignored. */
                if (sigaction(caught[n], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
                        sigaddset(&set, caught[n]);
        }
        i->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (i->signals < 0)
                return -errno;
        sigprocmask(SIG_BLOCK, &set, &i->before);
        return 0;
}

void interrupt_end(Interrupt *i)
{
        if (i->signals < 0)
                return;
        close(i->signals);
        i->signals = -1;
        sigprocmask(SIG_SETMASK, &i->before, NULL);
}

static int wait_for(const Interrupt *i, int fd, short events, uint64_t usec, int *ret)
{
        const struct timespec timeout = { .tv_sec = (time_t)(usec / 1000000),
                                          .tv_nsec = (long)(usec % 1000000) * 1000 };
        struct pollfd fds[] = { { .fd = i->signals, .events = POLLIN },
                                { .fd = fd, .events = events } };
        struct signalfd_siginfo info;

        if (ppoll(fds, ELEMENTSOF(fds), usec == UINT64_MAX ? NULL : &timeout, NULL) < 0)
                return errno == EINTR ? 0 : -errno;
        if (!fds[0].revents || read(i->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return 0;
        *ret = (int)info.ssi_signo;
        return -EINTR;
}

int interrupt_wait(const Interrupt *i, int fd, uint64_t usec, int *ret)
{
        return wait_for(i, fd, POLLIN, usec, ret);
}

void interrupt_end_line(void)
{
        if (isatty(STDERR_FILENO))
                fputc('\n', stderr);
}

uint64_t interrupt_now(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int interrupt_wait_for_bus(const Interrupt *i, sd_bus *bus, uint64_t moment, int *ret)
{
        uint64_t of_bus, now = interrupt_now();
        int events, r;

        events = sd_bus_get_events(bus);
        if (events < 0)
                return events;
        r = sd_bus_get_timeout(bus, &of_bus);
        if (r < 0)
                return r;
        moment = of_bus < moment ? of_bus : moment;
        return wait_for(i, sd_bus_get_fd(bus), (short)events,
                        moment == UINT64_MAX ? UINT64_MAX
                        : moment > now       ? moment - now
                                             : 0,
                        ret);
}
