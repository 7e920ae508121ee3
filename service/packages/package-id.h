/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * package-id.h - PackageKit's name for one version of a package: "name;version;architecture;data".
 */
#pragma once

#include "util/macro.h"

/* Its parts but the last, owned. */
typedef struct PackageId {
        char *name, *version, *architecture;
} PackageId;

/* Zero-initialise. Returns: 0; -EBADMSG; -ENOMEM. package_id_done() frees it in all cases. */
int package_id_split(PackageId *ret, const char *id);
void package_id_done(PackageId *id);

#define _cleanup_package_id_ _cleanup_(package_id_done)
