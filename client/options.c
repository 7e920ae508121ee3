/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * options.c - see options.h.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "exit-status.h"
#include "output.h"
#include "text.h"

enum {
        ARG_JSON = 0x100,
        ARG_NO_PAGER,
        ARG_NO_LEGEND,
        ARG_NO_ASK_PASSWORD,
        ARG_VERSION,
        ARG_KEY_FILE,
        ARG_DRY_RUN,
        ARG_LENS,
        ARG_EXPECT,
        ARG_CONFIRM,
        ARG_NO_VALIDATE,
        ARG_RELOAD,
        ARG_RESTART,
        ARG_RELOAD_AFFECTED,
        ARG_GRACE,
        ARG_MERGE,
        ARG_SINCE,
        ARG_BEFORE,
        ARG_FILE,
        ARG_STATE,
        ARG_TOKEN,
        ARG_NOW,
        ARG_USER,
        ARG_READ,
        ARG_WRITE,
        ARG_UNIT,
        ARG_PACKAGE,
        ARG_TIMEZONE,
        ARG_EXPIRES,
        ARG_PRIVILEGED,
        ARG_OFFLINE,
        ARG_ROOT,
        ARG_ALLOW_MORE_REMOVALS,
};

static const struct {
        const char *name;
        int value;
        unsigned group;
        const char *argument; /* NULL: none */
        const char *help;
} table[] = {
        { "help", 'h', 0, NULL, "Show this help; after a verb, that of the verb" },
        { "version", ARG_VERSION, 0, NULL, "Show the version" },
        { "host", 'H', 0, "[USER@]HOST", "Work on another machine, over ssh" },
        { "key-file", ARG_KEY_FILE, 0, "FILE",
          "Show the service the key in FILE (- asks for it); also $EXMACHINA_KEY_FILE" },
        { "json", ARG_JSON, 0, "MODE", "Print JSON: short, pretty, off" },
        { "", 'j', 0, NULL, "The same as --json=pretty on a terminal, else --json=short" },
        { "no-pager", ARG_NO_PAGER, 0, NULL, "Do not pipe output into a pager" },
        { "no-legend", ARG_NO_LEGEND, 0, NULL, "No headers of tables" },
        { "no-ask-password", ARG_NO_ASK_PASSWORD, 0, NULL, "Never ask for a password" },
        { "quiet", 'q', 0, NULL, "Print only what was asked for" },

        { "dry-run", ARG_DRY_RUN, TAKES_STAGE, NULL, "Show the diff; write nothing" },
        { "lens", ARG_LENS, TAKES_STAGE, "FILE=LENS",
          "Read FILE with this lens, as Shellvars.lns; may be repeated" },

        { "message", 'm', TAKES_COMMIT, "TEXT", "Why, for the history" },
        { "confirm", ARG_CONFIRM, TAKES_COMMIT, "SECONDS",
          "Take the change back unless it is confirmed within this time" },
        { "expect", ARG_EXPECT, TAKES_COMMIT, "FILE=VERSION",
          "Write only if FILE still has this version (see print --json)" },
        { "reload", ARG_RELOAD, TAKES_UNITS, "UNIT", "Reload UNIT with the change" },
        { "restart", ARG_RESTART, TAKES_UNITS, "UNIT", "Restart UNIT with the change" },
        { "reload-affected", ARG_RELOAD_AFFECTED, TAKES_UNITS, NULL,
          "Reload the active units that use the files" },
        { "grace", ARG_GRACE, TAKES_UNITS, "SECONDS", "How long those units have to stay active" },
        { "no-validate", ARG_NO_VALIDATE, TAKES_UNITS, NULL, "Do not have the new files checked" },
        { "merge", ARG_MERGE, TAKES_MERGE, NULL,
          "Undo only what the change did, where that does not overlap with later ones" },

        { "all", 'a', TAKES_FILTER, NULL, "Changes of all users" },
        { "lines", 'n', TAKES_FILTER, "NUMBER", "At most so many" },
        { "since", ARG_SINCE, TAKES_FILTER, "TIME", "Not older: '2026-11-30 12:00', '2h', '7d'" },
        { "before", ARG_BEFORE, TAKES_FILTER, "TIME", "Older than this" },
        { "file", ARG_FILE, TAKES_FILTER, "FILE", "Those of this file" },
        { "state", ARG_STATE, TAKES_FILTER, "STATE",
          "prepared, pending, applied, reverted or failed" },
        { "token", ARG_TOKEN, TAKES_FILTER, "TOKEN", "The one that was made with this token" },

        { "now", ARG_NOW, TAKES_NOW, NULL, "Start the unit, or stop it, at once too" },

        { "user", ARG_USER, TAKES_KEY, "NAME", "Who may use the key; '' is anyone" },
        { "read", ARG_READ, TAKES_KEY, "GLOB", "Files that it may read; may be repeated" },
        { "write", ARG_WRITE, TAKES_KEY, "GLOB", "Files that it may change; may be repeated" },
        { "unit", ARG_UNIT, TAKES_KEY, "UNIT:VERB,...",
          "What it may do to which unit; may be repeated" },
        { "package", ARG_PACKAGE, TAKES_KEY, "GLOB",
          "Packages that it may install and remove; may be repeated" },
        { "timezone", ARG_TIMEZONE, TAKES_KEY, NULL, "It may set the time zone" },
        { "expires", ARG_EXPIRES, TAKES_KEY, "TIME", "Until when: '2027-01-31 12:00', '30d'" },
        { "privileged", ARG_PRIVILEGED, TAKES_KEY, NULL,
          "Globs reach secret and sensitive files, and all units" },
        { "offline", ARG_OFFLINE, TAKES_OFFLINE, NULL, "Without the service, as root" },
        { "root", ARG_ROOT, TAKES_OFFLINE, "DIR", "With --offline: of the system in DIR" },

        { "allow-more-removals", ARG_ALLOW_MORE_REMOVALS, TAKES_REMOVALS, NULL,
          "Agree to the removal of packages that were not named" },
};

static int complain(const char *name, const char *value, const char *wanted)
{
        return output_usage("--%s '%s': %s", name, value, wanted);
}

static int take_number(const char *name, uint64_t min, uint64_t max, unsigned *ret)
{
        char wanted[64];
        uint64_t n;

        if (number_parse(optarg, min, max, &n) < 0) {
                snprintf(wanted, sizeof(wanted), "give a number from %u to %u", (unsigned)min,
                         (unsigned)max);
                return complain(name, optarg, wanted);
        }
        *ret = (unsigned)n;
        return 0;
}

static int take_time(const char *name, bool future, uint64_t *ret)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        if (time_parse(optarg, (uint64_t)now.tv_sec * 1000000, future, ret) < 0)
                return complain(name, optarg,
                                "give a time as '2027-01-31 12:00' or a span as '7d'");
        return 0;
}

static int take_pair(const char *name, char ***list)
{
        if (optarg[0] != '/' || !strchr(optarg, '='))
                return complain(name, optarg, "give an absolute file name, =, and the rest");
        return strv_extend(list, optarg);
}

static int take_output(Options *o, const char *mode)
{
        if (strcmp(mode, "off") == 0)
                o->output = OUTPUT_TEXT;
        else if (strcmp(mode, "short") == 0)
                o->output = OUTPUT_JSON_SHORT;
        else if (strcmp(mode, "pretty") == 0)
                o->output = OUTPUT_JSON_PRETTY;
        else
                return complain("json", mode, "give short, pretty or off");
        return 0;
}

/* Those that are only noted. Returns: where, or NULL. */
static bool *flag_of(Options *o, int value)
{
        switch (value) {
        case 'h':
                return &o->help;
        case 'q':
                return &o->quiet;
        case 'a':
                return &o->all;
        case ARG_VERSION:
                return &o->version;
        case ARG_NO_PAGER:
                return &o->no_pager;
        case ARG_NO_LEGEND:
                return &o->no_legend;
        case ARG_NO_ASK_PASSWORD:
                return &o->no_ask_password;
        case ARG_DRY_RUN:
                return &o->dry_run;
        case ARG_NO_VALIDATE:
                return &o->no_validate;
        case ARG_RELOAD_AFFECTED:
                return &o->reload_affected;
        case ARG_MERGE:
                return &o->merge;
        case ARG_NOW:
                return &o->now;
        case ARG_PRIVILEGED:
                return &o->privileged;
        case ARG_TIMEZONE:
                return &o->timezone;
        case ARG_OFFLINE:
                return &o->offline;
        case ARG_ALLOW_MORE_REMOVALS:
                return &o->allow_more_removals;
        default:
                return NULL;
        }
}

static const char **text_of(Options *o, int value)
{
        switch (value) {
        case 'm':
                return &o->message;
        case ARG_FILE:
                return &o->file;
        case ARG_STATE:
                return &o->state;
        case ARG_TOKEN:
                return &o->token;
        default:
                return NULL;
        }
}

/* Of two the last one would win: a surprise where it is a right that is given. */
static int take_once(const char *name, const char **text)
{
        if (*text)
                return complain(name, optarg, "it can be given once only");
        *text = optarg;
        return 0;
}

static int take_name(const char *name, const char *wanted, const char **text)
{
        if (optarg[0] == '\0')
                return complain(name, optarg, wanted);
        *text = optarg;
        return 0;
}

static char ***list_of(Options *o, int value)
{
        switch (value) {
        case ARG_RELOAD:
                return &o->reload;
        case ARG_RESTART:
                return &o->restart;
        case ARG_READ:
                return &o->read;
        case ARG_WRITE:
                return &o->write;
        case ARG_UNIT:
                return &o->units;
        case ARG_PACKAGE:
                return &o->packages;
        default:
                return NULL;
        }
}

static int take(Options *o, int value)
{
        if (flag_of(o, value)) {
                *flag_of(o, value) = true;
                return 0;
        }
        if (text_of(o, value)) {
                *text_of(o, value) = optarg;
                return 0;
        }
        if (list_of(o, value))
                return strv_extend(list_of(o, value), optarg);
        switch (value) {
        case 'H':
                return take_name("host", "give the name of a machine", &o->host);
        case ARG_KEY_FILE:
                return take_name("key-file", "give the name of a file", &o->key_file);
        case ARG_USER:
                return take_once("user", &o->user);
        case ARG_ROOT:
                return take_once("root", &o->root);
        case 'j':
                return take_output(o, isatty(STDOUT_FILENO) ? "pretty" : "short");
        case ARG_JSON:
                return take_output(o, optarg);
        case 'n':
                return take_number("lines", 1, 1000, &o->lines);
        case ARG_CONFIRM:
                return take_number("confirm", 1, 3600, &o->confirm);
        case ARG_GRACE:
                return take_number("grace", 0, 300, &o->grace);
        case ARG_SINCE:
                return take_time("since", false, &o->since);
        case ARG_BEFORE:
                return take_time("before", false, &o->before);
        case ARG_EXPIRES:
                if (o->expires > 0)
                        return complain("expires", optarg, "it can be given once only");
                return take_time("expires", true, &o->expires);
        case ARG_EXPECT:
                return take_pair("expect", &o->expect);
        case ARG_LENS:
                return take_pair("lens", &o->lenses);
        default:
                return -EINVAL;
        }
}

static void note_group(Options *o, int value)
{
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                unsigned bit = (unsigned)__builtin_ffs((int)table[i].group);

                if (table[i].value != value || bit == 0)
                        continue;
                o->groups |= table[i].group;
                if (!o->first_of_group[bit - 1])
                        o->first_of_group[bit - 1] = table[i].name;
        }
}

/* What getopt_long() could not take, in words that repeat no value: one may be a key. */
static int refuse(int value, const char *word)
{
        static const char hint[] = "write -- before words that begin with a dash; --help shows the "
                                   "options";
        const char *name = NULL;

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].value == optopt)
                        name = table[i].name;
        if (name && value == ':')
                return output_usage("--%s needs an argument; %s", name, hint);
        if (name)
                return output_usage("--%s takes no argument; %s", name, hint);
        if (optopt)
                return output_usage("there is no option -%c; %s", optopt, hint);
        return output_usage("%.*s is no option, or the beginning of several; %s",
                            (int)strcspn(word, "="), word, hint);
}

int options_parse(Options *o, int argc, char **argv, int *ret_first)
{
        struct option long_options[ELEMENTSOF(table) + 1] = { 0 };
        const char *key_file = getenv("EXMACHINA_KEY_FILE");
        size_t n = 0;
        int value, r;

        *o = (Options){ .grace = UINT_MAX, .key_file = key_file && key_file[0] ? key_file : NULL };
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (table[i].name[0])
                        long_options[n++] = (struct option){ table[i].name,
                                                             table[i].argument ? required_argument
                                                                               : no_argument,
                                                             NULL, table[i].value };
        optind = 0;
        opterr = 0;
        while ((value = getopt_long(argc, argv, ":hH:jqm:an:", long_options, NULL)) >= 0) {
                r = value == '?' || value == ':' ? refuse(value, argv[optind - 1]) : take(o, value);
                if (r != 0)
                        return r;
                note_group(o, value);
        }
        *ret_first = optind;
        return 0;
}

void options_done(Options *o)
{
        char **lists[] = { o->reload, o->restart, o->expect, o->lenses,
                           o->read,   o->write,   o->units,  o->packages };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                strv_free(lists[i]);
}

const char *options_first_besides(const Options *o, unsigned groups)
{
        unsigned besides = o->groups & ~groups;

        return besides ? o->first_of_group[__builtin_ffs((int)besides) - 1] : NULL;
}

void options_print_help(unsigned groups)
{
        char left[64];

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                const char *name = table[i].name, *argument = table[i].argument;

                if (table[i].group != 0 && !(table[i].group & groups))
                        continue;
                if (name[0] == '\0')
                        snprintf(left, sizeof(left), "-%c", table[i].value);
                else
                        snprintf(left, sizeof(left), "%c%c%c--%s%s%s",
                                 table[i].value < 0x100 ? '-' : ' ',
                                 table[i].value < 0x100 ? table[i].value : ' ', ' ', name,
                                 argument ? "=" : "", argument ? argument : "");
                printf("  %-28s %s\n", left, table[i].help);
        }
}

void options_print_names(unsigned groups)
{
        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (table[i].group != 0 && !(table[i].group & groups))
                        continue;
                if (table[i].name[0])
                        printf("--%s%s\n", table[i].name, table[i].argument ? "=" : "");
                if (table[i].value < 0x100)
                        printf("-%c\n", table[i].value);
        }
}
