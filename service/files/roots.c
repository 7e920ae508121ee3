/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * roots.c - readable and writable places, and the syntax of a file name.
 *
 * A root is matched by whole components: the root /etc/ssh covers /etc/ssh and
 * /etc/ssh/sshd_config, not /etc/ssh2. Names are compared as text: the walk (walk.h) makes sure
 * that the text of a name says where it leads.
 */
#include "files/roots.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "util/limits.h"
#include "util/log.h"
#include "util/strv.h"
#include "util/utf8.h"

struct Roots {
        char **readable;
        char **writable;
};

/* Keys, journal and policy decide who may do what: whoever could write them could do anything. The
 * default places are named beside the configured ones, for they may hold an older installation. */
static const char *const never[] = {
        EXM_SYSCONFDIR "/exmachina",
        EXM_DATADIR "/exmachina",
        EXM_CACHEDIR,
        EXM_STATEDIR,
        "/etc/exmachina",
        "/var/lib/exmachina",
        "/var/cache/exmachina",
        "/run/exmachina",
        "/proc",
        "/sys",
        "/dev",
};

static bool root_covers(const char *root, const char *path)
{
        size_t n = strlen(root);

        if (n == 1)
                return true;
        return strncmp(root, path, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

bool path_is_out_of_reach(const char *path)
{
        for (size_t i = 0; i < ELEMENTSOF(never); i++)
                if (root_covers(never[i], path))
                        return true;
        return false;
}

static bool any_covers(char *const *roots, const char *path)
{
        char *const *root;

        if (path_is_out_of_reach(path))
                return false;
        STRV_FOREACH(root, roots)
                if (root_covers(*root, path))
                        return true;
        return false;
}

static bool has_control(const char *path)
{
        const unsigned char *p;

        for (p = (const unsigned char *)path; *p; p++)
                if (*p < 0x20 || *p == 0x7F || (*p == 0xC2 && p[1] < 0xA0))
                        return true;
        return false;
}

/* Returns: what is wrong with it, NULL if nothing is. */
static const char *path_fault(const char *path)
{
        const char *start, *end;
        size_t n;

        if (path[0] != '/')
                return "is not absolute: begin it with /";
        if (strlen(path) > LIMIT_PATH_BYTES)
                return "is longer than 4095 bytes";
        if (!utf8_is_valid(path, strlen(path)))
                return "is not valid UTF-8";
        if (has_control(path))
                return "has a control character in it";

        for (start = path + 1;; start = end + 1) {
                end = strchrnul(start, '/');
                n = (size_t)(end - start);
                if (n == 0)
                        return "has an empty component or a slash at its end";
                if (n > NAME_MAX)
                        return "has a component longer than 255 bytes";
                if (strncmp(start, "..", n) == 0 && n <= 2)
                        return "has a component . or ..: write the plain name";
                if (!*end)
                        return NULL;
        }
}

int path_check(const char *path, Failure *f)
{
        _cleanup_free_ char *shown = NULL;
        const char *fault;

        fault = path_fault(path);
        if (!fault)
                return 0;
        shown = utf8_escape(path, 256);
        return failure_set(f, EXM_E_INVALID_PATH, "%s: the file name %s.", shown ? shown : "?",
                           fault);
}

static int add_roots(char ***list, char *const *roots, const char *what)
{
        _cleanup_free_ char *shown = NULL;
        const char *fault;
        char *const *root;
        int r;

        STRV_FOREACH(root, roots) {
                fault = strcmp(*root, "/") == 0 ? NULL : path_fault(*root);
                if (fault) {
                        shown = utf8_escape(*root, 256);
                        log_error("The %s root \"%s\" %s.", what, shown ? shown : "?", fault);
                        return -EINVAL;
                }
                r = strv_extend_unique(list, *root);
                if (r < 0)
                        return r;
        }
        return 0;
}

int roots_new(Roots **ret, char *const *readable, char *const *writable)
{
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;
        int r;

        roots = calloc(1, sizeof(*roots));
        if (!roots)
                return -ENOMEM;
        r = add_roots(&roots->writable, writable, "writable");
        if (r == 0)
                r = add_roots(&roots->readable, writable, "writable");
        if (r == 0)
                r = add_roots(&roots->readable, readable, "readable");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(roots);
        return 0;
}

Roots *roots_free(Roots *roots)
{
        if (!roots)
                return NULL;
        strv_free(roots->readable);
        strv_free(roots->writable);
        free(roots);
        return NULL;
}

bool roots_may_read(const Roots *roots, const char *path)
{
        return any_covers(roots->readable, path);
}

bool roots_may_write(const Roots *roots, const char *path)
{
        return any_covers(roots->writable, path);
}
