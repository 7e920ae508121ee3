/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * agent.h - polkit's text agent on our terminal, which asks for passwords while we wait for a
 * reply.
 */
#pragma once

#include <sys/types.h>

/* Starts it, and waits until it is registered, if there is a terminal to ask on and we are not root
 * (who is never asked). Without one the call is simply denied: no error. */
void agent_open(pid_t *agent);
void agent_close(pid_t *agent);
