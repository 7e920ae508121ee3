/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * permitted.c - Permitted: what would be answered, asked one after the other and without a dialog.
 *
 * Nothing on disk is looked at under a name that neither the key nor read-config allows the caller;
 * a file that is missing is judged as one that is not public, so that the two cannot be told apart.
 * The answer to a want is the strictest of its questions.
 */
#include <errno.h>
#include <string.h>

#include "bus/reach/query.h"
#include "bus/right/binding.h"
#include "bus/right/permission.h"

#define MAX_WANTS 64U
#define PREFIX    "org.exmachina1."

typedef enum WantKind {
        WANT_READ,
        WANT_WRITE,
        WANT_UNIT,
        WANT_PACKAGE,
        WANT_ACTION,
} WantKind;

typedef struct Want {
        WantKind kind;
        const char *word, *about; /* the message's */
        const char *action;       /* of polkit; of a file's: unset */
        AuthVerdict verdict;
} Want;

typedef struct Permitted {
        Want wants[MAX_WANTS];
        size_t n, next;
        const Roots *roots;
        FileImage *image; /* of the file that is wanted, once it was looked at */
        bool asked_plain; /* read-config of its name */
        int r;            /* of looking */
        Failure failure;
} Permitted;

static void permitted_free(void *userdata)
{
        Permitted *p = userdata;

        file_image_unref(p->image);
        failure_done(&p->failure);
        free(p);
}

static Permitted *permitted_of(const Call *call)
{
        return call->state;
}

static Want *want_of(const Call *call)
{
        Permitted *p = permitted_of(call);

        return &p->wants[p->next];
}

static void next_want(Call *call);

static void finish_want(Call *call)
{
        permitted_of(call)->next++;
        next_want(call);
}

/* Returns: true if the answer is known to be no, or the call has failed. */
static bool take_verdict(Call *call, int r, AuthVerdict verdict)
{
        Want *want = want_of(call);

        if (r != 0) {
                call_fail(call, r);
                return true;
        }
        if (verdict < want->verdict)
                want->verdict = verdict;
        if (want->verdict != AUTH_NO)
                return false;
        finish_want(call);
        return true;
}

static void on_last(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        if (!take_verdict(call, r, verdict))
                finish_want(call);
}

static bool key_covers(const Call *call, const AuthQuestion *question)
{
        const Key *key = call_key(call);

        return key && permission_covers(&key->grants, question);
}

/* The last question of a want. */
static void ask_last(Call *call, const AuthQuestion *question)
{
        if (key_covers(call, question))
                finish_want(call);
        else
                permission_ask_polkit(call, question, /* interactive= */ false, on_last);
}

/* --- files --- */

static bool is_public(const FileImage *image)
{
        return image->stamp.exists && image->class == FILE_CLASS_PUBLIC;
}

/* What polkit is told: where a link leads is not everybody's to know in a directory that is not. */
static const char *shown_name(const Call *call)
{
        const FileImage *image = permitted_of(call)->image;

        return image && image->parents_public ? image->canonical : want_of(call)->about;
}

static void ask_to_write(Call *call)
{
        const FileImage *image = permitted_of(call)->image;
        const char *name = shown_name(call);
        AuthQuestion question = { .file = name, .only_text = true };

        if (want_of(call)->kind == WANT_READ) {
                finish_want(call);
                return;
        }
        question.action = ordinary_files_contains(call->manager->ordinary, name)
                                  ? PREFIX "write-config"
                                  : PREFIX "write-sensitive-config";
        if (image && key_covers(call, &(AuthQuestion){ .action = question.action,
                                                       .file = image->canonical,
                                                       .only_text = true }))
                finish_want(call);
        else
                permission_ask_polkit(call, &question, /* interactive= */ false, on_last);
}

static void on_secret(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        if (!take_verdict(call, r, verdict))
                ask_to_write(call);
}

static void ask_secret(Call *call)
{
        if (is_public(permitted_of(call)->image))
                ask_to_write(call);
        else
                permission_ask_polkit(call,
                                      &(AuthQuestion){ .action = PREFIX "read-secret-config",
                                                       .file = shown_name(call) },
                                      /* interactive= */ false, on_secret);
}

static void look(Call *call);

static void on_plain(Call *call, int r, Failure *f, AuthVerdict verdict)
{
        Permitted *p = permitted_of(call);

        p->asked_plain = true;
        if (take_verdict(call, r, verdict))
                return;
        if (p->image)
                ask_secret(call);
        else if (verdict == AUTH_YES)
                look(call);
        else
                ask_to_write(call);
}

static void ask_plain(Call *call)
{
        permission_ask_polkit(
                call,
                &(AuthQuestion){ .action = PREFIX "read-config", .file = want_of(call)->about },
                /* interactive= */ false, on_plain);
}

static void judge_file(Call *call)
{
        const Permitted *p = permitted_of(call);
        const AuthQuestion question = { .action = is_public(p->image) ? PREFIX "read-config"
                                                                      : PREFIX "read-secret-config",
                                        .file = p->image->canonical };

        if (key_covers(call, &question))
                ask_to_write(call);
        else if (p->asked_plain)
                ask_secret(call);
        else
                ask_plain(call);
}

static void look_work(void *userdata)
{
        Permitted *p = permitted_of(userdata);

        p->r = file_image_take(&p->image, p->roots, p->wants[p->next].about,
                               /* with_content= */ false, UINT64_MAX, &p->failure);
}

static void on_looked(void *userdata)
{
        Call *call = userdata;
        Permitted *p = permitted_of(call);

        if (!call->dead) {
                failure_done(&p->failure);
                if (p->r > 0) /* it could never be read */
                        (void)take_verdict(call, 0, AUTH_NO);
                else if (p->r < 0)
                        call_fail(call, p->r);
                else
                        judge_file(call);
        }
        call_unref(call);
}

static void look(Call *call)
{
        int r;

        r = task_run(call->manager->pool, look_work, on_looked, call_ref(call));
        if (r < 0) {
                call_fail(call, r);
                call_unref(call);
        }
}

static void want_file(Call *call)
{
        Permitted *p = permitted_of(call);

        p->image = file_image_unref(p->image);
        p->asked_plain = false;
        if (permission_may_look(call, want_of(call)->about))
                look(call);
        else
                ask_plain(call);
}

/* --- units --- */

static void on_resolved(int r, Failure *f, const UnitsResult *result, void *userdata)
{
        Call *call = userdata;
        const Want *want = want_of(call);
        _cleanup_free_ char *id = NULL;

        call->request = units_request_free(call->request);
        if (r != 0 && r != EXM_E_NO_SUCH_UNIT) {
                failure_move(&call->failure, f);
                call_fail(call, r);
                return;
        }
        id = strdup(r == 0 ? result->id : want->about);
        if (id)
                ask_last(call,
                         &(AuthQuestion){ .action = want->action, .unit = id, .verb = want->word });
        else
                call_fail(call, -ENOMEM);
}

/* --- all of them --- */

static int append_answers(const Permitted *p, sd_bus_message *reply)
{
        static const char *const words[] = {
                [AUTH_NO] = "no",
                [AUTH_CHALLENGE] = "challenge",
                [AUTH_YES] = "yes",
        };
        int r;

        r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; r >= 0 && i < p->n; i++)
                r = sd_bus_message_append_basic(reply, 's', words[p->wants[i].verdict]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void next_want(Call *call)
{
        const Permitted *p = permitted_of(call);
        sd_bus_message *reply = NULL;
        const Want *want;
        int r;

        if (p->next == p->n) {
                r = call_new_reply(call, &reply);
                if (r >= 0)
                        r = append_answers(p, reply);
                query_finish(call, r < 0 ? r : 0, reply);
                return;
        }
        want = want_of(call);
        if (want->kind == WANT_ACTION) {
                ask_last(call, &(AuthQuestion){ .action = want->action });
        } else if (want->kind == WANT_PACKAGE) {
                ask_last(call, &(AuthQuestion){ .action = want->action,
                                                .package = want->about,
                                                .verb = want->word });
        } else if (want->kind == WANT_UNIT) {
                r = units_resolve(call->manager->units, want->about, on_resolved, call,
                                  &call->request);
                if (r != 0)
                        call_fail(call, r);
        } else {
                want_file(call);
        }
}

/* --- what is wanted --- */

/* Returns: the action of that name, with or without its prefix; NULL if there is none. */
static const char *action_find(const char *word)
{
        static const char *const actions[] = {
                PREFIX "read-config",          PREFIX "read-secret-config",
                PREFIX "read-units",           PREFIX "read-history",
                PREFIX "write-config",         PREFIX "commit-several",
                PREFIX "manage-units",         PREFIX "write-sensitive-config",
                PREFIX "manage-keys",          PREFIX "manage-unit-files",
                PREFIX "manage-several-units", PREFIX "set-timezone",
                PREFIX "read-packages",        PREFIX "refresh-packages",
                PREFIX "manage-packages",      PREFIX "manage-several-packages",
        };

        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (strcmp(word, actions[i]) == 0 || strcmp(word, actions[i] + strlen(PREFIX)) == 0)
                        return actions[i];
        return NULL;
}

static UnitVerb verb_find(const char *word)
{
        UnitVerb verb = 0;

        while (verb < _UNIT_VERB_MAX && strcmp(unit_verb_to_string(verb), word) != 0)
                verb++;
        return verb;
}

static int want_fill(Want *want, const Pair *pair, Failure *f)
{
        UnitVerb verb = verb_find(pair->first);

        *want = (Want){ .word = pair->first, .about = pair->second, .verdict = AUTH_YES };
        if (strcmp(pair->first, "read") == 0 || strcmp(pair->first, "write") == 0) {
                want->kind = *pair->first == 'r' ? WANT_READ : WANT_WRITE;
                return path_check(pair->second, f);
        }
        if (verb < _UNIT_VERB_MAX) {
                want->kind = WANT_UNIT;
                want->action =
                        verb < UNIT_ENABLE ? PREFIX "manage-units" : PREFIX "manage-unit-files";
                return unit_name_check(pair->second, f);
        }
        if (strcmp(pair->first, "install") == 0 || strcmp(pair->first, "remove") == 0) {
                want->kind = WANT_PACKAGE;
                want->action = PREFIX "manage-packages";
                return packages_check_names(&pair->second, 1, f);
        }
        want->kind = WANT_ACTION;
        want->action = action_find(pair->first);
        if (!want->action)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "must begin with read, write, install, remove, a verb such as "
                                   "restart, or an "
                                   "action such as manage-keys");
        return *pair->second
                       ? failure_set(f, EXM_E_INVALID_ARGS, "an action is asked for with \"\"")
                       : 0;
}

int method_authority_permitted(Call *call)
{
        const Arg *wants = &call->args.arg[0];
        Permitted *p;
        int r = 0;

        if (wants->n_pairs > MAX_WANTS)
                return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                                   "more than %u wants in one call", MAX_WANTS);
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        call_set_state(call, p, permitted_free);
        p->roots = call->manager->roots;
        p->n = wants->n_pairs;
        for (size_t i = 0; r == 0 && i < p->n; i++) {
                r = want_fill(&p->wants[i], &wants->pairs[i], &call->failure);
                if (r > 0)
                        failure_prefix(&call->failure, "want %zu: ", i);
        }
        if (r == 0)
                next_want(call);
        return r;
}
