/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator of a game wrote: two roles, one of agents, one of workers.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/house.h"

static const char config[] = "state = \"%s\"\nlisten = \"127.0.0.1:1\"\n"
                             "roles = \"roles\"\n"
                             "[operator.tester]\nuid = 1000\n"
                             "[node]\ncells = 3\nuid_base = 700000\n"
                             "[model.default]\n"
                             "url = \"http://127.0.0.1:1/v1\"\n"
                             "model = \"m\"\nmax_tokens = 10\n";
static const char role[] =
    "[task.default]\n"
    "tools = [\"write\", \"again\", \"checked\", \"check\", \"gated\", "
    "\"fetch\"]\n"
    "brain = \"model.default\"\n"
    "budget = { turns = 50, calls = 50, wall = \"2h\" }\n";
static const char mill[] = "[task.default]\ntools = []\n"
                           "[queue]\nserved = \"worker\"\n";
static const char no_gates[] = "[defaults]\nunmatched = \"allow\"\n";
static const char gates[] =
    "[defaults]\nunmatched = \"allow\"\n"
    "[gate.gated]\nmatch = { tool = \"gated\" }\nrequire = \"operator\"\n"
    "surface = \"cli\"\nhint = \"{{task}} {{n}}\"\nexpires = \"20m\"\n"
    "[gate.held]\nmatch = { host = \"held.test\", method = \"POST\" }\n"
    "require = \"operator\"\nsurface = \"cli\"\nexpires = \"20m\"\n"
    "[egress.held]\nmatch = { host = \"held.test\", method = \"POST\" }\n"
    "[egress.up]\nmatch = { host = \"up.test\", port = 443, method = \"GET\" "
    "}\n"
    "upstream = \"127.0.0.1:1\"\n"
    "inject = { credential = \"key\", header = \"X-Key\" }\n";

static const char tool[] =
    "[tool.%s]\ndescription = \"d\"\naction = \"write\"\n%s"
    "timeout = \"1m\"\n"
    "[tool.%s.input]\ntype = \"object\"\nrequired = [\"task\", \"n\"]\n"
    "properties.task = { type = \"string\" }\n"
    "properties.n = { type = \"string\" }\n[tool.%s.run]\n%s\n";

/* Its `confirm` says what is so. */
static const char check[] =
    "[tool.check]\ndescription = \"d\"\naction = \"read\"\n"
    "timeout = \"1m\"\n"
    "[tool.check.input]\ntype = \"object\"\nrequired = [\"task\", \"n\"]\n"
    "properties.task = { type = \"string\" }\n"
    "properties.n = { type = \"string\" }\n"
    "[tool.check.output]\ntype = \"object\"\nrequired = [\"happened\"]\n"
    "properties.happened = { type = \"boolean\" }\n"
    "[tool.check.run]\n"
    "exec = [\"/bin/check\", \"{{task}}\", \"{{n}}\"]\n";

static const char hidden[] =
    "[tool.hidden]\ndescription = \"d\"\naction = \"write\"\n"
    "timeout = \"1m\"\nidentities = [\"phone__*__*\"]\n"
    "[tool.hidden.input]\ntype = \"object\"\nrequired = [\"task\", \"n\"]\n"
    "properties.task = { type = \"string\" }\n"
    "properties.n = { type = \"string\" }\n"
    "[tool.hidden.run]\n"
    "exec = [\"/bin/hidden\", \"{{task}}\", \"{{n}}\"]\n";

static void
write_file(const char *name, struct str text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct err e = { 0 };

	must(fd >= 0 && file_write_all(fd, text, &e) == 0);
	must(close(fd) == 0);
}

static void
add_tool(struct buf *out, const char *name, const char *more, const char *run)
{
	buf_addf(out, tool, name, more, name, name, run);
}

void
sim_files(const char *at)
{
	static const char *const folders[] = { "", "/state", "/state/book",
		"/state/runs", "/roles", "/roles/helper", "/roles/helper/mcp",
		"/roles/mill", "/roles/mill/mcp" };
	auto_buf text = { 0 };
	auto_buf path = { 0 };

	for (size_t i = 0; i < COUNT(folders); i++) {
		buf_clear(&path);
		buf_addf(&path, "%s%s", at, folders[i]);
		must(mkdir(buf_z(&path), 0755) == 0);
	}
	must(chdir(at) == 0);
	buf_addf(&path, "%s", "");
	buf_addf(&text, config, at);
	write_file("handrail.toml", buf_str(&text));
	write_file("roles/helper/role.toml", str_of(role));
	write_file("roles/helper/gates.toml", str_of(gates));
	buf_clear(&text);
	add_tool(&text, "write", "",
	    "exec = [\"/bin/write\", \"{{task}}\", \"{{n}}\"]");
	add_tool(&text, "again", "idempotent = true\n",
	    "exec = [\"/bin/again\", \"{{task}}\", \"{{n}}\"]");
	add_tool(&text, "checked", "confirm = \"check\"\n",
	    "exec = [\"/bin/checked\", \"{{task}}\", \"{{n}}\"]");
	buf_add_z(&text, check);
	add_tool(&text, "gated", "",
	    "exec = [\"/bin/gated\", \"{{task}}\", \"{{n}}\"]");
	add_tool(&text, "fetch", "",
	    "http = { method = \"GET\", url = "
	    "\"https://up.test/do/{{task}}/{{n}}\" }");
	/* Two that no task of this role may have. */
	buf_add_z(&text, hidden);
	add_tool(
	    &text, "bad", "", "exec = [\"/bin/bad\", \"{{task}}\", \"{{n}}\"]");
	write_file("roles/helper/mcp/server.toml", buf_str(&text));
	write_file("roles/mill/role.toml", str_of(mill));
	write_file("roles/mill/gates.toml", str_of(no_gates));
	write_file("roles/mill/mcp/server.toml", STR(""));
}
