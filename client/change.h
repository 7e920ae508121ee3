/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * change.h - a call that makes a change (Commit, Revert): its options, what became of it, and what
 * is told about it.
 *
 * Each such call carries a token. If the reply is lost, or nobody waits for it any longer, the
 * history is asked for the change of that token: so nothing is ever done twice, and "unknown" is
 * said only where nobody can be asked, or has the answer yet.
 */
#pragma once

#include "session.h"

#define CHANGE_TOKEN_SIZE 64

/* A word of one's own that nobody can guess. Returns: 0, -EIO. */
int change_make_token(char token[CHANGE_TOKEN_SIZE]);

/* The whole a{sv}, from the options of the command line, with a new token, which is stored.
 * Returns: 0, negative errno. */
int change_append_options(const Session *session, sd_bus_message *m, char token[CHANGE_TOKEN_SIZE]);

/* Sends the call, and finds out about a lost reply. *ret: the number of the change; 0: nothing had
 * changed. Returns: 0, an exit status, negative errno. */
int change_send(Session *session, sd_bus_message *m, const char *token, uint64_t *ret);

/* Says what was done, and sees to the confirmation if one was asked for. Returns: the same. */
int change_finish(Session *session, uint64_t change, const json_t *diffs);

/* The same for a pending change that was taken back at once: there is no new one. */
int change_taken_back(Session *session, uint64_t change, const json_t *diffs);

/* What --dry-run shows. Returns: the same. */
int change_show_diffs(Session *session, const json_t *diffs);

/* The record of one change, by number. Only for one of somebody else's a dialog may open.
 * Returns: the same; EXIT_NOT_THERE. */
int change_find(Session *session, uint64_t number, json_t **ret);
