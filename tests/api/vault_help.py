# SPDX-License-Identifier: Apache-2.0
"""What tests of the vault share: boxes, sets of tokens, heads."""
import base64
import ctypes
import ctypes.util
import struct

from house import need



def box(h, value):
    """A value sealed to the vault's key, as the command line does it."""
    sodium = ctypes.CDLL(ctypes.util.find_library('sodium') or
                         'libsodium.so.23')
    key = base64.b64decode(h.get('/api/vault/key').json['box'])
    out = ctypes.create_string_buffer(len(value) + 48)
    need(sodium.crypto_box_seal(out, value, ctypes.c_ulonglong(len(value)),
                                key) == 0, 'crypto_box_seal')
    return base64.b64encode(out.raw).decode()


def tokens(access, refresh=b'', client=b'', expires=0):
    """A set of tokens as src/seal/DESIGN draws it."""
    return b'HRTK\x01\0' + struct.pack('<q', expires) + b''.join(
        struct.pack('<H', len(t)) + t for t in (access, refresh, client))


def heads(h, kind):
    return [e for e in h.events() if e['kind'] == kind]


def finish():
    return {'id': 'end', 'tool': 'finish', 'args': {'result': {}}}
