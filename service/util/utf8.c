/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * utf8.c - one decoder, and the text rules of the contract on top of it.
 */
#include "util/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macro.h"

#define REPLACEMENT "\xEF\xBF\xBD"
#define U_FFFD      0xFFFDU

size_t utf8_decode(const char *s, size_t size, uint32_t *ret)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const unsigned char *p = (const unsigned char *)s;
        uint32_t c;
        size_t n;

        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }
        if ((p[0] & 0xE0) == 0xC0)
                n = 2;
        else if ((p[0] & 0xF0) == 0xE0)
                n = 3;
        else if ((p[0] & 0xF8) == 0xF0)
                n = 4;
        else
                return 0;
        if (n > size)
                return 0;

        c = p[0] & (0xFFU >> (n + 1));
        for (size_t i = 1; i < n; i++) {
                if ((p[i] & 0xC0) != 0x80)
                        return 0;
                c = c << 6 | (p[i] & 0x3FU);
        }
        if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                return 0;
        *ret = c;
        return n;
}

bool utf8_is_valid(const char *s, size_t size)
{
        uint32_t c;
        size_t n;

        for (; size > 0; s += n, size -= n) {
                n = utf8_decode(s, size, &c);
                if (n == 0 || c == 0)
                        return false;
        }
        return true;
}

char *utf8_sanitise(const char *s, size_t size)
{
        char *clean, *out;
        uint32_t c;
        size_t n;

        /* At worst each byte becomes the three of U+FFFD. */
        clean = out = malloc(3 * size + 1);
        if (!clean)
                return NULL;
        while (size > 0) {
                n = utf8_decode(s, size, &c);
                if (n == 0 || c == 0) {
                        out = mempcpy(out, REPLACEMENT, strlen(REPLACEMENT));
                        n = 1;
                } else {
                        out = mempcpy(out, s, n);
                }
                s += n;
                size -= n;
        }
        *out++ = '\0';

        out = realloc(clean, (size_t)(out - clean));
        return out ? out : clean;
}

static bool is_control(uint32_t c)
{
        return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

bool utf8_is_writable(const char *s)
{
        size_t size = strlen(s), n;
        uint32_t c;

        for (; size > 0; s += n, size -= n) {
                n = utf8_decode(s, size, &c);
                if (n == 0 || c == U_FFFD || (is_control(c) && c != '\t' && c != '\n'))
                        return false;
        }
        return true;
}

/* What can turn the meaning of a line on a screen around: Unicode's bidirectional controls, line
 * and paragraph separators, zero-width and tag characters, the byte order mark. */
static bool is_deceptive(uint32_t c)
{
        return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
               (c >= 0x2060 && c <= 0x206F) || c == 0x061C || c == 0xFEFF ||
               (c >= 0xE0000 && c <= 0xE007F);
}

void utf8_disarm(char *s)
{
        size_t size = strlen(s), n;
        uint32_t c;

        for (; size > 0; s += n, size -= n) {
                n = utf8_decode(s, size, &c);
                if (n == 0 || is_deceptive(c) || (is_control(c) && c != '\t' && c != '\n')) {
                        n = n == 0 ? 1 : n;
                        memset(s, '?', n);
                }
        }
}

char *utf8_escape(const char *s, size_t max_bytes)
{
        size_t size = strlen(s), used = 0, n;
        char *escaped, piece[16];
        uint32_t c;

        escaped = malloc(max_bytes + sizeof("..."));
        if (!escaped)
                return NULL;
        for (; size > 0; s += n, size -= n) {
                n = utf8_decode(s, size, &c);
                if (n == 0) {
                        n = 1;
                        snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)*s);
                } else if (is_control(c)) {
                        snprintf(piece, sizeof(piece), "\\x%02x", c);
                } else if (is_deceptive(c)) {
                        snprintf(piece, sizeof(piece), c > 0xFFFF ? "\\U%08x" : "\\u%04x", c);
                } else {
                        snprintf(piece, sizeof(piece), "%s%.*s", c == '\\' ? "\\" : "", (int)n, s);
                }
                if (used + strlen(piece) > max_bytes) {
                        memcpy(escaped + used, "...", 3);
                        used += 3;
                        break;
                }
                memcpy(escaped + used, piece, strlen(piece));
                used += strlen(piece);
        }
        escaped[used] = '\0';
        return escaped;
}

bool utf8_is_plain(const char *s)
{
        size_t size = strlen(s), n;
        uint32_t c;

        for (; size > 0; s += n, size -= n) {
                n = utf8_decode(s, size, &c);
                if (n == 0 || is_control(c) || is_deceptive(c))
                        return false;
        }
        return true;
}
