/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - exmachinactl: ExMachina for administrators, on the command line.
 *
 * Knows the service by its D-Bus interface only (docs/api.md). Reads options and the verb, runs the
 * verb, turns what it returns into the exit status (exit-status.h).
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "exit-status.h"
#include "script.h"
#include "text.h"
#include "verb.h"

#define EDITS (TAKES_STAGE | TAKES_COMMIT | TAKES_UNITS)

static const Verb verbs[] = {
        { "Reading", "get", "PATH", "Print the value of one node", 1, 1, 0, verb_get },
        { "Reading", "ls", "EXPRESSION", "List the paths that match", 1, 1, 0, verb_ls },
        { "Reading", "print", "EXPRESSION", "Print what matches with all below it", 1, 1, 0,
          verb_print },
        { "Reading", "files", "[GLOB]", "List the files that can be read as trees", 0, 1, 0,
          verb_files },
        { "Reading", "cat", "FILE", "Print a file byte for byte", 1, 1, 0, verb_cat },
        { "Reading", "errors", "EXPRESSION", "List files that cannot be parsed, and why", 1, 1, 0,
          verb_errors },

        { "Editing", "edit", "FILE|-", "Make all edits of a script, or none", 1, 1, EDITS,
          verb_script },
        { "Editing", "diff", "VERB ARGUMENT...", "Show what an edit would change", 1, -1,
          TAKES_STAGE, verb_diff },
        { "Editing", "validate", "VERB ARGUMENT...",
          "Have the files that an edit would make checked", 1, -1, TAKES_STAGE, verb_diff },
        { "Editing", "shell", "", "Look, edit and commit, command by command", 0, 0, TAKES_STAGE,
          verb_shell },

        { "History", "history", "", "List changes, newest first", 0, 0, TAKES_FILTER,
          verb_history },
        { "History", "show", "CHANGE", "Show a change: who, when, why, and its diff", 1, 1, 0,
          verb_show },
        { "History", "confirm", "[CHANGE]", "Keep a change that awaits it", 0, 1, 0, verb_confirm },
        { "History", "extend", "CHANGE SECONDS", "Give a change more time to be confirmed", 2, 2, 0,
          verb_extend },
        { "History", "revert", "CHANGE", "Undo a change, by a new one", 1, 1, EDITS | TAKES_MERGE,
          verb_revert },
        { "History", "monitor", "", "Print changes as they happen", 0, 0, 0, verb_monitor },

        { "Units", "units", "[PATTERN...]", "List units", 0, -1, 0, verb_units },
        { "Units", "status", "UNIT...", "Show the state of units", 1, -1, 0, verb_status },
        { "Units", "start", "UNIT...", "Start units", 1, -1, 0, verb_job },
        { "Units", "stop", "UNIT...", "Stop units", 1, -1, 0, verb_job },
        { "Units", "restart", "UNIT...", "Stop units and start them", 1, -1, 0, verb_job },
        { "Units", "reload", "UNIT...", "Have units read their configuration again", 1, -1, 0,
          verb_job },
        { "Units", "reload-or-restart", "UNIT...", "Reload units, restart those that cannot", 1, -1,
          0, verb_job },
        { "Units", "enable", "UNIT...", "Have units started at boot", 1, -1, TAKES_NOW,
          verb_unit_file },
        { "Units", "disable", "UNIT...", "Do not have them started at boot", 1, -1, TAKES_NOW,
          verb_unit_file },
        { "Units", "mask", "UNIT...", "Make it impossible to start units", 1, -1, TAKES_NOW,
          verb_unit_file },
        { "Units", "unmask", "UNIT...", "Take mask back", 1, -1, 0, verb_unit_file },

        { "Clock", "timezone", "[ZONE]", "Show or set the time zone", 0, 1, 0, verb_timezone },
        { "Clock", "timezones", "", "List the time zones", 0, 0, 0, verb_timezones },

        { "Packages", "package", "status|refresh|install|remove [NAME...]",
          "Show, install and remove packages", 1, -1, TAKES_REMOVALS, verb_package },

        { "Rights", "whoami", "", "Show who the service takes you for", 0, 0, 0, verb_whoami },
        { "Rights", "permitted", "VERB NAME...", "Show whether you may do something", 1, -1, 0,
          verb_permitted },
        { "Rights", "key", "create|list|revoke [NAME]", "Make, list and revoke secret keys", 1, 2,
          TAKES_KEY | TAKES_OFFLINE, verb_key },

        { NULL, "match", "EXPRESSION", "The same as ls", 1, 1, 0, verb_ls },
        { NULL, "complete", "KIND PREFIX", "For the completions of shells", 2, 2, 0,
          verb_complete },
};

const Verb *verb_at(size_t i)
{
        return i < ELEMENTSOF(verbs) ? &verbs[i] : NULL;
}

const Verb *verb_find(const char *name)
{
        /* What is common to all the verbs of edits; their table is in script.c. */
        static const Verb edit = { .takes = EDITS, .max = -1, .run = verb_edit };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return edit_verb_find(name) ? &edit : NULL;
}

/* ---------------------------------------------------------------- help */

static void print_row(const char *name, const char *synopsis, const char *summary)
{
        char left[64];

        snprintf(left, sizeof(left), "%s %s", name, synopsis);
        printf("  %-34s %s\n", left, summary);
}

static void print_edit_verbs(void)
{
        const EditVerb *row;

        for (size_t i = 0; (row = edit_verb_at(i)); i++)
                print_row(row->name, row->synopsis, row->summary);
}

static int print_help(void)
{
        const char *section = "";

        puts("exmachinactl [OPTION...] VERB [ARGUMENT...]\n"
             "exmachinactl [OPTION...] FILE                 (the same as print)\n\n"
             "Reads and changes the configuration of this machine, and controls its units.\n"
             "/etc/hosts/1/ipaddr is short for the path /files/etc/hosts/1/ipaddr.");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (!verbs[i].section)
                        continue;
                if (strcmp(section, verbs[i].section) != 0) {
                        section = verbs[i].section;
                        printf("\n%s:\n", section);
                        if (strcmp(section, "Editing") == 0)
                                print_edit_verbs();
                }
                print_row(verbs[i].name, verbs[i].synopsis, verbs[i].summary);
        }
        puts("\nOptions:");
        options_print_help(0);
        puts("\nexmachinactl VERB --help shows the options of a verb; exmachinactl(1) tells more.");
        return 0;
}

static int print_verb_help(const Verb *verb, const char *name)
{
        const EditVerb *edit = edit_verb_find(name);

        printf("exmachinactl [OPTION...] %s %s\n\n%s.\n", name,
               edit ? edit->synopsis : verb->synopsis, edit ? edit->summary : verb->summary);
        if (verb->run == verb_script || verb->run == verb_diff) {
                puts(verb->run == verb_script
                             ? "\nFILE (- is standard input) has one edit a line, quoted as for "
                               "augtool; # begins a comment:"
                             : "\nVERB is edit or one of:");
                print_edit_verbs();
        }
        puts("\nOptions:");
        options_print_help(verb->takes);
        return 0;
}

/* ---------------------------------------------------------------- dispatch */

int verb_run_part(Session *session, const VerbPart *parts, size_t n, const char *written, int argc,
                  char **argv)
{
        for (size_t i = 0; i < n; i++) {
                const VerbPart *part = &parts[i];
                const char *besides = options_first_besides(session->options, part->takes);

                if (strcmp(argv[1], part->name) != 0 || argc - 2 < part->min ||
                    (part->max >= 0 && argc - 2 > part->max))
                        continue;
                if (besides)
                        return output_usage("--%s does not go with '%s %s'", besides, argv[0],
                                            argv[1]);
                return part->run(session, argc - 1, argv + 1);
        }
        return output_usage("'%s' is written as: %s", argv[0], written);
}

static int run_verb(Session *session, const Verb *verb, int argc, char **argv)
{
        const char *besides = options_first_besides(session->options, verb->takes);

        if (session->options->help)
                return print_verb_help(verb, argv[0]);
        if (besides)
                return output_usage("--%s does not go with '%s': see 'exmachinactl %s --help'",
                                    besides, argv[0], argv[0]);
        if (verb->max >= 0 && (argc - 1 < verb->min || argc - 1 > verb->max))
                return output_usage("'%s' is written as: exmachinactl %s %s", argv[0], argv[0],
                                    verb->synopsis);
        if (argc - 1 < verb->min)
                return output_usage("'%s' needs something to work on: exmachinactl %s %s", argv[0],
                                    argv[0], verb->synopsis);
        return verb->run(session, argc, argv);
}

static int run(Session *session, int argc, char **argv)
{
        char print[] = "print", *words[] = { print, argv[0], NULL };
        const Verb *verb;

        if (session->options->version) {
                puts("exmachinactl " EXM_VERSION);
                return 0;
        }
        if (argc == 0)
                return session->options->help
                               ? print_help()
                               : output_usage(
                                         "say what to do: 'exmachinactl --help' lists the verbs");
        verb = verb_find(argv[0]);
        if (verb)
                return run_verb(session, verb, argc, argv);
        if (argc == 1 && path_looks_like_one(argv[0]))
                return run_verb(session, verb_find("print"), 2, words);
        return output_usage("there is no verb '%s': 'exmachinactl --help' lists them", argv[0]);
}

/* As if the signal had not been caught: scripts end with their commands then. */
static void end_by(int number)
{
        signal(number, SIG_DFL);
        raise(number);
}

int main(int argc, char **argv)
{
        Options options;
        Output output;
        Session session = { .options = &options, .output = &output };
        int first, r, written;

        setlocale(LC_ALL, "");
        signal(SIGPIPE, SIG_IGN); /* a reader or a pager that left shows as an error of writing */
        r = options_parse(&options, argc, argv, &first);
        if (r != 0) {
                options_done(&options);
                return r < 0 ? EXIT_FAILED : r;
        }
        output_init(&output, &options);
        r = run(&session, argc - first, argv + first);
        if (r < 0)
                r = output_error("it did not work: %s", strerror(-r));
        session_done(&session);
        written = output_finish(&output);
        options_done(&options);
        if (r == EXIT_FAILED && session.interrupted)
                end_by(session.interrupted);
        return r != 0 ? r : written;
}
