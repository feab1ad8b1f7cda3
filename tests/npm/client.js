// SPDX-License-Identifier: Apache-2.0
// The clients of tests/api/clients.py, run inside a cell:
//   client.js fetch|http2|socket|grpc
// It prints one line of JSON: under that name, what it was told.
'use strict';
const fs = require('fs');

function say(row) {
  process.stdout.write('=' + JSON.stringify({ [process.argv[2]]: row }) + '\n');
}

async function fetches() {
  const get = await fetch('https://web.test/fetch');
  const body = 'x'.repeat(300000);
  const post = await fetch('https://web.test/fetched', { method: 'POST', body });
  const large = await (await fetch('https://web.test/large')).arrayBuffer();
  say({ get: await get.json(), post: await post.json(), large: large.byteLength });
}

// Ten at once on one session, each with a body.
async function http2() {
  const session = require('http2').connect('https://web.test');
  const one = (n) => new Promise((done, fail) => {
    const r = session.request({ ':method': 'POST', ':path': '/slow', 'x-n': String(n) });
    let text = '';
    r.on('data', (piece) => { text += piece; });
    r.on('end', () => done(JSON.parse(text)));
    r.on('error', fail);
    r.end('y'.repeat(1000 * n));
  });
  const begun = Date.now();
  const rows = await Promise.all([...Array(10).keys()].map(one));
  const took = Date.now() - begun;
  const cut = await new Promise((done) => {
    const r = session.request({ ':path': '/cut' });
    r.once('data', () => session.request({ ':path': '/cut-now' }).on('error', () => {}).resume());
    r.on('end', () => done('whole'));
    r.on('error', (e) => done(e.code));
  });
  session.close();
  say({ rows, took, cut });
}

function socket() {
  const { WebSocket } = require('ws');
  return new Promise((done, fail) => {
    const s = new WebSocket('wss://sock.test/talk');
    const heard = [];
    s.on('open', () => {
      s.send('a text');
      s.send(Buffer.from([0, 1, 2, 255]));
      s.send('z'.repeat(100000));
    });
    s.on('message', (data, binary) => {
      heard.push(binary ? [...data] : data.toString());
      if (heard.length === 4) {
        s.close(1000);
      }
    });
    s.on('close', (code) => done(say({ heard, code })));
    s.on('error', fail);
  });
}

async function rpc() {
  const grpc = require('@grpc/grpc-js');
  const service = require('./service.js');
  const Client = grpc.makeGenericClientConstructor(service, 'Probe');
  const c = new Client('grpc.test:443',
      grpc.credentials.createSsl(fs.readFileSync(process.env.SSL_CERT_FILE)));
  const collect = (call) => new Promise((done, fail) => {
    const all = [];
    call.on('data', (x) => all.push(x));
    call.on('end', () => done(all));
    call.on('error', fail);
  });
  let trailer;
  const unary = await new Promise((done, fail) => {
    const call = c.unary({ hello: 'there' }, (e, x) => (e ? fail(e) : done(x)));
    call.on('status', (s) => { trailer = s.metadata.get('x-probe')[0]; });
  });
  const count = await collect(c.count({ to: 100 }));
  const both = c.both();
  const answers = collect(both);
  for (let n = 0; n < 20; n++) {
    both.write({ n });
  }
  both.end();
  const fails = await new Promise((done) => {
    c.fails({}, (e) => done({ code: e.code, details: e.details }));
  });
  say({ unary, trailer, count: count.length, both: await answers, fails });
  c.close();
}

const runs = { fetch: fetches, http2, socket, grpc: rpc };
runs[process.argv[2]]().catch((e) => {
  say({ failed: String(e), because: String(e.cause) });
  process.exitCode = 1;
});
