/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The redirecting rules of the fence, written as nfnetlink messages
 * (linux/netfilter/nf_tables.h).  What `nft` would print:
 *
 *   table inet fence { chain pre { type filter hook prerouting priority -150;
 *     meta nfproto ipv4 ip daddr 127.0.0.0/8 accept
 *     meta nfproto ipv6 ip6 daddr ::1 accept
 *     meta nfproto ipv4 meta l4proto tcp tproxy ip to :PORT accept
 *     meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :PORT accept
 *   } }
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>

#include "cell/inside.h"

#define BATCH_MAX 4096
#define PRIORITY  (-150)
#define IP4_DADDR 16
#define IP6_DADDR 24

struct batch {
	char bytes[BATCH_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	size_t len;
	size_t message; /* where the present one began */
	uint32_t seq;
	unsigned acks;
};

static void *
grow(struct batch *b, size_t size)
{
	must(b->len + NLMSG_ALIGN(size) <= sizeof(b->bytes));
	void *at = b->bytes + b->len;

	memset(at, 0, NLMSG_ALIGN(size));
	b->len += NLMSG_ALIGN(size);
	return at;
}

static void
begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *head;
	struct nfgenmsg *nf;
	bool edge = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;

	b->message = b->len;
	head = grow(b, sizeof(*head));
	nf = grow(b, sizeof(*nf));
	head->nlmsg_type =
	    edge ? type : (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type);
	head->nlmsg_flags = NLM_F_REQUEST | flags;
	head->nlmsg_seq = ++b->seq;
	nf->nfgen_family = family;
	nf->version = NFNETLINK_V0;
	nf->res_id = edge ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	b->acks += (flags & NLM_F_ACK) ? 1 : 0;
}

static void
end(struct batch *b)
{
	struct nlmsghdr *head = (void *)(b->bytes + b->message);

	head->nlmsg_len = (uint32_t)(b->len - b->message);
}

static void
put(struct batch *b, uint16_t type, const void *at, size_t len)
{
	struct nlattr *a = grow(b, sizeof(*a) + len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(sizeof(*a) + len);
	memcpy(a + 1, at, len);
}

static void
put_text(struct batch *b, uint16_t type, const char *text)
{
	put(b, type, text, strlen(text) + 1);
}

static void
put_number(struct batch *b, uint16_t type, uint32_t value)
{
	uint32_t big = htonl(value);

	put(b, type, &big, sizeof(big));
}

static size_t
open_nest(struct batch *b, uint16_t type)
{
	size_t at = b->len;
	struct nlattr *a = grow(b, sizeof(*a));

	a->nla_type = type | NLA_F_NESTED;
	return at;
}

static void
close_nest(struct batch *b, size_t at)
{
	struct nlattr *a = (void *)(b->bytes + at);

	a->nla_len = (uint16_t)(b->len - at);
}

struct expression {
	size_t element, data;
};

static struct expression
open_expression(struct batch *b, const char *name)
{
	struct expression x = { .element = open_nest(b, NFTA_LIST_ELEM) };

	put_text(b, NFTA_EXPR_NAME, name);
	x.data = open_nest(b, NFTA_EXPR_DATA);
	return x;
}

static void
close_expression(struct batch *b, struct expression x)
{
	close_nest(b, x.data);
	close_nest(b, x.element);
}

static void
put_data(struct batch *b, uint16_t type, const void *at, size_t len)
{
	size_t nest = open_nest(b, type);

	put(b, NFTA_DATA_VALUE, at, len);
	close_nest(b, nest);
}

static void
match(struct batch *b, const void *at, size_t len)
{
	struct expression x = open_expression(b, "cmp");

	put_number(b, NFTA_CMP_SREG, NFT_REG_1);
	put_number(b, NFTA_CMP_OP, NFT_CMP_EQ);
	put_data(b, NFTA_CMP_DATA, at, len);
	close_expression(b, x);
}

static void
match_meta(struct batch *b, uint32_t key, uint8_t value)
{
	struct expression x = open_expression(b, "meta");

	put_number(b, NFTA_META_DREG, NFT_REG_1);
	put_number(b, NFTA_META_KEY, key);
	close_expression(b, x);
	match(b, &value, sizeof(value));
}

static void
load_address(struct batch *b, uint32_t offset, uint32_t len)
{
	struct expression x = open_expression(b, "payload");

	put_number(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_number(b, NFTA_PAYLOAD_OFFSET, offset);
	put_number(b, NFTA_PAYLOAD_LEN, len);
	close_expression(b, x);
}

static void
accept_it(struct batch *b)
{
	struct expression x = open_expression(b, "immediate");
	size_t data, verdict;

	put_number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = open_nest(b, NFTA_IMMEDIATE_DATA);
	verdict = open_nest(b, NFTA_DATA_VERDICT);
	put_number(b, NFTA_VERDICT_CODE, NF_ACCEPT);
	close_nest(b, verdict);
	close_nest(b, data);
	close_expression(b, x);
}

static size_t
open_rule(struct batch *b, uint8_t family)
{
	begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
	    NFPROTO_INET);
	put_text(b, NFTA_RULE_TABLE, "fence");
	put_text(b, NFTA_RULE_CHAIN, "pre");
	size_t list = open_nest(b, NFTA_RULE_EXPRESSIONS);

	match_meta(b, NFT_META_NFPROTO, family);
	return list;
}

static void
close_rule(struct batch *b, size_t list)
{
	accept_it(b);
	close_nest(b, list);
	end(b);
}

static void
spare_loopback(struct batch *b)
{
	const uint8_t net[1] = { 127 };
	const uint8_t one[16] = { [15] = 1 };
	size_t rule = open_rule(b, NFPROTO_IPV4);

	/* One byte of the address is the whole of the /8. */
	load_address(b, IP4_DADDR, sizeof(net));
	match(b, net, sizeof(net));
	close_rule(b, rule);
	rule = open_rule(b, NFPROTO_IPV6);
	load_address(b, IP6_DADDR, sizeof(one));
	match(b, one, sizeof(one));
	close_rule(b, rule);
}

static void
redirect(struct batch *b, uint8_t family, uint16_t port)
{
	size_t rule = open_rule(b, family);
	uint16_t big = htons(port);
	struct expression x;

	match_meta(b, NFT_META_L4PROTO, IPPROTO_TCP);
	x = open_expression(b, "immediate");
	put_number(b, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_data(b, NFTA_IMMEDIATE_DATA, &big, sizeof(big));
	close_expression(b, x);
	x = open_expression(b, "tproxy");
	put_number(b, NFTA_TPROXY_FAMILY, family);
	put_number(b, NFTA_TPROXY_REG_PORT, NFT_REG_1);
	close_expression(b, x);
	close_rule(b, rule);
}

static void
make_chain(struct batch *b)
{
	size_t hook;

	begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, NFPROTO_INET);
	put_text(b, NFTA_TABLE_NAME, "fence");
	end(b);
	begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK, NFPROTO_INET);
	put_text(b, NFTA_CHAIN_TABLE, "fence");
	put_text(b, NFTA_CHAIN_NAME, "pre");
	hook = open_nest(b, NFTA_CHAIN_HOOK);
	put_number(b, NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
	put_number(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	close_nest(b, hook);
	put_text(b, NFTA_CHAIN_TYPE, "filter");
	end(b);
}

int
nft_redirect(uint16_t port, struct err *e)
{
	struct batch b = { 0 };

	begin(&b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC);
	end(&b);
	make_chain(&b);
	spare_loopback(&b);
	redirect(&b, NFPROTO_IPV4, port);
	redirect(&b, NFPROTO_IPV6, port);
	begin(&b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC);
	end(&b);
	return netlink_talk(
	    NETLINK_NETFILTER, str_span(b.bytes, b.len), b.acks, e);
}
