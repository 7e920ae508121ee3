/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.c - default, range and configuration name of every limit: one row each.
 */
#include "util/limits.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/macro.h"

#define MIB (1024ULL * 1024ULL)

typedef struct LimitRow {
        const char *name;
        size_t offset;
        bool wide; /* uint64_t, else uint32_t */
        uint64_t value;
        uint64_t max;
} LimitRow;

#define ROW64(name, field, value, max)                                                             \
        {                                                                                          \
                name, offsetof(Limits, field), true, value, max                                    \
        }
#define ROW32(name, field, value, max)                                                             \
        {                                                                                          \
                name, offsetof(Limits, field), false, value, max                                   \
        }

/* The maxima keep a typing error from taking the machine down; D-Bus itself allows arrays of 64
 * MiB. */
static const LimitRow rows[] = {
        ROW64("FileBytes", file_bytes, 16 * MIB, 32 * MIB),
        ROW64("StagedBytes", staged_bytes, 64 * MIB, 1024 * MIB),
        ROW64("StagedBytesUser", staged_bytes_user, 128 * MIB, 4096 * MIB),
        ROW64("StagedBytesTotal", staged_bytes_total, 256 * MIB, 16384 * MIB),
        ROW32("Edits", edits, 100000, 10000000),
        ROW32("ViewFiles", view_files, 2000, 100000),
        ROW64("ViewBytes", view_bytes, 64 * MIB, 1024 * MIB),
        ROW32("ViewsUser", views_user, 4, 1000),
        ROW32("ViewsTotal", views_total, 16, 1000),
        ROW32("ViewIdleSec", view_idle_sec, 60, 86400),
        ROW32("TransactionsUser", transactions_user, 8, 1000),
        ROW32("TransactionsTotal", transactions_total, 64, 1000),
        ROW32("CallsUser", calls_user, 64, 10000),
        ROW32("CallsTotal", calls_total, 512, 10000),
        ROW32("PromptsUser", prompts_user, 4, 1000),
        ROW32("PromptsTotal", prompts_total, 32, 1000),
        ROW32("PromptSec", prompt_sec, 300, 3600),
        ROW32("PolkitSec", polkit_sec, 25, 3600),
        ROW32("WorkerWallSec", worker_wall_sec, 10, 3600),
        ROW32("WorkerCpuSec", worker_cpu_sec, 60, 86400),
        ROW64("WorkerMemory", worker_memory, 512 * MIB, 65536 * MIB),
        ROW32("WorkersTotal", workers_total, 80, 2000),
        ROW32("DiffSec", diff_sec, 10, 3600),
        ROW32("JobSec", job_sec, 600, 86400),
        ROW32("KeepDays", keep_days, 365, 36500),
        ROW64("KeepBytes", keep_bytes, 256 * MIB, 65536 * MIB),
        ROW32("KeepChanges", keep_changes, 10000, 10000000),
        ROW32("IdleExitSec", idle_exit_sec, 60, 86400),
};

static void row_store(const LimitRow *row, Limits *limits, uint64_t value)
{
        char *field = (char *)limits + row->offset;
        uint32_t narrow = (uint32_t)value;

        if (row->wide)
                memcpy(field, &value, sizeof(value));
        else
                memcpy(field, &narrow, sizeof(narrow));
}

void limits_default(Limits *ret)
{
        memset(ret, 0, sizeof(*ret));
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                row_store(&rows[i], ret, rows[i].value);
}

int limits_set(Limits *limits, const char *name, uint64_t value)
{
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (strcmp(rows[i].name, name) != 0)
                        continue;
                if (value < 1 || value > rows[i].max)
                        return -ERANGE;
                row_store(&rows[i], limits, value);
                return 0;
        }
        return -ENOENT;
}
