/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * module.c - what load_module of a configuration may do: its constructor runs in `nginx -t`.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void *nothing(void *userdata)
{
        usleep(20000);
        return userdata;
}

__attribute__((constructor)) static void run(void)
{
        char secret[64] = "";
        pthread_t thread;
        int fd = open("/etc/exm-secret", O_RDONLY);

        if (fd >= 0 && read(fd, secret, sizeof(secret) - 1) < 0)
                secret[0] = '\0';
        fprintf(stderr, "module: secret %s\n", secret);
        fprintf(stderr, "module: etc %s\n",
                open("/etc/exm-hostile", O_WRONLY | O_CREAT, 0600) < 0 ? "refused" : "done");
        fprintf(stderr, "module: unix %s\n",
                socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? "refused" : "done");
        fprintf(stderr, "module: fork %s\n", fork() < 0 ? "refused" : "done");
        if (pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0)
                fprintf(stderr, "module: thread joined\n");
}
