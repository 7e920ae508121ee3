/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench.c - see bench.h. Everything is asserted; nothing is returned for a test to forget.
 */
#include "bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "util/strv.h"

void bench_init(Bench *b, sd_event *event, const char *address)
{
        *b = (Bench){ .event = sd_event_ref(event) };
        limits_default(&b->limits);
        if (address) {
                assert_int_equal(sd_bus_new(&b->bus), 0);
                assert_true(sd_bus_set_address(b->bus, address) >= 0);
                assert_true(sd_bus_set_bus_client(b->bus, 1) >= 0);
                assert_true(sd_bus_start(b->bus) >= 0);
        } else {
                assert_true(sd_bus_open_system(&b->bus) >= 0);
        }
        assert_true(sd_bus_attach_event(b->bus, event, SD_EVENT_PRIORITY_NORMAL) >= 0);
        /* The rooms above may have said yes to prompts for the whole connection. */
        assert_true(sd_bus_set_allow_interactive_authorization(b->bus, 1) >= 0);
        assert_int_equal(units_new(&b->units, b->bus, &b->limits), 0);
}

void bench_done(Bench *b)
{
        units_free(b->units);
        sd_bus_flush_close_unref(b->bus);
        sd_event_unref(b->event);
}

static char *copy(const char *s)
{
        char *c = s ? strdup(s) : NULL;

        assert_true(c || !s);
        return c;
}

void answer_take(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Answer *a = userdata;

        a->n_done++;
        a->r = r;
        assert_true((r == 0) == (result != NULL));
        assert_true((r > 0) == (f->condition != EXM_E_NONE));
        if (r > 0)
                assert_int_equal(f->condition, r);
        a->message = copy(f->message);
        if (result) {
                a->id = copy(result->status ? result->status->id : result->id);
                a->result = copy(result->result);
                a->active_state =
                        copy(result->status ? result->status->active_state : result->active_state);
                a->n_rows = result->n_rows;
                a->n_changes = result->n_changes;
                a->n_names = result->status ? strv_length(result->status->names) : 0;
                a->main_pid = result->status ? result->status->main_pid : 0;
                a->row_id = copy(result->n_rows ? result->rows[0].id : NULL);
                a->row_load_state = copy(result->n_rows ? result->rows[0].load_state : NULL);
                a->row_file_state = copy(result->n_rows ? result->rows[0].unit_file_state : NULL);
        }
        units_request_free(a->free_this);
}

void answer_clear(Answer *a)
{
        free(a->message);
        free(a->id);
        free(a->result);
        free(a->active_state);
        free(a->row_id);
        free(a->row_load_state);
        free(a->row_file_state);
        *a = (Answer){ 0 };
}

void bench_run(Bench *b, unsigned msec)
{
        uint64_t now, end;

        assert_true(sd_event_now(b->event, CLOCK_MONOTONIC, &now) >= 0);
        for (end = now + msec * UINT64_C(1000); now < end;) {
                assert_true(sd_event_run(b->event, end - now) >= 0);
                assert_true(sd_event_now(b->event, CLOCK_MONOTONIC, &now) >= 0);
        }
}

void bench_wait(Bench *b, const Answer *a)
{
        for (unsigned i = 0; a->n_done == 0; i++) {
                if (i > 2000)
                        fail_msg("no answer");
                bench_run(b, 10);
        }
        assert_int_equal(a->n_done, 1);
}

void bench_job(Bench *b, Answer *a, const char *id, UnitVerb verb)
{
        answer_clear(a);
        assert_int_equal(units_job(b->units, id, verb, answer_take, a, NULL), 0);
        assert_int_equal(a->n_done, 0);
        bench_wait(b, a);
}

void bench_change_files(Bench *b, Answer *a, const char *id, UnitVerb verb)
{
        answer_clear(a);
        assert_int_equal(units_change_files(b->units, id, verb, answer_take, a, NULL), 0);
        bench_wait(b, a);
}

void bench_resolve(Bench *b, Answer *a, const char *name)
{
        answer_clear(a);
        assert_int_equal(units_resolve(b->units, name, answer_take, a, NULL), 0);
        bench_wait(b, a);
}

void bench_status(Bench *b, Answer *a, const char *id)
{
        answer_clear(a);
        assert_int_equal(units_status(b->units, id, answer_take, a, NULL), 0);
        bench_wait(b, a);
}

void bench_list(Bench *b, Answer *a, const char *pattern)
{
        char *const patterns[] = { (char *)pattern, NULL };

        answer_clear(a);
        assert_int_equal(
                units_list(b->units, pattern ? patterns : NULL, answer_take, a, NULL, NULL), 0);
        bench_wait(b, a);
}
