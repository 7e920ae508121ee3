/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clock.c - the verbs of the time zone: timezone, timezones.
 */
#include <errno.h>

#include "exit-status.h"
#include "verb.h"

static int show_zone(Session *session)
{
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_t *value = NULL;
        _cleanup_free_ char *zone = NULL;
        int r;

        r = session_open(session);
        if (r != 0)
                return r;
        r = sd_bus_get_property_string(session->bus, SERVICE_NAME, SERVICE_PATH,
                                       SERVICE_NAME ".Clock", "Timezone", &error, &zone);
        if (r < 0)
                return session_report(session, &error, r, 0);
        if (output_is_json(session->output)) {
                value = json_string(zone);
                return value ? output_json(session->output, value) : -ENOMEM;
        }
        if (zone[0] == '\0') {
                output_note(session->output, "the time zone has no name");
                return 0;
        }
        r = output_text(session->output, COLOUR_NONE, zone, false);
        putchar('\n');
        return r;
}

int verb_timezone(Session *session, int argc, char **argv)
{
        int r;

        if (argc == 1)
                return show_zone(session);
        r = session_call(session, NULL, "Clock", "SetTimezone", "s", argv[1]);
        if (r == 0)
                output_note(session->output, "the time zone is %s", argv[1]);
        return r;
}

int verb_timezones(Session *session, int argc, char **argv)
{
        _cleanup_json_ json_t *reply = NULL;
        const json_t *zone;
        size_t i;
        int r;

        r = session_call(session, &reply, "Clock", "ListTimezones", NULL);
        if (r != 0)
                return r;
        output_open_pager(session->output);
        if (output_is_json(session->output))
                return output_json(session->output, json_array_get(reply, 0));
        json_array_foreach(json_array_get(reply, 0), i, zone)
        {
                r = output_text(session->output, COLOUR_NONE, json_string_value(zone), false);
                if (r < 0)
                        return r;
                putchar('\n');
        }
        return 0;
}
