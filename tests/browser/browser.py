# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, driven by chromedriver over the W3C WebDriver
protocol (HTTP and JSON, nothing but Python's own library)."""
import base64
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), 'api'))
from house import *  # noqa: E402,F403

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
         '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync',
         '--disable-dev-shm-usage', '--host-resolver-rules='
         'MAP inbox.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
         # the certificate of a test's own proxy
         '--ignore-certificate-errors']
KEYS = {'Enter': '\ue007', 'Escape': '\ue00c', 'Tab': '\ue004',
        'Down': '\ue015', 'Control': '\ue009'}


class Browser:
    def __init__(self):
        for name in 'chromedriver', 'chromium':
            if not shutil.which(name):
                raise Skipped('no %s here' % name)
        self.folder = tempfile.mkdtemp(prefix='browser-')
        self.port = free_port()
        self.log = open(os.path.join(self.folder, 'log'), 'w')
        self.process = subprocess.Popen(
            ['chromedriver', '--port=%d' % self.port], stdout=self.log,
            stderr=subprocess.STDOUT, preexec_fn=with_parent,
            env={**os.environ, 'HOME': self.folder, 'TMPDIR': self.folder})
        COMPANIONS.append(self.process)
        until(self.answers, 20, 'chromedriver does not answer')
        made = self.ask('POST', '/session', {'capabilities': {'alwaysMatch': {
            'goog:loggingPrefs': {'browser': 'ALL'},
            'goog:chromeOptions': {'binary': shutil.which('chromium'),
                                   'args': FLAGS + [
                '--user-data-dir=' + os.path.join(self.folder, 'profile')]}}}},
            whole=True)
        self.at = '/session/' + made['sessionId']

    def answers(self):
        try:
            return self.ask('GET', '/status')['ready']
        except OSError:
            return False

    def ask(self, method, path, body=None, whole=False):
        at = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        try:
            at.request(method, path, json.dumps(body) if body is not None
                       else None, {'Content-Type': 'application/json'})
            told = json.loads(at.getresponse().read())['value']
        finally:
            at.close()
        if isinstance(told, dict) and 'error' in told:
            raise Failed('%s %s: %s' % (method, path, told['message'][:600]))
        return told

    def do(self, path, body=None):
        return self.ask('POST', self.at + path, body or {})

    def go(self, url):
        self.do('/url', {'url': url})

    def url(self):
        return self.ask('GET', self.at + '/url')

    def script(self, text, *args):
        return self.do('/execute/sync', {'script': text, 'args': list(args)})

    def find(self, css):
        return self.do('/element', {'using': 'css selector', 'value': css})[
            ELEMENT]

    def type(self, css, text):
        self.do('/element/%s/value' % self.find(css), {'text': text})

    def click(self, css):
        self.do('/element/%s/click' % self.find(css))

    def keys(self, *names):
        """Presses keys one after the other, wherever the focus is."""
        acts = []
        for name in names:
            key = KEYS.get(name, name)
            acts += [{'type': 'keyDown', 'value': key},
                     {'type': 'keyUp', 'value': key}]
        self.do('/actions', {'actions': [
            {'type': 'key', 'id': 'keyboard', 'actions': acts}]})

    def chord(self, *names):
        """All of them at once."""
        keys = [KEYS.get(name, name) for name in names]
        acts = [{'type': 'keyDown', 'value': key} for key in keys]
        acts += [{'type': 'keyUp', 'value': key} for key in keys[::-1]]
        self.do('/actions', {'actions': [
            {'type': 'key', 'id': 'keyboard', 'actions': acts}]})

    def cdp(self, command, **params):
        return self.do('/goog/cdp/execute', {'cmd': command, 'params': params})

    def size(self, width, height, mobile=False):
        self.cdp('Emulation.setDeviceMetricsOverride', width=width,
                 height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, on=True):
        self.cdp('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme',
             'value': 'dark' if on else 'light'}])

    def picture(self, path):
        data = base64.b64decode(self.ask('GET', self.at + '/screenshot'))
        with open(path, 'wb') as f:
            f.write(data)

    def complaints(self):
        """What the browser wrote to its console: violations, errors."""
        return [x['message'] for x in self.do('/se/log', {'type': 'browser'})
                if x['level'] in ('SEVERE', 'WARNING')]

    def tab(self, kind='tab'):
        """A new one; its handle.  The old one stays chosen."""
        return self.do('/window/new', {'type': kind})['handle']

    def tabs(self):
        return self.ask('GET', self.at + '/window/handles')

    def choose(self, handle):
        self.do('/window', {'handle': handle})

    def until(self, text, seconds=10, *args):
        """Until a script's expression is true."""
        return until(lambda: self.script('return ' + text, *args), seconds,
                     'never: ' + text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.ask('DELETE', self.at)
        except (OSError, Failed):
            pass
        self.process.terminate()
        self.process.wait()
        COMPANIONS.remove(self.process)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
