/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUEUE_FORM_H
#define QUEUE_FORM_H

/* Inside of the room: the constants of the saved forms (DESIGN). */

#include "queue/state.h"

#define FORM_TASK    'T'
#define FORM_LETTER  'L'
#define FORM_VERSION 1

#define FORM_DEAD       1
#define FORM_MAIL_WAITS 2
#define FORM_REARMED    4
#define FORM_MORE       8

#define FORM_ACK    1
#define FORM_DECIDE 2

#endif
