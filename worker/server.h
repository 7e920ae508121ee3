/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * server.h - the worker's end of protocol.h.
 */
#pragma once

/* Serves the connection on descriptor `fd` until the other end closes it.
 * Returns: 0, or -errno with a line on stderr. */
int server_run(int fd, const char *load_path);
