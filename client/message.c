/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.c - see message.h.
 */
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static int read_value(sd_bus_message *m, json_t **ret);

static json_t *json_of_u64(uint64_t n)
{
        char digits[24];

        if (n <= INT64_MAX)
                return json_integer((json_int_t)n);
        snprintf(digits, sizeof(digits), "%" PRIu64, n);
        return json_string(digits);
}

static json_t *json_of_basic(char type, const void *p)
{
        switch (type) {
        case SD_BUS_TYPE_STRING:
        case SD_BUS_TYPE_OBJECT_PATH:
        case SD_BUS_TYPE_SIGNATURE:
                return json_string(*(const char *const *)p);
        case SD_BUS_TYPE_BOOLEAN:
                return json_boolean(*(const int *)p != 0);
        case SD_BUS_TYPE_BYTE:
                return json_integer(*(const uint8_t *)p);
        case SD_BUS_TYPE_INT16:
                return json_integer(*(const int16_t *)p);
        case SD_BUS_TYPE_UINT16:
                return json_integer(*(const uint16_t *)p);
        case SD_BUS_TYPE_INT32:
                return json_integer(*(const int32_t *)p);
        case SD_BUS_TYPE_UINT32:
                return json_integer(*(const uint32_t *)p);
        case SD_BUS_TYPE_INT64:
                return json_integer(*(const int64_t *)p);
        case SD_BUS_TYPE_UINT64:
                return json_of_u64(*(const uint64_t *)p);
        case SD_BUS_TYPE_DOUBLE:
                return json_real(*(const double *)p);
        default:
                return json_null();
        }
}

static int read_basic(sd_bus_message *m, char type, json_t **ret)
{
        union {
                uint64_t number;
                const char *string;
        } value = { 0 };
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        *ret = json_of_basic(type, &value);
        return *ret ? 0 : -ENOMEM;
}

static int read_entry(sd_bus_message *m, const char *contents, json_t *object)
{
        _cleanup_json_ json_t *key = NULL, *value = NULL;
        int r;

        r = sd_bus_message_enter_container(m, SD_BUS_TYPE_DICT_ENTRY, contents);
        if (r < 0)
                return r;
        r = read_value(m, &key);
        if (r < 0)
                return r;
        r = read_value(m, &value);
        if (r < 0)
                return r;
        if (!json_is_string(key))
                return -EBADMSG;
        if (json_object_set(object, json_string_value(key), value) < 0)
                return -ENOMEM;
        return sd_bus_message_exit_container(m);
}

static int read_dictionary(sd_bus_message *m, json_t **ret)
{
        _cleanup_json_ json_t *object = json_object();
        const char *contents;
        char type;
        int r;

        if (!object)
                return -ENOMEM;
        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                r = read_entry(m, contents, object);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

int message_to_json(sd_bus_message *m, json_t **ret)
{
        _cleanup_json_ json_t *array = json_array();
        json_t *value;
        int r;

        if (!array)
                return -ENOMEM;
        while ((r = sd_bus_message_at_end(m, 0)) == 0) {
                r = read_value(m, &value);
                if (r < 0)
                        return r;
                if (json_array_append_new(array, value) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_t **ret)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        if (type == SD_BUS_TYPE_VARIANT)
                r = read_value(m, &value);
        else if (type == SD_BUS_TYPE_ARRAY && contents[0] == '{')
                r = read_dictionary(m, &value);
        else
                r = message_to_json(m, &value);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}

static int read_value(sd_bus_message *m, json_t **ret)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;
        return contents ? read_container(m, type, contents, ret) : read_basic(m, type, ret);
}

/* ---------------------------------------------------------------- options */

static int open_entry(sd_bus_message *m, const char *key, const char *type)
{
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", key);
        if (r < 0)
                return r;
        return sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, type);
}

static int close_entry(sd_bus_message *m)
{
        int r;

        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(m);
}

int message_append_option(sd_bus_message *m, const char *key, const char *type, ...)
{
        va_list list;
        int r;

        r = open_entry(m, key, type);
        if (r < 0)
                return r;
        va_start(list, type);
        r = sd_bus_message_appendv(m, type, list);
        va_end(list);
        if (r < 0)
                return r;
        return close_entry(m);
}

int message_append_option_strings(sd_bus_message *m, const char *key, char *const *values)
{
        int r;

        if (!values)
                return 0;
        r = open_entry(m, key, "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(m, (char **)values);
        if (r < 0)
                return r;
        return close_entry(m);
}

int message_append_option_pairs(sd_bus_message *m, const char *key, char *const *pairs,
                                bool dictionary)
{
        int r;

        if (!pairs)
                return 0;
        r = open_entry(m, key, dictionary ? "a{ss}" : "a(ss)");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, dictionary ? "{ss}" : "(ss)");
        for (; r >= 0 && *pairs; pairs++) {
                const char *middle = strrchr(*pairs, '=');
                _cleanup_free_ char *file = strndup(*pairs, (size_t)(middle - *pairs));

                if (!file)
                        return -ENOMEM;
                r = sd_bus_message_append(m, dictionary ? "{ss}" : "(ss)", file, middle + 1);
        }
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(m);
        if (r < 0)
                return r;
        return close_entry(m);
}

/* ---------------------------------------------------------------- fields */

const char *field_string(const json_t *object, const char *key)
{
        const char *s = json_string_value(json_object_get(object, key));

        return s ? s : "";
}

uint64_t field_number(const json_t *object, const char *key)
{
        return (uint64_t)json_integer_value(json_object_get(object, key));
}

char *field_join(const json_t *object, const char *key, const char *separator)
{
        const json_t *array = json_object_get(object, key), *value;
        char *joined = strdup("");
        size_t i;

        json_array_foreach(array, i, value)
        {
                const char *s = json_string_value(value);
                _cleanup_free_ char *before = joined;

                if (!before ||
                    asprintf(&joined, "%s%s%s", before, i > 0 ? separator : "", s ? s : "") < 0)
                        return NULL;
        }
        return joined;
}
