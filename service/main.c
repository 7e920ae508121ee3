/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * main.c - exmachinad: arguments, settings, one event loop, exit code.
 *
 * polkit-gobject needs GLib's main context, sd-bus needs sd-event: sd-event is embedded in the GLib
 * main loop as a GSource, as sd_event_get_fd(3) shows. Everything runs on this one thread; what
 * blocks runs in the threads of util/task.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <glib.h>

#include <systemd/sd-event.h>

#include "auth/secret.h"
#include "bus/wiring.h"
#include "commit/recover.h"
#include "create-key.h"
#include "settings.h"
#include "util/log.h"
#include "util/program.h"

/* EX_CONFIG of sysexits.h: the unit is not started again for it (RestartPreventExitStatus=). */
#define EXIT_CONFIG 78

#define WORKER_USER   "exmachina-worker"
#define VALIDATE_USER "exmachina-validate"

typedef struct EventSource {
        GSource source;
        GPollFD poll;
        sd_event *event;
        GMainLoop *loop;
} EventSource;

static gboolean source_prepare(GSource *source, gint *timeout)
{
        return sd_event_prepare(((EventSource *)source)->event) > 0;
}

static gboolean source_check(GSource *source)
{
        return sd_event_wait(((EventSource *)source)->event, 0) > 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer userdata)
{
        EventSource *s = (EventSource *)source;

        if (sd_event_dispatch(s->event) > 0 && sd_event_get_state(s->event) != SD_EVENT_FINISHED)
                return G_SOURCE_CONTINUE;
        g_main_loop_quit(s->loop);
        return G_SOURCE_REMOVE;
}

/* Returns: the exit code that was given to sd_event_exit(), or -errno. */
static int run_loop(sd_event *event)
{
        static GSourceFuncs functions = { source_prepare, source_check, source_dispatch,
                                          NULL,           NULL,         NULL };
        EventSource *source;
        int code = 0, r;

        source = (EventSource *)g_source_new(&functions, sizeof(*source));
        source->event = event;
        source->loop = g_main_loop_new(NULL, FALSE);
        source->poll.fd = sd_event_get_fd(event);
        source->poll.events = G_IO_IN | G_IO_HUP | G_IO_ERR;
        /* Nothing iterates the context within a dispatch. Otherwise GLib would take the source out
         * meanwhile and put it back, and wake itself up for each. */
        g_source_set_can_recurse(&source->source, TRUE);
        g_source_add_poll(&source->source, &source->poll);
        g_source_attach(&source->source, NULL);

        g_main_loop_run(source->loop);

        r = sd_event_get_exit_code(event, &code);
        g_main_loop_unref(source->loop);
        g_source_destroy(&source->source);
        g_source_unref(&source->source);
        return r < 0 ? r : code;
}

static int find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
        const struct passwd *user = getpwnam(name);

        if (!user || user->pw_uid == 0) {
                log_error("there is no user %s: run systemd-sysusers", name);
                return -ESRCH;
        }
        *ret_uid = user->pw_uid;
        *ret_gid = user->pw_gid;
        return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int make_event(sd_event **ret)
{
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        static const int signals[] = { SIGTERM, SIGINT };
        sigset_t mask;
        int r;

        sigemptyset(&mask);
        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                sigaddset(&mask, signals[i]);
        sigaddset(&mask, SIGHUP); /* the manager takes it */
        /* Before any thread exists: they all inherit it. */
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        signal(SIGPIPE, SIG_IGN);

        r = sd_event_default(&event);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(signals); i++)
                r = sd_event_add_signal(event, NULL, signals[i], on_signal, NULL);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(event);
        return 0;
}

/* The bus is not up yet: systemctl has a way of its own. */
static bool systemctl(char *option, char *verb, char *unit)
{
        char name[] = "systemctl";
        char *argv[] = { name, option, verb, unit, NULL }, *environment[] = { NULL };
        int status;
        pid_t pid;

        return posix_spawn(&pid, "/usr/bin/systemctl", NULL, NULL, argv, environment) == 0 &&
               waitpid(pid, &status, 0) == pid && status == 0;
}

/* systemd reads unit files and fstab anew. */
static void reload_systemd(void)
{
        char block[] = "--no-block", reload[] = "daemon-reload";

        if (!systemctl(block, reload, NULL))
                log_error("systemd could not be told to read its units anew: run systemctl "
                          "daemon-reload");
}

/* The files of the change are as before: what had taken the new ones takes these. */
static void revert_units(const ChangeRecord *record)
{
        char quiet[] = "--quiet", reload[] = "daemon-reload", stop[] = "stop";

        if (change_record_concerns_manager(record) && !systemctl(quiet, reload, NULL))
                log_error("systemctl daemon-reload has failed");
        for (size_t i = 0; i < record->n_units; i++) {
                const ChangeUnit *unit = &record->units[i];
                char *verb = unit->was_active ? unit->verb : stop;

                if (unit->acted > 0 && !systemctl(quiet, verb, unit->id))
                        log_error("%s: %s has failed; see: systemctl status %s", unit->id, verb,
                                  unit->id);
        }
}

/* When the service is removed nobody will be there at their deadline. */
static int revert_pending(Journal *journal, const Roots *roots, Recovery *recovery, Failure *f)
{
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        r = journal_unfinished(journal, &ids, &n, f);
        for (; n > 0; n--) {
                _cleanup_(recovery_done) Recovery one = { 0 };
                _cleanup_failure_ Failure why = { 0 };
                _cleanup_record_ ChangeRecord record = { 0 };
                int failed;

                failed = recover_revert(journal, roots, ids[n - 1], "the service was removed",
                                        &record, &one, &why);
                if (one.n_due > 0) {
                        revert_units(&record);
                        (void)recover_end(journal, &record, NULL);
                }
                if (failed != 0) {
                        log_error("%s", why.message ?: strerror(failed < 0 ? -failed : EPROTO));
                        r = -EIO;
                }
                recovery->n_settled += one.n_settled;
                recovery->reload_manager |= one.reload_manager;
        }
        return r;
}

/* What exmachina-recover.service does early at boot: unfinished changes are brought to an end
 * before anything that reads the files starts. A wrong configuration must not keep it from that. */
static int recover(const char *config_file, bool pending_too)
{
        _cleanup_(recovery_done) Recovery recovery = { 0 };
        _cleanup_(settings_done) Settings settings = { 0 };
        _cleanup_(journal_close_cleanup) Journal *journal = NULL;
        _cleanup_(roots_free_cleanup) Roots *roots = NULL;
        _cleanup_failure_ Failure f = { 0 };
        int r;

        r = settings_read(&settings, config_file);
        if (r < 0) {
                settings_done(&settings);
                r = settings_read(&settings, NULL);
        }
        if (r >= 0)
                r = roots_new(&roots, settings.readable, settings.writable);
        if (r >= 0)
                r = journal_open(&journal, EXM_STATEDIR);
        if (r >= 0)
                r = recover_all(journal, roots, &recovery, &f);
        if (r == 0 && pending_too)
                r = revert_pending(journal, roots, &recovery, &f);
        if (r != 0) {
                log_error("Unfinished changes cannot be brought to an end: %s",
                          f.message ?: strerror(r < 0 ? -r : EPROTO));
                return EXIT_FAILURE;
        }
        if (recovery.reload_manager)
                reload_systemd();
        log_info("%u unfinished changes were brought to an end", recovery.n_settled);
        return EXIT_SUCCESS;
}

/* What the administrator wrote: settings and validators. */
static int read_configuration(const char *file, Settings *settings, Validators **validators)
{
        static const char *const directories[] = { EXM_DATADIR "/exmachina/validators.d",
                                                   EXM_SYSCONFDIR "/exmachina/validators.d", NULL };
        int r;

        r = settings_read(settings, file);
        return r < 0 ? r : validators_load(validators, directories);
}

static int hold_program(char **ret, const char *path)
{
        int r = program_hold(ret, path);

        if (r < 0)
                log_error("%s cannot be opened (%s): install ExMachina anew", path, strerror(-r));
        return r;
}

static int run(const char *config_file)
{
        _cleanup_(validators_free_cleanup) Validators *validators = NULL;
        _cleanup_free_ char *worker = NULL, *diff = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        _cleanup_(settings_done) Settings settings = { 0 };
        ManagerConfig config = { 0 };
        Manager *manager = NULL;
        int r;

        r = read_configuration(config_file, &settings, &validators);
        if (r < 0) {
                /* A change that waits to be confirmed comes back all the same. */
                if (access(EXM_STATEDIR "/" JOURNAL_UNFINISHED, F_OK) == 0)
                        recover(NULL, false);
                return EXIT_CONFIG;
        }
        log_set_level(settings.log_level);
        r = hold_program(&worker, EXM_LIBEXECDIR "/exmachina/exmachina-worker");
        if (r >= 0)
                r = hold_program(&diff, EXM_LIBEXECDIR "/exmachina/exmachina-diff");
        if (r < 0)
                return r;
        config = (ManagerConfig){
                .limits = &settings.limits,
                .readable = settings.readable,
                .writable = settings.writable,
                .ordinary_files = EXM_DATADIR "/exmachina/ordinary-files",
                .file_modes = EXM_DATADIR "/exmachina/file-modes",
                .ways_to_root = EXM_DATADIR "/exmachina/ways-to-root",
                .keys = EXM_SYSCONFDIR "/exmachina/keys.d",
                .key_state = EXM_STATEDIR "/keys",
                .diff_path = diff,
                .validators = validators,
                .jail.program = EXM_LIBEXECDIR "/exmachina/exmachina-validate",
                .tree = {
                        .worker_path = worker,
                        .lens_dir = EXM_LENSDIR,
                        .cache_dir = EXM_CACHEDIR,
                        .limits = &settings.limits,
                        .lenses = settings.lenses,
                        .n_lenses = settings.n_lenses,
                },
        };
        r = secret_init();
        if (r >= 0)
                r = find_user(WORKER_USER, &config.tree.worker_uid, &config.tree.worker_gid);
        if (r >= 0)
                r = find_user(VALIDATE_USER, &config.jail.uid, &config.jail.gid);
        if (r >= 0)
                r = make_event(&event);
        if (r >= 0)
                r = manager_new(&manager, event, &config);
        if (r >= 0)
                r = run_loop(event);
        manager_free(manager);
        return r;
}

static int usage(const char *program, int code)
{
        fprintf(code == 0 ? stdout : stderr,
                "usage: %s [--recover | --revert-pending] [--config FILE]\n"
                "       %s --create-key NAME --user USER [OPTION]...\n"
                "The privileged configuration service, started by the system bus.\n"
                "  --recover      only bring unfinished changes to an end "
                "(exmachina-recover.service)\n"
                "  --revert-pending\n"
                "                 and take back those that await their confirmation (removal)\n"
                "  --create-key   make a secret key without the bus "
                "(--create-key --help says more)\n"
                "  --config FILE  read FILE and FILE.d/*.conf [" EXM_SYSCONFDIR
                "/exmachina/exmachina.conf]\n"
                "  --version      print the version\n",
                program, program);
        return code;
}

/* polkit-gobject warns of every check that is cancelled after it was answered. */
static void on_glib_message(const char *domain, GLogLevelFlags level, const char *message,
                            gpointer userdata)
{
        log_message(level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL) ? LOG_ERR : LOG_DEBUG,
                    "%s: %s", domain ?: "GLib", message);
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                { "config", required_argument, NULL, 'c' },
                { "help", no_argument, NULL, 'h' },
                { "recover", no_argument, NULL, 'r' },
                { "revert-pending", no_argument, NULL, 'p' },
                { "version", no_argument, NULL, 'v' },
                { 0 },
        };
        const char *config_file = EXM_SYSCONFDIR "/exmachina/exmachina.conf";
        bool only_recover = false, pending_too = false;
        int option, r;

        if (argc > 1 && strcmp(argv[1], "--create-key") == 0) {
                umask(0077);
                return create_key(argc - 1, argv + 1);
        }
        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (option) {
                case 'c':
                        config_file = optarg;
                        break;
                case 'r':
                        only_recover = true;
                        break;
                case 'p':
                        only_recover = pending_too = true;
                        break;
                case 'v':
                        puts("exmachinad " EXM_VERSION);
                        return EXIT_SUCCESS;
                case 'h':
                        return usage(argv[0], EXIT_SUCCESS);
                default:
                        return usage(argv[0], EXIT_FAILURE);
                }
        }
        if (optind < argc)
                return usage(argv[0], EXIT_FAILURE);

        /* What the caller's environment says must steer nothing: locale, augeas, GLib, polkit. */
        umask(0077);
        g_log_set_default_handler(on_glib_message, NULL);
        /* What was large goes back to the system at once, and threads share few heaps. */
        mallopt(M_MMAP_THRESHOLD, 256 * 1024);
        mallopt(M_ARENA_MAX, 2);
        r = only_recover ? recover(config_file, pending_too) : run(config_file);
        return r < 0 ? EXIT_FAILURE : r;
}
