/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-file.h - the text of a key file: made, and read strictly (docs/keys.md has the format).
 *
 * Files are root's own, but whoever reads them decides by them who may do what: a line that is not
 * understood makes the whole file malformed. No secret is ever in it. Pure: no I/O.
 */
#pragma once

#include "auth/key-secret.h"

/* Returns: a new string, NULL out of memory. */
char *key_file_format(const Key *key, const KeyProof *proof);

/* `name`: what the file's name says. Sets key->version.
 * Returns: 0 and a new reference; EXM_E_PARSE_FAILED; -ENOMEM. */
int key_file_parse(const char *data, size_t size, const char *name, Key **ret, KeyProof *ret_proof,
                   Failure *f);
