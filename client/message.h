/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.h - D-Bus messages as JSON values.
 *
 * Strings and paths become strings, numbers numbers (a t beyond 2^63 a string of digits), arrays
 * and structures arrays, dictionaries with text keys objects, variants what is in them. Bytes
 * become numbers.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "util/macro.h"

static inline void json_cleanup(json_t **value)
{
        json_decref(*value);
}
#define _cleanup_json_ _cleanup_(json_cleanup)

static inline void message_cleanup(sd_bus_message **m)
{
        sd_bus_message_unref(*m);
}
#define _cleanup_message_ _cleanup_(message_cleanup)
static inline void slot_cleanup(sd_bus_slot **slot)
{
        sd_bus_slot_unref(*slot);
}
#define _cleanup_error_ _cleanup_(sd_bus_error_free)

/* All arguments of `m`, from where it is read to, as one array. Returns: 0, negative errno. */
int message_to_json(sd_bus_message *m, json_t **ret);

/* Options, a{sv}: one entry, into an array container that is open. */
int message_append_option(sd_bus_message *m, const char *key, const char *type, ...);
int message_append_option_strings(sd_bus_message *m, const char *key, char *const *values);
/* "FILE=WORD" pairs as a{ss} (`dictionary`) or a(ss). */
int message_append_option_pairs(sd_bus_message *m, const char *key, char *const *pairs,
                                bool dictionary);

/* Fields of an object; a missing one is "" or 0. */
const char *field_string(const json_t *object, const char *key);
uint64_t field_number(const json_t *object, const char *key);
/* An array of strings, joined. Returns: a new string, NULL out of memory. */
char *field_join(const json_t *object, const char *key, const char *separator);
