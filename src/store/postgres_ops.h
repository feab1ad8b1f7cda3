/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_POSTGRES_OPS_H
#define STORE_POSTGRES_OPS_H

/* What postgres.c puts into its struct store_ops, file by file. */

#include "store/ops.h"

int postgres_own(
    struct store *s, const char *node, uint64_t *incarnation, struct err *e);
int postgres_owned(struct store *s, uint64_t *times, struct err *e);
int postgres_owned_set(struct store *s, uint64_t times, struct err *e);
int postgres_head_add(
    struct store *s, const struct store_head *head, struct err *e);
int postgres_body_add(struct store *s, uint64_t seq, int64_t day,
    struct str bytes, struct err *e);
int postgres_heads_walk(struct store *s, uint64_t from, uint64_t limit,
    store_head_fn *each, void *context, struct err *e);
int postgres_head_get(struct store *s, uint64_t seq, store_head_fn *each,
    void *context, struct err *e);
int postgres_body_get(struct store *s, uint64_t seq, int64_t *day,
    struct buf *out, struct err *e);
int postgres_bodies_last(
    struct store *s, int64_t before_day, uint64_t *last, struct err *e);
int postgres_bodies_expire(
    struct store *s, int64_t before_day, uint64_t *count, struct err *e);
int postgres_row_put(
    struct store *s, const struct store_row *row, struct err *e);
int postgres_row_get(struct store *s, struct str space, struct str key,
    struct buf *out, uint64_t *version, struct err *e);
int postgres_row_delete(
    struct store *s, struct str space, struct str key, struct err *e);
int postgres_rows_walk(struct store *s, struct str space, struct str prefix,
    store_row_fn *each, void *context, struct err *e);
int postgres_rows_count(
    struct store *s, struct str space, uint64_t *count, struct err *e);
int postgres_task_put(
    struct store *s, const struct store_task *task, struct err *e);
int postgres_task_get(struct store *s, struct str id, store_task_fn *each,
    void *context, struct err *e);
int postgres_tasks_walk(struct store *s, const struct store_task *like,
    uint64_t limit, store_task_fn *each, void *context, struct err *e);
int postgres_tasks_all(
    struct store *s, store_task_fn *each, void *context, struct err *e);
int postgres_live_walk(
    struct store *s, store_task_fn *each, void *context, struct err *e);
int postgres_inbox_walk(struct store *s, uint64_t limit, store_inbox_fn *each,
    void *context, struct err *e);
int postgres_inbox_drop(struct store *s, uint64_t number, struct err *e);
int postgres_backup_start(struct store *store, const char *path,
    struct store_backup **backup, struct err *e);
int postgres_backup_step(
    struct store_backup *backup, unsigned *percent, struct err *e);
void postgres_backup_free(struct store_backup *backup);
int postgres_inbox_fd(const struct store *s);
void postgres_inbox_bell(struct store *s);

#endif
