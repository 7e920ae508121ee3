/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * render.c - from a view to changes.
 */
#include "bus/change/render.h"

#include "bus/call/transaction.h"
#include "bus/reach/load.h"

static void rendered_free(void *userdata)
{
        Rendered *rendered = userdata;

        file_changes_free(rendered->changes, rendered->n_changes);
        free(rendered);
}

static void on_texts(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                Rendered *rendered = call->state;

                if (r == 0)
                        r = staged_changes(transaction_staged(call->transaction), call_view(call),
                                           result->texts, result->n_texts, call->manager->modes,
                                           &rendered->changes, &rendered->n_changes,
                                           &call->failure);
                if (r == 0)
                        rendered->done(call);
                else
                        load_failed(call, r, f);
        }
        call_unref(call);
}

Rendered *render_new(Call *call, void (*done)(Call *call))
{
        Rendered *rendered;

        rendered = calloc(1, sizeof(*rendered));
        if (!rendered)
                return NULL;
        rendered->done = done;
        call_set_state(call, rendered, rendered_free);
        return rendered;
}

void render_start(Call *call)
{
        int r;

        r = view_render(call_view(call), on_texts, call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}
