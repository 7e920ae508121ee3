/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * agent.h - polkit's text agent on our terminal, which asks for passwords while we wait for a
 * reply.
 */
#pragma once

#include <sys/types.h>
#include <termios.h>

/* Zero-initialise. */
typedef struct Agent {
        pid_t pid;             /* 0: none */
        struct termios before; /* the terminal: an agent that is ended leaves it without echo */
} Agent;

/* Starts it, and waits until it is registered, if there is a terminal to ask on, we are not root
 * (who is never asked), and there is none yet, or none any more. Without one the call is simply
 * denied: no error. */
void agent_open(Agent *agent);
void agent_close(Agent *agent);
