/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c - package ids taken apart, plans judged.
 */
#include "packages/plan.h"

#include <errno.h>
#include <string.h>

#include "util/strv.h"

#define MAX_SHOWN 50U

/* Who removes one of these could never be answered, or nobody after him. What they need goes with
 * them in a plan, so it need not be here. */
static const char *const own_needs[] = {
        "exmachina",  "packagekit",  "dbus",      "dbus-broker",   "dbus-daemon",
        "systemd",    "polkitd",     "libc6",     "augeas-lenses", "libaugeas0",
        "libnettle8", "libsodium23", "diffutils", "libsqlite3-0",  "libseccomp2",
};

/* "name;version;architecture;data". Returns: 0; -EBADMSG; -ENOMEM. */
static int id_split(const char *id, char **ret_name, char **ret_version)
{
        const char *version = strchr(id, ';'), *end = version ? strchr(version + 1, ';') : NULL;

        if (!end || version == id)
                return -EBADMSG;
        *ret_name = strndup(id, (size_t)(version - id));
        *ret_version = strndup(version + 1, (size_t)(end - version - 1));
        if (*ret_name && *ret_version)
                return 0;
        free(*ret_name);
        free(*ret_version);
        return -ENOMEM;
}

static bool id_is_automatic(const char *id)
{
        const char *data = strrchr(id, ';');

        return data && strncmp(data + 1, "auto:", strlen("auto:")) == 0;
}

/* --- what is known --- */

static void known_take(Known *row, const PkPackage *package, char **version)
{
        if (package->info == PK_INFO_INSTALLED && !row->installed) {
                row->installed = TAKE_PTR(*version);
                row->installed_id = package->id;
                row->automatic = id_is_automatic(package->id);
        } else if (package->info == PK_INFO_AVAILABLE && !row->candidate) {
                row->candidate = TAKE_PTR(*version);
                row->candidate_id = package->id;
        }
}

int known_fill(Known *rows, char *const *names, size_t n, const PkPackage *packages,
               size_t n_packages)
{
        for (size_t i = 0; i < n; i++) {
                rows[i].name = strdup(names[i]);
                if (!rows[i].name)
                        return -ENOMEM;
        }
        for (size_t k = 0; k < n_packages; k++) {
                _cleanup_free_ char *name = NULL, *version = NULL;
                int r = id_split(packages[k].id, &name, &version);

                if (r == -ENOMEM)
                        return r;
                for (size_t i = 0; r == 0 && i < n; i++)
                        if (strcmp(rows[i].name, name) == 0)
                                known_take(&rows[i], &packages[k], &version);
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

/* --- a plan --- */

static const char *action_of(uint32_t info)
{
        switch (info) {
        case PK_INFO_INSTALLING:
                return "install";
        case PK_INFO_UPDATING:
                return "upgrade";
        case PK_INFO_DOWNGRADING:
                return "downgrade";
        case PK_INFO_REINSTALLING:
                return "reinstall";
        case PK_INFO_REMOVING:
        case PK_INFO_OBSOLETING:
                return "remove";
        default:
                return NULL;
        }
}

static int plan_add(Plan *plan, const char *action, char **name, char **version)
{
        size_t n = plan->n_changes;
        PackageChange *grown;

        if ((n & (n - 1)) == 0) {
                grown = reallocarray(plan->changes, n == 0 ? 1 : 2 * n, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                plan->changes = grown;
        }
        plan->changes[plan->n_changes++] = (PackageChange){ .action = action,
                                                            .name = TAKE_PTR(*name),
                                                            .version = TAKE_PTR(*version) };
        return 0;
}

static int plan_take(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *package)
{
        _cleanup_free_ char *name = NULL, *version = NULL;
        const char *action = action_of(package->info);
        bool named;
        int r;

        if (!action && package->info != PK_INFO_UNTRUSTED)
                return 0;
        r = id_split(package->id, &name, &version);
        if (r < 0)
                return r;
        if (!action)
                return strv_extend_unique(&plan->untrusted, name);
        named = verb == PACKAGES_REMOVE && strv_contains(names, name);
        if (strcmp(action, "remove") == 0 && !named)
                r = strv_extend(&plan->removals, name);
        return r < 0 ? r : plan_add(plan, action, &name, &version);
}

int plan_read(Plan *plan, PackagesVerb verb, char *const *names, const PkPackage *packages,
              size_t n_packages)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_packages; i++)
                r = plan_take(plan, verb, names, &packages[i]);
        return r;
}

void plan_done(Plan *plan)
{
        for (size_t i = 0; i < plan->n_changes; i++) {
                free((char *)plan->changes[i].name);
                free((char *)plan->changes[i].version);
        }
        free(plan->changes);
        strv_free(plan->removals);
        strv_free(plan->untrusted);
        *plan = (Plan){ 0 };
}

/* Returns: "a, b and 3 more"; NULL out of memory. */
static char *enumerate(char *const *names)
{
        _cleanup_strv_ char **shown = NULL;
        _cleanup_free_ char *joined = NULL;
        size_t n = strv_length(names);
        char *text;

        for (size_t i = 0; i < n && i < MAX_SHOWN; i++)
                if (strv_extend(&shown, names[i]) < 0)
                        return NULL;
        joined = strv_join(shown, ", ");
        if (!joined || n <= MAX_SHOWN)
                return TAKE_PTR(joined);
        return asprintf(&text, "%s and %zu more", joined, n - MAX_SHOWN) < 0 ? NULL : text;
}

static int check_own_needs(const Plan *plan, Failure *f)
{
        for (size_t i = 0; i < plan->n_changes; i++) {
                if (strcmp(plan->changes[i].action, "remove") != 0)
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(own_needs); k++)
                        if (strcmp(plan->changes[i].name, own_needs[k]) == 0)
                                return failure_set(f, EXM_E_REFUSED,
                                                   "%s: ExMachina itself needs it, and does not "
                                                   "remove it; use apt-get",
                                                   own_needs[k]);
        }
        return 0;
}

int plan_check(const Plan *plan, bool allow_more_removals, Failure *f)
{
        _cleanup_free_ char *list = NULL;
        int r;

        if (plan->untrusted) {
                list = enumerate(plan->untrusted);
                return list ? failure_set(f, EXM_E_REFUSED,
                                          "no trusted signature covers these packages: %s", list)
                            : -ENOMEM;
        }
        r = check_own_needs(plan, f);
        if (r != 0 || !plan->removals || allow_more_removals)
                return r;
        list = enumerate(plan->removals);
        return list ? failure_set(f, EXM_E_REFUSED,
                                  "this would also remove %s; nothing was changed. Option "
                                  "allow_more_removals agrees to that",
                                  list)
                    : -ENOMEM;
}
