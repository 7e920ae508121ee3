/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * verb.h - the verbs of the command line: what each is called, takes, and does.
 */
#pragma once

#include "session.h"

typedef struct Verb {
        const char *section; /* of --help; NULL: not shown there */
        const char *name;
        const char *synopsis; /* its arguments */
        const char *summary;
        int min, max;   /* words after the verb; max -1: any number */
        unsigned takes; /* groups of options */
        /* argv[0] is the verb. Returns: 0, an exit status, negative errno. */
        int (*run)(Session *session, int argc, char **argv);
} Verb;

/* A verb of several, as "key create". */
typedef struct VerbPart {
        const char *name;
        int min, max; /* words after the two; max -1: any number */
        unsigned takes;
        int (*run)(Session *session, int argc, char **argv); /* argv[0] is the second of the two */
} VerbPart;

/* Runs the part that argv[1] names; `written`: how all of them are. */
int verb_run_part(Session *session, const VerbPart *parts, size_t n, const char *written, int argc,
                  char **argv);

/* Returns: the row of a name, NULL if there is none. `i` counts all rows. */
const Verb *verb_find(const char *name);
const Verb *verb_at(size_t i);

int verb_get(Session *session, int argc, char **argv);
int verb_ls(Session *session, int argc, char **argv);
int verb_print(Session *session, int argc, char **argv);
int verb_files(Session *session, int argc, char **argv);
int verb_cat(Session *session, int argc, char **argv);
int verb_errors(Session *session, int argc, char **argv);
int verb_edit(Session *session, int argc, char **argv);   /* every verb of script.h */
int verb_script(Session *session, int argc, char **argv); /* edit FILE */
int verb_diff(Session *session, int argc, char **argv);
int verb_shell(Session *session, int argc, char **argv);
int verb_history(Session *session, int argc, char **argv);
int verb_show(Session *session, int argc, char **argv);
int verb_confirm(Session *session, int argc, char **argv);
int verb_extend(Session *session, int argc, char **argv);
int verb_revert(Session *session, int argc, char **argv);
int verb_monitor(Session *session, int argc, char **argv);
int verb_units(Session *session, int argc, char **argv);
int verb_status(Session *session, int argc, char **argv);
int verb_job(Session *session, int argc, char **argv);       /* start ... reload-or-restart */
int verb_unit_file(Session *session, int argc, char **argv); /* enable ... unmask */
int verb_timezone(Session *session, int argc, char **argv);
int verb_timezones(Session *session, int argc, char **argv);
int verb_package(Session *session, int argc, char **argv);
int verb_key(Session *session, int argc, char **argv);
int verb_whoami(Session *session, int argc, char **argv);
int verb_permitted(Session *session, int argc, char **argv);
int verb_complete(Session *session, int argc, char **argv);
