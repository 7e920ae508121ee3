/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage.c - one list of edits: check, look up owners, load, edit, note the rest.
 */
#include "bus/change/stage.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>

#include "bus/call/edits.h"
#include "bus/call/transaction.h"
#include "bus/reach/load.h"
#include "bus/reach/reach-files.h"

/* Of an "owner" edit, looked up in a thread. */
typedef struct Owner {
        char *user, *group;
        uid_t uid;
        gid_t gid;
        const char *missing; /* user or group that does not exist */
        int r;
} Owner;

typedef struct Stage {
        const Edit *edits;
        VerbKind *kinds;
        Owner *owners;   /* one per edit; user NULL for other verbs */
        Edit *batch;     /* the worker's share, borrowed strings */
        size_t *indexes; /* of each in the batch, its index in the call */
        size_t n_edits, n_batch;
        bool numbered, has_owners;
        uint32_t count; /* nodes of the last edit of the batch */
        void (*next)(Call *call);
} Stage;

static void stage_free(void *userdata)
{
        Stage *stage = userdata;

        for (size_t i = 0; stage->owners && i < stage->n_edits; i++) {
                free(stage->owners[i].user);
                free(stage->owners[i].group);
        }
        free(stage->kinds);
        free(stage->owners);
        free(stage->batch);
        free(stage->indexes);
        free(stage);
}

int stage_begin_private(Call *call)
{
        Transaction *t = NULL;
        int r;

        r = transaction_begin(call, 0, &t);
        if (r != 0)
                return r;
        call->transaction = t;
        call->owns_transaction = true;
        return 0;
}

/* "edit 3: " of the batch is another number in the call; a method with one edit has none. */
static void renumber(const Stage *stage, Failure *f)
{
        size_t index = 0;
        char *end, *text;

        if (!f->message || strncmp(f->message, "edit ", 5) != 0)
                return;
        index = strtoul(f->message + 5, &end, 10);
        if (strncmp(end, ": ", 2) != 0 || index >= stage->n_batch)
                return;
        text = strdup(end + 2);
        if (!text)
                return;
        free(f->message);
        f->message = text;
        if (stage->numbered)
                failure_prefix(f, "edit %zu: ", stage->indexes[index]);
}

static int note_staged(Call *call, const Stage *stage)
{
        Staged *staged = transaction_staged(call->transaction);
        int r = 0;

        for (size_t i = 0; r == 0 && i < stage->n_edits; i++) {
                char **args = stage->edits[i].args;

                if (stage->kinds[i] == VERB_LINK)
                        r = staged_add_link(staged, args[1], args[0]);
                else if (stage->kinds[i] == VERB_MODE)
                        r = staged_add_mode(staged, args[0], (mode_t)strtoul(args[1], NULL, 8));
                else if (stage->kinds[i] == VERB_OWNER)
                        r = staged_add_owner(staged, args[0], stage->owners[i].uid,
                                             stage->owners[i].gid);
        }
        return r;
}

static void finish(Call *call)
{
        Stage *stage = call->state;
        void (*next)(Call *) = stage->next;
        int r;

        r = note_staged(call, stage);
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        call->count = stage->count;
        call_set_state(call, NULL, NULL);
        next(call);
}

static void on_edited(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Call *call = userdata;
        Stage *stage = call->state;

        if (!call->dead) {
                if (r == 0) {
                        stage->count =
                                result->n_counts > 0 ? result->counts[result->n_counts - 1] : 0;
                        finish(call);
                } else {
                        renumber(stage, f);
                        load_failed(call, r, f);
                }
        }
        call_unref(call);
}

static void start_edit(Call *call)
{
        Stage *stage = call->state;
        int r;

        if (stage->n_batch == 0) {
                finish(call);
                return;
        }
        r = view_edit(call_view(call), stage->batch, stage->n_batch, on_edited, call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

static int owner_look_up(Owner *owner)
{
        struct passwd user, *found_user = NULL;
        struct group group, *found_group = NULL;
        char *buffer;
        size_t size = 65536;
        int r;

        buffer = malloc(size);
        if (!buffer)
                return -ENOMEM;
        r = -getpwnam_r(owner->user, &user, buffer, size, &found_user);
        if (found_user)
                owner->uid = user.pw_uid;
        if (r == 0)
                r = -getgrnam_r(owner->group, &group, buffer, size, &found_group);
        if (found_group)
                owner->gid = group.gr_gid;
        free(buffer);
        owner->missing = !found_user ? owner->user : !found_group ? owner->group : NULL;
        return r == -ENOENT || r == -ESRCH ? 0 : r;
}

static void look_up_work(void *userdata)
{
        Stage *stage = ((Call *)userdata)->state;

        for (size_t i = 0; i < stage->n_edits; i++)
                if (stage->owners[i].user)
                        stage->owners[i].r = owner_look_up(&stage->owners[i]);
}

static void load_and_edit(Call *call)
{
        Stage *stage = call->state;
        uint64_t bytes = 0;
        int r;

        for (size_t i = 0; i < stage->n_batch; i++)
                for (char **arg = stage->batch[i].args; *arg; arg++)
                        bytes += strlen(*arg) + 1;
        for (size_t i = 0; i < call->reach->n_files; i++)
                if (!call->reach->files[i].left_out && call->reach->files[i].image)
                        bytes += call->reach->files[i].image->content
                                         ? call->reach->files[i].image->size
                                         : 0;
        r = transaction_check_bytes(call->transaction, bytes, &call->failure);
        if (r == 0)
                r = load_view(call, start_edit);
        if (r != 0)
                call_fail(call, r);
}

static void on_looked_up(void *userdata)
{
        Call *call = userdata;
        Stage *stage = call->state;
        int r = 0;

        if (!call->dead) {
                for (size_t i = 0; r == 0 && i < stage->n_edits; i++) {
                        r = stage->owners[i].r;
                        if (r == 0 && stage->owners[i].missing)
                                r = failure_set(&call->failure, EXM_E_INVALID_EDIT,
                                                "edit %zu: there is no user or group \"%.64s\"", i,
                                                stage->owners[i].missing);
                }
                if (r == 0)
                        load_and_edit(call);
                else
                        call_fail(call, r);
        }
        call_unref(call);
}

static int split_owner(Owner *owner, const char *text)
{
        const char *colon = strchr(text, ':');

        owner->user = strndup(text, (size_t)(colon - text));
        owner->group = strdup(colon + 1);
        return owner->user && owner->group ? 0 : -ENOMEM;
}

/* No text or value is longer than a file may be. */
static int check_size(const Edit *edit, size_t index, uint64_t max_bytes, Failure *f)
{
        for (char **arg = edit->args; *arg; arg++)
                if (strlen(*arg) > max_bytes)
                        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                           "edit %zu: %s has more than the %" PRIu64
                                           " bytes that a file may have",
                                           index, edit->verb, max_bytes);
        return 0;
}

/* Sorts the edits into the worker's and ours. */
static int stage_fill(Stage *stage, uint64_t max_bytes, Failure *f)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < stage->n_edits; i++) {
                r = edit_check(&stage->edits[i], i, &stage->kinds[i], f);
                if (r == 0)
                        r = check_size(&stage->edits[i], i, max_bytes, f);
                if (r == 0 && stage->kinds[i] == VERB_TREE) {
                        stage->batch[stage->n_batch] = stage->edits[i];
                        stage->indexes[stage->n_batch++] = i;
                } else if (r == 0 && stage->kinds[i] == VERB_OWNER) {
                        stage->has_owners = true;
                        r = split_owner(&stage->owners[i], stage->edits[i].args[1]);
                }
        }
        return r;
}

int stage_edits(Call *call, const Edit *edits, size_t n_edits, bool numbered,
                void (*next)(Call *call))
{
        Stage *stage;
        int r;

        /* "text", "rm" and the like mend a file that cannot be parsed. */
        call->wants_parsed = false;
        stage = calloc(1, sizeof(*stage));
        if (!stage)
                return -ENOMEM;
        *stage = (Stage){ .edits = edits, .n_edits = n_edits, .numbered = numbered, .next = next };
        call_set_state(call, stage, stage_free);
        stage->kinds = calloc(n_edits + 1, sizeof(*stage->kinds));
        stage->owners = calloc(n_edits + 1, sizeof(*stage->owners));
        stage->batch = calloc(n_edits + 1, sizeof(*stage->batch));
        stage->indexes = calloc(n_edits + 1, sizeof(*stage->indexes));
        if (!stage->kinds || !stage->owners || !stage->batch || !stage->indexes)
                return -ENOMEM;
        r = stage_fill(stage, call->manager->limits->file_bytes, &call->failure);
        if (r != 0) {
                if (r > 0 && !numbered)
                        renumber(&(Stage){ .n_batch = 1, .indexes = (size_t[]){ 0 } },
                                 &call->failure);
                return r;
        }
        if (!stage->has_owners) {
                load_and_edit(call);
                return 0;
        }
        r = task_run(call->manager->pool, look_up_work, on_looked_up, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}
