#!/usr/bin/gjs
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// value.js PATH [VALUE] - what a settings dialog does, without its widgets (GJS).
//
// It shows a value, asks beforehand whether it may be changed (to grey out the entry, or to show a lock),
// changes it without blocking its main loop, lets a dialog open, and is told of changes by whomever, so that
// what it shows does not grow old. With VALUE it ends when it has been told of its own change.
imports.gi.versions.Gio = "2.0";
const { Gio, GLib } = imports.gi;

const NAME = "org.exmachina1";
const OBJECT = "/org/exmachina1";
const NO_TIME_OUT = GLib.MAXINT32; // a dialog waits for a person, a commit for units

const bus = Gio.DBus.system;
const loop = new GLib.MainLoop(null, false);
let status = 0;

function call(method, types, values, flags, onReply) {
    const [interfaceName, member] = method.split(".");

    bus.call(NAME, OBJECT, `${NAME}.${interfaceName}`, member, new GLib.Variant(types, values), null, flags,
        NO_TIME_OUT, null, (_, result) => {
            let reply;

            try {
                reply = bus.call_finish(result).recursiveUnpack();
            } catch (error) {
                fail(error);
                return;
            }
            onReply(reply);
        });
}

// The message is made for the user: it says what to do next. The name is for the program.
function fail(error) {
    const name = Gio.DBusError.get_remote_error(error) || "";

    Gio.DBusError.strip_remote_error(error);
    if (name.endsWith(".Conflict"))
        print(`Somebody else has changed it: ${error.message}`);
    else
        print(error.message);
    status = 1;
    loop.quit();
}

// Shows the value, and remembers the version of its file.
function show(path, then) {
    call("Config.Read", "(suu)", [path, 0, 1], Gio.DBusCallFlags.NONE, ([nodes, , versions]) => {
        print(`${path} = ${nodes.length > 0 ? nodes[0][2] : "(none)"}`);
        then(versions);
    });
}

// "challenge": a password could allow it. This is for the eye; the call itself decides.
function askBeforehand(file, then) {
    call("Authority.Permitted", "(a(ss))", [[["write", file]]], Gio.DBusCallFlags.NONE, ([[answer]]) => {
        print({ yes: "[Change]", challenge: "[Change, after a password]", no: "[greyed out]" }[answer]);
        then(answer);
    });
}

function change(path, value, versions) {
    const options = {
        expect: new GLib.Variant("a{ss}", versions),
        token: new GLib.Variant("s", GLib.uuid_string_random()),
        message: new GLib.Variant("s", "settings dialog"),
    };

    // Only a click may open a dialog, never a page that is being shown.
    call("Config.Apply", "(a(sas)a{sv})", [[["set", [path, value]]], options],
        Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, ([number]) => {
            if (number === 0)
                loop.quit(); // it was so already: no signal comes
        });
}

// Files that not everybody may read are not named: then it may be ours.
function watch(path, file) {
    bus.signal_subscribe(NAME, `${NAME}.History`, "Committed", OBJECT, null, Gio.DBusSignalFlags.NONE,
        (_bus, _sender, _object, _interface, _signal, parameters) => {
            const [number, files] = parameters.recursiveUnpack();

            if (files.length > 0 && !files.includes(file))
                return;
            print(`Change ${number}:`);
            show(path, () => loop.quit());
        });
}

const [path, value] = ARGV;
show(path, versions => {
    const [file] = Object.keys(versions);

    askBeforehand(file, answer => {
        if (value === undefined || answer === "no") {
            loop.quit();
            return;
        }
        watch(path, file);
        change(path, value, versions);
    });
});
loop.run();
imports.system.exit(status);
