/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail.c - the last steps down, in the only order that works: mounts, limits, capabilities and
 * user, system calls.
 */
#include "worker/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/jail-filter.h"

#define FILE_BYTES  (16U << 20)
#define OPEN_FILES  8192U
#define STACK_BYTES (16U << 20)
#define SIGNALS     256U

static int step_failed(const char *step)
{
        int r = errno > 0 ? -errno : -EPERM;

        fprintf(stderr, "%s: %s\n", step, strerror(-r));
        return r;
}

/* --- mounts --- */

/* Missing parents are made; most of the system is read-only, where one cannot be. */
static void make_directory(char *path)
{
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                mkdir(path, 0755);
                *slash = '/';
        }
        mkdir(path, 0755);
}

int jail_empty(const Jail *jail)
{
        _cleanup_free_ char *options = NULL;

        if (asprintf(&options, "mode=0755,size=16m,nr_inodes=1k,uid=%u,gid=%u", jail->uid,
                     jail->gid) < 0) {
                options = NULL;
                return -ENOMEM;
        }
        for (char **directory = jail->empty; *directory; directory++) {
                make_directory(*directory);
                if (mount("exmachina", *directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                          options) < 0 &&
                    errno != ENOENT)
                        return step_failed(*directory);
        }
        return 0;
}

int jail_mount_proc(const Jail *jail)
{
        const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

        if (mount("proc", "/proc", "proc", flags, jail->whole_proc ? NULL : "subset=pid") == 0)
                return 0;
        /* A kernel before 5.8 knows no subset: then there is none at all. */
        if (!jail->whole_proc && mount("exmachina", "/proc", "tmpfs", flags, "size=4k") == 0)
                return 0;
        return step_failed("/proc");
}

/* --- limits --- */

static int limit_resources(const Jail *jail)
{
        const struct {
                __rlimit_resource_t resource;
                uint64_t value;
        } limits[] = {
                { RLIMIT_AS, jail->memory_bytes },
                { RLIMIT_CPU, jail->cpu_seconds },
                { RLIMIT_NPROC, jail->processes },
                { RLIMIT_NOFILE, OPEN_FILES },
                { RLIMIT_FSIZE, FILE_BYTES },
                { RLIMIT_STACK, STACK_BYTES },
                { RLIMIT_CORE, 0 },
                { RLIMIT_MEMLOCK, 0 },
                { RLIMIT_MSGQUEUE, 0 },
                { RLIMIT_SIGPENDING, SIGNALS }, /* all of one uid are counted */
        };

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                struct rlimit limit = { limits[i].value, limits[i].value };

                /* The soft one's signal says what it was. */
                if (limits[i].resource == RLIMIT_CPU)
                        limit.rlim_max++;
                /* It is not counted for the process itself, but for its threads. */
                if (limits[i].resource == RLIMIT_NPROC)
                        limit.rlim_cur = limit.rlim_max = jail->processes + 32;
                if (setrlimit(limits[i].resource, &limit) < 0)
                        return step_failed("limits");
        }
        return 0;
}

/* --- rights --- */

static int drop_bounding_set(uint64_t keep)
{
        for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
                if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return step_failed("capability bounding set");
        return 0;
}

static int set_capabilities(uint64_t keep)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

        for (size_t i = 0; i < ELEMENTSOF(sets); i++) {
                sets[i].permitted = (uint32_t)(keep >> 32 * i);
                sets[i].effective = sets[i].inheritable = sets[i].permitted;
        }
        if (syscall(SYS_capset, &header, sets) < 0)
                return step_failed("capabilities");
        for (unsigned long cap = 0; cap < 64; cap++)
                if ((keep >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
                        return step_failed("ambient capabilities");
        return 0;
}

/* Uid 0 is no reason to be given anything at exec: what is kept is kept as ambient. */
static int drop_root(const Jail *jail)
{
        const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS |
                                   SECBIT_NO_SETUID_FIXUP_LOCKED;
        int r;

        r = drop_bounding_set(jail->capabilities);
        if (r < 0)
                return r;
        if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
                return step_failed("secure bits");
        if (setgroups(0, NULL) < 0 || setresgid(jail->gid, jail->gid, jail->gid) < 0 ||
            setresuid(jail->uid, jail->uid, jail->uid) < 0)
                return step_failed("user");
        return set_capabilities(jail->capabilities);
}

/* A step that silently did nothing must not go unnoticed. */
static int verify(const Jail *jail)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
        uid_t uid[3];

        errno = 0;
        if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || uid[0] != jail->uid ||
            uid[1] != jail->uid || uid[2] != jail->uid)
                return step_failed("runs as somebody else than asked");
        if (syscall(SYS_capget, &header, sets) < 0 ||
            sets[0].permitted != (uint32_t)jail->capabilities ||
            sets[1].permitted != (uint32_t)(jail->capabilities >> 32))
                return step_failed("capabilities are still there");
        return 0;
}

int jail_enter(const Jail *jail)
{
        int r;

        if (setsid() < 0 || chdir("/") < 0)
                return step_failed("session");
        r = limit_resources(jail);
        if (r == 0)
                r = drop_root(jail);
        if (r == 0)
                r = verify(jail);
        if (r < 0)
                return r;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return step_failed("no new privileges");
        r = jail_filter_install(jail);
        if (r < 0) {
                errno = -r;
                return step_failed("system call filter");
        }
        return 0;
}
