/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * session.h - the connection to the service, here or over ssh, and calls on it.
 *
 * It is made by the first call, unlocks the key of --key-file, and opens a polkit agent on the
 * terminal. Calls wait, without a time limit, since a dialog or a unit's job takes as long as it
 * takes; Ctrl-C ends the wait. A call that only reads is made once more if the service was stopped
 * in the middle of it; no other call ever is.
 */
#pragma once

#include "agent.h"
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
        bool in_shell;        /* the verb shell: what is said is for its commands */
        bool changes;         /* what the last call would do: with the reply lost it may be done */
        int interrupted;      /* the signal that has ended a wait; 0: none */
        bool gave_up;         /* on the password */
        Agent agent;
        const char *typed;      /* the path expression as it was written, for errors; or NULL */
        size_t typed_before;    /* characters that are put before it besides */
        const char *looked_for; /* `typed`, or a file, that is only read; or NULL */
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

/* Sends `m` and waits for the reply, as sd_bus_call() does; -EINTR after a signal. */
int session_exchange(Session *session, sd_bus_message *m, sd_bus_error *error,
                     sd_bus_message **ret);
/* The same; *ret: the arguments of the reply, an array. An error is said on standard error.
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
/* The service has counted from 0 which of several (`what` of its words: "edit 3: ...") an error is
 * about. Returns: true, and that number and the length of those words. */
bool session_error_index(const sd_bus_error *error, const char *what, unsigned *ret_index,
                         size_t *ret_length);
/* Did the connection or the service go away, so that nobody knows what became of the call? */
bool session_was_lost(const sd_bus_error *error, int r);
/* Is the service older than this method or interface? */
bool session_is_unknown(const sd_bus_error *error);
