/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * future.c - records into a memfd, and the digest of all of them.
 */
#include "validate/future.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "worker/future.h"

#define ROOT "/etc/"

int future_new(Future **ret, bool packed)
{
        _cleanup_(future_free_cleanup) Future *future = NULL;

        future = calloc(1, sizeof(*future));
        if (!future)
                return -ENOMEM;
        future->fd =
                packed ? memfd_create("exmachina-future", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
        if (packed && future->fd < 0)
                return -errno;
        future->digest = digest_new();
        if (!future->digest)
                return -ENOMEM;
        *ret = TAKE_PTR(future);
        return 0;
}

Future *future_free(Future *future)
{
        char unused[DIGEST_HEX_SIZE];

        if (!future)
                return NULL;
        for (size_t i = 0; i < future->n_files; i++) {
                free(future->files[i].name);
                free(future->files[i].path);
        }
        free(future->files);
        free(future->outside);
        digest_finish(future->digest, unused);
        close_cleanup(&future->fd);
        free(future);
        return NULL;
}

static int write_all(int fd, struct iovec *parts, size_t n_parts)
{
        for (size_t i = 0; i < n_parts; i++) {
                const char *p = parts[i].iov_base;
                size_t size = parts[i].iov_len;

                while (size > 0) {
                        ssize_t n = write(fd, p, size);

                        if (n < 0 && errno != EINTR)
                                return -errno;
                        p += n > 0 ? n : 0;
                        size -= n > 0 ? (size_t)n : 0;
                }
        }
        return 0;
}

/* Other extended attributes are of no interest to a program that reads a configuration. */
static int pack(Future *future, const char *name, const Node *after)
{
        const FileXattr *acl =
                after->kind == NODE_FILE ? metadata_find_acl(&after->metadata) : NULL;
        const char *content = after->kind == NODE_LINK ? after->link_target : after->content;
        FutureRecord record = {
                .magic = FUTURE_MAGIC,
                .kind = after->kind == NODE_FILE   ? FUTURE_FILE
                        : after->kind == NODE_LINK ? FUTURE_LINK
                                                   : FUTURE_GONE,
                .mode = after->metadata.mode,
                .uid = after->metadata.uid,
                .gid = after->metadata.gid,
                .name_size = (uint32_t)strlen(name) + 1,
                .acl_size = acl ? (uint32_t)acl->size : 0,
                .content_size = after->kind == NODE_FILE   ? after->size
                                : after->kind == NODE_LINK ? strlen(after->link_target)
                                                           : 0,
        };
        struct iovec parts[] = {
                { &record, sizeof(record) },
                { (void *)name, record.name_size },
                { acl ? acl->value : NULL, record.acl_size },
                { (void *)content, record.content_size },
        };

        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                future->size += parts[i].iov_len;
        return write_all(future->fd, parts, ELEMENTSOF(parts));
}

static void add_to_digest(Digest *d, const Node *node)
{
        const char *text = node->kind == NODE_LINK ? node->link_target : node->version;

        digest_add_u64(d, node->kind);
        digest_add_u64(d, node->metadata.uid);
        digest_add_u64(d, node->metadata.gid);
        digest_add_field(d, text, strlen(text));
}

static uint32_t count_lines(const Node *node)
{
        const char *p = node->content, *end = p ? p + node->size : NULL;
        uint32_t n = 1;

        while (p && (p = memchr(p, '\n', (size_t)(end - p)))) {
                p++;
                n++;
        }
        return n;
}

static int add_file(Future *future, const char *name, const char *path, const Node *after)
{
        FutureFile *grown, *file;

        grown = reallocarray(future->files, future->n_files + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        future->files = grown;
        file = &future->files[future->n_files++];
        *file = (FutureFile){ .name = strdup(name),
                              .path = strdup(path),
                              .gone = after->kind == NODE_MISSING,
                              .n_lines = count_lines(after) };
        return file->name && file->path ? 0 : -ENOMEM;
}

int future_add(Future *future, const char *name, const char *path, const Node *before,
               const Node *after)
{
        int r;

        if (after->kind == NODE_FILE && !after->version[0])
                return -EINVAL;
        r = add_file(future, name, path, after);
        if (r < 0)
                return r;
        digest_add_field(future->digest, name, strlen(name));
        add_to_digest(future->digest, before);
        add_to_digest(future->digest, after);
        if (strncmp(name, ROOT, strlen(ROOT)) == 0)
                return future->fd < 0 ? 0 : pack(future, name, after);
        if (!future->outside)
                future->outside = strdup(name);
        return future->outside ? 0 : -ENOMEM;
}

int future_seal(Future *future)
{
        digest_finish(TAKE_PTR(future->digest), future->version);
        if (future->fd < 0)
                return 0;
        if (lseek(future->fd, 0, SEEK_SET) < 0 ||
            fcntl(future->fd, F_ADD_SEALS,
                  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return 0;
}

const FutureFile *future_find(const Future *future, const char *name)
{
        for (size_t i = 0; i < future->n_files; i++)
                if (strcmp(future->files[i].name, name) == 0 ||
                    strcmp(future->files[i].path, name) == 0)
                        return &future->files[i];
        return NULL;
}
