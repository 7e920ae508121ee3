/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * splice.c - walks through the records before and after, and through the source along with them.
 *
 * What no record covers (empty lines, mostly) stays where it is. New records come right behind the
 * one before them; those at the end behind everything.
 *
 * A record is put as a copy, and Augeas does not copy nodes without a label: empty lines, that is,
 * and empty comments, of which no proof knows either. So a record of several lines is put only if
 * nothing of it is lost, and if nothing in it came from elsewhere.
 */
#include "worker/splice-private.h"

#include <errno.h>
#include <string.h>

#include "worker/put.h"

int splice_copy_until(Work *work, size_t end)
{
        if (end < work->at || end > work->size)
                return -EOPNOTSUPP;
        fwrite(work->splice->source + work->at, 1, end - work->at, work->out);
        work->at = end;
        return 0;
}

static bool is_line_start(const Work *work)
{
        return work->at == 0 || work->splice->source[work->at - 1] == '\n';
}

int splice_find_span(Work *work, uint32_t node, Span *ret)
{
        int r;

        r = cursor_span(&work->before, node, ret);
        return r == 0 && ret->end > work->size ? -EOPNOTSUPP : r;
}

int splice_find_record(Work *work, uint32_t record, Span *ret)
{
        Span below;
        int r;

        r = splice_find_span(work, record, ret);
        for (uint32_t i = record + 1; r == 0 && i < work->splice->before->nodes[record].end; i++) {
                r = splice_find_span(work, i, &below);
                if (r == -EOPNOTSUPP) {
                        r = 0; /* read from no text at all */
                        continue;
                }
                if (r != 0)
                        break;
                ret->start = below.start < ret->start ? below.start : ret->start;
                ret->end = below.end > ret->end ? below.end : ret->end;
        }
        return r;
}

/* ---- records put by the lens ---- */

/* Copies record `node` to the end of PIECE, under that label. */
static int copy_record(Work *work, uint32_t node, const char *label)
{
        _cleanup_free_ char *escaped = NULL, *to = NULL;
        augeas *aug = work->splice->tree->aug;
        char from[CURSOR_PATH_BYTES];
        int r;

        r = cursor_go(&work->after, node, from);
        if (r < 0)
                return r;
        if (aug_escape_name(aug, label, &escaped) < 0 ||
            asprintf(&to, PIECE "/%s[last()+1]", escaped ? escaped : label) < 0)
                return -ENOMEM;
        if (aug_cp(aug, from, to) < 0)
                return aug_error(aug) == AUG_ENOMEM ? -ENOMEM : -EOPNOTSUPP;
        return 0;
}

/* Whether a text consists of more than one line. */
static bool has_lines(const char *text, size_t size)
{
        return size > 0 && memchr(text, '\n', size - 1);
}

static size_t count_lines(const char *text)
{
        size_t n = 0;

        for (const char *p = text; (p = strchr(p, '\n')); p++)
                n++;
        return n;
}

/* Returns: 0; -EOPNOTSUPP if record `node` has nodes that were read elsewhere than in source[span]:
 * they were moved there. */
static int check_origin(Work *work, uint32_t node, const Span *span)
{
        const Flat *flat = work->splice->after;
        Span own;
        int r = 0;

        if (work->splice->lossy)
                return 0;

        for (uint32_t i = node + 1; r == 0 && i < flat->nodes[node].end; i++) {
                r = cursor_span(&work->after, i, &own);
                if (r == 0 && own.end > own.start &&
                    (own.start < span->start || own.end > span->end))
                        return -EOPNOTSUPP;
                r = r == -EOPNOTSUPP ? 0 : r; /* a new one */
        }
        return r;
}

static int put_result(int r)
{
        return r == EXM_E_PUT_FAILED ? -EOPNOTSUPP : r;
}

/* Writes `n` new records, from `node` on. */
static int write_new(Work *work, const AlignedRecord *records, size_t n)
{
        _cleanup_failure_ Failure f = { 0 };
        const char *text;
        int r = 0;

        aug_rm(work->splice->tree->aug, PIECE);
        for (size_t i = 0; i < n && r == 0; i++)
                r = copy_record(work, records[i].after,
                                work->splice->after->nodes[records[i].after].label);
        if (r == 0)
                r = put_result(
                        put_new_nodes(work->splice->tree, work->splice->lens, PIECE, &text, &f));
        if (r == 0 && count_lines(text) > n)
                for (size_t i = 0; i < n && r == 0; i++)
                        r = check_origin(work, records[i].after, &(Span){ 0 });
        if (r != 0)
                return r;
        fputs(text, work->out);
        /* The line that follows stays one by itself. */
        if (text[0] != '\0' && text[strlen(text) - 1] != '\n' && is_line_start(work) &&
            work->at < work->size)
                fputc('\n', work->out);
        return 0;
}

/* A lens that counts its records begins with 1 in a piece. */
static bool is_counted(const char *label, const Span *span)
{
        return span->label_start == span->label_end && label[strspn(label, "0123456789")] == '\0';
}

/* Returns: 0; -EOPNOTSUPP if a copy of what the text is parsed to would not be put as that text. */
static int check_copy(Work *work, const char *was)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *problem = NULL;
        const Splice *splice = work->splice;
        const char *text = NULL;
        TextPosition at;
        int r;

        r = parse_source(splice->tree, splice->lens, was, &at, &problem, &f);
        if (r == 0 && problem)
                r = -EOPNOTSUPP;
        aug_rm(splice->tree->aug, PIECE);
        if (r == 0 && aug_cp(splice->tree->aug, PARSE_TREE, PIECE) < 0)
                r = -EOPNOTSUPP;
        if (r == 0)
                r = put_result(put_nodes(splice->tree, splice->lens, PIECE, was, &text, &f));
        return r == 0 && strcmp(text, was) != 0 ? -EOPNOTSUPP : r;
}

/* Writes what has become of a record that was source[span]. The lens finds the old form of a record
 * by its label. */
static int put_changed(Work *work, uint32_t node, const Span *span)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_free_ char *was = NULL;
        const char *label = work->splice->after->nodes[node].label, *text;
        bool whole, counted = is_counted(label, span);
        size_t size = span->end - span->start, written;
        int r;

        was = malloc(size + 2);
        if (!was)
                return -ENOMEM;
        memcpy(was, work->splice->source + span->start, size);
        whole = size > 0 && was[size - 1] == '\n';
        strcpy(was + size, whole ? "" : "\n");

        r = has_lines(was, size) && !work->splice->lossy ? check_copy(work, was) : 0;
        if (r != 0)
                return r;
        aug_rm(work->splice->tree->aug, PIECE);
        r = copy_record(work, node, counted ? "1" : label);
        if (r == 0)
                r = put_result(
                        put_nodes(work->splice->tree, work->splice->lens, PIECE, was, &text, &f));
        if (r == 0 && has_lines(text, strlen(text)))
                r = check_origin(work, node, span);
        if (r != 0)
                return r;
        written = strlen(text);
        if (!whole && written > 0 && text[written - 1] == '\n')
                written--;
        fwrite(text, 1, written, work->out);
        work->at = span->end;
        return 0;
}

/* Adds the record to PIECE, and its old text to `was`, if it is one that can be put with others: of
 * one whole line, and with its label of before, so that the lens finds the old form of each. */
static int add_piece(Work *work, size_t index, FILE *was)
{
        const AlignedRecord *record = &work->records[index];
        const char *label = work->splice->after->nodes[record->after].label;
        Pieces *pieces = &work->pieces;
        char number[32];
        Span span;
        int r;

        r = splice_find_record(work, record->before, &span);
        if (r != 0)
                return r == -EOPNOTSUPP ? 0 : r;
        if (span.start == span.end || work->splice->source[span.end - 1] != '\n' ||
            has_lines(work->splice->source + span.start, span.end - span.start))
                return 0;
        snprintf(number, sizeof(number), "%zu", pieces->n + 1);
        if (is_counted(label, &span))
                label = number;
        else if (strcmp(label, work->splice->before->nodes[record->before].label) != 0)
                return 0;
        r = copy_record(work, record->after, label);
        if (r != 0)
                return r;
        fwrite(work->splice->source + span.start, 1, span.end - span.start, was);
        pieces->spans[pieces->n] = span;
        pieces->records[pieces->n++] = index;
        return 0;
}

/* Where each record begins in the text that was put: parsed, they must be as many, and all of it.
 * Returns: 0; -EOPNOTSUPP if they are not. */
static int divide_pieces(Work *work, const Flat *flat, size_t size)
{
        _cleanup_cursor_ Cursor cursor = { .tree = work->splice->tree,
                                           .flat = flat,
                                           .root = PARSE_TREE,
                                           .variable = TREE_OWN_VARIABLES "pieces",
                                           .level = 1,
                                           .at = FLAT_NONE };
        Pieces *pieces = &work->pieces;
        size_t n = 0, end = 0;
        Span span;
        int r;

        for (uint32_t i = 0; i < flat->n; i = flat_next(flat, i)) {
                r = cursor_span(&cursor, i, &span);
                if (r != 0)
                        return r;
                if (n == pieces->n || span.start != end)
                        return -EOPNOTSUPP;
                pieces->starts[n++] = span.start;
                end = span.end;
        }
        pieces->starts[n] = size;
        return n == pieces->n && end == size ? 0 : -EOPNOTSUPP;
}

/* Puts what is in PIECE, with the old texts. */
static int put_pieces(Work *work, const char *was)
{
        _cleanup_failure_ Failure f = { 0 };
        _cleanup_flat_ Flat flat = { 0 };
        _cleanup_free_ char *problem = NULL, *copy = NULL;
        const Splice *splice = work->splice;
        const char *text = NULL;
        TextPosition at;
        int r;

        r = put_result(put_nodes(splice->tree, splice->lens, PIECE, was, &text, &f));
        if (r != 0)
                return r;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        r = parse_source(splice->tree, splice->lens, copy, &at, &problem, &f);
        if (r == 0 && problem)
                r = -EOPNOTSUPP;
        if (r == 0)
                r = flat_read(&flat, splice->tree, PARSE_TREE, FLAT_BORROWED);
        if (r == 0)
                r = divide_pieces(work, &flat, strlen(copy));
        if (r == 0)
                work->pieces.text = TAKE_PTR(copy);
        return r;
}

/* Puts the changed records from `index` on. */
static int prepare_pieces(Work *work, size_t index)
{
        _cleanup_free_ char *was = NULL;
        Pieces *pieces = &work->pieces;
        size_t size;
        FILE *out;
        int r = 0;

        free(TAKE_PTR(pieces->text));
        pieces->n = pieces->next = 0;
        pieces->end = index;
        out = open_memstream(&was, &size);
        if (!out)
                return -ENOMEM;
        aug_rm(work->splice->tree->aug, PIECE);
        for (; pieces->end < work->n_records && pieces->n < PIECE_MAX && r == 0; pieces->end++)
                if (work->records[pieces->end].kind == ALIGN_CHANGED)
                        r = add_piece(work, pieces->end, out);
        if (fclose(out) != 0)
                return -ENOMEM;
        if (r == 0 && pieces->n > 1)
                r = put_pieces(work, was);
        return r == -EOPNOTSUPP ? 0 : r;
}

/* Writes what has become of a record. */
static int write_changed(Work *work, const AlignedRecord *record)
{
        size_t index = (size_t)(record - work->records), piece;
        Pieces *pieces = &work->pieces;
        Span span;
        int r = 0;

        if (index >= pieces->end)
                r = prepare_pieces(work, index);
        if (r != 0)
                return r;
        while (pieces->next < pieces->n && pieces->records[pieces->next] < index)
                pieces->next++;
        piece = pieces->next;
        if (!pieces->text || piece == pieces->n || pieces->records[piece] != index) {
                r = splice_find_record(work, record->before, &span);
                if (r == 0)
                        r = splice_copy_until(work, span.start);
                return r == 0 ? put_changed(work, record->after, &span) : r;
        }
        r = splice_copy_until(work, pieces->spans[piece].start);
        fwrite(pieces->text + pieces->starts[piece], 1,
               pieces->starts[piece + 1] - pieces->starts[piece], work->out);
        work->at = pieces->spans[piece].end;
        return r;
}

/* ---- all of it ---- */

static int change_record(Work *work, const AlignedRecord *record)
{
        int r = -EOPNOTSUPP;

        if (work->splice->mode == SPLICE_VALUES)
                r = splice_exchange(work, record);
        return r == -EOPNOTSUPP ? write_changed(work, record) : r;
}

/* Takes out the records before `end` that have no place any more. */
static int cut_until(Work *work, uint32_t end)
{
        Span span;
        int r = 0;

        for (; work->next < end && r == 0;
             work->next = flat_next(work->splice->before, work->next)) {
                r = splice_find_record(work, work->next, &span);
                if (r == 0)
                        r = splice_copy_until(work, span.start);
                work->at = span.end;
        }
        return r;
}

/* Goes to where new records belong: behind `previous` (FLAT_NONE: before all), or to the end. */
static int go_to_new(Work *work, uint32_t previous, bool at_end)
{
        const Flat *before = work->splice->before;
        Span span;
        int r;

        if (at_end) {
                r = cut_until(work, (uint32_t)before->n);
                return r == 0 ? splice_copy_until(work, work->size) : r;
        }
        r = splice_find_record(work, previous == FLAT_NONE ? 0 : previous, &span);
        if (r == 0)
                r = splice_copy_until(work, previous == FLAT_NONE ? span.start : span.end);
        /* The end of the line may belong to no record. */
        if (r == 0 && !is_line_start(work) && work->splice->source[work->at] == '\n')
                r = splice_copy_until(work, work->at + 1);
        return r;
}

/* The new records from `i` on. Returns: how many, or an error as splice_text(). */
static int insert_records(Work *work, size_t i, uint32_t previous, size_t *ret_n)
{
        size_t n = 0;
        int r;

        while (i + n < work->n_records && work->records[i + n].kind == ALIGN_NEW)
                n++;
        r = go_to_new(work, previous, i + n == work->n_records);
        for (size_t k = 0; k < n && r == 0; k += PIECE_MAX)
                r = write_new(work, &work->records[i + k], n - k < PIECE_MAX ? n - k : PIECE_MAX);
        *ret_n = n;
        return r;
}

static int write_all(Work *work)
{
        uint32_t previous = FLAT_NONE;
        size_t n;
        int r = 0;

        for (size_t i = 0; i < work->n_records && r == 0; i += n) {
                const AlignedRecord *record = &work->records[i];

                n = 1;
                if (record->kind == ALIGN_NEW) {
                        r = insert_records(work, i, previous, &n);
                        continue;
                }
                r = cut_until(work, record->before);
                if (r == 0 && record->kind == ALIGN_CHANGED)
                        r = change_record(work, record);
                previous = record->before;
                work->next = flat_next(work->splice->before, previous);
        }
        if (r == 0)
                r = cut_until(work, (uint32_t)work->splice->before->n);
        return r == 0 ? splice_copy_until(work, work->size) : r;
}

static Cursor new_cursor(const Splice *splice, const char *root, const Flat *flat,
                         const char *variable)
{
        return (Cursor){ .tree = splice->tree,
                         .flat = flat,
                         .root = root,
                         .variable = variable,
                         .level = 1,
                         .at = FLAT_NONE };
}

int splice_text(Splice *splice, char **ret)
{
        Work work = { .splice = splice, .size = strlen(splice->source) };
        _cleanup_free_ AlignedRecord *records = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        splice->has_values = false;
        work.before = new_cursor(splice, splice->before_path, splice->before,
                                 TREE_OWN_VARIABLES "before");
        work.after = new_cursor(splice, splice->path, splice->after, TREE_OWN_VARIABLES "after");
        r = align_records(&work.before, &work.after, splice->reshaped, &records, &work.n_records);
        if (r < 0)
                return r;
        work.records = records;
        work.out = open_memstream(&text, &size);
        if (!work.out)
                return -ENOMEM;
        r = write_all(&work);
        cursor_done(&work.before);
        cursor_done(&work.after);
        aug_rm(splice->tree->aug, PIECE);
        put_forget(splice->tree);
        free(work.pieces.text);
        if (fclose(work.out) != 0 && r == 0)
                r = -ENOMEM;
        if (r == 0)
                *ret = TAKE_PTR(text);
        return r;
}
