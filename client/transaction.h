/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transaction.h - edits staged in the service. It lives as long as the connection.
 *
 * A commit of it writes what its diff has shown, or is a Conflict: the versions of its files are
 * those that it has loaded.
 */
#pragma once

#include "script.h"
#include "session.h"

/* All return 0, an exit status, negative errno. */

/* *ret: its object path. */
int transaction_begin(Session *session, char **ret);
/* All edits or none. `origin` names the script in errors ("FILE:LINE: "), NULL: there is one edit.
 */
int transaction_edit(Session *session, const char *path, const Script *script, const char *origin);
/* *ret: [[file, diff]...]. */
int transaction_diff(Session *session, const char *path, json_t **ret);
/* The units that --reload-affected would reload: [name...]. */
int transaction_affected(Session *session, const char *path, json_t **ret);
/* What validators say of the new files, printed; with `failures_only`, as the reasons of an error.
 * EXIT_INVALID if one fails. */
int transaction_validate(Session *session, const char *path, bool failures_only);
/* Without arguments and answer: Rollback. */
int transaction_rollback(Session *session, const char *path);
/* With the options of the command line; then as change_finish() (change.h). */
int transaction_commit(Session *session, const char *path, const json_t *diffs);
