/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * protocol.h - what exmachinad (service/tree) and exmachina-worker say to each other.
 *
 * sd-bus peer to peer over a socketpair, descriptor 3 in the worker; the worker is the server side
 * of the connection and serves one object. Both sides are built from one tree and always of one
 * version, so this may change freely.
 *
 * The broker trusts no byte that comes back: sizes, counts, that names lie within the view. The
 * worker trusts the broker, but not the texts, expressions and edits that it is handed.
 *
 * Errors are D-Bus errors whose names are those of the public contract
 * (condition_to_dbus_name()); an Edit that failed says in its message "edit N: ..." with N the
 * index of the edit within the call, counted from 0.
 *
 * Object "/", interface org.exmachina1.Worker:
 *
 *   Index() -> a(sasas)
 *       Loads every lens module and answers (lens "Hosts.lns", incl globs, excl globs) of every
 *       autoload transform, in Augeas' order. The only method that loads all lenses.
 *   Load(s file, s lens, ay text) -> b ok, s kind, s message, u line, u column
 *       Puts the parsed text at /files<file>. ok false: it cannot be parsed (kind as Augeas names
 *       it: parse_failed, ...; a file with bytes 0 to 4 too), the tree has no such node, and the
 *       file counts as known but unparsable: editing it is ParseFailed, but with "text". Loading a
 *       known file again replaces it. Error NoLens if there is no such lens.
 *   Define(s file, s lens)
 *       The file does not exist; nodes set below /files<file> make it, rendered by that lens.
 *   Drop(s file)
 *       Forgets the file and its nodes.
 *   GetValue(s path) -> b has_value, s value
 *       Error NoMatch, ManyMatches, InvalidPath.
 *   Values(u bytes) -> a(sbs) nodes
 *       The nodes under /files that have a plain path (paths.h), with their values, in document
 *       order: as many as fit in so many bytes, each counted as its strings and VALUE_NODE_BYTES.
 *       GetValue of such a path answers the same. None where the tree has no index.
 *   Match(s expression) -> as paths
 *   Read(s expression, u offset, u limit) -> a(sbs) nodes, u total
 *       Nodes not under /files are dropped. limit 0 means the rest. More than LIMIT_MESSAGE_BYTES
 *       is LimitExceeded. The directories above the files are nodes, too.
 *   Edit(a(sas) edits) -> au counts
 *       Verb and arguments as in docs/api.md; tree verbs and "text" (set clear setm clearm touch
 *       ins mv cp rm rename defvar defnode text). counts[i]: nodes that edit i set, removed (with
 *       those below) or renamed. Variables named exm_... are InvalidEdit.
 *       After an error the tree may hold part of the call: the broker throws the worker away and
 *       replays the edits that succeeded on a fresh one.
 *       InvalidEdit for a value, label or text that utf8_is_writable() refuses, for an unknown verb
 *       or a wrong number of arguments, for nodes outside /files; NoLens for a node that no known
 *       file covers; NoMatch, ManyMatches, InvalidPath, ParseFailed ("text") as in the contract.
 *   Changed() -> as files
 *       Known files that an edit may have touched since Load or Define, in order of the first edit.
 *   Render(s file) -> b exists, ay text
 *       The file's text now; exists false if its node is gone. Byte for byte the loaded text if
 *       nothing in it was edited, also without final newline; see render.c for the rest. Error
 * PutFailed in words a person can act on: which node, what the lens cannot write; never a dump of
 * the tree.
 */
#pragma once

#define WORKER_INTERFACE "org.exmachina1.Worker"
#define WORKER_OBJECT    "/"
#define WORKER_FD        3
#define VALUE_NODE_BYTES 18 /* two pointers, two NULs */

/* argv of exmachina-worker, all mandatory, in this order:
 *   LENS-DIRECTORY   becomes its root; lenses are in / and /dist of it
 *   UID GID          decimal; what it runs as. Started as non-root (tests) it must equal the
 *                    caller's, and chroot is left out only with the option --no-chroot before the
 *                    others
 *   CPU-SECONDS MEMORY-BYTES   rlimits
 * The environment is ignored and cleared. */
