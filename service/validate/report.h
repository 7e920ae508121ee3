/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.h - what became of one validator, made from how it ended and what it said.
 *
 * Its words are hostile: they may hold any file that it could read, and be made up. What anybody
 * is told without the right to read secrets is the result, our own sentence on how it ended, and a
 * place in a file of his own change: a name of that change, and a line that it has.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "validate/definition.h"
#include "validate/future.h"

typedef enum ReportResult {
        REPORT_PASSED,
        REPORT_FAILED,
        REPORT_INCONCLUSIVE, /* the jail, not the configuration, is why it did not pass */
        _REPORT_RESULT_MAX,
} ReportResult;

/* How it ended. */
typedef enum RunEnd {
        RUN_EXITED,
        RUN_SIGNALLED,
        RUN_TIMEOUT,
        RUN_OUTPUT,  /* it printed too much, and was stopped */
        RUN_TROUBLE, /* it was not run, or nobody knows; logged */
        RUN_OUTSIDE, /* it was not run: a changed file is not below /etc */
        RUN_DAMAGED, /* it was not run: its own file is damaged */
} RunEnd;

typedef struct RunResult {
        RunEnd end;
        int status;        /* exit status, or signal */
        const char *words; /* not NUL-terminated, not checked */
        size_t n_words;
} RunResult;

typedef struct Report {
        const char *validator; /* its name */
        ReportResult result;
        const char *file; /* of the future; NULL: not known */
        uint32_t line;    /* from 1; 0: not known */
        char *summary;    /* how it ended, one sentence without content */
        char *words;      /* valid UTF-8; NOT for everybody */
} Report;

const char *report_result_to_string(ReportResult result);

/* `v` and `future` outlive the report. Blocking (a name may be a link to a file of the future).
 * Returns: 0 or -ENOMEM. */
int report_make(Report *ret, const Validator *v, const Future *future, const RunResult *run);
void report_done(Report *report);
