/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pk-job.h - one transaction of PackageKit (org.freedesktop.PackageKit.Transaction): made, given
 * its one method, followed by its signals to Finished.
 *
 * On the system bus anybody can send us a signal that looks like PackageKit's: signals are taken
 * only from the unique name that has answered CreateTransaction. If that connection goes, or gives
 * no sign of life for half an hour, the job ends with an error.
 *
 * PackageKit does one thing at a time, also for other programs. As long as a job stands in its
 * queue nothing has begun: after PACKAGES_WAIT_USEC it is taken out of it.
 *
 * The numbers are those of PackageKit's enumerations (packagekit-glib2/pk-enum.h), which only grow
 * at their end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "util/failure.h"

typedef struct PkJob PkJob;

/* PkInfoEnum */
#define PK_INFO_INSTALLED    1U
#define PK_INFO_AVAILABLE    2U
#define PK_INFO_DOWNLOADING  10U
#define PK_INFO_UPDATING     11U
#define PK_INFO_INSTALLING   12U
#define PK_INFO_REMOVING     13U
#define PK_INFO_OBSOLETING   15U
#define PK_INFO_REINSTALLING 19U
#define PK_INFO_DOWNGRADING  20U
#define PK_INFO_PREPARING    21U
#define PK_INFO_UNPACKING    22U /* PK_INFO_ENUM_DECOMPRESSING */
#define PK_INFO_UNTRUSTED    23U

/* Bits of PkFilterEnum: of several versions the newest; of several architectures ours. */
#define PK_FILTER_NEWEST (UINT64_C(1) << 16)
#define PK_FILTER_ARCH   (UINT64_C(1) << 18)

/* Bits of PkTransactionFlagEnum */
#define PK_FLAG_ONLY_TRUSTED  (UINT64_C(1) << 1)
#define PK_FLAG_SIMULATE      (UINT64_C(1) << 2)
#define PK_FLAG_ONLY_DOWNLOAD (UINT64_C(1) << 3)

/* The method and its arguments; what does not apply is not sent. */
typedef enum PkMethod {
        PK_RESOLVE,          /* bits: filter; strings: names */
        PK_REFRESH_CACHE,    /* nothing */
        PK_INSTALL_PACKAGES, /* bits: flags; strings: package ids */
        PK_REMOVE_PACKAGES,  /* likewise; those that depend on them go too */
} PkMethod;

/* From its signal Package: an id is "name;version;architecture;data". */
typedef struct PkPackage {
        uint32_t info;
        char *id;
} PkPackage;

typedef struct PkOwner {
        /* Once; the job may be freed in it. r: 0; what pk_error_set() says; EXM_E_REFUSED
         * (PackageKit is not there); EXM_E_BUSY (with another program); EXM_E_TIMEOUT;
         * EXM_E_PACKAGE_FAILED; -errno. */
        void (*done)(int r, Failure *f, void *userdata);
        void (*begins)(void *userdata); /* it is out of the queue */
        void (*package)(const PkPackage *package, void *userdata);
        void (*percentage)(unsigned percent, void *userdata);
        void (*waits)(void *userdata); /* it has to, for another program; more than once */
        void *userdata;
} PkOwner;

/* `strings` are copied (NULL: none). `done` never runs before this returns.
 * Returns: 0 and *ret, or -errno. */
int pk_job_start(PkJob **ret, sd_bus *bus, PkMethod method, uint64_t bits, char *const *strings,
                 const PkOwner *owner);

/* What was told so far; valid as long as the job is. */
const PkPackage *pk_job_packages(const PkJob *job, size_t *ret_n);

/* Without `done` if it has not run. `cancel`: PackageKit is told to give it up. NULL is allowed. */
PkJob *pk_job_free(PkJob *job, bool cancel);
