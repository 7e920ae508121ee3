/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail-filter.c - what a program without capabilities could still do beyond its files.
 */
#include "worker/jail-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>

#include "util/macro.h"

#define PAIR 8

static const int refused[] = {
        /* another view of the file system, or files past their names */
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(move_mount),
        SCMP_SYS(open_tree),
        SCMP_SYS(mount_setattr),
        SCMP_SYS(fsopen),
        SCMP_SYS(fsmount),
        SCMP_SYS(fsconfig),
        SCMP_SYS(fspick),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(name_to_handle_at),
        SCMP_SYS(mknod),
        SCMP_SYS(mknodat),
        SCMP_SYS(quotactl),
        SCMP_SYS(fanotify_init),
        /* few for each uid, so root's services could run out of them */
        SCMP_SYS(inotify_init),
        SCMP_SYS(inotify_init1),
        /* other namespaces and processes */
        SCMP_SYS(setns),
        SCMP_SYS(unshare),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(process_madvise),
        SCMP_SYS(kcmp),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(migrate_pages),
        SCMP_SYS(move_pages),
        SCMP_SYS(ioprio_set),
        /* sockets past the check of their family */
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        /* the kernel */
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(keyctl),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(personality),
        SCMP_SYS(syslog),
        SCMP_SYS(vhangup),
};

/* Calls with one argument that decides: equal to `value` in the bits of `mask`. */
typedef struct ArgumentRule {
        int call;
        unsigned argument;
        uint64_t mask, value;
        int error; /* 0: it does nothing, and says that it did */
} ArgumentRule;

#define ALL32 UINT32_MAX
#define FCNTL(command, error)                                                                      \
        {                                                                                          \
                SCMP_SYS(fcntl), 1, ALL32, command, error                                          \
        }
#define FUTEX(operation, error)                                                                    \
        {                                                                                          \
                SCMP_SYS(futex), 1, SHARED_FUTEX, operation, error                                 \
        }
#define SHARED_FUTEX (FUTEX_PRIVATE_FLAG | 0x7f)
#define FLAG(call, argument, flag)                                                                 \
        {                                                                                          \
                SCMP_SYS(call), argument, flag, flag, ENOMEM                                       \
        }

/* To read a file is enough for a lock, lease or hint on it, and for a futex in its pages: all other
 * programs would wait for it, or read from it what they must not know. A checker that takes a lock
 * for itself finds it taken; one that waits for a futex of its own that is not private (to join a
 * thread, say) looks again and again. */
static const ArgumentRule shared_files[] = {
        FCNTL(F_SETLK, 0),
        FCNTL(F_SETLKW, 0),
        FCNTL(F_OFD_SETLK, 0),
        FCNTL(F_OFD_SETLKW, 0),
        FCNTL(F_SETLEASE, EPERM),
        FCNTL(F_NOTIFY, EPERM),
        FCNTL(F_SET_RW_HINT, EPERM),
        FCNTL(F_SET_FILE_RW_HINT, EPERM),
        FUTEX(FUTEX_WAIT, EAGAIN),
        FUTEX(FUTEX_WAIT_BITSET, EAGAIN),
        FUTEX(FUTEX_WAKE, 0),
        FUTEX(FUTEX_WAKE_BITSET, 0),
        FUTEX(FUTEX_REQUEUE, ENOSYS),
        FUTEX(FUTEX_CMP_REQUEUE, ENOSYS),
        FUTEX(FUTEX_WAKE_OP, ENOSYS),
        FUTEX(FUTEX_WAIT_REQUEUE_PI, ENOSYS),
        FUTEX(FUTEX_CMP_REQUEUE_PI, ENOSYS),
        /* huge pages are of one pool for all */
        FLAG(mmap, 3, MAP_HUGETLB),
        FLAG(memfd_create, 1, MFD_HUGETLB),
        FLAG(shmget, 2, SHM_HUGETLB),
};

/* What would empty or fill the caches of all does nothing. */
static const int without_effect[] = {
        SCMP_SYS(flock), SCMP_SYS(sync), SCMP_SYS(syncfs), SCMP_SYS(fadvise64), SCMP_SYS(readahead),
};

static const int forks[] = { SCMP_SYS(fork), SCMP_SYS(vfork) };

static int answer_calls(scmp_filter_ctx filter, const int *calls, size_t n_calls, int error)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < n_calls; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), calls[i], 0);
        return r;
}

static int guard_shared_files(scmp_filter_ctx filter)
{
        int r = answer_calls(filter, without_effect, ELEMENTSOF(without_effect), 0);

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(shared_files); i++) {
                const ArgumentRule *rule = &shared_files[i];

                r = seccomp_rule_add(
                        filter, SCMP_ACT_ERRNO(rule->error), rule->call, 1,
                        SCMP_CMP64(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask, rule->value));
        }
        /* Whether its futexes are private, a filter cannot see. */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(futex_waitv), 0);
        return r;
}

/* Family by family: AF_UNIX is never among them. */
static int refuse_sockets(scmp_filter_ctx filter, uint64_t families)
{
        static const int known[] = { AF_INET, AF_INET6, AF_NETLINK };
        int r = 0;

        for (int family = 0; r == 0 && family < AF_MAX; family++) {
                bool allowed = false;

                for (size_t i = 0; i < ELEMENTSOF(known); i++)
                        allowed = allowed || (known[i] == family && (families >> i & 1));
                if (!allowed)
                        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
                                             1, SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)family));
        }
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                     SCMP_A0_32(SCMP_CMP_GE, AF_MAX));
        /* A pair of datagram sockets can send to any name. */
        if (r == 0 && !(families & PAIR))
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socketpair), 0);
        return r;
}

/* clone3() has its flags where a filter cannot see them: without it libc takes clone(). */
static int refuse_processes(scmp_filter_ctx filter, bool none)
{
        static const uint64_t namespaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                               CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                               CLONE_NEWNET };
        int r;

        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(namespaces); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
        if (r < 0 || !none)
                return r;
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAGAIN), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(forks); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAGAIN), forks[i], 0);
        return r;
}

int jail_filter_install(const Jail *jail)
{
        scmp_filter_ctx filter;
        int r;

        filter = seccomp_init(SCMP_ACT_ALLOW);
        if (!filter)
                return -ENOMEM;
        r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
        if (r == 0)
                r = answer_calls(filter, refused, ELEMENTSOF(refused), EPERM);
        if (r == 0)
                r = guard_shared_files(filter);
        if (r == 0)
                r = refuse_sockets(filter, jail->families);
        if (r == 0)
                r = refuse_processes(filter, jail->processes == 1);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        return r;
}
