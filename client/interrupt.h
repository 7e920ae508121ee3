/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.h - a wait for what cannot be called back: who interrupts it is told what becomes of
 * it.
 */
#pragma once

#include "util/macro.h"

/* Until released, SIGINT, SIGTERM and SIGHUP say "interrupted; " and these words (at most 255
 * bytes) on standard error, and end the program with EXIT_UNKNOWN. What is ignored stays so: nohup
 * means it. Not nested. */
void interrupt_catch(const char *format, ...) _printf_(1, 2);
void interrupt_release(void);
