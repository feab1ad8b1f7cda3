/* SPDX-License-Identifier: Apache-2.0 */
/* handrail.toml. */
#include <string.h>

#include "roles/inner.h"
#include "toml/toml.h"

#define CELLS_MAX     1000
#define MEMORY_MIN    (16ULL << 20)
#define PIDS_MIN      4
#define WORKSPACE_MIN (1 << 20)
#define DAY_US        (24LL * 60 * CLOCK_MINUTE)

int
roles_check_limits(const char *file, const struct json *where,
    const struct limits *l, struct err *e)
{
	if (l->memory < MEMORY_MIN) {
		return table_err(
		    file, where, e, "memory: expected at least 16M");
	}
	if (l->pids < PIDS_MIN || l->pids > 65536) {
		return table_err(
		    file, where, e, "pids: expected 4 to 65536 processes");
	}
	if (l->fsize == 0) {
		return table_err(file, where, e, "fsize: expected above 0");
	}
	if (l->workspace < WORKSPACE_MIN) {
		return table_err(
		    file, where, e, "workspace: expected at least 1M");
	}
	return 0;
}

const struct json *
roles_first_of(const struct json *table)
{
	return table != NULL ? table->first : NULL;
}

int
roles_read_named(struct loading *l, const char *section,
    const struct json *item, void *out, struct str *name)
{
	auto_buf shown = { 0 };

	if (!roles_name_valid(item->key)) {
		return table_err(l->reader.file, item, l->e,
		    "[%s.%s]: expected a name of lower-case letters, digits "
		    "and _",
		    section, err_quote(item->key));
	}
	buf_addf(&shown, "[%s." STR_FMT "]", section, STR_ARG(item->key));
	if (table_read(&l->reader, section, buf_z(&shown), item, out, l->e) <
	    0) {
		return -1;
	}
	*name = item->key;
	return 0;
}

int
roles_check_tables(
    struct loading *l, const struct json *table, const char *section)
{
	if (table == NULL) {
		return 0;
	}
	if (table->type != JSON_OBJECT || table->count > 1000) {
		return table_err(l->reader.file, table, l->e,
		    "expected tables [%s.NAME], at most 1000", section);
	}
	JSON_EACH(item, table)
	{
		if (item->type != JSON_OBJECT) {
			return table_err(l->reader.file, item, l->e,
			    "expected a table [%s.NAME]", section);
		}
	}
	return 0;
}

static bool
is_hex(struct str s, size_t digits)
{
	for (size_t i = 0; i < s.len; i++) {
		char byte = s.at[i];

		if (!(byte >= '0' && byte <= '9') &&
		    !(byte >= 'a' && byte <= 'f') &&
		    !(byte >= 'A' && byte <= 'F')) {
			return false;
		}
	}
	return s.len == digits;
}

/* 12 digits in six pairs. */
static bool
is_radio(struct str s)
{
	struct str pair;
	size_t pairs = 0;
	bool more = true;

	while (more) {
		more = str_cut(&s, ':', &pair);
		pairs++;
		if (!is_hex(pair, 2)) {
			return false;
		}
	}
	return pairs == 6;
}

static bool
is_usb(struct str s)
{
	struct str vendor;
	struct str product;

	return str_cut(&s, ':', &vendor) && is_hex(vendor, 4) &&
	       str_cut(&s, ':', &product) && is_hex(product, 4) && s.len > 0 &&
	       s.len < 128;
}

static int
check_device(struct loading *l, const struct json *where, struct str device)
{
	return device.len == 0 || str_eq_z(device, "simulator") ||
	               str_eq_z(device, "tty") || is_radio(device) ||
	               is_usb(device)
	           ? 0
	           : table_err(l->reader.file, json_get(where, "buddy"), l->e,
	                 "buddy: expected VENDOR:PRODUCT:SERIAL of a USB "
	                 "device, AA:BB:CC:DD:EE:FF, tty or simulator");
}

static int
check_web(struct loading *l, const struct json *where, struct str web)
{
	return str_eq_z(web, CONFIG_WEB_DECIDE) ||
	               str_eq_z(web, CONFIG_WEB_READ) ||
	               str_eq_z(web, CONFIG_WEB_NONE)
	           ? 0
	           : table_err(l->reader.file, json_get(where, "web"), l->e,
	                 "web: expected decide, read or none");
}

/* Two operators must be two people, and a device is on one desk. */
static int
check_apart(struct loading *l, const struct json *where,
    const struct config_operator *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].uid == list[n].uid) {
			return table_err(l->reader.file, where, l->e,
			    "two operators have the uid %u", list[n].uid);
		}
		if (list[n].buddy.len &&
		    str_eq_nocase(list[i].buddy, list[n].buddy)) {
			return table_err(l->reader.file, where, l->e,
			    "two operators have the buddy %s: whoever presses "
			    "its button would be both",
			    err_quote(list[n].buddy));
		}
	}
	return check_device(l, where, list[n].buddy) ||
	               check_web(l, where, list[n].web)
	           ? -1
	           : 0;
}

static bool
is_local_port(struct str text)
{
	struct str rest = text;
	struct str host;
	uint64_t port;

	return str_cut(&rest, ':', &host) && str_eq_z(host, "127.0.0.1") &&
	       str_u64(rest, &port) && port > 0 && port <= UINT16_MAX;
}

static int
check_buddy(struct loading *l, const struct json *where)
{
	const struct config_buddy *b = &l->out->buddy;

	if ((b->tcp.len > 0) + (b->serial.len > 0) + (b->bluetooth.len > 0) >
	    1) {
		return table_err(l->reader.file, where, l->e,
		    "[buddy]: serial, tcp or bluetooth, one device a house");
	}
	if (b->bluetooth.len && !is_radio(b->bluetooth)) {
		return table_err(l->reader.file, json_get(where, "bluetooth"),
		    l->e,
		    "bluetooth: expected an address AA:BB:CC:DD:EE:FF; "
		    "`handrail buddy pair` shows it");
	}
	if (b->serial.len && !str_starts(b->serial, STR("/dev/"))) {
		return table_err(l->reader.file, json_get(where, "serial"),
		    l->e, "serial: expected a terminal below /dev/");
	}
	if (b->tcp.len && !is_local_port(b->tcp)) {
		return table_err(l->reader.file, json_get(where, "tcp"), l->e,
		    "tcp: expected 127.0.0.1:PORT; over a network the token "
		    "would travel in clear");
	}
	return 0;
}

static int
read_operators(struct loading *l, const struct json *table)
{
	struct config_operator *list;
	size_t n = 0;

	if (roles_check_tables(l, table, "operator") < 0) {
		return -1;
	}
	list = arena_array(
	    l->reader.arena, table ? table->count : 0, sizeof(*list));
	JSON_EACH(item, table)
	{
		if (roles_read_named(
		        l, "operator", item, &list[n], &list[n].name) < 0 ||
		    check_apart(l, item, list, n) < 0) {
			return -1;
		}
		n++;
	}
	l->out->operators = list;
	l->out->operator_count = n;
	return 0;
}

/* The text of the URL is not shown: it may hold a password. */
static int
check_store(struct loading *l, const struct json *tree, struct str store)
{
	return !store.len || str_starts(store, STR("postgres://")) ||
	               str_starts(store, STR("postgresql://"))
	           ? 0
	           : table_err(l->reader.file, json_get(tree, "store"), l->e,
	                 "store: expected postgres://USER@HOST:PORT/DATABASE, "
	                 "or no such line: then it is SQLite in the state "
	                 "folder");
}

static int
read_rest(struct loading *l, const struct house *h)
{
	struct node node = { 0 };
	struct book_keys book = { 0 };

	if (table_read(&l->reader, "buddy", "[buddy]", h->buddy, &l->out->buddy,
	        l->e) < 0 ||
	    check_buddy(l, h->buddy) < 0 ||
	    table_read(&l->reader, "node", "[node]", h->node, &node, l->e) <
	        0 ||
	    table_read(&l->reader, "limits", "[limits]", h->limits,
	        &l->out->limits, l->e) < 0 ||
	    table_read(&l->reader, "book", "[book]", h->book, &book, l->e) <
	        0) {
		return -1;
	}
	if (node.cells == 0 || node.cells > CELLS_MAX) {
		return table_err(l->reader.file, roles_first_of(h->node), l->e,
		    "cells: expected 1 to 1000");
	}
	if (node.uid_base < 1000) {
		return table_err(l->reader.file, roles_first_of(h->node), l->e,
		    "uid_base: expected at least 1000; below are the system's "
		    "own ids");
	}
	if (book.keep_bodies && book.keep_bodies < DAY_US) {
		return table_err(l->reader.file, roles_first_of(h->book), l->e,
		    "keep_bodies: expected at least 1d; bodies go by whole "
		    "days");
	}
	if (roles_read_audit(l, h->audit) < 0 ||
	    roles_read_api(l, h->api) < 0 ||
	    roles_read_notify(l, h->notify) < 0) {
		return -1;
	}
	l->out->keep_bodies = book.keep_bodies;
	l->out->keep_ended = book.keep_ended;
	l->out->uid_base = node.uid_base;
	l->out->cells = node.cells;
	return roles_check_limits(
	    l->reader.file, h->limits, &l->out->limits, l->e);
}

int
roles_parse_config(struct arena *a, struct str text, const char *file,
    struct config *out, struct err *e)
{
	struct config c = { .file = arena_str(a, str_of(file)) };
	struct loading l = { .reader = { a, c.file.at, roles_keys,
		                 roles_key_count },
		.out = &c,
		.e = e };
	struct house h = { 0 };
	struct json *tree = NULL;

	if (toml_parse(a, text, file, &tree, e) < 0 ||
	    table_read(&l.reader, "house", "the top of the file", tree, &h, e) <
	        0 ||
	    check_store(&l, tree, h.store) < 0 ||
	    read_operators(&l, h.operators) < 0 ||
	    roles_read_models(&l, h.models) < 0 ||
	    roles_read_witnesses(&l, h.witnesses) < 0 ||
	    roles_read_issuers(&l, h.issuers) < 0 || read_rest(&l, &h) < 0) {
		return -1;
	}
	c.state = h.state;
	c.store = h.store;
	c.device = h.device;
	c.client = h.client;
	c.listen = h.listen;
	c.roles = h.roles;
	*out = c;
	return 0;
}

int
roles_load_config(
    struct arena *a, const char *path, struct config *out, struct err *e)
{
	auto_buf text = { 0 };

	if (file_read_written(path, ROLES_FILE_MAX, &text, e) < 0) {
		return -1;
	}
	return roles_parse_config(
	    a, arena_str(a, buf_str(&text)), path, out, e);
}

const struct config_model *
roles_find_model(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->model_count; i++) {
		if (str_eq(c->models[i].name, name)) {
			return &c->models[i];
		}
	}
	return NULL;
}

const struct config_issuer *
roles_find_issuer(const struct config *c, struct str host)
{
	for (size_t i = 0; i < c->issuer_count; i++) {
		if (str_eq(c->issuers[i].host, host)) {
			return &c->issuers[i];
		}
	}
	return NULL;
}

const struct config_operator *
roles_find_operator(const struct config *c, struct str name)
{
	for (size_t i = 0; i < c->operator_count; i++) {
		if (str_eq(c->operators[i].name, name)) {
			return &c->operators[i];
		}
	}
	return NULL;
}
