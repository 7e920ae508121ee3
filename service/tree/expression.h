/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * expression.h - which files could a path expression touch?
 *
 * A tokenizer, not a parser: it collects the static prefix of every absolute path in the expression
 * outside string literals (in unions and predicates too): "/files/etc/hosts/1/ipaddr" as a whole,
 * "/files/etc/ssh" of "/files/etc/ssh" + "/" + "*", "/files" of "//" forms. A prefix stops at the
 * first step that is not a plain name (*, //, .., an axis, a function); a predicate after a name
 * does not stop it. Labels are unescaped. A wrong guess costs an answer, never a leak: only the
 * files found here are loaded, and the caller must be allowed to read each.
 */
#pragma once

#include "util/failure.h"

/* `ret_prefixes`: unique, NULL-terminated, each absolute without "/files" at its front
 * ("/etc/hosts/1/ ipaddr"; "/" for all); paths elsewhere (/augeas, /variables) are left out, since
 * nothing there is readable. Empty (NULL) if the expression has only such paths or variables
 * ($name). Returns: 0; EXM_E_INVALID_PATH (too long, nested too deep, relative, unterminated
 * literal, a control character); -ENOMEM. */
int expression_prefixes(const char *expression, char ***ret_prefixes, Failure *f);
