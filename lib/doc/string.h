/* The texts of JSON strings, with their quotes, and what they decode to: UTF-8, with lone surrogates as WTF-8. So two
 * strings are equal exactly if their decoded bytes are. The texts must be valid. */
#ifndef CDB_DOC_STRING_H
#define CDB_DOC_STRING_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

void cdb_json_string_decode(const char *text, size_t len, struct cdb_buf *out);
/* By the decoded bytes: <0, 0, >0. */
int cdb_json_string_compare(const char *a, size_t a_len, const char *b, size_t b_len);
/* The same with one side decoded already. */
int cdb_json_string_compare_plain(const char *text, size_t len, const char *plain, size_t plain_len);
/* Of the decoded bytes. Not secret: strings that collide can be made. */
uint64_t cdb_json_string_hash(const char *text, size_t len);

#endif
