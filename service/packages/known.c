/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * known.c - PackageKit's answer sorted by names, and what follows from it for a change.
 */
#include "packages/known.h"

#include <errno.h>
#include <string.h>

#include "packages/package-id.h"
#include "packages/plan.h"
#include "util/strv.h"

static bool id_is_automatic(const char *id)
{
        const char *data = strrchr(id, ';');

        return data && strncmp(data + 1, "auto:", strlen("auto:")) == 0;
}

/* One that is unfinished is told as available, beside what could be installed instead of it: then
 * that is the candidate, since it may be what mends it. */
static void known_take(Known *row, const PkPackage *package, PackageId *id, const DpkgRows *dpkg)
{
        const DpkgRow *there = dpkg_row_find(dpkg, id->name, id->architecture);
        bool is_unfinished =
                dpkg_row_is_unfinished(there) && strcmp(there->version, id->version) == 0;

        if (package->info == PK_INFO_INSTALLED && !row->installed) {
                row->installed = TAKE_PTR(id->version);
                row->installed_id = package->id;
                row->automatic = id_is_automatic(package->id);
        } else if (package->info == PK_INFO_AVAILABLE) {
                if (is_unfinished)
                        row->unfinished_id = package->id;
                if (row->candidate && (is_unfinished || row->candidate_id != row->unfinished_id))
                        return;
                free(row->candidate);
                row->candidate = TAKE_PTR(id->version);
                row->candidate_id = package->id;
        }
}

int known_fill(Known *rows, char *const *names, size_t n, const PkPackage *packages,
               size_t n_packages, const DpkgRows *dpkg)
{
        for (size_t i = 0; i < n; i++) {
                rows[i].name = strdup(names[i]);
                if (!rows[i].name)
                        return -ENOMEM;
        }
        for (size_t k = 0; k < n_packages; k++) {
                _cleanup_package_id_ PackageId id = { 0 };
                int r = package_id_split(&id, packages[k].id);

                if (r == -ENOMEM)
                        return r;
                for (size_t i = 0; r == 0 && i < n; i++)
                        if (strcmp(rows[i].name, id.name) == 0) {
                                known_take(&rows[i], &packages[k], &id, dpkg);
                                break;
                        }
        }
        return 0;
}

void known_free(Known *rows, size_t n)
{
        for (size_t i = 0; rows && i < n; i++) {
                free(rows[i].name);
                free(rows[i].installed);
                free(rows[i].candidate);
        }
        free(rows);
}

int known_refuse_unknown(const Known *rows, size_t n, Failure *f)
{
        _cleanup_strv_ char **unknown = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < n; i++)
                if (!rows[i].installed && !rows[i].candidate &&
                    strv_extend(&unknown, rows[i].name) < 0)
                        return -ENOMEM;
        if (!unknown)
                return 0;
        list = plan_enumerate(unknown);
        return list ? failure_set(f, EXM_E_NO_SUCH_PACKAGE,
                                  "%s: no repository of this system has such a package; are the "
                                  "lists fresh (Refresh)?",
                                  list)
                    : -ENOMEM;
}

int known_choose_ids(const Known *rows, size_t n, PackagesVerb verb, char ***ret,
                     bool *ret_finishes)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                const Known *row = &rows[i];
                bool is_newest = row->installed && row->candidate &&
                                 strcmp(row->installed, row->candidate) == 0;
                const char *id = verb == PACKAGES_REMOVE ? row->installed_id ?: row->unfinished_id
                                 : is_newest             ? NULL
                                                         : row->candidate_id;

                if (id)
                        r = strv_extend(ret, id);
                *ret_finishes = *ret_finishes || row->unfinished_id;
        }
        return r;
}

PackageRow known_to_row(const Known *known)
{
        return (PackageRow){ .name = known->name,
                             .installed = known->installed ?: "",
                             .candidate = known->candidate ?: known->installed ?: "",
                             .automatic = known->automatic };
}
