/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.c - the object, its queue of calls, its end.
 */
#include "bus/call/transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "bus/call/call.h"
#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "util/log.h"
#include "util/strv.h"

#define PATH_PREFIX MANAGER_PATH "/transaction/"

typedef enum TransactionState {
        TRANSACTION_OPEN,
        TRANSACTION_COMMITTED,
        TRANSACTION_ENDED,
} TransactionState;

struct Transaction {
        LIST_ENTRY(Transaction) entry;
        unsigned n_ref;
        Manager *manager;
        char *owner; /* unique name */
        uid_t uid;
        char *path; /* NULL: private */
        TransactionState state;
        View *view;
        Staged staged;
        char **secrets; /* files for which read-secret-config was granted */
        char **by_key;  /* files that are read by the right of a key; sorted */
        size_t n_by_key;
        char *approved_version; /* digest of the change that a dialog was about */
        char **approved;        /* for which of its files; sorted */
        size_t n_approved;
        TAILQ_HEAD(, Call) calls; /* the first one runs */
        sd_event_source *idle;
        unsigned idle_sec;
        uint64_t change;
        bool orphaned; /* its connection has gone while a commit was under way */
};

Transaction *transaction_ref(Transaction *t)
{
        t->n_ref++;
        return t;
}

Transaction *transaction_unref(Transaction *t)
{
        if (!t || --t->n_ref > 0)
                return NULL;
        view_free(t->view);
        staged_done(&t->staged);
        strv_free(t->secrets);
        strv_free(t->by_key);
        free(t->approved_version);
        strv_free(t->approved);
        sd_event_source_disable_unref(t->idle);
        free(t->owner);
        free(t->path);
        free(t);
        return NULL;
}

static void rearm_idle(Transaction *t)
{
        uint64_t usec = (uint64_t)t->idle_sec * 1000000;

        if (t->idle && sd_event_source_set_time_relative(t->idle, usec) >= 0)
                sd_event_source_set_enabled(t->idle, SD_EVENT_ONESHOT);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        Transaction *t = userdata;

        if (TAILQ_EMPTY(&t->calls))
                transaction_end(t, "idle");
        else
                rearm_idle(t);
        return 0;
}

/* A committed one that is only kept to be looked at makes room for a new one. */
static int check_count(Manager *m, uid_t uid, Failure *f)
{
        Transaction *t, *oldest = NULL;
        unsigned n_user = 0, n_total = 0;

        LIST_FOREACH(t, &m->transactions, entry) {
                n_total++;
                if (t->uid != uid)
                        continue;
                n_user++;
                if (t->state == TRANSACTION_COMMITTED && TAILQ_EMPTY(&t->calls))
                        oldest = t;
        }
        if (n_user < m->limits->transactions_user && n_total < m->limits->transactions_total)
                return 0;
        if (oldest) {
                transaction_end(oldest, "committed");
                return check_count(m, uid, f);
        }
        return failure_set(
                f, EXM_E_LIMIT_EXCEEDED,
                "too many transactions are open (at most %u of one user, %u in all): end "
                "one by Commit or Rollback",
                m->limits->transactions_user, m->limits->transactions_total);
}

int transaction_begin(Call *call, unsigned idle_sec, Transaction **ret)
{
        Manager *m = call->manager;
        Transaction *t;
        int r;

        r = check_count(m, call->uid, &call->failure);
        if (r != 0)
                return r;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        t->n_ref = 2; /* the caller's, and the list's until it ends */
        t->manager = m;
        t->uid = call->uid;
        t->idle_sec = idle_sec;
        TAILQ_INIT(&t->calls);
        LIST_INSERT_HEAD(&m->transactions, t, entry);
        t->owner = strdup(call->peer->name);
        r = t->owner ? view_new(&t->view, m->tree) : -ENOMEM;
        if (r >= 0 && idle_sec > 0 &&
            asprintf(&t->path, PATH_PREFIX "%" PRIu64, ++m->last_transaction) < 0)
                r = -ENOMEM;
        if (r >= 0 && idle_sec > 0)
                r = sd_event_add_time_relative(m->event, &t->idle, CLOCK_MONOTONIC,
                                               (uint64_t)idle_sec * 1000000, 0, on_idle, t);
        if (r < 0) {
                transaction_end(t, NULL);
                transaction_unref(t);
                return r;
        }
        *ret = t;
        return 0;
}

static void send_closed(Transaction *t, const char *reason)
{
        sd_bus_message *signal = NULL;
        int r;

        r = sd_bus_message_new_signal(t->manager->bus, &signal, t->path,
                                      "org.exmachina1.Transaction", "Closed");
        if (r >= 0)
                r = sd_bus_message_append(signal, "s", reason);
        if (r >= 0)
                r = sd_bus_send_to(t->manager->bus, signal, t->owner, NULL);
        if (r < 0)
                log_warning("%s: Closed cannot be sent: %s", t->path, strerror(-r));
        sd_bus_message_unref(signal);
}

/* Frees what is large. The view calls nobody back for what it still had to do. */
static void drop_view(Transaction *t)
{
        t->view = view_free(t->view);
        staged_done(&t->staged);
        t->idle = sd_event_source_disable_unref(t->idle);
}

static void fail_calls(Transaction *t, const char *why)
{
        Call *call;

        while ((call = TAILQ_FIRST(&t->calls))) {
                failure_done(&call->failure);
                failure_set(&call->failure, EXM_E_UNKNOWN_OBJECT, "%s: begin a new one", why);
                call_fail(call, EXM_E_UNKNOWN_OBJECT);
        }
}

void transaction_end(Transaction *t, const char *reason)
{
        if (t->state == TRANSACTION_ENDED)
                return;
        t->state = TRANSACTION_ENDED;
        LIST_REMOVE(t, entry);
        fail_calls(t, "the transaction has ended");
        drop_view(t);
        if (reason && t->path)
                send_closed(t, reason);
        idle_touch(t->manager->idle);
        transaction_unref(t);
}

void transactions_end_of_peer(Peer *peer)
{
        Transaction *t, *next;

        for (t = LIST_FIRST(&peer->manager->transactions); t; t = next) {
                next = LIST_NEXT(t, entry);
                /* A private one ends with its call. */
                if (!t->path || strcmp(t->owner, peer->name) != 0)
                        continue;
                /* A commit that is under way goes on to its end, and takes the transaction with it.
                 */
                if (!TAILQ_EMPTY(&t->calls) && TAILQ_FIRST(&t->calls)->past_return)
                        t->orphaned = true;
                else
                        transaction_end(t, NULL);
        }
}

void transaction_committed(Transaction *t, uint64_t change)
{
        if (t->state != TRANSACTION_OPEN)
                return;
        t->change = change;
        t->state = TRANSACTION_COMMITTED;
}

void transaction_take_turn(Transaction *t, Call *call)
{
        /* One that is over can still be thrown away. */
        bool ends_it = t->state == TRANSACTION_COMMITTED && call->method->needs == NEEDS_PUBLIC;

        if (t->state != TRANSACTION_OPEN && !ends_it) {
                failure_set(&call->failure, EXM_E_UNKNOWN_OBJECT,
                            "the transaction has ended: begin a new one");
                call_fail(call, EXM_E_UNKNOWN_OBJECT);
                return;
        }
        rearm_idle(t);
        call->has_turn = true;
        TAILQ_INSERT_TAIL(&t->calls, call, turn);
        if (TAILQ_FIRST(&t->calls) == call)
                call->start(call);
}

void transaction_call_ended(Transaction *t, Call *call)
{
        bool was_first = TAILQ_FIRST(&t->calls) == call;

        call->has_turn = false;
        TAILQ_REMOVE(&t->calls, call, turn);
        if (t->state == TRANSACTION_ENDED)
                return;
        if (t->orphaned) {
                transaction_end(t, NULL);
                return;
        }
        rearm_idle(t);
        if (t->state == TRANSACTION_COMMITTED) {
                fail_calls(t, "the transaction has been committed");
                drop_view(t);
        } else if (was_first && !TAILQ_EMPTY(&t->calls)) {
                (TAILQ_FIRST(&t->calls))->start(TAILQ_FIRST(&t->calls));
        }
}

Manager *transaction_manager(const Transaction *t)
{
        return t->manager;
}

const char *transaction_path(const Transaction *t)
{
        return t->path;
}

View *transaction_view(const Transaction *t)
{
        return t->view;
}

Staged *transaction_staged(Transaction *t)
{
        return &t->staged;
}

int transaction_allow_secret(Transaction *t, const char *file)
{
        return strv_extend_unique(&t->secrets, file);
}

bool transaction_may_secret(const Transaction *t, const char *file)
{
        return strv_contains(t->secrets, file);
}

void transaction_set_by_key(Transaction *t, char **files)
{
        strv_free(t->by_key);
        t->by_key = files;
        t->n_by_key = strv_length(files);
        strv_sort(files);
}

static int compare_name(const void *name, const void *entry)
{
        return strcmp(name, *(char *const *)entry);
}

static bool is_in(const char *name, char *const *sorted, size_t n)
{
        return n > 0 && bsearch(name, sorted, n, sizeof(char *), compare_name);
}

bool transaction_is_by_key(const Transaction *t, const char *file)
{
        return is_in(file, t->by_key, t->n_by_key);
}

int transaction_keep_approval(Transaction *t, const char *version, char **approved)
{
        char *copy = strdup(version);

        if (!copy) {
                strv_free(approved);
                return -ENOMEM;
        }
        free(t->approved_version);
        strv_free(t->approved);
        t->approved_version = copy;
        t->approved = approved;
        t->n_approved = strv_length(approved);
        strv_sort(approved);
        return 0;
}

bool transaction_is_approved(const Transaction *t, const char *version, const char *question)
{
        return t->approved_version && strcmp(t->approved_version, version) == 0 &&
               is_in(question, t->approved, t->n_approved);
}

int transaction_check_bytes(const Transaction *t, uint64_t extra, Failure *f)
{
        const Limits *limits = t->manager->limits;
        uint64_t own = extra + (t->view ? view_bytes(t->view) : 0), user = extra, total = extra;
        const Transaction *other;

        LIST_FOREACH(other, &t->manager->transactions, entry) {
                uint64_t bytes = other->view ? view_bytes(other->view) : 0;

                total += bytes;
                if (other->uid == t->uid)
                        user += bytes;
        }
        if (own <= limits->staged_bytes && user <= limits->staged_bytes_user &&
            total <= limits->staged_bytes_total)
                return 0;
        return failure_set(
                f, EXM_E_LIMIT_EXCEEDED,
                "more is staged than is allowed (%" PRIu64 " bytes in one transaction, "
                "%" PRIu64 " of one user, %" PRIu64 " in all): commit or roll back first",
                limits->staged_bytes, limits->staged_bytes_user, limits->staged_bytes_total);
}

int transactions_list(const Manager *m, const char *sender, char ***ret)
{
        _cleanup_strv_ char **paths = NULL;
        const Transaction *t;

        LIST_FOREACH(t, &m->transactions, entry)
                if (t->path && t->state == TRANSACTION_OPEN && strcmp(t->owner, sender) == 0 &&
                    strv_extend(&paths, t->path) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

/* --- the object on the bus --- */

/* Tells of a transaction to nobody but the connection that began it. */
static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata,
                       void **ret, sd_bus_error *error)
{
        sd_bus_message *message = sd_bus_get_current_message(bus);
        const char *sender = message ? sd_bus_message_get_sender(message) : NULL;
        Manager *m = userdata;
        Transaction *t;

        LIST_FOREACH(t, &m->transactions, entry) {
                if (!t->path || !sender || strcmp(t->path, path) != 0)
                        continue;
                if (strcmp(t->owner, sender) != 0)
                        return 0;
                *ret = t;
                return 1;
        }
        return 0;
}

int transactions_export(Manager *m)
{
        return sd_bus_add_fallback_vtable(m->bus, NULL, MANAGER_PATH "/transaction",
                                          "org.exmachina1.Transaction", transaction_vtable,
                                          find_object, m);
}

int property_transaction_owner(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error)
{
        const Transaction *t = userdata;

        return sd_bus_message_append_basic(reply, 's', t->owner);
}

int property_transaction_files(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error)
{
        const Transaction *t = userdata;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && t->view && i < view_n_files(t->view); i++)
                r = sd_bus_message_append_basic(reply, 's', view_file(t->view, i)->image->path);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int property_transaction_state(sd_bus *bus, const char *path, const char *interface,
                               const char *property, sd_bus_message *reply, void *userdata,
                               sd_bus_error *error)
{
        const Transaction *t = userdata;
        const Call *running = TAILQ_FIRST(&t->calls);
        const char *state = t->state == TRANSACTION_COMMITTED ? "committed"
                            : running && running->past_return ? "committing"
                                                              : "open";

        return sd_bus_message_append_basic(reply, 's', state);
}

int property_transaction_change(sd_bus *bus, const char *path, const char *interface,
                                const char *property, sd_bus_message *reply, void *userdata,
                                sd_bus_error *error)
{
        const Transaction *t = userdata;

        return sd_bus_message_append_basic(reply, 't', &t->change);
}
