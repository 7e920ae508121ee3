/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.c - see interrupt.h. What a signal says is ready beforehand: a handler may do no more
 * than write it.
 */
#include "interrupt.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exit-status.h"

static const int interrupts[] = { SIGINT, SIGTERM, SIGHUP };
static struct sigaction before[ELEMENTSOF(interrupts)];
static char last_words[320];

static void on_interrupt(_unused_ int number)
{
        ssize_t n = write(STDERR_FILENO, last_words, strlen(last_words));

        _exit(n < 0 ? EXIT_FAILED : EXIT_UNKNOWN);
}

void interrupt_catch(const char *format, ...)
{
        const struct sigaction action = { .sa_handler = on_interrupt };
        char words[256];
        va_list list;

        va_start(list, format);
        vsnprintf(words, sizeof(words), format, list);
        va_end(list);
        snprintf(last_words, sizeof(last_words), "\nexmachinactl: interrupted; %s\n", words);
        for (size_t i = 0; i < ELEMENTSOF(interrupts); i++) {
                sigaction(interrupts[i], &action, &before[i]);
                if (before[i].sa_handler == SIG_IGN)
                        sigaction(interrupts[i], &before[i], NULL);
        }
}

void interrupt_release(void)
{
        for (size_t i = 0; i < ELEMENTSOF(interrupts); i++)
                sigaction(interrupts[i], &before[i], NULL);
}
