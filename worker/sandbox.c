/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sandbox.c - the steps down from root, in the only order that works.
 *
 * Groups and the bounding set can only be given up while still root, the user after them; the
 * filter comes last, since it forbids all of this. What was asked for is read back afterwards: a
 * step that silently did nothing must not go unnoticed.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/filter.h"

#define STACK_BYTES (64ULL * 1024 * 1024)
#define OPEN_FILES  16
#define PROCESSES   4096

/* AddressSanitizer reserves terabytes of addresses, which is not what that limit is about. */
#ifdef __SANITIZE_ADDRESS__
#define LIMIT_ADDRESS_SPACE 0
#else
#define LIMIT_ADDRESS_SPACE 1
#endif

static int step_failed(const char *step)
{
        int r = errno > 0 ? -errno : -EPERM;

        fprintf(stderr, "sandbox: %s: %s\n", step, strerror(-r));
        return r;
}

static int set_limit(int resource, uint64_t value)
{
        struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

        return setrlimit((__rlimit_resource_t)resource, &limit);
}

static int limit_resources(const Sandbox *sandbox)
{
        if (LIMIT_ADDRESS_SPACE && set_limit(RLIMIT_AS, sandbox->memory_bytes) < 0)
                return step_failed("limit of memory");
        /* The soft limit's SIGXCPU tells the broker why; the hard one ends it without a word. */
        if (setrlimit(RLIMIT_CPU,
                      &(struct rlimit){ sandbox->cpu_seconds, sandbox->cpu_seconds + 1 }) < 0)
                return step_failed("limit of CPU time");
        if (set_limit(RLIMIT_STACK, STACK_BYTES) < 0)
                return step_failed("limit of the stack");
        if (set_limit(RLIMIT_NOFILE, OPEN_FILES) < 0)
                return step_failed("limit of open files");
        if (set_limit(RLIMIT_CORE, 0) < 0)
                return step_failed("limit of core dumps");
        if (set_limit(RLIMIT_FSIZE, 0) < 0)
                return step_failed("limit of file sizes");
        return 0;
}

static int change_root(const char *root)
{
        if (chroot(root) < 0)
                return step_failed(root);
        if (chdir("/") < 0)
                return step_failed("chdir");
        return 0;
}

static int drop_bounding_set(void)
{
        /* The kernel says EINVAL for the first number that is no capability. */
        for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return step_failed("capability bounding set");
        return 0;
}

static int drop_root(const Sandbox *sandbox)
{
        int r;

        if (sandbox->uid == 0 || sandbox->gid == 0) {
                errno = EINVAL;
                return step_failed("a user that is not root is needed");
        }
        r = sandbox->root ? change_root(sandbox->root) : 0;
        if (r == 0)
                r = drop_bounding_set();
        if (r < 0)
                return r;
        if (setgroups(0, NULL) < 0)
                return step_failed("supplementary groups");
        if (setresgid(sandbox->gid, sandbox->gid, sandbox->gid) < 0)
                return step_failed("gid");
        if (setresuid(sandbox->uid, sandbox->uid, sandbox->uid) < 0)
                return step_failed("uid");
        return 0;
}

static int drop_capabilities(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } }, now[2];

        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return step_failed("ambient capabilities");
        if (syscall(SYS_capset, &header, none) < 0)
                return step_failed("capabilities");
        errno = 0;
        if (syscall(SYS_capget, &header, now) < 0 || memcmp(now, none, sizeof(none)) != 0)
                return step_failed("capabilities are still there");
        return 0;
}

static int verify_identity(const Sandbox *sandbox)
{
        uid_t uid[3];
        gid_t gid[3];

        errno = 0;
        if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || getresgid(&gid[0], &gid[1], &gid[2]) < 0)
                return step_failed("identity");
        for (size_t i = 0; i < ELEMENTSOF(uid); i++)
                if (uid[i] != sandbox->uid || gid[i] != sandbox->gid)
                        return step_failed("runs as somebody else than asked");
        return 0;
}

static int forbid_more(const Sandbox *sandbox)
{
        int r;

        /* Not before the change of user: the kernel would remember that it was over the limit, and
         * refuse exec. */
        /* The processes of a user count together, so a program that runs others needs room. */
        if (set_limit(RLIMIT_NPROC, sandbox->filter == FILTER_CHILDREN ? PROCESSES : 0) < 0)
                return step_failed("limit of processes");
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return step_failed("dumpable");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return step_failed("no new privileges");
        r = filter_install(sandbox->filter);
        if (r < 0) {
                errno = -r;
                return step_failed("system call filter");
        }
        return 0;
}

int sandbox_enter(const Sandbox *sandbox)
{
        bool root = geteuid() == 0;
        int r;

        if (clearenv() != 0)
                return step_failed("environment");
        if (!root && sandbox->root) {
                errno = EPERM;
                return step_failed("only root can change its root directory");
        }
        r = limit_resources(sandbox);
        if (r == 0 && root)
                r = drop_root(sandbox);
        if (r == 0)
                r = verify_identity(sandbox);
        if (r == 0)
                r = drop_capabilities();
        if (r == 0)
                r = forbid_more(sandbox);
        return r;
}
