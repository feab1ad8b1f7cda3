// SPDX-License-Identifier: Apache-2.0
// What Node's own parser (llhttp, strict) says of requests: standard input holds
// them, each behind its length (4 bytes, the low one first); a line of JSON for
// each, as tests/fuzz/http_tell.c writes it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

process.removeAllListeners('warning');
const { HTTPParser, methods } =
  createRequire(import.meta.url)('_http_common');
const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

function tell(bytes) {
  const parser = new HTTPParser();
  const told = { headers: [], body: '' };
  let whole = false;
  const add = (list) => {
    for (let i = 0; i < list.length; i += 2) {
      told.headers.push([hex(list[i]), hex(list[i + 1])]);
    }
  };
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeaders | 0] = (list) => { // of a long head, of trailers
    if (!told.done) {
      add(list);
    }
  };
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, list, method, url,
    status, message, upgrade) => {
    if (whole) { // another one, behind it
      return 0;
    }
    add(list ?? []);
    told.done = true;
    Object.assign(told, { minor, method: hex(methods[method]),
      target: hex(url ?? ''), upgrade });
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (piece) => {
    if (!whole) {
      told.body += Buffer.from(piece).toString('hex');
    }
  };
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    whole = true;
  };
  const result = parser.execute(bytes, 0, bytes.length);
  if (whole) {
    delete told.done;
    return told;
  }
  return result instanceof Error ? { refused: result.code } : { more: true };
}

const all = readFileSync(0);
const lines = [];
for (let at = 0; at < all.length;) {
  const size = all.readUInt32LE(at);
  lines.push(JSON.stringify(tell(all.subarray(at + 4, at + 4 + size))));
  at += 4 + size;
}
process.stdout.write(lines.join('\n') + '\n');
