/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-error.c - two tables: systemd's D-Bus errors and its job results.
 *
 * An error that is not in the table is EXM_E_UNIT_FAILED with systemd's own message, so that a
 * newer systemd loses nothing but the friendlier words. Neither table can let a failure pass as
 * success.
 */
#include "units/unit-error.h"

#include <stdbool.h>
#include <string.h>

#define SYSTEMD "org.freedesktop.systemd1."
#define BUS     "org.freedesktop.DBus.Error."

#define SEE_ALSO "; see: systemctl status %s, journalctl -u %s"

/* `text` says what to do; it follows "ID: cannot VERB: ". NULL: systemd's own message, then `hint`.
 */
typedef struct ErrorWords {
        const char *name;
        Condition condition;
        const char *text, *hint;
} ErrorWords;

static const ErrorWords error_words[] = {
        { SYSTEMD "NoSuchUnit", EXM_E_NO_SUCH_UNIT, "systemd knows no such unit", NULL },
        { SYSTEMD "UnitMasked", EXM_E_UNIT_FAILED, "the unit is masked; unmask it first", NULL },
        { SYSTEMD "JobTypeNotApplicable", EXM_E_UNIT_FAILED,
          "the unit does not support this (to be reloaded a service needs ExecReload=)", NULL },
        { SYSTEMD "OnlyByDependency", EXM_E_UNIT_FAILED,
          "the unit is configured to be started or stopped by its dependencies only "
          "(RefuseManualStart=, RefuseManualStop=)",
          NULL },
        { SYSTEMD "TransactionIsDestructive", EXM_E_UNIT_FAILED,
          "a job that may not be cancelled stands against it (is the machine shutting down?); "
          "see: systemctl list-jobs",
          NULL },
        { SYSTEMD "ShuttingDown", EXM_E_UNIT_FAILED, "systemd is shutting down", NULL },
        { SYSTEMD "UnitGenerated", EXM_E_UNIT_FAILED,
          "the unit is transient or made by a generator; change what it is made from", NULL },
        { SYSTEMD "UnitExists", EXM_E_UNIT_FAILED, NULL, "; move that file away first" },
        { SYSTEMD "LoadFailed", EXM_E_UNIT_FAILED, NULL,
          "; mend its unit file, then: systemctl daemon-reload" },
        { SYSTEMD "BadUnitSetting", EXM_E_UNIT_FAILED, NULL,
          "; mend its unit file, then: systemctl daemon-reload" },
        { BUS "InvalidArgs", EXM_E_INVALID_ARGS, NULL, NULL },
        { BUS "Timeout", EXM_E_TIMEOUT, "systemd did not answer in time; it may still do it",
          NULL },
        { BUS "NoReply", EXM_E_TIMEOUT, "systemd did not answer in time; it may still do it",
          NULL },
        { BUS "ServiceUnknown", EXM_E_UNIT_FAILED, "systemd is not on the system bus", NULL },
        { BUS "NameHasNoOwner", EXM_E_UNIT_FAILED, "systemd is not on the system bus", NULL },
};

/* They follow "ID: VERB failed: ". */
static const struct {
        const char *result, *text;
} result_words[] = {
        { "canceled", "another job took its place, or it was cancelled" },
        { "timeout", "the job ran into its time limit" },
        { "dependency", "a unit that it needs has failed" },
        { "invalid", "this does not apply to the unit as it is now; a unit that is not active "
                     "cannot be reloaded" },
        { "assert", "an Assert...= condition of the unit is not met" },
        { "unsupported", "this machine does not support units of that type" },
        { "collected", "the unit went away before the job could run" },
        { "once", "the unit can be started only once and was started already" },
};

static const ErrorWords *error_find(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(error_words); i++)
                if (strcmp(error_words[i].name, name) == 0)
                        return &error_words[i];

        return NULL;
}

int unit_error_set(Failure *f, const char *id, const char *verb, const sd_bus_error *error)
{
        const ErrorWords *words = error_find(error->name);
        const char *text = words && words->text ? words->text : error->message;
        const char *hint = words && words->hint ? words->hint : "";
        Condition condition = words ? words->condition : EXM_E_UNIT_FAILED;

        if (!text)
                text = error->name;
        if (id)
                return failure_set(f, condition, "%s: cannot %s: %s%s", id, verb, text, hint);
        return failure_set(f, condition, "cannot %s: %s%s", verb, text, hint);
}

int unit_job_result_check(Failure *f, const char *id, UnitVerb verb, const char *result,
                          const char *unit_result)
{
        const char *name = unit_verb_to_string(verb);

        if (strcmp(result, "done") == 0 || strcmp(result, "skipped") == 0)
                return 0;

        for (size_t i = 0; i < ELEMENTSOF(result_words); i++)
                if (strcmp(result, result_words[i].result) == 0)
                        return failure_set(f, EXM_E_UNIT_FAILED,
                                           "%s: %s failed: %s (job result '%s')" SEE_ALSO, id, name,
                                           result_words[i].text, result, id, id);

        /* "failed" itself: the unit's own result says why, and "success" would only confuse. */
        if (unit_result && strcmp(unit_result, "success") != 0)
                result = unit_result;
        return failure_set(f, EXM_E_UNIT_FAILED, "%s: %s failed (result '%s')" SEE_ALSO, id, name,
                           result, id, id);
}
