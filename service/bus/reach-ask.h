/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-ask.h - the steps of a reach (reach.h) among themselves.
 */
#pragma once

#include "bus/reach.h"

/* Step 3, for what the arguments name; goes on with reach_probe(). */
void reach_ask_names(Call *call);
/* Step 4; goes on with reach_ask_found(). */
void reach_probe(Call *call);
/* Step 5, for what was found; goes on with reach_read(). */
void reach_ask_found(Call *call);
/* Step 6; goes on with reach->done. */
void reach_read(Call *call);
