/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query.h - GetValue, Match, Read and Errors, the same for Config and for a transaction.
 */
#pragma once

#include "bus/call/call.h"
#include "tree/view.h"

int query_get_value(Call *call);
int query_match(Call *call);
int query_read(Call *call);
int query_errors(Call *call);

/* Appends an a{ss} of file to version, of all files that the call loaded. Returns: 0 or -errno. */
int query_append_versions(Call *call, sd_bus_message *reply);

/* Prepares `reply`; `failure` and budget as in call.h. Sends it, or fails the call when r != 0. */
void query_finish(Call *call, int r, sd_bus_message *reply);
