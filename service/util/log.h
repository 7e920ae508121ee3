/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * log.h - the daemon's own messages, to the journal, or to stderr when that is not the journal.
 *
 * Audit records are something else: auth/audit.h.
 */
#pragma once

#include <syslog.h>

#include "util/macro.h"

/* Messages less important than `level` (LOG_ERR ... LOG_DEBUG) are dropped. Default LOG_INFO. */
void log_set_level(int level);

void log_message(int level, const char *format, ...) _printf_(2, 3);

#define log_error(...)   log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_message(LOG_DEBUG, __VA_ARGS__)
