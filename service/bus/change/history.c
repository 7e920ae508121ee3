/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history.c - loading and authorising a change.
 *
 * call->history is what this file keeps; while a thread works on it the loop does not touch it.
 */
#include "bus/change/history.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/call/calls.h"
#include "bus/right/binding.h"
#include "bus/right/permission.h"
#include "bus/right/write-right.h"

typedef struct History {
        Journal *journal;
        const Roots *roots;
        uint64_t id, max_bytes;
        ChangeRecord record;
        bool sees_all;
        FileImage **images; /* one a step; NULL: it cannot be looked at */
        size_t next_step;
        bool asked_plain; /* read-config of next_step is granted */
        int r;
        Failure failure;
        void (*next)(Call *call);
} History;

static void history_free(void *userdata)
{
        History *h = userdata;

        for (size_t i = 0; h->images && i < h->record.n_steps; i++)
                file_image_unref(h->images[i]);
        free(h->images);
        change_record_done(&h->record);
        failure_done(&h->failure);
        free(h);
}

static History *history_of(const Call *call)
{
        return call->history;
}

ChangeRecord *history_record(Call *call)
{
        return &history_of(call)->record;
}

bool history_sees_all(const Call *call)
{
        return history_of(call)->sees_all;
}

const FileImage *history_image(const Call *call, size_t step)
{
        return history_of(call)->images[step];
}

/* A key owns nothing that is older than it is: another one of its name did that. */
static bool is_of_own_key(const Call *call)
{
        const ChangeRecord *record = &history_of(call)->record;
        const Key *key = call_key(call);

        return key && change_record_is_of_key(record, key->name) && record->time >= key->created;
}

static bool is_own(const Call *call)
{
        const ChangeRecord *record = &history_of(call)->record;

        return is_of_own_key(call) ||
               (record->uid == call->uid && !change_record_is_of_key(record, NULL));
}

/* --- who may --- */

static void go_on(Call *call)
{
        history_of(call)->next(call);
}

static void go_on_as_owner(Call *call, const Key *key)
{
        _cleanup_free_ char *by_key = key ? key_authority(key) : NULL;
        int r;

        r = key && !by_key ? -ENOMEM : call_set_authority(call, by_key ?: "own");
        if (r == 0)
                go_on(call);
        else
                call_fail(call, r);
}

/* Only what the files are then and now decides: a step that keeps owner, mode and kind is plain. */
static bool is_plain(const FileStep *step)
{
        const Metadata *a = &step->before.metadata, *b = &step->after.metadata;

        if (step->before.kind == NODE_LINK || step->after.kind == NODE_LINK)
                return false;
        if (step->before.kind == NODE_MISSING || step->after.kind == NODE_MISSING)
                return true;
        return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

static int add_write_rights(Call *call)
{
        const ChangeRecord *record = history_record(call);
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_steps; i++) {
                r = write_right_add(call, record->steps[i].name, is_plain(&record->steps[i]));
                if (r == 0)
                        r = call_add_file(call, record->steps[i].name);
        }
        return r;
}

static void ask_to_write(Call *call)
{
        const ChangeRecord *record = history_record(call);
        int r;

        if (record->zone_after) {
                call_authorise(call,
                               &(AuthQuestion){ .action = "org.exmachina1.set-timezone",
                                                .zone = record->zone_before },
                               go_on);
                return;
        }
        r = add_write_rights(call);
        if (r == 0)
                write_right_ask(call, go_on);
        else
                call_fail(call, r);
}

static void authorise(Call *call)
{
        Needs needs = call->method->needs;

        if (needs == NEEDS_WRITE || (needs == NEEDS_OWN_OR_WRITE && !is_own(call))) {
                ask_to_write(call);
        } else if (is_own(call)) {
                go_on_as_owner(call, is_of_own_key(call) ? permission_hold_key(call) : NULL);
        } else {
                call_authorise(call, &(AuthQuestion){ .action = "org.exmachina1.read-history" },
                               go_on);
        }
}

/* ListChanges: who may see all sees all, everybody else what is his. */
static void on_list_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        if (r != 0 || verdict != AUTH_YES) {
                go_on_as_owner(call, permission_hold_key(call));
                return;
        }
        history_of(call)->sees_all = true;
        r = permission_record(call);
        if (r == 0)
                go_on(call);
        else
                call_fail(call, r);
}

static void on_all_granted(Call *call)
{
        history_of(call)->sees_all = true;
        go_on(call);
}

/* Only who asks for all is asked for a password. */
static void authorise_list(Call *call)
{
        const Option *all = args_option(&call->args, "all");
        const AuthQuestion question = { .action = "org.exmachina1.read-history" };

        if (all && all->b)
                call_authorise(call, &question, on_all_granted);
        else
                permission_ask_polkit(call, &question, /* interactive= */ false, on_list_verdict);
}

/* --- loading --- */

static void load_work(void *userdata)
{
        History *h = history_of(userdata);

        h->r = journal_load(h->journal, h->id, /* content= */ false, &h->record, &h->failure);
}

static void on_record(void *userdata)
{
        Call *call = userdata;
        History *h = history_of(call);

        if (!call->dead) {
                if (h->r == 0) {
                        call->change = h->record.id;
                        authorise(call);
                } else {
                        failure_move(&call->failure, &h->failure);
                        call_fail(call, h->r != -ENOENT
                                                ? h->r
                                                : failure_set(&call->failure, EXM_E_NO_SUCH_CHANGE,
                                                              "there is no change %llu; see "
                                                              "ListChanges",
                                                              (unsigned long long)h->id));
                }
        }
        call_unref(call);
}

static void run_task(Call *call, TaskFn work, TaskFn done)
{
        int r;

        r = task_run(call->manager->pool, work, done, call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

void history_start(Call *call, void (*next)(Call *call))
{
        const Manager *m = call->manager;
        History *h;

        h = calloc(1, sizeof(*h));
        if (!h) {
                call_fail(call, -ENOMEM);
                return;
        }
        call->history = h;
        call->history_free = history_free;
        h->journal = m->journal;
        h->roots = m->roots;
        h->max_bytes = m->limits->file_bytes;
        h->next = next;
        if (call->method->about != ABOUT_CHANGE) {
                authorise_list(call);
                return;
        }
        h->id = call->args.arg[call->method->about_args[0]].t;
        run_task(call, load_work, on_record);
}

/* --- reading the files of a change --- */

bool history_is_public(const Node *node)
{
        return node->kind != NODE_FILE ||
               ((node->metadata.mode & S_IROTH) && !metadata_has_acl(&node->metadata));
}

static void load_content_work(void *userdata)
{
        History *h = history_of(userdata);
        ChangeRecord record = { 0 };

        h->r = journal_load(h->journal, h->id, /* content= */ true, &record, &h->failure);
        if (h->r != 0)
                return;
        /* A journaled change keeps its steps; only its state may have moved on. */
        if (record.n_steps != h->record.n_steps) {
                change_record_done(&record);
                h->r = -ESTALE;
                return;
        }
        change_record_done(&h->record);
        h->record = record;
        for (size_t i = 0; i < h->record.n_steps; i++) {
                _cleanup_failure_ Failure ignored = { 0 };
                FileImage *image = NULL;

                if (file_image_take(&image, h->roots, h->record.steps[i].name,
                                    /* with_content= */ true, h->max_bytes, &ignored) != 0)
                        continue;
                file_image_unref(h->images[i]);
                h->images[i] = image;
        }
}

static void on_content(void *userdata)
{
        Call *call = userdata;
        History *h = history_of(call);

        if (!call->dead) {
                if (h->r == 0) {
                        h->next(call);
                } else {
                        failure_move(&call->failure, &h->failure);
                        call_fail(call, h->r);
                }
        }
        call_unref(call);
}

static void ask_to_read(Call *call);

static void on_read_granted(Call *call)
{
        History *h = history_of(call);

        if (h->asked_plain)
                h->next_step++;
        h->asked_plain = !h->asked_plain;
        ask_to_read(call);
}

/* By its stricter class then and now; what cannot be looked at is secret. */
static bool is_secret(const History *h, size_t i)
{
        const FileStep *step = &h->record.steps[i];

        return !h->images[i] || h->images[i]->class == FILE_CLASS_SECRET ||
               !history_is_public(&step->before) || !history_is_public(&step->after);
}

/* A link that stands there now may lead to what the key does not grant. */
static bool is_by_key(Call *call, size_t i)
{
        const History *h = history_of(call);
        const FileImage *image = h->images[i];
        const char *name = h->record.steps[i].name;

        if (image && strcmp(image->canonical, name) != 0)
                return false;
        return permission_by_key(
                call,
                &(AuthQuestion){ .action = is_secret(h, i) ? "org.exmachina1.read-secret-config"
                                                           : "org.exmachina1.read-config",
                                 .file = name });
}

static void ask_to_read(Call *call)
{
        History *h = history_of(call);

        for (; h->next_step < h->record.n_steps; h->next_step++, h->asked_plain = false) {
                size_t i = h->next_step;

                if (h->asked_plain ? !is_secret(h, i) : is_by_key(call, i))
                        continue;
                call_authorise_by_polkit(
                        call,
                        &(AuthQuestion){ .action = h->asked_plain
                                                           ? "org.exmachina1.read-secret-config"
                                                           : "org.exmachina1.read-config",
                                         .file = h->record.steps[i].name },
                        on_read_granted);
                return;
        }
        run_task(call, load_content_work, on_content);
}

/* Both sides and what is there now, and as much again while they are compared. */
static uint64_t bytes_to_hold(const ChangeRecord *record)
{
        uint64_t bytes = 0;

        for (size_t i = 0; i < record->n_steps; i++)
                bytes += record->steps[i].before.size + 2 * (uint64_t)record->steps[i].after.size;
        return 2 * bytes;
}

static int make_images(Call *call, void (*next)(Call *call))
{
        History *h = history_of(call);
        int r;

        r = calls_hold_bytes(call, bytes_to_hold(&h->record));
        if (r != 0)
                return r;
        h->next = next;
        h->images = calloc(h->record.n_steps + 1, sizeof(*h->images));
        return h->images ? 0 : -ENOMEM;
}

void history_load_content(Call *call, void (*next)(Call *call))
{
        int r = make_images(call, next);

        if (r != 0)
                call_fail(call, r);
        else
                run_task(call, load_content_work, on_content);
}

static void probe_work(void *userdata)
{
        History *h = history_of(userdata);

        for (size_t i = 0; i < h->record.n_steps; i++) {
                _cleanup_failure_ Failure ignored = { 0 };

                if (file_image_take(&h->images[i], h->roots, h->record.steps[i].name,
                                    /* with_content= */ false, h->max_bytes, &ignored) != 0)
                        h->images[i] = NULL;
        }
}

static void on_probed(void *userdata)
{
        Call *call = userdata;

        if (!call->dead)
                ask_to_read(call);
        call_unref(call);
}

void history_read_files(Call *call, void (*next)(Call *call))
{
        int r = make_images(call, next);

        if (r != 0)
                call_fail(call, r);
        else
                run_task(call, probe_work, on_probed);
}
