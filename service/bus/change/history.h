/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * history.h - whose change is it, and may the caller see or settle it?
 *
 * A change belongs to the key that it was made by, else to the uid, never to a connection. The
 * record is loaded without content first; content is loaded only for who may read every file of it,
 * as it is now and as it was then.
 */
#pragma once

#include "bus/call/call.h"
#include "commit/record.h"

/* For methods that need own-or-history, own-or-write, or write about a change: loads the record
 * (about one change), asks what is needed beyond one's own, then runs `next`; or the call has
 * failed. */
void history_start(Call *call, void (*next)(Call *call));

/* The record of the call's change; valid until the call ends. */
ChangeRecord *history_record(Call *call);
/* Returns: true if the caller may see others' changes (ListChanges). */
bool history_sees_all(const Call *call);

/* read-config for every file of the change, read-secret-config for those that are not public now or
 * were not then; then loads the content of the record and runs `next`; or the call has failed. */
void history_read_files(Call *call, void (*next)(Call *call));

/* Loads the content and the images without asking: for who may write them all and is shown nothing.
 */
void history_load_content(Call *call, void (*next)(Call *call));

/* Readable by everybody, as far as the file's own metadata says. */
bool history_is_public(const Node *node);

/* What is on the disk now under the name of each step, taken by the two above; NULL: cannot be
 * looked at. */
const FileImage *history_image(const Call *call, size_t step);
