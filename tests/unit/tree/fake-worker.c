/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fake-worker.c - a worker in the hands of an attacker, for test-hostile.c.
 *
 * Speaks worker/protocol.h well enough to be asked, and misbehaves in the way that its first
 * argument (the place of the lens directory) names. A mode "once:FILE:mode" misbehaves only until
 * FILE exists, and makes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "worker/protocol.h"

/* What a fake does in one mode instead of a sane answer. */
typedef struct Misdeed {
        const char *mode;
        const char *method; /* NULL: at any */
        int (*act)(sd_bus_message *m);
} Misdeed;

static int act_silent(sd_bus_message *m)
{
        return 0;
}

static int act_exit(sd_bus_message *m)
{
        _exit(3);
}

static int act_crash(sd_bus_message *m)
{
        raise(SIGSEGV);
        return 0;
}

static int act_cpu(sd_bus_message *m)
{
        raise(SIGXCPU);
        return 0;
}

/* One of the files brings it down. */
static int act_deadly_file(sd_bus_message *m)
{
        const char *file;

        if (sd_bus_message_read_basic(m, 's', &file) >= 0 && strcmp(file, "/etc/deadly") == 0)
                raise(SIGSEGV);
        return sd_bus_reply_method_return(m, "bssuu", 1, "", "", 0, 0);
}

static int act_garbage(sd_bus_message *m)
{
        static const char garbage[] =
                "l\2\1\1\377\377\377\377 this is no message at all, and goes on";

        return (int)write(WORKER_FD, garbage, sizeof(garbage));
}

static int act_hang_up(sd_bus_message *m)
{
        close(WORKER_FD);
        pause();
        return 0;
}

static int act_signature(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "t", (uint64_t)1);
}

static int act_foreign_error(sd_bus_message *m)
{
        return sd_bus_reply_method_errorf(m, "org.freedesktop.DBus.Error.AccessDenied", "no");
}

static int act_no_match(sd_bus_message *m)
{
        return sd_bus_reply_method_errorf(m, "org.exmachina1.Error.NoMatch", "line\none\x07");
}

static int act_edit_failed(sd_bus_message *m)
{
        return sd_bus_reply_method_errorf(m, "org.exmachina1.Error.NoMatch", "edit 1: none");
}

static int act_signal(sd_bus_message *m)
{
        return sd_bus_emit_signal(sd_bus_message_get_bus(m), "/", "org.freedesktop.DBus",
                                  "NameOwnerChanged", "sss", "a", "b", "c");
}

static int act_call(sd_bus_message *m)
{
        return sd_bus_call_method_async(sd_bus_message_get_bus(m), NULL, NULL, "/",
                                        "org.freedesktop.DBus.Peer", "GetMachineId", NULL, NULL,
                                        "");
}

static int act_twice(sd_bus_message *m)
{
        int r = sd_bus_reply_method_return(m, "bs", 1, "value");

        return r < 0 ? r : sd_bus_reply_method_return(m, "bs", 1, "value");
}

static int reply_paths(sd_bus_message *m, const char *path)
{
        return sd_bus_reply_method_return(m, "as", 2, "/files/etc/hosts/1", path);
}

static int act_secret(sd_bus_message *m)
{
        return reply_paths(m, "/files/etc/shadow/root");
}

static int act_augeas(sd_bus_message *m)
{
        return reply_paths(m, "/augeas/version");
}

static int act_longer_name(sd_bus_message *m)
{
        return reply_paths(m, "/files/etc/hosts.allow");
}

static int act_shorter_name(sd_bus_message *m)
{
        return reply_paths(m, "/files/etc/host");
}

static int act_no_path(sd_bus_message *m)
{
        return reply_paths(m, "");
}

static int act_directory_value(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sbs)u", 1, "/files/etc", 1, "x", 1);
}

static int act_more_than_asked(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sbs)u", 3, "/files/etc", 0, "", "/files/etc/hosts",
                                          0, "", "/files/etc/hosts/1", 0, "", 3);
}

static int act_total(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sbs)u", 1, "/files/etc", 0, "", 0);
}

static int act_many(sd_bus_message *m)
{
        sd_bus_message *reply;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (int i = 0; r >= 0 && i < 600000; i++)
                r = sd_bus_message_append(reply, "s", "/files/etc/hosts/1");
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int act_values_foreign(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sbs)", 1, "/files/etc/shadow/root", 1, "x");
}

static int act_values_directory(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sbs)", 1, "/files/etc", 1, "x");
}

static int act_values_many(sd_bus_message *m)
{
        sd_bus_message *reply;
        uint32_t bytes;
        int r;

        r = sd_bus_message_read(m, "u", &bytes);
        if (r >= 0)
                r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sbs)");
        for (unsigned i = 0; r >= 0 && i < bytes / sizeof("/files/etc/hosts/1") + 1; i++)
                r = sd_bus_message_append(reply, "(sbs)", "/files/etc/hosts/1", 0, "");
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int act_long_value(sd_bus_message *m)
{
        char *value = malloc(9U * 1024 * 1024 + 1);

        memset(value, 'v', 9U * 1024 * 1024);
        value[9U * 1024 * 1024] = '\0';
        return sd_bus_reply_method_return(m, "bs", 1, value);
}

static int act_counts(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "au", 3, 1, 1, 1);
}

static int act_changed_foreign(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "as", 1, "/etc/shadow");
}

static int act_changed_twice(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "as", 2, "/etc/hosts", "/etc/hosts");
}

static int act_absent_text(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "bay", 0, 1, 'x');
}

static int act_big_text(sd_bus_message *m)
{
        static char text[100000];
        sd_bus_message *reply;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "b", 1);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'y', text, sizeof(text));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int act_kind(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "bssuu", 0, "not a word", "x", 0, 0);
}

static int act_lens_name(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "a(sasas)", 1, "../x", 1, "/etc/x", 0);
}

static const Misdeed misdeeds[] = {
        { "silent", NULL, act_silent },
        { "exit", NULL, act_exit },
        { "crash", NULL, act_crash },
        { "cpu", NULL, act_cpu },
        { "garbage", NULL, act_garbage },
        { "hang-up", NULL, act_hang_up },
        { "signature", NULL, act_signature },
        { "foreign-error", NULL, act_foreign_error },
        { "signal", NULL, act_signal },
        { "call", NULL, act_call },
        { "no-match", "GetValue", act_no_match },
        { "twice", "GetValue", act_twice },
        { "long-value", "GetValue", act_long_value },
        { "crash-value", "GetValue", act_crash },
        { "values-type", "Values", act_signature },
        { "values-foreign", "Values", act_values_foreign },
        { "values-directory", "Values", act_values_directory },
        { "values-many", "Values", act_values_many },
        { "secret", "Match", act_secret },
        { "augeas", "Match", act_augeas },
        { "longer-name", "Match", act_longer_name },
        { "shorter-name", "Match", act_shorter_name },
        { "no-path", "Match", act_no_path },
        { "many", "Match", act_many },
        { "directory-value", "Read", act_directory_value },
        { "more-than-asked", "Read", act_more_than_asked },
        { "total", "Read", act_total },
        { "counts", "Edit", act_counts },
        { "crash-edit", "Edit", act_crash },
        { "edit-failed", "Edit", act_edit_failed },
        { "changed-foreign", "Changed", act_changed_foreign },
        { "changed-twice", "Changed", act_changed_twice },
        { "absent-text", "Render", act_absent_text },
        { "big-text", "Render", act_big_text },
        { "kind", "Load", act_kind },
        { "deadly-file", "Load", act_deadly_file },
        { "lens-name", "Index", act_lens_name },
        { "no-index", "Index", act_signature },
};

static int reply_counts(sd_bus_message *m)
{
        return sd_bus_reply_method_return(m, "au", 1, 1);
}

static int act_sane(sd_bus_message *m)
{
        if (sd_bus_message_is_method_call(m, NULL, "Load"))
                return sd_bus_reply_method_return(m, "bssuu", 1, "", "", 0, 0);
        if (sd_bus_message_is_method_call(m, NULL, "GetValue"))
                return sd_bus_reply_method_return(m, "bs", 1, "value");
        if (sd_bus_message_is_method_call(m, NULL, "Values"))
                return sd_bus_reply_method_return(m, "a(sbs)", 0);
        if (sd_bus_message_is_method_call(m, NULL, "Match"))
                return reply_paths(m, "/files/etc");
        if (sd_bus_message_is_method_call(m, NULL, "Read"))
                return sd_bus_reply_method_return(m, "a(sbs)u", 2, "/files/etc", 0, "",
                                                  "/files/etc/hosts/1/ipaddr", 1, "x", 5);
        if (sd_bus_message_is_method_call(m, NULL, "Edit"))
                return reply_counts(m);
        if (sd_bus_message_is_method_call(m, NULL, "Changed"))
                return sd_bus_reply_method_return(m, "as", 1, "/etc/hosts");
        if (sd_bus_message_is_method_call(m, NULL, "Render"))
                return sd_bus_reply_method_return(m, "bay", 1, 1, 'x');
        return sd_bus_reply_method_return(m, NULL);
}

/* "once:FILE:mode": only while FILE is not there, which this makes. */
static int may_misbehave(const char *mode)
{
        char file[256];
        int fd;

        if (strncmp(mode, "once:", 5) != 0)
                return 1;
        snprintf(file, sizeof(file), "%.*s", (int)strcspn(mode + 5, ":"), mode + 5);
        fd = open(file, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *mode = userdata;
        const char *word = strrchr(mode, ':') ? strrchr(mode, ':') + 1 : mode;

        if (!sd_bus_message_is_method_call(m, WORKER_INTERFACE, NULL))
                return 0;
        for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++) {
                const Misdeed *misdeed = &misdeeds[i];

                if (strcmp(word, misdeed->mode) == 0 &&
                    (!misdeed->method || sd_bus_message_is_method_call(m, NULL, misdeed->method)) &&
                    may_misbehave(mode)) {
                        misdeed->act(m);
                        return 1;
                }
        }
        act_sane(m);
        if (strcmp(word, "late-signal") == 0) {
                usleep(20000);
                act_signal(m);
        }
        return 1;
}

int main(int argc, char **argv)
{
        char *mode = strcmp(argv[1], "--no-chroot") == 0 ? argv[2] : argv[1];
        sd_id128_t id;
        sd_bus *bus;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_fd(bus, WORKER_FD, WORKER_FD);
        if (r >= 0)
                r = sd_bus_set_server(bus, 1, id);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, mode);
        if (r >= 0)
                r = sd_bus_start(bus);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        return 0;
}
