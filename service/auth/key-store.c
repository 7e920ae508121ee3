/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-store.c - one lock around a snapshot; every call looks at the directory first.
 *
 * An Unlock costs the same whatever the key is: the user's name is looked up, the snapshot is
 * refreshed, one hash is computed (of an unknown key with a proof that nothing fits), and only then
 * all conditions are put together. The cause goes to the journal, which is the administrator's.
 */
#include "auth/key-store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "auth/key-dir.h"
#include "auth/key-snapshot.h"
#include "auth/key-use.h"
#include "util/log.h"
#include "util/strv.h"

#define USER_BUFFER 65536U

struct KeyStore {
        pthread_mutex_t lock;
        KeySnapshot *snapshot;
        char *root, *directory, *state;
        KeyProof nobody; /* of no secret */
        uint64_t n_hashes;
        bool pruned, use_failed;
};

static int store_new(KeyStore **ret, const char *root, const char *directory, const char *state)
{
        _cleanup_(key_store_free_cleanup) KeyStore *store = NULL;
        int r;

        store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;
        pthread_mutex_init(&store->lock, NULL);
        randombytes_buf(&store->nobody, sizeof(store->nobody));
        store->root = root ? strdup(root) : NULL;
        store->directory = strdup(directory);
        store->state = state ? strdup(state) : NULL;
        if ((root && !store->root) || !store->directory || (state && !store->state))
                return -ENOMEM;
        r = key_snapshot_new(&store->snapshot, root, directory);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(store);
        return 0;
}

int key_store_new(KeyStore **ret, const char *directory, const char *state)
{
        return store_new(ret, NULL, directory, state);
}

int key_store_new_offline(KeyStore **ret, const char *root)
{
        return store_new(ret, root, KEY_STORE_DIRECTORY, NULL);
}

KeyStore *key_store_free(KeyStore *store)
{
        if (!store)
                return NULL;
        key_snapshot_free(store->snapshot);
        pthread_mutex_destroy(&store->lock);
        free(store->root);
        free(store->directory);
        free(store->state);
        free(store);
        return NULL;
}

static void unlock_cleanup(pthread_mutex_t **lock)
{
        pthread_mutex_unlock(*lock);
}

static pthread_mutex_t *lock_store(KeyStore *store)
{
        pthread_mutex_lock(&store->lock);
        return &store->lock;
}

#define _locked_(store) _cleanup_(unlock_cleanup) _unused_ pthread_mutex_t *lock = lock_store(store)

static uint64_t realtime_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The name that the system has for the uid. Returns: 0; -ENOENT; -errno. */
static int user_of_uid(uid_t uid, char **ret)
{
        _cleanup_free_ char *buffer = malloc(USER_BUFFER);
        struct passwd entry, *found;
        int r;

        if (!buffer)
                return -ENOMEM;
        r = getpwuid_r(uid, &entry, buffer, USER_BUFFER, &found);
        if (r != 0 || !found)
                return r != 0 ? -r : -ENOENT;
        *ret = strdup(entry.pw_name);
        return *ret ? 0 : -ENOMEM;
}

/* Returns: 0; EXM_E_INVALID_ARGS; -errno. */
static int check_user_exists(const char *user, Failure *f)
{
        _cleanup_free_ char *buffer = malloc(USER_BUFFER), *name = NULL;
        struct passwd entry, *found;
        int r;

        if (user[0] == '\0')
                return 0;
        if (!buffer)
                return -ENOMEM;
        r = getpwnam_r(user, &entry, buffer, USER_BUFFER, &found);
        if (r != 0 && r != ENOENT)
                return -r;
        if (r != 0 || !found)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "user: there is no user %s: make it first, or name another.",
                                   user);
        r = user_of_uid(entry.pw_uid, &name);
        if (r < 0)
                return r;
        if (strcmp(name, user) != 0)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "user: %s is another name of %s: name that one.", user, name);
        return 0;
}

static bool is_known(const char *name, void *userdata)
{
        return key_snapshot_find(userdata, name, NULL) != NULL;
}

static int refresh(KeyStore *store)
{
        int r;

        r = key_snapshot_refresh(store->snapshot);
        if (r == 0 && store->state && !store->pruned) {
                key_use_prune(store->state, is_known, store->snapshot);
                store->pruned = true;
        }
        return r;
}

static void note_use(KeyStore *store, const Key *key, uint64_t now)
{
        int r;

        r = store->state ? key_use_note(store->state, key, now) : 0;
        if (r < 0 && !store->use_failed)
                log_warning("%s: when keys are used cannot be kept: %s", store->state,
                            strerror(-r));
        store->use_failed = r < 0;
}

/* All is known by now. Returns: NULL if the key is good, or why it is not. */
static const char *find_cause(const char *name, const Key *key, bool proven, const char *user,
                              uint64_t now)
{
        const char *cause = NULL;

        if (!name)
                cause = "this is not the text of a key";
        else if (!key)
                cause = "there is no such key";
        else if (!proven)
                cause = "its secret is wrong";
        else if (key_is_expired(key, now))
                cause = "it has expired";
        else if (key->grants.user[0] != '\0' && (!user || strcmp(key->grants.user, user) != 0))
                cause = "it is another user's";
        return cause;
}

static int unlock(KeyStore *store, const char *name, const char *secret, uid_t uid,
                  const char *user, Key **ret)
{
        const KeyProof *proof = &store->nobody;
        uint64_t now = realtime_now();
        const char *cause;
        const Key *key;
        bool proven;
        int r;

        r = refresh(store);
        if (r < 0)
                return r;
        key = name ? key_snapshot_find(store->snapshot, name, &proof) : NULL;
        proven = key_proof_check(proof, secret);
        store->n_hashes++;
        cause = find_cause(name, key, proven, user, now);
        if (cause) {
                log_info("Unlock by uid %u%s%s: %s", uid, name ? " with key " : "", name ?: "",
                         cause);
                return EXM_E_BAD_KEY;
        }
        r = key_copy(key, ret);
        if (r == 0)
                note_use(store, key, now);
        return r;
}

int key_store_unlock(KeyStore *store, const char *text, uid_t uid, Key **ret, Failure *f)
{
        _cleanup_secret_ char *secret = secret_new(KEY_SECRET_BYTES);
        char name[KEY_NAME_BYTES + 1];
        _cleanup_free_ char *user = NULL;
        bool is_key;
        int r;

        if (!secret)
                return -ENOMEM;
        is_key = key_secret_from_text(text, name, secret) == 0;
        r = user_of_uid(uid, &user);
        if (r < 0 && r != -ENOENT)
                log_warning("The name of uid %u cannot be looked up: %s", uid, strerror(-r));
        {
                _locked_(store);

                r = unlock(store, is_key ? name : NULL, secret, uid, user, ret);
        }
        if (r == EXM_E_BAD_KEY)
                return failure_set(f, r,
                                   "This is not a key that counts here for this user: look at its "
                                   "spelling (nothing before or after it, no newline), or ask who "
                                   "made it whether it has expired or was revoked.");
        return r;
}

bool key_store_is_current(KeyStore *store, const Key *key)
{
        _locked_(store);
        const Key *now;

        if (refresh(store) < 0)
                return false;
        now = key_snapshot_find(store->snapshot, key->name, NULL);
        return now && strcmp(now->version, key->version) == 0;
}

static int check_new(const KeyStore *store, const char *name, const Grants *grants, uint64_t now,
                     Failure *f)
{
        int r;

        if (!key_name_is_valid(name))
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "name: a key's name is a lower-case letter, then at most 31 "
                                   "lower-case letters, digits and hyphens.");
        r = grants_check(grants, f);
        if (r != 0)
                return r;
        if (grants->expires != 0 && grants->expires <= now)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "expires: this time is over: give one that is to come.");
        return store->root ? 0 : check_user_exists(grants->user, f);
}

/* Writes the file of a key whose text is ready: what follows cannot fail. */
static int write_key(KeyStore *store, const Key *key, const KeyProof *proof, Failure *f)
{
        _cleanup_strv_ char **names = NULL;
        _cleanup_close_ int dir = -1;
        _cleanup_free_ char *file = NULL;
        int r;

        file = key_file_format(key, proof);
        if (!file)
                return -ENOMEM;
        if (strlen(file) > KEY_DIR_FILE_BYTES)
                return failure_set(f, EXM_E_INVALID_ARGS,
                                   "These grants make a key file of more than %u bytes: use "
                                   "globs, or several keys.",
                                   KEY_DIR_FILE_BYTES);
        r = key_dir_open(store->root, store->directory, /* make= */ true, &dir, f);
        if (r == 0)
                r = key_dir_lock(dir, /* wait= */ true);
        if (r != 0)
                return r == EXM_E_NO_MATCH ? EXM_E_REFUSED : r;
        key_dir_clean(dir);
        r = key_dir_list(dir, &names);
        if (r < 0)
                return r;
        if (strv_length(names) >= KEY_DIR_MAX_KEYS && !strv_contains(names, key->name))
                return failure_set(f, EXM_E_REFUSED,
                                   "There are %u keys: revoke those that are not used.",
                                   KEY_DIR_MAX_KEYS);
        return key_dir_write(dir, key->name, file, f);
}

int key_store_create(KeyStore *store, const char *name, const Grants *grants, char **ret_text,
                     Failure *f)
{
        _cleanup_secret_ char *secret = NULL, *text = NULL;
        Key key = { .created = realtime_now() };
        KeyProof proof;
        int r;

        r = check_new(store, name, grants, key.created, f);
        if (r != 0)
                return r;
        secret = key_secret_new();
        text = secret ? key_secret_to_text(name, secret) : NULL;
        if (!text)
                return -ENOMEM;
        key_proof_make(&proof, secret);
        /* Borrowed for as long as the file is written. */
        key.name = (char *)name;
        key.grants = *grants;
        {
                _locked_(store);

                r = write_key(store, &key, &proof, f);
        }
        if (r == 0)
                *ret_text = TAKE_PTR(text);
        return r;
}

int key_store_list(KeyStore *store, Key ***ret, size_t *ret_n)
{
        size_t n = 0, i = 0;
        const Key *key;
        Key **keys;
        int r;
        _locked_(store);

        r = refresh(store);
        if (r < 0)
                return r;
        keys = calloc(KEY_DIR_MAX_KEYS, sizeof(*keys));
        if (!keys)
                return -ENOMEM;
        while ((key = key_snapshot_next(store->snapshot, &i))) {
                r = key_copy(key, &keys[n]);
                if (r < 0) {
                        key_array_free(keys, n);
                        return r;
                }
                if (store->state)
                        keys[n]->last_use = key_use_get(store->state, keys[n]);
                n++;
        }
        *ret = keys;
        *ret_n = n;
        return 0;
}

int key_store_revoke(KeyStore *store, const char *name, Failure *f)
{
        _cleanup_close_ int dir = -1;
        int r;
        _locked_(store);

        if (!key_name_is_valid(name))
                return failure_set(f, EXM_E_INVALID_ARGS, "name: no key can have this name.");
        r = key_dir_open(store->root, store->directory, /* make= */ false, &dir, f);
        if (r == 0)
                r = key_dir_lock(dir, /* wait= */ true);
        if (r == 0)
                r = key_dir_remove(dir, name, f);
        if (r == 0 && store->state)
                key_use_forget(store->state, name);
        return r;
}

uint64_t key_store_count_hashes(KeyStore *store)
{
        _locked_(store);

        return store->n_hashes;
}
