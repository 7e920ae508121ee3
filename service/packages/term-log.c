/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * term-log.c - a mark, and the end of the file after it.
 */
#include "packages/term-log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "packages/pk-error.h"
#include "util/macro.h"

#define FILE_NAME  "/var/log/apt/term.log"
#define READ_BYTES 8192U
#define TAIL_BYTES 1500U

static int log_open(struct stat *ret)
{
        int fd;

        fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd >= 0 && (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode))) {
                close(fd);
                fd = -1;
        }
        return fd;
}

void term_log_mark(TermLog *ret)
{
        _cleanup_close_ int fd = -1;
        struct stat st;

        *ret = (TermLog){ 0 };
        fd = log_open(&st);
        if (fd >= 0)
                *ret = (TermLog){ st.st_dev, st.st_ino, (uint64_t)st.st_size };
}

/* From the last operation on, without the lines that frame it. */
static const char *last_operation(char *text)
{
        static const char begin[] = "\nLog started: ", end[] = "\nLog ended: ";
        char *found, *at = text;

        while ((found = strstr(at, begin)))
                at = found + 1;
        /* To the end of its line: of one without any output the next is the last. */
        if (at != text)
                at += strcspn(at, "\n");
        found = strstr(at, end);
        if (found)
                *found = '\0';
        return at + strspn(at, "\n");
}

char *term_log_tail(const TermLog *mark)
{
        char buffer[READ_BYTES + 2];
        _cleanup_close_ int fd = -1;
        uint64_t from = 0, size;
        const char *text;
        struct stat st;
        char *tail;
        ssize_t n;

        fd = log_open(&st);
        if (fd < 0)
                return NULL;
        size = (uint64_t)st.st_size;
        if (st.st_dev == mark->device && st.st_ino == mark->inode && size >= mark->size)
                from = mark->size;
        if (size - from > READ_BYTES)
                from = size - READ_BYTES;
        /* A first line is found like any other. */
        buffer[0] = '\n';
        n = pread(fd, buffer + 1, READ_BYTES, (off_t)from);
        if (n <= 0)
                return NULL;
        buffer[n + 1] = '\0';
        text = last_operation(buffer);
        tail = pk_clean_text(text, TAIL_BYTES);
        if (tail && !*tail) {
                free(tail);
                tail = NULL;
        }
        return tail;
}

struct TermLogTask {
        TermLog mark;
        char *tail;
        TermLogDone done; /* NULL: nobody waits for it any more */
        void *userdata;
};

static void work_mark(void *userdata)
{
        TermLogTask *task = userdata;

        term_log_mark(&task->mark);
}

static void work_tail(void *userdata)
{
        TermLogTask *task = userdata;

        task->tail = term_log_tail(&task->mark);
}

static void task_done(void *userdata)
{
        TermLogTask *task = userdata;

        if (task->done)
                task->done(&task->mark, &task->tail, task->userdata);
        free(task->tail);
        free(task);
}

int term_log_start(TermLogTask **ret, TaskPool *pool, const TermLog *mark, TermLogDone done,
                   void *userdata)
{
        TermLogTask *task = calloc(1, sizeof(*task));
        int r;

        if (!task)
                return -ENOMEM;
        *task = (TermLogTask){ .done = done, .userdata = userdata };
        if (mark)
                task->mark = *mark;
        r = task_run(pool, mark ? work_tail : work_mark, task_done, task);
        if (r < 0)
                free(task);
        else
                *ret = task;
        return r;
}

TermLogTask *term_log_forget(TermLogTask *task)
{
        if (task)
                task->done = NULL;
        return NULL;
}
