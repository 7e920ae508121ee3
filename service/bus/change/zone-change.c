/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zone-change.c - prepared in a thread, done by timedated, settled in a thread.
 *
 * timedated remembers the zone from when it was started, and does nothing when asked for that one,
 * also if somebody else has exchanged the link since. So it is first asked for what is set now.
 * Where that is no zone, it cannot be; if then its yes has changed nothing, it is led astray once:
 * what it remembers can only be the zone that is wanted.
 *
 * What it works on is its own, not the call's: it outlives the caller, and while a thread has it
 * the loop does not touch it.
 */
#include "bus/change/zone-change.h"

#include <errno.h>
#include <string.h>

#include "bus/change/commit-options.h"
#include "bus/change/signals.h"
#include "commit/zone.h"
#include "files/localtime.h"

typedef struct ZoneChange {
        Call *call; /* counted */
        Journal *journal;
        ChangeRecord record;
        char *zone, *expected;
        Failure answer; /* timedated's */
        bool said_yes;
        bool led_astray, again;
        int r;
        Failure failure; /* the journal's */
        void (*next)(Call *call);
} ZoneChange;

static void zone_change_free(ZoneChange *z)
{
        z->call->manager->zone_change = NULL;
        change_record_done(&z->record);
        failure_done(&z->answer);
        failure_done(&z->failure);
        free(z->zone);
        free(z->expected);
        call_unref(z->call);
        free(z);
}

/* Tells the caller, if it is still there. */
static void zone_change_end(ZoneChange *z, int r, Failure *f)
{
        Call *call = call_ref(z->call);

        if (!call->dead) {
                if (r == 0) {
                        z->next(call);
                } else {
                        failure_move(&call->failure, f);
                        call_fail(call, r);
                }
        }
        zone_change_free(z);
        call_unref(call);
}

/* Its yes was to a zone that it remembers. */
static bool has_done_nothing(const ZoneChange *z)
{
        _cleanup_free_ char *now = NULL;

        return z->said_yes && !z->led_astray && localtime_read(&now) == 0 &&
               strcmp(now, z->record.zone_before) == 0;
}

static void settle_work(void *userdata)
{
        ZoneChange *z = userdata;

        z->again = has_done_nothing(z);
        if (z->again)
                return;
        z->r = zone_settle(z->journal, &z->record, z->answer.message, &z->failure);
}

static void lead_astray(ZoneChange *z);

static void on_settled(void *userdata)
{
        ZoneChange *z = userdata;
        Failure *f = &z->failure;
        int r = z->r;

        if (z->again) {
                lead_astray(z);
                return;
        }
        if (r == 0 && z->record.state == CHANGE_FAILED) {
                f = &z->answer;
                r = f->condition != EXM_E_NONE
                            ? (int)f->condition
                            : failure_set(f, EXM_E_REFUSED, "%s", z->record.reason);
        }
        z->call->change = z->record.id;
        if (r == 0)
                r = clock_note_zone(z->call->manager->clock, z->zone);
        if (r == 0)
                signals_committed(z->call->manager, &z->record, NULL);
        zone_change_end(z, r, f);
}

static void on_set(int r, Failure *f, char *const *zones, void *userdata)
{
        ZoneChange *z = userdata;

        if (f)
                failure_move(&z->answer, f);
        z->said_yes = r == 0;
        /* At the end of the service it stays prepared: the next start settles it. */
        if (r == -ECANCELED) {
                zone_change_free(z);
                return;
        }
        r = task_run(z->call->manager->pool, settle_work, on_settled, z);
        if (r < 0)
                zone_change_end(z, r, NULL);
}

static void set_zone(ZoneChange *z, const char *zone, ClockDone done)
{
        int r;

        r = clock_set_zone(z->call->manager->clock, zone, done, z);
        if (r < 0)
                zone_change_end(z, r, NULL);
}

/* Whether it could or not, the second call decides; but one that answers nothing is not given
 * another call, which it would make after the change was found to have failed. */
static void on_reminded(int r, Failure *f, char *const *zones, void *userdata)
{
        ZoneChange *z = userdata;

        if (r == -ECANCELED || r == EXM_E_TIMEOUT)
                on_set(r, f, zones, z);
        else
                set_zone(z, z->zone, on_set);
}

static void lead_astray(ZoneChange *z)
{
        z->led_astray = true;
        set_zone(z, strcmp(z->zone, "UTC") == 0 ? "Etc/UTC" : "UTC", on_reminded);
}

static void prepare_work(void *userdata)
{
        ZoneChange *z = userdata;

        z->r = zone_prepare(z->journal, &z->record, z->zone, z->expected, &z->failure);
}

static void on_prepared(void *userdata)
{
        ZoneChange *z = userdata;

        if (z->r != 0 || z->record.id == 0)
                zone_change_end(z, z->r, &z->failure);
        else if (*z->record.zone_before)
                set_zone(z, z->record.zone_before, on_reminded);
        else
                set_zone(z, z->zone, on_set);
}

int zone_change_start(Call *call, const char *zone, const char *expected, uint64_t reverts,
                      void (*next)(Call *call))
{
        Manager *m = call->manager;
        ZoneChange *z;
        int r;

        if (m->zone_change)
                return failure_set(&call->failure, EXM_E_BUSY,
                                   "another change of the time zone is under way: try again");
        z = calloc(1, sizeof(*z));
        if (!z)
                return -ENOMEM;
        *z = (ZoneChange){ .call = call_ref(call), .journal = m->journal, .next = next };
        z->zone = strdup(zone);
        z->expected = expected ? strdup(expected) : NULL;
        r = z->zone && (z->expected || !expected) ? commit_options_record(call, &z->record)
                                                  : -ENOMEM;
        m->zone_change = z;
        if (r == 0) {
                z->record.reverts = reverts;
                r = task_run(m->pool, prepare_work, on_prepared, z);
        }
        if (r < 0) {
                zone_change_free(z);
                return r;
        }
        call->past_return = true;
        return 0;
}
