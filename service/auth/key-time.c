/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-time.c - a fixed form, read digit by digit: no locale, no time zone, no leap of strptime().
 */
#include "auth/key-time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define LAST_SECOND  253402300799 /* 9999-12-31T23:59:59Z */

/* `n` digits at *s, which is moved on. */
static bool read_digits(const char **s, size_t n, int *ret)
{
        int value = 0;

        for (size_t i = 0; i < n; i++, (*s)++) {
                if (**s < '0' || **s > '9')
                        return false;
                value = value * 10 + (**s - '0');
        }
        *ret = value;
        return true;
}

static bool read_character(const char **s, char c)
{
        if (**s != c)
                return false;
        (*s)++;
        return true;
}

static bool read_fraction(const char **s, uint64_t *ret)
{
        uint64_t unit = USEC_PER_SEC;

        *ret = 0;
        if (**s != '.')
                return true;
        for ((*s)++; **s >= '0' && **s <= '9'; (*s)++) {
                unit /= 10;
                if (unit == 0)
                        return false;
                *ret += unit * (uint64_t)(**s - '0');
        }
        return unit < USEC_PER_SEC;
}

static int parse_absolute(const char *s, uint64_t *ret)
{
        struct tm tm = { 0 }, back;
        uint64_t fraction = 0;
        time_t seconds;

        if (!read_digits(&s, 4, &tm.tm_year) || !read_character(&s, '-') ||
            !read_digits(&s, 2, &tm.tm_mon) || !read_character(&s, '-') ||
            !read_digits(&s, 2, &tm.tm_mday))
                return -EINVAL;
        if (*s && (!read_character(&s, 'T') || !read_digits(&s, 2, &tm.tm_hour) ||
                   !read_character(&s, ':') || !read_digits(&s, 2, &tm.tm_min) ||
                   !read_character(&s, ':') || !read_digits(&s, 2, &tm.tm_sec) ||
                   !read_fraction(&s, &fraction) || !read_character(&s, 'Z')))
                return -EINVAL;
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        back = tm;
        seconds = timegm(&back);
        /* timegm() makes the 31st of April the 1st of May. */
        if (*s || seconds < 0 || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday ||
            back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min || back.tm_sec != tm.tm_sec)
                return -EINVAL;
        *ret = (uint64_t)seconds * USEC_PER_SEC + fraction;
        return 0;
}

static int parse_relative(const char *s, uint64_t now, uint64_t *ret)
{
        static const struct {
                char letter;
                uint64_t seconds;
        } units[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
        size_t n = strspn(s, "0123456789");
        uint64_t end;
        int count;

        if (n == 0 || n > 6 || !read_digits(&s, n, &count) || count == 0)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (s[0] != units[i].letter || s[1] != '\0')
                        continue;
                end = now + (uint64_t)count * units[i].seconds * USEC_PER_SEC;
                if (end / USEC_PER_SEC > LAST_SECOND)
                        return -EINVAL;
                *ret = end;
                return 0;
        }
        return -EINVAL;
}

int key_time_parse(const char *text, uint64_t now, uint64_t *ret)
{
        if (text[0] == '+')
                return now == 0 ? -EINVAL : parse_relative(text + 1, now, ret);
        return parse_absolute(text, ret);
}

void key_time_format(uint64_t usec, char ret[static KEY_TIME_BYTES])
{
        uint64_t seconds = usec / USEC_PER_SEC, fraction = usec % USEC_PER_SEC;
        struct tm tm;
        size_t n;

        if (seconds > LAST_SECOND) {
                seconds = LAST_SECOND;
                fraction = USEC_PER_SEC - 1;
        }
        gmtime_r(&(time_t){ (time_t)seconds }, &tm);
        n = strftime(ret, KEY_TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
        if (fraction != 0)
                snprintf(ret + n, KEY_TIME_BYTES - n, ".%06" PRIu64 "Z", fraction);
        else
                snprintf(ret + n, KEY_TIME_BYTES - n, "Z");
}
