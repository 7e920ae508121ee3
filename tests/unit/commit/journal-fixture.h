/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-fixture.h - records to be journaled, and a state directory for them.
 *
 * JOURNAL_DIR is below the /mnt of files/scratch.h. Every helper fails the test when it cannot do
 * its work.
 */
#pragma once

#include "commit/journal.h"
#include "files/scratch.h"

#define JOURNAL_DIR  "/mnt/state"
#define JOURNAL_PATH JOURNAL_DIR "/" JOURNAL_FILE
#define JOURNAL_WAL  JOURNAL_PATH "-wal"
#define JOURNAL_MARK JOURNAL_DIR "/" JOURNAL_UNFINISHED

/* scratch_reset() and an empty JOURNAL_DIR. A setup function. */
int journal_fixture_reset(void **state);

Journal *journal_fixture_open(void);

/* A change of uid 1000 with one step that rewrites `name`, which was `old` (NULL: it was missing).
 */
ChangeRecord record_write(const char *name, const char *old, const char *new);
/* Another such step. */
void record_add(ChangeRecord *record, const char *name, const char *old, const char *new);
/* Of `size` bytes `fill`, before and after. */
ChangeRecord record_large(const char *name, size_t size, char fill);

/* Prepared, freed. Returns: its number. */
uint64_t prepare_write(Journal *journal, const char *name, const char *old, const char *new);
int set_state(Journal *journal, uint64_t id, ChangeState state, bool durable);
/* Prepared and applied. */
uint64_t apply_write(Journal *journal, const char *name, const char *old, const char *new);
ChangeState state_of(Journal *journal, uint64_t id);

/* Fails the test unless r is `condition` and the message has `word` in it; clears f. */
void assert_failure(int r, Failure *f, Condition condition, const char *word);

/* A whole file, as bytes. */
char *read_bytes(const char *path, size_t *ret_size);
void write_bytes(const char *path, const void *data, size_t size, mode_t mode);
/* Returns: true if any file in JOURNAL_DIR holds `text`. */
bool directory_holds(const char *text);
void run_sql(const char *path, const char *sql);
