/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-names.c - steps 1 and 2 of reach.h.
 */
#include "bus/reach/reach-names.h"

#include <errno.h>
#include <string.h>

#include "bus/call/call.h"
#include "bus/call/edits.h"
#include "bus/call/transaction.h"
#include "bus/reach/reach-files.h"
#include "tree/expression.h"
#include "util/strv.h"
#include "util/utf8.h"

#define MAX_SPANS 16U

/* A file named as such. `lens` NULL: the index' choice. */
static int add_named(Call *call, const char *file, const char *lens, unsigned group)
{
        const char *other = NULL;
        ReachFile *added = reach_find(call->reach, file);
        int r;

        if (added) {
                added->named = true;
                if (lens && strcmp(lens, added->lens) != 0)
                        return failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                           "%s: is loaded with %s already", file, added->lens);
                return 0;
        }
        if (!lens && !lens_index_lookup(call->reach->index, file, &lens, &other))
                return failure_set(&call->failure, EXM_E_NO_LENS,
                                   "%s: no lens covers this file; choose one with Begin's option "
                                   "\"files\", or ask the administrator for a [Lens] section in "
                                   "exmachina.conf",
                                   file);
        r = call->manager->limits->view_files > call->reach->n_files
                    ? reach_add_file(call->reach, file, lens, other, &added)
                    : failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                                  "more than %u files in one call",
                                  call->manager->limits->view_files);
        if (r != 0)
                return r;
        added->named = true;
        added->group = group;
        return call_add_file(call, file);
}

static int add_span(Call *call, const char *prefix)
{
        Reach *reach = call->reach;
        ReachSpan *grown;

        for (size_t i = 0; i < reach->n_spans; i++)
                if (strcmp(reach->spans[i].prefix, prefix) == 0)
                        return 0;
        if (reach->n_spans >= MAX_SPANS)
                return failure_set(&call->failure, EXM_E_LIMIT_EXCEEDED,
                                   "more than %u directories in one call", MAX_SPANS);
        grown = reallocarray(reach->spans, reach->n_spans + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        reach->spans = grown;
        reach->spans[reach->n_spans] = (ReachSpan){ .prefix = strdup(prefix) };
        if (!reach->spans[reach->n_spans++].prefix)
                return -ENOMEM;
        return call_add_file(call, prefix);
}

static int add_prefix(Call *call, const char *prefix)
{
        _cleanup_strv_ char **candidates = NULL;
        unsigned group = 0;
        char **file;
        int r;

        /* Files chosen with a lens of the caller's own are in no index. */
        for (size_t i = 0; i < call->reach->n_files; i++) {
                const char *known = call->reach->files[i].file;
                size_t n = strlen(known);

                if (strncmp(prefix, known, n) == 0 && (prefix[n] == '/' || prefix[n] == '\0'))
                        return 0;
        }
        r = lens_index_candidates(call->reach->index, prefix, &candidates);
        if (r < 0)
                return r;
        if (!candidates)
                return add_span(call, prefix);
        if (strv_length(candidates) > 1)
                group = ++call->reach->n_groups;
        STRV_FOREACH(file, candidates)
                if (r == 0)
                        r = add_named(call, *file, NULL, group);
        return r;
}

static int add_expression(Call *call, const char *expression)
{
        _cleanup_strv_ char **prefixes = NULL;
        char **prefix;
        int r;

        r = expression_prefixes(expression, &prefixes, &call->failure);
        STRV_FOREACH(prefix, prefixes)
                if (r == 0)
                        r = add_prefix(call, *prefix);
        return r;
}

static int add_edit(Call *call, const Edit *edit, size_t index)
{
        _cleanup_strv_ char **prefixes = NULL;
        const char *file = NULL;
        char **prefix;
        int r;

        r = edit_reach(edit, index, &prefixes, &file, &call->failure);
        if (r != 0)
                return r;
        if (file)
                r = add_named(call, file, NULL, 0);
        STRV_FOREACH(prefix, prefixes)
                if (r == 0)
                        r = add_prefix(call, *prefix);
        if (r > 0)
                failure_prefix(&call->failure, "edit %zu: ", index);
        return r;
}

/* "/etc/ssh/" and "*.conf" of "/etc/ssh/" + "*.conf": what stands before the first glob character,
 * cut to a directory. */
static int add_glob(Call *call, const char *glob)
{
        _cleanup_free_ char *prefix = strndup(glob, strcspn(glob, "*?[\\"));
        char *slash;

        if (!prefix)
                return -ENOMEM;
        if (strlen(prefix) == strlen(glob))
                return add_span(call, glob);
        slash = strrchr(prefix, '/');
        slash[slash == prefix ? 1 : 0] = '\0';
        return add_span(call, prefix);
}

static int add_options(Call *call)
{
        const Option *files = args_option(&call->args, "files");
        const Option *expect = args_option(&call->args, "expect");
        const Option *file = args_option(&call->args, "file");
        int r = 0;

        for (size_t i = 0; r == 0 && files && i < files->n_pairs; i++)
                r = add_named(call, files->pairs[i].first, files->pairs[i].second, 0);
        for (size_t i = 0; r == 0 && expect && i < expect->n_pairs; i++)
                r = add_named(call, expect->pairs[i].first, NULL, 0);
        if (r == 0 && file && !reach_find(call->reach, file->s))
                r = failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                "%.256s: the transaction has not loaded this file", file->s);
        return r;
}

static int add_held(Call *call)
{
        const View *view = call->transaction ? transaction_view(call->transaction) : NULL;

        for (size_t i = 0; view && i < view_n_files(view); i++) {
                const ViewFile *known = view_file(view, i);
                ReachFile *added;
                int r;

                r = reach_add_file(call->reach, known->image->path, known->lens,
                                   known->conflicting_lens, &added);
                if (r < 0)
                        return r;
                added->held = true;
                added->by_key = transaction_is_by_key(call->transaction, added->file);
                added->may_secret = (!added->by_key && known->image->class == FILE_CLASS_SECRET) ||
                                    transaction_may_secret(call->transaction, added->file);
                added->loaded = file_image_ref(known->image);
        }
        return 0;
}

int reach_collect_names(Call *call)
{
        const Method *method = call->method;
        const Arg *arg;
        int r;

        r = add_held(call);
        if (r == 0)
                r = add_options(call);
        for (size_t i = 0; r == 0 && i < 2 && method->about_args[i] >= 0; i++) {
                arg = &call->args.arg[method->about_args[i]];
                if (method->about == ABOUT_EXPRESSION)
                        r = add_expression(call, arg->s);
                else if (method->about == ABOUT_FILE)
                        r = add_named(call, arg->s, NULL, 0);
                else if (method->about == ABOUT_GLOB)
                        r = add_glob(call, arg->s);
                for (size_t k = 0; r == 0 && k < arg->n_edits; k++)
                        r = add_edit(call, &arg->edits[k], k);
        }
        return r;
}

static bool is_lens_name(const char *s)
{
        const char *dot = strchr(s, '.');

        return dot && dot > s && dot[1] && *s >= 'A' && *s <= 'Z' && strlen(s) < 128 &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") ==
                       strlen(s);
}

static int check_pairs(Call *call, const Option *option, bool lenses)
{
        int r = 0;

        for (size_t i = 0; r == 0 && option && i < option->n_pairs; i++) {
                r = path_check(option->pairs[i].first, &call->failure);
                if (r == 0 && lenses && !is_lens_name(option->pairs[i].second))
                        r = failure_set(&call->failure, EXM_E_INVALID_ARGS,
                                        "files: a lens is written Module.lens, as Hosts.lns");
        }
        return r;
}

static int check_glob(Call *call, const char *glob)
{
        if (*glob == '/' && strlen(glob) <= LIMIT_PATH_BYTES && utf8_is_plain(glob) &&
            !strstr(glob, "/../") && !strstr(glob, "//"))
                return 0;
        return failure_set(&call->failure, EXM_E_INVALID_PATH,
                           "a glob is an absolute path such as /etc/ssh/*, without \"..\"");
}

int reach_check_syntax(Call *call)
{
        const Method *method = call->method;
        VerbKind kind;
        int r;

        r = check_pairs(call, args_option(&call->args, "files"), /* lenses= */ true);
        if (r == 0)
                r = check_pairs(call, args_option(&call->args, "expect"), /* lenses= */ false);
        for (size_t i = 0; r == 0 && i < 2 && method->about_args[i] >= 0; i++) {
                const Arg *arg = &call->args.arg[method->about_args[i]];

                if (method->about == ABOUT_FILE)
                        r = path_check(arg->s, &call->failure);
                else if (method->about == ABOUT_GLOB)
                        r = check_glob(call, arg->s);
                for (size_t k = 0; r == 0 && k < arg->n_edits; k++)
                        r = edit_check(&arg->edits[k], k, &kind, &call->failure);
        }
        return r;
}
