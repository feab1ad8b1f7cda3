/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ROLES_CONFIG_H
#define ROLES_CONFIG_H

/* A chapter of roles.h, which includes it: what handrail.toml says. */

#include "base/base.h"
#include "roles/web.h"

struct limits {
	uint64_t memory; /* bytes */
	uint32_t pids;
	uint64_t fsize;     /* bytes */
	int64_t wall;       /* microseconds */
	uint64_t workspace; /* bytes of all its files */
};

struct config_operator {
	struct str name;
	uint32_t uid;
	struct str buddy; /* len 0: none; so with every optional text */
	struct str web;   /* CONFIG_WEB_… */
};

/* What a login on the page is for. */
#define CONFIG_WEB_DECIDE "decide"
#define CONFIG_WEB_READ   "read"
#define CONFIG_WEB_NONE   "none"

struct config_model {
	struct str name; /* "default" of [model.default] */
	struct str url;
	struct str model;
	struct str credential;
	struct str upstream;
	struct str ca;
	uint32_t max_tokens;
	int64_t timeout; /* microseconds */
};

struct config_issuer { /* how a token endpoint is reached */
	struct str name;
	struct str host; /* "a.test" or "a.test:8443" */
	struct str upstream;
	struct str ca;
};

struct config_audit {
	struct str publish; /* "file:/…", "https://…"; empty: nowhere */
	struct str upstream;
	struct str ca;
	uint32_t every; /* events */
	int64_t wait;   /* microseconds */
};

#define ROLES_WITNESSES_MAX 8
struct config_witness {
	struct str name;
	struct str url; /* without a slash at its end */
	struct str key; /* as written: room book reads it */
	struct str upstream;
	struct str ca;
};

struct config {
	struct str file;
	struct str state; /* empty: the platform's default, the CLI knows it */
	struct str store; /* empty: SQLite in the state folder; else a URL,
	                     which may hold a password: never shown */
	struct str device;
	struct str client;
	struct str listen; /* as written: "127.0.0.1:7400" */
	struct str roles;  /* as written; relative to the folder of `file` */
	const struct config_operator *operators;
	size_t operator_count;
	struct config_api api;
	struct config_notify notify;
	struct config_buddy buddy;
	const struct config_model *models;
	size_t model_count;
	const struct config_issuer *issuers;
	size_t issuer_count;
	uint32_t uid_base;
	uint32_t cells;
	struct limits limits;
	int64_t keep_bodies; /* microseconds; 0: for ever */
	int64_t keep_ended;
	struct config_audit audit;
	const struct config_witness *witnesses;
	size_t witness_count;
};

#endif
