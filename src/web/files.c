/* SPDX-License-Identifier: Apache-2.0 */
/* The pages: files of this folder, compiled in (embed.py). */
#include "web/inside.h"
#include "web/web_bytes.h"

#define MARK "<!--why-->" /* in login.html: where the sentence stands */

static const struct web_file files[] = {
#define WEB_FILE(path, name, type) \
	{ path, type, { web_##name, sizeof(web_##name) - 1 } },
#include "web/files.def"
#undef WEB_FILE
};

const struct web_file *
web_find(struct str path)
{
	for (size_t i = 0; i < COUNT(files); i++) {
		if (str_eq_z(path, files[i].path)) {
			return &files[i];
		}
	}
	return NULL;
}

void
web_login_page(struct buf *out, const char *why)
{
	struct str page = web_find(STR(WEB_LOGIN_PATH))->bytes;
	struct str mark = STR(MARK);
	size_t at = 0;

	while (!str_starts(str_sub(page, at, page.len), mark)) {
		must(at < page.len);
		at++;
	}
	buf_add(out, str_sub(page, 0, at));
	buf_add_z(out, why);
	buf_add(out, str_sub(page, at + mark.len, page.len));
}
