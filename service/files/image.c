/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image.c - taking an image: walk, judge, read.
 *
 * The class is judged on the same descriptors that the content is read from, and with content on
 * the metadata that belongs to it.
 */
#include "files/image.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "files/node.h"
#include "files/walk.h"

#define YOUNG_NSEC (50LL * 1000 * 1000)

static int64_t to_nsec(const struct timespec *t)
{
        return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

FileStamp file_stamp_of(const struct stat *st, const struct timespec *now)
{
        int64_t limit = to_nsec(now) - YOUNG_NSEC;

        return (FileStamp){
                .dev = st->st_dev,
                .ino = st->st_ino,
                .size = st->st_size,
                .mtime = st->st_mtim,
                .ctime = st->st_ctim,
                .exists = true,
                .young = to_nsec(&st->st_mtim) > limit || to_nsec(&st->st_ctim) > limit,
        };
}

bool file_stamp_equal(const FileStamp *a, const FileStamp *b)
{
        if (!a->exists && !b->exists)
                return true;
        return a->exists && b->exists && !a->young && !b->young && a->dev == b->dev &&
               a->ino == b->ino && a->size == b->size && to_nsec(&a->mtime) == to_nsec(&b->mtime) &&
               to_nsec(&a->ctime) == to_nsec(&b->ctime);
}

static int refuse_kind(const char *path, mode_t mode, Failure *f)
{
        const char *what = S_ISDIR(mode)    ? "a directory: name a file in it"
                           : S_ISFIFO(mode) ? "a named pipe, not a regular file"
                           : S_ISSOCK(mode) ? "a socket, not a regular file"
                                            : "a device, not a regular file";

        return failure_set(f, EXM_E_REFUSED, "%s: this is %s.", path, what);
}

static int explain_read(int r, const char *path, uint64_t max_bytes, Failure *f)
{
        switch (r) {
        case -EFBIG:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: the file is larger than the limit of %llu bytes.", path,
                                   (unsigned long long)max_bytes);
        case -EAGAIN:
                return failure_set(f, EXM_E_CONFLICT,
                                   "%s: another program is changing the file; try again.", path);
        case -E2BIG:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: the file's extended attributes exceed 1 MiB.", path);
        case -EACCES:
        case -EPERM:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: the system does not let ExMachina read it.", path);
        default:
                return r;
        }
}

static bool is_readable_by_all(const Metadata *metadata)
{
        const mode_t readable = S_IRGRP | S_IROTH;

        return (metadata->mode & readable) == readable && !metadata_has_acl(metadata);
}

/* Moves what was read into the image. */
static void fill_in(FileImage *image, Node *node, const struct stat *st, const struct timespec *now)
{
        image->stamp = file_stamp_of(st, now);
        if (!is_readable_by_all(&node->metadata))
                image->class = FILE_CLASS_SECRET;
        image->mode = node->metadata.mode;
        image->uid = node->metadata.uid;
        image->gid = node->metadata.gid;
        image->n_link = st->st_nlink;
        image->xattrs = TAKE_PTR(node->metadata.xattrs);
        image->n_xattrs = node->metadata.n_xattrs;
        node->metadata.n_xattrs = 0;
        image->content = TAKE_PTR(node->content);
        image->size = node->size;
        memcpy(image->version, node->version, sizeof(image->version));
}

static int read_image(FileImage *image, const Walk *walk, bool with_content, uint64_t max_bytes,
                      Failure *f)
{
        _cleanup_node_ Node node = { 0 };
        struct stat st = walk->st;
        struct timespec now;
        int r;

        if (!S_ISREG(st.st_mode))
                return refuse_kind(image->path, st.st_mode, f);
        if (clock_gettime(CLOCK_REALTIME, &now) < 0)
                return -errno;
        r = with_content ? node_read_file(walk->file, max_bytes, &node, &st)
                         : metadata_read(walk->file, &node.metadata);
        if (r < 0)
                return explain_read(r, image->path, max_bytes, f);
        fill_in(image, &node, &st, &now);
        return 0;
}

/* A refusal that a probe must not tell becomes "missing" in a secret place. */
static bool hides(const Walk *walk, int r, bool with_content)
{
        return !with_content && !walk->public && r > 0 && r != EXM_E_INVALID_PATH;
}

static int take(FileImage *image, Walk *walk, const Roots *roots, bool with_content,
                uint64_t max_bytes, Failure *f)
{
        int r;

        r = walk_to(walk, roots, image->path, /* follow= */ true, f);
        image->parents_public = walk->public;
        image->class = walk->public ? FILE_CLASS_PUBLIC : FILE_CLASS_SECRET;
        if (r != 0 || walk->file < 0)
                return r;
        return read_image(image, walk, with_content, max_bytes, f);
}

int file_image_take(FileImage **ret, const Roots *roots, const char *path, bool with_content,
                    uint64_t max_bytes, Failure *f)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
        _cleanup_failure_ Failure fault = { 0 };
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        int r;

        image = calloc(1, sizeof(*image));
        if (!image)
                return -ENOMEM;
        image->n_ref = 1;
        image->path = strdup(path);
        if (!image->path)
                return -ENOMEM;

        r = take(image, &walk, roots, with_content, max_bytes, &fault);
        if (r != 0 && !hides(&walk, r, with_content)) {
                failure_move(f, &fault);
                return r;
        }
        if (r != 0) {
                image->canonical = strdup(path);
                if (!image->canonical)
                        return -ENOMEM;
        } else {
                image->canonical = TAKE_PTR(walk.canonical);
                image->link_target = TAKE_PTR(walk.link_target);
        }
        *ret = TAKE_PTR(image);
        return 0;
}

FileImage *file_image_ref(FileImage *image)
{
        __atomic_add_fetch(&image->n_ref, 1, __ATOMIC_RELAXED);
        return image;
}

FileImage *file_image_unref(FileImage *image)
{
        Metadata metadata;

        if (!image || __atomic_sub_fetch(&image->n_ref, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;
        metadata = (Metadata){ .xattrs = image->xattrs, .n_xattrs = image->n_xattrs };
        metadata_done(&metadata);
        free(image->path);
        free(image->canonical);
        free(image->link_target);
        free(image->content);
        free(image);
        return NULL;
}
