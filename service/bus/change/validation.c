/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * validation.c - the three steps of validation.h.
 *
 * A validator's words may hold any file that root can read, so they go to who may read them all:
 * read-secret-config is asked for "/", without a dialog. Everybody else gets what report.h calls
 * fit for everybody.
 */
#include "bus/change/validation.h"

#include <errno.h>
#include <string.h>

#include "bus/call/transaction.h"
#include "bus/change/render.h"
#include "bus/change/show.h"
#include "bus/right/permission.h"
#include "bus/right/write-right.h"
#include "util/log.h"
#include "util/strv.h"
#include "validate/checks.h"

#define RECORD_BYTES_MAX (256U << 10) /* of words, kept with a change */
#define AT_ONCE_MAX      (64U << 10)  /* bytes that the loop hashes itself */

struct Validation {
        Checks *checks;
        void (*next)(Call *call);
        bool words; /* the caller may see them */
};

Validation *validation_free(Validation *validation)
{
        if (!validation)
                return NULL;
        checks_free(validation->checks);
        free(validation);
        return NULL;
}

/* --- prepare --- */

typedef struct Preparation {
        Call *call;
        bool packed;
        void (*next)(Call *call);
        Checks *checks;
        Failure failure;
        int r;
} Preparation;

static int pack_rendered(const Rendered *rendered, Future *future, Failure *f)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < rendered->n_changes; i++) {
                const FileChange *change = &rendered->changes[i];
                _cleanup_node_ Node before = { 0 }, after = { 0 };

                r = file_change_get_nodes(change, &before, &after, f);
                if (r == 0)
                        r = future_add(future, file_change_name(change), change->base->path,
                                       &before, &after);
        }
        return r;
}

static int pack_restored(const Restored *restored, Future *future)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < restored->n_items; i++)
                r = future_add(future, restored->names[i], restored->items[i].path,
                               &restored->items[i].before, &restored->items[i].after);
        return r;
}

/* May be in a thread: the call is held, and nobody else touches what is read here. */
static void prepare_work(void *userdata)
{
        Preparation *p = userdata;
        _cleanup_(future_free_cleanup) Future *future = NULL;

        p->r = future_new(&future, p->packed);
        if (p->r == 0)
                p->r = p->call->transaction ? pack_rendered(p->call->state, future, &p->failure)
                                            : pack_restored(p->call->restored, future);
        if (p->r == 0)
                p->r = future_seal(future);
        if (p->r == 0)
                p->r = checks_new(&p->checks, p->call->manager->validators, TAKE_PTR(future));
}

static void on_prepared(void *userdata)
{
        Preparation *p = userdata;
        Call *call = p->call;

        if (!call->dead && p->r == 0) {
                call->validation = calloc(1, sizeof(*call->validation));
                if (call->validation)
                        call->validation->checks = TAKE_PTR(p->checks);
                else
                        p->r = -ENOMEM;
        }
        if (!call->dead && p->r == 0) {
                p->next(call);
        } else if (!call->dead) {
                failure_move(&call->failure, &p->failure);
                call_fail(call, p->r);
        }
        checks_free(p->checks);
        failure_done(&p->failure);
        call_unref(call);
        free(p);
}

/* Is any validator going to look at it? *ret_bytes: of all the files. */
static bool will_be_checked(const Call *call, uint64_t *ret_bytes)
{
        const Validators *validators = call->manager->validators;
        const Rendered *rendered = call->transaction ? call->state : NULL;
        const Restored *restored = call->restored;
        bool checked = false;

        *ret_bytes = 0;
        for (size_t i = 0; rendered && i < rendered->n_changes; i++) {
                const FileChange *change = &rendered->changes[i];

                *ret_bytes += change->base->size + change->size;
                checked = checked || validators_apply(validators, file_change_name(change),
                                                      change->base->path);
        }
        for (size_t i = 0; !rendered && i < restored->n_items; i++) {
                *ret_bytes += restored->items[i].before.size + restored->items[i].after.size;
                checked = checked ||
                          validators_apply(validators, restored->names[i], restored->items[i].path);
        }
        return checked;
}

void validation_prepare(Call *call, void (*next)(Call *call))
{
        Preparation *p = calloc(1, sizeof(*p));
        uint64_t bytes;
        int r = -ENOMEM;

        if (p) {
                *p = (Preparation){ .call = call_ref(call), .next = next };
                p->packed = will_be_checked(call, &bytes);
                if (!p->packed && bytes <= AT_ONCE_MAX) {
                        prepare_work(p);
                        on_prepared(p);
                        return;
                }
                r = task_run(call->manager->pool, prepare_work, on_prepared, p);
        }
        if (r < 0) {
                call_fail(call, r);
                if (p)
                        call_unref(call);
                free(p);
        }
}

/* --- the right to write --- */

void validation_ask_right(Call *call, void (*granted)(Call *call))
{
        call->right->version = checks_future(call->validation->checks)->version;
        write_right_ask(call, granted);
}

/* No dialog now: what an earlier one approved stays. */
static int keep_approval(Call *call)
{
        WriteRight *right = call->right;

        if (!right->approved)
                return 0;
        return transaction_keep_approval(call->transaction, right->version,
                                         TAKE_PTR(right->approved));
}

/* --- run --- */

static void log_report(const Call *call, const Report *report)
{
        if (report->result != REPORT_PASSED)
                log_info("validator %s: %s (%s); change of uid %u to %s", report->validator,
                         report_result_to_string(report->result), report->summary, call->uid,
                         call->about_file ?: "");
}

static int fail_by(Call *call, const Report *report)
{
        if (report->file && report->line > 0)
                return failure_set(&call->failure, EXM_E_VALIDATION_FAILED,
                                   "%s:%u: validator %s rejects the new configuration (%s); "
                                   "nothing was changed",
                                   report->file, report->line, report->validator, report->summary);
        if (report->file)
                return failure_set(&call->failure, EXM_E_VALIDATION_FAILED,
                                   "%s: validator %s rejects the new configuration (%s); nothing "
                                   "was changed",
                                   report->file, report->validator, report->summary);
        return failure_set(&call->failure, EXM_E_VALIDATION_FAILED,
                           "validator %s rejects the new configuration (%s); nothing was changed",
                           report->validator, report->summary);
}

static void on_checked_for_commit(int r, void *userdata)
{
        Call *call = userdata;
        size_t n;
        const Report *reports = checks_reports(call->validation->checks, &n);

        for (size_t i = 0; i < n; i++) {
                log_report(call, &reports[i]);
                if (r == 0 && reports[i].result == REPORT_FAILED)
                        r = fail_by(call, &reports[i]);
        }
        if (r == 0)
                call->validation->next(call);
        else
                call_fail(call, r);
}

int validation_add_names(const Call *call, char ***names)
{
        const Checks *checks = call->validation->checks;
        int r = 0;

        for (size_t i = 0; r == 0 && i < checks_count(checks); i++) {
                _cleanup_free_ char *name = NULL;

                if (asprintf(&name, "validator %s", checks_name(checks, i)) < 0) {
                        name = NULL;
                        return -ENOMEM;
                }
                r = strv_extend_unique(names, name);
        }
        return r;
}

int validation_record(const Call *call, ChangeRecord *record)
{
        const Report *reports;
        size_t n, size, left = RECORD_BYTES_MAX;
        FILE *out;
        int r = 0;

        reports = checks_reports(call->validation->checks, &n);
        out = open_memstream(&record->checks, &size);
        if (!out)
                return -ENOMEM;
        for (size_t i = 0; i < n && r == 0; i++) {
                int length = (int)strnlen(reports[i].words, left);

                if (reports[i].result == REPORT_INCONCLUSIVE)
                        r = strv_extend_unique(&record->inconclusive, reports[i].validator);
                left -= (size_t)length;
                fprintf(out, "%s: %s (%s)\n%.*s\n", reports[i].validator,
                        report_result_to_string(reports[i].result), reports[i].summary, length,
                        reports[i].words);
        }
        return fclose(out) == 0 ? r : -ENOMEM;
}

static int check_option(Call *call)
{
        const Option *validate = args_option(&call->args, "validate");

        if (validate && !validate->b && call->right->sensitive)
                return failure_set(&call->failure, EXM_E_REFUSED,
                                   "%s: only ordinary files can be changed without validation; "
                                   "leave option validate away",
                                   call->right->sensitive);
        return 0;
}

static void start_checks(Call *call, ChecksDone done)
{
        const Manager *m = call->manager;
        int r;

        r = checks_start(call->validation->checks, m->jails, m->pool, call->uid, done, call,
                         &call->failure);
        if (r != 0)
                call_fail(call, r);
}

void validation_run(Call *call, void (*next)(Call *call))
{
        Validation *v = call->validation;
        const Option *validate = args_option(&call->args, "validate");
        int r;

        r = check_option(call);
        v->next = next;
        if (r != 0)
                call_fail(call, r);
        else if ((validate && !validate->b) || checks_count(v->checks) == 0)
                next(call);
        else
                start_checks(call, on_checked_for_commit);
}

/* --- the answer of Validate --- */

/* Our own sentence first: which limit it was is for everybody. */
static int append_report(Call *call, sd_bus_message *reply, const Report *report)
{
        _cleanup_free_ char *output = NULL;
        const char *words = call->validation->words ? report->words : "";
        int r;

        if (asprintf(&output, "%s\n%s", report->summary, words) < 0) {
                output = NULL;
                return -ENOMEM;
        }
        r = call_budget(call, strlen(output) + 512);
        if (r != 0)
                return r;
        return sd_bus_message_append(reply, "a{sv}", 5, "validator", "s", report->validator,
                                     "result", "s", report_result_to_string(report->result), "file",
                                     "s", report->file ?: "", "line", "u", report->line, "output",
                                     "s", output);
}

static void reply_reports(Call *call)
{
        sd_bus_message *reply = NULL;
        const Report *reports;
        size_t n;
        int r;

        reports = checks_reports(call->validation->checks, &n);
        r = call_new_reply(call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = append_report(call, reply, &reports[i]);
                if (r > EXM_E_NONE && call->failure.condition != EXM_E_NONE)
                        break;
        }
        if (r >= 0 && call->failure.condition == EXM_E_NONE)
                r = sd_bus_message_close_container(reply);
        if (r < 0 || call->failure.condition != EXM_E_NONE) {
                sd_bus_message_unref(reply);
                call_fail(call, r);
        } else {
                call_send(call, reply);
        }
}

static void on_words_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        call->validation->words = r == 0 && verdict == AUTH_YES;
        reply_reports(call);
}

static void on_checked_for_reply(int r, void *userdata)
{
        Call *call = userdata;

        if (r == 0)
                permission_ask_polkit(
                        call,
                        &(AuthQuestion){ .action = "org.exmachina1.read-secret-config",
                                         .file = "/" },
                        /* interactive= */ false, on_words_verdict);
        else
                call_fail(call, r);
}

void validation_reply(Call *call)
{
        int r = keep_approval(call);

        if (r < 0)
                call_fail(call, r);
        else if (checks_count(call->validation->checks) == 0)
                reply_reports(call);
        else
                start_checks(call, on_checked_for_reply);
}
