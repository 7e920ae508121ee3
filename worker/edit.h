/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * edit.h - one edit of the tree, by augtool's words.
 */
#pragma once

#include <stdint.h>

#include "util/failure.h"
#include "worker/tree.h"

/* `args` is NULL-terminated and hostile. *ret_count: nodes set, removed or renamed.
 * Returns: 0; EXM_E_INVALID_EDIT, EXM_E_INVALID_PATH, EXM_E_NO_MATCH, EXM_E_MANY_MATCHES,
 * EXM_E_NO_LENS, EXM_E_PARSE_FAILED; -errno. After a failure the tree may hold part of the edit. */
int edit_apply(Tree *tree, const char *verb, char *const *args, uint32_t *ret_count, Failure *f);
