/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * name-locks.c - one list: those that are held, and those that wait, in their order.
 *
 * Which are held follows from the list alone; `on_held` runs from a source of the event loop, never
 * from within name_locks_take() or name_lock_end(), so the end of one call runs no other.
 */
#include "bus/change/name-locks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/strv.h"

#define WAITING_USER_MAX  16U
#define WAITING_TOTAL_MAX 128U

struct NameLock {
        TAILQ_ENTRY(NameLock) entry;
        NameLocks *owner;
        uid_t uid;
        char **names;
        bool first;
        bool held;
        bool told; /* `on_held` has run */
        NameLockHeld on_held;
        void *userdata;
};

struct NameLocks {
        TAILQ_HEAD(, NameLock) list;
        sd_event_source *tell;
};

static bool share(const NameLock *a, const NameLock *b)
{
        char **name;

        STRV_FOREACH(name, a->names)
                if (strv_contains(b->names, *name))
                        return true;
        return false;
}

/* One that was taken as the first may stand before others that are held. */
static bool must_wait(const NameLock *lock)
{
        const NameLock *other;
        bool earlier = true;

        TAILQ_FOREACH(other, &lock->owner->list, entry) {
                if (other == lock)
                        earlier = false;
                else if ((earlier || other->held) && share(other, lock))
                        return true;
        }
        return false;
}

static void begin_waiting(NameLocks *locks)
{
        NameLock *lock;

        TAILQ_FOREACH(lock, &locks->list, entry) {
                if (lock->held || must_wait(lock))
                        continue;
                lock->held = true;
                sd_event_source_set_enabled(locks->tell, SD_EVENT_ONESHOT);
        }
}

static NameLock *find_untold(const NameLocks *locks)
{
        NameLock *lock;

        TAILQ_FOREACH(lock, &locks->list, entry)
                if (lock->held && !lock->told)
                        return lock;
        return NULL;
}

/* What is told may end any lock, or take one: each round looks anew. */
static int on_tell(sd_event_source *source, void *userdata)
{
        NameLocks *locks = userdata;
        NameLock *lock;

        while ((lock = find_untold(locks))) {
                lock->told = true;
                lock->on_held(lock->userdata);
        }
        return 0;
}

static int check_waiting(const NameLocks *locks, uid_t uid, Failure *f)
{
        unsigned n_user = 0, n_total = 0;
        const NameLock *lock;

        TAILQ_FOREACH(lock, &locks->list, entry) {
                if (lock->held || lock->first)
                        continue;
                n_total++;
                n_user += lock->uid == uid;
        }
        if (n_user < WAITING_USER_MAX && n_total < WAITING_TOTAL_MAX)
                return 0;
        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                           "too many changes wait for others of the same validators and units (at "
                           "most %u of one user, %u in all); nothing was changed. Wait for some of "
                           "them",
                           WAITING_USER_MAX, WAITING_TOTAL_MAX);
}

static void insert(NameLocks *locks, NameLock *lock)
{
        NameLock *other;

        TAILQ_FOREACH(other, &locks->list, entry)
                if (lock->first && !other->held && !other->first) {
                        TAILQ_INSERT_BEFORE(other, lock, entry);
                        return;
                }
        TAILQ_INSERT_TAIL(&locks->list, lock, entry);
}

int name_locks_take(NameLocks *locks, uid_t uid, char **names, bool first, NameLockHeld on_held,
                    void *userdata, NameLock **ret, Failure *f)
{
        NameLock *lock;
        int r;

        r = first ? 0 : check_waiting(locks, uid, f);
        lock = r == 0 ? calloc(1, sizeof(*lock)) : NULL;
        if (!lock) {
                strv_free(names);
                return r == 0 ? -ENOMEM : r;
        }
        *lock = (NameLock){ .owner = locks,
                            .uid = uid,
                            .names = names,
                            .first = first,
                            .on_held = on_held,
                            .userdata = userdata };
        insert(locks, lock);
        begin_waiting(locks);
        *ret = lock;
        return 0;
}

NameLock *name_lock_end(NameLock *lock)
{
        NameLocks *locks;

        if (!lock)
                return NULL;
        locks = lock->owner;
        TAILQ_REMOVE(&locks->list, lock, entry);
        strv_free(lock->names);
        free(lock);
        begin_waiting(locks);
        return NULL;
}

int name_locks_new(NameLocks **ret, sd_event *event)
{
        NameLocks *locks;
        int r;

        locks = calloc(1, sizeof(*locks));
        if (!locks)
                return -ENOMEM;
        TAILQ_INIT(&locks->list);
        r = sd_event_add_defer(event, &locks->tell, on_tell, locks);
        if (r >= 0)
                r = sd_event_source_set_enabled(locks->tell, SD_EVENT_OFF);
        if (r < 0) {
                name_locks_free(locks);
                return r;
        }
        *ret = locks;
        return 0;
}

NameLocks *name_locks_free(NameLocks *locks)
{
        if (!locks)
                return NULL;
        sd_event_source_disable_unref(locks->tell);
        free(locks);
        return NULL;
}
