/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * filter.c - seccomp allow-lists.
 *
 * A list of what libaugeas, sd-bus and malloc were seen to use, with the arguments narrowed where a
 * call could do more than that: files are opened for reading only, and memory cannot be made
 * executable (but by a program that is still to be loaded).
 */
#include "worker/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "util/macro.h"

static const int calls_always[] = {
        /* the connection */
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(recvmsg),
        SCMP_SYS(sendmsg),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(getsockopt),
        SCMP_SYS(setsockopt),
        SCMP_SYS(getsockname),
        SCMP_SYS(fcntl),
        SCMP_SYS(close),
        /* lenses */
        SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
        SCMP_SYS(lseek),
        SCMP_SYS(getdents64),
        /* memory */
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(futex),
        /* qsort(3) asks how much memory there is before it takes some */
        SCMP_SYS(sysinfo),
        /* oneself */
        SCMP_SYS(clock_gettime),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(getrandom),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
};

static const int calls_exec[] = {
        SCMP_SYS(execve),
        SCMP_SYS(access),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(arch_prctl),
        SCMP_SYS(set_tid_address),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(rseq),
        SCMP_SYS(pread64),
        SCMP_SYS(mmap),
        SCMP_SYS(mprotect),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(statx),
        SCMP_SYS(stat),
        SCMP_SYS(lstat),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(dup),
        SCMP_SYS(dup2),
        SCMP_SYS(dup3),
        SCMP_SYS(fadvise64),
        SCMP_SYS(getuid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getegid),
        SCMP_SYS(uname),
};

static const int calls_children[] = {
        SCMP_SYS(clone), SCMP_SYS(clone3), SCMP_SYS(vfork),
        SCMP_SYS(wait4), SCMP_SYS(pipe),   SCMP_SYS(pipe2),
};

static int allow_calls(scmp_filter_ctx filter, const int *calls, size_t n_calls)
{
        int r = 0;

        for (size_t i = 0; i < n_calls && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        return r;
}

/* Opening to write, create or truncate is not on the list. */
static int allow_reading(scmp_filter_ctx filter)
{
        const uint64_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
        return r;
}

static int allow_data_memory(scmp_filter_ctx filter)
{
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        return r;
}

/* Harmless questions that get an answer instead of the end: what a limit is, not to set one;
 * whether a descriptor is a terminal, which it is not. */
static int answer_questions(scmp_filter_ctx filter)
{
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                             SCMP_A2(SCMP_CMP_EQ, 0));
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 0);
        return r;
}

static int filter_fill(scmp_filter_ctx filter, FilterKind kind)
{
        int r;

        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r == 0)
                r = allow_calls(filter, calls_always, ELEMENTSOF(calls_always));
        if (r == 0)
                r = allow_reading(filter);
        if (r == 0)
                r = answer_questions(filter);
        if (r == 0 && kind != FILTER_WORKER)
                r = allow_calls(filter, calls_exec, ELEMENTSOF(calls_exec));
        if (r == 0 && kind == FILTER_CHILDREN)
                r = allow_calls(filter, calls_children, ELEMENTSOF(calls_children));
        if (r == 0 && kind == FILTER_WORKER)
                r = allow_data_memory(filter);
        return r;
}

int filter_install(FilterKind kind)
{
        scmp_filter_ctx filter;
        int r;

        filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
        if (!filter)
                return -ENOMEM;
        r = filter_fill(filter, kind);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}
