/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * polkit-guard.h - keeps answers of another type than CheckAuthorization's from polkit-gobject.
 *
 * polkit-gobject takes an answer apart without looking at its type (polkit 122,
 * polkit_authorization_result_new_for_gvariant): of a wrong one it would use memory that was never
 * written, as a yes maybe. A filter on its connection drops such an answer: nobody gets it, and the
 * check ends as a late one does, with a no.
 */
#pragma once

/* Once the connection is there (after polkit_authority_get_finish()). Repeating it does nothing. */
void polkit_guard_install(void);
