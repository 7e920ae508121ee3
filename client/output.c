/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * output.c - see output.h.
 *
 * The pager gets a file in memory, not a pipe: where it has stopped to read tells whether it has
 * shown anything.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "exit-status.h"
#include "text.h"
#include "util/hide-key.h"

void output_init(Output *output, const Options *options)
{
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

        *output = (Output){ .mode = options->output,
                            .terminal = isatty(STDOUT_FILENO),
                            .quiet = options->quiet,
                            .legend = !options->no_legend,
                            .pager_allowed = !options->no_pager,
                            .collected = -1,
                            .standard_output = -1 };
        output->colour = output->terminal && !(no_color && no_color[0]) && term &&
                         strcmp(term, "dumb") != 0 && !output_is_json(output);
}

const char *colour_on(const Output *output, Colour colour)
{
        static const char *const codes[] = {
                [COLOUR_NONE] = "",          [COLOUR_BOLD] = "\x1b[1m",
                [COLOUR_DIM] = "\x1b[2m",    [COLOUR_RED] = "\x1b[31m",
                [COLOUR_GREEN] = "\x1b[32m", [COLOUR_YELLOW] = "\x1b[33m",
                [COLOUR_CYAN] = "\x1b[36m",
        };

        return output->colour ? codes[colour] : "";
}

const char *colour_off(const Output *output, Colour colour)
{
        return output->colour && colour != COLOUR_NONE ? "\x1b[0m" : "";
}

/* ---------------------------------------------------------------- pager */

/* A pager of the user's choice runs with the rights of whoever runs us: not under sudo, whose
 * caller has other ones. less itself is told to offer no shell. */
static const char *choose_pager(void)
{
        const char *chosen = NULL;

        if (!getenv("SUDO_UID") && !getenv("PKEXEC_UID")) {
                chosen = secure_getenv("EXMACHINA_PAGER");
                if (!chosen)
                        chosen = secure_getenv("SYSTEMD_PAGER");
                if (!chosen)
                        chosen = secure_getenv("PAGER");
        }
        return chosen ? chosen : "less";
}

static bool is_pager(const char *command)
{
        return command[0] != '\0' && strcmp(command, "cat") != 0;
}

static void run_pager(const char *command, int input)
{
        setenv("LESS", "FRSXMK", 1);
        setenv("LESSCHARSET", "utf-8", 0);
        setenv("LESSSECURE", "1", 1);
        if (dup2(input, STDIN_FILENO) < 0)
                _exit(EXIT_FAILED);
        if (strcmp(command, "less") == 0) {
                execlp("less", "less", (char *)NULL);
                execlp("more", "more", (char *)NULL);
                execlp("cat", "cat", (char *)NULL);
        } else {
                execlp("sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(127);
}

void output_open_pager(Output *output)
{
        _cleanup_close_ int collected = -1;

        if (!output->terminal || !output->pager_allowed || output->collected >= 0 ||
            !is_pager(choose_pager()))
                return;
        collected = memfd_create("output", MFD_CLOEXEC);
        if (collected < 0)
                return;
        output->standard_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        fflush(stdout);
        if (output->standard_output < 0 || dup2(collected, STDOUT_FILENO) < 0)
                return;
        output->collected = collected;
        collected = -1;
}

/* A key that ends the pager is not for us. */
static void wait_for_pager(pid_t child)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        struct sigaction interrupt, quit;

        sigaction(SIGINT, &ignore, &interrupt);
        sigaction(SIGQUIT, &ignore, &quit);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                ;
        sigaction(SIGINT, &interrupt, NULL);
        sigaction(SIGQUIT, &quit, NULL);
}

/* Returns: false: it has not read anything. */
static bool show_by_pager(int collected, const char *command)
{
        pid_t child;

        if (lseek(collected, 0, SEEK_SET) < 0)
                return false;
        child = fork();
        if (child == 0)
                run_pager(command, collected);
        if (child > 0)
                wait_for_pager(child);
        return lseek(collected, 0, SEEK_CUR) > 0;
}

static void show_plainly(int collected)
{
        char part[4096];
        ssize_t n;

        while ((n = read(collected, part, sizeof(part))) > 0)
                fwrite(part, 1, (size_t)n, stdout);
}

static void show_collected(Output *output)
{
        const char *command = choose_pager();

        fflush(stdout);
        dup2(output->standard_output, STDOUT_FILENO);
        close(output->standard_output);
        if (lseek(output->collected, 0, SEEK_END) > 0 &&
            !show_by_pager(output->collected, command)) {
                output_error("the pager '%s' shows nothing: set $PAGER to one that works, or use "
                             "--no-pager",
                             command);
                show_plainly(output->collected);
        }
        close(output->collected);
        output->collected = output->standard_output = -1;
}

/* ---------------------------------------------------------------- what could not be written */

/* Of standard output, of which there is one: the first errno. */
static int write_error;

void output_check(void)
{
        if (write_error == 0 && ferror(stdout))
                write_error = errno ?: EIO;
}

static void flush(void)
{
        fflush(stdout);
        output_check();
}

int output_finish(Output *output)
{
        if (output->collected >= 0)
                show_collected(output);
        flush();
        if (write_error == 0 || write_error == EPIPE)
                return 0;
        if (output->change > 0)
                output_error("change %" PRIu64
                             " is made, but standard output could not be written (%s): see "
                             "'exmachinactl show %" PRIu64 "'",
                             output->change, strerror(write_error), output->change);
        else
                output_error("standard output could not be written (%s): make room there, or send "
                             "it elsewhere",
                             strerror(write_error));
        return EXIT_OUTPUT;
}

/* ---------------------------------------------------------------- text */

int output_text(const Output *output, Colour colour, const char *text, bool lines)
{
        _cleanup_free_ char *escaped = NULL;

        if (output->terminal)
                escaped = text_for_terminal(text, lines);
        else if (!lines)
                escaped = text_for_line(text);
        if (!escaped && (output->terminal || !lines))
                return -ENOMEM;
        printf("%s%s%s", colour_on(output, colour), escaped ? escaped : text,
               colour_off(output, colour));
        output_check();
        return 0;
}

static void say(const char *format, va_list list)
{
        _cleanup_free_ char *text = NULL, *shortened = NULL, *escaped = NULL;

        flush();
        if (vasprintf(&text, format, list) < 0)
                return;
        hide_keys(text);
        shortened = text_shorten(text);
        if (!shortened)
                return;
        if (isatty(STDERR_FILENO))
                escaped = text_for_terminal(shortened, true);
        fprintf(stderr, "exmachinactl: %s\n", escaped ? escaped : shortened);
}

int output_error(const char *format, ...)
{
        va_list list;

        va_start(list, format);
        say(format, list);
        va_end(list);
        return EXIT_FAILED;
}

int output_usage(const char *format, ...)
{
        va_list list;

        va_start(list, format);
        say(format, list);
        va_end(list);
        return EXIT_USAGE;
}

void output_note(const Output *output, const char *format, ...)
{
        va_list list;

        if (output->quiet)
                return;
        va_start(list, format);
        say(format, list);
        va_end(list);
}

static Colour colour_of_line(const char *line)
{
        switch (line[0]) {
        case '+':
                return strncmp(line, "+++ ", 4) == 0 ? COLOUR_BOLD : COLOUR_GREEN;
        case '-':
                return strncmp(line, "--- ", 4) == 0 ? COLOUR_BOLD : COLOUR_RED;
        case '@':
                return COLOUR_CYAN;
        case ' ':
                return COLOUR_NONE;
        default:
                return COLOUR_BOLD;
        }
}

static int output_diff(const Output *output, const char *diff)
{
        _cleanup_free_ char *copy = strdup(diff);
        int r;

        if (!copy)
                return -ENOMEM;
        for (char *line = copy, *next; *line; line = next) {
                char *end = strchrnul(line, '\n');

                next = *end ? end + 1 : end;
                *end = '\0';
                r = output_text(output, colour_of_line(line), line, false);
                if (r < 0)
                        return r;
                putchar('\n');
        }
        return 0;
}

int output_diffs(const Output *output, const json_t *diffs)
{
        const json_t *row;
        size_t i;
        int r;

        json_array_foreach(diffs, i, row)
        {
                r = output_diff(output, json_string_value(json_array_get(row, 1)));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---------------------------------------------------------------- JSON */

/* DEL, C1 and what turns lines around can stand in strings only: as \u they mean the same. */
static void print_escaped(const char *text)
{
        for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
                unsigned c = 0, size = 1;

                if (*s == 0x7F) {
                        c = *s;
                } else if (*s == 0xC2 && s[1] >= 0x80 && s[1] <= 0x9F) {
                        c = s[1];
                        size = 2;
                } else if ((*s == 0xE2 && (s[1] == 0x80 || s[1] == 0x81)) ||
                           (*s == 0xEF && s[1] == 0xBB && s[2] == 0xBF)) {
                        c = (*s & 0xFU) << 12 | (s[1] & 0x3FU) << 6 | (s[2] & 0x3FU);
                        size = 3;
                }
                if (c) {
                        printf("\\u%04x", c);
                        s += size - 1;
                } else {
                        putchar(*s);
                }
        }
}

int output_json(Output *output, const json_t *value)
{
        size_t flags = JSON_ENCODE_ANY |
                       (output->mode == OUTPUT_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT);
        _cleanup_free_ char *text = json_dumps(value, flags);

        if (!text)
                return -ENOMEM;
        if (output->terminal)
                print_escaped(text);
        else
                fputs(text, stdout);
        putchar('\n');
        output_check();
        return 0;
}
