/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * caller.c - calls on the system bus, timed: with so little of its own in between that what is
 * measured is bus and service.
 *
 *     caller times N CASE...               N rounds; in each, each case is called once, in turn,
 * over one connection: what else the machine does meets all of them. Prints the nanoseconds of each
 * case on a line. caller load SECONDS CLIENTS CASE...  as many connections, each with one call
 * under way at any time, cases in turn. Prints how many calls were answered and how many of them
 * with an error.
 *
 * Options before these: --user UID (repeated: connections take them in turn), --key (it is read
 * from standard input and unlocked on each connection), --errors (are answers as well).
 *
 * CASE: "ping NAME", "get PATH" (a # in it counts up to 200, from 1), "match EXPRESSION", "read
 * EXPRESSION", "page OFFSET LIMIT EXPRESSION" (Read, and each node taken from the reply), "whoami",
 * "unlock KEY", "hostname", "begin", then "set PATH VALUE" and "commit" of what was begun last,
 * "check FILE": what the service asks polkit before it reads FILE, asked by root about the
 * connection's user.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define SERVICE "org.exmachina1"
#define OBJECT  "/org/exmachina1"

#define WARM_UP      20U
#define MAX_CASES    16U
#define MAX_USERS    16U
#define MANY_PATHS   200U
#define TIMEOUT_USEC (60U * 1000000U)

typedef struct Case {
        const char *verb, *argument;
} Case;

typedef struct Load {
        sd_event *event;
        const Case *cases;
        unsigned n_cases;
        uint64_t n_answers, n_errors;
        bool counting, stopping;
} Load;

typedef struct LoadClient {
        Load *load;
        sd_bus *bus;
        unsigned next;
} LoadClient;

static sd_bus *root_bus; /* who asks polkit */
static bool errors_count;
static uid_t users[MAX_USERS];
static unsigned n_users;
static char key[256];
static char transaction[256]; /* its object */

static void check(int r, const char *what)
{
        if (r >= 0)
                return;
        fprintf(stderr, "caller: %s: %s\n", what, strerror(-r));
        exit(EXIT_FAILURE);
}

static uint64_t now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What service/auth/authoriser.c sends. */
static int make_check(sd_bus_message **ret, sd_bus *bus, const char *file)
{
        const char *name;
        int r;

        r = sd_bus_get_unique_name(bus, &name);
        if (r >= 0)
                r = sd_bus_message_new_method_call(root_bus, ret, "org.freedesktop.PolicyKit1",
                                                   "/org/freedesktop/PolicyKit1/Authority",
                                                   "org.freedesktop.PolicyKit1.Authority",
                                                   "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(*ret, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name",
                                          "s", name, SERVICE ".read-config", 2, "file", file,
                                          "method", "Config.GetValue", 0, "");
        return r;
}

static int make_own(sd_bus_message **ret, sd_bus *bus, const char *interface, const char *member,
                    const char *argument)
{
        int r;

        r = sd_bus_message_new_method_call(bus, ret, SERVICE, OBJECT, interface, member);
        if (r >= 0 && argument)
                r = sd_bus_message_append(*ret, "s", argument);
        return r;
}

/* Another path each time: what was answered before is of no help. */
static int make_get(sd_bus_message **ret, sd_bus *bus, const char *path)
{
        const char *mark = strchr(path, '#');
        static unsigned n;
        char text[4096];

        if (!mark)
                return make_own(ret, bus, SERVICE ".Config", "GetValue", path);
        snprintf(text, sizeof(text), "%.*s%u%s", (int)(mark - path), path, n++ % MANY_PATHS + 1,
                 mark + 1);
        return make_own(ret, bus, SERVICE ".Config", "GetValue", text);
}

/* "OFFSET LIMIT EXPRESSION" */
static int make_page(sd_bus_message **ret, sd_bus *bus, const char *argument)
{
        uint32_t offset, limit;
        int skip = 0, r;

        if (sscanf(argument, "%" SCNu32 " %" SCNu32 " %n", &offset, &limit, &skip) != 2)
                return -EINVAL;
        r = make_own(ret, bus, SERVICE ".Config", "Read", argument + skip);
        return r < 0 ? r : sd_bus_message_append(*ret, "uu", offset, limit);
}

static void take_nodes(sd_bus_message *reply)
{
        const char *path, *value;
        int has_value, r;

        check(sd_bus_message_enter_container(reply, 'a', "(sbs)"), "nodes");
        while ((r = sd_bus_message_read(reply, "(sbs)", &path, &has_value, &value)) > 0)
                ;
        check(r, "nodes");
}

/* Of a transaction. */
static int make_change(sd_bus_message **ret, sd_bus *bus, const Case *c)
{
        const char *space = strrchr(c->argument, ' ');
        char path[4096];
        int r;

        if (strcmp(c->verb, "begin") == 0) {
                r = make_own(ret, bus, SERVICE ".Config", "Begin", NULL);
                return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
        }
        r = sd_bus_message_new_method_call(bus, ret, SERVICE, transaction, SERVICE ".Transaction",
                                           space ? "SetValue" : "Commit");
        if (r < 0 || !space)
                return r < 0 ? r : sd_bus_message_append(*ret, "a{sv}", 0);
        snprintf(path, sizeof(path), "%.*s", (int)(space - c->argument), c->argument);
        return sd_bus_message_append(*ret, "ss", path, space + 1);
}

static bool is_change(const Case *c)
{
        return strcmp(c->verb, "begin") == 0 || strcmp(c->verb, "set") == 0 ||
               strcmp(c->verb, "commit") == 0;
}

static int make_call(sd_bus_message **ret, sd_bus *bus, const Case *c)
{
        int r;

        if (is_change(c))
                return make_change(ret, bus, c);
        if (strcmp(c->verb, "ping") == 0)
                return sd_bus_message_new_method_call(bus, ret, c->argument, "/",
                                                      "org.freedesktop.DBus.Peer", "Ping");
        if (strcmp(c->verb, "hostname") == 0) {
                r = sd_bus_message_new_method_call(bus, ret, "org.freedesktop.hostname1",
                                                   "/org/freedesktop/hostname1",
                                                   "org.freedesktop.DBus.Properties", "Get");
                return r < 0 ? r
                             : sd_bus_message_append(*ret, "ss", "org.freedesktop.hostname1",
                                                     "Hostname");
        }
        if (strcmp(c->verb, "check") == 0)
                return make_check(ret, bus, c->argument);
        if (strcmp(c->verb, "get") == 0)
                return make_get(ret, bus, c->argument);
        if (strcmp(c->verb, "match") == 0)
                return make_own(ret, bus, SERVICE ".Config", "Match", c->argument);
        if (strcmp(c->verb, "unlock") == 0)
                return make_own(ret, bus, SERVICE ".Authority", "Unlock", c->argument);
        if (strcmp(c->verb, "whoami") == 0)
                return make_own(ret, bus, SERVICE ".Authority", "WhoAmI", NULL);
        if (strcmp(c->verb, "page") == 0)
                return make_page(ret, bus, c->argument);
        if (strcmp(c->verb, "read") != 0)
                return -EINVAL;
        r = make_own(ret, bus, SERVICE ".Config", "Read", c->argument);
        return r < 0 ? r : sd_bus_message_append(*ret, "uu", 0, 0);
}

/* The bus takes the identity that a process has when it connects. */
static void open_bus(sd_bus **ret, unsigned index)
{
        uid_t uid = n_users > 0 ? users[index % n_users] : 0;

        check(setegid(uid) < 0 || setgroups(0, NULL) < 0 || seteuid(uid) < 0 ? -errno : 0, "user");
        check(sd_bus_open_system(ret), "the system bus");
        check(sd_bus_get_unique_name(*ret, &(const char *){ NULL }), "the system bus");
        check(seteuid(0) < 0 || setegid(0) < 0 ? -errno : 0, "user");
        if (*key)
                check(sd_bus_call_method(*ret, SERVICE, OBJECT, SERVICE ".Authority", "Unlock",
                                         NULL, NULL, "s", key),
                      "Unlock");
}

static uint64_t time_call(sd_bus *bus, const Case *c)
{
        sd_bus_message *message = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t start = now();
        int r;

        check(make_call(&message, bus, c), c->verb);
        r = sd_bus_call(strcmp(c->verb, "check") == 0 ? root_bus : bus, message, TIMEOUT_USEC,
                        &error, &reply);
        if (r >= 0 && strcmp(c->verb, "page") == 0)
                take_nodes(reply);
        start = now() - start;
        if (r < 0 && !(errors_count && sd_bus_error_is_set(&error))) {
                fprintf(stderr, "caller: %s %s: %s\n", c->verb, c->argument,
                        error.message ?: strerror(-r));
                exit(EXIT_FAILURE);
        }
        if (strcmp(c->verb, "begin") == 0) {
                const char *path;

                check(sd_bus_message_read(reply, "o", &path), "Begin");
                snprintf(transaction, sizeof(transaction), "%s", path);
        }
        sd_bus_error_free(&error);
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        return start;
}

static void run_times(unsigned n, const Case *cases, unsigned n_cases)
{
        /* Wrong keys are limited: none is spent on warming up. */
        unsigned skip = errors_count || n < WARM_UP ? 0 : WARM_UP;
        uint64_t *times = calloc((size_t)n * n_cases + 1, sizeof(*times));
        sd_bus *bus = NULL;

        check(times ? 0 : -ENOMEM, "times");
        open_bus(&bus, 0);
        for (unsigned i = 0; i < n + skip; i++)
                for (unsigned k = 0; k < n_cases; k++) {
                        uint64_t t = time_call(bus, &cases[k]);

                        if (i >= skip)
                                times[(size_t)k * n + i - skip] = t;
                }
        for (unsigned k = 0; k < n_cases; k++)
                for (unsigned i = 0; i < n; i++)
                        printf("%" PRIu64 "%c", times[(size_t)k * n + i], i + 1 < n ? ' ' : '\n');
        free(times);
        sd_bus_flush_close_unref(bus);
}

static int send_next(LoadClient *client);

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        LoadClient *client = userdata;
        Load *load = client->load;

        if (load->counting) {
                load->n_answers++;
                if (sd_bus_message_is_method_error(reply, NULL))
                        load->n_errors++;
        }
        if (!load->stopping)
                check(send_next(client), "send");
        return 0;
}

static int send_next(LoadClient *client)
{
        const Case *c = &client->load->cases[client->next++ % client->load->n_cases];
        sd_bus_message *message = NULL;
        int r;

        r = make_call(&message, client->bus, c);
        if (r >= 0)
                r = sd_bus_call_async(client->bus, NULL, message, on_answer, client, TIMEOUT_USEC);
        sd_bus_message_unref(message);
        return r;
}

/* First everything gets warm, then it counts. */
static int on_phase(sd_event_source *source, uint64_t usec, void *userdata)
{
        Load *load = userdata;

        if (load->counting) {
                load->stopping = true;
                return sd_event_exit(load->event, 0);
        }
        load->counting = true;
        return 0;
}

static void run_load(double seconds, unsigned n_clients, const Case *cases, unsigned n_cases)
{
        LoadClient *clients = calloc(n_clients + 1, sizeof(*clients));
        Load load = { .cases = cases, .n_cases = n_cases };
        uint64_t usec = (uint64_t)(seconds * 1e6);

        check(clients ? sd_event_default(&load.event) : -ENOMEM, "load");
        for (unsigned i = 0; i < n_clients; i++) {
                clients[i] = (LoadClient){ .load = &load, .next = i };
                open_bus(&clients[i].bus, i);
                check(sd_bus_attach_event(clients[i].bus, load.event, 0), "attach");
        }
        check(sd_event_add_time_relative(load.event, NULL, CLOCK_MONOTONIC, usec / 4, 1, on_phase,
                                         &load),
              "timer");
        check(sd_event_add_time_relative(load.event, NULL, CLOCK_MONOTONIC, usec / 4 + usec, 1,
                                         on_phase, &load),
              "timer");
        for (unsigned i = 0; i < n_clients; i++)
                check(send_next(&clients[i]), "send");
        check(sd_event_loop(load.event), "loop");
        printf("%" PRIu64 " %" PRIu64 "\n", load.n_answers, load.n_errors);
        for (unsigned i = 0; i < n_clients; i++)
                sd_bus_close_unref(clients[i].bus);
        sd_event_unref(load.event);
        free(clients);
}

static void read_options(int argc, char *argv[])
{
        static const struct option options[] = {
                { "errors", no_argument, NULL, 'e' },
                { "key", no_argument, NULL, 'k' },
                { "user", required_argument, NULL, 'u' },
                { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
                if (option == 'e')
                        errors_count = true;
                else if (option == 'k' && fgets(key, sizeof(key), stdin))
                        key[strcspn(key, "\n")] = '\0';
                else if (option == 'u' && n_users < MAX_USERS)
                        users[n_users++] = (uid_t)strtoul(optarg, NULL, 10);
                else
                        exit(EXIT_FAILURE);
        }
}

int main(int argc, char *argv[])
{
        bool is_load;
        Case cases[MAX_CASES];
        unsigned n = 0;
        int first;

        read_options(argc, argv);
        argc -= optind;
        argv += optind;
        is_load = argc > 0 && strcmp(argv[0], "load") == 0;
        first = is_load ? 3 : 2;
        if (argc <= first || (!is_load && strcmp(argv[0], "times") != 0)) {
                fprintf(stderr, "usage: see the head of caller.c\n");
                return EXIT_FAILURE;
        }
        for (int i = first; i < argc && n < MAX_CASES; i++) {
                char *space = strchr(argv[i], ' ');

                if (space)
                        *space = '\0';
                cases[n++] = (Case){ .verb = argv[i], .argument = space ? space + 1 : "" };
        }
        check(sd_bus_open_system(&root_bus), "the system bus");
        if (is_load)
                run_load(strtod(argv[1], NULL), (unsigned)strtoul(argv[2], NULL, 10), cases, n);
        else
                run_times((unsigned)strtoul(argv[1], NULL, 10), cases, n);
        sd_bus_flush_close_unref(root_bus);
        return EXIT_SUCCESS;
}
