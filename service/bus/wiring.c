/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wiring.c - the rooms are made, given to each other, and offered on the bus.
 */
#include "bus/wiring.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <systemd/sd-daemon.h>

#include "auth/ways-to-root.h"
#include "bus/call/call.h"
#include "bus/call/idle.h"
#include "bus/call/peer.h"
#include "bus/call/transaction.h"
#include "bus/change/deadlines.h"
#include "bus/change/name-locks.h"
#include "bus/change/signals.h"
#include "bus/change/unit-jobs.h"
#include "bus/departure.h"
#include "bus/right/binding.h"
#include "bus/right/key-watch.h"
#include "util/log.h"

#define CLOCK_INTERFACE "org.exmachina1.Clock"

/* File I/O that waits on a slow disk, one commit beside the other. */
#define N_THREADS 8

static int log_failed(int r, const char *what)
{
        log_error("%s: %s", what, strerror(-r));
        return r;
}

/* Somebody waits for something, or still holds something. A key alone holds back the idle exit but
 * no upgrade: a connection that has one may live for months, and it can unlock it again. */
static bool is_busy(void *userdata)
{
        const Manager *m = userdata;

        return !LIST_EMPTY(&m->calls) || !LIST_EMPTY(&m->transactions) ||
               !task_pool_is_idle(m->pool) || committer_is_busy(m->committer) ||
               deadlines_any(m->deadlines) || (bindings_any(m) && !idle_is_leaving(m->idle));
}

static int on_name_lost(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Manager *m = userdata;

        if (idle_is_stopping(m->idle))
                return 0;
        log_error("the bus name " MANAGER_BUS_NAME " was lost");
        return sd_event_exit(m->event, EXIT_FAILURE);
}

static int on_name_acquired(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Manager *m = userdata;
        uint32_t code = 0;

        /* 1: DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER of the D-Bus specification. */
        if (!sd_bus_message_is_method_error(reply, NULL) &&
            sd_bus_message_read(reply, "u", &code) >= 0 && code == 1) {
                sd_notify(false, "READY=1");
                idle_touch(m->idle);
                return 0;
        }
        log_error("the bus name " MANAGER_BUS_NAME " is not to be had: %s",
                  sd_bus_message_is_method_error(reply, NULL)
                          ? sd_bus_message_get_error(reply)->message
                          : "another instance has it");
        return sd_event_exit(m->event, EXIT_FAILURE);
}

static int connect_bus(Manager *m)
{
        int r;

        r = sd_bus_open_system(&m->bus);
        if (r < 0)
                return log_failed(r, "the system bus cannot be reached");
        r = sd_bus_set_exit_on_disconnect(m->bus, true);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = departure_watch(m);
        if (r >= 0)
                r = sd_bus_match_signal_async(m->bus, NULL, "org.freedesktop.DBus",
                                              "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                              "NameLost", on_name_lost, NULL, m);
        return r < 0 ? log_failed(r, "the system bus cannot be used") : 0;
}

static const struct {
        const char *interface;
        const sd_bus_vtable *vtable;
} interfaces[] = {
        { "org.exmachina1.Authority", authority_vtable },
        { "org.exmachina1.Config", config_vtable },
        { "org.exmachina1.Units", units_vtable },
        { CLOCK_INTERFACE, clock_vtable },
        { "org.exmachina1.Packages", packages_vtable },
        { "org.exmachina1.History", history_vtable },
};

static int export_objects(Manager *m)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(interfaces); i++)
                r = sd_bus_add_object_vtable(m->bus, NULL, MANAGER_PATH, interfaces[i].interface,
                                             interfaces[i].vtable, m);
        if (r >= 0)
                r = transactions_export(m);
        if (r >= 0)
                r = sd_bus_request_name_async(m->bus, NULL, MANAGER_BUS_NAME, 0, on_name_acquired,
                                              m);
        return r < 0 ? log_failed(r, "the objects cannot be offered on the bus") : 0;
}

static void on_zone_changed(void *userdata)
{
        Manager *m = userdata;
        int r;

        r = sd_bus_emit_properties_changed(m->bus, MANAGER_PATH, CLOCK_INTERFACE, "Timezone", NULL);
        if (r < 0)
                log_warning("The change of the time zone cannot be signalled: %s", strerror(-r));
}

static int make_keys(Manager *m, const ManagerConfig *config)
{
        int r;

        r = key_store_new(&m->keys, config->keys, config->key_state);
        if (r >= 0)
                r = key_watch_new(&m->key_watch, m, config->keys);
        if (r >= 0)
                r = throttle_new(&m->unlocks, UNLOCK_BURST, UNLOCK_REFILL_USEC);
        return r < 0 ? r : ways_to_root_load(&m->ways, config->ways_to_root);
}

static int make_rooms(Manager *m, const ManagerConfig *config)
{
        int r;

        m->glance = glance_new();
        r = task_pool_new(&m->pool, m->event, N_THREADS);
        if (r >= 0)
                r = roots_new(&m->roots, config->readable, config->writable);
        if (r >= 0)
                r = ordinary_files_load(&m->ordinary, config->ordinary_files);
        if (r >= 0)
                r = file_modes_load(&m->modes, config->file_modes);
        if (r >= 0)
                r = tree_new(&m->tree, m->event, m->pool, &config->tree);
        if (r >= 0)
                r = view_cache_new(&m->views, m->event, m->tree, m->limits);
        if (r >= 0)
                r = journal_open(&m->journal, EXM_STATEDIR);
        if (r >= 0)
                r = committer_new(&m->committer, m->pool, m->roots, m->journal);
        if (r >= 0)
                r = name_locks_new(&m->commit_locks, m->event);
        if (r >= 0)
                r = units_new(&m->units, m->bus, m->limits);
        if (r >= 0)
                r = packages_new(&m->packages, m->bus, m->pool);
        if (r >= 0)
                r = clock_new(&m->clock, m->event, m->bus, m->pool, on_zone_changed, m);
        if (r >= 0)
                r = unit_jobs_new(&m->unit_jobs, m);
        if (r >= 0)
                r = jails_new(&m->jails, m->bus, &config->jail);
        if (r >= 0)
                r = authoriser_new(&m->authoriser, m->limits);
        if (r >= 0)
                r = audit_new(&m->audit, m->event);
        if (r >= 0)
                r = make_keys(m, config);
        if (r >= 0)
                r = deadlines_new(&m->deadlines, m, signals_reverted);
        if (r >= 0)
                r = idle_new(&m->idle, m->event, m->bus, m->limits->idle_exit_sec, is_busy, m);
        return r < 0 ? log_failed(r, "the service cannot be set up") : 0;
}

/* Of a call that did not come to its end. */
static const char *what_goes_on(const Call *call)
{
        if (call->packages)
                return call->past_return ? "PackageKit goes on with the change of packages that it "
                                           "was making: see PackageStatus"
                                         : "no package was changed";
        return call->past_return ? "the change that it was making is taken back when it starts "
                                   "again: see ListChanges"
                                 : "what it had asked systemd for goes on";
}

/* Answers everything, while the bus is still there to carry it. */
static void manager_stop(Manager *m)
{
        Transaction *t;
        Call *call;
        Peer *peer;

        idle_stop(m->idle);
        unit_jobs_stop(m->unit_jobs);
        /* Commits that have begun are ended and answered before anything else is. */
        if (m->pool)
                task_pool_settle(m->pool);
        /* What is left waits for systemd, polkit or a worker: it is told, and on record. */
        while ((call = LIST_FIRST(&m->calls))) {
                failure_done(&call->failure);
                failure_set(&call->failure, EXM_E_TIMEOUT, "the service was stopped meanwhile; %s",
                            what_goes_on(call));
                call_fail(call, EXM_E_TIMEOUT);
        }
        while ((t = LIST_FIRST(&m->transactions)))
                transaction_end(t, "shutdown");
        while ((peer = LIST_FIRST(&m->peers)))
                departure_of(peer);
        if (m->bus)
                sd_bus_flush(m->bus);
}

/* Before sd-bus' own exit source, which closes the connection. */
static int on_exit_event(sd_event_source *source, void *userdata)
{
        manager_stop(userdata);
        return 0;
}

static int watch_exit(Manager *m)
{
        int r;

        r = sd_event_add_exit(m->event, &m->exit, on_exit_event, m);
        return r < 0 ? r : sd_event_source_set_priority(m->exit, SD_EVENT_PRIORITY_IMPORTANT);
}

int manager_new(Manager **ret, sd_event *event, const ManagerConfig *config)
{
        Manager *m;
        int r;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        m->event = sd_event_ref(event);
        m->limits = config->limits;
        m->worker_uid = config->tree.worker_uid;
        m->worker_gid = config->tree.worker_gid;
        m->diff_path = config->diff_path;
        m->validators = config->validators;
        LIST_INIT(&m->peers);
        LIST_INIT(&m->calls);
        LIST_INIT(&m->transactions);

        r = connect_bus(m);
        if (r >= 0)
                r = watch_exit(m);
        if (r >= 0)
                r = make_rooms(m, config);
        if (r >= 0)
                r = export_objects(m);
        if (r < 0) {
                manager_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

Manager *manager_free(Manager *m)
{
        if (!m)
                return NULL;
        manager_stop(m);
        m->clock = clock_free(m->clock);
        unit_jobs_free(m->unit_jobs);
        m->packages = packages_free(m->packages);
        committer_free(m->committer);
        m->pool = task_pool_free(m->pool);
        deadlines_free(m->deadlines);
        name_locks_free(m->commit_locks);
        journal_close(m->journal);
        view_cache_free(m->views);
        tree_free(m->tree);
        units_free(m->units);
        jails_free(m->jails);
        authoriser_free(m->authoriser);
        audit_free(m->audit);
        key_watch_free(m->key_watch);
        key_store_free(m->keys);
        throttle_free(m->unlocks);
        ways_to_root_free(m->ways);
        file_modes_free(m->modes);
        ordinary_files_free(m->ordinary);
        roots_free(m->roots);
        sd_event_source_disable_unref(m->exit);
        sd_bus_flush_close_unref(m->bus);
        idle_free(m->idle);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}
