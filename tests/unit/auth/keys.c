/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * keys.c - see keys.h.
 */
#include "keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/strv.h"

#define LOG_FILE "/mnt/log"

static int saved_stderr = -1;

int keys_setup(void **state)
{
        scratch_reset(NULL);
        assert_int_equal(mkdir(KEYS_DIR, 0700), 0);
        return key_store_new((KeyStore **)state, KEYS_DIR, STATE_DIR);
}

int keys_teardown(void **state)
{
        *state = key_store_free(*state);
        return 0;
}

char *keys_make(KeyStore *store, const char *name)
{
        char user[] = "", *read[] = { (char *)"/etc/hosts", NULL };
        Grants grants = { .user = user, .read = read };
        _cleanup_failure_ Failure f = { 0 };
        char *text = NULL;

        if (key_store_create(store, name, &grants, &text, &f) != 0)
                fail_msg("%s", f.message);
        return text;
}

int keys_try(KeyStore *store, const char *text)
{
        _cleanup_(key_unref_cleanup) Key *key = NULL;

        return key_store_unlock(store, text, 0, &key, NULL);
}

char *keys_names(KeyStore *store)
{
        _cleanup_strv_ char **names = NULL;
        Key **keys = NULL;
        size_t n = 0;
        char *joined;

        assert_int_equal(key_store_list(store, &keys, &n), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(strv_extend(&names, keys[i]->name), 0);
        key_array_free(keys, n);
        joined = names ? strv_join(names, " ") : strdup("");
        assert_non_null(joined);
        return joined;
}

void keys_watch_log(void)
{
        int fd = open(LOG_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        fflush(stderr);
        saved_stderr = dup(STDERR_FILENO);
        assert_true(saved_stderr >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        close(fd);
}

unsigned keys_count_log(const char *text)
{
        _cleanup_fclose_ FILE *log = NULL;
        _cleanup_free_ char *line = NULL;
        unsigned n = 0;
        size_t size = 0;

        fflush(stderr);
        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
        log = fopen(LOG_FILE, "re");
        assert_non_null(log);
        while (getline(&line, &size, log) >= 0)
                n += strstr(line, text) != NULL;
        return n;
}
