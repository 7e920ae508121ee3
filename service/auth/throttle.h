/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * throttle.h - a token bucket per uid: it delays, it never locks out.
 *
 * Pure but for its memory: the time is an argument. A uid that is not known has a full bucket, and
 * one whose bucket has filled up again is forgotten, so memory follows the uids that were busy
 * lately.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/macro.h"

typedef struct Throttle Throttle;

/* `burst` tokens, one more every `refill_usec`. Returns: 0 or -ENOMEM. */
int throttle_new(Throttle **ret, unsigned burst, uint64_t refill_usec);
Throttle *throttle_free(Throttle *throttle);
DEFINE_CLEANUP(Throttle *, throttle_free);

/* Takes a token of `uid`. `now`: µs, CLOCK_MONOTONIC. Returns: 0 it is taken; > 0: none is there,
 * and *ret_wait_usec says when the next will be; -ENOMEM. */
int throttle_take(Throttle *throttle, uid_t uid, uint64_t now, uint64_t *ret_wait_usec);
/* Puts one back: what was done for it was in order. */
void throttle_give_back(Throttle *throttle, uid_t uid, uint64_t now);
/* The number of uids that are known: those whose bucket was not full when it was last looked at. */
size_t throttle_count(const Throttle *throttle);
