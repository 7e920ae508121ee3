/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - the connection to the service, here or over ssh, and calls on it.
 *
 * It is made by the first call, unlocks the key of --key-file, and opens a polkit agent on the
 * terminal. Calls block, without a time limit: a dialog or a unit's job takes as long as it takes.
 */
#pragma once

#include "message.h"
#include "options.h"
#include "output.h"

#define SERVICE_NAME "org.exmachina1"
#define SERVICE_PATH "/org/exmachina1"

typedef struct Session {
        const Options *options;
        Output *output;
        sd_bus *bus;          /* NULL: not yet, or lost */
        unsigned connections; /* that were made: another number, another bus */
        bool silent;          /* session_set_silent() */
        pid_t agent;          /* 0: none */
} Session;

/* Connects if that has not been done. Returns: 0, an exit status, negative errno. */
int session_open(Session *session);
/* No dialog, no agent, no word about errors: for completion, and for asking again and again. */
void session_set_silent(Session *session, bool silent);
/* The connection only: the next call makes a new one. */
void session_disconnect(Session *session);
void session_done(Session *session);

/* `interface`: without its prefix, as "Config". Returns: 0, an exit status, negative errno. */
int session_new_call(Session *session, sd_bus_message **ret, const char *path,
                     const char *interface, const char *member);

/* *ret: the arguments of the reply, an array. An error is said on standard error.
 * Returns: 0, an exit status, negative errno. */
int session_send(Session *session, sd_bus_message *m, json_t **ret);
/* All at once; `types` as of sd_bus_message_append(), NULL: no arguments. */
int session_call(Session *session, json_t **ret, const char *interface, const char *member,
                 const char *types, ...);
int session_call_at(Session *session, json_t **ret, const char *path, const char *interface,
                    const char *member, const char *types, ...);

/* Says an error of a call. `prefix_length` bytes of the message are left out. Returns: its exit
 * status. */
int session_report(const Session *session, const sd_bus_error *error, int r, size_t prefix_length);
/* Did the connection or the service go away, so that nobody knows what became of the call? */
bool session_was_lost(const sd_bus_error *error, int r);
/* Is the service older than this method or interface? */
bool session_is_unknown(const sd_bus_error *error);
