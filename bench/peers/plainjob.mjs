// SPDX-License-Identifier: Apache-2.0
// plainjob on better-sqlite3 at synchronous=FULL: an answer is on the disk.
import path from "node:path";
import { drain, load, numbered, print, quiet, sleep, tasks } from "./peer.mjs";

const Database = (await load("better-sqlite3")).default;
const { better, defineQueue, defineWorker } = await load("plainjob");
const db = new Database(path.join(process.env.PEER_FOLDER, "plainjob.db"));
const queue = defineQueue({ connection: better(db), logger: quiet });

db.pragma("synchronous = FULL");
print({ name: "settings", sync: db.pragma("synchronous", { simple: true }),
  journal: db.pragma("journal_mode", { simple: true }) });
for (let i = 0; i < tasks; i += 1000) {
  queue.addMany("noop", numbered(i, 1000));
}
let done = 0;
let finished;
const all = new Promise((resolve) => { finished = resolve; });
const worker = defineWorker("noop", () => {
  if (++done === tasks) {
    finished();
  }
}, { queue, logger: quiet });

await drain("drain", async () => {
  worker.start();
  await all;
  while (queue.countJobs({ type: "noop", status: 2 }) !== tasks) {
    await sleep(1);
  }
});
await worker.stop();
queue.close();
process.exit(0);
