/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * set-value.c - sets one value with sd-bus, and always finds out what became of it.
 *
 * The value is written only if the file is still as it was read (`expect`). A dialog may open.
 * There is no time-out: a commit may wait for a password, validators and units. If the connection
 * is lost before the reply, the history is asked for the change by its token, over a new
 * connection.
 *
 *   cc -o set-value set-value.c $(pkg-config --cflags --libs libsystemd)
 *   ./set-value /files/etc/hosts/2/ipaddr 192.0.2.8
 *
 * Exit status: 0 done, 1 refused or failed, 2 usage, 3 not known.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SERVICE     "org.exmachina1"
#define OBJECT      "/org/exmachina1"
#define NO_TIME_OUT UINT64_MAX
#define ASK_AGAIN   5 /* times, a second apart: the service may have to start */

typedef struct Version {
        char file[4096];
        char sha256[65];
} Version;

#define _unref_message_ __attribute__((cleanup(sd_bus_message_unrefp)))
#define _free_error_    __attribute__((cleanup(sd_bus_error_free)))

/* A connection of our own on which calls may open dialogs. Returns: negative errno, or 0. */
static int connect_bus(sd_bus **ret)
{
        int r = sd_bus_open_system(ret);

        if (r >= 0)
                r = sd_bus_set_allow_interactive_authorization(*ret, 1);
        return r < 0 ? r : 0;
}

/* Was this error made on the way, so that nobody knows what the service did? */
static int was_lost(int r, const sd_bus_error *error)
{
        return !sd_bus_error_is_set(error) || r == -ECONNRESET || r == -ENOTCONN ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY) ||
               sd_bus_error_has_name(error, SD_BUS_ERROR_DISCONNECTED);
}

/* The file that `path` is in, and its version. */
static int read_version(sd_bus *bus, const char *path, Version *ret, sd_bus_error *error)
{
        _unref_message_ sd_bus_message *reply = NULL;
        const char *file, *sha256;
        int r;

        r = sd_bus_call_method(bus, SERVICE, OBJECT, SERVICE ".Config", "Read", error, &reply,
                               "suu", path, 0, 1);
        if (r < 0)
                return r;
        r = sd_bus_message_skip(reply, "a(sbs)u");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "{ss}");
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "{ss}", &file, &sha256);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        snprintf(ret->file, sizeof(ret->file), "%s", file);
        snprintf(ret->sha256, sizeof(ret->sha256), "%s", sha256);
        return 0;
}

/* Returns: 0, and the number of the change (0: the value was there already). */
static int apply(sd_bus *bus, const char *path, const char *value, const Version *version,
                 const char *token, uint64_t *ret_change, sd_bus_error *error)
{
        _unref_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SERVICE, OBJECT, SERVICE ".Config", "Apply");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a(sas)", 1, "set", 2, path, value);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "a{sv}", 2, "token", "s", token, "expect", "a{ss}", 1,
                                  version->file, version->sha256);
        if (r < 0)
                return r;
        r = sd_bus_call(bus, m, NO_TIME_OUT, error, &reply);
        if (r < 0)
                return r;
        return sd_bus_message_read(reply, "t", ret_change);
}

typedef struct Record {
        uint64_t change;
        char state[16]; /* "applied", "pending", "failed" ... */
} Record;

/* One field of a change; those that are of no interest here are skipped. */
static int read_field(sd_bus_message *reply, Record *record)
{
        const char *key, *state;
        int r;

        r = sd_bus_message_read(reply, "s", &key);
        if (r < 0)
                return r;
        if (strcmp(key, "id") == 0)
                return sd_bus_message_read(reply, "v", "t", &record->change);
        if (strcmp(key, "state") != 0)
                return sd_bus_message_skip(reply, "v");
        r = sd_bus_message_read(reply, "v", "s", &state);
        if (r >= 0)
                snprintf(record->state, sizeof(record->state), "%s", state);
        return r;
}

/* Asks once. Returns: 1 and the change, 0 if there is none, negative if nobody has answered. */
static int ask_history(const char *token, Record *ret)
{
        __attribute__((cleanup(sd_bus_flush_close_unrefp))) sd_bus *bus = NULL;
        _unref_message_ sd_bus_message *reply = NULL;
        int r;

        r = connect_bus(&bus);
        if (r < 0)
                return r;
        r = sd_bus_call_method(bus, SERVICE, OBJECT, SERVICE ".History", "ListChanges", NULL,
                               &reply, "a{sv}", 1, "token", "s", token);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "a{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r <= 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                r = read_field(reply, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : 1;
}

/* A commit that was not yet under way when the connection was lost is cancelled, one that was is in
 * the history before its first file is written: an answer that stays "none" is an answer. */
static int find_out(const char *token)
{
        Record record = { 0 };
        int r = -ENOTCONN;

        for (int i = 0; i < ASK_AGAIN && r <= 0; i++) {
                sleep(i > 0);
                r = ask_history(token, &record);
        }
        if (r < 0)
                fprintf(stderr, "The connection was lost; look for the change with token %s.\n",
                        token);
        else if (r == 0)
                fprintf(stderr, "The connection was lost, and nothing was changed.\n");
        else
                printf("The connection was lost; it is change %" PRIu64 ", which is %s.\n",
                       record.change, record.state);
        if (r < 0)
                return 3;
        return r == 0 || strcmp(record.state, "failed") == 0 ||
               strcmp(record.state, "reverted") == 0;
}

int main(int argc, char *argv[])
{
        __attribute__((cleanup(sd_bus_flush_close_unrefp))) sd_bus *bus = NULL;
        _free_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        unsigned char random[16];
        char token[2 * sizeof(random) + 1];
        Version version;
        uint64_t change;
        int r;

        if (argc != 3) {
                fprintf(stderr, "usage: %s PATH VALUE\n", argv[0]);
                return 2;
        }
        if (getentropy(random, sizeof(random)) < 0)
                return 1;
        for (size_t i = 0; i < sizeof(random); i++)
                sprintf(token + 2 * i, "%02x", random[i]);
        r = connect_bus(&bus);
        if (r >= 0)
                r = read_version(bus, argv[1], &version, &error);
        if (r >= 0) {
                r = apply(bus, argv[1], argv[2], &version, token, &change, &error);
                if (r < 0 && was_lost(r, &error))
                        return find_out(token);
        }
        if (r < 0) {
                fprintf(stderr, "%s\n", error.message ? error.message : strerror(-r));
                return 1;
        }
        if (change > 0)
                printf("Change %" PRIu64 ".\n", change);
        else
                puts("Nothing had to be changed.");
        return 0;
}
