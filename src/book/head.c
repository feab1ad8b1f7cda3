/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/bytes.h"
#include "book/book.h"
#include "book/own.h"

#define HEAD_FORMAT 1
#define FLAG_BODY   1u

/* Offsets, as DESIGN draws them. */
enum {
	AT_FORMAT = 0,
	AT_KIND = 2,
	AT_FLAGS = 4,
	AT_SEQ = 8,
	AT_TIME = 16,
	AT_INCARNATION = 24,
	AT_EPOCH = 28,
	AT_RUN = 32,
	AT_TASK = 48,
	AT_POLICY = 64,
	AT_CONTRACT = 96,
	AT_ROLE = 128,
	AT_BODY = 160,
	AT_BODY_SIZE = 192,
	AT_CALL = 196,
	AT_IDENTITY = 200,
	AT_RULE = 296,
	AT_ZERO = 360,
};

/* Length of the text in a field, or -1 if the field has no lawful form. */
static int
text_len(const uint8_t *field, size_t size)
{
	size_t len = 0;

	while (len < size && field[len] >= 0x20 && field[len] <= 0x7e) {
		len++;
	}
	for (size_t i = len; i < size; i++) {
		if (field[i] != 0) {
			return -1;
		}
	}
	return (int)len;
}

static bool
is_zero(const uint8_t *at, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++) {
		any |= at[i];
	}
	return any == 0;
}

/* The field is zero.  All of it is looked at, so that the compiler can look at
 * many bytes at once. */
static inline void
put_text(uint8_t *field, size_t size, const char *text)
{
	size_t len = strlen(text);
	uint8_t bad = 0;

	must(len <= size);
	memcpy(field, text, len);
	for (size_t i = 0; i < size; i++) {
		bool prints = (uint8_t)(field[i] - 0x20) <= 0x5e;

		bad |= (uint8_t)((field[i] != 0) & !prints);
	}
	must(!bad);
}

/* The rules that hold for a head in either form. */
static const char *
head_fault(const struct book_head *head)
{
	if (head->seq < 1 || head->seq > BOOK_TREE_SIZE) {
		return "its sequence number is out of range";
	}
	if (strcmp(book_kind_name(head->kind), "unknown") == 0) {
		return "its kind is not known to this version";
	}
	if (!wall_has_date(head->time)) {
		return "its time is of no year that can be written";
	}
	if (!head->has_body &&
	    (head->body_size != 0 || !digest_is_zero(head->body))) {
		return "it describes a body but has none";
	}
	return NULL;
}

void
book_head_body(struct book_head *head, struct str body)
{
	must(body.len <= UINT32_MAX);
	head->has_body = true;
	head->body_size = (uint32_t)body.len;
	head->body = digest_of(body);
}

void
book_head_body_later(struct book_head *head, struct str body)
{
	must(body.len > 0 && body.len <= UINT32_MAX);
	head->has_body = true;
	head->body_size = (uint32_t)body.len;
}

void
head_name_body(uint8_t bytes[BOOK_HEAD_SIZE], struct digest body)
{
	memcpy(bytes + AT_BODY, body.bytes, DIGEST_SIZE);
}

void
book_head_encode(const struct book_head *head, uint8_t out[BOOK_HEAD_SIZE])
{
	must(!head_fault(head));
	memset(out, 0, BOOK_HEAD_SIZE);
	put_u16(out + AT_FORMAT, HEAD_FORMAT);
	put_u16(out + AT_KIND, head->kind);
	put_u32(out + AT_FLAGS, head->has_body ? FLAG_BODY : 0);
	put_u64(out + AT_SEQ, head->seq);
	put_u64(out + AT_TIME, (uint64_t)head->time.us);
	put_u32(out + AT_INCARNATION, head->incarnation);
	put_u32(out + AT_EPOCH, head->epoch);
	memcpy(out + AT_RUN, head->run.bytes, sizeof(head->run.bytes));
	memcpy(out + AT_TASK, head->task.bytes, sizeof(head->task.bytes));
	memcpy(out + AT_POLICY, head->policy.bytes, DIGEST_SIZE);
	memcpy(out + AT_CONTRACT, head->contract.bytes, DIGEST_SIZE);
	memcpy(out + AT_ROLE, head->role.bytes, DIGEST_SIZE);
	memcpy(out + AT_BODY, head->body.bytes, DIGEST_SIZE);
	put_u32(out + AT_BODY_SIZE, head->body_size);
	put_u32(out + AT_CALL, head->call);
	put_text(out + AT_IDENTITY, BOOK_IDENTITY_MAX, head->identity);
	put_text(out + AT_RULE, BOOK_RULE_MAX, head->rule);
}

/* Fields only; what they may hold is judged by the caller. */
static void
read_fields(const uint8_t *at, struct book_head *head)
{
	memset(head, 0, sizeof(*head));
	head->kind = (enum book_kind)get_u16(at + AT_KIND);
	head->has_body = (get_u32(at + AT_FLAGS) & FLAG_BODY) != 0;
	head->seq = get_u64(at + AT_SEQ);
	head->time.us = (int64_t)get_u64(at + AT_TIME);
	head->incarnation = get_u32(at + AT_INCARNATION);
	head->epoch = get_u32(at + AT_EPOCH);
	memcpy(head->run.bytes, at + AT_RUN, sizeof(head->run.bytes));
	memcpy(head->task.bytes, at + AT_TASK, sizeof(head->task.bytes));
	memcpy(head->policy.bytes, at + AT_POLICY, DIGEST_SIZE);
	memcpy(head->contract.bytes, at + AT_CONTRACT, DIGEST_SIZE);
	memcpy(head->role.bytes, at + AT_ROLE, DIGEST_SIZE);
	memcpy(head->body.bytes, at + AT_BODY, DIGEST_SIZE);
	head->body_size = get_u32(at + AT_BODY_SIZE);
	head->call = get_u32(at + AT_CALL);
	memcpy(head->identity, at + AT_IDENTITY, BOOK_IDENTITY_MAX);
	memcpy(head->rule, at + AT_RULE, BOOK_RULE_MAX);
}

int
book_head_decode(struct str bytes, struct book_head *head, struct err *e)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	struct book_head read;
	const char *fault;

	if (bytes.len != BOOK_HEAD_SIZE) {
		return err_set(e, ERR_INPUT, "a head has %d bytes, not %zu",
		    BOOK_HEAD_SIZE, bytes.len);
	}
	if (get_u16(at + AT_FORMAT) != HEAD_FORMAT) {
		return err_set(e, ERR_INPUT,
		    "a head of format %u; this version reads format %d",
		    get_u16(at + AT_FORMAT), HEAD_FORMAT);
	}
	read_fields(at, &read);
	fault = head_fault(&read);
	if (fault) {
		return err_set(e, ERR_INPUT, "a head is wrong: %s", fault);
	}
	if ((get_u32(at + AT_FLAGS) & ~FLAG_BODY) != 0 ||
	    !is_zero(at + AT_ZERO, BOOK_HEAD_SIZE - AT_ZERO)) {
		return err_set(e, ERR_INPUT,
		    "head %llu has bits set that mean nothing",
		    (unsigned long long)read.seq);
	}
	if (text_len(at + AT_IDENTITY, BOOK_IDENTITY_MAX) < 0 ||
	    text_len(at + AT_RULE, BOOK_RULE_MAX) < 0) {
		return err_set(e, ERR_INPUT,
		    "head %llu has a text that is not printable ASCII",
		    (unsigned long long)read.seq);
	}
	*head = read;
	return 0;
}
