/* SPDX-License-Identifier: MIT
 *
 * An object's text, written anew: members are kept, changed, left out and added, and what is not touched keeps its very
 * text, white space included. An object is '{' first-lead member tail ',' lead member ... last-tail '}': whichever
 * members are left, the first takes the first's lead and the last the last's tail. Added ones are laid out like the
 * last.
 *
 *     cdb_layout_open(&layout, out, json, object);
 *     while ((name = cdb_layout_next(&layout)) != 0)
 *         cdb_layout_keep, or cdb_layout_change and a value, or nothing: then the member is gone
 *     cdb_layout_add and a value, any number
 *     cdb_layout_close
 */
#ifndef CDB_DOC_LAYOUT_H
#define CDB_DOC_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "doc/json.h"

struct cdb_layout {
    const struct cdb_json *json; /* borrowed; its text is what is kept */
    struct cdb_buf *out;         /* borrowed */
    uint32_t object;
    uint32_t member;  /* the next one to look at, its name */
    uint32_t passed;  /* the last one that was looked at; 0: none */
    uint32_t written; /* the last one whose text was written; 0: none */
    bool empty;       /* nothing was written yet */
};

void cdb_layout_open(struct cdb_layout *layout, struct cdb_buf *out, const struct cdb_json *json, uint32_t object);
/* The name of the next member in the order of the text; 0: there are no more. */
uint32_t cdb_layout_next(struct cdb_layout *layout);
/* Append the member that _next returned. */
void cdb_layout_keep(struct cdb_layout *layout, uint32_t name);
/* The same without its value, which the caller appends. */
void cdb_layout_change(struct cdb_layout *layout, uint32_t name);
/* Append a member with that name, of another text, but for its value. All of the object's own have been looked at. */
void cdb_layout_add(struct cdb_layout *layout, const struct cdb_json *from, uint32_t name);
void cdb_layout_close(struct cdb_layout *layout);

#endif
