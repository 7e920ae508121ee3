/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * call-parts.h - what the rooms above keep of a call: memory for each, from its beginning, and how
 * it is let go.
 */
#pragma once

#include "bus/call/call.h"

/* Gives a new call its parts, and a reference of the transaction (NULL allowed) it is about.
 * Returns: 0 or -ENOMEM. */
int call_parts_add(Call *call, Transaction *transaction);
