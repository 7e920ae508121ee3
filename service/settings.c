/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * settings.c - GKeyFile does the syntax; this file knows the sections and refuses what it does not
 * know.
 */
#include "settings.h"

#include <errno.h>
#include <string.h>

#include <glib.h>

#include "files/roots.h"
#include "util/log.h"
#include "util/strv.h"

static int bad(const char *file, const char *group, const char *key, const char *why)
{
        log_error("%s: [%s] %s: %s", file, group, key ?: "", why);
        return -EINVAL;
}

static int read_limit(Settings *s, GKeyFile *keys, const char *file, const char *key)
{
        g_autofree char *text = g_key_file_get_value(keys, "Limits", key, NULL);
        guint64 value;
        int r;

        if (!text || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, &value, NULL))
                return bad(file, "Limits", key, "must be a positive whole number");
        r = limits_set(&s->limits, key, value);
        if (r == -ENOENT)
                return bad(file, "Limits", key, "there is no such limit");
        return r < 0 ? bad(file, "Limits", key, "is more than this service can keep") : 0;
}

static int read_roots(Settings *s, GKeyFile *keys, const char *file, const char *key)
{
        g_autofree char *text = g_key_file_get_value(keys, "Roots", key, NULL);
        g_auto(GStrv) words = g_strsplit_set(text ?: "", " \t", -1);
        char ***list;

        if (strcmp(key, "Readable") == 0)
                list = &s->readable;
        else if (strcmp(key, "Writable") == 0)
                list = &s->writable;
        else
                return bad(file, "Roots", key, "must be Readable or Writable");

        *list = strv_free(*list);
        for (char **word = words; *word; word++) {
                _cleanup_failure_ Failure f = { 0 };

                if (**word == '\0')
                        continue;
                if (path_check(*word, &f) != 0)
                        return bad(file, "Roots", key, f.message);
                if (strv_extend_unique(list, *word) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int read_log(Settings *s, GKeyFile *keys, const char *file, const char *key)
{
        static const char *const levels[] = { "emerg",   "alert",  "crit", "err",
                                              "warning", "notice", "info", "debug" };
        g_autofree char *text = g_key_file_get_value(keys, "Log", key, NULL);

        if (strcmp(key, "Level") != 0)
                return bad(file, "Log", key, "must be Level");
        for (size_t i = 0; text && i < ELEMENTSOF(levels); i++)
                if (strcmp(strcmp(text, "error") == 0 ? "err" : text, levels[i]) == 0) {
                        s->log_level = (int)i;
                        return 0;
                }
        return bad(file, "Log", key, "must be error, warning, notice, info or debug");
}

static int read_lens(Settings *s, GKeyFile *keys, const char *file, const char *group)
{
        g_autofree char *text = g_key_file_get_value(keys, group, "Include", NULL);
        g_auto(GStrv) words = g_strsplit_set(text ?: "", " \t", -1);
        const char *lens = group + strlen("Lens ");

        if (!text || !strchr(lens, '.'))
                return bad(file, group, "Include", "write [Lens Module.lens] and Include=GLOB ...");
        for (char **word = words; *word; word++) {
                LensFile *grown;

                if (**word == '\0')
                        continue;
                if (**word != '/')
                        return bad(file, group, "Include", "a glob must be an absolute path");
                grown = reallocarray(s->lenses, s->n_lenses + 1, sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                s->lenses = grown;
                s->lenses[s->n_lenses++] =
                        (LensFile){ .file = strdup(*word), .lens = strdup(lens) };
                if (!s->lenses[s->n_lenses - 1].file || !s->lenses[s->n_lenses - 1].lens)
                        return -ENOMEM;
        }
        return 0;
}

static int read_group(Settings *s, GKeyFile *keys, const char *file, const char *group)
{
        g_auto(GStrv) names = g_key_file_get_keys(keys, group, NULL, NULL);
        int r = 0;

        for (char **name = names; r == 0 && name && *name; name++) {
                if (strcmp(group, "Limits") == 0)
                        r = read_limit(s, keys, file, *name);
                else if (strcmp(group, "Roots") == 0)
                        r = read_roots(s, keys, file, *name);
                else if (strcmp(group, "Log") == 0)
                        r = read_log(s, keys, file, *name);
                else if (!g_str_has_prefix(group, "Lens "))
                        r = bad(file, group, NULL, "there is no such section");
                else if (strcmp(*name, "Include") != 0)
                        r = bad(file, group, *name, "must be Include");
                else
                        r = read_lens(s, keys, file, group);
        }
        return r;
}

static int read_one(Settings *s, const char *file)
{
        g_autoptr(GKeyFile) keys = g_key_file_new();
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) groups = NULL;
        int r = 0;

        if (!g_key_file_load_from_file(keys, file, G_KEY_FILE_NONE, &error)) {
                if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                        return 0;
                log_error("%s: %s", file, error->message);
                return -EINVAL;
        }
        groups = g_key_file_get_groups(keys, NULL);
        for (char **group = groups; r == 0 && *group; group++)
                r = read_group(s, keys, file, *group);
        return r;
}

int settings_read(Settings *ret, const char *file)
{
        g_autofree char *directory = NULL;
        _cleanup_strv_ char **names = NULL;
        const char *name;
        GDir *dir;
        int r;

        *ret = (Settings){ .log_level = LOG_INFO };
        limits_default(&ret->limits);
        /* What links in /etc lead to on an ordinary system is readable too. */
        if (strv_extend(&ret->readable, "/etc") < 0 ||
            strv_extend(&ret->readable, "/usr/lib/os-release") < 0 ||
            strv_extend(&ret->readable, "/run/systemd/resolve") < 0 ||
            strv_extend(&ret->writable, "/etc") < 0)
                return -ENOMEM;

        if (!file)
                return 0;
        r = read_one(ret, file);
        directory = g_strdup_printf("%s.d", file);
        dir = g_dir_open(directory, 0, NULL);
        while (r == 0 && dir && (name = g_dir_read_name(dir)))
                if (g_str_has_suffix(name, ".conf"))
                        r = strv_extend(&names, name);
        if (dir)
                g_dir_close(dir);
        strv_sort(names);
        for (size_t i = 0; r == 0 && names && names[i]; i++) {
                g_autofree char *path = g_build_filename(directory, names[i], NULL);

                r = read_one(ret, path);
        }
        return r;
}

void settings_done(Settings *settings)
{
        strv_free(settings->readable);
        strv_free(settings->writable);
        for (size_t i = 0; i < settings->n_lenses; i++) {
                free(settings->lenses[i].file);
                free(settings->lenses[i].lens);
        }
        free(settings->lenses);
        *settings = (Settings){ 0 };
}
