/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "wire/wire.h"

void
wire_api_ask_put(struct wire_api_ask_head *head, char *text, size_t room,
    struct str target, struct str body)
{
	must(target.len <= WIRE_API_TARGET_MAX &&
	     target.len + 1 + body.len <= room);
	head->target_size = (uint16_t)target.len;
	head->body_size = (uint16_t)body.len;
	memcpy(text, target.at, target.len);
	text[target.len] = 0;
	if (body.len) {
		memcpy(text + target.len + 1, body.at, body.len);
	}
}

static bool
one_place(size_t has_body, size_t body_size, size_t nfds)
{
	return has_body <= 1 && nfds == has_body &&
	       !(has_body && body_size > 0);
}

bool
wire_api_ask_take(const struct wire_api_ask_head *head, struct str text,
    size_t nfds, struct str *target, struct str *body)
{
	size_t size = head->target_size;

	if (!wire_text_ok(head->method, sizeof(head->method)) ||
	    !wire_text_ok(head->key, sizeof(head->key)) ||
	    (head->transport != WIRE_LOCAL && head->transport != WIRE_TCP) ||
	    head->has_token > 1 || head->events > 1 ||
	    head->page > WIRE_PAGE_ASK ||
	    (head->page == WIRE_PAGE_ASK && head->has_token) ||
	    (head->page != WIRE_NO_PAGE && head->transport != WIRE_TCP) ||
	    !one_place(head->has_body, head->body_size, nfds)) {
		return false;
	}
	if (size > WIRE_API_TARGET_MAX || size >= text.len ||
	    strnlen(text.at, text.len) != size ||
	    head->body_size > text.len - size - 1) {
		return false;
	}
	*target = str_sub(text, 0, size);
	*body = str_sub(text, size + 1, head->body_size);
	return true;
}

bool
wire_api_answer_take(const struct wire_api_answer_head *head, struct str text,
    size_t nfds, struct str *body)
{
	if (!wire_text_ok(head->content_type, sizeof(head->content_type)) ||
	    !wire_text_ok(head->allow, sizeof(head->allow)) || head->more > 1 ||
	    head->status < 100 || head->status > 599 ||
	    head->body_size > text.len ||
	    !one_place(head->has_body, head->body_size, nfds)) {
		return false;
	}
	*body = str_sub(text, 0, head->body_size);
	return true;
}
