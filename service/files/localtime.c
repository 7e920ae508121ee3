/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * localtime.c - names of zones, and the link that holds one.
 */
#include "files/localtime.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "util/macro.h"

#define NAME_BYTES 255U

bool zone_name_is_valid(const char *name)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_+/";
        size_t n = strlen(name);

        return n > 0 && n <= NAME_BYTES && name[0] != '/' && name[n - 1] != '/' &&
               !strstr(name, "//") && name[strspn(name, allowed)] == '\0';
}

/* By the two ways that localtime(5) has of writing it; systemd knows no others. */
static const char *name_of_target(const char *target)
{
        static const char *const folders[] = { "/usr/share/zoneinfo/", "../usr/share/zoneinfo/" };

        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                if (strncmp(target, folders[i], strlen(folders[i])) == 0 &&
                    zone_name_is_valid(target + strlen(folders[i])))
                        return target + strlen(folders[i]);
        return "";
}

int localtime_read(char **ret)
{
        char target[PATH_MAX];
        const char *name = "";
        ssize_t n;

        n = readlink(LOCALTIME_FOLDER "/" LOCALTIME_NAME, target, sizeof(target) - 1);
        if (n < 0 && errno == ENOENT) {
                name = "UTC";
        } else if (n < 0 && errno != EINVAL) {
                return -errno;
        } else if (n >= 0) {
                target[n] = '\0';
                name = name_of_target(target);
        }
        *ret = strdup(name);
        return *ret ? 0 : -ENOMEM;
}
