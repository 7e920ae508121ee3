/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * throttle.c - a bucket is one number: when it will be full again.
 *
 * What is missing in it is the time until then, in units of `refill`; a bucket whose time has come
 * is full, which is what a uid that is not known has.
 */
#include "auth/throttle.h"

#include <errno.h>

typedef struct Bucket {
        uid_t uid;
        uint64_t full_at;
} Bucket;

struct Throttle {
        uint64_t burst_usec, refill_usec;
        Bucket *buckets;
        size_t n, room;
};

int throttle_new(Throttle **ret, unsigned burst, uint64_t refill_usec)
{
        Throttle *throttle;

        throttle = calloc(1, sizeof(*throttle));
        if (!throttle)
                return -ENOMEM;
        throttle->burst_usec = burst * refill_usec;
        throttle->refill_usec = refill_usec;
        *ret = throttle;
        return 0;
}

Throttle *throttle_free(Throttle *throttle)
{
        if (!throttle)
                return NULL;
        free(throttle->buckets);
        free(throttle);
        return NULL;
}

/* Forgets the full ones. Returns: the bucket of `uid`, or NULL if it is full. */
static Bucket *find(Throttle *throttle, uid_t uid, uint64_t now)
{
        Bucket *found = NULL;

        for (size_t i = 0; i < throttle->n;) {
                Bucket *b = &throttle->buckets[i];

                if (b->full_at <= now) {
                        *b = throttle->buckets[--throttle->n];
                        continue;
                }
                if (b->uid == uid)
                        found = b;
                i++;
        }
        return found;
}

static Bucket *add(Throttle *throttle, uid_t uid, uint64_t now)
{
        size_t room = throttle->room ? 2 * throttle->room : 8;
        Bucket *grown;

        if (throttle->n == throttle->room) {
                grown = reallocarray(throttle->buckets, room, sizeof(*grown));
                if (!grown)
                        return NULL;
                throttle->buckets = grown;
                throttle->room = room;
        }
        throttle->buckets[throttle->n] = (Bucket){ .uid = uid, .full_at = now };
        return &throttle->buckets[throttle->n++];
}

int throttle_take(Throttle *throttle, uid_t uid, uint64_t now, uint64_t *ret_wait_usec)
{
        Bucket *b = find(throttle, uid, now);
        uint64_t missing;

        if (!b)
                b = add(throttle, uid, now);
        if (!b)
                return -ENOMEM;
        missing = b->full_at - now + throttle->refill_usec;
        if (missing > throttle->burst_usec) {
                *ret_wait_usec = missing - throttle->burst_usec;
                return 1;
        }
        b->full_at += throttle->refill_usec;
        return 0;
}

void throttle_give_back(Throttle *throttle, uid_t uid, uint64_t now)
{
        Bucket *b = find(throttle, uid, now);

        if (b)
                b->full_at -= throttle->refill_usec;
}

size_t throttle_count(const Throttle *throttle)
{
        return throttle->n;
}
