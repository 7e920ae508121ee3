/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-file.c - see key-file.h.
 */
#include "key-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "exit-status.h"
#include "interrupt.h"
#include "output.h"
#include "util/hide-key.h"
#include "util/macro.h"

#define KEY_MAX 256U /* exm1_, a name of 32, _, and 43 of base64url are 81 */

void key_file_cleanup(char **key)
{
        if (*key) {
                explicit_bzero(*key, KEY_MAX);
                munlock(*key, KEY_MAX);
        }
        free(*key);
}

/* Those of <(pass show ...) and of /dev/stdin; one with a name of its own may have no writer ever.
 */
static bool is_nameless_pipe(int fd, const struct stat *info)
{
        struct statfs fs;

        return S_ISFIFO(info->st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

/* Who else could read the key, or put another one there? */
static int check_private(int fd, const char *name)
{
        struct stat info;

        if (fstat(fd, &info) < 0)
                return output_error("%s: %m", name);
        if (!S_ISREG(info.st_mode) && !is_nameless_pipe(fd, &info))
                return output_error(
                        "%s is not a file: give the name of the file that holds the key", name);
        if (info.st_uid != geteuid() && info.st_uid != 0)
                return output_error("%s belongs to another user, who knows this key: copy it to a "
                                    "file of your own and have the old one revoked",
                                    name);
        if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0)
                return output_error(
                        "%s can be read by others: have the key revoked if they may have "
                        "read it, else 'chmod 600 %s'",
                        name, name);
        return 0;
}

/* `interrupt`: NULL where a signal may end us. Returns: 0; EXIT_FAILED, and it has been said,
 * unless *ret_signal has ended it. */
static int read_line(int fd, const char *name, const Interrupt *interrupt, char *key,
                     int *ret_signal)
{
        size_t used = 0;
        ssize_t n;

        while (used < KEY_MAX - 1 && !memchr(key, '\n', used)) {
                if (interrupt && interrupt_wait(interrupt, fd, UINT64_MAX, ret_signal) == -EINTR)
                        return EXIT_FAILED;
                n = read(fd, key + used, KEY_MAX - 1 - used);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return output_error("%s: %m", name);
                if (n == 0)
                        break;
                used += (size_t)n;
        }
        key[strcspn(key, "\r\n")] = '\0';
        if (strncmp(key, KEY_TEXT_PREFIX, strlen(KEY_TEXT_PREFIX)) != 0)
                return output_error("%s holds no key of ExMachina: those begin with %s", name,
                                    KEY_TEXT_PREFIX);
        return 0;
}

static int ask(char *key, int *ret_signal)
{
        _cleanup_interrupt_ Interrupt interrupt = { .signals = -1 };
        struct termios before, silent;
        int r;

        if (tcgetattr(STDIN_FILENO, &before) < 0)
                return output_error("the terminal cannot be set up: %m");
        r = interrupt_begin(&interrupt);
        if (r < 0)
                return r;
        silent = before;
        silent.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK | ECHONL);
        fputs("Key: ", stderr);
        fflush(stderr);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        r = read_line(STDIN_FILENO, "what was typed", &interrupt, key, ret_signal);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
        return r;
}

/* Opening a FIFO would wait for its writer; reading does, if it is one that may be read. */
static int open_file(const char *name, int *ret)
{
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        int r;

        if (fd < 0 && errno == ENOENT &&
            strncmp(name, KEY_TEXT_PREFIX, strlen(KEY_TEXT_PREFIX)) == 0)
                return output_error("this is a key, not the name of the file that holds one: on a "
                                    "command line everybody can read it: have it revoked, and "
                                    "keep the new one in a file");
        if (fd < 0)
                return output_error("the key file %s cannot be opened: %m", name);
        r = check_private(fd, name);
        if (r != 0)
                return r;
        if (fcntl(fd, F_SETFL, O_RDONLY) < 0)
                return output_error("%s: %m", name);
        *ret = TAKE_FD(fd);
        return 0;
}

int key_file_read(const char *name, char **ret, int *ret_signal)
{
        _cleanup_(key_file_cleanup) char *key = calloc(1, KEY_MAX);
        _cleanup_close_ int fd = -1;
        int r;

        if (!key)
                return -ENOMEM;
        mlock(key, KEY_MAX); /* best effort: the limit of locked memory may be 0 */
        if (strcmp(name, "-") == 0) {
                r = isatty(STDIN_FILENO)
                            ? ask(key, ret_signal)
                            : read_line(STDIN_FILENO, "standard input", NULL, key, ret_signal);
        } else {
                r = open_file(name, &fd);
                if (r == 0)
                        r = read_line(fd, name, NULL, key, ret_signal);
        }
        if (r != 0)
                return r;
        *ret = TAKE_PTR(key);
        return 0;
}
