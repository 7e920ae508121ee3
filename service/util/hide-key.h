/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hide-key.h - messages that repeat what a person has typed, who may have typed a key.
 */
#pragma once

/* The start of every key's text: "exm1_<name>_<secret>". */
#define KEY_TEXT_PREFIX "exm1_"

/* What looks like a key becomes "exm1_...", in place: a key is on no screen and in no log but where
 * it was made. */
void hide_keys(char *text);
