#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the book lies: a start from what was saved, bodies that expire, backup
and restore, and two houses on one PostgreSQL."""
import glob
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import sys
import time
from contextlib import closing, suppress

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', 'postgres'))
import cluster  # noqa: E402
from house import *  # noqa: E402,F403
from stores_help import (  # noqa: E402
    ROLES, finish, on_server, publish, schema, two_waiting)

SERVER = None


def server():
    """One PostgreSQL for all tests, a schema for each."""
    global SERVER
    if not cluster.programs():
        raise Skipped('there is no PostgreSQL: apt-get install postgresql')
    if SERVER is None:
        SERVER = cluster.Cluster.new()
        COMPANIONS.append(SERVER.server)
    return SERVER


def said_yes(h, ids, waits):
    for w in waits:
        a = h.say(w, 'approve')
        need(a.code == 200, a)
    for id in ids:
        t = h.outcome(id)
        need(t['state'] == 'completed', t, h.log()[-3000:])
        need([c['starts'] for c in t['runs'][-1]['calls']] == [1] * 4, t)
        need(h.outcomes(id) == ['complete'], id)


def in_the_past(days):
    """What a house of so many days ago runs in: its wall clock alone is moved."""
    found = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    if not found:
        raise Skipped('there is no libfaketime: apt-get install faketime')
    return {'LD_PRELOAD': found[0], 'FAKETIME': '-%dd' % days,
            'FAKETIME_DONT_FAKE_MONOTONIC': '1'}


@test
def what_waits_is_there_after_a_start_from_what_was_saved():
    with House(ROLES) as h:
        h.start()
        ids, waits = two_waiting(h)
        done = h.run([shell('true'), finish()], queue='worker')
        for n in range(2):
            need(h.stop() == 0)
            h.start()
            need({w['id'] for w in h.waits()} == {w['id'] for w in waits})
            need(h.task(done['id'])['state'] == 'completed')
        said_yes(h, ids, waits)
        h.verified()


@test
def a_start_needs_no_body_of_a_day_that_is_gone():
    with House(ROLES, config='\n[book]\nkeep_bodies = "30d"\n') as h:
        h.start(env=in_the_past(40))
        ids, waits = two_waiting(h)
        done = h.run([shell('true'), finish()], queue='worker')
        put = {'queue': 'worker', 'subject': 'repeated',
               'payload': {'runbook': [finish()]}}
        first = h.post('/api/tasks?key=again', put).json
        h.outcome(first['id'])
        whole = h.read('audit', 'verify')
        need(whole['expired'] == 0 and whole['bodies'] > 20, whole)
        need(h.stop() == 0)
        h.start()                # keeps aside what lives, drops the days
        until(lambda: h.read('audit', 'verify')['expired'] > 0, 10,
              'bodies must expire')
        now = h.read('audit', 'verify')
        need(now['ok'] and now['expired'] >= whole['bodies'], now)
        need(now['events'] > whole['events'], now)
        need(h.stop() == 0)
        h.start()                # reads none of them
        need({w['id'] for w in h.waits()} == {w['id'] for w in waits})
        again = h.post('/api/tasks?key=again', put).json
        need(again['id'] == first['id'] and again['duplicate'], again)
        said_yes(h, ids, waits)
        need(h.task(done['id'])['state'] == 'completed')
        h.verified()


def wants(h):
    return h.ok('mail', 'send', '--to', 'operator', '--subject', 'Which one?',
                '--decision', 'red,green').out.strip()


@test
def a_letter_that_waits_for_a_decision_outlives_the_bodies_of_its_day():
    with House(ROLES, config='\n[book]\nkeep_bodies = "30d"\n') as h:
        h.start(env=in_the_past(40))
        letters = {wants(h), wants(h)}
        waits = {w['id']: w['run'] for w in h.waits()}
        need(set(waits.values()) == {'letter:' + x for x in letters}, waits)
        for _ in range(2):       # what was kept aside is kept again
            need(h.stop() == 0)
            h.start()
            until(lambda: h.read('audit', 'verify')['expired'] > 0,
                  text='bodies must expire')
            need({w['id']: w['run'] for w in h.waits()} == waits, h.waits())
            for id in waits:
                need('Which one?' in h.ok('inbox', id).out, h.ok('inbox', id))
        one, other = waits
        h.ok('answer', one, 'red')
        h.ok('mail', 'ack', waits[other].split(':')[1], '--decide', 'green')
        need(not h.waits(), h.waits())
        h.verified()


@test
def a_wrong_time_of_a_task_or_of_the_clock_loses_no_body_that_is_needed():
    """Set right after the first put, the clock has gone back by a month."""
    steps = [publish('a', 'one'), publish('b', 'two'), finish()]
    with House(ROLES, config='\n[book]\nkeep_bodies = "30d"\n') as h:
        h.start(env=in_the_past(10))
        ids = [h.dispatch(steps, queue='worker')]
        letters = [wants(h)]
        first = until(lambda: [w for w in h.waits() if w['kind'] == 'approval'],
                      text='the first asks nobody')
        need(h.stop() == 0)
        h.start(env=in_the_past(40))
        need(h.say(first[0], 'approve').code == 200)
        a = h.post('/api/tasks', {'queue': 'worker', 'subject': 'of a far year',
                                  'created_at': '2099-01-01T00:00:00Z',
                                  'payload': {'runbook': steps[1:]}})
        need(a.code == 201, a)
        ids.append(a.json['id'])
        letters.append(wants(h))
        until(lambda: len(h.waits()) == 4 and first[0] not in h.waits(),
              text='two tasks and two letters ask')
        waits = {w['id'] for w in h.waits()}
        for _ in range(2):
            need(h.stop() == 0)
            h.start()
            until(lambda: h.read('audit', 'verify')['expired'] > 0,
                  text='bodies must expire')
        need({w['id'] for w in h.waits()} == waits, h.waits())
        for w in h.waits():
            if w['kind'] == 'approval':
                need(h.say(w, 'approve').code == 200, w)
            else:
                h.ok('answer', w['id'], 'red')
        for id in ids:
            need(h.outcomes(id) == ['complete'] if h.outcome(id)['state'] ==
                 'completed' else False, h.task(id), h.log()[-2000:])
        h.verified()


@test
def an_older_book_has_its_letters_asked_about_at_the_first_start():
    with House(ROLES) as h:
        h.start()
        letter = wants(h)
        for n in range(1001):  # these stand before it in the box
            need(h.post('/api/mail', {
                'envelope_type': 'notify', 'from': 'tester', 'to': 'operator',
                'subject': str(n), 'ack_required': True, 'payload': {}})
                .code == 201, n)
        # By another store, and by one that has lost the body of the question.
        for change in ("DELETE FROM rows",
                       "UPDATE rows SET value = CAST('1000000' AS BLOB)"):
            was = h.waits()
            need(h.stop() == 0)
            with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
                need(db.execute(change + " WHERE space = 'letter'").rowcount == 1)
            h.start()
            now = until(h.waits, text='nobody is asked')
            need([w['run'] for w in now] == ['letter:' + letter] and
                 now[0]['id'] != was[0]['id'], now)
        h.ok('answer', now[0]['id'], 'red')
        h.verified()


@test
def a_token_whose_end_no_date_can_say_is_of_no_known_end():
    """An earlier program took any number of seconds."""
    with House(ROLES) as h:
        h.start()
        h.ok('vault', 'put', 'there', '--kind', 'mcp_oauth',
             '--url', 'https://a.test/mcp',
             '--expires', '2030-01-01T00:00:00Z', input='access-one')
        see = lambda: json.loads(h.ok('vault', 'show', 'there', '--json').out)
        need(see()['token_expires_at'] == '2030-01-01T00:00:00.000Z', see())
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            value, = db.execute("SELECT value FROM rows WHERE space = 'sealed' "
                                "AND key = 'there'").fetchone()
            row = json.loads(value)
            row['expires'] = 10 ** 12
            # The row in it opens no more: then nobody says a better end.
            row['row'] = row['row'][:-8] + 'AAAAAAA='
            db.execute("UPDATE rows SET value = ? WHERE space = 'sealed' AND "
                       "key = 'there'", (json.dumps(row).encode(),))
        h.start()
        a = until(lambda: see() if 'refused' in see() else None)
        need('token_expires_at' not in a, a)


@test
def a_row_of_the_vault_that_cannot_be_read_is_named_with_what_mends_it():
    with House(ROLES) as h:
        h.start()
        h.ok('vault', 'put', 'there', '--host', 'a.test', input='a-value-of-it')
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            db.execute("UPDATE rows SET value = x'7b00' WHERE space = 'sealed'")
        h.closed('the stored credential "there" cannot be read',
                 'restore the store from a backup')


@test
def a_letter_whose_row_names_its_question_alone_is_the_same_one():
    """As an earlier program wrote it, beside one that has the question too."""
    with House(ROLES) as h:
        h.start()
        letters = wants(h), wants(h)
        was = {w['run']: w['id'] for w in h.waits()}
        need(set(was) == {'letter:' + x for x in letters}, was)
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            value, = db.execute("SELECT value FROM rows WHERE space = 'letter' "
                                "AND key = ?", letters[:1]).fetchone()
            number, _, question = bytes(value).partition(b'\n')
            need(number.isdigit() and json.loads(question), value)
            db.execute("UPDATE rows SET value = ? WHERE space = 'letter' AND "
                       "key = ?", (number, letters[0]))
        h.start()
        need({w['run']: w['id'] for w in h.waits()} == was, h.waits(), was)
        for letter in letters:
            h.ok('answer', was['letter:' + letter], 'red')
        need(h.waits() == [], h.waits())
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db:
            need(db.execute("SELECT count(*) FROM rows WHERE space = "
                            "'letter'").fetchone() == (0,))
        h.start()
        need(h.waits() == [], h.waits())
        h.verified()


@test
def a_letter_whose_row_is_damaged_is_named():
    with House(ROLES) as h:
        h.start()
        letter = wants(h)
        need(h.stop() == 0)
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db, db:
            need(db.execute("UPDATE rows SET value = CAST('x' AS BLOB) WHERE "
                            "space = 'letter'").rowcount == 1)
        h.spawn()
        need(h.wait() != 0)
        said = h.log()[h.mark:]
        need(letter in said and 'handrail restore' in said, said)


@test
def a_short_keep_bodies_is_refused_with_its_line():
    with House(ROLES, config='\n[book]\nkeep_bodies = "1h"\n') as h:
        h.ok('vault', 'init')
        h.spawn()
        need(h.wait() == 1)
        need('handrail.toml:' in h.log() and 'at least 1d' in h.log(), h.log())


@test
def on_a_full_disk_what_was_begun_ends_and_nothing_new_begins():
    with House(ROLES) as h:
        os.makedirs(os.path.join(h.state, 'book'), exist_ok=True)
        h.start(wrap=tiny_book('24m'), env={'STATE': h.state})
        begun = h.dispatch([shell(UNTIL_GO), shell('true', id='b'),
                            shell('true', id='c'), finish()], queue='worker')
        until(lambda: 'call_started' in h.kinds(begun), 10, 'it must begin')
        h.fill_disk()
        h.go()
        need(h.outcome(begun)['state'] == 'completed')
        put = {'queue': 'worker', 'subject': 'new',
               'payload': {'runbook': [finish()]}}
        a = h.post('/api/tasks', put)
        need(a.code == 503 and 'disk is full' in str(a), a)
        h.free_disk()
        until(lambda: h.post('/api/tasks', put).code == 201, 15,
              'it must go on')
        h.verified()


@test
def what_was_deleted_on_a_full_disk_is_in_no_file_once_there_is_room():
    with House(ROLES) as h:
        os.makedirs(os.path.join(h.state, 'book'), exist_ok=True)
        h.start(wrap=tiny_book('48m'), env={'STATE': h.state})
        at = '/api/vault/credentials'
        folder = os.path.dirname(h.filler())
        log = os.path.join(folder, 'book.db-wal')
        for name in ('stays', 'goes'):
            h.ok('vault', 'put', name, '--host', 'there.test', input='value')

        def found():
            """The files with a row that has its id and its key."""
            row = re.compile(b'"id":"%s".{1,3000}"row":"[A-Za-z0-9+/]' %
                             goes.encode(), re.DOTALL)
            return [f for f in (log, os.path.join(folder, 'book.db'))
                    if row.search(open(f, 'rb').read())]

        def change():
            """Whether the log found room where it is."""
            before = os.stat(log).st_size
            a = h.post(at + '/stays/rotate', {'metadata': {
                'k%d' % n: os.urandom(100).hex() for n in range(8)}})
            need(a.code == 200, a)
            return os.stat(log).st_size == before > 1 << 20
        goes = h.get(at + '/goes').json['id']
        while not change():
            pass
        h.fill_disk()
        for _ in range(150):
            need(change(), 'what the log holds must need a larger file')
        a = h.post(at + '/goes/delete', {})
        need(a.code == 200, a)
        until(lambda: 'cutting the log' in h.log(), text='it was cut')
        need(found(), 'the test is blind')
        h.free_disk()
        until(lambda: not found(), text='it is still there')
        h.verified()


# --- backup and restore


def backed_up(h, name):
    path = os.path.join(h.folder, name)
    told = h.read('backup', path)
    need(told['file'] == path and told['events'] > 0, told)
    need(stat.S_IMODE(os.stat(path).st_mode) == 0o600)
    return path


def claims_of(h, id):
    return [e['epoch'] for e in h.events(id) if e['kind'] == 'task_claimed']


def restored_and_goes_on(h, path, ids, waits, before, *where):
    a = h.cli('restore', path, *where)
    need(a.code == 5 and 'stop it first' in a.err, a)
    need(h.stop() == 0)
    need(h.read('restore', path, *where)['ok'])
    h.start(args=where)
    status = h.read('status')
    need(status['incarnation'] > before['incarnation'], status, before)
    need({w['id'] for w in h.waits()} == {w['id'] for w in waits})
    need('restored' in [e['kind'] for e in h.events()])
    epochs = {id: claims_of(h, id)[-1] for id in ids}
    said_yes(h, ids, waits)
    for id in ids:
        need(claims_of(h, id)[-1] > epochs[id] + 100000, claims_of(h, id))
    h.verified()


@test
def a_backup_of_a_running_house_is_whole_and_comes_back():
    with House(ROLES) as h:
        h.start()
        ids, waits = two_waiting(h)
        path = backed_up(h, 'one.backup')
        a = h.cli('backup', path)
        need(a.code == 5 and 'writes over nothing' in a.err, a)
        told = h.read('audit', 'verify', '--file', path)
        need(told['ok'] and told['expired'] == 0, told)
        lost = h.run([shell('true'), finish()], queue='worker')
        before = h.read('status')
        restored_and_goes_on(h, path, ids, waits, before)
        need(h.cli('task', 'show', lost['id']).code == 4)
        kept = [n for n in os.listdir(h.state + '/book')
                if n.startswith('before-restore-')]
        need(kept, os.listdir(h.state + '/book'))


@test
def a_restore_says_where_the_book_of_before_is_kept():
    with House(ROLES) as h:
        h.start()
        path = backed_up(h, 'one.backup')
        need(h.stop() == 0)
        h.state = os.path.join(h.folder, 'another')
        a = h.ok('restore', path)
        need('is kept' not in a.out, 'there was none', a)
        all_ = [h.ok('restore', path).out.split()[-1]]
        all_ += [h.read('restore', path)['kept'] for _ in range(4)]
        need(len(set(all_)) == 5, 'one over another, of the same second', all_)
        for kept in all_:
            need('/before-restore-' in kept, kept)
            need(h.read('audit', 'verify', '--file', kept)['ok'], kept)


@test
def a_backup_that_was_changed_is_refused():
    with House(ROLES) as h:
        h.start()
        h.run([shell('true'), finish()], queue='worker')
        path = backed_up(h, 'one.backup')
        need(h.stop() == 0)
        with closing(sqlite3.connect(path)) as db:
            (first, blob), = db.execute(
                'SELECT first, bodies FROM body ORDER BY first DESC LIMIT 1')
            db.execute('UPDATE body SET bodies = ? WHERE first = ?',
                       (blob[:-1] + bytes([blob[-1] ^ 1]), first))
            db.commit()
        a = h.cli('audit', 'verify', '--file', path)
        need(a.code == 1, a)
        a = h.cli('restore', path)
        need(a.code == 1, a)
        h.start()                # the book is as it was
        h.verified()


# --- one PostgreSQL


@test
def a_house_works_on_postgresql_and_says_no_password():
    s = server()
    name = schema()
    where = on_server(s, name)
    with House(ROLES) as h:
        h.start(args=where)
        ids, waits = two_waiting(h)
        need(h.stop() == 0)
        h.start(args=where)
        need({w['id'] for w in h.waits()} == {w['id'] for w in waits})
        said_yes(h, ids, waits)
        seen = 0
        for pid in descendants(h.process.pid):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                with open('/proc/%d/cmdline' % pid, 'rb') as f:
                    words = f.read()
                    need(b'postgres://' not in words and
                         name.encode() not in words, words)
                seen += 1
        need(seen >= len(PARTS), 'the parts were looked at', seen)
        h.verified()


@test
def a_server_that_lets_nobody_in_says_why():
    """The reason stands behind the server's address, which may be long."""
    s = server()
    at = '127.0.0.1:%d' % s.port
    port = free_port()
    nobody = '[0000:0000:0000:0000:0000:0000:0000:0001]:%d' % port
    with socket.socket(socket.AF_INET6) as probe:  # without IPv6: another word
        refusal = os.strerror(probe.connect_ex(('::1', port)))
    with House(ROLES) as h:
        h.ok('vault', 'init')
        for url, why in (
                ('handrail@%s/nowhere' % at,
                 'database \\"nowhere\\" does not exist'),
                ('stranger@%s/postgres' % at,
                 'role \\"stranger\\" does not exist'),
                ('handrail@%s/postgres' % nobody, '"%s"' % refusal),
                ('handrail@%s,%s/nowhere' % (nobody, at), '\\"nowhere\\"')):
            h.spawn(args=['--store', 'postgres://' + url])
            need(h.wait(20) == 3, h.log())
            need(why in h.log()[h.mark:], url, h.log())


def share_key(a, b):
    """The nodes of one book have one key."""
    b.ok('vault', 'init')
    shutil.copy(os.path.join(a.state, 'vault.key'),
                os.path.join(b.state, 'vault.key'))


@test
def a_house_at_rest_writes_its_lease_and_no_more():
    s = server()

    def wrote():
        """Whatever writes on the server, of anybody, has a number of its own."""
        return int(s.sql('SELECT pg_snapshot_xmax(pg_current_snapshot())'))

    def cleans(what):
        """The server, by itself: its writes are not the house's."""
        s.sql('ALTER SYSTEM %s' % what)
        s.sql('SELECT pg_reload_conf()')

    def renews():
        """Behind a write three more, each after 3.3 s."""
        before = wrote()
        until(lambda: wrote() > before, every=0.1)
        first, begun = wrote(), time.monotonic()
        until(lambda: wrote() >= first + 3, every=0.1)
        return time.monotonic() - begun > 9

    with House(ROLES) as h:
        h.start(args=on_server(s, schema()))
        two_waiting(h)
        cleans('SET autovacuum = off')
        try:
            until(renews, text='it writes more than its lease')
        finally:
            cleans('RESET autovacuum')
        need(h.stop() == 0)


@test
def a_second_house_is_refused_while_the_first_lives_and_takes_over_after():
    s = server()
    where = on_server(s, schema())
    with House(ROLES) as a, House(ROLES, uid_base=IDS + OTHER_IDS) as b:
        a.start(args=where)
        ids, waits = two_waiting(a)
        share_key(a, b)
        b.spawn(args=where)
        need(b.wait(20) == 5, b.log())
        need(a.state in b.log(), b.log())       # names the holder
        need({w['id'] for w in a.waits()} == {w['id'] for w in waits})
        done = a.run([shell('true'), finish()], queue='worker')
        a.kill()
        began = time.monotonic()
        b.start(seconds=25, args=where)
        took = time.monotonic() - began
        print('# taken over after %.1f s' % took)
        need({w['id'] for w in b.waits()} == {w['id'] for w in waits})
        need(b.task(done['id'])['state'] == 'completed')
        b.verified()


@test
def an_owner_that_was_only_paused_ends_itself_when_it_wakes():
    s = server()
    where = on_server(s, schema())
    with House(ROLES) as a, House(ROLES, uid_base=IDS + OTHER_IDS) as b:
        a.start(args=where)
        share_key(a, b)
        core = next(p for p, name in descendants(a.process.pid).items()
                    if name == 'core')
        os.kill(core, signal.SIGSTOP)
        try:
            b.start(seconds=30, args=where)
        finally:
            os.kill(core, signal.SIGCONT)
        need(a.wait(20) == 5, a.log())
        need('has lost the book' in a.log(), a.log())
        t = b.run([shell('true'), finish()], queue='worker')
        need(t['state'] == 'completed', t)
        b.verified()


@test
def a_server_that_restarts_is_waited_for():
    server()
    s = cluster.Cluster.new()
    COMPANIONS.append(s.server)
    try:
        where = on_server(s, schema())
        with House(ROLES) as h:
            h.start(args=where)
            h.run([shell('true'), finish()], queue='worker')
            steps = {'queue': 'worker', 'subject': 'meanwhile',
                     'payload': {'runbook': [shell('true'), finish()]}}
            s.signal_all(signal.SIGSTOP)
            a = h.post('/api/tasks', steps, timeout=30)
            s.signal_all(signal.SIGCONT)
            need(a.code == 503 and '(its server does not answer)' in str(a), a)
            s.stop()
            a = h.post('/api/tasks', steps, timeout=30)
            need(a.code == 503 and 'book cannot be written' in str(a), a)
            s.start()
            COMPANIONS.append(s.server)
            until(lambda: h.read('status')['ok'], 15, 'it must go on')
            need('book cannot be written' in h.log() and
                 'book is written again' in h.log(), h.log())
            t = h.run([shell('true'), finish()], queue='worker')
            need(t['state'] == 'completed', t)
            h.verified()
    finally:
        s.remove()


@test
def another_program_enqueues_by_an_insert():
    s = server()
    name = schema()
    with House(ROLES) as h:
        h.start(args=on_server(s, name))
        good = {'_type': 'task', 'queue': 'worker', 'subject': 'by insert',
                'payload': {'runbook': [shell('true'), finish()]}}
        for record in ('{"queue": 5}', 'no json at all', json.dumps(good)):
            s.sql("INSERT INTO %s.inbox(record) VALUES ('%s')" % (
                name, record.replace("'", "''")))
        until(lambda: any(t['subject'] == 'by insert' and
                          t['state'] == 'completed' for t in
                          h.read('task', 'list')['tasks']), 20,
              'the good one must run')
        refused = [e for e in h.events() if e['kind'] == 'inbox_refused']
        need(len(refused) == 2, refused)
        need(s.sql('SELECT count(*) FROM %s.inbox' % name).strip() == '0')
        h.verified()


@test
def another_root_key_takes_the_place_of_the_old_on_a_server():
    s = server()
    with House(ROLES) as h:
        where = on_server(s, schema())
        h.start(args=where)
        h.ok('vault', 'put', 'there', '--host', 'there.test', input='a-value-of-it')
        old = h.read('audit', 'checkpoint')['signer']
        h.stop()
        need(h.read('vault', 'rekey', *where) == {'ok': True, 'moved': 1, 'left': 0})
        h.start(args=where)
        need(h.read('audit', 'checkpoint')['signer'] != old)
        h.run([shell('true'), finish()], queue='worker')
        need(not [e for e in h.events() if e['kind'] == 'credential_refused'])
        h.ok('vault', 'rotate', 'there', input='another-value')
        h.verified()


@test
def a_backup_goes_from_either_store_to_the_other():
    s = server()
    with House(ROLES) as h:
        h.start()
        ids, waits = two_waiting(h)
        path = backed_up(h, 'from-sqlite')
        before = h.read('status')
        where = on_server(s, schema())
        restored_and_goes_on(h, path, ids, waits, before, *where)
    with House(ROLES) as h:
        where = on_server(s, schema())
        h.start(args=where)
        ids, waits = two_waiting(h)
        path = backed_up(h, 'from-postgresql')
        told = h.read('audit', 'verify', '--file', path)
        need(told['ok'], told)
        before = h.read('status')
        restored_and_goes_on(h, path, ids, waits, before)


@test
def a_start_reads_the_waits_of_letters_in_pages():
    """The letters themselves are read as what came last: a bounded window."""
    s, own = server(), schema()
    # A question for a body looks into each of its tables.
    scans = ("SELECT coalesce(max(idx_scan), 0) FROM pg_stat_user_tables "
             "WHERE schemaname = '%s' AND relname LIKE 'body%%'" % own)

    def asked():
        """What a connection counted is told when it ends."""
        until(lambda: s.sql("SELECT count(*) FROM pg_stat_activity WHERE "
                            "backend_type = 'client backend' AND "
                            "pid <> pg_backend_pid()") == '0')
        return int(s.sql(scans))

    with House() as h:
        h.start(args=on_server(s, own))
        for n in range(60):
            need(h.post('/api/mail', {
                'to': 'operator', 'subject': 'shall I? %d' % n,
                'requires_decision': True,
                'decision_options': ['yes', 'no']}).code == 201)
        before = h.waits()
        need(len(before) == 60, before)
        need(h.stop() == 0)
        then = asked()
        h.start(args=on_server(s, own))
        need(h.stop() == 0)
        count = asked() - then
        need(count < 60 * 1.5, count)  # not two for each
        h.start(args=on_server(s, own))
        need(sorted(w['id'] for w in h.waits()) ==
             sorted(w['id'] for w in before))
        need(h.stop() == 0)


if __name__ == '__main__':
    code = 1
    try:
        code = main()
    finally:
        if SERVER:
            SERVER.remove()
    sys.exit(code)
