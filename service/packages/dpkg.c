/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dpkg.c - first the locks, in a thread, as often as they have to be waited for; then dpkg-query,
 * which writes into a memory file.
 */
#include "packages/dpkg.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "packages/packages.h"
#include "util/child.h"

#define PROGRAM   "/usr/bin/dpkg-query"
#define DIRECTORY "/var/lib/dpkg"

/* How soon a lock that somebody has is looked at again. */
#define AGAIN_USEC  (200 * UINT64_C(1000))
#define ANSWER_USEC (60 * UINT64_C(1000000))
/* A thousand times a large system. */
#define MAX_BYTES (256 * 1024 * 1024)

/* It may outlive the look. */
typedef struct Probe {
        DpkgLook *look; /* NULL: it is gone */
        bool is_locked, is_interrupted;
} Probe;

struct DpkgLook {
        sd_event *event;
        TaskPool *pool;
        uint64_t since; /* it waits; µs, CLOCK_MONOTONIC */
        Probe *probe;
        Child *child;
        int memory;
        sd_event_source *timer;
        DpkgDone done;
        void (*waits)(void *userdata);
        void *userdata;
};

/* --- rows --- */

int dpkg_row_compare(const void *a, const void *b)
{
        const DpkgRow *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r != 0 ? r : strcmp(x->architecture, y->architecture);
}

const DpkgRow *dpkg_row_find(const DpkgRows *rows, const char *name, const char *architecture)
{
        const DpkgRow key = { .name = name, .architecture = architecture };

        return rows->n == 0 ? NULL
                            : bsearch(&key, rows->rows, rows->n, sizeof(key), dpkg_row_compare);
}

bool dpkg_row_is_there(const DpkgRow *row)
{
        return row && strcmp(row->state, "not-installed") != 0 &&
               strcmp(row->state, "config-files") != 0;
}

bool dpkg_row_is_unfinished(const DpkgRow *row)
{
        return dpkg_row_is_there(row) && strcmp(row->state, "installed") != 0;
}

/* Returns: false if it is no row. */
static bool row_parse(DpkgRow *row, char *line)
{
        char *fields[6];

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                fields[i] = strsep(&line, "\t");
                if (!fields[i])
                        return false;
        }
        *row = (DpkgRow){ .name = fields[0],
                          .architecture = fields[1],
                          .version = fields[2],
                          .state = fields[4],
                          .held = strcmp(fields[3], "hold") == 0 };
        if (strcmp(fields[5], "reinstreq") == 0)
                row->state = "reinst-required";
        return true;
}

int dpkg_rows_parse(DpkgRows *ret, char *text)
{
        DpkgRows rows = { .text = text };
        size_t n_lines = 1;
        char *line;

        for (const char *c = text; *c; c++)
                n_lines += *c == '\n';
        rows.rows = calloc(n_lines, sizeof(*rows.rows));
        if (!rows.rows) {
                free(text);
                return -ENOMEM;
        }
        while ((line = strsep(&text, "\n")))
                if (row_parse(&rows.rows[rows.n], line))
                        rows.n++;
        qsort(rows.rows, rows.n, sizeof(*rows.rows), dpkg_row_compare);
        *ret = rows;
        return 0;
}

void dpkg_rows_done(DpkgRows *rows)
{
        free(rows->rows);
        free(rows->text);
        *rows = (DpkgRows){ 0 };
}

void dpkg_rows_take(DpkgRows *to, DpkgRows *from)
{
        dpkg_rows_done(to);
        *to = *from;
        *from = (DpkgRows){ 0 };
}

/* --- its end --- */

static void look_stop(DpkgLook *look)
{
        if (look->probe)
                look->probe->look = NULL;
        look->probe = NULL;
        look->child = child_free(look->child);
        look->timer = sd_event_source_disable_unref(look->timer);
}

DpkgLook *dpkg_look_free(DpkgLook *look)
{
        if (!look)
                return NULL;
        look_stop(look);
        if (look->memory >= 0)
                close(look->memory);
        sd_event_unref(look->event);
        free(look);
        return NULL;
}

/* The look may be gone after this. */
static void finish(DpkgLook *look, int r, Failure *f, DpkgRows *rows)
{
        _cleanup_(dpkg_rows_done) DpkgRows none = { 0 };
        _cleanup_failure_ Failure unset = { 0 };

        look_stop(look);
        look->done(r, f ?: &unset, rows ?: &none, look->userdata);
}

static void finish_set(DpkgLook *look, Condition condition, const char *text)
{
        _cleanup_failure_ Failure f = { 0 };
        int r = failure_set(&f, condition, "%s", text);

        finish(look, r, &f, NULL);
}

/* --- dpkg-query --- */

static int read_answer(int memory, DpkgRows *ret)
{
        struct stat st;
        size_t size;
        char *text;

        if (fstat(memory, &st) < 0)
                return -errno;
        if (st.st_size > MAX_BYTES)
                return -E2BIG;
        size = (size_t)st.st_size;
        text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        if (pread(memory, text, size, 0) != st.st_size) {
                free(text);
                return -EIO;
        }
        text[size] = '\0';
        return dpkg_rows_parse(ret, text);
}

static void on_exited(int code, int status, void *userdata)
{
        _cleanup_(dpkg_rows_done) DpkgRows rows = { 0 };
        DpkgLook *look = userdata;
        int r;

        if (code != CLD_EXITED || status != 0) {
                finish_set(look, EXM_E_PACKAGE_FAILED,
                           "dpkg-query has failed; see: journalctl -u exmachina");
                return;
        }
        r = read_answer(look->memory, &rows);
        finish(look, r, NULL, &rows);
}

static int on_late(sd_event_source *source, uint64_t usec, void *userdata)
{
        finish_set(userdata, EXM_E_PACKAGE_FAILED, "dpkg-query does not answer");
        return 0;
}

static int set_timer(DpkgLook *look, uint64_t usec, sd_event_time_handler_t handler)
{
        look->timer = sd_event_source_disable_unref(look->timer);
        return sd_event_add_time_relative(look->event, &look->timer, CLOCK_MONOTONIC, usec, 0,
                                          handler, look);
}

/* Returns: 0; -ENOENT without dpkg; another -errno. */
static int ask(DpkgLook *look)
{
        char *const arguments[] = { (char *)PROGRAM, (char *)"--show",
                                    (char *)"--showformat=" DPKG_FORMAT, NULL };
        int r;

        look->memory = memfd_create("dpkg-query", MFD_CLOEXEC);
        if (look->memory < 0)
                return -errno;
        r = child_spawn(&look->child, look->event, PROGRAM, arguments, (int[]){ look->memory, -1 },
                        2, on_exited, look);
        return r < 0 ? r : set_timer(look, ANSWER_USEC, on_late);
}

/* --- the locks --- */

/* apt has the first as long as it is at work, dpkg both. */
static bool is_locked(const char *file)
{
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        _cleanup_close_ int fd = -1;

        fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* As apt knows it: dpkg removes its journal, files with a number for a name, at its end. */
static bool has_journal(void)
{
        DIR *directory = opendir(DIRECTORY "/updates");
        const struct dirent *entry;
        bool found = false;

        while (directory && !found && (entry = readdir(directory)))
                found = entry->d_name[strspn(entry->d_name, "0123456789")] == '\0';
        if (directory)
                closedir(directory);
        return found;
}

static void probe_work(void *userdata)
{
        Probe *probe = userdata;

        /* In this order: what is found of a dpkg that ends in between is no interruption. */
        probe->is_interrupted = has_journal();
        probe->is_locked = is_locked(DIRECTORY "/lock-frontend") || is_locked(DIRECTORY "/lock");
        probe->is_interrupted = probe->is_interrupted && !probe->is_locked && has_journal();
}

static int start_probe(DpkgLook *look);

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        DpkgLook *look = userdata;
        int r = start_probe(look);

        if (r < 0)
                finish(look, r, NULL, NULL);
        return 0;
}

static void wait_for_lock(DpkgLook *look)
{
        uint64_t now = 0;
        int r;

        r = sd_event_now(look->event, CLOCK_MONOTONIC, &now);
        if (look->since == 0)
                look->since = now;
        if (r >= 0 && now - look->since >= PACKAGES_WAIT_USEC) {
                finish_set(look, EXM_E_BUSY,
                           "another program is changing packages: try again when it is done");
                return;
        }
        if (r >= 0)
                r = set_timer(look, AGAIN_USEC, on_again);
        if (r < 0)
                finish(look, r, NULL, NULL);
        else if (now - look->since >= PACKAGES_PATIENCE_USEC)
                look->waits(look->userdata);
}

static void on_probed(DpkgLook *look, const Probe *probe)
{
        int r;

        if (probe->is_locked) {
                wait_for_lock(look);
                return;
        }
        if (probe->is_interrupted) {
                finish_set(look, EXM_E_PACKAGE_FAILED,
                           "dpkg was interrupted in the middle of its work, and nothing can be "
                           "changed until the administrator has run: dpkg --configure -a");
                return;
        }
        r = ask(look);
        if (r < 0)
                finish(look, r == -ENOENT ? 0 : r, NULL, NULL);
}

static void probe_done(void *userdata)
{
        Probe *probe = userdata;

        if (probe->look) {
                probe->look->probe = NULL;
                on_probed(probe->look, probe);
        }
        free(probe);
}

static int start_probe(DpkgLook *look)
{
        Probe *probe = calloc(1, sizeof(*probe));
        int r;

        if (!probe)
                return -ENOMEM;
        probe->look = look;
        r = task_run(look->pool, probe_work, probe_done, probe);
        if (r < 0)
                free(probe);
        else
                look->probe = probe;
        return r;
}

static int on_start(sd_event_source *source, uint64_t usec, void *userdata)
{
        DpkgLook *look = userdata;
        int r = ask(look);

        if (r < 0)
                finish(look, r == -ENOENT ? 0 : r, NULL, NULL);
        return 0;
}

int dpkg_look(DpkgLook **ret, sd_event *event, TaskPool *pool, bool wait, DpkgDone done,
              void (*waits)(void *userdata), void *userdata)
{
        DpkgLook *look = calloc(1, sizeof(*look));
        int r;

        if (!look)
                return -ENOMEM;
        *look = (DpkgLook){ .event = sd_event_ref(event),
                            .pool = pool,
                            .memory = -1,
                            .done = done,
                            .waits = waits,
                            .userdata = userdata };
        r = wait ? start_probe(look) : set_timer(look, 0, on_start);
        if (r < 0) {
                dpkg_look_free(look);
                return r;
        }
        *ret = look;
        return 0;
}
