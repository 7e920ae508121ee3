/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-status.c - what a unit is and how it fares: units_resolve() and units_status().
 *
 * One GetAll without an interface answers for the Unit interface and for that of the unit's type.
 * All properties but those that are wanted are skipped.
 */
#include "units/unit-status.h"

#include <errno.h>
#include <string.h>

#include "util/strv.h"

void unit_properties_done(UnitProperties *p)
{
        strv_free(p->status.names);
        sd_bus_message_unref(p->reply);
        *p = (UnitProperties){ 0 };
}

int unit_properties_call(UnitsRequest *request, const char *path, sd_bus_message_handler_t handler)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = request_message(request, &m, path, BUS_PROPERTIES, "GetAll");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", "");
        if (r < 0)
                return r;
        return request_call(request, m, SYSTEMD_CALL_USEC, handler);
}

static int names_read(char ***names, sd_bus_message *m)
{
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "s", &name)) > 0) {
                r = strv_extend_unique(names, name);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static int invocation_read(UnitProperties *p, sd_bus_message *m)
{
        const void *id;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', &id, &size);
        if (r < 0)
                return r;
        if (size == sizeof(p->invocation))
                memcpy(p->invocation, id, size);
        return sd_bus_message_exit_container(m);
}

static int can_reload_read(UnitProperties *p, sd_bus_message *m)
{
        int b, r;

        r = sd_bus_message_read(m, "v", "b", &b);
        if (r >= 0)
                p->status.can_reload = b;
        return r;
}

static int property_read(UnitProperties *p, const char *name, sd_bus_message *m)
{
        const struct {
                const char *name;
                const char **value;
        } strings[] = {
                { "Id", &p->status.id },
                { "Description", &p->status.description },
                { "LoadState", &p->status.load_state },
                { "ActiveState", &p->status.active_state },
                { "SubState", &p->status.sub_state },
                { "UnitFileState", &p->status.unit_file_state },
                { "Result", &p->result },
                { "Type", &p->type },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (strcmp(name, strings[i].name) == 0)
                        return sd_bus_message_read(m, "v", "s", strings[i].value);

        if (strcmp(name, "Names") == 0)
                return names_read(&p->status.names, m);
        if (strcmp(name, "CanReload") == 0)
                return can_reload_read(p, m);
        if (strcmp(name, "InvocationID") == 0)
                return invocation_read(p, m);
        if (strcmp(name, "NRestarts") == 0)
                return sd_bus_message_read(m, "v", "u", &p->n_restarts);
        if (strcmp(name, "MainPID") == 0)
                return sd_bus_message_read(m, "v", "u", &p->status.main_pid);
        if (strcmp(name, "StateChangeTimestamp") == 0)
                return sd_bus_message_read(m, "v", "t", &p->status.changed);
        return sd_bus_message_skip(m, "v");
}

int unit_properties_read(UnitProperties *ret, sd_bus_message *reply)
{
        _cleanup_properties_ UnitProperties p = {
                .status = { .id = "",
                            .description = "",
                            .load_state = "",
                            .active_state = "",
                            .sub_state = "",
                            .unit_file_state = "" },
        };
        const char *name;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = sd_bus_message_read(reply, "s", &name);
                if (r < 0)
                        return r;
                r = property_read(&p, name, reply);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        p.reply = sd_bus_message_ref(reply);
        *ret = p;
        p = (UnitProperties){ 0 };
        return 0;
}

static int on_status(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_properties_ UnitProperties p = { 0 };
        UnitsRequest *request = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(request, "show its status", sd_bus_message_get_error(m));
                return 0;
        }
        r = unit_properties_read(&p, m);
        request_finish(request, r, NULL, r < 0 ? NULL : &(UnitsResult){ .status = &p.status });
        return 0;
}

int units_status(Units *units, const char *id, UnitsDone done, void *userdata, UnitsRequest **ret)
{
        static const RequestKind kind = { 0 };
        _cleanup_free_ char *path = NULL;
        UnitsRequest *request;
        int r;

        path = request_unit_path(id);
        if (!path)
                return -ENOMEM;
        r = request_new(&request, sizeof(*request), &kind, units, id, done, userdata);
        if (r < 0)
                return r;
        return request_start(request, unit_properties_call(request, path, on_status), ret);
}

bool unit_is_absent(const char *load_state, const char *active_state)
{
        return strcmp(load_state, "not-found") == 0 && strcmp(active_state, "inactive") == 0;
}

/* systemd makes a unit object for any name that it is asked for. */
static int on_resolved(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_properties_ UnitProperties p = { 0 };
        _cleanup_failure_ Failure f = { 0 };
        UnitsRequest *request = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(request, "look it up", sd_bus_message_get_error(m));
                return 0;
        }
        r = unit_properties_read(&p, m);
        if (r < 0) {
                request_finish(request, r, NULL, NULL);
                return 0;
        }
        if (unit_is_absent(p.status.load_state, p.status.active_state))
                r = failure_set(&f, EXM_E_NO_SUCH_UNIT,
                                "%s: there is no such unit; see: systemctl list-unit-files",
                                request->id);
        request_finish(request, r, &f, r != 0 ? NULL : &(UnitsResult){ .id = p.status.id });
        return 0;
}

static int on_loaded(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        UnitsRequest *request = userdata;
        const char *path;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(request, "load it", sd_bus_message_get_error(m));
                return 0;
        }
        r = sd_bus_message_read(m, "o", &path);
        if (r >= 0)
                r = unit_properties_call(request, path, on_resolved);
        if (r < 0)
                request_finish(request, r, NULL, NULL);
        return 0;
}

int units_resolve(Units *units, const char *name, UnitsDone done, void *userdata,
                  UnitsRequest **ret)
{
        static const RequestKind kind = { 0 };
        _cleanup_message_ sd_bus_message *m = NULL;
        UnitsRequest *request;
        int r;

        r = request_new(&request, sizeof(*request), &kind, units, name, done, userdata);
        if (r < 0)
                return r;
        r = request_message(request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = request_call(request, m, SYSTEMD_CALL_USEC, on_loaded);
        return request_start(request, r, ret);
}
