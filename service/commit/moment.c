/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * moment.c - clocks and the boot id.
 *
 * Deadlines are on CLOCK_BOOTTIME: it goes on in suspend, and nobody can set it. It starts anew at
 * each boot, which is why the boot is on record too.
 */
#include "commit/moment.h"

#include <stdlib.h>
#include <string.h>

#include <systemd/sd-id128.h>

#define USEC_PER_SEC 1000000ULL

uint64_t moment_now(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

int moment_boot_id(char ret[RECORD_BOOT_ID_SIZE])
{
        /* The unit hides what is not a process in /proc (ProcSubset=pid) and hands the id in as %b.
         */
        const char *given = secure_getenv("EXMACHINA_BOOT_ID");
        sd_id128_t id;
        int r;

        r = given ? sd_id128_from_string(given, &id) : sd_id128_get_boot(&id);
        if (r < 0)
                return r;
        sd_id128_to_string(id, ret);
        return 0;
}

int moment_start_pending(ChangeRecord *record)
{
        int r;

        r = moment_boot_id(record->boot_id);
        if (r < 0)
                return r;
        record->pending_since = moment_now(CLOCK_BOOTTIME);
        record->deadline = record->pending_since + record->confirm_within * USEC_PER_SEC;
        return 0;
}

int moment_is_this_boot(const ChangeRecord *record)
{
        char boot_id[RECORD_BOOT_ID_SIZE];
        int r;

        r = moment_boot_id(boot_id);
        return r < 0 ? r : strcmp(boot_id, record->boot_id) == 0;
}

int moment_is_over(const ChangeRecord *record)
{
        int r;

        r = moment_is_this_boot(record);
        if (r < 0)
                return r;
        return r == 0 || (record->deadline > 0 && moment_now(CLOCK_BOOTTIME) >= record->deadline);
}
