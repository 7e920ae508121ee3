/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * progress.c - the last word that was told, the last that was said, and a timer between them.
 */
#include "packages/progress.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packages/pk-job.h"

static uint64_t now_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void progress_init(Progress *progress, sd_event *event,
                   void (*tell)(unsigned percent, const char *detail, void *userdata),
                   void *userdata)
{
        *progress = (Progress){ .event = event, .tell = tell, .userdata = userdata };
}

void progress_done(Progress *progress)
{
        progress->timer = sd_event_source_disable_unref(progress->timer);
        free(progress->detail);
        free(progress->told_detail);
        *progress = (Progress){ 0 };
}

static bool is_told(const Progress *progress)
{
        return progress->told_detail && progress->percent == progress->told_percent &&
               strcmp(progress->detail, progress->told_detail) == 0;
}

static void tell(Progress *progress)
{
        char *detail = strdup(progress->detail);

        progress->timer = sd_event_source_disable_unref(progress->timer);
        if (!detail || is_told(progress)) {
                free(detail);
                return;
        }
        free(progress->told_detail);
        progress->told_detail = detail;
        progress->told_percent = progress->percent;
        progress->told = now_usec();
        progress->tell(progress->percent, progress->detail, progress->userdata);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        tell(userdata);
        return 0;
}

/* Returns: false if nobody listens. */
static bool take(Progress *progress, unsigned percent, const char *detail)
{
        char *copy;

        if (!progress->tell)
                return false;
        copy = strdup(detail);
        if (!copy)
                return false;
        free(progress->detail);
        progress->detail = copy;
        if (percent > progress->percent)
                progress->percent = percent;
        return true;
}

void progress_set(Progress *progress, unsigned percent, const char *detail)
{
        uint64_t since;

        if (!take(progress, percent, detail) || progress->timer || is_told(progress))
                return;
        since = now_usec() - progress->told;
        if (progress->told == 0 || since >= PROGRESS_USEC ||
            sd_event_add_time_relative(progress->event, &progress->timer, CLOCK_MONOTONIC,
                                       PROGRESS_USEC - since, 0, on_time, progress) < 0)
                tell(progress);
}

void progress_set_now(Progress *progress, unsigned percent, const char *detail)
{
        if (take(progress, percent, detail))
                tell(progress);
}

const char *progress_word(uint32_t info)
{
        switch (info) {
        case PK_INFO_DOWNLOADING:
                return "download";
        case PK_INFO_UPDATING:
                return "upgrade";
        case PK_INFO_INSTALLING:
                return "install";
        case PK_INFO_REMOVING:
                return "remove";
        case PK_INFO_PREPARING:
                return "prepare";
        case PK_INFO_UNPACKING:
                return "unpack";
        default:
                return NULL;
        }
}
