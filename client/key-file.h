/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-file.h - the key that is shown to the service. It comes from a file that is private to the
 * user, or from the terminal, never from an argument or a variable; memory that held it is wiped.
 */
#pragma once

/* "-": asks for it on the terminal without echo, or reads standard input. One line; what it holds
 * is not logged. What is wrong has been said, but a signal (*ret_signal) that has ended the
 * question. Returns: 0, EXIT_FAILED, -ENOMEM. */
int key_file_read(const char *name, char **ret, int *ret_signal);

/* Wipes and frees. */
void key_file_cleanup(char **key);
