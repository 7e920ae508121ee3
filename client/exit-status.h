/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exit-status.h - what exmachinactl returns; in docs/man/exmachinactl.1.scd for its users.
 *
 * Every function of the client that can fail returns 0; one of these, and then it has said why on
 * standard error; or a negative errno that main() says.
 */
#pragma once

enum {
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        /* no such node, unit ...; `status` of what is not active or installed */
        EXIT_NOT_THERE = 3,
        EXIT_DENIED = 4,
        EXIT_CONFLICT = 5,
        EXIT_UNREACHABLE = 6, /* the bus or the service */
        EXIT_UNKNOWN = 7,     /* whether the change was made */
        EXIT_TAKEN_BACK = 8,  /* nobody confirmed it, or the answer was no */
        EXIT_INVALID = 9,     /* a validator has refused the new files */
        EXIT_OUTPUT = 10,     /* it is done, but standard output could not be written */
};
