/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * write-right.h - may the caller write these files, manage these units, change these packages?
 *
 * What the caller's key covers is not asked for. Of the rest polkit is asked for each file, unit
 * and package on its own, without a dialog: a plain no for any ends the call before anybody is
 * disturbed. What is left to a dialog is at most one question of a kind: for the file, or for all
 * of them (commit-several); likewise manage-several-units, manage-several-packages. A rule about
 * one never sees a question about several.
 *
 * If a dialog of Validate has approved all files that are left to one (transaction.h), and for
 * these very bytes, none opens: polkit's answer "a dialog" is taken as answered. Its yes and no are
 * always its answer to this call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Call Call;

typedef enum WishKind {
        WISH_FILE,
        WISH_UNIT,
        WISH_PACKAGE,
        _WISH_KIND_MAX,
} WishKind;

/* One question that no key has answered. */
typedef struct Wish {
        WishKind kind;
        const char *action; /* static */
        char *name;
        const char *verb; /* NULL of a file; lives as long as the call */
        bool challenged;  /* polkit wants a dialog */
} Wish;

typedef struct WriteRight {
        Wish *wishes;
        size_t n, next;
        WishKind kind;       /* whose dialog is open */
        const char *version; /* digest of what will be in the files, for an earlier approval; NULL:
                              * none counts. Lives as long as the call */
        char **approved;     /* "ACTION FILE": what a dialog of this call was approved for */
        char *sensitive; /* the first file that is not ordinary, whoever allows it; NULL: none */
        void (*granted)(Call *call);
} WriteRight;

/* Adds a file. `plainly`: only its content changes, or it comes or goes as a regular file. Another
 * owner, mode or a link gives power even over an ordinary file. Returns: 0 or -ENOMEM. */
int write_right_add(Call *call, const char *file, bool plainly);

/* Adds a unit by its real id; `verb` lives as long as the call. Returns: 0 or -ENOMEM. */
int write_right_add_unit(Call *call, const char *unit, const char *verb);

/* Adds a package; `verb` ("install", "remove") likewise. Returns: 0 or -ENOMEM. */
int write_right_add_package(Call *call, const char *package, const char *verb);

/* Asks for all that was added since it has asked last, then runs `granted`; or the call has failed.
 */
void write_right_ask(Call *call, void (*granted)(Call *call));

void write_right_done(WriteRight *right);
