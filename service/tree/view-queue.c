/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-queue.c - the operations of a view, one after another.
 *
 * Every step runs from an event source (the view's pump or a worker's answer), so `done` never runs
 * before the call that queued it returns. An operation is taken out of the view before its callback
 * runs, and the callback is the last thing on the way: it may free the view.
 */
#include <errno.h>
#include <string.h>

#include "tree/view-private.h"
#include "tree/view-reply.h"
#include "util/strv.h"

static void view_schedule(View *view)
{
        if (view->pump)
                sd_event_source_set_enabled(view->pump, SD_EVENT_ONESHOT);
}

void view_queue(View *view, Operation *op)
{
        if (!view->current)
                view_schedule(view);
        *view->queue_end = op;
        view->queue_end = &op->next;
}

static void view_finish(View *view, int r, Failure *f, const ViewResult *result)
{
        _cleanup_(operation_free_cleanup) Operation *op = TAKE_PTR(view->current);

        if (view->queue)
                view_schedule(view);
        op->done(r, f, result, op->userdata);
}

static void view_succeed(View *view, const ViewResult *result)
{
        _cleanup_failure_ Failure none = {};

        view_finish(view, 0, &none, result);
}

/* Exchanges images of the view and of the operation: there, and back if it fails. */
static void rebase_swap(View *view, Operation *op)
{
        for (size_t i = 0; i < op->n_images; i++) {
                ssize_t slot = view_find(view, op->images[i]->path);
                FileImage *old;

                if (slot < 0)
                        continue;
                old = file_image_ref(view->files[slot]->file.image);
                view_set_image(view, view->files[slot], op->images[i]);
                file_image_unref(op->images[i]);
                op->images[i] = old;
        }
        op->swapped = !op->swapped;
        view->restart = true;
}

/* Files that came while an Edit was under way count from after it, unless it failed. */
static void view_clamp_since(View *view)
{
        for (size_t i = 0; i < view->n_files; i++)
                if (view->files[i]->since > view->n_log)
                        view->files[i]->since = view->n_log;
}

/* A read-only answer keeps the worker's state; anything else leaves it in doubt. */
static bool leaves_doubt(const Operation *op, int r)
{
        return r < 0 || r == EXM_E_WORKER_FAILED || r == EXM_E_LIMIT_EXCEEDED ||
               (op->kind == OPERATION_EDIT && op->sent);
}

void view_fail(View *view, int r, Failure *f)
{
        Operation *op = view->current;
        bool edit_sent = op->kind == OPERATION_EDIT && op->sent;
        bool dead = view->worker && !worker_is_alive(view->worker);
        bool lost = dead && r == EXM_E_WORKER_FAILED;

        /* RLIMIT_CPU counts over a worker's life: an old one may die of a call that is cheap. */
        if (dead && worker_is_exhausted(view->worker) && !op->fresh)
                lost = true;
        if (leaves_doubt(op, r))
                view->restart = true;
        /* An edit too: what the worker had done of it is gone with it, and nothing of it is
         * recorded. */
        if (lost && !op->repeated) {
                op->repeated = true;
                operation_reset(op);
                view_schedule(view);
                return;
        }

        if (op->swapped)
                rebase_swap(view, op);
        if (edit_sent)
                view_clamp_since(view);
        view_finish(view, r, f, NULL);
}

void view_fail_hostile(View *view, int r, const char *what, Failure *f)
{
        if (r == -EBADMSG) {
                /* It did not get lost, it lied: not to be asked again. */
                view->current->repeated = true;
                r = worker_condemn(view->worker, what, f);
        }
        view_fail(view, r, f);
}

static void on_value_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        ViewResult result = {};

        if (r == 0)
                r = reply_read_value(reply, &result.has_value, &result.value, f);
        if (r != 0) {
                view_fail_hostile(view, r, "value", f);
                return;
        }
        view_keep_answer(view, view->current, &result);
        view_succeed(view, &result);
}

static void on_nodes_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        _cleanup_free_ ViewNode *nodes = NULL;
        ViewResult result = {};

        if (r == 0 && view->current->kind == OPERATION_MATCH)
                r = reply_read_paths(view, reply, &nodes, &result.n_nodes, f);
        else if (r == 0)
                r = reply_read_nodes(view, reply, view->current, &nodes, &result.n_nodes,
                                     &result.total, f);
        if (r != 0) {
                view_fail_hostile(view, r, "nodes", f);
                return;
        }
        result.nodes = nodes;
        view_keep_answer(view, view->current, &result);
        view_succeed(view, &result);
}

/* The one that was asked for may be among them; if not, the worker is asked for it. */
static void on_values_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        _cleanup_free_ ViewNode *nodes = NULL;
        size_t n = 0;

        if (r == 0)
                r = reply_read_values(view, reply, &nodes, &n);
        if (r == 0)
                r = view_keep_values(view, view->current, nodes, n);
        if (r != 0)
                view_fail_hostile(view, r, "values", f);
        else
                view_step(view);
}

/* The edits move from the operation to the log. */
static int view_record(View *view, Operation *op)
{
        Edit *grown;

        if (op->n_edits == 0)
                return 0;
        grown = reallocarray(view->log, view->n_log + op->n_edits, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        view->log = grown;
        memcpy(view->log + view->n_log, op->edits, op->n_edits * sizeof(*grown));
        view->n_log += op->n_edits;
        view->log_bytes += op->edit_bytes;
        view->applied = view->n_log;

        free(op->edits);
        op->edits = NULL;
        op->n_edits = 0;
        return 0;
}

static void on_edit_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;
        ViewResult result = { .n_counts = view->current->n_edits };

        if (r == 0)
                r = reply_read_counts(reply, view->current->n_edits, &result.counts);
        if (r == 0)
                r = view_record(view, view->current);
        if (r != 0)
                view_fail_hostile(view, r, "counts of edits", f);
        else
                view_succeed(view, &result);
}

static void render_next(View *view);

static int render_add(Operation *op, FileImage *base, bool exists, const void *text, size_t size)
{
        ViewText *texts = reallocarray(op->texts, op->n_texts + 1, sizeof(*texts));
        FileImage **bases;

        if (!texts)
                return -ENOMEM;
        op->texts = texts;
        bases = reallocarray(op->bases, op->n_texts + 1, sizeof(FileImage *));
        if (!bases)
                return -ENOMEM;
        op->bases = bases;

        texts[op->n_texts] = (ViewText){ .base = base, .exists = exists, .size = size };
        if (exists) {
                char *copy = malloc(size + 1);

                if (!copy)
                        return -ENOMEM;
                if (size > 0)
                        memcpy(copy, text, size);
                copy[size] = '\0';
                texts[op->n_texts].content = copy;
        }
        bases[op->n_texts++] = file_image_ref(base);
        return 0;
}

static int render_take(View *view, sd_bus_message *reply, Failure *f)
{
        const Limits *limits = view->host->limits;
        Operation *op = view->current;
        const void *text = NULL;
        FileImage *base;
        size_t size = 0;
        bool exists;
        ssize_t i;
        int r;

        r = reply_read_text(reply, &exists, &text, &size);
        if (r < 0)
                return r;
        i = view_find(view, op->changed[op->next_changed - 1]);
        if (i < 0)
                return 0;
        base = view->files[i]->file.image;
        if (base->stamp.exists && !base->content)
                return -EBADMSG; /* changed, in a view that cannot be edited */
        if (exists == base->stamp.exists && size == base->size &&
            (size == 0 || memcmp(text, base->content, size) == 0))
                return 0;

        op->text_bytes += size;
        if (size > limits->file_bytes || op->text_bytes > limits->staged_bytes)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: the changed text would have more bytes than is allowed "
                                   "(%llu a file, %llu together); change less",
                                   base->path, (unsigned long long)limits->file_bytes,
                                   (unsigned long long)limits->staged_bytes);
        return render_add(op, base, exists, text, size);
}

static void on_render_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;

        if (r == 0)
                r = render_take(view, reply, f);
        if (r != 0)
                view_fail_hostile(view, r, "text", f);
        else
                render_next(view);
}

static void on_changed_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        View *view = userdata;

        if (r == 0)
                r = reply_read_changed(view, reply, &view->current->changed);
        if (r != 0)
                view_fail_hostile(view, r, "changed files", f);
        else
                render_next(view);
}

static int view_send(View *view, sd_bus_message *m, WorkerDone done)
{
        return worker_call(view->worker, m, view->host->limits->worker_wall_sec, done, view);
}

/* The next file that may have changed; when all are rendered, the result. */
static void render_next(View *view)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_failure_ Failure f = {};
        Operation *op = view->current;
        int r;

        if (op->next_changed == strv_length(op->changed)) {
                ViewResult result = { .texts = op->texts, .n_texts = op->n_texts };

                view_succeed(view, &result);
                return;
        }

        r = worker_method(view->worker, "Render", &m);
        if (r == 0)
                r = sd_bus_message_append(m, "s", op->changed[op->next_changed]);
        if (r >= 0) {
                op->next_changed++;
                r = view_send(view, m, on_render_reply);
        }
        if (r < 0)
                view_fail(view, r, &f);
}

/* Of a single file the worker need not be asked whether it is the one that was edited: if not, its
 * text is as it was. One that could not be parsed has none to tell. */
static int render_only_file(View *view, Operation *op)
{
        int r;

        if (view->n_files != 1 || view->files[0]->file.error_kind)
                return 0;
        r = strv_extend(&op->changed, view->files[0]->file.image->path);
        if (r < 0)
                return r;
        render_next(view);
        return 1;
}

static bool only_reads(const Operation *op)
{
        return op->kind == OPERATION_GET_VALUE || op->kind == OPERATION_MATCH ||
               op->kind == OPERATION_READ;
}

static WorkerDone read_done(const Operation *op)
{
        return op->kind == OPERATION_GET_VALUE ? on_value_reply : on_nodes_reply;
}

/* Ends the operation with what the worker has said before. Returns: false if it has to be asked. */
static bool operation_answer(View *view, const Operation *op)
{
        _cleanup_(kept_unref_cleanup) Kept *kept = NULL;
        ViewResult result;

        if (only_reads(op))
                kept = view_find_answer(view, op, &result);
        if (kept)
                view_succeed(view, &result);
        return kept;
}

static int values_send(View *view)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = worker_method(view->worker, "Values", &m);
        if (r == 0)
                r = sd_bus_message_append(m, "u", VALUES_BYTES);
        return r < 0 ? r : view_send(view, m, on_values_reply);
}

/* Sends the operation's own call, the worker being up to date. */
static int operation_send(View *view, Operation *op)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        static const char *const methods[] = {
                [OPERATION_GET_VALUE] = "GetValue", [OPERATION_MATCH] = "Match",
                [OPERATION_READ] = "Read",          [OPERATION_EDIT] = "Edit",
                [OPERATION_RENDER] = "Changed",
        };
        int r;

        if (operation_answer(view, op))
                return 0;
        if (op->kind == OPERATION_RENDER) {
                r = render_only_file(view, op);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        op->state = view->answers.state;
        if (view_wants_values(view, op))
                return values_send(view);
        r = worker_method(view->worker, methods[op->kind], &m);
        if (r < 0)
                return r;

        switch (op->kind) {
        case OPERATION_GET_VALUE:
        case OPERATION_MATCH:
        case OPERATION_READ:
                r = sd_bus_message_append(m, "s", op->text);
                if (r >= 0 && op->kind == OPERATION_READ)
                        r = sd_bus_message_append(m, "uu", op->offset, op->limit);
                return r < 0 ? r : view_send(view, m, read_done(op));
        case OPERATION_EDIT:
                r = message_append_edits(m, op->edits, op->n_edits);
                if (r < 0)
                        return r;
                op->sent = true;
                return view_send(view, m, on_edit_reply);
        case OPERATION_RENDER:
                return view_send(view, m, on_changed_reply);
        default:
                return -EINVAL;
        }
}

static int check_edit_limits(const View *view, const Operation *op, Failure *f)
{
        const Limits *limits = view->host->limits;

        if (view->n_log + op->n_edits > limits->edits)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "a transaction may hold %u edits; commit these and begin "
                                   "another",
                                   limits->edits);
        if (view_bytes(view) + op->edit_bytes > limits->staged_bytes)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "a transaction may hold %llu bytes of files and edits; commit "
                                   "these and begin another",
                                   (unsigned long long)limits->staged_bytes);
        return 0;
}

static int rebase_begin(View *view, Operation *op, Failure *f)
{
        rebase_swap(view, op);
        if (view->image_bytes <= view->host->limits->view_bytes)
                return 0;

        rebase_swap(view, op);
        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                           "the files have grown beyond the %llu bytes that may be loaded; begin a "
                           "transaction with fewer files",
                           (unsigned long long)view->host->limits->view_bytes);
}

Operation *view_take(View *view)
{
        if (!view->current && view->queue) {
                view->current = view->queue;
                view->queue = view->current->next;
                if (!view->queue)
                        view->queue_end = &view->queue;
        }
        return view->current;
}

/* Begins with the next operation. Returns: as operations end; it was ended if not 0. */
static int view_begin(View *view, Failure *f)
{
        Operation *op = view_take(view);
        int r = 0;

        if (op->kind == OPERATION_EDIT)
                r = check_edit_limits(view, op, f);
        else if (op->kind == OPERATION_REBASE)
                r = rebase_begin(view, op, f);
        if (r != 0)
                view_finish(view, r, f, NULL);
        return r;
}

void view_step(View *view)
{
        static const ViewResult nothing = {};
        _cleanup_failure_ Failure f = {};
        const Operation *op;
        int r;

        if (!view->current && (!view->queue || view_begin(view, &f) != 0))
                return;
        op = view->current;

        r = view_sync(view, &f);
        if (r == -EINPROGRESS)
                return;
        if (r == 0 && (op->kind == OPERATION_LOAD || op->kind == OPERATION_REBASE)) {
                view_succeed(view, &nothing);
                return;
        }
        if (r == 0)
                r = operation_send(view, view->current);
        if (r != 0)
                view_fail(view, r, &f);
}
