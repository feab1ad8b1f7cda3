// SPDX-License-Identifier: Apache-2.0
// What the peers share: `node PEER.mjs FIGURE…` prints one JSON line a figure.
// PEER_MODULES: the folder that holds node_modules; PEER_TASKS: of a drain.
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const modules = path.join(process.env.PEER_MODULES, "package.json");
const resolve = createRequire(modules).resolve;

export const load = async (name) => import(pathToFileURL(resolve(name)).href);
export const tasks = Number(process.env.PEER_TASKS ?? 20000);
export const url = process.env.PEER_POSTGRES;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const print = (figure) => console.log(JSON.stringify(figure));
export const quiet = { error() {}, warn() {}, info() {}, debug() {} };
export const names = process.argv.slice(2);

const at = (values, share) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];

// From the first fetch to the last completion that is stored.
export async function drain(name, run) {
  const begun = performance.now();
  await run();
  print({ name, rate: tasks / ((performance.now() - begun) / 1000) });
}

// One task at a time into an idle queue: from the put to the handler's start.
// put() returns after the durable answer; began(f): call f at the start.
export async function starts(name, put, began, count = 100) {
  const found = [];
  let start;

  began(() => start?.(performance.now()));
  for (let i = 0; i < count + 10; i++) {
    const started = new Promise((done) => { start = done; });
    const begun = performance.now();

    await put(i);
    const ended = await started;
    if (i >= 10) {
      found.push(ended - begun);
    }
    await sleep(5 + Math.random() * 20);
  }
  start = undefined;
  print({ name, p50: at(found, 0.5), p99: at(found, 0.99) });
}

export const numbered = (from, count) =>
  Array.from({ length: count }, (_, k) => ({ i: from + k }));
