/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-walk.c - the existing files that lenses cover, below a directory.
 *
 * Expands the incl globs one component at a time as glob(3) would, but never through a directory
 * that is a symbolic link: files/ refuses such paths anyway. Only what lies on the way to `prefix`
 * or below it is opened. Names come from the disk and are untrusted: those that cannot be a path of
 * the contract (path_check) are left out, and what is collected never exceeds twice max_files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tree/lens-index-private.h"
#include "util/limits.h"

typedef struct Walk {
        const LensIndex *index;
        const Roots *roots;
        const char *prefix;
        size_t max_files;
        LensFile *files;
        size_t n, allocated;
        Failure *f;
} Walk;

void lens_files_free(LensFile *files, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(files[i].file);
                free(files[i].lens);
        }
        free(files);
}

static int compare_files(const void *a, const void *b)
{
        return strcmp(((const LensFile *)a)->file, ((const LensFile *)b)->file);
}

/* Sorts, and drops names that several globs have found. */
static void walk_compact(Walk *walk)
{
        size_t kept = 0;

        if (walk->n == 0)
                return;
        qsort(walk->files, walk->n, sizeof(LensFile), compare_files);
        for (size_t i = 1; i < walk->n; i++) {
                if (strcmp(walk->files[i].file, walk->files[kept].file) == 0) {
                        free(walk->files[i].file);
                        free(walk->files[i].lens);
                } else {
                        walk->files[++kept] = walk->files[i];
                }
        }
        walk->n = kept + 1;
}

static int walk_check_limit(Walk *walk)
{
        walk_compact(walk);
        if (walk->n <= walk->max_files)
                return 0;
        return failure_set(walk->f, EXM_E_LIMIT_EXCEEDED,
                           "%s: more than %zu files there could be meant; name a directory below "
                           "it, or one file",
                           walk->prefix, walk->max_files);
}

static int walk_add(Walk *walk, const char *path, const char *lens)
{
        LensFile file = {};
        int r;

        if (walk->n >= 2 * walk->max_files) {
                r = walk_check_limit(walk);
                if (r != 0)
                        return r;
        }
        if (walk->n == walk->allocated) {
                size_t allocated = walk->allocated ? 2 * walk->allocated : 64;
                LensFile *grown = reallocarray(walk->files, allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                walk->files = grown;
                walk->allocated = allocated;
        }

        file.file = strdup(path);
        file.lens = strdup(lens);
        if (!file.file || !file.lens) {
                free(file.file);
                free(file.lens);
                return -ENOMEM;
        }
        walk->files[walk->n++] = file;
        return 0;
}

/* `path` is at or below `directory`. */
static bool is_below(const char *path, const char *directory)
{
        size_t size = strlen(directory);

        if (size == 1)
                return true;
        return strncmp(path, directory, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static int open_directory(const char *path)
{
        struct open_how how = {
                .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK,
                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        long fd = syscall(SYS_openat2, AT_FDCWD, path[0] ? path : "/", &how, sizeof(how));

        return fd < 0 ? -errno : (int)fd;
}

static int walk_file(Walk *walk, int dir_fd, const char *path)
{
        const char *lens, *other;
        struct stat st;

        if (!is_below(path, walk->prefix) || path_check(path, NULL) != 0 ||
            !roots_may_read(walk->roots, path) ||
            !lens_index_lookup(walk->index, path, &lens, &other))
                return 0;
        if (fstatat(dir_fd, strrchr(path, '/') + 1, &st, 0) < 0 || !S_ISREG(st.st_mode))
                return 0;
        return walk_add(walk, path, lens);
}

static int walk_expand(Walk *walk, const char *dir, const char *rest);

/* One name that matches the first component of a glob; `rest` is what follows it. */
static int walk_entry(Walk *walk, int dir_fd, const char *dir, const char *name, const char *rest)
{
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", dir, name) < 0)
                return -ENOMEM;
        if (strlen(path) > LIMIT_PATH_BYTES)
                return 0;
        return *rest ? walk_expand(walk, path, rest) : walk_file(walk, dir_fd, path);
}

static int walk_wildcard(Walk *walk, int dir_fd, const char *dir, const char *component,
                         const char *rest)
{
        const struct dirent *entry;
        int copy, r = 0;
        DIR *stream;

        copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        stream = fdopendir(copy);
        if (!stream) {
                close(copy);
                return -ENOMEM;
        }

        while (r == 0 && (entry = readdir(stream))) {
                bool directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                    (*rest ? !directory : entry->d_type == DT_DIR))
                        continue;
                if (fnmatch(component, entry->d_name, FNM_PERIOD) == 0)
                        r = walk_entry(walk, dir_fd, dir, entry->d_name, rest);
        }
        closedir(stream);
        return r;
}

/* `rest`: "/component/..." of a glob, to be found below `dir` ("" for the root). Recursion goes as
 * deep as the glob has wildcard components. */
static int walk_expand(Walk *walk, const char *dir, const char *rest)
{
        _cleanup_free_ char *fixed = NULL, *component = NULL;
        _cleanup_close_ int fd = -1;
        const char *start, *end;
        size_t literal = strcspn(rest, "*?[\\");

        /* Up to the last slash in front of a wildcard, or in front of the name. */
        if (rest[literal] == '\0')
                start = strrchr(rest, '/');
        else
                start = memrchr(rest, '/', literal);
        if (asprintf(&fixed, "%s%.*s", dir, (int)(start - rest), rest) < 0)
                return -ENOMEM;
        if (!is_below(fixed, walk->prefix) && !is_below(walk->prefix, fixed[0] ? fixed : "/"))
                return 0;

        fd = open_directory(fixed);
        if (fd < 0)
                /* Not there, a link, not for us: nothing that could be read later either. */
                return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE ? fd : 0;

        end = start + 1 + strcspn(start + 1, "/");
        component = strndup(start + 1, (size_t)(end - start - 1));
        if (!component)
                return -ENOMEM;
        if (rest[literal] == '\0')
                return walk_entry(walk, fd, fixed, component, end);
        return walk_wildcard(walk, fd, fixed, component, end);
}

int lens_index_walk(const LensIndex *index, const Roots *roots, const char *prefix,
                    size_t max_files, LensFile **ret_files, size_t *ret_n, Failure *f)
{
        Walk walk = {
                .index = index, .roots = roots, .prefix = prefix, .max_files = max_files, .f = f
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < index->n_exact; i++)
                if (is_below(index->exact[i].glob, prefix))
                        r = walk_expand(&walk, "", index->exact[i].glob);
        for (size_t i = 0; r == 0 && i < index->n_wild; i++)
                r = walk_expand(&walk, "", index->wild[i].glob);
        if (r == 0)
                r = walk_check_limit(&walk);
        if (r != 0) {
                lens_files_free(walk.files, walk.n);
                return r;
        }

        *ret_files = walk.files;
        *ret_n = walk.n;
        return 0;
}
