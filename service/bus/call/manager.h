/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * manager.h - the one object that has all rooms; passed explicitly, never global. wiring.h makes
 * it.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "auth/audit.h"
#include "auth/authoriser.h"
#include "auth/key-store.h"
#include "auth/throttle.h"
#include "bus/call/view-cache.h"
#include "clock/clock.h"
#include "commit/commit.h"
#include "commit/journal.h"
#include "files/glance.h"
#include "files/modes.h"
#include "files/ordinary.h"
#include "files/roots.h"
#include "packages/packages.h"
#include "tree/tree.h"
#include "units/units.h"
#include "util/limits.h"
#include "util/task.h"
#include "validate/run.h"
#include "validate/validators.h"

#define MANAGER_BUS_NAME "org.exmachina1"
#define MANAGER_PATH     "/org/exmachina1"

typedef struct Idle Idle;
typedef struct Peer Peer;
typedef struct Call Call;
typedef struct CallParts CallParts;
typedef struct CommitTurn CommitTurn;
typedef struct Reach Reach;
typedef struct Restored Restored;
typedef struct UnitPlan UnitPlan;
typedef struct WriteRight WriteRight;
typedef struct Transaction Transaction;
typedef struct Deadlines Deadlines;
typedef struct Validation Validation;
typedef struct ZoneChange ZoneChange;
typedef struct UnitJobs UnitJobs;
typedef struct KeyWatch KeyWatch;
typedef struct NameLocks NameLocks;
typedef struct WaysToRoot WaysToRoot;

/* Keys that one user may try at once, and one more every so often (unlock.c). */
#define UNLOCK_BURST       20U
#define UNLOCK_REFILL_USEC 200000U

typedef struct Manager {
        sd_event *event;
        sd_bus *bus;
        const Limits *limits;
        uid_t worker_uid;
        gid_t worker_gid;
        const char *diff_path;

        TaskPool *pool;
        Roots *roots;
        Glance glance;
        OrdinaryFiles *ordinary;
        FileModes *modes;
        const Validators *validators;
        Jails *jails;
        Tree *tree;
        ViewCache *views;
        Journal *journal;
        Committer *committer;
        NameLocks *commit_locks; /* of commits */
        Deadlines *deadlines;
        Units *units;
        Clock *clock;
        Packages *packages;
        ZoneChange *zone_change; /* the one that is under way */
        UnitJobs *unit_jobs;
        Authoriser *authoriser;
        Audit *audit;
        KeyStore *keys;
        KeyWatch *key_watch;
        Throttle *unlocks;
        WaysToRoot *ways;

        LIST_HEAD(, Peer) peers;
        LIST_HEAD(, Call) calls;
        LIST_HEAD(, Transaction) transactions;
        uint64_t last_transaction;

        Idle *idle;
        sd_event_source *exit;
        bool pruning; /* retention.c is at work */
} Manager;
