/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pk-error.h - PackageKit's errors as conditions with words for a person.
 *
 * Its details are from the operation of the caller himself, and handed on, without control
 * characters and cut.
 */
#pragma once

#include <stdint.h>

#include <systemd/sd-bus.h>

#include "util/failure.h"

#define PK_DETAIL_BYTES 2048U

/* The signal ErrorCode: a number of PkErrorEnum. Returns: a Condition, with `f` set. */
int pk_error_set(Failure *f, uint32_t code, const char *details);

/* An error instead of a reply. Returns: likewise, or -ENOMEM. */
int pk_bus_error_set(Failure *f, const sd_bus_error *error);

/* The last `max` bytes of `text`, whole lines if there are several, without control characters but
 * newline and tab; of a line that was overwritten (carriage return) only what was left to be seen.
 * Returns: a new string, NULL out of memory. */
char *pk_clean_text(const char *text, size_t max);
