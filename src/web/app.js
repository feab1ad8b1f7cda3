// SPDX-License-Identifier: Apache-2.0
// The approvals inbox.  Whatever an agent wrote is put into the page as text
// and never as markup; what could hide in it (direction marks, characters of no
// width, control bytes) is shown by its number.
const $ = (id) => document.getElementById(id);
const list = $('waits');
const shown = new Map(); // id -> {wait, item, …}
let csrf = '';
let operator = '';
let decides = false; // this login's word counts, or it only reads
let open = 0;
let next = 0;
let complete = false; // everything that waits is in the list
let stream = null;
let skew = 0; // the house's clock less ours, in ms

class Ended extends Error {}

function leave() { // of a login that nobody ended here the form says so
	location.replace(sessionStorage.getItem('in') ? '/login?ended' : '/login');
}

async function ask(path, body) {
	const options = { credentials: 'same-origin', cache: 'no-store' };

	if (body) {
		options.method = 'POST';
		options.headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf };
		options.body = JSON.stringify(body);
	}
	let answer;
	let told;

	try {
		answer = await fetch(path, options);
		told = answer.status === 401 ? null : await answer.json();
	} catch (e) { // what was sent may have arrived
		throw new Error('the house does not answer; look again when it does');
	}
	if (answer.status === 401) {
		sessionStorage.setItem('wanted', location.hash); // a login takes it away
		leave();
		throw new Ended();
	}
	if (!answer.ok) {
		throw new Error(told.message || 'the house said no');
	}
	csrf = answer.headers.get('X-CSRF-Token') || csrf;
	return told;
}

let quiet = 0;
function say(text) {
	clearTimeout(quiet);
	$('said').textContent = text;
	quiet = setTimeout(() => { $('said').textContent = ''; }, 8000);
}

// --- text of strangers ---

const ODD = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u00a0\u115f\u1160\u3164\uffa0\u2800]/gu;

function put(element, text, lines) {
	let from = 0;

	element.replaceChildren();
	for (const hit of text.matchAll(ODD)) {
		if (lines && hit[0] === '\n') {
			continue;
		}
		const odd = document.createElement('span');

		odd.className = 'odd';
		odd.textContent = 'U+' + hit[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
		element.append(text.slice(from, hit.index), odd);
		from = hit.index + hit[0].length;
	}
	element.append(text.slice(from));
}

function fact(facts, name, text) {
	if (!text) {
		return;
	}
	const dt = document.createElement('dt');
	const dd = document.createElement('dd');

	dt.textContent = name;
	put(dd, text);
	facts.append(dt, dd);
}

// --- one card ---

const WORDS = {
	approval: { yes: 'Approve', no: 'Deny', said: ['approve', 'deny'], reason: 'Deny it' },
	question: { yes: 'Answer', no: 'Decline', said: ['answer', 'decline'], reason: 'Decline it' },
	client_result: { yes: 'Send the result', no: 'It failed', said: ['result', 'failed'], reason: 'Say that it failed' },
	decision: { yes: 'Decide', no: '', said: ['decide', 'decline'] },
	unknown_outcome: { yes: 'It happened', no: 'It did not', said: ['happened', 'did_not'] },
};
const ABOUT = {
	decision: 'A letter that wants a decision. What you choose goes back with its receipt.',
	client_result: 'A program of yours carries this tool out. If none does, its result can be said here, as JSON.',
	unknown_outcome: 'This was started, and nobody saw how it ended. Look whether it happened, then say so.',
};

/* Of what a sandbox sends; no tool has a colon in its name. */
const REQUEST = 'A request of a sandbox. Exactly this is allowed, once: query, headers and body as they are below, and what is cut by its digest. Credentials of its own are not shown.';

function about_of(w) {
	return ABOUT[w.kind] || (/^(http|git):/.test(w.tool) ? REQUEST : '');
}

function why_not(w) {
	if (!decides) {
		return 'You are logged in to read: the house lets you decide nothing on this page.';
	}
	if (!w.here) {
		return 'Its gate takes no answer from a browser, but from: ' + w.surfaces.join(', ') + '.';
	}
	if (!w.yes_mark) {
		return 'The arguments cannot be shown whole here: it can be denied, and approved only where they can.';
	}
	return w.may ? '' : 'Your yes does not count: ' + w.why + '.';
}

function people(w) {
	let text = w.people > 1 ? w.people + ' different people' : w.named[0] || 'one operator';

	if (w.people > 1 && w.named.length) {
		text += ', among them ' + w.named.join(', ');
	}
	return w.yes.length ? text + ' (yes so far: ' + w.yes.join(', ') + ')' : text;
}

function patience(w) {
	if (!w.escalate_to) {
		return '';
	}
	const text = w.escalate_for ? `${w.escalate_to}, in the place of ${w.escalate_for}` : w.escalate_to;

	return w.escalated ? text : `${text}, from ${new Date(w.escalate).toLocaleString()} on`;
}

function show_facts(entry) {
	const w = entry.wait;
	const facts = entry.item.querySelector('.facts');

	facts.replaceChildren();
	fact(facts, 'Role', w.role);
	fact(facts, 'Task', w.subject ? w.subject + ' (' + w.task + ')' : w.task);
	fact(facts, 'Asked by', w.asker);
	fact(facts, 'Rule', w.gate);
	fact(facts, 'Wants', people(w));
	fact(facts, 'Asked again', w.reminded ? 'yes: it still waits' : '');
	fact(facts, w.escalated ? 'Asked too' : 'Asks later', patience(w));
	fact(facts, 'Surfaces', w.surfaces.join(', '));
}

function may(entry, yes) {
	const w = entry.wait;

	return decides && w.here && !entry.busy && (yes ? w.yes_mark && w.may : w.no_mark && WORDS[w.kind].no);
}

function buttons(entry) {
	entry.item.querySelector('.yes').disabled = !may(entry, true);
	entry.item.querySelector('.no').disabled = !may(entry, false);
	entry.item.querySelector('.answer').disabled = !may(entry, true);
	entry.item.querySelector('.remember').hidden = !entry.wait.remember || !may(entry, true);
}

// What can change while it waits.
function show_state(entry) {
	const note = entry.item.querySelector('.note');

	show_facts(entry);
	put(note, why_not(entry.wait));
	note.hidden = !note.textContent;
	entry.item.querySelector('article').classList.toggle('again', entry.wait.reminded || entry.wait.escalated);
	buttons(entry);
}

// --- answers ---

function wants_value(w) {
	return w.kind === 'question' || w.kind === 'client_result' || w.kind === 'decision';
}

function choice(w, n) {
	const label = document.createElement('label');
	const radio = document.createElement('input');
	const text = document.createElement('span');

	label.className = 'choice';
	radio.type = 'radio';
	radio.name = 'answer-' + w.id;
	radio.value = String(n);
	put(text, w.options[n]);
	label.append(radio, text);
	return label;
}

function show_answer(entry) {
	const w = entry.wait;
	const field = entry.item.querySelector('.answer');

	field.hidden = !wants_value(w);
	if (field.hidden) {
		return;
	}
	put(field.querySelector('legend'), w.kind === 'decision' ? 'Your decision' : w.kind === 'question' ? 'Your answer' : 'Result of ' + w.tool + ', as JSON');
	if (w.options.length) {
		field.append(...w.options.map((_, n) => choice(w, n)));
		return;
	}
	const text = document.createElement('textarea');

	text.className = w.kind !== 'client_result' ? '' : 'json';
	text.spellcheck = w.kind !== 'client_result';
	text.setAttribute('aria-label', field.querySelector('legend').textContent);
	field.append(text);
}

// Throws what is missing.
function value_of(entry) {
	const w = entry.wait;
	const field = entry.item.querySelector('.answer');

	if (w.options.length) {
		const chosen = field.querySelector('input:checked');

		if (!chosen) {
			throw new Error('choose an answer first');
		}
		return w.options[Number(chosen.value)];
	}
	const text = field.querySelector('textarea').value;

	if (!text.trim()) {
		throw new Error('write an answer first');
	}
	if (w.kind !== 'client_result') {
		return text;
	}
	try {
		return JSON.parse(text);
	} catch (e) {
		throw new Error('that is no JSON: ' + e.message);
	}
}

// The key for yes leads to what is to be chosen or written.
function answer(entry) {
	const field = entry.item.querySelector('.answer');
	const at = field.querySelector('input:checked') || field.querySelector('input, textarea');

	if (!wants_value(entry.wait) || !may(entry, true)) {
		decide(entry, true);
		return;
	}
	at.focus();
	say(at.type === 'radio' ? 'Choose with the arrows, Enter answers.' : 'Write, Ctrl and Enter send it.');
}

function card(w) {
	const item = $('wait').content.firstElementChild.cloneNode(true);
	const entry = { wait: w, item, busy: false };
	const words = WORDS[w.kind];
	const about = item.querySelector('.about');
	const article = item.querySelector('article');

	article.id = w.id;
	article.setAttribute('aria-label', `${w.tool}, ${w.role}, code ${w.code}`);
	put(item.querySelector('.tool'), w.tool);
	item.querySelector('.code').textContent = w.code;
	item.querySelector('.code').setAttribute('aria-label', 'code ' + [...w.code].join(' '));
	put(item.querySelector('.hint'), w.hint_cut && w.whole ? w.hint + ' (whole in the arguments)' : w.hint);
	about.textContent = about_of(w);
	about.hidden = !about.textContent;
	if (w.whole) {
		put(item.querySelector('.args'), w.args, true);
		item.querySelector('.args').setAttribute('aria-label', 'Arguments of ' + w.tool);
	} else {
		item.querySelector('.args').remove();
		item.querySelector('.args-title').remove();
	}
	show_answer(entry);
	show_state(entry);
	item.querySelector('.yes').textContent = words.yes;
	item.querySelector('.no').textContent = words.no;
	item.querySelector('.no').hidden = !words.no;
	item.querySelector('.yes').addEventListener('click', () => decide(entry, true));
	item.querySelector('.no').addEventListener('click', () => ask_reason(entry));
	item.querySelector('form').addEventListener('submit', (e) => {
		e.preventDefault();
		if (!item.querySelector('.reason').hidden) {
			decide(entry, false);
		}
	});
	return entry;
}

function add(w) {
	if (shown.has(w.id) || !WORDS[w.kind]) {
		return;
	}
	const entry = card(w);

	shown.set(w.id, entry);
	list.append(entry.item);
	tick_one(entry);
}

// The next one is seen from its head on, also where it is longer than the page.
function go_to(article) {
	const room = innerHeight - document.querySelector('header').offsetHeight;

	article.focus({ preventScroll: true });
	article.scrollIntoView({ block: article.offsetHeight < room ? 'nearest' : 'start' });
}

// The focus has moved by itself just now: a key that was pressed twice must not
// decide what nobody has looked at.
let moved = -Infinity;
const LOOK_MS = 400;

// Where the focus was goes on to the next one, so that a hand on the keyboard
// decides one after the other.
function remove(id) {
	const entry = shown.get(id);

	if (!entry) {
		return;
	}
	const here = entry.item.contains(document.activeElement);
	const beside = entry.item.nextElementSibling || entry.item.previousElementSibling;

	shown.delete(id);
	entry.item.remove();
	if (here) {
		moved = performance.now();
		if (beside) {
			go_to(beside.querySelector('article'));
		} else {
			list.focus();
		}
	}
	if (list.childElementCount < 5 && !complete) {
		more();
	}
}

function counts() {
	$('count').textContent = open || '';
	document.title = (open ? `(${open}) ` : '') + 'Inbox · Handrail';
	$('empty').hidden = open !== 0;
	$('more').hidden = complete;
}

// --- deciding ---

function ask_reason(entry) {
	if (!may(entry, false)) {
		return;
	}
	const row = entry.item.querySelector('.reason');

	if (!WORDS[entry.wait.kind].reason || !row.hidden) {
		decide(entry, false);
		return;
	}
	row.hidden = false;
	entry.item.querySelector('.no').textContent = WORDS[entry.wait.kind].reason;
	row.querySelector('input').focus();
}

function back(entry) {
	entry.item.querySelector('.reason').hidden = true;
	entry.item.querySelector('.no').textContent = WORDS[entry.wait.kind].no;
	entry.item.querySelector('article').focus();
}

async function decide(entry, yes) {
	const w = entry.wait;

	if (!may(entry, yes)) {
		say(why_not(w) || 'This cannot be decided now.');
		return;
	}
	const body = {
		decision: WORDS[w.kind].said[yes ? 0 : 1],
		mark: yes ? w.yes_mark : w.no_mark,
	};
	const reason = entry.item.querySelector('.why-not').value.trim();
	const remember = entry.item.querySelector('select').value;

	if (!yes && reason) {
		body.reason = reason;
	}
	if (yes && w.remember && remember) {
		body.remember = remember;
	}
	if (yes && wants_value(w)) {
		try {
			body.value = value_of(entry);
		} catch (e) {
			say(`${w.code} ${w.tool}: ${e.message}`);
			return;
		}
	}
	entry.busy = true;
	buttons(entry);
	try {
		const told = await ask('/web/waits/' + encodeURIComponent(w.id), body);

		if (told.state === 'open') {
			say(`${w.code} ${w.tool}: your yes counts, ${told.people - told.said} more wanted`);
		}
	} catch (e) {
		if (!(e instanceof Ended)) {
			say(`${w.code} ${w.tool}: ${e.message}`);
		}
	}
	entry.busy = false;
	buttons(entry);
}

// --- time ---

function left(ms) {
	const s = Math.max(0, Math.floor(ms / 1000));
	const pad = (n) => String(n).padStart(2, '0');

	if (s >= 86400) {
		return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
	}
	return s >= 3600 ? `${Math.floor(s / 3600)} h ${pad(Math.floor(s % 3600 / 60))} min`
		: `${Math.floor(s / 60)}:${pad(s % 60)}`;
}

const LONG_MS = 365 * 86400 * 1000;

function tick_one(entry) {
	const ms = Date.parse(entry.wait.expires) - Date.now() - skew;
	const where = entry.item.querySelector('.left');

	if (ms > LONG_MS) { // nobody said when: ten years
		return;
	}
	where.textContent = ms > 0 ? 'expires in ' + left(ms) : 'expires now';
	where.classList.toggle('soon', ms < 60000);
}

setInterval(() => shown.forEach(tick_one), 1000);

// --- the list and its changes ---

let loading = null;

async function load(fresh) {
	const page = await ask('/web/inbox?from=' + (fresh ? 0 : next));

	if (fresh) {
		shown.clear();
		list.replaceChildren();
	}
	skew = Date.parse(page.now) - Date.now();
	next = page.next;
	complete = !page.more;
	open = page.open;
	page.waits.forEach(add);
	counts();
	return page.seq;
}

function more() {
	if (!loading && !complete) {
		loading = load(false).catch(() => {}).finally(() => { loading = null; });
	}
	return loading;
}

const VERBS = { approved: 'approved', denied: 'denied', expired: 'expired', cancelled: 'needed no more' };

function over(x) {
	const entry = shown.get(x.id);

	open = Math.max(0, open - 1);
	if (entry) {
		const w = entry.wait;
		let text = `${w.code} ${w.tool}: ${VERBS[x.state] || x.state}`;
		const line = document.createElement('li');

		if (x.by) {
			text += ` by ${x.by === operator ? 'you' : x.by} on ${x.surface}`;
		}
		put(line, x.reason ? `${text}: ${x.reason}` : text);
		$('decided').prepend(line);
		while ($('decided').childElementCount > 20) {
			$('decided').lastElementChild.remove();
		}
		$('past').hidden = false;
		remove(x.id);
		say(text);
	}
	counts();
}

function follow(seq) {
	const live = $('live');
	let last = seq;
	const on = (name, fn) => stream.addEventListener(name, (e) => {
		last = Number(e.lastEventId) || last;
		fn(JSON.parse(e.data));
	});

	stream = new EventSource('/web/events?after=' + seq);
	stream.onopen = () => {
		live.textContent = 'live';
		live.classList.add('on');
	};
	stream.onerror = async () => {
		const closed = stream.readyState === EventSource.CLOSED;

		live.textContent = 'reconnecting…';
		live.classList.remove('on');
		if (closed) {
			await new Promise((done) => setTimeout(done, 2000));
			try {
				await ask('/web/session');
				follow(last);
			} catch (e) {
				if (!(e instanceof Ended)) {
					stream.onerror();
				}
			}
		}
	};
	on('asked', (w) => {
		if (shown.has(w.id) || !w.kind) {
			return;
		}
		open++;
		if (complete) {
			add(w);
		}
		counts();
		say(`${w.role} asks for ${w.tool}, code ${w.code}`);
	});
	on('yes', (x) => {
		const entry = shown.get(x.id);

		if (entry && !entry.wait.yes.includes(x.by)) {
			entry.wait.yes.push(x.by);
			entry.wait.may = x.may;
			entry.wait.why = x.why;
			show_state(entry);
			say(`${entry.wait.code}: yes by ${x.by}`);
		}
	});
	on('changed', (w) => {
		const entry = shown.get(w.id);

		if (!entry || !w.kind) {
			return;
		}
		const news = w.escalated && !entry.wait.escalated;

		entry.wait = w;
		show_state(entry);
		if (news) {
			say(`${w.code} ${w.tool}: ${w.escalate_to === operator ? 'you may' : w.escalate_to + ' may'} decide now`);
		} else {
			say(`${w.code} ${w.tool} still waits`);
		}
	});
	on('over', over);
	on('reset', () => {
		stream.close();
		begin();
	});
	on('ended', () => {
		stream.close();
		leave();
	});
}

// --- keys ---

function current() {
	const at = document.activeElement && document.activeElement.closest('article');

	return at ? shown.get(at.id) : null;
}

function move(by) {
	const items = [...list.children];
	const now = current();
	const at = now ? items.indexOf(now.item) + by : by > 0 ? 0 : items.length - 1;
	const to = items[Math.min(items.length - 1, Math.max(0, at))];

	if (to) {
		go_to(to.querySelector('article'));
	}
	if (at >= items.length - 3) {
		more();
	}
}

document.addEventListener('keydown', (e) => {
	const entry = current();

	if (e.key === 'Escape' && entry) {
		back(entry);
		return;
	}
	if (e.key === 'Enter' && entry && e.target.closest('.answer') && !e.repeat &&
	    (e.target.type === 'radio' || e.ctrlKey || e.metaKey)) {
		e.preventDefault();
		decide(entry, true);
		return;
	}
	if (e.ctrlKey || e.metaKey || e.altKey || e.repeat ||
	    /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) {
		return;
	}
	if (e.key === 'j' || e.key === 'k') {
		move(e.key === 'j' ? 1 : -1);
	} else if (entry && (e.key === 'a' || e.key === 'd') &&
	    performance.now() - moved < LOOK_MS) {
		say('That was the next one: look at it, then decide.');
	} else if (entry && e.key === 'a') {
		answer(entry);
	} else if (entry && e.key === 'd') {
		ask_reason(entry);
	} else {
		return;
	}
	e.preventDefault();
});

$('more').addEventListener('click', more);
$('logout').addEventListener('click', async () => {
	sessionStorage.removeItem('in');
	try {
		await ask('/web/logout', {});
		leave();
	} catch (e) {
		sessionStorage.setItem('in', '1');
		say(e.message);
	}
});

async function begin() {
	try {
		const me = await ask('/web/session');

		sessionStorage.setItem('in', '1');
		operator = me.operator;
		decides = me.decides;
		$('operator').textContent = operator;
		follow(await load(true));
		const id = (location.hash || sessionStorage.getItem('wanted') || '').slice(1);
		const wanted = shown.get(id);

		sessionStorage.removeItem('wanted');
		if (wanted) {
			moved = performance.now();
			go_to(wanted.item.querySelector('article'));
		} else if (id && complete) {
			say('What this link names waits no more.');
		}
	} catch (e) {
		if (!(e instanceof Ended)) {
			$('live').textContent = 'no answer, trying again…';
			setTimeout(begin, 3000);
		}
	}
}

begin();
