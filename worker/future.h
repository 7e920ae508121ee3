/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * future.h - the files of a change as exmachina-validate gets them: a sealed memfd of records, and
 * the overlay over /etc in which they are put.
 *
 * Written by service/validate/future.c of the same build and the same boot: numbers are in the
 * machine's own order. A record is the header, the name (below /etc), the ACL, the content (of a
 * link: where it leads). It is what the broker says, which is trusted; still every length is
 * checked.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FUTURE_MAGIC UINT64_C(0x31676e696d6f6375)

typedef enum FutureKind {
        FUTURE_FILE = 1,
        FUTURE_LINK,
        FUTURE_GONE,
} FutureKind;

typedef struct FutureRecord {
        uint64_t magic;
        uint64_t content_size;
        uint32_t kind;
        uint32_t mode, uid, gid; /* FILE; a link's owner */
        uint32_t name_size;      /* with its NUL */
        uint32_t acl_size;       /* of system.posix_acl_access; 0: none */
} FutureRecord;

/* In a mount namespace of one's own: makes /etc what it will be, read-only; the live /etc is not
 * touched. Files are put through the overlay itself, so that the kernel copies directories up and
 * makes whiteouts. `fd`: the memfd. Returns: 0 or -errno, with a line on stderr. */
int future_apply(int fd);
