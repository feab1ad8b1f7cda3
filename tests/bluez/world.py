#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A system bus of a test's own with the stand-in of BlueZ on it, for tests in
Python; what is started ends with the test."""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = 'C4:DD:57:00:7F:3A'


def why_not():
    """What is missing here, or nothing."""
    for path in ('/usr/bin/dbus-daemon', '/usr/bin/python3',
                 '/usr/lib/python3/dist-packages/dbus',
                 '/usr/lib/python3/dist-packages/gi'):
        if not os.path.exists(path):
            return 'no %s here' % path
    return ''


def with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


class World:
    """`companions` is the list that House keeps of what a test has started."""

    def __init__(self, companions, **how):
        self.companions, self.how = companions, how
        self.folder = tempfile.mkdtemp(prefix='bluez-')
        os.chmod(self.folder, 0o755)
        self.address = 'unix:path=%s/bus' % self.folder
        self.bus = self.bluez = None
        self.lines = []

    def spawn(self, command, **more):
        process = subprocess.Popen(command, preexec_fn=with_parent,
                                   stderr=subprocess.DEVNULL, **more)
        self.companions.append(process)
        return process

    def end(self, process):
        if process:
            process.kill()
            process.wait()
            self.companions.remove(process)

    def start_bus(self):
        self.bus = self.spawn(
            ['/usr/bin/dbus-daemon', '--config-file=%s/bus.conf' % HERE,
             '--address=' + self.address, '--nofork', '--nopidfile',
             '--print-address=1'], stdout=subprocess.PIPE)
        assert self.bus.stdout.readline()
        return self

    def start_bluez(self, **how):
        self.how.update(how)
        self.bluez = self.spawn(
            ['/usr/bin/python3', os.path.join(HERE, 'standin.py'),
             self.folder] + ['%s=%s' % x for x in self.how.items()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, 'DBUS_SYSTEM_BUS_ADDRESS': self.address})
        os.set_blocking(self.bluez.stdout.fileno(), False)
        self.rest, self.lines = b'', []
        self.hears('ready')
        return self

    def start(self):
        return self.start_bus().start_bluez()

    def read(self):
        data = self.bluez.stdout.read()
        if data:
            self.rest += data
            *lines, self.rest = self.rest.split(b'\n')
            self.lines += [x.decode() for x in lines]

    def hears(self, begins, seconds=60, since=0):
        """The first line of the stand-in, from a place on, that begins so."""
        end = time.monotonic() + seconds
        while True:
            self.read()
            for line in self.lines[since:]:
                if line.startswith(begins):
                    return line
            if time.monotonic() > end or self.bluez.poll() is not None:
                raise AssertionError('the stand-in never said %r: %r' % (
                    begins, self.lines))
            time.sleep(0.02)

    def say(self, *words):
        since = len(self.lines)
        self.read()
        self.bluez.stdin.write((' '.join(map(str, words)) + '\n').encode())
        self.bluez.stdin.flush()
        self.hears('done', since=since)

    def device(self):
        """The device's side of the link: a packet is a write."""
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(os.path.join(self.folder, 'device'))
        return s

    def end_bluez(self):
        self.end(self.bluez)
        self.bluez = None
        try:
            os.unlink(os.path.join(self.folder, 'device'))
        except FileNotFoundError:
            pass

    def end_bus(self):
        self.end(self.bus)
        self.bus = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_bluez()
        self.end_bus()
        shutil.rmtree(self.folder, ignore_errors=True)
