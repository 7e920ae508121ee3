/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unlock.c - Unlock: its turn by the throttle, the check in a thread, the binding.
 *
 * Wrong keys only cost time, and only their own user's: each takes a token of its uid, a right one
 * gives its token back, and who finds none waits for his turn. The key's text is never copied here:
 * the call holds the message, and wipes it at its end.
 */
#include <errno.h>
#include <string.h>

#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "bus/right/binding.h"
#include "bus/right/key-watch.h"
#include "commit/moment.h"
#include "util/hide-key.h"
#include "util/log.h"

#define MAX_WAITING_USER 64U

typedef struct Unlock {
        sd_event_source *timer; /* set: it waits for its turn */
        KeyStore *store;
        const char *text; /* of the message */
        uint64_t moment;  /* of the watch, before the key was read */
        Key *key;
        int r;
        Failure failure;
} Unlock;

static void unlock_free(void *userdata)
{
        Unlock *unlock = userdata;

        sd_event_source_disable_unref(unlock->timer);
        key_unref(unlock->key);
        failure_done(&unlock->failure);
        free(unlock);
}

/* --- the check --- */

static void unlock_work(void *userdata)
{
        Call *call = userdata;
        Unlock *unlock = call->state;

        unlock->r = key_store_unlock(unlock->store, unlock->text, call->uid, &unlock->key,
                                     &unlock->failure);
}

static void check(Call *call);

static void finish(Call *call, Unlock *unlock)
{
        Manager *m = call->manager;
        _cleanup_free_ char *authority = NULL;
        int r = unlock->r;

        if (r != 0) {
                failure_move(&call->failure, &unlock->failure);
                call_fail(call, r);
                return;
        }
        throttle_give_back(m->unlocks, call->uid, moment_now(CLOCK_MONOTONIC));
        authority = key_authority(unlock->key);
        r = authority ? call_set_authority(call, authority) : -ENOMEM;
        if (r == 0)
                r = peer_bind_key(call->peer, TAKE_PTR(unlock->key));
        if (r == 0)
                call_reply(call, "s", call->peer->key->name);
        else
                call_fail(call, r);
}

static void on_checked(void *userdata)
{
        Call *call = userdata;
        Unlock *unlock = call->state;

        if (!call->dead) {
                /* Was it revoked since it was read? Then it is read again, and so it is if nobody
                 * watched. */
                if (unlock->r == 0 &&
                    (key_watch_start(call->manager->key_watch) < 0 ||
                     key_watch_moment(call->manager->key_watch) != unlock->moment)) {
                        unlock->key = key_unref(unlock->key);
                        check(call);
                } else {
                        finish(call, unlock);
                }
        }
        call_unref(call);
}

static void check(Call *call)
{
        Unlock *unlock = call->state;
        int r;

        r = key_watch_start(call->manager->key_watch);
        unlock->moment = key_watch_moment(call->manager->key_watch);
        if (r >= 0 || r == -ENOENT)
                r = task_run(call->manager->pool, unlock_work, on_checked, call_ref(call));
        else
                call_ref(call);
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

/* The name within the text, which is no secret: for the record, before it is known to be right. */
static int note_name(Call *call, const char *text)
{
        _cleanup_free_ char *name = NULL;
        size_t prefix = strlen(KEY_TEXT_PREFIX);

        if (strncmp(text, KEY_TEXT_PREFIX, prefix) == 0) {
                name = strndup(text + prefix, strcspn(text + prefix, "_"));
                if (!name)
                        return -ENOMEM;
        }
        call->about_key = strdup(name && key_name_is_valid(name) ? name : "");
        return call->about_key ? 0 : -ENOMEM;
}

static void start(Call *call)
{
        Unlock *unlock = call->state;
        int r;

        r = note_name(call, unlock->text);
        if (r == 0)
                check(call);
        else
                call_fail(call, r);
}

/* --- its turn --- */

static const Unlock *waiting(const Call *call)
{
        const Unlock *unlock = call->state;

        return call->method->run == method_authority_unlock && unlock && unlock->timer ? unlock
                                                                                       : NULL;
}

static int wait_for_turn(Call *call, uint64_t usec);

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
        Call *call = userdata;
        Unlock *unlock = call->state;
        uint64_t wait = 0;
        int r;

        r = throttle_take(call->manager->unlocks, call->uid, moment_now(CLOCK_MONOTONIC), &wait);
        if (r > 0)
                r = wait_for_turn(call, wait);
        else if (r == 0) {
                unlock->timer = sd_event_source_disable_unref(unlock->timer);
                start(call);
        }
        if (r < 0)
                call_fail(call, r);
        return 0;
}

static int wait_for_turn(Call *call, uint64_t usec)
{
        Unlock *unlock = call->state;
        int r;

        if (!unlock->timer)
                return sd_event_add_time_relative(call->manager->event, &unlock->timer,
                                                  CLOCK_MONOTONIC, usec, 1, on_turn, call);
        r = sd_event_source_set_time_relative(unlock->timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(unlock->timer, SD_EVENT_ONESHOT);
}

static int too_many(Call *call, uint64_t usec)
{
        return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                           "too many keys were tried: wait for the answer that is under way, at "
                           "least %llu ms",
                           (unsigned long long)(usec / 1000 + 1));
}

/* A call that comes now does not overtake those of the same user that wait. */
static int take_turn(Call *call)
{
        const Manager *m = call->manager;
        uint64_t wait = UNLOCK_REFILL_USEC;
        unsigned n_user = 0;
        bool same_peer = false;
        const Call *other;
        int r = 1;

        LIST_FOREACH(other, &m->calls, entry) {
                if (!waiting(other) || other->uid != call->uid)
                        continue;
                n_user++;
                same_peer = same_peer || other->peer == call->peer;
        }
        if (n_user == 0)
                r = throttle_take(m->unlocks, call->uid, moment_now(CLOCK_MONOTONIC), &wait);
        if (r == 0)
                start(call);
        if (r <= 0)
                return r;
        wait += n_user * UNLOCK_REFILL_USEC;
        if (same_peer || n_user >= MAX_WAITING_USER)
                return too_many(call, wait);
        return wait_for_turn(call, wait) < 0 ? -ENOMEM : 0;
}

int method_authority_unlock(Call *call)
{
        Unlock *unlock;

        if (idle_is_stopping(call->manager->idle))
                return failure_set(&call->failure, EXM_E_TIMEOUT,
                                   "the service is about to be started anew: call again");
        unlock = calloc(1, sizeof(*unlock));
        if (!unlock)
                return -ENOMEM;
        unlock->store = call->manager->keys;
        unlock->text = call->args.arg[0].s;
        call_set_state(call, unlock, unlock_free);
        return take_turn(call);
}
