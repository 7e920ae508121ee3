/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pk-error.c - two tables, and what is left of a text that a package's script may have written.
 */
#include "packages/pk-error.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/utf8.h"

#define BUS_ERROR "org.freedesktop.DBus.Error."

/* Numbers of PkErrorEnum; any other is EXM_E_PACKAGE_FAILED with PackageKit's own words. */
static const struct {
        uint32_t code;
        Condition condition;
        const char *hint;
} codes[] = {
        { 2, EXM_E_PACKAGE_FAILED, "is the network up?" }, /* no-network */
        { 5, EXM_E_REFUSED, NULL },                        /* gpg-failure */
        { 8, EXM_E_NO_SUCH_PACKAGE, NULL },                /* package-not-found */
        { 20, EXM_E_REFUSED, NULL },                       /* cannot-remove-system-package */
        { 26, EXM_E_BUSY, "another program is changing packages: try again when it is done" },
        { 30, EXM_E_REFUSED, NULL }, /* bad-gpg-signature */
        { 31, EXM_E_REFUSED, NULL }, /* missing-gpg-signature */
        { 50, EXM_E_REFUSED, NULL }, /* cannot-install-repo-unsigned */
        { 51, EXM_E_REFUSED, NULL }, /* cannot-update-repo-unsigned */
};

int pk_error_set(Failure *f, uint32_t code, const char *details)
{
        _cleanup_free_ char *clean = pk_clean_text(details, PK_DETAIL_BYTES);
        Condition condition = EXM_E_PACKAGE_FAILED;
        const char *hint = NULL;
        /* PackageKit says of it what it says of a lock that somebody has. The command is the same
         * in every language. */
        bool is_interrupted = clean && strstr(clean, "dpkg --configure -a");

        for (size_t i = 0; !is_interrupted && i < ELEMENTSOF(codes); i++)
                if (codes[i].code == code) {
                        condition = codes[i].condition;
                        hint = codes[i].hint;
                }
        return failure_set(f, condition, "PackageKit: %s%s%s", clean ?: "out of memory",
                           hint ? "; " : "", hint ?: "");
}

int pk_bus_error_set(Failure *f, const sd_bus_error *error)
{
        _cleanup_free_ char *clean = NULL;

        if (sd_bus_error_has_names(error, BUS_ERROR "ServiceUnknown", BUS_ERROR "NameHasNoOwner",
                                   BUS_ERROR "Spawn.ServiceNotFound"))
                return failure_set(f, EXM_E_REFUSED,
                                   "PackageKit is not installed, and packages are managed through "
                                   "it; the administrator installs it with: apt-get install "
                                   "packagekit");
        if (sd_bus_error_has_names(error, BUS_ERROR "NoReply", BUS_ERROR "Timeout",
                                   BUS_ERROR "TimedOut"))
                return failure_set(f, EXM_E_TIMEOUT,
                                   "PackageKit did not answer in time; see: systemctl status "
                                   "packagekit");
        if (strncmp(error->name, "org.freedesktop.systemd1.",
                    strlen("org.freedesktop.systemd1.")) == 0)
                return failure_set(f, EXM_E_REFUSED,
                                   "PackageKit cannot be started (%s); see: systemctl status "
                                   "packagekit",
                                   error->name);
        clean = pk_clean_text(error->message ?: error->name, PK_DETAIL_BYTES);
        return clean ? failure_set(f, EXM_E_PACKAGE_FAILED, "PackageKit: %s", clean) : -ENOMEM;
}

/* In place: after a carriage return within a line it begins anew. */
static void drop_overwritten(char *text)
{
        char *out = text, *line = text;

        for (const char *in = text; *in; in++) {
                if (*in == '\r' && in[1] != '\n' && in[1] != '\0' && in[1] != '\r')
                        out = line;
                else if (*in != '\r')
                        *out++ = *in;
                if (*in == '\n')
                        line = out;
        }
        while (out > text && (out[-1] == '\n' || out[-1] == ' '))
                out--;
        *out = '\0';
}

char *pk_clean_text(const char *text, size_t max)
{
        _cleanup_free_ char *copy = strdup(text);
        const char *tail, *line;
        char *clean;

        if (!copy)
                return NULL;
        drop_overwritten(copy);
        tail = copy;
        if (strlen(copy) > max) {
                tail = copy + strlen(copy) - max;
                line = strchr(tail, '\n');
                tail = line ? line + 1 : tail;
        }
        clean = utf8_sanitise(tail, strlen(tail));
        if (clean)
                utf8_disarm(clean);
        return clean;
}
