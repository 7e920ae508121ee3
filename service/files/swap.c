/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * swap.c - temporary node, exchange, compare, keep or take back.
 *
 * Order of the acts, and what each guarantees when a later one fails:
 *   1. the new node under TEMP.part, fsync'd               unlink it
 *   2. rename to TEMP (a new name: directly to it)         unlink it
 *   3. rename: exchange, no-replace, or away to TEMP       the same rename back
 *   4. compare what came out                               rename back
 *   5. fsync of the directory                              rename back
 *   6. unlink the old node, fsync again                    rename back, while it is there
 * Others that edit the name concurrently are root's own programs: the directory is not writable for
 * anybody else.
 */
#include "files/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"

typedef struct Swap {
        int dir; /* opened for reading: an O_PATH descriptor cannot be fsync'd */
        const char *name;
        const char *path;
        const char *temp;
        char part[NAME_MAX + 1];
        const Node *expected;
        Node *wanted;
        dev_t dev; /* of the new node */
        ino_t ino;
        bool has_part, has_temp; /* there is something to be taken away under these names */
} Swap;

int swap_explain(int r, const char *path, Failure *f)
{
        switch (r) {
        case -EROFS:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: its file system is mounted read-only; nothing was changed.",
                                   path);
        case -EBUSY:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: it is in use as a mount point; nothing was changed.", path);
        case -EPERM:
        case -EACCES:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: the system does not let the file be replaced with its "
                                   "owner, mode and attributes (an immutable directory, or a "
                                   "security module); nothing was changed.",
                                   path);
        case -EINVAL:
        case -ENOTSUP:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: its file system cannot exchange two files or keep their "
                                   "attributes; nothing was changed.",
                                   path);
        case -ENOSPC:
        case -EDQUOT:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: no space is left on its file system; nothing was changed.",
                                   path);
        case -EFBIG:
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "%s: the text is larger than its file system or the service's "
                                   "limits permit; nothing was changed.",
                                   path);
        case -ENOENT:
        case -ENOTDIR:
        case -EAGAIN:
                return failure_set(
                        f, EXM_E_CONFLICT,
                        "%s: another program is changing the file or its directory; "
                        "nothing was changed. Read it again (Rebase does, in a transaction).",
                        path);
        case -ENOMEM:
        case -EMFILE:
        case -ENFILE:
                return r;
        default:
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: writing failed (%s); nothing was changed.", path,
                                   strerror(-r));
        }
}

static int conflict(const Swap *swap, Failure *f)
{
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: another program has changed the file meanwhile; nothing was "
                           "changed. Read it again (Rebase does, in a transaction).",
                           swap->path);
}

static int litter(const Swap *swap, const char *name, Failure *f)
{
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: the name %s beside it is taken, which is kept for ExMachina's "
                           "temporary files; nothing was changed. Look at that file, and move it "
                           "away.",
                           swap->path, name);
}

static int sync_dir(const Swap *swap)
{
        return fsync(swap->dir) < 0 ? -errno : 0;
}

static int move(const Swap *swap, const char *from, const char *to, unsigned flags)
{
        return renameat2(swap->dir, from, swap->dir, to, flags) < 0 ? -errno : 0;
}

/* Once again, since whoever asks has nobody left to tell. Returns: 0, also if it is gone; -errno.
 */
static int drop(const Swap *swap, const char *name)
{
        int r = 0;

        for (unsigned i = 0; i < 2; i++) {
                r = unlinkat(swap->dir, name, 0) < 0 ? -errno : 0;
                if (r == 0 || r == -ENOENT)
                        return 0;
        }
        return r;
}

static void drop_temps(const Swap *swap)
{
        const char *const names[] = { swap->has_part ? swap->part : NULL,
                                      swap->has_temp ? swap->temp : NULL };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                r = names[i] ? drop(swap, names[i]) : 0;
                if (r < 0)
                        log_error("%s: the temporary file %s beside it could not be removed: %s",
                                  swap->path, names[i], strerror(-r));
        }
}

static int write_content(int fd, const void *content, size_t size)
{
        const char *p = content;
        ssize_t n;

        while (size > 0) {
                n = write(fd, p, size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

/* The attributes as they came out: the system may have added a security label. One that did not
 * keep them could not be known again after a crash. */
static int settle_version(int fd, Node *wanted)
{
        Metadata metadata;
        int r;

        r = metadata_read(fd, &metadata);
        if (r < 0)
                return r;
        r = metadata_matches(&metadata, &wanted->metadata)
                    ? metadata_version(&metadata, wanted->content, wanted->size, wanted->version)
                    : -ENOTSUP;
        metadata_done(&metadata);
        return r;
}

static int fill_file(int fd, Node *wanted)
{
        int r;

        r = metadata_apply_access(fd, &wanted->metadata);
        if (r == 0)
                r = write_content(fd, wanted->content, wanted->size);
        if (r == 0)
                r = metadata_apply_xattrs(fd, &wanted->metadata);
        if (r == 0)
                r = settle_version(fd, wanted);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

static int make_file(Swap *swap)
{
        _cleanup_close_ int fd = -1;

        fd = openat(swap->dir, swap->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
        if (fd < 0)
                return -errno;
        swap->has_part = true;
        return fill_file(fd, swap->wanted);
}

static int make_link(Swap *swap)
{
        const Metadata *metadata = &swap->wanted->metadata;

        if (symlinkat(swap->wanted->link_target, swap->dir, swap->part) < 0)
                return -errno;
        swap->has_part = true;
        return fchownat(swap->dir, swap->part, metadata->uid, metadata->gid, AT_SYMLINK_NOFOLLOW) <
                               0
                       ? -errno
                       : 0;
}

static int make_part(Swap *swap, Failure *f)
{
        struct stat st;
        int r;

        r = swap->wanted->kind == NODE_LINK ? make_link(swap) : make_file(swap);
        if (r == -EEXIST)
                return litter(swap, swap->part, f);
        if (r < 0)
                return r;
        if (fstatat(swap->dir, swap->part, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        swap->dev = st.st_dev;
        swap->ino = st.st_ino;
        return 0;
}

static bool temp_is_ours(const Swap *swap)
{
        struct stat st;

        return fstatat(swap->dir, swap->temp, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_dev == swap->dev && st.st_ino == swap->ino;
}

/* Moves what is under the temporary name back, unless something new has taken the place. */
static int put_back(Swap *swap)
{
        int r;

        r = move(swap, swap->temp, swap->name, RENAME_NOREPLACE);
        if (r == 0)
                swap->has_temp = false;
        return r == -EEXIST ? 0 : r;
}

/* Exchanges back. If what comes out is not ours, somebody has replaced ours in the meantime: theirs
 * is the newest and stays, what they took the place of goes.
 * Returns: 0, or -errno if the new node is still in place. */
static int exchange_back(Swap *swap)
{
        int r;

        r = move(swap, swap->temp, swap->name, RENAME_EXCHANGE);
        if (r == -ENOENT)
                return put_back(swap);
        if (r == 0 && !temp_is_ours(swap))
                r = move(swap, swap->temp, swap->name, RENAME_EXCHANGE);
        return r;
}

/* The same for a node that took nobody's place. */
static int withdraw(Swap *swap)
{
        int r;

        r = move(swap, swap->name, swap->temp, RENAME_NOREPLACE);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        swap->has_temp = true;
        return temp_is_ours(swap) ? 0 : put_back(swap);
}

/* The old node is under the temporary name, the new one in its place.
 * Returns: 0; EXM_E_CONFLICT; -errno. */
static int verify(const Swap *swap, Failure *f)
{
        _cleanup_node_ Node out = { 0 };
        int r;

        r = node_read(swap->dir, swap->temp, swap->expected->size, &out);
        if (r < 0)
                return r;
        return node_matches(&out, swap->expected) ? 0 : conflict(swap, f);
}

/* Steps 4 to 6. Returns: 0, or what went wrong, with the old node still there to be put back. */
static int conclude(Swap *swap, Failure *f)
{
        int r;

        r = verify(swap, f);
        if (r == 0)
                r = sync_dir(swap);
        if (r == 0 && unlinkat(swap->dir, swap->temp, 0) < 0)
                r = -errno;
        if (r != 0)
                return r;
        swap->has_temp = false;
        /* The change is on the disk; at worst a power cut brings the temporary name back. */
        if (sync_dir(swap) < 0)
                log_warning("%s: the directory could not be written out.", swap->path);
        return 0;
}

static int taken_back(Swap *swap, int r, int back, Failure *f)
{
        if (back == 0) {
                (void)sync_dir(swap);
                return r;
        }
        /* Whatever is under the temporary name may be the only copy of somebody's text: keep it. */
        swap->has_temp = false;
        if (f)
                failure_done(f);
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: replacing the file failed and could not be taken back (%s); what "
                           "was there before is beside it as %s.",
                           swap->path, strerror(-back), swap->temp);
}

static int replace(Swap *swap, Failure *f)
{
        int r;

        r = move(swap, swap->part, swap->temp, RENAME_NOREPLACE);
        if (r == -EEXIST)
                return litter(swap, swap->temp, f);
        if (r < 0)
                return r;
        swap->has_part = false;
        swap->has_temp = true;
        r = move(swap, swap->temp, swap->name, RENAME_EXCHANGE);
        if (r < 0)
                return r;
        r = conclude(swap, f);
        return r == 0 ? 0 : taken_back(swap, r, exchange_back(swap), f);
}

static int create(Swap *swap, Failure *f)
{
        int r;

        r = move(swap, swap->part, swap->name, RENAME_NOREPLACE);
        if (r == -EEXIST)
                return conflict(swap, f);
        if (r < 0)
                return r;
        swap->has_part = false;
        r = sync_dir(swap);
        return r == 0 ? 0 : taken_back(swap, r, withdraw(swap), f);
}

static int take_away(Swap *swap, Failure *f)
{
        int r;

        r = move(swap, swap->name, swap->temp, RENAME_NOREPLACE);
        if (r == -EEXIST)
                return litter(swap, swap->temp, f);
        if (r < 0)
                return r;
        swap->has_temp = true;
        r = conclude(swap, f);
        return r == 0 ? 0 : taken_back(swap, r, put_back(swap), f);
}

static int run(Swap *swap, Failure *f)
{
        int r;

        if (swap->wanted->kind == NODE_MISSING)
                return take_away(swap, f);
        r = make_part(swap, f);
        if (r != 0)
                return r;
        return swap->expected->kind == NODE_MISSING ? create(swap, f) : replace(swap, f);
}

/* Returns: 0 and swap->dir, to be closed; -errno. */
static int swap_init(Swap *swap, const SwapPlace *place)
{
        int n;

        *swap = (Swap){ .dir = -1, .name = place->name, .path = place->path, .temp = place->temp };
        n = snprintf(swap->part, sizeof(swap->part), "%s.part", place->temp);
        if (n < 0 || (size_t)n >= sizeof(swap->part))
                return -ENAMETOOLONG;
        swap->dir = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return swap->dir < 0 ? -errno : 0;
}

static void swap_done(const Swap *swap)
{
        if (swap->dir >= 0)
                close(swap->dir);
}

int swap_nodes(const SwapPlace *place, const Node *expected, Node *wanted, Failure *f)
{
        _cleanup_(swap_done) Swap swap;
        int r;

        r = swap_init(&swap, place);
        if (r == 0) {
                swap.expected = expected;
                swap.wanted = wanted;
                r = run(&swap, f);
                drop_temps(&swap);
        }
        return r < 0 ? swap_explain(r, place->path, f) : r;
}

int swap_check(const SwapPlace *place, Failure *f)
{
        _cleanup_(swap_done) Swap swap;
        struct stat st;
        int r;

        r = swap_init(&swap, place);
        if (r < 0)
                return r;
        if (fstatat(swap.dir, swap.temp, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return litter(&swap, swap.temp, f);
        if (fstatat(swap.dir, swap.part, &st, AT_SYMLINK_NOFOLLOW) == 0)
                return litter(&swap, swap.part, f);
        return 0;
}

/* --- after a crash --- */

static bool is_one_of(const Node *node, const Node *a, const Node *b)
{
        return node_matches(node, a) || node_matches(node, b);
}

static size_t longer_of(const Node *a, const Node *b)
{
        return a->size > b->size ? a->size : b->size;
}

/* Under TEMP is somebody's edit that was exchanged out, and not yet exchanged back. */
static int return_edit(const Swap *swap, const Node *a, const Node *b)
{
        _cleanup_node_ Node now = { 0 }, out = { 0 };
        int r;

        r = node_read(swap->dir, swap->name, longer_of(a, b), &now);
        if (r < 0)
                return r;
        if (now.kind == NODE_MISSING)
                return move(swap, swap->temp, swap->name, RENAME_NOREPLACE);
        r = is_one_of(&now, a, b) ? move(swap, swap->temp, swap->name, RENAME_EXCHANGE) : -EEXIST;
        if (r == 0)
                r = node_read(swap->dir, swap->temp, longer_of(a, b), &out);
        if (r == 0 && is_one_of(&out, a, b))
                return drop(swap, swap->temp);
        if (r == 0)
                r = move(swap, swap->temp, swap->name, RENAME_EXCHANGE);
        if (r < 0 && r != -EEXIST)
                return r;
        log_warning("%s: two edits met an interrupted change; the newer one is in place, the older "
                    "one beside it as %s",
                    swap->path, swap->temp);
        return 0;
}

int swap_settle(const SwapPlace *place, const Node *before, const Node *after)
{
        _cleanup_(swap_done) Swap swap;
        _cleanup_node_ Node temp = { 0 };
        int r;

        r = swap_init(&swap, place);
        if (r == 0)
                r = drop(&swap, swap.part);
        if (r == 0)
                r = node_read(swap.dir, swap.temp, longer_of(before, after), &temp);
        if (r < 0)
                return r;
        if (temp.kind != NODE_MISSING)
                r = is_one_of(&temp, before, after) ? drop(&swap, swap.temp)
                                                    : return_edit(&swap, before, after);
        return r == 0 ? sync_dir(&swap) : r;
}
