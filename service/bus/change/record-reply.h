/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * record-reply.h - the record of a change as a dictionary, as History tells it.
 */
#pragma once

#include "bus/call/call.h"
#include "commit/record.h"

/* Appends an a{sv}. Returns: 0, a condition, negative errno. */
int record_append(Call *call, sd_bus_message *reply, const ChangeRecord *record);
