/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * macro.h - cleanup attributes, ownership hand-over, array size.
 *
 * No macro here holds a return, a goto or an unbalanced brace.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)                    __attribute__((cleanup(f)))
#define _printf_(a, b)                  __attribute__((format(printf, a, b)))
#define _unused_                        __attribute__((unused))
#define _public_                        __attribute__((visibility("default")))
#define ELEMENTSOF(x)                   (sizeof(x) / sizeof((x)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) *_pp = &(p);                                                         \
                __typeof__(p) _v = *_pp;                                                           \
                *_pp = NULL;                                                                       \
                _v;                                                                                \
        })

#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *_pfd = &(fd);                                                                 \
                int _f = *_pfd;                                                                    \
                *_pfd = -1;                                                                        \
                _f;                                                                                \
        })

/* Defines static inline void name_cleanup(type *p) for use with _cleanup_. `free_fn` accepts NULL.
 */
#define DEFINE_CLEANUP(type, free_fn)                                                              \
        static inline void free_fn##_cleanup(type *p)                                              \
        {                                                                                          \
                if (*p)                                                                            \
                        free_fn(*p);                                                               \
        }                                                                                          \
        struct macro_swallow_semicolon

static inline void free_cleanup(void *p)
{
        free(*(void **)p);
}

static inline void close_cleanup(const int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void fclose_cleanup(FILE **f)
{
        if (*f)
                fclose(*f);
}

#define _cleanup_free_   _cleanup_(free_cleanup)
#define _cleanup_close_  _cleanup_(close_cleanup)
#define _cleanup_fclose_ _cleanup_(fclose_cleanup)
