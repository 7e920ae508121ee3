/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tree.c - what all views share, and how the lens index is kept current.
 *
 * A look at the lens directory is one task in a thread: it computes the stamp and, when that is not
 * the stamp of the index in memory, reads the cache file. Only when neither fits does a worker load
 * all lenses, once for everybody who waits; the answer is then written to the cache in a thread. An
 * index that is in memory stays in use when a newer one cannot be made.
 */
#include "tree/tree.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "tree/lens-index-private.h"
#include "tree/tree-private.h"
#include "util/log.h"
#include "util/strv.h"

#define LOOK_AGAIN_USEC   1000000ULL
#define BUILD_TIMEOUT_SEC 30U

/* Shared with tasks in threads, which may outlive the tree: counted, immutable. */
typedef struct TreeSettings {
        unsigned n_ref; /* atomic */
        char *lens_dir;
        char *cache_dir;
        LensFile *lenses;
        size_t n_lenses;
} TreeSettings;

typedef struct Waiter {
        TreeIndexDone done;
        void *userdata;
        struct Waiter *next;
} Waiter;

typedef struct IndexJob {
        Tree *tree; /* NULL when the tree is gone */
        TreeSettings *settings;
        char have[DIGEST_HEX_SIZE];
        char stamp[DIGEST_HEX_SIZE];
        LensIndex *index;
        int r;
} IndexJob;

struct Tree {
        WorkerHost host;
        TaskPool *pool;
        TreeSettings *settings;
        LensIndex *index;
        uint64_t checked_usec;
        IndexJob *job;               /* a look that runs in a thread */
        Worker *builder;             /* or a worker that loads all lenses */
        char stamp[DIGEST_HEX_SIZE]; /* of the directory when the builder was started */
        Waiter *waiters;
};

static TreeSettings *settings_unref(TreeSettings *settings)
{
        if (!settings || __atomic_sub_fetch(&settings->n_ref, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;
        lens_files_free(settings->lenses, settings->n_lenses);
        free(settings->lens_dir);
        free(settings->cache_dir);
        free(settings);
        return NULL;
}
DEFINE_CLEANUP(TreeSettings *, settings_unref);

static TreeSettings *settings_ref(TreeSettings *settings)
{
        __atomic_add_fetch(&settings->n_ref, 1, __ATOMIC_RELAXED);
        return settings;
}

static TreeSettings *settings_new(const TreeConfig *config)
{
        _cleanup_(settings_unref_cleanup) TreeSettings *settings = calloc(1, sizeof(*settings));

        if (!settings)
                return NULL;
        settings->n_ref = 1;
        settings->lens_dir = strdup(config->lens_dir);
        settings->cache_dir = strdup(config->cache_dir);
        settings->lenses = calloc(config->n_lenses + 1, sizeof(LensFile));
        if (!settings->lens_dir || !settings->cache_dir || !settings->lenses)
                return NULL;

        for (size_t i = 0; i < config->n_lenses; i++) {
                LensFile *lens = &settings->lenses[settings->n_lenses++];

                lens->file = strdup(config->lenses[i].file);
                lens->lens = strdup(config->lenses[i].lens);
                if (!lens->file || !lens->lens)
                        return NULL;
        }
        return TAKE_PTR(settings);
}

static uint64_t now_usec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000U;
}

DEFINE_CLEANUP(Tree *, tree_free);

int tree_new(Tree **ret, sd_event *event, TaskPool *pool, const TreeConfig *config)
{
        _cleanup_(tree_free_cleanup) Tree *tree = NULL;
        _cleanup_(lens_index_unref_cleanup) LensIndex *check = NULL;
        int r;

        /* A [Lens NAME] section that cannot be is told at start, not at the first call. */
        r = lens_index_new(&check, "", config->lenses, config->n_lenses);
        if (r < 0)
                return r;
        tree = calloc(1, sizeof(*tree));
        if (!tree)
                return -ENOMEM;
        tree->pool = pool;
        tree->settings = settings_new(config);
        tree->host = (WorkerHost){
                .event = sd_event_ref(event),
                .program = strdup(config->worker_path),
                .lens_dir = strdup(config->lens_dir),
                .uid = config->worker_uid,
                .gid = config->worker_gid,
                .limits = config->limits,
        };
        if (!tree->settings || !tree->host.program || !tree->host.lens_dir)
                return -ENOMEM;

        *ret = TAKE_PTR(tree);
        return 0;
}

Tree *tree_free(Tree *tree)
{
        if (!tree)
                return NULL;

        while (tree->waiters) {
                Waiter *next = tree->waiters->next;

                free(tree->waiters);
                tree->waiters = next;
        }
        if (tree->job)
                tree->job->tree = NULL;
        worker_free(tree->builder);
        lens_index_unref(tree->index);
        settings_unref(tree->settings);
        free(tree->host.program);
        free(tree->host.lens_dir);
        sd_event_unref(tree->host.event);
        free(tree);
        return NULL;
}

LensIndex *tree_index(Tree *tree)
{
        return tree->index;
}

WorkerHost *tree_worker_host(Tree *tree)
{
        return &tree->host;
}

/* Tells all who wait. They may ask again at once, which starts a new list. */
static void tree_answer(Tree *tree, int r, Failure *f)
{
        _cleanup_(lens_index_unref_cleanup) LensIndex *index = lens_index_ref(tree->index);
        Waiter *waiter = TAKE_PTR(tree->waiters);

        if (r != 0 && index) {
                log_warning("The lens index could not be brought up to date (%s); the old one is "
                            "kept",
                            f && f->message ? f->message : strerror(r < 0 ? -r : EIO));
                r = 0;
        }
        if (index)
                tree->checked_usec = now_usec();

        while (waiter) {
                _cleanup_free_ Waiter *this = waiter;
                _cleanup_failure_ Failure copy = {};

                waiter = waiter->next;
                if (r > 0)
                        failure_set(&copy, (Condition)r, "%s",
                                    f && f->message ? f->message : "no lens index could be made");
                this->done(r, &copy, r == 0 ? index : NULL, this->userdata);
        }
}

typedef struct SaveJob {
        TreeSettings *settings;
        LensIndex *index;
        int r;
} SaveJob;

static void save_work(void *userdata)
{
        SaveJob *job = userdata;

        job->r = lens_cache_write(job->index, job->settings->cache_dir);
}

static void save_done(void *userdata)
{
        SaveJob *job = userdata;

        if (job->r < 0)
                log_warning("The lens index could not be kept in %s: %s", job->settings->cache_dir,
                            strerror(-job->r));
        lens_index_unref(job->index);
        settings_unref(job->settings);
        free(job);
}

static void tree_save_index(Tree *tree)
{
        SaveJob *job = calloc(1, sizeof(*job));

        if (!job)
                return;
        job->settings = settings_ref(tree->settings);
        job->index = lens_index_ref(tree->index);
        job->r = task_run(tree->pool, save_work, save_done, job);
        if (job->r < 0)
                save_done(job);
}

static int read_strings(sd_bus_message *m, char ***ret)
{
        const char *s;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &s)) > 0)
                if (strv_extend(ret, s) < 0)
                        return -ENOMEM;
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Returns: 0, -ENOMEM, or another -errno for an answer that cannot be right. */
static int read_index(const TreeSettings *settings, const char *stamp, sd_bus_message *m,
                      LensIndex **ret)
{
        _cleanup_(lens_index_unref_cleanup) LensIndex *index = NULL;
        int r;

        if (!sd_bus_message_has_signature(m, "a(sasas)"))
                return -EBADMSG;
        r = lens_index_new(&index, stamp, settings->lenses, settings->n_lenses);
        if (r < 0)
                return r;

        r = sd_bus_message_enter_container(m, 'a', "(sasas)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sasas")) > 0) {
                _cleanup_strv_ char **incl = NULL, **excl = NULL;
                const char *name;

                r = sd_bus_message_read_basic(m, 's', &name);
                if (r >= 0)
                        r = read_strings(m, &incl);
                if (r >= 0)
                        r = read_strings(m, &excl);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r >= 0)
                        r = lens_index_add(index, name, incl, excl);
        }
        if (r >= 0)
                r = lens_index_seal(index);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(index);
        return 0;
}

static void on_index_reply(int r, Failure *f, sd_bus_message *reply, void *userdata)
{
        Tree *tree = userdata;
        LensIndex *index = NULL;

        if (r == 0)
                r = read_index(tree->settings, tree->stamp, reply, &index);
        if (r < 0 && r != -ENOMEM && r != -EINVAL)
                r = worker_condemn(tree->builder, "lens index", f);
        tree->builder = worker_free(tree->builder);

        if (r == 0) {
                lens_index_unref(tree->index);
                tree->index = index;
                tree_save_index(tree);
        }
        tree_answer(tree, r, f);
}

static int tree_build_index(Tree *tree, Failure *f)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        r = worker_new(&tree->builder, &tree->host, f);
        if (r != 0)
                return r;
        r = worker_method(tree->builder, "Index", &m);
        if (r == 0)
                r = worker_call(tree->builder, m, BUILD_TIMEOUT_SEC, on_index_reply, tree);
        if (r < 0)
                tree->builder = worker_free(tree->builder);
        return r;
}

static void look_work(void *userdata)
{
        IndexJob *job = userdata;
        const TreeSettings *settings = job->settings;

        job->r = lens_cache_stamp(settings->lens_dir, job->stamp);
        if (job->r < 0 || strcmp(job->stamp, job->have) == 0)
                return;
        job->r = lens_cache_read(&job->index, settings->cache_dir, job->stamp, settings->lenses,
                                 settings->n_lenses);
}

static IndexJob *job_free(IndexJob *job)
{
        settings_unref(job->settings);
        lens_index_unref(job->index);
        free(job);
        return NULL;
}
DEFINE_CLEANUP(IndexJob *, job_free);

static void look_done(void *userdata)
{
        _cleanup_(job_free_cleanup) IndexJob *job = userdata;
        _cleanup_failure_ Failure f = {};
        Tree *tree = job->tree;
        int r = job->r;

        if (!tree)
                return;
        tree->job = NULL;

        if (r < 0 && job->stamp[0] != '\0' && r != -ENOMEM && r != -EINVAL) {
                if (r == -EBADMSG)
                        log_warning("The lens index in %s is damaged and made anew",
                                    job->settings->cache_dir);
                memcpy(tree->stamp, job->stamp, sizeof(tree->stamp));
                r = tree_build_index(tree, &f);
                if (r == 0)
                        return;
        } else if (r == 0 && job->index) {
                lens_index_unref(tree->index);
                tree->index = TAKE_PTR(job->index);
        }
        tree_answer(tree, r, &f);
}

static int tree_look(Tree *tree)
{
        IndexJob *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->tree = tree;
        job->settings = settings_ref(tree->settings);
        if (tree->index)
                memcpy(job->have, tree->index->stamp, sizeof(job->have));

        r = task_run(tree->pool, look_work, look_done, job);
        if (r < 0) {
                job_free(job);
                return r;
        }
        tree->job = job;
        return 0;
}

void tree_get_index(Tree *tree, TreeIndexDone done, void *userdata)
{
        _cleanup_failure_ Failure f = {};
        Waiter *waiter;
        int r = 0;

        if (tree->index && now_usec() - tree->checked_usec < LOOK_AGAIN_USEC) {
                done(0, &f, tree->index, userdata);
                return;
        }

        waiter = calloc(1, sizeof(*waiter));
        if (!waiter) {
                done(-ENOMEM, &f, NULL, userdata);
                return;
        }
        *waiter = (Waiter){ .done = done, .userdata = userdata, .next = tree->waiters };
        tree->waiters = waiter;

        if (!tree->job && !tree->builder)
                r = tree_look(tree);
        if (r < 0)
                tree_answer(tree, r, &f);
}
