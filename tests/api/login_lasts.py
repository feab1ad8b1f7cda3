#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a login lasts, how often a device asks, and what an answer that comes
too late or is a no leaves as it was; with a real issuer."""
import email.utils
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
import urllib.parse
from contextlib import closing

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403
from issuer import Both, Browser, RULE  # noqa: E402
from vault_help import (  # noqa: E402
    artefacts, box, caller, encodings, finish, heads, tokens)

AT = '/api/vault/credentials/there'
LOGIN = '/api/vault/login'
GO = LOGIN + '/there'
BACK = 'http://127.0.0.1:8976/callback'


def device(h, i):
    a = h.post(LOGIN, {
        'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
        'token_endpoint': i.url + '/token', 'client_id': 'box',
        'device_authorization_endpoint': i.url + '/device/auth',
        'scope': 'openid offline_access'})
    need(a.code == 200 and a.json['user_code'], a)
    return a.json


def asked(h):
    return [e['body']['use'] for e in heads(h, 'credential_asked')]


@test
def a_device_asks_no_longer_than_its_code_lives():
    with Both() as (h, i):
        i.set(device=2)
        need(device(h, i)['expires_in'] == 2)
        time.sleep(2.1)
        a = h.post(GO, {})
        need(a.code == 404 and 'no login is under way' in a.out, a)
        need(asked(h) == ['device_authorization'], asked(h))
        # The twin: one that lives on.
        i.set(device=600)
        a = h.post(LOGIN, {'name': 'there'})
        need(a.code == 200, a)
        need(h.post(GO, {}).json['state'] == 'pending')


@test
def a_device_asks_more_slowly_when_told_and_again_after_a_fault():
    with Both() as (h, i):
        need(device(h, i)['interval'] == 5)
        time.sleep(5.1)
        i.set(fault='500')
        a = h.post(GO, {})
        need(a.code == 503 and 'gave no token' in a.out, a)
        i.set(fault='slow_down')
        a = h.post(GO, {})
        need(a.code == 200 and a.json['state'] == 'pending' and
             a.json['interval'] == 10, a)
        i.set(fault='')
        need(h.post(GO, {}).json['state'] == 'pending', 'too early')
        need(asked(h) == ['device_authorization'] + ['device_code'] * 2, asked(h))


CALL = [shell('curl -sS -m 40 https://api.test/api'), finish()]


def answers(h, task):
    return json.dumps([e for e in h.events(task)
                       if e['kind'] == 'call_settled'])


def call(h):
    return answers(h, h.run(CALL, queue='caller', seconds=60)['id'])


def comes_back(h, i):
    """A login is begun, a browser walks it: what is brought back from there."""
    login = h.post(LOGIN, {
        'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
        'token_endpoint': i.url + '/token', 'client_id': 'person',
        'authorization_endpoint': i.url + '/auth', 'issuer': i.url,
        'scope': 'openid offline_access', 'redirect_uri': BACK})
    need(login.code == 200, login)
    end, _ = Browser(i).walk(login.json['url'], stop='http://127.0.0.1')
    got = {k: v[0] for k, v in urllib.parse.parse_qs(
        urllib.parse.urlsplit(end).query).items()}
    return {'state': got['state'], 'iss': got['iss'],
            'code': box(h, got['code'].encode())}


@test
def a_code_that_is_refused_ends_its_login_and_not_the_credential():
    with Both() as (h, i):
        a = h.post(GO, comes_back(h, i))
        need(a.code == 200, a)
        again = h.post(LOGIN, {'name': 'there', 'redirect_uri': BACK})
        need(again.code == 200, again)
        a = h.post(GO, {'state': again.json['login'], 'iss': i.url,
                        'code': box(h, b'a-code-that-nobody-made')})
        need(a.code == 403 and 'invalid_grant' in a.out, a)
        need('closed' not in h.get(AT).json, h.get(AT))
        need('the interface says yes' in call(h), i.log())


def tokens_come_on_a_full_disk(h, i):
    """What whoever logs in is told: its code is at the issuer when the disk is
    full."""
    back = comes_back(h, i)
    i.set(hold=True)
    late = Local(os.path.join(h.state, 'cli.sock'), PATIENCE)
    late.request('POST', GO, json.dumps(back),
                 {'Authorization': 'Bearer ' + h.token()})
    until(lambda: i.log('held'))
    h.fill_disk()
    i.set(hold=False)
    until(lambda: h.get(AT).json['version'] == 2)
    a = late.getresponse()
    return Answer(a.status, a.read().decode())


@test
def who_logs_in_on_a_full_disk_is_told_and_the_tokens_that_come_are_kept():
    with Both(tiny=True) as (h, i):
        a = tokens_come_on_a_full_disk(h, i)
        need(a.code == 503 and 'the login goes on then' in a.out and
             'no room left' in a.out, a)
        h.free_disk()
        until(lambda: h.get('/healthz', token=False).code == 200)
        need('the interface says yes' in call(h), i.log())
        need(asked(h) == ['authorization_code'] and not i.log('refused'), i.log())
    # Its first question finds the disk full; nobody is asked.
    with Both(tiny=True) as (h, i):
        h.fill_disk()
        a = h.post(LOGIN, {'name': 'there', 'mcp_server_url': i.url + '/mcp/v1',
                           'client_id': 'person', 'redirect_uri': BACK})
        need(a.code == 503 and 'no login was begun' in a.out and
             not i.log('server'), a, i.log())
        h.free_disk()
        until(lambda: h.get('/healthz', token=False).code == 200)
        need(h.get(AT).code == 404)
        need(device(h, i))


UNWRITTEN = 'what it did since the book could not be written is not in it'


@test
def a_house_that_ends_on_a_full_disk_says_what_it_does_not_keep():
    with Both(tiny=True) as (h, i):
        tokens_come_on_a_full_disk(h, i)
        h.stop()
        need(UNWRITTEN in h.log(), h.log())


@test
def a_house_that_ends_once_there_is_room_keeps_the_tokens_that_came():
    with Both(tiny=True) as (h, i):
        tokens_come_on_a_full_disk(h, i)
        # The disk would be gone with the house.
        disk = os.open(os.path.dirname(h.filler()), os.O_RDONLY)
        h.free_disk()
        need(h.stop() == 0 and UNWRITTEN not in h.log(), h.log())
        book = os.path.join(h.state, 'book')
        for name in os.listdir(disk):
            at = os.stat(name, dir_fd=disk)
            shutil.copy('/proc/self/fd/%d/%s' % (disk, name), book)
            os.chown(os.path.join(book, name), at.st_uid, at.st_gid)
        os.chown(book, os.fstat(disk).st_uid, os.fstat(disk).st_gid)
        os.close(disk)
        h.start()
        need('the interface says yes' in call(h), i.log())
        need(asked(h) == ['authorization_code'], asked(h))


def refreshes(h, i, refresh=b'canary-refresh-0000', **more):
    a = h.post('/api/vault/credentials', {
        'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
        'token_endpoint': i.url + '/token', 'client_id': 'anybody',
        'box': box(h, tokens(b'', refresh)), **more})
    need(a.code == 200, a)


@test
def tokens_that_are_being_renewed_are_not_lost_to_a_login():
    with Both('mock') as (h, i):
        refreshes(h, i, authorization_endpoint=i.url + '/auth')
        again = {'name': 'there', 'redirect_uri': BACK}
        # The endpoint is asked while the vault makes the row of the login.
        vault = h.pids()['vault']
        late = Local(os.path.join(h.state, 'cli.sock'), PATIENCE)
        end_process(vault, signal.SIGSTOP)
        try:
            late.request('POST', LOGIN, json.dumps(again),
                         {'Authorization': 'Bearer ' + h.token()})
            need(h.get('/api/status').code == 200, 'core has heard of it')
            task = h.dispatch(CALL, queue='caller')
            until(lambda: asked(h))
        finally:
            end_process(vault, signal.SIGCONT)
        a = late.getresponse()
        need(a.status == 409 and b'log in again in some seconds' in a.read(), a.status)
        late.close()
        h.outcome(task)
        need('the interface says yes' in answers(h, task), answers(h, task))
        # And what a browser brought back meanwhile is not used up by a no.
        need(h.post(AT + '/delete', {}).code == 200)
        refreshes(h, i, b'another', authorization_endpoint=i.url + '/auth')
        login = h.post(LOGIN, again)
        need(login.code == 200, login)
        i.ask('/forget')
        i.set(hold=True)
        task = h.dispatch(CALL, queue='caller')
        until(lambda: i.log('held'))
        back = {'state': login.json['login'], 'code': box(h, b'code')}
        need(h.post(GO, back).code == 409)
        i.set(hold=False)
        h.outcome(task)
        a = h.post(GO, back)
        need(a.code == 503 and 'the token endpoint gave no token' in a.out, a)


@test
def what_an_issuer_says_again_of_what_it_was_asked_with_goes_nowhere():
    refresh, secret, code = (b'canary_%s_0077' % x for x in
                             (b'refresh', b'secret', b'code'))
    again = {'name': 'there', 'redirect_uri': BACK}

    def login():
        a = h.post(LOGIN, again)
        need(a.code == 200, a)
        return h.post(GO, {'state': a.json['login'], 'code': box(h, code)})
    with Both('mock') as (h, i):
        a = h.post('/api/vault/credentials', {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'anybody',
            'authorization_endpoint': i.url + '/auth',
            'box': box(h, tokens(b'', refresh, secret))})
        need(a.code == 200, a)
        i.set(fault='echo')
        said = [call(h)]
        need('its token endpoint said an_unreadable_error' in said[0], said)
        said.append(login().out)
        need('an_unreadable_error' in said[1], said)
        i.set(fault='scope')
        said.append(login().out)
        need(json.loads(said[2]).get('state') == 'done', said[2])
        said.append(call(h))
        need('the interface says yes' in said[3], said)
        for name, text in [*artefacts(h), ('an answer', json.dumps(said).encode())]:
            for value in (refresh, secret, code):
                need(not any(c in text for c in encodings(value)), value, name)


@test
def tokens_that_come_when_others_were_put_are_not_kept():
    with Both('mock') as (h, i):
        refreshes(h, i)
        i.set(hold=True)
        task = h.dispatch(CALL, queue='caller')
        until(lambda: i.log('held'))  # and not before: it is refused earlier
        need(heads(h, 'credential_asked'))
        a = h.post(AT + '/rotate', {
            'box': box(h, tokens(b'', b'canary-refresh-0001'))})
        need(a.code == 200, a)
        i.set(hold=False)
        h.outcome(task)
        # What was put is what is asked with next, at once.
        need('the interface says yes' in answers(h, task), answers(h, task))
        need([e['used'] for e in i.log('grant')] == [
            hashlib.sha256(b'canary-refresh-000%d' % n).hexdigest()
            for n in (0, 1)], i.log('grant'))
        need(len(heads(h, 'credential_renewed')) == 1 and
             h.get(AT).json['version'] == 3, h.get(AT))


@test
def a_no_to_tokens_that_were_rotated_out_closes_nothing():
    with Both('mock') as (h, i):
        refreshes(h, i)
        i.set(hold=True, fault='invalid_grant')
        task = h.dispatch(CALL, queue='caller')
        until(lambda: i.log('held'))
        a = h.post(AT + '/rotate', {
            'box': box(h, tokens(b'canary-access-0001',
                                 expires=int(time.time()) + 3600))})
        need(a.code == 200, a)
        h.outcome(task)  # while nobody has answered
        need('the interface says yes' in answers(h, task), answers(h, task))
        i.set(hold=False)
        # Its end, and what follows from it, are written at once.
        until(lambda: [e for e in heads(h, 'request_outcome')
                       if e['rule'] == 'vault.there'], text=h.log)
        need(i.log('refused') and not heads(h, 'credential_closed'), i.log())
        need('closed' not in h.get(AT).json, h.get(AT))


@test
def whoever_waits_for_a_token_hears_that_its_credential_is_gone():
    with Both('mock') as (h, i):
        for way, says in (('archive', 'the vault has archived it'),
                          ('delete', 'the vault has none of that name')):
            refreshes(h, i, b'canary-refresh-' + way.encode())
            i.set(hold=True)
            i.ask('/forget')
            task = h.dispatch(CALL, queue='caller')
            until(lambda: i.log('held'))
            need(h.post('%s/%s' % (AT, way), {}).code == 200, way)
            h.outcome(task)  # while nobody has answered
            need(says in answers(h, task), answers(h, task))
            i.set(hold=False)
            need(not i.log('api'), i.log())


@test
def an_endpoint_that_wants_to_be_left_alone_is():
    with Both('mock') as (h, i):
        refreshes(h, i)
        for retry, wait in (('1200', '(20m|19m[0-9]+s)'),
                            (email.utils.formatdate(
                                time.time() + 1200, usegmt=True),
                             '(20m|19m[0-9]+s)'),
                            ('86400', '(1h|59m[0-9]+s)'),
                            ('soon', '[1-5]s')):
            i.set(fault='429', retry=retry)
            asks = len(heads(h, 'credential_asked'))
            for _ in range(1 if retry == 'soon' else 2):
                text = call(h)
                need(re.search('its token endpoint is asked again in ' + wait,
                               text), retry, text)
            need(len(heads(h, 'credential_asked')) == asks + 1, retry)
            a = h.post(AT + '/rotate', {
                'box': box(h, tokens(b'', b'refresh-' + retry[:4].encode()))})
            need(a.code == 200, a)
        need(re.search('no new token for .*; asked again in 20m$', h.log(), re.M),
             h.log())
        i.set(fault='')
        need('the interface says yes' in call(h), i.log())


@test
def words_for_a_device_give_nobody_else_a_token_and_no_question_after_the_other():
    with Both('mock') as (h, i):
        refreshes(h, i)
        for n, word in enumerate(('slow_down', 'authorization_pending')):
            i.set(fault=word)
            text = call(h)
            need('its token endpoint is asked again in' in text, text)
            need(asked(h).count('refresh') == n + 1, asked(h))
            a = h.post(AT + '/rotate', {
                'box': box(h, tokens(b'', b'refresh-' + word.encode()))})
            need(a.code == 200, a)
            a = h.post(LOGIN, {
                'name': 'service', 'kind': 'oauth_refresh', 'hosts': 'api.test',
                'token_endpoint': i.url + '/token', 'client_id': 'service',
                'grant': 'client_credentials',
                'box': box(h, tokens(b'', b'', b'client-' + word.encode()))})
            need(a.code == 503 and 'gave no token: it said ' + word in a.out, a)
            need(h.post('/api/vault/credentials/service/delete', {}).code == 200)
        i.set(fault='')
        need('the interface says yes' in call(h), i.log())


@test
def new_tokens_beside_one_that_stays_are_kept():
    with Both('mock') as (h, i):
        refreshes(h, i)
        i.set(fault='access_denied')
        need('access_denied' in call(h), 'closed')
        i.set(fault='')
        a = h.post(AT + '/rotate', {'box': box(h, tokens(
            b'', b'canary-refresh-0000', b'canary-client-0001'))})
        need(a.code == 200 and a.json['version'] == 2 and
             'closed' not in a.json, a)
        need('the interface says yes' in call(h), i.log())
        # What stayed was never over.
        h.stop()
        h.start()
        a = h.post(AT + '/rotate', {
            'box': box(h, tokens(b'', b'canary-refresh-0000'))})
        need(a.code == 200, a)


@test
def whichever_token_a_sandbox_sends_itself_is_recognised():
    with Both('mock') as (h, i):
        h.role_file('caller', 'gates.toml', caller(
            RULE + 'own_credentials = true\n', i.port, i.cert)['gates.toml'])
        h.reload()
        refreshes(h, i)

        def sends(*values):
            """What a sandbox that used nothing hears to each of them."""
            asks = ['curl -sS -H "X-Api-Key: %s" https://api.test/api' % v
                    for v in values]
            task = h.run([shell('; '.join(asks)), finish()], queue='caller',
                         seconds=60)
            said = answers(h, task['id'])
            need(not any(v in json.dumps(heads(h, 'request_denied'))
                         for v in values), 'the book has it')
            return [said.count(w) for w in ('rotated out', 'itself', 'says yes')]

        def renewed():
            need('the interface says yes' in call(h), i.log())
            i.set(revoked=[i.log('api')[-1]['token']])
            return i.ask('/made')[-2:]
        first = renewed()
        # The one that was put in, and both that came for it.
        need(sends('canary-refresh-0000', *first) == [1, 2, 0], first)
        second = renewed()
        for _ in range(2):
            need(sends('canary-refresh-0000', *first, *second) == [3, 2, 0])
            h.stop()
            h.start()
        # None that an issuer renewed is kept from coming back.
        a = h.post(AT + '/rotate', {
            'box': box(h, tokens(b'', b'canary-refresh-0000', b'client-77'))})
        need(a.code == 200, a)
        need(sends('canary-refresh-0000', 'client-77', *first, *second) ==
             [4, 2, 0])
        need(h.post(AT + '/delete', {}).code == 200)
        refreshes(h, i, b'canary-refresh-0002')
        need(sends('canary-refresh-0000', 'client-77', *first, *second) ==
             [6, 0, 0])
        need(sends('nobodys')[2] == 1, 'the neighbour')


@test
def of_what_an_issuer_renewed_the_newest_are_known():
    """Else a house that renews each hour would keep marks without end."""
    with Both('mock') as (h, i):
        refreshes(h, i)
        for n in range(1, 40):
            a = h.post(AT + '/rotate', {'box': box(h, tokens(
                b'access-%d' % n, b'canary-refresh-0000'))})
            need(a.code == 200, a)
        h.stop()
        with closing(sqlite3.connect(h.state + '/book/book.db')) as db:
            kept = [row[0] for row in db.execute(
                "SELECT version FROM rows WHERE space = 'sealed_past' "
                "ORDER BY version")]
        need(kept == list(range(24, 40)), kept)


ASK = """
[tool.ask]
description = "Ask the interface"
action      = "read"
run         = { http = { method = "GET", url = "https://api.test/api" } }
"""


@test
def a_tool_of_the_house_that_is_refused_goes_once_more_with_a_new_token():
    with Both() as (h, i):
        h.role_file('caller', 'mcp/server.toml', SERVER + ASK)
        h.role_file('caller', 'role.toml', ROLE.replace('["shell"]', '["shell", "ask"]'))
        h.reload()
        a = h.post('/api/vault/credentials', {
            'name': 'there', 'kind': 'oauth_refresh', 'hosts': 'api.test',
            'token_endpoint': i.url + '/token', 'client_id': 'service',
            'grant': 'client_credentials',
            'box': box(h, tokens(b'', b'', b'canary-client-secret-0001'))})
        need(a.code == 200, a)
        ask = {'id': 'a', 'tool': 'ask', 'args': {}, 'on_error': 'continue'}
        for times in (1, 2):
            task = h.run([ask, finish()], queue='caller')
            need('the interface says yes' in json.dumps(h.events(task['id'])), task)
            need(len(i.log('grant')) == times, i.log('grant'))
            i.set(revoked=[i.log('api')[-1]['token']])
        need([e['good'] for e in i.log('api')] == [True, False, True], i.log('api'))
        # Each going has its intent, its grant and its outcome.
        rows = [e for e in h.events() if e.get('body', {}).get('host') == 'api.test']
        for kind in ('request_intent', 'grant_made'):
            need(len([e for e in rows if e['kind'] == kind]) == 3, kind, rows)
        went = {e['body']['request'] for e in rows if e['kind'] == 'request_intent'}
        ended = [e['body']['request'] for e in h.events() if e['kind'] == 'request_outcome']
        need(len(went) == 3 and sorted(n for n in ended if n in went) == sorted(went), rows)
        h.verified()


@test
def a_device_leaves_alone_whoever_wants_it():
    with Both() as (h, i):
        need(device(h, i)['interval'] == 5)
        time.sleep(5.1)
        i.set(fault='429', retry='300')
        a = h.post(GO, {})
        need(a.code == 503 and 'try again in 5m' in a.out, a)
        i.set(fault='')
        time.sleep(5.1)
        need(h.post(GO, {}).json['state'] == 'pending')
        need(asked(h) == ['device_authorization', 'device_code'], asked(h))


if __name__ == '__main__':
    sys.exit(main())
