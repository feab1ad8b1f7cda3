/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PART_H
#define BASE_PART_H

/* Inside this room only: the name that must_set_part keeps, for the log. */
const char *must_part(void);

#endif
