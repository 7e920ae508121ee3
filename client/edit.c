/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edit.c - the verbs that change files: one edit (set, rm, ...), a script of them (edit), diff,
 * validate.
 *
 * All go one way: a transaction is begun, edited, its diff shown, and committed or dropped.
 */
#include <errno.h>
#include <string.h>

#include "change.h"
#include "exit-status.h"
#include "input.h"
#include "transaction.h"
#include "verb.h"

typedef enum Mode {
        MODE_COMMIT,
        MODE_DIFF,
        MODE_VALIDATE,
} Mode;

/* What --dry-run can tell of the units. */
static int note_affected(Session *session, const char *transaction)
{
        _cleanup_json_ json_t *units = NULL;
        const json_t *unit;
        size_t i;
        int r;

        r = transaction_affected(session, transaction, &units);
        if (r != 0)
                return r;
        json_array_foreach(units, i, unit)
                output_note(session->output, "%s would be reloaded", json_string_value(unit));
        return 0;
}

static int run_script(Session *session, const Script *script, const char *origin, Mode mode)
{
        _cleanup_free_ char *transaction = NULL;
        _cleanup_json_ json_t *diffs = NULL;
        int r;

        r = transaction_begin(session, &transaction);
        if (r != 0)
                return r;
        r = transaction_edit(session, transaction, script, origin);
        if (r != 0)
                return r;
        r = transaction_diff(session, transaction, &diffs);
        if (r != 0)
                return r;
        if (mode == MODE_VALIDATE)
                return transaction_validate(session, transaction, /* failures_only= */ false);
        if (mode == MODE_DIFF && session->options->reload_affected) {
                r = note_affected(session, transaction);
                if (r != 0)
                        return r;
        }
        if (mode == MODE_DIFF)
                return change_show_diffs(session, diffs);
        return transaction_commit(session, transaction, diffs);
}

static int take_script(Session *session, Script *script, const char *name)
{
        _cleanup_free_ char *text = NULL, *problem = NULL;
        unsigned line;
        int r;

        r = input_read(session, name, &text);
        if (r != 0)
                return r;
        r = script_parse(script, text, &problem, &line);
        if (r < 0)
                return r;
        return r > 0 ? output_usage("%s:%u: %s", name, line, problem) : 0;
}

static Mode mode_of(const Session *session)
{
        return session->options->dry_run ? MODE_DIFF : MODE_COMMIT;
}

int verb_edit(Session *session, int argc, char **argv)
{
        _cleanup_script_ Script script = { 0 };
        int r;

        r = input_take_edit(session, &script, argv);
        return r != 0 ? r : run_script(session, &script, NULL, mode_of(session));
}

int verb_script(Session *session, int argc, char **argv)
{
        _cleanup_script_ Script script = { 0 };
        int r;

        r = take_script(session, &script, argv[1]);
        return r != 0 ? r : run_script(session, &script, argv[1], mode_of(session));
}

int verb_diff(Session *session, int argc, char **argv)
{
        _cleanup_script_ Script script = { 0 };
        bool is_script = strcmp(argv[1], "edit") == 0;
        Mode mode = strcmp(argv[0], "validate") == 0 ? MODE_VALIDATE : MODE_DIFF;
        int r;

        if (is_script && argc != 3)
                return output_usage("'%s edit' is written as: exmachinactl %s edit FILE|-", argv[0],
                                    argv[0]);
        r = is_script ? take_script(session, &script, argv[2])
                      : input_take_edit(session, &script, argv + 1);
        if (r != 0)
                return r;
        return run_script(session, &script, is_script ? argv[2] : NULL, mode);
}
