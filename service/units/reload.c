/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reload.c - units_reload(): daemon-reload, for who waits for it.
 */
#include "units/request.h"

static int on_reloaded(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        UnitsRequest *request = userdata;

        if (sd_bus_message_is_method_error(m, NULL))
                request_finish_error(request,
                                     "make systemd read its unit files again (systemctl "
                                     "daemon-reload)",
                                     sd_bus_message_get_error(m));
        else
                request_finish(request, 0, NULL, &(UnitsResult){ 0 });
        return 0;
}

int units_reload(Units *units, UnitsDone done, void *userdata, UnitsRequest **ret)
{
        static const RequestKind kind = { 0 };
        _cleanup_message_ sd_bus_message *m = NULL;
        UnitsRequest *request;
        int r;

        r = request_new(&request, sizeof(*request), &kind, units, NULL, done, userdata);
        if (r < 0)
                return r;
        r = request_message(request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload");
        if (r >= 0)
                r = request_call(request, m, SYSTEMD_RELOAD_USEC, on_reloaded);
        return request_start(request, r, ret);
}
