/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * departure.c - NameOwnerChanged.
 */
#include "bus/departure.h"

#include <string.h>

#include "bus/call/call.h"
#include "bus/call/calls.h"
#include "bus/call/idle.h"
#include "bus/call/transaction.h"
#include "bus/right/binding.h"

void departure_of(Peer *peer)
{
        Manager *m = peer->manager;

        transactions_end_of_peer(peer);
        calls_cancel_of_peer(peer);
        peer_drop_key(peer);
        peer_free(peer);
        idle_touch(m->idle);
}

static int on_name_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *old_owner, *new_owner;
        Manager *m = userdata;
        Peer *peer;

        /* A client may send us a signal of this name directly: only the bus has this sender. */
        if (strcmp(sd_bus_message_get_sender(message) ?: "", "org.freedesktop.DBus") != 0)
                return 0;
        if (sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner) < 0)
                return 0;
        peer = *new_owner == '\0' ? peer_find(m, name) : NULL;
        if (peer)
                departure_of(peer);
        return 0;
}

int departure_watch(Manager *m)
{
        return sd_bus_add_match_async(m->bus, NULL,
                                      "type='signal',sender='org.freedesktop.DBus',"
                                      "path='/org/freedesktop/DBus',"
                                      "interface='org.freedesktop.DBus',"
                                      "member='NameOwnerChanged',arg2=''",
                                      on_name_owner_changed, NULL, m);
}
