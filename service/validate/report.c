/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * report.c - words line by line, by the patterns of the validator's file.
 *
 * A line that tells of a place decides, unless it also is one of those that the jail causes: then
 * the run is inconclusive, if nothing else is wrong. Some of these are the same for every checker:
 * a name below what the jail empties is not found, something is read-only. Only so many lines of so
 * many bytes are looked at: matching takes time, and a validator may print what takes most of it.
 */
#include "validate/report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "util/utf8.h"
#include "validate/jail.h"

#define LINES_MAX      400U
#define LINE_BYTES_MAX 1000U

static const char *const result_names[_REPORT_RESULT_MAX] = {
        [REPORT_PASSED] = "passed",
        [REPORT_FAILED] = "failed",
        [REPORT_INCONCLUSIVE] = "inconclusive",
};

typedef struct Reading {
        const Validator *validator;
        const Future *future;
        const FutureFile *file;
        uint32_t line;
        bool located, failed, inconclusive;
} Reading;

const char *report_result_to_string(ReportResult result)
{
        return result_names[result];
}

void report_done(Report *report)
{
        free(report->summary);
        free(report->words);
        *report = (Report){ 0 };
}

/* A validator may name a link that leads to the file: nginx does, of sites-enabled. */
static const FutureFile *find_file(const Future *future, const char *name)
{
        const FutureFile *file = future_find(future, name);
        char real[PATH_MAX];

        if (!file && strncmp(name, "/etc/", 5) == 0 && realpath(name, real))
                file = future_find(future, real);
        return file;
}

static bool is_checked(const Validator *v, const FutureFile *file)
{
        return validator_matches(v, file->name) || validator_matches(v, file->path);
}

/* The one that it was to check, if there is but one. */
static const FutureFile *only_file(const Validator *v, const Future *future)
{
        const FutureFile *only = NULL;

        for (size_t i = 0; i < future->n_files; i++) {
                const FutureFile *file = &future->files[i];

                if (!is_checked(v, file))
                        continue;
                if (only)
                        return NULL;
                only = file;
        }
        return only;
}

static char *group(const char *line, const regmatch_t *match)
{
        return strndup(line + match->rm_so, (size_t)(match->rm_eo - match->rm_so));
}

/* The first place that is in a file of the change is kept; of other files nothing is told. */
static int note_place(Reading *reading, const ValidatorLocation *location, const char *line,
                      const regmatch_t *matches)
{
        _cleanup_free_ char *name = NULL, *number = NULL;
        const FutureFile *file;
        unsigned long n = 0;

        reading->located = true;
        if (reading->file)
                return 0;
        if (location->file > 0) {
                name = group(line, &matches[location->file]);
                if (!name)
                        return -ENOMEM;
        }
        file = name ? find_file(reading->future, name)
                    : only_file(reading->validator, reading->future);
        if (!file)
                return 0;
        if (location->line > 0) {
                number = group(line, &matches[location->line]);
                if (!number)
                        return -ENOMEM;
                n = strtoul(number, NULL, 10);
        }
        reading->file = file;
        reading->line = n <= file->n_lines ? (uint32_t)n : 0;
        return 0;
}

static bool matches_any(const ValidatorPatterns *patterns, const char *line)
{
        for (size_t i = 0; i < patterns->n; i++)
                if (regexec(&patterns->list[i], line, 0, NULL, 0) == 0)
                        return true;
        return false;
}

/* Is a name in `line` one that only the jail hides? It ends where no name goes on. One with ".."
 * may lead anywhere, so it is none. */
static bool names_hidden(const Validator *v, const char *line)
{
        static const char parts[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "._-+@%~/";
        const char *start = line;

        while ((start = strchr(start, '/'))) {
                size_t length = strspn(start, parts);

                if ((start == line || !strchr(parts, start[-1])) &&
                    !memmem(start, length, "/..", 3) && jail_hides(v, start, length))
                        return true;
                start += length;
        }
        return false;
}

/* What any checker says if the jail is in its way: it has the C locale. */
static bool is_of_the_jail(const Validator *v, const char *line)
{
        static const char *const missing[] = { "No such file or directory", "does not exist",
                                               "doesn't exist", "not found" };

        if (strstr(line, "Read-only file system") ||
            strstr(line, "Address family not supported by protocol"))
                return true;
        for (size_t i = 0; i < ELEMENTSOF(missing); i++)
                if (strstr(line, missing[i]))
                        return names_hidden(v, line);
        return false;
}

static int read_line(Reading *reading, const char *line)
{
        const Validator *v = reading->validator;
        regmatch_t matches[3];

        if (matches_any(&v->failed, line)) {
                reading->failed = true;
        } else if (matches_any(&v->inconclusive, line) || is_of_the_jail(v, line)) {
                reading->inconclusive = true;
                return 0;
        }
        for (size_t i = 0; i < v->n_locations; i++)
                if (regexec(&v->locations[i].regex, line, ELEMENTSOF(matches), matches, 0) == 0)
                        return note_place(reading, &v->locations[i], line, matches);
        return 0;
}

static int read_words(Reading *reading, const char *words)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && *words && i < LINES_MAX; i++) {
                size_t n = strcspn(words, "\n");
                _cleanup_free_ char *line = strndup(words, n < LINE_BYTES_MAX ? n : LINE_BYTES_MAX);

                r = line ? read_line(reading, line) : -ENOMEM;
                words += n + (words[n] == '\n');
        }
        return r;
}

static char *summarise_signal(const Validator *v, int signal)
{
        char *text = NULL;
        int n;

        if (signal == SIGXCPU)
                n = asprintf(&text, "it used more than %u s of CPU time (CpuSec)", v->cpu_sec);
        else if (signal == SIGKILL)
                n = asprintf(&text, "it was killed: out of memory (MemoryMiB), too many threads "
                                    "(Processes), or too long on the CPU (CpuSec)");
        else if (signal == SIGXFSZ)
                n = asprintf(&text, "it wrote a file that is too large");
        else
                n = asprintf(&text, "signal %d", signal);
        return n < 0 ? NULL : text;
}

static char *summarise(const Validator *v, const RunResult *run)
{
        char *text = NULL;

        switch (run->end) {
        case RUN_EXITED:
                return asprintf(&text, "exit status %d", run->status) < 0 ? NULL : text;
        case RUN_SIGNALLED:
                return summarise_signal(v, run->status);
        case RUN_TIMEOUT:
                return asprintf(&text, "it took longer than %u s (TimeoutSec)", v->timeout_sec) < 0
                               ? NULL
                               : text;
        case RUN_OUTPUT:
                return strdup("it printed more than 1 MiB");
        case RUN_TROUBLE:
                return strdup("it could not be run; see: journalctl -u exmachina");
        case RUN_OUTSIDE:
                return strdup("it was not run: the change has files that are not below /etc");
        case RUN_DAMAGED:
                return asprintf(&text,
                                "it was not run: %s is damaged, an administrator has to mend it; "
                                "see: journalctl -u exmachina",
                                v->damaged) < 0
                               ? NULL
                               : text;
        }
        return NULL;
}

/* Its files are checked by none, unless all of them are by the one that stands in for it. */
static ReportResult judge_damaged(const Validator *v, const Future *future)
{
        for (size_t i = 0; i < future->n_files; i++) {
                const FutureFile *file = &future->files[i];

                if (is_checked(v, file) && !(v->stand_in && is_checked(v->stand_in, file)))
                        return REPORT_FAILED;
        }
        return REPORT_INCONCLUSIVE;
}

static ReportResult judge(const RunResult *run, const Reading *reading)
{
        if (run->end == RUN_DAMAGED)
                return judge_damaged(reading->validator, reading->future);
        if (run->end == RUN_TROUBLE || run->end == RUN_OUTSIDE)
                return REPORT_INCONCLUSIVE;
        if (run->end != RUN_EXITED || reading->failed)
                return REPORT_FAILED;
        if (run->status == 0)
                return REPORT_PASSED;
        return reading->inconclusive && !reading->located ? REPORT_INCONCLUSIVE : REPORT_FAILED;
}

int report_make(Report *ret, const Validator *v, const Future *future, const RunResult *run)
{
        Reading reading = { .validator = v, .future = future };
        int r;

        *ret = (Report){ .validator = v->name,
                         .summary = summarise(v, run),
                         .words = utf8_sanitise(run->words ?: "", run->n_words) };
        r = ret->summary && ret->words ? read_words(&reading, ret->words) : -ENOMEM;
        if (r < 0) {
                report_done(ret);
                return r;
        }
        ret->result = judge(run, &reading);
        if (ret->result != REPORT_PASSED && reading.file) {
                ret->file = reading.file->path;
                ret->line = reading.line;
        }
        return 0;
}
