/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * node.c - reading a file so that its bytes and its metadata belong together.
 *
 * There is no lock that others would honour: a file is read, and read again if its stat data differ
 * between before and after. What hides within one clock tick is for the reader's caller to mind
 * (FileStamp.young).
 */
#include "files/node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "files/walk.h"

#define READ_ATTEMPTS 5

/* Never waits: a lease of somebody else on the file is EWOULDBLOCK. */
static int reopen(int file)
{
        int fd;

        fd = open(walk_fd_path(file).path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
        return a->st_size == b->st_size && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
               a->st_gid == b->st_gid && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
               a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads exactly `size` bytes and makes sure that there are no more.
 * Returns: 0; -EAGAIN if there are more or fewer; -errno. */
static int read_content(int fd, size_t size, void **ret)
{
        _cleanup_free_ char *content = NULL;
        size_t done = 0;
        ssize_t n;

        content = malloc(size + 1);
        if (!content)
                return -ENOMEM;
        while (done <= size) {
                n = pread(fd, content + done, size + 1 - done, (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t)n;
        }
        if (done != size)
                return -EAGAIN;
        content[size] = '\0';
        *ret = TAKE_PTR(content);
        return 0;
}

/* Returns: 0; -EAGAIN if it changed meanwhile; -EFBIG; -errno. `node` is filled in part on failure.
 */
static int read_once(int fd, uint64_t max_bytes, Node *node, struct stat *ret_st)
{
        struct stat before, after;
        int r;

        if (fstat(fd, &before) < 0)
                return -errno;
        if (!S_ISREG(before.st_mode))
                return -EINVAL;
        if ((uint64_t)before.st_size > max_bytes)
                return -EFBIG;
        r = read_content(fd, (size_t)before.st_size, &node->content);
        if (r == 0)
                r = metadata_read(fd, &node->metadata);
        if (r < 0)
                return r == -ERANGE ? -EAGAIN : r;
        if (fstat(fd, &after) < 0)
                return -errno;
        if (!same_state(&before, &after))
                return -EAGAIN;
        node->kind = NODE_FILE;
        node->size = (size_t)before.st_size;
        *ret_st = after;
        return node_set_version(node);
}

int node_read_file(int file, uint64_t max_bytes, Node *ret, struct stat *ret_st)
{
        _cleanup_close_ int fd = -1;
        int r = -EAGAIN;

        fd = reopen(file);
        if (fd < 0)
                return fd;
        for (unsigned i = 0; i < READ_ATTEMPTS && r == -EAGAIN; i++) {
                Node node = { 0 };

                if (i > 0)
                        nanosleep(&(struct timespec){ .tv_nsec = (long)i * 2000000 }, NULL);
                r = read_once(fd, max_bytes, &node, ret_st);
                if (r == 0)
                        *ret = node;
                else
                        node_done(&node);
        }
        return r;
}

static int read_link(int file, const struct stat *st, Node *ret)
{
        int r;

        r = walk_read_link(file, &ret->link_target);
        if (r < 0)
                return r;
        ret->kind = NODE_LINK;
        ret->metadata.uid = st->st_uid;
        ret->metadata.gid = st->st_gid;
        return 0;
}

int node_read(int dir, const char *name, uint64_t max_bytes, Node *ret)
{
        _cleanup_close_ int file = -1;
        struct stat st;
        int r = 0;

        *ret = (Node){ .kind = NODE_MISSING };
        file = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (file < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(file, &st) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return read_link(file, &st, ret);
        if (S_ISREG(st.st_mode))
                r = node_read_file(file, max_bytes, ret, &st);
        if (r == -EFBIG)
                r = 0;
        if (r == 0 && ret->kind != NODE_FILE)
                ret->kind = S_ISREG(st.st_mode) ? NODE_FILE : NODE_OTHER;
        return r;
}

bool node_matches(const Node *found, const Node *wanted)
{
        if (found->kind != wanted->kind)
                return false;
        switch (found->kind) {
        case NODE_MISSING:
                return true;
        case NODE_FILE:
                /* Without content: too long to be the other. */
                return found->content && found->size == wanted->size &&
                       (found->size == 0 ||
                        memcmp(found->content, wanted->content, found->size) == 0) &&
                       metadata_matches(&found->metadata, &wanted->metadata);
        case NODE_LINK:
                return strcmp(found->link_target, wanted->link_target) == 0;
        case NODE_OTHER:
                return false;
        }
        return false;
}

static int copy_content(const Node *from, Node *copy)
{
        if (from->content || from->kind == NODE_FILE) {
                copy->content = malloc(from->size + 1);
                if (!copy->content)
                        return -ENOMEM;
                if (from->size > 0)
                        memcpy(copy->content, from->content, from->size);
                ((char *)copy->content)[from->size] = '\0';
                copy->size = from->size;
        }
        if (from->link_target) {
                copy->link_target = strdup(from->link_target);
                if (!copy->link_target)
                        return -ENOMEM;
        }
        return 0;
}

int node_copy(const Node *from, Node *ret)
{
        Node copy = { .kind = from->kind };
        int r;

        r = metadata_copy(&from->metadata, &copy.metadata);
        if (r == 0)
                r = copy_content(from, &copy);
        if (r < 0) {
                node_done(&copy);
                return r;
        }
        memcpy(copy.version, from->version, sizeof(copy.version));
        *ret = copy;
        return 0;
}

int node_set_version(Node *node)
{
        return metadata_version(&node->metadata, node->content, node->size, node->version);
}

void node_done(Node *node)
{
        metadata_done(&node->metadata);
        free(node->content);
        free(node->link_target);
        *node = (Node){ 0 };
}
