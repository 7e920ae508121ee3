/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * step.c - walk to the place, check it, act.
 */
#include "files/step.h"

#include <errno.h>
#include <string.h>

#include "files/parents.h"
#include "files/place.h"
#include "files/rewrite.h"
#include "files/swap.h"
#include "files/walk.h"
#include "util/log.h"
#include "util/strv.h"

typedef struct TempName {
        char name[sizeof(".exmachina--") + 3 * (sizeof(uint64_t) + sizeof(unsigned))];
} TempName;

static TempName temp_name(const FileStep *step)
{
        TempName temp;

        snprintf(temp.name, sizeof(temp.name), ".exmachina-%llu-%u",
                 (unsigned long long)step->change, step->place);
        return temp;
}

static SwapPlace swap_place(const FileStep *step, const Walk *walk, const TempName *temp)
{
        return (SwapPlace){
                .dir = walk->dir, .name = walk_name(walk), .temp = temp->name, .path = step->path
        };
}

void file_step_done(FileStep *step)
{
        free(step->name);
        free(step->path);
        node_done(&step->before);
        node_done(&step->after);
        strv_free(step->parents);
        *step = (FileStep){ 0 };
}

static int conflict(const char *path, Failure *f)
{
        return failure_set(f, EXM_E_CONFLICT,
                           "%s: the file has been changed by another program since it was loaded; "
                           "nothing was changed. Read it again (Rebase does, in a transaction).",
                           path);
}

/* --- what can be known without writing --- */

static int check_link(const Roots *roots, const FileStep *step, Failure *f)
{
        _cleanup_(file_image_unref_cleanup) FileImage *image = NULL;
        _cleanup_free_ char *target = NULL;
        int r;

        r = walk_resolve_link(step->name, step->after.link_target, &target, f);
        if (r != 0)
                return r;
        if (strcmp(target, step->name) == 0)
                return failure_set(f, EXM_E_REFUSED, "%s: the link would lead to itself.",
                                   step->name);
        if (!roots_may_read(roots, target))
                return failure_set(f, EXM_E_REFUSED,
                                   "%s: the link would lead out of the readable roots, to %s.",
                                   step->name, target);
        /* What could not be looked at through the link could not be taken back either: a directory,
         * a device, a further link that leads out. */
        r = file_image_take(&image, roots, target, /* with_content= */ false, UINT64_MAX, f);
        if (r > 0)
                failure_prefix(f, "%s: cannot become a link to that: ", step->name);
        return r;
}

/* What follows from the step alone. */
static int check_shape(const Roots *roots, const FileStep *step, Failure *f)
{
        if (!roots_may_write(roots, step->name))
                return failure_set(f, EXM_E_REFUSED, "%s: the file is outside the writable roots.",
                                   step->name);
        if (step->before.kind == NODE_MISSING && step->after.kind == NODE_MISSING)
                return failure_set(f, EXM_E_REFUSED, "%s: there is no such file.", step->name);
        return step->after.kind == NODE_LINK ? check_link(roots, step, f) : 0;
}

/* Walks to the name and checks the place. */
static int go_there(const Roots *roots, const FileStep *step, Walk *walk, bool *ret_mounted,
                    Failure *f)
{
        int r;

        r = walk_to(walk, roots, step->name, /* follow= */ false, f);
        if (r != 0)
                return r;
        return place_check(walk, roots, step->path, ret_mounted, f);
}

/* Of a link the owner is read here: an image has only its text. */
static int check_current(const Walk *walk, FileStep *step, Failure *f)
{
        _cleanup_node_ Node now = { 0 };
        int r;

        if (walk->file < 0)
                return step->before.kind == NODE_MISSING ? 0 : conflict(step->path, f);
        r = node_read(walk->dir, walk_name(walk), step->before.size, &now);
        if (r < 0)
                return swap_explain(r, step->path, f);
        if (!node_matches(&now, &step->before))
                return conflict(step->path, f);
        if (now.kind == NODE_LINK) {
                step->before.metadata.uid = now.metadata.uid;
                step->before.metadata.gid = now.metadata.gid;
        }
        return 0;
}

static int check_temp(const Walk *walk, const FileStep *step, Failure *f)
{
        TempName temp = temp_name(step);
        SwapPlace place = swap_place(step, walk, &temp);

        return walk_has_parent(walk) && !step->in_place ? swap_check(&place, f) : 0;
}

int file_step_check(const Roots *roots, FileStep *step, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        _cleanup_strv_ char **parents = NULL;
        int r;

        r = check_shape(roots, step, f);
        if (r == 0)
                r = go_there(roots, step, &walk, &step->in_place, f);
        if (r == 0)
                r = check_current(&walk, step, f);
        if (r != 0)
                return r;
        if (step->in_place && (step->before.kind != NODE_FILE || step->after.kind != NODE_FILE))
                return swap_explain(-EBUSY, step->path, f);
        r = check_temp(&walk, step, f);
        if (r == 0)
                r = parents_plan(&walk, &parents);
        if (r != 0)
                return r;
        strv_free(step->parents);
        step->parents = TAKE_PTR(parents);
        return 0;
}

/* The link still leads to the name, by a way that only root can change. */
static int check_way(const Roots *roots, const FileStep *step, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        bool mounted;
        int r;

        if (strcmp(step->path, step->name) == 0)
                return 0;
        r = walk_to(&walk, roots, step->path, /* follow= */ true, f);
        if (r != 0)
                return r;
        if (strcmp(walk.canonical, step->name) != 0)
                return conflict(step->path, f);
        return place_check(&walk, roots, step->path, &mounted, f);
}

int file_step_plan(const Roots *roots, const FileChange *change, uint64_t number, unsigned place,
                   FileStep *ret, Failure *f)
{
        _cleanup_(file_step_done) FileStep step = { .change = number, .place = place };
        int r;

        step.name = strdup(file_change_name(change));
        step.path = strdup(change->base->path);
        if (!step.name || !step.path)
                return -ENOMEM;
        r = file_change_get_nodes(change, &step.before, &step.after, f);
        if (r == 0)
                r = check_way(roots, &step, f);
        if (r == 0)
                r = file_step_check(roots, &step, f);
        if (r != 0)
                return r;
        *ret = step;
        step = (FileStep){ 0 };
        return 0;
}

/* --- doing and undoing --- */

static int act(const FileStep *step, const Walk *walk, const Node *from, Node *to, Failure *f)
{
        TempName temp = temp_name(step);
        SwapPlace place = swap_place(step, walk, &temp);

        if (!step->in_place)
                return swap_nodes(&place, from, to, f);
        return walk->file >= 0 ? rewrite_node(walk->file, step->path, from, to, f)
                               : conflict(step->path, f);
}

int file_step_apply(const Roots *roots, FileStep *step, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        bool mounted;
        int r;

        r = go_there(roots, step, &walk, &mounted, f);
        if (r != 0)
                return r;
        if (mounted != step->in_place)
                return conflict(step->path, f);
        r = parents_make(&walk, roots, step->parents, f);
        if (r != 0)
                return r;
        r = act(step, &walk, &step->before, &step->after, f);
        if (r != 0)
                parents_remove(roots, step->parents);
        return r;
}

int file_step_undo(const Roots *roots, const FileStep *step, Failure *f)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        Node before = step->before;
        bool mounted;
        int r;

        r = go_there(roots, step, &walk, &mounted, f);
        if (r != 0)
                return r;
        if (mounted != step->in_place || !walk_has_parent(&walk))
                return conflict(step->path, f);
        r = act(step, &walk, &step->after, &before, f);
        if (r == 0)
                parents_remove(roots, step->parents);
        return r;
}

/* --- after a crash --- */

static int clean_up(const FileStep *step, const Walk *walk)
{
        TempName temp = temp_name(step);
        SwapPlace place = swap_place(step, walk, &temp);

        if (!step->in_place)
                return swap_settle(&place, &step->before, &step->after);
        return walk->file >= 0 && S_ISREG(walk->st.st_mode)
                       ? rewrite_settle(walk->file, &step->before, &step->after)
                       : 0;
}

static int look(const FileStep *step, const Walk *walk, FileStepSide *ret)
{
        size_t size = step->before.size > step->after.size ? step->before.size : step->after.size;
        _cleanup_node_ Node now = { 0 };
        int r = 0;

        if (walk_has_parent(walk))
                r = node_read(walk->dir, walk_name(walk), size, &now);
        if (r < 0)
                return r;
        *ret = node_matches(&now, &step->after)    ? FILE_STEP_AFTER
               : node_matches(&now, &step->before) ? FILE_STEP_BEFORE
                                                   : FILE_STEP_FOREIGN;
        return 0;
}

int file_step_settle(const Roots *roots, const FileStep *step, FileStepSide *ret)
{
        _cleanup_walk_ Walk walk = { .dir = -1, .file = -1 };
        _cleanup_failure_ Failure fault = { 0 };
        int r;

        r = walk_to(&walk, roots, step->name, /* follow= */ false, &fault);
        if (r < 0)
                return r;
        if (r > 0 || walk.swappable) {
                log_error("%s: an interrupted change of it cannot be brought to an end: %s",
                          step->name,
                          fault.message ? fault.message : "others than root may write there");
                *ret = FILE_STEP_FOREIGN;
                return 0;
        }
        r = walk_has_parent(&walk) ? clean_up(step, &walk) : 0;
        if (r == 0)
                r = look(step, &walk, ret);
        if (r == 0 && *ret == FILE_STEP_BEFORE)
                parents_remove(roots, step->parents);
        return r;
}
