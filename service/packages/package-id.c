/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * package-id.c - three semicolons.
 */
#include "packages/package-id.h"

#include <errno.h>
#include <string.h>

void package_id_done(PackageId *id)
{
        free(id->name);
        free(id->version);
        free(id->architecture);
}

int package_id_split(PackageId *ret, const char *id)
{
        const char *version = strchr(id, ';'), *end = version ? strchr(version + 1, ';') : NULL;

        if (!end || version == id)
                return -EBADMSG;
        ret->name = strndup(id, (size_t)(version - id));
        ret->version = strndup(version + 1, (size_t)(end - version - 1));
        ret->architecture = strndup(end + 1, strcspn(end + 1, ";"));
        return ret->name && ret->version && ret->architecture ? 0 : -ENOMEM;
}
