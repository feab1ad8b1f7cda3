/* SPDX-License-Identifier: Apache-2.0 */
#include "roles/table.h"

const struct json *
tree_next(struct tree_walk *w)
{
	const struct json *node = w->root;

	if (node != NULL) {
		w->root = NULL;
	} else if (w->depth > 0) {
		node = w->at[w->depth - 1];
		w->at[w->depth - 1] = node->next;
		w->depth -= node->next == NULL;
	} else {
		return NULL;
	}
	if (node->first != NULL) {
		if (w->depth == TREE_DEPTH) {
			w->over = true;
			w->depth = 0;
			return NULL;
		}
		w->at[w->depth++] = node->first;
	}
	return node;
}
