/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * units.h - systemd's D-Bus API (org.freedesktop.systemd1(5)): names, jobs with results, status.
 *
 * Every function is asynchronous on the service's own system bus connection; `done` runs exactly
 * once unless the request is cancelled with units_request_free(), and never before the call
 * returns. Jobs are followed by their JobRemoved signal, taken only from the unique name that owns
 * org.freedesktop.systemd1 now; a direct signal from anybody else is ignored. A cancelled request
 * leaves a job that was queued in systemd to its end.
 *
 * A request that was handed out through `ret` belongs to the caller: it is freed with
 * units_request_free() at any time, before, within or after `done`. With `ret` NULL it cannot be
 * cancelled and frees itself. What `done` is given lives until it returns.
 *
 * Who may do it was decided before: names handed in here are ids from units_resolve().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "util/failure.h"
#include "util/limits.h"

typedef struct Units Units;
typedef struct UnitsRequest UnitsRequest;

typedef enum UnitVerb {
        UNIT_START,
        UNIT_STOP,
        UNIT_RESTART,
        UNIT_RELOAD,
        UNIT_RELOAD_OR_RESTART,
        UNIT_ENABLE,
        UNIT_DISABLE,
        UNIT_MASK,
        UNIT_UNMASK,
        _UNIT_VERB_MAX,
} UnitVerb;

/* "start", "reload-or-restart", ...: polkit detail, audit. */
const char *unit_verb_to_string(UnitVerb verb);

/* Syntax as systemd's unit_name_is_valid(): one unit with a known type suffix, at most 255 bytes,
 * no path, no glob, no template without instance. A name without suffix is refused, not guessed.
 * Returns: 0 or EXM_E_INVALID_ARGS. */
int unit_name_check(const char *name, Failure *f);

/* `bus` is the system bus connection; attached to an event loop; outlives Units. */
int units_new(Units **ret, sd_bus *bus, const Limits *limits);
/* Requests that are under way end without their `done`. */
Units *units_free(Units *units);
UnitsRequest *units_request_free(UnitsRequest *request);

typedef struct UnitChange {
        const char *type, *file, *source;
} UnitChange;

/* Of an installed unit that is not loaded: description "", load_state "not-loaded", active_state
 * "inactive", sub_state "dead". unit_file_state is "" where systemd lists no unit file of that name
 * (instances of a template, transient units). */
typedef struct UnitRow {
        const char *id, *description, *load_state, *active_state, *sub_state, *unit_file_state;
} UnitRow;

typedef struct UnitStatus {
        const char *id, *description, *load_state, *active_state, *sub_state, *unit_file_state;
        char **names;
        bool can_reload;
        uint32_t main_pid;
        uint64_t changed; /* StateChangeTimestamp, µs realtime */
} UnitStatus;

typedef struct UnitsResult {
        const char *id;           /* units_resolve */
        const char *result;       /* units_job: "done"; "skipped": there was nothing to do */
        const char *active_state; /* units_job: after its end */
        const UnitStatus *status;
        const UnitRow *rows;
        size_t n_rows;
        const UnitChange *changes;
        size_t n_changes;
} UnitsResult;

typedef void (*UnitsDone)(int r, Failure *f, const UnitsResult *result, void *userdata);

/* The real id behind a name, by LoadUnit. EXM_E_NO_SUCH_UNIT if systemd finds no unit file for it
 * (load state not-found) and it is not active. */
int units_resolve(Units *units, const char *name, UnitsDone done, void *userdata,
                  UnitsRequest **ret);

/* UNIT_START ... UNIT_RELOAD_OR_RESTART with mode "replace". Ends when the job has ended.
 * EXM_E_UNIT_FAILED "nginx.service: start failed (result 'exit-code'); see: journalctl -u
 * nginx.service"; EXM_E_TIMEOUT after limits->job_sec (the job goes on). */
int units_job(Units *units, const char *id, UnitVerb verb, UnitsDone done, void *userdata,
              UnitsRequest **ret);

/* Ends with 0 when the unit, whose job has just ended, has stayed active for `usec` (stay.c);
 * EXM_E_UNIT_FAILED as soon as it has not. A oneshot service that has done its work is left. */
int units_stay(Units *units, const char *id, uint64_t usec, UnitsDone done, void *userdata,
               UnitsRequest **ret);

/* daemon-reload. */
int units_reload(Units *units, UnitsDone done, void *userdata, UnitsRequest **ret);

/* UNIT_ENABLE ... UNIT_UNMASK, then daemon-reload as systemctl does. EXM_E_UNIT_FAILED also where
 * there is nothing to enable: a unit file without [Install]. */
int units_change_files(Units *units, const char *id, UnitVerb verb, UnitsDone done, void *userdata,
                       UnitsRequest **ret);

int units_status(Units *units, const char *id, UnitsDone done, void *userdata, UnitsRequest **ret);

/* Loaded units and installed unit files that match any of the glob patterns (none: all), sorted by
 * id, one row each. Templates, aliases and units that are only mentioned by others are left out.
 * Returns: EXM_E_INVALID_ARGS, EXM_E_LIMIT_EXCEEDED with a message at once for patterns that are
 * not for systemd: too many, too long, too many stars (matching them takes exponential time). */
int units_list(Units *units, char *const *patterns, UnitsDone done, void *userdata,
               UnitsRequest **ret, Failure *f);
