/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-plain.c - edits by plain paths do through the index what they do without it.
 *
 * Random edits are made in two trees: one makes the index at the first edit and keeps it as long as
 * it can, the other has none. After each edit they have answered the same and are the same, down to
 * the place of nodes that have no label, which shows in the text that the lens puts.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "util/failure.h"
#include "worker/edit.h"
#include "worker/flat.h"
#include "worker/paths.h"
#include "worker/put.h"

#define SCRIPTS     20U
#define EDITS       50U
#define FILE_NAME   "/etc/file"
#define FILE_PATH   "/files" FILE_NAME
#define MISSING_MAX 3U

#define SOME           300U
#define LARGE          10000U
#define LARGE_EDITS    1500U
#define HERE_AND_THERE 5000U
#define N_PLACES       1000U
#define LARGE_SECONDS  1.5

typedef struct Source {
        const char *lens;
        const char *text;      /* NULL: a file with more nodes beside each other than are near */
        const char *labels[4]; /* that new nodes may get */
} Source;

static const Source sources[] = {
        { "Hosts.lns",
          "# one\n\n127.0.0.1 localhost a b c # end\n\n\n# two\n# three\n::1 ip6 ip6 ip6\n\n"
          "192.0.2.1 x\n\n",
          { "#comment", "alias", "01", "1" } },
        { "Puppet.lns",
          "# first\n\n[main]\na=1\n\nb=2\nb=3\n# c\n[agent]\n\na=1\n[main]\n\n",
          { "#comment", "main", "a", "b" } },
        { "Json.lns",
          "{ \"a\": [ 1, 2, { \"b\": [ 3, 4 ] }, \"x\" ], \"a\": null, \"c\": \"d\" }\n",
          { "entry", "number", "dict", "array" } },
        { "Hosts.lns", NULL, { "#comment", "alias", "01", "100" } },
};

static uint64_t state;

static uint32_t chance(uint32_t n)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (uint32_t)(state >> 20) % n;
}

/* ---- paths ---- */

static bool are_namesakes(const Flat *flat, uint32_t a, uint32_t b)
{
        return flat->nodes[a].parent == flat->nodes[b].parent &&
               strcmp(flat->nodes[a].label, flat->nodes[b].label) == 0;
}

static void print_path(FILE *out, const Flat *flat, uint32_t node)
{
        uint32_t number = 0, count = 0;

        if (node == FLAT_NONE) {
                fputs(FILE_PATH, out);
                return;
        }
        print_path(out, flat, flat->nodes[node].parent);
        for (uint32_t i = 0; i < flat->n; i++) {
                count += are_namesakes(flat, i, node);
                number += i <= node && are_namesakes(flat, i, node);
        }
        fprintf(out, "/%s", flat->nodes[node].label);
        /* Now and then a step that leads to several nodes. */
        if (count > 1 && chance(100) == 0)
                return;
        if (number == count && chance(4) == 0)
                fputs("[last()]", out);
        else if (count > 1 || chance(4) == 0)
                fprintf(out, "[%u]", number);
}

/* Of a node that is there, with so many steps more that lead to none, or to another. */
static char *random_path(const Source *source, const Flat *flat, uint32_t more)
{
        uint32_t node = flat->n == 0 || (more > 0 && chance(4) == 0) ? FLAT_NONE
                                                                     : chance((uint32_t)flat->n);
        char *path = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&path, &size);
        assert_non_null(out);
        print_path(out, flat, node);
        for (; more > 0; more--) {
                fprintf(out, "/%s", source->labels[chance(ELEMENTSOF(source->labels))]);
                if (chance(3) > 0)
                        fprintf(out, "[%s]", chance(3) ? "last()+1" : chance(2) ? "7" : "1");
        }
        assert_int_equal(fclose(out), 0);
        return path;
}

/* ---- two trees ---- */

static char *many_hosts(unsigned n, size_t *ret_size)
{
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_size);

        assert_non_null(out);
        for (unsigned i = 0; i < n; i++)
                fprintf(out, "10.0.%u.%u host%u\n", i / 256, i % 256, i);
        assert_int_equal(fclose(out), 0);
        return text;
}

static Tree *load_text(const char *lens, const char *text, size_t size)
{
        _cleanup_failure_ Failure f = { 0 };
        TreeProblem problem;
        Tree *tree;

        assert_int_equal(tree_new(&tree, EXM_LENSDIR ":" EXM_LENSDIR "/dist"), 0);
        assert_int_equal(tree_load_file(tree, FILE_NAME, lens, text, size, &problem, &f), 0);
        assert_null(problem.kind);
        return tree;
}

static Tree *load_many_hosts(unsigned n)
{
        size_t size;
        _cleanup_free_ char *text = many_hosts(n, &size);

        return load_text("Hosts.lns", text, size);
}

static Tree *load(const Source *source)
{
        return source->text ? load_text(source->lens, source->text, strlen(source->text))
                            : load_many_hosts(SOME);
}

static bool have_same_nodes(Tree *a, Tree *b)
{
        _cleanup_flat_ Flat x = { 0 }, y = { 0 };
        bool same;

        assert_int_equal(flat_read(&x, a, TREE_CONTEXT_ROOT, FLAT_BORROWED), 0);
        assert_int_equal(flat_read(&y, b, TREE_CONTEXT_ROOT, FLAT_BORROWED), 0);
        same = x.n == y.n;
        for (uint32_t i = 0; i < x.n && same; i = flat_next(&x, i))
                same = flat_equal(&x, i, &y, i);
        return same;
}

/* As put_file(), which copies the nodes, but only those that have a label. */
static int put(Tree *tree, const char **ret)
{
        _cleanup_failure_ Failure f = { 0 };
        const TreeFile *file = tree_find_file(tree, FILE_NAME);

        return put_nodes(tree, file->lens, file->path, file->source, ret, &f);
}

static void assert_same_text(Tree *a, Tree *b)
{
        const char *x = NULL, *y = NULL;
        int r;

        r = put(a, &x);
        assert_int_equal(put(b, &y), r);
        if (r == 0)
                assert_string_equal(x, y);
}

static int edit(Tree *tree, bool by_index, const char *const *words, uint32_t *count, Failure *f)
{
        *count = 0;
        tree->n_lookups = 0;
        tree->lookups_worth = by_index ? 0 : UINT_MAX;
        if (!by_index)
                paths_drop(tree);
        return edit_apply(tree, words[0], (char *const *)(words + 1), count, f);
}

/* Returns: false after an edit that was refused and left other things behind: what is no matter. */
static bool edit_both(Tree *const *trees, const char *const *words)
{
        _cleanup_failure_ Failure f = { 0 }, g = { 0 };
        uint32_t count[2];
        int r;

        r = edit(trees[0], true, words, &count[0], &f);
        assert_int_equal(edit(trees[1], false, words, &count[1], &g), r);
        if (r != 0) {
                assert_string_equal(f.message, g.message);
                return have_same_nodes(trees[0], trees[1]);
        }
        assert_int_equal(count[0], count[1]);
        assert_true(have_same_nodes(trees[0], trees[1]));
        /* It takes longer than all the rest. */
        if (chance(8) == 0)
                assert_same_text(trees[0], trees[1]);
        return true;
}

static bool random_edit(const Source *source, Tree *const *trees)
{
        static const char *const sides[] = { "before", "after" };
        _cleanup_free_ char *path = NULL, *other = NULL;
        _cleanup_flat_ Flat flat = { 0 };
        const char *label = source->labels[chance(ELEMENTSOF(source->labels))];

        if (flat_read(&flat, trees[1], FILE_PATH, FLAT_COPIED) < 0)
                return false;
        path = random_path(source, &flat, 0);
        other = random_path(source, &flat, chance(8) ? 1 + chance(MISSING_MAX) : 0);
        switch (chance(12)) {
        case 0:
                return edit_both(trees, (const char *[]){ "rm", path, NULL });
        case 1:
        case 2:
                return edit_both(trees,
                                 (const char *[]){ "ins", label, sides[chance(2)], path, NULL });
        case 3:
        case 4:
                return edit_both(trees, (const char *[]){ "mv", path, other, NULL });
        case 5:
                return edit_both(trees, (const char *[]){ "clear", path, NULL });
        case 6:
                return edit_both(trees,
                                 (const char *[]){ "touch", chance(2) ? path : other, NULL });
        case 7:
                /* Not through the index, which is made anew after it. */
                if (chance(4) == 0)
                        return edit_both(trees, (const char *[]){ "cp", path, other, NULL });
                return edit_both(trees,
                                 (const char *[]){ "setm", FILE_PATH "//*", "*[2]", "v", NULL });
        default:
                return edit_both(trees, (const char *[]){ "set", chance(3) ? other : path,
                                                          "10.0.0.1", NULL });
        }
}

static void test_with_and_without_the_index(void **unused)
{
        unsigned n = 0;

        for (unsigned i = 0; i < SCRIPTS * ELEMENTSOF(sources); i++) {
                const Source *source = &sources[i % ELEMENTSOF(sources)];
                Tree *trees[2] = { load(source), load(source) };

                state = 0x9E3779B97F4A7C15U * (i + 1);
                for (unsigned k = 0; k < EDITS && random_edit(source, trees); k++)
                        n++;
                tree_free(trees[0]);
                tree_free(trees[1]);
        }
        print_message("%u edits\n", n);
        assert_true(n > 10 * SCRIPTS * ELEMENTSOF(sources));
}

/* An empty line at the end is a node without a label, and what is new comes behind it. */
static void test_new_nodes_come_behind_all(void **unused)
{
        static const char *const script[][5] = {
                { "set", FILE_PATH "/01/ipaddr", "10.0.0.1" },
                { "set", FILE_PATH "/01/canonical", "new" },
                { "set", FILE_PATH "/02/ipaddr", "10.0.0.2" },
                { "set", FILE_PATH "/02/canonical", "newer" },
                { "rm", FILE_PATH "/02" },
                { "rm", FILE_PATH "/01" },
                { "set", FILE_PATH "/03/ipaddr", "10.0.0.3" },
                { "set", FILE_PATH "/03/canonical", "newest" },
                { "ins", "#comment", "after", FILE_PATH "/03" },
                { "set", FILE_PATH "/#comment[last()]", "behind" },
                { "set", FILE_PATH "/#comment[last()+1]", "at the end" },
        };
        static const char wanted[] = "192.0.2.1 x\n\n10.0.0.3\tnewest\n# behind\n# at the end\n";
        Tree *trees[2] = { load(&sources[0]), load(&sources[0]) };
        const char *text = NULL;

        for (size_t i = 0; i < ELEMENTSOF(script); i++)
                assert_true(edit_both(trees, script[i]));
        assert_same_text(trees[0], trees[1]);
        assert_int_equal(put(trees[0], &text), 0);
        assert_true(strlen(text) > strlen(wanted));
        assert_string_equal(text + strlen(text) - strlen(wanted), wanted);
        tree_free(trees[0]);
        tree_free(trees[1]);
}

/* ---- what the index knows ---- */

/* The paths that it makes are those of Augeas. */
static void assert_paths(Tree *tree)
{
        Paths *paths;
        char **all;
        int n;

        n = aug_match(tree->aug, TREE_CONTEXT_ROOT "/descendant::*", &all);
        assert_true(n > 0);
        assert_int_equal(paths_get_ordered(tree, &paths), 0);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = paths_make(paths, (uint32_t)i + 1);

                assert_string_equal(path, all[i]);
                free(all[i]);
        }
        free(all);
}

static void test_numbers_stay_right(void **unused)
{
        static const char *const script[][5] = {
                { "rm", FILE_PATH "/1/alias[2]" },
                { "set", FILE_PATH "/1/alias[2]", "third" },
                { "ins", "alias", "before", FILE_PATH "/1/alias[2]" },
                { "set", FILE_PATH "/1/alias[2]", "new" },
                { "set", FILE_PATH "/1/alias[last()+1]", "last" },
                { "set", FILE_PATH "/1/alias[4]", "last of all" },
                { "ins", "alias", "before", FILE_PATH "/1/alias[1]" },
                { "set", FILE_PATH "/1/alias[1]", "first" },
                { "rm", FILE_PATH "/1/alias[last()]" },
                { "mv", FILE_PATH "/1", FILE_PATH "/01" },
                { "rm", FILE_PATH "/01/alias[3]" },
        };
        static const char *const wanted[] = { "first", "a", "third" };
        Tree *tree = load(&sources[0]);
        const char *value;
        char path[64];

        for (size_t i = 0; i < ELEMENTSOF(script); i++) {
                _cleanup_failure_ Failure f = { 0 };
                uint32_t count;

                assert_int_equal(edit(tree, true, script[i], &count, &f), 0);
                assert_false(paths_are_ordered(tree) && i > 0 && strcmp(script[i][0], "set") != 0);
        }
        for (unsigned i = 0; i < ELEMENTSOF(wanted); i++) {
                snprintf(path, sizeof(path), FILE_PATH "/01/alias[%u]", i + 1);
                assert_int_equal(aug_get(tree->aug, path, &value), 1);
                assert_string_equal(value, wanted[i]);
        }
        assert_paths(tree);
        tree_free(tree);
}

static double processor_seconds(void)
{
        struct timespec t;

        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void edit_plainly(Tree *tree, const char *verb, const char *a, const char *b, const char *c)
{
        const char *args[] = { a, b, c, NULL };
        _cleanup_failure_ Failure f = { 0 };
        uint32_t count;

        assert_int_equal(edit_apply(tree, verb, (char *const *)args, &count, &f), 0);
}

/* Every other host goes to the end, the others go. */
static void forward_edit(Tree *tree, unsigned i)
{
        char path[64], to[64];

        snprintf(path, sizeof(path), FILE_PATH "/%u", i);
        snprintf(to, sizeof(to), FILE_PATH "/1%06u", i);
        if (i % 2)
                edit_plainly(tree, "mv", path, to, NULL);
        else
                edit_plainly(tree, "rm", path, NULL, NULL);
}

/* What test_many_edits_of_a_large_file() makes of the hosts 1 to LARGE. */
static void assert_large(Tree *tree, const unsigned *values)
{
        _cleanup_flat_ Flat flat = { 0 };
        unsigned old = LARGE_EDITS + 1, made = 1, moved = 1;

        assert_int_equal(flat_read(&flat, tree, FILE_PATH, FLAT_BORROWED), 0);
        for (uint32_t i = 0; i < flat.n; i = flat_next(&flat, i)) {
                const FlatNode *node = &flat.nodes[i];
                unsigned number = (unsigned)strtoul(node->label, NULL, 10);

                if (old < LARGE + 1) {
                        assert_int_equal(number, old);
                        if (old >= HERE_AND_THERE && old < HERE_AND_THERE + N_PLACES)
                                assert_int_equal(strtoul(flat.nodes[i + 2].value, NULL, 10),
                                                 values[old - HERE_AND_THERE]);
                        /* Behind each of these there is a comment. */
                        if (old >= LARGE - LARGE_EDITS && old < LARGE) {
                                i = flat_next(&flat, i);
                                assert_string_equal(flat.nodes[i].label, "#comment");
                        }
                        old++;
                } else if (node->label[0] == '0') {
                        assert_int_equal(number, made++);
                        assert_string_equal(flat.nodes[i + 1].label, "ipaddr");
                        assert_int_equal(node->end, i + 2);
                } else {
                        assert_int_equal(number, 1000000 + moved);
                        assert_int_equal(node->end, i + 3);
                        moved += 2;
                }
        }
        assert_int_equal(old, LARGE + 1);
        assert_int_equal(made, LARGE_EDITS + 1);
        assert_int_equal(moved, LARGE_EDITS + 1);
}

/* Forwards, backwards, here and there and at the end, in turn. It takes a tenth of a second;
 * without the index, three seconds. */
static void test_many_edits_of_a_large_file(void **unused)
{
        Tree *tree = load_many_hosts(LARGE);
        unsigned values[N_PLACES] = { 0 };
        double start = processor_seconds();

        for (unsigned i = 1; i <= LARGE_EDITS; i++) {
                char path[64], value[16];

                snprintf(path, sizeof(path), FILE_PATH "/0%u/ipaddr", i);
                edit_plainly(tree, "set", path, "192.0.2.1", NULL);
                snprintf(path, sizeof(path), FILE_PATH "/%u", LARGE - i);
                edit_plainly(tree, "ins", "#comment", "after", path);
                values[i * 7919 % N_PLACES] = i;
                snprintf(path, sizeof(path), FILE_PATH "/%u/canonical",
                         HERE_AND_THERE + i * 7919 % N_PLACES);
                snprintf(value, sizeof(value), "%u", i);
                edit_plainly(tree, "set", path, value, NULL);
                forward_edit(tree, i);
        }
        assert_true(processor_seconds() - start < LARGE_SECONDS);
        assert_large(tree, values);
        tree_free(tree);
}

/* libaugeas loses a few bytes with some lenses. */
#ifdef __SANITIZE_ADDRESS__
const char *__lsan_default_suppressions(void);

_public_ const char *__lsan_default_suppressions(void)
{
        return "leak:libaugeas";
}
#endif

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_with_and_without_the_index),
                cmocka_unit_test(test_new_nodes_come_behind_all),
                cmocka_unit_test(test_numbers_stay_right),
                cmocka_unit_test(test_many_edits_of_a_large_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
