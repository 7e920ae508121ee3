/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * jail-filter.h - the system calls that a checker is refused (EPERM), beyond those that its unit
 * refuses: checkers are many, and use what they like, so this is no list of what is allowed. What
 * acts on files that others have open too (locks, for one) does nothing and succeeds.
 */
#pragma once

#include "worker/jail.h"

/* Returns: 0 or -errno. */
int jail_filter_install(const Jail *jail);
