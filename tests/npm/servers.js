// SPDX-License-Identifier: Apache-2.0
// The origins of tests/api/clients.py, on loopback, with one certificate:
//   servers.js FOLDER    (server.pem and server.key in it)
// The first line of its output has their ports; each further line is a request
// as it arrived, its Authorization included.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http2 = require('http2');
const https = require('https');
const grpc = require('@grpc/grpc-js');
const { WebSocketServer } = require('ws');
const service = require('./service.js');

const folder = process.argv[2];
const pair = {
  key: fs.readFileSync(folder + '/server.key'),
  cert: fs.readFileSync(folder + '/server.pem'),
};

function say(row) {
  process.stdout.write(JSON.stringify(row) + '\n');
}

// --- HTTP/1.1 and HTTP/2 on one port: what came, said back

let cut; // the session of an answer that ends in the middle

const web = http2.createSecureServer({ ...pair, allowHTTP1: true }, (q, a) => {
  // Of one that is reset before its end there is no session any more, and
  // nobody to answer.
  const session = q.stream ? q.stream.session.socket.remotePort : 0;
  q.on('error', () => {});
  if (q.url === '/early') {
    a.statusCode = 413;
    a.end(); // in one piece: curl stops at its head, short of its length
    q.resume();
    return;
  }
  if (q.url === '/cut') {
    cut = q.stream.session;
    a.write('a part');
    return;
  }
  if (q.url === '/cut-now') {
    cut.destroy();
    a.end();
    return;
  }
  if (q.url === '/hints') {
    a.writeEarlyHints({ link: '</a.css>; rel=preload' });
    setTimeout(() => a.end('hinted'), 50);
    return;
  }
  const sum = crypto.createHash('sha256');
  let bytes = 0;
  q.on('data', (piece) => {
    bytes += piece.length;
    sum.update(piece);
  });
  q.on('end', () => {
    if (!q.complete || q.aborted) {
      return;
    }
    const row = {
      server: 'web', version: q.httpVersion, method: q.method, path: q.url,
      authorization: q.headers.authorization, bytes, sum: sum.digest('hex'),
      session,
    };
    say(row);
    if (q.url === '/clients.tar') {
      fs.createReadStream(folder + q.url).pipe(a);
      return;
    }
    if (q.url === '/large') {
      a.setHeader('content-type', 'application/octet-stream');
      a.end(Buffer.alloc(3000000, 'abcdefg'));
      return;
    }
    a.setHeader('content-type', 'application/json');
    // In a body of open length a credential is replaced, in another it is cut.
    const answer = () => {
      a.write(JSON.stringify(row));
      a.end();
    };
    q.url === '/slow' ? setTimeout(answer, 300) : answer();
  });
});
web.on('checkContinue', (q, a) => {
  say({ server: 'web', expects: true });
  a.writeContinue();
  web.emit('request', q, a);
});

// --- WebSocket: what is said comes back, once with what opened it

const socketServer = https.createServer(pair);
new WebSocketServer({ server: socketServer }).on('connection', (s, q) => {
  say({ server: 'socket', path: q.url, authorization: q.headers.authorization });
  s.send('opened with ' + q.headers.authorization);
  s.on('message', (data, binary) => s.send(data, { binary }));
});

// --- gRPC

function seen(call, method) {
  const value = call.metadata.get('authorization')[0];
  say({ server: 'grpc', method, authorization: value });
  return value;
}

const calls = {
  unary(call, done) {
    const trailer = new grpc.Metadata();
    trailer.set('x-probe', 'in the trailers');
    done(null, { said: call.request, known: Boolean(seen(call, 'unary')) }, trailer);
  },
  count(call) {
    seen(call, 'count');
    for (let n = 0; n < call.request.to; n++) {
      call.write({ n });
    }
    call.end();
  },
  both(call) {
    seen(call, 'both');
    call.on('data', (x) => call.write({ twice: 2 * x.n }));
    call.on('end', () => call.end());
  },
  fails(call, done) {
    seen(call, 'fails');
    done({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'as asked' });
  },
};

function listen(server) {
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', () => done(server.address().port));
  });
}

async function main() {
  const g = new grpc.Server();
  g.addService(service, calls);
  const ssl = grpc.ServerCredentials.createSsl(
      null, [{ private_key: pair.key, cert_chain: pair.cert }]);
  const port = await new Promise((done, fail) => {
    g.bindAsync('127.0.0.1:0', ssl, (e, p) => (e ? fail(e) : done(p)));
  });
  say({ web: await listen(web), socket: await listen(socketServer), grpc: port });
}

main();
