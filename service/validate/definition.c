/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * definition.c - GKeyFile does the syntax; one row here for each key, and what is not known is
 * refused: a limit with a slip in its name must not be no limit.
 */
#include "validate/definition.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#include <glib.h>

#include "files/name-glob.h"
#include "files/roots.h"
#include "util/log.h"
#include "util/strv.h"

#define MEMORY_MIB_MAX    4096U
#define PROCESSES_MAX     256U
#define TIMEOUT_SEC_MAX   300U
#define PATTERNS_MAX      32U
#define DEFAULT_MEMORY    256U
#define DEFAULT_TIMEOUT   10U
#define DEFAULT_PROCESSES 1U
#define GROUP             "Validator"

/* Those that give nothing beyond the jail: with any other it could be left. */
static const struct {
        const char *name;
        unsigned number;
} capabilities[] = {
        { "CAP_CHOWN", CAP_CHOWN },         { "CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH },
        { "CAP_NET_ADMIN", CAP_NET_ADMIN }, { "CAP_NET_BIND_SERVICE", CAP_NET_BIND_SERVICE },
        { "CAP_SETGID", CAP_SETGID },       { "CAP_SETUID", CAP_SETUID },
};

static const struct {
        const char *name;
        ValidatorFamily family;
} families[] = {
        { "inet", VALIDATOR_INET },
        { "inet6", VALIDATOR_INET6 },
        { "netlink", VALIDATOR_NETLINK },
        { "pair", VALIDATOR_PAIR },
};

static void patterns_done(ValidatorPatterns *patterns)
{
        for (size_t i = 0; i < patterns->n; i++)
                regfree(&patterns->list[i]);
        free(patterns->list);
}

Validator *validator_free(Validator *v)
{
        if (!v)
                return NULL;
        for (size_t i = 0; i < v->n_locations; i++)
                regfree(&v->locations[i].regex);
        patterns_done(&v->failed);
        patterns_done(&v->inconclusive);
        free(v->locations);
        strv_free(v->files);
        strv_free(v->units);
        strv_free(v->command);
        strv_free(v->empty);
        free(v->name);
        free(v->damaged);
        free(v);
        return NULL;
}

bool validator_matches(const Validator *v, const char *file)
{
        char *const *glob;

        STRV_FOREACH(glob, v->files)
                if (file_glob_matches(*glob, file))
                        return true;
        return false;
}

bool validator_applies(const Validator *v, const char *name, const char *path)
{
        return (v->command || v->damaged) &&
               (validator_matches(v, path) || validator_matches(v, name));
}

/* --- values: each returns NULL, or what is wrong, as the end of a sentence --- */

static const char *read_words(const char *text, char ***list)
{
        g_auto(GStrv) words = g_strsplit_set(text, " \t", -1);

        for (char **word = words; *word; word++)
                if (**word && strv_extend(list, *word) < 0)
                        return "out of memory";
        return NULL;
}

static const char *read_files(Validator *v, const char *text)
{
        const char *fault = read_words(text, &v->files);
        char *const *glob;

        STRV_FOREACH(glob, v->files)
                fault = fault ?: file_glob_check(*glob);
        return fault;
}

static const char *read_units(Validator *v, const char *text)
{
        return read_words(text, &v->units);
}

static const char *read_command(Validator *v, const char *text)
{
        g_auto(GStrv) words = NULL;

        if (!g_shell_parse_argv(text, NULL, &words, NULL))
                return "its quotes do not match";
        for (char **word = words; *word; word++)
                if (strv_extend(&v->command, *word) < 0)
                        return "out of memory";
        return path_check(v->command[0], NULL) == 0 ? NULL : "the program is no absolute name";
}

static const char *read_number(const char *text, unsigned max, unsigned *ret)
{
        guint64 value;

        if (!g_ascii_string_to_unsigned(text, 10, 1, max, &value, NULL))
                return "it is no whole number, or out of bounds";
        *ret = (unsigned)value;
        return NULL;
}

static const char *read_timeout(Validator *v, const char *text)
{
        return read_number(text, TIMEOUT_SEC_MAX, &v->timeout_sec);
}

static const char *read_cpu(Validator *v, const char *text)
{
        return read_number(text, TIMEOUT_SEC_MAX, &v->cpu_sec);
}

static const char *read_memory(Validator *v, const char *text)
{
        unsigned mib = 0;
        const char *fault = read_number(text, MEMORY_MIB_MAX, &mib);

        v->memory_bytes = (uint64_t)mib << 20;
        return fault;
}

static const char *read_processes(Validator *v, const char *text)
{
        return read_number(text, PROCESSES_MAX, &v->processes);
}

static const char *read_user(Validator *v, const char *text)
{
        if (strcmp(text, "root") != 0)
                return "it can only be root: without it a user without any rights is taken";
        v->as_root = true;
        return NULL;
}

static const char *read_capabilities(Validator *v, const char *text)
{
        _cleanup_strv_ char **words = NULL;
        const char *fault = read_words(text, &words);
        char *const *word;

        STRV_FOREACH(word, words) {
                uint64_t found = 0;

                for (size_t i = 0; i < ELEMENTSOF(capabilities); i++)
                        if (strcmp(capabilities[i].name, *word) == 0)
                                found = UINT64_C(1) << capabilities[i].number;
                if (!found)
                        return "there is no such capability, or it would open the jail";
                v->capabilities |= found;
        }
        return fault;
}

static const char *read_sockets(Validator *v, const char *text)
{
        _cleanup_strv_ char **words = NULL;
        const char *fault = read_words(text, &words);
        char *const *word;

        STRV_FOREACH(word, words) {
                unsigned found = 0;

                for (size_t i = 0; i < ELEMENTSOF(families); i++)
                        if (strcmp(families[i].name, *word) == 0)
                                found = families[i].family;
                if (!found)
                        return "it takes inet, inet6, netlink and pair";
                v->families |= found;
        }
        return fault;
}

static const char *read_proc(Validator *v, const char *text)
{
        v->whole_proc = strcmp(text, "all") == 0;
        return v->whole_proc || strcmp(text, "pid") == 0 ? NULL : "it takes pid or all";
}

/* What the jail is made of stays what it is. */
static const char *read_empty(Validator *v, const char *text)
{
        static const char *const kept[] = { "/etc", "/usr", "/proc", "/sys", "/dev" };
        const char *fault = read_words(text, &v->empty);
        char *const *directory;

        STRV_FOREACH(directory, v->empty) {
                if (path_check(*directory, NULL) != 0)
                        return "it is no absolute name of a directory";
                for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                        if (strncmp(*directory, kept[i], strlen(kept[i])) == 0 &&
                            strchr("/", (*directory)[strlen(kept[i])]))
                                return "/etc, /usr, /proc, /sys and /dev are not for it";
        }
        return fault;
}

static const struct {
        const char *key;
        const char *(*read)(Validator *v, const char *text);
} keys[] = {
        { "Capabilities", read_capabilities },
        { "Command", read_command },
        { "CpuSec", read_cpu },
        { "Empty", read_empty },
        { "Files", read_files },
        { "MemoryMiB", read_memory },
        { "ProcSubset", read_proc },
        { "Processes", read_processes },
        { "Sockets", read_sockets },
        { "TimeoutSec", read_timeout },
        { "Units", read_units },
        { "User", read_user },
};

static const char *read_key(Validator *v, const char *key, const char *text)
{
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].key, key) == 0)
                        return keys[i].read(v, text);
        return "there is no such key";
}

/* --- patterns --- */

static const char *read_pattern(ValidatorPatterns *patterns, const char *pattern)
{
        regex_t *grown;

        if (patterns->n == PATTERNS_MAX)
                return "there are too many patterns";
        grown = reallocarray(patterns->list, patterns->n + 1, sizeof(*grown));
        if (!grown)
                return "out of memory";
        patterns->list = grown;
        if (regcomp(&grown[patterns->n], pattern, REG_EXTENDED | REG_NOSUB) != 0)
                return "it is no extended regular expression";
        patterns->n++;
        return NULL;
}

/* %f and %l become the only two groups, counted in the order in which they stand. */
static const char *read_location(Validator *v, const char *pattern)
{
        g_autoptr(GString) expression = g_string_new(NULL);
        ValidatorLocation location = { 0 }, *grown;
        unsigned group = 0;

        if (strchr(pattern, '(') || v->n_locations == PATTERNS_MAX)
                return "it has a parenthesis, or there are too many patterns";
        for (const char *p = pattern; *p; p++) {
                if (strncmp(p, "%f", 2) == 0 && location.file == 0) {
                        location.file = ++group;
                        g_string_append(expression, "(/[^]:\"' ,;()]+)");
                        p++;
                } else if (strncmp(p, "%l", 2) == 0 && location.line == 0) {
                        location.line = ++group;
                        g_string_append(expression, "([0-9]{1,9})");
                        p++;
                } else {
                        g_string_append_c(expression, *p);
                }
        }
        if (group == 0)
                return "it has neither %f nor %l";
        grown = reallocarray(v->locations, v->n_locations + 1, sizeof(*grown));
        if (!grown)
                return "out of memory";
        v->locations = grown;
        if (regcomp(&location.regex, expression->str, REG_EXTENDED) != 0)
                return "it is no extended regular expression";
        v->locations[v->n_locations++] = location;
        return NULL;
}

/* --- the file --- */

static int damaged(const char *file, const char *group, const char *key, const char *fault)
{
        log_error("%s: [%s] %s: %s.", file, group, key, fault);
        return -EINVAL;
}

static int read_group(Validator *v, GKeyFile *values, const char *file, const char *group)
{
        g_auto(GStrv) names = g_key_file_get_keys(values, group, NULL, NULL);

        for (char **name = names; name && *name; name++) {
                g_autofree char *text = g_key_file_get_value(values, group, *name, NULL);
                const char *fault;

                if (strcmp(group, GROUP) == 0)
                        fault = read_key(v, *name, text);
                else if (strcmp(group, "Location") == 0)
                        fault = read_location(v, text);
                else if (strcmp(group, "Inconclusive") == 0)
                        fault = read_pattern(&v->inconclusive, text);
                else if (strcmp(group, "Failed") == 0)
                        fault = read_pattern(&v->failed, text);
                else
                        fault = "there is no such section";
                if (fault)
                        return damaged(file, group, *name, fault);
        }
        return 0;
}

static int read_groups(Validator *v, const char *file)
{
        g_autoptr(GKeyFile) values = g_key_file_new();
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) groups = NULL;
        int r = 0;

        if (!g_key_file_load_from_file(values, file, G_KEY_FILE_NONE, &error)) {
                log_error("%s: %s", file, error->message);
                return -EINVAL;
        }
        groups = g_key_file_get_groups(values, NULL);
        for (char **group = groups; r == 0 && *group; group++)
                r = read_group(v, values, file, *group);
        if (r == 0 && !v->files)
                r = damaged(file, GROUP, "Files", "it is missing");
        if (r == 0 && !v->command && !v->units)
                r = damaged(file, GROUP, "Command", "it is missing, and so is Units");
        return r;
}

/* What it is about is read line by line: the damage may be one of syntax. */
static void read_damaged_files(Validator *v)
{
        _cleanup_fclose_ FILE *file = fopen(v->damaged, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (file && !v->files && getline(&line, &size, file) > 0) {
                int n = 0;

                sscanf(line, " Files = %n", &n);
                line[strcspn(line, "\r\n")] = '\0';
                if (n > 0 && read_files(v, line + n))
                        v->files = strv_free(v->files);
        }
}

static int make_damaged(Validator **ret, const char *file, const char *name)
{
        _cleanup_(validator_free_cleanup) Validator *v = NULL;

        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        v->name = strdup(name);
        v->damaged = strdup(file);
        if (!v->name || !v->damaged)
                return -ENOMEM;
        read_damaged_files(v);
        *ret = TAKE_PTR(v);
        return 0;
}

int validator_read(Validator **ret, const char *file, const char *name)
{
        _cleanup_(validator_free_cleanup) Validator *v = NULL;
        struct stat st;
        int r;

        *ret = NULL;
        if (stat(file, &st) < 0) {
                log_error("%s: cannot be read: %s", file, strerror(errno));
                return make_damaged(ret, file, name);
        }
        if (st.st_size == 0)
                return 0;
        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        *v = (Validator){ .name = strdup(name),
                          .timeout_sec = DEFAULT_TIMEOUT,
                          .memory_bytes = (uint64_t)DEFAULT_MEMORY << 20,
                          .processes = DEFAULT_PROCESSES };
        r = v->name ? read_groups(v, file) : -ENOMEM;
        if (r < 0)
                return r == -EINVAL ? make_damaged(ret, file, name) : r;
        if (v->cpu_sec == 0)
                v->cpu_sec = v->timeout_sec;
        *ret = TAKE_PTR(v);
        return 0;
}
