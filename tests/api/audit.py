#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The book as evidence: what it names is kept, what happened is in it, nothing
secret is, and it is checked without the house that wrote it.

    STORE=postgres   every house has a schema of a PostgreSQL of the test's own
"""
import base64
import hashlib
import http.server
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
from forge import forge_note  # noqa: E402
from git_server import GitServer, HOST  # noqa: E402
from house import *  # noqa: E402,F403

ASKS = {**HELPER, 'gates.toml': """\
[defaults]
unmatched = "allow"

[gate.rule]
match   = { tool = "shell" }
require = "operator"
surface = "cli"
"""}

# What these say depends on a policy, a role or a contract.
DECISIONS = ('policy_loaded', 'run_started', 'call_decided', 'call_started',
             'call_settled', 'wait_put', 'wait_decided', 'wait_ended',
             'request_intent', 'request_denied', 'request_outcome',
             'grant_made', 'cell_started', 'run_ended')


POSTGRES = os.environ.get('STORE') == 'postgres'
SERVER = None


def server():
    global SERVER
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    if SERVER is None:
        SERVER = cluster.Cluster.new()
        COMPANIONS.append(SERVER.server)
    return SERVER


if POSTGRES:
    class House(House):  # noqa: F405
        def spawn(self, args=(), **more):
            self.schema = getattr(self, 'schema', 'h' + uuid.uuid4().hex[:8])
            url = server().url(self.schema)
            super().spawn(args=[*args, '--store', url], **more)


def texts_of(h):
    """The texts that decisions name, from the store of a house that is
    stopped."""
    if POSTGRES:
        rows = server().sql(
            "SELECT convert_from(key, 'UTF8') || ' ' || encode(value, 'hex')"
            " FROM %s.rows WHERE space = 'text'" % h.schema)
        return {key: bytes.fromhex(value) for key, value in
                (row.split(' ') for row in rows.splitlines())}
    book = sqlite3.connect(os.path.join(h.state, 'book/book.db'))
    return dict(book.execute(
        "SELECT key, value FROM rows WHERE space = 'text'"))


def pushed(h, g, branch='agent/audit'):
    h.ok('vault', 'put', 'demo-git', '--host', HOST, input=g.token)
    t = h.run(g.steps(branch, 'stop'), queue='engineering', kind='fix_test',
              repo=g.url)
    need(t['state'] == 'completed', t)
    return t


def receipt(h, task):
    path = os.path.join(h.folder, str(uuid.uuid4()))
    h.ok('receipt', task, '-o', path)
    with open(path) as f:
        return path, json.load(f)


def signer(h):
    return h.read('audit', 'checkpoint')['signer']


def note(h, name):
    """A checkpoint of now, kept in a file."""
    path = os.path.join(h.folder, name)
    write(path, h.read('audit', 'checkpoint')['checkpoint'])
    return path


class Elsewhere:
    """Another machine: the program, and no house, state or configuration."""

    def __init__(self, h):
        self.handrail, self.folder = h.handrail, tempfile.mkdtemp()
        self.env = {'PATH': os.environ['PATH'], 'HOME': self.folder}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def verify(self, *args):
        done = subprocess.run([self.handrail, 'audit', 'verify', *args],
                              env=self.env, cwd=self.folder, text=True,
                              capture_output=True, timeout=60)
        return Answer(done.returncode, done.stdout, done.stderr)

    def receipt(self, made, *args):
        path = os.path.join(self.folder, 'receipt.json')
        write(path, made if isinstance(made, str) else json.dumps(made))
        return self.verify('--receipt', path, *args)


# --- what is in the book --------------------------------------------------------

@test
def every_decision_names_texts_that_are_kept():
    with GitServer() as g, House({'engineering': g.role(False),
                                  'helper': ASKS}) as h:
        h.start()
        pushed(h, g)
        task = h.dispatch([shell('true'), {'id': 'end', 'tool': 'finish',
                                           'args': {}}])
        need(h.say(h.waiting(), 'approve').code == 200)
        h.outcome(task)
        h.ok('sandbox', 'run', '--identity', HELPER_ID, '--', 'true')
        events = h.events()
        seen = set()
        h.stop()
        texts = texts_of(h)
        for key, value in texts.items():
            need(hashlib.sha256(value).hexdigest() == key, key)
        for e in events:
            if e['kind'] not in DECISIONS:
                continue
            seen.add(e['kind'])
            for what in ('policy', 'contract', 'role'):
                need(e.get(what) in texts, e['seq'], e['kind'], what,
                     e.get(what))
        need(seen == set(DECISIONS) - {'request_denied'}, seen)


@test
def a_text_that_was_replaced_is_still_there():
    with House() as h:
        h.start()
        old = [e for e in h.events() if e['kind'] == 'policy_loaded'][0]
        h.role_file('helper', 'gates.toml', GATES + '# another\n')
        h.role_file('helper', 'role.toml', ROLE + '# another\n')
        os.kill(h.pids()['core'], signal_number('HUP'))
        new = until(lambda: [e for e in h.events() if
                             e['kind'] == 'policy_loaded' and
                             e['policy'] != old['policy']])[0]
        need(new['role'] != old['role'] and
             new['contract'] == old['contract'], new, old)
        h.stop()
        texts = texts_of(h)
        need(texts[old['policy']] == GATES.encode() and
             texts[new['policy']] == (GATES + '# another\n').encode() and
             texts[old['role']] == ROLE.encode(), list(texts))


def signal_number(name):
    import signal
    return getattr(signal, 'SIG' + name)


@test
def a_grant_stands_between_its_intent_and_its_outcome():
    with GitServer() as g, House({'engineering': g.role(False)}) as h:
        h.start()
        t = pushed(h, g)
        order = {}
        for e in h.events(t['id']):
            if e['kind'] in ('request_intent', 'grant_made',
                             'request_outcome'):
                order.setdefault(e['body']['request'], []).append(e['kind'])
        need(order and all(x == ['request_intent', 'grant_made',
                                 'request_outcome']
                           for x in order.values()), order)
        grant = [e for e in h.events() if e['kind'] == 'grant_made'][0]
        need(grant['rule'] == 'demo-git' and grant['body']['version'] == 1 and
             grant['body']['host'] == HOST, grant)


@test
def operators_tokens_and_the_key_are_told_once_each():
    def told(h):
        return [(e['kind'], e['rule']) for e in h.events() if e['kind'] in
                ('operator_made', 'operator_gone', 'key_in_force')]
    with House() as h:
        h.start()
        first = [('operator_made', 'tester'), ('key_in_force', 'signer')]
        until(lambda: told(h) == first, text=str(told(h)))
        h.stop()
        h.start()
        need(told(h) == first, told(h))
        h.stop()
        os.unlink(os.path.join(h.state, 'operators/tester.token'))
        with open(h.config, 'a') as f:
            f.write('\n[operator.other]\nuid = %d\n' % (os.getuid() + 1))
        h.start()
        need(told(h)[2:] == [('operator_made', 'tester'),
                             ('operator_made', 'other')], told(h))
        h.stop()
        with open(h.config) as f:
            text = f.read()
        write(h.config, text[:text.index('\n[operator.other]')])
        h.start()
        need(told(h)[4:] == [('operator_gone', 'other')], told(h))


def forms(canary):
    raw = canary.encode()
    found = {raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b'='),
             base64.urlsafe_b64encode(raw).rstrip(b'=')}
    for lead in (1, 2):
        found.add(base64.b64encode(b'\0' * lead + raw)[4:-4])
    return found


@test
def no_secret_query_or_header_is_in_a_head_a_body_or_a_log():
    """git itself asks with a query (?service=…) and with headers of its own."""
    with GitServer() as g, House({'engineering': g.role(False)}) as h:
        h.start()
        t = pushed(h, g)
        path, _ = receipt(h, t['id'])
        said = json.dumps(h.events()) + h.ok('audit', 'export').out
        with open(path) as f:
            said += f.read()
        requests = [e for e in h.events(t['id'])
                    if e['kind'].startswith('request_')]
        need(len(requests) >= 6, requests)
        h.stop()
        said = said.encode() + h.log().encode()
        for e in requests:
            text = json.dumps(e)
            need('service=' not in text and 'git/2' not in text and
                 '?' not in e['body'].get('path', ''), e)
        for form in forms(g.token):
            need(form not in said, 'the token is there as', form)
        # The same search finds what was planted.
        need(any(f in said + base64.b64encode(b'x' + g.token.encode())
                 for f in forms(g.token)))


# --- proofs ---------------------------------------------------------------------

@test
def an_event_is_proven_in_any_tree_since():
    with House() as h:
        h.start()
        h.run([shell('true')])
        last = len(h.events())
        for size in (1, 2, 7, last):
            for seq in {1, (size + 1) // 2, size}:
                a = h.read('audit', 'prove', str(seq), '--size', str(size))
                need(a['size'] == size and a['seq'] == seq, a)
        need(h.cli('audit', 'prove', '8', '--size', '7').code == 4)
        need(h.cli('audit', 'prove', '1', '--size', str(last + 900)).code == 1)
        need('proven' in h.ok('audit', 'prove', '3').out)


@test
def growth_is_proven_from_every_checkpoint_kept():
    with House() as h, Elsewhere(h) as far:
        h.start()
        kept = [note(h, 'note-%d' % n) for n in range(4)]
        line = signer(h)
        write(os.path.join(h.folder, 'signer'), line + '\n')
        for a in kept:
            h.ok('audit', 'prove', '--from', a, '--signer', line)
            need(far.verify('--checkpoint', a, '--signer', line).code == 0)
        a = h.ok('audit', 'prove', '--from', kept[0], '--to', kept[2],
                 '--signer', '@' + os.path.join(h.folder, 'signer'))
        need('proven' in a.out, a)
        # A tree that never was, signed or not.
        with open(kept[1]) as f:
            text = f.read()
        lines = text.splitlines(True)
        root = base64.b64decode(lines[2])
        lines[2] = base64.b64encode(bytes([root[0] ^ 1]) +
                                    root[1:]).decode() + '\n'
        write(os.path.join(h.folder, 'forged'), ''.join(lines))
        forged = os.path.join(h.folder, 'forged')
        need(h.cli('audit', 'prove', '--from', forged).code == 1)
        need(h.cli('audit', 'verify', '--against', forged).code == 1)
        a = far.verify('--checkpoint', forged, '--signer', line)
        need(a.code == 1 and 'does not match' in a.err, a)
        other = line[:-6] + ('A' if line[-6] != 'A' else 'B') + line[-5:]
        need(far.verify('--checkpoint', kept[0], '--signer', other).code == 1)
        h.ok('audit', 'verify', '--against', kept[3], '--signer', line)


@test
def a_book_that_was_cut_or_replaced_is_found_by_a_note_from_before():
    with House() as h:
        h.start()
        h.ok('backup', os.path.join(h.folder, 'old'))
        h.run([shell('true')])
        kept, line = note(h, 'note'), signer(h)
        h.ok('backup', os.path.join(h.folder, 'new'))
        h.ok('audit', 'verify', '--file', os.path.join(h.folder, 'new'),
             '--against', kept, '--signer', line)
        a = h.cli('audit', 'verify', '--file', os.path.join(h.folder, 'old'))
        need(a.code == 0, 'alone it looks whole', a)
        a = h.cli('audit', 'verify', '--file', os.path.join(h.folder, 'old'),
                  '--against', kept)
        need(a.code == 1 and 'cut off' in a.err, a)
        h.stop()
        with House() as other:
            other.start()
            for _ in range(6):
                other.run([shell('true')])
            other.ok('backup', os.path.join(other.folder, 'copy'))
            a = h.cli('audit', 'verify', '--file',
                      os.path.join(other.folder, 'copy'), '--against', kept)
            need(a.code == 1 and 'not those of the checkpoint' in a.err, a)


# --- receipts -------------------------------------------------------------------

@test
def a_receipt_is_checked_on_another_machine():
    with GitServer() as g, House({'engineering': g.role(False),
                                  'helper': ASKS}) as h, \
            Elsewhere(h) as far:
        h.start()
        t = pushed(h, g)
        before = h.events(t['id'])
        path, made = receipt(h, t['id'])
        line = signer(h)
        with open(path) as f:
            text = f.read()
        a = far.receipt(text, '--signer', line, '--json')
        need(a.code == 0 and a.json['signer_compared'] and
             a.json['task'] == t['id'], a)
        listed = json.loads(made['events'][-1]['body'])['events']
        need({e['seq'] for e in before} <= set(listed) and
             a.json['events'] == len(listed) + 1, a, listed)
        texts = [x.get('text') for x in made['texts']]
        need(g.role(False)['gates.toml'] in texts, 'the policy is in it')
        # What was approved, and by whom.
        task = h.dispatch([shell('true')])
        need(h.say(h.waiting(), 'approve').code == 200)
        h.outcome(task)
        _, made = receipt(h, task)
        need('tester' in json.dumps([e.get('body') for e in made['events']]))
        need(far.receipt(made, '--signer', line).code == 0)
        # Of one that runs, and again of the same.
        _, made = receipt(h, task)
        need(far.receipt(made, '--signer', line).code == 0)
        need(h.cli('receipt', '00000000-0000-4000-8000-000000000001').code == 4)


def changed_text(s):
    """Some texts that are not s."""
    if not s:
        return ['x']
    at = sorted({0, len(s) // 2, len(s) - 1})
    return [s[:i] + ('0' if s[i] != '0' else '1') + s[i + 1:] for i in at] + \
        [s[:-1], s + '0']


def mutations(tree, path=()):
    """(where, a changed copy's part) for each value of the tree."""
    if isinstance(tree, dict):
        for key in tree:
            yield path + (key,), 'taken out', lambda t, k=key: t.pop(k)
            yield from mutations(tree[key], path + (key,))
        yield path + ('',), 'put in', lambda t: t.update(more=1)
    elif isinstance(tree, list):
        for i, one in enumerate(tree):
            yield path + (i,), 'taken out', lambda t, n=i: t.pop(n)
            yield path + (i,), 'twice', lambda t, n=i: t.insert(n, t[n])
            yield from mutations(one, path + (i,))
        if len(tree) > 1 and tree[0] != tree[1]:
            yield path + (0,), 'swapped', lambda t: t.insert(0, t.pop(1))
    elif isinstance(tree, str):
        for new in changed_text(tree):
            yield path, 'changed', lambda t, k=path[-1], n=new: \
                t.__setitem__(k, n)
    else:
        yield path, 'changed', lambda t, k=path[-1]: t.__setitem__(k, None)


@test
def no_change_of_a_receipt_passes():
    with House({'helper': ASKS}) as h, Elsewhere(h) as far:
        h.start()
        task = h.dispatch([shell('true')])
        need(h.say(h.waiting(), 'deny', 'no').code == 200)
        h.outcome(task)
        _, made = receipt(h, task)
        text = json.dumps(made)
        line = signer(h)
        h.stop()
        need(far.receipt(made, '--signer', line).code == 0)
        count = 0
        for path, how, change in mutations(made):
            bad = json.loads(text)
            at = bad
            for key in path[:-1]:
                at = at[key]
            change(at)
            a = far.receipt(bad, '--signer', line)
            # The order of texts says nothing; a text twice is no lie.
            if path[0] == 'texts' and how in ('swapped', 'twice') and \
                    len(path) == 2:
                continue
            need(a.code == 1, path, how, a)
            count += 1
        need(count > 300, count)


@test
def no_changed_byte_of_a_receipt_passes():
    seed = int(os.environ.get('SEED', random.randrange(1 << 32)))
    print('# SEED=%d' % seed)
    pick = random.Random(seed)
    with House() as h, Elsewhere(h) as far:
        h.start()
        _, made = receipt(h, h.run([shell('true')])['id'])
        h.stop()
        text = json.dumps(made)
        for _ in range(300):
            at = pick.randrange(len(text))
            bad = text[:at] + chr(pick.randrange(32, 127)) + text[at + 1:]
            try:
                same = json.loads(bad) == made
            except ValueError:
                same = False
            need((far.receipt(bad).code == 0) == same, at, bad[at - 20:at + 20])


# --- notes that leave the machine ---------------------------------------------------

class Witness:
    """Takes notes and adds lines to each that nobody can check."""

    def __init__(self, status=200):
        self.notes, self.status = [], status
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers['Content-Length'])
                outer.notes.append(self.rfile.read(size).decode())
                line = ('— witness.test %s\n— handrail AAAA\nnonsense\n' %
                        base64.b64encode(b'w' * 76).decode()).encode()
                self.send_response(outer.status)
                self.send_header('Content-Length', str(len(line)))
                self.end_headers()
                self.wfile.write(line)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.url = 'http://127.0.0.1:%d/notes' % self.server.server_port

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def audit_keys(publish, every=5, wait='1s'):
    return '\n[audit]\npublish = "%s"\nevery = %d\nwait = "%s"\n' % (
        publish, every, wait)


def size_of(text):
    return int(text.splitlines()[1])


def newest(h):
    """What a note must cover; what tells of notes themselves makes no other."""
    return max(e['seq'] for e in h.events() if e['kind'] != 'checkpoint' and
               not e['rule'].startswith('audit.'))


@test
def notes_go_to_a_file_and_what_they_cover_cannot_be_cut():
    with House() as h, Elsewhere(h) as far:
        p = Published(h)
        h.start()
        line = signer(h)
        p.works()
        need(far.verify('--checkpoint', p.path, '--signer', line).code == 0)
        h.ok('audit', 'verify', '--against', p.path, '--signer', line)
        # Beside it the next one may be written just now.
        until(lambda: os.listdir(p.folder) == ['note'],
              text=lambda: str(os.listdir(p.folder)))
        # A quiet house signs no more.
        rests(lambda: len(h.events()), 2.5, 'it goes on signing')
        # What is not of this book stays and is said: a larger one, another's, none.
        own = p.note()
        lines = own.splitlines(True)
        for size, root, says in (('1000000\n', lines[2], 'cut off or restored'),
                                 (lines[1], 'A' * 43 + '=\n', 'is not the one whose note'),
                                 ('2\n', lines[2], 'is not the one whose note'),
                                 ('0\n', lines[2], 'of a tree of no events'),
                                 ('', '', 'has no tree size')):
            text = ''.join([lines[0], size, root] + lines[3:])
            write(p.path, text, 0o666)
            h.run([shell('true')])
            until(lambda: says in h.get('/api/status').json['published']['problem'],
                  text=lambda: h.get('/api/status').out)
            need(p.note() == text)
        write(p.path, own, 0o666)  # an older one of its own is no danger
        p.works()
        need(h.stop() == 0)


class Published:
    """A house whose notes go to a file, and copies of its store."""

    def __init__(self, h):
        self.h, self.folder = h, os.path.join(h.folder, 'published')
        self.path = os.path.join(self.folder, 'note')
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o777)
        with open(h.config, 'a') as f:
            f.write(audit_keys('file:' + self.path))

    def works(self):
        """Until what it did is in the note; how many events that has."""
        self.h.run([shell('true')])
        last = newest(self.h)
        until(lambda: os.path.exists(self.path) and size_of(self.note()) >= last,
              60, text=json.dumps(self.h.get('/api/status').json['published']))
        return size_of(self.note())

    def note(self):
        with open(self.path) as f:
            return f.read()

    def stopped(self):
        need(self.h.stop() == 0)
        return self

    def psql(self, program, *args):
        s = server()
        return s.run(program, '-h', s.folder, '-p', str(s.port), '-U', 'handrail', *args)

    def copy(self, name):
        if POSTGRES:
            self.psql('pg_dump', '-n', self.h.schema, '-f',
                      os.path.join(server().folder, name), 'postgres')
        else:
            shutil.copytree(os.path.join(self.h.state, 'book'),
                            os.path.join(self.h.folder, name))

    def put_back(self, name):
        book = os.path.join(self.h.state, 'book')
        if POSTGRES:
            server().sql('DROP SCHEMA %s CASCADE' % self.h.schema)
            self.psql('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', 'postgres',
                      '-f', os.path.join(server().folder, name))
            return
        owner = os.stat(book)
        shutil.rmtree(book)
        shutil.copytree(os.path.join(self.h.folder, name), book)
        for at in [book] + [os.path.join(book, n) for n in os.listdir(book)]:
            os.chown(at, owner.st_uid, owner.st_gid)

    def restore(self, name):
        path = os.path.join(self.h.folder, name)
        if POSTGRES:
            self.h.schema = 'h' + uuid.uuid4().hex[:8]
            self.h.ok('restore', path, '--store', server().url(self.h.schema))
        else:
            self.h.ok('restore', path)

    def heads(self):
        if POSTGRES:
            return server().sql('SELECT count(*), sum(length(heads)) FROM %s.log'
                                % self.h.schema)
        return os.stat(os.path.join(self.h.state, 'book/book.db')).st_size

    def refused(self, *says):
        heads = self.heads()
        self.h.spawn()
        need(self.h.wait() == 5, self.h.log()[self.h.mark:])
        text = self.h.log()[self.h.mark:]
        for word in says + (self.path, 'handrail restore FILE', 'move that note aside'):
            need(word in text, word, text)
        need(self.heads() == heads, heads)


@test
def a_store_that_was_put_back_does_not_start_beside_its_note():
    with House() as h:
        p = Published(h)
        h.start()
        p.works()
        p.stopped().copy('older')
        h.start()
        p.works()
        p.stopped()
        h.start()  # the twin: its own book, with more in it than the note
        p.stopped().copy('newer')
        size = size_of(p.note())  # with what came after the works
        p.put_back('older')
        p.refused('smaller than the note that it published', 'tree of %d events' % size)
        p.refused('smaller')  # and once more
        # What cannot be compared is no leave to start; its path is named once.
        note = p.note()
        for text, says in ((note[:40], ''), ('x' * (1 << 20), ': larger')):
            write(p.path, text, 0o666)
            h.spawn()
            need(h.wait() == 5 and 'cannot be read: ' + p.path + says in
                 h.log()[h.mark:], h.log()[h.mark:])
        write(p.path, note, 0o666)
        # Grown past the note without it, the book is another one.
        os.rename(p.path, p.path + '.kept')
        h.start()
        while p.works() <= size:
            pass
        p.stopped()
        os.replace(p.path + '.kept', p.path)
        p.refused('is not the one whose note is in', 'first %d events is another' % size)
        forge_note(h, p.note(), POSTGRES and server())
        p.refused('is not the one')  # by its events, whatever it says of itself
        # The right one goes on.
        p.put_back('newer')
        h.start()
        need(h.read('audit', 'verify')['published'] >= size)
        p.stopped()


@test
def a_restore_overrules_a_published_note_and_the_book_says_so():
    with House() as h:
        p = Published(h)
        h.start()
        p.works()
        h.ok('backup', h.folder + '/backup')
        p.works()
        note = p.stopped().note()
        size = size_of(note)
        p.restore('backup')
        h.start()
        event = [e for e in h.events() if e['kind'] == 'restored'][-1]
        need(event['body']['overruled']['events'] == size, event)
        kept = [n for n in os.listdir(p.folder) if '.before-restore-' in n]
        need(len(kept) == 1, os.listdir(p.folder))
        with open(os.path.join(p.folder, kept[0])) as f:
            need(f.read() == note)
        p.works()
        p.stopped()
        # A note of before it that another node has left says what to do.
        own = p.note()
        write(p.path, note, 0o666)
        p.refused('restored from a backup by event %d,' % event['seq'],
                  'if the note is of before, move it aside)')
        write(p.path, own, 0o666)
        h.start()  # from here on it is as any other
        # One that loses nothing that was published overrules nothing.
        note = p.note()
        h.ok('backup', h.folder + '/whole')
        p.stopped()
        write(p.path, note, 0o666)  # maybe it has a newer one by now
        p.restore('whole')
        h.start()
        event = [e for e in h.events() if e['kind'] == 'restored'][-1]
        need('overruled' not in event['body'], event)
        until(lambda: len(os.listdir(p.folder)) == 2,
              text=lambda: str(os.listdir(p.folder)))
        p.stopped()


@test
def what_a_restore_overrules_is_in_the_book_before_the_note_is_moved():
    with House() as h:
        p = Published(h)
        h.start()
        p.works()
        h.ok('backup', h.folder + '/backup')
        p.works()
        size = size_of(p.stopped().note())
        p.restore('backup')
        # It falls between the two: where core may not move the note, it does not
        # start; nor does it know later that there was one.
        os.chmod(p.folder, 0o555)
        h.spawn()
        need(h.wait() == 1 and 'cannot keep ' + p.path in h.log()[h.mark:],
             h.log()[h.mark:])
        os.chmod(p.folder, 0o777)
        os.rename(p.path, p.path + '.aside')
        h.start()
        event = [e for e in h.events() if e['kind'] == 'restored'][-1]
        need(event['body']['overruled']['events'] == size and
             set(event['body']) > {'overruled'}, event)
        h.verified()
        p.stopped()


def refused_beside(h, p, note):
    """Refused beside that note; the house may still write a newer one."""
    def refused():
        write(p.path, note, 0o666)
        a = h.cli('audit', 'verify')
        return a if a.code == 1 else None
    return until(refused, 60, 'it passes beside ' + note)


@test
def a_book_is_verified_against_the_note_that_it_published():
    with House() as h:
        p = Published(h)
        h.start()
        size = p.works()
        a = h.read('audit', 'verify')
        need(a['ok'] and size <= a['published'] <= a['events'], a)
        lines = p.note().split('\n')
        for size, root, says in ((lines[1], base64.b64encode(b'x' * 32).decode(),
                                  'not those of the checkpoint in ' + p.path),
                                 ('1000000', lines[2], 'cut off')):
            forged = '\n'.join([lines[0], size, root] + lines[3:])
            a = refused_beside(h, p, forged)
            need(says in a.err and p.path in a.err, a)
        need(p.path in refused_beside(h, p, 'no note').err)


@test
def notes_go_to_a_url_and_lines_of_nobody_known_are_not_kept():
    with Witness() as w, House(config=audit_keys(w.url)) as h:
        h.start()
        line = signer(h)
        until(lambda: w.notes, 20, text=h.log()[-2000:])
        h.run([shell('true')])
        last = newest(h)
        until(lambda: size_of(w.notes[-1]) >= last, 20)
        until(lambda: h.get('/api/status').json['published']['events'] >= last,
              20)
        kept = h.read('audit', 'checkpoint', '--published')['checkpoint']
        need(kept.count('— ') == 1 and '— handrail ' in kept and
             'nonsense' not in kept, kept)
        write(os.path.join(h.folder, 'note'), kept)
        h.ok('audit', 'verify', '--checkpoint',
             os.path.join(h.folder, 'note'), '--signer', line)
        rests(lambda: len(w.notes), 2.5, 'it publishes what tells of its notes')
        intents = [e for e in h.events() if e['rule'] == 'audit.publish']
        need({e['kind'] for e in intents} ==
             {'request_intent', 'request_outcome'}, intents)

        def told(says):
            h.run([shell('true')])
            until(lambda: says == h.get('/api/status').json['published']['problem'],
                  text=h.log)
        for w.status in (500, 300, 404):
            told('it answered with status %d' % w.status)
        w.__exit__()
        told('connecting upstream: Connection refused')


@test
def a_house_that_publishes_nowhere_known_does_not_start():
    for bad in ('ftp://x', 'file:note', 'http://elsewhere.test/'):
        with House(config=audit_keys(bad)) as h:
            h.ok('vault', 'init')
            h.spawn()
            need(h.wait() == 1 and 'publish: expected' in h.log(), h.log())


# --- for other programs, and for the operator --------------------------------------

@test
def the_book_is_exported_as_lines():
    with House() as h:
        h.start()
        h.run([shell('true')])
        lines = [json.loads(x) for x in h.ok('audit', 'export').out.split('\n')
                 if x]
        need([x['seq'] for x in lines] == list(range(1, len(lines) + 1)))
        part = h.ok('audit', 'export', '--after', '3', '--format', 'ocsf').out
        ocsf = [json.loads(x) for x in part.split('\n') if x]
        # The house may have written more since.
        need([x['metadata']['uid'] for x in ocsf[:len(lines) - 3]] ==
             [str(x['seq']) for x in lines[3:]], len(lines), ocsf[0])
        for x in ocsf:
            need(x['type_uid'] == x['class_uid'] * 100 + x['activity_id'] and
                 x['class_uid'] // 1000 == x['category_uid'] and
                 x['time'] > 1600000000000, x)
        need(h.cli('audit', 'export', '--format', 'xml').code == 2)


@test
def refusals_become_suggestions_that_load():
    ask = ('for i in 1 2; do python3 -c "import urllib.request as u; '
           'u.urlopen(\'https://api.one.test/a/b?token=canary-query\')"; done;'
           'python3 -c "import urllib.request as u; '
           'u.urlopen(u.Request(\'https://api.one.test/c\', method=\'PUT\'))";'
           'true')
    with House() as h:
        h.start()
        t = h.run([shell(ask)])
        found = h.read('suggest', t['id'])['suggestions']
        toml = h.ok('suggest', t['id']).out
        if not found:
            raise Failed('nothing was refused: %s' % json.dumps(t)[-800:])
        need(len({x['next'] for x in found}) == len(found), found)
        denied = [e for e in h.events() if e['kind'] == 'request_denied']
        need('canary-query' not in toml + json.dumps(denied), toml)
        need('\n\n\n' not in toml and toml.count('\n\n') == len(found) and
             toml.endswith('\n') and not toml.endswith('\n\n'), toml)
        h.role_file('helper', 'gates.toml', GATES + toml)
        need(h.ok('role', 'check', os.path.join(h.folder, 'roles')))
        need('nothing was refused' in
             h.ok('suggest', h.run([shell('true')])['id']).out)


if __name__ == '__main__':
    status = 1
    try:
        status = main()
    finally:
        if SERVER:
            SERVER.remove()
    sys.exit(status)
