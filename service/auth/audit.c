/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit.c - records are rendered on the loop and sent by a thread.
 */
#include "auth/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "util/log.h"
#include "util/utf8.h"

#define FIELD_BYTES 1024
#define MAX_WAITING 10000
#define MAX_FIELDS  15

struct Audit {
        TaskPool *pool; /* one thread, so that the order is kept */
        unsigned n_waiting, n_lost;
};

typedef struct Entry {
        Audit *audit;
        struct iovec fields[MAX_FIELDS];
        int n_fields;
} Entry;

static void entry_free(Entry *entry)
{
        for (int i = 0; i < entry->n_fields; i++)
                free(entry->fields[i].iov_base);
        free(entry);
}

/* "NAME=" and the escaped value; left out if value is NULL. */
static int entry_add(Entry *entry, const char *name, const char *value)
{
        _cleanup_free_ char *escaped = NULL;
        char *field;
        int n;

        if (!value)
                return 0;
        escaped = utf8_escape(value, FIELD_BYTES);
        if (!escaped)
                return -ENOMEM;
        n = asprintf(&field, "%s=%s", name, escaped);
        if (n < 0)
                return -ENOMEM;
        entry->fields[entry->n_fields++] =
                (struct iovec){ .iov_base = field, .iov_len = (size_t)n };
        return 0;
}

static const char *subject_of(const AuditRecord *record)
{
        return record->file ?: record->unit ?: record->zone ?: record->packages ?: record->key;
}

static int entry_fill(Entry *entry, const AuditRecord *record)
{
        const char *about = subject_of(record);
        char uid[16], change[24], *text;
        int r;

        snprintf(uid, sizeof(uid), "%u", record->uid);
        snprintf(change, sizeof(change), "%" PRIu64, record->change);
        if (asprintf(&text, "%s by uid %s%s%s: %s", record->method, uid, about ? " on " : "",
                     about ?: "", record->outcome) < 0)
                return -ENOMEM;

        const struct {
                const char *name, *value;
        } rows[] = {
                { "MESSAGE", text },
                { "MESSAGE_ID", AUDIT_MESSAGE_ID },
                { "PRIORITY", record->authority ? "5" : "4" }, /* LOG_NOTICE, LOG_WARNING */
                { "EXMACHINA_UID", uid },
                { "EXMACHINA_SENDER", record->sender },
                { "EXMACHINA_METHOD", record->method },
                { "EXMACHINA_FILE", record->file },
                { "EXMACHINA_UNIT", record->unit },
                { "EXMACHINA_ZONE", record->zone },
                { "EXMACHINA_PACKAGES", record->packages },
                { "EXMACHINA_KEY", record->key },
                { "EXMACHINA_AUTHORITY", record->authority ?: "none" },
                { "EXMACHINA_OUTCOME", record->outcome },
                { "EXMACHINA_MESSAGE", record->message },
                { "EXMACHINA_CHANGE", record->change > 0 ? change : NULL },
        };

        _Static_assert(ELEMENTSOF(rows) <= MAX_FIELDS, "a field has no room");
        r = 0;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(rows); i++)
                r = entry_add(entry, rows[i].name, rows[i].value);
        free(text);
        return r;
}

static void entry_work(void *userdata)
{
        Entry *entry = userdata;

        (void)sd_journal_sendv(entry->fields, entry->n_fields);
}

static void entry_done(void *userdata)
{
        Entry *entry = userdata;
        Audit *audit = entry->audit;

        entry_free(entry);
        audit->n_waiting--;
        if (audit->n_waiting == 0 && audit->n_lost > 0) {
                log_error("audit: %u records were lost while the journal did not take any",
                          audit->n_lost);
                audit->n_lost = 0;
        }
}

int audit_new(Audit **ret, sd_event *event)
{
        Audit *audit;
        int r;

        audit = calloc(1, sizeof(*audit));
        if (!audit)
                return -ENOMEM;
        r = task_pool_new(&audit->pool, event, 1);
        if (r < 0) {
                free(audit);
                return r;
        }
        *ret = audit;
        return 0;
}

Audit *audit_free(Audit *audit)
{
        if (!audit)
                return NULL;
        task_pool_drain(audit->pool);
        task_pool_free(audit->pool);
        free(audit);
        return NULL;
}

void audit_write(Audit *audit, const AuditRecord *record)
{
        Entry *entry;

        if (audit->n_waiting >= MAX_WAITING) {
                audit->n_lost++;
                return;
        }
        entry = calloc(1, sizeof(*entry));
        if (entry)
                entry->audit = audit;
        if (!entry || entry_fill(entry, record) < 0 ||
            task_run(audit->pool, entry_work, entry_done, entry) < 0) {
                log_error("audit: out of memory, a record of uid %u on %s is lost", record->uid,
                          record->method);
                if (entry)
                        entry_free(entry);
                return;
        }
        audit->n_waiting++;
}
