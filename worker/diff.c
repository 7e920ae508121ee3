/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diff.c - exmachina-diff: gives up everything, then becomes diff(1).
 *
 * Descriptors 3 and 4 are sealed memfds with the old and the new text, descriptor 1 takes the
 * unified diff; sandbox.h has the arguments. The exit status is diff's: 0 equal, 1 different, 2
 * trouble.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/arguments.h"
#include "worker/sandbox.h"

#define DIFF    "/usr/bin/diff"
#define FD_LAST 4

int main(int argc, char **argv)
{
        Sandbox sandbox = { .allow_exec = true };
        char *environment[] = { NULL };

        if (argc != 3 + ARGUMENTS_N || !arguments_parse(argv + 1, &sandbox)) {
                fputs("usage: exmachina-diff UID GID CPU-SECONDS MEMORY-BYTES LABEL-OLD "
                      "LABEL-NEW\n",
                      stderr);
                return EXIT_SANDBOX;
        }
        if (close_range(FD_LAST + 1, ~0U, 0) < 0) {
                fprintf(stderr, "exmachina-diff: close_range: %s\n", strerror(errno));
                return EXIT_SANDBOX;
        }
        if (sandbox_enter(&sandbox) < 0)
                return EXIT_SANDBOX;

        /* --text: what is not UTF-8 is still shown. */
        execle(DIFF, "diff", "--text", "-u", "--label", argv[1 + ARGUMENTS_N], "--label",
               argv[2 + ARGUMENTS_N], "--", "/proc/self/fd/3", "/proc/self/fd/4", NULL,
               environment);
        fprintf(stderr, "exmachina-diff: %s: %s\n", DIFF, strerror(errno));
        return EXIT_SANDBOX;
}
