/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_INSIDE_H
#define MODEL_INSIDE_H

#include "model/model.h"

/* call.c: the calls of a message, in their order; -1: too many. */
int model_read_calls(struct arena *a, const struct json *message,
    uint32_t first_id, struct model_reply *out) MUST_CHECK;
void model_cut_calls(struct model_reply *out);

/* text.c */
struct str model_text_of(struct arena *a, const struct json *content);
void model_split_thinking(struct arena *a, struct model_reply *out);

/* fail.c: tree is NULL when the body is no JSON.  All return -1. */
int model_unreachable(struct arena *a, const struct model_answer *answer,
    struct model_failure *why);
int model_failed(struct arena *a, const struct model_answer *answer,
    const struct json *tree, struct model_failure *why);

#endif
