/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-splice.c - random edits of real files: what is written means what was asked for, and lines
 * that nobody touched stay as they were.
 *
 * The files are those of Augeas' own tests of its lenses. A script is up to six edits of one of
 * them; its number is its seed. Without arguments it is 300 scripts over every seventh lens. More
 * scripts, over all lenses:
 *
 *     tests/unit/worker/test-worker-splice SCRIPTS [FIRST]
 *
 * For each script: the text that is rendered, parsed again, has the nodes that the edits left; it
 * means what the lens' own put of the whole file means, and there is one whenever that put works;
 * it is the same the second time, and in another tree that is given the same edits.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lens-texts.h"
#include "util/strv.h"
#include "worker/edit.h"
#include "worker/paths.h"
#include "worker/put.h"
#include "worker/render.h"

#define FILE_NAME "/etc/random"
#define FILE_PATH "/files" FILE_NAME
#define EDITS_MAX 6

/* Without arguments; to load a lens takes longer than to run a script, so it is some lenses only.
 */
#define SCRIPTS   300U
#define LENS_STEP 7U

static unsigned n_scripts = SCRIPTS, first_script = 1;

typedef struct Counts {
        unsigned run, refused, spliced, put, neither, lens_lies;
} Counts;

typedef struct Script {
        const LensText *text;
        Tree *tree, *other_tree;
        uint64_t random;
        unsigned number;
        char **edits; /* verb and three arguments each, "" for none */
        unsigned n_edits, n_args[EDITS_MAX * 2];
        const char **ids; /* of the records of the source */
        Span *spans;
        bool *touched;
        size_t n_records;
} Script;

/* ---- chance ---- */

static uint32_t chance(Script *s, uint32_t n)
{
        s->random ^= s->random << 13;
        s->random ^= s->random >> 7;
        s->random ^= s->random << 17;
        return (uint32_t)(s->random >> 20) % n;
}

static const char *pick_value(Script *s, const Flat *flat, uint32_t node, char *buffer, size_t size)
{
        static const char *const odd[] = { "10.9.8.7", "a b",  "",  "\"q\"", "v#w",
                                           "yes",      "/a/b", "7", "x\ny",  " x " };
        uint32_t start = chance(s, (uint32_t)flat->n);

        if (chance(s, 6) == 0)
                return odd[chance(s, ELEMENTSOF(odd))];
        for (size_t k = 0; k < flat->n && chance(s, 8) > 0; k++) {
                const FlatNode *other = &flat->nodes[(start + k) % flat->n];

                if (other->value && strcmp(other->label, flat->nodes[node].label) == 0 &&
                    &flat->nodes[node] != other)
                        return other->value;
        }
        snprintf(buffer, size, "%s%u", flat->nodes[node].value ? flat->nodes[node].value : "",
                 chance(s, 10));
        return buffer;
}

/* ---- one edit ---- */

static uint32_t record_of(const Flat *flat, uint32_t node)
{
        while (flat->nodes[node].depth > 1)
                node = flat->nodes[node].parent;
        return node;
}

static void touch(Script *s, const Flat *flat, uint32_t node)
{
        const char *id = flat->nodes[record_of(flat, node)].id;

        for (size_t i = 0; i < s->n_records; i++)
                if (s->ids[i] == id)
                        s->touched[i] = true;
}

static char *path_by_places(const Flat *flat, uint32_t node)
{
        char *path = strdup(""), *longer;

        for (; node != FLAT_NONE; node = flat->nodes[node].parent) {
                assert_true(asprintf(&longer, "/*[%u]%s", flat->nodes[node].position, path) > 0);
                free(path);
                path = longer;
        }
        assert_true(asprintf(&longer, FILE_PATH "%s", path) > 0);
        free(path);
        return longer;
}

/* By places or by labels, as chance will have it. The index gives the path that Augeas gives. */
static char *path_of(Script *s, const Flat *flat, uint32_t node)
{
        char *by_places = path_by_places(flat, node), *path, **augeas_path;
        Paths *paths;

        if (chance(s, 2) == 0)
                return by_places;
        assert_int_equal(paths_get_ordered(s->tree, &paths), 0);
        /* "files", "etc" and the file come first. */
        path = paths_make(paths, node + 3);
        assert_non_null(path);
        assert_int_equal(aug_match(s->tree->aug, by_places, &augeas_path), 1);
        assert_string_equal(path, augeas_path[0]);
        free(augeas_path[0]);
        free(augeas_path);
        free(by_places);
        return path;
}

static bool edit(Script *s, const char *verb, const char *a, const char *b, const char *c)
{
        const char *args[] = { a, b, c, NULL };
        _cleanup_failure_ Failure f = { 0 };
        uint32_t count;

        for (size_t i = 0; i < 4; i++)
                assert_int_equal(strv_extend(&s->edits, i == 0        ? verb
                                                        : args[i - 1] ? args[i - 1]
                                                                      : ""),
                                 0);
        s->n_args[s->n_edits++] = !b ? 1 : !c ? 2 : 3;
        return edit_apply(s->tree, verb, (char *const *)args, &count, &f) == 0;
}

/* A path for one more record like that one. */
static char *new_path(Script *s, const Flat *flat, uint32_t record)
{
        _cleanup_free_ char *escaped = NULL;
        const char *label = flat->nodes[record].label;
        char *path;

        if (label[strspn(label, "0123456789")] == '\0') {
                assert_true(asprintf(&path, FILE_PATH "/0%u", 1 + chance(s, 50)) > 0);
                return path;
        }
        assert_true(aug_escape_name(s->tree->aug, label, &escaped) >= 0);
        assert_true(asprintf(&path, FILE_PATH "/%s[last()+1]", escaped ? escaped : label) > 0);
        return path;
}

static bool random_insert(Script *s, const Flat *flat, uint32_t record)
{
        _cleanup_free_ char *path = path_of(s, flat, record), *made = NULL, *source = NULL;
        bool before = chance(s, 2) == 0;
        const char *label = flat->nodes[record].label;
        uint32_t at = flat->nodes[record].position;

        assert_true(asprintf(&made, FILE_PATH "/*[%u]", before ? at : at + 1) > 0);
        assert_true(asprintf(&source, FILE_PATH "/*[%u]", before ? at + 1 : at) > 0);
        if (label[strspn(label, "0123456789")] == '\0')
                label = "077";
        return edit(s, "ins", label, before ? "before" : "after", path) &&
               edit(s, "cp", source, made, NULL);
}

/* The same to all records that have such a node: more of them change than with an edit each. */
static bool edit_all(Script *s, const Flat *flat, uint32_t node)
{
        _cleanup_free_ char *escaped = NULL, *path = NULL;
        const char *label = flat->nodes[node].label;

        for (uint32_t i = 0; i < flat->n; i++)
                if (strcmp(flat->nodes[i].label, label) == 0)
                        touch(s, flat, i);
        assert_true(aug_escape_name(s->tree->aug, label, &escaped) >= 0);
        assert_true(asprintf(&path, FILE_PATH "/*/%s", escaped ? escaped : label) > 0);
        switch (chance(s, 3)) {
        case 0:
                return edit(s, "rm", path, NULL, NULL);
        case 1:
                return edit(s, "setm", path, ".", "7");
        default:
                return edit(s, "rename", path, flat->nodes[chance(s, (uint32_t)flat->n)].label,
                            NULL);
        }
}

static bool random_edit(Script *s)
{
        _cleanup_free_ char *path = NULL, *other = NULL;
        _cleanup_flat_ Flat flat = { 0 };
        uint32_t node, record;
        char buffer[4096];

        assert_int_equal(flat_read(&flat, s->tree, FILE_PATH, FLAT_COPIED), 0);
        if (flat.n == 0)
                return false;
        node = chance(s, (uint32_t)flat.n);
        record = record_of(&flat, node);
        path = path_of(s, &flat, node);
        switch (chance(s, 15)) {
        case 0:
                touch(s, &flat, node);
                return edit(s, "rm", path, NULL, NULL);
        case 1:
                other = new_path(s, &flat, record);
                free(path);
                path = path_of(s, &flat, record);
                return edit(s, "cp", path, other, NULL);
        case 2:
                return random_insert(s, &flat, record);
        case 3:
                touch(s, &flat, record);
                other = new_path(s, &flat, record);
                free(path);
                path = path_of(s, &flat, record);
                return edit(s, "mv", path, other, NULL);
        case 4:
                touch(s, &flat, node);
                return edit(s, "rename", path, flat.nodes[chance(s, (uint32_t)flat.n)].label, NULL);
        case 5:
                touch(s, &flat, node);
                return edit(s, "clear", path, NULL, NULL);
        case 6:
                return edit_all(s, &flat, node);
        default:
                touch(s, &flat, node);
                return edit(s, "set", path, pick_value(s, &flat, node, buffer, sizeof(buffer)),
                            NULL);
        }
}

/* ---- judging ---- */

static void load(Tree *tree, const char *name, const char *lens, const char *text, size_t size,
                 bool *ret_parsed)
{
        _cleanup_failure_ Failure f = { 0 };
        TreeProblem problem;

        assert_int_equal(tree_load_file(tree, name, lens, text, size, &problem, &f), 0);
        *ret_parsed = !problem.kind;
}

/* Exactly, or but for numbers that the lens counts. */
static bool trees_agree(const Flat *a, const Flat *b, bool exactly)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++) {
                const FlatNode *x = &a->nodes[i], *y = &b->nodes[i];

                if (x->depth != y->depth || !x->value != !y->value ||
                    (x->value && strcmp(x->value, y->value) != 0))
                        return false;
                if (strcmp(x->label, y->label) != 0 &&
                    (exactly || x->label[strspn(x->label, "0123456789")] != '\0' ||
                     y->label[strspn(y->label, "0123456789")] != '\0'))
                        return false;
        }
        return true;
}

static void fail_script(const Script *s, const char *why, const char *text)
{
        for (unsigned i = 0; i < s->n_edits; i++)
                fprintf(stderr, "%s '%s' '%s' '%s'\n", s->edits[4 * i], s->edits[4 * i + 1],
                        s->edits[4 * i + 2], s->edits[4 * i + 3]);
        /* Too long for cmocka's own messages. */
        fprintf(stderr, "script %u, %s: %s\n--- was\n%s--- is\n%s---\n", s->number, s->text->lens,
                why, s->text->text, text);
        fail();
}

static void read_tree_of(Tree *tree, const char *lens, const char *text, size_t size, Flat *ret)
{
        _cleanup_failure_ Failure f = { 0 };
        bool parsed;

        load(tree, "/etc/check", lens, text, size, &parsed);
        if (parsed)
                assert_int_equal(flat_read(ret, tree, "/files/etc/check", FLAT_COPIED), 0);
        assert_int_equal(tree_drop_file(tree, "/etc/check", &f), 0);
}

static void judge_meaning(const Script *s, const char *text, size_t size, const char *own,
                          Counts *counts)
{
        _cleanup_flat_ Flat wanted = { 0 }, found = { 0 }, of_lens = { 0 };

        assert_int_equal(flat_read(&wanted, s->tree, FILE_PATH, FLAT_COPIED), 0);
        read_tree_of(s->tree, s->text->lens, text, size, &found);
        if (own)
                read_tree_of(s->tree, s->text->lens, own, strlen(own), &of_lens);
        if (own && !trees_agree(&of_lens, &wanted, false)) {
                counts->lens_lies++;
                return;
        }
        if (!trees_agree(&found, &wanted, false))
                fail_script(s, "means something else than was asked for", text);
        if (own && !trees_agree(&found, &of_lens, true))
                fail_script(s, "means something else than what the lens writes", text);
}

/* Lines of the source that no touched record has a part of are there, in their order. */
static void judge_lines(const Script *s, const char *source, const char *text, size_t size)
{
        const char *at = text;

        for (size_t start = 0, end; source[start] != '\0'; start = end) {
                bool touched = false;

                end = start + strcspn(source + start, "\n");
                end += source[end] == '\n';
                for (size_t i = 0; i < s->n_records; i++)
                        touched |=
                                s->touched[i] && s->spans[i].start < end && s->spans[i].end > start;
                if (touched)
                        continue;
                for (;; at++) {
                        if ((size_t)(at - text) + (end - start) > size + 1) {
                                fprintf(stderr, "%.*s", (int)(end - start), source + start);
                                fail_script(s, "a line that nobody touched is gone", text);
                        }
                        if ((at == text || at[-1] == '\n') &&
                            strncmp(at, source + start, end - start) == 0)
                                break;
                }
                at += end - start;
        }
}

/* The text does not depend on what was rendered before, nor on which worker does it. */
static void judge_replay(const Script *s, const char *text, size_t size)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *again = NULL;
        uint32_t count;
        size_t size_again;
        bool parsed;

        load(s->other_tree, FILE_NAME, s->text->lens, s->text->text, strlen(s->text->text),
             &parsed);
        for (unsigned i = 0; i < s->n_edits; i++) {
                char *args[4] = { NULL };

                for (unsigned k = 0; k < s->n_args[i]; k++)
                        args[k] = s->edits[4 * i + 1 + k];
                assert_int_equal(edit_apply(s->other_tree, s->edits[4 * i], args, &count, &f), 0);
        }
        assert_int_equal(tree_render_file(s->other_tree, FILE_NAME, &again, &size_again, &f), 0);
        if (size != size_again || memcmp(text, again, size) != 0)
                fail_script(s, "is another in another tree", again);
}

static void judge(Script *s, Counts *counts)
{
        _cleanup_free_ char *text = NULL, *again = NULL, *own = NULL, *spliced = NULL;
        TreeFile *file = tree_find_file(s->tree, FILE_NAME);
        _cleanup_failure_ Failure f = { 0 }, g = { 0 };
        size_t size, size_again, size_spliced;
        int r, put, r_spliced = 0;

        if (!file->pristine)
                r_spliced = render_by_splices(s->tree, file, false, &spliced, &size_spliced);
        r = tree_render_file(s->tree, FILE_NAME, &text, &size, &f);
        put = put_file(s->tree, file, &own, &g);
        if (r != 0 && put == 0)
                fail_script(s, f.message ? f.message : "not written", "");
        counts->neither += r != 0;
        if (r != 0 || !text)
                return;
        assert_int_equal(tree_render_file(s->tree, FILE_NAME, &again, &size_again, &f), 0);
        if (size != size_again || memcmp(text, again, size) != 0)
                fail_script(s, "is another the second time", again);
        if (spliced) {
                if (size != size_spliced || memcmp(text, spliced, size) != 0)
                        fail_script(s, "is not what was spliced", text);
                judge_lines(s, s->text->text, text, size);
        }
        counts->spliced += r_spliced == 0;
        counts->put += r_spliced != 0;
        judge_replay(s, text, size);
        judge_meaning(s, text, size, own, counts);
}

/* ---- scripts ---- */

/* Returns: false for a tree that is not spliced at all. */
static bool remember_records(Script *s)
{
        TreeFile *file = tree_find_file(s->tree, FILE_NAME);
        _cleanup_flat_ Flat flat = { 0 };
        _cleanup_cursor_ Cursor cursor = { s->tree, &flat, file->path, "exm_test", 1, FLAT_NONE };

        if (flat_read(&flat, s->tree, file->path, FLAT_BORROWED) == -EOPNOTSUPP) {
                print_message("%s: nodes below one without a label\n", s->text->lens);
                return false;
        }
        s->ids = calloc(flat.n + 1, sizeof(*s->ids));
        s->spans = calloc(flat.n + 1, sizeof(*s->spans));
        s->touched = calloc(flat.n + 1, sizeof(*s->touched));
        assert_true(s->ids && s->spans && s->touched);
        for (uint32_t i = 0; i < flat.n; i++) {
                Span span, *record;

                if (flat.nodes[i].depth == 1) {
                        s->spans[s->n_records] = (Span){ .start = UINT32_MAX };
                        s->ids[s->n_records++] = flat.nodes[i].id;
                }
                /* A node's own may end before its children do; one read from no text has none. */
                if (cursor_span(&cursor, i, &span) < 0)
                        continue;
                record = &s->spans[s->n_records - 1];
                record->start = span.start < record->start ? span.start : record->start;
                record->end = span.end > record->end ? span.end : record->end;
        }
        return true;
}

static void run_script(Tree *const *trees, const LensText *text, unsigned number, Counts *counts)
{
        Script s = { .text = text, .tree = trees[0], .other_tree = trees[1], .number = number };
        bool parsed, good = true;

        s.random = 0x9E3779B97F4A7C15U * number;
        load(s.tree, FILE_NAME, text->lens, text->text, strlen(text->text), &parsed);
        if (!parsed)
                return;
        if (!remember_records(&s))
                return;
        for (uint32_t n = 1 + chance(&s, 1 + chance(&s, EDITS_MAX)); n > 0 && good; n--)
                good = random_edit(&s);
        counts->run++;
        if (good)
                judge(&s, counts);
        else
                counts->refused++;
        strv_free(s.edits);
        free(s.ids);
        free(s.spans);
        free(s.touched);
}

static void test_random_scripts(void **state)
{
        _cleanup_(lens_texts_done) LensTexts texts;
        Tree *trees[2];
        Counts counts = { 0 };

        lens_texts_read(&texts, EXM_LENSDIR "/dist/tests", n_scripts > SCRIPTS ? 1 : LENS_STEP);
        assert_true(texts.n_lenses >= 25);
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(tree_new(&trees[i], EXM_LENSDIR ":" EXM_LENSDIR "/dist"), 0);
        for (unsigned i = 0; i < n_scripts; i++) {
                const LensText *text = &texts.list[(uint64_t)i * texts.n / n_scripts];

                run_script(trees, text, first_script + i, &counts);
        }
        tree_free(trees[0]);
        tree_free(trees[1]);
        print_message(
                "%u scripts, %zu lenses: %u spliced, %u put by the lens, %u cannot be written, "
                "%u with an edit that was refused, %u where the lens breaks its word\n",
                counts.run, texts.n_lenses, counts.spliced, counts.put, counts.neither,
                counts.refused, counts.lens_lies);
        assert_true(counts.spliced > counts.run / 4);
}

/* libaugeas loses a few bytes with some lenses. */
#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);

_public_ const char *__lsan_default_suppressions(void)
{
        return "leak:libaugeas";
}
#endif

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_scripts) };

        if (argc > 1)
                n_scripts = (unsigned)strtoul(argv[1], NULL, 10);
        if (argc > 2)
                first_script = (unsigned)strtoul(argv[2], NULL, 10);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
