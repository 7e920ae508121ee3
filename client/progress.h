/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.h - a call of org.exmachina1.Packages that takes long, with a bar on a terminal.
 */
#pragma once

#include "session.h"

/* `operation` is that of the call's options: signals with another one are not shown, so it is to be
 * one that nobody can guess. *ret: the arguments of the reply, an array. The error of the call is
 * in `error`.
 * Returns: 0; negative errno, also for an error of the call. */
int progress_call(Session *session, sd_bus_message *m, const char *operation, json_t **ret,
                  sd_bus_error *error);
