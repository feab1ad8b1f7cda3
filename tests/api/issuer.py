# SPDX-License-Identifier: Apache-2.0
"""A real issuer of tokens beside a house: oidc-provider or oauth2-mock-server
from npm (tests/npm, installed below the build folder), by TLS."""
import atexit
import http.client
import json
import os
import select
import shutil
import re
import ssl
import subprocess
import tempfile
import urllib.parse

from house import *  # noqa: F403
from npm import FOLDER, packages
from vault_help import caller


class Issuer:
    """`with Issuer(folder) as i:`; i.port, i.log(), i.set(ttl=3)."""

    SHARED = {}  # kind -> one that every house of this program may have

    def __init__(self, folder, kind='oidc'):
        self.folder, self.kind = folder, kind

    @classmethod
    def anew(cls, house, kind='oidc'):
        """The one of this program, as if it had just been started for this
        house: node takes longer for that than most tests for what they show."""
        if kind not in cls.SHARED:
            folder = tempfile.mkdtemp(prefix='issuer-')
            atexit.register(shutil.rmtree, folder)
            cls.SHARED[kind] = cls(folder, kind).__enter__()
            atexit.register(cls.SHARED[kind].__exit__)
        i = cls.SHARED[kind]
        i.ask('/anew')
        i.cert = shutil.copy(os.path.join(i.folder, 'issuer.pem'), house)
        return i

    def __enter__(self):
        node = packages()
        key, self.cert = (os.path.join(self.folder, n)
                          for n in ('issuer.key', 'issuer.pem'))
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj',
             '/CN=issuer.test', '-addext',
             'subjectAltName=DNS:issuer.test,DNS:api.test',
             '-keyout', key, '-out', self.cert], check=True,
            capture_output=True)
        self.process = subprocess.Popen(
            [node, os.path.join(FOLDER, 'issuer.mjs'), self.kind, self.cert,
             key], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=with_parent)
        COMPANIONS.append(self.process)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ''
        if not line:
            self.__exit__()
            raise Failed('the issuer did not start: %s' %
                         self.process.stderr.read()[-2000:])
        said = json.loads(line)
        self.port, self.control = said['port'], said['control']
        self.url = 'https://issuer.test:%d' % self.port
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        COMPANIONS.remove(self.process)

    def ask(self, path, body=None):
        at = http.client.HTTPConnection('127.0.0.1', self.control,
                                        timeout=PATIENCE)
        at.request('POST', path, json.dumps(body or {}))
        answer = json.loads(at.getresponse().read())
        at.close()
        return answer

    def set(self, **what):
        self.ask('/set', what)

    def log(self, member=None):
        found = self.ask('/log')
        return [e for e in found if member in e] if member else found

    def config(self):
        return """
[issuer.here]
host     = "issuer.test:{0}"
upstream = "127.0.0.1:{0}"
ca       = "{1}"
""".format(self.port, self.cert)


class Browser:
    """A person at an issuer's pages; every host is the one issuer."""

    def __init__(self, issuer):
        self.issuer, self.cookies = issuer, {}

    def ask(self, url, form=None):
        """Status, the page, where it leads."""
        at = urllib.parse.urlsplit(url)
        plain = at.scheme == 'http'
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.issuer.cert)
        to = http.client.HTTPConnection('127.0.0.1', at.port, timeout=PATIENCE) \
            if plain else http.client.HTTPSConnection(
                '127.0.0.1', self.issuer.port, timeout=PATIENCE,
                context=context)
        headers = {'Host': at.netloc}
        if not plain:
            headers['Cookie'] = '; '.join(
                '%s=%s' % c for c in self.cookies.items())
        if form is not None:
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
        to.request('GET' if form is None else 'POST',
                   at.path + ('?' + at.query if at.query else ''),
                   None if form is None else urllib.parse.urlencode(form),
                   headers)
        answer = to.getresponse()
        page = answer.read().decode()
        for line in answer.headers.get_all('Set-Cookie') or []:
            name, _, value = line.split(';')[0].partition('=')
            self.cookies[name] = value
        leads = answer.headers.get('Location')
        to.close()
        return answer.status, page, leads and urllib.parse.urljoin(url, leads)

    def walk(self, url, form=None, stop=None):
        """Follows pages and says yes to each, up to one that begins with
        `stop` or has nothing to say yes to; its address and text."""
        for _ in range(20):
            if stop and url.startswith(stop):
                return url, ''
            status, page, leads = self.ask(url, form)
            form = None
            if leads:
                url = leads
                continue
            found = re.search(r'<form[^>]*action="([^"]*)"', page)
            if not found:
                return url, page
            url = urllib.parse.urljoin(url, found.group(1))
            form = dict(re.findall(
                r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"',
                page))
            if 'name="login"' in page:
                form.update(login='anna', password='whatever')
        raise Failed('the pages of the issuer do not end: %s' % url)


class Login:
    """`handrail vault login` as a person runs it."""

    def __init__(self, h, *args, input=None):
        self.process = subprocess.Popen(
            [h.handrail, 'vault', '--config', h.config, '--state', h.state,
             'login', 'there', *args], env=h.env, cwd=h.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=with_parent)
        COMPANIONS.append(self.process)
        self.said = ''

    def hear(self, pattern):
        """The first match in what it says on stderr."""
        while True:
            found = re.search(pattern, self.said)
            if found:
                return found.group(1)
            piece = self.process.stderr.readline()
            if not piece:
                raise Failed('the login ended: %s %s' % (
                    self.said, self.process.stdout.read()))
            self.said += piece

    def end(self, code=0, input=None):
        out, err = self.process.communicate(input, timeout=60)
        COMPANIONS.remove(self.process)
        need(self.process.returncode == code, self.process.returncode, out,
             self.said, err)
        return out + self.said + err


# A credential that the issuer gives tokens for.
RULE = """
match    = { host = "api.test", method = "GET|POST", path = "/**" }
inject   = { credential = "there", header = "Authorization", format = "Bearer {{secret}}" }
"""


class Both:
    """A house and an issuer that it knows; tiny: on a disk that can be filled."""

    def __init__(self, kind='oidc', tiny=False, **more):
        self.kind, self.tiny, self.more = kind, tiny, more

    def __enter__(self):
        self.h = House(roles={'caller': {}}, **self.more)
        try:
            self.i = Issuer.anew(self.h.folder, self.kind)
        except BaseException:
            self.h.__exit__()
            raise
        for path, text in caller(RULE, self.i.port, self.i.cert).items():
            self.h.role_file('caller', path, text)
        with open(self.h.config, 'a') as f:
            f.write(self.i.config())
        return self.h.on_tiny_disk() if self.tiny else self.h.start(), self.i

    def __exit__(self, *_):
        self.h.__exit__()
