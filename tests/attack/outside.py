#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks by names, addresses and certificates, in a network in which every
address of the world would answer: what must not be dialled is not dialled."""
import socket
import ssl
import sys
import os
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import net  # noqa: E402
net.enter()
from rig import *  # noqa: E402,F403
import rig  # noqa: E402

# Upstreams with something wrong, each at an address of its own.
WRONG = {'9.9.2.1': 'other-ca', '9.9.2.2': 'expired', '9.9.2.3': 'wrong-name',
         '9.9.2.4': 'client-only', '9.9.2.5': 'only-cn', '9.9.2.6': 'old-tls',
         '9.9.2.7': 'anonymous', '9.9.2.8': 'wants-ours'}


class Outside(World):
    """The world behind one link: GOOD answers as itself, every other address is
    the evil origin."""

    NAMES = World.NAMES + ('*.out.test', '*.plain.test')
    HOSTS = ' '.join((World.HOSTS, *('%s.out.test' % c for c in 'abcd')))

    def ground(self):
        super().ground()
        self.contexts = {a: self.wrong(n) for a, n in WRONG.items()}
        self.context = server_context(self.folder)
        self.far = Origin(listen=False)
        self.wild = Origin(listen=False)
        self.here = Origin(listen=False)
        self.origins += [self.far, self.wild, self.here]
        net.link(self.holder())
        for port in (80, 443, 5432):
            for listener in net.listen_there(self.pid, port):
                self.accept(listener, port)
            # What the house must not reach on its own machine.
            self.accept(socket.create_server(('0.0.0.0', port)), port, self.here)
            self.accept(socket.create_server(('::', port), family=socket.AF_INET6),
                        port, self.here)
        self.dns = net.Dns()
        net.own_file('/etc/resolv.conf', 'nameserver 127.0.0.1\n', self.folder)
        with open('/etc/ssl/certs/ca-certificates.crt') as f:
            roots = f.read()
        net.own_file('/etc/ssl/certs/ca-certificates.crt', roots + self.read('ca.pem'),
                     self.folder)

    def holder(self):
        self.pid = net.hold_namespace()
        return self.pid

    def wrong(self, name):
        names = ['*.out.test']
        if name == 'other-ca':
            authority(self.folder, 'other')
        certificate(self.folder, name, {
            'wrong-name': ['evil.test'], 'only-cn': []}.get(name, names),
            subject='/CN=a.out.test' if name == 'only-cn' else '/',
            days='-1' if name == 'expired' else '2',
            ca='other' if name == 'other-ca' else 'ca',
            more='extendedKeyUsage=clientAuth' if name == 'client-only' else '')
        context = server_context(self.folder, name)
        if name == 'old-tls':
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        if name == 'anonymous':
            context.set_ciphers('aNULL:eNULL:@SECLEVEL=0')
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if name == 'wants-ours':
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(os.path.join(self.folder, 'ca.pem'))
        return context

    def accept(self, listener, port, origin=None):
        def one(s):
            address = s.getsockname()[0].replace('::ffff:', '')
            to = origin or (self.far if address in (net.GOOD, net.GOOD6) or
                            address in WRONG else self.wild)
            to.one(s, self.contexts.get(address, self.context) if port == 443 else None)

        def run():
            while True:
                s, _ = listener.accept()
                threading.Thread(target=one, args=(s,), daemon=True).start()
        threading.Thread(target=run, daemon=True).start()

    def gates(self, more=''):
        return super().gates() + \
            '\n[egress.out]\nmatch = { host = "*.out.test", path = "/**" }\n' + INJECT + \
            '\n[egress.plain]\nmatch = { host = "*.plain.test", path = "/**" }\n' + more

    def elsewhere(self):
        return self.wild.connections + self.here.connections

    def names(self, *answers, host='a.out.test'):
        self.dns.script[host] = list(answers)
        self.dns.asked.clear()


rig.MAKE = Outside


def out(host='a.out.test', line='GET /a', more='', wait=60):
    return to(host, head(line, host, more), wait=wait)


def not_dialled(*addresses, reason):
    """A name of an allowed rule leads there: refused, not even dialled."""
    for address in addresses:
        world().names([address])
        heard = refused(out(), b'403', reason, kind='request_outcome', dialled=False)
        need(address.split('%')[0] in heard.decode('latin1') or ':' in address, heard)


def reaches_good():
    world().names([net.GOOD])
    had = len(world().far.got)
    arrives(out())
    need(len(world().far.got) > had, 'at the right one')


# --- addresses -----------------------------------------------------------------------

@test
def A01_a_name_of_loopback_or_of_nothing():
    not_dialled('127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '::ffff:127.0.0.1',
                reason='not dialled|of this host itself')
    reaches_good()


@test
def A02_a_name_of_link_local():
    not_dialled('169.254.169.254', '169.254.0.1', 'fe80::1', '64:ff9b::a9fe:a9fe',
                reason='not dialled')
    # No rule opens it either, and no pin.
    for pin in ('169.254.169.254:80', '[fe80::1]:80'):
        closed(world().gates('[egress.m]\nmatch = { host = "m.test" }\nupstream = "%s"\n' % pin),
               'never opened')
    reaches_good()


@test
def A03_a_name_of_a_metadata_service():
    not_dialled('100.100.100.200', '168.63.129.16', '192.0.0.192', '169.254.170.2',
                'fd00:ec2::254', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:42::42',
                'fd00:a9fe:a9fe::1', 'fd00:100::100:200', reason='metadata')
    reaches_good()


@test
def A04_a_name_of_a_private_network():
    not_dialled('10.0.0.7', '172.16.0.1', '192.168.1.1', '100.64.0.1', '100.127.255.254',
                'fd12::1', '2002:a00:7::1', reason='not dialled')
    for edge in ('100.63.255.254', '100.128.0.1', '172.32.0.1', '11.0.0.1'):
        world().names([edge])
        arrives(out())


@test
def A06_a_name_of_what_is_nobodys():
    not_dialled('224.0.0.1', '255.255.255.255', '240.0.0.1', '192.0.2.7', '198.18.0.7',
                '198.51.100.7', '203.0.113.7', 'ff02::1', '2001:db8::7', '100::1',
                reason='not dialled')
    reaches_good()


@test
def A07_a_name_of_the_host_itself():
    not_dialled(*sorted(net.HERE), reason='of this host itself')
    reaches_good()


@test
def A07_a_name_of_what_the_host_became_later():
    """A lease, a second address, a privacy address, a range that is local: all
    after the start."""
    later = ('ip addr %s 9.9.5.5/32 dev out', 'ip addr %s 9.9.1.7/24 dev out',
             'ip -6 addr %s 2a00:1::5/64 dev out nodad', 'ip route %s local 9.9.6.0/24 dev lo')
    cell(out())
    for line in later:
        net.sh(line % 'add')
    not_dialled('9.9.5.5', '9.9.1.7', '::ffff:9.9.1.7', '2a00:1::5', '9.9.6.6',
                reason='of this host itself')
    reaches_good()
    for line in later:
        net.sh(line.replace(' nodad', '') % 'del')
    world().names(['9.9.5.5'])
    arrives(out())


@test
def A08_of_a_mixed_answer_only_what_may_be_dialled_is():
    for answer in ([net.GOOD, '10.0.0.7', '127.0.0.1', '9.9.1.1'],
                   ['127.0.0.1', '169.254.169.254', net.GOOD],
                   ['::1', 'fd00:ec2::254', net.GOOD6], [net.GOOD6, '10.0.0.7']):
        world().names(answer)
        had, before = len(world().far.got), world().elsewhere()
        with held('', 'request_outcome', arrives=True):
            heard, = cell(out())
        need(b' 200' in heard and len(world().far.got) > had, answer, heard)
        need(world().elsewhere() == before, 'another was dialled', answer)
    world().names(['10.0.0.7', '::1', '169.254.169.254'])
    refused(out(), b'403', 'not dialled|of this host itself', kind='request_outcome', dialled=False)
    reaches_good()


@test
def A09_a_rule_that_opens_a_closed_range_does_not_load():
    for host, says in (('0.0.0.0', 'never opened'), ('127.0.0.1', 'pin'),
                       ('169.254.1.1', 'never opened'), ('10.0.0.0/8', 'host'),
                       ('0.0.0.0/0', 'host')):
        closed(world().gates('[egress.r]\nmatch = { host = "%s" }\n' % host), says)


@test
def A10_a_pinned_private_service_opens_no_other_port_and_no_other_name():
    w = world()
    pin = '[egress.db]\nmatch = { host = "db.plain.test" }\nupstream = "10.0.3.7:443"\n' \
        'ca = "%s"\n' % w.path('ca.pem')
    w.reload(w.gates(pin))
    had = len(w.wild.got)
    arrives(out('db.plain.test'))
    need(len(w.wild.got) > had, 'the pin is dialled')
    refused(to('db.plain.test', head(host='db.plain.test:5432'), port=5432), b'403', '5432')
    refused(to('10.0.3.7', head(host='10.0.3.7'), sni=''), reason='', dialled=False)
    w.names(['10.0.3.7'], host='b.plain.test')
    refused(out('b.plain.test'), b'403', 'not dialled', kind='request_outcome', dialled=False)
    w.names(['127.0.0.1'], host='c.plain.test')
    port = to('c.plain.test', head(host='c.plain.test:%d' % w.house.port), port=w.house.port)
    refused(port, b'403', 'port', dialled=False)
    w.reload(w.gates())


@test
def N13_the_house_itself_is_reached_by_no_name_and_no_address():
    w = world()
    port = w.house.port
    rule = '[egress.self]\nmatch = { host = "self.out.test", port = %d }\n' % port
    w.reload(w.gates(rule))
    head_ = head('GET /healthz', 'self.out.test:%d' % port)
    for address in ('127.0.0.1', '9.9.1.1', '::1', '2a00:1::1', '0.0.0.0'):
        w.names([address], host='self.out.test')
        heard = refused(to('self.out.test', head_, port=port), b'403',
                        'not dialled|of this host itself', kind='request_outcome',
                        dialled=False)
        need(b'"ok"' not in heard, heard)
    for address in ('9.9.1.1', '2a00:1::1'):
        host = '[%s]' % address if ':' in address else address
        heard = refused(to(address, head('GET /healthz', '%s:%d' % (host, port)), tls=False,
                           port=port), b'403', dialled=False)
        need(b'"ok"' not in heard, heard)
    need(w.house.get('/healthz', token=False).code == 200, 'it is there')
    w.reload(w.gates())
    reaches_good()


# --- DNS -----------------------------------------------------------------------------

@test
def D01_an_answer_that_changes_is_looked_at_once():
    w = world()
    w.names([net.GOOD], ['127.0.0.1'])
    with held('', 'request_outcome', arrives=True):
        heard, = cell(out())
    need(b' 200' in heard, heard)
    need(sorted(k for _, k in w.dns.asked) == ['A', 'AAAA'], 'one look-up', w.dns.asked)
    before = w.here.connections
    # The next request: another look-up, refused; the kept connection is not its way.
    refused(out(), b'403', 'of this host itself', kind='request_outcome', dialled=False)
    need(w.here.connections == before, 'the second answer was dialled')
    reaches_good()


@test
def D03_a_denied_name_is_never_asked_about():
    w = world()
    w.names([net.GOOD], host='secret-data.evil.test')
    a = run_cell('getent', 'hosts', 'secret-data.evil.test')
    need(a.out.startswith('198.1'), a)
    refused(out('secret-data.evil.test'), b'403', 'no egress rule', dialled=False)
    need(not w.dns.asked, w.dns.asked)
    reaches_good()


@test
def D04_no_datagram_and_no_other_resolver_is_reached():
    w = world()
    w.names([net.GOOD])
    asked = r'''
import socket, struct
q = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\3out\4test\0\0\1\0\1"
for address, port in (("9.9.1.2", 53), ("127.0.0.1", 53), ("9.9.1.2", 5353)):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
    try:
        s.connect((address, port)); s.send(q); said = s.recv(512)
        print(port, socket.inet_ntoa(said[-4:]))
    except OSError as e:
        print(port, type(e).__name__)
'''
    a = run_cell('python3', '-c', asked)
    lines = a.out.split('\n')
    need(lines[0].startswith('53 198.1') and lines[2] == '5353 ConnectionRefusedError', a)
    need(not w.dns.asked, 'a question left', w.dns.asked)
    for port in (53, 853):
        refused(to('9.9.1.2', b'\0\x21' + b'q' * 33, tls=False, port=port),
                dialled=False)
    refused(to('9.9.1.2', head('GET /dns-query?dns=AAAA', '9.9.1.2'), sni=''), dialled=False)
    reaches_good()


@test
def D05_a_chain_is_judged_by_where_it_ends():
    w = world()
    w.names(('cname', 'in.evil.test', '10.0.0.7'))
    refused(out(), b'403', 'not dialled', kind='request_outcome', dialled=False)
    w.names(('cname', 'in.evil.test', net.GOOD))
    arrives(out())


@test
def D06_D09_what_is_no_answer_is_no_leave():
    w = world()
    loop = b'\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1'
    for answer in ('servfail', 'unknown', 'truncated'):
        w.names(answer)
        heard = refused(out(wait=20), b'50', 'resolv', kind='request_outcome', dialled=False,
                        seconds=30)
        need(b'resolv' in heard, heard)
    # Those that are none of ours are waited for in vain, and all at once.
    hosts = {'b.out.test': b'\x81\x80', 'c.out.test': loop, 'd.out.test': 'wrong-id'}
    for host, answer in hosts.items():
        w.names(answer, host=host)
    with held('resolv', 'request_outcome', count=len(hosts), dialled=False, seconds=30):
        told = cell(*[out(host, wait=20) for host in hosts], at_once=True)
    for host, heard in zip(hosts, told):
        need(heard.startswith(b'HTTP/1.1 50') and b'resolv' in heard, host, heard)
    reaches_good()


@test
def D07_only_addresses_are_answered():
    w = world()
    w.names([net.GOOD])
    ask = r'''
import socket, struct
def q(kind, name=b"\1a\3out\4test\0", count=1):
    return b"\x12\x34\x01\0" + struct.pack(">4H", count, 0, 0, 0) + name + \
        struct.pack(">2H", kind, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(20)
s.connect(("127.0.0.53", 53))
for what in (q(1), q(16), q(10), q(255), q(5), b"GET / HTTP/1.1\r\n\r\n", q(1, count=2),
             q(1, b"\xc0\x0c")):
    s.send(what)
    try:
        said = s.recv(4096)
        print(said[3] & 15, struct.unpack(">H", said[6:8])[0])
    except OSError as e:
        print(type(e).__name__)
'''
    lines = run_cell('python3', '-c', ask).out.split('\n')
    need(lines[0] == '0 1', 'an address', lines)
    for line in lines[1:5]:
        need(line.endswith(' 0'), 'no other record', lines)
    need(all(not x.endswith(' 1') for x in lines[5:8]), lines)
    need(not w.dns.asked, 'a question left')
    refused(to('a.out.test', b'\0\x21' + b'q' * 33, tls=False, port=53),
            dialled=False)
    reaches_good()


@test
def D08_the_hosts_file_of_the_cell_steers_nobody():
    w = world()
    w.names([net.GOOD])
    before = w.elsewhere()
    with held('TLS hello', dialled=False):
        run_cell('curl', '-sS', '-m', '60', '--resolve', 'a.out.test:443:9.9.9.9',
                 'https://a.out.test/b')
    had = len(w.far.got)
    a = run_cell('/bin/sh', '-c', 'echo "9.9.9.9 a.out.test" >>/etc/hosts; '
                 'curl -sS -m 60 https://a.out.test/a')
    need(a.out.startswith('ok') and len(w.far.got) > had, a)
    need(w.elsewhere() == before, 'what the file says was dialled')
    reaches_good()


# --- TLS upstream --------------------------------------------------------------------

@test
def T04_T05_T12_an_upstream_that_cannot_show_itself_gets_no_byte():
    w = world()
    for address, name in WRONG.items():
        w.names([address])
        had = len(w.far.got)
        with held('TLS', 'request_outcome', arrives=(name == 'wants-ours')) as seen:
            heard, = cell(out())
        need(heard.startswith(b'HTTP/1.1 502'), name, heard)
        need(len(w.far.got) == had and CANARY not in heard.decode('latin1'), name)
        need(not [e for e in seen if e['kind'] == 'request_outcome' and
                  e['body']['injected']], name, seen)
    reaches_good()


# --- an upstream that is gone without a word ---------------------------------------------

TWICE = r"""
import http.client, time
def ask(c, path):
    c.request('GET', path)
    r = c.getresponse()
    return r.status, r.read()
c = http.client.HTTPSConnection('a.out.test', timeout=120)
print('one', *ask(c, '/a'), flush=True)
go = b''
while b'go now' not in go:
    time.sleep(0.05)
    go = ask(http.client.HTTPSConnection('evil.test', timeout=60), '/fetch/go')[1]
try:
    print('two', *ask(c, '/b'), flush=True)
except OSError as e:
    print('two', type(e).__name__, flush=True)
"""


def there(text):
    net.sh('nsenter --preserve-credentials -t %d -n /bin/sh -ec "%s"' % (world().pid, text))


@test
def a_kept_connection_that_a_router_forgot_is_left_for_a_fresh_one():
    w = world()
    w.names([net.GOOD])
    STORE.pop(b'/go', None)
    w.fresh()
    ask = begin_cell('python3', '-u', '-c', TWICE)
    need(ask.stdout.readline().startswith('one 200'), 'the first was answered')
    lost, lines = w.far.open[-1].getpeername()[1], w.far.connections
    there('ip rule add pref 1 lookup local; ip rule del pref 0; '
          'ip rule add blackhole sport %d ipproto tcp pref 0' % lost)
    try:
        STORE[b'/go'] = b'go now'
        a = end_cell(ask, 180)
    finally:
        there('ip rule del pref 0; ip rule add pref 0 lookup local; ip rule del pref 1')
    need(a.out.startswith('two 200') and w.far.connections == lines + 1, a, w.far.connections)
    ends = [e['body']['text'] for e in w.fresh() if e['kind'] == 'request_outcome' and
            e['body'].get('host') != 'evil.test' and e['body'].get('text')]
    need(len(ends) == 1 and 'asked about once more' in ends[0], ends)


if __name__ == '__main__':
    sys.exit(main())
