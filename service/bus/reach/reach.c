/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach.c - steps 4 and 6 of reach.h: looking and reading; reach-names.c has 1 and 2, reach-ask.c 3
 * and 5.
 *
 * While a thread works on call->reach the loop does not touch it; the thread touches nothing else.
 */
#include "bus/reach/reach.h"

#include <errno.h>
#include <string.h>

#include "bus/call/call.h"
#include "bus/call/transaction.h"
#include "bus/reach/call-view.h"
#include "bus/reach/reach-ask.h"
#include "bus/reach/reach-names.h"
#include "bus/right/permission.h"

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

static bool key_grants(const Reach *reach, const FileImage *image)
{
        const AuthQuestion question = { .action = image->class == FILE_CLASS_PUBLIC
                                                          ? "org.exmachina1.read-config"
                                                          : "org.exmachina1.read-secret-config",
                                        .file = image->canonical };

        return reach->grants && permission_covers(reach->grants, &question);
}

/* --- step 6: read --- */

/* What was granted is granted for what was found then, not for where a link leads meanwhile. */
static bool image_is_allowed(const Reach *reach, const ReachFile *file, const FileImage *image)
{
        if (file->by_key)
                return key_grants(reach, image);
        return image->class == FILE_CLASS_PUBLIC ||
               (file->may_secret && strcmp(image->canonical, file->image->canonical) == 0);
}

static void read_file(ReachFile *file, const Reach *reach)
{
        FileImage *image = NULL;
        bool may_read;

        file->r = file_image_take(&image, reach->roots, file->file, /* with_content= */ true,
                                  reach->max_bytes, &file->failure);
        if (file->r != 0)
                return;
        may_read = image_is_allowed(reach, file, image);
        file_image_unref(file->image);
        file->image = image;
        /* A warm view has these bytes: that they are the same is all there is to know. */
        if (!file->held && file->loaded && strcmp(file->loaded->version, image->version) == 0) {
                free(image->content);
                image->content = NULL;
        }
        if (!may_read) {
                file->left_out = !file->named && !file->held;
                file->r = file->left_out ? 0
                                         : failure_set(&file->failure, EXM_E_ACCESS_DENIED,
                                                       "%s: not authorised", file->file);
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
        Reach *reach = ((Call *)userdata)->reach;

        for (size_t i = 0; i < reach->n_files; i++)
                if (!reach->files[i].left_out && !file_is_fresh(reach, &reach->files[i]))
                        read_file(&reach->files[i], reach);
}

/* The first file that failed ends the call; what is merely part of a span is left out. */
static int settle_files(Call *call)
{
        for (size_t i = 0; i < call->reach->n_files; i++) {
                ReachFile *file = &call->reach->files[i];

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
                        call->reach->done(call);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

static void read_files(Call *call)
{
        int r;

        r = call_choose_view(call);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        for (size_t i = 0; i < call->reach->n_files; i++)
                if (!call->reach->files[i].left_out &&
                    !file_is_fresh(call->reach, &call->reach->files[i])) {
                        run_task(call, read_work, on_read);
                        return;
                }
        call->reach->done(call);
}

void reach_read_again(Call *call)
{
        for (size_t i = 0; i < call->reach->n_files; i++)
                call->reach->files[i].loaded = file_image_unref(call->reach->files[i].loaded);
        read_files(call);
}

/* --- step 4: probe --- */

static int append_found(Reach *reach, size_t span, LensFile *found, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const char *lens = found[i].lens, *other = NULL;
                ReachFile *file = reach_find(reach, found[i].file);
                int r = 0;

                if (!file) {
                        lens_index_lookup(reach->index, found[i].file, &lens, &other);
                        r = reach_add_file(reach, found[i].file, lens, other, &file);
                }
                if (r < 0)
                        return r;
                file->spans |= UINT32_C(1) << span;
        }
        reach->spans[span].n_found = n;
        return 0;
}

static void probe_work(void *userdata)
{
        Reach *reach = ((Call *)userdata)->reach;

        for (size_t i = 0; reach->r == 0 && i < reach->n_spans; i++) {
                LensFile *found = NULL;
                size_t n = 0;

                reach->r = lens_index_walk(reach->index, reach->roots, reach->spans[i].prefix,
                                           reach->max_files, &found, &n, &reach->failure);
                if (reach->r == 0)
                        reach->r = append_found(reach, i, found, n);
                lens_files_free(found, n);
        }
        for (size_t i = 0; reach->r == 0 && i < reach->n_files; i++) {
                ReachFile *file = &reach->files[i];

                file->r = file_image_take(&file->image, reach->roots, file->file,
                                          /* with_content= */ false, reach->max_bytes,
                                          &file->failure);
                file->by_key = file->r == 0 && key_grants(reach, file->image);
        }
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

static void probed(Call *call)
{
        int r = call->reach->r;

        settle_groups(call->reach);
        if (r != 0)
                failure_move(&call->failure, &call->reach->failure);
        else
                r = settle_files(call);
        call->reach->next = 0;
        if (r == 0)
                reach_ask_found(call, read_files);
        else
                call_fail(call, r);
}

static void on_probed(void *userdata)
{
        Call *call = userdata;

        if (!call->dead)
                probed(call);
        call_unref(call);
}

/* What was looked at before: by the transaction, or by this user's warm views. NULL: nothing. */
static FileImage *known_image(const Call *call, const ReachFile *file)
{
        if (call->transaction)
                return file->held ? file->loaded : NULL;
        return view_cache_find_image(call->manager->views, call->uid, file->file);
}

/* Returns: true if every file is as it was known, and need not be probed. */
static bool glance_at_files(Call *call)
{
        Reach *reach = call->reach;

        if (reach->probe_only || reach->n_spans > 0)
                return false;
        for (size_t i = 0; i < reach->n_files; i++) {
                FileImage *known = known_image(call, &reach->files[i]);

                if (!known || !glance_is_current(&call->manager->glance, known))
                        return false;
        }
        for (size_t i = 0; i < reach->n_files; i++) {
                ReachFile *file = &reach->files[i];

                file->image = file_image_ref(known_image(call, file));
                file->by_key = key_grants(reach, file->image);
        }
        return true;
}

static void probe(Call *call)
{
        const Key *key = permission_hold_key(call);

        call->reach->grants = key ? &key->grants : NULL;
        if (glance_at_files(call))
                probed(call);
        else
                run_task(call, probe_work, on_probed);
}

/* --- step 1 and 2 --- */

static void on_index(int r, Failure *f, LensIndex *index, void *userdata)
{
        Call *call = userdata;

        if (!call->dead) {
                if (r == 0) {
                        call->reach->index = lens_index_ref(index);
                        r = reach_collect_names(call);
                } else if (f) {
                        failure_move(&call->failure, f);
                }
                if (r == 0)
                        reach_ask_names(call, probe);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

void reach_start(Call *call, void (*done)(Call *call))
{
        Manager *m = call->manager;
        int r;

        call->reach->done = done;
        call->reach->probe_only = call->method->about == ABOUT_GLOB;
        call->reach->refresh = strcmp(call->method->member, "Rebase") == 0;
        call->reach->roots = m->roots;
        /* What no answer could hold is not read. */
        call->reach->max_bytes = m->limits->file_bytes;
        if (call->method->about == ABOUT_FILE && call->reach->max_bytes > LIMIT_MESSAGE_BYTES)
                call->reach->max_bytes = LIMIT_MESSAGE_BYTES;
        call->reach->max_files = m->limits->view_files;
        r = reach_check_syntax(call);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        tree_get_index(m->tree, on_index, call_ref(call));
}
