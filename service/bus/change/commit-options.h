/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * commit-options.h - the options that Commit, Apply and Revert share, and the record they begin.
 */
#pragma once

#include "bus/call/call.h"
#include "commit/record.h"

#define CONFIRM_MAX_SEC 3600U /* with all extensions */

/* Values and lengths; notes the message for the audit record.
 * Returns: 0 or EXM_E_INVALID_ARGS in call->failure. */
int commit_options_check(Call *call);

/* Who, by what right, why, with which units; without steps. Returns: 0 or -ENOMEM (then *ret holds
 * nothing). */
int commit_options_record(const Call *call, ChangeRecord *ret);
