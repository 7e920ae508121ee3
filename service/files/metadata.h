/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * metadata.h - owner, mode, ACL and extended attributes of a file: read, put on, hashed.
 *
 * Kept are system.posix_acl_access and user.*, trusted.* and security.* (capabilities, SELinux
 * label) but security.ima and security.evm, which the kernel computes. Blocking: runs in a thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "util/digest.h"

typedef struct FileXattr {
        char *name; /* includes system.posix_acl_access; not security.selinux-like computed ones
                     * that the kernel refuses to set */
        void *value;
        size_t size;
} FileXattr;

typedef struct Metadata {
        mode_t mode; /* permission bits with set-id and sticky */
        uid_t uid;
        gid_t gid;
        FileXattr *xattrs; /* sorted by name */
        size_t n_xattrs;
} Metadata;

/* Reads all of it from any descriptor, O_PATH too. Returns: 0; -E2BIG (over 1 MiB); -errno. */
int metadata_read(int fd, Metadata *ret);
void metadata_done(Metadata *metadata);
bool metadata_has_acl(const Metadata *metadata);

/* A deep copy. Returns: 0 or -ENOMEM. */
int metadata_copy(const Metadata *from, Metadata *ret);

/* As chmod(2) would: an ACL's mask (or the group's entry), owner and others follow the mode. */
void metadata_set_mode(Metadata *metadata, mode_t mode);

/* Returns: true if `found` is what became of `wanted` on the disk: the same, but for a label that a
 * security module put on a file for which none was wanted. */
bool metadata_matches(const Metadata *found, const Metadata *wanted);

/* Returns: NULL if there is none. */
const FileXattr *metadata_find(const Metadata *metadata, const char *name);
const FileXattr *metadata_find_acl(const Metadata *metadata);

/* Returns: true if it has the attribute with this value. */
bool metadata_has(const Metadata *metadata, const FileXattr *xattr);

/* To be done to an empty new file that only root can open: owner, ACL, then mode. The other
 * attributes come after the content, since the kernel drops capabilities of a file that is written.
 * `fd` is open for writing. Returns: 0 or -errno. */
int metadata_apply_access(int fd, const Metadata *metadata);
int metadata_apply_xattrs(int fd, const Metadata *metadata);

/* The version of a file (docs/api.md). Returns: 0 or -ENOMEM. */
int metadata_version(const Metadata *metadata, const void *content, size_t size,
                     char ret[DIGEST_HEX_SIZE]);
