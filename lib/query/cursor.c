/* SPDX-License-Identifier: MIT */
#include "query/cursor.h"

#include <string.h>

#include "index/bytes.h"
#include "query/search.h"
#include "util/array.h"
#include "util/error.h"

#define VERSION 1
#define HEAD    (1 + CDB_OID_SIZE + 8 + 4)
#define TAIL    4

/* ---- base64 ------------------------------------------------------------------------------------- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct cdb_buf *out, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t count = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;

        if (count > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (count > 2)
            group |= bytes[i + 2];
        for (size_t d = 0; d <= count; d++)
            cdb_buf_addc(out, digits[group >> (18 - 6 * d) & 63]);
    }
}

static int digit_value(char c)
{
    const char *at = c == '\0' ? NULL : memchr(digits, c, 64);

    return at == NULL ? -1 : (int)(at - digits);
}

/* The number of bytes; 0 if it is not base64, with its last bits zeros. There is room for len * 3 / 4. */
static size_t decode64(unsigned char *out, const char *text, size_t len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        int value = digit_value(text[i]);

        if (value < 0)
            return 0;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char)(bits >> have);
        }
    }
    return have < 6 && (bits & ((1u << have) - 1)) == 0 ? n : 0;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

static void add_float(struct cdb_buf *out, float value)
{
    unsigned char bytes[4];
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    cdb_le_put32(bytes, bits);
    cdb_buf_add(out, bytes, sizeof(bytes));
}

/* No sum of so many scores overflows. */
#define FLOAT_MAX 1e30f

/* False if it is negative, not a number, or larger than what scores come to. */
static bool get_float(const unsigned char *at, float *value)
{
    uint32_t bits = cdb_le_get32(at);

    memcpy(value, &bits, sizeof(bits));
    return *value >= 0 && *value <= FLOAT_MAX;
}

/* ---- cursors ------------------------------------------------------------------------------------ */

void cdb_cursor_encode(struct cdb_buf *out, const struct cdb_cursor *cursor)
{
    unsigned char number[CDB_VARINT_MAX], version = VERSION;
    struct cdb_buf bytes = CDB_BUF_INIT;

    cdb_buf_add(&bytes, &version, 1);
    cdb_buf_add(&bytes, cursor->commit.id, CDB_OID_SIZE);
    cdb_le_put64(number, cursor->hash);
    cdb_buf_add(&bytes, number, 8);
    add_float(&bytes, cursor->score);
    cdb_buf_add(&bytes, number, (size_t)(cdb_varint_put(number, cursor->weight_count) - number));
    for (size_t i = 0; i < cursor->weight_count; i++) {
        add_float(&bytes, cursor->weights[i].weight);
        add_float(&bytes, cursor->weights[i].average_length);
    }
    cdb_buf_add(&bytes, cursor->key, cursor->key_len);
    cdb_le_put32(number, cdb_index_crc(0, cdb_buf_str(&bytes), bytes.len));
    cdb_buf_add(&bytes, number, TAIL);
    if (cdb_buf_check(&bytes) != 0)
        out->failed = true;
    else
        encode64(out, (const unsigned char *)bytes.ptr, bytes.len);
    cdb_buf_release(&bytes);
}

static int invalid(const char *why)
{
    return cdb_error(CHRONDB_EUSAGE, "invalid_cursor", "not a cursor: %s; start again without one", why);
}

/* The bytes of the text, in the arena. */
static int decode_text(struct cdb_arena *arena, const char *text, unsigned char **out, size_t *len)
{
    size_t text_len = strnlen(text, CDB_CURSOR_MAX + 1);

    if (text_len > CDB_CURSOR_MAX)
        return invalid("it is too long");
    *out = cdb_arena_alloc(arena, text_len + 1);
    if (*out == NULL)
        return CHRONDB_ESYSTEM;
    *len = decode64(*out, text, text_len);
    if (*len < HEAD + 1 + TAIL)
        return invalid("it was cut off or altered");
    if ((*out)[0] != VERSION)
        return invalid("it is of another version of chrondb");
    if (cdb_index_crc(0, *out, *len - TAIL) != cdb_le_get32(*out + *len - TAIL))
        return invalid("it was cut off or altered");
    return 0;
}

static int decode_weights(struct cdb_cursor *cursor, struct cdb_arena *arena, const unsigned char **at,
                          const unsigned char *end)
{
    uint64_t count;

    if (!cdb_varint_get(at, end, &count) || count > (uint64_t)(end - *at) / 8)
        return invalid("it does not make sense");
    cursor->weight_count = (size_t)count;
    cursor->weights = cdb_arena_alloc(arena, (cursor->weight_count + 1) * sizeof(*cursor->weights));
    if (cursor->weights == NULL)
        return CHRONDB_ESYSTEM;
    for (size_t i = 0; i < cursor->weight_count; i++, *at += 8)
        if (!get_float(*at, &cursor->weights[i].weight) || !get_float(*at + 4, &cursor->weights[i].average_length))
            return invalid("it does not make sense");
    return 0;
}

int cdb_cursor_decode(struct cdb_cursor *cursor, struct cdb_arena *arena, const char *text)
{
    const unsigned char *at, *end;
    unsigned char *bytes;
    size_t len;
    int result = decode_text(arena, text, &bytes, &len);

    memset(cursor, 0, sizeof(*cursor));
    if (result != 0)
        return result;
    memcpy(cursor->commit.id, bytes + 1, CDB_OID_SIZE);
    cursor->hash = cdb_le_get64(bytes + 1 + CDB_OID_SIZE);
    if (!get_float(bytes + HEAD - 4, &cursor->score))
        return invalid("it does not make sense");
    at = bytes + HEAD;
    end = bytes + len - TAIL;
    result = decode_weights(cursor, arena, &at, end);
    if (result != 0)
        return result;
    cursor->key_len = (size_t)(end - at);
    cursor->key = cdb_arena_copy(arena, at, cursor->key_len);
    if (cursor->key == NULL)
        return CHRONDB_ESYSTEM;
    if (cursor->key_len == 0 || memchr(cursor->key, '\0', cursor->key_len) != NULL)
        return invalid("it does not make sense");
    return 0;
}

int cdb_search_cursor_commit(const char *cursor, struct cdb_oid *commit)
{
    struct cdb_arena arena = CDB_ARENA_INIT;
    struct cdb_cursor decoded;
    int result = cdb_cursor_decode(&decoded, &arena, cursor);

    if (result == 0)
        *commit = decoded.commit;
    cdb_arena_release(&arena);
    return result;
}

/* ---- what it must agree on ---------------------------------------------------------------------- */

static void mix(uint64_t *hash, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static void mix_number(uint64_t *hash, uint64_t number)
{
    unsigned char bytes[8];

    cdb_le_put64(bytes, number);
    mix(hash, bytes, sizeof(bytes));
}

/* With the length, so that no two sequences of texts are the same bytes; NULL is not "". */
static void mix_text(uint64_t *hash, const char *text, size_t len)
{
    mix_number(hash, text == NULL ? UINT64_MAX : len);
    if (text != NULL)
        mix(hash, text, len);
}

static void mix_string(uint64_t *hash, const struct cdb_query_string *string)
{
    mix_text(hash, string->ptr, string->len);
}

static void mix_value(uint64_t *hash, const struct cdb_query_value *value)
{
    mix_number(hash, value->type);
    mix_text(hash, value->text.ptr == NULL ? "" : value->text.ptr, value->text.ptr == NULL ? 0 : value->text.len);
}

static void mix_node(uint64_t *hash, const struct cdb_query_node *node);

static void mix_boolean(uint64_t *hash, const struct cdb_query_boolean *boolean)
{
    const struct cdb_query_list *lists[4] = {&boolean->must, &boolean->should, &boolean->must_not, &boolean->filter};

    mix_number(hash, boolean->minimum_should);
    for (size_t l = 0; l < 4; l++) {
        mix_number(hash, lists[l]->count);
        for (size_t i = 0; i < lists[l]->count; i++)
            mix_node(hash, lists[l]->nodes[i]);
    }
}

/* Recursion is as deep as the tree. */
static void mix_node(uint64_t *hash, const struct cdb_query_node *node)
{
    mix_number(hash, node->kind);
    mix(hash, &node->boost, sizeof(node->boost));
    mix_string(hash, &node->field);
    switch (node->kind) {
    case CDB_QUERY_TEXT:
        mix_string(hash, &node->text.text);
        mix_number(hash, node->text.op);
        break;
    case CDB_QUERY_PHRASE:
        mix_string(hash, &node->phrase.text);
        mix_number(hash, node->phrase.slop);
        break;
    case CDB_QUERY_FUZZY:
        mix_string(hash, &node->fuzzy.text);
        mix_number(hash, node->fuzzy.distance);
        break;
    case CDB_QUERY_EXACT:
        mix_value(hash, &node->exact);
        break;
    case CDB_QUERY_WILDCARD:
    case CDB_QUERY_KEY_PATTERN:
        mix_number(hash, node->pattern.count);
        for (size_t i = 0; i < node->pattern.count; i++) {
            mix_number(hash, node->pattern.pieces[i].kind);
            if (node->pattern.pieces[i].kind == CDB_QUERY_LITERAL)
                mix_string(hash, &node->pattern.pieces[i].text);
        }
        break;
    case CDB_QUERY_RANGE:
    case CDB_QUERY_KEY_RANGE:
        mix_value(hash, &node->range.lower);
        mix_value(hash, &node->range.upper);
        mix_number(hash, node->range.include_lower * 2u + node->range.include_upper);
        break;
    case CDB_QUERY_KEY:
        mix_string(hash, &node->key);
        break;
    case CDB_QUERY_BOOLEAN:
        mix_boolean(hash, &node->boolean);
        break;
    case CDB_QUERY_ALL:
    case CDB_QUERY_EXISTS:
    case CDB_QUERY_MISSING:
        break;
    }
}

uint64_t cdb_cursor_hash(const struct cdb_query_node *query, const struct cdb_search_options *options)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    mix_node(&hash, query);
    mix_text(&hash, options->table, options->table == NULL ? 0 : strlen(options->table));
    mix_number(&hash, options->sort_count);
    for (size_t i = 0; i < options->sort_count; i++) {
        mix_text(&hash, options->sort[i].field, options->sort[i].field_len);
        mix_number(&hash, options->sort[i].descending);
    }
    return hash;
}
