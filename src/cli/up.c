/* SPDX-License-Identifier: Apache-2.0 */
/* up: hands over to the supervisor.  init: files that `up` accepts as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* A part's arguments are seen by everybody; what a sealed file holds is not. */
const char *
cli_store_fd(struct cli *c, const char *url, struct err *e)
{
	struct str text = str_of(url);
	int fd;

	if (!str_starts(text, STR("postgres://")) &&
	    !str_starts(text, STR("postgresql://"))) {
		(void)err_set(e, ERR_USAGE,
		    "--store takes postgres://USER@HOST:PORT/DATABASE");
		return NULL;
	}
	fd = memfd_sealed("handrail-store", text, e);
	if (fd < 0) {
		return NULL;
	}
	if (fcntl(fd, F_SETFD, 0)) {
		(void)err_sys(e, "the descriptor of --store");
		return NULL;
	}
	return arena_printf(&c->arena, "%d", fd).at;
}

int
command_up(struct cli *c, int argc, char **argv)
{
	bool dev = cli_flag(&argc, argv, "dev");
	const char *store = cli_option(&argc, argv, "store");
	const char *store_fd = NULL;
	struct err e = { 0 };
	struct config config;

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "up", "takes no other arguments");
	}
	if (cli_config(c, &config, &e)) {
		return cli_fail(&e);
	}
	if (store && !(store_fd = cli_store_fd(c, store, &e))) {
		return cli_fail(&e);
	}
	const char *libexec = cli_libexec(c);
	const char *program =
	    arena_printf(&c->arena, "%s/supervisor", libexec).at;
	const char *args[] = {
		program,
		"--config",
		cli_absolute(c, c->config),
		"--state",
		c->state,
		"--libexec",
		libexec,
		"--dev",
		dev ? "yes" : "no",
		store_fd ? "--store-fd" : NULL,
		store_fd,
		NULL,
	};

	/* NOLINTNEXTLINE(performance-no-int-to-ptr): execv only reads */
	(void)execv(program, (char *const *)(uintptr_t)args);
	(void)err_set(
	    &e, ERR_IO, "cannot run %s: %s", program, strerrordesc_np(errno));
	return cli_fail(&e);
}

/* --- init --- */

static const char role_toml[] =
    "# A first role: one type of task and no more power than it needs.\n"
    "[task.default]\n"
    "description = \"Run a fixed plan of tool calls (payload.runbook)\"\n"
    "tools  = [\"shell\"]\n"
    "brain  = \"runbook\"                 # or \"model.default\": see "
    "handrail.toml\n"
    "budget = { turns = 20, calls = 40, wall = \"10m\" }\n"
    "input.properties.prompt = { type = \"string\" }\n"
    "output.properties.summary = { type = \"string\" }\n";

static const char gates_toml[] =
    "# What leaves the sandbox, and when a person must say yes first.\n"
    "# Unmatched hosts are denied.  Tools without a gate are allowed if their\n"
    "# action is \"read\"; for the others this decides: ask, allow or deny.\n"
    "[defaults]\n"
    "unmatched = \"ask\"\n"
    "\n"
    "# [egress.github]\n"
    "# match  = { host = \"api.github.com\", method = \"GET\", path = "
    "\"/repos/**\" }\n"
    "# inject = { credential = \"github\", header = \"Authorization\", format "
    "= \"Bearer {{secret}}\" }\n"
    "\n"
    "# [gate.push]\n"
    "# match   = { tool = \"git_push\" }\n"
    "# require = \"operator\"\n"
    "# surface = \"cli\"\n"
    "# hint    = \"push {{branch}}\"\n"
    "\n"
    "# A gate on requests holds what an egress rule lets out: answered at "
    "once\n"
    "# with the id of what waits, and passed once when it is sent again.\n"
    "# [gate.issue]\n"
    "# match   = { host = \"api.github.com\", method = \"POST\" }\n"
    "# require = \"operator\"\n";

static const char server_toml[] =
    "# The role's tools: each a typed contract.  `{{argument}}` fills one "
    "place\n"
    "# of one argument; nothing is ever split or quoted for you.\n"
    "[tool.shell]\n"
    "description = \"Run a shell command in the workspace /work\"\n"
    "action      = \"execute\"\n"
    "timeout     = \"2m\"\n"
    "run         = { builtin = \"shell\" }\n";

static int
write_new(struct cli *c, const char *folder, const char *name, struct str text,
    struct err *e)
{
	struct str path = arena_printf(&c->arena, "%s/%s", folder, name);

	if (cli_new_file("init", path.at, e) ||
	    file_write_atomic(path.at, text, 0644, e)) {
		return -1;
	}
	if (!c->json) {
		printf("wrote %s\n", path.at);
	}
	return 0;
}

/* The user's name as one of ours: a host may allow more in it than we do. */
static const char *
operator_name(struct cli *c, const char *user)
{
	size_t size = strlen(user) + 1;
	char *name = arena_alloc(&c->arena, size);

	memcpy(name, user, size);
	for (char *at = name; *at; at++) {
		if (*at >= 'A' && *at <= 'Z') {
			*at = (char)(*at - 'A' + 'a');
		} else if ((*at < 'a' || *at > 'z') &&
		           (*at < '0' || *at > '9')) {
			*at = '_';
		}
	}
	return roles_name_valid(str_of(name)) ? name : "operator";
}

static int
write_all(struct cli *c, const char *folder, struct err *e)
{
	auto_buf config = { 0 };
	struct passwd *me = getpwuid(getuid()); /* NOLINT: single threaded */
	struct str role =
	    arena_printf(&c->arena, "%s/roles/helper/mcp", folder);
	struct {
		const char *name;
		struct str text;
	} files[] = {
		{ "roles/helper/role.toml", str_of(role_toml) },
		{ "roles/helper/gates.toml", str_of(gates_toml) },
		{ "roles/helper/mcp/server.toml", str_of(server_toml) },
	};

	roles_write_config(&config,
	    operator_name(c, me ? me->pw_name : "operator"),
	    (uint32_t)getuid());
	if (file_mkdirs(role.at, 0755, e) ||
	    write_new(c, folder, "handrail.toml", buf_str(&config), e)) {
		return -1;
	}
	for (size_t i = 0; i < COUNT(files); i++) {
		if (write_new(c, folder, files[i].name, files[i].text, e)) {
			return -1;
		}
	}
	return 0;
}

int
command_init(struct cli *c, int argc, char **argv)
{
	cli_words(c, &argc, argv);
	const char *folder = argc ? argv[0] : ".";
	struct err e = { 0 };

	if (argc > 1) {
		return cli_usage(c, "init", "takes one folder");
	}
	if (write_all(c, folder, &e)) {
		return cli_fail(&e);
	}
	printf("next: handrail vault init --config %s/handrail.toml\n"
	       "      handrail up --config %s/handrail.toml\n",
	    folder, folder);
	return 0;
}
