/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail.c - see systemd.exec(5) and systemd.resource-control(5) for each row.
 *
 * The capabilities are those of exmachina-validate, which mounts (SYS_ADMIN), puts files of any
 * owner and mode (DAC_OVERRIDE, CHOWN, FOWNER, FSETID) and gives all of it up (SETPCAP, SETUID,
 * SETGID), and those that the validator's file asks for, since a bounding set cannot grow.
 */
#include "validate/jail.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>

#include "util/strv.h"

#define MARGIN_SEC    10U
#define MARGIN_BYTES  (64U << 20)
#define MARGIN_TASKS  40U
#define CAPABILITY(c) (UINT64_C(1) << (c))

static const struct {
        const char *name, *value;
} texts[] = {
        { "Description", "ExMachina check of a configuration before it is committed" },
        { "Type", "exec" },
        { "CollectMode", "inactive-or-failed" },
        { "KillMode", "control-group" },
        { "OOMPolicy", "continue" },
        { "ProtectSystem", "strict" },
        { "KeyringMode", "private" },
        { "DevicePolicy", "closed" },
};

static const char *const switches[] = {
        "NoNewPrivileges",       "PrivateDevices",
        "PrivateNetwork",        "PrivateIPC",
        "ProtectHostname",       "ProtectClock",
        "ProtectKernelTunables", "ProtectKernelModules",
        "ProtectKernelLogs",     "ProtectControlGroups",
        "LockPersonality",       "RestrictRealtime",
};

/* Empty: the sockets of the bus and of systemd, others' files, terminals, shared memory, logs. */
static const struct {
        const char *directory, *options;
} emptied[] = {
        { "/run", "mode=0755,size=16m,nr_inodes=1k,nosuid,nodev,noexec" },
        { "/tmp", "mode=1777,size=16m,nr_inodes=1k,nosuid,nodev,noexec" },
        { "/var/tmp", "mode=1777,size=16m,nr_inodes=1k,nosuid,nodev,noexec" },
        { "/var/log", "mode=0755,size=16m,nr_inodes=1k,nosuid,nodev,noexec" },
        { "/dev/shm", "mode=1777,size=16m,nr_inodes=1k,nosuid,nodev,noexec" },
        { "/dev/hugepages", "ro" },
        { "/dev/mqueue", "ro" },
        { "/dev/pts", "ro" },
        { "/home", "ro" },
        { "/root", "ro" },
        { "/mnt", "ro" },
        { "/media", "ro" },
};

static const char *const hidden[] = { "-/var/lib/exmachina", "-/var/cache/exmachina" };
/* Private ones, and of /proc only a part. */
static const char *const partial[] = { "/dev", "/proc" };
static const char *const calls[] = { "@system-service", "@mount", "seccomp" };

static bool is_below(const char *directory, const char *path, size_t length)
{
        size_t n;

        directory += *directory == '-';
        n = strlen(directory);
        return length >= n && strncmp(path, directory, n) == 0 && (length == n || path[n] == '/');
}

bool jail_hides(const Validator *v, const char *path, size_t length)
{
        char *const *directory;
        bool hides = false;

        for (size_t i = 0; i < ELEMENTSOF(emptied); i++)
                hides = hides || is_below(emptied[i].directory, path, length);
        for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                hides = hides || is_below(hidden[i], path, length);
        for (size_t i = 0; i < ELEMENTSOF(partial); i++)
                hides = hides || is_below(partial[i], path, length);
        STRV_FOREACH(directory, v->empty)
                hides = hides || is_below(*directory, path, length);
        return hides;
}

static int append_text(sd_bus_message *m, const char *name, const char *value)
{
        return sd_bus_message_append(m, "(sv)", name, "s", value);
}

static int append_number(sd_bus_message *m, const char *name, uint64_t value)
{
        return sd_bus_message_append(m, "(sv)", name, "t", value);
}

/* Opens (sv) and the array in its value. */
static int open_array(sd_bus_message *m, const char *name, const char *type, const char *element)
{
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', type);
        return r < 0 ? r : sd_bus_message_open_container(m, 'a', element);
}

static int close_array(sd_bus_message *m)
{
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

static int append_mounts(sd_bus_message *m)
{
        int r;

        r = open_array(m, "TemporaryFileSystem", "a(ss)", "(ss)");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(emptied); i++)
                r = sd_bus_message_append(m, "(ss)", emptied[i].directory, emptied[i].options);
        if (r >= 0)
                r = close_array(m);
        if (r >= 0)
                r = open_array(m, "InaccessiblePaths", "as", "s");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(hidden); i++)
                r = sd_bus_message_append(m, "s", hidden[i]);
        return r < 0 ? r : close_array(m);
}

static int append_limits(sd_bus_message *m, const JailRun *run)
{
        const Validator *v = run->validator;
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "RuntimeMaxUSec", (v->timeout_sec + MARGIN_SEC) * UINT64_C(1000000) },
                { "TimeoutStopUSec", UINT64_C(1000000) },
                { "MemoryMax", v->memory_bytes + run->future_bytes + MARGIN_BYTES },
                { "MemorySwapMax", 0 },
                { "CPUQuotaPerSecUSec", UINT64_C(1000000) },
                { "TasksMax", v->processes + MARGIN_TASKS },
                { "LimitCORE", 0 },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(numbers); i++)
                r = append_number(m, numbers[i].name, numbers[i].value);
        return r < 0 ? r : sd_bus_message_append(m, "(sv)", "KillSignal", "i", 9);
}

static int append_rights(sd_bus_message *m, const Validator *v)
{
        static const char *const families[] = { "AF_INET", "AF_INET6", "AF_NETLINK" };
        const uint64_t capabilities = CAPABILITY(CAP_SYS_ADMIN) | CAPABILITY(CAP_DAC_OVERRIDE) |
                                      CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_FOWNER) |
                                      CAPABILITY(CAP_FSETID) | CAPABILITY(CAP_SETPCAP) |
                                      CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID) |
                                      CAPABILITY(CAP_KILL) | v->capabilities;
        const char *sockets[ELEMENTSOF(families)] = { 0 };
        size_t n = 0;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                if (v->families >> i & 1)
                        sockets[n++] = families[i];
        r = append_number(m, "CapabilityBoundingSet", capabilities);
        if (r >= 0)
                r = append_number(m, "RestrictNamespaces", CLONE_NEWPID);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "RestrictAddressFamilies", "(bas)", true,
                                          (int)n, sockets[0], sockets[1], sockets[2]);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)", "SystemCallArchitectures", "as", 1,
                                          "native", "SystemCallErrorNumber", "i", EPERM);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "SystemCallFilter", "(bas)", true,
                                          (int)ELEMENTSOF(calls), calls[0], calls[1], calls[2]);
        return r;
}

/* --- the command --- */

static int extend_number(char ***argv, const char *option, uint64_t value)
{
        _cleanup_free_ char *text = NULL;

        if (asprintf(&text, "--%s=%" PRIu64, option, value) < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return strv_extend(argv, text);
}

static int make_command(const JailConfig *config, const JailRun *run, char ***ret)
{
        const Validator *v = run->validator;
        const struct {
                const char *option;
                uint64_t value;
        } numbers[] = {
                { "uid", v->as_root ? 0 : config->uid }, { "gid", v->as_root ? 0 : config->gid },
                { "capabilities", v->capabilities },     { "families", v->families },
                { "timeout", v->timeout_sec },           { "cpu", v->cpu_sec },
                { "memory", v->memory_bytes },           { "processes", v->processes },
        };
        _cleanup_strv_ char **argv = NULL;
        char *const *word;
        int r;

        r = strv_extend(&argv, "exmachina-validate");
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(numbers); i++)
                r = extend_number(&argv, numbers[i].option, numbers[i].value);
        if (r == 0 && v->whole_proc)
                r = strv_extend(&argv, "--whole-proc");
        for (word = v->empty; r == 0 && word && *word; word++) {
                r = strv_extend(&argv, "--empty");
                if (r == 0)
                        r = strv_extend(&argv, *word);
        }
        if (r == 0)
                r = strv_extend(&argv, "--");
        for (word = run->command; r == 0 && *word; word++)
                r = strv_extend(&argv, *word);
        if (r == 0)
                *ret = TAKE_PTR(argv);
        return r;
}

static int append_command(sd_bus_message *m, const JailConfig *config, const JailRun *run)
{
        _cleanup_strv_ char **argv = NULL;
        int r;

        r = make_command(config, run, &argv);
        if (r >= 0)
                r = open_array(m, "ExecStart", "a(sasb)", "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", config->program);
        if (r >= 0)
                r = sd_bus_message_append_strv(m, argv);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", false);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = close_array(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "StandardInputFileDescriptor", "h",
                                          run->future, "StandardOutputFileDescriptor", "h",
                                          run->output, "StandardErrorFileDescriptor", "h",
                                          run->control);
        return r;
}

int jail_append(sd_bus_message *m, const char *name, const JailConfig *config, const JailRun *run)
{
        int r;

        r = sd_bus_message_append(m, "ss", name, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(texts); i++)
                r = append_text(m, texts[i].name, texts[i].value);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(switches); i++)
                r = sd_bus_message_append(m, "(sv)", switches[i], "b", true);
        if (r >= 0)
                r = append_mounts(m);
        if (r >= 0)
                r = append_limits(m, run);
        if (r >= 0)
                r = append_rights(m, run->validator);
        if (r >= 0)
                r = append_command(m, config, run);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_append(m, "a(sa(sv))", 0);
}
