/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * input.c - see input.h.
 */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "exit-status.h"
#include "interrupt.h"

#define INPUT_MAX (8U << 20) /* a message of D-Bus would not be longer either */

/* Returns: as read(2); -EINTR after Ctrl-C. */
static ssize_t read_some(Session *session, const Interrupt *interrupt, int fd, char *text,
                         size_t size)
{
        ssize_t n;
        int r;

        r = interrupt_wait(interrupt, fd, UINT64_MAX, &session->interrupted);
        if (r < 0)
                return r;
        n = read(fd, text, size);
        return n < 0 ? -errno : n;
}

static int read_all(Session *session, const char *name, int fd, char *text)
{
        _cleanup_interrupt_ Interrupt interrupt = { .signals = -1 };
        size_t used = 0;
        ssize_t n;
        int r;

        r = interrupt_begin(&interrupt);
        if (r < 0)
                return r;
        do {
                n = read_some(session, &interrupt, fd, text + used, INPUT_MAX + 1 - used);
                if (n == -EINTR && session->interrupted)
                        return EXIT_FAILED;
                if (n < 0 && n != -EINTR && n != -EAGAIN)
                        return output_error("%s cannot be read: %s", name, strerror((int)-n));
                used += n > 0 ? (size_t)n : 0;
        } while (n != 0 && used <= INPUT_MAX);
        if (used > INPUT_MAX)
                return output_error("%s is longer than 8 MiB: make several changes of it", name);
        if (memchr(text, '\0', used))
                return output_error("%s is not text: it has a NUL byte", name);
        text[used] = '\0';
        return 0;
}

int input_read(Session *session, const char *name, char **ret)
{
        _cleanup_free_ char *text = malloc(INPUT_MAX + 1);
        bool standard = strcmp(name, "-") == 0;
        _cleanup_close_ int opened = -1;
        int r;

        if (!text)
                return -ENOMEM;
        if (!standard) {
                opened = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (opened < 0)
                        return output_error("%s cannot be opened: %m", name);
        } else if (isatty(STDIN_FILENO)) {
                output_note(session->output, "end the text with Ctrl-D");
        }
        r = read_all(session, standard ? "standard input" : name, standard ? STDIN_FILENO : opened,
                     text);
        if (r == 0)
                *ret = TAKE_PTR(text);
        return r;
}

int input_take_edit(Session *session, Script *script, char *const *words)
{
        _cleanup_free_ char *problem = NULL, *text = NULL;
        const EditVerb *verb = edit_verb_find(words[0]);
        char *const *arguments = words + 1;
        char *with_text[3] = { 0 };
        int r;

        if (verb && strcmp(verb->name, "text") == 0 && strv_length(words) == 3) {
                r = input_read(session, words[2], &text);
                if (r != 0)
                        return r;
                with_text[0] = words[1];
                with_text[1] = text;
                arguments = with_text;
        }
        r = script_add(script, words[0], arguments, 1, &problem);
        return r > 0 ? output_usage("%s", problem) : r;
}
