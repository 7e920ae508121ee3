/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * short.h - writes that the system does only in part, as it may.
 *
 * write() and pwrite() of this program, of its libraries too, are counted from short_begin() on;
 * the one whose number is in VICTIM_SHORT writes half of what it was given. With VICTIM_SHORT=0
 * short_end() prints the count.
 */
#pragma once

void short_begin(void);
void short_end(void);
