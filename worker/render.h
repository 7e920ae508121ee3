/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * render.h - the text of a file, without its lens putting all of it.
 */
#pragma once

#include "worker/tree.h"

/* The text with the changes spliced in, proved. *ret is new.
 * Returns: 0; -EOPNOTSUPP if it takes the lens' own put; EXM_E_LIMIT_EXCEEDED, -errno. */
int render_by_splices(Tree *tree, const TreeFile *file, bool lossy, char **ret, size_t *ret_size);
