/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-key-files.c - every file that is not what a key file must be is ignored, and said so once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "auth/key-dir.h"
#include "auth/secret.h"
#include "keys.h"
#include "util/strv.h"

#define BAD  KEYS_DIR "/bad.key"
#define GOOD KEYS_DIR "/good.key"

/* What was a good key file becomes... */
static void by_mode(void)
{
        assert_int_equal(chmod(BAD, 0640), 0);
}

static void by_others(void)
{
        assert_int_equal(chmod(BAD, 0604), 0);
}

static void by_owner(void)
{
        assert_int_equal(chown(BAD, 1, 0), 0);
}

static void by_second_name(void)
{
        assert_int_equal(link(BAD, KEYS_DIR "/other"), 0);
}

static void by_link(void)
{
        assert_int_equal(rename(BAD, "/mnt/moved"), 0);
        assert_int_equal(symlink("/mnt/moved", BAD), 0);
}

static void by_fifo(void)
{
        assert_int_equal(unlink(BAD), 0);
        assert_int_equal(mkfifo(BAD, 0600), 0);
}

static void by_directory(void)
{
        assert_int_equal(unlink(BAD), 0);
        assert_int_equal(mkdir(BAD, 0700), 0);
}

static void by_socket(void)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BAD };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(unlink(BAD), 0);
        umask(0077);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        umask(022);
}

/* A valid file but for its length. */
static void by_size(void)
{
        FILE *file = fopen(BAD, "ae");

        assert_non_null(file);
        for (unsigned i = 0; i < 70 * 1024; i++)
                fputs("#\n", file);
        assert_int_equal(fclose(file), 0);
}

static void append(const char *bytes, size_t n)
{
        _cleanup_close_ int fd = open(BAD, O_WRONLY | O_APPEND | O_CLOEXEC);

        assert_int_equal(write(fd, bytes, n), n);
}

static void by_nul(void)
{
        append("#\0\n", 3);
}

static void by_latin_1(void)
{
        append("#\xE4\n", 3);
}

static void by_unknown_line(void)
{
        append("Sudo=true\n", 10);
}

static void by_another_name(void)
{
        assert_int_equal(rename(KEYS_DIR "/bad.key", KEYS_DIR "/worse.key"), 0);
}

static void by_no_name(void)
{
        assert_int_equal(rename(KEYS_DIR "/bad.key", KEYS_DIR "/Bad Key.key"), 0);
}

static void by_emptiness(void)
{
        assert_int_equal(truncate(BAD, 0), 0);
}

static const struct {
        const char *what;
        void (*spoil)(void);
        const char *said;
} kinds[] = {
        { "group-readable", by_mode, "others than root have access" },
        { "readable by others", by_others, "others than root have access" },
        { "foreign owner", by_owner, "does not belong to root" },
        { "two names", by_second_name, "more than one name" },
        { "a link", by_link, "symbolic link" },
        { "a FIFO", by_fifo, "no regular file" },
        { "a directory", by_directory, "no regular file" },
        { "a socket", by_socket, "no regular file" },
        { "70 KiB", by_size, "too big" },
        { "NUL", by_nul, "not valid UTF-8" },
        { "not UTF-8", by_latin_1, "not valid UTF-8" },
        { "an unknown line", by_unknown_line, "a line that is not known" },
        { "another key's", by_another_name, "is not the name of the file" },
        { "no name of a key", by_no_name, "no key can have this name" },
        { "empty", by_emptiness, "is missing" },
};

static void test_bad_file_is_ignored_and_said_once(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_secret_ char *good = NULL, *bad = NULL;
                _cleanup_free_ char *names = NULL;
                KeyStore *store = NULL;
                unsigned said;

                keys_setup((void **)&store);
                good = keys_make(store, "good");
                bad = keys_make(store, "bad");
                assert_int_equal(keys_try(store, bad), 0);
                kinds[i].spoil();

                keys_watch_log();
                for (unsigned k = 0; k < 3; k++) {
                        if (keys_try(store, bad) != EXM_E_BAD_KEY || keys_try(store, good) != 0) {
                                keys_count_log("");
                                fail_msg("%s", kinds[i].what);
                        }
                        if (k == 0)
                                scratch_age();
                }
                said = keys_count_log(kinds[i].said);
                if (said != 1)
                        fail_msg("%s: said %u times", kinds[i].what, said);
                names = keys_names(store);
                assert_string_equal(names, "good");
                key_store_free(store);
        }
}

static void test_next_state_is_said_again(void **state)
{
        _cleanup_secret_ char *bad = keys_make(*state, "bad");

        keys_watch_log();
        by_mode();
        keys_try(*state, bad);
        assert_int_equal(chmod(BAD, 0600), 0);
        assert_int_equal(keys_try(*state, bad), 0);
        by_mode();
        keys_try(*state, bad);
        keys_try(*state, bad);
        assert_int_equal(keys_count_log("others than root have access"), 2);
}

static void test_directory_of_others_holds_no_keys(void **state)
{
        _cleanup_secret_ char *text = keys_make(*state, "web"), *more = NULL;
        char user[] = "";
        Grants grants = { .user = user };

        keys_watch_log();
        assert_int_equal(chmod(KEYS_DIR, 0770), 0);
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_int_equal(key_store_create(*state, "more", &grants, &more, NULL), EXM_E_REFUSED);
        assert_int_equal(chmod(KEYS_DIR, 0700), 0);
        assert_int_equal(keys_try(*state, text), 0);
        assert_int_equal(chown(KEYS_DIR, 1, 0), 0);
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_int_equal(chown(KEYS_DIR, 0, 0), 0);
        /* One above it. */
        assert_int_equal(chmod("/mnt", 0777), 0);
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_int_equal(chmod("/mnt", 0755), 0);
        assert_int_equal(rename(KEYS_DIR, "/mnt/moved"), 0);
        assert_int_equal(symlink("/mnt/moved", KEYS_DIR), 0);
        assert_int_equal(keys_try(*state, text), EXM_E_BAD_KEY);
        assert_int_equal(keys_count_log("There are no keys: "), 4);
}

static void test_more_files_than_keys_may_be(void **state)
{
        _cleanup_secret_ char *first = keys_make(*state, "a"), *last = keys_make(*state, "z"),
                              *more = NULL;
        char path[64], user[] = "";
        Grants grants = { .user = user };

        for (unsigned i = 0; i < KEY_DIR_MAX_KEYS; i++) {
                snprintf(path, sizeof(path), KEYS_DIR "/k%04u.key", i);
                scratch_write(path, "", 0600);
        }
        keys_watch_log();
        assert_int_equal(keys_try(*state, first), 0);
        assert_int_equal(keys_try(*state, last), EXM_E_BAD_KEY);
        assert_int_equal(key_store_create(*state, "more", &grants, &more, NULL), EXM_E_REFUSED);
        assert_true(keys_count_log("there are more than 1000 keys") >= 1);
        assert_null(more);
}

static void test_leftovers_of_a_crash_go(void **state)
{
        _cleanup_secret_ char *text = NULL, *more = NULL;
        _cleanup_(key_store_free_cleanup) KeyStore *fresh = NULL;

        scratch_write(KEYS_DIR "/.new-0123456789abcdef", "[Key]\nName=x\n", 0600);
        scratch_write(KEYS_DIR "/README", "not a key", 0600);
        text = keys_make(*state, "web");
        assert_missing(KEYS_DIR "/.new-0123456789abcdef");
        scratch_write(KEYS_DIR "/.new-fedcba9876543210", "", 0600);
        assert_int_equal(key_store_new(&fresh, KEYS_DIR, NULL), 0);
        assert_int_equal(keys_try(fresh, text), 0);
        assert_missing(KEYS_DIR "/.new-fedcba9876543210");
        assert_text(KEYS_DIR "/README", "not a key");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bad_file_is_ignored_and_said_once),
                cmocka_unit_test_setup_teardown(test_next_state_is_said_again, keys_setup,
                                                keys_teardown),
                cmocka_unit_test_setup_teardown(test_directory_of_others_holds_no_keys, keys_setup,
                                                keys_teardown),
                cmocka_unit_test_setup_teardown(test_more_files_than_keys_may_be, keys_setup,
                                                keys_teardown),
                cmocka_unit_test_setup_teardown(test_leftovers_of_a_crash_go, keys_setup,
                                                keys_teardown),
        };

        scratch_enter();
        if (secret_init() < 0)
                return EXIT_FAILURE;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
