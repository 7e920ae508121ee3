/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.h - what is told of a change while it goes on: only what is new, ten times a second at
 * most. PackageKit tells of two packages in turns, a thousand times; what was held back is told
 * when its time has come, unless something newer took its place.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#define PROGRESS_USEC UINT64_C(100000)

typedef struct Progress {
        sd_event *event; /* NULL: nobody listens */
        void (*tell)(unsigned percent, const char *detail, void *userdata);
        void *userdata;
        unsigned percent, told_percent;
        char *detail, *told_detail;
        uint64_t told; /* µs, CLOCK_MONOTONIC; 0: nothing yet */
        sd_event_source *timer;
} Progress;

/* `event` outlives it; tell() NULL: nobody listens. */
void progress_init(Progress *progress, sd_event *event,
                   void (*tell)(unsigned percent, const char *detail, void *userdata),
                   void *userdata);
void progress_done(Progress *progress);

/* `percent` never falls. tell() may run within this, and must not free it. */
void progress_set(Progress *progress, unsigned percent, const char *detail);
/* The same, and at once. */
void progress_set_now(Progress *progress, unsigned percent, const char *detail);

/* Of a PkInfoEnum (pk-job.h). Returns: "download"; NULL if there is nothing to tell. */
const char *progress_word(uint32_t info);
