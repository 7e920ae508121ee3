/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.c - the daemon's own messages.
 */
#include "util/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

/* The macro of this header would put the line of log.c into every record. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* The one mutable variable of the program: threads read it. */
static atomic_int max_level = LOG_INFO;

void log_set_level(int level)
{
        atomic_store(&max_level, level);
}

void log_message(int level, const char *format, ...)
{
        va_list ap;

        if (level > atomic_load(&max_level))
                return;

        va_start(ap, format);
        if (getenv("JOURNAL_STREAM")) {
                sd_journal_printv(level, format, ap);
        } else {
                vfprintf(stderr, format, ap);
                fputc('\n', stderr);
        }
        va_end(ap);
}
