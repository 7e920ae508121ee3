/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listing.h - changes of the journal that match a filter, looked up in a thread.
 */
#pragma once

#include "bus/call/call.h"
#include "commit/journal.h"

typedef struct Listing {
        ChangeRecord *records; /* newest first, without content */
        size_t n_records;
        int r; /* of journal_list(), with failure */
        Failure failure;
} Listing;

typedef void (*ListingDone)(Call *call, Listing *listing);

/* Only the caller's own changes: his uid's, and his key's. */
void listing_own_only(Call *call, JournalFilter *filter);

/* Runs `done`, unless the call is dead by then; the listing is the call's state. What the filter
 * points to lives as long as the call. Returns: 0 or -errno. */
int listing_start(Call *call, const JournalFilter *filter, ListingDone done);
