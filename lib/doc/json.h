/* JSON documents (RFC 8259), read strictly and kept as text.
 *
 * Strict: exactly one value, UTF-8 only (no BOM, no surrogates encoded as UTF-8, no overlong forms, nothing above
 * U+10FFFF), nothing that the grammar forbids. Lone surrogates as \u escapes are grammatical and allowed. Of duplicate
 * names the last counts. At most CHRONDB_MAX_DOCUMENT bytes and CHRONDB_MAX_DEPTH nested arrays and objects ("[]" is
 * 1). No function here recurses on input.
 */
#ifndef CDB_DOC_JSON_H
#define CDB_DOC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

enum cdb_json_type {
    CDB_JSON_NULL,
    CDB_JSON_FALSE,
    CDB_JSON_TRUE,
    CDB_JSON_NUMBER,
    CDB_JSON_STRING,
    CDB_JSON_ARRAY,
    CDB_JSON_OBJECT
};

/* One streaming pass, no allocation. 0, or CHRONDB_EINVALID, name "invalid_json", with line and column (1-based, in
 * bytes) and a message such as "not valid JSON at line 3, column 7: expected ',' or '}' after a member". */
int cdb_json_check(const char *text, size_t len);

/* A tree over the text: nodes in document order. The value of a member follows its name's node (type STRING).
 * `start`/`end` are offsets of the value's text. `next` is the index behind the node's whole subtree. */
struct cdb_json_node {
    uint32_t start, end;
    uint32_t next;
    uint32_t type; /* enum cdb_json_type */
};

struct cdb_json {
    const char *text; /* borrowed */
    struct cdb_json_node *nodes;
    uint32_t count;
};

#define CDB_JSON_INIT                                                                                                  \
    {                                                                                                                  \
        NULL, NULL, 0                                                                                                  \
    }

/* Checks and builds; errors as cdb_json_check, and CHRONDB_ESYSTEM without memory. */
int cdb_json_parse(struct cdb_json *json, const char *text, size_t len);
void cdb_json_release(struct cdb_json *json);

/* Index of the value of the last member with that (decoded) name in the object at `object`, or 0 if there is none. */
uint32_t cdb_json_member(const struct cdb_json *json, uint32_t object, const char *name, size_t name_len);

/* Append the decoded text of the string at `node` (lone surrogates as WTF-8). */
void cdb_json_string(const struct cdb_json *json, uint32_t node, struct cdb_buf *out);

/* Append `text` (UTF-8, lone surrogates as WTF-8) as a JSON string with its quotes; control characters, DEL,
 * U+0080-U+009F and surrogates escaped; invalid bytes as U+FFFD. Decoded, it is what cdb_json_string gave. */
void cdb_json_quote(struct cdb_buf *out, const char *text, size_t len);

/* Append a step of a JSON pointer (RFC 6901): "/" and the decoded name. */
void cdb_json_pointer_add(struct cdb_buf *out, const char *name, size_t len);

/* Append the value of `text`, which must be valid, laid out anew: CHRONDB_JSON_* flags. Streaming, no tree. Compact
 * form: no white space outside strings. Pretty: as `jq .` (two spaces, "key": value, [] and {} for empty ones), no
 * final newline. Colours as jq's defaults. */
void cdb_json_format(struct cdb_buf *out, const char *text, size_t len, unsigned flags);

/* ---- RFC 7396 ---- (lib/doc/patch.c) */

/* Append the target with the merge patch applied. What the patch does not touch keeps its very text, white space
 * between members included; a member set to the very same text leaves the text as it was; new members go to the end of
 * their object. When nothing changes the output is byte for byte the target. Without nulls in it a patch that is no
 * object replaces the target. Errors: CHRONDB_EINVALID if either is not JSON or the result exceeds a document's limits.
 */
int cdb_json_merge_patch(struct cdb_buf *out, const char *target, size_t target_len, const char *patch,
                         size_t patch_len);

/* Append the smallest merge patch that makes `to` of `from`, compact; member order as in `to`, removals (null) after.
 * Returns 0, or 1 when no merge patch can say it (a null would have to be set), negative on errors. Values equal as
 * JSON text after compaction (object member order aside, duplicates resolved; numbers by their text) are equal. */
int cdb_json_diff(struct cdb_buf *out, const char *from, size_t from_len, const char *to, size_t to_len);

#endif
