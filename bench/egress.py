#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of the way out, each line `NAME: VALUE UNIT, RATIO x PEER (spread)`.

usage: bench/egress.py BUILD-FOLDER [NAME…]

The client runs in a real cell and asks a TLS origin on loopback through the
fence: its TLS is opened, the credential put in, TLS made again, the intent
committed before.  The peers do the same rewrite of the same requests, in turns
with ours in the same run.  All parts of the house, and the peer, stay on
processor 0; the client and the origin on processor 1.  bench/README.md says
what each line means.
"""
import json
import os
import resource
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import house as houses
from house import each_idle, median

PASSES = int(os.environ.get("PASSES", "3"))
SECONDS = int(os.environ.get("SECONDS", "3"))
HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "bench.test"
CONNECTIONS = 32
RULE = """
[egress.bench]
match    = {{ host = "{name}" }}
upstream = "127.0.0.1:{port}"
ca       = "{ca}"
inject   = {{ credential = "bench", header = "Authorization", format = "Bearer {{{{secret}}}}" }}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  option http-keep-alive
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port} ssl crt {folder}/peer.pem alpn http/1.1
  http-request set-header Authorization "Bearer {secret}"
  default_backend back
backend back
  server origin 127.0.0.1:{origin} ssl verify required ca-file {folder}/origin.pem sni str({name}) verifyhost {name} alpn http/1.1
"""


def spread(values, digits=0):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pin(core):
    """In a child before its exec."""
    return lambda: os.sched_setaffinity(0, {core})


def cpu_ns(pids):
    """Nanoseconds of processor time that these processes have had."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="utf-8") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def below(root):
    """A process and all that descend from it."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(pid))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += parents.get(found[-1], [])
    return found


PARTS = ("supervisor", "core", "vault", "sandbox", "resolver", "egress", "api", "agent")


def parts_of(root):
    """The house's own processes; not what runs in its cells."""
    found = []
    for pid in below(root):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                if f.read().strip() in PARTS:
                    found.append(pid)
        except OSError:
            pass
    return found


def rolled(pid, row):
    """KiB of a process, as the kernel adds its mappings up."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith(row + ":"))


class Rig:
    """Origin, house and peers of one run, in a folder of its own."""

    def __init__(self, build, book="/tmp"):
        if len(os.sched_getaffinity(0)) < 2:
            sys.exit("these figures need two processors")
        self.build = os.path.abspath(build)
        self.secret = secrets.token_urlsafe(24)
        self.folder = tempfile.mkdtemp(prefix="handrail-egress-")
        os.chmod(self.folder, 0o755)
        self.started = []
        self.house = None
        self.load = self.build + "/bench/bench_egress_load"
        self.origin = self.start_origin()
        self.book = book

    def close(self):
        if self.house:
            self.house.close()
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, argv, core, **more):
        with open(self.folder + "/log", "ab") as log:
            process = subprocess.Popen(argv, stderr=log, preexec_fn=pin(core),
                                       **{"stdout": log, **more})
        self.started.append(process)
        return process

    def start_origin(self):
        process = self.start([self.build + "/bench/bench_egress_origin", NAME, self.secret,
                              self.folder + "/origin.pem", "1", self.load], 1,
                             stdout=subprocess.PIPE, text=True)
        self.origin_pid = process.pid
        return int(process.stdout.readline())

    def stats(self):
        """What the origin was asked, and how often with the credential."""
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.folder + "/origin.pem", "--resolve",
             f"{NAME}:{self.origin}:127.0.0.1", f"https://{NAME}:{self.origin}/stats"],
            capture_output=True, text=True, check=True)
        return [int(x) for x in done.stdout.split()]

    # --- the house

    def up(self, cells=4, rules=""):
        h = self.house = houses.House(self.build, self.book)
        shutil.copy(self.folder + "/origin.pem", h.folder + "/origin.pem")
        with open(h.folder + "/roles/helper/gates.toml", "a", encoding="utf-8") as f:
            f.write(RULE.format(name=NAME, port=self.origin, ca=h.folder + "/origin.pem") + rules)
        h.edit("handrail.toml", "# cells = 8", f"cells = {cells}")
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {0})
        h.up()
        os.sched_setaffinity(0, before)
        subprocess.run(h.argv("vault", "put", "bench", "--host", NAME), input=self.secret,
                       text=True, check=True, env=h.environment, stdout=subprocess.DEVNULL)

    def cell(self, command, **more):
        """A shell in a fresh cell, with the load program as /tmp/load."""
        text = (f"curl -sSo /tmp/load https://{NAME}/program && chmod +x /tmp/load && {command}")
        program, _, *where = self.house.argv("")
        return subprocess.Popen(
            [program, "sandbox", *where, "run", "--identity", "helper", "--", "sh", "-c", text],
            env=self.house.environment, stdout=subprocess.PIPE, text=True, **more)

    def holder(self, *words):
        """egress_hold.py in a cell of its own, once it says that it is ready."""
        with open(os.path.join(HERE, "egress_hold.py"), encoding="utf-8") as f:
            text = f.read()
        program, _, *where = self.house.argv("")
        process = subprocess.Popen(
            [program, "sandbox", *where, "run", "--identity", "helper", "--", "python3", "-c",
             text, *map(str, words)], env=self.house.environment, stdout=subprocess.PIPE,
            text=True)
        self.started.append(process)
        return process

    def egress_kib(self, row):
        """A row of smaps_rollup of each egress of a cell: no parents, not core's."""
        sizes = []
        for pid in parts_of(self.house.process.pid):
            try:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    name = f.read().strip()
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
                    own = "own" in f.read().split("\0")
                if name == "egress" and not own and len(below(pid)) == 1:
                    sizes.append(rolled(pid, row))
            except OSError:
                pass
        return sizes

    def heads(self, kind, after):
        return sum(1 for e in self.house.book(after) if e["kind"] == kind)

    def last_head(self):
        return json.loads(self.house.run("status", "--json"))["events"]

    def ours(self, path, connections, seconds=None, pace=""):
        """One pass through the house; its processor time in us a request."""
        after, asked = self.last_head(), self.stats()
        # Its egress is there when it is looked at, before and after.
        process = self.cell("echo ready; sleep 1; /tmp/load - 443 %s $SSL_CERT_FILE 1 %s %d %d %s"
                            "; sleep 1" % (NAME, path, connections, seconds or SECONDS, pace))
        ready = process.stdout.readline()
        parts = parts_of(self.house.process.pid)
        begun = cpu_ns(parts)
        looked = time.monotonic()
        line = process.stdout.readline()
        used = cpu_ns(parts) - begun
        each = {self.name(p): cpu_ns([p]) // 1000 for p in parts} if os.environ.get("SHOW") else ""
        process.communicate(timeout=60)
        row = json.loads(line or "{}")
        if ready != "ready\n" or row.get("bad", 1):
            sys.exit("the load in the cell failed: " + ready + line)
        if row["began"] < looked:
            sys.exit("the load began before its processor time was looked at")
        new = self.stats()
        row["seen"] = new[0] - asked[0]
        row["injected"] = new[1] - asked[1]
        row["cpu"] = used / 1e3 / max(1, row["asked"])
        row["after"] = after
        if each:
            print(line, each, file=sys.stderr)
        return row

    @staticmethod
    def name(pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                return f"{f.read().strip()}[{pid}]"
        except OSError:
            return str(pid)

    def check(self, row):
        """Intents committed must equal requests, each with the credential."""
        # One more: the program itself came through the fence.
        intents = self.heads("request_intent", row["after"]) - 1
        if not intents == row["asked"] == row["seen"] == row["injected"]:
            sys.exit(f"{row['asked']} requests, {intents} intents, {row['seen']} at the origin, "
                     f"{row['injected']} with the credential")
        return intents

    def rows(self, place, batch):
        """Rows of intents a second in the store alone, and p50 of a commit."""
        folder = tempfile.mkdtemp(prefix="handrail-rows-", dir=place)
        try:
            done = subprocess.run([self.build + "/bench/bench_intents", folder, str(batch),
                                   str(SECONDS)], capture_output=True, text=True, check=True,
                                  preexec_fn=pin(0))
            return json.loads(done.stdout)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def hops(self):
        """What the records between three parts take that do nothing else."""
        done = subprocess.run([self.build + "/bench/bench_egress_hops", "20000"],
                              capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        return row["hops_us"] - row["bare_us"]

    # --- peers

    def direct(self, port, ca, path, connections, pids=(), seconds=None, pace=""):
        begun = cpu_ns(pids)
        done = subprocess.run(
            [self.load, "127.0.0.1", str(port), NAME, ca, "1", path, str(connections),
             str(seconds or SECONDS), *([str(pace)] if pace else [])],
            capture_output=True, text=True, check=False)
        used = cpu_ns(pids) - begun
        if done.returncode:
            sys.exit(f"the load: {done.stdout} {done.stderr[-1000:]}")
        row = json.loads(done.stdout)
        row["cpu"] = used / 1e3 / max(1, row["asked"])
        return row

    def certificate(self):
        """What the peers show to the client."""
        if os.path.exists(self.folder + "/peer.pem"):
            return
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out",
                        "peer-ca.pem", "-days", "2", "-subj", "/CN=bench peer", "-addext",
                        f"subjectAltName=DNS:{NAME}"], cwd=self.folder, check=True,
                       capture_output=True)
        with open(self.folder + "/peer.pem", "w", encoding="utf-8") as out:
            for name in ("key.pem", "peer-ca.pem"):
                with open(f"{self.folder}/{name}", encoding="utf-8") as f:
                    out.write(f.read())

    def listens(self, port, process, what):
        end = time.monotonic() + 30
        while time.monotonic() < end and process.poll() is None:
            if subprocess.run(["curl", "-s", "--cacert", self.folder + "/peer-ca.pem", "--resolve",
                               f"{NAME}:{port}:127.0.0.1", f"https://{NAME}:{port}/1"],
                              capture_output=True, check=False).stdout:
                return process
            time.sleep(0.1)
        with open(self.folder + "/log", encoding="utf-8", errors="replace") as f:
            sys.exit(f"{what} does not answer:\n{f.read()[-2000:]}")

    def write_haproxy(self, port):
        with open(self.folder + "/haproxy.cfg", "w", encoding="utf-8") as f:
            f.write(HAPROXY.format(port=port, folder=self.folder, secret=self.secret,
                                   origin=self.origin, name=NAME))

    def haproxy(self):
        self.certificate()
        port = free_port()
        self.write_haproxy(port)
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        process = self.start([program, "-db", "-f", self.folder + "/haproxy.cfg"], 0)
        return port, self.listens(port, process, "haproxy").pid

    def mitmproxy(self):
        self.certificate()
        port = free_port()
        os.makedirs(self.folder + "/mitm", exist_ok=True)
        process = self.start(
            [shutil.which("mitmdump") or "/usr/bin/mitmdump", "-q", "--set",
             f"confdir={self.folder}/mitm", "--mode", f"reverse:https://127.0.0.1:{self.origin}",
             "--listen-host", "127.0.0.1", "--listen-port", str(port), "--certs",
             f"*={self.folder}/peer.pem", "--ssl-insecure", "--set", "keep_host_header=true",
             "--set", "http2=false", "--set", "flow_detail=0", "--set",
             f"modify_headers=/~q/Authorization/Bearer {self.secret}"], 0)
        return port, self.listens(port, process, "mitmproxy").pid


def values(rows, key):
    return [row[key] for row in rows]


def many(rows, key="rate", digits=0):
    return f"{median(values(rows, key)):.{digits}f}, {spread(values(rows, key), digits)}"


def requests_haproxy(rig):
    """Both take turns, so that both meet the same load of the machine.  What a commit
    costs is shared by all that wait for it: so with several numbers of connections."""
    rig.book = os.environ.get("BOOK", rig.book)
    rig.up()
    port, pid = rig.haproxy()
    for connections in (CONNECTIONS, 2 * CONNECTIONS, 4 * CONNECTIONS):
        own, peer = [], []
        intents = 0
        for _ in range(PASSES):
            own.append(rig.ours("/1024", connections))
            intents += rig.check(own[-1])
            peer.append(rig.direct(port, rig.folder + "/peer-ca.pem", "/1024", connections,
                                   [pid]))
        rate = median(values(own, "rate")) / median(values(peer, "rate"))
        cpu = median(values(own, "cpu")) / median(values(peer, "cpu"))
        print(f"egress-requests-haproxy: {median(values(own, 'rate')):.0f} requests/s, {rate:.2f} "
              f"x HAProxy ({connections} connections; passes {many(own)}; HAProxy {many(peer)}; "
              f"{intents} intents committed; p50 {median(values(own, 'p50_us')):.0f} us, HAProxy "
              f"{median(values(peer, 'p50_us')):.0f} us)")
        print(f"egress-cpu-haproxy: {median(values(own, 'cpu')):.1f} us/request, {cpu:.2f} x "
              f"HAProxy ({connections} connections; {many(own, 'cpu', 1)}; HAProxy "
              f"{many(peer, 'cpu', 1)})", flush=True)


def alone(rig):
    """The room proxy without core, vault, cell and book, beside HAProxy: what no
    faster core could take away; and what HAProxy adds, which commits nothing."""
    port, pid = rig.haproxy()
    mine = rig.start([rig.build + "/bench/bench_egress_alone", NAME, str(rig.origin),
                      rig.folder + "/origin.pem", rig.secret, rig.folder + "/alone.pem"], 0,
                     stdout=subprocess.PIPE, text=True)
    here = int(mine.stdout.readline())
    for connections in (1, CONNECTIONS):
        own, peer, bare = [], [], []
        for _ in range(PASSES):
            bare.append(rig.direct(rig.origin, rig.folder + "/origin.pem", "/1024", connections))
            asked = rig.stats()
            own.append(rig.direct(here, rig.folder + "/alone.pem", "/1024", connections,
                                  [mine.pid]))
            if rig.stats()[1] - asked[1] != own[-1]["asked"]:
                sys.exit("not each request had the credential")
            peer.append(rig.direct(port, rig.folder + "/peer-ca.pem", "/1024", connections,
                                   [pid]))
        cpu = median(values(own, "cpu")) / median(values(peer, "cpu"))
        floor = median(values(bare, "p50_us"))
        print(f"egress-alone: {median(values(own, 'cpu')):.1f} us/request of a processor, "
              f"{cpu:.2f} x HAProxy ({connections} connections; {many(own, 'cpu', 1)}; HAProxy "
              f"{many(peer, 'cpu', 1)}; requests/s {many(own)}, HAProxy {many(peer)}; adds "
              f"{median(values(own, 'p50_us')) - floor:.0f} us to the p50 of direct TLS, HAProxy "
              f"{median(values(peer, 'p50_us')) - floor:.0f} us)", flush=True)


def requests_mitmproxy(rig):
    rig.up()
    port, pid = rig.mitmproxy()
    own, peer = [], []
    for _ in range(PASSES):
        own.append(rig.ours("/1024", CONNECTIONS))
        rig.check(own[-1])
        peer.append(rig.direct(port, rig.folder + "/peer-ca.pem", "/1024", CONNECTIONS, [pid]))
    rate = median(values(own, "rate")) / median(values(peer, "rate"))
    print(f"egress-requests-mitmproxy: {median(values(own, 'rate')):.0f} requests/s, {rate:.1f} x "
          f"mitmproxy (passes {many(own)}; mitmproxy {many(peer)})", flush=True)


def bulk(rig):
    rig.up()
    port, pid = rig.haproxy()
    own, peer = [], []
    for _ in range(PASSES):
        own.append(rig.ours("/104857600", 4))
        peer.append(rig.direct(port, rig.folder + "/peer-ca.pem", "/104857600", 4, [pid]))
    rate = median(values(own, "bytes")) / median(values(peer, "bytes"))
    for row in own + peer:
        row["mb"] = row["bytes"] / 1e6
    print(f"egress-bulk: {median(values(own, 'mb')):.0f} MB/s of answers of 100 MiB, scrubbed, "
          f"{rate:.2f} x HAProxy (passes {many(own, 'mb')}; HAProxy {many(peer, 'mb')})",
          flush=True)


def added(rig):
    """One connection; what the way through the house adds to the direct one, and
    what of it is the hand-overs of a request between egress, core and vault."""
    rig.book = "/dev/shm"
    rig.up()
    peer = rig.haproxy()
    for how in each_idle():
        added_so(rig, *peer, how)


def added_so(rig, port, pid, how):
    own, peer, bare = [], [], []
    intents = 0
    for _ in range(PASSES):
        bare.append(rig.direct(rig.origin, rig.folder + "/origin.pem", "/1024", 1))
        own.append(rig.ours("/1024", 1))
        intents += rig.check(own[-1])
        peer.append(rig.direct(port, rig.folder + "/peer-ca.pem", "/1024", 1, [pid]))
    floor = median(values(bare, "p50_us"))
    more = [row["p50_us"] - floor for row in own]
    print(f"egress-added-p50-us: {median(more):.0f} us, {median(values(own, 'p50_us')) / floor:.1f} "
          f"x direct TLS keep-alive ({how}; book on tmpfs; passes {spread(more)}; direct {floor} us; "
          f"HAProxy adds {median(values(peer, 'p50_us')) - floor} us; parts that only pass the "
          f"records on {median([rig.hops() for _ in range(PASSES)]):.0f} us; p99 "
          f"{median(values(own, 'p99_us'))} us, direct {median(values(bare, 'p99_us'))}; "
          f"{intents} intents committed)", flush=True)


def commit(rig):
    """The same with the book on a disk.  So many connections that each ask again
    at once keep a queue at the one processor, which is waited for and not the
    commit: HAProxy, which commits nothing, says how long it is.  Paced, by half
    and by a quarter of what the house reaches so, they ask when it is their time."""
    rig.up()
    peer = rig.haproxy()
    for how in each_idle():
        commit_of(rig, peer, how, 1)
        reached = commit_of(rig, peer, how, CONNECTIONS)
        for part in (2, 4):
            commit_of(rig, peer, how, CONNECTIONS, max(100, int(reached / part)))


def commit_of(rig, peer, processors, connections, pace=""):
    own, other, bare, disk = [], [], [], []
    for _ in range(PASSES):
        own.append(rig.ours("/1024", connections, pace=pace))
        rig.check(own[-1])
        other.append(rig.direct(peer[0], rig.folder + "/peer-ca.pem", "/1024", connections,
                                pace=pace))
        bare.append(rig.direct(rig.origin, rig.folder + "/origin.pem", "/1024", connections,
                               pace=pace))
        # Of as many as are under way at once.
        busy = own[-1]["rate"] * own[-1]["p50_us"] / 1e6
        under = min(connections, max(1, round(busy)))
        disk.append(rig.rows("/tmp", under)["p50_us"])
    floor = median(values(bare, "p50_us"))
    more = [row["p50_us"] - floor for row in own]
    peers = [row["p50_us"] - floor for row in other]
    how = f"paced, {median(values(own, 'rate')):.0f}/s" if pace else "each asks again at once"
    print(f"egress-commit-p50-us: {median(more):.0f} us with the commit, "
          f"{median(more) / median(disk):.1f} x a commit of the store alone "
          f"({processors}; {connections} connections, {how}; passes {spread(more)}; commit "
          f"{median(disk):.0f} us, reach {1.5 * median(disk) + 200:.0f}; HAProxy, without one, adds "
          f"{median(peers):.0f} us, {spread(peers)}; p99 {median(values(own, 'p99_us'))} us, HAProxy "
          f"{median(values(other, 'p99_us'))}, direct {median(values(bare, 'p99_us'))})", flush=True)
    return median(values(own, "rate"))


class Silent:
    """Accepts whatever comes and says nothing."""

    def __init__(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
        self.kept = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            self.kept.append(self.listener.accept()[0])


def idle(rig, name, host, port, cells, each, reach):
    """So many idle connections: what each costs, and what the others feel."""
    silent = Silent()
    rig.book = "/dev/shm"  # a disk's p99 would hide all else
    rig.up(cells + 3, f"""
[egress.silent]
match    = {{ host = "silent.test", port = 9000 }}
protocol = "tcp"
upstream = "127.0.0.1:{silent.port}"
""")
    before = rig.ours("/1024", 4)
    empty = rig.holder("hold", host, port, 0, 600)
    need_ready(empty)
    rest = rig.egress_kib("Anonymous")
    holders, held = [empty], 0
    for _ in range(cells):
        holders.append(rig.holder("hold", host, port, each, 600))
        held += need_ready(holders[-1])
    full = rig.egress_kib("Anonymous")
    during = rig.ours("/1024", 4)
    for h in holders:
        h.terminate()
        h.wait(30)
    kib = (sum(full) - median(rest) * len(full)) / max(1, held)
    print(f"{name}: {kib:.1f} KiB each, of {held} in {cells} cells (memory of their own that egresses grew by, {reach}; "
          f"another cell's p99 {during['p99_us']} us, before {before['p99_us']} us)", flush=True)


def need_ready(process):
    line = process.stdout.readline()
    if not line.startswith("ready"):
        sys.exit("a client in a cell: " + line + process.stdout.read())
    return int(line.split()[1])


def tunnels(rig):
    idle(rig, "egress-tunnels", "silent.test", 9000, 40, 250, "reach 12")


def intercepted(rig):
    idle(rig, "egress-intercepted", NAME, 443, 10, 100, "reach 48")


def crowd(rig, name, what, *words):
    """What another cell's p99 is while one does its worst; before and behind it
    the same without, so that a machine that changes is not taken for it."""
    rig.book = "/dev/shm"  # as above
    rig.up()
    bare = [rig.ours("/1024", 4) for _ in range(PASSES)]
    h = rig.holder(*words)
    need_ready(h)
    during = [rig.ours("/1024", 4) for _ in range(PASSES)]
    said = ""
    if words[0] == "names":
        _, count, rate = h.communicate(timeout=300)[0].split()
        said = f", {count} at {rate}/s"
    h.terminate()
    h.wait(60)
    bare += [rig.ours("/1024", 4) for _ in range(PASSES)]
    ratio = median(values(during, "p99_us")) / median(values(bare, "p99_us"))
    print(f"{name}: {median(values(during, 'p99_us'))} us p99 of another cell, {ratio:.2f} x without "
          f"({what}{said}; {many(during, 'p99_us')}; without {many(bare, 'p99_us')})", flush=True)


def slowloris(rig):
    crowd(rig, "egress-slowloris", "200 heads of a byte a second", "slow", NAME, 200, 600)


def sni_names(rig):
    """All of them within the passes, which take about that long."""
    crowd(rig, "egress-names", "hellos with names that are not its own", "names", NAME, 100000,
          max(20, PASSES * (SECONDS + 3)))


def cell_pss(rig):
    rig.up(52)
    holders = [rig.holder("hold", NAME, 443, 0, 40) for _ in range(50)]
    for h in holders:
        need_ready(h)
    sizes = rig.egress_kib("Pss")
    for h in holders:
        h.terminate()
        h.wait(60)
    print(f"egress-pss: {median(sizes) / 1024:.2f} MB each of {len(sizes)} cells at rest "
          f"({spread([s / 1024 for s in sizes], 2)}; reach 1)", flush=True)


def intent_rows(rig):
    """Group commit: as many in one transaction as one cell may have asked."""
    disk, memory = [], []
    for _ in range(PASSES):
        disk.append(rig.rows("/tmp", 256))
        memory.append(rig.rows("/dev/shm", 256))
    print(f"intent-rows: {median(values(disk, 'rate')):.0f} rows/s, "
          f"{median(values(disk, 'rate')) / median(values(memory, 'rate')):.2f} x the same on "
          f"tmpfs (256 a synced transaction; passes {many(disk)}; a commit takes "
          f"{median(values(disk, 'p50_us'))} us; tmpfs {many(memory)})", flush=True)


FIGURES = {
    "egress-requests-haproxy": requests_haproxy,
    "egress-alone": alone,
    "egress-requests-mitmproxy": requests_mitmproxy,
    "egress-bulk": bulk,
    "egress-added-p50-us": added,
    "egress-commit-p50-us": commit,
    "egress-tunnels": tunnels,
    "egress-intercepted": intercepted,
    "egress-slowloris": slowloris,
    "egress-names": sni_names,
    "egress-pss": cell_pss,
    "intent-rows": intent_rows,
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[2:] or FIGURES:
        rig = Rig(sys.argv[1])
        try:
            FIGURES[name](rig)
        finally:
            rig.close()


if __name__ == "__main__":
    main()
