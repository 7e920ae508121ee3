/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-cache.c - a short list, looked through from the latest used on.
 */
#include "bus/call/view-cache.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

struct WarmView {
        TAILQ_ENTRY(WarmView) entry;
        ViewCache *cache;
        uid_t uid;
        char *key;
        View *view;
        unsigned n_users;
        bool spoilt;
        uint64_t unused_since; /* µs, CLOCK_MONOTONIC */
};

struct ViewCache {
        Tree *tree;
        const Limits *limits;
        sd_event_source *sweep;
        TAILQ_HEAD(WarmViews, WarmView) views; /* latest used first */
};

static void warm_view_destroy(WarmView *warm)
{
        TAILQ_REMOVE(&warm->cache->views, warm, entry);
        view_free(warm->view);
        free(warm->key);
        free(warm);
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        ViewCache *cache = userdata;
        uint64_t idle = (uint64_t)cache->limits->view_idle_sec * 1000000;
        WarmView *warm, *next;
        bool left = false;

        for (warm = TAILQ_FIRST(&cache->views); warm; warm = next) {
                next = TAILQ_NEXT(warm, entry);
                if (warm->n_users == 0 && warm->unused_since + idle <= usec)
                        warm_view_destroy(warm);
                else
                        left = true;
        }
        if (!left)
                return sd_event_source_set_enabled(source, SD_EVENT_OFF);
        sd_event_source_set_time_relative(source, idle / 4 + 1);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int view_cache_new(ViewCache **ret, sd_event *event, Tree *tree, const Limits *limits)
{
        ViewCache *cache;
        int r;

        cache = calloc(1, sizeof(*cache));
        if (!cache)
                return -ENOMEM;
        cache->tree = tree;
        cache->limits = limits;
        TAILQ_INIT(&cache->views);
        r = sd_event_add_time_relative(event, &cache->sweep, CLOCK_MONOTONIC, 0, 0, on_sweep,
                                       cache);
        if (r >= 0)
                r = sd_event_source_set_enabled(cache->sweep, SD_EVENT_OFF);
        if (r < 0) {
                view_cache_free(cache);
                return r;
        }
        *ret = cache;
        return 0;
}

ViewCache *view_cache_free(ViewCache *cache)
{
        WarmView *warm;

        if (!cache)
                return NULL;
        while ((warm = TAILQ_FIRST(&cache->views))) {
                warm->n_users++; /* users that its end releases are not the last */
                warm_view_destroy(warm);
        }
        sd_event_source_disable_unref(cache->sweep);
        free(cache);
        return NULL;
}

static WarmView *find(ViewCache *cache, uid_t uid, const char *key)
{
        WarmView *warm, *next;

        for (warm = TAILQ_FIRST(&cache->views); warm; warm = next) {
                next = TAILQ_NEXT(warm, entry);
                if (warm->uid != uid || warm->spoilt || strcmp(warm->key, key) != 0)
                        continue;
                if (view_is_alive(warm->view) || warm->n_users > 0)
                        return warm;
                warm_view_destroy(warm);
        }
        return NULL;
}

/* Frees the longest unused view of `uid` (or of anybody, if `all`). Returns: false if none is free.
 */
static bool evict(ViewCache *cache, uid_t uid, bool all)
{
        WarmView *warm;

        TAILQ_FOREACH_REVERSE(warm, &cache->views, WarmViews, entry)
        {
                if (warm->n_users > 0 || (!all && warm->uid != uid))
                        continue;
                warm_view_destroy(warm);
                return true;
        }
        return false;
}

static int make_room(ViewCache *cache, uid_t uid, Failure *f)
{
        unsigned n_user = 0, n_total = 0;
        WarmView *warm;

        TAILQ_FOREACH(warm, &cache->views, entry) {
                n_total++;
                if (warm->uid == uid)
                        n_user++;
        }
        if ((n_user >= cache->limits->views_user && !evict(cache, uid, /* all= */ false)) ||
            (n_total >= cache->limits->views_total && !evict(cache, uid, /* all= */ true)))
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "as many views are in use as are allowed (%u of one user, %u in "
                                   "all): wait for an answer, then call again",
                                   cache->limits->views_user, cache->limits->views_total);
        return 0;
}

int view_cache_get(ViewCache *cache, uid_t uid, const char *key, WarmView **ret, Failure *f)
{
        WarmView *warm;
        int r;

        warm = find(cache, uid, key);
        if (warm) {
                TAILQ_REMOVE(&cache->views, warm, entry);
        } else {
                r = make_room(cache, uid, f);
                if (r != 0)
                        return r;
                warm = calloc(1, sizeof(*warm));
                if (!warm)
                        return -ENOMEM;
                warm->cache = cache;
                warm->uid = uid;
                warm->key = strdup(key);
                r = warm->key ? view_new(&warm->view, cache->tree) : -ENOMEM;
                if (r < 0) {
                        free(warm->key);
                        free(warm);
                        return r;
                }
                view_set_volatile(warm->view);
        }
        TAILQ_INSERT_HEAD(&cache->views, warm, entry);
        warm->n_users++;
        *ret = warm;
        return 0;
}

FileImage *view_cache_find_image(const ViewCache *cache, uid_t uid, const char *file)
{
        const WarmView *warm;

        TAILQ_FOREACH(warm, &cache->views, entry) {
                ssize_t i = warm->uid == uid ? view_find(warm->view, file) : -1;

                if (i >= 0)
                        return view_file(warm->view, (size_t)i)->image;
        }
        return NULL;
}

View *warm_view_view(WarmView *warm)
{
        return warm->view;
}

WarmView *warm_view_release(WarmView *warm)
{
        ViewCache *cache;

        if (!warm || --warm->n_users > 0)
                return NULL;
        cache = warm->cache;
        if (warm->spoilt) {
                warm_view_destroy(warm);
                return NULL;
        }
        view_forget(warm->view);
        sd_event_now(sd_event_source_get_event(cache->sweep), CLOCK_MONOTONIC, &warm->unused_since);
        if (sd_event_source_set_time_relative(cache->sweep, (uint64_t)cache->limits->view_idle_sec *
                                                                    1000000) >= 0)
                sd_event_source_set_enabled(cache->sweep, SD_EVENT_ONESHOT);
        return NULL;
}

void warm_view_spoil(WarmView *warm)
{
        warm->spoilt = true;
}
