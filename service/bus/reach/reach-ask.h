/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-ask.h - what is asked before and after files are looked at: steps 3 and 5 of reach.h.
 */
#pragma once

#include "bus/call/call.h"

/* Step 3, for what the arguments name; then `asked`, or the call has failed. */
void reach_ask_names(Call *call, void (*asked)(Call *call));
/* Step 5, for what was found; begins with reach->next 0. */
void reach_ask_found(Call *call, void (*asked)(Call *call));
