# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own, for tests in Python: Debian's programs, a
folder under /tmp, the user nobody when the test runs as root, a socket in that
folder and a port of 127.0.0.1 of its own; fsync is on.  `remove` ends it by its pid.

    cluster.py FILE   keeps what initdb makes, which each time would take a
                      second of a processor; an empty file without PostgreSQL
"""

import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

NOBODY = 65534
PR_SET_PDEATHSIG = 1


def programs():
    """The folder of the newest server, or None."""
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/postgres'),
                   key=lambda p: float(p.split('/')[4]))
    return os.path.dirname(found[-1]) if found else None


# Below what the kernel gives to whoever asks for any port, and above those of
# houses (house.py): what is free now is still free when a server starts again.
FIRST_PORT, PORTS = 27000, 5000
KEPT = []


def own_port():
    """A port that no other test program takes while this one lives: a name says
    so, which the kernel keeps (ids_help.h)."""
    for number in range(1, PORTS):
        number = (os.getpid() + number) % PORTS
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind('\0handrail-postgres-%d' % number)
        except OSError:
            name.close()
            continue
        KEPT.append(name)
        return FIRST_PORT + number
    raise RuntimeError('no port is free')


def ordinary():
    """Run in a child: a server refuses to be root, and ends with its test."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


CLONE_NEWNET = 0x40000000


class Wire:
    """Two network namespaces and a cable between them: of the server, 'near',
    and of whoever asks it, 'far'.  A way is cut by an address on the cable that
    nobody has: what is sent is lost, and nobody is told."""

    ADDRESS = {'near': '10.201.77.1', 'far': '10.201.77.2'}
    OTHER = {'near': 'far', 'far': 'near'}

    def __init__(self):
        self.holders = {}
        try:
            for end in self.ADDRESS:
                self.holders[end] = subprocess.Popen(
                    ['sleep', 'infinity'], preexec_fn=self.leave)
            self.ip(None, 'link', 'add', 'near', 'netns', self.pid('near'),
                    'type', 'veth', 'peer', 'name', 'far', 'netns',
                    self.pid('far'))
            for end, address in self.ADDRESS.items():
                self.ip(end, 'address', 'add', address + '/24', 'dev', end)
                self.ip(end, 'link', 'set', end, 'up')
                self.ip(end, 'link', 'set', 'lo', 'up')
        except Exception:
            self.remove()
            raise

    @staticmethod
    def leave():
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), 'unshare')

    def pid(self, end):
        return str(self.holders[end].pid)

    def enter(self, end):
        """For a child that is still root."""
        with open(f'/proc/{self.pid(end)}/ns/net') as namespace:
            if ctypes.CDLL(None).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError('setns')

    def ip(self, end, *words):
        into = ['nsenter', f'--net=/proc/{self.pid(end)}/ns/net'] if end else []
        subprocess.run([*into, 'ip', *words], check=True, timeout=10)

    def cut(self, *ends):
        """What these ends send does not arrive."""
        for end in ends:
            self.ip(end, 'neighbour', 'replace', self.ADDRESS[self.OTHER[end]],
                    'lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev',
                    end)

    def mend(self, *ends):
        for end in ends:
            self.ip(end, 'neighbour', 'del', self.ADDRESS[self.OTHER[end]],
                    'dev', end)

    def remove(self):
        for holder in self.holders.values():
            holder.kill()
            holder.wait()


class Cluster:
    def __init__(self, folder=None, wire=None):
        self.programs = programs()
        self.wire = wire  # the server is at its near end
        self.folder = folder or tempfile.mkdtemp(prefix='handrail-postgres-')
        self.port = own_port()
        self.server = None
        self.started = False  # before: its port is known to somebody
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)

    @classmethod
    def new(cls, wire=None):
        c = cls(wire=wire)
        c.unpack() or c.initdb()
        if wire:
            with open(os.path.join(c.folder, 'data/pg_hba.conf'), 'a') as f:
                f.write('host all all 10.201.77.0/24 trust\n')
        c.start()
        return c

    def initdb(self):
        self.run('initdb', '-D', 'data', '-U', 'handrail', '-A', 'trust', '-E',
                 'UTF8', '--locale=C', '--no-sync', '--no-instructions')

    def version(self):
        return self.programs.split('/')[4]

    def unpack(self):
        """What the build has kept; False: nothing, or of another server."""
        packed = os.path.join(os.environ.get('HANDRAIL_BUILD', ''),
                              'tests/fault/cluster.tar')
        return self.spawn('/usr/bin/tar', '-xf', packed, '--transform',
                          's,^[^/]*,data,', self.version(),
                          stderr=subprocess.DEVNULL).wait() == 0

    def become(self):
        if self.wire:
            self.wire.enter('near')
        ordinary()

    def spawn(self, program, *args, **more):
        return subprocess.Popen([os.path.join(self.programs, program), *args],
                                cwd=self.folder, preexec_fn=self.become, **more)

    def run(self, program, *args):
        child = self.spawn(program, *args, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
        output = child.communicate(timeout=60)[0]
        if child.returncode:
            raise RuntimeError(f'{program}: {output}')
        return output

    def start(self, *settings):
        address = self.wire.ADDRESS['near'] if self.wire else '127.0.0.1'
        options = ['listen_addresses=' + address, 'shared_buffers=16MB',
                   'max_connections=40', 'max_wal_size=256MB',
                   'wal_keep_size=64MB', *settings]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            log = open(os.path.join(self.folder, 'log'), 'ab')
            self.server = self.spawn(
                'postgres', '-D', 'data', '-p', str(self.port), '-k',
                self.folder, *[word for o in options for word in ('-c', o)],
                stdout=log, stderr=log)
            log.close()
            while self.server.poll() is None:
                if 'ready' in self.pid_file():
                    self.started = True
                    return
                time.sleep(0.02)
            if not self.started:  # somebody who knows no names may have it
                self.port = own_port()
            # A process of a killed one may not have ended yet.
            time.sleep(0.2)
        with open(os.path.join(self.folder, 'log')) as text:
            raise RuntimeError('postgres did not start: ' + text.read()[-2000:])

    def pid_file(self):
        try:
            with open(os.path.join(self.folder, 'data/postmaster.pid')) as f:
                return f.read()
        except OSError:
            return ''

    def pids(self):
        """The server and all its processes."""
        found = [self.server.pid]
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    with open(f'/proc/{entry}/stat') as f:
                        stat = f.read()
                except OSError:
                    continue
                if int(stat.rsplit(')', 1)[1].split()[1]) == self.server.pid:
                    found.append(int(entry))
        return found

    def signal_all(self, number):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self, number=signal.SIGINT):
        """SIGINT: a clean restart's; SIGKILL: of every process."""
        if self.server is None:
            return
        if number == signal.SIGKILL:
            self.server.send_signal(signal.SIGSTOP)  # it makes no more
            self.signal_all(number)
        else:
            self.server.send_signal(number)
        self.server.wait()
        self.server = None
        # A killed server leaves it, and it says "ready".
        try:
            os.unlink(os.path.join(self.folder, 'data/postmaster.pid'))
        except FileNotFoundError:
            pass

    def remove(self):
        if self.server is not None:
            self.signal_all(signal.SIGCONT)
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def sql(self, text):
        return self.run('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h',
                        self.folder, '-p', str(self.port), '-U', 'handrail',
                        '-d', 'postgres', '-c', text).strip()

    def url(self, schema, ports=None):
        hosts = ','.join(f'127.0.0.1:{p}' for p in ports or [self.port])
        return (f'postgres://handrail@{hosts}/postgres'
                f'?options=-csearch_path%3D{schema}')

    def local_url(self, schema):
        """By the socket, whatever became of the cable."""
        return (f'postgres://handrail@/postgres?host={self.folder}'
                f'&port={self.port}&options=-csearch_path%3D{schema}')

    def standby(self):
        """A started copy that every commit from now on waits for."""
        other = Cluster()
        other.run('pg_basebackup', '-D', 'data', '-R', '-X', 'stream', '-c',
                  'fast', '-h', self.folder, '-p', str(self.port), '-U',
                  'handrail')
        other.start()
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql('SELECT pg_reload_conf()')
        deadline = time.monotonic() + 30
        while 'sync' not in self.sql(
                'SELECT sync_state FROM pg_stat_replication'):
            if time.monotonic() > deadline:
                raise RuntimeError('the standby does not follow')
            time.sleep(0.05)
        return other

    def promote(self):
        self.run('pg_ctl', 'promote', '-D', 'data', '-w')


def keep(path):
    """What initdb makes, in a tar below the version of its server."""
    if not programs():
        open(path, 'w').close()
        return
    c = Cluster()
    try:
        c.initdb()
        with tarfile.open(path, 'w') as tar:
            tar.add(os.path.join(c.folder, 'data'), c.version())
    finally:
        c.remove()


if __name__ == '__main__':
    keep(sys.argv[1])
