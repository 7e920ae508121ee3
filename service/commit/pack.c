/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pack.c - see pack.h.
 */
#include "commit/pack.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "util/strv.h"

#define LENGTH_SIZE sizeof(uint32_t)

int pack_strings(char *const *l, char **ret, size_t *ret_size)
{
        size_t size = 0;
        char *data, *p;

        for (size_t i = 0; l && l[i]; i++)
                size += strlen(l[i]) + 1;
        data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        p = data;
        for (size_t i = 0; l && l[i]; i++)
                p = stpcpy(p, l[i]) + 1;
        *ret = data;
        *ret_size = size;
        return 0;
}

int unpack_strings(const char *data, size_t size, char ***ret)
{
        _cleanup_strv_ char **l = NULL;
        int r;

        if (size > 0 && data[size - 1] != '\0')
                return -EBADMSG;
        for (const char *s = data; s < data + size; s += strlen(s) + 1) {
                r = strv_extend(&l, s);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

static char *put_field(char *p, const void *data, size_t size)
{
        uint32_t length = htole32((uint32_t)size);

        p = mempcpy(p, &length, LENGTH_SIZE);
        return size > 0 ? mempcpy(p, data, size) : p;
}

/* metadata_read() takes at most 1 MiB of them: lengths fit. */
int pack_xattrs(const Metadata *metadata, char **ret, size_t *ret_size)
{
        const FileXattr *xattr;
        size_t size = 0;
        char *data, *p;

        for (size_t i = 0; i < metadata->n_xattrs; i++)
                size += 2 * LENGTH_SIZE + strlen(metadata->xattrs[i].name) +
                        metadata->xattrs[i].size;
        data = malloc(size + 1);
        if (!data)
                return -ENOMEM;
        p = data;
        for (size_t i = 0; i < metadata->n_xattrs; i++) {
                xattr = &metadata->xattrs[i];
                p = put_field(p, xattr->name, strlen(xattr->name));
                p = put_field(p, xattr->value, xattr->size);
        }
        *ret = data;
        *ret_size = size;
        return 0;
}

/* Takes one field off the front. A NUL follows what is copied. */
static int take_field(const char **p, size_t *left, char **ret, size_t *ret_size)
{
        uint32_t length;
        char *copy;

        if (*left < LENGTH_SIZE)
                return -EBADMSG;
        memcpy(&length, *p, LENGTH_SIZE);
        length = le32toh(length);
        if (length > *left - LENGTH_SIZE)
                return -EBADMSG;
        copy = malloc((size_t)length + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, *p + LENGTH_SIZE, length);
        copy[length] = '\0';
        *p += LENGTH_SIZE + length;
        *left -= LENGTH_SIZE + length;
        *ret = copy;
        *ret_size = length;
        return 0;
}

static int take_xattr(const char **p, size_t *left, FileXattr *ret)
{
        _cleanup_free_ char *name = NULL, *value = NULL;
        size_t name_size, size;
        int r;

        r = take_field(p, left, &name, &name_size);
        if (r == 0)
                r = take_field(p, left, &value, &size);
        if (r < 0)
                return r;
        if (name_size == 0 || strlen(name) != name_size)
                return -EBADMSG;
        *ret = (FileXattr){ .name = TAKE_PTR(name), .value = TAKE_PTR(value), .size = size };
        return 0;
}

int unpack_xattrs(const char *data, size_t size, Metadata *metadata)
{
        int r = 0;

        if (size == 0)
                return 0;
        /* Each has two lengths and a name of at least one byte. */
        metadata->xattrs = calloc(size / (2 * LENGTH_SIZE + 1) + 1, sizeof(FileXattr));
        if (!metadata->xattrs)
                return -ENOMEM;
        while (r == 0 && size > 0) {
                r = take_xattr(&data, &size, &metadata->xattrs[metadata->n_xattrs]);
                if (r == 0)
                        metadata->n_xattrs++;
        }
        return r;
}
