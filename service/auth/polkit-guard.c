/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit-guard.c - a filter of GDBus, which runs in GDBus' own thread.
 *
 * It remembers the serials of the questions that go out and looks at the types of their answers.
 */
#include "auth/polkit-guard.h"

#include <string.h>

#include <gio/gio.h>

#include "util/log.h"

#define ANSWER_SIGNATURE "(bba{ss})"
#define GUARD_KEY        "exmachina-polkit-guard"

typedef struct Guard {
        GHashTable *serials; /* of the questions that are open; GDBus' thread only */
} Guard;

static void guard_free(gpointer userdata)
{
        Guard *guard = userdata;

        g_hash_table_unref(guard->serials);
        g_free(guard);
}

static GDBusMessage *filter(GDBusConnection *connection, GDBusMessage *message, gboolean incoming,
                            gpointer userdata)
{
        GDBusMessageType type = g_dbus_message_get_message_type(message);
        Guard *guard = userdata;
        gpointer serial;

        if (!incoming) {
                if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
                    g_strcmp0(g_dbus_message_get_member(message), "CheckAuthorization") == 0)
                        g_hash_table_add(guard->serials,
                                         GUINT_TO_POINTER(g_dbus_message_get_serial(message)));
                return message;
        }
        if (type != G_DBUS_MESSAGE_TYPE_METHOD_RETURN && type != G_DBUS_MESSAGE_TYPE_ERROR)
                return message;
        serial = GUINT_TO_POINTER(g_dbus_message_get_reply_serial(message));
        if (!g_hash_table_remove(guard->serials, serial) || type == G_DBUS_MESSAGE_TYPE_ERROR ||
            strcmp(g_dbus_message_get_signature(message), ANSWER_SIGNATURE) == 0)
                return message;
        log_error("polkit: an answer of type \"%.64s\" is no answer, it is dropped",
                  g_dbus_message_get_signature(message));
        g_object_unref(message);
        return NULL;
}

void polkit_guard_install(void)
{
        g_autoptr(GDBusConnection) bus = NULL;
        Guard *guard;

        /* polkit-gobject's own connection: it is open, so this returns at once. */
        bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
        if (!bus || g_object_get_data(G_OBJECT(bus), GUARD_KEY))
                return;
        guard = g_new0(Guard, 1);
        guard->serials = g_hash_table_new(NULL, NULL);
        g_object_set_data(G_OBJECT(bus), GUARD_KEY, guard);
        g_dbus_connection_add_filter(bus, filter, guard, guard_free);
}
