/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-report.c - from how a validator ended and what it said to what a caller is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "validate/report.h"

#define FILE_NAME "/etc/web.conf"
#define LINK_NAME "/etc/web.d/link.conf"

static char definition[] = "/tmp/test-report.XXXXXX";
static Validator *validator;
static Future *future;

static int setup(void **state)
{
        static const char text[] =
                "[Validator]\nFiles=/etc/web.conf /etc/web.d/*\nCommand=/usr/bin/web\nCpuSec=3\n"
                "TimeoutSec=7\nEmpty=/var/spool/web\n[Location]\na=in %f:%l$\nb=line %l of "
                "%f\nc=^at %l$\n"
                "[Inconclusive]\nx=no (network|clock)\n[Failed]\ny=continuing$\n";
        Node gone = { 0 }, after = { .kind = NODE_FILE, .content = (char *)"1\n2\n3\n", .size = 6 };
        int fd = mkstemp(definition);

        if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0 ||
            validator_read(&validator, definition, "web") < 0 || future_new(&future, true) < 0)
                return -1;
        strcpy(after.version, "x");
        if (future_add(future, FILE_NAME, LINK_NAME, &gone, &after) < 0 ||
            future_add(future, "/etc/other", "/etc/other", &gone, &after) < 0)
                return -1;
        return future_seal(future);
}

static int teardown(void **state)
{
        validator_free(validator);
        future_free(future);
        return unlink(definition);
}

static Report report(RunEnd end, int status, const char *words)
{
        Report made;

        assert_int_equal(report_make(&made, validator, future,
                                     &(RunResult){ .end = end,
                                                   .status = status,
                                                   .words = words,
                                                   .n_words = strlen(words) }),
                         0);
        return made;
}

static void test_result(void **state)
{
        static const struct {
                RunEnd end;
                int status;
                const char *words;
                ReportResult result;
        } cases[] = {
                { RUN_EXITED, 0, "", REPORT_PASSED },
                { RUN_EXITED, 0, "warning in /etc/web.conf:1\n", REPORT_PASSED },
                { RUN_EXITED, 1, "", REPORT_FAILED },
                { RUN_EXITED, 1, "there is no network\n", REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "no clock in /etc/web.conf:1\n", REPORT_INCONCLUSIVE },
                /* Something else is wrong as well. */
                { RUN_EXITED, 1, "no clock\nbad word in /etc/web.conf:1\n", REPORT_FAILED },
                { RUN_EXITED, 0, "bad, continuing\n", REPORT_FAILED },
                { RUN_EXITED, 1, "no clock\nbad, continuing\n", REPORT_FAILED },
                /* What the jail hides is not found, */
                { RUN_EXITED, 1, "open() \"/home/x/y\" failed (2: No such file or directory)\n",
                  REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "\"/root/x\": No such file or directory in /etc/web.conf:1\n",
                  REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "w: Command /mnt/x is not executable: No such file or directory",
                  REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "/var/spool/web/x does not exist", REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "unix:/run/web.sock not found", REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "/var/lib/exmachina: No such file or directory",
                  REPORT_INCONCLUSIVE },
                { RUN_EXITED, 1, "/srv/x: Read-only file system", REPORT_INCONCLUSIVE },
                /* what it does not hide is missing, */
                { RUN_EXITED, 1, "/srv/home/x: No such file or directory", REPORT_FAILED },
                { RUN_EXITED, 1, "/homes/x: No such file or directory", REPORT_FAILED },
                { RUN_EXITED, 1, "/home/../srv/x: No such file or directory", REPORT_FAILED },
                { RUN_EXITED, 1, "/etc/x: No such file or directory", REPORT_FAILED },
                { RUN_EXITED, 1, "home/x: No such file or directory", REPORT_FAILED },
                /* and it may be wrong in another way, or something else may be. */
                { RUN_EXITED, 1, "/home/x: syntax error", REPORT_FAILED },
                { RUN_EXITED, 1, "/home/x: not found\nbad in /etc/web.conf:1\n", REPORT_FAILED },
                { RUN_EXITED, 1, "/home/x: not found, continuing", REPORT_FAILED },
                { RUN_SIGNALLED, SIGSEGV, "no network", REPORT_FAILED },
                { RUN_TIMEOUT, 0, "no network", REPORT_FAILED },
                { RUN_OUTPUT, 0, "no network", REPORT_FAILED },
                { RUN_TROUBLE, 0, "", REPORT_INCONCLUSIVE },
                { RUN_OUTSIDE, 0, "", REPORT_INCONCLUSIVE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Report made = report(cases[i].end, cases[i].status, cases[i].words);

                if (made.result != cases[i].result)
                        fail_msg("case %zu: %s", i, report_result_to_string(made.result));
                assert_string_equal(made.validator, "web");
                report_done(&made);
        }
}

static void test_place(void **state)
{
        static const struct {
                const char *words, *file;
                uint32_t line;
        } cases[] = {
                { "bad in /etc/web.conf:3\n", LINK_NAME, 3 },
                { "first\nbad in " LINK_NAME ":1", LINK_NAME, 1 },
                { "line 2 of /etc/other is bad", "/etc/other", 2 },
                { "at 2", LINK_NAME, 2 },
                { "bad in /etc/shadow:1\n", NULL, 0 },
                { "bad in /etc/shadow:1\nbad in /etc/other:2\n", "/etc/other", 2 },
                { "bad in /etc/web.conf:4\n", LINK_NAME, 4 }, /* the end of the file */
                { "bad in /etc/web.conf:5\n", LINK_NAME, 0 },
                { "bad in /etc/web.conf:999999999\n", LINK_NAME, 0 },
                { "bad in /etc/web.conf:9999999999\n", NULL, 0 },
                { "bad in web.conf:1\n", NULL, 0 },
                { "", NULL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Report made = report(RUN_EXITED, 1, cases[i].words);

                if (!made.file != !cases[i].file ||
                    (made.file && strcmp(made.file, cases[i].file)) || made.line != cases[i].line)
                        fail_msg("%s: %s:%u", cases[i].words, made.file ?: "", made.line);
                report_done(&made);
        }
}

/* Our own sentence: it names the limit, and nothing that was said. */
static void test_summary(void **state)
{
        static const struct {
                RunEnd end;
                int status;
                const char *part;
        } cases[] = {
                { RUN_EXITED, 3, "exit status 3" },     { RUN_TIMEOUT, 0, "longer than 7 s" },
                { RUN_SIGNALLED, SIGXCPU, "3 s" },      { RUN_SIGNALLED, SIGKILL, "MemoryMiB" },
                { RUN_SIGNALLED, SIGABRT, "signal 6" }, { RUN_OUTPUT, 0, "printed more" },
                { RUN_OUTSIDE, 0, "not below /etc" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Report made = report(cases[i].end, cases[i].status, "canary");

                if (!strstr(made.summary, cases[i].part) || strstr(made.summary, "canary"))
                        fail_msg("%s", made.summary);
                report_done(&made);
        }
}

static void test_words_are_text(void **state)
{
        static const char bytes[] = "a\xff\0b\n";
        Report made;

        assert_int_equal(report_make(&made, validator, future,
                                     &(RunResult){ .end = RUN_EXITED,
                                                   .status = 1,
                                                   .words = bytes,
                                                   .n_words = sizeof(bytes) - 1 }),
                         0);
        assert_string_equal(made.words, "a\xEF\xBF\xBD\xEF\xBF\xBD"
                                        "b\n");
        report_done(&made);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_result),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_summary),
                cmocka_unit_test(test_words_are_text),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
