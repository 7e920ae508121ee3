/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * data.c - reading policy data line by line.
 */
#include "files/data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "util/macro.h"
#include "util/utf8.h"

static char *strip(char *line)
{
        size_t n;

        line += strspn(line, " \t");
        for (n = strlen(line); n > 0 && strchr(" \t\n", line[n - 1]); n--)
                line[n - 1] = '\0';
        return line;
}

static const char *read_line(char *line, size_t length, DataLine entry, void *userdata)
{
        if (!utf8_is_valid(line, length))
                return "it is not valid UTF-8";
        line = strip(line);
        if (line[0] == '\0' || line[0] == '#')
                return NULL;
        return entry(line, userdata);
}

int data_read(const char *path, DataLine entry, void *userdata)
{
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_free_ char *line = NULL;
        const char *fault;
        size_t size = 0;
        ssize_t n;
        int r;

        file = fopen(path, "re");
        if (!file) {
                r = -errno;
                log_error("%s: cannot be opened: %s", path, strerror(-r));
                return r;
        }
        for (unsigned number = 1; (n = getline(&line, &size, file)) >= 0; number++) {
                fault = read_line(line, (size_t)n, entry, userdata);
                if (fault) {
                        log_error("%s:%u: the line is damaged: %s.", path, number, fault);
                        return -EINVAL;
                }
        }
        if (!ferror(file))
                return 0;
        log_error("%s: cannot be read.", path);
        return -EIO;
}
