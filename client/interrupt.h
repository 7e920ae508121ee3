/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.h - Ctrl-C and its like (SIGINT, SIGTERM, SIGHUP) while something is waited for.
 *
 * Within a scope such a signal ends the wait, not the program: what was waited for is told, the
 * password agent ended, the terminal left as it was. Scopes can be nested; what is ignored stays
 * so. A signal that nobody has waited for comes when the outermost scope ends.
 */
#pragma once

#include <signal.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "util/macro.h"

typedef struct Interrupt {
        int signals; /* signalfd */
        sigset_t before;
} Interrupt;

/* Returns: 0, negative errno. */
int interrupt_begin(Interrupt *i);
void interrupt_end(Interrupt *i);
#define _cleanup_interrupt_ _cleanup_(interrupt_end)

/* Until `fd` can be read, or `usec` are over. Returns: 0; -EINTR, and *ret is the signal; another
 * negative errno. */
int interrupt_wait(const Interrupt *i, int fd, uint64_t usec, int *ret);
/* Until there is something for sd_bus_process(), or that moment (CLOCK_MONOTONIC, µs) has come.
 * Returns: the same. */
int interrupt_wait_for_bus(const Interrupt *i, sd_bus *bus, uint64_t moment, int *ret);

/* The terminal has shown ^C, perhaps behind something: what is said of it begins a line. */
void interrupt_end_line(void);

uint64_t interrupt_now(void);
