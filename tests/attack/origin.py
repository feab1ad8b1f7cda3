# SPDX-License-Identifier: Apache-2.0
"""An origin on loopback that writes down every byte it gets, and answers as its
path says; and the CA that made its certificate."""
import base64
import gzip
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'


def openssl(folder, *args):
    subprocess.run(['openssl', *args], cwd=folder, check=True, capture_output=True)


def certificate(folder, name, names, subject='/', days='2', ca='ca', more=''):
    """NAME.key and NAME.pem, signed by a CA of the folder."""
    openssl(folder, 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', name + '.key', '-out', name + '.csr', '-subj', subject)
    with open(os.path.join(folder, 'ext'), 'w') as f:
        if names:
            f.write('subjectAltName=critical,' + ','.join('DNS:' + n for n in names) + '\n')
        f.write(more + '\n')
    openssl(folder, 'x509', '-req', '-in', name + '.csr', '-CA', ca + '.pem', '-CAkey',
            ca + '.key', '-CAcreateserial', '-days', days, '-extfile', 'ext',
            '-out', name + '.pem')


def authority(folder, name):
    openssl(folder, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
            '-nodes', '-keyout', name + '.key', '-out', name + '.pem', '-days', '2',
            '-subj', '/CN=attack ' + name)
    os.chmod(os.path.join(folder, name + '.pem'), 0o644)


def certificates(folder, names):
    """A CA and one certificate for these names."""
    authority(folder, 'ca')
    certificate(folder, 'server', names)


def chunked(*pieces):
    return b''.join(b'%x\r\n%s\r\n' % (len(p), p) for p in pieces if p) + b'0\r\n\r\n'


def bearer(text):
    found = re.search(rb'Bearer (\S+)', text)
    return found.group(1) if found else b'none'


def slowly(s, head):
    """Answers that come in pieces; False: it is another."""
    path = head.split(b' ')[1]
    if path.startswith(b'/hang'):
        STORE[b'/hung'] = b'asked'
        HUNG.append(s.recv(1) == b'')
        return True
    if path.startswith(b'/drip'):
        value = bearer(head)
        chunk = (lambda t: b'%x\r\n%s\r\n' % (len(t), t)) if b'?' in path else bytes
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%s\r\n' % (
            b'Transfer-Encoding: chunked\r\n' if b'?' in path else b'Connection: close\r\n'))
        for at in range(0, len(value), 5):
            s.sendall(chunk(value[at:at + 5]))
            time.sleep(0.02)
        s.sendall(b'0\r\n\r\n' if b'?' in path else b'')
        return True
    if path.startswith(b'/events'):
        s.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
                  b'Connection: close\r\n\r\ndata: one\n\n')
        if EVENTS.is_set():
            time.sleep(2)
        EVENTS.wait(60)
        s.sendall(b'data: two\n\n')
        return True
    return False


def answer(head, body):
    """What the path asks for, and whether the connection goes on."""
    path = head.split(b' ')[1].split(b'?')[0]
    text = head + body
    if path.startswith(b'/echo'):
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n' + chunked(text[:40], text[40:])), True
    if path.startswith(b'/store'):
        STORE[path[6:]] = text
        return b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', True
    if path.startswith(b'/fetch'):
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n' +
                chunked(STORE.get(path[6:], b'nothing'))), True
    if path.startswith(b'/length'):
        return b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s' % (len(text), text), True
    if path.startswith(b'/header'):
        return b'HTTP/1.1 200 OK\r\nX-Back: %s\r\nContent-Length: 0\r\n\r\n' % (
            bearer(text)), True
    if path.startswith(b'/gzip'):
        packed = gzip.compress(text)
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n'
                b'Content-Length: %d\r\n\r\n%s' % (len(packed), packed)), True
    if path.startswith((b'/base64', b'/hex', b'/percent', b'/json')):
        shift = int(head.split(b' ')[1].partition(b'?')[2] or b'0')
        coded = {b'/b': lambda t: base64.b64encode(b'x' * shift + t),
                 b'/h': lambda t: t.hex().encode(),
                 b'/p': lambda t: urllib.parse.quote(t.decode('latin1'), safe='').encode(),
                 b'/j': lambda t: json.dumps(t.decode('latin1')).encode()}[path[:2]](text)
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n' + chunked(coded)), True
    if path.startswith((b'/cookie', b'/reason', b'/trailer')):
        value = bearer(text)
        return {b'/c': b'HTTP/1.1 200 OK\r\nSet-Cookie: a=%s; Path=/\r\n'
                       b'Content-Length: 0\r\n\r\n' % value,
                b'/r': b'HTTP/1.1 200 Bearer %s\r\nContent-Length: 0\r\n\r\n' % value,
                b'/t': b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
                       b'2\r\nok\r\n0\r\nX-Back: %s\r\n\r\n' % value}[path[:2]], True
    if path.startswith(b'/big'):
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1200000'
                b'\r\n\r\n' + b'0' * 1200000), True
    if path.startswith(b'/drop'):
        return b'', False
    if path.startswith(b'/bomb'):
        packed = gzip.compress(b'0' * (64 << 20))
        return (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n'
                b'Content-Length: %d\r\n\r\n%s' % (len(packed), packed)), True
    if path.startswith(b'/part'):
        return b'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\npiece', True
    if path.startswith(b'/moved'):
        return (b'HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\n'
                b'Content-Length: 0\r\n\r\n'), True
    if path.startswith(b'/twice'):
        one = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
        return one + one.replace(b'ok', b'no'), True
    if path.startswith(b'/switch'):
        return (b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: EVIL\r\n'
                b'Connection: Upgrade\r\n\r\nEVIL'), False
    if path.startswith(b'/interim'):
        return b'HTTP/1.1 103 Early Hints\r\nX: EVIL\r\n\r\n' * 200, False
    if path.startswith(b'/bare'):
        return b'HTTP/1.1 200 OK\nX: EVIL\n\n', False
    if path.startswith(b'/split'):
        return b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nno!', False
    return b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', True


EVENTS = threading.Event()  # taken away: the second one stays away
EVENTS.set()
HUNG = []  # of each request that was never answered: it was given up
STORE = {}  # what somebody left at one origin and anybody fetches at another


class Origin:
    """Writes down every byte; `listen` False: somebody else accepts for it."""

    def __init__(self, context=None, tunnel=False, listen=True):
        self.context = context
        self.tunnel = tunnel
        self.got = b''
        self.connections = 0
        self.open = []
        if listen:
            self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)
            self.port = self.listener.getsockname()[1]
            threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            s, _ = self.listener.accept()
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s, context=None):
        self.connections += 1
        try:
            if context or self.context:
                s = (context or self.context).wrap_socket(s, server_side=True)
            self.open.append(s)
            if self.tunnel:
                s.sendall(b'SSH-2.0-origin\r\n')
                while (piece := s.recv(4096)):
                    self.got += piece
                    s.sendall(piece.upper())
                return
            self.requests(s)
        except OSError:
            pass
        finally:
            s.close()

    def requests(self, s):
        data = b''
        goes_on = True
        while goes_on:
            while b'\r\n\r\n' not in data:
                piece = s.recv(65536)
                if not piece:
                    return
                self.got += piece
                data += piece
            head, _, data = data.partition(b'\r\n\r\n')
            length = re.search(rb'(?i)\r\ncontent-length: (\d+)', head)
            size = int(length.group(1)) if length else 0
            if b'\r\ntransfer-encoding: chunked' in head.lower():
                while b'0\r\n\r\n' not in data:
                    piece = s.recv(65536)
                    if not piece:
                        return
                    self.got += piece
                    data += piece
                size = data.index(b'0\r\n\r\n') + 5
            while len(data) < size:
                piece = s.recv(65536)
                if not piece:
                    return
                self.got += piece
                data += piece
            key = re.search(rb'(?i)\r\nsec-websocket-key: (\S+)', head)
            if key:
                self.socket(s, key.group(1), head.split(b' ')[1])
                return
            if slowly(s, head):
                return
            said, goes_on = answer(head, data[:size])
            data = data[size:]
            s.sendall(said)

    def socket(self, s, key, path):
        more = {b'/ws-protocol': b'Sec-WebSocket-Protocol: evil\r\n',
                b'/ws-extension': b'Sec-WebSocket-Extensions: permessage-deflate\r\n'}
        if path == b'/ws-accept':
            key = key[::-1]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        s.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n'
                  b'Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n' % (
                      accept, more.get(path, b'')))
        while (piece := s.recv(65536)):
            self.got += piece
            # Unmasked, each in a frame: enough for what the tests say.
            while len(piece) >= 6:
                kind, size = piece[0] & 0x0f, piece[1] & 0x7f
                mask, body, piece = piece[2:6], piece[6:6 + size], piece[6 + size:]
                text = bytes(b ^ mask[i % 4] for i, b in enumerate(body))
                s.sendall(bytes((0x80 | kind, len(text))) + text)


def server_context(folder, name='server'):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, name + '.pem'),
                            os.path.join(folder, name + '.key'))
    return context
