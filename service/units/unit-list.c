/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-list.c - units_list(): loaded units that match, then all unit files, then the merge.
 *
 * The patterns go to systemd for loaded units only, which match there by any of their names. Unit
 * files are asked for without patterns: the state of dbus-broker.service is wanted also when it was
 * found by its alias dbus.service.
 */
#include <errno.h>

#include "units/request.h"
#include "units/unit-rows.h"
#include "units/unit-status.h"
#include "util/strv.h"

typedef struct ListRequest {
        UnitsRequest request;
        char **patterns;
        sd_bus_message *units_reply, *files_reply; /* hold the strings of `rows` */
        UnitRows rows;
} ListRequest;

static void list_release(UnitsRequest *request)
{
        ListRequest *q = (ListRequest *)request;

        unit_rows_done(&q->rows);
        sd_bus_message_unref(q->units_reply);
        sd_bus_message_unref(q->files_reply);
        strv_free(q->patterns);
}

static int files_read(ListRequest *q, sd_bus_message *m)
{
        const char *path, *state;
        int r;

        q->files_reply = sd_bus_message_ref(m);
        r = sd_bus_message_enter_container(m, 'a', "(ss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ss)", &path, &state)) > 0) {
                r = unit_rows_add_file(&q->rows, path, state);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_files(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        ListRequest *q = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&q->request, "list unit files", sd_bus_message_get_error(m));
                return 0;
        }
        r = files_read(q, m);
        if (r >= 0)
                r = unit_rows_merge(&q->rows, q->patterns);
        if (r < 0)
                request_finish(&q->request, r, NULL, NULL);
        else
                request_finish(&q->request, 0, NULL,
                               &(UnitsResult){ .rows = q->rows.rows, .n_rows = q->rows.n_rows });
        return 0;
}

static int list_files(ListRequest *q)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = request_message(&q->request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitFiles");
        if (r < 0)
                return r;
        return request_call(&q->request, m, SYSTEMD_CALL_USEC, on_files);
}

static int units_read(ListRequest *q, sd_bus_message *m)
{
        UnitRow row;
        int r;

        q->units_reply = sd_bus_message_ref(m);
        r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'r', "ssssssouso")) > 0) {
                r = sd_bus_message_read(m, "sssss", &row.id, &row.description, &row.load_state,
                                        &row.active_state, &row.sub_state);
                if (r >= 0)
                        r = sd_bus_message_skip(m, "souso");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0 && !unit_is_absent(row.load_state, row.active_state))
                        r = unit_rows_add(&q->rows, &row);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_units(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        ListRequest *q = userdata;
        int r;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&q->request, "list units", sd_bus_message_get_error(m));
                return 0;
        }
        r = units_read(q, m);
        if (r >= 0)
                r = list_files(q);
        if (r < 0)
                request_finish(&q->request, r, NULL, NULL);
        return 0;
}

static int list_message(const ListRequest *q, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = request_message(&q->request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, "ListUnitsByPatterns");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(m, /* states= */ NULL);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, q->patterns);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int units_list(Units *units, char *const *patterns, UnitsDone done, void *userdata,
               UnitsRequest **ret, Failure *f)
{
        static const RequestKind kind = { .release = list_release };
        _cleanup_message_ sd_bus_message *m = NULL;
        ListRequest *q;
        int r;

        r = unit_patterns_check(patterns, f);
        if (r != 0)
                return r;
        r = request_new(&q, sizeof(*q), &kind, units, NULL, done, userdata);
        if (r < 0)
                return r;
        q->patterns = strv_copy(patterns);
        if (!q->patterns && strv_length(patterns) > 0)
                r = -ENOMEM;
        if (r >= 0)
                r = list_message(q, &m);
        if (r >= 0)
                r = request_call(&q->request, m, SYSTEMD_CALL_USEC, on_units);
        return request_start(&q->request, r, ret);
}
