/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.h - the helper programs of this version, also after an upgrade.
 *
 * The service outlives an upgrade until nothing is under way. Its parsers speak a private protocol
 * with it, so it must not start those of the next version meanwhile.
 */
#pragma once

/* Holds `program` open until the process ends. Returns: 0 and in *ret a path (owned by the caller)
 * that starts this very file whatever takes its name; or -errno. */
int program_hold(char **ret, const char *program);
