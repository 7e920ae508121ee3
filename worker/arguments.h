/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * arguments.h - the decimal words that the programs of this room take on their command line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "worker/sandbox.h"

#define ARGUMENTS_N 4 /* UID GID CPU-SECONDS MEMORY-BYTES */

#define EXIT_SANDBOX 125

/* (uid_t)-1 means "leave it" to the system calls that change users. */
#define ARGUMENTS_ID_MAX (UINT32_MAX - 1)

/* Returns: false if `word` is not a plain decimal number of at most `max`. */
bool arguments_number(const char *word, uint64_t max, uint64_t *ret);

/* Fills in uid, gid, cpu_seconds and memory_bytes from ARGUMENTS_N words.
 * Returns: false if one of them is not a plain decimal number in range. */
bool arguments_parse(char *const *words, Sandbox *ret);
