/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * turns.c - one queue, in which a whole uid moves back when it is served.
 */
#include "validate/turns.h"

#include <stddef.h>

#define WAITING_MAX 16U /* of one uid */

void turns_init(Turns *turns)
{
        TAILQ_INIT(&turns->waiting);
        TAILQ_INIT(&turns->running);
        turns->n_running = 0;
}

static unsigned count(const struct TurnList *list, uid_t uid)
{
        const Turn *turn;
        unsigned n = 0;

        TAILQ_FOREACH(turn, list, entry)
                n += turn->uid == uid;
        return n;
}

bool turns_full(const Turns *turns, uid_t uid)
{
        return count(&turns->waiting, uid) >= WAITING_MAX;
}

void turns_wait(Turns *turns, Turn *turn, uid_t uid)
{
        *turn = (Turn){ .uid = uid, .waiting = true };
        TAILQ_INSERT_TAIL(&turns->waiting, turn, entry);
}

/* What waits for `uid` goes behind all others, in its order. */
static void move_back(Turns *turns, uid_t uid)
{
        Turn *turn = TAILQ_FIRST(&turns->waiting), *last = TAILQ_LAST(&turns->waiting, TurnList);
        bool more = turn != NULL;

        while (more) {
                Turn *next = TAILQ_NEXT(turn, entry);

                more = turn != last;
                if (turn->uid == uid) {
                        TAILQ_REMOVE(&turns->waiting, turn, entry);
                        TAILQ_INSERT_TAIL(&turns->waiting, turn, entry);
                }
                turn = next;
        }
}

Turn *turns_next(Turns *turns)
{
        Turn *turn;

        if (turns->n_running >= TURNS_AT_A_TIME)
                return NULL;
        TAILQ_FOREACH(turn, &turns->waiting, entry)
                if (count(&turns->running, turn->uid) == 0)
                        break;
        if (!turn)
                return NULL;
        TAILQ_REMOVE(&turns->waiting, turn, entry);
        TAILQ_INSERT_TAIL(&turns->running, turn, entry);
        turn->waiting = false;
        turn->running = true;
        turns->n_running++;
        move_back(turns, turn->uid);
        return turn;
}

void turns_end(Turns *turns, Turn *turn)
{
        if (turn->waiting)
                TAILQ_REMOVE(&turns->waiting, turn, entry);
        if (turn->running) {
                TAILQ_REMOVE(&turns->running, turn, entry);
                turns->n_running--;
        }
        turn->waiting = turn->running = false;
}
