/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-time.h - points in time as people write them, always UTC.
 *
 *   2027-01-31                    the beginning of that day
 *   2027-01-31T12:00:00Z          with up to six digits of a fraction: 12:00:00.5Z
 *   +90m, +12h, +30d, +8w         from now on
 */
#pragma once

#include <stdint.h>

#define KEY_TIME_BYTES sizeof("9999-12-31T23:59:59.999999Z")

/* `now`: µs, CLOCK_REALTIME, what + counts from; 0: no + is taken. Returns: 0 or -EINVAL. */
int key_time_parse(const char *text, uint64_t now, uint64_t *ret);

/* `usec`: µs, CLOCK_REALTIME, cut to the year 9999. A fraction is left away if it is 0. */
void key_time_format(uint64_t usec, char ret[static KEY_TIME_BYTES]);
