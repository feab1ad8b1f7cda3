/* SPDX-License-Identifier: Apache-2.0 */
#include "names/own.h"

#include <idn2.h>
#include <libpsl.h>
#include <string.h>

static int
refuse(struct err *e, struct str hostile, const char *why)
{
	return err_set(
	    e, ERR_INPUT, "%s is no host name: %s", err_quote(hostile), why);
}

static bool
letter_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((uint8_t)s.at[i] >= 0x80) {
			return false;
		}
	}
	return true;
}

/* An A-label must be what its own U-label encodes to (RFC 5891 §5.4). */
static bool
a_label_honest(const char *label)
{
	char *u = NULL;
	char *a = NULL;
	bool same =
	    idn2_to_unicode_8z8z(label, &u, IDN2_NO_TR46) == IDN2_OK &&
	    idn2_to_ascii_8z(u, &a, IDN2_NFC_INPUT | IDN2_NO_TR46) == IDN2_OK &&
	    strcmp(a, label) == 0 && strcmp(u, label) != 0;

	idn2_free(u);
	idn2_free(a);
	return same;
}

/* RFC 1123: letters, digits, hyphens inside. */
static bool
label_good(struct str label)
{
	char z[64];

	if (!label.len || label.len > 63 || !letter_digit(label.at[0]) ||
	    !letter_digit(label.at[label.len - 1])) {
		return false;
	}
	for (size_t i = 0; i < label.len; i++) {
		if (!letter_digit(label.at[i]) && label.at[i] != '-') {
			return false;
		}
	}
	if (str_starts(label, STR("xn--"))) {
		return str_copy(z, sizeof(z), label) && a_label_honest(z);
	}
	return true;
}

static bool
all_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9') {
			return false;
		}
	}
	return s.len > 0;
}

static bool
looks_numeric(struct str label)
{
	if (all_digits(label)) {
		return true;
	}
	if (!str_starts(label, STR("0x"))) {
		return false;
	}
	for (size_t i = 2; i < label.len; i++) {
		char c = label.at[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
			return false;
		}
	}
	return true;
}

static int
check_labels(struct str hostile, struct str name, struct err *e)
{
	struct str rest = name;
	struct str label = { 0 };
	bool more = true;

	while (more) {
		more = str_cut(&rest, '.', &label);
		if (!label_good(label)) {
			return refuse(e, hostile,
			    "labels are 1 to 63 letters, digits and inner "
			    "hyphens");
		}
	}
	if (looks_numeric(label)) {
		return refuse(e, hostile, "it ends in a number");
	}
	return 0;
}

/* U-labels to A-labels.  No mapping: what is not in its canonical form already
 * (upper case, full-width, look-alike dots) is refused, not repaired. */
static int
to_ascii(struct str hostile, char out[NAMES_HOST_SIZE], struct err *e)
{
	char z[4 * NAMES_HOST_SIZE];
	char *ascii = NULL;

	if (!str_copy(z, sizeof(z), hostile)) {
		return refuse(e, hostile, "not in canonical form");
	}
	int status = idn2_to_ascii_8z(z, &ascii, IDN2_NO_TR46);

	if (status != IDN2_OK) {
		return refuse(e, hostile, idn2_strerror(status));
	}
	bool fits = str_copy(out, NAMES_HOST_SIZE, str_of(ascii));

	idn2_free(ascii);
	return fits ? 0 : refuse(e, hostile, "over 253 bytes");
}

int
name_canonical(struct str hostile, char out[NAMES_HOST_SIZE], struct err *e)
{
	char text[NAMES_HOST_SIZE] = { 0 };
	struct str name = hostile;

	if (str_ends(name, STR("."))) {
		name.len--;
	}
	if (!is_ascii(name)) {
		if (to_ascii(name, text, e)) {
			return -1;
		}
	} else if (!name.len || !str_copy(text, sizeof(text), name)) {
		return refuse(e, hostile, "1 to 253 bytes, no NUL");
	}
	for (char *c = text; *c; c++) {
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
	}
	if (check_labels(hostile, str_of(text), e)) {
		return -1;
	}
	memcpy(out, text, sizeof(text));
	return 0;
}

static int
take_literal(struct str hostile, struct str inside, uint8_t family,
    struct names_host *out, struct err *e)
{
	struct names_host h = { .is_addr = true };

	if (!names_addr_parse(inside, &h.addr) || h.addr.family != family) {
		return refuse(e, hostile, "malformed address");
	}
	_Static_assert(NAMES_ADDR_TEXT <= NAMES_HOST_SIZE, "text fits");
	names_addr_text(&h.addr, h.text);
	*out = h;
	return 0;
}

int
names_host_parse(struct str hostile, struct names_host *out, struct err *e)
{
	struct names_host h = { 0 };
	struct names_addr addr;

	if (str_starts(hostile, STR("["))) {
		if (!str_ends(hostile, STR("]"))) {
			return refuse(e, hostile, "bracket without its pair");
		}
		return take_literal(
		    hostile, str_sub(hostile, 1, hostile.len - 2), 6, out, e);
	}
	if (names_addr_parse(hostile, &addr) && addr.family == 4) {
		return take_literal(hostile, hostile, 4, out, e);
	}
	if (name_canonical(hostile, h.text, e)) {
		return -1;
	}
	*out = h;
	return 0;
}

static bool
port_parse(struct str text, uint16_t *port)
{
	uint64_t n;

	if (!text.len || text.at[0] == '0' || !str_u64(text, &n) || n > 65535) {
		return false;
	}
	*port = (uint16_t)n;
	return true;
}

int
names_hostport_parse(struct str hostile, uint16_t default_port,
    struct names_host *host, uint16_t *port, struct err *e)
{
	struct names_host h;
	uint16_t number = default_port;
	struct str rest = hostile;
	struct str name;
	bool stated;

	if (str_starts(hostile, STR("["))) {
		(void)str_cut(&rest, ']', &name);
		stated = rest.len > 0;
		name = str_sub(hostile, 0, hostile.len - rest.len);
		if (stated && rest.at[0] != ':') {
			return refuse(e, hostile, "bytes behind the bracket");
		}
		rest = str_sub(rest, 1, rest.len);
	} else {
		stated = str_cut(&rest, ':', &name);
	}
	if (stated ? !port_parse(rest, &number) : !number) {
		return err_set(e, ERR_INPUT, "%s needs a port from 1 to 65535",
		    err_quote(hostile));
	}
	if (names_host_parse(name, &h, e)) {
		return -1;
	}
	*host = h;
	*port = number;
	return 0;
}

/* --- patterns ------------------------------------------------------------ */

int
names_pattern_parse(struct str text, struct names_pattern *out, struct err *e)
{
	struct names_pattern p = { 0 };
	struct str host = text;

	if (str_starts(text, STR("*."))) {
		p.wild = true;
		host = str_sub(text, 2, text.len);
	}
	if (str_has(host, '*')) {
		return err_set(e, ERR_INPUT,
		    "%s: '*' stands only in front, as in *.example.org",
		    err_quote(text));
	}
	if (names_host_parse(host, &p.host, e)) {
		return -1;
	}
	if (p.wild && p.host.is_addr) {
		return err_set(e, ERR_INPUT, "%s: an address has no subdomains",
		    err_quote(text));
	}
	if (p.wild && psl_is_public_suffix(psl_builtin(), p.host.text)) {
		return err_set(e, ERR_INPUT,
		    "%s: '%s' is a public suffix, under which anybody "
		    "may own a name",
		    err_quote(text), p.host.text);
	}
	*out = p;
	return 0;
}

bool
names_pattern_match(
    const struct names_pattern *p, const struct names_host *host)
{
	struct str name = str_of(host->text);
	struct str suffix = str_of(p->host.text);

	if (!p->wild) {
		return p->host.is_addr == host->is_addr && str_eq(name, suffix);
	}
	return !host->is_addr && name.len > suffix.len + 1 &&
	       str_ends(name, suffix) &&
	       name.at[name.len - suffix.len - 1] == '.';
}
