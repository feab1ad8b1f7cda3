#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Buffers of sockets, as the kernel counts them: those of the cells' own networks.
Alone: they are taken from what the whole machine has."""
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402

SOAK = bool(os.environ.get('SOAK'))


class Sockets(World):
    CELLS = 54 if SOAK else 4


rig.MAKE = Sockets

SOCKETS = """
import os, socket, time
ports = range(8080, 8080 + %d)
l = [socket.create_server(("127.0.0.1", port), backlog=2000) for port in ports]
for p in range(8):
    if os.fork() == 0:
        keep, end = [], time.monotonic() + 3
        try:
            while time.monotonic() < end:
                a = socket.socket(); a.settimeout(0.5)
                a.connect(("127.0.0.1", ports[p %% len(l)])); a.setblocking(False)
                keep.append(a)
                try:
                    while True:
                        a.send(b"x" * 65536)
                except BlockingIOError:
                    pass
        except OSError:
            pass
        time.sleep(3)
        os._exit(0)
time.sleep(5)
"""


def networks(known):
    """Of the house's sandboxes, by number, each held open: what is left in one is
    seen when its cell is gone."""
    ours, parents = os.stat('/proc/self/ns/net').st_ino, {world().house.process.pid}
    found = processes()
    for _ in found:
        more = {p for p, (parent, _) in found.items() if parent in parents} - parents
        if not more:
            break
        parents |= more
    for pid in parents:
        try:
            fd = os.open('/proc/%d/ns/net' % pid, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it has ended
        if os.fstat(fd).st_ino == ours or known.setdefault(os.fstat(fd).st_ino, fd) != fd:
            os.close(fd)
    return known


def buffers(known):
    """Bytes that TCP holds there for all sockets, those that nobody accepted
    too: what came, what is to go, and what was taken for more."""
    total = 0
    for fd in known.values():
        out = subprocess.run(['nsenter', '--net=/proc/self/fd/%d' % fd, 'ss', '-Htanm'],
                             pass_fds=[fd], check=True, capture_output=True, text=True).stdout
        for r, f, w in re.findall(r'skmem:\(r(\d+),.*?,f(\d+),w(\d+),', out):
            total += int(r) + int(f) + int(w)
    return total


def loopback_rate():
    """Bytes in half a second of one connection that has nothing to do with cells."""
    listener = socket.create_server(('127.0.0.1', 0))
    a = socket.create_connection(listener.getsockname())
    b, _ = listener.accept()
    done, end_ = 0, time.monotonic() + 0.5
    while time.monotonic() < end_:
        a.sendall(bytes(65536))
        got = 0
        while got < 65536:
            got += len(b.recv(65536))
        done += got
    for s in (a, b, listener):
        s.close()
    return done


@test
def L05_sockets_that_nobody_reads_are_bounded_and_end_with_the_cell():
    if not os.path.exists('/sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes') and \
            not os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
        raise Skipped('no cgroup counts buffers of sockets here')
    if os.getuid():
        raise Skipped('an ordinary user has no cgroups here')
    cells = 50 if SOAK else 3
    with open('/proc/sys/net/ipv4/tcp_mem') as f:
        calm = int(f.read().split()[0]) * 4096  # up to here the kernel takes from nobody
    alone = loopback_rate()
    known, most = {}, 0
    # What waits at listeners is charged to nobody: few cells wait at many.
    asks = [begin_cell('python3', '-c', SOCKETS % (1 if SOAK else 4)) for _ in range(cells)]
    while any(a.poll() is None for a in asks):
        most = max(most, buffers(networks(known)))
        if most and SOAK:
            print('# another TCP beside them: %.2f x' % (loopback_rate() / alone))
        time.sleep(0.05)
    for ask in asks:
        end_cell(ask)
    print('# %d cells held %d MiB of buffers' % (cells, most >> 20))
    stopped(most <= cells * 64 << 20, 'too much', most)
    stopped(most < calm, 'as much as others are made to pay for', most, calm)
    need(most > cells * 4 << 20, 'the test is blind', most)
    until(lambda: buffers(known) == 0, text=lambda: '%d bytes are left' % buffers(known))
    for fd in known.values():
        os.close(fd)
    arrives(allowed())


if __name__ == '__main__':
    sys.exit(main())
