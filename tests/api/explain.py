#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`explain`: the same answer as a sandbox gets, before it asks."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from house import *  # noqa: E402,F403

RULES = GATES + """
[egress.tunnel]
match    = { host = "db.test", port = 5432 }
protocol = "tcp"
upstream = "127.0.0.1:9"

[egress.books]
match = { host = "b\u00fccher.test" }

[egress.talk]
match     = { host = "talk.test" }
websocket = true

[egress.kept]
match           = { host = "kept.test" }
own_credentials = true

[egress.push]
match = { host = "git.test", git = "fetch|push", path = "/a.git/**" }

[gate.push]
match   = { host = "git.test", git = "push", ref = "refs/heads/main" }
require = "operator"
"""
INJECTS = """
[egress.%s]
match  = { host = "%s.test" }
inject = { credential = "%s", %s }
"""
FETCH = """
[tool.fetch]
description = "Ask a host"
action      = "read"
run         = { http = { method = "GET", url = "https://good.test/?token=x" } }
"""
PLACES = {
    'good': 'header = "Authorization"',
    'none': 'header = "Authorization"',
    'gone': 'header = "Authorization"',
    'elsewhere': 'header = "Authorization"',
    'named': 'header = "Authorization"'}
HOUSE = None


def house():
    global HOUSE
    if HOUSE is None:
        HOUSE = House()
        HOUSE.role_file('helper', 'gates.toml', RULES + ''.join(
            INJECTS % (name, name, name, place) for name, place in PLACES.items()))
        HOUSE.role_file('helper', 'mcp/server.toml', SERVER + FETCH)
        HOUSE.role_file('helper', 'role.toml',
                        ROLE.replace('["shell"]', '["shell", "fetch"]'))
        HOUSE.start()
        for name, host, more in (('good', 'good.test', ()), ('gone', 'gone.test', ()),
                                 ('elsewhere', 'other.test', ()),
                                 ('named', 'named.test', ('--kind', 'header', '--header', 'X-Key'))):
            HOUSE.ok('vault', 'put', name, '--host', host, *more, input='a-value-of-' + name)
        HOUSE.ok('vault', 'archive', 'gone')
    return HOUSE


def explain(url, *more):
    a = house().read('explain', HELPER_ID, url, *more)
    need(a['text'] == house().ok('explain', HELPER_ID, url, *more).out, a)
    return a


@test
def what_the_vault_would_not_lend_is_said():
    a = explain('https://good.test/')
    need(a['credential'] == 'good' and 'refused' not in a and 'refused' not in a['text'], a)
    for name, words in (('none', 'the vault has none of that name'),
                        ('gone', 'the vault has archived it'),
                        ('elsewhere', 'bound to other.test, not to elsewhere.test:443'),
                        ('named', 'goes into the header X-Key')):
        a = explain('https://%s.test/' % name)
        need(a['verdict'] == 'allow' and words in a['refused'] and
             'refused   ' + a['refused'] in a['text'], a)


@test
def a_tunnel_is_one_whatever_is_spoken_there():
    for url in ('https://db.test:5432/a', 'http://db.test:5432/', 'tcp://db.test:5432'):
        a = explain(url)
        need(a['verdict'] == 'allow' and a['rule'] == 'egress.tunnel' and
             'tcp, not read' in a['text'], url, a)
    a = explain('tcp://other.test:22')
    need(a['reason'] == 'no_rule' and 'protocol = "tcp"' in a['next'], a)
    a = explain('tcp://talk.test:443')
    need(a['reason'] == 'protocol' and 'ask over http' in a['next'], a)


@test
def of_a_push_it_is_said_who_must_say_yes():
    at = 'https://git.test/a.git/info/refs?service=git-%s-pack'
    a = explain(at % 'receive')
    need(a['verdict'] == 'allow' and a['rule'] == 'egress.push' and
         'push      is decided again' in a['text'] and '[gate.push]' in a['text'], a)
    a = explain(at % 'upload')
    need(a['verdict'] == 'allow' and 'push      ' not in a['text'] and
         'gate.push' not in a['text'], a)


@test
def a_websocket_is_asked_for_by_its_scheme():
    a = explain('wss://talk.test/x')
    need(a['verdict'] == 'allow' and a['rule'] == 'egress.talk', a)
    a = explain('wss://good.test/x')
    need(a['reason'] == 'websocket' and a['next'] == 'websocket = true in [egress.good]', a)


@test
def a_name_is_written_as_people_or_as_the_wire_write_it():
    for url in ('https://b\u00fccher.test/x', 'https://xn--bcher-kva.test/x'):
        need(explain(url)['rule'] == 'egress.books', url)
    need(explain('wss://b\u00fccher.test:443')['reason'] == 'websocket')
    a = explain('https://stra\u00dfe.test:8443/?q=1')
    need('host = "xn--strae-oqa.test"' in a['next'] and '8443' in a['next'], a)
    # Not in its canonical form, or not in the host: nothing is guessed.
    for url in ('https://B\u00dcCHER.test/', 'https://good.test/\u00fc',
                'https://\u00fc:hunter22@good.test/', 'https:aab\u00fccher.test://'):
        a = house().cli('explain', HELPER_ID, url)
        need(a.code == 1 and 'hunter22' not in a.err, url, a)


@test
def a_url_is_explained_as_a_whole():
    for url in ('https://good.test/', 'wss://good.test/',
                'https://b%C3%BCcher.test/'):
        at = '/api/explain?identity=%s&url=%s' % (HELPER_ID, url)
        need(house().get(at).code == 200, url)
        a = house().get(at + '%00x')
        need(a.code == 400, url, a)


@test
def a_credential_in_the_query_is_one_that_the_sandbox_brings():
    for query in ('token=hunter22', 'a=b&TOKEN=hunter22', 'a=b;sig=hunter22',
                  '%74oken=hunter22', 'token='):
        a = explain('https://good.test/?' + query)
        need(a['verdict'] == 'deny' and a['reason'] == 'own_credentials' and
             a['next'] == 'own_credentials = true in [egress.good]' and
             'hunter22' not in str(a), query, a)
    for url in ('https://good.test/?tokens=x', 'https://good.test/?a=token',
                'https://kept.test/?token=x', 'https://db.test:5432/?token=x',
                'https://good.test/?token=hr_placeholder_' + 'a' * 32):
        need(explain(url)['verdict'] == 'allow', url)
    # What the contract of a tool of the house says is no sandbox's.
    url = 'https://good.test/?token=x'
    need(explain(url, '--from-tool', 'fetch')['verdict'] == 'allow', 'of the house')
    need(explain(url, '--from-tool', 'shell')['reason'] == 'own_credentials', 'a command')


@test
def what_is_no_url_is_said_once():
    for url, why in (('https://good.test/x#part', 'fragment'),
                     ('https://good.test/x|part', 'byte'),
                     ('gopher://good.test/part', 'https://')):
        a = house().cli('explain', HELPER_ID, url)
        need(a.code == 1 and a.err.count('part') == a.err.count(why) == 1, a)


@test
def what_no_egress_judges_has_no_verdict():
    at = 'https://good.test'
    for url, method, why in ((at, 'get', 'small letter'), (at, 'PoST', 'small letter'),
                             ('wss://talk.test/', 'POST', 'by GET'),
                             (at + '/?q=%zz', 'GET', 'percent escape'),
                             (at + '/' + 'a' * 1023, 'GET', 'path over 1023'),
                             (at + '/?' + 'a' * 640, 'GET', 'query over 639'),
                             (at, 'A' * 32, 'method over 31'),
                             (at, 'TRACE', 'TRACE')):
        a = house().cli('explain', HELPER_ID, url, '--method', method)
        need(a.code and why in a.err and 'verdict' not in a.out, url[:80], method, a)
    for url, method in ((at + '/' + 'a' * 1022, 'GET'), (at + '/?' + 'a' * 639, 'GET'),
                        (at, 'A' * 31), ('wss://talk.test/', 'GET')):
        need(explain(url, '--method', method)['verdict'] == 'allow', url[:80], method)
    # What stands for a letter is read as the letter: so is git's own question.
    a = explain('https://git.test/a.git/info/refs?%73ervice=git-upload-pack')
    need(a['verdict'] == 'allow' and a['rule'] == 'egress.push', a)


@test
def a_program_reads_the_decision_and_the_next_step():
    a = explain('https://nobody.test/x', '--method', 'PUT')
    need(a['verdict'] == 'deny' and a['reason'] == 'no_rule' and 'rule' not in a and
         a['next'] in a['text'] and 'method = "PUT"' in a['next'], a)
    a = explain('http://169.254.169.254/latest')
    need(a['next'].startswith('nothing: cloud metadata') and 'upstream' not in a['text'], a)
    a = house().ok('explain', HELPER_ID, 'shell', '{"command": "true"}', '--json').json
    need(a['verdict'] == 'allow' and a['rule'] == 'defaults.unmatched', a)


@test
def a_refusal_that_no_rule_answers_is_told_too():
    speak = 'import socket; s = socket.create_connection((\'%s.test\', 5432)); ' \
        's.send(b\'\\0\\0\'); s.recv(99)'
    # "no" twice, and another host.
    t = house().run([shell(''.join('python3 -c "%s";' % (speak % name)
                                   for name in ('no', 'no', 'none')) + 'true')])
    found = house().read('suggest', t['id'])['suggestions']
    need([(x['host'], x['times'], x['rule']) for x in found] ==
         [('no.test', 2, False), ('none.test', 1, False)], found)
    toml = house().ok('suggest', t['id']).out
    need(toml.count('neither TLS nor HTTP') == 2 and 'went to none.test\n' in toml and
         all(x.startswith('#') for x in toml.split('\n') if x), toml)


@test
def suggestions_of_two_policies_have_names_of_their_own():
    """One of two was pasted before the third was refused."""
    ask = 'curl -s -o /dev/null https://api.two.test/%s; '
    with House() as h:
        h.start()
        t = h.dispatch([shell(ask % 'a' + ask % 'b' + UNTIL_GO + '; ' + ask % 'c')])
        until(lambda: len([e for e in h.events() if e['kind'] == 'request_denied']) == 2, 60,
              'two denials')
        first = h.read('suggest', t)['suggestions'][0]['next']
        h.role_file('helper', 'gates.toml', GATES + first)
        h.reload()
        h.go()
        h.outcome(t)
        rules = h.ok('suggest', t).out
        need(rules.count('[egress.') == 3, rules)
        h.role_file('helper', 'gates.toml', GATES + rules)
        h.ok('role', 'check', os.path.join(h.folder, 'roles'))


@test
def who_stands_in_a_url_is_not_said_again():
    a = house().cli('explain', HELPER_ID, 'https://me:hunter22@good.test/')
    need(a.code == 1 and 'no user and no password' in a.err and 'hunter22' not in a.err, a)


if __name__ == '__main__':
    try:
        code = main()
    finally:
        if HOUSE is not None:
            HOUSE.__exit__()
    sys.exit(code)
