#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a cell and an evil origin can make its egress hold: all connections that it may
have, and on each as much as goes."""
import ctypes
import os
import re
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import *  # noqa: E402,F403
import rig  # noqa: E402


def brotli(size, window):
    lib = ctypes.CDLL('libbrotlienc.so.1')
    text = b''.join(os.urandom(1400) + bytes(100000) for _ in range(size // 101400 + 1))
    out = ctypes.create_string_buffer(len(text))
    length = ctypes.c_size_t(len(text))
    need(lib.BrotliEncoderCompress(5, window, 0, ctypes.c_size_t(len(text)), text,
                                   ctypes.byref(length), out))
    return out.raw[:length.value]


def zstd(size):
    """Raw and run-length blocks in a window of 8 MiB: no library is needed for it."""
    text = b'\x28\xb5\x2f\xfd\x00' + bytes([13 << 3])
    for _ in range(size // (131072 + 1400) + 1):
        text += (1400 << 3).to_bytes(3, 'little') + os.urandom(1400)
        text += (131072 << 3 | 2).to_bytes(3, 'little') + b'0'
    return text + b'\x01\x00\x00'


class Greedy(Origin):
    """Says what the path asks for, and reads nothing behind a head."""

    sent = 0

    def requests(self, s):
        data = b''
        while b'\r\n\r\n' not in data:
            piece = s.recv(4096)
            if not piece:
                return
            data += piece
        path = data.split(b' ')[1]
        if path == b'/both':
            s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
                      b'Transfer-Encoding: chunked\r\n\r\n')
            while True:
                s.sendall(b'10000\r\n' + bytes(65536) + b'\r\n')
                self.sent += 1
        packed, coding = {b'/br': (BR, b'br'), b'/zstd': (ZSTD, b'zstd')}[path]
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: ' + coding +
                  b'\r\nTransfer-Encoding: chunked\r\n\r\n')
        s.sendall(b'%x\r\n%s\r\n' % (len(packed), packed))
        self.sent += 1
        threading.Event().wait()


BR, ZSTD = brotli(20 << 20, 24), zstd(9 << 20)
GATE = '''
[gate.held]
match   = { host = "held.test", method = "POST" }
require = "operator"
surface = "cli"
'''


class Memory(World):
    NAMES = World.NAMES + ('greedy.test', 'held.test')

    def ground(self):
        super().ground()
        self.greedy = Greedy(server_context(self.folder))

    def gates(self, more=''):
        return super().gates(self.rule('greedy', '', port=self.greedy.port) +
                             self.rule('held') + GATE + more)


rig.MAKE = Memory

MOST = 100 << 10  # kB; an egress ends at 256 MiB, and most scenes were over 110
CLIENT = r"""
import json, os, socket, ssl, sys, time
host, line, size = json.loads(sys.argv[1])
with open(os.environ['SSL_CERT_FILE']) as f:
    own = f.read().rpartition('-----BEGIN CERTIFICATE-----')
context = ssl.create_default_context(cadata=own[1] + own[2])
left = {}
for n in range(250):
    s = context.wrap_socket(socket.create_connection((host, 443), 60), server_hostname=host)
    s.sendall(('%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n' % (
        line, host, size)).encode())
    s.setblocking(False)
    left[s] = size - 1
print(len(left), flush=True)
while True:
    time.sleep(0.1)
    for s in left:
        try:
            while left[s] > 0:
                left[s] -= s.send(bytes(min(65536, left[s])))
        except OSError:
            pass
"""


def egress_of_a_cell():
    """Of the only one: the zygote is the parent of all."""
    def one():
        table = processes()
        found = [p for p, name in descendants(world().house.process.pid, table).items()
                 if name == 'egress']
        own = [p for p in found if table[p][0] in found]
        return own if len(own) == 1 else None
    return until(one, text='no egress of a cell, or of more than one')[0]


def memory_of(pid, what):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'Vm%s:\s+(\d+)' % what, f.read()).group(1))


def greedy(host, line, size=0):
    """Its egress holds what it can, and another cell is served beside it."""
    ask = begin_cell('python3', '-u', '-c', CLIENT, json.dumps([host, line, size]))
    count = ask.stdout.readline()
    need(count == '250\n', 'all are open', count, world().house.log()[-500:])
    pid = egress_of_a_cell()  # when those of earlier ones have ended
    rests(lambda: (memory_of(pid, 'RSS') >> 10, world().greedy.sent), 1,
          'it goes on to grow')
    most = memory_of(pid, 'HWM')
    print('# %s: %d MiB' % (line, most >> 10))
    stopped(8 << 10 < most < MOST, 'it holds too much', most)
    arrives(allowed())
    need(ask.poll() is None and egress_of_a_cell() == pid, 'it has ended')
    leave_cell(ask)


@test
def R07_answers_that_open_far_do_not_fill_an_egress():
    for coding in ('br', 'zstd'):
        greedy('greedy.test', 'GET /' + coding)


@test
def what_nobody_takes_either_way_does_not_fill_an_egress():
    greedy('greedy.test', 'POST /both', 1 << 30)


@test
def L03_bodies_that_are_read_whole_are_bounded_together():
    w = world()
    w.fresh()
    greedy('held.test', 'POST /a', 256 * 1024)
    told = [e for e in w.fresh() if e['kind'] == 'request_denied']
    need(told and all('read whole' in json.dumps(e) for e in told), told[:3])


if __name__ == '__main__':
    sys.exit(main())
