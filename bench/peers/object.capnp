# SPDX-License-Identifier: Apache-2.0
# The peer over HTTP: one Durable Object with SQLite on its own disk.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .queue),
    (name = "disk", disk = (path = "@DISK@", writable = true)),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:@PORT@", http = (), service = "main"),
  ],
);

const queue :Workerd.Worker = (
  modules = [ (name = "object.js", esModule = embed "object.js") ],
  compatibilityDate = "2026-01-01",
  durableObjectNamespaces = [
    (className = "Queue", uniqueKey = "queue", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [ (name = "QUEUE", durableObjectNamespace = "Queue") ],
);
