/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.h - the one way in: decode, validate, authorise, run.
 *
 *   gate_on_method()  every method of every vtable: finds the row, decodes, checks limits
 *   gate_admit()      the caller's uid is known: its turn in its transaction
 *   gate_start()      authorise by what the row needs, then run
 *
 * A method that is not in the table is denied; one whose row names no right does not build. Nothing
 * here or in a method asks who the caller says it is.
 */
#pragma once

#include "bus/call.h"

/* Goes on with a decoded call whose peer's state is known now. May end the call. */
void gate_admit(Call *call);

/* Begins the work; called once, when it is the call's turn. May end the call. */
void gate_start(Call *call);

/* Runs the method now that it is authorised, and answers if it fails at once. */
void gate_run(Call *call);
