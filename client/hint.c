/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hint.c - see hint.h.
 *
 * The service speaks to callers of its D-Bus interface, and names options and methods as they are
 * there. Its words are never replaced; what is known here is added. A hint rests on a few words of
 * the service's: if they change, it is missing, and nothing else (tests/system/suites/test_client*
 * would tell).
 */
#include "hint.h"

#include <string.h>
#include <unistd.h>

static const char *hint_of_denial(const Session *session, const sd_bus_error *error)
{
        bool asks = sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);

        if (!asks && !sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                return NULL;
        if (session->options->host)
                return "; nobody can be asked for a password there: connect as root, or use a key";
        if (!asks && !session->options->no_ask_password && session->agent == 0 && geteuid() != 0)
                return "; on a terminal, or as root, it may be allowed: 'exmachinactl whoami' "
                       "shows who "
                       "the service takes you for";
        if (!asks)
                return "; 'exmachinactl whoami' shows who the service takes you for";
        if (session->options->no_ask_password)
                return "; leave out --no-ask-password to be asked";
        return "; run this on a terminal, or as root";
}

const char *hint_for(const Session *session, const sd_bus_error *error)
{
        static const struct {
                const char *words, *hint;
        } table[] = {
                { "Option merge ", "; here it is --merge" },
                { "option validate away", "; here: run it without --no-validate" },
                { "se option restart", "; here it is --restart" },
                { "Begin's option \"files\"", "; here it is --lens, of edits" },
                { "Option allow_more_removals ", "; here it is --allow-more-removals" },
                { "(Refresh)", " Here: exmachinactl package refresh" },
                { "see ListChanges", "; here: exmachinactl history" },
                { "see ListTimezones", "; here: exmachinactl timezones" },
                { "(Rebase does", "; here: look at it, and run this again" },
        };
        const char *denial = hint_of_denial(session, error);

        if (denial)
                return denial;
        for (size_t i = 0; error->message && i < ELEMENTSOF(table); i++)
                if (strstr(error->message, table[i].words))
                        return table[i].hint;
        return "";
}
