/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit-turn.h - a commit's turn (name-locks.h): from before its validation until its end.
 *
 * It is taken for the validators that apply to the change and the units that it acts on. So what a
 * validator has seen of the other files that it covers is what is there when the commit is made,
 * and no commit takes another's restart for a failure of its own. It is taken when all is granted,
 * so that nobody waits for another's dialog. A caller that vanishes leaves the queue.
 */
#pragma once

#include "bus/change/name-locks.h"

typedef struct Call Call;
typedef struct ChangeRecord ChangeRecord;

typedef struct CommitTurn {
        NameLock *turn; /* held or waited for; NULL: none */
        void (*begun)(Call *call);
        void (*next)(Call *call); /* after the units were asked about */
} CommitTurn;

/* After validation_prepare(), unit_plan_make() and what grants the rights. Runs `next` when the
 * call has its turn and systemd has been asked about the units once more; or the call has failed.
 */
void commit_turn_take(Call *call, void (*next)(Call *call));

/* Ends it, or leaves the queue. */
void commit_turn_end(Call *call);

/* To take back a pending change: for its units, before all that wait. */
void commit_turn_take_back(Call *call, const ChangeRecord *record, void (*next)(Call *call));

/* The names of a change's units, as turns have them (strv). Returns: 0 or -ENOMEM. */
int commit_turn_names(const ChangeRecord *record, char ***ret);
