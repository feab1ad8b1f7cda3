#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A BlueZ that has no radio, on a private D-Bus: one adapter, one device with
the Nordic UART service, its objects and methods as bluetoothd 5.66 has them
(src/gatt-client.c: each write to the socket is one packet; the MTU that
AcquireWrite says is ATT's).

    standin.py FOLDER [KEY=VALUE…]

The bus is $DBUS_SYSTEM_BUS_ADDRESS.  What the device hears and says goes
through the packet socket FOLDER/device: one packet, one write.  Lines on
standard input change the world, lines on standard output tell what was asked
of BlueZ; the first is `ready`.

    set KEY VALUE   paired bonded connected near blocked mtu services legacy
                    capability (what the device can: display, keyboard, yesno,
                    nothing; silent, fails, late: a bond that it asks nobody
                    for, behind which Pair ends well, fails, or does not end
                    before CancelPairing; foreign: display, but
                    another of the bus asks first) passkey stuck (no RemoveDevice)
    drop            the link is lost
    unbond          somebody else removes the bond
    quit
"""
import os
import socket
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

ROOT = '/org/bluez'
HCI = '/org/bluez/hci0'
ADDRESS = 'C4:DD:57:00:7F:3A'
DEVICE = HCI + '/dev_' + ADDRESS.replace(':', '_')
SERVICE = DEVICE + '/service0010'
TO, FROM = SERVICE + '/char0011', SERVICE + '/char0013'
NUS = '6e40000%d-b5a3-f393-e0a9-e50e24dcca9e'
MANAGER = 'org.freedesktop.DBus.ObjectManager'
PROPERTIES = 'org.freedesktop.DBus.Properties'
ADAPTER1, DEVICE1 = 'org.bluez.Adapter1', 'org.bluez.Device1'
SERVICE1 = 'org.bluez.GattService1'
CHARACTERISTIC1 = 'org.bluez.GattCharacteristic1'

WORLD = {
    'paired': 1, 'bonded': 1, 'connected': 0, 'near': 1, 'blocked': 0,
    'mtu': 185, 'services': 1, 'legacy': 0, 'capability': 'display',
    'passkey': 47109, 'known': 1, 'hold': 0, 'stuck': 0, 'name': 'Claude-7F3A',
}


def say(*words):
    print(*words, flush=True)


def error(name, text):
    return dbus.DBusException(text, name='org.bluez.Error.' + name)


class World:
    """What is so; the objects below only tell it."""

    def __init__(self, bus, folder):
        self.bus, self.folder = bus, folder
        self.fresh = bool(WORLD['connected'])
        self.ends = {}   # 'write', 'notify': our end of that socket
        self.watch = {}
        self.peer = None  # the test, as the device
        self.agent = None
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.door.bind(os.path.join(folder, 'device'))
        os.chmod(os.path.join(folder, 'device'), 0o666)
        self.door.listen(1)
        GLib.io_add_watch(self.door.fileno(), GLib.IO_IN, self.comes)

    # --- the device's other side

    def comes(self, *_):
        if self.peer:
            self.leave()
        self.peer, _ = self.door.accept()
        self.watch['peer'] = GLib.io_add_watch(
            self.peer.fileno(), GLib.IO_IN | GLib.IO_HUP, self.device_says)
        return True

    def leave(self):
        self.forget('peer')
        self.peer.close()
        self.peer = None

    def forget(self, name):
        if name in self.watch:
            GLib.source_remove(self.watch.pop(name))

    def device_says(self, *_):
        data = self.peer.recv(4096)
        if not data:
            self.watch.pop('peer')
            self.peer.close()
            self.peer = None
            self.drop()
            return False
        most = WORLD['mtu'] - 3
        for i in range(0, len(data), most):
            if 'notify' in self.ends:
                try:
                    self.ends['notify'].send(data[i:i + most])
                except OSError as e:
                    say('notify', e)
        return True

    def written(self, *_):
        data = self.ends['write'].recv(4096)
        if not data:
            self.release('write')
            return False
        if len(data) > WORLD['mtu'] - 3:
            say('too-wide', len(data))
        elif self.peer:
            self.peer.send(data)
        return True

    def let_go(self, *_):
        self.release('notify')
        return False

    def release(self, name):
        self.watch.pop(name, None) if name == 'hup' else self.forget(name)
        if name in self.ends:
            self.ends.pop(name).close()
            say('released', name)

    def acquire(self, name):
        if not WORLD['connected']:
            raise error('Failed', 'Not connected')
        if name in self.ends:
            raise error('NotPermitted', name.capitalize() + ' acquired')
        mine, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        theirs.setblocking(False)
        self.ends[name] = mine
        if name == 'write':
            self.watch[name] = GLib.io_add_watch(
                mine.fileno(), GLib.IO_IN | GLib.IO_HUP, self.written)
        else:
            self.watch[name] = GLib.io_add_watch(
                mine.fileno(), GLib.IO_HUP, self.let_go)
        fd = dbus.types.UnixFd(theirs)
        theirs.close()
        say('acquired', name)
        return fd, dbus.UInt16(WORLD['mtu'])

    # --- what changes

    def changed(self, **values):
        PATHS[DEVICE].PropertiesChanged(DEVICE1, dbus.Dictionary(
            {k: dbus.Boolean(v) for k, v in values.items()},
            signature='sv'), [])

    def drop(self):
        for name in list(self.ends):
            self.forget(name)
            self.ends.pop(name).close()
        if WORLD['connected']:
            WORLD['connected'] = 0
            self.changed(Connected=False, ServicesResolved=False)

    def unbond(self, keep_link=False):
        WORLD['paired'] = WORLD['bonded'] = WORLD['known'] = 0
        if not keep_link:
            self.drop()
        PATHS['/'].InterfacesRemoved(DEVICE, [DEVICE1, PROPERTIES])

    def connect(self):
        if not WORLD['near']:
            raise error('Failed', 'le-connection-abort-by-local')
        WORLD['connected'] = 1
        self.changed(Connected=True, ServicesResolved=True)


class Bus(dbus.service.Object):
    """org.freedesktop.DBus.ObjectManager at /."""

    @dbus.service.method(MANAGER, out_signature='a{oa{sa{sv}}}')
    def GetManagedObjects(self):
        found = {
            ROOT: {'org.bluez.AgentManager1': {}},
            HCI: {ADAPTER1: {'Address': '00:1A:7D:DA:71:13',
                             'Powered': dbus.Boolean(True)}},
            # A neighbour that is none of ours, and one of a form that we do
            # not know.
            HCI + '/dev_11_22_33_44_55_66': {DEVICE1: {
                'Address': '11:22:33:44:55:66', 'Name': 'Headphones',
                'Adapter': dbus.ObjectPath(HCI), 'Paired': True,
                'Connected': True, 'RSSI': dbus.Int16(-60),
                'UUIDs': dbus.Array(['0000110b'], signature='s')}},
            HCI + '/dev_11_22_33_44_55_67': {DEVICE1: {
                'Address': dbus.UInt32(7), 'Name': dbus.Array(
                    [dbus.Byte(1)], signature='y'),
                'Paired': 'yes', 'Adapter': 'none',
                'ManufacturerData': dbus.Dictionary(
                    {dbus.UInt16(1): dbus.Array([dbus.Byte(2)],
                                                signature='y')},
                    signature='qv')}},
        }
        if WORLD['known']:
            device = {
                'Address': ADDRESS, 'AddressType': 'random',
                'Name': WORLD['name'], 'Alias': WORLD['name'],
                'Adapter': dbus.ObjectPath(HCI),
                'Paired': dbus.Boolean(WORLD['paired']),
                'Bonded': dbus.Boolean(WORLD['bonded']),
                'Blocked': dbus.Boolean(WORLD['blocked']),
                'Connected': dbus.Boolean(WORLD['connected']),
                'ServicesResolved': dbus.Boolean(WORLD['connected']),
                'UUIDs': dbus.Array([NUS % 1], signature='s')}
            found[DEVICE] = {DEVICE1: dbus.Dictionary(device, signature='sv')}
        if WORLD['known'] and WORLD['connected'] and WORLD['services']:
            found[SERVICE] = {SERVICE1: {
                'UUID': NUS % 1, 'Primary': True,
                'Device': dbus.ObjectPath(DEVICE)}}
            for path, number, flags in ((TO, 2, ['write-without-response']),
                                        (FROM, 3, ['notify'])):
                found[path] = {CHARACTERISTIC1: {
                    'UUID': (NUS % number).upper(),
                    'Service': dbus.ObjectPath(SERVICE),
                    'Flags': dbus.Array(flags, signature='s')}}
        return dbus.Dictionary(
            {dbus.ObjectPath(path): dbus.Dictionary(
                {name: dbus.Dictionary(values, signature='sv')
                 for name, values in interfaces.items()}, signature='sa{sv}')
             for path, interfaces in found.items()}, signature='oa{sa{sv}}')

    @dbus.service.signal(MANAGER, signature='oas')
    def InterfacesRemoved(self, path, interfaces):
        pass


class Manager(dbus.service.Object):
    @dbus.service.method('org.bluez.AgentManager1', in_signature='os',
                         sender_keyword='sender')
    def RegisterAgent(self, path, capability, sender=None):
        uid = WORLD_NOW.bus.get_object(
            'org.freedesktop.DBus', '/').GetConnectionUnixUser(
                sender, dbus_interface='org.freedesktop.DBus')
        say('agent', capability, 'uid', int(uid))
        WORLD_NOW.agent = (sender, path)

    @dbus.service.method('org.bluez.AgentManager1', in_signature='o')
    def UnregisterAgent(self, path):
        WORLD_NOW.agent = None


class Adapter(dbus.service.Object):
    @dbus.service.method(ADAPTER1, in_signature='a{sv}')
    def SetDiscoveryFilter(self, filter):
        say('filter', filter.get('Transport'))

    @dbus.service.method(ADAPTER1)
    def StartDiscovery(self):
        say('discovery')
        WORLD['known'] = WORLD['known'] or WORLD['near']

    @dbus.service.method(ADAPTER1, in_signature='o')
    def RemoveDevice(self, path):
        if path != DEVICE or not WORLD['known']:
            raise error('DoesNotExist', 'Does Not Exist')
        if WORLD['stuck']:
            raise error('Failed', 'Busy')
        say('removed')
        WORLD_NOW.unbond()


class Device(dbus.service.Object):
    waits = None  # what ends Pair

    @dbus.service.method(DEVICE1, sender_keyword='sender')
    def Connect(self, sender=None):
        uid = WORLD_NOW.bus.get_object(
            'org.freedesktop.DBus', '/').GetConnectionUnixUser(
                sender, dbus_interface='org.freedesktop.DBus')
        say('connect', 'uid', int(uid))
        WORLD_NOW.connect()

    @dbus.service.method(PROPERTIES, in_signature='ssv')
    def Set(self, interface, name, value):
        say('set', name, int(value))

    @dbus.service.method(DEVICE1, async_callbacks=('done', 'failed'))
    def Pair(self, done, failed):
        """The device shows, takes or compares a passkey, or can do nothing:
        then BlueZ asks the agent for leave."""
        if WORLD['paired']:
            return failed(error('AlreadyExists', 'Already Exists'))
        if not WORLD_NOW.agent:
            return failed(error('AuthenticationFailed', 'no agent'))
        agent = dbus.Interface(WORLD_NOW.bus.get_object(
            *WORLD_NOW.agent, introspect=False), 'org.bluez.Agent1')
        path = dbus.ObjectPath(
            DEVICE if not WORLD['legacy'] else HCI + '/dev_00_00')

        def bonded(*said):
            if said and int(said[0]) != WORLD['passkey']:
                return failed(error('AuthenticationFailed',
                                    'Authentication Failed'))
            WORLD['paired'] = WORLD['bonded'] = 1
            say('bonded')
            done()

        def refused(e):
            say('refused', e.get_dbus_name())
            failed(error('AuthenticationRejected', 'Authentication Rejected'))
        more = {'reply_handler': bonded, 'error_handler': refused,
                'timeout': 60}
        key = dbus.UInt32(WORLD['passkey'])
        can = WORLD['capability']
        if can == 'foreign':  # another of the bus asks before us
            self.other = dbus.SystemBus(private=True)
            other = dbus.Interface(self.other.get_object(
                *WORLD_NOW.agent, introspect=False), 'org.bluez.Agent1')

            def turned_away(e):
                say('foreign', e.get_dbus_name())
                agent.RequestPasskey(path, **more)
            other.RequestPasskey(path, **{
                **more, 'reply_handler': lambda digits: say('stolen', digits),
                'error_handler': turned_away})
        elif can == 'display':
            agent.RequestPasskey(path, **more)
        elif can == 'keyboard':
            agent.DisplayPasskey(path, key, dbus.UInt16(0), **more)
        elif can == 'yesno':
            agent.RequestConfirmation(path, key, **more)
        elif can == 'pin':
            agent.RequestPinCode(path, **more)
        elif can == 'silent':  # a BlueZ that asks nobody
            bonded()
        elif can == 'fails':
            WORLD['paired'] = WORLD['bonded'] = 1
            failed(error('Failed', 'Page Timeout'))
        elif can == 'late':
            self.waits = bonded
            say('waits')
        else:
            agent.RequestAuthorization(path, **more)

    @dbus.service.method(DEVICE1)
    def CancelPairing(self):
        say('cancelled')
        if not self.waits:
            raise error('DoesNotExist', 'Does Not Exist')
        GLib.idle_add(self.waits)  # too late
        self.waits = None

    @dbus.service.signal(PROPERTIES, signature='sa{sv}as')
    def PropertiesChanged(self, interface, changed, invalid):
        pass


class To(dbus.service.Object):
    @dbus.service.method(CHARACTERISTIC1, in_signature='a{sv}',
                         out_signature='hq')
    def AcquireWrite(self, options):
        return WORLD_NOW.acquire('write')


class From(dbus.service.Object):
    @dbus.service.method(CHARACTERISTIC1, in_signature='a{sv}',
                         out_signature='hq')
    def AcquireNotify(self, options):
        return WORLD_NOW.acquire('notify')


def value_of(text):
    return int(text) if text.lstrip('-').isdigit() else text


def hear(stdin, _, loop):
    line = stdin.readline()
    words = line.split()
    if not line or words[:1] == ['quit']:
        loop.quit()
        return False
    if words[0] == 'set':
        WORLD[words[1]] = value_of(words[2])
        if words[1] in ('blocked', 'bonded', 'paired'):
            WORLD_NOW.changed(Blocked=WORLD['blocked'],
                              Paired=WORLD['paired'])
    elif words[0] == 'drop':
        WORLD_NOW.drop()
    elif words[0] == 'unbond':
        WORLD_NOW.unbond(keep_link='keep' in words)
    say('done', words[0])
    return True


def main():
    global WORLD_NOW, PATHS
    for word in sys.argv[2:]:
        key, _, value = word.partition('=')
        WORLD[key] = value_of(value)
    DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    WORLD_NOW = World(bus, sys.argv[1])
    PATHS = {path: kind(bus, path) for path, kind in (
        ('/', Bus), (ROOT, Manager), (HCI, Adapter), (DEVICE, Device),
        (TO, To), (FROM, From))}
    name = dbus.service.BusName('org.bluez', bus)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, hear, loop)
    say('ready')
    loop.run()
    del name


if __name__ == '__main__':
    main()
