/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * future.c - an overlay, and a change done in it as it will be done to the live files.
 *
 * The upper layer is in a tmpfs that nobody can reach by name once it is mounted, and goes with the
 * namespace. Directories on the way are walked without following any link: a change that would
 * lead elsewhere fails here as it will fail when it is committed.
 */
#include "worker/future.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/submounts.h"

#define STAGE        "/run/exmachina-stage"
#define ROOT         "/etc"
#define OWN_SETTINGS ROOT "/exmachina"

static int failed(const char *what)
{
        int r = errno > 0 ? -errno : -EPROTO;

        fprintf(stderr, "%s: %s\n", what, strerror(-r));
        return r;
}

static int too_damaged(void)
{
        errno = EBADMSG;
        return failed("the staged files");
}

/* --- the overlay --- */

static int mount_overlay(Submounts *submounts)
{
        if (mkdir(STAGE, 0700) < 0 ||
            mount("exmachina", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=512m") < 0 ||
            mkdir(STAGE "/upper", 0755) < 0 || mkdir(STAGE "/work", 0755) < 0)
                return failed(STAGE);
        if (mount("exmachina", ROOT, "overlay", MS_NOSUID | MS_NODEV,
                  "lowerdir=" ROOT ",upperdir=" STAGE "/upper,workdir=" STAGE "/work") < 0)
                return failed("overlay on " ROOT);
        return submounts_restore(submounts, STAGE) == 0 ? 0 : failed("what is mounted in " ROOT);
}

/* What the overlay showed of our own configuration again. */
static int hide_own_settings(void)
{
        if (mount("exmachina", OWN_SETTINGS, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY,
                  "mode=0000,size=4k") < 0 &&
            errno != ENOENT)
                return failed(OWN_SETTINGS);
        return 0;
}

static int seal_overlay(const Submounts *submounts)
{
        if (submounts_seal(submounts) < 0 ||
            mount(NULL, ROOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
                    0)
                return failed(ROOT);
        if (umount2(STAGE, MNT_DETACH) < 0 || rmdir(STAGE) < 0)
                return failed(STAGE);
        return hide_own_settings();
}

/* --- files --- */

static int open_step(int directory, const char *name)
{
        struct open_how how = { .flags = O_DIRECTORY | O_PATH | O_CLOEXEC,
                                .resolve = RESOLVE_NO_SYMLINKS };

        return (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));
}

/* Opens the directory of `path`, below ROOT, making what is missing. Returns: a descriptor, -1 with
 * errno. */
static int open_parent(const char *path, const char **ret_name)
{
        _cleanup_close_ int directory = open("/", O_DIRECTORY | O_PATH | O_CLOEXEC);
        const char *from = path + 1, *slash;

        while (directory >= 0 && (slash = strchr(from, '/'))) {
                _cleanup_free_ char *name = strndup(from, (size_t)(slash - from));
                int next;

                if (!name)
                        return -1;
                next = open_step(directory, name);
                if (next < 0 && errno == ENOENT && mkdirat(directory, name, 0755) == 0)
                        next = open_step(directory, name);
                if (next < 0)
                        return -1;
                close(directory);
                directory = next;
                from = slash + 1;
        }
        *ret_name = from;
        return TAKE_FD(directory);
}

static bool write_all(int fd, const char *p, uint64_t size)
{
        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0 && errno != EINTR)
                        return false;
                p += n > 0 ? n : 0;
                size -= n > 0 ? (uint64_t)n : 0;
        }
        return true;
}

static bool put_file(int directory, const char *name, const FutureRecord *record, const char *acl,
                     const char *content)
{
        _cleanup_close_ int fd = -1;

        fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd >= 0 && fchown(fd, record->uid, record->gid) == 0 &&
               (record->acl_size == 0 ||
                fsetxattr(fd, "system.posix_acl_access", acl, record->acl_size, 0) == 0) &&
               write_all(fd, content, record->content_size) && fchmod(fd, record->mode) == 0;
}

static bool put_link(int directory, const char *name, const FutureRecord *record,
                     const char *content)
{
        _cleanup_free_ char *target = strndup(content, record->content_size);

        return target && symlinkat(target, directory, name) == 0 &&
               fchownat(directory, name, record->uid, record->gid, AT_SYMLINK_NOFOLLOW) == 0;
}

static int put(const FutureRecord *record, const char *path, const char *acl, const char *content)
{
        _cleanup_close_ int directory = -1;
        const char *name;
        bool done = false;

        directory = open_parent(path, &name);
        if (directory < 0 || (unlinkat(directory, name, 0) < 0 && errno != ENOENT))
                return failed(path);
        if (record->kind == FUTURE_FILE)
                done = put_file(directory, name, record, acl, content);
        else if (record->kind == FUTURE_LINK)
                done = put_link(directory, name, record, content);
        return done || record->kind == FUTURE_GONE ? 0 : failed(path);
}

/* --- records --- */

/* `p` is at a record of which `size` bytes are there. Returns: its length, 0 if it is damaged. */
static uint64_t check_record(const char *p, uint64_t size, FutureRecord *ret)
{
        uint64_t length;

        if (size < sizeof(*ret))
                return 0;
        memcpy(ret, p, sizeof(*ret));
        if (ret->magic != FUTURE_MAGIC || ret->name_size < sizeof(ROOT "/") ||
            ret->content_size > size)
                return 0;
        length = sizeof(*ret) + ret->name_size + ret->acl_size + ret->content_size;
        if (length > size || memcmp(p + sizeof(*ret), ROOT "/", strlen(ROOT "/")) != 0 ||
            p[sizeof(*ret) + ret->name_size - 1] != '\0')
                return 0;
        return length;
}

static int apply_records(const char *p, uint64_t size)
{
        int r = 0;

        while (r == 0 && size > 0) {
                FutureRecord record;
                uint64_t length = check_record(p, size, &record);
                const char *name = p + sizeof(record), *acl = name + record.name_size;

                if (length == 0)
                        return too_damaged();
                r = put(&record, name, acl, acl + record.acl_size);
                p += length;
                size -= length;
        }
        return r;
}

int future_apply(int fd)
{
        Submounts *submounts;
        struct stat st;
        void *bytes;
        int r;

        if (fstat(fd, &st) < 0 || st.st_size <= 0)
                return too_damaged();
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
                return failed("the staged files");
        if (submounts_open(&submounts, ROOT) < 0)
                return failed("what is mounted in " ROOT);
        umask(0);
        r = mount_overlay(submounts);
        if (r == 0)
                r = apply_records(bytes, (uint64_t)st.st_size);
        if (r == 0)
                r = seal_overlay(submounts);
        umask(0022);
        munmap(bytes, (size_t)st.st_size);
        submounts_free(submounts);
        return r;
}
