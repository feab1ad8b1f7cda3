// SPDX-License-Identifier: Apache-2.0
// graphile-worker: at its defaults (24 jobs at once) and as fast as its manual
// makes it (local queue, batched completion).
import { drain, load, names, numbered, sleep, starts, tasks, url }
  from "./peer.mjs";

const graphile = await load("graphile-worker");
const pg = (await load("pg")).default;
const logger = new graphile.Logger(() => () => {});
const settings = {
  default: { concurrentJobs: 24, maxPoolSize: 25 },
  batched: { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 },
    completeJobBatchDelay: 0, failJobBatchDelay: 0 },
};
const pool = new pg.Pool({ connectionString: url, max: 25 });
pool.on("error", () => {});
pool.on("connect", (client) => client.on("error", () => {}));

async function empty() {
  const found = await pool.query(
    "select count(*)::int as n from graphile_worker._private_jobs");
  return found.rows[0].n === 0;
}

for (const name of names) {
  const [variant, what] = name.split(".");

  await pool.query("drop schema if exists graphile_worker cascade");
  const utils = await graphile.makeWorkerUtils({ pgPool: pool, logger });
  let started = () => {};
  let done = 0;
  let finished;
  const all = new Promise((resolve) => { finished = resolve; });
  const work = () => graphile.run({
    preset: { worker: { pollInterval: 2000, ...settings[variant] } },
    pgPool: pool, logger, noHandleSignals: true,
    taskList: {
      noop: () => { if (++done === tasks) { finished(); } },
      start: () => started(),
    },
  });

  await utils.migrate();
  let runner;
  if (what === "start") {
    runner = await work();
    await sleep(500);
    await starts(name, (i) => utils.addJob("start", { i }),
      (f) => { started = f; });
  } else {
    for (let i = 0; i < tasks; i += 1000) {
      await utils.addJobs(numbered(i, 1000).map((payload) =>
        ({ identifier: "noop", payload })));
    }
    await pool.query("vacuum analyze graphile_worker._private_jobs");
    await drain(name, async () => {
      runner = await work();
      await all;
      while (!await empty()) {
        await sleep(2);
      }
    });
  }
  await runner.stop();
  await utils.release();
}
await pool.end();
process.exit(0);
