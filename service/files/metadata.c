/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metadata.c - what a file has beside its bytes.
 *
 * Attributes are read by the name /proc/self/fd/N, which works for descriptors that were only
 * opened as a path, and set by descriptor. One that changes while it is read is the business of the
 * caller, who compares the file's ctime before and after.
 */
#include "files/metadata.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "files/walk.h"

#define ACL              "system.posix_acl_access"
#define MAX_XATTRS_BYTES (1024U * 1024U)
#define MODE_BITS        07777U

static bool is_kept(const char *name)
{
        if (strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0)
                return false;
        return strcmp(name, ACL) == 0 || strncmp(name, "user.", 5) == 0 ||
               strncmp(name, "trusted.", 8) == 0 || strncmp(name, "security.", 9) == 0;
}

/* A file system without extended attributes has an empty list. */
static int list_names(const char *path, char **ret, size_t *ret_size)
{
        _cleanup_free_ char *names = NULL;
        ssize_t n;

        n = listxattr(path, NULL, 0);
        if (n > 0) {
                names = malloc((size_t)n);
                if (!names)
                        return -ENOMEM;
                n = listxattr(path, names, (size_t)n);
        }
        if (n < 0 && errno != ENOTSUP)
                return -errno;
        *ret = TAKE_PTR(names);
        *ret_size = n > 0 ? (size_t)n : 0;
        return 0;
}

/* Returns: 0 and *ret, whose name is NULL if there is no such attribute (any more). */
static int read_xattr(const char *path, const char *name, FileXattr *ret)
{
        _cleanup_free_ void *value = NULL;
        ssize_t n;

        *ret = (FileXattr){ 0 };
        n = getxattr(path, name, NULL, 0);
        if (n >= 0) {
                value = malloc((size_t)n + 1);
                if (!value)
                        return -ENOMEM;
                n = getxattr(path, name, value, (size_t)n);
        }
        if (n < 0)
                return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
        ret->name = strdup(name);
        if (!ret->name)
                return -ENOMEM;
        ret->value = TAKE_PTR(value);
        ret->size = (size_t)n;
        return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
        return strcmp(((const FileXattr *)a)->name, ((const FileXattr *)b)->name);
}

/* Fills in xattrs, a part of them also on failure. */
static int read_xattrs(int fd, Metadata *metadata)
{
        _cleanup_free_ char *names = NULL;
        FdPath p = walk_fd_path(fd);
        size_t size = 0, total = 0;
        FileXattr *xattr;
        int r;

        r = list_names(p.path, &names, &size);
        if (r < 0 || size == 0)
                return r;
        /* Each name has at least a letter and its NUL. */
        metadata->xattrs = calloc(size / 2 + 1, sizeof(FileXattr));
        if (!metadata->xattrs)
                return -ENOMEM;
        for (const char *name = names; name < names + size; name += strlen(name) + 1) {
                if (!is_kept(name))
                        continue;
                xattr = &metadata->xattrs[metadata->n_xattrs];
                r = read_xattr(p.path, name, xattr);
                if (r < 0)
                        return r;
                if (!xattr->name)
                        continue;
                metadata->n_xattrs++;
                total += xattr->size;
                if (total > MAX_XATTRS_BYTES)
                        return -E2BIG;
        }
        if (metadata->n_xattrs > 1)
                qsort(metadata->xattrs, metadata->n_xattrs, sizeof(FileXattr), compare_xattrs);
        return 0;
}

int metadata_read(int fd, Metadata *ret)
{
        Metadata metadata = { 0 };
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        metadata.mode = st.st_mode & MODE_BITS;
        metadata.uid = st.st_uid;
        metadata.gid = st.st_gid;
        r = read_xattrs(fd, &metadata);
        if (r < 0) {
                metadata_done(&metadata);
                return r;
        }
        *ret = metadata;
        return 0;
}

void metadata_done(Metadata *metadata)
{
        for (size_t i = 0; i < metadata->n_xattrs; i++) {
                free(metadata->xattrs[i].name);
                free(metadata->xattrs[i].value);
        }
        free(metadata->xattrs);
        *metadata = (Metadata){ 0 };
}

const FileXattr *metadata_find(const Metadata *metadata, const char *name)
{
        for (size_t i = 0; i < metadata->n_xattrs; i++)
                if (strcmp(metadata->xattrs[i].name, name) == 0)
                        return &metadata->xattrs[i];
        return NULL;
}

const FileXattr *metadata_find_acl(const Metadata *metadata)
{
        return metadata_find(metadata, ACL);
}

bool metadata_has_acl(const Metadata *metadata)
{
        return metadata_find_acl(metadata);
}

static int copy_xattr(const FileXattr *from, FileXattr *ret)
{
        *ret = (FileXattr){ .name = strdup(from->name), .value = malloc(from->size + 1) };
        if (!ret->name || !ret->value) {
                free(ret->name);
                free(ret->value);
                return -ENOMEM;
        }
        if (from->size > 0)
                memcpy(ret->value, from->value, from->size);
        ret->size = from->size;
        return 0;
}

int metadata_copy(const Metadata *from, Metadata *ret)
{
        Metadata copy = { .mode = from->mode, .uid = from->uid, .gid = from->gid };
        int r = 0;

        if (from->n_xattrs > 0) {
                copy.xattrs = calloc(from->n_xattrs, sizeof(FileXattr));
                if (!copy.xattrs)
                        return -ENOMEM;
        }
        for (; r == 0 && copy.n_xattrs < from->n_xattrs; copy.n_xattrs += r == 0)
                r = copy_xattr(&from->xattrs[copy.n_xattrs], &copy.xattrs[copy.n_xattrs]);
        if (r < 0) {
                metadata_done(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

/* One entry of an ACL as the kernel keeps it in the attribute, little endian: tag, rights, id. */
#define ACL_HEADER_BYTES 4U
#define ACL_ENTRY_BYTES  8U
enum { ACL_OWNER = 0x01, ACL_GROUP = 0x04, ACL_MASK = 0x10, ACL_OTHERS = 0x20 };

static unsigned char *find_acl_entry(const FileXattr *acl, unsigned char tag)
{
        unsigned char *p = acl->value;

        for (size_t at = ACL_HEADER_BYTES; at + ACL_ENTRY_BYTES <= acl->size; at += ACL_ENTRY_BYTES)
                if (p[at] == tag && p[at + 1] == 0)
                        return p + at;
        return NULL;
}

static void set_acl_rights(unsigned char *entry, mode_t rights)
{
        if (entry)
                entry[2] = (unsigned char)(rights & 07);
}

void metadata_set_mode(Metadata *metadata, mode_t mode)
{
        const FileXattr *acl = metadata_find_acl(metadata);
        unsigned char *group;

        metadata->mode = mode & MODE_BITS;
        if (!acl)
                return;
        group = find_acl_entry(acl, ACL_MASK);
        set_acl_rights(group ? group : find_acl_entry(acl, ACL_GROUP), mode >> 3);
        set_acl_rights(find_acl_entry(acl, ACL_OWNER), mode >> 6);
        set_acl_rights(find_acl_entry(acl, ACL_OTHERS), mode);
}

static bool is_label(const char *name)
{
        return strcmp(name, "security.selinux") == 0 || strcmp(name, "security.SMACK64") == 0;
}

bool metadata_has(const Metadata *metadata, const FileXattr *xattr)
{
        const FileXattr *other = metadata_find(metadata, xattr->name);

        return other && other->size == xattr->size &&
               memcmp(other->value, xattr->value, xattr->size) == 0;
}

bool metadata_matches(const Metadata *found, const Metadata *wanted)
{
        if (found->mode != wanted->mode || found->uid != wanted->uid || found->gid != wanted->gid)
                return false;
        for (size_t i = 0; i < wanted->n_xattrs; i++)
                if (!metadata_has(found, &wanted->xattrs[i]))
                        return false;
        for (size_t i = 0; i < found->n_xattrs; i++)
                if (!metadata_find(wanted, found->xattrs[i].name) &&
                    !is_label(found->xattrs[i].name))
                        return false;
        return true;
}

static int set_xattr(int fd, const FileXattr *xattr)
{
        return fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) < 0 ? -errno : 0;
}

/* 1. The owner, since a change of it clears set-id bits.
 * 2. The ACL; or none, where the directory's default ACL has put one on the new file.
 * 3. The mode: it comes last so that with an ACL it means what chmod(1) means (the mask), and where
 *    the mode is as it was it changes nothing. */
int metadata_apply_access(int fd, const Metadata *metadata)
{
        const FileXattr *acl = metadata_find_acl(metadata);
        int r = 0;

        if (fchown(fd, metadata->uid, metadata->gid) < 0)
                return -errno;
        if (acl)
                r = set_xattr(fd, acl);
        else if (fremovexattr(fd, ACL) < 0 && errno != ENODATA && errno != ENOTSUP)
                r = -errno;
        if (r < 0)
                return r;
        return fchmod(fd, metadata->mode & MODE_BITS) < 0 ? -errno : 0;
}

int metadata_apply_xattrs(int fd, const Metadata *metadata)
{
        const FileXattr *acl = metadata_find_acl(metadata);
        struct stat st;
        int r;

        for (size_t i = 0; i < metadata->n_xattrs; i++) {
                if (&metadata->xattrs[i] == acl)
                        continue;
                r = set_xattr(fd, &metadata->xattrs[i]);
                if (r < 0)
                        return r;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        /* Writing may have cleared set-id bits, where the service runs without CAP_FSETID. */
        return st.st_uid == metadata->uid && st.st_gid == metadata->gid &&
                               (st.st_mode & MODE_BITS) == (metadata->mode & MODE_BITS)
                       ? 0
                       : -EPERM;
}

int metadata_version(const Metadata *metadata, const void *content, size_t size,
                     char ret[DIGEST_HEX_SIZE])
{
        Digest *d;

        d = digest_new();
        if (!d)
                return -ENOMEM;
        digest_add_u64(d, metadata->mode);
        digest_add_u64(d, metadata->uid);
        digest_add_u64(d, metadata->gid);
        digest_add_u64(d, metadata->n_xattrs);
        for (size_t i = 0; i < metadata->n_xattrs; i++) {
                digest_add_field(d, metadata->xattrs[i].name, strlen(metadata->xattrs[i].name));
                digest_add_field(d, metadata->xattrs[i].value, metadata->xattrs[i].size);
        }
        digest_add_field(d, content, size);
        digest_finish(d, ret);
        return 0;
}
