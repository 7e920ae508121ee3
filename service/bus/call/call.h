/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call.h - one method call from its arrival to its reply and audit record.
 *
 * Whatever runs for a call in the background (a polkit check, a task in a thread, an operation on a
 * view, a unit job) holds a reference; when the caller vanishes the call is dead: what comes back
 * is thrown away. A call is answered once, by call_reply() or call_fail(), and a reply without an
 * authorisation on record is turned into AccessDenied: the last wall behind the gate.
 */
#pragma once

#include <stdbool.h>

#include "bus/call/args.h"
#include "bus/call/manager.h"
#include "bus/call/method.h"
#include "files/diff.h"
#include "util/failure.h"

/* What the rooms above do about a call (call-parts.h). */
typedef struct CallHooks {
        void (*ended)(Call *call); /* it is answered or dead: nothing that comes back is used */
        void (*freed)(Call *call);
} CallHooks;

struct Call {
        LIST_ENTRY(Call) entry;
        unsigned n_ref;
        Manager *manager;
        Peer *peer; /* NULL once the caller has vanished or the call is dead */
        uid_t uid;  /* valid once admitted */
        const Method *method;
        sd_bus_message *message;
        Args args;
        int fault;        /* of the arguments; told when it is known who calls, for the record */
        bool admitted;    /* counted for its uid and started, or waiting for its turn */
        bool dead;        /* answered, or nobody waits for it any more */
        bool past_return; /* it changes the system now: it goes on though its caller vanishes */

        char *authority; /* by what right; NULL: none on record */
        bool acts;       /* that is a right to change something */
        Key *key; /* that has said yes to something, a reference; NULL: none (permission.h) */
        Failure failure;  /* the reason of the failure to come */
        char *about_file; /* audit */
        char *about_unit; /* audit, and the real id once resolved */
        char *about_key;  /* audit: its name; NULL: no call about a key, or not for the record */
        const char *about_message;
        uint64_t change;
        size_t reply_bytes;
        uint64_t held_bytes;       /* of history that is in memory for it */
        Transaction *transaction;  /* counted; the object called, or a private one (Apply) */
        void (*start)(Call *call); /* begins the work; the transaction does when it is its turn */
        TAILQ_ENTRY(Call) turn;
        bool has_turn;         /* it stands in the queue of its transaction */
        bool owns_transaction; /* it began it, and ends it unless Begin succeeds */

        const CallHooks *hooks; /* call-parts.h; NULL: none yet */
        CallParts *parts;       /* memory of the next five */
        Reach *reach;
        WarmView *warm;    /* in use by this call; NULL with a transaction */
        bool repeated;     /* on a fresh worker, after the loss of one */
        bool wants_parsed; /* a named file that cannot be parsed ends the call */
        WriteRight *right;
        UnitPlan *unit_plan;
        Restored *restored; /* of Revert and RevertDiff, with the plan in restore.c */
        void *plan;
        void (*plan_free)(void *plan);
        void *history; /* history.c's, about a change */
        void (*history_free)(void *history);
        char **public_files; /* of a commit, to be told to everybody */
        AuthCheck *check;
        UnitsRequest *request;
        PackagesRequest *packages;
        Diff *diff;
        Validation *validation; /* validation.c's */
        bool only_validates;    /* what would be committed is not */
        CommitTurn *commit_turn;
        Edit one_edit; /* of a method that is one edit; its strings are the message's */
        char *one_args[4];
        uint32_t count; /* nodes of the last edit staged */
        void *state;    /* of the method; freed with state_free */
        void (*state_free)(void *state);
        void (*next)(Call *call); /* what call_authorise() goes on with */
        const char *asked;        /* the action that polkit was asked for */
        bool by_dialog;           /* a dialog was open for its answer */
        void (*answered)(Call *call, int r, Failure *f, AuthVerdict verdict); /* permission.h */
};

/* Takes a reference of message. Returns: NULL out of memory. */
Call *call_new(Peer *peer, const Method *method, sd_bus_message *message);
Call *call_ref(Call *call);
Call *call_unref(Call *call);

/* Frees the method's state and puts another in its place (NULL: none). */
void call_set_state(Call *call, void *state, void (*state_free)(void *state));

/* Puts the authority on record, or adds to it, a key's in front. Returns: 0 or -ENOMEM. */
int call_set_authority(Call *call, const char *authority);
int call_add_authority(Call *call, const char *authority);
/* For audit: adds a name (", " between them). Returns: 0 or -ENOMEM. */
int call_add_file(Call *call, const char *file);
void call_note_begun(Call *call); /* a record: what follows goes on even if the service ends */

/* Counts towards the size of the reply. Returns: 0 or EXM_E_LIMIT_EXCEEDED in call->failure. */
int call_budget(Call *call, size_t bytes);
/* An empty reply to be filled. Returns: 0 or -errno. */
int call_new_reply(Call *call, sd_bus_message **ret);
/* Sends and ends the call; takes over `reply`. */
void call_send(Call *call, sd_bus_message *reply);
/* Both in one, as sd_bus_reply_method_return(). */
void call_reply(Call *call, const char *types, ...);

/* Answers with `r` (an -errno or a condition) and call->failure, and ends the call. */
void call_fail(Call *call, int r);

/* Nobody waits for it any more. It ends, but for one that changes the system now. */
void call_cancel(Call *call);

/* Interface.Member without the prefix "org.exmachina1.", as polkit and audit are told. */
char *call_method_name(const Call *call);
