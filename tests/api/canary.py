#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Credentials are planted in a house that then works, with every part of its
log on; nothing that can be read of it holds one of them, in any encoding: the
store and what is in front of it, logs, core files, environments, arguments,
metrics, temporary files, what a cell sees, transcripts, receipts, exports, a
backup; on SQLite, and in the data folder of a PostgreSQL."""
import base64
import contextlib
import gzip
import os
import sys
import tempfile
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
from house import *  # noqa: E402,F403
import vault  # noqa: E402
from vault import Upstream, box, call, encodings, finish, post, put, tokens  # noqa: E402
from vault_help import process_texts  # noqa: E402
TESTS.clear()  # those are not ours

DECOY = 'DECOY-a-text-of-the-cell-91'
# value and what it is; each is used, rotated, archived, refused or deleted.
PLANTED = {
    'used': b'CANARY>~?one+/7f3a-Q', 'rotated': b'CANARY>~?two+/91bc-W',
    'archived': b'CANARY>~?thr+/55de-E', 'deleted': b'CANARY>~?fou+/2b2b-R',
    'kept': b'CANARY>~?fiv+/a90c-T', 'header': b'CANARY>~?six+/0d1e-Y',
    'access': b'CANARY-acc-0d1e-88aa', 'refresh': b'CANARY-ref-88aa-0d1e',
    'client': b'CANARY-cli-4c4c-19ff', 'refused': b'CANARY-no-5a5a\r\nX: y',
}


def needles():
    found = {}
    for name, value in PLANTED.items():
        for text in encodings(value.split(b'\r')[0]):
            if len(text) >= 8:
                found[text] = name
    return found


def opened(data):
    """What is packed in it, as far as it can be told: zlib and gzip members."""
    for mark, open_ in ((b'\x1f\x8b\x08', gzip.decompress), (b'\x78\x9c', zlib.decompress)):
        at = data.find(mark)
        while at >= 0 and at < 1 << 20:
            try:
                yield open_(data[at:])
            except (OSError, EOFError, zlib.error):
                pass
            at = data.find(mark, at + 1)


def files(*places):
    """Each file, and all below each folder."""
    for place in places:
        alone = [(os.path.dirname(place), (), [os.path.basename(place)])]
        for where, _, names in alone if os.path.isfile(place) else os.walk(place):
            for name in names:
                path = os.path.join(where, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    try:
                        with open(path, 'rb') as f:
                            data = f.read()
                    except FileNotFoundError:
                        continue  # a server, or another test, goes on
                    yield path, data
                    for more in opened(data):
                        yield path + ' (opened)', more


def unpacked(h):
    """Bodies are compressed in the store: as the house gives them."""
    yield 'events', json.dumps(h.events()).encode()
    for kind in ('jsonl', 'ocsf'):
        yield 'export ' + kind, h.ok('audit', 'export', '--format', kind).out.encode()
    yield 'metrics', h.get('/metrics', token=False).out.encode()
    for words in (('vault', 'list', '--archived'), ('status',), ('audit', 'tail'),
                  ('summary',), ('task', 'list'), ('doctor',)):
        a = h.cli(*words)
        yield ' '.join(words), (a.out + a.err).encode()


def works_with_them(h, up):
    """A life in which each of them is put, used, changed or refused."""
    put(h, 'there', PLANTED['rotated'])
    post(h, 'there', 'rotate', box=box(h, PLANTED['used']))
    put(h, 'gone', PLANTED['deleted'])
    post(h, 'gone', 'delete')
    put(h, 'asleep', PLANTED['archived'])
    post(h, 'asleep', 'archive')
    put(h, 'kept', PLANTED['kept'])
    put(h, 'head', PLANTED['header'], kind='header', header='X-Api-Key')
    put(h, 'set', tokens(PLANTED['access'], PLANTED['refresh'], PLANTED['client']),
        kind='oauth_refresh', token_endpoint='https://id.test/token', client_id='c')
    h.post(vault.AT, {'name': 'wrong', 'hosts': 'there.test', 'box': box(h, PLANTED['refused'])})
    said = call(h, 'echo %s >/work/note; env; cat /proc/self/environ /proc/self/cmdline '
                '/work/note; curl -sS -v https://there.test/echo 2>&1; grep -rs CANARY / '
                '--exclude-dir=proc --exclude-dir=sys --exclude-dir=usr | head; true' % DECOY)
    need(PLANTED['used'].decode() in up.shown, up.shown)
    need(DECOY in said, said[:2000])
    task = [e for e in h.events() if e['kind'] == 'task_put'][-1]['task']
    h.ok('receipt', task, '-o', os.path.join(h.folder, 'receipt'))
    h.ok('backup', os.path.join(h.folder, 'copy'))
    # A part that crashes leaves no image of itself.
    for name in ('vault', 'egress'):
        end_process(h.pids()[name], 6)
        h.whole()
    call(h)
    return task


def search(h, what, *folders):
    wanted, decoys, places = needles(), 0, 0
    blind = encodings(DECOY.encode())

    def look(name, data):
        nonlocal decoys, places
        places += 1
        for needle, value in wanted.items():
            need(needle not in data, 'the value %s is in %s' % (value, name))
        decoys += any(d in data for d in blind)
    if what == 'alive':
        for name, data in unpacked(h):
            look(name, data)
        for name, data in process_texts(h.process.pid):
            look(name, data)
    for name, data in files(h.folder, *folders):
        look(name, data)
    print('# %s: %d artefacts, the decoy in %d' % (what, places, decoys))
    return decoys


def of_us(at):
    """A file of a part of this program's houses, which have ids of their own."""
    return IDS <= at.st_uid < IDS + 1024 if os.getuid() == 0 else at.st_uid == os.getuid()


def around():
    """What stands beside a house and may be of it, and when a file was written:
    temporary folders, of whoever but servers of other tests; and files of its
    parts, as the image of one that crashes, which the kernel leaves where the
    part works (in the house's folder) or where it is told to."""
    with open('/proc/sys/kernel/core_pattern') as f:
        dumps = os.path.dirname(f.read().strip())
    found = {}
    for folder in {tempfile.gettempdir()} | ({dumps} if dumps.startswith('/') else set()):
        for at in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                if at.is_file(follow_symlinks=False) and of_us(at.stat()):
                    found[at.path] = at.stat().st_mtime_ns
                elif at.is_dir() and not at.name.startswith('handrail-postgres-') and \
                        at.name.startswith(('handrail', 'core', 'egress', 'vault')):
                    found[at.path] = 0
    return found


def temporary(before):
    """What appeared there, and files that were written anew."""
    return [path for path, at in around().items() if before.get(path) != at]


def planted(h, before, path):
    """A value that a part left there would be found."""
    with open(path, 'wb') as f:
        f.write(b'x' + base64.b64encode(PLANTED['kept']) + b'y')
    if os.getuid() == 0:
        os.chown(path, IDS, -1)
    try:
        search(h, 'planted', *temporary(before))
    except Failed:
        return
    finally:
        os.unlink(path)
    need(False, 'a planted value was not found', path)


def canary(store=(), folders=(), before_stop=None):
    before = around()
    with House() as h:
        with Upstream(h.folder, DECOY.encode()) as up:
            up.role(h)
            # It is told by the upstream what it was shown.
            h.start(env={'HANDRAIL_LOG': 'debug'}, args=store)
            works_with_them(h, up)
            need(search(h, 'alive', *folders, *temporary(before)) > 0,
                 'the decoy was not found: the search is blind')
        if before_stop:
            before_stop(h)
        need(h.stop() == 0)
        need(' debug ' in h.log(), 'the log has no line of debug')
        if before_stop:
            before_stop(h)
        search(h, 'stopped', *folders, *temporary(before))
        planted(h, before, os.path.join(h.folder, 'planted'))
        # As the image of a part that crashed would be.
        planted(h, before, os.path.join(tempfile.gettempdir(), 'core.%d' % IDS))


@test
def O01_no_planted_credential_is_in_any_artefact_of_a_house_on_sqlite():
    def every_page(h):
        """Free pages and the log in front of the file are part of the files."""
        need(os.path.exists(h.state + '/book/book.db'))
    canary(before_stop=every_page)


@test
def O01_nor_on_postgresql_in_its_data_folder_and_its_log():
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    s = cluster.Cluster.new()
    COMPANIONS.append(s.server)
    try:
        s.sql("ALTER SYSTEM SET log_statement = 'all'")
        s.sql('SELECT pg_reload_conf()')
        schema = 'h' + uuid.uuid4().hex[:8]

        def flushed(h):
            s.sql('CHECKPOINT')
        canary(store=('--store', s.url(schema)), folders=(s.folder,), before_stop=flushed)
        rows = s.sql("SELECT count(*) FROM %s.rows WHERE space = 'sealed'" % schema)
        need(int(rows) >= 3, 'the sealed rows are there', rows)
    finally:
        COMPANIONS.remove(s.server)
        s.remove()


if __name__ == '__main__':
    sys.exit(main())
