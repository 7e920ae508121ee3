/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shell.c - the verb shell: a transaction that is looked at and edited command by command.
 *
 * The transaction is begun by the first command that needs one, and again after commit and
 * rollback. On a terminal lines are edited, kept for this run only (values may be secrets: nothing
 * is written to disk), and paths completed; Ctrl-C clears the line, or ends the wait of a command,
 * and nobody leaves staged edits behind without being told. Otherwise commands are read line by
 * line and the first error ends the run: what is not committed is not written.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* After stdio.h, which it needs and does not include. */
#include <editline/readline.h>

#include "change.h"
#include "complete.h"
#include "exit-status.h"
#include "input.h"
#include "interrupt.h"
#include "read.h"
#include "transaction.h"
#include "verb.h"

#define INTERFACE "Transaction"

typedef struct Shell {
        Session *session;
        char *transaction; /* object path; NULL: none */
        size_t staged;     /* edits in it */
        unsigned heard;    /* the connection whose signals come to us */
        bool interactive, leaving;
        bool warned;     /* of the edits that leaving drops; the next time is meant */
        char *closed;    /* why the transaction has ended; NULL: it has not */
        bool line_ended; /* by Ctrl-C */
} Shell;

typedef struct Command {
        const char *name, *synopsis, *summary;
        int min, max;
        int (*run)(Shell *shell, int argc, char **argv);
} Command;

/* ---------------------------------------------------------------- the transaction */

static int on_closed(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        Shell *shell = userdata;
        const char *reason;

        if (shell->transaction && sd_bus_message_read(m, "s", &reason) >= 0 &&
            strcmp(sd_bus_message_get_path(m), shell->transaction) == 0 && !shell->closed)
                shell->closed = strdup(reason);
        return 0;
}

/* A service that was killed does not say so. */
static int on_owner(sd_bus_message *m, void *userdata, _unused_ sd_bus_error *error)
{
        Shell *shell = userdata;
        const char *name, *before;

        if (shell->transaction && !shell->closed &&
            sd_bus_message_read(m, "ss", &name, &before) >= 0 && before[0] != '\0')
                shell->closed = strdup("the service has ended");
        return 0;
}

static int follow(Shell *shell)
{
        sd_bus *bus = shell->session->bus;
        int r;

        if (shell->heard == shell->session->connections)
                return 0;
        shell->heard = shell->session->connections;
        r = sd_bus_match_signal(bus, NULL, SERVICE_NAME, NULL, SERVICE_NAME "." INTERFACE, "Closed",
                                on_closed, shell);
        if (r < 0)
                return r;
        r = sd_bus_add_match(bus, NULL,
                             "type='signal',sender='org.freedesktop.DBus',"
                             "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
                             "arg0='" SERVICE_NAME "'",
                             on_owner, shell);
        return r < 0 ? r : 0;
}

static void forget(Shell *shell)
{
        free(shell->transaction);
        free(shell->closed);
        shell->transaction = shell->closed = NULL;
        shell->staged = 0;
}

static int ensure_transaction(Shell *shell)
{
        int r;

        if (shell->transaction)
                return 0;
        r = session_open(shell->session);
        if (r != 0)
                return r;
        r = follow(shell);
        if (r < 0)
                return r;
        return transaction_begin(shell->session, &shell->transaction);
}

/* What the service has said meanwhile: a transaction that nobody used ends, and its edits with it.
 * Returns: 0; EXIT_FAILED: edits are lost. */
static int hear(Shell *shell)
{
        sd_bus *bus = shell->session->bus;
        int r = 0;

        while (bus && (r = sd_bus_process(bus, NULL)) > 0)
                ;
        if (r < 0)
                session_disconnect(shell->session);
        if (shell->transaction && !shell->closed &&
            (!shell->session->bus || shell->heard != shell->session->connections))
                shell->closed = strdup("the connection was lost");
        r = 0;
        if (shell->closed && shell->staged > 0)
                r = output_error("the transaction has ended (%s), and its edits (%zu) with it: "
                                 "make them again",
                                 shell->closed, shell->staged);
        if (shell->closed)
                forget(shell);
        return r;
}

/* Before a command that is about staged edits. Returns: 0, EXIT_FAILED. */
static int check_staged(const Shell *shell)
{
        return shell->staged > 0 ? 0 : output_error("no edit is staged: make one first");
}

/* ---------------------------------------------------------------- commands */

static int on_path(Shell *shell, const char *word,
                   int (*read)(Session *, const char *, const char *, const char *))
{
        return read_typed(shell->session, shell->transaction, INTERFACE, word, read);
}

static int command_get(Shell *shell, int argc, char **argv)
{
        return on_path(shell, argv[1], read_value);
}

static int command_ls(Shell *shell, int argc, char **argv)
{
        return on_path(shell, argv[1], read_matches);
}

static int command_print(Shell *shell, int argc, char **argv)
{
        return on_path(shell, argv[1], read_subtree);
}

static int command_diff(Shell *shell, int argc, char **argv)
{
        _cleanup_json_ json_t *diffs = NULL;
        int r;

        r = transaction_diff(shell->session, shell->transaction, &diffs);
        return r != 0 ? r : change_show_diffs(shell->session, diffs);
}

static int command_affected(Shell *shell, int argc, char **argv)
{
        _cleanup_json_ json_t *units = NULL;
        const json_t *unit;
        size_t i;
        int r;

        r = transaction_affected(shell->session, shell->transaction, &units);
        if (r != 0 || output_is_json(shell->session->output))
                return r != 0 ? r : output_json(shell->session->output, units);
        json_array_foreach(units, i, unit)
        {
                output_text(shell->session->output, COLOUR_NONE, json_string_value(unit), false);
                putchar('\n');
        }
        return 0;
}

static int command_validate(Shell *shell, int argc, char **argv)
{
        return transaction_validate(shell->session, shell->transaction, /* failures_only= */ false);
}

static int command_rebase(Shell *shell, int argc, char **argv)
{
        int r;

        r = check_staged(shell);
        if (r != 0)
                return r;
        r = session_call_at(shell->session, NULL, shell->transaction, INTERFACE, "Rebase", NULL);
        if (r == 0)
                output_note(shell->session->output,
                            "all edits are staged on the files as they are now; see 'diff'");
        return r;
}

static int command_rollback(Shell *shell, int argc, char **argv)
{
        int r;

        r = transaction_rollback(shell->session, shell->transaction);
        forget(shell);
        return r;
}

/* The options of this commit, by the rules of the command line; the rest as the shell was started.
 */
static int commit_with(Shell *shell, Options *options)
{
        Session *session = shell->session;
        const Options *before = session->options;
        _cleanup_json_ json_t *diffs = NULL;
        int r;

        options->host = before->host;
        options->key_file = before->key_file;
        options->no_ask_password = before->no_ask_password;
        r = transaction_diff(session, shell->transaction, &diffs);
        if (r != 0)
                return r;
        session->options = options;
        session->output->change = 0;
        r = transaction_commit(session, shell->transaction, diffs);
        session->options = before;
        /* It is made, or may be, whatever has become of it then. */
        if (r == 0 || r == EXIT_TAKEN_BACK || r == EXIT_UNKNOWN || session->output->change > 0)
                forget(shell);
        return r;
}

static int command_commit(Shell *shell, int argc, char **argv)
{
        Options options;
        int first, r;

        r = options_parse(&options, argc, argv, &first);
        if (r == 0 && (first < argc || options_first_besides(&options, TAKES_COMMIT | TAKES_UNITS)))
                r = output_usage("'commit' is written as: commit [-m TEXT] [OPTION...], with the "
                                 "options that "
                                 "'exmachinactl set --help' shows");
        if (r == 0)
                r = commit_with(shell, &options);
        options_done(&options);
        return r;
}

/* Returns: 0; EXIT_FAILED: not yet, there are edits that would be lost. */
static int leave(Shell *shell)
{
        if (shell->staged > 0 && shell->interactive && !shell->warned) {
                shell->warned = true;
                return output_error("%zu %s not written: 'commit' writes, 'rollback' drops, and "
                                    "'quit' or Ctrl-D once more drops and leaves",
                                    shell->staged, shell->staged == 1 ? "edit is" : "edits are");
        }
        shell->leaving = true;
        return 0;
}

static int command_quit(Shell *shell, int argc, char **argv)
{
        return leave(shell);
}

static int command_help(Shell *shell, int argc, char **argv);

static const Command commands[] = {
        { "get", "PATH", "Print the value of one node", 1, 1, command_get },
        { "ls", "EXPRESSION", "List the paths that match", 1, 1, command_ls },
        { "print", "EXPRESSION", "Print what matches with all below it", 1, 1, command_print },
        { "diff", "", "Show what a commit would change", 0, 0, command_diff },
        { "affected", "", "List the active units that use the files", 0, 0, command_affected },
        { "validate", "", "Have the new files checked by those who will read them", 0, 0,
          command_validate },
        { "commit", "[-m TEXT] [OPTION...]", "Write all edits", 0, 99, command_commit },
        { "rollback", "", "Drop all edits", 0, 0, command_rollback },
        { "rebase", "", "Stage the edits anew on the files as they are now", 0, 0, command_rebase },
        { "help", "", "Show this", 0, 0, command_help },
        { "quit", "", "End", 0, 0, command_quit },
};

static int command_help(Shell *shell, int argc, char **argv)
{
        const EditVerb *edit;

        for (size_t i = 0; (edit = edit_verb_at(i)); i++)
                printf("  %-9s %-26s %s\n", edit->name, edit->synopsis, edit->summary);
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                printf("  %-9s %-26s %s\n", commands[i].name, commands[i].synopsis,
                       commands[i].summary);
        return 0;
}

static int run_edit(Shell *shell, char **words)
{
        _cleanup_script_ Script script = { 0 };
        int r;

        if (!shell->interactive && strcmp(words[0], "text") == 0 && words[1] && words[2] &&
            strcmp(words[2], "-") == 0)
                return output_usage("standard input has the commands: name the file that has the "
                                    "text");
        r = input_take_edit(shell->session, &script, words);
        if (r == 0)
                r = ensure_transaction(shell);
        if (r != 0)
                return r;
        r = transaction_edit(shell->session, shell->transaction, &script, NULL);
        /* What nobody has waited for may be staged; 'diff' tells. */
        if (r == 0 || shell->session->interrupted)
                shell->staged++;
        return r;
}

static int run_command(Shell *shell, char **words)
{
        int argc = (int)strv_length(words), r;

        if (edit_verb_find(words[0]))
                return run_edit(shell, words);
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                const Command *command = &commands[i];

                if (strcmp(command->name, words[0]) != 0)
                        continue;
                if (argc - 1 < command->min || argc - 1 > command->max)
                        return output_usage("'%s' is written as: %s %s", words[0], words[0],
                                            command->synopsis);
                if (command->run != command_help && command->run != command_quit) {
                        r = ensure_transaction(shell);
                        if (r != 0)
                                return r;
                }
                return command->run(shell, argc, words);
        }
        return output_usage("there is no command '%s': 'help' lists them", words[0]);
}

static int run_line(Shell *shell, const char *line)
{
        _cleanup_free_ char *problem = NULL;
        _cleanup_strv_ char **words = NULL;
        int lost, r;

        r = hear(shell);
        if (r != 0)
                return r; /* what was typed was meant for those edits */
        r = script_split(line, &words, &problem);
        if (r > 0)
                return output_usage("%s", problem);
        if (r < 0 || !words)
                return r;
        if (strcmp(words[0], "quit") != 0)
                shell->warned = false;
        shell->session->interrupted = 0;
        r = run_command(shell, words);
        if (r < 0)
                r = output_error("it did not work: %s", strerror(-r));
        lost = hear(shell);
        output_finish(shell->session->output); /* the pager of this command */
        return r != 0 ? r : lost;
}

/* ---------------------------------------------------------------- completion */

/* The line editor has no argument for it. */
static Shell *completing;

static char *next_candidate(const char *word, int state)
{
        static char **list, **next;

        if (state == 0) {
                list = strv_free(list);
                next = NULL;
                completing->session->silent = true;
                if (ensure_transaction(completing) == 0)
                        complete_paths(completing->session, completing->transaction, INTERFACE,
                                       word, &list);
                completing->session->silent = false;
                next = list;
                rl_completion_append_character = '\0';
        }
        return next && *next ? strdup(*next++) : NULL;
}

static char *next_command(const char *word, int state)
{
        static size_t i;

        if (state == 0)
                i = 0;
        rl_completion_append_character = ' ';
        while (i < EDIT_VERBS + ELEMENTSOF(commands)) {
                const char *name =
                        i < EDIT_VERBS ? edit_verb_at(i)->name : commands[i - EDIT_VERBS].name;

                i++;
                if (strncmp(name, word, strlen(word)) == 0)
                        return strdup(name);
        }
        return NULL;
}

/* Is it the SOURCE of text, a file of the user's? */
static bool is_source(int start)
{
        _cleanup_free_ char *before = strndup(rl_line_buffer, (size_t)start), *problem = NULL;
        _cleanup_strv_ char **words = NULL;

        return before && script_split(before, &words, &problem) == 0 && strv_length(words) == 2 &&
               strcmp(words[0], "text") == 0;
}

static char **complete_word(const char *word, int start, _unused_ int end)
{
        /* Elsewhere names of local files are none of ours. */
        rl_attempted_completion_over = !is_source(start);
        if (!rl_attempted_completion_over)
                return NULL;
        return rl_completion_matches(word, start == 0 ? next_command : next_candidate);
}

/* ---------------------------------------------------------------- lines */

/* The line editor wants one character, and has no use for a signal: Ctrl-C ends the line, which is
 * not run then. */
static int next_character(_unused_ FILE *f)
{
        _cleanup_interrupt_ Interrupt interrupt = { .signals = -1 };
        mbstate_t state = { 0 };
        wchar_t c = 0;
        size_t used = (size_t)-2;

        if (interrupt_begin(&interrupt) < 0)
                return EOF;
        while (used == (size_t)-2) {
                int signal = 0;
                char byte;

                if (interrupt_wait(&interrupt, STDIN_FILENO, UINT64_MAX, &signal) == -EINTR) {
                        completing->line_ended = true;
                        completing->leaving = signal != SIGINT;
                        return '\n';
                }
                ssize_t n = read(STDIN_FILENO, &byte, 1);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return EOF;
                used = mbrtowc(&c, &byte, 1, &state);
                if (used == (size_t)-1)
                        return '?';
        }
        return (int)c;
}

/* What no wait has ended is not to end us: a key for the pager, or one too many. */
static void on_late_interrupt(_unused_ int number)
{
}

static void prepare_lines(Shell *shell)
{
        static char breaks[] = " \t", name[] = "exmachinactl";
        const struct sigaction late = { .sa_handler = on_late_interrupt, .sa_flags = SA_RESTART };

        completing = shell;
        rl_readline_name = name;
        rl_completer_word_break_characters = breaks;
        rl_attempted_completion_function = complete_word;
        rl_getc_function = next_character;
        using_history();
        sigaction(SIGINT, &late, NULL);
}

/* Returns: as a command. */
static int end_of_input(Shell *shell)
{
        putchar('\n');
        hear(shell);
        return leave(shell);
}

static int run_interactive(Shell *shell)
{
        int r = 0;

        prepare_lines(shell);
        output_note(shell->session->output, "'help' lists the commands; nothing is written before "
                                            "'commit'");
        while (!shell->leaving) {
                _cleanup_free_ char *line =
                        readline(shell->staged > 0 ? "exmachina*> " : "exmachina> ");

                if (shell->line_ended) {
                        shell->line_ended = shell->warned = false;
                        continue;
                }
                if (line && line[strspn(line, " \t")] != '\0')
                        add_history(line);
                r = line ? run_line(shell, line) : end_of_input(shell);
        }
        return r;
}

static int run_lines(Shell *shell)
{
        _cleanup_free_ char *line = NULL;
        bool first = true;
        size_t size = 0;
        ssize_t n;
        int r;

        while (!shell->leaving && (n = getline(&line, &size, stdin)) > 0) {
                if (line[n - 1] == '\n')
                        line[n - 1] = '\0';
                r = run_line(shell, line + (first ? script_bom(line) : 0));
                first = false;
                if (r != 0)
                        return r;
        }
        return 0;
}

int verb_shell(Session *session, int argc, char **argv)
{
        Shell shell = { .session = session,
                        .interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) };
        int r;

        session->in_shell = true;
        r = shell.interactive ? run_interactive(&shell) : run_lines(&shell);
        if (shell.staged > 0)
                output_note(session->output, "%zu %s not committed and %s dropped", shell.staged,
                            shell.staged == 1 ? "edit was" : "edits were",
                            shell.staged == 1 ? "is" : "are");
        forget(&shell);
        session->interrupted = 0;
        return r;
}
