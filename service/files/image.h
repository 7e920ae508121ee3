/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * image.h - what a file was at one moment: identity, class, metadata, and its bytes if asked.
 *
 * Taken in a thread (every function here may block, none touches shared state). The path is walked
 * with openat2 from "/" one component at a time with no symbolic link on the way; a final symbolic
 * link is followed (at most 8 deep), its target walked by the same rules and required to be inside
 * the roots. Everything is judged on the descriptors that the walk opened, never on a name looked
 * up twice. Only regular files are opened for reading (O_PATH first, then reopened): a FIFO, a
 * device or a directory is refused without being opened.
 *
 * Images are immutable once taken and counted with an atomic reference count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "files/metadata.h"
#include "files/roots.h"
#include "util/digest.h"
#include "util/failure.h"

/* Public: readable by group and others, no extended ACL, every directory on its path, the canonical
 * one and a link's, searchable by group and others and without an ACL. A missing file has the class
 * of its deepest existing directory (searchable by others all the way: public). */
typedef enum FileClass {
        FILE_CLASS_PUBLIC,
        FILE_CLASS_SECRET,
} FileClass;

/* Identity for "has it changed since": cheap, and not to be trusted if `young`. */
typedef struct FileStamp {
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec mtime;
        struct timespec ctime;
        bool exists;
        bool young; /* mtime or ctime was less than 50 ms before the image was taken: a same-size
                     * rewrite within one clock tick could hide, so compare content again */
} FileStamp;

typedef struct FileImage {
        unsigned n_ref;    /* atomic */
        char *path;        /* the name asked for: absolute, normal */
        char *canonical;   /* the name without links; equals path if there is none */
        char *link_target; /* text of the link at `path` itself, NULL if it is not a link */
        FileClass class;
        bool parents_public; /* every existing directory on the way searchable by others */
        FileStamp stamp;
        mode_t mode; /* permission bits with set-id and sticky, 0 if missing */
        uid_t uid;
        gid_t gid;
        nlink_t n_link;
        FileXattr *xattrs; /* sorted by name */
        size_t n_xattrs;
        void *content; /* NULL if missing or not asked for; NUL-terminated beyond `size` */
        size_t size;
        char version[DIGEST_HEX_SIZE]; /* SHA-256 of content and metadata (mode, owner, ACL,
                                        * xattrs); "" for a missing file or without content */
} FileImage;

/* `with_content` false: probe only, O_PATH, not opened for reading, no version.
 * A missing file is a success with stamp.exists false. A probe answers so too for what is refused
 * below a directory that others cannot search: whoever has no right there yet learns nothing of
 * what is there; with content it is the refusal. Returns: 0; EXM_E_INVALID_PATH; EXM_E_REFUSED
 * (outside the readable roots, not a regular file, a link component in the middle, a link that
 * leads out, too many links); EXM_E_LIMIT_EXCEEDED (more than max_bytes); EXM_E_CONFLICT (it goes
 * on changing while it is read); -errno. The message names the path and what to do. */
int file_image_take(FileImage **ret, const Roots *roots, const char *path, bool with_content,
                    uint64_t max_bytes, Failure *f);

FileImage *file_image_ref(FileImage *image);
FileImage *file_image_unref(FileImage *image);
DEFINE_CLEANUP(FileImage *, file_image_unref);

/* Of what was just looked at; `now`: CLOCK_REALTIME from before the file was read. */
FileStamp file_stamp_of(const struct stat *st, const struct timespec *now);

/* Returns: true if both were certainly the same file with the same bytes (neither young, all equal;
 * two missing files are equal). */
bool file_stamp_equal(const FileStamp *a, const FileStamp *b);
