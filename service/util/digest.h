/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * digest.h - SHA-256 (nettle), as lower-case hex.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX_SIZE 65 /* 64 digits and NUL */

typedef struct Digest Digest;

/* Returns: a new state, NULL out of memory. Freed by digest_finish(), which accepts NULL. */
Digest *digest_new(void);
void digest_add(Digest *d, const void *data, size_t size);
/* Adds the length as 8 bytes, little endian, then the data: fields cannot run into each other. */
void digest_add_field(Digest *d, const void *data, size_t size);
void digest_add_u64(Digest *d, uint64_t v);
void digest_finish(Digest *d, char ret[DIGEST_HEX_SIZE]);
