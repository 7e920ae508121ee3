/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-ask.c - steps 3 and 5 of reach.h: what is asked of whom, before and after looking.
 *
 * Both go through files, then spans, by reach->next, and begin anew after each answer of polkit.
 */
#include "bus/reach/reach-ask.h"

#include <errno.h>
#include <string.h>

#include "bus/call/call.h"
#include "bus/call/transaction.h"
#include "bus/reach/reach-files.h"
#include "bus/right/permission.h"
#include "util/strv.h"

#define READ_CONFIG        "org.exmachina1.read-config"
#define READ_SECRET_CONFIG "org.exmachina1.read-secret-config"

/* --- step 3: the names --- */

static void ask_names(Call *call);

static void on_name_granted(Call *call)
{
        Reach *reach = call->reach;

        if (reach->next >= reach->n_files)
                reach->spans[reach->next - reach->n_files].asked = true;
        reach->next++;
        ask_names(call);
}

/* Returns: true if polkit need not be asked before the file is looked at. */
static bool may_probe(Call *call, ReachFile *file)
{
        if (file->held && !file->by_key)
                return true;
        file->looked = permission_may_look(call, file->file);
        return file->looked;
}

static bool may_walk(Call *call, ReachSpan *span)
{
        span->looked = permission_may_walk(call, span->prefix);
        return span->looked;
}

/* What is named by nothing needs the right to read as such; who holds files has it from them. */
static bool is_authorised(Call *call)
{
        const Reach *reach = call->reach;

        if (call->authority || call->key)
                return true;
        return reach->n_files > 0 && call_set_authority(call, "transaction") == 0;
}

static void ask_names(Call *call)
{
        Reach *reach = call->reach;

        for (; reach->next < reach->n_files + reach->n_spans; reach->next++) {
                size_t i = reach->next;
                bool is_file = i < reach->n_files;
                const char *name =
                        is_file ? reach->files[i].file : reach->spans[i - reach->n_files].prefix;

                if (is_file ? may_probe(call, &reach->files[i])
                            : may_walk(call, &reach->spans[i - reach->n_files]))
                        continue;
                call_authorise_by_polkit(call,
                                         &(AuthQuestion){ .action = READ_CONFIG, .file = name },
                                         on_name_granted);
                return;
        }
        if (is_authorised(call))
                reach->asked(call);
        else
                call_authorise(call, &(AuthQuestion){ .action = READ_CONFIG }, reach->asked);
}

void reach_ask_names(Call *call, void (*asked)(Call *call))
{
        call->reach->asked = asked;
        ask_names(call);
}

/* --- step 5: named files --- */

static void ask_found(Call *call);

static void on_found_granted(Call *call)
{
        Reach *reach = call->reach;
        ReachFile *file = &reach->files[reach->next];
        int r = 0;

        if (file->looked) {
                file->looked = false;
        } else {
                file->may_secret = true;
                if (call->transaction)
                        r = transaction_allow_secret(call->transaction, file->file);
        }
        if (r == 0)
                ask_found(call);
        else
                call_fail(call, r);
}

/* The key's yes counts where polkit's was not given: for a name that only the key let us look at,
 * and for a secret. Returns: true if nothing is left to be asked. */
static bool is_granted(ReachFile *file)
{
        bool secret = file->image->class == FILE_CLASS_SECRET;

        if (!file->looked && (!secret || file->may_secret)) {
                file->by_key = false;
                return true;
        }
        return file->by_key;
}

/* Returns: true if it has asked, or the call has failed. */
static bool ask_for_file(Call *call, ReachFile *file)
{
        AuthQuestion question = { .action = READ_CONFIG, .file = file->file };

        if (file->left_out || !file->image || !(file->named || file->held) || is_granted(file))
                return false;
        /* The resolved name: a right to read a link's name is none to read where it leads. */
        if (!file->looked)
                question = (AuthQuestion){ .action = READ_SECRET_CONFIG,
                                           .file = file->image->canonical };
        call_authorise_by_polkit(call, &question, on_found_granted);
        return true;
}

/* --- step 5: spans --- */

static bool is_of_spans(const ReachFile *file, uint32_t spans)
{
        return (file->spans & spans) && !file->named && !file->held && !file->left_out &&
               file->image;
}

static void on_span_granted(Call *call)
{
        Reach *reach = call->reach;

        reach->spans[reach->next++ - reach->n_files].asked = true;
        ask_found(call);
}

/* There is something that the key grants: no dialog for the rest. */
static void on_span_verdict(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        Reach *reach = call->reach;

        if (r == 0 && verdict == AUTH_YES) {
                reach->spans[reach->next - reach->n_files].asked = true;
                r = permission_record(call);
        }
        if (r != 0) {
                call_fail(call, r);
                return;
        }
        reach->next++;
        ask_found(call);
}

/* Returns: true if it has asked, or the call has failed. */
static bool ask_for_span(Call *call, size_t index)
{
        const Reach *reach = call->reach;
        const ReachSpan *span = &reach->spans[index];
        const AuthQuestion question = { .action = READ_CONFIG, .file = span->prefix };
        size_t n = 0, n_granted = 0;

        if (!span->looked)
                return false;
        for (size_t i = 0; i < reach->n_files; i++) {
                if (!is_of_spans(&reach->files[i], UINT32_C(1) << index))
                        continue;
                n++;
                if (reach->files[i].by_key)
                        n_granted++;
        }
        if (n_granted == 0)
                call_authorise_by_polkit(call, &question, on_span_granted);
        else if (n_granted < n)
                permission_ask_polkit(call, &question, /* interactive= */ false, on_span_verdict);
        return n_granted < n || n_granted == 0;
}

/* What polkit has allowed is its public files; what the key grants may be secret. */
static void settle_spans(Call *call)
{
        Reach *reach = call->reach;
        uint32_t asked = 0;

        for (size_t i = 0; i < reach->n_spans; i++)
                if (reach->spans[i].asked)
                        asked |= UINT32_C(1) << i;
        for (size_t i = 0; i < reach->n_files; i++) {
                ReachFile *file = &reach->files[i];
                bool secret = file->image && file->image->class == FILE_CLASS_SECRET;

                if (!is_of_spans(file, UINT32_MAX))
                        continue;
                if (!secret && (file->spans & asked))
                        file->by_key = false;
                else if (!file->by_key)
                        file->left_out = true;
        }
}

/* --- step 5: what rests on the key --- */

static bool rests_on_key(const ReachFile *file)
{
        return file->by_key && !file->left_out;
}

static bool key_is_needed(const Call *call)
{
        const Reach *reach = call->reach;

        for (size_t i = 0; i < reach->n_files; i++)
                if (rests_on_key(&reach->files[i]))
                        return true;
        return call->authority && strncmp(call->authority, "key:", 4) == 0;
}

/* The call goes on without a key that it does not need; else the key is on record. */
static int settle_key(Call *call)
{
        if (!call->key)
                return 0;
        if (!key_is_needed(call)) {
                call->reach->grants = NULL;
                call->key = key_unref(call->key);
                return 0;
        }
        if (call->authority || permission_by_key(call, &(AuthQuestion){ .action = READ_CONFIG }))
                return 0;
        return failure_set(&call->failure, EXM_E_ACCESS_DENIED,
                           "not authorised: the key has expired");
}

static void ask_found(Call *call)
{
        Reach *reach = call->reach;
        int r;

        for (; reach->next < reach->n_files; reach->next++)
                if (ask_for_file(call, &reach->files[reach->next]))
                        return;
        for (; reach->next < reach->n_files + reach->n_spans; reach->next++)
                if (ask_for_span(call, reach->next - reach->n_files))
                        return;
        settle_spans(call);
        r = settle_key(call);
        if (r == 0)
                reach->asked(call);
        else
                call_fail(call, r);
}

void reach_ask_found(Call *call, void (*asked)(Call *call))
{
        call->reach->asked = asked;
        ask_found(call);
}
