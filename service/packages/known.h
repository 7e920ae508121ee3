/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * known.h - what PackageKit and dpkg know of the names of a request.
 */
#pragma once

#include "packages/dpkg.h"
#include "packages/packages.h"
#include "packages/pk-job.h"

/* Of each name what is installed and what could be; `rows` has n elements. Of one that is not known
 * both versions are NULL. */
typedef struct Known {
        char *name, *installed, *candidate; /* owned */
        /* Of `packages`, which live as long as the job. */
        const char *installed_id, *candidate_id;
        const char *unfinished_id; /* its installation or removal has stopped halfway */
        bool automatic;
} Known;

/* Of an unfinished package PackageKit says the same as of one that is not there: `dpkg` knows (with
 * n 0: not asked). Returns: 0 or -ENOMEM; `rows` are to be freed with known_free() in both cases.
 */
int known_fill(Known *rows, char *const *names, size_t n, const PkPackage *packages,
               size_t n_packages, const DpkgRows *dpkg);
void known_free(Known *rows, size_t n);

/* Returns: 0; EXM_E_NO_SUCH_PACKAGE; -ENOMEM. */
int known_refuse_unknown(const Known *rows, size_t n, Failure *f);

/* Of what has to be changed; what is as it shall be is left out. *ret_finishes is set if one of
 * them is unfinished: that is something to do, of which no plan tells. Returns: 0 or -ENOMEM. */
int known_choose_ids(const Known *rows, size_t n, PackagesVerb verb, char ***ret,
                     bool *ret_finishes);

/* Of strings of `known`. */
PackageRow known_to_row(const Known *known);
