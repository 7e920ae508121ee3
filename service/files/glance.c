/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * glance.c - openat2 and statx, with the flags that keep them from waiting.
 *
 * A directory's st_dev tells its file system; a file's may not (overlayfs), but what is on the same
 * mount as its directory is. ACLs of directories are kept in memory with them, since the kernel
 * itself looks at them on every walk.
 */
#include "files/glance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "files/walk.h"

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

typedef struct Seen {
        struct stat st; /* what stamps and walk.h look at */
        uint64_t mount;
} Seen;

static bool is_local(const struct statfs *fs)
{
        switch (fs->f_type) {
        case EXT4_SUPER_MAGIC:
        case XFS_SUPER_MAGIC:
        case BTRFS_SUPER_MAGIC:
        case F2FS_SUPER_MAGIC:
        case TMPFS_MAGIC:
        case OVERLAYFS_SUPER_MAGIC: /* asks what is below it with the same flags */
                return true;
        default:
                return false;
        }
}

Glance glance_new(void)
{
        struct statfs fs;
        struct stat st;

        if (statfs("/", &fs) < 0 || !is_local(&fs) || stat("/", &st) < 0)
                return (Glance){ 0 };
        return (Glance){ .device = st.st_dev };
}

static bool look(int fd, Seen *ret)
{
        struct statx x;

        if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID,
                  &x) < 0 ||
            (x.stx_mask & (STATX_BASIC_STATS | STATX_MNT_ID)) != (STATX_BASIC_STATS | STATX_MNT_ID))
                return false;
        *ret = (Seen){
                .st = {
                        .st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
                        .st_ino = x.stx_ino,
                        .st_mode = x.stx_mode,
                        .st_uid = x.stx_uid,
                        .st_gid = x.stx_gid,
                        .st_size = (off_t)x.stx_size,
                        .st_mtim = { x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec },
                        .st_ctim = { x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec },
                },
                .mount = x.stx_mnt_id,
        };
        return true;
}

static int open_cached(int dir, const char *name, int flags)
{
        struct open_how how = {
                .flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED,
        };

        return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/* Opens the directory of the file. Returns: its descriptor, -1 if it cannot be told. */
static int open_parent(const Glance *glance, const char *path, Seen *seen, bool *ret_public)
{
        _cleanup_close_ int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const char *start, *end;

        *ret_public = true;
        for (start = path + 1; dir >= 0; start = end + 1) {
                char name[NAME_MAX + 1];
                int next;

                if (!look(dir, seen) || seen->st.st_dev != glance->device)
                        return -1;
                if (!walk_is_searchable_by_all(dir, &seen->st))
                        *ret_public = false;
                end = strchr(start, '/');
                if (!end)
                        return TAKE_FD(dir);
                memcpy(name, start,
                       (size_t)(end - start)); /* as long as a name may be: it was one */
                name[end - start] = '\0';
                next = open_cached(dir, name, O_DIRECTORY);
                close(dir);
                dir = next;
        }
        return -1;
}

bool glance_is_current(const Glance *glance, const FileImage *known)
{
        _cleanup_close_ int dir = -1, file = -1;
        struct timespec now;
        Seen parent, seen;
        FileStamp stamp;
        bool public;

        if (glance->device == 0 || !known->stamp.exists || known->link_target ||
            clock_gettime(CLOCK_REALTIME, &now) < 0)
                return false;
        dir = open_parent(glance, known->path, &parent, &public);
        if (dir < 0 || public != known->parents_public)
                return false;
        file = open_cached(dir, strrchr(known->path, '/') + 1, O_NOFOLLOW);
        if (file < 0 || !look(file, &seen) || seen.mount != parent.mount)
                return false;
        stamp = file_stamp_of(&seen.st, &now);
        return file_stamp_equal(&stamp, &known->stamp);
}
