/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pack.h - lists in one column of the database.
 *
 * Strings: each with its NUL, one after the other. Extended attributes: for each the length of its
 * name, the name, the length of its value, the value; lengths are 4 bytes, little endian. What is
 * unpacked may be damaged: it is read within its bounds or refused.
 */
#pragma once

#include "files/metadata.h"

/* Returns: 0 or -ENOMEM. */
int pack_strings(char *const *l, char **ret, size_t *ret_size);
int pack_xattrs(const Metadata *metadata, char **ret, size_t *ret_size);

/* Returns: 0; -EBADMSG; -ENOMEM. */
int unpack_strings(const char *data, size_t size, char ***ret);
/* Into `metadata`, which has none yet. */
int unpack_xattrs(const char *data, size_t size, Metadata *metadata);
