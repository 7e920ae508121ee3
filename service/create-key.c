/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * create-key.c - arguments into grants, warnings, and the one line of output.
 *
 * The text of the key is never in a buffer that is not wiped: stdout is not buffered. What cannot
 * be printed is revoked again, for nobody would have the key.
 */
#include "create-key.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/key-store.h"
#include "auth/key-time.h"
#include "auth/key-warnings.h"
#include "util/hide-key.h"
#include "util/log.h"
#include "util/strv.h"

enum { EXIT_NOT_MADE = 1, EXIT_USAGE = 2, EXIT_EXISTS = 3 };

typedef struct Request {
        const char *name;
        const char *root;
        bool json;
        Grants grants;
} Request;

static void request_done(Request *request)
{
        grants_done(&request->grants);
}

static void print_help(void)
{
        fputs("usage: exmachinad --create-key NAME --user USER [OPTION]...\n"
              "Makes a secret key, as root, without the bus. The key is printed, this once.\n"
              "  --user USER        who may use it; \"\" for anyone\n"
              "  --read GLOB        files that may be read (can be repeated)\n"
              "  --write GLOB       files that may be read and written (can be repeated)\n"
              "  --unit UNIT:VERBS  e.g. nginx.service:reload,restart (can be repeated)\n"
              "  --package GLOB     packages that may be installed and removed (can be repeated)\n"
              "  --timezone         the time zone may be set\n"
              "  --expires WHEN     2027-01-31, 2027-01-31T12:00:00Z, +90m, +12h, +30d or +8w\n"
              "  --privileged       globs reach secret and sensitive files, and all units\n"
              "  --root DIR         in the system below DIR, whose users are not looked up\n"
              "  --json             print an object with the key and the warnings\n",
              stdout);
}

static int wrong(const char *message)
{
        fprintf(stderr, "exmachinad --create-key: %s\n", message);
        return EXIT_USAGE;
}

static int set_expires(Request *request, const char *when)
{
        uint64_t now = (uint64_t)time(NULL) * 1000000;

        if (request->grants.expires > 0)
                return wrong("--expires can be given once only");
        if (key_time_parse(when, now, &request->grants.expires) == 0)
                return 0;
        return wrong("--expires: write 2027-01-31, 2027-01-31T12:00:00Z or +30d");
}

static int add(char ***list, const char *entry)
{
        return strv_extend(list, entry) < 0 ? EXIT_NOT_MADE : 0;
}

static int set_user(Request *request, const char *user)
{
        if (request->grants.user)
                return wrong("--user can be given once only: a key has one user");
        request->grants.user = strdup(user);
        return request->grants.user ? 0 : EXIT_NOT_MADE;
}

static int read_option(Request *request, int option)
{
        switch (option) {
        case 'u':
                return set_user(request, optarg);
        case 'r':
                return add(&request->grants.read, optarg);
        case 'w':
                return add(&request->grants.write, optarg);
        case 'n':
                return add(&request->grants.units, optarg);
        case 'k':
                return add(&request->grants.packages, optarg);
        case 't':
                request->grants.timezone = true;
                return 0;
        case 'e':
                return set_expires(request, optarg);
        case 'p':
                request->grants.privileged = true;
                return 0;
        case 'R':
                if (request->root)
                        return wrong("--root can be given once only");
                request->root = optarg;
                return 0;
        case 'j':
                request->json = true;
                return 0;
        default:
                return wrong("there is no such option, or it has no value: see --create-key "
                             "--help");
        }
}

/* Returns: 0, or an exit code; -1: help was asked for and given. */
static int read_arguments(Request *request, int argc, char *argv[])
{
        static const struct option options[] = {
                { "expires", required_argument, NULL, 'e' },
                { "help", no_argument, NULL, 'h' },
                { "json", no_argument, NULL, 'j' },
                { "package", required_argument, NULL, 'k' },
                { "privileged", no_argument, NULL, 'p' },
                { "read", required_argument, NULL, 'r' },
                { "root", required_argument, NULL, 'R' },
                { "timezone", no_argument, NULL, 't' },
                { "unit", required_argument, NULL, 'n' },
                { "user", required_argument, NULL, 'u' },
                { "write", required_argument, NULL, 'w' },
                { 0 },
        };
        int option, r = 0;

        opterr = 0; /* it would print what may be a key that was given by mistake */
        while (r == 0 && (option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == 'h') {
                        print_help();
                        return -1;
                }
                r = read_option(request, option);
        }
        if (r != 0)
                return r;
        if (optind + 1 != argc)
                return wrong("give one NAME");
        request->name = argv[optind];
        if (!request->grants.user)
                return wrong("--user is missing; --user \"\" makes a key for anyone");
        return 0;
}

/* The lists of this system, also for another one. Without them the key is made all the same: who
 * says --create-key is root already. Returns: them, NULL if there are none. */
static char **print_warnings(const Grants *grants)
{
        _cleanup_(ways_to_root_free_cleanup) WaysToRoot *ways = NULL;
        _cleanup_(ordinary_files_free_cleanup) OrdinaryFiles *ordinary = NULL;
        _cleanup_strv_ char **list = NULL;
        char **warning;
        int r;

        r = ways_to_root_load(&ways, EXM_DATADIR "/exmachina/ways-to-root");
        if (r == 0)
                r = ordinary_files_load(&ordinary, EXM_DATADIR "/exmachina/ordinary-files");
        if (r == 0)
                r = key_warnings(ways, ordinary, grants, &list);
        if (r < 0 &&
            strv_extend(&list, "whether these grants amount to root could not be found out") < 0)
                return NULL;
        STRV_FOREACH(warning, list)
                fprintf(stderr, "warning: %s\n", *warning);
        return TAKE_PTR(list);
}

/* Entries of grants are in it: checked UTF-8 without control characters. */
static bool print_string(const char *text)
{
        bool done = putchar('"') >= 0;

        for (const char *s = text; done && *s; s++)
                done = (!strchr("\"\\", *s) || putchar('\\') >= 0) && putchar(*s) >= 0;
        return done && putchar('"') >= 0;
}

static bool print_object(const char *text, char *const *warnings)
{
        bool done = fputs("{\"key\":", stdout) >= 0 && print_string(text) &&
                    fputs(",\"warnings\":[", stdout) >= 0;

        for (size_t i = 0; done && warnings && warnings[i]; i++)
                done = (i == 0 || putchar(',') >= 0) && print_string(warnings[i]);
        return done && fputs("]}", stdout) >= 0;
}

static int print_key(KeyStore *store, const Request *request, const char *text,
                     char *const *warnings)
{
        bool done;

        setvbuf(stdout, NULL, _IONBF, 0);
        done = request->json ? print_object(text, warnings) : fputs(text, stdout) >= 0;
        if (done && putchar('\n') >= 0)
                return 0;
        fprintf(stderr, "exmachinad --create-key: the key cannot be printed (%s)%s\n",
                strerror(errno),
                key_store_revoke(store, request->name, NULL) == 0
                        ? "; it is revoked again"
                        : ", and not be revoked: remove it");
        return EXIT_NOT_MADE;
}

static int make(const Request *request)
{
        _cleanup_(key_store_free_cleanup) KeyStore *store = NULL;
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_secret_ char *text = NULL;
        _cleanup_failure_ Failure f = { 0 };
        int r;

        /* What is not an error is said by this program itself, if at all. */
        log_set_level(LOG_WARNING);
        r = secret_init();
        if (r == 0 && request->root)
                r = key_store_new_offline(&store, request->root);
        else if (r == 0)
                r = key_store_new(&store, KEY_STORE_DIRECTORY, NULL);
        if (r == 0)
                r = key_store_create(store, request->name, &request->grants, &text, &f);
        if (r == 0) {
                warnings = print_warnings(&request->grants);
                return print_key(store, request, text, warnings);
        }
        if (f.message)
                hide_keys(f.message);
        fprintf(stderr, "exmachinad --create-key: %s\n", f.message ?: strerror(r < 0 ? -r : EIO));
        return r == EXM_E_CONFLICT       ? EXIT_EXISTS
               : r == EXM_E_INVALID_ARGS ? EXIT_USAGE
                                         : EXIT_NOT_MADE;
}

int create_key(int argc, char *argv[])
{
        _cleanup_(request_done) Request request = { 0 };
        int r;

        r = read_arguments(&request, argc, argv);
        if (r != 0)
                return r < 0 ? EXIT_SUCCESS : r;
        if (geteuid() != 0) {
                fputs("exmachinad --create-key: only root can make a key\n", stderr);
                return EXIT_NOT_MADE;
        }
        return make(&request);
}
