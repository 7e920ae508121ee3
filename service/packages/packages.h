/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * packages.h - software packages, through PackageKit's D-Bus API.
 *
 * Asynchronous on the service's own system bus connection. Packages are meant by their exact names;
 * only those that the system's repositories (or the system itself) know, only signed ones. One
 * change at a time: another is EXM_E_BUSY, and so is any request when another program keeps
 * PackageKit or dpkg for longer than PACKAGES_WAIT_USEC.
 *
 * A change goes through steps that are transactions of PackageKit: names are resolved, the change
 * is simulated and its plan judged, archives are fetched, it is simulated and judged again, and
 * then it is made. Until that last step nothing has changed, and freeing the request cancels; the
 * last is never cancelled: PackageKit would end dpkg in the middle. What is told in the end is what
 * dpkg says has changed.
 *
 * Who may do it was decided before, but for what `judge` is asked.
 */
#pragma once

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "util/failure.h"
#include "util/task.h"

#define PACKAGES_MAX_NAMES 1000U
#define PACKAGES_WAIT_USEC (10 * UINT64_C(1000000))
/* A look-up of another program's is over before a person would have to be told of it. */
#define PACKAGES_PATIENCE_USEC (1 * UINT64_C(1000000))
/* Progress, while another program is waited for. */
#define PACKAGES_WAITS "wait for another program"

typedef struct Packages Packages;
typedef struct PackagesRequest PackagesRequest;

typedef struct PackageRow {
        const char *name;
        const char *installed; /* version; "" not installed */
        const char *candidate; /* the version that would be installed; "" none is known */
        bool automatic;        /* installed only since others need it */
} PackageRow;

typedef struct PackageChange {
        /* "install", "upgrade", "downgrade", "reinstall", "remove"; "configure": an installation
         * that had stopped halfway was brought to its end. */
        const char *action;
        const char *name, *version;
} PackageChange;

typedef struct PackagesResult {
        const PackageRow *rows; /* of packages_status(), in the order of the names */
        size_t n_rows;
        const PackageChange *changes; /* what has changed, dependencies too */
        size_t n_changes;
} PackagesResult;

/* What the owner of a request is told; `userdata` is his. Nothing is called before the function
 * that makes the request has returned, nor after the request was freed. */
typedef struct PackagesOwner {
        /* Once. With r != 0 a result is not given: EXM_E_NO_SUCH_PACKAGE, EXM_E_REFUSED (the plan;
         * unsigned; PackageKit is not there), EXM_E_BUSY (another program is at work),
         * EXM_E_PACKAGE_FAILED, EXM_E_TIMEOUT, -errno. */
        void (*done)(int r, Failure *f, const PackagesResult *result, void *userdata);
        /* 0 to 100, which never falls, and what is being done ("download foo"): when that changes,
         * ten times a second at most. NULL is allowed. The request is not to be freed in it. */
        void (*progress)(unsigned percent, const char *detail, void *userdata);
        /* The plan removes these packages, which were not named, and the request allows that in
         * principle: packages_go_on() or packages_request_free() is due. Meanwhile others may go
         * first. */
        void (*judge)(char *const *removals, void *userdata);
        /* From here on it is not cancelled. */
        void (*committing)(void *userdata);
        void *userdata;
} PackagesOwner;

typedef enum PackagesVerb {
        PACKAGES_STATUS,
        PACKAGES_REFRESH, /* the lists of the repositories; no names */
        PACKAGES_INSTALL, /* or upgrades */
        PACKAGES_REMOVE,
} PackagesVerb;

/* 1 to PACKAGES_MAX_NAMES names, each once, each the name of a package and nothing else: no file,
 * no version, release, architecture, pattern or option.
 * Returns: 0; EXM_E_INVALID_ARGS; EXM_E_LIMIT_EXCEEDED; -ENOMEM. */
int packages_check_names(const char *const *names, size_t n, Failure *f);

/* `bus` is attached to the event loop and outlives it, as does `pool`. */
int packages_new(Packages **ret, sd_bus *bus, TaskPool *pool);
/* All requests must be gone. NULL is allowed. */
Packages *packages_free(Packages *packages);

/* `names` are copied, and checked again. Returns: 0 and *ret; EXM_E_BUSY; as
 * packages_check_names(); -errno. */
int packages_start(Packages *packages, PackagesVerb verb, const char *const *names, size_t n,
                   bool allow_more_removals, const PackagesOwner *owner, PackagesRequest **ret,
                   Failure *f);

/* After judge(). Returns: 0; EXM_E_BUSY; -errno. */
int packages_go_on(PackagesRequest *request, Failure *f);

/* At any time, within callbacks too. Cancels what can be cancelled; a change that is being made
 * goes on in PackageKit. NULL is allowed. */
PackagesRequest *packages_request_free(PackagesRequest *request);
