/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * view-reply.c - the worker's answers, judged as hostile.
 *
 * The worker may be in the hands of whoever wrote a file or an expression. sd-bus has checked that
 * a message is well-formed and its strings are UTF-8; here follow signature, counts, sizes, and
 * that every path is that of a file of the view, of a node in one, or of a directory above one
 * (which is a node without a value).
 */
#include <errno.h>
#include <string.h>

#include "tree/view-reply.h"
#include "util/strv.h"
#include "worker/protocol.h"

#define WORD_MAX    64U
#define MESSAGE_MAX 1024U

/* A label in a path, as pathx_escape_name() of Augeas writes it, in locale C. */
static bool must_escape(char c)
{
        return strchr("][|/=()!,\\ \t\n\v\f\r", c) != NULL;
}

int view_node_of(const char *file, char **ret)
{
        static const char root[] = "/files";
        char *node = malloc(sizeof(root) + 2 * strlen(file)), *q;

        if (!node)
                return -ENOMEM;
        q = stpcpy(node, root);
        for (const char *p = file; *p; p++) {
                if (*p != '/' && must_escape(*p))
                        *q++ = '\\';
                *q++ = *p;
        }
        *q = '\0';
        *ret = node;
        return 0;
}

static int compare_nodes(const void *a, const void *b)
{
        return strcmp((*(FileSlot *const *)a)->node, (*(FileSlot *const *)b)->node);
}

static int view_sort_nodes(View *view)
{
        if (view->by_node)
                return 0;
        view->by_node = malloc((view->n_files + 1) * sizeof(FileSlot *));
        if (!view->by_node)
                return -ENOMEM;
        if (view->n_files > 0) {
                memcpy(view->by_node, view->files, view->n_files * sizeof(FileSlot *));
                qsort(view->by_node, view->n_files, sizeof(FileSlot *), compare_nodes);
        }
        return 0;
}

/* As strcmp(node, the first `size` bytes of path followed by `end`). */
static int compare_prefix(const char *node, const char *path, size_t size, char end)
{
        int c = strncmp(node, path, size);

        return c != 0 ? c : (unsigned char)node[size] - (unsigned char)end;
}

/* Returns: true if some node of a file is, or with `end` '/' lies below, path's first bytes. */
static bool find_prefix(const View *view, const char *path, size_t size, char end)
{
        size_t low = 0, high = view->n_files;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_prefix(view->by_node[middle]->node, path, size, end) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < view->n_files &&
               compare_prefix(view->by_node[low]->node, path, size, end) == 0;
}

/* Returns: true if the path may come from this view; *ret_directory: it is above the files. */
static bool path_is_within(const View *view, const char *path, bool *ret_directory)
{
        size_t i;

        *ret_directory = false;
        for (i = 0; path[i]; i++) {
                if (i > 0 && (path[i] == '/' || path[i] == '[') && find_prefix(view, path, i, '\0'))
                        return true;
                if (path[i] == '\\' && path[i + 1])
                        i++;
        }
        if (find_prefix(view, path, i, '\0'))
                return true;
        *ret_directory = true;
        return path[0] == '/' && find_prefix(view, path, i, '/');
}

typedef struct NodeList {
        ViewNode *nodes;
        size_t n, allocated;
        size_t bytes;
} NodeList;

static int node_list_add(NodeList *list, const char *path, const char *value, Failure *f)
{
        list->bytes += strlen(path) + (value ? strlen(value) : 0) + 2 * sizeof(uint32_t);
        if (list->bytes > LIMIT_MESSAGE_BYTES)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "the answer has more than %u bytes; narrow the expression, or "
                                   "read it in parts",
                                   LIMIT_MESSAGE_BYTES);
        if (list->n == list->allocated) {
                size_t allocated = list->allocated ? 2 * list->allocated : 64;
                ViewNode *grown = reallocarray(list->nodes, allocated, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                list->nodes = grown;
                list->allocated = allocated;
        }
        list->nodes[list->n++] = (ViewNode){ .path = path, .value = value };
        return 0;
}

/* sd-bus says -EINVAL, -EBADMSG or -ENXIO for what does not fit; only memory is our own trouble. */
static int judge(int r)
{
        return r >= 0 || r == -ENOMEM ? r : -EBADMSG;
}

int reply_read_load(sd_bus_message *m, ViewFile *file)
{
        const char *kind, *message;
        uint32_t line, column;
        int ok, r;

        if (!sd_bus_message_has_signature(m, "bssuu"))
                return -EBADMSG;
        r = sd_bus_message_read(m, "bssuu", &ok, &kind, &message, &line, &column);
        if (r < 0)
                return judge(r);
        if (ok)
                return 0;
        if (!*kind || strlen(kind) > WORD_MAX ||
            kind[strspn(kind, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
                return -EBADMSG;

        file->error_kind = strdup(kind);
        file->error_message = strndup(message, MESSAGE_MAX);
        if (!file->error_kind || !file->error_message)
                return -ENOMEM;
        if (strlen(message) > MESSAGE_MAX) {
                size_t n = MESSAGE_MAX;

                while (n > 0 && ((unsigned char)message[n] & 0xc0) == 0x80)
                        n--;
                file->error_message[n] = '\0';
        }
        for (char *p = file->error_message; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        *p = ' ';
        file->error_line = line;
        file->error_column = column;
        return 0;
}

int reply_read_value(sd_bus_message *m, bool *ret_has, const char **ret_value, Failure *f)
{
        const char *value;
        int has, r;

        if (!sd_bus_message_has_signature(m, "bs"))
                return -EBADMSG;
        r = sd_bus_message_read(m, "bs", &has, &value);
        if (r < 0)
                return judge(r);
        if (strlen(value) > LIMIT_MESSAGE_BYTES)
                return failure_set(f, EXM_E_LIMIT_EXCEEDED,
                                   "the value has more than %u bytes; read the file instead",
                                   LIMIT_MESSAGE_BYTES);
        *ret_has = has;
        *ret_value = has ? value : NULL;
        return 0;
}

int reply_read_paths(View *view, sd_bus_message *m, ViewNode **ret, size_t *ret_n, Failure *f)
{
        NodeList list = {};
        const char *path;
        bool directory;
        int r;

        if (!sd_bus_message_has_signature(m, "as"))
                return -EBADMSG;
        r = view_sort_nodes(view);
        if (r == 0)
                r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &path)) > 0) {
                r = path_is_within(view, path, &directory) ? node_list_add(&list, path, NULL, f)
                                                           : -EBADMSG;
                if (r > 0)
                        break;
        }
        if (r != 0) {
                free(list.nodes);
                return judge(r);
        }

        *ret = list.nodes;
        *ret_n = list.n;
        return 0;
}

static int read_node(View *view, sd_bus_message *m, NodeList *list, Failure *f)
{
        const char *path, *value;
        bool directory;
        int has, r;

        r = sd_bus_message_read(m, "sbs", &path, &has, &value);
        if (r < 0)
                return r;
        if (!path_is_within(view, path, &directory) || (directory && has))
                return -EBADMSG;
        r = node_list_add(list, path, has ? value : NULL, f);
        return r != 0 ? r : sd_bus_message_exit_container(m);
}

static int read_node_array(View *view, sd_bus_message *m, NodeList *list, Failure *f)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sbs)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sbs")) > 0) {
                r = read_node(view, m, list, f);
                if (r == EXM_E_LIMIT_EXCEEDED)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int reply_read_nodes(View *view, sd_bus_message *m, const Operation *op, ViewNode **ret,
                     size_t *ret_n, uint32_t *ret_total, Failure *f)
{
        NodeList list = {};
        uint32_t total = 0;
        int r;

        if (!sd_bus_message_has_signature(m, "a(sbs)u"))
                return -EBADMSG;
        r = view_sort_nodes(view);
        if (r == 0)
                r = read_node_array(view, m, &list, f);
        if (r >= 0 && r != EXM_E_LIMIT_EXCEEDED) {
                r = sd_bus_message_read_basic(m, 'u', &total);
                if (r >= 0)
                        r = 0;
        }
        if (r == 0 && ((op->limit > 0 && list.n > op->limit) ||
                       (list.n > 0 && list.n + (uint64_t)op->offset > total)))
                r = -EBADMSG;
        if (r != 0) {
                free(list.nodes);
                return judge(r);
        }

        *ret = list.nodes;
        *ret_n = list.n;
        *ret_total = total;
        return 0;
}

static bool values_fit(const NodeList *list)
{
        size_t bytes = 0;

        for (size_t i = 0; i < list->n; i++)
                bytes += VALUE_NODE_BYTES + strlen(list->nodes[i].path) +
                         strlen(list->nodes[i].value ?: "");
        return bytes <= VALUES_BYTES;
}

int reply_read_values(View *view, sd_bus_message *m, ViewNode **ret, size_t *ret_n)
{
        _cleanup_failure_ Failure f = {};
        NodeList list = {};
        int r;

        if (!sd_bus_message_has_signature(m, "a(sbs)"))
                return -EBADMSG;
        r = view_sort_nodes(view);
        if (r == 0)
                r = read_node_array(view, m, &list, &f);
        if (r >= 0)
                r = r != EXM_E_LIMIT_EXCEEDED && values_fit(&list) ? 0 : -EBADMSG;
        if (r != 0) {
                free(list.nodes);
                return judge(r);
        }

        *ret = list.nodes;
        *ret_n = list.n;
        return 0;
}

int reply_read_counts(sd_bus_message *m, size_t n_edits, const uint32_t **ret)
{
        const void *counts;
        size_t size;
        int r;

        if (!sd_bus_message_has_signature(m, "au"))
                return -EBADMSG;
        r = sd_bus_message_read_array(m, 'u', &counts, &size);
        if (r < 0)
                return judge(r);
        if (size != n_edits * sizeof(uint32_t))
                return -EBADMSG;
        *ret = counts;
        return 0;
}

int reply_read_changed(View *view, sd_bus_message *m, char ***ret)
{
        _cleanup_strv_ char **changed = NULL;
        _cleanup_free_ bool *seen = NULL;
        const char *file;
        int r;

        if (!sd_bus_message_has_signature(m, "as"))
                return -EBADMSG;
        seen = calloc(view->n_files + 1, sizeof(bool));
        if (!seen)
                return -ENOMEM;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &file)) > 0) {
                ssize_t i = view_find(view, file);

                if (i < 0 || seen[i])
                        return -EBADMSG;
                seen[i] = true;
                r = strv_extend(&changed, file);
        }
        if (r < 0)
                return judge(r);

        *ret = TAKE_PTR(changed);
        return 0;
}

int reply_read_text(sd_bus_message *m, bool *ret_exists, const void **ret_text, size_t *ret_size)
{
        int exists, r;

        if (!sd_bus_message_has_signature(m, "bay"))
                return -EBADMSG;
        r = sd_bus_message_read_basic(m, 'b', &exists);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'y', ret_text, ret_size);
        if (r < 0)
                return judge(r);
        if (!exists && *ret_size > 0)
                return -EBADMSG;
        *ret_exists = exists;
        return 0;
}
