#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Programs that people use, from inside a real cell to real servers: git, curl,
npm, Python, Node, a gRPC client, a WebSocket client.  Each reaches its server
with the credential that its rule names, which is nowhere in the cell."""
import base64
import hashlib
import http.client
import json
import os
import secrets
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading

from git_server import HOST as GIT_HOST, GitServer
from house import *  # noqa: F403
import npm

sys.path.insert(0, os.path.join(SOURCE, 'tests', 'attack'))
from origin import certificates  # noqa: E402

NAMES = ('web.test', 'sock.test', 'grpc.test', 'npm.test')
# What goes into the cell: node, npm and what client.js needs.
CARRIED = (
    'npm ws @grpc @js-sdsl @protobufjs protobufjs lodash.camelcase long yargs '
    'yargs-parser cliui escalade get-caller-file require-directory string-width strip-ansi '
    'ansi-regex ansi-styles color-convert color-name wrap-ansi y18n emoji-regex '
    'is-fullwidth-code-point').split()
RULE = '''
[egress.%s]
match    = { host = "%s"%s }
upstream = "127.0.0.1:%d"
ca       = "%s"
inject   = { credential = "%s", header = "Authorization", format = "Bearer {{secret}}" }
'''
REGISTRY = '''
storage: {folder}/storage
auth:
  htpasswd:
    file: {folder}/htpasswd
    max_users: 10
uplinks: {{}}
packages:
  '**':
    access: $authenticated
    publish: $authenticated
https:
  key: {pair}/server.key
  cert: {pair}/server.pem
log: {{ type: file, path: {folder}/log, level: http }}
'''


class World:
    """One house and all servers, for every test of this file."""

    def __init__(self):
        self.node = npm.packages()
        self.folder = tempfile.mkdtemp(prefix='clients-')
        os.chmod(self.folder, 0o755)
        self.canary = 'canary-' + secrets.token_urlsafe(24)
        self.rows = []
        certificates(self.folder, NAMES)
        self.carry()
        self.servers()
        self.registry()
        self.git = GitServer().start()
        self.house = House()
        for name, source in (('ca.pem', os.path.join(self.folder, 'ca.pem')),
                             ('git-ca.pem', self.git.path('ca.pem'))):
            with open(source) as f:
                write(os.path.join(self.house.folder, name), f.read())
        self.house.role_file('helper', 'gates.toml', self.gates())
        self.house.start()
        for name, value, hosts in (('key', self.canary, 'web.test sock.test grpc.test'),
                                   ('npm', self.token, 'npm.test'),
                                   ('git', self.git.token, GIT_HOST)):
            self.house.ok('vault', 'put', name, '--host', hosts, input=value)

    def start(self, *command, **more):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                   preexec_fn=with_parent, **more)
        COMPANIONS.append(process)
        return process

    def carry(self):
        """One file with all that the clients need, for the cell to fetch."""
        with tarfile.open(os.path.join(self.folder, 'clients.tar'), 'w') as tar:
            tar.add(self.node, 'node_modules/node/bin/node')
            for name in CARRIED:
                tar.add(os.path.join(npm.MODULES, name), 'node_modules/' + name)
            for name in ('client.js', 'service.js'):
                tar.add(os.path.join(npm.FOLDER, name), name)

    def servers(self):
        process = self.start(self.node, os.path.join(npm.FOLDER, 'servers.js'),
                             self.folder, stdout=subprocess.PIPE)
        self.ports = json.loads(process.stdout.readline())
        threading.Thread(target=lambda: [self.rows.append(json.loads(line))
                                         for line in process.stdout], daemon=True).start()

    # --- a registry of our own

    def registry(self):
        folder = os.path.join(self.folder, 'registry')
        port = free_port()
        write(os.path.join(folder, 'config.yaml'),
              REGISTRY.format(folder=folder, pair=self.folder))
        self.npm_port = port
        self.start(self.node, os.path.join(npm.MODULES, 'verdaccio/bin/verdaccio'),
                   '--config', os.path.join(folder, 'config.yaml'), '--listen',
                   'https://127.0.0.1:%d' % port, cwd=folder,
                   env={**os.environ, 'VERDACCIO_PUBLIC_URL': 'https://npm.test'},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.ask_registry('GET', '/-/ping'), 60, 'the registry does not answer')
        user = {'name': 'tester', 'password': secrets.token_urlsafe(12)}
        self.token = self.ask_registry('PUT', '/-/user/org.couchdb.user:tester', user)['token']
        self.publish('hr-probe-part', {}, 'module.exports = 41;\n')
        self.publish('hr-probe', {'hr-probe-part': '1.0.0'},
                     "module.exports = require('hr-probe-part') + 1;\n")

    def ask_registry(self, method, path, body=None):
        c = http.client.HTTPSConnection('127.0.0.1', self.npm_port, timeout=30,
                                        context=ssl._create_unverified_context())
        head = {'Content-Type': 'application/json'}
        if getattr(self, 'token', ''):
            head['Authorization'] = 'Bearer ' + self.token
        try:
            c.request(method, path, body and json.dumps(body), head)
            answer = c.getresponse()
            text = answer.read().decode()
            need(answer.status < 300, 'the registry', path, answer.status, text)
            return json.loads(text or '{}') or True
        except OSError:
            return None
        finally:
            c.close()

    def publish(self, name, needs, code):
        """As `npm publish` does it: one document with the packed files in it."""
        folder = os.path.join(self.folder, name)
        package = {'name': name, 'version': '1.0.0', 'main': 'index.js', 'dependencies': needs}
        write(os.path.join(folder, 'package.json'), json.dumps(package))
        write(os.path.join(folder, 'index.js'), code)
        packed = os.path.join(self.folder, name + '.tgz')
        with tarfile.open(packed, 'w:gz') as tar:
            tar.add(folder, 'package')
        with open(packed, 'rb') as f:
            data = f.read()
        file = '%s-1.0.0.tgz' % name
        version = {**package, '_id': name + '@1.0.0', 'dist': {
            'integrity': 'sha512-' + base64.b64encode(hashlib.sha512(data).digest()).decode(),
            'shasum': hashlib.sha1(data).hexdigest(),
            'tarball': 'https://npm.test/%s/-/%s' % (name, file)}}
        self.ask_registry('PUT', '/' + name, {
            '_id': name, 'name': name, 'dist-tags': {'latest': '1.0.0'},
            'versions': {'1.0.0': version},
            '_attachments': {file: {'content_type': 'application/octet-stream',
                                    'data': base64.b64encode(data).decode(),
                                    'length': len(data)}}})

    # --- the house

    def gates(self):
        ca = os.path.join(self.house.folder, 'ca.pem')

        def rule(name, host, port, match='', credential='key', ca=ca):
            return RULE % (name, host, match, port, ca, credential)

        git = os.path.join(self.house.folder, 'git-ca.pem')
        return GATES + rule('web', 'web.test', self.ports['web']) + \
            rule('grpc', 'grpc.test', self.ports['grpc']) + \
            rule('sock', 'sock.test', self.ports['socket']) + 'websocket = true\n' + \
            rule('npm', 'npm.test', self.npm_port, credential='npm') + \
            rule('fetch', GIT_HOST, self.git.port, ', git = "fetch"', 'git', git) + \
            rule('push', GIT_HOST, self.git.port, ', git = "push", ref = "refs/heads/agent/*"',
                 'git', git)


WORLD = None


def world():
    global WORLD
    if WORLD is None:
        WORLD = World()
    return WORLD


# Whatever a client has written is read again; so is what the processes were given.
SCRIPT = '''
export HOME=/tmp/home; mkdir -p /tmp/home /tmp/out; cd /tmp/out
%s
code=$?
echo
echo "env: $(env | base64 -w0)"
echo "kept: $(cd /tmp && tar c --exclude=clients home out work 2>/dev/null | base64 -w0)"
exit $code
'''
CARRIED_IN = '''
mkdir -p /tmp/clients && curl -sS https://web.test/clients.tar | tar x -C /tmp/clients
export PATH=/tmp/clients/node_modules/node/bin:$PATH
'''


def secrets_of(w):
    return [x.encode() for x in (w.canary, w.token, w.git.token)]


def cell(script, carried=False, seconds=4 * PATIENCE):
    """What a script in a cell has said; no credential is in it or in its files."""
    w = world()
    a = w.house.cli('sandbox', 'run', '--identity', 'helper', '--', 'sh', '-c',
                    (CARRIED_IN if carried else '') + SCRIPT % script, timeout=seconds)
    said, found = [], 0
    for line in a.out.splitlines():
        name, _, data = line.partition(': ')
        text = line.encode()
        if name in ('env', 'kept'):
            text = base64.b64decode(data)
            found += 1
        else:
            said.append(line)
        for secret in secrets_of(w):
            for form in (secret, base64.b64encode(b'x:' + secret)[4:-4]):
                need(form not in text, 'a credential is in the cell', name, line[:200])
    need(a.code == 0, 'the client', a)
    need(found == 2, 'the cell was looked at', a)
    return '\n'.join(x for x in said if x)


TOLD = {}


def told(name):
    """What client.js has printed; all of it runs in one cell, at the first call."""
    if not TOLD:
        text = cell('for c in fetch http2 socket grpc; do '
                    'node /tmp/clients/client.js $c; done; true', carried=True)
        for line in text.splitlines():
            if line.startswith('='):
                TOLD.update(json.loads(line[1:]))
    need(name in TOLD, 'client.js said nothing', TOLD)
    need('failed' not in TOLD[name], TOLD[name])
    return TOLD[name]


def came(many=1, **wanted):
    """The requests as they arrived, with the credential of their rule: what the
    server says of one may come later than its answer."""
    w = world()

    def one():
        found = [r for r in w.rows if all(r.get(k) == v for k, v in wanted.items())]
        return found if len(found) >= many else None
    rows = until(one, 10, 'no such request came: %s of %s' % (wanted, w.rows[-5:]))
    for row in rows:
        need(row['authorization'] == 'Bearer ' + w.canary, 'with the credential', row)
    return rows


REMOVED = 'Bearer removed-by-handrail'


@test
def curl_speaks_http1():
    text = cell('curl -sS --http1.1 https://web.test/one; echo; '
                'curl -sS --http1.1 https://web.test/large | wc -c')
    row = json.loads(text.splitlines()[0])
    need(row['authorization'] == REMOVED, row)
    need(text.splitlines()[1].strip() == '3000000', text)
    came(path='/one', method='GET')


@test
def curl_posts_with_an_expectation_and_uploads():
    cell('head -c 1200000 /dev/zero > body; '
         'curl -sS --http1.1 -H "Expect: 100-continue" --data-binary @body https://web.test/post; echo; '
         'curl -sS -T body https://web.test/put')
    sum_of = hashlib.sha256(bytes(1200000)).hexdigest()
    for method, path in (('POST', '/post'), ('PUT', '/put')):
        row = came(path=path, method=method)[0]
        need(row['bytes'] == 1200000 and row['sum'] == sum_of, row)


@test
def curl_waits_over_http2_until_it_may_go_on():
    """It would wait for longer than anybody does, and sends its body when it is told to."""
    cell('head -c 1200000 /dev/zero > body; '
         'curl -sS --http2-prior-knowledge -m %d --expect100-timeout 3600 '
         '-H "Expect: 100-continue" --data-binary @body https://web.test/two-waits' % PATIENCE)
    row = came(path='/two-waits', method='POST')[0]
    need(row['bytes'] == 1200000, row)


@test
def curl_speaks_http2():
    text = cell("curl -sS --http2-prior-knowledge -w '\\n%{http_version}\\n' https://web.test/two; "
                "curl -sS --http2-prior-knowledge --data-binary @/bin/sh https://web.test/two-post")
    lines = text.splitlines()
    need(json.loads(lines[0])['authorization'] == REMOVED and lines[1] == '2', text)
    need(came(path='/two')[0]['version'] == '2.0', 'to the server as well')
    came(path='/two-post', method='POST')


@test
def curl_reads_an_answer_that_comes_before_its_body_has_gone():
    """Debian's throws one away that is ended by a reset at once."""
    for version in ('--http1.1', '--http2-prior-knowledge'):
        text = cell("head -c 20000000 /dev/zero > /tmp/body; curl -sS %s -o /dev/null "
                    "-w '%%{http_code} %%{size_upload}' --data-binary @/tmp/body "
                    'https://web.test/early' % version)
        code, sent = text.split()
        need(code == '413' and int(sent) < 10000000, version, text)


@test
def curl_hears_what_comes_before_an_answer():
    for version in ('--http1.1', '--http2-prior-knowledge'):
        text = cell('curl -sSi %s https://web.test/hints' % version)
        need(' 103' in text.splitlines()[0] and '</a.css>; rel=preload' in text and
             text.endswith('hinted'), version, text)


@test
def python_urllib_is_answered():
    text = cell('''python3 - <<'END'
import json, urllib.request
print(json.load(urllib.request.urlopen('https://web.test/urllib'))['authorization'])
q = urllib.request.Request('https://web.test/urllib', b'n' * 70000, method='POST')
print(json.load(urllib.request.urlopen(q))['bytes'])
END''')
    need(text.split('\n') == [REMOVED, '70000'], text)
    need(len(came(2, path='/urllib')) == 2, 'both came')


@test
def git_clones_fetches_and_pushes():
    w = world()
    url = 'https://%s/project.git' % GIT_HOST
    text = cell('''set -e
git config --global user.name t; git config --global user.email t@t.test
git clone -q %s work; cd work; git checkout -q -b agent/one
echo more > more; git add more; git commit -q -m More; git push -q origin agent/one
git fetch -q origin; git log -1 --format=%%s origin/agent/one
if git push -q origin agent/one:refs/heads/main 2>refused; then exit 9; fi
cat refused''' % url)
    need(text.splitlines()[0] == 'More', text)
    need('403' in text, 'another branch was refused', text)
    need(w.git.updates('agent/one') and not w.git.updates('main'), w.git.updates())


@test
def npm_installs_from_a_registry():
    text = cell('''mkdir project; cd project
node /tmp/clients/node_modules/npm/bin/npm-cli.js install hr-probe \\
  --registry=https://npm.test/ --no-audit --no-fund --no-update-notifier >log 2>&1 || {
  cat log; exit 1; }
node -p "require('hr-probe')"''', carried=True)
    need(text == '42', text)


@test
def node_fetches():
    row = told('fetch')
    need(row['get']['authorization'] == REMOVED and row['post']['bytes'] == 300000 and
         row['large'] == 3000000, row)
    came(path='/fetch')
    came(path='/fetched')


@test
def node_has_ten_streams_of_http2_at_once():
    row = told('http2')
    need(sorted(x['bytes'] for x in row['rows']) == [1000 * n for n in range(10)], row)
    rows = came(10, path='/slow')
    need(len(rows) == 10 and {r['version'] for r in rows} == {'2.0'}, rows)
    need(len({r['session'] for r in rows}) == 1, 'over one connection', rows)


@test
def node_hears_that_an_answer_was_cut():
    """It takes some codes of a reset for the end of a whole one."""
    need(told('http2')['cut'] == 'ERR_HTTP2_STREAM_ERROR', told('http2')['cut'])


@test
def a_websocket_client_talks():
    row = told('socket')
    need(row['code'] == 1000 and row['heard'] == [
        'opened with ' + REMOVED, 'a text', [0, 1, 2, 255], 'z' * 100000], str(row)[:600])
    came(server='socket', path='/talk')


@test
def grpc_calls_and_streams():
    row = told('grpc')
    need(row['unary'] == {'said': {'hello': 'there'}, 'known': True}, row)
    need(row['trailer'] == 'in the trailers' and row['count'] == 100, row)
    need(row['both'] == [{'twice': 2 * n} for n in range(20)], row)
    need(row['fails'] == {'code': 8, 'details': 'as asked'}, row)
    for method in ('unary', 'count', 'both', 'fails'):
        came(server='grpc', method=method)


@test
def nothing_of_it_is_in_the_book_or_the_log():
    w = world()
    rows = json.dumps(w.house.events())
    need('request_intent' in rows and 'web.test' in rows, 'they are in the book')
    for secret in secrets_of(w):
        need(secret.decode() not in rows, 'a credential in the book')
        need(secret.decode() not in w.house.log(), 'a credential in the log')


def finish():
    if WORLD:
        WORLD.house.__exit__()
        WORLD.git.__exit__()
        for process in list(COMPANIONS):
            process.kill()
            process.wait()
            COMPANIONS.remove(process)
        shutil.rmtree(WORLD.folder, ignore_errors=True)


if __name__ == '__main__':
    try:
        code = main()
    finally:
        finish()
    sys.exit(code)
