/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * walk.h - from a name to descriptors, one component at a time, and what was seen on the way.
 *
 * Every step is an openat2 from the directory before it with no symbolic link allowed; a final link
 * is followed only when asked, at most 8 deep, its target walked by the same rules. What is judged
 * is what was opened: nobody can put something else under a name between judging and using it.
 * Blocking: runs in a thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "files/roots.h"
#include "util/failure.h"

typedef struct Walk {
        char *canonical;   /* where the walk ended; still set, as far as known, after a failure */
        char *link_target; /* text of the link at the name asked for, NULL if that is no link */
        int dir;           /* O_PATH: the deepest existing directory on the way to `canonical` */
        size_t dir_length; /* that much of `canonical` names it; 0 is "/" */
        int file;          /* O_PATH|O_NOFOLLOW on what is at `canonical`, -1 if nothing is */
        struct stat st;    /* of `file` */
        bool public;       /* each directory, on a link's way too, searchable by everybody */
        bool not_a_directory; /* nothing is there because a component on the way is no directory */
        char *swappable; /* the first directory on the way (a link's too) in which somebody else
                          * than root may replace entries; NULL if there is none */
} Walk;

/* Anything may be at the end of it: the caller looks at st.st_mode.
 * Returns: 0; EXM_E_INVALID_PATH; EXM_E_REFUSED (outside the readable roots, links); -errno. */
int walk_to(Walk *ret, const Roots *roots, const char *path, bool follow, Failure *f);
void walk_done(Walk *walk);

/* The last component. Only if the parent directory is there (walk_has_parent) is it a name in
 * `dir`. */
const char *walk_name(const Walk *walk);
bool walk_has_parent(const Walk *walk);

/* The name, without ".." components, that a link at `canonical` with the text `target` leads to.
 * Returns: 0; EXM_E_REFUSED (no plain name); -errno. */
int walk_resolve_link(const char *canonical, const char *target, char **ret, Failure *f);

/* The text of the link that `fd` (O_PATH) is. Returns: 0 or -errno. */
int walk_read_link(int fd, char **ret);

/* One more directory below `dir`. Returns: an O_PATH descriptor, or -errno. */
int walk_open_dir(int dir, const char *name);

/* Returns: true if somebody else than root may rename or remove what is in the directory `st`. The
 * sticky bit changes nothing: whoever made an entry may still swap it. */
bool walk_is_swappable(const struct stat *st);

/* Is it public as image.h means it? An ACL could deny one user what the mode gives to all; so could
 * the group's bits to its members. `st` is of `dir` (O_PATH). */
bool walk_is_searchable_by_all(int dir, const struct stat *st);

/* O_PATH descriptors cannot be read, nor their attributes: "/proc/self/fd/N" can. */
typedef struct FdPath {
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
} FdPath;
FdPath walk_fd_path(int fd);

#define _cleanup_walk_ _cleanup_(walk_done)
