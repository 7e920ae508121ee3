/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree-private.h - what views take from their tree; for tree/ only.
 */
#pragma once

#include "tree/tree.h"
#include "tree/worker.h"

WorkerHost *tree_worker_host(Tree *tree);
