#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A device on a desk, over TCP and over a terminal: what it is shown, what its
yes is worth, and what becomes of a wait when it is lost.  The devices are
scripts that speak the protocol, well and badly; no radio and no real device
has a part in it."""
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import *  # noqa: E402,F403
from web_page import Page, Stream  # noqa: E402

HOUSE = None


def house():
    """One for all tests that leave it as it was."""
    global HOUSE
    if HOUSE is None:
        HOUSE = Desk().up()
    return HOUSE


@test
def the_simulator_approves_a_gated_call_and_the_book_says_who():
    h = house()
    task, w = h.ask_for('pay', vendor='ACME', amount=12)
    done = h.cli('buddy', 'simulate', input='a')
    need(done.code == 0, 'simulate', done)
    need('%s finance ACME $12' % w['code'] in done.out, done.out)
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need('wait_decided' in h.kinds(task), h.kinds(task))
    said = [e['body'] for e in h.events(task) if e['kind'] == 'wait_decided']
    need(said[0]['by'] == 'tester' and said[0]['surface'] == 'buddy' and
         said[0]['answer'] == 'approve', said)
    h.verified()


@test
def a_no_of_the_simulator_reaches_the_agent():
    h = house()
    task, w = h.ask_for('pay', vendor='ACME', amount=13)
    done = h.cli('buddy', 'simulate', input='b')
    need(done.code == 0, 'simulate', done)
    end = h.outcome(task)
    need(end['state'] == 'failed', end)
    need(h.wait(w['id'])['state'] == 'denied', h.wait(w['id']))
    need('call_started' not in h.kinds(task), h.kinds(task))


@test
def only_a_decision_on_what_it_shows_counts_and_only_once():
    h = house()
    d = connected(h)
    task, w = h.ask_for('pay', vendor='ACME', amount=14)
    p = d.shows(w)
    need(p['tool'] == 'pay' and p['role'] == 'finance' and
         p['hint'] == w['code'] + ' finance ACME $14', p)
    d.send('boot: garbage \x01 {')
    d.send('{"cmd":"permission"')
    d.say('w-another', 'once')
    d.say(w['id'][:-1], 'once')
    d.say(w['id'].upper(), 'once')
    d.say(w['id'], 'always')
    d.say(w['id'], 'ONCE')
    d.send({'cmd': 'permission', 'decision': 'once'})
    d.send({'cmd': 'permission', 'id': w['id'], 'id2': 1})
    d.send({'ack': 'permission', 'ok': True})
    d.send('{"cmd":"permission","id":"%s","id":"%s","decision":"once"}' % (
        w['id'], w['id']))
    d.send('x' * 2000 + json.dumps(
        {'cmd': 'permission', 'id': w['id'], 'decision': 'once'}))
    d.send({'cmd': 'status'})
    d.pump(0.3)
    need(h.open(w['id']), 'decided by noise', h.wait(w['id']))
    d.say(w['id'], 'once', pieces=1)  # split at every byte
    d.say(w['id'], 'deny')
    d.say(w['id'], 'once')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(len([k for k in h.kinds(task) if k == 'wait_decided']) == 1,
         h.kinds(task))
    d.shows_none()
    d.close()


@test
def a_cut_prompt_may_be_denied_there_and_not_approved():
    h = house()
    d = connected(h)
    task, w = h.ask_for('pay', vendor='a vendor with a name without end ' * 2,
                        amount=15)
    p = d.shows(w)
    need('~ $15' in p['hint'] and len(p['hint']) <= 43, p)
    d.say(w['id'], 'once')
    d.pump(0.3)
    need(h.open(w['id']), 'approved though cut')
    need(not h.device()['whole'], h.device())
    d.say(w['id'], 'deny')
    need(h.outcome(task)['state'] == 'failed', h.task(task))
    need(h.wait(w['id'])['surface'] == 'buddy', h.wait(w['id']))
    d.close()


@test
def prompts_come_one_at_a_time_the_oldest_first():
    h = house()
    d = connected(h)
    asked = [h.ask_for('sign', what='paper %d' % i) for i in range(3)]
    for task, w in asked:
        d.shows(w)
        d.say(w['id'], 'once')
    for task, w in asked:
        need(h.outcome(task)['state'] == 'completed', h.task(task))
    d.shows_none()
    need(d.longest <= 1024, 'a line of %d bytes' % d.longest)
    need(all(len(b['entries']) <= 8 for b in d.beats), 'entries')
    d.close()


@test
def a_connect_tells_time_and_owner_and_asks_for_the_state():
    h = house()
    d = connected(h)
    need('time' in d.lines[0], d.lines[:3])
    need({'cmd': 'owner', 'name': 'tester'} in d.lines, d.lines[:5])
    need({'cmd': 'status'} in d.lines, d.lines[:5])
    need('Claude-7F3A' in h.device()['says'] and '81 %' in h.device()['says'],
         h.device())
    text = h.ok('buddy', 'status').out
    need('simulator on tcp, alive' in text and 'operator tester' in text, text)
    need(h.read('status')['parts']['buddy'] is True, 'status')
    text = h.ok('status').out
    need('buddy   simulator of tester, alive\n' in text, text)
    d.close()


@test
def the_doctor_says_that_the_device_is_not_there():
    with Desk(carrier='[buddy]\nserial = "/dev/no-such-terminal"\n') as h:
        found = {f['name']: f for f in
                 h.cli('doctor', '--json').json['findings']}
        desk = found['the device on a desk, /dev/no-such-terminal']
        need(not desk['ok'] and 'buddy pair' in desk['mend'], desk)
        h.up()  # and the house is there without it
        until(lambda: 'cannot open /dev/no-such-terminal' in h.log(), 10,
              'not told')
        need(h.log().count('cannot open /dev/no-such') == 1, 'told again')


@test
def what_was_decided_elsewhere_leaves_the_device():
    h = house()
    d = connected(h)
    task, w = h.ask_for('pay', vendor='ACME', amount=16)
    d.shows(w)
    need(h.say(w, 'approve').code == 200, 'approve')
    d.shows_none()
    d.say(w['id'], 'deny')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(h.wait(w['id'])['surface'] == 'cli', h.wait(w['id']))
    d.close()


@test
def a_surface_before_it_that_lives_keeps_the_question():
    h = house()
    d = connected(h)
    task, w = h.ask_for('late')
    task2, w2 = h.ask_for('sign', what='this')
    d.shows(w2)  # the other one is older, and is for the command line
    d.say(w['id'], 'once')
    d.pump(0.2)
    need(h.open(w['id']), h.wait(w['id']))
    need(h.say(w, 'approve').code == 200, 'approve')
    d.say(w2['id'], 'once')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(h.outcome(task2)['state'] == 'completed', h.task(task2))
    d.close()


@test
def a_page_is_a_living_surface_while_one_is_open():
    h = house()
    d = connected(h)
    p = Page(h).login()
    s = Stream(p, p.inbox()['seq'])
    task, w = h.ask_for('browse')
    s.wait('asked', id=w['id'])
    time.sleep(0.3)
    d.shows_none()
    s.close()
    d.shows(w)  # nobody looks at a page any more
    with open(os.path.join(h.state, 'operators/reader.token')) as f:
        reader = Page(h).login(f.read().strip())
    s = Stream(reader, reader.inbox()['seq'])
    time.sleep(0.3)
    need((d.prompt() or {}).get('id') == w['id'], 'a reader takes it away')
    s.close()
    s = Stream(p, p.inbox()['seq'])
    d.shows_none()
    need(p.say(p.waiting(task)).code == 200)
    need(h.outcome(task)['state'] == 'completed')
    s.close()
    d.close()


@test
def a_yes_of_two_is_no_yes_and_is_not_asked_twice():
    h = house()
    d = connected(h)
    task, w = h.ask_for('launch')
    d.shows(w)
    d.say(w['id'], 'once')
    d.shows_none()
    need(h.open(w['id']), h.wait(w['id']))
    need(h.say(w, 'deny', 'enough').code == 200, 'deny')
    need(h.outcome(task)['state'] == 'failed', h.task(task))
    d.close()


@test
def a_lost_device_decides_nothing_and_the_next_surface_has_it():
    h = house()
    d = connected(h)
    task, w = h.ask_for('pay', vendor='ACME', amount=17)
    only, w_only = h.ask_for('sign', what='it')
    d.shows(w)
    d.close()
    until(lambda: not h.device()['alive'], 10, 'still alive')
    need(h.open(w['id']) and h.open(w_only['id']), 'decided by a loss')
    need(h.say(w, 'approve').code == 200, 'on the command line')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(h.say(w_only, 'approve').code != 200, 'a surface that is not named')
    d = connected(h)  # and what is only for it is shown anew
    d.shows(w_only)
    d.say(w_only['id'], 'once')
    need(h.outcome(only)['state'] == 'completed', h.task(only))
    d.close()


@test
def the_part_may_die_alone_and_prompts_are_shown_anew():
    h = house()
    d = connected(h)
    task, w = h.ask_for('pay', vendor='ACME', amount=18)
    d.shows(w)
    others = h.pids()
    old = h.part()
    end_process(old[0])
    d.ended()
    d.close()
    until(lambda: h.part() and h.part() != old, 10, 'not started again')
    need(h.open(w['id']), h.wait(w['id']))
    d = connected(h)
    d.shows(w)
    d.say(w['id'], 'once')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    need(h.pids() == others, 'others went with it')
    d.close()


@test
def without_the_token_a_caller_is_nobody():
    h = house()
    for token in ('', 'hrbd_wrong', h.pairing().strip()[:-1],
                  h.pairing().strip() + 'x', 'x' * 5000,
                  '{"cmd":"permission","id":"x","decision":"once"}'):
        d = call(h, token=token)
        d.ended()
        need(not d.lines, 'it was told %r' % d.lines)
        d.close()
    need(not h.device()['alive'], h.device())
    mode = os.stat(os.path.join(h.state, 'buddy.token')).st_mode & 0o777
    need(mode == 0o600, oct(mode))
    d = connected(h)  # and the right one is let in after them
    d.close()


@test
def a_device_that_never_stops_talking_is_put_down():
    h = house()
    d = connected(h)
    d.babble(1000, 200)
    d.ended()
    d.close()
    until(lambda: 'says more than a device' in h.log(), 10, 'not told')
    task, w = h.ask_for('pay', vendor='ACME', amount=19)
    d = connected(h)
    d.shows(w)
    d.say(w['id'], 'deny')
    need(h.outcome(task)['state'] == 'failed', h.task(task))
    d.close()


@test
def a_silent_device_is_no_living_surface():
    h = house()
    d = call(h, quiet=True)
    until(lambda: d.pump() and d.lines, 10, 'not let in')
    task, w = h.ask_for('pay', vendor='ACME', amount=20)
    d.pump(0.3)
    need(not h.device()['alive'], h.device())
    need(not d.beats, 'it was shown %r' % d.beats)
    d.say(w['id'], 'once')
    d.pump(0.3)
    need(h.open(w['id']), 'decided by what shows nothing')
    need(h.say(w, 'approve').code == 200, 'approve')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    if os.environ.get('SOAK'):
        d.ended(60)  # 30 s without a sound
    d.close()


@test
def a_device_that_reads_late_ends_at_the_newest():
    h = house()
    d = connected(h)
    for i in range(3):
        task, w = h.ask_for('pay', vendor='ACME', amount=100 + i)
        need(h.say(w, 'approve').code == 200, 'approve')
        h.outcome(task)
    task, w = h.ask_for('sign', what='last')
    d.shows(w)
    d.say(w['id'], 'once')
    need(h.outcome(task)['state'] == 'completed', h.task(task))
    d.close()


def told(h, d, *args):
    """A command that tells the device something, while it listens."""
    done = []
    t = threading.Thread(target=lambda: done.append(h.cli('buddy', *args)))
    t.start()
    until(lambda: not t.is_alive() or not d.pump(), 60, 'no end of it')
    t.join()
    return done[0]


@test
def an_operator_names_the_device_and_gives_it_a_folder():
    h = house()
    d = connected(h)
    a = told(h, d, 'name', 'Desk')
    need(a.code == 0 and d.name == 'Desk', a, d.name)
    order = h.get('/api/buddy').json['order']
    need(order['state'] == 'done' and order['word'] == 'name' and
         order['by'] == 'tester', order)
    folder = os.path.join(h.folder, 'cat')
    files = {'manifest.json': b'{}', 'a.gif': bytes(range(256)) * 4,
             'empty': b''}
    for name, data in files.items():
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    a = told(h, d, 'push', folder + '/')
    need(a.code == 0 and d.kept == files, a, d.lines[-5:])
    need({'cmd': 'char_begin', 'name': 'cat', 'total': 1026} in d.lines,
         [x for x in d.lines if x.get('cmd') == 'char_begin'])
    a = told(h, d, 'push', folder, '--as', 'tom', '--json')
    need(a.json['state'] == 'done' and d.lines[-1] and
         {'cmd': 'char_begin', 'name': 'tom', 'total': 1026} in d.lines, a)
    write(os.path.join(folder, '.hidden'), 'x')
    a = told(h, d, 'push', folder)
    need(a.code == 1 and '.hidden' in a.err, a)
    os.unlink(os.path.join(folder, '.hidden'))
    d.refuses = ('unpair', 'chunk')
    a = told(h, d, 'unpair')
    need(a.code == 1 and 'refused' in a.err, a)
    a = told(h, d, 'push', folder)
    need(a.code == 1 and 'refused' in a.err, a)
    d.refuses = ()
    a = told(h, d, 'unpair')
    need(a.code == 0 and {'cmd': 'unpair'} in d.lines, a)
    need(told(h, d, 'push', folder + '/none').code == 4, 'no such folder')
    d.close()


@test
def only_its_own_operator_tells_a_device_something_one_thing_at_a_time():
    with Desk() as h:
        with open(h.config) as f:
            text = f.read()
        write(h.config, text.replace('buddy = "simulator"\n', '').replace(
            '[operator.second]\n', '[operator.second]\n'
            'buddy = "simulator"\n'))
        h.up()
        a = h.cli('buddy', 'name', 'Desk')
        need(a.code == 3 and 'no device answers' in a.err, a)
        d = connected(h)
        text = h.ok('buddy', 'list').out
        need('second           simulator, alive' in text and
             'tester           no device' in text, text)
        a = h.cli('buddy', 'name', 'Desk')
        need(a.code == 1 and "second's" in a.err, a)
        need(d.pump(0.2) and d.name == 'Claude-7F3A', d.name)
        d.close()
    h = house()
    d = connected(h)
    d.quiet = True  # it never answers the next
    need(h.post('/api/buddy/name', {'name': 'One'}).code == 202, 'told')
    a = h.post('/api/buddy/unpair', {})
    need(a.code == 409 and 'name' in a.out, a)
    for body in ({}, {'name': ''}, {'name': 'x' * 65}, {'name': 7}):
        need(h.post('/api/buddy/name', body).code in (400, 409), body)
    d.close()
    until(lambda: h.get('/api/buddy').json['order']['state'] == 'failed', 60,
          'it still goes')
    for target, body in (('name', {'name': 'x'}), ('unpair', {}),
                         ('push', {'name': 'x', 'files': []})):
        a = h.post('/api/buddy/' + target, body, tcp=True)
        need(a.code == 403, 'from a network', a)
    d = connected(h)
    for files in (None, [], [{}], [{'name': 'a'}], 'a',
                  [{'name': 'a', 'data': '*'}],
                  [{'name': 'a\0b', 'data': ''}]):
        a = h.post('/api/buddy/push', {'name': 'x', 'files': files})
        need(a.code == 400, files, a)
    d.close()


@test
def I14_without_dev_a_simulator_shows_and_decides_nothing():
    with Desk() as h:
        h.up(dev=False)
        d = connected(h)
        task, w = h.ask_for('pay', vendor='ACME', amount=1)
        until(lambda: d.pump() and d.beats and d.beats[-1]['waiting'] == 1,
              10, 'it shows no waiting')
        need(not d.prompt(), d.prompt())
        need(not h.device()['decides'], h.device())
        text = h.ok('buddy', 'status').out
        need('decides nothing now: one like this does under `handrail up --dev`' in text, text)
        d.say(w['id'], 'once')
        d.pump(0.3)
        need(h.open(w['id']), h.wait(w['id']))
        need(h.say(w, 'approve').code == 200, 'approve')
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        d.close()


@test
def I14_a_device_that_no_operator_lists_decides_nothing():
    with Desk(device=None) as h:
        h.up()
        d = connected(h)
        task, w = h.ask_for('pay', vendor='ACME', amount=1)
        until(lambda: d.pump() and d.beats and d.beats[-1]['waiting'] == 1,
              10, 'it shows no waiting')
        need(not d.prompt() and not h.device()['decides'], h.device())
        text = h.ok('buddy', 'status').out
        need('operator none lists it, it decides nothing now: name it as '
             '`buddy` of an operator' in text and '--dev' not in text, text)
        d.say(w['id'], 'once')
        d.pump(0.3)
        need(h.open(w['id']), h.wait(w['id']))
        d.close()


@test
def a_serial_line_carries_it_too():
    d, path = serial()
    with Desk(carrier='[buddy]\nserial = "%s"\n' % path, device='tty') as h:
        if os.getuid() == 0:
            os.chmod(path, 0o600)
        h.up()
        until(lambda: d.pump() and h.device()['alive'], 10, 'not alive')
        need(h.device()['device'] == 'tty', h.device())
        task, w = h.ask_for('pay', vendor='ACME', amount=1)
        d.shows(w)
        d.say(w['id'], 'once', pieces=7)
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(h.wait(w['id'])['by'] == 'tester', h.wait(w['id']))
        task, w = h.ask_for('pay', vendor='ACME', amount=2)
        d.shows(w)
        d.close()  # pulled out
        until(lambda: not h.device()['alive'], 10, 'still alive')
        need(h.open(w['id']), 'decided by a loss')
        need(h.say(w, 'approve').code == 200, 'approve')
        need(h.outcome(task)['state'] == 'completed', h.task(task))


@test
def a_serial_device_is_judged_as_any_other():
    d, path = serial()
    # A port forgets at its last close that one alone may open it; a terminal
    # whose other end is open does not, and only root opens it then.
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    d.idle = lambda: fcntl.ioctl(port, termios.TIOCNXCL)
    with Desk(carrier='[buddy]\nserial = "%s"\n' % path, device='tty') as h:
        if os.getuid() == 0:
            os.chmod(path, 0o600)
        d.quiet = True
        h.up()
        until(lambda: d.pump() and d.lines, 60, 'it is told nothing')
        judged(h, d, *silent(h, d))
        d.close()
        os.close(port)


class Puppet:
    """Moves a part that lies: what it says to core is written here."""

    def __init__(self, h):
        self.socket = socket.create_connection(('127.0.0.1', h.door))
        self.socket.settimeout(0.05)
        self.text = ''
        until(lambda: h.device()['alive'], 10, 'not alive')

    def says(self, carrier, yes, id):
        self.socket.send(('%s %d %s\n' % (carrier, yes, id)).encode())
        time.sleep(0.2)

    def is_shown(self, id):
        def there():
            try:
                self.text += self.socket.recv(4096).decode()
            except socket.timeout:
                pass
            return self.text.rstrip('\n').split('\n')[-1].split()[:1] == [id]
        until(there, 10, 'not shown: %s; %r' % (id, self.text))


@test
def a_part_that_lies_says_yes_to_nothing_but_what_is_shown():
    lies = os.path.join(BUILD, 'tests/jail/hostile_buddy')
    if not os.path.exists(lies):
        raise Skipped('hostile_buddy is built for x86-64 only')
    with Desk(instead={'buddy': lies}) as h:
        h.up()
        p = Puppet(h)
        cut_task, cut = h.ask_for('pay', vendor='v' * 45, amount=1)
        p.is_shown(cut['id'])
        task, w = h.ask_for('pay', vendor='ACME', amount=2)
        p.says('+', 1, w['id'])    # waits, is not shown
        p.says('+', 1, cut['id'])  # is shown, not whole
        p.says('77', 0, cut['id'])  # another device
        need(h.open(w['id']) and h.open(cut['id']), h.waits())
        p.says('+', 0, cut['id'])  # that much is its power
        p.is_shown(w['id'])
        p.says('+', 1, cut['id'])  # over and done
        need(h.wait(cut['id'])['state'] == 'denied', h.wait(cut['id']))
        need(h.open(w['id']), h.wait(w['id']))
        behind, third = h.ask_for('pay', vendor='ACME', amount=3)
        p.says('+', 1, third['id'])  # waits behind what is shown, whole
        p.says('+', 0, third['id'])
        need(h.open(third['id']), h.wait(third['id']))
        old = h.part()
        p.says('+', 2, w['id'])
        until(lambda: h.part() and h.part() != old, 10, 'it may say 2')
        p = Puppet(h)
        p.is_shown(w['id'])
        old = h.part()
        p.says('+', 1, 'long')
        until(lambda: h.part() and h.part() != old, 10, 'an id without an end')
        p = Puppet(h)
        p.is_shown(w['id'])
        p.says('+', 1, w['id'])
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(h.outcome(cut_task)['state'] == 'failed', h.task(cut_task))


@test
def a_house_without_a_device_has_no_such_part():
    with House() as h:
        h.start()
        need('buddy' not in descendants(h.process.pid).values(), 'a part')
        a = h.cli('buddy', 'status')
        need(a.code == 4 and '[buddy]' in a.err, a)
        need('buddy' not in h.read('status')['parts'], 'status')


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.kill()
        HOUSE.__exit__()
    sys.exit(code)
