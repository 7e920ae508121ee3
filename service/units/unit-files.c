/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-files.c - units_change_files(): enable, disable, mask, unmask, then daemon-reload.
 *
 * All are permanent (runtime false) and never forced: a file that stands where a link should go is
 * an error. systemd is given the unit's real id: the mask of an alias would mask only the alias.
 * The files are on disk before the reload; where the reload fails, the error says so.
 */
#include <errno.h>

#include "units/request.h"
#include "units/unit-error.h"

typedef struct FilesRequest {
        UnitsRequest request;
        UnitVerb verb;
        sd_bus_message *reply; /* holds the strings of `changes` */
        UnitChange *changes;
        size_t n_changes;
} FilesRequest;

typedef struct FilesMethod {
        const char *name;
        bool has_force;        /* takes one more boolean */
        bool has_install_info; /* answers with one before the changes */
} FilesMethod;

static const FilesMethod files_methods[_UNIT_VERB_MAX] = {
        [UNIT_ENABLE] = { "EnableUnitFiles", true, true },
        [UNIT_DISABLE] = { "DisableUnitFiles", false, false },
        [UNIT_MASK] = { "MaskUnitFiles", true, false },
        [UNIT_UNMASK] = { "UnmaskUnitFiles", false, false },
};

static void files_release(UnitsRequest *request)
{
        FilesRequest *q = (FilesRequest *)request;

        free(q->changes);
        sd_bus_message_unref(q->reply);
}

static int on_reloaded(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        FilesRequest *q = userdata;

        if (sd_bus_message_is_method_error(m, NULL))
                request_finish_error(&q->request,
                                     "make systemd read its unit files again (they have changed on "
                                     "disk; try: systemctl daemon-reload)",
                                     sd_bus_message_get_error(m));
        else
                request_finish(&q->request, 0, NULL,
                               &(UnitsResult){ .changes = q->changes, .n_changes = q->n_changes });
        return 0;
}

static int changes_read(FilesRequest *q, sd_bus_message *m)
{
        UnitChange change, *grown;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sss)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(sss)", &change.type, &change.file, &change.source)) >
               0) {
                grown = reallocarray(q->changes, q->n_changes + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                q->changes = grown;
                q->changes[q->n_changes++] = change;
        }
        if (r < 0)
                return r;
        q->reply = sd_bus_message_ref(m);
        return sd_bus_message_exit_container(m);
}

static int files_reload(FilesRequest *q)
{
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = request_message(&q->request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload");
        if (r < 0)
                return r;
        return request_call(&q->request, m, SYSTEMD_RELOAD_USEC, on_reloaded);
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error)
{
        _cleanup_failure_ Failure f = { 0 };
        FilesRequest *q = userdata;
        int r = 0, install_info = true;

        if (sd_bus_message_is_method_error(m, NULL)) {
                request_finish_error(&q->request, unit_verb_to_string(q->verb),
                                     sd_bus_message_get_error(m));
                return 0;
        }
        if (files_methods[q->verb].has_install_info)
                r = sd_bus_message_read(m, "b", &install_info);
        if (r >= 0)
                r = changes_read(q, m);
        /* systemctl only remarks on it; a caller would take the silence for success. */
        if (r >= 0 && !install_info && q->n_changes == 0)
                r = failure_set(&f, EXM_E_UNIT_FAILED,
                                "%s: cannot enable: its unit file has no [Install] section; other "
                                "units start it, or start it by hand",
                                q->request.id);
        else if (r >= 0)
                r = files_reload(q);
        if (r != 0)
                request_finish(&q->request, r, &f, NULL);
        return 0;
}

static int files_message(const FilesRequest *q, sd_bus_message **ret)
{
        const FilesMethod *method = &files_methods[q->verb];
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = request_message(&q->request, &m, SYSTEMD_PATH, SYSTEMD_MANAGER, method->name);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "asb", 1, q->request.id, /* runtime= */ false);
        if (r >= 0 && method->has_force)
                r = sd_bus_message_append(m, "b", /* force= */ false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

int units_change_files(Units *units, const char *id, UnitVerb verb, UnitsDone done, void *userdata,
                       UnitsRequest **ret)
{
        static const RequestKind kind = { .release = files_release };
        _cleanup_message_ sd_bus_message *m = NULL;
        FilesRequest *q;
        int r;

        if ((unsigned)verb >= _UNIT_VERB_MAX || !files_methods[verb].name)
                return -EINVAL;
        r = request_new(&q, sizeof(*q), &kind, units, id, done, userdata);
        if (r < 0)
                return r;
        q->verb = verb;
        r = files_message(q, &m);
        if (r >= 0)
                r = request_call(&q->request, m, SYSTEMD_CALL_USEC, on_changed);
        return request_start(&q->request, r, ret);
}
