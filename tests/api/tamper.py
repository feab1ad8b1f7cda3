#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody changes the store of a house, in every way of the attack list, on
SQLite and on PostgreSQL: `audit verify` finds it and names the event."""
import base64
import hashlib
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import uuid
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
from house import *  # noqa: E402,F403

SERVER = None


def server():
    global SERVER
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    if SERVER is None:
        SERVER = cluster.Cluster.new()
        COMPANIONS.append(SERVER.server)
    return SERVER


def flip(blob, at=None):
    at = len(blob) // 2 if at is None else at
    return blob[:at] + bytes((blob[at] ^ 1,)) + blob[at + 1:]


KEYS = {'log': 'first', 'body': 'first', 'word': 'number'}


class Sqlite:
    """A copy of a stopped house's file, verified without the house."""
    BYTES = {'log': 'heads', 'body': 'bodies', 'word': 'bytes'}

    def __init__(self, made):
        self.made, self.path = made, made.house.folder + '/copy'
        shutil.copy(made.house.state + '/book/book.db', self.path)
        self.db = sqlite3.connect(self.path)
        for name in ('log_stays', 'log_remains', 'word_stays', 'word_remains'):
            self.db.execute('DROP TRIGGER ' + name)

    def rows(self, table):
        return self.db.execute('SELECT %s, %s FROM %s ORDER BY 1' % (
            KEYS[table], self.BYTES[table], table)).fetchall()

    def change(self, table, first, blob):
        self.db.execute('UPDATE %s SET %s = ? WHERE %s = ?' % (
            table, self.BYTES[table], KEYS[table]), (blob, first))

    def run(self, text):
        self.db.execute(text)

    def verify(self, *more):
        self.db.commit()
        self.db.close()
        return self.made.house.cli('audit', 'verify', '--file', self.path, *more)


class Postgres:
    """A database of its own, made after the stopped house's; a house starts on
    it and is asked."""
    BYTES = {'log': 'heads', 'body': 'bytes', 'word': 'bytes'}

    def __init__(self, made, of=''):
        self.made, self.name = made, 'd' + uuid.uuid4().hex[:8]
        made.sql('CREATE DATABASE %s TEMPLATE %s%s' % (self.name, made.database, of),
                 'template1')
        made.sql('DROP TRIGGER log_stays ON log', self.name)

    def rows(self, table):
        lines = self.made.sql("SELECT %s || ' ' || encode(%s, 'hex') FROM %s "
                              'ORDER BY %s' % (KEYS[table], self.BYTES[table],
                                               table, KEYS[table]), self.name)
        return [(int(x.split()[0]), bytes.fromhex(x.split()[1]))
                for x in lines.split('\n')]

    def change(self, table, first, blob):
        self.run("UPDATE %s SET %s = decode('%s', 'hex') WHERE %s = %d" % (
            table, self.BYTES[table], blob.hex(), KEYS[table], first))

    def run(self, text):
        self.made.sql(text, self.name)

    def verify(self, *more):
        h = self.made.house
        h.spawn(args=('--store', self.made.url(self.name)))
        until(lambda: h.process.poll() is not None or h.ready(), 30,
              'it neither starts nor says why')
        try:
            a = h.process.poll() is None and h.cli('audit', 'verify', *more)
            if not a or a.code == 3:  # it ended, also at its first write
                h.process.wait(PATIENCE)
                a = Answer(1, '', h.log()[h.mark:])
            return a
        finally:
            h.kill()


class Made:
    """A house with a short history, stopped, and a note of it kept outside."""

    def __init__(self, store):
        self.store = store
        self.house = House()
        self.database = 'b' + uuid.uuid4().hex[:8]
        args = ()
        if store is Postgres:
            server().sql('CREATE DATABASE ' + self.database)
            args = ('--store', self.url(self.database))
        self.house.start(args=args)
        for n in range(4):
            self.house.run([shell('echo %d' % n)])
            if n == 1:
                # Two of them are written, so that book is shorter.  On a
                # server a commit may be under way: then it says so.
                until(lambda: self.house.cli(
                    'backup', self.house.folder + '/before').code == 0, 20,
                      'no backup')
                if store is Postgres:
                    need(self.house.stop() == 0)
                    self.sql('CREATE DATABASE %s_older TEMPLATE %s' % (
                        self.database, self.database), 'template1')
                    self.house.start(args=args)
        self.note = self.house.folder + '/note'
        said = self.house.read('audit', 'checkpoint')
        write(self.note, said['checkpoint'])
        self.signer = said['signer']
        self.size = int(said['checkpoint'].split('\n')[1])
        need(self.house.stop() == 0)

    def url(self, database):
        return 'postgres://handrail@127.0.0.1:%d/%s' % (server().port, database)

    def sql(self, text, database):
        s = server()
        return s.run('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', s.folder,
                     '-p', str(s.port), '-U', 'handrail', '-d', database,
                     '-c', text).strip()

    def against(self):
        return ('--against', self.note, '--signer', self.signer)


MADE = {}


def made(store):
    if store not in MADE:
        MADE[store] = Made(store)
    return MADE[store]


def named(answer, low, high):
    """It fails, and the first event that it names is one of these: or, of a field
    that nothing but the tree covers, the events between two checkpoints."""
    need(answer.code == 1, 'it passes', answer)
    text = answer.out + answer.err
    between = re.search(r'one of (\d+) to (\d+)', text)
    if between:
        need(int(between[1]) <= low <= int(between[2]), 'elsewhere', low, answer)
        return
    numbers = [int(n) for n in re.findall(r'\b(?:events?|from) (\d+)', text)]
    need(numbers and low <= numbers[0] <= high, 'not named', low, high, answer)


def ways(store):
    m = made(store)

    def fresh():
        return store(m)
    # The twin: untouched it passes, against the note as well.
    a = fresh().verify(*m.against())
    need(a.code == 0, 'untouched', a)

    s = fresh()  # edited: a byte of a head, and of a body
    rows = s.rows('log')
    middle = len(rows) // 2
    first, blob = rows[middle]
    after = rows[middle + 1][0]
    s.change('log', first, flip(blob))
    named(s.verify(), first, after)

    s = fresh()
    bodies = s.rows('body')
    at = len(bodies) // 2
    s.change('body', bodies[at][0], flip(bodies[at][1]))
    named(s.verify(), bodies[at][0], bodies[at + 1][0])

    s = fresh()  # a word that heads have in common
    number, word = s.rows('word')[-1]
    s.change('word', number, flip(word))
    named(s.verify(*m.against()), 1, rows[-1][0] + 99)

    s = fresh()  # taken out: those before it are there, so it has not expired
    s.run('DELETE FROM body WHERE first = %d' % bodies[at][0])
    named(s.verify(), bodies[at][0], bodies[at + 1][0])

    s = fresh()  # deleted, in the middle
    s.run('DELETE FROM log WHERE first = %d' % first)
    named(s.verify(), rows[middle - 1][0], after)

    s = fresh()  # reordered: two batches change places
    same = next(([one, two] for n, one in enumerate(rows[2:], 3) for two in rows[n:]
                 if len(one[1]) == len(two[1]) and one[1] != two[1]), None)
    need(same and same[1][0] < m.size, [(f, len(b)) for f, b in rows])
    s.change('log', same[0][0], same[1][1])
    s.change('log', same[1][0], same[0][1])
    named(s.verify(), same[0][0], same[1][0] + 9)

    s = fresh()  # inserted: one of them stands once more where the other stood
    s.change('log', same[1][0], same[0][1])
    named(s.verify(*m.against()), same[0][0], same[1][0] + 9)

    s = fresh()  # the end cut off, with what points to it
    s.run('DELETE FROM log WHERE first >= %d' % rows[-4][0])
    s.run("DELETE FROM rows WHERE space = 'meta'")
    a = s.verify(*m.against())
    need(a.code == 1 and re.search(r'cut off|event \d+|from \d+', a.out + a.err), a)
    return m


@test
def U01_a_changed_book_on_sqlite_is_found_and_the_event_named():
    m = ways(Sqlite)
    # Replaced as a whole, by an older one and by another house's.
    for path, says in ((m.house.folder + '/before', 'cut off'),):
        a = m.house.cli('audit', 'verify', '--file', path)
        need(a.code == 0, 'alone it looks whole', a)
        a = m.house.cli('audit', 'verify', '--file', path, *m.against())
        need(a.code == 1 and says in a.err, a)
    with House() as other:
        other.start()
        for _ in range(6):
            other.run([shell('true')])
        other.ok('backup', other.folder + '/copy')
        a = m.house.cli('audit', 'verify', '--file', other.folder + '/copy',
                        *m.against())
        need(a.code == 1, a)


@test
def U01_a_changed_book_on_postgresql_is_found_and_the_event_named():
    m = ways(Postgres)
    # Put back to what it was, as a whole: it starts, and looks whole alone.
    a = Postgres(m, '_older').verify()
    need(a.code == 0, 'alone it looks whole', a)
    a = Postgres(m, '_older').verify(*m.against())
    need(a.code == 1 and re.search('cut off|not those of the checkpoint', a.err), a)
    other = Made(Postgres)
    try:
        other.note, other.signer = m.note, m.signer
        a = Postgres(other).verify(*m.against())
        need(a.code == 1, 'another house\'s book', a)
    finally:
        other.house.__exit__()


@test
def U02_the_role_of_the_house_can_append_and_nothing_else():
    m = made(Postgres)
    s = server()
    with open(os.path.join(SOURCE, 'src/store/postgres_role.sql')) as f:
        grants = f.read()
    name = 'd' + uuid.uuid4().hex[:8]
    m.sql('CREATE DATABASE %s TEMPLATE %s' % (name, m.database), 'template1')
    m.sql("DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = "
          "''handrail_house'') THEN CREATE ROLE handrail_house LOGIN; END IF; END'",
          name)
    m.sql(grants, name)

    def as_house(text):
        child = s.spawn('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', s.folder,
                        '-p', str(s.port), '-U', 'handrail_house', '-d', name,
                        '-c', 'SET search_path = handrail', '-c', text, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True)
        out = child.communicate(timeout=30)[0]
        return child.returncode, out
    for text in ("UPDATE log SET heads = '\\x00'", 'DELETE FROM log', 'TRUNCATE log',
                 'DROP TABLE log', 'ALTER TABLE log DISABLE TRIGGER ALL',
                 'DROP TRIGGER log_stays ON log', 'ALTER TABLE log OWNER TO handrail_house',
                 'DROP FUNCTION log_stays() CASCADE', "UPDATE word SET bytes = '\\x00'",
                 "UPDATE body SET bytes = '\\x00'", 'DELETE FROM word',
                 "SET session_replication_role = 'replica'",
                 'CREATE OR REPLACE FUNCTION log_stays() RETURNS trigger LANGUAGE '
                 "plpgsql AS 'BEGIN RETURN NEW; END'",
                 'GRANT UPDATE ON log TO handrail_house', 'SET ROLE handrail'):
        code, out = as_house(text)
        need(code != 0 or 'WARNING' in out, text, out)
        need(re.search('permission denied|must be owner|no privileges|not.*granted', out),
             text, out)
    code, out = as_house('SELECT count(*) FROM log')
    need(code == 0 and int(out) > 3, out)
    # A house works with that role, and its book is whole.
    h = m.house
    url = m.url(name).replace('handrail@', 'handrail_house@') + \
        '?options=-csearch_path%3Dhandrail'
    h.start(args=('--store', url))
    need(h.run([shell('echo by the role')])['state'] in FINAL)
    a = h.cli('audit', 'verify', *m.against())
    need(a.code == 0, a)
    need(h.stop() == 0)


# --- what it is held against ---

ALONE = 'no checkpoint from elsewhere was compared with it'


@test
def verify_says_what_it_was_held_against():
    with House() as h:
        h.start()
        h.run([shell('true')])
        note, copy = h.folder + '/note', h.folder + '/copy'
        write(note, h.ok('audit', 'checkpoint').out)
        size = int(h.ok('audit', 'checkpoint').out.split('\n')[1])
        h.ok('backup', copy)
        for file in ((), ('--file', copy)):
            need(ALONE in h.ok('audit', 'verify', *file).out, file)
            need(ALONE not in h.ok('audit', 'verify', '--against', note, *file).out, file)
        # A tree of no events is every book's.
        lines = open(note).read().split('\n')
        write(note, '\n'.join([lines[0], '0'] + lines[2:]))
        for file in ((), ('--file', copy)):
            a = h.cli('audit', 'verify', '--against', note, *file)
            need(a.code == 1 and 'a tree of no events' in a.err, file, a)
    with House() as h:
        folder = h.folder + '/published'
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        path = folder + '/note'
        with open(h.config, 'a') as f:
            f.write('\n[audit]\npublish = "file:%s"\nwait = "1s"\n' % path)
        h.start()
        h.run([shell('true')])
        until(lambda: os.path.exists(path))
        out = h.ok('audit', 'verify').out
        need(re.search(r'it has the tree of \d+ events that it published\n', out) and
             ALONE not in out, out)
        # A note that somebody kept is one more, not one in its place.
        write(h.folder + '/note', h.ok('audit', 'checkpoint').out)
        lines = open(path).read().split('\n')
        forged = '\n'.join([lines[0], '1000000'] + lines[2:])

        def beside():
            write(path, forged, 0o666)
            return h.cli('audit', 'verify', '--against', h.folder + '/note')
        until(lambda: beside().code == 1, text='it passes beside ' + forged)
        need('cut off' in beside().err and path in beside().err, beside())


@test
def a_house_is_held_against_the_signer_that_is_given():
    with House() as h, House() as other:
        h.start()
        h.run([shell('true')])
        copy = h.folder + '/copy'
        nobody = 'no checkpoint in it was signed by the signer that you gave'
        until(lambda: h.cli('backup', copy).code == 0)
        line = h.read('audit', 'checkpoint')['signer']
        need(nobody in h.ok('audit', 'verify', '--file', copy, '--signer', line).out)
        need(nobody not in h.ok('audit', 'verify', '--signer', line).out)
        other.start()
        wrong = other.read('audit', 'checkpoint')['signer']
        h.ok('backup', h.folder + '/signed')
        for file in ((), ('--file', h.folder + '/signed')):
            need(nobody not in h.ok('audit', 'verify', '--signer', line, *file).out)
            a = h.cli('audit', 'verify', '--signer', wrong, *file)
            need(a.code == 1 and 'never was in force' in a.err, file, a)
        a = h.get('/api/audit/verify?signer=x')
        need(a.code == 400 and 'reads name+8 hex digits' in a.out, a)


# --- notes and proofs ---------------------------------------------------------------

def verify_note(m, text, signer=None):
    path = m.house.folder + '/tried'
    write(path, text)
    return m.house.cli('audit', 'verify', '--checkpoint', path, '--signer',
                       signer or m.signer)


@test
def U04_a_note_is_read_as_its_form_says_and_no_other_way():
    m = made(Sqlite)
    with open(m.note) as f:
        note = f.read()
    text, blank, signatures = note.partition('\n\n')
    origin, size, root = text.split('\n')
    need(blank and verify_note(m, note).code == 0, note)
    # Unknown signers are others' business: before, behind, malformed keys too.
    other = '— witness.test %s\n' % base64.b64encode(b'w' * 68).decode()
    for good in (note + other, text + '\n\n' + other + signatures):
        need(verify_note(m, good).code == 0, good)
    signed = signatures.strip().split(' ')[-1]
    raw = base64.b64decode(signed)
    wrong_id = base64.b64encode(bytes((raw[0] ^ 1,)) + raw[1:]).decode()
    for bad in (text + '\n\n' + other,                              # not signed by it
                note.replace(origin, 'elsewhere', 1),               # another origin
                note.replace('\n%s\n' % size, '\n%d\n' % (int(size) + 1), 1),
                note.replace('\n%s\n' % size, '\n0%s\n' % size, 1),
                note.replace('\n%s\n' % size, '\n-1\n', 1),
                note.replace(root, base64.b64encode(b'x' * 32).decode(), 1),
                note.replace(root, root + '\nmore of it', 1),        # not what was signed
                note.replace(signed, wrong_id),                      # another key's id
                note.replace('\n\n', '\n', 1), '', text, note[:-20],
                note.replace('\n', '\r\n')):
        a = verify_note(m, bad)
        need(a.code == 1, 'it passes', bad, a)
    # The number of a key that is not its name's.
    name, number, key = m.signer.split('+', 2)
    need(verify_note(m, note, '+'.join((name, '00000000', key))).code == 1)
    need(verify_note(m, note, '+'.join(('other', number, key))).code == 1)
    # A smaller tree than the one that was signed is no growth of it.
    a = m.house.cli('audit', 'verify', '--file', m.house.folder + '/before', *m.against())
    need(a.code == 1 and 'cut off' in a.err, a)


@test
def U05_a_proof_is_of_one_event_in_one_tree():
    m = made(Sqlite)
    h = m.house
    h.start()
    total = len(h.events())
    roots = set()
    for size in sorted({1, 2, 3, 4, 7, 8, 9, 15, 16, 17, total}):
        for seq in sorted({1, size // 2 + 1, size}):
            a = h.read('audit', 'prove', str(seq), '--size', str(size))
            need(a['size'] == size and a['seq'] == seq, a)
        roots.add(size)
    for seq, size in ((0, 4), (5, 4), (1, 0), (total + 9, total), (-1, 4)):
        a = h.cli('audit', 'prove', str(seq), '--size', str(size))
        need(a.code != 0, seq, size, a)
    need(len(roots) > 8)
    h.ok('audit', 'prove', '--from', m.note, '--signer', m.signer)
    # A node of the tree is no event: a receipt whose head is replaced by the
    # two halves below it has the same root and is refused.
    task = [e for e in h.events() if e['kind'] == 'task_put'][0]['task']
    path = h.folder + '/receipt'
    h.ok('receipt', task, '-o', path)
    need(h.cli('audit', 'verify', '--receipt', path, '--signer', m.signer).code == 0)
    with open(path) as f:
        made_ = json.load(f)
    for at in range(3):
        bad = json.loads(json.dumps(made_))
        event = bad['events'][at]
        longest = max((k for k in event if isinstance(event[k], list)),
                      key=lambda k: len(event[k]), default=None)
        need(longest, 'no proof', list(event))
        head = next(k for k in event if k == 'head')
        event[head] = event[longest][0]
        event[longest] = event[longest][1:]
        write(path, json.dumps(bad))
        a = h.cli('audit', 'verify', '--receipt', path)
        need(a.code == 1 and path + ': the receipt is not true' in a.err, event, a)
    h.stop()


@test
def a_receipt_lacks_no_text_but_what_its_house_never_had():
    with House() as h:
        path = h.folder + '/receipt'

        def receipt():
            h.ok('receipt', task, '-o', path)
            with open(path) as f:
                return json.load(f)

        def check(made):
            write(path, json.dumps(made))
            line = h.read('audit', 'checkpoint')['signer']
            a = h.cli('audit', 'verify', '--receipt', path, '--signer', line)
            os.unlink(path)
            return a

        h.start()
        task = h.run([shell('true')])['id']
        text = json.dumps(receipt())
        need(check(json.loads(text)).code == 0)
        digests = [one['digest'] for one in json.loads(text)['texts']]
        need(len(digests) >= 2, digests)
        for at, digest in enumerate(digests):
            bad = json.loads(text)
            bad['texts'][at] = {'digest': digest, 'missing': True}
            a = check(bad)
            need(a.code == 1 and 'a text was taken out' in a.err, a)
        h.role_file('helper', 'gates.toml', GATES + '# another\n')
        h.stop()
        policy = hashlib.sha256(GATES.encode()).hexdigest()
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            gone = db.execute("DELETE FROM rows WHERE space = 'text' AND key = ?", (policy,))
            need(gone.rowcount == 1, gone.rowcount, digests)
        h.start()
        made = receipt()
        need({'digest': policy, 'missing': True} in made['texts'], made['texts'])
        a = check(made)
        need(a.code == 0, a)


@test
def a_body_that_is_away_is_so_in_one_way_and_says_no_more():
    with House() as h:
        h.start()
        task = h.run([shell('true')])['id']
        h.stop()
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            db.execute('DELETE FROM body WHERE first = (SELECT first FROM body '
                       'ORDER BY 1 LIMIT 1 OFFSET (SELECT count(*) / 2 FROM body))')
        h.start()
        path = h.folder + '/receipt'
        h.ok('receipt', task, '-o', path)
        with open(path) as f:
            text = f.read()
        away = [n for n, event in enumerate(json.loads(text)['events'])
                if event.get('expired') is True]
        need(away, text)

        def check(**said):
            bad = json.loads(text)
            event = bad['events'][away[0]]
            del event['expired']
            event.update(said)
            write(path, json.dumps(bad))
            return h.cli('audit', 'verify', '--receipt', path)

        need(check(expired=True).code == 0, 'the twin')
        for said in ({'expired': True, 'left_out': 'it was approved'},
                     {'expired': 'it was approved', 'left_out': True},
                     {'expired': True, 'left_out': False}, {'left_out': True},
                     {'expired': 'it was approved'}, {'expired': False}):
            a = check(**said)
            need(a.code == 1 and 'not true' in a.err, said, a)


BIG = {**HELPER, 'role.toml': """\
[task.default]
tools  = ["big"]
brain  = "runbook"
budget = { turns = 60, calls = 60, wall = "10m" }
""", 'mcp/server.toml': """\
[tool.big]
description  = "Say so many letters"
action       = "read"
output_limit = 1048576
input = { type = "object", required = ["n"], properties.n.type = "integer" }
run   = { exec = ["/bin/sh", "-c", "head -c $1 /dev/zero | tr '\\\\0' x", "big", "{{n}}"] }
"""}


@test
def a_body_that_does_not_fit_is_left_out_and_the_list_never_is():
    most = 24 << 20
    with House({'helper': BIG}) as h:
        def made_of(*sizes):
            steps = [{'id': 's%d' % at, 'tool': 'big', 'args': {'n': n}}
                     for at, n in enumerate([1000000] * 25 + list(sizes))]
            task = h.run(steps + [{'id': 'end', 'tool': 'finish', 'args': {}}])
            need(task['state'] == 'completed', json.dumps(task)[:2000])
            path = h.folder + '/receipt-%d' % len(os.listdir(h.folder))
            h.ok('receipt', task['id'], '-o', path)
            with open(path) as f:
                return json.load(f)

        def check(made):
            write(h.folder + '/receipt', json.dumps(made))
            return h.cli('audit', 'verify', '--receipt', h.folder + '/receipt')

        def bodies(made):
            return sum(len(e.get('body', '').encode()) for e in made['events'])

        h.start()
        # All but the list fit, to a few bytes: it is longer than those.
        made = made_of(1000)
        rest = most - bodies(made) + len(made['events'][-1]['body'])
        made = made_of(1000 + rest - 200)
        need(all('left_out' not in e for e in made['events']) and
             most < bodies(made) < most + 2000, bodies(made))
        # One does not: so it is, and in no other way.
        made = made_of(1000000)
        text = json.dumps(made)
        away = [n for n, e in enumerate(made['events']) if 'left_out' in e]
        need(len(away) == 1 and check(made).code == 0, away)
        made['events'][away[0]]['expired'] = made['events'][away[0]].pop('left_out')
        a = check(made)
        need(a.code == 1 and 'not as its head says' in a.err, a)
        made = json.loads(text)
        made['events'][away[0]]['expired'] = True
        need(check(made).code == 1, 'both')


@test
def a_receipt_of_before_its_list_named_texts_lacks_none():
    """old_receipt.json is of such a program; nobody can make one today."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           'old_receipt.json')) as f:
        old = json.load(f)
    with House() as h:
        def check():
            write(h.folder + '/receipt', json.dumps(old))
            return h.cli('audit', 'verify', '--receipt', h.folder + '/receipt',
                         '--signer', old['signer'])

        a = check()
        need(a.code == 0, a)
        old['texts'][0] = {'digest': old['texts'][0]['digest'], 'missing': True}
        a = check()
        need(a.code == 1 and 'too old to say which' in a.err, a)


if __name__ == '__main__':
    code = main()
    for m in MADE.values():
        m.house.__exit__()
    if SERVER:
        COMPANIONS.remove(SERVER.server)
        SERVER.remove()
    sys.exit(code)
