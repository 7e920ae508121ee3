/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.h - inside this room only: Units, and what all requests share: a place in its list, the
 * D-Bus call under way, the caller's callback.
 *
 * Each kind of request embeds a UnitsRequest as its first member and sends one call after another;
 * every handler ends in request_call() or request_finish(). Ownership is the caller's unless the
 * request is floating (units.h).
 */
#pragma once

#include <sys/queue.h>

#include "units/units.h"

#define SYSTEMD_NAME    "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define SYSTEMD_UNIT    "org.freedesktop.systemd1.Unit"
#define SYSTEMD_JOB     "org.freedesktop.systemd1.Job"
#define BUS_PROPERTIES  "org.freedesktop.DBus.Properties"

/* How long systemd may take to answer one call. */
#define SYSTEMD_CALL_USEC (30 * UINT64_C(1000000))
/* Reload runs all generators before it answers; systemctl waits as long. */
#define SYSTEMD_RELOAD_USEC (180 * UINT64_C(1000000))

/* What a kind of request adds. All are optional. */
typedef struct RequestKind {
        /* Frees what the embedding struct holds, not the struct. */
        void (*release)(UnitsRequest *request);
        /* systemd says that `job` (an object path) has ended. */
        void (*job_removed)(UnitsRequest *request, const char *job, const char *result);
        /* Another systemd, or the same after daemon-reexec, has taken the name. */
        void (*systemd_changed)(UnitsRequest *request);
} RequestKind;

struct Units {
        sd_bus *bus;
        const Limits *limits;
        char *systemd; /* unique name; NULL: systemd is not on the bus, or not known yet */
        sd_bus_slot *owner_match, *owner_call, *job_match, *subscribe_call;
        TAILQ_HEAD(, UnitsRequest) requests; /* those that have not finished */
        uint64_t round;                      /* of telling all requests about one signal */
};

struct UnitsRequest {
        TAILQ_ENTRY(UnitsRequest) entry;
        Units *units; /* NULL: finished, or Units are gone; nothing of it runs any more */
        const RequestKind *kind;
        sd_bus_slot *call;      /* at most one under way */
        sd_event_source *timer; /* at most one */
        UnitsDone done;
        void *userdata;
        char *id; /* the unit; NULL for none */
        uint64_t round;
        bool floating;
        bool finishing; /* `done` runs: freeing waits for its end */
        bool freed;
};

/* A zeroed struct of `size` bytes that begins with a UnitsRequest. `id` is copied, and checked
 * again: nothing that is not the name of one unit gets to systemd as one. Returns: 0, -ENOMEM,
 * -EINVAL. */
int request_new(void *ret, size_t size, const RequestKind *kind, Units *units, const char *id,
                UnitsDone done, void *userdata);

/* The last step of every public function: hands out or lets float the request whose first call was
 * queued with `r`, or frees it if that failed. Returns: r. */
int request_start(UnitsRequest *request, int r, UnitsRequest **ret);

/* Ends all that is under way for it, without `done`. */
void request_stop(UnitsRequest *request);

/* A method call to systemd: never started by the bus, never a prompt on our behalf. */
int request_message(const UnitsRequest *request, sd_bus_message **ret, const char *path,
                    const char *interface, const char *member);

/* Sends `m`; `handler` gets the request as userdata. Returns: 0 or -errno. */
int request_call(UnitsRequest *request, sd_bus_message *m, uint64_t usec,
                 sd_bus_message_handler_t handler);

/* Ends the request: `done` runs, and the request may be gone after this. Frees `f`'s text. */
void request_finish(UnitsRequest *request, int r, Failure *f, const UnitsResult *result);

/* Ends it with what systemd answered instead of a reply; `verb` for a person. */
void request_finish_error(UnitsRequest *request, const char *verb, const sd_bus_error *error);

/* Returns: the object path of a unit; NULL out of memory. */
char *request_unit_path(const char *id);

DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref);
#define _cleanup_message_ _cleanup_(sd_bus_message_unref_cleanup)
