/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unit-status.h - inside this room only: the properties of one unit, read in one call.
 */
#pragma once

#include "units/request.h"

/* `status` points into `reply`, names is its own. Zero-initialise; unit_properties_done() frees. */
typedef struct UnitProperties {
        UnitStatus status;
        const char *result; /* "exit-code", ... of services, mounts, ...; NULL: the type has none */
        const char *type;   /* "simple", "oneshot", ... of services; NULL */
        uint32_t n_restarts;
        uint8_t invocation[16]; /* another each time it starts */
        sd_bus_message *reply;
} UnitProperties;

/* Asks for all properties of all interfaces of a unit object, as systemctl status does. */
int unit_properties_call(UnitsRequest *request, const char *path, sd_bus_message_handler_t handler);

/* Strings that systemd left out are "". Returns: 0 or -errno. */
int unit_properties_read(UnitProperties *ret, sd_bus_message *reply);
void unit_properties_done(UnitProperties *p);

/* Returns: true for a unit that exists by name only, because another one mentions it. */
bool unit_is_absent(const char *load_state, const char *active_state);

#define _cleanup_properties_ _cleanup_(unit_properties_done)
