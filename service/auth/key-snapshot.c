/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-snapshot.c - an entry for every file with the suffix .key, also for one that is ignored:
 * that is how each of its states is logged only once.
 */
#include "auth/key-snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/key-dir.h"
#include "util/log.h"
#include "util/strv.h"
#include "util/utf8.h"

typedef struct Entry {
        char *name;
        FileStamp stamp;
        Key *key;    /* NULL: ignored */
        char *fault; /* why, as it was logged; NULL if it is in order or gone */
        KeyProof proof;
} Entry;

struct KeySnapshot {
        char *root, *directory;
        FileStamp stamp;
        char *fault; /* of the directory, as it was logged */
        bool cleaned;
        Entry *entries; /* sorted by name */
        size_t n;
};

int key_snapshot_new(KeySnapshot **ret, const char *root, const char *directory)
{
        _cleanup_(key_snapshot_free_cleanup) KeySnapshot *s = NULL;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->root = root ? strdup(root) : NULL;
        s->directory = strdup(directory);
        if ((root && !s->root) || !s->directory)
                return -ENOMEM;
        *ret = TAKE_PTR(s);
        return 0;
}

static void entry_done(Entry *entry)
{
        free(entry->name);
        free(entry->fault);
        key_unref(entry->key);
        *entry = (Entry){ 0 };
}

static void drop_entries(KeySnapshot *s)
{
        for (size_t i = 0; i < s->n; i++)
                entry_done(&s->entries[i]);
        free(s->entries);
        s->entries = NULL;
        s->n = 0;
        s->stamp = (FileStamp){ 0 };
}

KeySnapshot *key_snapshot_free(KeySnapshot *s)
{
        if (!s)
                return NULL;
        drop_entries(s);
        free(s->root);
        free(s->directory);
        free(s->fault);
        free(s);
        return NULL;
}

/* Errors that say nothing about the file. */
static bool is_ours(int r)
{
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EINTR;
}

static bool same_state(FileStamp a, FileStamp b)
{
        a.young = b.young = false;
        return file_stamp_equal(&a, &b);
}

/* Ignores it from now on, and says so unless it was said of this very state. */
static int entry_ignore(const KeySnapshot *s, Entry *entry, FileStamp stamp, const char *fault)
{
        bool said =
                entry->fault && strcmp(entry->fault, fault) == 0 && same_state(entry->stamp, stamp);
        _cleanup_free_ char *shown = NULL;
        char *copy;

        entry->key = key_unref(entry->key);
        entry->stamp = stamp;
        if (said)
                return 0;
        copy = strdup(fault);
        if (!copy)
                return -ENOMEM;
        free(entry->fault);
        entry->fault = copy;
        shown = utf8_escape(entry->name, 256);
        log_warning("%s/%s.key is ignored: %s", s->directory, shown ?: "?", fault);
        return 0;
}

static int entry_load(const KeySnapshot *s, int dir, Entry *entry, FileStamp *stamp, Failure *f)
{
        _cleanup_(key_unref_cleanup) Key *key = NULL;
        _cleanup_free_ char *data = NULL;
        KeyProof proof;
        size_t size;
        int r;

        if (!key_name_is_valid(entry->name))
                return failure_set(f, EXM_E_REFUSED, "no key can have this name");
        r = key_dir_read(dir, entry->name, KEY_DIR_FILE_BYTES, &data, &size, stamp, f);
        if (r == 0)
                r = key_file_parse(data, size, entry->name, &key, &proof, f);
        if (r != 0)
                return r;
        key_unref(entry->key);
        entry->key = TAKE_PTR(key);
        entry->proof = proof;
        entry->stamp = *stamp;
        free(entry->fault);
        entry->fault = NULL;
        return 0;
}

static int entry_refresh(const KeySnapshot *s, int dir, Entry *entry)
{
        _cleanup_failure_ Failure f = { 0 };
        FileStamp stamp;
        int r;

        r = key_dir_look(dir, entry->name, &stamp);
        if (r == 0 && file_stamp_equal(&stamp, &entry->stamp))
                return 0;
        if (r == 0)
                r = entry_load(s, dir, entry, &stamp, &f);
        if (r == 0 || is_ours(r))
                return r;
        if (r == EXM_E_NO_MATCH) {
                entry->key = key_unref(entry->key);
                entry->stamp = (FileStamp){ 0 };
                return 0;
        }
        return entry_ignore(s, entry, stamp, f.message ?: strerror(r < 0 ? -r : EIO));
}

static Entry *find_entry(const KeySnapshot *s, const char *name)
{
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(name, s->entries[middle].name);

                if (order == 0)
                        return &s->entries[middle];
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* Makes the entries those of the directory; what was known of a file stays with it. */
static int list_entries(KeySnapshot *s, int dir)
{
        _cleanup_strv_ char **names = NULL;
        Entry *entries, *known;
        size_t n;
        int r;

        r = key_dir_list(dir, &names);
        if (r < 0)
                return r;
        n = strv_length(names);
        if (n > KEY_DIR_MAX_KEYS) {
                log_warning("%s: there are more than %u keys; those from %s.key on are ignored",
                            s->directory, KEY_DIR_MAX_KEYS, names[KEY_DIR_MAX_KEYS]);
                n = KEY_DIR_MAX_KEYS;
        }
        entries = calloc(n + 1, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                known = find_entry(s, names[i]);
                if (known) {
                        /* The name stays behind: the others are still searched by it. */
                        entries[i] = *known;
                        *known = (Entry){ .name = known->name };
                }
                entries[i].name = names[i];
                names[i] = NULL;
        }
        for (size_t i = n; names && names[i]; i++)
                free(names[i]);
        free(names);
        names = NULL;
        drop_entries(s);
        s->entries = entries;
        s->n = n;
        return 0;
}

/* No directory, or one that is not to be trusted: no keys. */
static int ignore_directory(KeySnapshot *s, const Failure *f)
{
        const char *fault = f->message ?: "it cannot be opened";
        char *copy;

        drop_entries(s);
        if (s->fault && strcmp(s->fault, fault) == 0)
                return 0;
        copy = strdup(fault);
        if (!copy)
                return -ENOMEM;
        free(s->fault);
        s->fault = copy;
        log_message(f->condition == EXM_E_NO_MATCH ? LOG_INFO : LOG_WARNING,
                    "There are no keys: %s", fault);
        return 0;
}

/* Once: what a crash has left, unless somebody is making a key just now. */
static void clean(KeySnapshot *s, int dir)
{
        if (s->cleaned || key_dir_lock(dir, /* wait= */ false) < 0)
                return;
        key_dir_clean(dir);
        s->cleaned = true;
}

int key_snapshot_refresh(KeySnapshot *s)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_close_ int dir = -1;
        struct timespec now;
        FileStamp stamp;
        struct stat st;
        int r;

        r = key_dir_open(s->root, s->directory, /* make= */ false, &dir, &f);
        if (is_ours(r))
                return r;
        if (r != 0)
                return ignore_directory(s, &f);
        clean(s, dir);
        clock_gettime(CLOCK_REALTIME, &now);
        if (fstat(dir, &st) < 0)
                return -errno;
        stamp = file_stamp_of(&st, &now);
        r = file_stamp_equal(&stamp, &s->stamp) ? 0 : list_entries(s, dir);
        for (size_t i = 0; r == 0 && i < s->n; i++)
                r = entry_refresh(s, dir, &s->entries[i]);
        /* What could not be finished is begun anew the next time. */
        s->stamp = r == 0 ? stamp : (FileStamp){ 0 };
        if (r == 0) {
                free(s->fault);
                s->fault = NULL;
        }
        return r;
}

const Key *key_snapshot_find(const KeySnapshot *s, const char *name, const KeyProof **ret_proof)
{
        const Entry *entry = find_entry(s, name);

        if (!entry || !entry->key)
                return NULL;
        if (ret_proof)
                *ret_proof = &entry->proof;
        return entry->key;
}

const Key *key_snapshot_next(const KeySnapshot *s, size_t *i)
{
        while (*i < s->n) {
                const Entry *entry = &s->entries[(*i)++];

                if (entry->key)
                        return entry->key;
        }
        return NULL;
}
