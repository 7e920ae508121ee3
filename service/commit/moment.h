/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * moment.h - now, on the clocks that a record is dated by, and which boot this is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "commit/record.h"

/* µs. */
uint64_t moment_now(clockid_t clock);

/* The kernel's id of this boot, as 32 digits. Returns: 0 or -errno. */
int moment_boot_id(char ret[RECORD_BOOT_ID_SIZE]);

/* From now on the record awaits to be confirmed for as long as it asks. Returns: 0 or -errno. */
int moment_start_pending(ChangeRecord *record);

/* Returns: 1 if the record is of this boot; 0; -errno. */
int moment_is_this_boot(const ChangeRecord *record);

/* Returns: 1 if its time to be confirmed is over, by the clock or by a reboot; 0; -errno. */
int moment_is_over(const ChangeRecord *record);
