#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A writer on PostgreSQL, and everything that can befall it or its server.

After each scenario the log is read and held against what the writers said:
nothing acknowledged is lost, nothing is there twice, no older epoch appends
after a newer one, and no writer acknowledges once another owns the log.

    SOAK=1   many more rounds
    SEED=n   the same choices again
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '../postgres'))
import cluster  # noqa: E402

DRIVER = os.path.join(os.environ['HANDRAIL_BUILD'], 'tests/fault/driver')
SOAK = 10 if os.environ.get('SOAK') else 1
SEED = int(os.environ.get('SEED') or time.time_ns() % 1_000_000)
LEASE = 10


class Writer:
    """A driver whose lines are read as they come."""

    def __init__(self, url, node, become=None):
        self.lines = []
        self.process = subprocess.Popen(
            [DRIVER, url, node], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, preexec_fn=become)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            # The last one of a killed writer may be cut.
            if line.endswith('\n'):
                self.lines.append(line.split())

    def of(self, kind):
        return [line for line in list(self.lines) if line[0] == kind]

    def wait_for(self, kind, more=1, seconds=40):
        wanted = len(self.of(kind)) + more
        deadline = time.monotonic() + seconds
        while len(self.of(kind)) < wanted:
            if time.monotonic() > deadline or self.ended():
                raise AssertionError(
                    f'no {kind}; the writer said {self.lines[-3:]}')
            time.sleep(0.005)

    def ended(self):
        return self.process.poll() is not None and not self.reader.is_alive()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.wait()

    def end(self):
        """Ends well; its exit status."""
        self.process.stdin.close()
        return self.wait()

    def wait(self, seconds=60):
        status = self.process.wait(seconds)
        self.reader.join(seconds)
        return status


def check(url, writers):
    """The log against what was said of it."""
    read = subprocess.run([DRIVER, url, 'read'], stdout=subprocess.PIPE,
                          text=True, timeout=60, check=False)
    assert read.returncode == 0, read.stdout[-500:]
    heads = [line.split() for line in read.stdout.splitlines()]
    batches = {}  # (epoch, number): its seqs
    newest = 0
    for place, (_, seq, epoch, number, body) in enumerate(heads, 1):
        assert int(seq) == place, f'head {seq} at place {place}'
        assert int(epoch) >= newest, f'epoch {epoch} after {newest}'
        assert body == f'{epoch}/{number}', f'body {body} of head {seq}'
        newest = int(epoch)
        batches.setdefault((int(epoch), int(number)), []).append(int(seq))
    acked = 0
    for writer in writers:
        for _, _, epoch, first, count, number in writer.of('ack'):
            want = list(range(int(first), int(first) + int(count)))
            have = batches.get((int(epoch), int(number)), [])
            assert have == want, f'{epoch}/{number}: {have}, not {want}'
            acked += 1
    for (epoch, number), seqs in batches.items():
        assert len(seqs) == number % 6, f'{epoch}/{number} is {seqs}'
    owns = sorted((int(o[2]), int(o[1])) for w in writers for o in w.of('own'))
    for writer in writers:
        for ack in writer.of('ack'):
            later = [t for epoch, t in owns if epoch > int(ack[2])]
            assert not later or int(ack[1]) < min(later), f'late {ack}'
    assert acked > 0
    return acked


class Proxy:
    """Stands between a writer and its server, and can be told to misbehave."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.stalled = {'up': False, 'down': False}
        self.pairs = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            for way, source, sink in (('up', near, far), ('down', far, near)):
                threading.Thread(target=self.carry, daemon=True,
                                 args=(way, source, sink)).start()

    def carry(self, way, source, sink):
        try:
            while True:
                data = source.recv(65536)
                while self.stalled[way]:
                    time.sleep(0.002)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stall(self, *ways):
        for way in self.stalled:
            self.stalled[way] = way in ways

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for near, far in pairs:
            for s in (near, far):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()
        self.stall()
        self.cut()


def a_killed_writer_leaves_whole_batches(server, rng):
    url = server.url('killed_writer')
    writers = []
    for _ in range(6 * SOAK):
        writers.append(Writer(url, 'a'))
        writers[-1].wait_for('ack', 3)
        time.sleep(rng.random() * 0.2)
        writers[-1].kill()
    check(url, writers)


def ended_connections_neither_lose_nor_repeat(server, rng):
    url = server.url('terminated')
    writer = Writer(url, 'a')
    writer.wait_for('ack', 3)
    for _ in range(12 * SOAK):
        server.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity'
                   " WHERE application_name = 'handrail'")
        writer.wait_for('ack', rng.randrange(1, 20))
    assert writer.end() == 0
    check(url, [writer])


def a_killed_server_loses_nothing(server, rng):
    url = server.url('killed_server')
    writer = Writer(url, 'a')
    for _ in range(3 * SOAK):
        writer.wait_for('ack', 20)
        time.sleep(rng.random() * 0.1)
        server.stop(signal.SIGKILL)
        server.start()
    writer.wait_for('ack', 5)
    assert writer.end() == 0
    assert writer.of('why')
    check(url, [writer])


def a_restarted_server_is_waited_for(server, rng):
    url = server.url('restarted')
    writer = Writer(url, 'a')
    for _ in range(2 * SOAK):
        writer.wait_for('ack', 20)
        time.sleep(rng.random() * 0.1)
        server.stop()
        server.start()
    writer.wait_for('ack', 5)
    assert writer.end() == 0
    check(url, [writer])


def cut_links_are_asked_what_became_of_the_batch(server, rng):
    proxy = Proxy(server.port)
    url = server.url('cut', [proxy.port])
    writer = Writer(url, 'a')
    writer.wait_for('ack', 3)
    for _ in range(25 * SOAK):
        # The answer is held back, so that the batch has landed unheard.
        proxy.stall(rng.choice([('down',), ('down',), ('up',)]))
        time.sleep(0.03)
        proxy.cut()
        proxy.stall()
        writer.wait_for('ack', rng.randrange(1, 10))
    assert writer.end() == 0
    proxy.close()
    check(server.url('cut'), [writer])


def a_half_open_link_is_left_and_its_rest_comes_too_late(server, rng):
    proxy = Proxy(server.port)
    url = server.url('half_open', [proxy.port])
    writer = Writer(url, 'a')
    for way in ('up', 'down') * SOAK:
        writer.wait_for('ack', 3)
        proxy.stall(way)
        writer.wait_for('why')
        proxy.stall()
        writer.wait_for('ack', 3)
    assert writer.end() == 0
    proxy.close()
    check(server.url('half_open'), [writer])


def a_paused_writer_is_deposed_and_appends_nothing(server, rng):
    url = server.url('paused_writer')
    first = Writer(url, 'a')
    first.wait_for('ack', 20)
    first.signal(signal.SIGSTOP)
    paused = time.monotonic()
    second = Writer(url, 'b')
    second.wait_for('ack', 20)
    # Own time, not the server's: half a second for what is not the lease.
    taken = int(second.of('own')[0][1]) / 1e6 - paused
    print(f'# taken over {taken:.1f} s after the pause', flush=True)
    first.signal(signal.SIGCONT)
    assert first.wait() == 5, first.lines[-2:]
    assert first.of('end')[0][2] == 'conflict'
    second.wait_for('ack', 5)
    assert second.end() == 0
    check(url, [first, second])


def a_living_writer_is_not_deposed(server, rng):
    url = server.url('living')
    first = Writer(url, 'a')
    first.wait_for('ack', 20)
    second = Writer(url, 'b')
    assert second.wait() == 5
    said = ' '.join(second.of('end')[0])
    assert 'owned by node' in said and 's ago' in said, said
    first.wait_for('ack', 5)
    assert first.end() == 0
    check(url, [first])


def a_paused_server_is_waited_for(server, rng):
    url = server.url('paused_server')
    writer = Writer(url, 'a')
    writer.wait_for('ack', 20)
    server.signal_all(signal.SIGSTOP)
    time.sleep(LEASE + 2)
    before = len(writer.of('ack'))
    server.signal_all(signal.SIGCONT)
    writer.wait_for('ack', 20)
    assert before > 0 and writer.end() == 0
    check(url, [writer])


def a_promoted_standby_has_every_acknowledged_batch(server, rng):
    primary = cluster.Cluster.new()
    standby = None
    try:
        standby = primary.standby()
        # The standby first: nothing is ever asked of it while it is one.
        url = primary.url('promoted', [standby.port, primary.port])
        writer = Writer(url, 'a')
        writer.wait_for('ack', 50)
        time.sleep(rng.random() * 0.2)
        primary.stop(signal.SIGKILL)
        standby.promote()
        writer.wait_for('ack', 20)
        assert writer.end() == 0
        check(standby.url('promoted'), [writer])
    finally:
        primary.remove()
        if standby:
            standby.remove()


class Skipped(Exception):
    pass


def a_cable_that_is_cut_on_one_side_or_both_is_mended(server, rng):
    if os.geteuid():
        raise Skipped('only root puts a server that is not root into a '
                      'network namespace')
    try:
        wire = cluster.Wire()
    except (OSError, subprocess.SubprocessError) as why:
        raise Skipped(f'no network namespaces here: {why}') from why
    far_server = None
    try:
        far_server = cluster.Cluster.new(wire)
        url = far_server.url('cable').replace(
            f'127.0.0.1:{far_server.port}',
            f"{wire.ADDRESS['near']}:{far_server.port}")
        writer = Writer(url, 'a', lambda: wire.enter('far'))
        for ends in (('far',), ('near',), ('near', 'far')) * SOAK:
            writer.wait_for('ack', 20)
            time.sleep(rng.random() * 0.1)
            wire.cut(*ends)
            writer.wait_for('why')
            wire.mend(*ends)
            writer.wait_for('ack', 20, 60)
        assert writer.end() == 0
        check(far_server.local_url('cable'), [writer])
    finally:
        if far_server:
            far_server.remove()
        wire.remove()


SCENARIOS = [
    # Those of one row share a server, and run one after the other.
    [a_killed_writer_leaves_whole_batches,
     ended_connections_neither_lose_nor_repeat,
     a_killed_server_loses_nothing,
     a_restarted_server_is_waited_for,
     a_promoted_standby_has_every_acknowledged_batch],
    [cut_links_are_asked_what_became_of_the_batch,
     a_half_open_link_is_left_and_its_rest_comes_too_late,
     a_paused_server_is_waited_for],
    [a_living_writer_is_not_deposed,
     a_paused_writer_is_deposed_and_appends_nothing,
     a_cable_that_is_cut_on_one_side_or_both_is_mended],
]


def run(scenarios, results):
    server = cluster.Cluster.new()
    try:
        for scenario in scenarios:
            rng = random.Random(f'{SEED} {scenario.__name__}')
            started = time.monotonic()
            try:
                scenario(server, rng)
                results[scenario] = None
            except Skipped as why:
                results[scenario] = why
            except Exception as fault:  # each is told, the others still run
                results[scenario] = f'{type(fault).__name__}: {fault}'
            print(f'# {scenario.__name__} {time.monotonic() - started:.1f} s',
                  flush=True)
    finally:
        server.remove()


def main():
    wanted = os.environ.get('SCENARIO', '')
    rows = [[s for s in row if wanted in s.__name__] for row in SCENARIOS]
    rows = [row for row in rows if row]
    names = [s for row in rows for s in row]
    print(f'1..{len(names)}')
    if not cluster.programs():
        for i, scenario in enumerate(names, 1):
            print(f'ok {i} - {scenario.__name__} # SKIP needs postgresql')
        return 0
    print(f'# SEED={SEED}', flush=True)
    results = {}
    threads = [threading.Thread(target=run, args=(row, results))
               for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, scenario in enumerate(names, 1):
        fault = results.get(scenario, 'did not run')
        if isinstance(fault, Skipped):
            results[scenario] = None
            print(f'ok {i} - {scenario.__name__} # SKIP {fault}')
            continue
        print(f'{"not ok" if fault else "ok"} {i} - {scenario.__name__}')
        if fault:
            print(f'# {fault}')
    return 1 if any(results.get(s, 'did not run') for s in names) else 0


if __name__ == '__main__':
    sys.exit(main())
