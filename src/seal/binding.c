/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/own.h"

static const struct {
	enum seal_kind kind;
	const char *name;
} kinds[] = {
#define SEAL_KIND(number, kind, name) { SEAL_##kind, name },
#include "seal/kinds.def"
#undef SEAL_KIND
};

const char *
seal_kind_name(unsigned kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (kinds[i].kind == kind) {
			return kinds[i].name;
		}
	}
	return "unknown";
}

bool
seal_kind_parse(struct str name, enum seal_kind *kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (str_eq_z(name, kinds[i].name)) {
			*kind = kinds[i].kind;
			return true;
		}
	}
	return false;
}

static bool
only(struct str s, size_t limit, const char *others, bool upper)
{
	if (s.len < 1 || s.len > limit) {
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    !(upper && c >= 'A' && c <= 'Z') &&
		    (c == 0 || !strchr(others, c))) {
			return false;
		}
	}
	return true;
}

bool
id_valid_text(struct str id)
{
	return only(id, SEAL_ID_MAX, ".-_", true);
}

bool
host_valid_text(struct str host)
{
	if (str_starts(host, STR("[")) && str_ends(host, STR("]"))) {
		return only(str_sub(host, 1, host.len - 2), SEAL_HOST_MAX - 2,
		    ":.", false);
	}
	return only(host, SEAL_HOST_MAX, ".-_", false);
}

/* The port of "name:port", what is left of it in *name; 443 without one. */
static uint16_t
cut_port(struct str entry, struct str *name)
{
	uint64_t port = 443;
	size_t at = entry.len;

	while (at > 0 && entry.at[at - 1] >= '0' && entry.at[at - 1] <= '9') {
		at--;
	}
	*name = entry;
	if (at < 2 || entry.at[at - 1] != ':') {
		return 443;
	}
	if (!str_u64(str_sub(entry, at, entry.len), &port) || port < 1 ||
	    port > UINT16_MAX || entry.at[at] == '0') {
		return 0;
	}
	*name = str_sub(entry, 0, at - 1);
	return (uint16_t)port;
}

static bool
entry_valid(struct str entry)
{
	struct str name;

	return entry.len <= SEAL_HOST_MAX && cut_port(entry, &name) != 0 &&
	       host_valid_text(name);
}

static int
check_binding(const struct seal_binding *binding, struct err *e)
{
	if (!id_valid_text(binding->id)) {
		return err_set(e, ERR_INPUT,
		    "the credential id %s is not 1 to %d letters, digits, "
		    "dots, dashes and underscores",
		    err_quote(binding->id), SEAL_ID_MAX);
	}
	if (binding->version < 1 ||
	    strcmp(seal_kind_name(binding->kind), "unknown") == 0) {
		return err_set(e, ERR_INPUT,
		    "credential " STR_FMT " has no version or an unknown kind",
		    STR_ARG(binding->id));
	}
	if (binding->host_count < 1 || binding->host_count > SEAL_HOSTS_MAX) {
		return err_set(e, ERR_INPUT,
		    "credential " STR_FMT " is bound to %zu hosts; name 1 to "
		    "%d",
		    STR_ARG(binding->id), binding->host_count, SEAL_HOSTS_MAX);
	}
	if (binding->issuer.len && !entry_valid(binding->issuer)) {
		return err_set(e, ERR_INPUT,
		    "credential " STR_FMT
		    " has its tokens from %s, which is no "
		    "host or host:port in lower case",
		    STR_ARG(binding->id), err_quote(binding->issuer));
	}
	for (size_t i = 0; i < binding->host_count; i++) {
		if (!entry_valid(binding->hosts[i])) {
			return err_set(e, ERR_INPUT,
			    "credential " STR_FMT
			    " is bound to %s, which is no host or host:port "
			    "in lower case",
			    STR_ARG(binding->id), err_quote(binding->hosts[i]));
		}
	}
	return 0;
}

/* At most sixteen: insertion is enough.  False if one stands there twice. */
static bool
sort_hosts(struct str *hosts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct str host = hosts[i];
		size_t to = i;

		while (to > 0 && str_cmp(hosts[to - 1], host) > 0) {
			hosts[to] = hosts[to - 1];
			to--;
		}
		if (to > 0 && str_eq(hosts[to - 1], host)) {
			return false;
		}
		hosts[to] = host;
	}
	return true;
}

static void
add_u16(struct buf *out, size_t value)
{
	uint8_t bytes[2];

	put_u16(bytes, (unsigned)value);
	buf_add(out, str_span(bytes, sizeof(bytes)));
}

static bool
facts_empty(const uint8_t facts[SEAL_FACTS])
{
	return sodium_is_zero(facts, SEAL_FACTS) == 1;
}

int
binding_encode(const struct seal_binding *binding, uint8_t format,
    struct buf *out, struct err *e)
{
	struct seal_binding sorted = *binding;
	uint8_t version[4];

	if (check_binding(binding, e)) {
		return -1;
	}
	if (format == 1 &&
	    (binding->issuer.len || !facts_empty(binding->facts))) {
		return err_set(e, ERR_DENIED,
		    "credential " STR_FMT " was sealed before it had the "
		    "properties that it is said to have; put it in again",
		    STR_ARG(binding->id));
	}
	if (!sort_hosts(sorted.hosts, sorted.host_count)) {
		return err_set(e, ERR_INPUT,
		    "credential " STR_FMT " is bound to one host twice",
		    STR_ARG(binding->id));
	}
	add_u16(out, sorted.id.len);
	buf_add(out, sorted.id);
	put_u32(version, sorted.version);
	buf_add(out, str_span(version, sizeof(version)));
	buf_add_byte(out, (uint8_t)sorted.kind);
	add_u16(out, sorted.host_count);
	for (size_t i = 0; i < sorted.host_count; i++) {
		add_u16(out, sorted.hosts[i].len);
		buf_add(out, sorted.hosts[i]);
	}
	if (format > 1) {
		add_u16(out, sorted.issuer.len);
		buf_add(out, sorted.issuer);
		buf_add(out, str_span(sorted.facts, SEAL_FACTS));
	}
	return 0;
}

static bool
take(struct str *rest, size_t len, struct str *taken)
{
	if (rest->len < len) {
		return false;
	}
	*taken = str_sub(*rest, 0, len);
	*rest = str_sub(*rest, len, rest->len);
	return true;
}

static bool
take_u16(struct str *rest, unsigned *value)
{
	struct str bytes;

	if (!take(rest, 2, &bytes)) {
		return false;
	}
	*value = get_u16((const uint8_t *)bytes.at);
	return true;
}

static bool
take_text(struct str *rest, struct str *text)
{
	unsigned len;

	return take_u16(rest, &len) && take(rest, len, text);
}

static bool
take_properties(struct str *rest, struct seal_binding *binding)
{
	struct str facts;

	if (!take_text(rest, &binding->issuer) ||
	    !take(rest, SEAL_FACTS, &facts)) {
		return false;
	}
	memcpy(binding->facts, facts.at, SEAL_FACTS);
	return true;
}

static bool
take_binding(struct str rest, uint8_t format, struct seal_binding *binding)
{
	struct str fixed;
	unsigned count;

	if (!take_text(&rest, &binding->id) || !take(&rest, 5, &fixed) ||
	    !take_u16(&rest, &count) || count > SEAL_HOSTS_MAX) {
		return false;
	}
	binding->version = get_u32((const uint8_t *)fixed.at);
	binding->kind = (enum seal_kind)(uint8_t)fixed.at[4];
	binding->host_count = count;
	for (unsigned i = 0; i < count; i++) {
		if (!take_text(&rest, &binding->hosts[i]) ||
		    (i > 0 && str_cmp(binding->hosts[i - 1],
		                  binding->hosts[i]) >= 0)) {
			return false;
		}
	}
	return (format == 1 || take_properties(&rest, binding)) &&
	       rest.len == 0;
}

int
binding_decode(struct str bytes, uint8_t format, struct seal_binding *binding,
    struct err *e)
{
	struct seal_binding read = { 0 };

	if (!take_binding(bytes, format, &read)) {
		return err_set(
		    e, ERR_INPUT, "a sealed row has no readable binding");
	}
	if (check_binding(&read, e)) {
		return -1;
	}
	*binding = read;
	return 0;
}

static bool
entry_is(struct str entry, struct str host, uint16_t port)
{
	struct str name;

	return cut_port(entry, &name) == port && str_eq(name, host);
}

bool
seal_binding_allows(
    const struct seal_binding *binding, struct str host, uint16_t port)
{
	if (!host_valid_text(host)) {
		return false;
	}
	for (size_t i = 0; i < binding->host_count; i++) {
		if (entry_is(binding->hosts[i], host, port)) {
			return true;
		}
	}
	return false;
}

bool
seal_binding_issues(
    const struct seal_binding *binding, struct str host, uint16_t port)
{
	return host_valid_text(host) && entry_is(binding->issuer, host, port);
}
