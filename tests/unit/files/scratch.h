/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scratch.h - a tree of its own for tests that change files.
 *
 * scratch_enter() makes a private mount namespace with an empty tmpfs on /mnt, in which only root
 * may write, as in /etc: nothing of it is left when the test ends. Paths below are absolute. Every
 * helper fails the test when it cannot do its work.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cmocka.h>

#include "files/step.h"

/* Roots: readable /mnt/etc, /mnt/usr and the file /mnt/one; writable /mnt/etc and /mnt/one. Ends
 * the program with 77 (skipped) where there is no right to make the namespace. */
int scratch_enter(void);
extern const char *const scratch_readable[];
extern const char *const scratch_writable[];
Roots *scratch_roots(void);

/* Empties /mnt and makes /mnt/etc, /mnt/usr. For use as a cmocka setup function. */
int scratch_reset(void **state);

void scratch_write(const char *path, const char *text, mode_t mode);
char *scratch_read(const char *path);
void assert_text(const char *path, const char *text);
void assert_missing(const char *path);
/* No temporary name anywhere below /mnt. */
void assert_no_litter(void);

/* As a caller would have loaded it, with content. */
FileImage *scratch_take(const Roots *roots, const char *path);
FileChange change_write(const Roots *roots, const char *path, const char *text);

/* Plans and does it. Returns: as file_step_plan() and file_step_apply(); *ret only if it is 0. */
int change_apply(const Roots *roots, const FileChange *change, FileStep *ret, Failure *f);
/* Only plans it. */
int change_check(const Roots *roots, const FileChange *change, Failure *f);

/* So that stamps are no longer young, and a ctime differs from the one before. */
void scratch_age(void);
