/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-store.c - a change becomes durable, and goes from state to state.
 *
 * Whether a change may be prepared (its token, its files) is decided within the transaction that
 * stores it: of two that come at once one wins.
 */
#include "commit/journal-private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commit/pack.h"
#include "commit/schema.h"
#include "commit/statement.h"

/* A WAL of so many pages (4 KiB each) is brought into the main file, after a change. */
#define CHECKPOINT_PAGES 1000

static const char *text_of(const char *s)
{
        return s ? s : "";
}

static const char *node_kind_name(NodeKind kind)
{
        switch (kind) {
        case NODE_MISSING:
                return "missing";
        case NODE_FILE:
                return "file";
        case NODE_LINK:
                return "link";
        case NODE_OTHER:
                break;
        }
        return NULL;
}

static int check_node(const FileStep *step, const Node *node, Failure *f)
{
        if (!node_kind_name(node->kind))
                return -EINVAL;
        if (node->kind == NODE_FILE && node->content && node->size > DATABASE_CONTENT_MAX)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: the journal takes files of up to %u bytes", step->name,
                                   DATABASE_CONTENT_MAX);
        return 0;
}

static int check_record(const ChangeRecord *record, Failure *f)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_steps; i++) {
                r = check_node(&record->steps[i], &record->steps[i].before, f);
                if (r == 0)
                        r = check_node(&record->steps[i], &record->steps[i].after, f);
        }
        return r;
}

static int check_token(Journal *journal, const ChangeRecord *record, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *state = NULL;

        if (!record->token || !record->token[0])
                return 0;
        statement_init(
                &s, journal->database.connection,
                "SELECT id, state FROM change WHERE " SCHEMA_OWNER(
                        "authority",
                        "uid") " = " SCHEMA_OWNER(":authority",
                                                  ":uid") " AND token = :token AND token <> ''");
        statement_bind_text(&s, ":authority", text_of(record->authority));
        statement_bind_int(&s, ":uid", record->uid);
        statement_bind_text(&s, ":token", record->token);
        if (!statement_step(&s))
                return database_failure(&journal->database, s.rc, f);
        state = statement_text(&s, 1);
        if (!state)
                return -ENOMEM;
        return failure_set(f, EXM_E_CONFLICT,
                           "change %" PRIu64 " (%s) has this token already: nothing was done again",
                           (uint64_t)statement_int(&s, 0), state);
}

static int refuse_taken(const FileStep *step, uint64_t id, const char *state, Failure *f)
{
        if (change_state_from_string(state) == CHANGE_PENDING)
                return failure_set(f, EXM_E_CONFLICT,
                                   "%s: change %" PRIu64 " has this file and awaits its "
                                   "confirmation: confirm or revert it first",
                                   step->path, id);
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: change %" PRIu64 " has this file and is not finished: try again "
                           "when it is; if it was interrupted, restart the service",
                           step->path, id);
}

/* By name and by path: a link that a pending change went through must stay as it is, too. */
static int check_file(Journal *journal, const FileStep *step, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *state = NULL;

        statement_init(&s, journal->database.connection,
                       "SELECT c.id, c.state FROM change c JOIN item i ON i.change = c.id"
                       " WHERE c.state IN " JOURNAL_UNFINISHED_STATES " AND i.kind = 'file'"
                       " AND (i.name IN (:name, :path) OR i.path IN (:name, :path)) LIMIT 1");
        statement_bind_text(&s, ":name", step->name);
        statement_bind_text(&s, ":path", step->path);
        if (!statement_step(&s))
                return database_failure(&journal->database, s.rc, f);
        state = statement_text(&s, 1);
        if (!state)
                return -ENOMEM;
        return refuse_taken(step, (uint64_t)statement_int(&s, 0), state, f);
}

/* Of changes of the time zone one at a time is unfinished. */
static int check_zone(Journal *journal, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, journal->database.connection,
                       "SELECT c.id FROM change c JOIN item i ON i.change = c.id"
                       " WHERE c.state IN " JOURNAL_UNFINISHED_STATES
                       " AND i.kind = 'timezone' LIMIT 1");
        if (!statement_step(&s))
                return database_failure(&journal->database, s.rc, f);
        return failure_set(f, EXM_E_CONFLICT,
                           "change %" PRIu64 " of the time zone is not finished: try again when it "
                           "is; if it was interrupted, restart the service",
                           (uint64_t)statement_int(&s, 0));
}

static int check_free(Journal *journal, const ChangeRecord *record, Failure *f)
{
        int r;

        r = check_token(journal, record, f);
        if (r == 0 && record->zone_after)
                r = check_zone(journal, f);
        for (size_t i = 0; r == 0 && i < record->n_steps; i++)
                r = check_file(journal, &record->steps[i], f);
        return r;
}

static size_t content_size(const Node *node)
{
        return node->kind == NODE_FILE && node->content ? node->size : 0;
}

static uint64_t record_bytes(const ChangeRecord *record)
{
        uint64_t bytes = strlen(text_of(record->checks));

        for (size_t i = 0; i < record->n_steps; i++)
                bytes += content_size(&record->steps[i].before) +
                         content_size(&record->steps[i].after);
        return bytes;
}

/* Returns: an extended code, as the functions below. */
static int insert_change(sqlite3 *connection, const ChangeRecord *record)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *inconclusive = NULL;
        size_t inconclusive_size;

        if (pack_strings(record->inconclusive, &inconclusive, &inconclusive_size) < 0)
                return SQLITE_NOMEM;
        statement_init(
                &s, connection,
                "INSERT INTO change (id, time, uid, user, authority, message, token, state,"
                " reason, reverts, confirm_within, pending_since, deadline, boot_id, grace,"
                " checks, inconclusive, bytes) VALUES (:id, :time, :uid, :user, :authority, "
                ":message, :token,"
                " 'prepared', '', :reverts, :confirm_within, 0, 0, :boot_id, :grace, :checks,"
                " :inconclusive, :bytes)");
        statement_bind_int(&s, ":id", (int64_t)record->id);
        statement_bind_int(&s, ":time", (int64_t)record->time);
        statement_bind_int(&s, ":uid", record->uid);
        statement_bind_text(&s, ":user", text_of(record->user));
        statement_bind_text(&s, ":authority", text_of(record->authority));
        statement_bind_text(&s, ":message", text_of(record->message));
        statement_bind_text(&s, ":token", text_of(record->token));
        statement_bind_int(&s, ":reverts", (int64_t)record->reverts);
        statement_bind_int(&s, ":confirm_within", record->confirm_within);
        statement_bind_text(&s, ":boot_id", record->boot_id);
        statement_bind_int(&s, ":grace", record->grace);
        statement_bind_text(&s, ":checks", text_of(record->checks));
        statement_bind_blob(&s, ":inconclusive", inconclusive, inconclusive_size);
        statement_bind_int(&s, ":bytes", (int64_t)record_bytes(record));
        return statement_run(&s);
}

static int insert_unit(sqlite3 *connection, uint64_t id, size_t place, const ChangeUnit *unit)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, connection,
                       "INSERT INTO unit (change, place, id, verb, was_active, acted)"
                       " VALUES (:change, :place, :id, :verb, :was_active, :acted)");
        statement_bind_int(&s, ":change", (int64_t)id);
        statement_bind_int(&s, ":place", (int64_t)place);
        statement_bind_text(&s, ":id", unit->id);
        statement_bind_text(&s, ":verb", unit->verb);
        statement_bind_int(&s, ":was_active", unit->was_active);
        statement_bind_int(&s, ":acted", unit->acted);
        return statement_run(&s);
}

static int insert_item(sqlite3 *connection, uint64_t id, const char *kind, const FileStep *step)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *parents = NULL;
        size_t parents_size;

        if (pack_strings(step->parents, &parents, &parents_size) < 0)
                return SQLITE_NOMEM;
        statement_init(&s, connection,
                       "INSERT INTO item (change, place, kind, name, path, parents, in_place)"
                       " VALUES (:change, :place, :kind, :name, :path, :parents, :in_place)");
        statement_bind_int(&s, ":change", (int64_t)id);
        statement_bind_text(&s, ":kind", kind);
        statement_bind_int(&s, ":place", step->place);
        statement_bind_text(&s, ":name", step->name);
        statement_bind_text(&s, ":path", step->path);
        statement_bind_blob(&s, ":parents", parents, parents_size);
        statement_bind_int(&s, ":in_place", step->in_place);
        return statement_run(&s);
}

static int insert_image(sqlite3 *connection, const FileStep *step, uint64_t id, const char *side,
                        const Node *node)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *xattrs = NULL;
        size_t xattrs_size;

        if (pack_xattrs(&node->metadata, &xattrs, &xattrs_size) < 0)
                return SQLITE_NOMEM;
        statement_init(&s, connection,
                       "INSERT INTO image (change, place, side, kind, mode, uid, gid, link_target,"
                       " version, size, xattrs, content) VALUES (:change, :place, :side, :kind,"
                       " :mode, :uid, :gid, :link_target, :version, :size, :xattrs, :content)");
        statement_bind_int(&s, ":change", (int64_t)id);
        statement_bind_int(&s, ":place", step->place);
        statement_bind_text(&s, ":side", side);
        statement_bind_text(&s, ":kind", node_kind_name(node->kind));
        statement_bind_int(&s, ":mode", node->metadata.mode);
        statement_bind_int(&s, ":uid", node->metadata.uid);
        statement_bind_int(&s, ":gid", node->metadata.gid);
        statement_bind_text(&s, ":link_target", node->link_target);
        statement_bind_text(&s, ":version", node->version);
        statement_bind_int(&s, ":size", (int64_t)node->size);
        statement_bind_blob(&s, ":xattrs", xattrs, xattrs_size);
        statement_bind_blob(&s, ":content", node->content, content_size(node));
        return statement_run(&s);
}

static int insert_step(sqlite3 *connection, uint64_t id, const char *kind, const FileStep *step)
{
        int rc;

        rc = insert_item(connection, id, kind, step);
        if (rc == SQLITE_OK)
                rc = insert_image(connection, step, id, "before", &step->before);
        if (rc == SQLITE_OK)
                rc = insert_image(connection, step, id, "after", &step->after);
        return rc;
}

static int insert_zone(sqlite3 *connection, const ChangeRecord *record)
{
        FileStep step = {
                .name = (char *)"timezone",
                .path = (char *)"timezone",
                .before = { .kind = NODE_FILE,
                            .content = record->zone_before,
                            .size = strlen(record->zone_before) },
                .after = { .kind = NODE_FILE,
                           .content = record->zone_after,
                           .size = strlen(record->zone_after) },
        };

        return insert_step(connection, record->id, "timezone", &step);
}

static int insert_record(sqlite3 *connection, const ChangeRecord *record)
{
        int rc;

        rc = insert_change(connection, record);
        for (size_t i = 0; rc == SQLITE_OK && i < record->n_units; i++)
                rc = insert_unit(connection, record->id, i, &record->units[i]);
        for (size_t i = 0; rc == SQLITE_OK && i < record->n_steps; i++)
                rc = insert_step(connection, record->id, "file", &record->steps[i]);
        if (rc == SQLITE_OK && record->zone_after)
                rc = insert_zone(connection, record);
        return rc;
}

/* The marker comes before the commit, and after all that may be refused. */
static int store_record(Journal *journal, ChangeRecord *record, Failure *f)
{
        Database *db = &journal->database;
        int r;

        r = check_free(journal, record, f);
        if (r == 0 && record->id == 0)
                r = journal_take_id(journal, &record->id, f);
        if (r == 0)
                r = database_failure(db, insert_record(db->connection, record), f);
        if (r == 0)
                r = journal_mark(journal, f);
        return r == 0 ? database_commit(db, f) : r;
}

int journal_prepare(Journal *journal, ChangeRecord *record, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        Database *db = &journal->database;
        uint64_t given = record->id;
        int r;

        r = check_record(record, f);
        if (r == 0)
                r = journal_open_write(journal, f);
        if (r == 0)
                r = database_begin(db, /* durable= */ true, f);
        if (r != 0)
                return r;
        r = store_record(journal, record, f);
        if (r != 0) {
                database_rollback(db);
                record->id = given;
                return r;
        }
        record->state = CHANGE_PREPARED;
        for (size_t i = 0; i < record->n_steps; i++)
                record->steps[i].change = record->id;
        return 0;
}

static int update_state(Journal *journal, const ChangeRecord *record, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, journal->database.connection,
                       "UPDATE change SET state = :state, reason = :reason,"
                       " pending_since = iif(:pending, :pending_since, pending_since),"
                       " deadline = iif(:pending, :deadline, deadline),"
                       " boot_id = iif(:pending, :boot_id, boot_id)"
                       " WHERE id = :id AND state IN " JOURNAL_UNFINISHED_STATES);
        statement_bind_text(&s, ":state", change_state_to_string(record->state));
        statement_bind_text(&s, ":reason", text_of(record->reason));
        statement_bind_int(&s, ":pending", record->state == CHANGE_PENDING);
        statement_bind_int(&s, ":pending_since", (int64_t)record->pending_since);
        statement_bind_int(&s, ":deadline", (int64_t)record->deadline);
        statement_bind_text(&s, ":boot_id", record->boot_id);
        statement_bind_int(&s, ":id", (int64_t)record->id);
        return database_failure(&journal->database, statement_run(&s), f);
}

/* Nothing was updated. Returns: -ENOENT; EXM_E_CONFLICT; as database_failure(). */
static int refuse_state(Journal *journal, const ChangeRecord *record, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };
        _cleanup_free_ char *state = NULL;

        statement_init(&s, journal->database.connection, "SELECT state FROM change WHERE id = :id");
        statement_bind_int(&s, ":id", (int64_t)record->id);
        if (statement_step(&s))
                state = statement_text(&s, 0);
        if (s.rc != SQLITE_OK)
                return database_failure(&journal->database, s.rc, f);
        return state ? failure_set(f, EXM_E_CONFLICT, "change %" PRIu64 " is already %s",
                                   record->id, state)
                     : -ENOENT;
}

static int store_state(Journal *journal, const ChangeRecord *record, Failure *f)
{
        int r;

        r = update_state(journal, record, f);
        if (r != 0)
                return r;
        if (sqlite3_changes(journal->database.connection) == 0)
                return refuse_state(journal, record, f);
        return database_commit(&journal->database, f);
}

int journal_set_state(Journal *journal, const ChangeRecord *record, bool durable, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        Database *db = &journal->database;
        int r;

        if (record->state == CHANGE_PREPARED || record->state >= _CHANGE_STATE_MAX)
                return -EINVAL;
        /* -ENOENT where there is no database: nor is there the change. */
        r = journal_open_read(journal, f);
        if (r == 0)
                r = database_check_writable(db, f);
        if (r == 0)
                r = database_begin(db, durable, f);
        if (r != 0)
                return r;
        r = store_state(journal, record, f);
        if (r != 0) {
                database_rollback(db);
                return r;
        }
        if (durable && change_state_is_finished(record->state))
                journal_unmark(journal, /* durable= */ true);
        if (db->wal_pages > CHECKPOINT_PAGES)
                database_checkpoint(db);
        return 0;
}

static int update_unit(Journal *journal, uint64_t id, size_t place, uint32_t acted, Failure *f)
{
        _cleanup_statement_ Statement s = { 0 };

        statement_init(&s, journal->database.connection,
                       "UPDATE unit SET acted = :acted WHERE change = :change AND place = :place");
        statement_bind_int(&s, ":acted", acted);
        statement_bind_int(&s, ":change", (int64_t)id);
        statement_bind_int(&s, ":place", (int64_t)place);
        return database_failure(&journal->database, statement_run(&s), f);
}

int journal_set_acted(Journal *journal, uint64_t id, size_t place, uint32_t acted, Failure *f)
{
        _cleanup_unlock_ pthread_mutex_t *lock = journal_lock(journal);
        Database *db = &journal->database;
        int r;

        r = journal_open_write(journal, f);
        if (r == 0)
                r = database_begin(db, /* durable= */ false, f);
        if (r != 0)
                return r;
        r = update_unit(journal, id, place, acted, f);
        if (r == 0 && sqlite3_changes(db->connection) == 0)
                r = -ENOENT;
        if (r == 0)
                r = database_commit(db, f);
        if (r != 0)
                database_rollback(db);
        return r;
}
