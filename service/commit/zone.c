/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zone.c - prepare and settle.
 */
#include "commit/zone.h"

#include <errno.h>
#include <string.h>

#include "commit/batch.h"
#include "files/localtime.h"

int zone_prepare(Journal *journal, ChangeRecord *record, const char *zone, const char *expected,
                 Failure *f)
{
        int r;

        r = localtime_read(&record->zone_before);
        if (r < 0)
                return r;
        if (expected && strcmp(record->zone_before, expected) != 0)
                return failure_set(f, EXM_E_CONFLICT,
                                   "the time zone has been changed since, to %s; nothing was "
                                   "changed",
                                   *record->zone_before ? record->zone_before : "one of no name");
        if (strcmp(record->zone_before, zone) == 0)
                return 0;
        record->zone_after = strdup(zone);
        if (!record->zone_after)
                return -ENOMEM;
        r = batch_fill_in(record);
        return r == 0 ? journal_prepare(journal, record, f) : r;
}

int zone_settle(Journal *journal, ChangeRecord *record, const char *why, Failure *f)
{
        _cleanup_free_ char *now = NULL;
        char *reason = NULL;
        int r;

        r = localtime_read(&now);
        if (r < 0)
                return r;
        record->state = strcmp(now, record->zone_after) == 0 ? CHANGE_APPLIED : CHANGE_FAILED;
        if (record->state == CHANGE_FAILED) {
                r = asprintf(&reason, "%s; the time zone is %s", why ?: "not set",
                             *now ? now : "one of no name");
                if (r < 0)
                        return -ENOMEM;
                free(record->reason);
                record->reason = reason;
        }
        return journal_set_state(journal, record, /* durable= */ true, f);
}
