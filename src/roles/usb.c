/* SPDX-License-Identifier: Apache-2.0 */
/* Which USB device a terminal belongs to. */
#include "roles/roles.h"

#define UP_MAX 4 /* folders between a terminal and its device */

/* One line of an attribute, printable and without spaces at its ends. */
static bool
read_attribute(const char *folder, const char *name, struct buf *out)
{
	auto_buf path = { 0 };
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct str rest;
	struct str line;

	buf_addf(&path, "%s/%s", folder, name);
	if (file_read(buf_z(&path), 256, &text, &e)) {
		return false;
	}
	rest = buf_str(&text);
	(void)str_cut(&rest, '\n', &line);
	line = str_trim(line);
	for (size_t i = 0; i < line.len; i++) {
		if (line.at[i] < 0x20 || line.at[i] > 0x7e) {
			return false;
		}
	}
	buf_clear(out);
	buf_add(out, line);
	return line.len > 0;
}

/* False: this folder is no device, or one that nobody could tell from its twin.
 */
static bool
read_device(const char *folder, struct buf *out)
{
	auto_buf vendor = { 0 };
	auto_buf product = { 0 };
	auto_buf serial = { 0 };

	if (!read_attribute(folder, "idVendor", &vendor) ||
	    !read_attribute(folder, "idProduct", &product) ||
	    !read_attribute(folder, "serial", &serial)) {
		return false;
	}
	buf_clear(out);
	buf_addf(out, STR_FMT ":" STR_FMT ":" STR_FMT,
	    STR_ARG(buf_str(&vendor)), STR_ARG(buf_str(&product)),
	    STR_ARG(buf_str(&serial)));
	return true;
}

int
roles_usb_device(const char *sysfs, unsigned major, unsigned minor, char *text,
    size_t size, struct err *e)
{
	auto_buf folder = { 0 };
	auto_buf whole = { 0 };

	buf_addf(&folder, "%s/dev/char/%u:%u/device", sysfs, major, minor);
	for (int up = 0; up <= UP_MAX; up++) {
		if (read_device(buf_z(&folder), &whole) && whole.len < size) {
			must(str_copy(text, size, buf_str(&whole)));
			return 0;
		}
		buf_add_z(&folder, "/..");
	}
	return err_set(e, ERR_MISSING,
	    "this terminal belongs to no USB device with a serial number");
}
