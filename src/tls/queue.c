/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of OpenSSL as two queues of ours.  Its own memory BIO answers each
 * question (how much waits?) through three calls and clears what it grows by;
 * a request asks some twenty times.
 */
#include "tls/own.h"

#include <string.h>

static BIO_METHOD *method;

static int
queue_write(BIO *bio, const char *at, int size)
{
	struct tls_queue *q = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (size > 0) {
		buf_add(&q->bytes, (struct str){ at, (size_t)size });
	}
	return size;
}

/* A queue of which all was read holds no memory. */
static void
drop_read(struct tls_queue *q)
{
	if (q->from == q->bytes.len) {
		q->from = 0;
		buf_fini(&q->bytes);
	}
}

/* An empty queue means "later", never "end". */
static int
queue_read(BIO *bio, char *at, int size)
{
	struct tls_queue *q = BIO_get_data(bio);
	bool own = q->from < q->bytes.len;
	struct str next =
	    own ? str_sub(buf_str(&q->bytes), q->from, q->bytes.len) : q->lent;
	size_t n = next.len;

	BIO_clear_retry_flags(bio);
	if (n == 0 || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = n < (size_t)size ? n : (size_t)size;
	memcpy(at, next.at, n);
	record_filled(at, n);
	if (own) {
		q->from += n;
		drop_read(q);
	} else {
		q->lent = str_sub(q->lent, n, q->lent.len);
	}
	return (int)n;
}

static long
queue_control(BIO *bio, int what, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return what == BIO_CTRL_FLUSH;
}

void
queue_start(void)
{
	if (method) {
		return;
	}
	method =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "queue");
	must(method && BIO_meth_set_write(method, queue_write) &&
	     BIO_meth_set_read(method, queue_read) &&
	     BIO_meth_set_ctrl(method, queue_control));
}

BIO *
queue_bio(struct tls_queue *q)
{
	BIO *bio = BIO_new(method);

	must(bio);
	BIO_set_data(bio, q);
	BIO_set_init(bio, 1);
	return bio;
}

void
queue_lend(struct tls_queue *q, struct str bytes)
{
	if (q->lent.len == 0) {
		q->lent = bytes;
		return;
	}
	must(q->lent.at + q->lent.len == bytes.at);
	q->lent.len += bytes.len;
}

void
queue_keep(struct tls_queue *q)
{
	buf_drop(&q->bytes, q->from);
	q->from = 0;
	buf_add(&q->bytes, q->lent);
	q->lent = (struct str){ 0 };
	drop_read(q);
}

/* What is all of it changes hands, and nothing is copied.  Else no memory stays
 * here: it may have been lent (tls_room), and what stood in it would come back
 * behind what is written next. */
void
queue_move(struct tls_queue *q, struct buf *out)
{
	if (out->len == 0 && q->from == 0) {
		struct buf all = q->bytes;

		q->bytes = *out;
		*out = all;
		return;
	}
	buf_add(out, str_sub(buf_str(&q->bytes), q->from, queue_waiting(q)));
	buf_fini(&q->bytes);
	q->from = 0;
}
