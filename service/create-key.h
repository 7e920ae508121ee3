/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * create-key.h - exmachinad --create-key: a key file made by root, without bus or polkit.
 *
 * For images that are being built and for package scripts. The key alone goes to stdout (with
 * --json: an object with the key and the warnings), all else to stderr.
 */
#pragma once

/* `argv[0]` is "--create-key". Returns: the exit code: 0; 1 the key could not be made; 2 the
 * arguments are wrong; 3 there is a key of this name. */
int create_key(int argc, char *argv[]);
