/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * checks.c - plan in a thread, run on the loop, read what was said in a thread again.
 */
#include "validate/checks.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "util/strv.h"

#define EACH         "%e"
#define PROGRAMS_MAX 8U /* that one validator's glob may find */

typedef struct Check {
        const Validator *validator;
        char **command;
} Check;

struct Checks {
        unsigned n_ref; /* the owner's, and that of a task under way */
        Future *future;
        Check *list;
        size_t n;
        Report *reports;
        size_t n_reports;
        Jails *jails;
        TaskPool *pool;
        uid_t uid;
        ChecksDone done; /* NULL: freed */
        void *userdata;
        CheckRun *run;
        RunResult result; /* of the last run, words owned */
        int r;
};

static Checks *checks_unref(Checks *checks)
{
        if (!checks || --checks->n_ref > 0)
                return NULL;
        for (size_t i = 0; i < checks->n; i++)
                strv_free(checks->list[i].command);
        for (size_t i = 0; i < checks->n_reports; i++)
                report_done(&checks->reports[i]);
        free(checks->list);
        free(checks->reports);
        free((char *)checks->result.words);
        future_free(checks->future);
        free(checks);
        return NULL;
}

Checks *checks_free(Checks *checks)
{
        if (!checks)
                return NULL;
        checks->done = NULL;
        checks->run = check_run_free(checks->run);
        return checks_unref(checks);
}

/* --- the plan --- */

/* A new file, or one that is linked to: the name under which the validator knows it. */
static const char *name_for(const Validator *v, const FutureFile *file)
{
        if (validator_matches(v, file->path))
                return file->path;
        return validator_matches(v, file->name) ? file->name : NULL;
}

static int extend_directory(char ***command, const char *file)
{
        const char *end = strrchr(file, '/'), *start = end;
        _cleanup_free_ char *name = NULL;

        while (start > file && start[-1] != '/')
                start--;
        name = strndup(start, (size_t)(end - start));
        if (!name)
                return -ENOMEM;
        if (strlen(name) > 2 && strcmp(name + strlen(name) - 2, ".d") == 0)
                name[strlen(name) - 2] = '\0';
        return strv_extend_unique(command, name);
}

/* %f: the changed files that are still there; %d: of all of them. Returns: 0, 1 if there is none.
 */
static int extend_files(char ***command, const Validator *v, const Future *future, bool directories)
{
        size_t before = strv_length(*command);
        int r = 0;

        for (size_t i = 0; r == 0 && i < future->n_files; i++) {
                const FutureFile *file = &future->files[i];
                const char *name = name_for(v, file);

                if (name && directories)
                        r = extend_directory(command, name);
                else if (name && !file->gone)
                        r = strv_extend(command, name);
        }
        return r < 0 ? r : strv_length(*command) == before;
}

/* `each`: what %e stands for. Returns: 0; 1 if there are no files for it; -ENOMEM. */
static int make_command(const Validator *v, const char *program, const char *each,
                        const Future *future, char ***ret)
{
        _cleanup_strv_ char **command = NULL;
        int r;

        r = strv_extend(&command, program);
        for (char **word = v->command + 1; r == 0 && *word; word++) {
                if (strcmp(*word, "%f") == 0 || strcmp(*word, "%d") == 0)
                        r = extend_files(&command, v, future, (*word)[1] == 'd');
                else
                        r = strv_extend(&command, each && strcmp(*word, EACH) == 0 ? each : *word);
        }
        if (r == 0)
                *ret = TAKE_PTR(command);
        return r;
}

/* Takes over `command`, which a damaged one has not. */
static int append_check(Checks *checks, const Validator *v, char **command)
{
        Check *grown;

        grown = reallocarray(checks->list, checks->n + 1, sizeof(*grown));
        if (!grown) {
                strv_free(command);
                return -ENOMEM;
        }
        checks->list = grown;
        checks->list[checks->n++] = (Check){ .validator = v, .command = command };
        return 0;
}

static int add_check(Checks *checks, const Validator *v, const char *program, const char *each)
{
        char **command = NULL;
        int r;

        r = make_command(v, program, each, checks->future, &command);
        if (r != 0)
                return r < 0 ? r : 0;
        return append_check(checks, v, command);
}

static int add_checks(Checks *checks, const Validator *v, const char *program)
{
        const Future *future = checks->future;
        int r = 0;

        if (!strv_contains(v->command, EACH))
                return add_check(checks, v, program, NULL);
        for (size_t i = 0; r == 0 && i < future->n_files; i++) {
                const char *name = name_for(v, &future->files[i]);

                if (name && !future->files[i].gone)
                        r = add_check(checks, v, program, name);
        }
        return r;
}

static int plan_validator(Checks *checks, const Validator *v)
{
        glob_t found = { 0 };
        int r = 0;

        if (v->damaged)
                return append_check(checks, v, NULL);
        if (glob(v->command[0], GLOB_ERR, NULL, &found) != 0)
                found.gl_pathc = 0;
        for (size_t i = 0; r == 0 && i < found.gl_pathc && i < PROGRAMS_MAX; i++)
                if (access(found.gl_pathv[i], X_OK) == 0)
                        r = add_checks(checks, v, found.gl_pathv[i]);
        globfree(&found);
        return r;
}

static bool applies(const Validator *v, const Future *future)
{
        for (size_t i = 0; i < future->n_files; i++)
                if (validator_applies(v, future->files[i].name, future->files[i].path))
                        return true;
        return false;
}

int checks_new(Checks **ret, const Validators *validators, Future *future)
{
        Checks *checks;
        int r = 0;

        checks = calloc(1, sizeof(*checks));
        if (!checks) {
                future_free(future);
                return -ENOMEM;
        }
        checks->n_ref = 1;
        checks->future = future;
        for (size_t i = 0; r == 0 && i < validators->n; i++)
                if (applies(validators->list[i], future))
                        r = plan_validator(checks, validators->list[i]);
        /* What runs has to read the files. */
        if (r == 0 && checks->n > 0 && future->fd < 0)
                r = -EINVAL;
        if (r == 0) {
                checks->reports = calloc(checks->n + 1, sizeof(*checks->reports));
                r = checks->reports ? 0 : -ENOMEM;
        }
        if (r < 0)
                checks_free(checks);
        else
                *ret = checks;
        return r;
}

/* --- the runs --- */

static int run_next(Checks *checks);

/* `done` may free the checks. */
static void finish(Checks *checks, int r)
{
        ChecksDone done = checks->done;

        checks->done = NULL;
        if (done)
                done(r, checks->userdata);
}

static void report_work(void *userdata)
{
        Checks *checks = userdata;

        checks->r = report_make(&checks->reports[checks->n_reports],
                                checks->list[checks->n_reports].validator, checks->future,
                                &checks->result);
}

static void on_reported(void *userdata)
{
        Checks *checks = userdata;
        int r = checks->r;

        if (r == 0)
                checks->n_reports++;
        if (r == 0 && checks->done && checks->n_reports < checks->n)
                r = run_next(checks);
        if (r < 0 || checks->n_reports == checks->n)
                finish(checks, r);
        checks_unref(checks);
}

static int read_report(Checks *checks)
{
        int r;

        checks->n_ref++;
        r = task_run(checks->pool, report_work, on_reported, checks);
        if (r < 0)
                checks->n_ref--;
        return r;
}

/* Takes the place of the last one's; the words are copied. */
static int keep_result(Checks *checks, const RunResult *result)
{
        char *words = NULL;

        if (result->n_words > 0) {
                words = malloc(result->n_words);
                if (!words)
                        return -ENOMEM;
                memcpy(words, result->words, result->n_words);
        }
        free((char *)checks->result.words);
        checks->result = *result;
        checks->result.words = words;
        return 0;
}

static void on_run_done(const RunResult *result, void *userdata)
{
        Checks *checks = userdata;
        int r;

        r = keep_result(checks, result);
        checks->run = check_run_free(checks->run);
        if (r == 0)
                r = read_report(checks);
        if (r < 0)
                finish(checks, r);
}

static int run_next(Checks *checks)
{
        const Check *check = &checks->list[checks->n_reports];
        const JailRun jail = { .validator = check->validator,
                               .command = check->command,
                               .future = checks->future->fd,
                               .future_bytes = checks->future->size };
        const RunEnd not_run = check->validator->damaged ? RUN_DAMAGED : RUN_OUTSIDE;
        int r;

        if (!check->validator->damaged && !checks->future->outside)
                return check_run_start(&checks->run, checks->jails, checks->uid, &jail, on_run_done,
                                       checks);
        r = keep_result(checks, &(RunResult){ .end = not_run });
        return r < 0 ? r : read_report(checks);
}

int checks_start(Checks *checks, Jails *jails, TaskPool *pool, uid_t uid, ChecksDone done,
                 void *userdata, Failure *f)
{
        if (checks->n == 0)
                return -EINVAL;
        if (jails_full(jails, uid))
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "too many of your changes wait to be checked; try again when "
                                   "one of them has been");
        checks->jails = jails;
        checks->pool = pool;
        checks->uid = uid;
        checks->done = done;
        checks->userdata = userdata;
        return run_next(checks);
}

size_t checks_count(const Checks *checks)
{
        return checks->n;
}

const char *checks_name(const Checks *checks, size_t i)
{
        return checks->list[i].validator->name;
}

const Future *checks_future(const Checks *checks)
{
        return checks->future;
}

const Report *checks_reports(const Checks *checks, size_t *ret_n)
{
        *ret_n = checks->n_reports;
        return checks->reports;
}
