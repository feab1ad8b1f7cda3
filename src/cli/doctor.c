/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel offers, what is therefore off, and how to mend it.  Each
 * line is tried, not guessed: a namespace is made, a socket opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "jail/jail.h"

#define SYSTEM_BUS "/run/dbus/system_bus_socket"

enum need {
	HELPS,
	CELLS, /* without it there are none */
	HOUSE, /* without it `up` ends */
	NEEDS,
};

struct finding {
	const char *name;
	bool good;
	enum need need;
	const char *without;
	const char *mend;
};

/* Tries something in a child that may then be thrown away. */
static bool
in_child(bool (*attempt)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		_exit(attempt() ? 0 : 1);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
user_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool
all_namespaces(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
	               CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
	               CLONE_NEWCGROUP) == 0;
}

static bool
nf_tables(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) >=
	           0;
}

/* TPROXY listeners need a transparent socket in the cell's namespace. */
static bool
transparent(void)
{
	int yes = 1;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		return false;
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &yes,
	                      sizeof(yes)) == 0;
}

static bool
netns_cookie(void)
{
	uint64_t cookie;
	socklen_t size = sizeof(cookie);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, 71, &cookie, &size) == 0;
}

static bool
id_ranges(void)
{
	return geteuid() == 0 || (access("/usr/bin/newuidmap", X_OK) == 0 &&
	                             access("/etc/subuid", R_OK) == 0);
}

static bool
cgroup_limits(void)
{
	return access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0 ||
	       access("/sys/fs/cgroup/unified/cgroup.subtree_control", W_OK) ==
	           0 ||
	       access("/sys/fs/cgroup/memory", W_OK) == 0;
}

static const char *
mend_namespaces(void)
{
	auto_buf text = { 0 };
	struct err e = { 0 };

	if (file_read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	        16, &text, &e) == 0 &&
	    text.len && text.at[0] == '1') {
		return "AppArmor limits user namespaces: `sysctl -w "
		       "kernel.apparmor_restrict_unprivileged_userns=0`, or an "
		       "AppArmor profile with `userns,` for this program";
	}
	return "`sysctl -w user.max_user_namespaces=10000` (and "
	       "kernel.unprivileged_userns_clone=1 on older Debian kernels)";
}

struct report {
	struct json_out o;
	unsigned off[NEEDS];
};

static void
print_finding(struct cli *c, const struct finding *f, struct report *r)
{
	struct json_out *o = &r->o;

	r->off[f->need] += !f->good;
	if (c->json) {
		json_out_object(o, NULL);
		json_out_z(o, "name", f->name);
		json_out_bool(o, "ok", f->good);
		json_out_z(o, "without", f->good ? "" : f->without);
		json_out_z(o, "mend", f->good ? "" : f->mend);
		json_out_end(o, '}');
		return;
	}
	printf("%s %s\n",
	    cli_paint(
	        c, f->good ? CLI_GREEN : CLI_RED, f->good ? "yes" : "no "),
	    f->name);
	if (!f->good) {
		printf("      off: %s\n      mend: %s\n", f->without, f->mend);
	}
}

static void
look_at_desk(struct cli *c, const struct config_buddy *buddy, struct report *r)
{
	bool radio = buddy->bluetooth.len > 0;
	const char *path =
	    arena_z(&c->arena, radio ? buddy->bluetooth : buddy->serial);

	if (!path[0]) {
		return;
	}
	struct finding desk = {
		.name =
		    arena_printf(&c->arena, "the device on a desk, %s", path)
		        .at,
		.good = access(radio ? SYSTEM_BUS : path, R_OK | W_OK) == 0,
		.without = "prompts go to the next surface of their gate; the "
		           "house tries to open it again and again",
		.mend = radio ? "install bluez and start bluetooth.service: "
		                "there is no system bus to reach it by"
		              : "plug it in, correct `serial` in [buddy] "
		                "(`handrail buddy pair` shows what is there), "
		                "or join the group dialout",
	};

	print_finding(c, &desk, r);
}

static void
look_at_password(struct cli *c, const struct config *config, struct report *r)
{
	const char *mend = roles_tells_password(&c->arena, config);
	struct finding password = {
		.name = "the database's password is not for every user to read",
		.without = arena_printf(&c->arena,
		    "it stands in %s, and who reads it is let into the book",
		    c->config)
		               .at,
		.mend = mend,
	};

	if (mend) {
		print_finding(c, &password, r);
	}
}

/* A secret in a file that the house reads at its start, if it is there. */
static void
look_at_secret(struct cli *c, struct str path, struct report *r)
{
	struct stat found;

	if (stat(path.at, &found)) {
		return;
	}
	struct finding secret = {
		.name =
		    arena_printf(&c->arena, "%s is its owner's alone", path.at)
		        .at,
		.good = !(found.st_mode & (S_IRWXG | S_IRWXO)),
		.need = HOUSE,
		.without = "the house does not start with it",
		.mend = arena_printf(&c->arena, "`chmod 600 %s`", path.at).at,
	};

	print_finding(c, &secret, r);
}

/* Whoever has an operator's token is that operator. */
static void
look_at_tokens(struct cli *c, const struct config *config, struct report *r)
{
	for (size_t i = 0; i < config->operator_count; i++) {
		look_at_secret(c,
		    arena_printf(&c->arena, "%s/operators/" STR_FMT ".token",
		        c->state, STR_ARG(config->operators[i].name)),
		    r);
	}
}

/* What the configuration asks for, if there is one. */
static void
look_at_config(struct cli *c, struct report *r)
{
	struct config config = { .file = STR("") };
	struct err e = { 0 };

	if (c->config && cli_config(c, &config, &e) == 0) {
		look_at_desk(c, &config.buddy, r);
		look_at_password(c, &config, r);
		look_at_tokens(c, &config, r);
	}
}

static void
look_at_keys(struct cli *c, struct report *r)
{
	static const char *const names[] = { "vault.key", "vault.pass" };

	for (size_t i = 0; i < COUNT(names); i++) {
		look_at_secret(
		    c, arena_printf(&c->arena, "%s/%s", c->state, names[i]), r);
	}
}

static void
print_sum(const struct report *r)
{
	if (r->off[CELLS]) {
		printf("this host cannot run sandboxes yet\n");
	} else if (r->off[HOUSE]) {
		printf("this host can run sandboxes; this house does not start "
		       "yet\n");
	} else if (r->off[HELPS]) {
		printf("this host can run sandboxes; see what says no above\n");
	} else {
		printf("this host can run sandboxes\n");
	}
}

int
command_doctor(struct cli *c, int argc, char **argv)
{
	auto_buf text = { 0 };
	struct report r = { 0 };
	int abi = jail_landlock_abi();
	struct finding findings[] = {
		{ "user namespaces", in_child(user_namespace), CELLS,
		    "no sandbox can be made", mend_namespaces() },
		{ "mount, pid, net, ipc, uts and cgroup namespaces",
		    in_child(all_namespaces), CELLS, "no sandbox can be made",
		    mend_namespaces() },
		{ "seccomp filters", jail_seccomp_works(), CELLS,
		    "parts and cells cannot be narrowed",
		    "a kernel with CONFIG_SECCOMP_FILTER" },
		{ "Landlock", abi > 0, HELPS,
		    "parts keep the files their user can read; seccomp and ids "
		    "are then the walls",
		    "boot with lsm=landlock,… and CONFIG_SECURITY_LANDLOCK" },
		{ "Landlock for TCP (ABI 4)", abi >= 4, HELPS,
		    "with a store on PostgreSQL core can reach other ports "
		    "than "
		    "the server's; with SQLite it has no sockets (seccomp)",
		    "kernel 6.7" },
		{ "nf_tables in a namespace", in_child(nf_tables), HELPS,
		    "only ports 80, 443, 53 and the proxy's are answered; "
		    "other "
		    "ports are refused unseen",
		    "modprobe nf_tables nft_tproxy" },
		{ "transparent sockets in a namespace", in_child(transparent),
		    CELLS, "the fence has no listener", mend_namespaces() },
		{ "SO_NETNS_COOKIE", netns_cookie(), HELPS,
		    "a listener's namespace is not asserted", "kernel 5.14" },
		{ "ids for each part and cell", id_ranges(), HELPS,
		    "all parts and cells share one id: seccomp, Landlock and "
		    "non-dumpable processes are the walls (THREATS.md)",
		    "apt-get install uidmap, and a range in /etc/subuid" },
		{ "cgroup limits", cgroup_limits(), HELPS,
		    "memory and processes are limited by rlimits only",
		    "run as root or under a delegated systemd scope" },
		{ "KVM", access("/dev/kvm", R_OK | W_OK) == 0, HELPS,
		    "microvm cells (not in this version) would be emulated",
		    "join the group kvm" },
	};

	cli_words(c, &argc, argv);
	if (argc) {
		return cli_usage(c, "doctor", "takes no arguments");
	}
	json_out_init(&r.o, &text);
	json_out_object(&r.o, NULL);
	json_out_array(&r.o, "findings");
	for (size_t i = 0; i < COUNT(findings); i++) {
		print_finding(c, &findings[i], &r);
	}
	look_at_config(c, &r);
	look_at_keys(c, &r);
	json_out_end(&r.o, ']');
	bool ok = !r.off[CELLS] && !r.off[HOUSE];

	json_out_i64(&r.o, "landlock_abi", abi);
	json_out_bool(&r.o, "ok", ok);
	json_out_end(&r.o, '}');
	if (c->json) {
		printf(STR_FMT "\n", STR_ARG(buf_str(&text)));
	} else {
		print_sum(&r);
	}
	return ok ? 0 : 1;
}
