/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * bare.c - the least that a service on the system bus can be: a name, sd-bus, and a loop.
 *
 * The peer of what is as fast as the bus itself: it answers org.freedesktop.DBus.Peer.Ping, which
 * sd-bus does by itself, and nothing else. "ready" on standard output says that it has its name.
 *
 *     bare NAME
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

int main(int argc, char *argv[])
{
        sd_event *event = NULL;
        sd_bus *bus = NULL;
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: %s NAME\n", argv[0]);
                return EXIT_FAILURE;
        }
        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_request_name(bus, argv[1], 0);
        if (r >= 0) {
                puts("ready");
                fflush(stdout);
                r = sd_event_loop(event);
        }
        if (r < 0)
                fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
        sd_bus_flush_close_unref(bus);
        sd_event_unref(event);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
