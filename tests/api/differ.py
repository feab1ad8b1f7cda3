#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two parsers of HTTP/1.1 beside each other: whatever our reader takes for a
request, Node's own parser takes for the same one.  Where they differed, a
request could be judged as one and answered as another.

    SEED=n   the requests of that seed again        SOAK=1   many more"""
import json
import os
import random
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from npm import packages  # noqa: E402

TELL = os.path.join(BUILD, 'src', 'http_tell')
PARSER = os.path.join(SOURCE, 'tests', 'npm', 'parser.mjs')
CORPUS = os.path.join(SOURCE, 'tests', 'fuzz', 'corpus')

LINE = b'Host: a.test\r\n'
WHOLE = [
    b'GET / HTTP/1.1\r\n' + LINE + b'\r\n',
    b'GET /a/b?c=d&e=%2f HTTP/1.1\r\n' + LINE + b'Accept: */*\r\nX-A: b , c\r\n\r\n',
    b'POST /a HTTP/1.1\r\n' + LINE + b'Content-Length: 5\r\n\r\nhello',
    b'POST /a HTTP/1.1\r\n' + LINE + b'Content-Length: 0\r\n\r\n',
    b'PUT /a HTTP/1.1\r\n' + LINE + b'Transfer-Encoding: chunked\r\n\r\n'
    b'5\r\nhello\r\nA;x="y"\r\n0123456789\r\n0\r\nX-T: u\r\n\r\n',
    b'PATCH /a HTTP/1.1\r\n' + LINE + b'transfer-encoding:Chunked\r\n\r\n0\r\n\r\n',
    b'DELETE http://a.test/x HTTP/1.1\r\n' + LINE + b'\r\n',
    b'OPTIONS * HTTP/1.1\r\n' + LINE + b'\r\n',
    b'HEAD /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    b'GET /a HTTP/1.1\r\n' + LINE + b'Connection: close, x\r\nX-Empty:\r\nX-B: \t c \t\r\n\r\n',
    b'POST /a HTTP/1.1\r\n' + LINE + b'Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab',
    b'GET /a HTTP/1.1\r\n' + LINE + b'Cookie: a=b; c="d"\r\nReferer: http://b.test/?\r\n\r\n',
]
WORDS = [b'\r\n', b'\n', b'\r', b'\0', b' ', b'\t', b':', b';', b',', b'"', b'\x0b', b'\x7f',
         b'\x80', b'%', b'#', b'?', b'//', b'..', b'@', b'0', b'00', b'-1', b'+5', b'0x5', b'5,5',
         b'ffffffffffffffff', b'chunked', b'chunked, identity', b'gzip, chunked', b'identity',
         b'Content-Length: 5\r\n', b'Content-Length: 6\r\n', b'Content-Length : 5\r\n',
         b'Transfer-Encoding: chunked\r\n', b'Transfer-Encoding: x\r\n', b'Host: b.test\r\n',
         b' folded\r\n', b'\tfolded\r\n', b'X: y\r\n', b': y\r\n', b'X\r\n', b'HTTP/1.1', b'HTTP/1.0',
         b'HTTP/2.0', b'HTTP/1.11', b'POST ', b'get ', b'GETX ', b'CONNECT ', b'5\r\nhello\r\n',
         b'0\r\n\r\n', b'Upgrade: x\r\nConnection: upgrade\r\n', b'Connection: upgrade\r\n']


METHODS = (b'GET', b'HEAD', b'POST', b'PUT', b'DELETE', b'OPTIONS', b'PATCH')


def seeds():
    found = WHOLE + [b'\r\n' + WHOLE[0]]
    for folder in 'http_head', 'http_body':
        for name in sorted(os.listdir(os.path.join(CORPUS, folder))):
            with open(os.path.join(CORPUS, folder, name), 'rb') as f:
                found.append(f.read()[1:])
    return found


def bent(pick, text):
    for _ in range(pick.choice((1, 1, 1, 2, 3))):
        at = pick.randrange(len(text) + 1)
        way = pick.randrange(6)
        if way == 0:
            text = text[:at] + bytes([pick.randrange(256)]) + text[at + 1:]
        elif way == 1:
            text = text[:at] + text[at + pick.choice((1, 1, 2, 5)):]
        elif way == 2:  # a line again, or gone
            lines = text.split(b'\r\n')
            n = pick.randrange(len(lines))
            lines[n:n + 1] = [lines[n]] * pick.choice((0, 2))
            text = b'\r\n'.join(lines)
        elif way == 3:  # a word at the beginning or the end of a line
            lines = text.split(b'\r\n')
            n = pick.randrange(len(lines))
            word = pick.choice(WORDS)
            lines[n] = pick.choice((word + lines[n], lines[n] + word))
            text = b'\r\n'.join(lines)
        else:
            text = text[:at] + pick.choice(WORDS) + text[at:]
    return text[:60000]


def told(command, requests):
    ran = subprocess.run(command, input=b''.join(
        struct.pack('<I', len(r)) + r for r in requests),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    need(ran.returncode == 0, command, ran.stderr[-1500:])
    return [json.loads(x) for x in ran.stdout.splitlines()]


@test
def what_our_reader_takes_node_takes_for_the_same():
    node = packages()
    seed = int(os.environ.get('SEED', random.randrange(1 << 32)))
    print('# SEED=%d' % seed)
    pick = random.Random(seed)
    bases = seeds()
    requests = bases + [bent(pick, pick.choice(bases)) for _ in range(
        400000 if os.environ.get('SOAK') else 20000)]
    ours = told([TELL], requests)
    theirs = told([node, '--no-warnings', PARSER], requests)
    need(len(ours) == len(theirs) == len(requests))
    whole, stricter = 0, {}
    for request, our, their in zip(requests, ours, theirs):
        if 'used' not in our:
            continue
        # Ours takes any token for a method, which policies then name exactly.
        if bytes.fromhex(our['method']) not in METHODS:
            continue
        whole += 1
        if 'method' not in their:
            stricter.setdefault(their.get('refused', 'more'), []).append(request)
            continue
        for member in 'method', 'target', 'minor', 'headers', 'body':
            need(our[member] == their.get(member), member, request, our, their)
    # What it refuses of ours does not go on as it came: chunks are written anew
    # without their extensions, and a tab behind a word is none of its value.
    need(all(b';' in r for r in stricter.pop('HPE_STRICT', [])) and
         all(b'\t\r\n' in r for r in stricter.pop(
             'HPE_INVALID_TRANSFER_ENCODING', [])) and not stricter, stricter)
    count = sum('used' in x for x in ours[:len(WHOLE)])
    need(count == len(WHOLE), 'ours refuses a good one', ours[:len(WHOLE)])
    need(whole > len(requests) / 20, 'too few are requests at all', whole)
    print('# %d of %d are requests to us, and the same to Node; %d to it alone' %
          (whole, len(requests), sum('method' in t and 'used' not in o
                                     for o, t in zip(ours, theirs))))


if __name__ == '__main__':
    sys.exit(main())
