// SPDX-License-Identifier: Apache-2.0
// The gRPC service that client.js asks and servers.js answers; messages are JSON.
'use strict';
const json = {
  requestSerialize: (x) => Buffer.from(JSON.stringify(x)),
  requestDeserialize: (b) => JSON.parse(b),
  responseSerialize: (x) => Buffer.from(JSON.stringify(x)),
  responseDeserialize: (b) => JSON.parse(b),
};
const service = {
  unary: { path: '/probe.Probe/Unary', requestStream: false, responseStream: false, ...json },
  count: { path: '/probe.Probe/Count', requestStream: false, responseStream: true, ...json },
  both: { path: '/probe.Probe/Both', requestStream: true, responseStream: true, ...json },
  fails: { path: '/probe.Probe/Fails', requestStream: false, responseStream: false, ...json },
};
module.exports = service;
