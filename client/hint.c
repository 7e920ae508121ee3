/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hint.c - see hint.h.
 *
 * The service speaks to callers of its D-Bus interface, and names options and methods as they are
 * there. What is an option or a verb here is exchanged; all else stays. An exchange rests on a few
 * words of the service's: if they change, theirs are shown, and nothing else happens
 * (tests/system/suites/test_client* would tell).
 */
#include "hint.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

typedef struct Phrase {
        const char *theirs, *ours;
        const char *in_shell; /* NULL: the same */
} Phrase;

static const Phrase phrases[] = {
        { "Option merge undoes", "'revert --merge' undoes", NULL },
        { "leave option validate away", "leave --no-validate away", NULL },
        { "se option restart", "se --restart", NULL },
        { "options reload and restart", "--reload and --restart", NULL },
        { "; choose one with Begin's option \"files\", or ask",
          "; choose one with --lens for an edit, or ask", NULL },
        { "Option allow_more_removals agrees", "--allow-more-removals agrees", NULL },
        { "(Refresh)?", "('exmachinactl package refresh')?", NULL },
        { "see ListChanges", "see 'exmachinactl history'", NULL },
        { "see PackageStatus", "see 'exmachinactl package status NAME...'", NULL },
        { "see ListTimezones", "see 'exmachinactl timezones'", NULL },
        { "Read it again (Rebase does, in a transaction).", "Look at it, and run this again.",
          "'rebase' makes the edits again on the file as it is now." },
        { "start it with /files/ and", "start it with / and", NULL },
        { "narrow the expression, page with offset and limit, or ask",
          "narrow the expression, or ask", NULL },
        { "end one by Commit or Rollback", "end one of them ('exmachinactl shell' holds one)",
          "end one of them (each 'exmachinactl shell' holds one)" },
        { "begin a new one", "run this again", "make the edits again" },
        { "then call again", "then try again", NULL },
        { "anew: call again", "anew: try again", NULL },
};

/* What the service calls an argument, and how it is written here. */
static const Phrase arguments[] = {
        { "message: ", "--message: ", NULL },
        { "token: ", "--token: ", NULL },
        { "confirm_within: ", "--confirm: ", NULL },
        { "grace: ", "--grace: ", NULL },
        { "limit: ", "--lines: ", NULL },
        { "state: ", "--state: ", NULL },
        { "reload, restart: ", "--reload, --restart: ", NULL },
        { "names: ", "", NULL },
        { "timezone: must be a name", "a time zone is a name", NULL },
};

static const char *hint_of_denial(const Session *session, const sd_bus_error *error)
{
        bool asks = sd_bus_error_has_name(error, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED);

        if (!asks && !sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED))
                return NULL;
        if (session->gave_up)
                return "no password was given, and nothing was done";
        if (session->options->host)
                return "nobody can be asked for a password there: connect as root, or use a key";
        if (!asks && !session->options->no_ask_password && session->agent.pid == 0 &&
            geteuid() != 0)
                return "on a terminal, or as root, it may be allowed: 'exmachinactl whoami' shows "
                       "who the service takes you for";
        if (!asks)
                return "'exmachinactl whoami' shows who the service takes you for";
        if (session->options->no_ask_password)
                return "leave out --no-ask-password to be asked";
        return "run this on a terminal, or as root";
}

/* `size` bytes at `at` of `text` are exchanged. Returns: a new string; `text` is freed. */
static char *exchange(char *text, char *at, size_t size, const char *with)
{
        _cleanup_free_ char *before = text;
        char *joined;

        return asprintf(&joined, "%.*s%s%s", (int)(at - text), text, with, at + size) < 0 ? NULL
                                                                                          : joined;
}

/* What a transaction would do is all the same to who has typed one edit. */
static char *exchange_phrases(const Session *session, char *text)
{
        for (size_t i = 0; text && i < ELEMENTSOF(phrases); i++) {
                const Phrase *phrase = &phrases[i];
                char *at = strstr(text, phrase->theirs);

                if (at)
                        text = exchange(text, at, strlen(phrase->theirs),
                                        session->in_shell && phrase->in_shell ? phrase->in_shell
                                                                              : phrase->ours);
        }
        for (size_t i = 0; text && i < ELEMENTSOF(arguments); i++) {
                size_t size = strlen(arguments[i].theirs);

                if (strncmp(text, arguments[i].theirs, size) == 0)
                        return exchange(text, text, size, arguments[i].ours);
        }
        return text;
}

/* /files/etc/hosts is written /etc/hosts here. */
static char *shorten_paths(char *text)
{
        char *at = text;

        while (at && (at = strstr(at, "/files/"))) {
                if ((at == text || strchr(" \"'(", at[-1])) && path_shorten(at) != at)
                        memmove(at, at + strlen("/files"), strlen(at + strlen("/files")) + 1);
                else
                        at++;
        }
        return text;
}

/* The service counts the characters of what the path was made to. */
static char *exchange_position(const Session *session, char *text)
{
        static const char where[] = " at character ";
        char *at = text && session->typed ? strstr(text, where) : NULL;
        char number[24];
        size_t position;
        int length = 0;

        if (!at || sscanf(at + strlen(where), "%zu%n", &position, &length) < 1 || position == 0)
                return text;
        position -= session->typed_before < position ? session->typed_before : 0;
        snprintf(number, sizeof(number), "%zu", path_position(session->typed, position));
        return exchange(text, at + strlen(where), (size_t)length, number);
}

/* "authentication is required: call again ..." */
static char *exchange_denial(const char *message, const char *denial)
{
        const char *end = strstr(message, ": call again with interaction allowed");
        char *joined;

        return asprintf(&joined, "%.*s; %s",
                        (int)(end ? end - message : (ptrdiff_t)strlen(message)), message,
                        denial) < 0
                       ? NULL
                       : joined;
}

/* Returns: 1, and *ret is what is missing, a new string; 0: nothing is; -1: it cannot be seen. */
static int find_missing(const Session *session, char **ret)
{
        const char *name = session->looked_for ? path_shorten(session->looked_for) : "";

        if (session->options->host || name[0] != '/' || name[1] == '/' ||
            strpbrk(name, "[]()|*$\\\"'=!~ \t"))
                return -1;
        for (const char *end = name; *end;) {
                _cleanup_free_ char *part = NULL;

                end = strchrnul(end + 1, '/');
                part = strndup(name, (size_t)(end - name));
                if (!part)
                        return -1;
                if (faccessat(AT_FDCWD, part, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        continue;
                if (errno != ENOENT)
                        return -1;
                *ret = TAKE_PTR(part);
                return 1;
        }
        return 0;
}

char *hint_why_nothing(const Session *session)
{
        _cleanup_free_ char *missing = NULL;
        int r = find_missing(session, &missing);
        char *text;

        if (r < 0)
                return NULL;
        r = r > 0 ? asprintf(&text, "%s: there is no such file", missing)
                  : asprintf(&text,
                             "%s: no lens covers it: 'exmachinactl files' lists what can be read "
                             "as a tree",
                             session->looked_for);
        return r < 0 ? NULL : text;
}

/* The service does not say it where that would be news. */
static char *say_missing(const Session *session, const sd_bus_error *error)
{
        _cleanup_free_ char *file = NULL;
        char *text;

        if (!sd_bus_error_has_names(error, SERVICE_NAME ".Error.NoLens",
                                    SERVICE_NAME ".Error.NoMatch"))
                return NULL;
        return find_missing(session, &file) > 0 &&
                               asprintf(&text, "%s: there is no such file", file) >= 0
                       ? text
                       : NULL;
}

char *hint_rephrase(const Session *session, const sd_bus_error *error, const char *message)
{
        const char *denial = hint_of_denial(session, error);
        char *missing = say_missing(session, error);

        if (missing)
                return missing;
        if (denial)
                return exchange_denial(message, denial);
        return exchange_position(session,
                                 shorten_paths(exchange_phrases(session, strdup(message))));
}
