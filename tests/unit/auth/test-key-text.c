/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-key-text.c - one spelling for each key, strict key files, times; secrets that are wiped.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sodium.h>

#include "auth/key-file.h"
#include "auth/key-time.h"
#include "auth/secret.h"
#include "util/strv.h"

/* It makes mlock() do nothing. */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITISED 1
#else
#define IS_SANITISED 0
#endif

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void each_key_has_one_spelling(void **state)
{
        static const char *const bad[] = {
                "",
                "exm1_",
                "exm1_web",
                "exm1_web_",
                "exm1__" ZEROS,
                "exm2_web_" ZEROS,
                "EXM1_web_" ZEROS,
                "exm1_Web_" ZEROS,
                "exm1_1web_" ZEROS,
                "exm1_-web_" ZEROS,
                "exm1_web." ZEROS,
                "exm1_we\xC3\xA4_" ZEROS,
                " exm1_web_" ZEROS,
                "exm1_web_" ZEROS "\n",
                "exm1_web_" ZEROS "=",
                "exm1_web_" ZEROS "A",
                "exm1_web_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                /* Two bits are left over: only four of the 64 letters may end a key. */
                "exm1_web_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",
                "exm1_web_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_",
                "exm1_web_AAAAAAAAAAAAAAAAAAAAA/AAAAAAAAAAAAAAAAAAAAA",
                "exm1_web_AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA",
                "exm1_web_AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA",
                "exm1_web_AAAAAAAAAAAAAAAAA\201AAAAAAAAAAAAAAAAAAAAAAAAA",
                "exm1_abcdefghijklmnopqrstuvwxyz1234567_" ZEROS,
        };
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        _cleanup_secret_ char *secret = secret_new(KEY_SECRET_BYTES);
        char name[KEY_NAME_BYTES + 1], text[] = "exm1_web-2_" ZEROS;
        unsigned n = 0;

        assert_non_null(secret);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (key_secret_from_text(bad[i], name, secret) != -EINVAL)
                        fail_msg("accepted: %s", bad[i]);
        /* Each of the 43 characters has 64 values, and no byte is another spelling of one. */
        for (unsigned byte = 1; byte < 256; byte++) {
                text[strlen("exm1_web-2_") + 7] = (char)byte;
                n += key_secret_from_text(text, name, secret) == 0;
        }
        assert_int_equal(n, 64);
        text[strlen("exm1_web-2_") + 7] = 'A';
        n = 0;
        for (const char *c = letters; *c; c++) {
                text[strlen(text) - 1] = *c;
                if (key_secret_from_text(text, name, secret) != 0)
                        continue;
                n++;
                assert_string_equal(name, "web-2");
        }
        assert_int_equal(n, 16);
}

static void text_is_read_as_it_was_made(void **state)
{
        const char *longest = "abcdefghijklmnopqrstuvwxyz123456";
        _cleanup_secret_ char *secret = key_secret_new(), *other = key_secret_new(),
                              *read = secret_new(KEY_SECRET_BYTES);
        _cleanup_secret_ char *text = key_secret_to_text(longest, secret);
        char name[KEY_NAME_BYTES + 1];
        KeyProof proof, again;

        assert_int_equal(key_secret_from_text(text, name, read), 0);
        assert_string_equal(name, longest);
        assert_memory_equal(read, secret, KEY_SECRET_BYTES);
        assert_memory_not_equal(other, secret, KEY_SECRET_BYTES);

        key_proof_make(&proof, secret);
        key_proof_make(&again, secret);
        assert_memory_not_equal(&proof.salt, &again.salt, sizeof(proof.salt));
        assert_memory_not_equal(&proof.hash, &again.hash, sizeof(proof.hash));
        assert_true(key_proof_check(&proof, secret) && key_proof_check(&again, secret));
        assert_false(key_proof_check(&proof, other));
        read[31] ^= 1;
        assert_false(key_proof_check(&proof, read));
        proof.salt[0] ^= 1;
        assert_false(key_proof_check(&proof, secret));
}

static char *canary(void)
{
        char *secret = secret_new(sizeof("canary"));

        return secret ? strcpy(secret, "canary") : NULL;
}

/* The page is gone after it was wiped: a read ends the process. */
static void freed_secret_is_out_of_reach(void **state)
{
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                char *secret = canary();
                volatile char *p = secret;

                setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
                signal(SIGSEGV, SIG_DFL);
                if (!secret || strcmp(secret, "canary") != 0)
                        _exit(3);
                secret_free(secret);
                _exit(p[0] == 'c' ? 1 : 2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* How much of this process is locked, in KiB. */
static long locked_memory(void)
{
        _cleanup_fclose_ FILE *status = fopen("/proc/self/status", "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        long locked = -1;

        assert_non_null(status);
        while (getline(&line, &size, status) >= 0)
                sscanf(line, "VmLck: %ld", &locked);
        return locked;
}

static void secret_is_locked_memory(void **state)
{
        long before = locked_memory();
        _cleanup_secret_ char *secret = NULL;
        char page;

        assert_null(secret_free(NULL));
        if (IS_SANITISED || mlock(&page, 1) < 0)
                skip();
        munlock(&page, 1);
        secret = secret_new(32);
        assert_true(locked_memory() > before);
        secret = secret_free(secret);
        assert_int_equal(locked_memory(), before);
}

/* As in many containers. */
static void secrets_work_where_nothing_can_be_locked(void **state)
{
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                char *secret;

                setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 });
                /* Root may lock whatever the limit is. */
                if (geteuid() == 0 && setuid(65534) < 0)
                        _exit(2);
                secret = secret_init() == 0 ? canary() : NULL;
                _exit(secret && strcmp(secret, "canary") == 0 && !secret_free(secret) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void times_are_read_strictly(void **state)
{
        static const struct {
                const char *text;
                uint64_t usec; /* 0: refused */
        } cases[] = {
                { "2027-01-31", 1801353600000000 },
                { "2027-01-31T12:00:00Z", 1801396800000000 },
                { "2027-01-31T12:00:00.5Z", 1801396800500000 },
                { "2027-01-31T12:00:00.000001Z", 1801396800000001 },
                { "2028-02-29", 1835395200000000 },
                { "+90m", 1000 + UINT64_C(90) * 60 * 1000000 },
                { "+30d", 1000 + UINT64_C(30) * 86400 * 1000000 },
                { "+8w", 1000 + UINT64_C(56) * 86400 * 1000000 },
                { "2027-02-29", 0 },
                { "2027-04-31", 0 },
                { "2027-13-01", 0 },
                { "2027-00-01", 0 },
                { "2027-1-31", 0 },
                { "2027-01-31T12:00:00", 0 },
                { "2027-01-31T12:00Z", 0 },
                { "2027-01-31T24:00:00Z", 0 },
                { "2027-01-31T12:60:00Z", 0 },
                { "2027-01-31T12:00:60Z", 0 },
                { "2027-01-31 12:00:00Z", 0 },
                { "2027-01-31T12:00:00.Z", 0 },
                { "2027-01-31T12:00:00.1234567Z", 0 },
                { "2027-01-31T12:00:00Zx", 0 },
                { "1969-12-31", 0 },
                { " 2027-01-31", 0 },
                { "", 0 },
                { "+", 0 },
                { "+0d", 0 },
                { "+30", 0 },
                { "+30dd", 0 },
                { "+d", 0 },
                { "+-1d", 0 },
                { "30d", 0 },
                { "+9999999d", 0 },
                { "+999999w", 0 },
                { "now", 0 },
        };
        char text[KEY_TIME_BYTES];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t usec = 0, again = 0;

                if ((key_time_parse(cases[i].text, 1000, &usec) == 0) != (cases[i].usec != 0) ||
                    usec != cases[i].usec)
                        fail_msg("%s: %llu", cases[i].text, (unsigned long long)usec);
                if (usec == 0)
                        continue;
                key_time_format(usec, text);
                assert_int_equal(key_time_parse(text, 0, &again), 0);
                assert_int_equal(again, usec);
        }
        assert_int_equal(key_time_parse("+30d", 0, &(uint64_t){ 0 }), -EINVAL);
        key_time_format(UINT64_MAX, text);
        assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

static void file_is_read_as_it_was_made(void **state)
{
        char user[] = "alice", name[] = "web";
        char *read[] = { (char *)"/etc/a;b", (char *)"/etc/\\*\\\\x", NULL };
        char *units[] = { (char *)"a\\\\x2db.mount:stop", NULL };
        char *packages[] = { (char *)"libfoo[0-9]*", (char *)"g++", NULL };
        Key key = { .name = name,
                    .created = 1801396800500000,
                    .grants = { .user = user,
                                .read = read,
                                .units = units,
                                .packages = packages,
                                .timezone = true,
                                .expires = 1901396800000000,
                                .privileged = true } };
        _cleanup_(key_unref_cleanup) Key *found = NULL, *changed = NULL;
        _cleanup_free_ char *text = NULL;
        KeyProof proof, got;

        randombytes_buf(&proof, sizeof(proof));
        text = key_file_format(&key, &proof);
        assert_non_null(text);
        assert_int_equal(key_file_parse(text, strlen(text), "web", &found, &got, NULL), 0);
        assert_string_equal(found->name, "web");
        assert_string_equal(found->grants.user, "alice");
        assert_int_equal(found->created, key.created);
        assert_int_equal(found->grants.expires, key.grants.expires);
        assert_true(found->grants.privileged);
        assert_int_equal(strv_length(found->grants.read), 2);
        assert_string_equal(found->grants.read[0], read[0]);
        assert_string_equal(found->grants.read[1], read[1]);
        assert_string_equal(found->grants.units[0], units[0]);
        assert_int_equal(strv_length(found->grants.packages), 2);
        assert_string_equal(found->grants.packages[0], packages[0]);
        assert_string_equal(found->grants.packages[1], packages[1]);
        assert_true(found->grants.timezone);
        assert_null(found->grants.write);
        assert_memory_equal(&got, &proof, sizeof(proof));

        /* A comment more is another version. */
        text[2]++;
        assert_int_equal(key_file_parse(text, strlen(text), "web", &changed, &got, NULL), 0);
        assert_string_not_equal(found->version, changed->version);
        assert_int_equal(key_file_parse(text, strlen(text), "wob", &changed, &got, NULL),
                         EXM_E_PARSE_FAILED);
}

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY    "[Key]\nName=web\nSalt=" HEX "\nHash=" HEX "\nCreated=2026-01-01\n"
#define GRANTS "[Grants]\nUser=alice\n"

static const char *const good_files[] = {
        KEY GRANTS,
        KEY "[Grants]\nUser=\n",
        "# x\n\n" KEY "#\n" GRANTS "Read=\n",
        KEY GRANTS "Read=/etc/hosts\nPrivileged=false\nExpires=2026-01-01",
        GRANTS KEY,
};

static const char *const bad_files[] = {
        "",
        "\n",
        KEY,
        GRANTS,
        KEY "[Grants]\n",
        KEY GRANTS "Extra=1\n",
        KEY GRANTS "[More]\n",
        KEY GRANTS "[Grants]\nWrite=/etc/x\n",
        KEY GRANTS "User=bob\n",
        KEY GRANTS "Read[de]=/etc/x\n",
        KEY GRANTS "Read =/x\n",
        KEY GRANTS " Read=/etc/x\n",
        KEY GRANTS "Read=/etc/x\r\n",
        KEY GRANTS "Read\n",
        KEY GRANTS "Read=etc/x\n",
        KEY GRANTS "Read=/etc/exmachina/x\n",
        KEY GRANTS "Read=/etc/x;;/etc/y\n",
        KEY GRANTS "Read=/etc/\\q\n",
        KEY GRANTS "Units=nginx.service\n",
        KEY GRANTS "Privileged=yes\n",
        KEY GRANTS "Privileged=\n",
        KEY GRANTS "Expires=never\n",
        KEY GRANTS "Expires=\n",
        KEY GRANTS "Expires=1970-01-01\n",
        KEY GRANTS "Expires=+30d\n",
        KEY GRANTS "Created=2026-01-01\n",
        KEY "User=alice\n" GRANTS,
        KEY "[Grants]\nUser=a b\n",
        KEY "[grants]\nUser=alice\n",
        "User=alice\n" KEY "[Grants]\n",
        KEY GRANTS "; comment\n",
        KEY GRANTS "\xE4\n",
        KEY GRANTS "#\x01\n",
        KEY " [Grants]\nUser=alice\n",
        "[Key]\nName=web\nSalt=00\nHash=" HEX "\nCreated=2026-01-01\n" GRANTS,
        "[Key]\nName=web\nSalt=" HEX "00\nHash=" HEX "\nCreated=2026-01-01\n" GRANTS,
        "[Key]\nName=web\nSalt=zz" HEX "\nHash=" HEX "\nCreated=2026-01-01\n" GRANTS,
        "[Key]\nName=other\nSalt=" HEX "\nHash=" HEX "\nCreated=2026-01-01\n" GRANTS,
        "[Key]\nName=web\nHash=" HEX "\nCreated=2026-01-01\n" GRANTS,
};

static void malformed_files_are_refused(void **state)
{
        static const char nul[] = KEY GRANTS "#\0\n";
        KeyProof proof;

        for (size_t i = 0; i < ELEMENTSOF(good_files); i++) {
                _cleanup_(key_unref_cleanup) Key *key = NULL;

                if (key_file_parse(good_files[i], strlen(good_files[i]), "web", &key, &proof,
                                   NULL) != 0)
                        fail_msg("refused: %s", good_files[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad_files); i++) {
                _cleanup_failure_ Failure f = { 0 };
                Key *key = NULL;

                if (key_file_parse(bad_files[i], strlen(bad_files[i]), "web", &key, &proof, &f) !=
                            EXM_E_PARSE_FAILED ||
                    key || !f.message || strstr(f.message, HEX))
                        fail_msg("accepted: %s", bad_files[i]);
        }
        assert_int_equal(
                key_file_parse(nul, sizeof(nul) - 1, "web", &(Key *){ NULL }, &proof, NULL),
                EXM_E_PARSE_FAILED);
}

static int start(void **state)
{
        return secret_init();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_key_has_one_spelling),
                cmocka_unit_test(text_is_read_as_it_was_made),
                cmocka_unit_test(freed_secret_is_out_of_reach),
                cmocka_unit_test(secret_is_locked_memory),
                cmocka_unit_test(secrets_work_where_nothing_can_be_locked),
                cmocka_unit_test(times_are_read_strictly),
                cmocka_unit_test(file_is_read_as_it_was_made),
                cmocka_unit_test(malformed_files_are_refused),
        };
        return cmocka_run_group_tests(tests, start, NULL);
}
