#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Buffers of sockets, which the kernel counts for the whole machine: alone."""
import os
import re
import socket
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


def tcp_pages():
    with open('/proc/net/sockstat') as f:
        return int(re.search(r'^TCP: .* mem (\d+)', f.read(), re.M).group(1))


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
    pages = 4096 // 1024
    with open('/proc/sys/net/ipv4/tcp_mem') as f:
        calm = int(f.read().split()[0])  # up to here the kernel takes from nobody
    alone = loopback_rate()
    before, most = tcp_pages(), 0
    # What waits at listeners is charged to nobody: few cells wait at many.
    asks = [begin_cell('python3', '-c', SOCKETS % (1 if SOAK else 4)) for _ in range(cells)]
    while any(a.poll() is None for a in asks):
        most = max(most, tcp_pages() - before)
        if most and SOAK:
            print('# another TCP beside them: %.2f x' % (loopback_rate() / alone))
        time.sleep(0.05)
    for ask in asks:
        end_cell(ask)
    print('# %d cells held %d MiB of buffers' % (cells, most * pages >> 10))
    stopped(most * pages <= cells * 64 * 1024, 'too much', most * pages)
    stopped(most < calm, 'as much as others are made to pay for', most, calm)
    # The kernel counts every socket of the machine together, and each processor
    # keeps up to 1 MiB to itself, counted or not, at either time of looking
    # (SK_MEMORY_PCPU_RESERVE, Linux 6.0).
    blur = 2 * 256 * os.cpu_count() + 256
    need(most > 4 * blur, 'the test is blind', most)
    until(lambda: tcp_pages() - before < blur, 60, '%d pages of buffers are left' % blur)
    arrives(allowed())


if __name__ == '__main__':
    sys.exit(main())
