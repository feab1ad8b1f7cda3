# SPDX-License-Identifier: Apache-2.0
"""A book that somebody changed behind the house's back."""
import ctypes
import ctypes.util
import sqlite3
from contextlib import closing

from house import need

ZSTD = ctypes.CDLL(ctypes.util.find_library('zstd') or 'libzstd.so.1')
ZSTD.ZSTD_compress.restype = ZSTD.ZSTD_decompress.restype = ctypes.c_size_t
ZSTD.ZSTD_isError.argtypes = [ctypes.c_size_t]


def unpack(blob):
    if blob[1] == 0:
        return blob[2:]
    out = ctypes.create_string_buffer(1 << 21)
    n = ZSTD.ZSTD_decompress(out, ctypes.c_size_t(len(out)), blob[2:],
                             ctypes.c_size_t(len(blob) - 2))
    need(not ZSTD.ZSTD_isError(n), 'a frame that cannot be read')
    return out.raw[:n]


def forge(h, old, new):
    """Changes a body of the book that has `old`, in its place and its length;
    how often it was found."""
    need(len(old) == len(new), old, new)
    count = 0
    with closing(sqlite3.connect(h.state + '/book/book.db')) as db:
        rows = db.execute('SELECT first, bodies FROM body').fetchall()
        for first, blob in rows:
            content = unpack(bytes(blob))
            if old in content:
                count += content.count(old)
                db.execute('UPDATE body SET bodies = ? WHERE first = ?',
                           (bytes([1, 0]) + content.replace(old, new), first))
        db.commit()
    return count


def forge_note(h, note, cluster):
    """The book says that this note is its newest; cluster: it is a schema of that
    PostgreSQL."""
    sql = "UPDATE %s SET value = %s WHERE space = 'meta' AND key = 'checkpoint'"
    if cluster:
        cluster.sql(sql % (h.schema + '.rows', "decode('%s', 'hex')" % note.encode().hex()))
        return
    with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
        need(db.execute(sql % ('rows', '?'), (note.encode(),)).rowcount == 1)
