#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Figures of a whole house, each line `NAME: VALUE UNIT (spread), …`.

usage: bench/house.py BUILD-FOLDER [NAME…]
names: up-ready rest-pss agent-pss dispatch-first-call call-added isolate-full
approve-effect (FILES=10000 in the workspace, ROUNDS=31)

It makes houses in a temporary folder, on loopback only, and ends them.
"""
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time


def each_idle():
    """As the machine is; then, while it goes on, with processors that poll when
    they have nothing to do, for all who are measured (the kernel's PM QoS: only
    root may, and only a kernel that has such a state does).  In a virtual machine a
    halted processor is woken through its host, at about 40 us: a sync of the disk
    has two such wakes, the way through a proxy four."""
    yield "processors may sleep"
    held = -1
    try:
        with open("/sys/devices/system/cpu/cpu0/cpuidle/state0/name", encoding="utf-8") as f:
            if f.read() == "POLL\n":
                held = os.open("/dev/cpu_dma_latency", os.O_WRONLY)
    except OSError:
        pass
    if held < 0:
        print("processors cannot be kept awake by this user on this machine", file=sys.stderr)
        return
    try:
        os.write(held, struct.pack("i", 0))
        yield "processors kept awake"
    finally:
        os.close(held)


class House:
    """One house in a folder of its own, its key a systemd credential."""

    def __init__(self, build, place=None):
        self.build = os.path.abspath(build)
        self.folder = tempfile.mkdtemp(prefix="handrail-bench-", dir=place)
        os.chmod(self.folder, 0o755)
        self.state = self.folder + "/state"
        self.process = None
        credentials = self.folder + "/credentials"
        os.mkdir(credentials, 0o700)
        key = credentials + "/handrail-vault-key"
        with open(key, "wb") as f:
            f.write(secrets.token_bytes(32))
        os.chmod(key, 0o400)
        self.environment = dict(os.environ, CREDENTIALS_DIRECTORY=credentials)
        self.run("init", self.folder)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.edit("handrail.toml", '# listen = "127.0.0.1:7400"', f'listen = "127.0.0.1:{port}"')
        self.edit("roles/helper/gates.toml", '"ask"', '"allow"')
        self.edit("roles/helper/role.toml", "calls = 40", "calls = 400")

    def edit(self, name, old, new):
        path = f"{self.folder}/{name}"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        assert old in text, (name, old)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(old, new))

    def argv(self, *words):
        return [self.build + "/src/cli/handrail", *words,
                "--state", self.state, "--config", self.folder + "/handrail.toml"]

    def run(self, *words):
        return subprocess.run(self.argv(*words), capture_output=True, text=True,
                              check=True, env=self.environment).stdout

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(2)
                s.connect(self.state + "/cli.sock")
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return b" 200 " in s.recv(64)
        except OSError:
            return False

    def up(self):
        """Seconds from the exec to the first answered request."""
        log = open(self.folder + "/log", "ab")
        begun = time.perf_counter()
        self.process = subprocess.Popen(self.argv("up"), stdout=log, stderr=log,
                                        env=self.environment)
        log.close()
        while not self.answers():
            if self.process.poll() is not None or time.perf_counter() - begun > 20:
                with open(self.folder + "/log", encoding="utf-8") as f:
                    sys.exit("the house did not come up:\n" + f.read())
            time.sleep(0.0005)
        return time.perf_counter() - begun

    def down(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)
        self.process = None

    def close(self):
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def parts(self):
        """pid -> name of every process of the house."""
        found, children = {}, {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                    children.setdefault(parent, []).append((int(pid), f.read().strip()))
            except OSError:
                pass
        todo = [(self.process.pid, "supervisor")]
        while todo:
            pid, name = todo.pop()
            found[pid] = name
            todo += children.get(pid, [])
        return found

    def events(self, task):
        return json.loads(self.run("task", "show", task, "--json"))

    def book(self, after=0):
        """All events of the book, by the audit's own door."""
        out, last = [], after
        while True:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.state + "/cli.sock")
                s.sendall((f"GET /api/events?after={last} HTTP/1.1\r\nHost: localhost\r\n"
                           f"Authorization: Bearer {self.token()}\r\nConnection: close\r\n\r\n").encode())
                data = b""
                while piece := s.recv(1 << 20):
                    data += piece
            page = json.loads(data.split(b"\r\n\r\n", 1)[1])
            if not page["events"]:
                return out
            out += page["events"]
            last = page["next"]

    def ask(self, method, target, body=""):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.state + "/cli.sock")
            s.sendall((f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
                       f"Authorization: Bearer {self.token()}\r\nConnection: close\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
            data = b""
            while piece := s.recv(1 << 20):
                data += piece
        return json.loads(data.split(b"\r\n\r\n", 1)[1])

    def token(self):
        folder = self.state + "/operators"
        with open(f"{folder}/{sorted(os.listdir(folder))[0]}", encoding="utf-8") as f:
            return f.read().strip()

    def task(self, steps):
        book = [{"id": f"s{n}", "tool": "shell", "args": {"command": c}} for n, c in enumerate(steps)]
        book.append({"id": "end", "tool": "finish", "args": {}})
        path = self.folder + "/payload.json"
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"runbook": book}, f)
        return subprocess.Popen(self.argv("run", "helper", "bench", "--payload", "@" + path),
                                stdout=subprocess.PIPE, text=True, env=self.environment)


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def spread(values):
    return f"min {min(values):.1f}, max {max(values):.1f}, n={len(values)}"


def up_ready(house):
    times = []
    for _ in range(9):
        times.append(house.up() * 1e3)
        house.down()
    print(f"up-ready: {median(times):.1f} ms ({spread(times)})", flush=True)


def rest_pss(house):
    house.up()
    time.sleep(1.0)
    sizes = {f"{name}[{pid}]": pss(pid) for pid, name in house.parts().items()}
    each = ", ".join(f"{n.split('[')[0]} {s}" for n, s in sizes.items())
    print(f"rest-pss: {sum(sizes.values()) / 1024:.1f} MB (kB: {each})", flush=True)
    house.down()


def agent_pss(house):
    house.up()
    run = house.task(["sleep 2"])
    time.sleep(1.0)
    sizes = [pss(p) for p, name in house.parts().items() if name == "agent"]
    # Every cell has an egress of its own beside the zygote and core's.
    egress = sorted(pss(p) for p, name in house.parts().items() if name == "egress")
    run.communicate(timeout=30)
    print(f"agent-pss: {max(sizes) / 1024:.2f} MB (egress processes kB: {egress})", flush=True)
    house.down()


def dispatch_first_call(house):
    house.up()
    times = []
    for _ in range(21):
        house.task(["true"]).communicate(timeout=30)
    put = {}
    for event in house.book():
        task = event.get("task")
        if event["kind"] == "task_put":
            put[task] = event["at_us"]
        elif event["kind"] == "call_started" and event.get("call") == 1:
            times.append((event["at_us"] - put[task]) / 1e3)
    print(f"dispatch-first-call: {median(times):.1f} ms p50 ({spread(times)})", flush=True)
    house.down()


def direct_spawn(count):
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        pid = os.posix_spawn("/bin/sh", ["/bin/sh", "-c", "true"], {})
        os.waitpid(pid, 0)
        times.append((time.perf_counter() - begun) * 1e3)
    return times


def call_added(house):
    house.up()
    added, direct = [], []
    for _ in range(5):
        direct += direct_spawn(30)
        after = json.loads(house.run("status", "--json"))["events"]
        house.task(["true"] * 60).communicate(timeout=60)
        added += [e["body"]["took_us"] / 1e3 for e in house.book(after)
                  if e["kind"] == "call_settled" and e["body"]["tool"] == "shell"]
    floor = median(direct)
    print(f"call-added: {median(added) - floor:.2f} ms p50 (call {median(added):.2f} ms, "
          f"the same command alone {floor:.2f} ms; {spread(added)})", flush=True)
    house.down()


def isolate_full(house):
    house.up()
    own, peer = [], []
    bwrap = shutil.which("bwrap")
    words = [bwrap, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
             "--unshare-all", "--die-with-parent", "true"]
    for _ in range(21):
        begun = time.perf_counter()
        house.run("sandbox", "run", "--identity", "helper", "true")
        own.append((time.perf_counter() - begun) * 1e3)
        if bwrap:
            begun = time.perf_counter()
            subprocess.run(words, check=True)
            peer.append((time.perf_counter() - begun) * 1e3)
    ratio = f", {median(own) / median(peer):.2f} x bwrap --unshare-all" if peer else ""
    print(f"isolate-full: {median(own):.1f} ms{ratio} (command line, fence, egress, book, until all "
          f"is gone; {spread(own)})", flush=True)
    house.down()


STAMP = """
[tool.{name}]
description = "Says when it runs"
action      = "{action}"
[tool.{name}.input]
type = "object"
[tool.{name}.run]
exec = ["/bin/date", "+%s%N"]
"""


def stamps(book, tool):
    """Of each call of the tool: when it ran, and how long after the last order
    to make a cell; microseconds."""
    found, cell = [], 0
    for event in book:
        if event["kind"] == "cell_started":
            cell = event["at_us"]
        elif event["kind"] == "call_settled" and event["body"]["tool"] == tool:
            ran = int(event["body"]["result"]["stdout"]) / 1e3
            found.append((ran, ran - cell))
    return found


# Before what is timed, in seconds: nothing of the task or the parking before is
# under way.  The kernel moves a process between groups at once where another was
# moved just before, and else after some milliseconds (a grace period): both
# starts that are compared pay that.
QUIET = 0.1


def approve_effect(house):
    """From a person's yes to the command, and the same less what a cell's start
    takes: that is measured where nobody is asked."""
    files, rounds = int(os.environ.get("FILES", 10000)), int(os.environ.get("ROUNDS", 31))
    house.edit("roles/helper/role.toml", '["shell"]', '["shell", "gated", "free"]')
    house.edit("roles/helper/role.toml", "turns = 20", "turns = 400")
    with open(house.folder + "/roles/helper/mcp/server.toml", "a", encoding="utf-8") as f:
        f.write(STAMP.format(name="gated", action="change") + STAMP.format(name="free", action="read"))
    with open(house.folder + "/roles/helper/gates.toml", "a", encoding="utf-8") as f:
        f.write('\n[gate.gated]\ntool = "gated"\nrequire = "operator"\n')
    house.up()

    def dispatch(*steps):
        plan = [{"id": f"s{n}", "tool": tool, "args": args} for n, (tool, args) in enumerate(steps)]
        plan.append({"id": "end", "tool": "finish", "args": {}})
        return house.ask("POST", "/api/tasks", json.dumps({
            "queue": "helper", "subject": "bench", "payload": {"runbook": plan}}))["id"]

    def ended(task):
        while house.ask("GET", f"/api/tasks/{task}")["state"] not in ("completed", "failed", "blocked"):
            time.sleep(0.01)

    for _ in range(rounds):
        time.sleep(QUIET)
        ended(dispatch(("free", {})))
    alone = [cell / 1e3 for _, cell in stamps(house.book(), "free")]
    after = house.ask("GET", "/api/status")["events"]
    task = dispatch(("shell", {"command": f"mkdir d; cd d; seq {files} | xargs touch"}),
                    *[("gated", {})] * rounds)
    said, seen = [], set()
    while len(said) < rounds:
        for wait in house.ask("GET", "/api/waits")["waits"]:
            if wait["id"] not in seen:
                seen.add(wait["id"])
                time.sleep(QUIET)
                said.append(time.time() * 1e6)
                house.ask("POST", f"/api/waits/{wait['id']}", '{"decision":"approve"}')
        time.sleep(0.005)
    ended(task)
    ran = stamps(house.book(after), "gated")
    assert len(ran) == rounds, ran
    whole = [(ran[i][0] - said[i]) / 1e3 for i in range(rounds)]
    besides = [one - median(alone) for one in whole]
    print(f"approve-effect: {median(whole):.1f} ms p50 ({files} files; {spread(whole)})\n"
          f"approve-effect-besides: {median(besides):.1f} ms p50 besides a cell's start "
          f"({median(alone):.1f} ms from its order to its first command, {spread(alone)})", flush=True)
    house.down()


FIGURES = {
    "up-ready": up_ready,
    "rest-pss": rest_pss,
    "agent-pss": agent_pss,
    "dispatch-first-call": dispatch_first_call,
    "call-added": call_added,
    "isolate-full": isolate_full,
    "approve-effect": approve_effect,
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[2:] or FIGURES:
        house = House(sys.argv[1])
        try:
            FIGURES[name](house)
        finally:
            house.close()


if __name__ == "__main__":
    main()
