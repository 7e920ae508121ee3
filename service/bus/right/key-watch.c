/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-watch.c - one inotify watch, one look at a time.
 *
 * While a look is under way further events only say that another one is due.
 */
#include "bus/right/key-watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "bus/call/peer.h"
#include "bus/right/binding.h"
#include "util/log.h"

#define CHANGED                                                                                    \
        (IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO |        \
         IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

struct KeyWatch {
        Manager *manager;
        char *directory;
        sd_event_source *source;
        uint64_t moment;
        bool looking, again;
};

/* What one look is about; the thread reads it alone. */
typedef struct Look {
        KeyWatch *watch;
        Key **keys;
        bool *current;
        size_t n;
} Look;

static void look_free(Look *look)
{
        for (size_t i = 0; i < look->n; i++)
                key_unref(look->keys[i]);
        free(look->keys);
        free(look->current);
        free(look);
}

static void look_work(void *userdata)
{
        Look *look = userdata;

        for (size_t i = 0; i < look->n; i++)
                look->current[i] = key_store_is_current(look->watch->manager->keys, look->keys[i]);
}

static void drop_key(Manager *m, const Key *key)
{
        Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                if (peer->key == key) {
                        log_info("key %s was changed or removed: %s has lost it", key->name,
                                 peer->name);
                        peer_drop_key(peer);
                        return;
                }
}

static void look(KeyWatch *watch);

static void on_looked(void *userdata)
{
        Look *done = userdata;
        KeyWatch *watch = done->watch;

        for (size_t i = 0; i < done->n; i++)
                if (!done->current[i])
                        drop_key(watch->manager, done->keys[i]);
        look_free(done);
        watch->looking = false;
        if (watch->again)
                look(watch);
}

/* Returns: NULL out of memory. */
static Look *look_new(KeyWatch *watch)
{
        Look *made = calloc(1, sizeof(*made));
        size_t n = 0;
        Peer *peer;

        LIST_FOREACH(peer, &watch->manager->peers, entry)
                if (peer->key)
                        n++;
        if (!made)
                return NULL;
        made->watch = watch;
        made->keys = calloc(n + 1, sizeof(*made->keys));
        made->current = calloc(n + 1, sizeof(*made->current));
        if (!made->keys || !made->current) {
                look_free(made);
                return NULL;
        }
        LIST_FOREACH(peer, &watch->manager->peers, entry)
                if (peer->key)
                        made->keys[made->n++] = key_ref(peer->key);
        return made;
}

/* What cannot be looked at is not trusted. */
static void drop_all(Manager *m)
{
        Peer *peer;

        LIST_FOREACH(peer, &m->peers, entry)
                peer_drop_key(peer);
}

static void look(KeyWatch *watch)
{
        Look *made;

        watch->again = watch->looking;
        if (watch->looking || !bindings_any(watch->manager))
                return;
        made = look_new(watch);
        if (made && task_run(watch->manager->pool, look_work, on_looked, made) >= 0) {
                watch->looking = true;
                return;
        }
        if (made)
                look_free(made);
        log_error("the keys cannot be looked at: out of memory; all connections lose theirs");
        drop_all(watch->manager);
}

static int on_event(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
        KeyWatch *watch = userdata;

        watch->moment++;
        if (event->mask & GONE) {
                watch->source = sd_event_source_disable_unref(watch->source);
                /* Another directory may stand there already. */
                if (key_watch_start(watch) < 0) {
                        drop_all(watch->manager);
                        return 0;
                }
        }
        look(watch);
        return 0;
}

int key_watch_new(KeyWatch **ret, Manager *m, const char *directory)
{
        KeyWatch *watch = calloc(1, sizeof(*watch));

        if (!watch)
                return -ENOMEM;
        watch->manager = m;
        watch->directory = strdup(directory);
        if (!watch->directory) {
                free(watch);
                return -ENOMEM;
        }
        *ret = watch;
        return 0;
}

KeyWatch *key_watch_free(KeyWatch *watch)
{
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        free(watch->directory);
        free(watch);
        return NULL;
}

int key_watch_start(KeyWatch *watch)
{
        int r;

        if (watch->source)
                return 0;
        r = sd_event_add_inotify(watch->manager->event, &watch->source, watch->directory,
                                 CHANGED | IN_ONLYDIR, on_event, watch);
        if (r >= 0)
                watch->moment++;
        else if (r != -ENOENT)
                log_error("%s cannot be watched: %s", watch->directory, strerror(-r));
        return r < 0 ? r : 0;
}

uint64_t key_watch_moment(const KeyWatch *watch)
{
        return watch->moment;
}

void key_watch_note(KeyWatch *watch)
{
        watch->moment++;
}
