/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - exmachina-worker: gives up everything, then serves one connection.
 *
 * Started by exmachinad with nothing but descriptors 0 to 3; protocol.h has the arguments and what
 * is spoken. It ends when the daemon closes its end.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/macro.h"
#include "worker/arguments.h"
#include "worker/protocol.h"
#include "worker/sandbox.h"
#include "worker/server.h"

/* A lone "/" would be lost: Augeas strips the slash at the end of a directory. */
#define CHROOT_LOAD_PATH "/.:/dist"

static int usage(void)
{
        fputs("usage: exmachina-worker [--no-chroot] LENS-DIRECTORY UID GID CPU-SECONDS "
              "MEMORY-BYTES\n",
              stderr);
        return EXIT_SANDBOX;
}

int main(int argc, char **argv)
{
        _cleanup_free_ char *load_path = NULL;
        Sandbox sandbox = { 0 };
        bool chrooted = true;
        int r;

        /* It was started by a descriptor, whose number would be its name. */
        prctl(PR_SET_NAME, "exmachina-worker");
        if (argc > 1 && strcmp(argv[1], "--no-chroot") == 0) {
                chrooted = false;
                argv++;
                argc--;
        }
        if (argc != 2 + ARGUMENTS_N || !arguments_parse(argv + 2, &sandbox))
                return usage();
        if (!chrooted && geteuid() == 0) {
                fputs("exmachina-worker: root may not leave out the chroot\n", stderr);
                return EXIT_SANDBOX;
        }

        if (chrooted)
                sandbox.root = argv[1];
        if (asprintf(&load_path, "%s:%s/dist", argv[1], argv[1]) < 0)
                return EXIT_FAILURE;

        if (close_range(WORKER_FD + 1, ~0U, 0) < 0) {
                fprintf(stderr, "exmachina-worker: close_range: %s\n", strerror(errno));
                return EXIT_SANDBOX;
        }
        if (sandbox_enter(&sandbox) < 0)
                return EXIT_SANDBOX;

        r = server_run(WORKER_FD, chrooted ? CHROOT_LOAD_PATH : load_path);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
