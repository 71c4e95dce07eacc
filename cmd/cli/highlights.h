/* SPDX-License-Identifier: MIT
 *
 * Which parts of a document made it a hit, for programs: where they are in the value, so that
 * `getpath(.path)[.start:.end]` of jq is the word.
 */
#ifndef CLI_HIGHLIGHTS_H
#define CLI_HIGHLIGHTS_H

#include "chrondb.h"
#include "cli/text.h"

/* Append [{"path":["tags",2],"start":0,"end":4,"text":"time"},...]: a path of names and numbers of elements, characters
 * of the string there, and these. A number or a literal has no start and end; it is the text. `json` is a document
 * without insignificant white space, `marks` are parts of its strings and whole scalars, ascending. */
void cli_highlights_add(struct cli_text *out, const char *json, size_t size, const chrondb_mark *marks, size_t count);

#endif
