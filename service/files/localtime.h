/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * localtime.h - the system's time zone, as localtime(5) has it: what the link /etc/localtime says.
 *
 * It is read here, by systemd's rules; only systemd-timedated changes it (clock/clock.h).
 */
#pragma once

#include <stdbool.h>

#define LOCALTIME_FOLDER "/etc"
#define LOCALTIME_NAME   "localtime"

/* Could it be the name of a zone ("Europe/Berlin")? Never a path that leads out of zoneinfo. */
bool zone_name_is_valid(const char *name);

/* The zone now: "UTC" if there is no such file, "" if it is no link into zoneinfo and so has no
 * name. Blocking. Returns: 0 and *ret; -errno. */
int localtime_read(char **ret);
