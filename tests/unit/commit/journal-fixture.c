/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * journal-fixture.c - see journal-fixture.h.
 */
#include "journal-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>

int journal_fixture_reset(void **state)
{
        scratch_reset(state);
        assert_int_equal(mkdir(JOURNAL_DIR, 0700), 0);
        return 0;
}

Journal *journal_fixture_open(void)
{
        Journal *journal = NULL;

        assert_int_equal(journal_open(&journal, JOURNAL_DIR), 0);
        assert_non_null(journal);
        return journal;
}

static char *copy(const char *s)
{
        char *c = strdup(s);

        assert_non_null(c);
        return c;
}

static Node node_of(const char *text)
{
        Node node = { .kind = NODE_MISSING };

        if (!text)
                return node;
        node.kind = NODE_FILE;
        node.metadata.mode = 0640;
        node.content = copy(text);
        node.size = strlen(text);
        assert_int_equal(node_set_version(&node), 0);
        return node;
}

void record_add(ChangeRecord *record, const char *name, const char *old, const char *new)
{
        size_t n = record->n_steps;

        record->steps = reallocarray(record->steps, n + 1, sizeof(FileStep));
        assert_non_null(record->steps);
        record->steps[n] = (FileStep){
                .name = copy(name),
                .path = copy(name),
                .before = node_of(old),
                .after = node_of(new),
                .place = (unsigned)n,
        };
        record->n_steps++;
}

ChangeRecord record_write(const char *name, const char *old, const char *new)
{
        ChangeRecord record = {
                .time = 1700000000000000,
                .uid = 1000,
                .user = copy("somebody"),
                .authority = copy("polkit:org.exmachina1.write-config"),
        };

        record_add(&record, name, old, new);
        return record;
}

ChangeRecord record_large(const char *name, size_t size, char fill)
{
        ChangeRecord record;
        char *text = malloc(size + 1);

        assert_non_null(text);
        memset(text, fill, size);
        text[size] = '\0';
        record = record_write(name, text, text);
        free(text);
        return record;
}

uint64_t prepare_write(Journal *journal, const char *name, const char *old, const char *new)
{
        _cleanup_record_ ChangeRecord record = record_write(name, old, new);
        Failure f = { 0 };

        if (journal_prepare(journal, &record, &f) != 0)
                fail_msg("%s", f.message ? f.message : "journal_prepare()");
        assert_true(record.id > 0);
        return record.id;
}

int set_state(Journal *journal, uint64_t id, ChangeState state, bool durable)
{
        ChangeRecord record = { .id = id, .state = state };

        return journal_set_state(journal, &record, durable, NULL);
}

uint64_t apply_write(Journal *journal, const char *name, const char *old, const char *new)
{
        uint64_t id = prepare_write(journal, name, old, new);

        assert_int_equal(set_state(journal, id, CHANGE_APPLIED, false), 0);
        return id;
}

ChangeState state_of(Journal *journal, uint64_t id)
{
        _cleanup_record_ ChangeRecord record = { 0 };

        assert_int_equal(journal_load(journal, id, false, &record, NULL), 0);
        return record.state;
}

void assert_failure(int r, Failure *f, Condition condition, const char *word)
{
        assert_int_equal(r, condition);
        assert_int_equal(f->condition, condition);
        assert_non_null(f->message);
        if (!strstr(f->message, word))
                fail_msg("\"%s\" does not say \"%s\"", f->message, word);
        failure_done(f);
}

char *read_bytes(const char *path, size_t *ret_size)
{
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        struct stat st;
        char *data;

        if (!file)
                fail_msg("%s: %s", path, strerror(errno));
        assert_int_equal(fstat(fileno(file), &st), 0);
        data = malloc((size_t)st.st_size + 1);
        assert_non_null(data);
        assert_int_equal(fread(data, 1, (size_t)st.st_size, file), (size_t)st.st_size);
        *ret_size = (size_t)st.st_size;
        return data;
}

void write_bytes(const char *path, const void *data, size_t size, mode_t mode)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(write(fd, data, size), (ssize_t)size);
        assert_int_equal(close(fd), 0);
}

bool directory_holds(const char *text)
{
        DIR *dir = opendir(JOURNAL_DIR);
        struct dirent *entry;
        char path[512];
        bool found = false;
        size_t size;

        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                if (entry->d_type != DT_REG)
                        continue;
                snprintf(path, sizeof(path), "%s/%s", JOURNAL_DIR, entry->d_name);
                char *data = read_bytes(path, &size);
                found = found || memmem(data, size, text, strlen(text));
                free(data);
        }
        closedir(dir);
        return found;
}

void run_sql(const char *path, const char *sql)
{
        sqlite3 *db = NULL;
        char *error = NULL;

        assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
                fail_msg("%s: %s", sql, error);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
