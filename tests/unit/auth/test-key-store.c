/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-key-store.c - keys are made, unlocked, listed, revoked; every failure costs and says the
 * same.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/key-file.h"
#include "auth/secret.h"
#include "keys.h"
#include "util/strv.h"

#define ZEROS  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define NOBODY 65534

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Puts a key file there whose grants are those given: also such as nobody can make any more. */
static void write_file(const char *name, const char *user, uint64_t expires, const char *text)
{
        _cleanup_secret_ char *secret = secret_new(KEY_SECRET_BYTES);
        _cleanup_free_ char *path = NULL, *file = NULL;
        char read_name[KEY_NAME_BYTES + 1];
        Key key = { .name = (char *)name,
                    .created = 1000000,
                    .grants = { .user = (char *)user, .expires = expires } };
        KeyProof proof;

        assert_int_equal(key_secret_from_text(text, read_name, secret), 0);
        key_proof_make(&proof, secret);
        file = key_file_format(&key, &proof);
        assert_true(asprintf(&path, KEYS_DIR "/%s.key", name) > 0);
        scratch_write(path, file, 0600);
}

static void test_made_unlocked_listed_revoked(void **state)
{
        char user[] = "nobody", *read[] = { (char *)"/etc/*", NULL };
        Grants grants = { .user = user, .read = read, .expires = now_usec() + 3600 * 1000000ULL };
        _cleanup_(key_unref_cleanup) Key *key = NULL;
        _cleanup_secret_ char *text = NULL;
        _cleanup_free_ char *file = NULL;
        struct stat st;
        Key **keys;
        size_t n;

        assert_int_equal(key_store_create(*state, "web", &grants, &text, NULL), 0);
        assert_memory_equal(text, "exm1_web_", 9);
        assert_int_equal(strlen(text), 9 + 43);
        assert_int_equal(stat(KEYS_DIR "/web.key", &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        file = scratch_read(KEYS_DIR "/web.key");
        assert_null(strstr(file, text + 9));

        assert_int_equal(key_store_list(*state, &keys, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(keys[0]->last_use, 0);
        key_array_free(keys, n);
        assert_int_equal(key_store_unlock(*state, text, NOBODY, &key, NULL), 0);
        assert_string_equal(key->name, "web");
        assert_string_equal(key->grants.read[0], "/etc/*");
        assert_int_equal(key_store_list(*state, &keys, &n), 0);
        assert_true(keys[0]->last_use > 0 && keys[0]->last_use <= now_usec());
        key_array_free(keys, n);

        assert_true(key_store_is_current(*state, key));
        assert_int_equal(key_store_revoke(*state, "web", NULL), 0);
        assert_false(key_store_is_current(*state, key));
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_missing(STATE_DIR "/web");
        assert_int_equal(key_store_revoke(*state, "web", NULL), EXM_E_NO_MATCH);
        assert_int_equal(key_store_revoke(*state, "../x", NULL), EXM_E_INVALID_ARGS);
}

/* One hash and one text for whatever is wrong, as for what is right. */
static void test_every_failure_is_the_same(void **state)
{
        _cleanup_secret_ char *right = keys_make(*state, "web");
        const char *const bad[] = {
                "",
                "nonsense",
                "exm1_unknown_" ZEROS,
                "exm1_web_" ZEROS,
                "exm1_web_" ZEROS "A",
                "exm1_old_" ZEROS,
                "exm1_other_" ZEROS,
                "exm1_web_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                "AAAAAAAAAAB",
                "exm1_gone_" ZEROS,
        };
        _cleanup_(key_unref_cleanup) Key *key = NULL;
        _cleanup_free_ char *said = NULL;
        uint64_t hashes;

        write_file("old", "", 2000000, "exm1_old_" ZEROS);
        write_file("other", "nobody", 0, "exm1_other_" ZEROS);
        write_file("gone", "no-such-user", 0, "exm1_gone_" ZEROS);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_failure_ Failure f = { 0 };

                hashes = key_store_count_hashes(*state);
                assert_int_equal(key_store_unlock(*state, bad[i], 0, &key, &f), EXM_E_BAD_KEY);
                assert_null(key);
                assert_int_equal(key_store_count_hashes(*state), hashes + 1);
                if (!said)
                        said = strdup(f.message);
                assert_string_equal(f.message, said);
        }
        hashes = key_store_count_hashes(*state);
        assert_int_equal(keys_try(*state, right), 0);
        assert_int_equal(key_store_count_hashes(*state), hashes + 1);
        /* The one that is another user's is good for that one. */
        assert_int_equal(key_store_unlock(*state, "exm1_other_" ZEROS, NOBODY, &key, NULL), 0);
}

static void test_causes_are_in_the_log_without_secrets(void **state)
{
        _cleanup_secret_ char *right = keys_make(*state, "web");

        keys_watch_log();
        keys_try(*state, "exm1_web_" ZEROS);
        keys_try(*state, ZEROS);
        keys_try(*state, right);
        assert_int_equal(keys_count_log("its secret is wrong"), 1);
        keys_watch_log();
        keys_try(*state, "exm1_web_" ZEROS);
        keys_try(*state, ZEROS);
        assert_int_equal(keys_count_log("AAAA"), 0);
}

static void test_bad_requests_make_nothing(void **state)
{
        static const char *const names[] = {
                "", "Web", "1web", "we_b", "../web", "web.key", "abcdefghijklmnopqrstuvwxyz1234567"
        };
        _cleanup_secret_ char *first = keys_make(*state, "web"), *text = NULL;
        _cleanup_free_ char *before = scratch_read(KEYS_DIR "/web.key"), *listed = NULL;
        char user[] = "", unknown[] = "no-such-user";
        Grants grants = { .user = user };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(key_store_create(*state, names[i], &grants, &text, NULL),
                                 EXM_E_INVALID_ARGS);
        grants.expires = 1;
        assert_int_equal(key_store_create(*state, "a", &grants, &text, NULL), EXM_E_INVALID_ARGS);
        grants.expires = 0;
        grants.user = unknown;
        assert_int_equal(key_store_create(*state, "a", &grants, &text, NULL), EXM_E_INVALID_ARGS);
        grants.user = user;
        assert_int_equal(key_store_create(*state, "web", &grants, &text, NULL), EXM_E_CONFLICT);
        assert_null(text);
        assert_text(KEYS_DIR "/web.key", before);
        listed = keys_names(*state);
        assert_string_equal(listed, "web");
}

/* What a writer of a long list is told instead of a key that the next start would ignore. */
static void test_grants_that_do_not_fit(void **state)
{
        _cleanup_secret_ char *text = NULL;
        _cleanup_strv_ char **read = NULL;
        char user[] = "", entry[400];
        Grants grants = { .user = user };

        memset(entry, 'a', sizeof(entry) - 1);
        entry[0] = '/';
        entry[sizeof(entry) - 1] = '\0';
        entry[200] = '/';
        for (unsigned i = 0; i < 200; i++)
                assert_int_equal(strv_extend(&read, entry), 0);
        grants.read = read;
        assert_int_equal(key_store_create(*state, "a", &grants, &text, NULL), EXM_E_INVALID_ARGS);
        assert_missing(KEYS_DIR "/a.key");
}

static void test_full_and_read_only_directories(void **state)
{
        char user[] = "";
        Grants grants = { .user = user };
        _cleanup_secret_ char *text = NULL, *web = keys_make(*state, "web");
        _cleanup_free_ char *names = NULL;

        assert_int_equal(mount("keys", KEYS_DIR, "tmpfs", 0, "mode=700,size=4096,nr_inodes=2"), 0);
        scratch_write(KEYS_DIR "/fill", "x", 0600);
        assert_int_equal(key_store_create(*state, "a", &grants, &text, NULL), EXM_E_REFUSED);
        names = keys_names(*state);
        assert_string_equal(names, "");
        assert_int_equal(umount(KEYS_DIR), 0);

        assert_int_equal(mount(KEYS_DIR, KEYS_DIR, NULL, MS_BIND, NULL), 0);
        assert_int_equal(mount(NULL, KEYS_DIR, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        assert_int_equal(key_store_create(*state, "a", &grants, &text, NULL), EXM_E_REFUSED);
        assert_int_equal(key_store_revoke(*state, "web", NULL), EXM_E_REFUSED);
        assert_int_equal(keys_try(*state, web), 0);
        assert_int_equal(umount(KEYS_DIR), 0);
        assert_null(text);
}

/* As another process makes, changes and removes them. */
static void test_changes_of_others_count_at_once(void **state)
{
        _cleanup_(key_store_free_cleanup) KeyStore *other = NULL;
        _cleanup_(key_unref_cleanup) Key *key = NULL;

        assert_int_equal(key_store_new(&other, KEYS_DIR, NULL), 0);
        for (unsigned i = 0; i < 50; i++) {
                _cleanup_secret_ char *text = keys_make(other, "web"), *again = NULL;

                assert_int_equal(keys_try(*state, text), 0);
                assert_int_equal(unlink(KEYS_DIR "/web.key"), 0);
                assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
                again = keys_make(other, "web");
                assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
                assert_int_equal(keys_try(*state, again), 0);
                assert_int_equal(key_store_revoke(other, "web", NULL), 0);
        }
        /* Rewritten in place, same size, same tick: all that changes is one letter. */
        write_file("a", "", 0, "exm1_a_" ZEROS);
        assert_int_equal(key_store_unlock(*state, "exm1_a_" ZEROS, 0, &key, NULL), 0);
        for (unsigned i = 0; i < 50; i++) {
                _cleanup_free_ char *text = scratch_read(KEYS_DIR "/a.key");

                text[2] = (char)('a' + i % 26);
                scratch_write(KEYS_DIR "/a.key", text, 0600);
                assert_int_equal(key_store_is_current(*state, key), 0);
        }
}

static void test_last_use_is_of_one_key(void **state)
{
        _cleanup_secret_ char *text = keys_make(*state, "web"), *again = NULL;
        _cleanup_(key_store_free_cleanup) KeyStore *fresh = NULL;
        Key **keys;
        size_t n;

        assert_int_equal(keys_try(*state, text), 0);
        assert_int_equal(unlink(KEYS_DIR "/web.key"), 0);
        again = keys_make(*state, "web");
        assert_int_equal(key_store_list(*state, &keys, &n), 0);
        assert_int_equal(keys[0]->last_use, 0);
        key_array_free(keys, n);
        assert_int_equal(keys_try(*state, again), 0);

        /* The next start knows it still, and forgets what has no key any more. */
        scratch_write(STATE_DIR "/gone", "x 1", 0600);
        assert_int_equal(key_store_new(&fresh, KEYS_DIR, STATE_DIR), 0);
        assert_int_equal(key_store_list(fresh, &keys, &n), 0);
        assert_true(keys[0]->last_use > 0);
        key_array_free(keys, n);
        assert_missing(STATE_DIR "/gone");
        scratch_write(STATE_DIR "/web", "damaged", 0600);
        assert_int_equal(key_store_list(fresh, &keys, &n), 0);
        assert_int_equal(keys[0]->last_use, 0);
        key_array_free(keys, n);
}

static void test_offline(void **state)
{
        char user[] = "somebody-of-the-image";
        Grants grants = { .user = user };
        _cleanup_(key_store_free_cleanup) KeyStore *store = NULL;
        _cleanup_secret_ char *text = NULL, *more = NULL;
        _cleanup_failure_ Failure f = { 0 };
        struct stat st;

        assert_int_equal(key_store_new_offline(&store, "/mnt/image"), 0);
        assert_int_equal(key_store_create(store, "web", &grants, &text, &f), EXM_E_REFUSED);
        assert_int_equal(mkdir("/mnt/image", 0755), 0);
        assert_int_equal(key_store_create(store, "web", &grants, &text, NULL), 0);
        assert_int_equal(stat("/mnt/image/etc", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(stat("/mnt/image/etc/exmachina", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        assert_int_equal(stat("/mnt/image/etc/exmachina/keys.d", &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(stat("/mnt/image/etc/exmachina/keys.d/web.key", &st), 0);

        /* A link leads out of it: nothing is written there. */
        assert_int_equal(rename("/mnt/image/etc/exmachina", "/mnt/outside"), 0);
        assert_int_equal(symlink("/mnt/outside", "/mnt/image/etc/exmachina"), 0);
        assert_int_equal(key_store_create(store, "more", &grants, &more, NULL), EXM_E_REFUSED);
        assert_missing("/mnt/outside/keys.d/more.key");
        assert_null(more);
}

enum { THREADS = 4, TURNS = 60 };

static void *thread_main(void *userdata)
{
        for (unsigned i = 0; i < TURNS; i++) {
                char name[] = "ta", user[] = "";
                Grants grants = { .user = user };
                _cleanup_secret_ char *text = NULL;
                _cleanup_(key_unref_cleanup) Key *key = NULL;

                name[1] = (char)('a' + i % 3);
                if (key_store_create(userdata, name, &grants, &text, NULL) == 0)
                        key_store_unlock(userdata, text, 0, &key, NULL);
                key_store_revoke(userdata, name, NULL);
                if (key && key_store_is_current(userdata, key))
                        return userdata;
        }
        return NULL;
}

static void test_threads_share_a_store(void **state)
{
        _cleanup_free_ char *names = NULL;
        pthread_t threads[THREADS];
        void *fault;

        keys_watch_log();
        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, thread_main, *state), 0);
        for (unsigned i = 0; i < THREADS; i++) {
                assert_int_equal(pthread_join(threads[i], &fault), 0);
                assert_null(fault);
        }
        keys_count_log("");
        names = keys_names(*state);
        assert_string_equal(names, "");
        assert_int_equal(rmdir(KEYS_DIR), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_setup, keys_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_made_unlocked_listed_revoked),
                TEST(test_every_failure_is_the_same),
                TEST(test_causes_are_in_the_log_without_secrets),
                TEST(test_bad_requests_make_nothing),
                TEST(test_grants_that_do_not_fit),
                TEST(test_full_and_read_only_directories),
                TEST(test_changes_of_others_count_at_once),
                TEST(test_last_use_is_of_one_key),
                TEST(test_offline),
                TEST(test_threads_share_a_store),
        };

        scratch_enter();
        if (secret_init() < 0)
                return EXIT_FAILURE;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
