/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turns.h - who may run a checker next: round robin over uids.
 *
 * Only so many run at a time, and only one of each uid: what one user runs, however long, is no
 * reason for another to wait. Who has had his turn goes behind all who wait, with all that is his.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>
#include <sys/types.h>

#define TURNS_AT_A_TIME 2U

typedef struct Turn {
        TAILQ_ENTRY(Turn) entry;
        uid_t uid;
        bool waiting, running;
} Turn;

TAILQ_HEAD(TurnList, Turn);

typedef struct Turns {
        struct TurnList waiting, running;
        unsigned n_running;
} Turns;

void turns_init(Turns *turns);

/* Has `uid` so much waiting that no more is taken? */
bool turns_full(const Turns *turns, uid_t uid);

/* The owner of `turn` keeps it until turns_end(). */
void turns_wait(Turns *turns, Turn *turn, uid_t uid);

/* Returns: the turn that has come, which is running now; NULL if none may for now. */
Turn *turns_next(Turns *turns);

/* Whatever it is: waiting, running or neither. */
void turns_end(Turns *turns, Turn *turn);
