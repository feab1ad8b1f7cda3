#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""[notify]: somebody outside hears that something waits, by a webhook over
HTTPS to Debian's lighttpd, and can do nothing with what is heard."""
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from web_page import PAYER, Page, pay  # noqa: E402

HOST = 'hooks.demo.test'
LIGHTTPD = """\
server.modules = ("mod_openssl", "mod_alias", "mod_cgi")
server.document-root = "{folder}/empty"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/server.log"
ssl.engine = "enable"
ssl.pemfile = "{folder}/server.pem"
ssl.privkey = "{folder}/server.key"
alias.url = ("/hook" => "{folder}/hook")
cgi.assign = ("" => "")
"""
# Each POST becomes a file; the first line of `answers` is its status.
HOOK = """\
#!/bin/sh
name=$(mktemp '{folder}/got/XXXXXX')
{{ echo "$REQUEST_METHOD $CONTENT_TYPE $HTTP_AUTHORIZATION$HTTP_COOKIE"; cat; }} >"$name.part"
mv "$name.part" "$name.json"; rm -f "$name"
status=$(sed -n 1p '{folder}/answers'); sed -i 1d '{folder}/answers'
printf 'Status: %s\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello\\n' "${{status:-200}}"
"""


class Hook:
    def __init__(self):
        if not os.path.exists('/usr/sbin/lighttpd'):
            raise Skipped('no lighttpd here')
        self.folder = tempfile.mkdtemp(prefix='house-hook-')
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.process = None
        for name in 'empty', 'got':
            os.makedirs(self.path(name))
        self.answers()
        write(self.path('hook'), HOOK.format(folder=self.folder), 0o755)
        write(self.path('lighttpd.conf'), LIGHTTPD.format(
            folder=self.folder, port=self.port))
        self.certificates()

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *command):
        subprocess.run(['openssl', *command], check=True, capture_output=True)

    def certificates(self):
        key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
        self.openssl('req', '-x509', *key, '-keyout', self.path('ca.key'),
                     '-out', self.path('ca.pem'), '-days', '2', '-subj',
                     '/CN=Test CA')
        self.openssl('req', *key, '-keyout', self.path('server.key'), '-out',
                     self.path('server.csr'), '-subj', '/CN=' + HOST)
        write(self.path('names'), 'subjectAltName=DNS:%s\n' % HOST)
        self.openssl('x509', '-req', '-in', self.path('server.csr'), '-CA',
                     self.path('ca.pem'), '-CAkey', self.path('ca.key'),
                     '-CAcreateserial', '-days', '2', '-extfile',
                     self.path('names'), '-out', self.path('server.pem'))
        os.chmod(self.path('ca.pem'), 0o644)

    def start(self):
        self.process = subprocess.Popen(
            ['/usr/sbin/lighttpd', '-D', '-f', self.path('lighttpd.conf')],
            stdin=subprocess.DEVNULL, preexec_fn=with_parent)
        COMPANIONS.append(self.process)

        def up():
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return True
            except OSError:
                return False
        until(up, 10, 'lighttpd does not answer')
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            COMPANIONS.remove(self.process)
            self.process = None

    __enter__ = start

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self, *statuses):
        write(self.path('answers'), ''.join('%d\n' % s for s in statuses))

    def got(self):
        found = []
        for name in sorted(glob.glob(self.path('got/*.json')),
                           key=os.path.getmtime):
            with open(name) as f:
                head, _, body = f.read().partition('\n')
                found.append((head, json.loads(body)))
        return found

    def config(self, more=''):
        return ('[notify]\nurl = "https://%s:%d/hook"\nupstream = '
                '"127.0.0.1:%d"\nca = "hook-ca.pem"\n%s' % (
                    HOST, self.port, self.port, more))


def house(hook, more='', host=HOST):
    h = House({'payer': PAYER}, hook.config(more).replace(HOST, host))
    shutil.copy(hook.path('ca.pem'), os.path.join(h.folder, 'hook-ca.pem'))
    return h


def told(h):
    return h.read('status')['notify']


def heads(h):
    return [(e['kind'], e['body'].get('status') if e['body'] else None)
            for e in h.events() if e.get('rule') == 'notify']


@test
def a_question_is_told_with_a_link_to_the_inbox_and_nothing_of_what_it_is():
    with Hook() as hook, house(hook) as h:
        h.start()
        task = pay(h, 'anna', 123456, note='a secret plan')
        w = h.waiting()
        until(lambda: told(h)['told'] == 1, 15)
        (head, notice), = hook.got()
        need(head.strip() == 'POST application/json', head)
        need(notice == {
            'task': task, 'role': 'payer', 'tool': 'pay', 'code': w['code'],
            'expires': w['expires'],
            'link': 'http://127.0.0.1:%d/#%s' % (h.port, w['id'])}, notice)
        text = json.dumps(hook.got())
        need('anna' not in text and '123456' not in text and
             'plan' not in text, text)
        # The link shows a page to anybody, and decides nothing.
        a = h.get('/', tcp=True, token=False)
        need(a.code == 200 and w['id'] not in a.out)
        need(h.waiting()['state'] == 'open')
        p = Page(h).login()
        need(p.say(p.waiting(task)).code == 200)
        need(h.outcome(task)['state'] == 'completed')
        need(told(h) == {'told': 1, 'waiting': 0, 'failed': 0, 'dropped': 0,
                         'problem': ''}, told(h))
        need('notify  1 told' in h.ok('status').out)
        kinds = [e['kind'] for e in h.events()
                 if e.get('rule') == 'notify' or e['kind'] in (
                     'wait_put', 'request_outcome')]
        need(kinds == ['wait_put', 'request_intent', 'request_outcome'],
             kinds)
        h.verified()


@test
def the_link_is_the_one_that_its_readers_can_follow():
    with Hook() as hook, house(
            hook, 'link = "https://inbox.example/"\n') as h:
        h.start()
        pay(h)
        w = h.waiting()
        until(hook.got, 15)
        need(hook.got()[0][1]['link'] == 'https://inbox.example/#' + w['id'])


@test
def who_may_decide_later_is_told_by_the_same_link():
    with Hook() as hook, house(hook) as h:
        h.role_file('payer', 'gates.toml', PAYER['gates.toml'].replace(
            'hint    = "pay', 'remind = "1s"\nescalate_to = "tester"\n'
            'escalate_after = "2s"\nhint    = "pay'))
        h.start()
        pay(h)
        w = h.waiting()
        until(lambda: told(h)['told'] == 3, 60)
        need([n['link'] for _, n in hook.got()] ==
             3 * ['http://127.0.0.1:%d/#%s' % (h.port, w['id'])], hook.got())
        # Where the machine stood still, both are due at once: in any order.
        need(sorted(e['kind'] for e in h.events() if e['kind'] in (
            'wait_put', 'wait_reminded', 'wait_escalated')) ==
             ['wait_escalated', 'wait_put', 'wait_reminded'])
        need(h.waiting()['state'] == 'open', 'told is not decided')


@test
def a_failure_that_may_pass_is_tried_three_times_and_then_said():
    with Hook() as hook, house(hook) as h:
        h.start()
        hook.answers(503, 500)
        first = pay(h)
        until(lambda: told(h)['told'] == 1, 20)
        need(len(hook.got()) == 3, hook.got())
        need(told(h)['failed'] == 0 and told(h)['problem'] == '')
        hook.answers(400)  # a no that stays a no
        second = pay(h)
        until(lambda: told(h)['failed'] == 1, 20)
        need(len(hook.got()) == 4, hook.got())
        need('400' in told(h)['problem'], told(h))
        need('was not told' in h.log())
        hook.stop()
        third = pay(h)
        until(lambda: told(h)['failed'] == 2, 30)
        need('1 told' in h.ok('status').out)
        # What waits waits all the same.
        need(len(h.waits()) == 3, h.waits())
        for w in h.waits():
            h.ok('deny', w['id'], '--reason', 'no')
        for task in first, second, third:
            h.outcome(task)
        sent = [e for e in h.events() if e['kind'] == 'request_intent']
        done = [e for e in h.events() if e['kind'] == 'request_outcome']
        need(len(sent) == len(done) == 7, len(sent), len(done))
        need(all(e['body']['took_us'] > 0 for e in done), done)
        h.verified()


@test
def a_receiver_that_is_not_who_it_says_hears_nothing():
    with Hook() as hook, house(hook, host='other.demo.test') as h:
        h.start()
        pay(h)
        until(lambda: told(h)['problem'], 15)
        need('ertificate' in told(h)['problem'], told(h))
        need(hook.got() == [] and told(h)['told'] == 0)


@test
def many_questions_are_told_one_after_the_other():
    with Hook() as hook, house(hook) as h:
        h.start()
        for i in range(8):
            pay(h, 'x%d' % i)
        until(lambda: told(h)['told'] == 8, 30)
        links = {n['link'] for _, n in hook.got()}
        need(len(links) == 8, links)
        need(links == {'http://127.0.0.1:%d/#%s' % (h.port, w['id'])
                       for w in h.waits()})


if __name__ == '__main__':
    sys.exit(main())
