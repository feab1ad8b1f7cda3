#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Witnesses: others who see that the book only grows, and sign that.  The one
here is written to c2sp.org/tlog-witness and tlog-cosignature alone: signatures
by OpenSSL, proofs by RFC 9162's own words."""
import base64
import hashlib
import http.server
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

DASH = '— '


def sha(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def grew(old_size, old_root, size, root, proof):
    """RFC 9162 section 2.1.4.2."""
    if old_size == size:
        return not proof and old_root == root
    if old_size & (old_size - 1) == 0:
        proof = [old_root] + proof
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    if not proof:
        return False
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b'\x01', c, fr), sha(b'\x01', c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha(b'\x01', sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


class Key:
    """Ed25519, in files of a folder."""

    def __init__(self, folder, name):
        self.name, self.file = name, os.path.join(folder, 'witness.pem')
        self.run('genpkey', '-algorithm', 'ed25519', '-out', self.file)
        public = self.run('pkey', '-in', self.file, '-pubout',
                          '-outform', 'DER')[-32:]
        self.id = sha(name.encode(), b'\n\x04', public)[:4]
        self.line = '%s+%s+%s' % (name, self.id.hex(), base64.b64encode(
            b'\x04' + public).decode())

    @staticmethod
    def run(*args, **more):
        return subprocess.run(['openssl', *args], check=True,
                              capture_output=True, **more).stdout

    def sign(self, message):
        with tempfile.NamedTemporaryFile() as f:
            f.write(message)
            f.flush()
            return self.run('pkeyutl', '-sign', '-rawin', '-inkey', self.file,
                            '-in', f.name)


def signed_by(signer, text, line):
    """Does this line of a note sign the text, by the key of the signer?"""
    name, id, key = signer.split('+', 2)
    if not line.startswith(DASH + name + ' '):
        return False
    bytes_ = base64.b64decode(line.split(' ')[2])
    der = bytes.fromhex('302a300506032b6570032100') + \
        base64.b64decode(key)[1:]
    with tempfile.TemporaryDirectory() as at:
        for file, data in (('key', der), ('text', text), ('sign', bytes_[4:])):
            with open(os.path.join(at, file), 'wb') as f:
                f.write(data)
        return bytes_[:4].hex() == id and subprocess.run(
            ['openssl', 'pkeyutl', '-verify', '-rawin', '-pubin', '-keyform',
             'DER', '-inkey', at + '/key', '-in', at + '/text', '-sigfile',
             at + '/sign'], capture_output=True).returncode == 0


YEAR_10000 = 253402300800  # no date of ours


class Witness:
    """One log, its newest tree; `twist` may change an answer."""

    def __init__(self, name='witness.test/w1'):
        self.folder = tempfile.mkdtemp(prefix='witness-')
        self.key = Key(self.folder, name)
        self.signer, self.origin = None, None
        self.size, self.root = 0, sha()
        self.asked, self.twist = [], lambda status, body: (status, body)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                status, answer = outer.twist(*outer.add(self.path, body))
                self.send_response(status)
                if status == 409:
                    self.send_header('Content-Type', 'text/x.tlog.size')
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:
                    pass  # it hung up: that is its right

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    def config(self):
        return '\n[audit]\nevery = 5\nwait = "1s"\n[witness.one]\n' \
            'url = "http://127.0.0.1:%d/in"\nkey = "%s"\n' % (
                self.server.server_port, self.key.line)

    def add(self, path, body):
        head, _, note = body.decode().partition('\n\n')
        lines = head.split('\n')
        old = int(lines[0].removeprefix('old '))
        text, _, signs = note.partition('\n\n')
        origin, size, root = text.split('\n')[:3]
        size, root = int(size), base64.b64decode(root)
        self.asked.append((old, size))
        if path != '/in/add-checkpoint' or old > size:
            return 400, b''
        if self.signer is None or not signs.startswith(DASH):
            return 404, b''
        if not signed_by(self.signer, (text + '\n').encode(),
                         signs.split('\n')[0]):
            return 403, b''
        if old != self.size or (old == size and root != self.root):
            return 409, b'%d\n' % self.size
        if old and not grew(old, self.root, size, root,
                            [base64.b64decode(p) for p in lines[1:]]):
            return 422, b''
        self.size, self.root, self.text = size, root, text + '\n'
        return 200, self.cosign(text + '\n')

    def cosign(self, text, at=None, key=None):
        at = int(time.time()) if at is None else at
        key = key or self.key
        sign = key.sign(('cosignature/v1\ntime %d\n%s' % (at, text)).encode())
        return ('%s%s %s\n' % (DASH, key.name, base64.b64encode(
            key.id + struct.pack('>Q', at) + sign).decode())).encode()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        shutil.rmtree(self.folder)


def signer(h):
    return h.ok('audit', 'checkpoint').out.strip().split('signer ')[1]


def said(h):
    return h.get('/api/status').json['witnesses'][0]


def newest(h, back=1):
    """The newest event that is signed for its own sake, or one before it."""
    return [e['seq'] for e in h.events() if e['kind'] != 'checkpoint' and
            not e['rule'].startswith('audit.')][-back]


def seen(h, w):
    """The witness has all that the house has now."""
    last = newest(h)
    until(lambda: said(h)['events'] >= last and not said(h)['problem'], 20,
          text=h.log()[-1500:])


@test
def a_witness_cosigns_what_grew_and_it_is_checked_elsewhere():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        until(lambda: 'it does not know this log (404)' in said(h)['problem'],
              text=lambda: said(h))
        w.signer = signer(h)
        for _ in range(3):
            h.run([shell('true')])
            seen(h, w)
        need(len({size for _, size in w.asked}) > 3 and
             any(0 < old < size for old, size in w.asked), w.asked)
        told = h.ok('status').out
        need(re.search(r'^witness one has the tree of \d+ events$', told, re.M),
             told)
        note = h.read('audit', 'checkpoint', '--published')['checkpoint']
        path = os.path.join(h.folder, 'note')
        write(path, note)
        h.stop()
        a = h.ok('audit', 'verify', '--checkpoint', path, '--signer', w.signer,
                 '--witness', w.key.line)
        need('witnessed' in a.out and w.key.name in a.out, a)
        # Another key of that name, a changed time, no line at all.
        other = Witness(w.key.name)
        lines = note.split('\n')
        mine = [n for n, x in enumerate(lines) if w.key.name in x][0]
        for bad in (note.replace(lines[mine], lines[mine].replace(
                        'AAAA', 'AAAB', 1)),
                    '\n'.join(lines[:mine] + lines[mine + 1:])):
            write(path, bad)
            a = h.cli('audit', 'verify', '--checkpoint', path, '--signer',
                      w.signer, '--witness', w.key.line)
            need(a.code == 1 and 'no good cosignature' in a.err, a)
        write(path, note)
        a = h.cli('audit', 'verify', '--checkpoint', path, '--signer',
                  w.signer, '--witness', other.key.line)
        need(a.code == 1, a)
        other.server.server_close()
        shutil.rmtree(other.folder)


@test
def every_question_is_an_intent_first_and_makes_no_events_of_its_own():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        until(lambda: said(h)['events'], 20)
        rests(lambda: len(w.asked), 2.5, 'a quiet house goes on asking')
        asked = len(w.asked)
        kinds = [e['kind'] for e in h.events() if e['rule'] == 'audit.witness']
        need(kinds.count('request_intent') == kinds.count('request_outcome') ==
             asked, kinds, asked)
        h.verified()


@test
def a_witness_that_knows_another_size_is_asked_from_there():
    """Where we know of none, and where what we know is beyond this book."""
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        for change in ("DELETE FROM rows",
                       "UPDATE rows SET value = CAST('1000000' AS BLOB)"):
            h.run([shell('true')])
            seen(h, w)
            h.kill()
            before = len(w.asked)
            with sqlite3.connect(os.path.join(h.state, 'book/book.db')) as rows:
                done = rows.execute(change + " WHERE space = 'meta' AND "
                                    "key = 'witness/one'").rowcount
            rows.close()
            need(done == 1)
            h.start()
            h.run([shell('true')])
            seen(h, w)
            # From nothing first; it named the size, and was asked from there.
            (old, size), (again, same) = w.asked[before:before + 2]
            need(old == 0 < again < size == same, w.asked)


@test
def a_house_that_starts_again_asks_from_where_its_witness_is():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        need(h.stop() == 0)
        asked, size = len(w.asked), w.size
        h.start()
        h.run([shell('true')])
        seen(h, w)
        need(w.asked[asked][0] == size, w.asked, size)


@test
def a_witness_that_begins_anew_is_followed_and_ends_no_house():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        w.size, w.root = 0, sha()
        h.run([shell('true')])
        seen(h, w)
        w.twist = lambda status, body: (409, b'5\n')  # whatever it says
        h.run([shell('true')])
        until(lambda: said(h)['problem'], 20)
        w.twist = lambda status, body: (status, body)
        h.run([shell('true')])
        seen(h, w)
        need(h.read('status')['incarnation'] == 1)


@test
def who_did_not_take_a_tree_is_asked_again_though_nothing_happens():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        w.twist = lambda status, body: (503, b'')
        h.run([shell('true')])
        # All that happened was asked about: no event has it asked again.
        rests(lambda: newest(h), 1.5, 'it goes on')
        last = newest(h)
        until(lambda: w.asked[-1][1] >= last)
        until(lambda: '503' in said(h)['problem'], 60)
        w.twist = lambda status, body: (status, body)
        seen(h, w)


@test
def who_did_not_take_a_tree_is_left_alone_though_much_happens():
    with Witness() as w:
        config = w.config().replace(
            'every = 5\nwait = "1s"', 'every = 5\nwait = "1h"\n'
            'publish = "http://127.0.0.1:1/notes"')
        with House(config=config) as h:
            h.start()

            def told():
                events = h.events()
                return sum(e['kind'] == 'checkpoint' for e in events), sum(
                    e['kind'] == 'request_intent' and
                    e['rule'] == 'audit.publish' for e in events)

            def happens():
                h.run([shell('true')])
                return told()[0] >= 3  # while one is signed and asked, no other
            until(happens, text=told)
            until(lambda: told()[1] and '404' in said(h)['problem'],
                  text=lambda: (told(), said(h)))
            need(told()[1] == 1 and len(w.asked) == 1, told(), w.asked)
            # What an operator has mended is seen when he says so.
            w.signer = signer(h)
            with open(h.config) as f:
                reload(h, f.read())
            until(lambda: w.size and told()[1] == 2, text=told)
            until(lambda: not said(h)['problem'], text=lambda: said(h))


@test
def a_book_that_was_changed_or_cut_is_told_by_its_witness():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        w.root = sha(b'another tree')  # as if the book had been rewritten
        h.run([shell('true')])
        until(lambda: 'it finds that this tree did not grow from what it saw '
              '(422)' in said(h)['problem'], text=lambda: said(h))
        w.size = 10 ** 6
        h.run([shell('true')])
        until(lambda: 'cut off or restored' in said(h)['problem'], 20)
        need('1000000' in said(h)['problem'], said(h))
        # As large as this one, and another: it is told so once, and no more.
        before = len(w.asked)
        w.twist = lambda status, body: (409, b'%d\n' % w.asked[-1][1])
        h.run([shell('true')])
        until(lambda: 'another tree of %d events than this book: it was '
              'changed' % w.asked[-1][1] in said(h)['problem'])
        sizes = [size for _, size in w.asked]
        need(max(map(sizes.count, sizes[before:])) == 2, w.asked)


@test
def a_witness_that_has_another_key_of_the_house_says_what_to_do():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = w.key.line.replace(w.key.name, 'handrail')
        h.run([shell('true')])
        until(lambda: 'it has another key of this house (403): give its '
              'operator the signer\'s line' in said(h)['problem'],
              text=lambda: said(h))


@test
def an_answer_that_is_no_cosignature_is_not_kept():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        liar = Witness(w.key.name)
        for lie in (lambda s, b: (200, b'nonsense\n'), lambda s, b: (200, b''),
                    lambda s, b: (200, liar.cosign('x\n')),
                    lambda s, b: (200, w.cosign(w.text, YEAR_10000)),
                    lambda s, b: (409, b'many\n'),
                    lambda s, b: (500, b''),
                    lambda s, b: (200, b * 2000)):
            w.twist = lie
            h.run([shell('true')])
            until(lambda: said(h)['problem'], 20, h.log()[-1500:])
            note = h.read('audit', 'checkpoint', '--published')['checkpoint']
            need(w.key.name not in note, note)
            w.twist = lambda s, b: (s, b)
            h.run([shell('true')])
            seen(h, w)
        liar.server.server_close()
        shutil.rmtree(liar.folder)


@test
def a_url_that_takes_notes_adds_good_lines_of_known_witnesses_alone():
    # The witness itself knows no log: only the other way leads its line in.
    with Witness() as w, Witness('witness.test/stranger') as taker:
        config = w.config().replace('[audit]\n', '[audit]\npublish = "http://'
                                    '127.0.0.1:%d/notes"\n' %
                                    taker.server.server_port)
        with House(config=config) as h:
            liar, bad, told = Key(taker.folder, w.key.name), [], [True]

            def answer(path, note):
                text = note.decode().partition('\n\n')[0] + '\n'
                good = w.cosign(text, int(time.time()) - 1).decode()
                # Another's, in its name.
                bad.append(w.cosign(text, key=liar).decode())
                bad.append(w.cosign(text.replace('\n', '\n1', 1)).decode())
                bad.append(taker.cosign(text).decode())
                return 200, ''.join(bad[-3:] + ['— handrail AAAA\n', 'none\n'] +
                                    [good, good] * told[0]).encode()
            taker.add = answer
            h.start()

            def settles(lines):
                """The newest note of a house at rest, with so many of w's."""
                h.run([shell('true')])
                last = newest(h)

                def kept():
                    now = h.read('audit', 'checkpoint',
                                 '--published')['checkpoint']
                    need(not any(line in now for line in bad), now)
                    return now if int(now.split('\n')[1]) >= last and \
                        now.count('— ') == 1 + lines and \
                        now.count(w.key.name) == lines else None
                return until(kept, 60, h.log()[-900:])
            settles(1)
            # It has the tree, whoever brought its line.
            until(lambda: said(h)['events'] > 0 and not said(h)['problem'], 30)
            # An answer without a good line leaves the note as it was signed.
            told[0] = False
            settles(0)
            until(lambda: '404' in said(h)['problem'], 30)
            told[0] = True
            path = os.path.join(h.folder, 'note')
            write(path, settles(1))
            # Of one that has signed it itself there is a line already.
            w.signer = signer(h)
            settles(1)
            until(lambda: w.size and not said(h)['problem'])
            settles(1)
            rests(lambda: len(w.asked), 1.5, 'it goes on asking')
            now = h.read('audit', 'checkpoint', '--published')['checkpoint']
            need(now.count(w.key.name) == 1, now)
            a = h.ok('audit', 'verify', '--checkpoint', path, '--signer',
                     signer(h), '--witness', w.key.line)
            need('witnessed' in a.out, a)


@test
def a_folder_that_takes_no_note_is_told():
    """Root's own, which core is not; without ids for the parts, nobody's."""
    with House() as h:
        with open(h.config, 'a') as f:
            f.write('\n[audit]\npublish = "file:%s/kept/note"\nwait = "1s"\n' %
                    h.folder)
        h.ok('vault', 'init')
        h.spawn()
        need(h.wait() == 1 and '[audit] publish: the folder' in h.log() and
             '/kept: No such file' in h.log(), h.log())
        os.mkdir(os.path.join(h.folder, 'kept'), 0o555)
        h.start()
        told = until(lambda: re.search(
            r'^publish has taken no tree since this start: .*core\'s own id, (\d+):',
            h.ok('status').out, re.M), text=h.log())
        with open('/proc/%d/status' % h.pids()['core']) as f:
            core = re.search(r'^Uid:\t(\d+)', f.read(), re.M)[1]
        need(told[1] == core and (os.getuid() or core != '0'), told[0], core)
        # Nothing happens any more, and its last tree is still owed: once.
        last, note = newest(h), os.path.join(h.folder, 'kept/note')
        os.chmod(os.path.dirname(note), 0o777)
        until(lambda: covers(note, last), text=h.log)
        rests(lambda: len(h.events()), 2.5, 'it goes on signing')
        # To a place that is taken out nothing is owed.
        os.chmod(os.path.dirname(note), 0o555)
        h.run([shell('true')])
        until(lambda: h.get('/api/status').json['published']['problem'])
        with open(h.config) as f:
            text = f.read()
        reload(h, re.sub('publish = .*', '', text))
        told = h.log().count("core's own id")
        h.run([shell('true')])
        last = newest(h)
        until(lambda: h.events()[-1]['kind'] == 'checkpoint' and
              h.events()[-1]['seq'] > last, text=lambda: h.events()[-3:])
        h.stop()
        need(h.log().count("core's own id") == told, h.log())


def covers(note, last):
    """A note is there, and its tree holds that event."""
    if not os.path.exists(note):
        return False
    with open(note) as f:
        return int(f.read().split('\n')[1]) >= last


def publishing(h, every=5, wait='1s'):
    """It publishes to a file, whose path this is."""
    folder = os.path.join(h.folder, 'kept')
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    with open(h.config, 'a') as f:
        f.write('\n[audit]\npublish = "file:%s/note"\nevery = %d\n'
                'wait = "%s"\n' % (folder, every, wait))
    return os.path.join(folder, 'note')


@test
def a_note_that_is_moved_aside_is_followed_by_the_next_one():
    with House() as h:
        note = publishing(h)
        h.start()
        h.run([shell('true')])
        last = newest(h)
        until(lambda: covers(note, last), text=h.log)
        os.rename(note, note + '.aside')
        h.run([shell('true')])
        last = newest(h)
        until(lambda: covers(note, last),
              text=lambda: h.get('/api/status').out)
        # What a start writes is under a note, though nothing else happens.
        need(h.stop() == 0)
        h.start()
        last = newest(h)
        until(lambda: covers(note, last),
              text=lambda: h.get('/api/status').out)


@test
def so_many_events_are_signed_at_once_and_those_that_came_meanwhile():
    with House() as h:
        note = publishing(h, every=3, wait='1h')
        h.start()
        last = newest(h, 3)
        until(lambda: covers(note, last), text=h.log)
        # The first of these has a tree signed that lacks all the others.
        os.kill(h.pids()['vault'], signal.SIGSTOP)
        try:
            h.run([shell('true')])
        finally:
            os.kill(h.pids()['vault'], signal.SIGCONT)
        last = newest(h, 3)
        until(lambda: covers(note, last),
              text=lambda: h.get('/api/status').out)
    # And before that nothing is.
    with House() as h:
        note = publishing(h, every=1000, wait='1h')
        h.start()
        h.run([shell('true')])
        need('checkpoint' not in [e['kind'] for e in h.events()] and
             not os.path.exists(note))


@test
def a_house_with_a_key_that_is_none_does_not_start():
    with Witness() as w:
        for config, words in (
                (w.config().replace('+', '-', 1), '[witness.one] key'),
                (w.config().replace('http:', 'ftp:'), 'url: expected')):
            with House(config=config) as h:
                h.ok('vault', 'init')
                h.spawn()
                need(h.wait() == 1 and words in h.log(), h.log())
        w.server.shutdown()
        w.thread.join()
        w.thread = threading.Thread(target=w.server.serve_forever)
        w.thread.start()


def reload(h, text):
    """What handrail.toml says from now on, if it can be read at all."""
    before = h.log().count('reload')
    write(h.config, text)
    h.process.send_signal(signal.SIGHUP)
    until(lambda: h.log().count('reload') > before, 60, h.log()[-1500:])


@test
def a_reload_keeps_what_is_known_of_the_witnesses_that_stay():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        before, asked = said(h), len(w.asked)
        with open(h.config) as f:
            text = f.read()
        # Another takes the first one's place in the list.
        other = Witness('witness.test/w2')
        other.server.server_close()
        shutil.rmtree(other.folder)
        reload(h, text.replace('[witness.one]', '[witness.another]\n'
                               'url = "http://127.0.0.1:1"\nkey = "%s"\n'
                               '[witness.one]' % other.key.line))
        now = h.get('/api/status').json['witnesses']
        need([x['name'] for x in now] == ['another', 'one'] and
             now[0]['events'] == 0 and now[1]['events'] >= before['events']
             and now[1]['at'], before, now)
        # Nobody is there: the other has its tree all the same.
        h.run([shell('true')])
        last = newest(h)
        until(lambda: h.get('/api/status').json['witnesses'][1]['events']
              >= last)
        until(lambda: 'Connection refused' in said(h)['problem'],
              text=lambda: said(h))
        reload(h, text)
        need(said(h)['events'] >= before['events'], said(h))
        h.run([shell('true')])
        seen(h, w)
        # Never from nothing again, and never from where it is not.
        need(all(old for old, _ in w.asked[asked:]), w.asked)


@test
def a_witness_with_another_key_is_another_one():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        with open(h.config) as f:
            text = f.read()
        old, w.key = w.key, Key(w.folder, w.key.name)
        reload(h, text.replace(old.line, w.key.line))
        need(said(h)['events'] == 0, 'that key has signed nothing', said(h))
        h.run([shell('true')])
        seen(h, w)
        # And so is one of another name, though the key be the same.
        with open(h.config) as f:
            text = f.read()
        reload(h, text.replace('[witness.one]', '[witness.other]'))
        need(said(h)['name'] == 'other' and said(h)['events'] == 0, said(h))
        h.run([shell('true')])
        seen(h, w)


@test
def a_witness_that_is_taken_out_while_it_is_asked_keeps_nobody_waiting():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        here, on = threading.Event(), threading.Event()

        def slow(status, body):
            here.set()
            on.wait(PATIENCE)
            return status, body
        w.twist = slow
        try:
            h.run([shell('true')])
            need(here.wait(PATIENCE), 'it is not asked')
            with open(h.config) as f:
                text = f.read()
            reload(h, text.partition('[witness.one]')[0])
            need(h.get('/api/status').json['witnesses'] == [])
        finally:
            w.twist = lambda status, body: (status, body)
            on.set()
        reload(h, text)
        h.run([shell('true')])
        seen(h, w)
        need(h.read('status')['incarnation'] == 1)


@test
def a_reload_that_fails_changes_nothing_at_all():
    with Witness() as w, House(config=w.config()) as h:
        h.start()
        w.signer = signer(h)
        h.run([shell('true')])
        seen(h, w)
        before = said(h)
        with open(h.config) as f:
            text = f.read()
        for old, new, words in ((w.key.name + '+', w.key.name + '-',
                                 '[witness.one] key'),
                                ('"roles"', '"none"', '/none')):
            reload(h, 'device = "mac"\n' + text.replace(old, new))
            need(words in h.log(), h.log()[-900:])
            need(said(h)['events'] >= before['events'] and said(h)['at'],
                 before, said(h))
            # Role, identity and witness are those of before.
            h.run([shell('true')])
            seen(h, w)
        need({e['identity'] for e in h.events() if e['kind'] == 'call_decided'}
             == {HELPER_ID})


@test
def a_proof_in_a_file_is_checked_without_the_house():
    with House() as h:
        h.start()
        h.run([shell('true')])
        line = signer(h)

        def keep(name, text):
            path = os.path.join(h.folder, name)
            write(path, text)
            return path

        def note(name):
            return keep(name, h.read('audit', 'checkpoint')['checkpoint'])
        old, size = note('old'), None
        with open(old) as f:
            size = f.read().split('\n')[1]
        event = keep('event', h.ok('audit', 'prove', '3', '--size', size,
                                   '--json').out)
        h.run([shell('true')])
        new = note('new')
        growth = keep('growth', h.ok('audit', 'prove', '--from', old, '--to',
                                     new, '--json').out)
        today = keep('today', h.ok('audit', 'prove', '--from', old, '--json').out)
        h.stop()

        def verify(*args):
            return h.cli('audit', 'verify', *args, '--signer', line)
        a = verify('--proof', event, '--against', old)
        need(a.code == 0 and 'event 3 ' in a.out, a)
        a = verify('--proof', growth, '--from', old, '--against', new)
        need(a.code == 0 and 'unchanged' in a.out, a)
        need(verify('--proof', event, '--against', new).code == 1)
        need(verify('--proof', growth, '--from', new, '--against', old).code)
        # Without --to it leads to a tree whose note nobody has.
        for proof in (today, event):
            a = verify('--proof', proof, '--from', old, '--against', new)
            need(a.code == 1 and '--from OLD-NOTE --to NOTE' in a.err, a)
        need(verify('--proof', event).code == 2)
        with open(event) as f:
            text = f.read()
        tree = json.loads(text)
        for bad in ({**tree, 'head': tree['head'].replace('0', '1', 1)},
                    {**tree, 'proof': tree['proof'][1:]},
                    {**tree, 'size': tree['size'] + 1},
                    {**tree, 'root': tree['root'][::-1]}, {}, [], 'x'):
            a = verify('--proof', keep('bad', json.dumps(bad)), '--against',
                       old)
            need(a.code == 1, bad, a)


if __name__ == '__main__':
    sys.exit(main())
