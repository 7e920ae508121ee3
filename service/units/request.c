/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * request.c - the life of a request: created, one call after another, finished once, freed once.
 *
 * `done` may free its own request, any other, and start new ones; so a request is out of the list
 * with nothing under way before `done` runs, and its memory stays until `done` has returned.
 */
#include "units/request.h"

#include <errno.h>
#include <string.h>

#include "units/unit-error.h"
#include "util/log.h"

int request_new(void *ret, size_t size, const RequestKind *kind, Units *units, const char *id,
                UnitsDone done, void *userdata)
{
        _cleanup_free_ UnitsRequest *request = NULL;

        if (id && unit_name_check(id, NULL) != 0) {
                log_error("A unit id that is not the name of one unit was to be used");
                return -EINVAL;
        }
        request = calloc(1, size);
        if (!request)
                return -ENOMEM;
        if (id) {
                request->id = strdup(id);
                if (!request->id)
                        return -ENOMEM;
        }
        request->kind = kind;
        request->done = done;
        request->userdata = userdata;
        request->units = units;
        request->round = units->round;
        TAILQ_INSERT_TAIL(&units->requests, request, entry);
        *(UnitsRequest **)ret = TAKE_PTR(request);
        return 0;
}

int request_start(UnitsRequest *request, int r, UnitsRequest **ret)
{
        if (r < 0) {
                units_request_free(request);
                return r;
        }
        if (ret)
                *ret = request;
        else
                request->floating = true;
        return 0;
}

void request_stop(UnitsRequest *request)
{
        if (request->units)
                TAILQ_REMOVE(&request->units->requests, request, entry);
        request->units = NULL;
        request->call = sd_bus_slot_unref(request->call);
        request->timer = sd_event_source_disable_unref(request->timer);
}

UnitsRequest *units_request_free(UnitsRequest *request)
{
        if (!request)
                return NULL;
        if (request->finishing) {
                request->freed = true;
                return NULL;
        }

        request_stop(request);
        if (request->kind->release)
                request->kind->release(request);
        free(request->id);
        free(request);
        return NULL;
}

int request_message(const UnitsRequest *request, sd_bus_message **ret, const char *path,
                    const char *interface, const char *member)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(request->units->bus, &m, SYSTEMD_NAME, path, interface,
                                           member);
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, /* b= */ false);
        if (r < 0)
                return r;
        /* Whoever asked was authorised by us; systemd must not prompt for the daemon. */
        r = sd_bus_message_set_allow_interactive_authorization(m, /* b= */ false);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(m);
        return 0;
}

int request_call(UnitsRequest *request, sd_bus_message *m, uint64_t usec,
                 sd_bus_message_handler_t handler)
{
        int r;

        request->call = sd_bus_slot_unref(request->call);
        r = sd_bus_call_async(request->units->bus, &request->call, m, handler, request, usec);
        return r < 0 ? r : 0;
}

void request_finish(UnitsRequest *request, int r, Failure *f, const UnitsResult *result)
{
        _cleanup_failure_ Failure none = { 0 };

        if (!f)
                f = &none;
        request_stop(request);
        request->finishing = true;
        request->done(r, f, result, request->userdata);
        request->finishing = false;
        failure_done(f);
        if (request->floating || request->freed)
                units_request_free(request);
}

void request_finish_error(UnitsRequest *request, const char *verb, const sd_bus_error *error)
{
        _cleanup_failure_ Failure f = { 0 };
        int r;

        r = unit_error_set(&f, request->id, verb, error);
        request_finish(request, r, &f, NULL);
}

char *request_unit_path(const char *id)
{
        char *path = NULL;

        return sd_bus_path_encode("/org/freedesktop/systemd1/unit", id, &path) < 0 ? NULL : path;
}
