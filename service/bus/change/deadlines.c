/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadlines.c - a list of (change, deadline) and one timer for the nearest.
 */
#include "bus/change/deadlines.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "bus/call/idle.h"
#include "bus/change/commit-turn.h"
#include "bus/change/name-locks.h"
#include "bus/change/unit-jobs.h"
#include "bus/change/unit-timer.h"
#include "commit/moment.h"
#include "commit/recover.h"
#include "units/once.h"
#include "util/log.h"
#include "util/strv.h"

/* A revert that failed for now (a full disk) is tried again. */
#define RETRY_USEC (10 * 1000000ULL)

typedef struct Pending {
        LIST_ENTRY(Pending) entry;
        Deadlines *deadlines;
        uint64_t id, deadline;
        char **names;   /* of its turn: its units */
        NameLock *turn; /* held or waited for, to take it back */
        char timer[64]; /* systemd's, without suffix */
        bool running;   /* it is being taken back, and outlives its end until that is over */
        bool keeping;   /* Confirm or Extend is at work */
        bool forgotten; /* it is not pending any more */
        bool resumed;   /* recovery has put its files back, and its units are to follow */
} Pending;

struct Deadlines {
        Manager *manager;
        void (*reverted)(Manager *m, uint64_t id, const char *reason);
        sd_event_source *timer;
        LIST_HEAD(, Pending) pending;
};

static Pending *find_any(const Deadlines *d, uint64_t id)
{
        Pending *p;

        LIST_FOREACH(p, &d->pending, entry)
                if (p->id == id)
                        return p;
        return NULL;
}

static Pending *find(const Deadlines *d, uint64_t id)
{
        Pending *p = find_any(d, id);

        return p && !p->forgotten ? p : NULL;
}

static void set_timer(Deadlines *d)
{
        uint64_t nearest = UINT64_MAX;
        const Pending *p;

        LIST_FOREACH(p, &d->pending, entry)
                if (!p->running && !p->keeping && !p->forgotten && p->deadline < nearest)
                        nearest = p->deadline;
        if (nearest == UINT64_MAX) {
                sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
                return;
        }
        sd_event_source_set_time(d->timer, nearest);
        sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

static void pending_free(Pending *p)
{
        LIST_REMOVE(p, entry);
        name_lock_end(p->turn);
        strv_free(p->names);
        free(p);
}

static void settled_at_start(Deadlines *d, uint64_t id);

static void tell_reverted(Pending *p, int r, const char *why)
{
        Deadlines *d = p->deadlines;

        audit_write(d->manager->audit,
                    &(AuditRecord){ .uid = 0,
                                    .method = "deadline",
                                    .authority = "deadline",
                                    .outcome = r == 0 ? "done" : condition_to_dbus_name(r),
                                    .change = p->id });
        if (r == 0)
                log_notice("Change %" PRIu64 " was not confirmed and has been taken back.", p->id);
        else
                log_error("Change %" PRIu64 " was not confirmed and could not be wholly taken "
                          "back: %s",
                          p->id, why);
        if (r == 0)
                d->reverted(d->manager, p->id, "deadline");
        else
                deadlines_forget(d, p->id);
}

/* `record`: it has ended. */
static void on_reverted(int r, Failure *f, const ChangeRecord *record, void *userdata)
{
        Pending *p = userdata;
        Deadlines *d = p->deadlines;
        const char *why = f && f->message ? f->message : strerror(r < 0 ? -r : EPROTO);

        p->running = false;
        p->turn = name_lock_end(p->turn);
        if (record)
                unit_jobs_tell_manager(d->manager, record);
        if (p->forgotten) { /* confirmed, or taken back by somebody, just before */
                pending_free(p);
        } else if (record && p->resumed) {
                settled_at_start(d, p->id);
                deadlines_forget(d, p->id);
        } else if (record) {
                tell_reverted(p, r, why);
        } else {
                log_error("Change %" PRIu64 " could not be taken back yet: %s", p->id, why);
                p->deadline = moment_now(CLOCK_BOOTTIME) + RETRY_USEC;
        }
        set_timer(d);
        idle_touch(d->manager->idle);
}

static void on_turn(void *userdata)
{
        Pending *p = userdata;
        int r;

        r = commit_revert(p->deadlines->manager->committer, p->id,
                          p->resumed ? "interrupted, and taken back" : "deadline", on_reverted, p);
        if (r < 0)
                on_reverted(r, NULL, NULL, p);
}

/* It goes before all commits that wait for its units. */
static int start_revert(Pending *p)
{
        char **names = strv_copy(p->names);

        if (!names && p->names)
                return -ENOMEM;
        return name_locks_take(p->deadlines->manager->commit_locks, 0, names, /* first= */ true,
                               on_turn, p, &p->turn, NULL);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Deadlines *d = userdata;
        Pending *p;
        int r;

        LIST_FOREACH(p, &d->pending, entry) {
                if (p->running || p->keeping || p->forgotten || p->deadline > usec)
                        continue;
                p->running = true;
                r = start_revert(p);
                if (r < 0) {
                        p->running = false;
                        p->deadline = usec + RETRY_USEC;
                }
        }
        set_timer(d);
        return 0;
}

/* One second later than our own: it is for a service that does not run. Another deadline is another
 * timer. */
static void arm_systemd(Pending *p)
{
        uint64_t now = moment_now(CLOCK_BOOTTIME), left = p->deadline > now ? p->deadline - now : 0;
        Units *units = p->deadlines->manager->units;

        if (*p->timer)
                units_stop_timer(units, p->timer);
        snprintf(p->timer, sizeof(p->timer), "exmachina-deadline-%" PRIu64 "-%" PRIu64, p->id,
                 p->deadline);
        left += 1000000;
        units_start_timer(units, p->timer, "exmachina.service", &left, 1);
}

static Pending *add(Deadlines *d, const ChangeRecord *record)
{
        uint64_t id = record->id;
        Pending *p;

        p = calloc(1, sizeof(*p));
        if (p && commit_turn_names(record, &p->names) < 0) {
                free(p);
                p = NULL;
        }
        if (!p) {
                log_error("Change %" PRIu64
                          ": out of memory, its deadline is looked at only at the "
                          "next start",
                          id);
                return NULL;
        }
        p->deadlines = d;
        p->id = id;
        LIST_INSERT_HEAD(&d->pending, p, entry);
        return p;
}

void deadlines_watch(Deadlines *d, const ChangeRecord *record)
{
        Pending *p = find(d, record->id);

        if (!p)
                p = add(d, record);
        if (!p)
                return;
        p->deadline = record->deadline;
        set_timer(d);
        arm_systemd(p);
}

/* Goes on as if its deadline had come. */
static void resume(Deadlines *d, uint64_t id)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        Pending *p = NULL;

        if (journal_load(d->manager->journal, id, /* content= */ false, &record, &f) == 0)
                p = add(d, &record);
        if (!p) {
                log_error("Change %" PRIu64 ": its units stay as they are until the next start: %s",
                          id, f.message ?: "out of memory");
                return;
        }
        p->resumed = p->running = true;
        if (start_revert(p) < 0)
                p->running = false;
}

void deadlines_forget(Deadlines *d, uint64_t id)
{
        Pending *p = find(d, id);

        if (!p)
                return;
        p->forgotten = true;
        if (*p->timer)
                units_stop_timer(d->manager->units, p->timer);
        if (!p->running && !p->keeping)
                pending_free(p);
        set_timer(d);
        idle_touch(d->manager->idle);
}

static bool begin(Deadlines *d, uint64_t id, bool keep)
{
        Pending *p = find(d, id);

        if (!p || p->running || p->keeping)
                return false;
        p->keeping = keep;
        p->running = !keep;
        set_timer(d);
        return true;
}

static void end(Deadlines *d, uint64_t id)
{
        Pending *p = find_any(d, id);

        if (!p)
                return;
        p->keeping = p->running = false;
        if (p->forgotten)
                pending_free(p);
        set_timer(d);
        idle_touch(d->manager->idle);
}

bool deadlines_begin_keep(Deadlines *d, uint64_t id)
{
        return begin(d, id, /* keep= */ true);
}

void deadlines_end_keep(Deadlines *d, uint64_t id)
{
        end(d, id);
}

bool deadlines_begin_revert(Deadlines *d, uint64_t id)
{
        return begin(d, id, /* keep= */ false);
}

void deadlines_end_revert(Deadlines *d, uint64_t id)
{
        end(d, id);
}

bool deadlines_any(const Deadlines *d)
{
        return d && !LIST_EMPTY(&d->pending);
}

/* What became of one that was unfinished when the service started. */
static void settled_at_start(Deadlines *d, uint64_t id)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        char boot_id[RECORD_BOOT_ID_SIZE];
        bool rebooted;

        if (journal_load(d->manager->journal, id, /* content= */ false, &record, &f) != 0)
                return;
        if (record.state == CHANGE_PENDING) {
                deadlines_watch(d, &record);
                return;
        }
        if (!change_state_is_finished(record.state))
                return;
        if (record.n_units > 0) /* at its end without their having been acted on now */
                unit_timer_stop(d->manager->units, id, /* back= */ true);
        audit_write(d->manager->audit,
                    &(AuditRecord){ .uid = 0,
                                    .method = "recovery",
                                    .authority = "recovery",
                                    .outcome = change_state_to_string(record.state),
                                    .message = record.reason,
                                    .change = id });
        rebooted = moment_boot_id(boot_id) == 0 && strcmp(boot_id, record.boot_id) != 0;
        if (record.state == CHANGE_REVERTED)
                d->reverted(d->manager, id, rebooted ? "reboot" : "deadline");
}

/* Blocking: nothing is served yet. */
static void recover_at_start(Deadlines *d)
{
        _cleanup_(recovery_done) Recovery recovery = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ uint64_t *ids = NULL;
        Manager *m = d->manager;
        size_t n = 0;
        int r;

        r = journal_unfinished(m->journal, &ids, &n, &f);
        if (r == 0)
                r = recover_all(m->journal, m->roots, &recovery, &f);
        if (r != 0)
                log_error("Unfinished changes cannot be brought to an end: %s",
                          f.message ?: strerror(r < 0 ? -r : EPROTO));
        if (recovery.reload_manager)
                units_reload_manager(m->units);
        for (size_t i = 0; i < recovery.n_due; i++)
                resume(d, recovery.due[i]);
        for (size_t i = 0; i < n; i++)
                if (!find(d, ids[i]))
                        settled_at_start(d, ids[i]);
}

int deadlines_new(Deadlines **ret, Manager *m,
                  void (*reverted)(Manager *m, uint64_t id, const char *reason))
{
        Deadlines *d;
        int r;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;
        d->manager = m;
        d->reverted = reverted;
        LIST_INIT(&d->pending);
        r = sd_event_add_time(m->event, &d->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_deadline,
                              d);
        if (r >= 0)
                r = sd_event_source_set_enabled(d->timer, SD_EVENT_OFF);
        if (r < 0) {
                deadlines_free(d);
                return r;
        }
        *ret = d;
        if (journal_has_unfinished(m->journal))
                recover_at_start(d);
        return 0;
}

Deadlines *deadlines_free(Deadlines *d)
{
        Pending *p;

        if (!d)
                return NULL;
        while ((p = LIST_FIRST(&d->pending)))
                pending_free(p);
        sd_event_source_disable_unref(d->timer);
        free(d);
        return NULL;
}
