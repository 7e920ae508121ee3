/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * key-file.c - every line is judged first; then GKeyFile, which forgives much, takes values apart.
 */
#include "auth/key-file.h"

#include <errno.h>
#include <string.h>

#include <glib.h>
#include <sodium.h>

#include "auth/key-time.h"
#include "util/digest.h"
#include "util/strv.h"
#include "util/utf8.h"

#define HEX_BYTES (2 * KEY_HASH_BYTES + 1)
#define HEADER                                                                                     \
        "# A key of ExMachina: docs/keys.md. Changes count at once; remove the file to revoke "    \
        "it.\n"

static const struct {
        const char *group, *name;
        bool needed;
} fields[] = {
        { "Key", "Name", true },         { "Key", "Salt", true },
        { "Key", "Hash", true },         { "Key", "Created", true },
        { "Grants", "User", true },      { "Grants", "Read", false },
        { "Grants", "Write", false },    { "Grants", "Units", false },
        { "Grants", "Packages", false }, { "Grants", "Timezone", false },
        { "Grants", "Expires", false },  { "Grants", "Privileged", false },
};

static const char *const groups[] = { "Key", "Grants" };

static void set_hex(GKeyFile *file, const char *name, const unsigned char *bytes)
{
        char hex[HEX_BYTES];

        sodium_bin2hex(hex, sizeof(hex), bytes, KEY_HASH_BYTES);
        g_key_file_set_value(file, "Key", name, hex);
}

static void set_time(GKeyFile *file, const char *group, const char *name, uint64_t usec)
{
        char text[KEY_TIME_BYTES];

        key_time_format(usec, text);
        g_key_file_set_value(file, group, name, text);
}

static void set_list(GKeyFile *file, const char *name, char **list)
{
        if (strv_length(list) > 0)
                g_key_file_set_string_list(file, "Grants", name, (const char *const *)list,
                                           strv_length(list));
}

char *key_file_format(const Key *key, const KeyProof *proof)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree char *text = NULL;
        const Grants *grants = &key->grants;
        char *all;

        g_key_file_set_value(file, "Key", "Name", key->name);
        set_hex(file, "Salt", proof->salt);
        set_hex(file, "Hash", proof->hash);
        set_time(file, "Key", "Created", key->created);
        g_key_file_set_string(file, "Grants", "User", grants->user);
        set_list(file, "Read", grants->read);
        set_list(file, "Write", grants->write);
        set_list(file, "Units", grants->units);
        set_list(file, "Packages", grants->packages);
        if (grants->expires != 0)
                set_time(file, "Grants", "Expires", grants->expires);
        if (grants->timezone)
                g_key_file_set_boolean(file, "Grants", "Timezone", TRUE);
        if (grants->privileged)
                g_key_file_set_boolean(file, "Grants", "Privileged", TRUE);
        text = g_key_file_to_data(file, NULL, NULL);
        return asprintf(&all, "%s%s", HEADER, text) < 0 ? NULL : all;
}

static int malformed(Failure *f, const char *what)
{
        return failure_set(f, EXM_E_PARSE_FAILED, "%s", what);
}

/* Returns: the index of the group that the line begins, ELEMENTSOF(groups) if it is none. */
static size_t find_group(const char *line, size_t n)
{
        size_t i;

        for (i = 0; i < ELEMENTSOF(groups); i++)
                if (n == strlen(groups[i]) + 2 && line[0] == '[' && line[n - 1] == ']' &&
                    strncmp(line + 1, groups[i], n - 2) == 0)
                        break;
        return i;
}

static size_t find_field(const char *group, const char *line, size_t n)
{
        size_t i;

        for (i = 0; i < ELEMENTSOF(fields); i++)
                if (group && strcmp(group, fields[i].group) == 0 && n > strlen(fields[i].name) &&
                    line[strlen(fields[i].name)] == '=' &&
                    strncmp(line, fields[i].name, strlen(fields[i].name)) == 0)
                        break;
        return i;
}

/* Comments, empty lines, the two groups, and the fields below their group, each at most once. */
static int check_lines(const char *data, Failure *f)
{
        unsigned seen_groups = 0, seen_fields = 0;
        const char *group = NULL;
        size_t n, i;

        for (const char *line = data; *line; line += n + (line[n] == '\n')) {
                n = strcspn(line, "\n");
                if (n == 0 || line[0] == '#')
                        continue;
                i = find_group(line, n);
                if (i < ELEMENTSOF(groups)) {
                        if (seen_groups & 1U << i)
                                return malformed(f, "a section is there twice");
                        seen_groups |= 1U << i;
                        group = groups[i];
                        continue;
                }
                i = find_field(group, line, n);
                if (i == ELEMENTSOF(fields))
                        return malformed(f, "it has a line that is not known in its place");
                if (seen_fields & 1U << i)
                        return malformed(f, "a setting is there twice");
                seen_fields |= 1U << i;
        }
        for (i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].needed && !(seen_fields & 1U << i))
                        return failure_set(f, EXM_E_PARSE_FAILED, "%s= is missing", fields[i].name);
        return 0;
}

static int check_text(const char *data, size_t size, Failure *f)
{
        if (!utf8_is_valid(data, size))
                return malformed(f, "it is not valid UTF-8 text");
        for (size_t i = 0; i < size; i++)
                if ((unsigned char)data[i] < ' ' && data[i] != '\n')
                        return malformed(f, "it has control characters in it");
        return 0;
}

static bool get_hex(GKeyFile *file, const char *name, unsigned char *ret)
{
        g_autofree char *text = g_key_file_get_value(file, "Key", name, NULL);
        size_t n;

        return text && strlen(text) == HEX_BYTES - 1 &&
               sodium_hex2bin(ret, KEY_HASH_BYTES, text, HEX_BYTES - 1, NULL, &n, NULL) == 0 &&
               n == KEY_HASH_BYTES;
}

/* What is not there is 0. */
static bool get_time(GKeyFile *file, const char *group, const char *name, uint64_t *ret)
{
        g_autofree char *text = g_key_file_get_value(file, group, name, NULL);

        return !text || (key_time_parse(text, 0, ret) == 0 && *ret > 0);
}

static bool get_list(GKeyFile *file, const char *name, char ***ret)
{
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) list = g_key_file_get_string_list(file, "Grants", name, NULL, &error);

        if (!list)
                return g_error_matches(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND);
        for (char **entry = list; *entry; entry++)
                if (strv_extend(ret, *entry) < 0)
                        return false;
        return true;
}

static bool get_boolean(GKeyFile *file, const char *name, bool *ret)
{
        g_autoptr(GError) error = NULL;

        *ret = g_key_file_get_boolean(file, "Grants", name, &error);
        return !error || g_error_matches(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND);
}

static int read_grants(GKeyFile *file, Grants *grants, Failure *f)
{
        _cleanup_failure_ Failure why = { 0 };

        grants->user = g_key_file_get_string(file, "Grants", "User", NULL);
        if (!get_list(file, "Read", &grants->read) || !get_list(file, "Write", &grants->write) ||
            !get_list(file, "Units", &grants->units) ||
            !get_list(file, "Packages", &grants->packages))
                return malformed(f, "it has a damaged list");
        if (!get_time(file, "Grants", "Expires", &grants->expires))
                return malformed(f, "Expires= is not of the form 2027-01-31T12:00:00Z");
        if (!get_boolean(file, "Timezone", &grants->timezone))
                return malformed(f, "Timezone= must be true or false");
        if (!get_boolean(file, "Privileged", &grants->privileged))
                return malformed(f, "Privileged= must be true or false");
        return grants_check(grants, &why) == 0 ? 0 : malformed(f, why.message ?: "bad grants");
}

static int read_fields(GKeyFile *file, const char *name, Key *key, KeyProof *proof, Failure *f)
{
        g_autofree char *said = g_key_file_get_value(file, "Key", "Name", NULL);

        if (!said || strcmp(said, name) != 0)
                return malformed(f, "Name= is not the name of the file");
        if (!get_hex(file, "Salt", proof->salt) || !get_hex(file, "Hash", proof->hash))
                return malformed(f, "Salt= and Hash= must have 64 hexadecimal digits");
        if (!get_time(file, "Key", "Created", &key->created))
                return malformed(f, "Created= is not of the form 2027-01-31T12:00:00Z");
        key->name = strdup(name);
        return key->name ? read_grants(file, &key->grants, f) : -ENOMEM;
}

static char *make_version(const char *data, size_t size)
{
        char hex[DIGEST_HEX_SIZE];
        Digest *digest;

        digest = digest_new();
        if (!digest)
                return NULL;
        digest_add(digest, data, size);
        digest_finish(digest, hex);
        return strdup(hex);
}

int key_file_parse(const char *data, size_t size, const char *name, Key **ret, KeyProof *ret_proof,
                   Failure *f)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        _cleanup_(key_unref_cleanup) Key *key = NULL;
        _cleanup_free_ char *text = NULL;
        KeyProof proof;
        int r;

        r = check_text(data, size, f);
        if (r != 0)
                return r;
        text = strndup(data, size);
        key = calloc(1, sizeof(*key));
        if (!text || !key)
                return -ENOMEM;
        key->n_ref = 1;
        key->version = make_version(data, size);
        if (!key->version)
                return -ENOMEM;
        r = check_lines(text, f);
        if (r == 0 && !g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, NULL))
                r = malformed(f, "its lines are damaged");
        if (r == 0)
                r = read_fields(file, name, key, &proof, f);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(key);
        *ret_proof = proof;
        return 0;
}
