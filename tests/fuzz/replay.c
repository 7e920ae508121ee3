/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * replay.c - runs a libFuzzer target over each file of the directory that is its one argument.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macro.h"

#define INPUT_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir, const char *name)
{
        _cleanup_free_ char *path = NULL, *data = malloc(INPUT_MAX);
        _cleanup_fclose_ FILE *f = NULL;
        size_t size;

        if (!data || asprintf(&path, "%s/%s", dir, name) < 0)
                return -1;
        f = fopen(path, "re");
        if (!f) {
                perror(path);
                return -1;
        }
        size = fread(data, 1, INPUT_MAX, f);
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        return 0;
}

int main(int argc, char **argv)
{
        struct dirent **names;
        int n, done = 0;

        n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1;
        if (n < 0) {
                fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
                return EXIT_FAILURE;
        }
        for (int i = 0; i < n; i++) {
                if (names[i]->d_name[0] != '.') {
                        printf("%s\n", names[i]->d_name);
                        if (replay(argv[1], names[i]->d_name) < 0)
                                return EXIT_FAILURE;
                        done++;
                }
                free(names[i]);
        }
        free(names);
        return done > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
