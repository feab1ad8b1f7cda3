#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A device on a desk over Bluetooth: real parts, a real D-Bus, and a stand-in
of BlueZ on it.  No radio has a part in it."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desk import *  # noqa: E402,F403
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'bluez'))
import world  # noqa: E402
from world import ADDRESS, World  # noqa: E402

RADIO = '[buddy]\nbluetooth = "%s"\n' % ADDRESS
LONG = 60  # seconds: what is waited for comes, on the slowest machine too


class RadioDevice(Device):
    """Speaks packets, and keeps the width of each that it is sent."""

    def __init__(self, world, **more):
        self.socket = world.device()
        self.widths = []
        super().__init__(self.socket.fileno(), self.socket.close, **more)

    def pump(self, seconds=0.02):
        end = time.monotonic() + seconds
        while select.select([self.fd], [], [],
                            max(0, end - time.monotonic()))[0]:
            data = self.socket.recv(4096)
            if not data:
                return False
            self.widths.append(len(data))
            self.bytes += data
            while b'\n' in self.bytes:
                line, self.bytes = self.bytes.split(b'\n', 1)
                self.take(line)
        return True


class Near:
    """A house, a bus, a BlueZ and a device that are there together."""

    def __init__(self, device=ADDRESS, up=True, dev=False, **how):
        if world.why_not():
            raise Skipped(world.why_not())
        self.world = World(COMPANIONS, **how)
        self.house = Desk(carrier=RADIO, device=device)
        self.house.env['DBUS_SYSTEM_BUS_ADDRESS'] = self.world.address
        self.up, self.dev = up, dev

    def __enter__(self):
        self.house.__enter__()
        self.world.start()
        self.device = RadioDevice(self.world)
        if self.up:
            self.house.up(dev=self.dev)
            self.alive()
        return self.house, self.world, self.device

    def alive(self):
        until(lambda: self.device.pump() and self.house.device()['alive'],
              LONG, 'not alive: %s' % self.house.log())

    def __exit__(self, *what):
        self.house.__exit__(*what)
        self.world.__exit__(*what)


def alive(h, d):
    until(lambda: d.pump() and h.device()['alive'], LONG,
          'not alive:\n' + h.log()[-1500:])


def gone(h, d):
    """No surface any more, though the device goes on answering: its silence
    would be another reason."""
    until(lambda: (d.pump(), not h.device()['alive'])[1], LONG, 'still alive')
    d.pump(0.3)  # what was on its way; it is of the link that is gone
    d.bytes = b''
    d.beats.clear()


def of_process(pid, field):
    with open('/proc/%d/status' % pid) as f:
        return re.search(r'^%s:\s*(.*)$' % field, f.read(), re.M).group(1)


@test
def a_bonded_device_decides_in_every_house():
    with Near() as (h, w, d):
        need(h.device()['carrier'] == 'bluetooth' and
             h.device()['device'] == ADDRESS and h.device()['decides'],
             h.device())
        text = h.ok('buddy', 'status').out
        need('%s on bluetooth, alive' % ADDRESS in text, text)
        task, wait = h.ask_for('pay', vendor='ACME', amount=1)
        d.shows(wait, LONG)
        d.say(wait['id'], 'once')
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(h.wait(wait['id'])['by'] == 'tester' and
             h.wait(wait['id'])['surface'] == 'buddy', h.wait(wait['id']))
        need(max(d.widths) == 180, 'a write of %d bytes' % max(d.widths))
        radio = h.part('radio')[0]
        uid = w.hears('connect').split()[-1]
        need(of_process(radio, 'Uid').split()[0] == uid and
             (os.getuid() or uid != '0'), 'the bus saw uid ' + uid)
        need(of_process(radio, 'Seccomp') == '2', 'radio has no filter')
        # To the supervisor and to the bus: no end of the device stays there.
        # A part is not dumpable, so only root can look.
        if os.getuid() == 0:
            held = [os.readlink('/proc/%d/fd/%s' % (radio, f))
                    for f in os.listdir('/proc/%d/fd' % radio)]
            need(len([x for x in held if x.startswith('socket:')]) == 2, held)
        h.verified()


@test
def no_write_is_wider_than_the_link():
    with Near(mtu=23) as (h, w, d):
        task, wait = h.ask_for('pay', vendor='ACME', amount=2)
        d.shows(wait, LONG)
        need(max(d.widths) == 20, 'a write of %d bytes' % max(d.widths))
        d.say(wait['id'], 'once', pieces=1)  # a packet a byte
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(not [x for x in w.lines if x.startswith('too-wide')], w.lines)


@test
def a_link_wider_than_a_line_is_read_whole():
    with Near(mtu=517) as (h, w, d):
        task, wait = h.ask_for('pay', vendor='ACME', amount=3)
        d.shows(wait, LONG)
        need(max(d.widths) == 180, 'a write of %d bytes' % max(d.widths))
        d.send(json.dumps({'cmd': 'permission', 'id': wait['id'],
                           'decision': 'once', 'x': 'x' * 440}))
        need(h.outcome(task)['state'] == 'completed', h.task(task))


@test
def it_is_judged_as_any_other():
    with Near() as (h, w, d):
        judged(h, d, *h.ask_for('sign', what='anything'))


@test
def without_its_bond_it_is_no_surface():
    with Near() as (h, w, d):
        task, wait = h.ask_for('pay', vendor='ACME', amount=4)
        only, w_only = h.ask_for('sign', what='it')
        d.shows(wait, LONG)
        part = h.part()[0]
        w.say('unbond', 'keep')  # and BlueZ lets the link stand
        gone(h, d)
        d.say(wait['id'], 'once')
        until(lambda: 'no bond' in h.log(), LONG, 'not told')
        until(lambda: (d.pump(), w.read(), {
            'released write', 'released notify'} <= set(w.lines))[2], LONG,
            'the part holds the link')
        need(h.part() == [part], 'the part went with it')
        need(h.open(wait['id']) and h.open(w_only['id']), h.waits())
        need(h.say(wait, 'approve').code == 200, 'on the command line')
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        need(h.wait(wait['id'])['surface'] == 'cli', h.wait(wait['id']))
        need(h.say(w_only, 'approve').code != 200, 'a surface of no rule')
        for key in ('known', 'paired', 'bonded'):
            w.say('set', key, 1)
        alive(h, d)
        d.shows(w_only, LONG)
        d.say(w_only['id'], 'once')
        need(h.outcome(only)['state'] == 'completed', h.task(only))


@test
def a_lost_device_comes_back_and_is_shown_anew():
    with Near() as (h, w, d):
        task, wait = h.ask_for('sign', what='this')
        d.shows(wait, LONG)
        w.say('set', 'near', 0)
        w.say('drop')
        gone(h, d)
        need(h.open(wait['id']), h.wait(wait['id']))
        until(lambda: h.log().count('BlueZ: ') == 1, LONG, 'not told')
        w.say('set', 'near', 1)
        alive(h, d)
        d.shows(wait, LONG)
        d.say(wait['id'], 'deny')
        need(h.outcome(task)['state'] == 'failed', h.task(task))


@test
def one_that_no_operator_lists_decides_nothing():
    with Near(device='C4:DD:57:00:7F:3B') as (h, w, d):
        task, wait = h.ask_for('pay', vendor='ACME', amount=5)
        until(lambda: d.pump() and d.beats and d.beats[-1]['waiting'] == 1,
              LONG, 'it shows no waiting')
        need(not d.prompt() and not h.device()['decides'], h.device())
        d.say(wait['id'], 'once')
        d.pump(0.3)
        need(h.open(wait['id']), h.wait(wait['id']))


@test
def radio_and_buddy_may_die_alone():
    with Near() as (h, w, d):
        task, wait = h.ask_for('sign', what='that')
        d.shows(wait, LONG)
        others = h.pids()
        for name in ('radio', 'buddy'):
            old = h.part(name)
            end_process(old[0])
            gone(h, d)  # nobody sees whether there is a bond
            until(lambda: h.part(name) and h.part(name) != old, LONG,
                  'not started again')
            alive(h, d)
            d.shows(wait, LONG)
        need(h.open(wait['id']), h.wait(wait['id']))
        need(h.pids() == others, 'others went with it')
        d.say(wait['id'], 'once')
        need(h.outcome(task)['state'] == 'completed', h.task(task))


@test
def a_house_stands_without_a_bus_and_without_bluez():
    with Near(up=False) as (h, w, d):
        w.end_bluez()
        w.end_bus()
        d.close()
        h.up(dev=False)
        until(lambda: 'no system bus' in h.log(), LONG, 'not told')
        w.start_bus()
        until(lambda: 'start bluetoothd' in h.log(), LONG, 'not told')
        w.start_bluez()
        d = RadioDevice(w)
        alive(h, d)
        w.end_bus()  # as an upgrade of it does
        w.end_bluez()
        gone(h, d)
        d.close()
        w.start()
        d = RadioDevice(w)
        alive(h, d)
        # Once for each time that it was away.
        need(h.log().count('start bluetoothd') <= 2, h.log())


@test
def a_bus_that_greets_nobody_holds_up_no_house():
    # As a dbus-daemon that hangs: the kernel connects, and nobody reads.
    with Near(up=False) as (h, w, d), \
            socket.socket(socket.AF_UNIX) as hung:
        path = os.path.join(h.state, 'hung.bus')
        os.makedirs(h.state, exist_ok=True)
        hung.bind(path)
        os.chmod(path, 0o777)
        hung.listen(64)
        h.env['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=' + path
        h.up(dev=False)
        task, wait = h.ask_for('pay', vendor='ACME', amount=6)
        until(lambda: 'greets nobody' in h.log(), LONG, h.log()[-1500:])
        need(not h.device()['alive'], h.device())
        need(h.say(wait, 'approve').code == 200, 'on the command line')
        need(h.outcome(task)['state'] == 'completed', h.task(task))
        a = h.cli('buddy', 'pair', ADDRESS,
                  env={'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=' + path})
        need(a.code != 0 and 'greets nobody' in a.err, a)


@test
def a_device_is_paired_by_the_digits_it_shows_and_unpaired_again():
    with Near(up=False, paired=0, bonded=0, passkey=4711) as (h, w, d):
        bus = {'DBUS_SYSTEM_BUS_ADDRESS': w.address}
        a = h.cli('buddy', 'pair', ADDRESS, env=bus, input='123456\n')
        need(a.code != 0 and 'not paired' in a.err, a)
        a = h.cli('buddy', 'pair', ADDRESS, env=bus, input='004711\n')
        need(a.code == 0 and 'bluetooth = "%s"' % ADDRESS in a.out, a)
        a = h.cli('buddy', 'pair', ADDRESS, env=bus, input='004711\n')
        need(a.code == 5 and 'unpair' in a.err, a)
        if os.getuid() == 0:
            uid = w.hears('agent').split()[-1]
            need(uid != '0', 'root speaks on the bus')
        h.up(dev=False)
        alive(h, d)
        task, wait = h.ask_for('sign', what='this')
        d.shows(wait, LONG)
        since = len(w.lines)
        a = h.cli('buddy', 'unpair', env=bus)
        need(a.code == 0, a)
        w.hears('removed', since=since)
        until(lambda: (d.pump(), {'cmd': 'unpair'} in d.lines)[1], LONG,
              lambda: d.lines[-3:])
        gone(h, d)
        need(h.open(wait['id']), h.wait(wait['id']))
        until(lambda: 'no bond' in h.log(), LONG, 'not told')
        a = h.cli('buddy', 'unpair', ADDRESS, env=bus)
        need(a.code == 4, a)


@test
def a_device_that_cannot_show_a_passkey_is_not_paired():
    with Near(up=False, paired=0, bonded=0, capability='nothing') as (h, w, d):
        bus = {'DBUS_SYSTEM_BUS_ADDRESS': w.address}
        a = h.cli('buddy', 'pair', ADDRESS, env=bus, input='yes\n')
        need(a.code != 0 and 'not paired' in a.err, a)
        w.hears('refused')
        a = h.cli('buddy', 'pair', env=bus)  # what is near
        need(a.code == 0 and ADDRESS in a.out and 'not paired' in a.out, a)
        need('Headphones' not in a.out, a)


@test
def a_pairing_that_is_broken_off_leaves_no_bond():
    for told in (signal.SIGINT, signal.SIGTERM):
        with Near(up=False, paired=0, bonded=0,
                  capability='late') as (h, w, d):
            p = subprocess.Popen(
                [h.handrail, 'buddy', '--config', h.config, '--state',
                 h.state, 'pair', ADDRESS],
                env={**h.env, 'DBUS_SYSTEM_BUS_ADDRESS': w.address},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, start_new_session=True)
            COMPANIONS.append(p)
            w.hears('waits', LONG)
            # A terminal tells both, anybody else the one that he sees.
            if told == signal.SIGINT:
                os.killpg(p.pid, told)
            else:
                p.send_signal(told)
            w.hears('bonded', LONG)
            w.hears('removed', LONG)
            p.wait(LONG)
            COMPANIONS.remove(p)
            said = p.stderr.read().decode()  # until its tool has ended
            need('taken back' in said, said)


if __name__ == '__main__':
    sys.exit(main())
