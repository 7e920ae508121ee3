/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diff.c - exmachina-diff: gives up everything, then becomes diff(1) or, with three labels,
 * diff3(1).
 *
 * Descriptors 3 and 4 are sealed memfds with the old and the new text, descriptor 1 takes the
 * unified diff; sandbox.h has the arguments. Of three, 3 is what is there, 4 what both come from, 5
 * what is to be merged in; descriptor 1 takes the merged text. The exit status is diff's: 0 equal
 * (merged), 1 different (overlapping), 2 trouble.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/arguments.h"
#include "worker/sandbox.h"

#define DIFF    "/usr/bin/diff"
#define DIFF3   "/usr/bin/diff3"
#define FD_LAST 5

int main(int argc, char **argv)
{
        Sandbox sandbox = { .filter = argc == 3 + ARGUMENTS_N ? FILTER_EXEC : FILTER_CHILDREN };
        char path[] = "PATH=/usr/bin", *environment[] = { path, NULL };

        if ((argc != 3 + ARGUMENTS_N && argc != 4 + ARGUMENTS_N) ||
            !arguments_parse(argv + 1, &sandbox)) {
                fputs("usage: exmachina-diff UID GID CPU-SECONDS MEMORY-BYTES LABEL-OLD "
                      "LABEL-NEW [LABEL-MERGED]\n",
                      stderr);
                return EXIT_SANDBOX;
        }
        if (close_range(FD_LAST + 1, ~0U, 0) < 0) {
                fprintf(stderr, "exmachina-diff: close_range: %s\n", strerror(errno));
                return EXIT_SANDBOX;
        }
        if (sandbox_enter(&sandbox) < 0)
                return EXIT_SANDBOX;

        /* --text: what is not UTF-8 is still shown, and merged. */
        if (argc == 3 + ARGUMENTS_N)
                execle(DIFF, "diff", "--text", "-u", "--label", argv[1 + ARGUMENTS_N], "--label",
                       argv[2 + ARGUMENTS_N], "--", "/proc/self/fd/3", "/proc/self/fd/4", NULL,
                       environment);
        else
                execle(DIFF3, "diff3", "--text", "-m", "--", "/proc/self/fd/3", "/proc/self/fd/4",
                       "/proc/self/fd/5", NULL, environment);
        fprintf(stderr, "exmachina-diff: %s\n", strerror(errno));
        return EXIT_SANDBOX;
}
