#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who reads the book page by page has all of it, or hears where it ends: what
the store does not give is no end, and what is long or deep is no end either."""
import os
import sqlite3
import sys
import uuid
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
import workers_help  # noqa: E402
from house import *  # noqa: E402,F403


def lines(text):
    return [json.loads(x) for x in text.split('\n') if x]


def numbers(text):
    return [e['seq'] for e in lines(text)]


def row_of(rows, seq):
    return [r for r in rows if r[0] <= seq][-1]


class Sqlite:
    """Its house has the file for itself: it is changed while that is down."""
    args = ()

    def __init__(self, h):
        self.house, self.path = h, h.state + '/book/book.db'

    def change(self, table, change, seq):
        """The row of this event: what its first event is."""
        need(self.house.stop() == 0)
        with closing(sqlite3.connect(self.path)) as db:
            db.execute('DROP TRIGGER log_stays')
            column = {'log': 'heads', 'body': 'bodies'}[table]
            rows = db.execute('SELECT first, %s FROM %s ORDER BY first' % (
                column, table)).fetchall()
            first, blob = row_of(rows, seq)
            db.execute('UPDATE %s SET %s = ? WHERE first = ?' % (table, column),
                       (change(blob), first))
            db.commit()
        self.house.start()
        return first

    def remove(self):
        pass


class Postgres:
    def __init__(self, h):
        if not cluster.programs():
            raise Skipped('there is no PostgreSQL: apt-get install postgresql')
        self.server = cluster.Cluster.new()
        COMPANIONS.append(self.server.server)
        self.schema = 'h' + uuid.uuid4().hex[:8]
        self.args = ('--store', self.server.url(self.schema))

    def change(self, table, change, seq):
        at = '%s.%s' % (self.schema, table)
        column = {'log': 'heads', 'body': 'bytes'}[table]
        rows = [(int(x), blob) for x, blob in (y.split('|') for y in self.server.sql(
            "SELECT first, encode(%s, 'hex') FROM %s ORDER BY first" % (
                column, at)).split('\n'))]
        first, blob = row_of(rows, seq)
        self.server.sql('DROP TRIGGER IF EXISTS log_stays ON %s.log' % self.schema)
        self.server.sql("UPDATE %s SET %s = decode('%s', 'hex') WHERE first = %s" % (
            at, column, change(bytes.fromhex(blob)).hex(), first))
        return first

    def remove(self):
        self.server.remove()


def half(blob):
    return blob[:len(blob) // 2]


def tasks(h):
    """Eight, and a call in the middle of them: no start has to read that anew."""
    for n in range(8):
        h.run([shell('echo %d' % n), {'id': 'end', 'tool': 'finish', 'args': {}}])
    calls = [e['seq'] for e in lines(h.ok('audit', 'export').out)
             if e['kind'] == 'call_decided']
    return calls[len(calls) // 2]


def with_a_hole(kind, table, change, look, fill=tasks, made=House):
    with made() as h:
        store = kind(h)
        try:
            h.start(args=store.args)
            first = store.change(table, change, fill(h))
            look(h, first)
        finally:
            h.__exit__()
            store.remove()


def no_end(h, first):
    """Every reader of pages says that one cannot be read, and where."""
    for wait in ('', '&wait=60'):
        a = h.get('/api/events?after=%d%s' % (first - 1, wait))
        need(a.code == 500 and 'damaged' in a.json['message'], a)
    a = h.cli('audit', 'export')
    told = numbers(a.out)
    need(a.code not in (0, 2) and told == list(range(1, len(told) + 1)) and
         len(told) < first, a)
    need('the export ends after event %d, `--after %d` goes on' % (
        len(told), len(told)) in a.err and 'damaged' in a.err, a)
    for words in (('audit', 'tail', '-n', '100000'), ('task', 'export', h.folder + '/e2m')):
        a = h.cli(*words)
        need(a.code not in (0, 2) and 'damaged' in a.err, words, a)
    need(set(h.pids()) == set(PARTS), h.log()[h.mark:])


@test
def heads_that_cannot_be_read_are_no_end_of_the_book():
    with_a_hole(Postgres, 'log', half, no_end)


@test
def a_body_that_cannot_be_read_has_not_expired():
    with_a_hole(Postgres, 'body', half, no_end)
    with_a_hole(Sqlite, 'body', half, no_end)


@test
def what_a_task_ran_is_no_less_where_it_cannot_be_read():
    """One task of those there are is damaged: its runs and its sessions are an
    error, those of the others are told."""
    def look(h, first):
        for path in ('/api/tasks/%s', '/api/sessions?task=%s'):
            told = []
            for task in {t['id'] for t in h.get('/api/tasks').json['tasks']}:
                a = h.get(path % task)
                need(a.code == 200 and (a.json.get('runs') or a.json.get('sessions')) or
                     'damaged' in a.json['message'], a)
                told.append(a.code)
            need(200 in told and 500 in told, path, told)
        need(set(h.pids()) == set(PARTS), h.log()[h.mark:])
    with_a_hole(Postgres, 'log', half, look)


@test
def nothing_is_told_without_what_cannot_be_read():
    """A task has its result, a letter what was sent."""
    def last(h, kind):
        end = h.read('status')['events']
        return [e['seq'] for e in
                h.get('/api/events?after=%d' % max(0, end - 20)).json['events']
                if e['kind'] == kind][-1]

    def ends(h):
        seqs = []
        workers_help.put(h, 2)
        for task in workers_help.claim(h, 'a', 2):
            workers_help.say(h, 'finish', 'a', **workers_help.end(task))
            seqs.append(last(h, 'task_transition'))
        return seqs[0]  # what was read last is remembered

    sent = []

    def letter(h):
        seq = 0
        for n in range(3):
            sent.append(h.post('/api/mail', {
                'to': 'operator', 'subject': 'n', 'payload': {'n': n}}).json['id'])
            seq = n == 1 and last(h, 'mail_put') or seq
            tasks(h)
        return seq

    def of_tasks(h, first):
        told = []
        for task in {t['id'] for t in h.get('/api/tasks').json['tasks']}:
            a = h.get('/api/tasks/' + task)
            need(a.code == 200 and {'record', 'result'} <= set(a.json) or
                 a.code == 500 and 'damaged' in a.json['message'], a)
            told.append(a.code)
        need(sorted(told) == [200, 500], told)

    def of_letters(h, first):
        """The damaged one says so, the others say what was sent."""
        a = h.get('/api/mail?mailbox=operator')
        told = [m for m in a.json['letters'] if m['id'] in sent]
        need([m['id'] for m in told] == sent, a)
        need([m.get('letter', {}).get('payload') for m in told] ==
             [{'n': 0}, None, {'n': 2}], told)
        need([m['id'] for m in a.json['letters'] if 'damaged' in
              m.get('damaged', '')] == sent[1:2], told)
        a = h.get('/api/mail/' + sent[1])
        need(a.code == 500 and 'damaged' in a.json['message'], a)
        told = h.ok('mail', 'recv', 'operator').out
        need(told.count('what was sent cannot be read') == 1, told)

    with_a_hole(Postgres, 'body', half, of_tasks, ends, workers_help.house)
    with_a_hole(Postgres, 'body', half, of_letters, letter)


@test
def a_receipt_does_not_say_that_what_cannot_be_read_is_away():
    def look(h, first):
        seen = []
        for task in {t['id'] for t in h.get('/api/tasks').json['tasks']}:
            before = h.read('status')['events']
            a = h.post('/api/tasks/%s/receipt' % task, {})
            made = [e for e in h.get('/api/events?after=%d' % before).json['events']
                    if e['kind'] == 'receipt_made']
            need(len(made) == (a.code == 200), a.code, made)
            seen.append(a.code)
        need(200 in seen and 500 in seen, seen)
    with_a_hole(Postgres, 'body', half, look)


@test
def a_head_that_is_none_ends_an_answer_and_not_core():
    with House() as h:
        store = Postgres(h)
        try:
            h.start(args=store.args)
            seq = tasks(h)
            core, said, blob, at = h.pids()['core'], '', None, 0

            def one_bit(bytes_):
                nonlocal blob
                blob = blob or bytes_
                return blob[:at] + bytes((blob[at] ^ 0x7f,)) + blob[at + 1:]
            store.change('log', one_bit, seq)
            for at in range(1, len(blob)):
                first = store.change('log', one_bit, seq)
                said += h.get('/api/events?after=%d' % (first - 1)).out
            need('its kind is not known to this version' in said, said[-2000:])
            need(h.pids()['core'] == core, h.log()[h.mark:])
        finally:
            h.__exit__()
            store.remove()


@test
def a_page_is_never_too_long_for_who_reads_it():
    with House() as h:
        h.start()
        long = 'true # ' + 'x' * 60000
        tasks = {h.dispatch([shell(long)]) for _ in range(90)}
        put = [e['task'] for e in lines(h.ok('audit', 'export').out)
               if e['kind'] == 'task_put' and long in json.dumps(e['body'])]
        need(len(put) == 90 and set(put) == tasks, len(put))
        need(h.read('task', 'export', h.folder + '/e2m')['tasks'] == 90)
        newest = int(h.read('status')['events'])
        told = h.read('audit', 'tail', '-n', '100000')
        seqs = [e['seq'] for e in told['events']]
        need(seqs == list(range(1, len(seqs) + 1)) and len(seqs) > newest - 99 and
             told['next'] == seqs[-1], len(seqs), newest)
        said = h.ok('audit', 'tail', '-n', '100000').out.splitlines()
        need([int(x.split()[0]) for x in said] == list(range(1, len(said) + 1)) and
             len(said) >= len(seqs), len(said))


if __name__ == '__main__':
    sys.exit(main())
