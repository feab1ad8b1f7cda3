# SPDX-License-Identifier: Apache-2.0
"""What tests of the vault share: boxes, sets of tokens, heads, and every place
in which a value could be seen."""
import base64
import contextlib
import ctypes
import ctypes.util
import glob
import json
import os
import struct
import urllib.parse

from house import ROLE, SERVER, SOURCE, descendants, need


def box(h, value):
    """A value sealed to the vault's key, as the command line does it."""
    sodium = ctypes.CDLL(ctypes.util.find_library('sodium') or
                         'libsodium.so.23')
    key = base64.b64decode(h.get('/api/vault/key').json['box'])
    out = ctypes.create_string_buffer(len(value) + 48)
    need(sodium.crypto_box_seal(out, value, ctypes.c_ulonglong(len(value)),
                                key) == 0, 'crypto_box_seal')
    return base64.b64encode(out.raw).decode()


def caller(rule, port, ca):
    """The files of a role that makes requests by one rule, and lends a
    credential in them."""
    return {'role.toml': ROLE, 'mcp/server.toml': SERVER, 'gates.toml': """\
[defaults]
unmatched = "allow"

[egress.there]
%s
upstream = "127.0.0.1:%d"
ca       = "%s"
""" % (rule.strip(), port, ca)}


def tokens(access, refresh=b'', client=b'', expires=0):
    """A set of tokens as src/seal/DESIGN draws it."""
    return b'HRTK\x01\0' + struct.pack('<q', expires) + b''.join(
        struct.pack('<H', len(t)) + t for t in (access, refresh, client))


def heads(h, kind):
    return [e for e in h.events() if e['kind'] == kind]


def finish():
    return {'id': 'end', 'tool': 'finish', 'args': {'result': {}}}


def encodings(value):
    """Every way in which a value may stand in something else."""
    found = {value, value.hex().encode(), value.hex().upper().encode(),
             urllib.parse.quote(value, safe='').encode(),
             b''.join(b'%%%02x' % c for c in value),
             b''.join(b'%%%02X' % c for c in value),
             b''.join(b'\\u%04x' % c for c in value),
             json.dumps(value.decode())[1:-1].encode(), value[::-1]}
    for before in range(3):
        coded = base64.b64encode(b'\0' * before + value)
        coded = coded[-(-before * 4 // 3) + (before > 0):].rstrip(b'=')[:-1]
        found |= {coded, coded.replace(b'+', b'-').replace(b'/', b'_')}
    return found


def process_texts(root):
    for pid in [root, *descendants(root)]:
        for name in ('environ', 'cmdline', 'comm'):
            try:
                with open('/proc/%d/%s' % (pid, name), 'rb') as f:
                    yield '%s of %d' % (name, pid), f.read()
            except OSError:
                pass


def artefacts(h):
    for path in glob.glob(h.folder + '/**', recursive=True):
        if os.path.isfile(path) and not path.endswith('.sock'):
            # The house lives: a workspace may go meanwhile.
            with contextlib.suppress(FileNotFoundError):
                with open(path, 'rb') as f:
                    yield path, f.read()
    yield from process_texts(h.process.pid)
    for line in open(os.path.join(SOURCE, 'src/parts/routes.def')):
        if line.startswith('ROUTE("GET"'):
            path = line.split('"')[3].replace('*', 'there')
            if path not in ('/api/backup/bytes', '/api/events'):
                a = h.get(path, quiet=True)
                yield path, (a.out if a else '').encode()
    yield 'the events', json.dumps(h.events()).encode()
    for words in (('vault', 'list', '--archived'), ('vault', 'show', 'there'),
                  ('vault', 'vaults'), ('status',), ('audit', 'tail')):
        a = h.cli(*words)
        yield ' '.join(words), (a.out + a.err).encode()
