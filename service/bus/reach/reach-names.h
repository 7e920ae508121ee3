/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reach-names.h - what a call's arguments name: files with their lenses, and spans. Pure but for
 * the index; nothing on disk is looked at.
 */
#pragma once

#include "bus/call/call.h"

/* Everything about the arguments that can be judged without the index.
 * Returns: 0; EXM_E_INVALID_PATH, EXM_E_INVALID_EDIT, EXM_E_INVALID_ARGS in call->failure; -errno.
 */
int reach_check_syntax(Call *call);

/* Fills files and spans, the transaction's files first. Returns: 0; EXM_E_NO_LENS, ...; -errno. */
int reach_collect_names(Call *call);
