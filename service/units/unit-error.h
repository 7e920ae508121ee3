/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-error.h - systemd's errors and job results, as conditions with a sentence for a person.
 *
 * systemd is trusted; its own words are handed on where no better ones are known.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "units/units.h"

/* What systemd answered to `verb` on `id` instead of a reply; `verb` is a word ("start", "status").
 * `id` NULL: the call was for no unit in particular.
 * Returns: a Condition, with `f` set. */
int unit_error_set(Failure *f, const char *id, const char *verb, const sd_bus_error *error);

/* How a job ended. `unit_result` is the Result property of the unit (Service.Result and so on),
 * NULL where it has none. Returns: 0 for "done" and "skipped"; EXM_E_UNIT_FAILED with `f` set. */
int unit_job_result_check(Failure *f, const char *id, UnitVerb verb, const char *result,
                          const char *unit_result);
