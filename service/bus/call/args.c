/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * args.c - decoding by signature.
 *
 * sd-bus has checked the message itself (alignment, UTF-8, nesting). What is left is that the types
 * are those of the XML, and that counts stay within limits before anything is allocated for them.
 */
#include "bus/call/args.h"

#include <errno.h>
#include <string.h>

#define MAX_STRINGS   1024U /* of one `as`: patterns */
#define MAX_PAIRS     1024U
#define MAX_EDIT_ARGS 8U

static int bad_args(Failure *f, int r)
{
        if (r == -ENOMEM)
                return r;
        return failure_set(f, EXM_E_INVALID_ARGS,
                           "the arguments cannot be read; see: busctl introspect org.exmachina1 "
                           "/org/exmachina1");
}

/* Grows *items (of `size` bytes each) to hold one more than *n. Returns: 0 or -ENOMEM. */
static int grow(void **items, size_t n, size_t size)
{
        void *grown;

        if (n > 0 && (n & (n - 1)) != 0)
                return 0;
        grown = reallocarray(*items, n == 0 ? 1 : 2 * n, size);
        if (!grown)
                return -ENOMEM;
        *items = grown;
        return 0;
}

static int decode_strings(const char ***strings, size_t *n, sd_bus_message *m, Failure *f)
{
        const char *s;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0) {
                if (*n >= MAX_STRINGS)
                        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                           "more than %u strings in one array", MAX_STRINGS);
                r = grow((void **)strings, *n, sizeof(**strings));
                if (r == 0)
                        (*strings)[(*n)++] = s;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? bad_args(f, r) : 0;
}

static int decode_edit(Edit *edit, size_t index, sd_bus_message *m, Failure *f)
{
        const char *s;
        size_t n = 0;
        int r;

        edit->args = calloc(MAX_EDIT_ARGS + 1, sizeof(char *));
        if (!edit->args)
                return -ENOMEM;
        r = sd_bus_message_read_basic(m, 's', &s);
        if (r < 0)
                return r;
        edit->verb = (char *)s;
        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0) {
                if (n >= MAX_EDIT_ARGS)
                        return failure_set(f, EXM_E_INVALID_EDIT,
                                           "edit %zu: no verb takes more than three arguments",
                                           index);
                edit->args[n++] = (char *)s;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 0;
}

static int decode_edits(Arg *arg, sd_bus_message *m, const Limits *limits, Failure *f)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sas)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sas")) > 0) {
                if (arg->n_edits >= limits->edits)
                        return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                           "more than %u edits in one call", limits->edits);
                r = grow((void **)&arg->edits, arg->n_edits, sizeof(*arg->edits));
                if (r < 0)
                        break;
                arg->edits[arg->n_edits] = (Edit){ 0 };
                r = decode_edit(&arg->edits[arg->n_edits], arg->n_edits, m, f);
                arg->n_edits++;
                if (r > 0)
                        return r;
                if (r == 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? bad_args(f, r) : 0;
}

/* a(ss) and a{ss} differ only in the kind of their container. */
static int decode_pairs(Pair **pairs, size_t *n, const char *name, char kind, sd_bus_message *m,
                        Failure *f)
{
        const char *contents = kind == 'e' ? "{ss}" : "(ss)", *first, *second;
        int r;

        r = sd_bus_message_enter_container(m, 'a', contents);
        while (r >= 0 && (r = sd_bus_message_enter_container(m, kind, "ss")) > 0) {
                if (*n >= MAX_PAIRS)
                        return failure_set(f, EXM_E_LIMIT_EXCEEDED, "%s: more than %u pairs", name,
                                           MAX_PAIRS);
                r = grow((void **)pairs, *n, sizeof(**pairs));
                if (r < 0)
                        break;
                r = sd_bus_message_read(m, "ss", &first, &second);
                if (r < 0)
                        break;
                (*pairs)[(*n)++] = (Pair){ first, second };
                r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        return r < 0 ? bad_args(f, r) : 0;
}

static int decode_value(Option *option, sd_bus_message *m, Failure *f)
{
        const char *type = option->spec->type;
        int b, r;

        if (strcmp(type, "a(ss)") == 0)
                return decode_pairs(&option->pairs, &option->n_pairs, option->spec->name, 'r', m,
                                    f);
        if (strcmp(type, "a{ss}") == 0)
                return decode_pairs(&option->pairs, &option->n_pairs, option->spec->name, 'e', m,
                                    f);
        if (strcmp(type, "as") == 0)
                return decode_strings(&option->strings, &option->n_strings, m, f);
        if (strcmp(type, "s") == 0) {
                r = sd_bus_message_read_basic(m, 's', &option->s);
        } else if (strcmp(type, "u") == 0) {
                r = sd_bus_message_read_basic(m, 'u', &option->u);
        } else if (strcmp(type, "t") == 0) {
                r = sd_bus_message_read_basic(m, 't', &option->t);
        } else {
                r = sd_bus_message_read_basic(m, 'b', &b);
                option->b = r >= 0 && b;
        }
        return r < 0 ? bad_args(f, r) : 0;
}

static int decode_option(Args *args, const Method *method, sd_bus_message *m, Failure *f)
{
        const char *key, *contents;
        size_t i = 0;
        char kind;
        int r;

        r = sd_bus_message_read_basic(m, 's', &key);
        if (r < 0)
                return bad_args(f, r);
        while (method->options && method->options[i].name &&
               strcmp(method->options[i].name, key) != 0)
                i++;
        if (!method->options || !method->options[i].name || i >= ARGS_MAX_OPTIONS)
                return failure_set(f, EXM_E_INVALID_ARGS, "%.64s: %s has no such option", key,
                                   method->member);
        if (args->options[i].spec)
                return failure_set(f, EXM_E_INVALID_ARGS, "%s: given twice", key);

        r = sd_bus_message_peek_type(m, &kind, &contents);
        if (r < 0)
                return bad_args(f, r);
        if (kind != 'v' || strcmp(contents, method->options[i].type) != 0)
                return failure_set(f, EXM_E_INVALID_ARGS, "%s: must be of type %s, not %.64s", key,
                                   method->options[i].type, contents);
        args->options[i].spec = &method->options[i];
        r = sd_bus_message_enter_container(m, 'v', contents);
        if (r < 0)
                return bad_args(f, r);
        r = decode_value(&args->options[i], m, f);
        if (r != 0)
                return r;
        r = sd_bus_message_exit_container(m);
        return r < 0 ? bad_args(f, r) : 0;
}

static int decode_options(Args *args, const Method *method, sd_bus_message *m, Failure *f)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = decode_option(args, method, m, f);
                if (r != 0)
                        return r;
                r = sd_bus_message_exit_container(m);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(m);
        if (r < 0)
                return bad_args(f, r);
        for (size_t i = 0; method->options && method->options[i].name; i++)
                if (method->options[i].mandatory && !args->options[i].spec)
                        return failure_set(f, EXM_E_INVALID_ARGS, "%s: must be given",
                                           method->options[i].name);
        return 0;
}

/* The next complete type of `signature`; every type in the table is one letter or an array. */
static int decode_arg(Args *args, Arg *arg, const char **signature, const Method *method,
                      sd_bus_message *m, const Limits *limits, Failure *f)
{
        static const char *const types[] = { "a{sv}", "a(sas)", "a(ss)", "as", "s", "u", "t", "b" };
        size_t i = 0;
        int b, r;

        while (i < ELEMENTSOF(types) && strncmp(*signature, types[i], strlen(types[i])) != 0)
                i++;
        if (i == ELEMENTSOF(types))
                return -EINVAL;
        *signature += strlen(types[i]);

        switch (i) {
        case 0:
                return decode_options(args, method, m, f);
        case 1:
                return decode_edits(arg, m, limits, f);
        case 2:
                return decode_pairs(&arg->pairs, &arg->n_pairs, method->arg_names[arg - args->arg],
                                    'r', m, f);
        case 3:
                return decode_strings(&arg->strings, &arg->n_strings, m, f);
        case 4:
                r = sd_bus_message_read_basic(m, 's', &arg->s);
                break;
        case 5:
                r = sd_bus_message_read_basic(m, 'u', &arg->u);
                break;
        case 6:
                r = sd_bus_message_read_basic(m, 't', &arg->t);
                break;
        default:
                r = sd_bus_message_read_basic(m, 'b', &b);
                arg->b = r >= 0 && b;
                break;
        }
        return r < 0 ? bad_args(f, r) : 0;
}

int args_decode(Args *ret, const Method *method, sd_bus_message *message, const Limits *limits,
                Failure *f)
{
        const char *signature = method->signature;
        int r = 0;

        if (!sd_bus_message_has_signature(message, signature))
                return failure_set(f, EXM_E_INVALID_ARGS, "%s takes arguments of type \"%s\"",
                                   method->member, signature);
        for (size_t i = 0; r == 0 && *signature; i++)
                r = decode_arg(ret, &ret->arg[i], &signature, method, message, limits, f);
        return r;
}

void args_done(Args *args)
{
        for (size_t i = 0; i < METHOD_MAX_ARGS; i++) {
                for (size_t k = 0; k < args->arg[i].n_edits; k++)
                        free(args->arg[i].edits[k].args);
                free(args->arg[i].edits);
                free(args->arg[i].strings);
                free(args->arg[i].pairs);
        }
        for (size_t i = 0; i < ARGS_MAX_OPTIONS; i++) {
                free(args->options[i].strings);
                free(args->options[i].pairs);
        }
        *args = (Args){ 0 };
}

const Option *args_option(const Args *args, const char *name)
{
        for (size_t i = 0; i < ARGS_MAX_OPTIONS; i++)
                if (args->options[i].spec && strcmp(args->options[i].spec->name, name) == 0)
                        return &args->options[i];
        return NULL;
}

void args_wipe(sd_bus_message *message)
{
        const char *text;

        if (sd_bus_message_rewind(message, /* complete= */ true) < 0)
                return;
        while (sd_bus_message_read_basic(message, 's', &text) > 0)
                explicit_bzero((char *)text, strlen(text));
}
