// SPDX-License-Identifier: Apache-2.0
// pg-boss by its plainest door: fetch(100) and complete(ids), four at once; and
// its worker with notify for the start of a single job.
import { drain, load, names, numbered, sleep, starts, tasks, url }
  from "./peer.mjs";

const module = await load("pg-boss");
const PgBoss = module.PgBoss ?? module.default;
const boss = new PgBoss({ connectionString: url, max: 20, schema: "pgboss",
  useListenNotify: true, schedule: false });

boss.on("error", (error) => console.error("pg-boss:", error.message));
await boss.start();

async function fresh(queue, options) {
  await boss.deleteQueue(queue).catch(() => {});
  await boss.createQueue(queue, options);
}

for (const name of names) {
  if (name === "start") {
    let started = () => {};

    await fresh("start", { notify: true });
    await boss.work("start", { batchSize: 100, pollingIntervalSeconds: 0.5 },
      async () => started());
    await sleep(500);
    await starts(name, (i) => boss.send("start", { i }),
      (f) => { started = f; });
    await boss.offWork("start");
    continue;
  }
  await fresh("drain");
  for (let i = 0; i < tasks; i += 1000) {
    await boss.insert("drain", numbered(i, 1000).map((data) => ({ data })));
  }
  // A fresh bulk load: its plans stand on statistics.
  await boss.getDb().executeSql("vacuum analyze pgboss.job");
  await drain(name, () => Promise.all([1, 2, 3, 4].map(async () => {
    for (;;) {
      const jobs = await boss.fetch("drain", { batchSize: 100 });
      if (!jobs?.length) {
        return;
      }
      await boss.complete("drain", jobs.map((job) => job.id));
    }
  })));
}
await boss.stop({ graceful: false });
process.exit(0);
