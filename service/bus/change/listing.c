/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * listing.c - one query of the journal for one call.
 */
#include "bus/change/listing.h"

#include <errno.h>

#include "bus/right/permission.h"

typedef struct Search {
        Listing listing;
        Journal *journal;
        JournalFilter filter;
        ListingDone done;
} Search;

static void search_free(void *userdata)
{
        Search *search = userdata;

        change_records_free(search->listing.records, search->listing.n_records);
        failure_done(&search->listing.failure);
        free(search);
}

static void search_work(void *userdata)
{
        Search *search = ((Call *)userdata)->state;
        Listing *listing = &search->listing;

        listing->r = journal_list(search->journal, &search->filter, &listing->records,
                                  &listing->n_records, &listing->failure);
}

static void on_searched(void *userdata)
{
        Call *call = userdata;
        Search *search = call->state;

        if (!call->dead)
                search->done(call, &search->listing);
        call_unref(call);
}

void listing_own_only(Call *call, JournalFilter *filter)
{
        const Key *key = permission_hold_key(call);

        filter->own_only = true;
        filter->uid = call->uid;
        filter->key = key ? key->name : NULL;
        filter->key_since = key ? key->created : 0;
}

int listing_start(Call *call, const JournalFilter *filter, ListingDone done)
{
        Search *search;
        int r;

        search = calloc(1, sizeof(*search));
        if (!search)
                return -ENOMEM;
        *search = (Search){ .journal = call->manager->journal, .filter = *filter, .done = done };
        call_set_state(call, search, search_free);
        r = task_run(call->manager->pool, search_work, on_searched, call_ref(call));
        if (r < 0)
                call_unref(call);
        return r;
}
