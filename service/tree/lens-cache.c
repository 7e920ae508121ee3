/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lens-cache.c - the lens index on disk.
 *
 * Lines of text: a header with the version of the format, the stamp of the lens directory, then for
 * each entry "lens NAME", "incl GLOB"..., "excl GLOB"..., and "end N" with the number of entries,
 * so that a file cut short by a crash is noticed. Read back as untrusted: whatever is not exactly
 * this is -EBADMSG, and the index is built anew. Everything here blocks and runs in a thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tree/lens-index-private.h"
#include "util/strv.h"

#define CACHE_HEADER   "exmachina-lens-index 1"
#define CACHE_NAME     "lens-index"
#define CACHE_NEW      "lens-index.new"
#define CACHE_SIZE_MAX (8 * 1024 * 1024)
#define LENS_FILES_MAX 20000U

static int dir_filter(const struct dirent *entry)
{
        size_t size = strlen(entry->d_name);

        return size > 4 && strcmp(entry->d_name + size - 4, ".aug") == 0;
}

static int stamp_add_file(Digest *digest, int dir_fd, const char *name)
{
        struct stat st;

        if (fstatat(dir_fd, name, &st, 0) < 0)
                return errno == ENOENT ? 0 : -errno;

        digest_add_field(digest, name, strlen(name));
        digest_add_u64(digest, (uint64_t)st.st_size);
        digest_add_u64(digest, (uint64_t)st.st_mtim.tv_sec);
        digest_add_u64(digest, (uint64_t)st.st_mtim.tv_nsec);
        return 0;
}

static int stamp_add_dir(Digest *digest, const char *path)
{
        _cleanup_close_ int fd = -1;
        struct dirent **names = NULL;
        int n, r = 0;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = scandirat(fd, ".", &names, dir_filter, alphasort);
        if (n < 0)
                return -errno;

        digest_add_field(digest, path, strlen(path));
        if ((unsigned)n > LENS_FILES_MAX)
                r = -E2BIG;
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = stamp_add_file(digest, fd, names[i]->d_name);
                free(names[i]);
        }
        free(names);
        return r;
}

int lens_cache_stamp(const char *lens_dir, char ret[DIGEST_HEX_SIZE])
{
        _cleanup_free_ char *dist = NULL;
        Digest *digest;
        int r;

        if (asprintf(&dist, "%s/dist", lens_dir) < 0)
                return -ENOMEM;
        digest = digest_new();
        if (!digest)
                return -ENOMEM;

        digest_add_field(digest, EXM_VERSION, strlen(EXM_VERSION));
        r = stamp_add_dir(digest, lens_dir);
        if (r == 0)
                r = stamp_add_dir(digest, dist);
        digest_finish(digest, ret);

        /* What is not there has no lenses: the worker will say so. */
        if (r == -ENOENT || r == -ENOTDIR)
                r = 0;
        if (r < 0)
                ret[0] = '\0';
        return r;
}

/* Cuts "keyword value\n" off the front. Returns: the value in *p's buffer, or NULL. */
static char *take_line(char **p, const char *keyword)
{
        size_t size = strlen(keyword);
        char *value, *end;

        if (strncmp(*p, keyword, size) != 0 || (*p)[size] != ' ')
                return NULL;
        value = *p + size + 1;
        end = strchr(value, '\n');
        if (!end)
                return NULL;
        *end = '\0';
        *p = end + 1;
        return value;
}

static int read_globs(char **p, const char *keyword, char ***ret)
{
        char *glob;

        while ((glob = take_line(p, keyword)))
                if (strv_extend(ret, glob) < 0)
                        return -ENOMEM;
        return 0;
}

static int read_entries(LensIndex *index, char *p)
{
        char *name, *count, *end;
        size_t n = 0;
        int r;

        while ((name = take_line(&p, "lens"))) {
                _cleanup_strv_ char **incl = NULL, **excl = NULL;

                if (read_globs(&p, "incl", &incl) < 0 || read_globs(&p, "excl", &excl) < 0)
                        return -ENOMEM;
                r = lens_index_add(index, name, incl, excl);
                if (r < 0)
                        return r;
                n++;
        }

        count = take_line(&p, "end");
        if (!count || *p != '\0' || strtoull(count, &end, 10) != n || *end != '\0')
                return -EBADMSG;
        return 0;
}

static int read_whole(const char *path, char **ret)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t have = 0;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > CACHE_SIZE_MAX)
                return -EBADMSG;

        text = malloc((size_t)st.st_size + 1);
        if (!text)
                return -ENOMEM;
        while (have < (size_t)st.st_size) {
                ssize_t n = read(fd, text + have, (size_t)st.st_size - have);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        text[have] = '\0';
        if (strlen(text) != have)
                return -EBADMSG;

        *ret = TAKE_PTR(text);
        return 0;
}

int lens_cache_read(LensIndex **ret, const char *cache_dir, const char *stamp,
                    const LensFile *lenses, size_t n_lenses)
{
        _cleanup_(lens_index_unref_cleanup) LensIndex *index = NULL;
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *found;
        char *p;
        int r;

        if (asprintf(&path, "%s/" CACHE_NAME, cache_dir) < 0)
                return -ENOMEM;
        r = read_whole(path, &text);
        if (r < 0)
                return r;

        p = text;
        if (strncmp(p, CACHE_HEADER "\n", strlen(CACHE_HEADER "\n")) != 0)
                return -EBADMSG;
        p += strlen(CACHE_HEADER "\n");
        found = take_line(&p, "stamp");
        if (!found)
                return -EBADMSG;
        if (strcmp(found, stamp) != 0)
                return -ESTALE;

        r = lens_index_new(&index, stamp, lenses, n_lenses);
        if (r == 0)
                r = read_entries(index, p);
        if (r == 0)
                r = lens_index_seal(index);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(index);
        return 0;
}

static void write_entry(FILE *out, const LensEntry *entry)
{
        char **g;

        fprintf(out, "lens %s\n", entry->name);
        STRV_FOREACH(g, entry->incl)
                fprintf(out, "incl %s\n", *g);
        STRV_FOREACH(g, entry->excl)
                fprintf(out, "excl %s\n", *g);
}

static int write_stream(const LensIndex *index, int fd)
{
        FILE *out = fdopen(fd, "w");
        int failed;

        if (!out) {
                close(fd);
                return -ENOMEM;
        }

        fprintf(out, CACHE_HEADER "\nstamp %s\n", index->stamp);
        for (size_t i = index->n_configured; i < index->n_entries; i++)
                write_entry(out, &index->entries[i]);
        fprintf(out, "end %zu\n", index->n_entries - index->n_configured);

        failed = ferror(out);
        if (fclose(out) != 0 || failed)
                return errno > 0 ? -errno : -EIO;
        return 0;
}

int lens_cache_write(const LensIndex *index, const char *cache_dir)
{
        _cleanup_close_ int dir_fd = -1;
        int fd, r;

        dir_fd = open(cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        if (unlinkat(dir_fd, CACHE_NEW, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir_fd, CACHE_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;

        r = fchmod(fd, 0644) < 0 ? -errno : 0;
        if (r < 0)
                close(fd);
        else
                r = write_stream(index, fd);
        if (r == 0 && renameat(dir_fd, CACHE_NEW, dir_fd, CACHE_NAME) < 0)
                r = -errno;
        if (r < 0)
                unlinkat(dir_fd, CACHE_NEW, 0);
        return r;
}
