/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * proof.h - does a text hold the nodes that it should?
 */
#pragma once

#include "worker/flat.h"

/* Parses the text as a file's is and compares all labels, values, their order and form with
 * `wanted`. Labels that the lens makes by counting are only compared for being numbers: after
 * "rm 1" what was 2 is read as 1. Leaves PARSE_TREE behind.
 * Returns: 0; -EOPNOTSUPP if they differ; EXM_E_LIMIT_EXCEEDED; -errno. */
int proof_text(Tree *tree, const char *lens, const char *text, size_t size, const Flat *wanted);
