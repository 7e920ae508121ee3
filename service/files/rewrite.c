/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rewrite.c - narrow the access, write, cut, widen the access, fsync, read back.
 *
 * While old and new text are mixed only root may read the file, if the two differ in who may: no
 * reader of the one sees a piece of the other that he may not.
 */
#include "files/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "files/swap.h"
#include "files/walk.h"

#define MIXED_MODE  ((mode_t)(S_IRUSR | S_IWUSR))
#define SET_ID_BITS ((mode_t)(S_ISUID | S_ISGID))

static bool same_access(const Metadata *a, const Metadata *b)
{
        const FileXattr *x = metadata_find_acl(a), *y = metadata_find_acl(b);

        return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && !x == !y &&
               (!x || metadata_has(b, x));
}

static int narrow(int fd)
{
        const Metadata nobody = { .mode = MIXED_MODE };

        if (fchmod(fd, MIXED_MODE) < 0)
                return -errno;
        return metadata_apply_access(fd, &nobody);
}

/* So that a full disk is found before anything is overwritten, where the file system can tell. */
static int reserve(int fd, size_t size)
{
        if (size == 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0)
                return 0;
        return errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO ? -errno : 0;
}

static int write_content(int fd, const Node *node)
{
        const char *p = node->content;
        size_t done = 0;
        ssize_t n;

        while (done < node->size) {
                n = pwrite(fd, p + done, node->size - done, (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t)n;
        }
        return ftruncate(fd, (off_t)node->size) < 0 ? -errno : 0;
}

static int remove_extra(int fd, const Metadata *from, const Metadata *to)
{
        const FileXattr *acl = metadata_find_acl(from);

        for (size_t i = 0; i < from->n_xattrs; i++) {
                const char *name = from->xattrs[i].name;

                if (&from->xattrs[i] != acl && !metadata_find(to, name) &&
                    fremovexattr(fd, name) < 0 && errno != ENODATA)
                        return -errno;
        }
        return 0;
}

static int write_all(int fd, const Node *from, const Node *to)
{
        int r = 0;

        if (to->size > from->size)
                r = reserve(fd, to->size);
        if (r == 0 && !same_access(&from->metadata, &to->metadata))
                r = narrow(fd);
        if (r == 0)
                r = write_content(fd, to);
        if (r == 0)
                r = metadata_apply_access(fd, &to->metadata);
        if (r == 0)
                r = remove_extra(fd, &from->metadata, &to->metadata);
        if (r == 0)
                r = metadata_apply_xattrs(fd, &to->metadata);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

/* --- what may be found --- */

static bool mixed_id(uint32_t id, uint32_t a, uint32_t b)
{
        return id == a || id == b || id == 0;
}

static bool mixed_mode(mode_t mode, mode_t a, mode_t b)
{
        return mode == a || mode == b || mode == MIXED_MODE || mode == (a & ~SET_ID_BITS) ||
               mode == (b & ~SET_ID_BITS);
}

static bool mixed_metadata(const Metadata *found, const Metadata *a, const Metadata *b)
{
        Metadata one;

        if (!mixed_id(found->uid, a->uid, b->uid) || !mixed_id(found->gid, a->gid, b->gid) ||
            !mixed_mode(found->mode, a->mode, b->mode))
                return false;
        for (size_t i = 0; i < found->n_xattrs; i++) {
                one = (Metadata){ .xattrs = &found->xattrs[i], .n_xattrs = 1 };
                /* A label of the system alone is no difference. */
                if (!metadata_has(a, &found->xattrs[i]) && !metadata_has(b, &found->xattrs[i]) &&
                    !metadata_matches(&one, &(Metadata){ 0 }))
                        return false;
        }
        return true;
}

static bool has_byte(const Node *node, size_t i, char byte)
{
        return i < node->size && ((const char *)node->content)[i] == byte;
}

static bool is_mixture(const Node *found, const Node *a, const Node *b)
{
        size_t least = a->size < b->size ? a->size : b->size;
        const char *p = found->content;

        if (found->size < least)
                return false;
        for (size_t i = 0; i < found->size; i++)
                if (!has_byte(a, i, p[i]) && !has_byte(b, i, p[i]))
                        return false;
        return mixed_metadata(&found->metadata, &a->metadata, &b->metadata);
}

/* Returns: 0; -EFBIG (longer than both); -errno. */
static int read_back(int file, const Node *a, const Node *b, Node *ret)
{
        struct stat st;

        return node_read_file(file, a->size > b->size ? a->size : b->size, ret, &st);
}

static int open_file(int file)
{
        int fd;

        fd = open(walk_fd_path(file).path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* --- the acts --- */

static int conflict(const char *path, const char *what, Failure *f)
{
        return failure_set(f, EXM_E_CONFLICT, "%s: %s", path, what);
}

/* Returns: 0 and the file is `expected` again; EXM_E_CONFLICT if it is not, with words. */
static int take_back(int file, int fd, const char *path, const Node *expected, const Node *wanted,
                     Failure *f)
{
        _cleanup_node_ Node now = { 0 }, again = { 0 };
        int r;

        r = read_back(file, expected, wanted, &now);
        if (r == -EFBIG || r == -EAGAIN || (r == 0 && !is_mixture(&now, expected, wanted)))
                return conflict(path,
                                "another program has written the file at the same time; what it "
                                "wrote is kept.",
                                f);
        if (r == 0)
                r = write_all(fd, wanted, expected);
        if (r == 0)
                r = read_back(file, expected, wanted, &again);
        if (r == 0 && node_matches(&again, expected))
                return 0;
        return conflict(path,
                        "writing the file in its place failed and could not be taken back; it may "
                        "hold a mixture of the old and the new text.",
                        f);
}

static int rewrite(int file, int fd, const Node *expected, Node *wanted)
{
        _cleanup_node_ Node now = { 0 };
        int r;

        r = write_all(fd, expected, wanted);
        if (r == 0)
                r = read_back(file, expected, wanted, &now);
        if (r < 0)
                return r;
        if (!node_matches(&now, wanted))
                return -EAGAIN;
        memcpy(wanted->version, now.version, sizeof(wanted->version));
        return 0;
}

int rewrite_node(int file, const char *path, const Node *expected, Node *wanted, Failure *f)
{
        _cleanup_node_ Node now = { 0 };
        _cleanup_close_ int fd = -1;
        int r, back;

        r = read_back(file, expected, expected, &now);
        if (r == -EFBIG || (r == 0 && !node_matches(&now, expected)))
                return conflict(path,
                                "another program has changed the file meanwhile; nothing was "
                                "changed. Read it again (Rebase does, in a transaction).",
                                f);
        if (r == 0)
                r = fd = open_file(file);
        if (r < 0)
                return swap_explain(r, path, f);
        r = rewrite(file, fd, expected, wanted);
        if (r == 0)
                return 0;
        back = take_back(file, fd, path, expected, wanted, f);
        return back != 0 ? back : swap_explain(r, path, f);
}

int rewrite_settle(int file, const Node *before, const Node *after)
{
        _cleanup_node_ Node now = { 0 };
        _cleanup_close_ int fd = -1;
        int r;

        r = read_back(file, before, after, &now);
        if (r == -EFBIG)
                return 0;
        if (r < 0)
                return r;
        if (node_matches(&now, before) || node_matches(&now, after) ||
            !is_mixture(&now, before, after))
                return 0;
        fd = open_file(file);
        return fd < 0 ? fd : write_all(fd, after, before);
}
