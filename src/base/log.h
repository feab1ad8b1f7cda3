/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * One line an event to stderr: `time level part event text`.  Parts log, rooms
 * do not.  The text never holds a secret or raw hostile bytes (err_quote).
 */

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level); /* default LOG_INFO */
void log_set_json(bool json);             /* one JSON object a line */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void log_err(const char *event, const struct err *e);

#endif
