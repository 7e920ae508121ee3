/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.h - every limit of the service, in one place.
 *
 * limits_default() holds the values that apply without a configuration file; section [Limits] of
 * exmachina.conf sets each by the name given here in CamelCase (exmachina.conf(5)). What a
 * caller can make grow is bounded per uid and in total; over it the answer is LimitExceeded.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Not for configuration: part of the contract or of the protocol. */
#define LIMIT_EXPRESSION_BYTES   4096U              /* a path expression */
#define LIMIT_EXPRESSION_NESTING 64U                /* ( and [ within it */
#define LIMIT_MESSAGE_BYTES      (8U * 1024 * 1024) /* any message that we send to a caller */
#define LIMIT_PATH_BYTES         4095U              /* PATH_MAX without its NUL */

typedef struct Limits {
        uint64_t file_bytes;         /* one live file, read or written; default 16 MiB */
        uint64_t staged_bytes;       /* base texts and edits of one transaction; default 64 MiB */
        uint64_t staged_bytes_user;  /* of all transactions of one uid; default 128 MiB */
        uint64_t staged_bytes_total; /* of all transactions; default 256 MiB */
        uint32_t edits;              /* edits recorded in one transaction; default 100,000 */
        uint32_t view_files;         /* files in one view; default 2,000 */
        uint64_t view_bytes;         /* text loaded into one view; default 64 MiB */
        uint32_t views_user;         /* warm read views of one uid; default 4 */
        uint32_t views_total;        /* warm read views of all; default 16 */
        uint32_t view_idle_sec;      /* an unused warm view goes away after this; default 60 s */
        uint32_t transactions_user;  /* open transactions of one uid; default 8 */
        uint32_t transactions_total; /* default 64 */
        uint32_t calls_user;         /* calls of one uid under way; default 64 */
        uint32_t calls_total;        /* default 512 */
        uint32_t prompts_user;       /* polkit dialogs of one uid open at once; default 4 */
        uint32_t prompts_total;      /* default 32 */
        uint32_t prompt_sec;         /* a dialog not answered by then is a denial; default 300 s */
        uint32_t polkit_sec;         /* a check without a dialog likewise; default 25 s */
        uint32_t worker_wall_sec;    /* one call to a worker, then it is killed; default 10 s */
        uint32_t worker_cpu_sec;     /* RLIMIT_CPU of a worker, over its life; default 60 s */
        uint64_t worker_memory;      /* RLIMIT_AS of a worker; default 512 MiB */
        uint32_t workers_total;      /* worker processes at once; default 80 */
        uint32_t diff_sec;           /* one diff child; default 10 s */
        uint32_t job_sec;            /* a unit job not done by then is Timeout; default 600 s */
        uint32_t keep_days;          /* history older than this is pruned; default 365 */
        uint64_t keep_bytes;    /* content in the journal; the oldest go first; default 256 MiB */
        uint32_t keep_changes;  /* likewise; default 10,000 */
        uint32_t idle_exit_sec; /* the service exits when unused for so long; default 60 s */
} Limits;

/* Fills in the defaults. */
void limits_default(Limits *ret);

/* One setting by its CamelCase name, as in [Limits] of exmachina.conf.
 * Returns: 0; -ENOENT no such name; -ERANGE value outside [1, the field's sanity maximum]. */
int limits_set(Limits *limits, const char *name, uint64_t value);
