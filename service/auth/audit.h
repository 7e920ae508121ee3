/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.h - one structured journal record for every call that changes something or is denied.
 *
 * Find them with: journalctl MESSAGE_ID=7a1c7d2e1bb44d2f9d5d3f6c0e9a4b51
 * Fields: EXMACHINA_UID, _SENDER, _METHOD, _FILE, _UNIT, _ZONE, _PACKAGES or _KEY, _AUTHORITY,
 * _OUTCOME, _CHANGE, _MESSAGE. What came from a caller is escaped and cut to 1 KiB: one call is one
 * record, whatever it says. Never file content, never a secret. Records are sent by a thread of
 * their own, in order, so that a stalled journal does not stall the service; past 10,000 that wait,
 * further ones are counted and the count is recorded.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "util/task.h"

#define AUDIT_MESSAGE_ID "7a1c7d2e1bb44d2f9d5d3f6c0e9a4b51"

typedef struct Audit Audit;

/* NULL fields are left out of the record. */
typedef struct AuditRecord {
        uid_t uid;
        const char *sender;
        const char *method; /* Interface.Member */
        const char *file;   /* one name or several separated by ", " */
        const char *unit;
        const char *zone;
        const char *packages;  /* one name or several separated by ", " */
        const char *key;       /* a key's name, never the key; "" one that names none */
        const char *authority; /* "polkit:manage-units", "public", NULL if none was given */
        const char *outcome;   /* "done", or the D-Bus error name */
        const char *message;   /* the caller's words on a commit */
        uint64_t change;       /* 0: none */
} AuditRecord;

int audit_new(Audit **ret, sd_event *event);
/* Sends what waits. NULL is allowed. */
Audit *audit_free(Audit *audit);

void audit_write(Audit *audit, const AuditRecord *record);
