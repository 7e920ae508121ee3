/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * victim.c - one commit, its recovery or its taking back, to be killed or failed at any system
 * call.
 *
 *   victim prepare DIR           makes DIR/etc with the old files, and an empty DIR/state
 *   victim commit DIR [SECONDS]  changes six files; to be confirmed within SECONDS
 *   victim follow DIR [SECONDS]  the same, and a unit follows: what is done around its job
 *   victim revert DIR            takes the pending change back
 *   victim recover DIR           what a start of the service does
 *   victim state DIR             prints the state of the newest change, and how many are unfinished
 *
 * DIR belongs to root, as do all directories above it. getppid() marks in a trace where the part
 * begins that is to be swept, and in a commit that it is done. VICTIM_SHORT=N makes the Nth write
 * after it a short one (short.c). Exit status: 0; 1 and words on stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "commit/batch.h"
#include "commit/recover.h"
#include "short.h"
#include "util/strv.h"

#define MAX_BYTES  (1024 * 1024)
#define OLD_BYTES  9000U
#define NEW_BYTES  13000U
#define N_CHANGES  6U
#define STATE_MODE 0700

typedef struct Victim {
        const char *directory;
        Roots *roots;
        Journal *journal;
} Victim;

static _Noreturn void die(const char *what, int r, const Failure *f)
{
        fprintf(stderr, "%s: %s\n", what,
                f && f->message ? f->message
                : r < 0         ? strerror(-r)
                                : "?");
        exit(1);
}

static char *path_in(const Victim *v, const char *name)
{
        char *path;

        if (asprintf(&path, "%s/%s", v->directory, name) < 0)
                die(name, -ENOMEM, NULL);
        return path;
}

/* Lines that differ from one another, so that a mixture of two texts shows. */
static char *make_text(const char *word, size_t size)
{
        char *text = calloc(1, size + 32);
        size_t n = 0;

        if (!text)
                die("text", -ENOMEM, NULL);
        while (n < size)
                n += (size_t)sprintf(text + n, "%s %zu\n", word, n);
        text[size - 1] = '\n';
        text[size] = '\0';
        return text;
}

/* --- prepare --- */

static void make_file(const Victim *v, const char *name, mode_t mode, uid_t uid)
{
        _cleanup_free_ char *path = path_in(v, name), *text = make_text(name, OLD_BYTES);
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 || write(fd, text, OLD_BYTES) != (ssize_t)OLD_BYTES || fchown(fd, uid, 0) < 0 ||
            fchmod(fd, mode) < 0 || fsetxattr(fd, "trusted.note", name, strlen(name), 0) < 0)
                die(path, -errno, NULL);
}

/* user::rw-, user:65534:rw-, group::r--, mask::rw-, other::--- */
static void put_acl(const Victim *v, const char *name)
{
        static const unsigned char acl[] = {
                2, 0,    0,    0,    1,    0,    6,  0, 0xFF, 0xFF, 0xFF, 0xFF, 2,    0,    6,
                0, 0xFE, 0xFF, 0,    0,    4,    0,  4, 0,    0xFF, 0xFF, 0xFF, 0xFF, 16,   0,
                6, 0,    0xFF, 0xFF, 0xFF, 0xFF, 32, 0, 0,    0,    0xFF, 0xFF, 0xFF, 0xFF,
        };
        _cleanup_free_ char *path = path_in(v, name);

        if (setxattr(path, "system.posix_acl_access", acl, sizeof(acl), 0) < 0)
                die(path, -errno, NULL);
}

static void make_directory(const Victim *v, const char *name, mode_t mode)
{
        _cleanup_free_ char *path = path_in(v, name);

        if (mkdir(path, mode) < 0)
                die(path, -errno, NULL);
}

static void prepare(const Victim *v)
{
        umask(0);
        make_directory(v, "state", STATE_MODE);
        make_directory(v, "etc", 0755);
        make_file(v, "etc/changed", 0644, 0);
        make_file(v, "etc/gone", 0640, 5);
        make_file(v, "etc/secret", 0600, 33);
        put_acl(v, "etc/secret");
        make_file(v, "etc/mounted", 0644, 0);
        make_file(v, "below", 0644, 0);
}

/* --- the acts --- */

static FileChange make_change(const Victim *v, FileChangeKind kind, const char *name)
{
        _cleanup_free_ char *path = path_in(v, name);
        FileChange change = { .kind = kind, .create_mode = 0640 };
        Failure f = { 0 };
        int r;

        r = file_image_take(&change.base, v->roots, path, true, MAX_BYTES, &f);
        if (r != 0)
                die(path, r, &f);
        if (kind == FILE_CHANGE_WRITE) {
                change.content = make_text("new", NEW_BYTES);
                change.size = NEW_BYTES;
        }
        if (kind == FILE_CHANGE_LINK)
                change.link_target = strdup("changed");
        return change;
}

/* The unit's job succeeds. */
static int follow(const Victim *v, ChangeRecord *record, Failure *f)
{
        int r;

        r = journal_set_acted(v->journal, record->id, 0, 1, f);
        return r == 0 ? batch_finish(v->journal, record, f) : r;
}

static int commit(const Victim *v, bool with_unit, uint32_t confirm_within, Failure *f)
{
        ChangeRecord record = { .confirm_within = confirm_within };
        FileChange changes[N_CHANGES] = {
                make_change(v, FILE_CHANGE_WRITE, "etc/mounted"),
                make_change(v, FILE_CHANGE_WRITE, "etc/changed"),
                make_change(v, FILE_CHANGE_WRITE, "etc/made/for/created"),
                make_change(v, FILE_CHANGE_DELETE, "etc/gone"),
                make_change(v, FILE_CHANGE_WRITE, "etc/secret"),
                make_change(v, FILE_CHANGE_LINK, "etc/link"),
        };
        int r;

        if (with_unit && change_record_add_unit(&record, "a.service", "restart", true) < 0)
                die("unit", -ENOMEM, NULL);
        changes[0].set_mode = true;
        changes[0].mode = 0600;
        (void)getppid();
        short_begin();
        r = batch_apply(v->roots, v->journal, &record, changes, N_CHANGES, f);
        if (r == 0 && with_unit)
                r = follow(v, &record, f);
        if (r == 0)
                (void)getppid();
        for (size_t i = 0; i < N_CHANGES; i++)
                file_change_done(&changes[i]);
        change_record_done(&record);
        return r;
}

/* The files go back, the unit follows, the change ends. */
static int take_back(const Victim *v, uint64_t id, const char *why, Failure *f)
{
        _cleanup_record_ ChangeRecord record = { 0 };
        Recovery recovery;
        int r;

        r = recover_revert(v->journal, v->roots, id, why, &record, &recovery, f);
        if (r == 0 && recovery.n_due > 0)
                r = journal_set_acted(v->journal, id, 0, record.units[0].acted + 1, f);
        if (r == 0 && recovery.n_due > 0)
                r = recover_end(v->journal, &record, f);
        recovery_done(&recovery);
        return r;
}

static int recover(const Victim *v, Failure *f)
{
        Recovery recovery;
        int r;

        (void)getppid();
        short_begin();
        r = recover_all(v->journal, v->roots, &recovery, f);
        for (size_t i = 0; r == 0 && i < recovery.n_due; i++)
                r = take_back(v, recovery.due[i], "interrupted", f);
        recovery_done(&recovery);
        return r;
}

static int revert(const Victim *v, Failure *f)
{
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        (void)getppid();
        short_begin();
        r = journal_unfinished(v->journal, &ids, &n, f);
        if (r != 0 || n != 1)
                return r != 0 ? r : -ENOENT;
        return take_back(v, ids[0], "asked for", f);
}

static int print_state(const Victim *v, Failure *f)
{
        const JournalFilter filter = { .state = _CHANGE_STATE_MAX, .limit = 1 };
        _cleanup_free_ uint64_t *ids = NULL;
        ChangeRecord *newest = NULL;
        size_t n = 0, n_unfinished = 0;
        int r;

        r = journal_list(v->journal, &filter, &newest, &n, f);
        if (r == 0)
                r = journal_unfinished(v->journal, &ids, &n_unfinished, f);
        if (r == 0)
                printf("%s %zu\n", n > 0 ? change_state_to_string(newest[0].state) : "none",
                       n_unfinished);
        change_records_free(newest, n);
        return r;
}

static int run(const Victim *v, const char *verb, const char *argument, Failure *f)
{
        if (strcmp(verb, "commit") == 0)
                return commit(v, false, argument ? (uint32_t)atoi(argument) : 0, f);
        if (strcmp(verb, "follow") == 0)
                return commit(v, true, argument ? (uint32_t)atoi(argument) : 0, f);
        if (strcmp(verb, "revert") == 0)
                return revert(v, f);
        if (strcmp(verb, "recover") == 0)
                return recover(v, f);
        if (strcmp(verb, "state") == 0)
                return print_state(v, f);
        return -EINVAL;
}

static void open_rooms(Victim *v)
{
        _cleanup_free_ char *etc = path_in(v, "etc"), *state = path_in(v, "state");
        char *writable[] = { etc, NULL };
        int r;

        r = roots_new(&v->roots, NULL, writable);
        if (r == 0)
                r = journal_open(&v->journal, state);
        if (r != 0)
                die(v->directory, r, NULL);
}

int main(int argc, char **argv)
{
        Victim v = { 0 };
        Failure f = { 0 };
        int r;

        if (argc < 3) {
                fprintf(stderr,
                        "usage: %s prepare|commit|follow|revert|recover|state DIR [SECONDS]\n",
                        argv[0]);
                return 2;
        }
        v.directory = argv[2];
        if (strcmp(argv[1], "prepare") == 0) {
                prepare(&v);
                return 0;
        }
        open_rooms(&v);
        r = run(&v, argv[1], argv[3], &f);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", argv[1], f.message ? f.message : strerror(-r));
        failure_done(&f);
        journal_close(v.journal);
        roots_free(v.roots);
        short_end();
        return r == 0 ? 0 : 1;
}
