/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * values.h - many values at once, for a broker that would ask for one after the other.
 */
#pragma once

#include <systemd/sd-bus.h>

#include "util/failure.h"
#include "worker/tree.h"

/* Appends a(sbs): paths and values of the nodes with plain paths, as many as fit in `max_bytes` (as
 * protocol.h counts them). Returns: 0; EXM_E_LIMIT_EXCEEDED; -errno. */
int values_append(sd_bus_message *reply, Tree *tree, size_t max_bytes, Failure *f);
