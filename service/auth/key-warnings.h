/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-warnings.h - where a grant amounts to root, in words for whoever makes the key.
 *
 * Grants are compared with the list of ways to root as sets of names: one warning for each entry
 * that an entry of the grants could share a name with, with both. What a glob does not reach for
 * want of `privileged` is no danger, but it is no right either: a glob that reaches nothing is
 * told. Pure: no I/O.
 */
#pragma once

#include "auth/grants.h"
#include "auth/ways-to-root.h"
#include "files/ordinary.h"

/* More of them, and the last one says how many more there are. */
#define KEY_WARNINGS_MAX 500U

/* `grants` as grants_check() lets them through. Returns: 0 and a strv (NULL: none), or -ENOMEM. */
int key_warnings(const WaysToRoot *ways, const OrdinaryFiles *ordinary, const Grants *grants,
                 char ***ret);
