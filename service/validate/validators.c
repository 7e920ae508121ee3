/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * validators.c - the directories of validator files, one laid over the other.
 */
#include "validate/validators.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "util/log.h"
#include "util/strv.h"

#define SUFFIX ".conf"

static int compare_names(const void *a, const void *b)
{
        return strcmp((*(Validator *const *)a)->name, (*(Validator *const *)b)->name);
}

static const Validator *find(const Validators *validators, const char *name)
{
        for (size_t i = 0; i < validators->n; i++)
                if (strcmp(validators->list[i]->name, name) == 0)
                        return validators->list[i];
        return NULL;
}

/* Takes all of this name out: a damaged one, too, and the one that stands in for it. */
static void validators_remove(Validators *validators, const char *name)
{
        for (size_t i = 0; i < validators->n;) {
                if (strcmp(validators->list[i]->name, name) == 0) {
                        validator_free(validators->list[i]);
                        validators->list[i] = validators->list[--validators->n];
                } else {
                        i++;
                }
        }
}

/* The one that it was to replace stays. Returns: 0; 1 if there is nothing that it could stop;
 * -ENOMEM. */
static int settle_damaged(const Validators *validators, Validator *v)
{
        v->stand_in = find(validators, v->name);
        if (v->stand_in && v->stand_in->damaged)
                v->stand_in = v->stand_in->stand_in;
        if (v->stand_in && !v->files) {
                v->files = strv_copy(v->stand_in->files);
                if (!v->files)
                        return -ENOMEM;
        }
        if (v->stand_in)
                log_error("%s: mend it and restart the service; until then the validator %s that "
                          "it replaces is in force",
                          v->damaged, v->name);
        else if (v->files)
                log_error("%s: mend it and restart the service; until then changes of its files "
                          "are refused",
                          v->damaged);
        else
                log_error("%s: mend it and restart the service; which files it checks cannot be "
                          "read, so it checks none",
                          v->damaged);
        return v->files ? 0 : 1;
}

static int validators_add(Validators *validators, const char *directory, const char *file)
{
        _cleanup_(validator_free_cleanup) Validator *validator = NULL;
        _cleanup_free_ char *name = NULL, *path = NULL;
        Validator **grown;
        int r;

        name = strndup(file, strlen(file) - strlen(SUFFIX));
        if (!name || asprintf(&path, "%s/%s", directory, file) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = validator_read(&validator, path, name);
        if (r < 0)
                return r;
        if (validator && validator->damaged) {
                r = settle_damaged(validators, validator);
                if (r != 0)
                        return r < 0 ? r : 0;
        } else {
                validators_remove(validators, name);
        }
        if (!validator)
                return 0;
        grown = reallocarray(validators->list, validators->n + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        validators->list = grown;
        validators->list[validators->n++] = TAKE_PTR(validator);
        return 0;
}

static int load_directory(Validators *validators, const char *directory)
{
        const struct dirent *entry;
        DIR *dir;
        int r = 0;

        dir = opendir(directory);
        if (!dir) {
                if (errno == ENOENT)
                        return 0;
                r = -errno;
                log_error("%s: cannot be opened: %s", directory, strerror(-r));
                return r;
        }
        while (r == 0 && (entry = readdir(dir))) {
                size_t n = strlen(entry->d_name);

                if (n > strlen(SUFFIX) && entry->d_name[0] != '.' &&
                    strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) == 0)
                        r = validators_add(validators, directory, entry->d_name);
        }
        closedir(dir);
        return r;
}

int validators_load(Validators **ret, const char *const *directories)
{
        _cleanup_(validators_free_cleanup) Validators *validators = NULL;
        int r;

        validators = calloc(1, sizeof(*validators));
        if (!validators)
                return -ENOMEM;
        for (; *directories; directories++) {
                r = load_directory(validators, *directories);
                if (r < 0)
                        return r;
        }
        if (validators->n > 0)
                qsort(validators->list, validators->n, sizeof(*validators->list), compare_names);
        *ret = TAKE_PTR(validators);
        return 0;
}

Validators *validators_free(Validators *validators)
{
        if (!validators)
                return NULL;
        for (size_t i = 0; i < validators->n; i++)
                validator_free(validators->list[i]);
        free(validators->list);
        free(validators);
        return NULL;
}

bool validators_apply(const Validators *validators, const char *name, const char *path)
{
        for (size_t i = 0; i < validators->n; i++)
                if (validator_applies(validators->list[i], name, path))
                        return true;
        return false;
}

int validators_units(const Validators *validators, char *const *files, char ***ret)
{
        _cleanup_strv_ char **units = NULL;
        char *const *file, *const *unit;

        for (size_t i = 0; i < validators->n; i++) {
                bool uses = false;

                STRV_FOREACH(file, files)
                        uses = uses || validator_matches(validators->list[i], *file);
                STRV_FOREACH(unit, uses ? validators->list[i]->units : NULL)
                        if (strv_extend_unique(&units, *unit) < 0)
                                return -ENOMEM;
        }
        *ret = TAKE_PTR(units);
        return 0;
}
