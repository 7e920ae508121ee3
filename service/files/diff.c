/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diff.c - the broker's end of exmachina-diff.
 *
 * A diff is over when the child has exited and its output has ended, when it has printed too much,
 * or when its time is up. Whichever comes first arms the source `end`, and only that calls `done`:
 * never from within the start, never twice.
 */
#include "files/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "util/child.h"
#include "util/limits.h"
#include "util/utf8.h"

#define DIFF_PROGRAM      EXM_LIBEXECDIR "/exmachina/exmachina-diff"
#define DIFF_MEMORY_BYTES (512ULL * 1024 * 1024)
#define READ_BYTES        (64U * 1024)

struct Diff {
        char *file;
        Child *child;
        int pipe; /* the reading end */
        sd_event_source *output, *timer, *end;
        char *text;
        size_t size, allocated;
        bool exited, ended, over;
        int r;
        Failure failure;
        DiffDone done;
        MergeDone merged; /* instead of `done` */
        void *userdata;
};

#define MAX_TEXTS 3U

/* Nothing more is waited for. */
static void finish(Diff *diff, int r)
{
        if (diff->over)
                return;
        diff->over = true;
        diff->r = r;
        sd_event_source_set_enabled(diff->output, SD_EVENT_OFF);
        sd_event_source_set_enabled(diff->timer, SD_EVENT_OFF);
        sd_event_source_set_enabled(diff->end, SD_EVENT_ONESHOT);
}

static int too_much(Diff *diff)
{
        return failure_set(&diff->failure, EXM_E_LIMIT_EXCEEDED,
                           "%s: the difference is larger than the limit of %u bytes.", diff->file,
                           LIMIT_MESSAGE_BYTES);
}

static int too_slow(Diff *diff)
{
        return failure_set(&diff->failure, EXM_E_LIMIT_EXCEEDED,
                           "%s: comparing the two texts took too long.", diff->file);
}

static void finish_if_complete(Diff *diff)
{
        if (diff->exited && diff->ended)
                finish(diff, diff->r);
}

static int overlap(Diff *diff)
{
        return failure_set(
                &diff->failure, EXM_E_CONFLICT,
                "%s: what was changed since overlaps with what would be restored; nothing "
                "was changed. Edit the file instead.",
                diff->file);
}

/* diff(1) exits with 0 or 1 when it could compare, diff3(1) with 1 when the changes overlap. */
static void on_exited(int code, int status, void *userdata)
{
        Diff *diff = userdata;

        if (diff->over)
                return;
        diff->exited = true;
        if (code == CLD_EXITED && status == 1 && diff->merged)
                diff->r = overlap(diff);
        else if (code == CLD_EXITED && (status == 0 || status == 1))
                diff->r = 0;
        else if (code != CLD_EXITED && status == SIGXCPU)
                diff->r = too_slow(diff);
        else
                diff->r = -EIO;
        finish_if_complete(diff);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Diff *diff = userdata;

        finish(diff, too_slow(diff));
        return 0;
}

/* Room for one more piece, and one byte over the limit to see that it is exceeded. */
static int make_room(Diff *diff)
{
        char *text;

        if (diff->allocated - diff->size >= READ_BYTES)
                return 0;
        text = realloc(diff->text, 2 * diff->allocated + READ_BYTES);
        if (!text)
                return -ENOMEM;
        diff->text = text;
        diff->allocated = 2 * diff->allocated + READ_BYTES;
        return 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        Diff *diff = userdata;
        ssize_t n;
        int r;

        r = make_room(diff);
        if (r < 0) {
                finish(diff, r);
                return 0;
        }
        n = read(fd, diff->text + diff->size, READ_BYTES);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n < 0) {
                finish(diff, -errno);
                return 0;
        }
        diff->size += (size_t)n;
        if (diff->size > LIMIT_MESSAGE_BYTES) {
                finish(diff, too_much(diff));
        } else if (n == 0) {
                diff->ended = true;
                sd_event_source_set_enabled(diff->output, SD_EVENT_OFF);
                finish_if_complete(diff);
        }
        return 0;
}

/* `done` may free the diff: nothing of it is touched after. */
static int on_end(sd_event_source *source, void *userdata)
{
        Diff *diff = userdata;
        _cleanup_failure_ Failure failure = { 0 };
        _cleanup_free_ char *text = NULL;

        if (diff->merged) {
                failure_move(&failure, &diff->failure);
                diff->child = child_free(diff->child);
                diff->merged(diff->r, &failure, diff->text, diff->size, diff->userdata);
                return 0;
        }
        if (diff->r == 0) {
                text = utf8_sanitise(diff->text ? diff->text : "", diff->size);
                if (!text)
                        diff->r = -ENOMEM;
                else if (strlen(text) > LIMIT_MESSAGE_BYTES)
                        diff->r = too_much(diff);
        }
        failure_move(&failure, &diff->failure);
        diff->child = child_free(diff->child);
        diff->done(diff->r, &failure, diff->r == 0 ? text : NULL, diff->userdata);
        return 0;
}

/* A text that nobody can change or cut under the child's hands.
 * Returns: a descriptor, or -errno. */
static int text_to_memfd(const void *bytes, size_t size)
{
        _cleanup_close_ int fd = -1;
        const char *p = bytes;
        ssize_t n;

        fd = memfd_create("exmachina-diff", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        while (size > 0) {
                n = write(fd, p, size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                p += n > 0 ? n : 0;
                size -= n > 0 ? (size_t)n : 0;
        }
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* A text that is not there (bytes NULL) is labelled /dev/null. */
static int spawn(Diff *diff, sd_event *event, const DiffConfig *config, const int *fds,
                 const DiffText *texts, size_t n_texts)
{
        const char *program = config->program ? config->program : DIFF_PROGRAM;
        char uid[16], gid[16], cpu[16], memory[32];
        _cleanup_free_ char *label = NULL;

        label = utf8_escape(diff->file, LIMIT_PATH_BYTES);
        if (!label)
                return -ENOMEM;
        snprintf(uid, sizeof(uid), "%u", config->uid);
        snprintf(gid, sizeof(gid), "%u", config->gid);
        snprintf(cpu, sizeof(cpu), "%u", config->timeout_sec);
        snprintf(memory, sizeof(memory), "%llu", DIFF_MEMORY_BYTES);

        char nothing[] = "/dev/null", name[] = "exmachina-diff";
        char *argv[5 + MAX_TEXTS + 1] = { name, uid, gid, cpu, memory };

        for (size_t i = 0; i < n_texts; i++)
                argv[5 + i] = texts[i].bytes || diff->merged ? label : nothing;
        return child_spawn(&diff->child, event, program, argv, fds, 2 + n_texts, on_exited, diff);
}

static void close_all(const int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (fds[i] >= 0)
                        close(fds[i]);
}

static int add_sources(Diff *diff, sd_event *event, const DiffConfig *config)
{
        int r;

        r = sd_event_add_io(event, &diff->output, diff->pipe, EPOLLIN, on_output, diff);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &diff->timer, CLOCK_MONOTONIC,
                                               (uint64_t)config->timeout_sec * 1000000, 0, on_timer,
                                               diff);
        return r;
}

static int start_child(Diff *diff, sd_event *event, const DiffConfig *config, const DiffText *texts,
                       size_t n_texts)
{
        int fds[2 + MAX_TEXTS] = { -1, -1, -1, -1, -1 }, pipes[2], r = 0;

        for (size_t i = 0; r >= 0 && i < n_texts; i++)
                r = fds[2 + i] = text_to_memfd(texts[i].bytes, texts[i].size);
        if (r >= 0 && pipe2(pipes, O_CLOEXEC) < 0)
                r = -errno;
        if (r >= 0) {
                diff->pipe = pipes[0];
                fds[0] = pipes[1];
                if (fcntl(diff->pipe, F_SETFL, O_NONBLOCK) < 0)
                        r = -errno;
        }
        if (r >= 0)
                r = add_sources(diff, event, config);
        if (r >= 0)
                r = spawn(diff, event, config, fds, texts, n_texts);
        close_all(fds, ELEMENTSOF(fds));
        return r;
}

static bool same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
        return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static int start(Diff **ret, Diff like, sd_event *event, const DiffConfig *config, const char *file,
                 const DiffText *texts, size_t n_texts, bool needs_child)
{
        Diff *diff;
        int r;

        diff = calloc(1, sizeof(*diff));
        if (!diff)
                return -ENOMEM;
        *diff = like;
        diff->pipe = -1;
        diff->file = strdup(file);
        r = diff->file ? sd_event_add_defer(event, &diff->end, on_end, diff) : -ENOMEM;
        if (r >= 0 && needs_child) {
                sd_event_source_set_enabled(diff->end, SD_EVENT_OFF);
                r = start_child(diff, event, config, texts, n_texts);
        }
        if (r < 0) {
                diff_free(diff);
                return r;
        }
        *ret = diff;
        return 0;
}

int diff_start(Diff **ret, sd_event *event, const DiffConfig *config, const char *file,
               const void *old, size_t old_size, const void *new, size_t new_size, DiffDone done,
               void *userdata)
{
        const DiffText texts[] = { { old, old_size }, { new, new_size } };

        return start(ret, (Diff){ .done = done, .userdata = userdata }, event, config, file, texts,
                     ELEMENTSOF(texts), !same_bytes(old, old_size, new, new_size));
}

int merge_start(Diff **ret, sd_event *event, const DiffConfig *config, const char *file,
                DiffText mine, DiffText base, DiffText theirs, MergeDone done, void *userdata)
{
        const DiffText texts[] = { mine, base, theirs };

        return start(ret, (Diff){ .merged = done, .userdata = userdata }, event, config, file,
                     texts, ELEMENTSOF(texts), /* needs_child= */ true);
}

Diff *diff_free(Diff *diff)
{
        if (!diff)
                return NULL;
        child_free(diff->child);
        sd_event_source_disable_unref(diff->output);
        sd_event_source_disable_unref(diff->timer);
        sd_event_source_disable_unref(diff->end);
        if (diff->pipe >= 0)
                close(diff->pipe);
        failure_done(&diff->failure);
        free(diff->file);
        free(diff->text);
        free(diff);
        return NULL;
}
