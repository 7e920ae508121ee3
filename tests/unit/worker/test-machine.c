/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-machine.c - every file of this machine that a lens covers comes back byte for byte.
 *
 * Files are found by the index's own patterns. A file that its lens cannot read is told and left
 * out, as Augeas itself would. Once a node was touched the lens writes the whole text; a few lenses
 * then choose another form, but what they wrote must mean the same.
 */
#include "fixture.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/strv.h"

#define FILE_MAX_BYTES (256 * 1024)

typedef struct Tally {
        unsigned same;
        unsigned reformed;
        unsigned unparsable;
} Tally;

static char *read_whole(const char *path, size_t *ret_size)
{
        struct stat st;
        FILE *file;
        char *text;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
                return NULL;
        file = fopen(path, "re");
        if (!file)
                return NULL;
        text = malloc(FILE_MAX_BYTES + 1);
        assert_non_null(text);
        *ret_size = fread(text, 1, FILE_MAX_BYTES, file);
        fclose(file);
        return text;
}

/* All nodes with their values. */
static char *read_nodes(Worker *w)
{
        const char *path, *value;
        sd_bus_message *reply = NULL;
        char *text = NULL;
        int has_value;
        size_t size;
        FILE *out;

        assert_true(worker_call(w, NULL, &reply, "Read", "suu", "/files//*", 0, 0) >= 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sbs)") > 0);
        out = open_memstream(&text, &size);
        assert_non_null(out);
        while (sd_bus_message_read(reply, "(sbs)", &path, &has_value, &value) > 0)
                fprintf(out, "%s%s%s\n", path, has_value ? "=" : "", value);
        fclose(out);
        sd_bus_message_unref(reply);
        return text;
}

/* Makes the lens write the text, with nothing changed in the end. */
static void worker_touch(Worker *w)
{
        worker_edit(w, "setm", "/files//*[. != '']/..", "exmachina-test", "x");
        worker_edit(w, "rm", "/files//exmachina-test", NULL, NULL);
}

/* What came out differs: it must be read as the same nodes. */
static void check_meaning(Worker *w, const char *path, const char *lens, const char *text,
                          size_t size)
{
        _cleanup_free_ char *before = read_nodes(w), *after = NULL;

        assert_true(worker_load(w, path, lens, text, size));
        after = read_nodes(w);
        assert_string_equal(after, before);
}

static void check_file(Worker *w, const char *path, const char *lens, Tally *tally)
{
        size_t size = 0, pristine_size, rendered_size;
        _cleanup_free_ char *text = read_whole(path, &size), *pristine = NULL, *rendered = NULL;
        _cleanup_free_ char *message = NULL;

        if (!text)
                return;
        if (!worker_load_problem(w, path, lens, text, size, &message, NULL, NULL)) {
                print_message("%s (%s): %s\n", path, lens, message);
                tally->unparsable++;
                return;
        }
        pristine = worker_render(w, path, &pristine_size);
        assert_int_equal(pristine_size, size);
        assert_memory_equal(pristine, text, size);

        worker_touch(w);
        rendered = worker_render(w, path, &rendered_size);
        assert_non_null(rendered);
        if (rendered_size == size && memcmp(rendered, text, size) == 0) {
                tally->same++;
        } else {
                print_message("%s (%s): written in another form\n", path, lens);
                tally->reformed++;
                check_meaning(w, path, lens, rendered, rendered_size);
        }
        assert_true(worker_call(w, NULL, NULL, "Drop", "s", path) >= 0);
}

static void check_pattern(Worker *w, const char *pattern, const char *lens, Tally *tally)
{
        glob_t found;

        if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++)
                        check_file(w, found.gl_pathv[i], lens, tally);
        globfree(&found);
}

static void test_all_files(void **state)
{
        Worker *w = *state;
        sd_bus_message *reply = NULL;
        Tally tally = { 0 };
        const char *lens;

        assert_true(worker_call(w, NULL, &reply, "Index", "") >= 0);
        assert_true(sd_bus_message_enter_container(reply, 'a', "(sasas)") > 0);
        while (sd_bus_message_enter_container(reply, 'r', "sasas") > 0) {
                _cleanup_strv_ char **include = NULL, **exclude = NULL;

                assert_true(sd_bus_message_read(reply, "s", &lens) > 0);
                assert_true(sd_bus_message_read_strv(reply, &include) >= 0);
                assert_true(sd_bus_message_read_strv(reply, &exclude) >= 0);
                assert_true(sd_bus_message_exit_container(reply) > 0);
                for (size_t i = 0; i < strv_length(include); i++)
                        check_pattern(w, include[i], lens, &tally);
        }
        sd_bus_message_unref(reply);
        print_message("%u files the same, %u in another form, %u unparsable\n", tally.same,
                      tally.reformed, tally.unparsable);
        assert_true(tally.same > 10 * (tally.reformed + 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all_files, worker_setup, worker_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
