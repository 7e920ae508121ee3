/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * restore.h - what has to happen for a change to be taken back.
 *
 * Of each file: what is there now, and what shall be. As long as the file is as the change left it
 * that is what the change replaced, byte for byte and with its metadata, whether or not a lens can
 * parse it. A file that has been changed since is Conflict, or with `merge` a text in which only
 * what the change did is undone (diff3), if the two do not overlap, if the metadata was not touched
 * since, and if a lens that can parse the file as it is can parse the result.
 */
#pragma once

#include "bus/call/call.h"
#include "bus/change/show.h"

/* history.h has loaded the record with its content and the images. Runs `next` with call->restored
 * filled; or the call has failed. */
void restore_plan(Call *call, bool merge, void (*next)(Call *call));
void restored_done(Restored *restored);
