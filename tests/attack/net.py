# SPDX-License-Identifier: Apache-2.0
"""A network of a test's own: this process, its houses and their cells see one
link, and behind it a namespace in which every address of the world is one
listener.  No packet leaves the machine, and an address that must not be dialled
would answer."""
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'api'))
from house import PLACE, PLACE_KEPT  # noqa: E402

MARK = 'HANDRAIL_ATTACK_NET'
NEW_NET = 0x40000000
GOOD, GOOD6 = '9.9.1.2', '2a00:1::2'
HERE = {'9.9.1.1', '2a00:1::1'}
LIBC = ctypes.CDLL(None, use_errno=True)


def sh(text):
    done = subprocess.run(['/bin/sh', '-ec', text], capture_output=True, text=True)
    if done.returncode:
        raise OSError('%s: %s' % (text, done.stderr.strip()))


def enter():
    """Starts this program again in namespaces of its own, once."""
    if os.environ.get(MARK):
        return
    os.set_inheritable(PLACE_KEPT.fileno(), True)
    os.environ['HANDRAIL_TEST_PLACE'] = '%d %d' % (PLACE, PLACE_KEPT.fileno())
    wrap = ['unshare', '--net', '--mount', '--propagation', 'private']
    if os.getuid():
        wrap[1:1] = ['--user', '--map-current-user', '--keep-caps']
    os.environ[MARK] = 'yes'
    os.execvp('unshare', [*wrap, sys.executable, *sys.argv])


def own_file(path, text, folder):
    """Another text in the place of a file of this host, for us alone."""
    mine = os.path.join(folder, os.path.basename(path))
    with open(mine, 'w') as f:
        f.write(text)
    os.chmod(mine, 0o644)
    sh('mount --bind %s %s' % (mine, os.path.realpath(path)))


def hold_namespace():
    """A process that is nothing but a network namespace; it ends with us."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)
        ok = LIBC.unshare(NEW_NET) == 0
        os.write(write, b'y' if ok else b'n')
        signal.pause()
        os._exit(0)
    os.close(write)
    if os.read(read, 1) != b'y':
        raise OSError('no network namespace')
    os.close(read)
    return pid


def link(pid):
    sh('ip link set lo up; ip link add out type veth peer name far\n'
       'ip addr add 9.9.1.1/24 dev out; ip -6 addr add 2a00:1::1/64 dev out nodad\n'
       'ip link set out up; ip link set far netns %d\n'
       'ip route add default via 9.9.1.2' % pid)
    # What is not ours is local there: any address answers.
    sh('nsenter --preserve-credentials -t %d -n /bin/sh -ec "ip link set lo up\n'
       'ip addr add 9.9.1.2/24 dev far; ip -6 addr add 2a00:1::2/64 dev far nodad\n'
       'ip link set far up\n'
       'ip route add 9.9.1.1 dev far scope link table local\n'
       'ip route add local default dev lo table local\n'
       'ip -6 route add 2a00:1::1 dev far table local\n'
       'ip -6 route add local default dev lo table local"' % pid)
    sh('ip -6 route add default via 2a00:1::2')


def listen_there(pid, port):
    """Listeners of the other side, of both families."""
    found = []

    def inside():
        fd = os.open('/proc/%d/ns/net' % pid, os.O_RDONLY)
        if LIBC.setns(fd, NEW_NET) == 0:
            found.append(socket.create_server(('0.0.0.0', port), backlog=64))
            found.append(socket.create_server(('::', port), family=socket.AF_INET6,
                                              backlog=64))
        os.close(fd)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if len(found) != 2:
        raise OSError('no listener on the other side')
    return found


class Dns:
    """A scripted server on 127.0.0.1:53: script[name] is a list of answers, each
    used once but for the last.  An answer is addresses, `('cname', name)`,
    bytes that are sent as they are behind the id, a word, or None: silence."""

    def __init__(self):
        self.script, self.asked = {}, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, who = self.socket.recvfrom(4096)
            try:
                said = self.answer(data)
            except (IndexError, struct.error, UnicodeError):
                said = None
            if said:
                self.socket.sendto(said, who)

    def question(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        return '.'.join(labels), struct.unpack('>H', data[at + 1:at + 3])[0], at + 5

    def next(self, name, kind):
        """Both families of one look-up get the same answer."""
        answers = self.script.get(name)
        if not answers:
            return 'unknown'
        self.asked.append((name, kind))
        number = sum(1 for n, k in self.asked if n == name and k == kind) - 1
        return answers[min(number, len(answers) - 1)]

    def answer(self, data):
        name, kind, end = self.question(data)
        what = self.next(name, {1: 'A', 28: 'AAAA'}.get(kind, str(kind)))
        number, asked = data[:2], data[12:end]
        if what is None:
            return None
        if isinstance(what, bytes):
            return number + what
        if isinstance(what, str):
            code = {'unknown': 3, 'servfail': 2, 'truncated': 0, 'wrong-id': 0}[what]
            flags = 0x8180 | code | (0x0200 if what == 'truncated' else 0)
            if what == 'wrong-id':
                number = bytes((number[0] ^ 0xff, number[1]))
                return number + struct.pack('>5H', flags, 1, 1, 0, 0) + asked + \
                    self.record(b'\xc0\x0c', 1, socket.inet_aton(GOOD))
            return number + struct.pack('>5H', flags, 1, 0, 0, 0) + asked
        records = b''
        count = 0
        if what[0] == 'cname':
            target = b''.join(bytes((len(x),)) + x.encode()
                              for x in what[1].split('.')) + b'\0'
            records, count = self.record(b'\xc0\x0c', 5, target), 1
            for address in what[2:]:
                coded = self.coded(address, kind)
                if coded:
                    records += self.record(target, kind, coded)
                    count += 1
        else:
            for address in what:
                coded = self.coded(address, kind)
                if coded:
                    records += self.record(b'\xc0\x0c', kind, coded)
                    count += 1
        return number + struct.pack('>5H', 0x8180, 1, count, 0, 0) + asked + records

    def coded(self, address, kind):
        six = ':' in address
        if kind != (28 if six else 1):
            return None
        return socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)

    def record(self, name, kind, data):
        return name + struct.pack('>HHIH', kind, 1, 0, len(data)) + data
