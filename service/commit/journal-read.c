/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-read.c - records as they were stored, or a refusal where the database is damaged.
 *
 * SQLite has no checksums of its pages. What is read is judged by its form, and content by the
 * version that was stored with it: bytes that the disk has altered are never put into a file.
 */
#include "commit/journal-private.h"

#include <errno.h>
#include <string.h>

#include "commit/pack.h"
#include "commit/schema.h"
#include "commit/statement.h"

#define LIST_DEFAULT 100
#define LIST_MAX     1000

/* In the order of load_change(). */
#define CHANGE_COLUMNS                                                                             \
        "id, time, uid, user, authority, message, token, state, reason, reverts, confirm_within,"  \
        " pending_since, deadline, boot_id, grace, inconclusive"

static void load_strings(Statement *s, int column, char ***ret)
{
        const void *data;
        size_t size;
        int r = -EBADMSG;

        if (statement_blob(s, column, &data, &size))
                r = unpack_strings(data, size, ret);
        if (r == -ENOMEM)
                statement_set_no_memory(s);
        else if (r < 0)
                statement_set_damaged(s);
}

/* Text that may not be NULL. */
static char *load_text(Statement *s, int column)
{
        char *text;

        text = statement_text(s, column);
        if (!text)
                statement_set_damaged(s);
        return text;
}

static void load_state(Statement *s, int column, ChangeState *ret)
{
        _cleanup_free_ char *name = load_text(s, column);

        *ret = name ? change_state_from_string(name) : _CHANGE_STATE_MAX;
        if (*ret == _CHANGE_STATE_MAX)
                statement_set_damaged(s);
}

static void load_boot_id(Statement *s, int column, char ret[RECORD_BOOT_ID_SIZE])
{
        _cleanup_free_ char *id = load_text(s, column);

        if (id && strlen(id) >= RECORD_BOOT_ID_SIZE)
                statement_set_damaged(s);
        else if (id)
                strcpy(ret, id);
}

/* Fills in `record`, a part of it also where s->rc tells of an error. */
static void load_change(Statement *s, ChangeRecord *record)
{
        record->id = (uint64_t)statement_int(s, 0);
        record->time = (uint64_t)statement_int(s, 1);
        record->uid = (uid_t)statement_int(s, 2);
        record->user = load_text(s, 3);
        record->authority = load_text(s, 4);
        record->message = load_text(s, 5);
        record->token = load_text(s, 6);
        load_state(s, 7, &record->state);
        record->reason = load_text(s, 8);
        record->reverts = (uint64_t)statement_int(s, 9);
        record->confirm_within = (uint32_t)statement_int(s, 10);
        record->pending_since = (uint64_t)statement_int(s, 11);
        record->deadline = (uint64_t)statement_int(s, 12);
        load_boot_id(s, 13, record->boot_id);
        record->grace = (uint32_t)statement_int(s, 14);
        load_strings(s, 15, &record->inconclusive);
}

static void load_kind(Statement *s, int column, Node *node)
{
        _cleanup_free_ char *kind = load_text(s, column);

        if (!kind)
                return;
        if (strcmp(kind, "missing") == 0)
                node->kind = NODE_MISSING;
        else if (strcmp(kind, "file") == 0)
                node->kind = NODE_FILE;
        else if (strcmp(kind, "link") == 0)
                node->kind = NODE_LINK;
        else
                statement_set_damaged(s);
}

static void load_version(Statement *s, int column, Node *node)
{
        _cleanup_free_ char *version = load_text(s, column);

        if (version && strlen(version) < DIGEST_HEX_SIZE)
                strcpy(node->version, version);
        else
                statement_set_damaged(s);
}

static void load_xattrs(Statement *s, int column, Node *node)
{
        const void *data;
        size_t size;
        int r = -EBADMSG;

        if (statement_blob(s, column, &data, &size))
                r = unpack_xattrs(data, size, &node->metadata);
        if (r == -ENOMEM)
                statement_set_no_memory(s);
        else if (r < 0)
                statement_set_damaged(s);
}

static void copy_content(Statement *s, Node *node, const void *data, size_t size)
{
        char *content;

        content = malloc(size + 1);
        if (!content) {
                statement_set_no_memory(s);
                return;
        }
        memcpy(content, data, size);
        content[size] = '\0';
        node->content = content;
}

static void check_content(Statement *s, const Node *node)
{
        char version[DIGEST_HEX_SIZE];

        if (!node->version[0])
                return;
        if (metadata_version(&node->metadata, node->content, node->size, version) < 0)
                statement_set_no_memory(s);
        else if (strcmp(version, node->version) != 0)
                statement_set_damaged(s);
}

static void load_content(Statement *s, int column, Node *node)
{
        const void *data;
        size_t size;

        if (node->kind != NODE_FILE || !statement_blob(s, column, &data, &size))
                return;
        if (size == node->size)
                copy_content(s, node, data, size);
        else
                statement_set_damaged(s);
        if (s->rc == SQLITE_OK)
                check_content(s, node);
}

/* Returns: an extended code, as the functions below; `node` is filled in part on failure. */
static int load_image(sqlite3 *connection, uint64_t id, unsigned place, const char *side,
                      bool content, Node *node)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection,
                       content ? "SELECT kind, mode, uid, gid, link_target, version, size, xattrs,"
                                 " content FROM image"
                                 " WHERE change = :change AND place = :place AND side = :side"
                               : "SELECT kind, mode, uid, gid, link_target, version, size, xattrs"
                                 " FROM image"
                                 " WHERE change = :change AND place = :place AND side = :side");
        statement_bind_int(&s, ":change", (int64_t)id);
        statement_bind_int(&s, ":place", place);
        statement_bind_text(&s, ":side", side);
        if (!statement_step(&s)) {
                statement_set_damaged(&s);
                return s.rc;
        }
        load_kind(&s, 0, node);
        node->metadata.mode = (mode_t)statement_int(&s, 1);
        node->metadata.uid = (uid_t)statement_int(&s, 2);
        node->metadata.gid = (gid_t)statement_int(&s, 3);
        node->link_target = statement_text(&s, 4);
        if ((node->kind == NODE_LINK) != (node->link_target != NULL))
                statement_set_damaged(&s);
        load_version(&s, 5, node);
        node->size = (size_t)statement_int(&s, 6);
        load_xattrs(&s, 7, node);
        if (content)
                load_content(&s, 8, node);
        return s.rc;
}

static int load_step(Statement *s, uint64_t id, bool content, FileStep *step)
{
        step->change = id;
        step->place = (unsigned)statement_int(s, 0);
        step->name = load_text(s, 1);
        step->path = load_text(s, 2);
        load_strings(s, 3, &step->parents);
        step->in_place = statement_int(s, 4) != 0;
        if (s->rc == SQLITE_OK)
                s->rc = load_image(s->connection, id, step->place, "before", content,
                                   &step->before);
        if (s->rc == SQLITE_OK)
                s->rc = load_image(s->connection, id, step->place, "after", content, &step->after);
        return s->rc;
}

static int grow_steps(ChangeRecord *record)
{
        size_t n = record->n_steps;
        FileStep *steps;

        /* Room grows by doubling: reallocate only when n is a power of two (or 0). */
        if ((n & (n - 1)) == 0) {
                steps = reallocarray(record->steps, n == 0 ? 1 : 2 * n, sizeof(FileStep));
                if (!steps)
                        return SQLITE_NOMEM;
                record->steps = steps;
        }
        record->steps[record->n_steps++] = (FileStep){ 0 };
        return SQLITE_OK;
}

static int load_steps(sqlite3 *connection, bool content, ChangeRecord *record)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection,
                       "SELECT place, name, path, parents, in_place FROM item"
                       " WHERE change = :change AND kind = 'file' ORDER BY place");
        statement_bind_int(&s, ":change", (int64_t)record->id);
        while (statement_step(&s)) {
                s.rc = grow_steps(record);
                if (s.rc == SQLITE_OK)
                        s.rc = load_step(&s, record->id, content,
                                         &record->steps[record->n_steps - 1]);
        }
        return s.rc;
}

static char *load_zone(sqlite3 *connection, uint64_t id, const char *side, int *rc)
{
        _cleanup_node_ Node node = { 0 };

        if (*rc == SQLITE_OK)
                *rc = load_image(connection, id, 0, side, /* content= */ true, &node);
        if (*rc == SQLITE_OK && !node.content)
                *rc = SQLITE_CORRUPT;
        return *rc == SQLITE_OK ? TAKE_PTR(node.content) : NULL;
}

static int load_zones(sqlite3 *connection, ChangeRecord *record)
{
        _cleanup_statement_ Statement s = { 0 };

        if (record->n_steps > 0)
                return SQLITE_OK;
        statement_init(&s, connection,
                       "SELECT 1 FROM item WHERE change = :change AND place = 0"
                       " AND kind = 'timezone'");
        statement_bind_int(&s, ":change", (int64_t)record->id);
        if (!statement_step(&s))
                return s.rc;
        record->zone_before = load_zone(connection, record->id, "before", &s.rc);
        record->zone_after = load_zone(connection, record->id, "after", &s.rc);
        return s.rc;
}

static int load_units(sqlite3 *connection, ChangeRecord *record)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection,
                       "SELECT id, verb, was_active, acted FROM unit WHERE change = :change"
                       " ORDER BY place");
        statement_bind_int(&s, ":change", (int64_t)record->id);
        while (statement_step(&s)) {
                _cleanup_free_ char *id = load_text(&s, 0), *verb = load_text(&s, 1);

                if (s.rc == SQLITE_OK &&
                    change_record_add_unit(record, id, verb, statement_int(&s, 2) != 0) < 0)
                        statement_set_no_memory(&s);
                if (s.rc == SQLITE_OK)
                        record->units[record->n_units - 1].acted = (uint32_t)statement_int(&s, 3);
        }
        return s.rc;
}

int journal_load(Journal *journal, uint64_t id, bool content, ChangeRecord *ret, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_record_ ChangeRecord record = { 0 };
        sqlite3 *connection;
        int r;

        r = journal_open_read(journal, f);
        if (r != 0)
                return r;
        connection = journal->database.connection;
        statement_init(&s, connection, "SELECT " CHANGE_COLUMNS " FROM change WHERE id = :id");
        statement_bind_int(&s, ":id", (int64_t)id);
        if (!statement_step(&s))
                return s.rc == SQLITE_OK ? -ENOENT : database_failure(&journal->database, s.rc, f);
        load_change(&s, &record);
        if (s.rc == SQLITE_OK)
                s.rc = load_steps(connection, content, &record);
        if (s.rc == SQLITE_OK)
                s.rc = load_zones(connection, &record);
        if (s.rc == SQLITE_OK)
                s.rc = load_units(connection, &record);
        if (s.rc != SQLITE_OK)
                return database_failure(&journal->database, s.rc, f);
        *ret = record;
        record = (ChangeRecord){ 0 };
        return 0;
}

static void bind_filter(Statement *s, const JournalFilter *filter, uint32_t limit)
{
        statement_bind_int(s, ":first", (int64_t)filter->id);
        statement_bind_int(s, ":last", filter->id > 0 ? (int64_t)filter->id : INT64_MAX);
        statement_bind_int(s, ":before", (int64_t)filter->before);
        statement_bind_int(s, ":since", (int64_t)filter->since);
        statement_bind_text(s, ":file", filter->file);
        statement_bind_text(s, ":token", filter->token);
        statement_bind_text(
                s, ":state",
                filter->state < _CHANGE_STATE_MAX ? change_state_to_string(filter->state) : NULL);
        statement_bind_int(s, ":own_only", filter->own_only);
        statement_bind_int(s, ":uid", filter->uid);
        statement_bind_text(s, ":key", filter->key);
        statement_bind_int(s, ":key_since", (int64_t)filter->key_since);
        statement_bind_int(s, ":limit", limit);
}

static const char list_sql[] =
        "SELECT " CHANGE_COLUMNS " FROM change"
        " WHERE id BETWEEN :first AND :last"
        " AND (:before = 0 OR time < :before) AND time >= :since"
        " AND (:file IS NULL OR id IN (SELECT change FROM item WHERE name = :file"
        " UNION SELECT change FROM item WHERE path = :file))"
        " AND (:token IS NULL OR token = :token)"
        " AND (:state IS NULL OR state = :state)"
        " AND (NOT :own_only OR " SCHEMA_OWNER(
                "authority",
                "uid") " = 'uid:' || :uid"
                       "      OR (" SCHEMA_OWNER("authority",
                                                 "uid") " = 'key:' || :key AND time >= :key_since))"
                                                        " ORDER BY id DESC LIMIT :limit";

/* Fills in records[0 .. *n), one of them in part on failure. */
static int list_records(sqlite3 *connection, const JournalFilter *filter, uint32_t limit,
                        ChangeRecord *records, size_t *n)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection, list_sql);
        bind_filter(&s, filter, limit);
        while (*n < limit && statement_step(&s)) {
                load_change(&s, &records[(*n)++]);
                if (s.rc == SQLITE_OK)
                        s.rc = load_steps(connection, /* content= */ false, &records[*n - 1]);
                if (s.rc == SQLITE_OK)
                        s.rc = load_zones(connection, &records[*n - 1]);
                if (s.rc == SQLITE_OK)
                        s.rc = load_units(connection, &records[*n - 1]);
        }
        return s.rc;
}

int journal_list(Journal *journal, const JournalFilter *filter, ChangeRecord **ret, size_t *ret_n,
                 Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        uint32_t limit = filter->limit == 0 ? LIST_DEFAULT : filter->limit;
        ChangeRecord *records;
        size_t n = 0;
        int r;

        if (limit > LIST_MAX)
                limit = LIST_MAX;
        r = journal_open_read(journal, f);
        if (r != 0 && r != -ENOENT)
                return r;
        records = calloc(limit, sizeof(ChangeRecord));
        if (!records)
                return -ENOMEM;
        if (r == 0)
                r = database_failure(
                        &journal->database,
                        list_records(journal->database.connection, filter, limit, records, &n), f);
        if (r != 0 && r != -ENOENT) {
                change_records_free(records, n);
                return r;
        }
        *ret = records;
        *ret_n = n;
        return 0;
}

static int list_unfinished(sqlite3 *connection, uint64_t **ids, size_t *n)
{
        _cleanup_statement_ Statement s = { 0 };
        uint64_t *grown;

        statement_init(&s, connection,
                       "SELECT id FROM change WHERE state IN " JOURNAL_UNFINISHED_STATES
                       " ORDER BY id");
        while (statement_step(&s)) {
                grown = reallocarray(*ids, *n + 1, sizeof(uint64_t));
                if (!grown)
                        return SQLITE_NOMEM;
                *ids = grown;
                grown[(*n)++] = (uint64_t)statement_int(&s, 0);
        }
        return s.rc;
}

int journal_unfinished(Journal *journal, uint64_t **ret_ids, size_t *ret_n, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        r = journal_open_read(journal, f);
        if (r == 0)
                r = database_failure(&journal->database,
                                     list_unfinished(journal->database.connection, &ids, &n), f);
        if (r != 0 && r != -ENOENT)
                return r;
        if (r == 0 && n == 0)
                journal_unmark(journal, /* durable= */ false);
        *ret_ids = TAKE_PTR(ids);
        *ret_n = n;
        return 0;
}
