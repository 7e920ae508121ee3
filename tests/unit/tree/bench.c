/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bench.c - an event loop, a tree and a view to try things on.
 */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "util/log.h"
#include "util/strv.h"

#define WAIT_MSEC  20000U
#define TEST_UID   65534U
#define HUGE_BYTES (1ULL << 46)

int bench_count_fds(void)
{
        const struct dirent *entry;
        DIR *dir = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += entry->d_name[0] != '.';
        closedir(dir);
        return n - 1;
}

pid_t bench_child(void)
{
        _cleanup_fclose_ FILE *f = NULL;
        char path[64];
        int pid = 0;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        f = fopen(path, "re");
        assert_non_null(f);
        return fscanf(f, "%d", &pid) == 1 ? pid : 0;
}

void bench_open(Bench *b, const char *program, const char *place)
{
        bool root = geteuid() == 0;
        TreeConfig config = {
                .worker_path = program,
                .lens_dir = place,
                .cache_dir = b->cache_dir,
                .worker_uid = root ? TEST_UID : getuid(),
                .worker_gid = root ? TEST_UID : getgid(),
                .limits = &b->limits,
        };

        memset(b, 0, sizeof(*b));
        assert_non_null(program);
        log_set_level(LOG_CRIT);
        b->n_fds = bench_count_fds();
        limits_default(&b->limits);
        /* A sanitizer's shadow memory does not fit in the usual limit. */
        if (getenv("EXM_SANITIZED"))
                b->limits.worker_memory = HUGE_BYTES;
        strcpy(b->cache_dir, "/tmp/exmachina-tree-XXXXXX");
        assert_non_null(mkdtemp(b->cache_dir));
        assert_true(sd_event_new(&b->event) >= 0);
        assert_int_equal(task_pool_new(&b->pool, b->event, 2), 0);
        assert_int_equal(tree_new(&b->tree, b->event, b->pool, &config), 0);
        assert_int_equal(view_new(&b->view, b->tree), 0);
}

void bench_open_real(Bench *b)
{
        bench_open(b, getenv("EXM_WORKER"), EXM_LENSDIR);
}

void bench_open_fake(Bench *b, const char *mode)
{
        bench_open(b, getenv("EXM_FAKE_WORKER"), mode);
}

void bench_close(Bench *b)
{
        char path[128];

        view_free(b->view);
        tree_free(b->tree);
        for (unsigned i = 0; i < 200 && bench_child() != 0; i++)
                bench_idle(b, 10);
        task_pool_free(b->pool);
        sd_event_unref(b->event);
        snprintf(path, sizeof(path), "%s/lens-index", b->cache_dir);
        unlink(path);
        rmdir(b->cache_dir);

        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(bench_count_fds(), b->n_fds);
}

FileImage *image_make(const char *path, const char *content)
{
        FileImage *image = calloc(1, sizeof(*image));

        assert_non_null(image);
        image->n_ref = 1;
        image->path = strdup(path);
        image->canonical = strdup(path);
        image->stamp.exists = content != NULL;
        if (content) {
                image->content = strdup(content);
                image->size = strlen(content);
        }
        return image;
}

void bench_put(Bench *b, const char *path, const char *content, const char *lens)
{
        FileImage *image = image_make(path, content);

        assert_int_equal(view_put(b->view, image, lens, NULL, NULL), 0);
        file_image_unref(image);
}

void outcome_done(Outcome *o)
{
        failure_done(&o->f);
        free(o->value);
        strv_free(o->paths);
        strv_free(o->values);
        for (size_t i = 0; i < o->n_texts; i++) {
                free(o->text_files[i]);
                free(o->texts[i]);
        }
        *o = (Outcome){};
}

void outcome_take(int r, Failure *f, const ViewResult *result, void *userdata)
{
        Outcome *o = userdata;

        assert_false(o->done);
        o->done = true;
        o->r = r;
        failure_move(&o->f, f);
        if (r != 0) {
                if (r > 0)
                        assert_int_equal(o->f.condition, r);
                assert_null(result);
                return;
        }
        o->has_value = result->has_value;
        o->value = result->value ? strdup(result->value) : NULL;
        for (size_t i = 0; i < result->n_nodes; i++) {
                const char *value = result->nodes[i].value;

                assert_int_equal(strv_extend(&o->paths, result->nodes[i].path), 0);
                assert_int_equal(strv_extend(&o->values, value ? value : ""), 0);
        }
        o->total = result->total;
        o->n_counts = result->n_counts;
        for (size_t i = 0; i < o->n_counts && i < ELEMENTSOF(o->counts); i++)
                o->counts[i] = result->counts[i];
        assert_true(result->n_texts <= ELEMENTSOF(o->texts));
        o->n_texts = result->n_texts;
        for (size_t i = 0; i < o->n_texts; i++) {
                o->text_files[i] = strdup(result->texts[i].base->path);
                assert_int_equal(result->texts[i].exists, result->texts[i].content != NULL);
                o->texts[i] = TAKE_PTR(result->texts[i].content);
        }
}

static uint64_t now_msec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int bench_wait(Bench *b, Outcome *o)
{
        uint64_t end = now_msec() + WAIT_MSEC;

        while (!o->done) {
                assert_true(now_msec() < end);
                assert_true(sd_event_run(b->event, 100000) >= 0);
        }
        return o->r;
}

void bench_idle(Bench *b, unsigned msec)
{
        uint64_t end = now_msec() + msec;

        while (now_msec() < end)
                assert_true(sd_event_run(b->event, 1000) >= 0);
}

int bench_get(Bench *b, Outcome *o, const char *path)
{
        outcome_done(o);
        assert_int_equal(view_get_value(b->view, path, outcome_take, o), 0);
        assert_false(o->done);
        return bench_wait(b, o);
}

int bench_match(Bench *b, Outcome *o, const char *expression)
{
        outcome_done(o);
        assert_int_equal(view_match(b->view, expression, outcome_take, o), 0);
        return bench_wait(b, o);
}

int bench_read(Bench *b, Outcome *o, const char *expression, uint32_t offset, uint32_t limit)
{
        outcome_done(o);
        assert_int_equal(view_read(b->view, expression, offset, limit, outcome_take, o), 0);
        return bench_wait(b, o);
}

int bench_load(Bench *b, Outcome *o)
{
        outcome_done(o);
        assert_int_equal(view_load(b->view, outcome_take, o), 0);
        return bench_wait(b, o);
}

int bench_render(Bench *b, Outcome *o)
{
        outcome_done(o);
        assert_int_equal(view_render(b->view, outcome_take, o), 0);
        return bench_wait(b, o);
}

int bench_edit(Bench *b, Outcome *o, const char *verb, const char *a1, const char *a2,
               const char *a3)
{
        char *args[] = { (char *)a1, (char *)a2, (char *)a3, NULL };
        Edit edit = { .verb = (char *)verb, .args = args };

        outcome_done(o);
        assert_int_equal(view_edit(b->view, &edit, 1, outcome_take, o), 0);
        return bench_wait(b, o);
}
