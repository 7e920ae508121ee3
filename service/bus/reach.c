/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach.c - steps 3 to 6 of reach.h: asking and reading; reach-names.c has 1 and 2.
 *
 * While a thread works on call->reach the loop does not touch it; the thread touches nothing else.
 */
#include "bus/reach.h"

#include <errno.h>
#include <string.h>

#include "bus/call.h"
#include "bus/gate.h"
#include "bus/load.h"
#include "bus/reach-names.h"
#include "bus/transaction.h"

static void reach_file_done(ReachFile *file)
{
        free(file->file);
        free(file->lens);
        free(file->other_lens);
        file_image_unref(file->image);
        file_image_unref(file->loaded);
        failure_done(&file->failure);
}

void reach_done(Reach *reach)
{
        for (size_t i = 0; i < reach->n_files; i++)
                reach_file_done(&reach->files[i]);
        for (size_t i = 0; i < reach->n_spans; i++)
                free(reach->spans[i].prefix);
        free(reach->files);
        free(reach->spans);
        lens_index_unref(reach->index);
        failure_done(&reach->failure);
        *reach = (Reach){ 0 };
}

ReachFile *reach_find(Reach *reach, const char *file)
{
        for (size_t i = 0; i < reach->n_files; i++)
                if (strcmp(reach->files[i].file, file) == 0)
                        return &reach->files[i];
        return NULL;
}

/* Runs `work` in a thread with the call kept alive; `done` on the loop. */
static void run_task(Call *call, TaskFn work, TaskFn done)
{
        int r;

        call_ref(call);
        r = task_run(call->manager->pool, work, done, call);
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

/* --- step 6: read --- */

static void read_file(ReachFile *file, const Reach *reach)
{
        FileImage *image = NULL;

        file->r = file_image_take(&image, reach->roots, file->file, /* with_content= */ true,
                                  reach->max_bytes, &file->failure);
        if (file->r != 0)
                return;
        file_image_unref(file->image);
        file->image = image;
        if (image->class == FILE_CLASS_SECRET && !file->may_secret) {
                file->left_out = !file->named;
                file->r = file->named ? failure_set(&file->failure, EXM_E_ACCESS_DENIED,
                                                    "%s: not authorised", file->file)
                                      : 0;
        }
}

static bool file_is_fresh(const Reach *reach, const ReachFile *file)
{
        if (reach->probe_only || (file->held && !reach->refresh))
                return true;
        if (file->held)
                return file->image->content || !file->image->stamp.exists;
        if (!file->image->stamp.exists)
                return file->loaded && !file->loaded->stamp.exists;
        return file->image->content ||
               (file->loaded && file_stamp_equal(&file->loaded->stamp, &file->image->stamp));
}

static void read_work(void *userdata)
{
        Reach *reach = &((Call *)userdata)->reach;

        for (size_t i = 0; i < reach->n_files; i++)
                if (!reach->files[i].left_out && !file_is_fresh(reach, &reach->files[i]))
                        read_file(&reach->files[i], reach);
}

/* The first file that failed ends the call; what is merely part of a span is left out. */
static int settle_files(Call *call)
{
        for (size_t i = 0; i < call->reach.n_files; i++) {
                ReachFile *file = &call->reach.files[i];

                if (file->r == 0 || file->left_out)
                        continue;
                if (file->r > 0 && !file->named && !file->held) {
                        file->left_out = true;
                        continue;
                }
                failure_move(&call->failure, &file->failure);
                return file->r;
        }
        return 0;
}

static void on_read(void *userdata)
{
        Call *call = userdata;
        int r;

        if (!call->dead) {
                r = settle_files(call);
                if (r == 0)
                        call->reach.done(call);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

static void start_reading(Call *call)
{
        int r;

        r = load_choose_view(call);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        for (size_t i = 0; i < call->reach.n_files; i++)
                if (!call->reach.files[i].left_out &&
                    !file_is_fresh(&call->reach, &call->reach.files[i])) {
                        run_task(call, read_work, on_read);
                        return;
                }
        call->reach.done(call);
}

void reach_read_again(Call *call, void (*done)(Call *call))
{
        for (size_t i = 0; i < call->reach.n_files; i++)
                call->reach.files[i].loaded = file_image_unref(call->reach.files[i].loaded);
        call->reach.done = done;
        start_reading(call);
}

/* --- step 5: ask for files that are not public --- */

static bool needs_secret(const Call *call, const ReachFile *file)
{
        return !file->left_out && !file->may_secret && file->image &&
               file->image->class == FILE_CLASS_SECRET;
}

static void ask_secret(Call *call);

static void on_secret_granted(Call *call)
{
        ReachFile *file = &call->reach.files[call->reach.next];
        int r;

        file->may_secret = true;
        r = call->transaction ? transaction_allow_secret(call->transaction, file->file) : 0;
        if (r < 0) {
                call_fail(call, r);
                return;
        }
        call->reach.next++;
        ask_secret(call);
}

static void ask_secret(Call *call)
{
        Reach *reach = &call->reach;

        for (; reach->next < reach->n_files; reach->next++) {
                ReachFile *file = &reach->files[reach->next];

                if (!needs_secret(call, file))
                        continue;
                if (!file->named && !file->held) {
                        file->left_out = true;
                        continue;
                }
                /* The resolved name: a right to read a link's name is none to read where it leads.
                 */
                call_authorise(call,
                               &(AuthQuestion){ .action = "org.exmachina1.read-secret-config",
                                                .file = file->image->canonical },
                               on_secret_granted);
                return;
        }
        start_reading(call);
}

/* --- step 4: probe --- */

static int append_found(Reach *reach, ReachSpan *span, LensFile *found, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *lens = found[i].lens, *other = NULL;
                int r;

                if (reach_find(reach, found[i].file))
                        continue;
                lens_index_lookup(reach->index, found[i].file, &lens, &other);
                r = reach_add_file(reach, found[i].file, lens, other, NULL);
                if (r < 0)
                        return r;
        }
        span->n_found = n;
        return 0;
}

static void probe_work(void *userdata)
{
        Reach *reach = &((Call *)userdata)->reach;

        for (size_t i = 0; reach->r == 0 && i < reach->n_spans; i++) {
                LensFile *found = NULL;
                size_t n = 0;

                reach->r = lens_index_walk(reach->index, reach->roots, reach->spans[i].prefix,
                                           reach->max_files, &found, &n, &reach->failure);
                if (reach->r == 0)
                        reach->r = append_found(reach, &reach->spans[i], found, n);
                lens_files_free(found, n);
        }
        for (size_t i = 0; reach->r == 0 && i < reach->n_files; i++)
                reach->files[i].r = file_image_take(
                        &reach->files[i].image, reach->roots, reach->files[i].file,
                        /* with_content= */ false, reach->max_bytes, &reach->files[i].failure);
}

static bool is_plain_file(const ReachFile *file)
{
        return file->r == 0 && file->image && file->image->stamp.exists;
}

/* Of the leading paths of one prefix, the shortest that is a file is meant; if none is, the
 * longest: the others could only be directories. */
static void settle_groups(Reach *reach)
{
        for (unsigned group = 1; group <= reach->n_groups; group++) {
                ReachFile *chosen = NULL;

                for (size_t i = 0; i < reach->n_files; i++)
                        if (reach->files[i].group == group && !(chosen && is_plain_file(chosen)))
                                chosen = &reach->files[i];
                for (size_t i = 0; i < reach->n_files; i++)
                        if (reach->files[i].group == group && &reach->files[i] != chosen)
                                reach->files[i].left_out = true;
        }
}

static void on_probed(void *userdata)
{
        Call *call = userdata;
        int r = call->reach.r;

        if (!call->dead) {
                settle_groups(&call->reach);
                if (r != 0)
                        failure_move(&call->failure, &call->reach.failure);
                else
                        r = settle_files(call);
                call->reach.next = 0;
                if (r == 0)
                        ask_secret(call);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

/* --- step 3: ask for the names --- */

static void ask_names(Call *call)
{
        Reach *reach = &call->reach;
        size_t i = reach->next++;

        while (i < reach->n_files && reach->files[i].held)
                i = reach->next++;
        if (i < reach->n_files + reach->n_spans) {
                const char *name = i < reach->n_files ? reach->files[i].file
                                                      : reach->spans[i - reach->n_files].prefix;

                call_authorise(
                        call,
                        &(AuthQuestion){ .action = "org.exmachina1.read-config", .file = name },
                        ask_names);
                return;
        }
        if (!call->authority) {
                /* Nothing was named. A transaction that holds files has its right from them. */
                if (reach->n_files > 0)
                        call_set_authority(call, "transaction");
                if (!call->authority) {
                        call_authorise(call,
                                       &(AuthQuestion){ .action = "org.exmachina1.read-config" },
                                       ask_names);
                        return;
                }
        }
        run_task(call, probe_work, on_probed);
}

/* --- step 1 and 2 --- */

static void on_index(int r, Failure *f, LensIndex *index, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == 0) {
                        call->reach.index = lens_index_ref(index);
                        r = reach_collect_names(call);
                } else if (f) {
                        failure_move(&call->failure, f);
                }
                if (r == 0)
                        ask_names(call);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

void reach_start(Call *call, void (*done)(Call *call))
{
        Manager *m = call->manager;
        int r;

        call->reach.done = done;
        call->reach.probe_only = call->method->about == ABOUT_GLOB;
        call->reach.refresh = strcmp(call->method->member, "Rebase") == 0;
        call->reach.roots = m->roots;
        /* What no answer could hold is not read. */
        call->reach.max_bytes = m->limits->file_bytes;
        if (call->method->about == ABOUT_FILE && call->reach.max_bytes > LIMIT_MESSAGE_BYTES)
                call->reach.max_bytes = LIMIT_MESSAGE_BYTES;
        call->reach.max_files = m->limits->view_files;
        r = reach_check_syntax(call);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        tree_get_index(m->tree, on_index, call_ref(call));
}
