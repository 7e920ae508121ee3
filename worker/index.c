/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * index.c - /augeas/load, with names of lenses in place of "@Module".
 *
 * Augeas says which module a transform is from, not which lens of it; "@Module" can be used only
 * once that module is loaded. The lens is found in the module's source, where nearly always exactly
 * one name is transformed. If not, "@Module" is the answer: tree.c takes that, too.
 */
#include "worker/index.h"

#include <augeas.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "util/macro.h"
#include "util/strv.h"

#define MODULE_MAX_BYTES (1024 * 1024)

typedef char **StringList;

void index_done(Index *index)
{
        for (size_t i = 0; i < index->n_entries; i++) {
                free(index->entries[i].lens);
                strv_free(index->entries[i].include);
                strv_free(index->entries[i].exclude);
        }
        free(index->entries);
        *index = (Index){ 0 };
}

static void augeas_cleanup(augeas **aug)
{
        if (*aug)
                aug_close(*aug);
}

typedef struct Matches {
        char **paths;
        int n;
} Matches;

static void matches_done(Matches *matches)
{
        for (int i = 0; i < matches->n; i++)
                free(matches->paths[i]);
        free(matches->paths);
}

/* The values of the children of `transform` with that label. */
static int read_values(augeas *aug, const char *transform, const char *label, StringList *ret)
{
        _cleanup_(matches_done) Matches matches = { 0 };
        _cleanup_free_ char *pattern = NULL;
        const char *value;
        int r = 0;

        if (asprintf(&pattern, "%s/%s", transform, label) < 0)
                return -ENOMEM;
        matches.n = aug_match(aug, pattern, &matches.paths);
        for (int i = 0; i < matches.n && r == 0; i++)
                if (aug_get(aug, matches.paths[i], &value) == 1 && value)
                        r = strv_extend(ret, value);
        return matches.n < 0 ? -EIO : r;
}

/* "AptConf" is in aptconf.aug. */
static char *module_file_name(const char *dir, size_t dir_size, const char *module)
{
        char *name;

        if (asprintf(&name, "%.*s/%s.aug", (int)dir_size, dir, module) < 0)
                return NULL;
        for (char *p = strrchr(name, '/'); *p != '\0'; p++)
                *p = (char)tolower((unsigned char)*p);
        return name;
}

/* The source of a module: the first in the load path, as Augeas looks for it. */
static char *read_module(const char *load_path, const char *module)
{
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        for (const char *dir = load_path; !file && *dir != '\0'; dir += strspn(dir, ":")) {
                _cleanup_free_ char *name = NULL;

                size = strcspn(dir, ":");
                name = module_file_name(dir, size, module);
                file = name ? fopen(name, "re") : NULL;
                dir += size;
        }
        text = file ? malloc(MODULE_MAX_BYTES + 1) : NULL;
        if (!text)
                return NULL;
        size = fread(text, 1, MODULE_MAX_BYTES, file);
        text[size] = '\0';
        return TAKE_PTR(text);
}

/* Looks for "= transform NAME". Returns: the name and its length; NULL at the end. */
static const char *next_transform(const char **text, size_t *ret_size)
{
        static const char word[] = "transform";
        const char *p, *before;

        while ((p = strstr(*text, word))) {
                for (before = p; before > *text && isspace((unsigned char)before[-1]);)
                        before--;
                *text = p + strlen(word);
                if (before == p || before[-1] != '=' || !isspace((unsigned char)**text))
                        continue;
                *text += strspn(*text, " \t\r\n");
                *ret_size = 0;
                while (isalnum((unsigned char)(*text)[*ret_size]) ||
                       strchr("_.'", (*text)[*ret_size] ? (*text)[*ret_size] : ' '))
                        ++*ret_size;
                return *text;
        }
        return NULL;
}

/* Returns: "Module.lens", or "@Module" if the source does not tell; NULL out of memory. */
static char *name_lens(const char *load_path, const char *module)
{
        _cleanup_free_ char *source = read_module(load_path, module);
        const char *text = source, *name, *only = NULL;
        size_t size, only_size = 0;
        bool unclear = !source;
        char *lens;

        while (!unclear && (name = next_transform(&text, &size))) {
                unclear = size == 0 || (only && (only_size != size || memcmp(only, name, size)));
                only = name;
                only_size = size;
        }
        if (unclear || !only)
                return asprintf(&lens, "@%s", module) < 0 ? NULL : lens;
        if (memchr(only, '.', only_size))
                return strndup(only, only_size);
        return asprintf(&lens, "%s.%.*s", module, (int)only_size, only) < 0 ? NULL : lens;
}

static int add_entry(Index *index, augeas *aug, const char *load_path, const char *transform)
{
        _cleanup_strv_ StringList lens = NULL;
        IndexEntry *entry = &index->entries[index->n_entries++];
        int r;

        r = read_values(aug, transform, "lens", &lens);
        if (r == 0)
                r = read_values(aug, transform, "incl", &entry->include);
        if (r == 0)
                r = read_values(aug, transform, "excl", &entry->exclude);
        if (r < 0)
                return r;
        if (!lens || lens[0][0] != '@')
                return -EIO;
        entry->lens = name_lens(load_path, lens[0] + 1);
        return entry->lens ? 0 : -ENOMEM;
}

int index_build(Index *ret, const char *load_path, Failure *f)
{
        _cleanup_(augeas_cleanup) augeas *aug = NULL;
        _cleanup_(matches_done) Matches transforms = { 0 };
        const char *details;
        int r = 0;

        aug = aug_init("/", load_path, AUG_NO_STDINC | AUG_NO_LOAD | AUG_NO_ERR_CLOSE);
        if (!aug)
                return -ENOMEM;
        if (aug_error(aug) != AUG_NOERROR) {
                details = aug_error_details(aug);
                return failure_set(f, EXM_E_NO_LENS, "a lens is broken, mend or remove it: %s: %s",
                                   aug_error_message(aug), details ? details : "no details");
        }
        transforms.n = aug_match(aug, "/augeas/load/*", &transforms.paths);
        if (transforms.n < 0)
                return -EIO;
        ret->entries = calloc((size_t)transforms.n + 1, sizeof(*ret->entries));
        if (!ret->entries)
                return -ENOMEM;
        for (int i = 0; i < transforms.n && r == 0; i++)
                r = add_entry(ret, aug, load_path, transforms.paths[i]);
        return r;
}
