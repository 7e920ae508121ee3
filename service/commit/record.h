/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record.h - a change as the journal keeps it.
 *
 * Owns all that it points to. Strings that are not known are "" in a record that was loaded; in one
 * that is to be journaled NULL is the same as "".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "files/step.h"

typedef enum ChangeState {
        CHANGE_PREPARED, /* being written; after a crash: to be settled */
        CHANGE_PENDING,  /* written, awaits Confirm until its deadline */
        CHANGE_APPLIED,
        CHANGE_REVERTED, /* taken back by its deadline, a reboot, or before it was confirmed */
        CHANGE_FAILED,   /* interrupted and taken back, or not wholly: see `reason` */
        _CHANGE_STATE_MAX,
} ChangeState;

/* Returns: a static string, "" if it is none. */
const char *change_state_to_string(ChangeState state);
/* Returns: the state, or _CHANGE_STATE_MAX. */
ChangeState change_state_from_string(const char *s);
/* Returns: true for applied, reverted and failed, which a change never leaves again. */
bool change_state_is_finished(ChangeState state);

#define RECORD_BOOT_ID_SIZE 33

/* A unit that is acted on when the files are in place, and again when they are taken back. */
typedef struct ChangeUnit {
        char *id;
        char *verb;      /* "reload", "restart" */
        bool was_active; /* before the change */
        uint32_t acted;  /* how often something was begun with it; 0: it has not seen the change */
} ChangeUnit;

typedef struct ChangeRecord {
        uint64_t id;   /* 0: not journaled yet */
        uint64_t time; /* µs, CLOCK_REALTIME */
        uid_t uid;
        char *user;      /* its name then; "" unknown */
        char *authority; /* "polkit:org.exmachina1.write-config"; "key:web" or "key:web, polkit:..."
                          * of a change that belongs to that key and not to the uid */
        char *message;   /* the caller's; "" none */
        char *token;     /* the caller's; "" none */
        char *checks;    /* what validators said of it; "" or NULL none; written, and not read back:
                          * for root alone, in the database */
        char **inconclusive; /* names of the validators that could not judge it (strv) */
        ChangeState state;
        char *reason;     /* of `reverted` and `failed`; "" none */
        uint64_t reverts; /* the change that this one takes back; 0 none */
        /* Confirm-or-revert: */
        uint32_t confirm_within;           /* s; 0: none was asked for */
        uint64_t pending_since;            /* µs, CLOCK_BOOTTIME, in that boot */
        uint64_t deadline;                 /* µs, CLOCK_BOOTTIME, in that boot; 0 none */
        char boot_id[RECORD_BOOT_ID_SIZE]; /* of pending_since and deadline; prepared: of now */
        ChangeUnit *units;                 /* in the order in which they are acted on */
        size_t n_units;
        uint32_t grace;  /* s that the units must stay active for */
        FileStep *steps; /* in the order of FileStep.place, which differs between them */
        size_t n_steps;
        /* A change of the time zone instead, which has no steps; else both are NULL: */
        char *zone_before, *zone_after; /* names; before: "" if that had none */
} ChangeRecord;

/* Does it belong to the key of this name? `key` NULL: to any key. */
bool change_record_is_of_key(const ChangeRecord *record, const char *key);

/* Of one that is being taken back: it had been made wholly, and awaited its confirmation. */
bool change_record_was_pending(const ChangeRecord *record);

/* Adds a unit; strings are copied. Returns: 0 or -ENOMEM. */
int change_record_add_unit(ChangeRecord *record, const char *id, const char *verb, bool was_active);

/* Returns: true if systemd reads one of the files itself: daemon-reload is due when it changes. */
bool change_record_concerns_manager(const ChangeRecord *record);

void change_record_done(ChangeRecord *record);
void change_records_free(ChangeRecord *records, size_t n);

#define _cleanup_record_ _cleanup_(change_record_done)
