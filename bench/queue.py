#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of the queue, each line `NAME: VALUE UNIT, RATIO x PEER (spread)`.

usage: bench/queue.py BUILD-FOLDER [NAME…]

Every peer runs in the same run, on the same disk and the same server, in turns
with ours; a line shows medians over the passes and how far they lie apart.
Peers come from npm (bench/package.json, installed under the build folder) and
Debian; nothing listens but on loopback; everything is made in a temporary
folder and ended.  bench/README.md says what each line means.
"""
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import house as houses
from house import each_idle

HERE = os.path.dirname(os.path.abspath(__file__))
PASSES = int(os.environ.get("PASSES", "3"))
SECONDS = int(os.environ.get("SECONDS", "3"))
FLIGHT = 128  # in process: a half of it has 128 heads, of which core makes a batch
IDLE_ROLES = 250  # a house may have 256, and each mailbox is a role's or a person's
SERVER_TELLS = 11  # s: a server's process says what it has done up to 10 s later
ROLE = {
    "role.toml": '[task.default]\ntools = []\n\n[queue]\nserved = "worker"\n',
    "gates.toml": '[defaults]\nunmatched = "deny"\n',
    "mcp/server.toml": "",
}


def median(values):
    return sorted(values)[len(values) // 2]


def spread(values, digits=0):
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def say(name, unit, ours, peers, digits=0, more=""):
    """peers: [(name, values)]; the ratio is of the medians."""
    value = median(ours)
    line = f"{name}: {value:.{digits}f} {unit}"
    for peer, values in peers:
        line += f", {value / median(values):.{2 if value < median(values) * 10 else 1}f} x {peer}"
    line += f" (passes {spread(ours, digits)}"
    for peer, values in peers:
        line += f"; {peer} {median(values):.{digits}f}, {spread(values, digits)}"
    print(line + (f"; {more}" if more else "") + ")", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu(pids):
    """Microseconds of processor time of these processes so far."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                row = f.read().rsplit(")", 1)[1].split()
            total += (int(row[11]) + int(row[12])) * 1000000 // os.sysconf("SC_CLK_TCK")
        except OSError:
            pass
    return total


class Run:
    """What all figures of one run share: build, folder, peers, servers."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.folder = tempfile.mkdtemp(prefix="handrail-queue-")
        os.chmod(self.folder, 0o755)
        self.started = []
        self.cluster = None
        self.modules = self.build + "/bench-peers"

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(20)
        if self.cluster:
            self.cluster.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sub(self, name):
        path = f"{self.folder}/{name}"
        os.makedirs(path, exist_ok=True)
        return path

    def start(self, argv, **more):
        with open(self.folder + "/log", "ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, **more)
        self.started.append(process)
        return process

    def install(self):
        """The peers, once for each lock file."""
        with open(HERE + "/package-lock.json", "rb") as f:
            stamp = hashlib.sha256(f.read()).hexdigest()
        mark = self.modules + "/installed"
        if os.path.exists(mark):
            with open(mark, encoding="utf-8") as f:
                if f.read() == stamp:
                    return
        os.makedirs(self.modules, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(f"{HERE}/{name}", self.modules)
        for words in (("ci", "--ignore-scripts", "--no-audit", "--no-fund"), ("rebuild", "node")):
            subprocess.run(["npm", *words], cwd=self.modules, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(mark, "w", encoding="utf-8") as f:
            f.write(stamp)

    def peer(self, script, *names, tasks=20000, **more):
        """The lines of a peer as {name: figure}."""
        self.install()
        environment = dict(os.environ, PEER_MODULES=self.modules, PEER_TASKS=str(tasks), **more)
        done = subprocess.run([f"{self.modules}/node_modules/node/bin/node",
                               f"{HERE}/peers/{script}", *names],
                              env=environment, capture_output=True, text=True, timeout=300,
                              check=False)
        if done.returncode:
            sys.exit(f"{script}: {done.stderr[-2000:]}")
        return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}

    def load(self, port, plan, connections, seconds, token="", tasks=None):
        """tasks a second, p50 and p99 in microseconds, tasks, and how many
        connections found nothing left."""
        words = [f"{self.build}/bench/bench_queue_load", str(port), plan, str(connections),
                 str(seconds), *([token] if token else []), *([str(tasks)] if tasks else [])]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words[1:5])}: {done.stderr[-2000:]}")
        row = [float(x) for x in done.stdout.split()]
        return {"rate": row[0], "p50": row[1], "p99": row[2], "tasks": row[3], "empty": row[4]}

    def own(self, *words, program="bench_queue"):
        """bench_queue: one figure in process, as a dict."""
        done = subprocess.run([f"{self.build}/bench/{program}", *map(str, words)],
                              capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            sys.exit(f"{program} {' '.join(map(str, words))}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def postgres(self):
        if not self.cluster:
            self.cluster = Cluster(self.sub("postgres"))
        return self.cluster


class Cluster:
    """A private PostgreSQL with its own defaults: fsync, synchronous_commit and
    full_page_writes are on."""

    def __init__(self, folder):
        found = sorted(os.listdir("/usr/lib/postgresql")) if os.path.isdir("/usr/lib/postgresql") else []
        if not found:
            sys.exit("no PostgreSQL server: apt-get install postgresql-15")
        self.programs = f"/usr/lib/postgresql/{found[-1]}/bin"
        self.data = folder + "/data"
        self.port = free_port()
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "bench", "-A", "trust", "--locale=C", "-E", "UTF8")
        self.run("pg_ctl", "-D", self.data, "-l", folder + "/log", "-w", "-o",
                 f"-p {self.port} -k {folder} -h 127.0.0.1 -c max_connections=200", "start")
        self.url = f"postgres://bench@127.0.0.1:{self.port}/postgres"

    def run(self, program, *words):
        subprocess.run([f"{self.programs}/{program}", *words], check=True, cwd="/",
                       user=self.user.pw_uid if self.user else None,
                       group=self.user.pw_gid if self.user else None,
                       extra_groups=[] if self.user else None,
                       stdout=subprocess.DEVNULL, env=dict(os.environ, LC_ALL="C", HOME="/"))

    def sql(self, text, wait=True):
        words = [f"{self.programs}/psql", self.url, "-qAt", "-c", text]
        if not wait:
            return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    def close(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")


class Object:
    """The peer over HTTP: workerd with one SQLite Durable Object."""

    def __init__(self, run):
        run.install()
        self.run = run
        self.port = free_port()
        folder = tempfile.mkdtemp(prefix="object-", dir=run.folder)
        os.mkdir(folder + "/disk")
        shutil.copy(f"{HERE}/peers/object.js", folder)
        with open(f"{HERE}/peers/object.capnp", encoding="utf-8") as f:
            config = f.read().replace("@DISK@", folder + "/disk").replace("@PORT@", str(self.port))
        with open(folder + "/config.capnp", "w", encoding="utf-8") as f:
            f.write(config)
        program = f"{run.modules}/node_modules/@cloudflare/workerd-linux-" + (
            "64" if os.uname().machine == "x86_64" else "arm64") + "/bin/workerd"
        self.process = run.start([program, "serve", folder + "/config.capnp"])
        end = time.monotonic() + 20
        while True:
            try:
                self.get("/nop")
                break
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    sys.exit("workerd did not come up")
                time.sleep(0.05)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.read()

    def fill(self, count):
        self.get(f"/fill?n={count}")

    def measure(self, plan, connections, seconds):
        before = cpu([self.process.pid])
        found = self.run.load(self.port, plan, connections, seconds)
        found["cpu"] = (cpu([self.process.pid]) - before) / max(found["tasks"], 1)
        return found


class Mill(houses.House):
    """A house with a queue that workers serve."""

    def __init__(self, run, more=0, store=None):
        """more: roles besides, each with a mailbox and a queue of its own;
        store: a URL, else SQLite."""
        super().__init__(run.build)
        self.bench = run
        if store:
            self.edit("handrail.toml", '# store = ""', f'store = "{store}"')
        for role in ["bench", *(f"idle_{n}" for n in range(more))]:
            for name, text in ROLE.items():
                path = f"{self.folder}/roles/{role}/{name}"
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
        with open(self.folder + "/handrail.toml", encoding="utf-8") as f:
            self.port = int(f.read().split('listen = "127.0.0.1:')[1].split('"')[0])
        self.up()

    def fill(self, count):
        self.bench.load(self.port, "put", 64, 60, self.token(), count)

    def measure(self, plan, connections, seconds):
        pids = [p for p, name in self.parts().items() if name in ("api", "core")]
        before = cpu(pids)
        found = self.bench.load(self.port, plan, connections, seconds, self.token())
        found["cpu"] = (cpu(pids) - before) / max(found["tasks"], 1)
        return found


def over_http(run, name, plan, peer_plan, connections, key="rate"):
    """The same load on both, in turns, each with enough to do."""
    mill, peer = Mill(run), Object(run)
    ours, theirs, own_cpu, peer_cpu = [], [], [], []
    try:
        mill.fill(500)
        peer.fill(500)
        guess = [s.measure(p, connections, 1)["rate"] for s, p in ((mill, plan), (peer, peer_plan))]
        for n in range(PASSES):
            sides = [(mill, plan, ours, own_cpu, guess[0]), (peer, peer_plan, theirs, peer_cpu, guess[1])]
            for side, what, values, costs, rate in sides if n % 2 else reversed(sides):
                side.fill(int(max(rate, 200) * SECONDS * 1.5) + 200)
                found = side.measure(what, connections, SECONDS)
                values.append(found[key])
                costs.append(found["cpu"])
    finally:
        mill.close()
        peer.process.terminate()
    more = f"server's processor time a task {median(own_cpu):.0f} us, the peer's {median(peer_cpu):.0f} us"
    if key == "rate":
        say(name, "tasks/s", ours, [("workerd Durable Object", theirs)], more=more)
    else:
        say(name, "ms", [v / 1000 for v in ours],
            [("workerd Durable Object", [v / 1000 for v in theirs])], 3, more)


def http_one(run, name):
    over_http(run, name, "work", "cycle", 64)


def http_two(run, name):
    over_http(run, name, "pair", "two", 64)


def http_p50(run, name):
    over_http(run, name, "work", "cycle", 1, "p50")


def in_process(run, name, words, tasks):
    """Ours and plainjob in turns on the same disk.  Half of ours form the next
    batch while the other half's is synced."""
    ours, fewer, theirs, costs = [], [], [], []
    for n in range(PASSES):
        folder = tempfile.mkdtemp(dir=run.folder)
        own = run.own("drain", folder + "/book.db", tasks, FLIGHT, "halves", *words)
        fewer.append(run.own("drain", folder + "/fewer.db", tasks, 64, "halves", *words)["rate"])
        peer = run.peer("plainjob.mjs", tasks=5000, PEER_FOLDER=folder)
        if peer["settings"] != {"name": "settings", "sync": 2, "journal": "wal"}:
            sys.exit(f"plainjob runs with {peer['settings']}")
        ours.append(own["rate"])
        costs.append(own["cpu_us"])
        theirs.append(peer["drain"]["rate"])
        shutil.rmtree(folder)
    say(name, "tasks/s", ours, [("plainjob FULL", theirs)],
        more=f"{median(costs):.1f} us of processor a task, {tasks} tasks, {FLIGHT} in flight; "
        f"64 in flight: {median(fewer):.0f}, {spread(fewer)}")


def sqlite(run, name):
    in_process(run, name, [], 100000)


def sqlite_floor(run, name):
    """The rows and hashes of queue-sqlite and nothing else, of the same batches."""
    ours, theirs, costs = [], [], []
    for _ in range(PASSES):
        folder = tempfile.mkdtemp(dir=run.folder)
        own = run.own(folder + "/floor.db", 200000, FLIGHT // 2, program="bench_queue_floor")
        peer = run.peer("plainjob.mjs", tasks=5000, PEER_FOLDER=folder)
        ours.append(own["rate"])
        costs.append(own["cpu_us"])
        theirs.append(peer["drain"]["rate"])
        shutil.rmtree(folder)
    say(name, "tasks/s", ours, [("plainjob FULL", theirs)],
        more=f"{median(costs):.1f} us of processor a task, {FLIGHT // 2} a batch; no queue, no packing")


def sqlite_bare(run, name):
    in_process(run, name, ["no-tree", "no-rows"], 200000)


def start_sqlite(run, name):
    for how in each_idle():
        folder = tempfile.mkdtemp(dir=run.folder)
        ours = [run.own("start", f"{folder}/{n}.db", 200) for n in range(PASSES)]
        say(name, "ms p50", [o["p50_us"] / 1e3 for o in ours], [], 3,
            f"{how}; p99 {median([o['p99_us'] for o in ours]) / 1e3:.3f} ms; a put to somebody "
            "who waits, in process, until it is durable, "
            f"{median([o['bytes'] for o in ours]) / 1e3:.1f} kB of the log; of that the disk "
            "alone, as many bytes and their sync after the same pauses, "
            f"{median([o['under_p50_us'] for o in ours]) / 1e3:.3f} ms p50; in a house that is "
            f"new {median([o['new_p50_us'] for o in ours]) / 1e3:.3f} ms")
        shutil.rmtree(folder)


def fresh_log(cluster, count=[0]):  # pylint: disable=dangerous-default-value
    """A schema of its own for each pass."""
    count[0] += 1
    return f"{cluster.url}?options=-csearch_path%3Dbench{count[0]}", f"bench{count[0]}"


def own_log(cluster):
    url, schema = fresh_log(cluster)
    cluster.sql(f"create schema {schema}")
    return url


def postgres(run, name):
    """400 in flight on both sides: four times a batch of 100.  Half of ours form
    the next batch while the other half's is under way."""
    against_batched(run, name, ["halves"], "claim, outcome event, tree and the task's rows")


def postgres_log_only(run, name):
    against_batched(run, name, ["halves", "no-rows"],
                    "WITHOUT the task's rows: claim, outcome event and tree")


def against_batched(run, name, words, what):
    cluster, ours, costs, batched, boss = run.postgres(), [], [], [], []
    for _ in range(PASSES):
        own = run.own("drain", own_log(cluster), 100000, 400, *words)
        ours.append(own["rate"])
        costs.append(own["cpu_us"])
        batched.append(run.peer("graphile.mjs", "batched.drain", PEER_POSTGRES=cluster.url)
                       ["batched.drain"]["rate"])
        boss.append(run.peer("pgboss.mjs", "drain", PEER_POSTGRES=cluster.url)["drain"]["rate"])
    say(name, "tasks/s", ours, [("graphile-worker batched", batched), ("pg-boss batched", boss)],
        more=f"{what}; {median(costs):.1f} us of processor a task on our side")


def postgres_single(run, name):
    cluster, ours, theirs = run.postgres(), [], []
    for _ in range(PASSES):
        ours.append(run.own("drain", own_log(cluster), 50000, 64, "halves")["rate"])
        theirs.append(run.peer("graphile.mjs", "default.drain", tasks=8000,
                               PEER_POSTGRES=cluster.url)["default.drain"]["rate"])
    say(name, "tasks/s", ours, [("graphile-worker at its defaults", theirs)],
        more="64 in flight through one node, in process")


def start_postgres(run, name):
    cluster = run.postgres()
    for how in each_idle():
        start_postgres_so(run, name, cluster, how)


def start_postgres_so(run, name, cluster, how):
    ours, graphile, boss, plain = [], [], [], []
    for _ in range(PASSES):
        own = run.own("start", own_log(cluster), 200)
        ours.append(own["p50_us"] / 1e3)
        plain.append(own["under_p50_us"] / 1e3)
        graphile.append(run.peer("graphile.mjs", "default.start", PEER_POSTGRES=cluster.url)
                        ["default.start"]["p50"])
        boss.append(run.peer("pgboss.mjs", "start", PEER_POSTGRES=cluster.url)["start"]["p50"])
    say(name, "ms p50", ours, [("a plain insert of as many bytes", plain),
                               ("graphile-worker", graphile), ("pg-boss", boss)], 3, how)


def held_snapshot(run, name):
    """The same drains with and without another session that holds an old
    snapshot: what is compared is of the same age and size."""
    cluster = run.postgres()
    aged, drains = 4, 4 + PASSES

    def rates():
        url = own_log(cluster)
        return [run.own("drain", url, 50000, 400, "halves")["rate"] for _ in range(drains)][aged:]

    free = rates()
    holder = cluster.sql("begin isolation level repeatable read; "
                         "select count(*) from pg_class; select pg_sleep(600)", wait=False)
    time.sleep(0.5)
    held = rates()
    cluster.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity "
                "where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()")
    holder.wait(20)
    kept = [100 * h / median(free) for h in held]
    print(f"{name}: {median(kept):.0f} % of the free rate after {aged * 50} thousand tasks, under a "
          f"snapshot held since before them (passes {spread(kept)}; free, after as many, "
          f"{median(free):.0f} tasks/s, {spread(free)})", flush=True)


def wal(run, name):
    cluster, found = run.postgres(), {}
    for what, words in (("log", ["no-rows"]), ("all", [])):
        sizes = []
        for _ in range(PASSES):
            url = own_log(cluster)
            # The puts are in both: what is left is claim and finish.
            whole, puts = wal_of(run, cluster, url, words)
            sizes.append((whole - puts) / 50000)
        found[what] = sizes
    rows = median(found["all"]) - median(found["log"])
    print(f"{name}: {median(found['log']):.0f} B a claim and finish (passes {spread(found['log'])}; "
          f"task rows besides {rows:.0f} B)", flush=True)


def wal_of(run, cluster, url, words):
    at = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    sizes = []
    for plan in ("drain", "put"):
        cluster.sql("checkpoint")
        before = float(cluster.sql(at))
        run.own(plan, url, 50000, 400, *words)
        sizes.append(float(cluster.sql(at)) - before)
    return sizes


def recover(run, name):
    found = []
    for _ in range(PASSES):
        folder = tempfile.mkdtemp(dir=run.folder)
        found.append(run.own("recover", folder + "/book.db", 1000000))
        shutil.rmtree(folder)
    say(name, "s", [f["seconds"] for f in found], [], 3,
        f"1M pending, store and queue in process: open {median([f['open'] for f in found]):.2f} s, "
        f"load {median([f['load'] for f in found]):.2f} s")


def flat(run, name):
    found = [run.own(1000, 1000000, program="bench_queue_flat") for _ in range(PASSES)]
    ratios = [f["many_ns"] / f["few_ns"] for f in found]
    of = {key: median([f[key] for f in found]) for key in found[0]}
    print(f"{name}: {median(ratios):.2f} x claim p99 at 1M tasks over 1k (passes {spread(ratios, 2)}; "
          f"{of['many_ns']} ns over {of['few_ns']} ns, p50 {of['many_p50_ns']} over "
          f"{of['few_p50_ns']} ns, in turns)", flush=True)


def idle(run, name):
    """A house with as many roles as one may have and 10k tasks that one worker
    holds and beats for; and the machine alone with 100k mailboxes."""
    at_rest(run, name, Mill(run, IDLE_ROLES), None)


def idle_postgres(run, name):
    """The same on PostgreSQL: what it is given is sent, not written, so that its
    own syncs are counted, and beside them the transactions that wrote."""
    cluster = run.postgres()
    at_rest(run, name, Mill(run, IDLE_ROLES, own_log(cluster)), cluster)


def at_rest(run, name, mill, cluster):
    seconds, held = 12, 10000
    try:
        mill.fill(held)
        count = 0
        while count < held:
            count += len(ask(mill, "claim", queues=["bench"], n=64)["tasks"])
        pids = list(mill.parts())
        core = [p for p, n in mill.parts().items() if n == "core"]
        alone = run.own(100000, held, program="bench_queue_idle")
        if cluster:  # else the syncs of what was leased above would count
            time.sleep(SERVER_TELLS)
        busy, writes = {p: cpu([p]) for p in pids}, writes_of(core, cluster)
        wrote = wrote_of(cluster)
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            ask(mill, "beat")
            time.sleep(3)
        us = (time.monotonic() - begun) * 1e6
        # A child that ended meanwhile is no part.
        spent = sum(cpu([p]) - busy[p] for p in mill.parts() if p in busy)
        print(f"{name}: {100 * spent / us:.2f} % of a core, "
              f"{(writes_of(core, cluster) - writes) / us * 1e6:.2f} "
              f"{'syncs' if cluster else 'writes'}/s ("
              + (f"{(wrote_of(cluster) - wrote) / us * 1e6:.2f} transactions/s that wrote, "
                 if cluster else "") + f"all parts, {count} leased tasks, "
              f"{IDLE_ROLES} idle mailboxes, a beat each 3 s, {seconds} s; the machine alone with "
              f"100k mailboxes: {alone['round_ns']:.0f} ns each second)", flush=True)
    finally:
        mill.close()


def writes_of(core, cluster):
    """Write calls of core so far, or syncs of its server's log."""
    if cluster:
        return int(cluster.sql("select wal_sync from pg_stat_wal"))
    return written(core)


def wrote_of(cluster):
    """Transactions so far, anybody's, that wrote: each has a number of its own,
    and no process has to tell of it."""
    return int(cluster.sql("select pg_snapshot_xmax(pg_current_snapshot())")) if cluster else 0


def written(pids):
    """Write calls of these processes so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/io", encoding="utf-8") as f:
            total += int(f.read().split("syscw: ")[1].split()[0])
    return total


def ask(mill, what, **more):
    body = json.dumps({"worker": "idle", "lease_ms": 60000, **more}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{mill.port}/api/queue/{what}", body,
        {"Authorization": "Bearer " + mill.token()})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


FIGURES = {
    "queue-sqlite": sqlite,
    "queue-sqlite-bare": sqlite_bare,
    "queue-sqlite-floor": sqlite_floor,
    "queue-http-one": http_one,
    "queue-http-two": http_two,
    "queue-http-p50": http_p50,
    "queue-postgres": postgres,
    "queue-postgres-log-only": postgres_log_only,
    "queue-postgres-single": postgres_single,
    "queue-start-sqlite": start_sqlite,
    "queue-start-postgres": start_postgres,
    "queue-held-snapshot": held_snapshot,
    "queue-wal": wal,
    "queue-idle": idle,
    "queue-idle-postgres": idle_postgres,
    "queue-recover": recover,
    "queue-flat": flat,
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    run = Run(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for name in sys.argv[2:] or FIGURES:
            FIGURES[name](run, name)
    finally:
        run.close()


if __name__ == "__main__":
    main()
