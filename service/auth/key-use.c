/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-use.c - a file is "VERSION µs", put in place by a rename; what is not so is not known.
 */
#include "auth/key-use.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "util/digest.h"

/* Where a file is made: no name of a key. */
#define TEMP ".new"

#define ENTRY_BYTES (DIGEST_HEX_SIZE + 1 + 20)

static int open_state(const char *state)
{
        int fd = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

int key_use_note(const char *state, const Key *key, uint64_t now)
{
        _cleanup_close_ int dir = -1, fd = -1;
        char text[ENTRY_BYTES + 1];
        int n;

        if (mkdir(state, 0700) < 0 && errno != EEXIST)
                return -errno;
        dir = open_state(state);
        if (dir < 0)
                return dir;
        fd = openat(dir, TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        n = snprintf(text, sizeof(text), "%s %" PRIu64, key->version, now);
        if (write(fd, text, (size_t)n) != n)
                return -EIO;
        return renameat(dir, TEMP, dir, key->name) < 0 ? -errno : 0;
}

uint64_t key_use_get(const char *state, const Key *key)
{
        _cleanup_close_ int dir = open_state(state), fd = -1;
        size_t length = strlen(key->version);
        char text[ENTRY_BYTES + 1], *end;
        unsigned long long usec;
        ssize_t n;

        if (dir < 0)
                return 0;
        fd = openat(dir, key->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return 0;
        text[n] = '\0';
        if (strncmp(text, key->version, length) != 0 || text[length] != ' ')
                return 0;
        errno = 0;
        usec = strtoull(text + length + 1, &end, 10);
        return errno == 0 && *end == '\0' ? usec : 0;
}

void key_use_forget(const char *state, const char *name)
{
        _cleanup_close_ int dir = open_state(state);

        if (dir >= 0)
                unlinkat(dir, name, 0);
}

void key_use_prune(const char *state, bool (*is_known)(const char *name, void *userdata),
                   void *userdata)
{
        int fd = open_state(state);
        struct dirent *entry;
        DIR *d;

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        while ((entry = readdir(d)))
                if (entry->d_name[0] != '.' && !is_known(entry->d_name, userdata))
                        unlinkat(fd, entry->d_name, 0);
        closedir(d);
}
