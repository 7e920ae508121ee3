/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-reply.h - what a worker answered, judged as hostile input; for tree/ only.
 *
 * All of it returns 0; -ENOMEM; -EBADMSG for what cannot be right; EXM_E_LIMIT_EXCEEDED where there
 * is a Failure. Strings in results point into the message.
 */
#pragma once

#include "tree/view-private.h"

int view_node_of(const char *file, char **ret);
int reply_read_load(sd_bus_message *m, ViewFile *file);
int reply_read_value(sd_bus_message *m, bool *ret_has, const char **ret_value, Failure *f);
int reply_read_paths(View *view, sd_bus_message *m, ViewNode **ret, size_t *ret_n, Failure *f);
int reply_read_nodes(View *view, sd_bus_message *m, const Operation *op, ViewNode **ret,
                     size_t *ret_n, uint32_t *ret_total, Failure *f);
/* An answer with more than VALUES_BYTES cannot be right. */
int reply_read_values(View *view, sd_bus_message *m, ViewNode **ret, size_t *ret_n);
int reply_read_counts(sd_bus_message *m, size_t n_edits, const uint32_t **ret);
int reply_read_changed(View *view, sd_bus_message *m, char ***ret);
int reply_read_text(sd_bus_message *m, bool *ret_exists, const void **ret_text, size_t *ret_size);
