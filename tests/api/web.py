#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The inbox in a browser, from outside: what a page may ask and who else may
not, what a login is worth, and what the stream of changes tells."""
import json
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from web_page import *  # noqa: E402,F403

CONFIG_WEB = """
[api]
hosts = "inbox.example, other.example"
"""
HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House({'helper': HELPER, 'payer': PAYER}, CONFIG_WEB)
        HOUSE.start()
    return HOUSE


# --- pages --------------------------------------------------------------------

@test
def pages_are_read_by_anybody_and_may_do_nothing_but_their_own():
    h = house()
    p = Page(h)
    for path, kind in (('/', 'text/html'), ('/login', 'text/html'),
                       ('/web/app.js', 'text/javascript'),
                       ('/web/app.css', 'text/css'),
                       ('/web/icon.svg', 'image/svg+xml')):
        a = p.raw('GET', path)
        need(a.code == 200 and a.headers['Content-Type'].startswith(kind), a)
        policy = a.headers['Content-Security-Policy']
        for part in ("default-src 'none'", "script-src 'self'",
                     "style-src 'self'", "frame-ancestors 'none'",
                     "base-uri 'none'", "form-action 'self'",
                     "require-trusted-types-for 'script'"):
            need(part in policy, part, policy)
        need('unsafe' not in policy and 'http:' not in policy, policy)
        for name, value in (('X-Content-Type-Options', 'nosniff'),
                            ('Referrer-Policy', 'no-referrer'),
                            ('Cache-Control', 'no-store'),
                            ('X-Frame-Options', 'DENY')):
            need(a.headers[name] == value, name, a.headers)
        need('Set-Cookie' not in a.headers)
        outside = re.findall(r'https?://[^"\s]+', a.out)
        need(set(outside) <= {'http://www.w3.org/2000/svg'}, outside)
        need(not re.search(r'<script>|onclick=|innerHTML|style=', a.out), path)
    said = [p.raw('GET', path).out.count('Your login has ended')
            for path in ('/login?ended', '/login', '/login?ended=1', '/?ended')]
    need(said == [1, 0, 0, 0], said)
    need(p.raw('GET', '/web/none').code == 401)
    need(h.get('/', tcp=False).code == 404, 'the local socket has no pages')


@test
def a_link_from_elsewhere_leads_to_the_page_and_to_nothing_else():
    p = Page(house())
    site = {'Sec-Fetch-Site': 'cross-site'}
    there = {**site, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    need(p.raw('GET', '/', headers=there).code == 200)
    for headers in (site, {**there, 'Sec-Fetch-Dest': 'iframe'},
                    {**site, 'Sec-Fetch-Mode': 'no-cors',
                     'Sec-Fetch-Dest': 'script'}):
        need(p.raw('GET', '/web/app.js', headers=headers).code == 403, headers)
        need(p.raw('GET', '/', headers=headers).code == 403, headers)
    p.login()
    need(p.raw('GET', '/web/inbox', headers=there).code == 403)


# --- a login ------------------------------------------------------------------

@test
def a_login_is_by_the_operators_token_and_nothing_else():
    h = house()
    p = Page(h)
    for token in ('', 'x', h.token()[:-1], h.token() + 'x', h.token().upper()):
        a = p.form(token)
        need(a.code == 401 and 'no operator’s token' in a.out.replace(
            "'", '’') and 'Set-Cookie' not in a.headers, token, a)
    for form in ('', 'token', 'tok=1', 'token=a&token=b', 'token=%zz'):
        a = p.raw('POST', '/web/login', form, headers={
            'Content-Type': 'application/x-www-form-urlencoded'})
        need(a.code in (400, 401) and 'Set-Cookie' not in a.headers, form, a)
    a = p.form(h.token())
    need(a.code == 303 and a.headers['Location'] == '/', a)
    cookie = a.headers['Set-Cookie']
    need(re.fullmatch(r'handrail_%d=[\w-]{43}; Path=/; HttpOnly; '
                      r'SameSite=Strict' % h.port, cookie), cookie)
    p.login()
    need(p.me['operator'] == 'tester' and 0 < p.me['seconds'] <= 43200, p.me)


@test
def by_a_name_of_the_operators_the_cookie_is_bound_to_that_host_and_https():
    h = house()
    p = Page(h, 'inbox.example', 'https')
    a = p.form(h.token())
    need(a.code == 303 and re.fullmatch(
        r'__Host-handrail=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; '
        'Secure', a.headers['Set-Cookie']), a, a.headers)
    p.login()
    need(p.inbox()['waits'] == [])
    # http by that name would show the cookie to the network.
    need(Page(h, 'inbox.example', 'http').form(h.token()).code == 403)


@test
def after_ten_wrong_tokens_in_a_minute_a_script_hears_only_that():
    h = house()
    p = Page(h)
    codes = [p.form('wrong %d' % i).code for i in range(25)]
    need(429 in codes and codes[-1] in (401, 429), codes)
    need(codes.count(401) <= 20, codes)  # of two minutes at most
    p.login()  # the operator is not locked out


@test
def a_logout_ends_the_login_in_the_house_and_not_only_in_the_browser():
    p = Page(house()).login()
    other = Page(house()).login()
    s = Stream(p, p.inbox()['seq'])
    a = p.raw('POST', '/web/logout', {})
    need(a.code == 200 and 'Max-Age=0' in a.headers['Set-Cookie'], a)
    s.wait('ended')
    until(lambda: s.ended, 5, 'the stream goes on')
    need(p.raw('GET', '/web/inbox').code == 401)
    need(other.inbox()['open'] == 0)


@test
def a_login_ends_by_time_and_with_the_house():
    with House({'payer': PAYER}, '[api]\nlogin = "6s"\n') as h:
        h.start()
        p = Page(h).login()
        need(p.me['seconds'] <= 6, p.me)
        s = Stream(p, p.inbox()['seq'])
        s.wait('ended')
        need(p.raw('GET', '/web/inbox').code == 401)
        h.stop()
        h.start()
        p = Page(h).login()
        h.stop()
        h.start()
        need(p.raw('GET', '/web/session').code == 401)


@test
def a_login_that_ends_while_its_question_waits_is_told_so():
    """The question waits for the commit of what came before it; the logout is
    in the same turn of core, which stands still until all three are there."""
    with House({'payer': PAYER}) as h:
        h.start()
        codes = []
        for _ in range(10):
            p = Page(h).login()
            core, heard = h.pids()['core'], {}

            def ask(name, *what):
                def run():
                    heard[name] = p.raw(*what).code
                t = threading.Thread(target=run)
                t.start()
                time.sleep(0.3)
                return t
            os.kill(core, signal.SIGSTOP)
            try:
                put = threading.Thread(target=lambda: pay(h, 'dora'))
                put.start()
                time.sleep(0.3)
                asked = [ask('inbox', 'GET', '/web/inbox'),
                         ask('session', 'GET', '/web/session'),
                         ask('logout', 'POST', '/web/logout', {})]
            finally:
                os.kill(core, signal.SIGCONT)
            for t in [put, *asked]:
                t.join(60)
            need(heard['logout'] == 200, heard)
            codes.append((heard['inbox'], heard['session']))
            need(h.get('/api/status').json['incarnation'] == 1, h.log()[-1500:])
            if codes[-1] == (401, 401):
                break
        need(codes[-1] == (401, 401), 'its questions never waited', codes)


@test
def an_operator_who_is_taken_out_or_gets_another_token_is_logged_out():
    with House({'payer': PAYER}, '[operator.guest]\nuid = 4242\n') as h:
        h.start()
        path = os.path.join(h.state, 'operators/guest.token')
        with open(path) as f:
            token = f.read().strip()
        p = Page(h).login(token)
        need(p.me['operator'] == 'guest')
        h.stop()
        os.unlink(path)
        h.start()
        need(p.raw('GET', '/web/session').code == 401)
        need(Page(h).form(token).code == 401)


# --- what a page may ask ------------------------------------------------------

@test
def each_sign_of_another_origin_is_enough_for_a_no():
    h = house()
    task = pay(h)
    p = Page(h).login()
    w = p.waiting(task)
    other = Page(h).login()
    mine = '127.0.0.1:%d' % h.port
    wrong = [
        ('Host', ['evil.example', 'evil.example:%d' % h.port,
                  '127.0.0.1.evil.example', '10.0.0.1', '',
                  'localhost.evil.example:%d' % h.port]),
        ('Origin', [None, 'null', 'http://evil.example', 'https://' + mine,
                    'http://127.0.0.1', 'http://127.0.0.1:1',
                    'http://localhost:%d' % h.port,
                    'http://%s.evil.example' % mine]),
        ('Sec-Fetch-Site', [None, 'cross-site', 'same-site', 'none', '',
                            'same-origin, cross-site']),
        ('X-CSRF-Token', [None, '', 'x', other.csrf, p.csrf[:-1],
                          p.csrf.swapcase()]),
        ('Content-Type', [None, 'text/plain', 'multipart/form-data',
                          'application/x-www-form-urlencoded']),
    ]
    for name, values in wrong:
        for value in values:
            a = p.say(w, headers={name: value})
            need(a.code in (400, 403), name, value, a)
    for value in (None, '', 'handrail=x', p.cookie[:-1], p.cookie + 'A',
                  p.cookie + '; ' + p.cookie, 'x' + p.cookie,
                  p.cookie.split('=')[0] + '=' + 'A' * 43):
        a = p.say(w, headers={'Cookie': value})
        need(a.code in (401, 403), 'Cookie', value, a)
    a = p.say(w, headers={'Cookie': other.cookie})  # its token is the other's
    need(a.code == 403, a)
    a = p.say(w, headers={'Authorization': 'Bearer ' + h.token()})
    need(a.code in (400, 401), a)
    need([x['id'] for x in h.waits()] == [w['id']])
    need(p.say(w).code == 200)
    need(h.outcome(task)['state'] == 'completed')


@test
def what_is_only_read_is_read_by_this_origin_alone_too():
    h = house()
    p = Page(h).login()
    for path in ('/web/inbox', '/web/session', '/web/events'):
        for name, value in (('Host', 'evil.example'),
                            ('Origin', 'http://evil.example'),
                            ('Sec-Fetch-Site', None),
                            ('Sec-Fetch-Site', 'same-site'),
                            ('Sec-Fetch-Site', 'cross-site')):
            a = p.raw('GET', path, headers={name: value})
            need(a.code == 403, path, name, value, a)
        need(p.raw('GET', path, leave=('Cookie',)).code == 401, path)


@test
def a_login_opens_the_page_and_no_other_door():
    h = house()
    p = Page(h).login()
    for method, path in (('GET', '/api/status'), ('GET', '/api/waits'),
                         ('POST', '/api/tasks'), ('GET', '/api/tasks'),
                         ('POST', '/api/stop')):
        a = p.raw(method, path, {} if method == 'POST' else None)
        need(a.code == 403, path, a)
    # and a token opens no page
    a = h.get('/web/inbox', tcp=True, headers={'Sec-Fetch-Site': 'same-origin'})
    need(a.code == 401, a)
    a = h.get('/web/inbox')
    need(a.code == 401, a)
    a = h.post('/web/login', {'login': 'a' * 64})
    need(a.code == 403, a)


# --- decisions ----------------------------------------------------------------

@test
def a_page_shows_who_asks_for_what_whole():
    h = house()
    task = pay(h, 'anna', 12345678901234567890 // 10 ** 4, note='x' * 9000)
    p = Page(h).login()
    w = p.waiting(task)
    need(w['role'] == 'payer' and w['tool'] == 'pay' and len(w['code']) == 4,
         w)
    need(w['asker'] == 'linux__server__payer_coworker' and
         w['gate'] == 'gate.pay' and w['surfaces'] == ['web', 'cli'], w)
    need(w['whole'] and w['here'] and '1234567890123456' in w['args'] and
         'x' * 9000 in w['args'], w)
    need(w['code'] == h.waiting()['code'])
    need(w['expires'] > w['asked'])
    p.say(w, 'deny')
    h.outcome(task)


@test
def what_cannot_be_shown_whole_is_denied_there_and_not_approved():
    h = house()
    task = pay(h, note='x' * 20000)
    p = Page(h).login()
    w = p.waiting(task)
    need(not w['whole'] and w['yes_mark'] == '' and w['no_mark'], w)
    for mark in ('', w['no_mark'], 'a' * 64):
        a = p.say(w, mark=mark)
        need(a.code == 403 and 'not shown it whole' in a.out, a)
    need(p.say(w, 'deny').code == 200)
    h.outcome(task)


@test
def a_decision_counts_only_for_what_this_very_login_was_shown():
    h = house()
    first, second = pay(h, 'anna'), pay(h, 'bert')
    p, other = Page(h).login(), Page(h).login()
    w, x = p.waiting(first), p.waiting(second)
    for mark in ('', x['yes_mark'], w['no_mark'], 'a' * 64,
                 other.waiting(first)['yes_mark']):
        a = p.say(w, mark=mark)
        need(a.code == 403 and 'was not shown' in a.out, mark, a)
    need(p.say(w).code == 200)
    need(other.say(other.waiting(second), 'deny').code == 200)
    need(h.outcome(first)['state'] == 'completed')
    h.outcome(second)


@test
def a_decision_is_on_record_with_who_and_where_and_its_reason_is_heard():
    h = house()
    task = pay(h, 'carl')
    p = Page(h).login()
    w = p.waiting(task)
    a = p.say(w, 'deny', body={'reason': 'not <b>today</b>'})
    need(a.code == 200 and a.json['state'] == 'denied', a)
    h.outcome(task)
    said = [e['body'] for e in h.events(task) if e['kind'] == 'wait_decided']
    need(len(said) == 1 and said[0]['by'] == 'tester' and
         said[0]['surface'] == 'web' and
         said[0]['reason'] == 'not <b>today</b>', said)
    call = h.task(task)['runs'][0]['calls'][0]
    need('not <b>today</b>' in json.dumps(call['result']), call)


@test
def a_gate_that_names_no_page_takes_no_answer_from_one():
    h = house()
    task = pay(h, tool='sign')
    p = Page(h).login()
    w = p.waiting(task)
    need(not w['here'] and w['surfaces'] == ['cli'], w)
    for word in 'approve', 'deny':
        a = p.say(w, word)
        need(a.code == 403 and 'does not take an answer' in a.out, a)
    h.ok('approve', w['id'])
    need(h.outcome(task)['state'] == 'completed')


@test
def the_first_answer_wins_and_the_rest_are_told_who_gave_it():
    h = house()
    task = pay(h, 'dora')
    p, other = Page(h).login(), Page(h).login()
    w = p.waiting(task)
    x = other.waiting(task)
    answers = []
    threads = [threading.Thread(target=lambda q=q, y=y, d=d: answers.append(
        q.say(y, d))) for q, y, d in ((p, w, 'approve'), (other, x, 'deny'),
                                      (p, w, 'deny'), (other, x, 'approve'))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    codes = sorted(a.code for a in answers)
    need(codes == [200, 409, 409, 409], codes)
    need(all('already' in a.out and 'by tester on web' in a.out
             for a in answers if a.code == 409), [str(a) for a in answers])
    h.outcome(task)
    need(h.kinds(task).count('wait_decided') == 1)


@test
def an_approval_may_be_remembered_from_the_page():
    h = house()
    task = pay(h, 'emil')
    p = Page(h).login()
    w = p.waiting(task)
    need(w['remember'], w)
    need(p.say(w, body={'remember': 'soon'}).code == 400)
    need(p.say(w, 'deny', body={'remember': '1h'}).code == 400)
    need(p.say(w, body={'remember': '1h'}).code == 200)
    h.outcome(task)
    need(h.outcome(pay(h, 'emil'))['state'] == 'completed')
    grants = h.read('grant', 'list')['grants']
    need(len(grants) == 1 and grants[0]['surface'] == 'web', grants)
    h.ok('grant', 'revoke', grants[0]['id'])


@test
def nobody_says_yes_twice_or_in_the_place_of_another():
    roles = {'payer': {**PAYER, 'gates.toml': """\
[gate.both]
match   = { tool = "pay" }
require = "two_operators"
surface = "web | cli"

[gate.named]
match   = { tool = "sign" }
require = "guest"
surface = "web"
"""}}
    with House(roles, '[operator.guest]\nuid = 4242\n') as h:
        h.start()
        with open(os.path.join(h.state, 'operators/guest.token')) as f:
            guest = Page(h).login(f.read().strip())
        p, again = Page(h).login(), Page(h).login()
        s = Stream(p, p.inbox()['seq'])
        task = pay(h)
        w = p.waiting(task)
        need(w['people'] == 2 and not w['remember'], w)
        a = p.say(w)
        need(a.code == 200 and a.json['state'] == 'open' and
             a.json['said'] == 1, a)
        x = s.wait('yes', id=w['id'])
        need(x['by'] == 'tester' and x['state'] == 'open', x)
        for a in (p.say(w), again.say(again.waiting(task)),
                  h.say(w, 'approve')):
            need(a.code == 409 and 'said yes already' in a.out, a)
        # The mark of another's login is worth nothing in ours.
        a = guest.say(w)
        need(a.code == 403 and 'was not shown' in a.out, a)
        w = guest.waiting(task)
        need(w['yes'] == ['tester'], w)
        need(guest.say(w).json['state'] == 'approved')
        x = s.wait('over', id=w['id'])
        need(x['state'] == 'approved' and x['by'] == 'guest', x)
        need(h.outcome(task)['state'] == 'completed')
        task = pay(h, tool='sign')
        a = p.say(p.waiting(task))
        need(a.code == 403 and 'requires the yes of' in a.out, a)
        need(guest.say(guest.waiting(task)).code == 200)
        need(h.outcome(task)['state'] == 'completed')
        s.close()


@test
def an_agent_or_another_person_without_a_login_decides_nothing():
    h = house()
    task = pay(h, 'fred')
    p = Page(h).login()
    w = p.waiting(task)
    # The asker is an identity: no token makes it a person.
    need(Page(h).form(w['asker']).code in (401, 429))
    with open(os.path.join(h.state, 'operators/tester.token')) as f:
        token = f.read().strip()
    a = h.ask('POST', '/api/waits/' + w['id'], {'decision': 'approve'},
              token=token, tcp=True)
    need(a.code == 403, 'over TCP a token alone decides nothing', a)
    need(p.say(w, 'deny').code == 200)
    h.outcome(task)


# --- the stream ---------------------------------------------------------------

@test
def a_page_hears_what_comes_and_what_is_decided_elsewhere():
    h = house()
    p = Page(h).login()
    s = Stream(p, p.inbox()['seq'])
    task = pay(h, 'gina', note='</script><img src=x onerror=alert(1)>\n\n: x')
    w = s.wait('asked', task=task)
    need('<img src=x' in w['args'] and w['yes_mark'], w)
    h.ok('approve', w['id'])
    x = s.wait('over', id=w['id'])
    need(x['state'] == 'approved' and x['by'] == 'tester' and
         x['surface'] == 'cli' and x['seq'] > w['seq'], x)
    h.outcome(task)
    task = pay(h, 'gina')
    w = s.wait('asked', task=task)
    need(p.say(w, 'deny', body={'reason': 'no\nevent: over'}).code == 200)
    x = s.wait('over', id=w['id'])
    need(x['state'] == 'denied' and x['reason'] == 'no\nevent: over', x)
    h.outcome(task)
    need(len([e for e in s.events if e['event'] == 'over']) == 2, s.events)
    s.close()


@test
def a_page_that_was_away_misses_nothing_and_hears_nothing_twice():
    h = house()
    p = Page(h).login()
    s = Stream(p, p.inbox()['seq'])
    first = pay(h, 'hans')
    w = s.wait('asked', task=first)
    s.close()
    second = pay(h, 'ida')
    x = p.waiting(second)
    h.ok('approve', w['id'])
    h.outcome(first)
    s = Stream(p, 0, last=w['seq'])
    s.wait('asked', task=second)
    s.wait('over', id=w['id'])
    need(len(s.events) == 2, s.events)
    s.close()
    s = Stream(p, 0, last=1)  # before anything that is kept
    s.wait('reset')
    need(len(s.events) == 1, s.events)
    s.close()
    s = Stream(p, 10 ** 12)   # of another book
    s.wait('reset')
    s.close()
    p.say(x, 'deny')
    h.outcome(second)


@test
def an_api_that_falls_takes_no_login_and_no_change_with_it():
    h = house()
    p = Page(h).login()
    s = Stream(p, p.inbox()['seq'])
    first = pay(h, 'jana')
    w = s.wait('asked', task=first)
    pid = h.pids()['api']
    need(end_process(pid))
    until(lambda: s.ended, 10, 'the stream goes on')
    h.whole()
    second = pay(h, 'kurt')
    p.waiting(second)
    s = Stream(p, 0, last=w['seq'])
    s.wait('asked', task=second)
    for x in p.inbox()['waits']:
        need(p.say(x, 'deny').code == 200)
        s.wait('over', id=x['id'])
    h.outcome(first)
    h.outcome(second)
    s.close()


@test
def what_expires_leaves_the_page():
    roles = {'payer': {**PAYER, 'gates.toml': GATES.replace(
        'surface = "web | cli"', 'surface = "web | cli"\nexpires = "2s"')}}
    with House(roles) as h:
        h.start()
        p = Page(h).login()
        s = Stream(p, p.inbox()['seq'])
        task = pay(h)
        w = s.wait('asked', task=task)
        x = s.wait('over', id=w['id'])
        need(x['state'] == 'expired' and not x['by'], x)
        # The letter about its task may be there by now.
        need(w['id'] not in [x['id'] for x in p.inbox()['waits']])
        a = p.say(w)
        need(a.code == 409 and 'expired' in a.out, a)


@test
def no_token_and_no_cookie_is_in_the_book_or_the_log():
    h = house()
    p = Page(h).login()
    secrets = [h.token(), p.cookie.split('=')[1], p.csrf]
    seen = h.log() + json.dumps(h.events()) + json.dumps(h.read('status'))
    for secret in secrets:
        need(secret not in seen, 'a secret is shown')
    for folder, _, names in os.walk(os.path.join(h.state, 'book')):
        for name in names:
            with open(os.path.join(folder, name), 'rb') as f:
                data = f.read()
            need(not any(s.encode() in data for s in secrets), name)
    h.verified()


if __name__ == '__main__':
    code = main()
    if HOUSE:
        HOUSE.__exit__()
    sys.exit(code)
