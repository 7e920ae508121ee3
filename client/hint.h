/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hint.h - what the words of the service mean for a command line.
 */
#pragma once

#include "session.h"

/* To be put after the service's words. Returns: what goes on there, as "; ...", or "". */
const char *hint_for(const Session *session, const sd_bus_error *error);
