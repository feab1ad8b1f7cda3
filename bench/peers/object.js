// SPDX-License-Identifier: Apache-2.0
// A task queue as a SQLite Durable Object: claim and complete under an epoch,
// one outcome row per task.  It answers when its write is on the disk.
import { DurableObject } from "cloudflare:workers";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS task(
  id INTEGER PRIMARY KEY, mailbox INT NOT NULL, priority INT NOT NULL DEFAULT 0,
  state INT NOT NULL DEFAULT 0, epoch INT NOT NULL DEFAULT 0, lease INT,
  payload TEXT);
CREATE INDEX IF NOT EXISTS ready ON task(mailbox, priority, id) WHERE state = 0;
CREATE TABLE IF NOT EXISTS event(
  seq INTEGER PRIMARY KEY, task INT, epoch INT, kind INT);`;
const CLAIM = `
UPDATE task SET state = 1, epoch = epoch + 1, lease = ?1 WHERE id = (
  SELECT id FROM task WHERE mailbox = 1 AND state = 0
  ORDER BY priority, id LIMIT 1)
RETURNING id, epoch, payload`;
const COMPLETE = `
UPDATE task SET state = 2, lease = NULL
WHERE id = ?1 AND epoch = ?2 AND state = 1 RETURNING id`;
const PUT = "INSERT INTO task(mailbox, payload) VALUES(1, ?)";

export class Queue extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec(SCHEMA);
  }

  claim() {
    return this.sql.exec(CLAIM, Date.now() + 30000).toArray()[0];
  }

  complete(id, epoch) {
    if (!this.sql.exec(COMPLETE, id, epoch).toArray().length) {
      return new Response("stale", { status: 409 });
    }
    this.sql.exec("INSERT INTO event(task, epoch, kind) VALUES(?, ?, 2)",
      id, epoch);
    return new Response("done");
  }

  fill(count) {
    this.ctx.storage.transactionSync(() => {
      for (let i = 0; i < count; i++) {
        this.sql.exec(PUT, "x".repeat(100));
      }
    });
    return new Response(String(count));
  }

  async fetch(request) {
    const url = new URL(request.url);
    const number = (name) => Number(url.searchParams.get(name));

    switch (url.pathname) {
      case "/nop":
        return new Response("ok");
      case "/fill":
        return this.fill(number("n"));
      case "/claim": {
        const task = this.claim();
        return task ? new Response(`${task.id} ${task.epoch}`)
          : new Response(null, { status: 204 });
      }
      case "/complete":
        return this.complete(number("id"), number("epoch"));
      case "/cycle": { // both in one request: the kindest to this peer
        const task = this.claim();
        return task ? this.complete(task.id, task.epoch)
          : new Response(null, { status: 204 });
      }
      default:
        return new Response("?", { status: 404 });
    }
  }
}

export default {
  fetch(request, env) {
    return env.QUEUE.get(env.QUEUE.idFromName("queue")).fetch(request);
  },
};
