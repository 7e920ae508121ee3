/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-index.c - which lens covers a file name.
 *
 * Two tables: globs without a wildcard sorted by name, the others sorted by the directory in front
 * of their first wildcard. A look-up is one binary search in the first and one in the second for
 * each directory above the file, so its cost does not depend on how many lenses there are.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "tree/lens-index-private.h"
#include "util/limits.h"
#include "util/strv.h"
#include "util/utf8.h"

/* Far above what the lenses of the world have; an answer beyond is not from a sane worker. */
#define ENTRIES_MAX  10000U
#define GLOBS_MAX    1000U
#define NAME_MAX_LEN 255U

static const char wildcards[] = "*?[\\";

LensIndex *lens_index_ref(LensIndex *index)
{
        if (index)
                __atomic_add_fetch(&index->n_ref, 1, __ATOMIC_RELAXED);
        return index;
}

static void patterns_free(LensPattern *patterns, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(patterns[i].glob);
        free(patterns);
}

static void entry_done(LensEntry *entry)
{
        free(entry->name);
        strv_free(entry->incl);
        strv_free(entry->excl);
}

LensIndex *lens_index_unref(LensIndex *index)
{
        if (!index || __atomic_sub_fetch(&index->n_ref, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;

        for (size_t i = 0; i < index->n_entries; i++)
                entry_done(&index->entries[i]);
        free(index->entries);
        patterns_free(index->exact, index->n_exact);
        patterns_free(index->wild, index->n_wild);
        free(index);
        return NULL;
}

/* "Module.lens", as Augeas' lexer takes it, or "@Module", a module's own choice of its lens. */
static bool name_is_valid(const char *name)
{
        const char *dot = strchr(name, '.');

        if (strlen(name) > NAME_MAX_LEN)
                return false;
        if (*name == '@' ? dot != NULL : !dot || dot[1] == '\0' || strchr(dot + 1, '.'))
                return false;
        name += *name == '@';
        if (name[0] < 'A' || name[0] > 'Z')
                return false;
        for (const char *p = name; *p; p++)
                if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') &&
                    !(*p >= '0' && *p <= '9') && *p != '_' && *p != '.')
                        return false;
        return true;
}

static bool globs_are_valid(char *const *globs)
{
        char *const *g;

        if (strv_length(globs) > GLOBS_MAX)
                return false;
        STRV_FOREACH(g, globs)
                if (!**g || strlen(*g) > LIMIT_PATH_BYTES || strchr(*g, '\n') ||
                    !utf8_is_writable(*g))
                        return false;
        return true;
}

/* Copies, with "//" as "/" as glob() reads it. An array that is there but empty becomes NULL. */
static int globs_copy(char *const *globs, char ***ret)
{
        char **g;

        *ret = NULL;
        if (strv_length(globs) == 0)
                return 0;
        *ret = strv_copy(globs);
        if (!*ret)
                return -ENOMEM;

        STRV_FOREACH(g, *ret) {
                char *q = *g;

                for (const char *p = *g; *p; p++)
                        if (p[0] != '/' || p[1] != '/')
                                *q++ = *p;
                *q = '\0';
        }
        return 0;
}

int lens_index_add(LensIndex *index, const char *name, char *const *incl, char *const *excl)
{
        LensEntry entry = {}, *grown;

        if (!name_is_valid(name) || !globs_are_valid(incl) || !globs_are_valid(excl) ||
            index->n_entries >= ENTRIES_MAX)
                return -EBADMSG;

        grown = reallocarray(index->entries, index->n_entries + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        index->entries = grown;

        entry.name = strdup(name);
        if (!entry.name || globs_copy(incl, &entry.incl) < 0 || globs_copy(excl, &entry.excl) < 0) {
                entry_done(&entry);
                return -ENOMEM;
        }
        index->entries[index->n_entries++] = entry;
        return 0;
}

int lens_index_new(LensIndex **ret, const char *stamp, const LensFile *lenses, size_t n_lenses)
{
        _cleanup_(lens_index_unref_cleanup) LensIndex *index = NULL;
        int r;

        index = calloc(1, sizeof(*index));
        if (!index)
                return -ENOMEM;
        index->n_ref = 1;
        snprintf(index->stamp, sizeof(index->stamp), "%s", stamp);

        for (size_t i = 0; i < n_lenses; i++) {
                _cleanup_free_ char *name = NULL;
                char *const incl[] = { lenses[i].file, NULL };

                if (asprintf(&name, "%s%s", lenses[i].lens,
                             strpbrk(lenses[i].lens, "@.") ? "" : ".lns") < 0)
                        return -ENOMEM;
                r = lens_index_add(index, name, incl, NULL);
                if (r < 0)
                        return r == -EBADMSG ? -EINVAL : r;
        }
        index->n_configured = n_lenses;

        *ret = TAKE_PTR(index);
        return 0;
}

static int table_add(LensPattern **table, size_t *n, const char *glob, size_t entry)
{
        LensPattern *grown;
        char *copy;

        /* Augeas joins its root and the glob with a slash. */
        if (asprintf(&copy, "%s%s", glob[0] == '/' ? "" : "/", glob) < 0)
                return -ENOMEM;
        grown = reallocarray(*table, *n + 1, sizeof(*grown));
        if (!grown) {
                free(copy);
                return -ENOMEM;
        }
        *table = grown;

        size_t fixed = strcspn(copy, wildcards);
        while (copy[fixed] != '/')
                fixed--;
        grown[(*n)++] = (LensPattern){ .glob = copy, .dir_size = fixed, .entry = (uint32_t)entry };
        return 0;
}

static int compare_exact(const void *a, const void *b)
{
        const LensPattern *x = a, *y = b;
        int c = strcmp(x->glob, y->glob);

        return c != 0 ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
        int c = memcmp(a, b, a_size < b_size ? a_size : b_size);

        return c != 0 ? c : (a_size > b_size) - (a_size < b_size);
}

static int compare_wild(const void *a, const void *b)
{
        const LensPattern *x = a, *y = b;
        int c = compare_bytes(x->glob, x->dir_size, y->glob, y->dir_size);

        return c != 0 ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

int lens_index_seal(LensIndex *index)
{
        char **g;
        int r;

        for (size_t i = 0; i < index->n_entries; i++)
                STRV_FOREACH(g, index->entries[i].incl) {
                        if (strpbrk(*g, wildcards))
                                r = table_add(&index->wild, &index->n_wild, *g, i);
                        else
                                r = table_add(&index->exact, &index->n_exact, *g, i);
                        if (r < 0)
                                return r;
                }

        if (index->n_exact > 0)
                qsort(index->exact, index->n_exact, sizeof(LensPattern), compare_exact);
        if (index->n_wild > 0)
                qsort(index->wild, index->n_wild, sizeof(LensPattern), compare_wild);
        return 0;
}

/* What a look-up has found: the first two lenses, in the order of the entries. */
typedef struct Claims {
        const LensIndex *index;
        const char *file;
        uint32_t first, second;
} Claims;

static bool entry_excludes(const LensEntry *entry, const char *file)
{
        const char *base = strrchr(file, '/') + 1;
        char **g;

        STRV_FOREACH(g, entry->excl)
                if (fnmatch(*g, strchr(*g, '/') ? file : base, FNM_PATHNAME) == 0)
                        return true;
        return false;
}

static void claims_offer_second(Claims *claims, uint32_t number)
{
        const LensEntry *entries = claims->index->entries;

        /* The same lens twice claims a file once. */
        if (number < claims->second &&
            strcmp(entries[claims->first].name, entries[number].name) != 0)
                claims->second = number;
}

static void claims_add(Claims *claims, uint32_t number)
{
        uint32_t first = claims->first, second = claims->second;

        if (number == first || entry_excludes(&claims->index->entries[number], claims->file))
                return;
        if (number > first) {
                claims_offer_second(claims, number);
                return;
        }
        claims->first = number;
        claims->second = UINT32_MAX;
        if (first != UINT32_MAX)
                claims_offer_second(claims, first);
        if (second != UINT32_MAX)
                claims_offer_second(claims, second);
}

static void claims_add_exact(Claims *claims)
{
        const LensIndex *index = claims->index;
        size_t low = 0, high = index->n_exact;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(index->exact[middle].glob, claims->file) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < index->n_exact && strcmp(index->exact[low].glob, claims->file) == 0; low++)
                claims_add(claims, index->exact[low].entry);
}

/* The globs whose fixed directory is the first dir_size bytes of the file. */
static void claims_add_wild(Claims *claims, size_t dir_size)
{
        const LensIndex *index = claims->index;
        const LensPattern *p = index->wild;
        size_t low = 0, high = index->n_wild;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_bytes(p[middle].glob, p[middle].dir_size, claims->file, dir_size) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < index->n_wild && p[low].dir_size == dir_size &&
               memcmp(p[low].glob, claims->file, dir_size) == 0;
             low++)
                if (fnmatch(p[low].glob, claims->file, FNM_PATHNAME | FNM_PERIOD) == 0)
                        claims_add(claims, p[low].entry);
}

bool lens_index_lookup(const LensIndex *index, const char *file, const char **ret_lens,
                       const char **ret_other)
{
        Claims claims = { .index = index, .file = file, .first = UINT32_MAX, .second = UINT32_MAX };

        if (file[0] != '/')
                return false;

        claims_add_exact(&claims);
        for (size_t i = 0; file[i]; i++)
                if (file[i] == '/')
                        claims_add_wild(&claims, i);
        if (claims.first == UINT32_MAX)
                return false;

        *ret_lens = index->entries[claims.first].name;
        *ret_other = NULL;
        if (claims.first >= index->n_configured && claims.second != UINT32_MAX)
                *ret_other = index->entries[claims.second].name;
        return true;
}

int lens_index_candidates(const LensIndex *index, const char *prefix, char ***ret_files)
{
        _cleanup_strv_ char **files = NULL;
        const char *lens, *other, *end = prefix;

        do {
                _cleanup_free_ char *file = NULL;

                end += strcspn(end + 1, "/") + 1;
                file = strndup(prefix, (size_t)(end - prefix));
                if (!file)
                        return -ENOMEM;
                if (lens_index_lookup(index, file, &lens, &other) && strv_extend(&files, file) < 0)
                        return -ENOMEM;
        } while (*end);

        *ret_files = TAKE_PTR(files);
        return 0;
}
