#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The inbox as a person has it: Chromium, a keyboard, two tabs, a phone.

PICTURES=FOLDER keeps screenshots there."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import *  # noqa: E402,F403

GATES = """\
[defaults]
unmatched = "allow"

[gate.spend]
match   = { tool = "pay" }
require = "operator"
surface = "buddy | web | cli"
hint    = "Pay {{amount}} euros to {{whom}}"
expires = "{expires}"

[gate.desk]
match   = { tool = "sign" }
require = "operator"
surface = "cli"
hint    = "Sign the lease"

[gate.slow]
match          = { tool = "lend" }
require        = "anna"
surface        = "web | cli"
hint           = "Lend the van"
remind         = "1s"
escalate_to    = "tester"
escalate_after = "2s"
"""
TOOLS = SERVER + """
[tool.pay]
description = "Pay somebody"
action      = "purchase"
[tool.pay.input]
type = "object"
required = ["whom", "amount"]
properties.whom   = { type = "string" }
properties.amount = { type = "integer" }
properties.note   = { type = "string" }
[tool.pay.run]
exec = ["/bin/true"]

[tool.sign]
description = "Sign"
action      = "purchase"
[tool.sign.input]
type = "object"
[tool.sign.run]
exec = ["/bin/true"]

[tool.lend]
description = "Lend"
action      = "purchase"
[tool.lend.run]
exec = ["/bin/true"]

[tool.ask_person]
description = "Ask the operator"
action      = "read"
timeout     = "5m"
run         = { builtin = "ask_person" }

[tool.weigh]
description = "The client weighs it"
action      = "read"
timeout     = "5m"
run         = { client = true }
[tool.weigh.input]
type = "object"
properties.thing = { type = "string" }
"""
PEOPLE = """
[operator.anna]
uid = 4242

[operator.rita]
uid = 4243
web = "read"
"""
PICTURES = os.environ.get('PICTURES')
EVIL = ('</pre><script>document.title="owned"</script>'
        '<img src=x onerror="document.title=\'owned\'">'
        '<a href="javascript:document.title=\'owned\'">')
PROXY = """\
server.modules = ("mod_openssl", "mod_proxy")
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/log"
server.stream-response-body = 2
ssl.engine = "enable"
ssl.pemfile = "{folder}/pem"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => {to})))
"""
NO = {'approval': 'deny', 'question': 'decline', 'client_result': 'failed',
      'unknown_outcome': 'did_not'}
HOUSE = BROWSER = None


def finance(expires='4h'):
    return {'role.toml': ROLE.replace('["shell"]', '["shell", "pay", "sign", "lend", '
                                      '"ask_person", "weigh"]'),
            'gates.toml': GATES.replace('{expires}', expires),
            'mcp/server.toml': TOOLS}


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'finance': finance()},
                      '[api]\nhosts = "inbox.example"\n' + PEOPLE)
        HOUSE.start()
    return HOUSE


def browser():
    global BROWSER
    if BROWSER is None:
        BROWSER = Browser()
    return BROWSER


def address(h):
    return 'http://127.0.0.1:%d/' % h.port


def pay(h, whom='Anna', amount=5, tool='pay', subject='Pay the bills', **more):
    args = {} if tool == 'sign' else {'whom': whom, 'amount': amount, **more}
    return h.dispatch([{'id': 'x', 'tool': tool, 'on_error': 'continue',
                        'args': args},
                       {'id': 'end', 'tool': 'finish', 'args': {}}],
                      queue='finance', subject=subject)


def ask(h, tool, subject='Ask about it', **args):
    return h.dispatch([{'id': 'x', 'tool': tool, 'on_error': 'continue',
                        'args': args},
                       {'id': 'end', 'tool': 'finish', 'args': {}}],
                      queue='finance', subject=subject)


def result_of(h, task):
    need(h.outcome(task)['state'] == 'completed')
    return h.task(task)['runs'][0]['calls'][0]['result']


def login(b, h, name=None):
    token = h.token()
    if name:
        with open(os.path.join(h.state, 'operators', name + '.token')) as f:
            token = f.read().strip()
    b.go(address(h) + 'login')
    b.type('#token', token)
    b.keys('Enter')
    b.until("document.querySelector('.live.on') !== null", 15)
    need(b.url() == address(h), b.url())


def why(b):
    """What the login page says of why it is there."""
    return b.until("document.querySelector('[role=alert]')") and b.script(
        "return document.querySelector('[role=alert]').textContent")


def inbox(seconds=15):
    """Logged in, and nothing waits."""
    h, b = house(), browser()
    for w in h.waits():  # of a test that failed
        h.say(w, NO[w['kind']], 'a test is over')
    b.choose(b.tabs()[0])
    b.size(1000, 900)
    b.go(address(h))
    b.until("document.querySelector('.live.on, #token') !== null", seconds)
    if b.script("return document.querySelector('#token') !== null"):
        login(b, h)
        clean(b, ' 401 (', 'ERR_')
    cards(b, 0)
    return h, b


def cards(b, count, seconds=15):
    b.until('document.querySelectorAll("article").length === %d' % count,
            seconds)


def picture(b, name):
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        b.picture(os.path.join(PICTURES, name + '.png'))


def clean(b, *expected):
    """The browser complains of nothing: no policy is violated, no script
    fails; of what is expected a test says so."""
    said = [x for x in b.complaints() if not any(e in x for e in expected)]
    need(not said, said)


def decide(b, key, left):
    """One key, and the card goes; then the hand may go on."""
    before = b.script('return document.activeElement.id')
    b.keys(key)
    cards(b, left)
    time.sleep(0.45)  # the page wants the next one looked at
    return before


def clock_stands(b):
    """For the page no time passes, however long the browser is kept waiting."""
    b.script('const now = performance.now(); performance.now = () => now')


def clock_goes(b):
    b.script('delete performance.now')
    time.sleep(0.45)  # longer than the page wants the next one looked at


# --- tests --------------------------------------------------------------------

@test
def who_is_not_logged_in_is_asked_for_a_token():
    h, b = house(), browser()
    b.go(address(h))
    b.until("location.pathname === '/login'")
    need(b.script('return document.activeElement.id') == 'token')
    need(why(b) == '', why(b))
    picture(b, 'login')
    b.type('#token', 'wrong')
    b.keys('Enter')
    b.until("document.querySelector('[role=alert]').textContent.includes("
            "'no operator')")
    need('wrong' not in b.url())
    clean(b, ' 401 (', 'ERR_')
    login(b, h)
    need(b.script('return document.cookie') == '', 'a script reads the cookie')
    need('Nothing waits' in b.script('return document.body.innerText'))
    picture(b, 'empty')
    clean(b)


@test
def ten_waits_are_approved_by_keyboard():
    h, b = inbox()
    tasks = [pay(h, 'Supplier %d' % i, 100 + i) for i in range(10)]
    cards(b, 10)
    need(b.script('return document.title').startswith('(10)'))
    picture(b, 'ten')
    b.keys('j')
    done = set()
    for left in range(9, -1, -1):
        done.add(decide(b, 'a', left))
    need(len(done) == 10, 'the focus did not move on', done)
    for task in tasks:
        need(h.outcome(task)['state'] == 'completed', task)
        said = [e['body'] for e in h.events(task)
                if e['kind'] == 'wait_decided']
        need(len(said) == 1 and said[0]['by'] == 'tester' and
             said[0]['surface'] == 'web', said)
    need(b.script('return document.querySelector("#said").textContent'))
    clean(b)


@test
def who_denies_sees_the_button_below_the_reason():
    h, b = inbox()
    task = pay(h, 'Anna')
    cards(b, 1)
    b.keys('j')
    b.size(1000, b.script('return document.activeElement.offsetHeight') + 80)
    try:
        b.keys('d')
        need(b.script('return document.activeElement.className') == 'why-not')
        need(b.script('return document.querySelector(".no")'
                      '.getBoundingClientRect().bottom < innerHeight - 48'))
    finally:
        b.cdp('Emulation.clearDeviceMetricsOverride')
    b.keys('Escape')
    h.ok('task', 'cancel', task)
    cards(b, 0)


@test
def keys_move_and_a_denial_carries_its_reason():
    h, b = inbox()
    tasks = []
    for name in 'Anna', 'Bert', 'Carl':
        tasks.append(pay(h, name))
        cards(b, len(tasks))
    focus = 'return document.activeElement.querySelector(".hint").textContent'
    b.keys('j')
    need('Anna' in b.script(focus))
    b.keys('j', 'j', 'j')
    need('Carl' in b.script(focus))
    b.keys('k')
    need('Bert' in b.script(focus))
    b.keys('d')
    need(b.script('return document.activeElement.className') == 'why-not')
    b.keys(*'too adj')  # these are letters of the reason, not keys
    b.keys('Escape')
    need('Bert' in b.script(focus))
    b.keys('d')
    clock_stands(b)
    b.keys(*'!', 'Enter')
    cards(b, 2)
    h.outcome(tasks[1])
    said = [e['body'] for e in h.events(tasks[1])
            if e['kind'] == 'wait_decided']
    need(said[0]['reason'] == 'too adj!' and said[0]['surface'] == 'web', said)
    need('Carl' in b.script(focus), 'the focus is nowhere')
    # What the focus came to by itself is not decided before it is looked at.
    b.keys('a')
    b.until("document.querySelector('#said').textContent.includes('look at')")
    cards(b, 2)
    clock_goes(b)
    clock_stands(b)
    b.keys('a', 'a')
    cards(b, 1)
    need('Anna' in b.script(focus))
    clock_goes(b)
    b.keys('a')
    cards(b, 0)
    for task in tasks:
        h.outcome(task)
    clean(b)


@test
def another_tab_sees_what_comes_and_who_decided():
    h, b = inbox()
    first = b.tabs()[0]
    second = b.tab()
    b.choose(second)
    b.go(address(h))
    b.until("document.querySelector('.live.on') !== null")
    task = pay(h, 'Dora')
    cards(b, 1)
    b.choose(first)
    cards(b, 1)
    b.keys('j')
    b.keys('a')
    cards(b, 0)
    b.choose(second)
    cards(b, 0)
    b.until("document.querySelector('#decided').innerText.includes("
            "'approved by you on web')")
    h.outcome(task)
    task = pay(h, 'Emil')
    cards(b, 1)
    wait = h.waiting()
    h.ok('deny', wait['id'], '--reason', 'from the desk')
    b.until("document.querySelector('#decided').innerText.includes("
            "'denied by you on cli: from the desk')")
    h.outcome(task)
    # Logged out in one, the other is out too.
    b.click('#logout')
    b.until("location.pathname === '/login'")
    need(why(b) == '', why(b))
    b.choose(first)
    b.until("location.pathname === '/login'")
    need('logged out elsewhere' in why(b), why(b))
    b.choose(second)
    b.ask('DELETE', b.at + '/window')
    b.choose(first)
    clean(b, ' 401 (', 'ERR_')


@test
def text_of_an_agent_is_text():
    h, b = inbox()
    task = pay(h, EVIL, 7, note='\u202egnp.exe \u200bhidden\n' + EVIL,
               subject=EVIL)
    cards(b, 1)
    need(b.script('return document.title') == '(1) Inbox · Handrail')
    need(b.script('return document.querySelectorAll('
                  '"article img, article script, article a").length') == 0)
    text = b.script('return document.querySelector("article").innerText')
    need('<img src=x' in text and 'U+202E' in text and 'U+200B' in text, text)
    need('\u202e' not in text)
    args = b.script('return document.querySelector(".args").textContent')
    need(args.count('<script>') == 2, args)
    picture(b, 'evil')
    b.keys('j', 'd')
    b.type('.why-not', '<b>no</b>')
    b.keys('Enter')
    b.until("document.querySelector('#decided').innerText.includes('<b>no</b>')")
    h.outcome(task)
    clean(b)


@test
def what_this_page_may_not_decide_says_so():
    h, b = inbox()
    task = pay(h, tool='sign')
    cards(b, 1)
    need(b.script('return document.querySelector(".yes").disabled'))
    need('takes no answer from a browser' in b.script(
        'return document.querySelector(".note").textContent'))
    b.keys('j', 'a', 'd')
    time.sleep(0.3)
    cards(b, 1)
    h.ok('approve', h.waiting()['id'])
    cards(b, 0)
    h.outcome(task)
    clean(b)


@test
def a_letter_is_decided_by_keyboard_and_has_no_no():
    h, b = inbox()
    letter = h.ok('mail', 'send', '--to', 'operator', '--subject', 'Which <b>door</b>?',
                  '--decision', 'red,green').out.strip()
    cards(b, 1)
    need(b.script('return document.querySelectorAll("#waits b").length') == 0)
    need(b.script('return document.querySelector("#waits .left").textContent')
         == '', 'a letter that nobody limits ends')
    need(b.script('return document.querySelector("#waits .no").offsetParent === null'))
    b.keys('j', 'd')
    need(b.script('return document.querySelector("#waits .reason").hidden'))
    b.keys('a', 'Down', 'Enter')
    cards(b, 0)
    need(h.get('/api/mail/' + letter).json['decision'] == 'green')


@test
def a_question_is_answered_by_keyboard():
    h, b = inbox()
    task = ask(h, 'ask_person', question='Which colour has the door?',
               options=['red', 'green', '<b>blue</b>'])
    cards(b, 1)
    need(b.script('return document.querySelectorAll(".choice b").length') == 0)
    picture(b, 'question')
    b.keys('j', 'a')
    need(b.script('return document.activeElement.type') == 'radio')
    b.keys('Enter')  # nothing is chosen yet
    b.until("document.querySelector('#said').textContent.includes('choose')")
    cards(b, 1)
    b.keys('Down')
    need(b.script('return document.activeElement.parentNode.textContent') ==
         'green')
    b.keys('Enter')
    cards(b, 0)
    need(result_of(h, task) == {'answer': 'green', 'by': 'tester'})
    task = ask(h, 'ask_person', question='What stands on it?')
    cards(b, 1)
    b.keys('j', 'a')
    need(b.script('return document.activeElement.tagName') == 'TEXTAREA')
    b.keys(*'a door')
    b.keys('Enter')
    b.keys(*'jd')
    cards(b, 1)
    b.chord('Control', 'Enter')
    cards(b, 0)
    need(result_of(h, task)['answer'] == 'a door\njd')
    task = ask(h, 'ask_person', question='And behind it?')
    cards(b, 1)
    b.keys('j', 'd')
    b.keys(*'no idea')
    b.keys('Enter')
    cards(b, 0)
    need('no idea' in str(result_of(h, task)))
    clean(b)


@test
def what_a_client_or_nobody_saw_is_said_here_too():
    h, b = inbox()
    task = ask(h, 'weigh', thing='stone')
    cards(b, 1)
    need('A program of yours' in b.script(
        'return document.querySelector(".about").textContent'))
    b.keys('j', 'a')
    b.keys(*'{grams')
    b.chord('Control', 'Enter')
    b.until("document.querySelector('#said').textContent.includes('no JSON')")
    b.script('document.querySelector("textarea").value = ""')
    b.keys(*'{"grams": 12}')
    b.chord('Control', 'Enter')
    cards(b, 0)
    need(result_of(h, task) == {'grams': 12})
    task = ask(h, 'shell', command='sleep 60')
    until(lambda: 'call_started' in h.kinds(task), 60)
    h.ok('stop', task)
    h.ok('resume', task)
    cards(b, 1)
    need('nobody saw how it ended' in b.script(
        'return document.querySelector(".about").textContent'))
    need(b.script('return [...document.querySelectorAll(".buttons button")]'
                  '.map(x => x.textContent)') == ['It happened', 'It did not'])
    picture(b, 'unknown')
    b.keys('j', 'd')
    cards(b, 0)
    need('did_not_happen' in str(result_of(h, task)))
    clean(b)


@test
def an_open_page_shows_when_it_is_ones_turn():
    h, b = inbox()
    task = ask(h, 'lend')
    cards(b, 1)
    facts = 'return document.querySelector(".facts").innerText'
    yes = 'document.querySelector(".yes").disabled'
    b.until("document.querySelector('.facts').innerText.includes('Asked again')",
            60)
    b.until('!' + yes, 60)
    need('in the place of anna' in b.script(facts), b.script(facts))
    need(b.script('return document.querySelector(".note").hidden'))
    b.until("document.querySelector('#said').textContent.includes("
            "'you may decide now')")
    picture(b, 'escalated')
    b.keys('j', 'a')
    cards(b, 0)
    need(h.outcome(task)['state'] == 'completed')
    clean(b)


@test
def who_only_reads_is_told_so_and_has_no_buttons():
    h, b = inbox()
    task = ask(h, 'ask_person', question='Is anybody there?',
               options=['yes', 'no'])
    cards(b, 1)
    b.click('#logout')
    b.until("location.pathname === '/login'")
    login(b, h, 'rita')
    cards(b, 1)
    need('logged in to read' in b.script(
        'return document.querySelector(".note").textContent'))
    need(b.script('return [...document.querySelectorAll(".say button, '
                  '.choice input")].every(x => x.matches(":disabled"))'))
    b.keys('j', 'a', 'd', 'Enter')
    time.sleep(0.3)
    cards(b, 1)
    b.click('#logout')
    b.until("location.pathname === '/login'")
    login(b, h)
    cards(b, 1)
    b.click('.no')
    b.keys('Enter')
    cards(b, 0)
    h.outcome(task)
    clean(b, ' 401 (', 'ERR_')


@test
def what_the_keys_come_to_is_seen_from_its_head_on():
    h, b = inbox()
    for whom in 'Anna', 'Bert', 'Carl':
        pay(h, whom, note='n' * 3000)
    pay(h, 'Dora')
    pay(h, 'Emil')
    cards(b, 5)
    b.size(1000, 700)
    for key in 'jjjjjkkkk':
        b.keys(key)
        top, height, head, page = b.script(
            'const at = document.activeElement.getBoundingClientRect();'
            'return [at.top, at.height, document.querySelector("header")'
            '.getBoundingClientRect().bottom, innerHeight]')
        need(top >= head and (top + height <= page + 1 or height > page - head),
             key, top, height, head, page)
    b.keys('d', 'Enter')
    cards(b, 4)
    need(b.script('return document.activeElement.getBoundingClientRect().top')
         >= head)
    b.size(1000, 900)
    for w in h.waits():
        h.say(w, NO[w['kind']], 'enough')
    cards(b, 0)


@test
def a_link_leads_to_what_it_names_also_through_a_login():
    h, b = inbox()
    tasks = [pay(h, whom) for whom in ('Anna', 'Bert', 'Carl')]
    cards(b, 3)
    link = b.script('return document.querySelectorAll("article")[1].id')
    b.cdp('Page.addScriptToEvaluateOnNewDocument', source="""
        const Real = EventSource;
        window.EventSource = class extends Real {
            constructor(from) { super(from); window.stream = this; }
        };""")
    b.click('#logout')
    b.until("location.pathname === '/login'")
    b.go(address(h) + '#' + link)
    b.until("location.pathname === '/login'")
    login(b, h)
    b.until('document.activeElement.id === arguments[0]', 10, link)
    # The page begins anew by itself where it has missed too much: who looked at
    # another one just now does not decide this one.
    b.go(address(h) + 'login')
    b.go(address(h) + '#' + link)
    b.until('document.activeElement.id === arguments[0]', 10, link)
    b.keys('k')
    clock_stands(b)
    b.script("stream.dispatchEvent(new MessageEvent('reset', {data: '{}'}))")
    b.until('document.activeElement.id === arguments[0]', 10, link)
    b.keys('a')
    b.until("document.querySelector('#said').textContent.includes('look at')")
    cards(b, 3)
    clock_goes(b)
    for w in h.waits():
        h.say(w, NO[w['kind']], 'enough')
    cards(b, 0)
    b.go(address(h) + 'login')
    b.go(address(h) + '#' + link)
    b.until("document.querySelector('#said').textContent.includes("
            "'waits no more')")
    for task in tasks:
        h.outcome(task)
    clean(b, ' 401 (', 'ERR_')


@test
def it_fits_a_phone_in_light_and_in_the_dark():
    h, b = inbox()
    tasks = [pay(h, 'Grünwald & Söhne GmbH', 1250, note='Invoice 2026-1187, '
                 'due on Friday.', subject='Pay the supplier invoices'),
             pay(h, 'x' * 300, 3, note='y' * 2000, subject='z' * 200),
             pay(h, tool='sign', subject='Renew the office lease'),
             ask(h, 'ask_person', question='Q' * 300,
                 options=['a short one', 'l' * 200, 'two words'])]
    cards(b, 4)
    for name, width, height, mobile in (('phone', 360, 780, True),
                                        ('small', 320, 640, True),
                                        ('desk', 1100, 900, False)):
        for dark in False, True:
            b.size(width, height, mobile)
            b.dark(dark)
            b.script('window.scrollTo(0, 0)')
            b.keys('j')
            wide = b.script('return document.documentElement.scrollWidth')
            need(wide <= width, name, wide)
            small = b.script(
                'return [...document.querySelectorAll(".buttons button, '
                '.choice")]'
                '.filter(x => x.getBoundingClientRect().height < 44).length')
            need(small == 0, 'buttons too small for a thumb')
            picture(b, '%s-%s' % (name, 'dark' if dark else 'light'))
    b.dark(False)
    for w in h.waits():
        h.say(w, NO[w['kind']], 'enough')
    cards(b, 0)
    for task in tasks:
        h.outcome(task)
    clean(b)


class Proxy:
    """Debian's lighttpd with a certificate of its own before a house."""

    def __init__(self, to):
        if not os.path.exists('/usr/sbin/lighttpd'):
            raise Skipped('no lighttpd here')
        self.folder = tempfile.mkdtemp(prefix='proxy-')
        self.port = free_port()
        pem = os.path.join(self.folder, 'pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', pem,
             '-out', pem + '.crt', '-subj', '/CN=inbox.example'],
            check=True, capture_output=True)
        with open(pem, 'a') as f, open(pem + '.crt') as crt:
            f.write(crt.read())
        conf = os.path.join(self.folder, 'conf')
        write(conf, PROXY.format(folder=self.folder, port=self.port, to=to))
        self.process = subprocess.Popen(
            ['/usr/sbin/lighttpd', '-D', '-f', conf],
            stdin=subprocess.DEVNULL, preexec_fn=with_parent)
        COMPANIONS.append(self.process)
        until(self.listens, text='the proxy does not listen')

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', self.port)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        COMPANIONS.remove(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


@test
def behind_a_proxy_that_speaks_https_the_cookie_is_bound_to_its_host():
    h, b = inbox()
    with Proxy(h.port) as proxy:
        there = 'https://inbox.example:%d/' % proxy.port
        b.go(there)
        b.until("location.pathname === '/login'")
        b.type('#token', h.token())
        b.keys('Enter')
        b.until("document.querySelector('.live.on') !== null", 15)
        need(b.url() == there, b.url())
        cookie, = b.cdp('Network.getCookies', urls=[there])['cookies']
        need(cookie['name'] == '__Host-handrail' and cookie['secure'] and
             cookie['httpOnly'] and cookie['sameSite'] == 'Strict', cookie)
        clean(b, ' 401 (', 'ERR_')
        task = pay(h, 'Ines')
        cards(b, 1)
        b.keys('j', 'a')
        cards(b, 0)
        need(h.outcome(task)['state'] == 'completed')
        b.go('about:blank')
        clean(b)


@test
def whoever_hears_the_page_is_told_what_it_shows():
    h, b = inbox()
    task = pay(h, 'Hans')
    cards(b, 1)
    nameless = b.script("""
        return [...document.querySelectorAll('button, input, select, a')]
            .filter(x => x.checkVisibility() && !(x.textContent.trim() ||
                x.getAttribute('aria-label') || x.labels && x.labels.length))
            .map(x => x.outerHTML)""")
    need(nameless == [], nameless)
    need(b.script('return document.documentElement.lang') == 'en')
    said = b.script("return document.querySelector('[aria-live=polite]')"
                    '.textContent')
    need('asks for pay' in said, said)
    label = b.script("return document.querySelector('article')"
                     ".getAttribute('aria-label')")
    need(label.startswith('pay, finance, code '), label)
    # As the browser hands it to a screen reader: landmarks, a list of
    # articles with names, what can be pressed and what it is called.
    ask(h, 'ask_person', question='Red or green?', options=['red', 'green'])
    cards(b, 2)
    heard = [(n['role']['value'], n.get('name', {}).get('value', ''))
             for n in b.cdp('Accessibility.getFullAXTree')['nodes']
             if not n['ignored']]
    roles = [role for role, _ in heard]
    for role in 'banner', 'main', 'contentinfo', 'status':
        need(roles.count(role) == 1, role, roles)
    for role, name in (('list', 'What waits for a person'),
                       ('heading', 'pay'), ('button', 'Approve'),
                       ('button', 'Deny'), ('button', 'Answer'),
                       ('button', 'Decline'), ('button', 'Log out'),
                       ('group', 'Your answer'), ('radio', 'red'),
                       ('radio', 'green'), ('link', 'To what waits')):
        need((role, name) in heard, role, name, heard)
    articles = [name for role, name in heard if role == 'article']
    need(len(articles) == 2 and articles[0].startswith('pay, finance, code ')
         and articles[1].startswith('ask_person, finance, code '), articles)
    h.say([w for w in h.waits() if w['kind'] == 'question'][0], 'decline')
    cards(b, 1)
    b.keys('j')
    need(b.script('return getComputedStyle(document.activeElement)'
                  '.outlineStyle') == 'solid', 'the focus is not seen')
    b.keys('a')
    cards(b, 0)
    h.outcome(task)
    clean(b)


@test
def a_page_goes_on_when_the_house_was_away_and_asks_for_a_login():
    h, b = inbox()
    task = pay(h, 'Ida')
    cards(b, 1)
    h.stop()
    b.until("document.querySelector('.live').textContent.includes('reconn')")
    b.keys('j', 'a')
    b.until("document.querySelector('#said').textContent.includes("
            "'does not answer')")
    b.script("document.querySelector('#said').textContent = ''")
    b.click('#logout')
    b.until("document.querySelector('#said').textContent.includes("
            "'does not answer')")
    h.start()
    b.until("location.pathname === '/login'", 20)
    need('the house was started again' in why(b))
    b.go(address(h))  # anew, with the cookie of that login
    b.until("location.pathname === '/login'")
    need('the house was started again' in why(b))
    login(b, h)
    cards(b, 1)
    b.keys('j', 'a')
    cards(b, 0)
    need(h.outcome(task)['state'] == 'completed')
    clean(b, ' 401 (', 'ERR_')


if __name__ == '__main__':
    code = main()
    for made in BROWSER, HOUSE:
        if made:
            made.__exit__()
    sys.exit(code)
