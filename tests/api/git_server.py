# SPDX-License-Identifier: Apache-2.0
"""A git repository over HTTPS behind a bearer token, on this machine only:
Debian's lighttpd and `git http-backend`, with a CA made for the occasion."""
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time

from house import (COMPANIONS, SOURCE, Failed, free_port, with_parent, write)

HOST = 'git.demo.test'

LIGHTTPD = """\
server.modules = ("mod_openssl", "mod_alias", "mod_setenv", "mod_access", "mod_cgi")
server.document-root = "{folder}/empty"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/server.log"
server.upload-dirs = ("{folder}/uploads")
ssl.engine = "enable"
ssl.pemfile = "{folder}/server.pem"
ssl.privkey = "{folder}/server.key"
alias.url = ("/" => "{folder}/backend/")
cgi.assign = ("" => "")
setenv.set-environment = (
    "GIT_PROJECT_ROOT" => "{folder}/repositories",
    "GIT_HTTP_EXPORT_ALL" => "",
    "GIT_CONFIG_GLOBAL" => "{folder}/gitconfig",
    "GIT_CONFIG_NOSYSTEM" => "1")
$REQUEST_HEADER["Authorization"] != "Bearer {token}" {{
    url.access-deny = ("")
}}
"""

# lighttpd ends the program of a client that hung up, and git ends where it
# cannot answer, its hook not yet run: what has begun here is done all the same.
BACKEND = """\
#!/bin/sh
trap '' TERM
answer=$(mktemp '{folder}/uploads/answer.XXXXXX')
/usr/lib/git-core/git-http-backend >"$answer"
cat "$answer"
rm "$answer"
"""

HOOK = """\
#!/bin/sh
# one line for every reference that really changed
while read -r old new ref; do
	printf '%s %s %s\\n' "$old" "$new" "$ref" >>'{pushes}'
done
"""


class GitServer:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='house-git-')
        self.token = secrets.token_urlsafe(24)
        self.port = free_port()
        self.url = 'https://%s/project.git' % HOST
        self.pushes_file = self.path('pushes')
        self.process = None
        for name in ('empty', 'uploads', 'repositories'):
            os.makedirs(self.path(name))
        write(self.path('backend'), BACKEND.format(folder=self.folder), 0o755)
        write(self.path('gitconfig'), '[safe]\n\tdirectory = *\n[init]\n'
              '\tdefaultBranch = main\n[user]\n\tname = Test\n'
              '\temail = test@demo.test\n')
        self.env = {**os.environ, 'GIT_CONFIG_GLOBAL': self.path('gitconfig'),
                    'GIT_CONFIG_NOSYSTEM': '1', 'GIT_TERMINAL_PROMPT': '0'}
        self.certificates()
        self.repository()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *command):
        done = subprocess.run(command, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode:
            raise Failed('%s: %s' % (command[:4], done.stderr))
        return done.stdout

    def certificates(self):
        key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
        self.run('openssl', 'req', '-x509', *key, '-keyout',
                 self.path('ca.key'), '-out', self.path('ca.pem'), '-days',
                 '2', '-subj', '/CN=Test CA')
        self.run('openssl', 'req', *key, '-keyout', self.path('server.key'),
                 '-out', self.path('server.csr'), '-subj', '/CN=' + HOST)
        write(self.path('names'), 'subjectAltName=DNS:%s\n' % HOST)
        self.run('openssl', 'x509', '-req', '-in', self.path('server.csr'),
                 '-CA', self.path('ca.pem'), '-CAkey', self.path('ca.key'),
                 '-CAcreateserial', '-days', '2', '-extfile',
                 self.path('names'), '-out', self.path('server.pem'))

    def repository(self):
        source = self.path('source')
        self.bare = self.path('repositories/project.git')
        os.makedirs(source)
        write(os.path.join(source, 'README'), 'a project\n')
        for args in (['init', '-q'], ['add', '-A'],
                     ['commit', '-q', '-m', 'A project']):
            self.run('git', '-C', source, *args)
        self.run('git', 'clone', '-q', '--bare', source, self.bare)
        self.run('git', '-C', self.bare, 'config', 'http.receivepack', 'true')
        write(os.path.join(self.bare, 'hooks/post-receive'),
              HOOK.format(pushes=self.pushes_file), 0o755)

    def start(self):
        write(self.path('lighttpd.conf'), LIGHTTPD.format(
            folder=self.folder, port=self.port, token=self.token), 0o600)
        with open(self.path('stderr'), 'w') as log:
            self.process = subprocess.Popen(
                ['/usr/sbin/lighttpd', '-D', '-f',
                 self.path('lighttpd.conf')], env=self.env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=with_parent)
        COMPANIONS.append(self.process)
        for _ in range(250):
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        with open(self.path('stderr')) as log:
            raise Failed('lighttpd: ' + log.read())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            COMPANIONS.remove(self.process)
            self.process = None

    def updates(self, branch=None):
        """The lines of the repository's own hook, of one branch or of all."""
        try:
            with open(self.pushes_file) as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            return []
        return [x for x in lines
                if branch is None or x.endswith(' refs/heads/' + branch)]

    def head(self, branch):
        return self.run('git', '-C', self.bare, 'rev-parse',
                        'refs/heads/' + branch).strip()

    def role(self, gated=True):
        """The role of examples/demo, leading to this server."""
        folder = os.path.join(SOURCE, 'examples/demo/roles/engineering')
        files = {}
        for name in ('role.toml', 'gates.toml', 'mcp/server.toml'):
            with open(os.path.join(folder, name)) as f:
                files[name] = f.read()
        gates = files['gates.toml'].replace('@PORT@', str(self.port)).replace(
            '@CA@', 'git-ca.pem')
        if not gated:
            at = gates.index('[gate.push]')
            end = gates.index('[egress.', at)
            end = gates.rindex('\n\n', at, end) + 1
            gates = gates[:at] + gates[end:]
        files['gates.toml'] = gates
        with open(self.path('ca.pem')) as f:
            files['git-ca.pem'] = f.read()
        return files

    def steps(self, branch, on_error='retry'):
        """Clone, record, push: every contract of it may be repeated."""
        def step(id, tool, **args):
            return {'id': id, 'tool': tool, 'args': args, 'on_error': on_error}
        return [
            step('clone', 'git_clone', repo=self.url),
            step('record', 'git_commit', branch=branch, message=branch,
                 file='RESULT', content=branch),
            step('push', 'git_push', repo=self.url,
                 commit='${record.commit}', branch=branch),
            {'id': 'end', 'tool': 'finish', 'args': {
                'branch': branch, 'tests_passed': True,
                'commit': '${push.commit}'}}]
