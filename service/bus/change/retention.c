/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * retention.c - batch after batch, until nothing is over a limit.
 */
#include "bus/change/retention.h"

#include "util/log.h"

typedef struct Round {
        Manager *manager;
        Journal *journal;
        JournalLimits limits;
        int removed;
} Round;

static void prune_work(void *userdata)
{
        Round *round = userdata;
        int n;

        while ((n = journal_prune(round->journal, &round->limits)) > 0)
                round->removed += n;
}

static void on_pruned(void *userdata)
{
        Round *round = userdata;

        if (round->removed > 0)
                log_info("%d old changes were removed from the history", round->removed);
        round->manager->pruning = false;
        free(round);
}

void retention_run(Manager *m)
{
        Round *round;

        if (m->pruning)
                return;
        round = calloc(1, sizeof(*round));
        if (!round)
                return;
        *round = (Round){ .manager = m,
                          .journal = m->journal,
                          .limits = { .keep_days = m->limits->keep_days,
                                      .keep_bytes = m->limits->keep_bytes,
                                      .keep_changes = m->limits->keep_changes } };
        m->pruning = true;
        if (task_run(m->pool, prune_work, on_pruned, round) < 0) {
                m->pruning = false;
                free(round);
        }
}
