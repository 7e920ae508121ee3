/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-cache.h - warm read views: one per uid and set of files.
 *
 * A worker never serves two uids, so nobody's stall, crash or compromise of a worker touches
 * another. Views that nobody uses go away after limits->view_idle_sec, or earlier when room is
 * needed: the longest unused of the same uid first, then of all.
 */
#pragma once

#include <stdbool.h>

#include "tree/view.h"

typedef struct ViewCache ViewCache;
typedef struct WarmView WarmView;

int view_cache_new(ViewCache **ret, sd_event *event, Tree *tree, const Limits *limits);
/* No view may be in use. NULL is allowed. */
ViewCache *view_cache_free(ViewCache *cache);

/* The healthy view of that uid and key, made if there is none; in use until warm_view_release().
 * Returns: 0; EXM_E_LIMIT_EXCEEDED (as many in use as are allowed); -errno. */
int view_cache_get(ViewCache *cache, uid_t uid, const char *key, WarmView **ret, Failure *f);

/* Returns: what a view of that uid has loaded of the file, NULL if none has. Borrowed. */
FileImage *view_cache_find_image(const ViewCache *cache, uid_t uid, const char *file);

View *warm_view_view(WarmView *warm);

/* NULL is allowed. */
WarmView *warm_view_release(WarmView *warm);

/* Nobody gets it any more; it goes when its last user releases it. */
void warm_view_spoil(WarmView *warm);
