/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover.c - settle each step, then decide for the change as a whole.
 */
#include "commit/recover.h"

#include <errno.h>
#include <string.h>

#include "commit/moment.h"
#include "commit/steps.h"
#include "commit/zone.h"
#include "util/log.h"
#include "util/strv.h"

/* One change that is being brought to an end. */
typedef struct Patient {
        Journal *journal;
        const Roots *roots;
        ChangeRecord record; /* with content */
        FileStepSide *sides; /* of each of its steps */
        char *kept;          /* words: which files are not as before, and why */
        Recovery *recovery;
} Patient;

static void patient_done(Patient *patient)
{
        change_record_done(&patient->record);
        free(patient->sides);
        free(patient->kept);
}

void recovery_done(Recovery *recovery)
{
        strv_free(recovery->files);
        free(recovery->due);
        *recovery = (Recovery){ 0 };
}

/* --- what is there --- */

static int patient_init(Patient *patient, Journal *journal, const Roots *roots, uint64_t id,
                        Recovery *recovery, Failure *f)
{
        int r;

        *patient = (Patient){ .journal = journal, .roots = roots, .recovery = recovery };
        r = journal_load(journal, id, /* content= */ true, &patient->record, f);
        if (r != 0)
                return r;
        patient->sides = calloc(patient->record.n_steps + 1, sizeof(FileStepSide));
        return patient->sides ? 0 : -ENOMEM;
}

static int settle(Patient *patient, Failure *f)
{
        const ChangeRecord *record = &patient->record;
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_steps; i++) {
                r = file_step_settle(patient->roots, &record->steps[i], &patient->sides[i]);
                if (r < 0)
                        log_error("%s: change %llu of it, which was interrupted, cannot be brought "
                                  "to an end now: %s",
                                  record->steps[i].name, (unsigned long long)record->id,
                                  strerror(-r));
        }
        return r;
}

static bool has_side(const Patient *patient, FileStepSide side)
{
        for (size_t i = 0; i < patient->record.n_steps; i++)
                if (patient->sides[i] == side)
                        return true;
        return false;
}

/* --- the end of it --- */

int recover_end(Journal *journal, const ChangeRecord *record, Failure *f)
{
        int r;

        r = journal_set_state(journal, record, /* durable= */ true, f);
        if (r == 0)
                log_notice("change %llu is %s%s%s", (unsigned long long)record->id,
                           change_state_to_string(record->state),
                           record->reason && *record->reason ? ": " : "", record->reason ?: "");
        return r;
}

/* Returns: 1 if a unit, or systemd itself, has taken the new files in this boot; 0; -errno. */
static int has_acted(const ChangeRecord *record)
{
        bool acted = record->n_units > 0 && change_record_concerns_manager(record);

        for (size_t i = 0; i < record->n_units; i++)
                acted = acted || record->units[i].acted > 0;
        return acted ? moment_is_this_boot(record) : 0;
}

static int add_due(Recovery *recovery, uint64_t id)
{
        uint64_t *grown;

        grown = reallocarray(recovery->due, recovery->n_due + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        recovery->due = grown;
        grown[recovery->n_due++] = id;
        return 0;
}

static int record_end(Patient *patient, ChangeState state, const char *reason, Failure *f)
{
        bool is_back = state == CHANGE_REVERTED || state == CHANGE_FAILED;
        ChangeRecord *record = &patient->record;
        char *words;
        int r;

        if (patient->kept)
                r = asprintf(&words, "%s; not as before, and kept as they are: %s", reason,
                             patient->kept);
        else
                r = asprintf(&words, "%s", reason);
        if (r < 0)
                return -ENOMEM;
        free(record->reason);
        record->reason = words;
        record->state = state;
        r = is_back ? has_acted(record) : 0;
        if (r > 0)
                return add_due(patient->recovery, record->id);
        if (r == 0)
                r = recover_end(patient->journal, record, f);
        if (r == 0)
                patient->recovery->n_settled++;
        return r;
}

static int note_written(const Patient *patient)
{
        Recovery *recovery = patient->recovery;
        int r = 0;

        for (size_t i = 0; r == 0 && i < patient->record.n_steps; i++) {
                const char *name = patient->record.steps[i].name;

                if (patient->sides[i] != FILE_STEP_AFTER)
                        continue;
                r = strv_extend_unique(&recovery->files, name);
        }
        if (has_side(patient, FILE_STEP_AFTER) && change_record_concerns_manager(&patient->record))
                recovery->reload_manager = true;
        return r;
}

/* Undoes what is after. Returns: 0, and it has ended in `state`, or failed if patient->kept; what
 * makes another try worth while, and it has not ended. */
static int take_back(Patient *patient, ChangeState state, const char *reason, Failure *f)
{
        const ChangeRecord *record = &patient->record;
        int r, noted;

        for (size_t i = 0; i < record->n_steps; i++)
                if (patient->sides[i] == FILE_STEP_FOREIGN)
                        steps_add_words(&patient->kept, record->steps[i].path,
                                        "edited since by another program");
        r = steps_undo(patient->roots, record->steps, patient->sides, record->n_steps,
                       &patient->kept);
        noted = note_written(patient);
        if (noted < 0)
                return noted;
        if (r != 0 && r != EXM_E_CONFLICT) {
                log_error("change %llu cannot be taken back now: %s",
                          (unsigned long long)record->id, patient->kept);
                return r < 0 ? r
                             : failure_set(f, (Condition)r, "change %llu: %s",
                                           (unsigned long long)record->id, patient->kept);
        }
        return record_end(patient, patient->kept ? CHANGE_FAILED : state, reason, f);
}

/* All of its files are new, and the crash was before that was on record. */
static int complete(Patient *patient, Failure *f)
{
        ChangeRecord *record = &patient->record;
        int over;

        if (record->confirm_within == 0)
                return record_end(patient, CHANGE_APPLIED, "", f);
        over = moment_is_over(record);
        if (over < 0)
                return over;
        if (over)
                return take_back(patient, CHANGE_REVERTED, "not confirmed before the reboot", f);
        over = moment_start_pending(record);
        return over < 0 ? over : record_end(patient, CHANGE_PENDING, "", f);
}

static int recover_prepared(Patient *patient, Failure *f)
{
        int r;

        r = settle(patient, f);
        if (r != 0)
                return r;
        if (!has_side(patient, FILE_STEP_BEFORE) && !has_side(patient, FILE_STEP_FOREIGN) &&
            patient->record.n_units == 0)
                return complete(patient, f);
        return take_back(patient, CHANGE_FAILED, "interrupted, and taken back", f);
}

static int recover_pending(Patient *patient, Failure *f)
{
        int r, over;

        over = moment_is_over(&patient->record);
        if (over < 0)
                return over;
        r = settle(patient, f);
        if (r != 0)
                return r;
        if (over)
                return take_back(patient, CHANGE_REVERTED, "not confirmed in time", f);
        if (has_side(patient, FILE_STEP_BEFORE))
                return take_back(patient, CHANGE_REVERTED, "taken back, with an interruption", f);
        return 0;
}

/* timedated has set it or not. */
static int recover_zone(Patient *patient, Failure *f)
{
        int r;

        r = zone_settle(patient->journal, &patient->record, NULL, f);
        if (r == 0)
                patient->recovery->n_settled++;
        return r;
}

static int recover_one(Journal *journal, const Roots *roots, uint64_t id, Recovery *recovery,
                       Failure *f)
{
        _cleanup_close_ int password_lock = -1;
        _cleanup_(patient_done) Patient patient;
        int r;

        r = patient_init(&patient, journal, roots, id, recovery, f);
        if (r == 0)
                r = steps_lock(patient.record.steps, patient.record.n_steps, &password_lock, f);
        if (r != 0)
                return r;
        if (patient.record.zone_after)
                return recover_zone(&patient, f);
        return patient.record.state == CHANGE_PENDING ? recover_pending(&patient, f)
                                                      : recover_prepared(&patient, f);
}

/* Newest first: each file goes back through what it went through. */
int recover_all(Journal *journal, const Roots *roots, Recovery *ret, Failure *f)
{
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        *ret = (Recovery){ 0 };
        r = journal_unfinished(journal, &ids, &n, f);
        for (; r == 0 && n > 0; n--) {
                _cleanup_failure_ Failure fault = { 0 };
                int one;

                one = recover_one(journal, roots, ids[n - 1], ret, &fault);
                if (one == -ENOMEM)
                        r = one;
                if (one != 0)
                        log_error("change %llu stays unfinished: %s",
                                  (unsigned long long)ids[n - 1],
                                  fault.message ? fault.message : strerror(one < 0 ? -one : EIO));
        }
        return r;
}

int recover_revert(Journal *journal, const Roots *roots, uint64_t id, const char *reason,
                   ChangeRecord *ret_record, Recovery *ret, Failure *f)
{
        _cleanup_close_ int password_lock = -1;
        _cleanup_(patient_done) Patient patient;
        bool pending;
        int r;

        *ret = (Recovery){ 0 };
        r = patient_init(&patient, journal, roots, id, ret, f);
        if (r != 0)
                return r;
        pending = patient.record.state == CHANGE_PENDING;
        if (!pending && (patient.record.state != CHANGE_PREPARED || patient.record.n_units == 0))
                return failure_set(
                        f, EXM_E_REFUSED, "change %llu does not wait for a confirmation: it is %s.",
                        (unsigned long long)id, change_state_to_string(patient.record.state));
        r = steps_lock(patient.record.steps, patient.record.n_steps, &password_lock, f);
        if (r == 0)
                r = settle(&patient, f);
        if (r == 0)
                r = take_back(&patient, pending ? CHANGE_REVERTED : CHANGE_FAILED, reason, f);
        if (r != 0)
                return r;
        *ret_record = patient.record;
        patient.record = (ChangeRecord){ 0 };
        if (!patient.kept)
                return 0;
        return failure_set(f, EXM_E_CONFLICT,
                           "change %llu could not be taken back wholly; not as before, and kept as "
                           "they are: %s",
                           (unsigned long long)id, patient.kept);
}
