/* SPDX-License-Identifier: MIT
 *
 * The dictionaries of a segment of words. */
#include <string.h>

#include "index/bytes.h"
#include "index/ft_inside.h"
#include "index/packed.h"
#include "util/array.h"

static int bad_entry(void)
{
    return cdb_index_damaged("a word of a segment of words is not what was written");
}

/* ---- keys --------------------------------------------------------------------------------------- */

#define ONE_BYTE 248 /* numbers below are a byte; others follow a byte that is 247 more than their length */

size_t cdb_ft_field_key(unsigned char out[CDB_FT_FIELD_KEY_MAX], uint32_t field)
{
    unsigned bytes = (cdb_packed_width(field) + 7) / 8;

    if (field < ONE_BYTE) {
        out[0] = (unsigned char)field;
        return 1;
    }
    out[0] = (unsigned char)(ONE_BYTE - 1 + bytes);
    for (unsigned i = 0; i < bytes; i++)
        out[1 + i] = (unsigned char)(field >> 8 * (bytes - 1 - i));
    return 1 + bytes;
}

bool cdb_ft_field_of_key(const unsigned char *p, size_t len, uint32_t *field)
{
    unsigned char again[CDB_FT_FIELD_KEY_MAX];

    if (len == 0 || len > CDB_FT_FIELD_KEY_MAX)
        return false;
    *field = len == 1 ? p[0] : 0;
    for (size_t i = 1; i < len; i++)
        *field = *field << 8 | p[i];
    return cdb_ft_field_key(again, *field) == len && memcmp(again, p, len) == 0;
}

bool cdb_ft_split_key(const struct cdb_ft_segment *segment, const char *key, size_t key_len, size_t *text_len,
                      uint32_t *field)
{
    const char *zero;

    if (segment->info.fields < ONE_BYTE && key_len >= 2 && key[key_len - 2] == '\0') { /* nearly always */
        *text_len = key_len - 2;
        *field = (unsigned char)key[key_len - 1];
        return *field < ONE_BYTE;
    }
    zero = memchr(key, '\0', key_len);
    if (zero == NULL)
        return false;
    *text_len = (size_t)(zero - key);
    return cdb_ft_field_of_key((const unsigned char *)zero + 1, key_len - *text_len - 1, field);
}

/* ---- values ------------------------------------------------------------------------------------- */

static bool get_place(const struct cdb_ft_segment *segment, const unsigned char **at, const unsigned char *end,
                      enum cdb_ft_section_type type, uint64_t *offset, uint64_t *len)
{
    uint64_t size = segment->sections[type].len;

    return cdb_varint_get(at, end, offset) && cdb_varint_get(at, end, len) && *offset <= size && *len <= size - *offset;
}

bool cdb_ft_get_stem(const unsigned char **at, const unsigned char *end, struct cdb_ft_stem *stem)
{
    const unsigned char *p = *at;
    uint64_t shared, rest;

    if (!cdb_varint_get(&p, end, &shared) || !cdb_varint_get(&p, end, &rest) || shared > CDB_DICT_KEY_MAX ||
        rest > (uint64_t)(end - p))
        return false;
    *stem = (struct cdb_ft_stem){(size_t)shared, (size_t)rest, p};
    *at = p + rest;
    return true;
}

static bool get_entry(const struct cdb_ft_segment *segment, bool form, const unsigned char *p, const unsigned char *end,
                      struct cdb_ft_entry *entry)
{
    struct cdb_ft_stem stem;
    uint64_t head, more = 0;

    if (!cdb_varint_get(&p, end, &head) || head >> CDB_FT_LIST_BITS == 0 ||
        head >> CDB_FT_LIST_BITS > segment->info.docs)
        return false;
    entry->df = (uint32_t)(head >> CDB_FT_LIST_BITS);
    entry->has_freqs = (head & CDB_FT_LIST_DOCUMENTS) == 0;
    entry->apart = (head & CDB_FT_LIST_APART) != 0;
    if (form && entry->has_freqs && !cdb_ft_get_stem(&p, end, &stem))
        return false;
    if (entry->has_freqs && (!cdb_varint_get(&p, end, &more) || more > INT64_MAX))
        return false;
    entry->total = entry->df + more;
    if ((head & CDB_FT_LIST_INLINE) != 0) {
        entry->inlined = p;
        entry->offset = 0;
        entry->len = (uint64_t)(end - p);
        if (entry->df > CDB_FT_DF_ONE_BLOCK || entry->apart)
            return false;
    } else {
        entry->inlined = NULL;
        if (!get_place(segment, &p, end, CDB_FT_POSTINGS, &entry->offset, &entry->len))
            return false;
    }
    entry->positions = entry->positions_len = 0;
    if (entry->apart && !get_place(segment, &p, end, CDB_FT_POSITIONS, &entry->positions, &entry->positions_len))
        return false;
    return entry->apart ? entry->has_freqs : !entry->has_freqs || entry->df <= CDB_FT_DF_ONE_BLOCK;
}

int cdb_ft_entry_get(const struct cdb_ft_segment *segment, bool form, const unsigned char *value, size_t len,
                     struct cdb_ft_entry *entry)
{
    return get_entry(segment, form, value, value + len, entry) ? 0 : bad_entry();
}

/* ---- walking ------------------------------------------------------------------------------------ */

/* Is the side's entry, a term's, a form's too? The flags are in the first byte. */
static bool is_form(const struct cdb_ft_walk_side *side)
{
    return side->form || (side->cursor.value_len > 0 && (side->cursor.value[0] & CDB_FT_LIST_FORM) != 0);
}

/* From where the side's cursor is, on to the first entry that is wanted, or the end. `result`: what the cursor said. */
static int settle_side(const struct cdb_ft_walk *walk, struct cdb_ft_walk_side *side, int result)
{
    struct cdb_dict_cursor *cursor = &side->cursor;

    for (; result == 0; result = cdb_dict_next(cursor)) {
        if (!cdb_ft_split_key(walk->segment, cursor->key, cursor->key_len, &side->text_len, &side->field) ||
            side->field > walk->segment->info.fields)
            return bad_entry();
        if (walk->forms ? side->text_len < walk->prefix_len : side->text_len != walk->prefix_len)
            break;
        if (walk->prefix_len > 0 && memcmp(cursor->key, walk->prefix, walk->prefix_len) != 0)
            break;
        if (side->field >= walk->range.first && side->field < walk->range.last && (!walk->forms || is_form(side)))
            return 0;
    }
    side->ended = result >= 0;
    return result >= 0 ? 0 : result;
}

/* The walk is at the lesser side then: 0, or 1 at the end. Where both have the same word the dictionary of forms is
 * right. */
static int choose(struct cdb_ft_walk *walk)
{
    struct cdb_ft_walk_side *a = &walk->sides[0], *b = &walk->sides[1], *side;
    int order = 0, result = 0;

    if (!a->ended && !b->ended) {
        order = cdb_bytes_compare(a->cursor.key, a->cursor.key_len, b->cursor.key, b->cursor.key_len);
        if (order == 0)
            result = settle_side(walk, a, cdb_dict_next(&a->cursor));
        if (result != 0)
            return result;
    } else if (a->ended && b->ended) {
        return 1;
    }
    walk->side = a->ended || (!b->ended && order >= 0);
    side = &walk->sides[walk->side];
    walk->text = side->cursor.key;
    walk->text_len = side->text_len;
    walk->entry.field = side->field;
    return cdb_ft_entry_get(walk->segment, side->form, side->cursor.value, side->cursor.value_len, &walk->entry);
}

static void begin(struct cdb_ft_walk *walk, const struct cdb_ft_segment *segment, const char *prefix, size_t len,
                  const struct cdb_ft_range *range)
{
    walk->segment = segment;
    walk->range = *range;
    walk->range.first = range->first > 0 ? range->first : 1; /* the unnamed one has other values */
    walk->prefix = len > 0 ? prefix : "";
    walk->prefix_len = len;
    walk->whole_df = 0;
    walk->text = "";
    walk->text_len = 0;
    walk->entry.field = 0;
    for (int i = 0; i < 2; i++) {
        walk->sides[i].form = i == 1;
        walk->sides[i].ended = true;
    }
    walk->side = 0;
}

/* At the first entry of a term: in how many documents is it? */
static int get_whole_df(struct cdb_ft_walk *walk)
{
    const struct cdb_dict_cursor *cursor = &walk->sides[0].cursor;
    const unsigned char *p = cursor->value;
    uint64_t df;
    size_t text_len;
    uint32_t field;
    int result;

    if (!cdb_ft_split_key(walk->segment, cursor->key, cursor->key_len, &text_len, &field))
        return bad_entry();
    if (text_len != walk->prefix_len || memcmp(cursor->key, walk->prefix, text_len) != 0)
        return 1;
    if (field > 0) {
        result = cdb_ft_entry_get(walk->segment, false, cursor->value, cursor->value_len, &walk->entry);
        df = walk->entry.df;
    } else {
        result = cdb_varint_get(&p, p + cursor->value_len, &df) && df > 0 && df <= walk->segment->info.docs
                     ? 0
                     : bad_entry();
    }
    if (result == 0)
        walk->whole_df = (uint32_t)df;
    return result;
}

/* Fields before the range that are walked over rather than sought behind. */
#define WALK_OVER 16

int cdb_ft_walk_term(struct cdb_ft_walk *walk, const struct cdb_ft_segment *segment, const char *term, size_t len,
                     const struct cdb_ft_range *range)
{
    struct cdb_dict_cursor *cursor = &walk->sides[0].cursor;
    char key[CDB_DICT_KEY_MAX];
    int result;

    begin(walk, segment, term, len, range);
    walk->forms = false;
    if (len + 1 + CDB_FT_FIELD_KEY_MAX > sizeof(key) || memchr(walk->prefix, '\0', len) != NULL)
        return 1;
    memcpy(key, walk->prefix, len);
    key[len] = '\0';
    result = cdb_dict_seek(cursor, &segment->terms, key, len + 1);
    if (result == 0)
        result = get_whole_df(walk);
    if (result == 0 && walk->range.first > WALK_OVER)
        result = cdb_dict_seek(cursor, &segment->terms, key,
                               len + 1 + cdb_ft_field_key((unsigned char *)key + len + 1, walk->range.first));
    walk->sides[0].ended = false;
    result = settle_side(walk, &walk->sides[0], result);
    return result == 0 ? choose(walk) : result;
}

/* Both sides to the first entry whose text is not below `text`. */
static int seek(struct cdb_ft_walk *walk, const char *text, size_t len)
{
    int result = 0;

    for (int i = 0; result == 0 && i < 2; i++) {
        struct cdb_ft_walk_side *side = &walk->sides[i];
        const struct cdb_dict *dict = side->form ? &walk->segment->forms : &walk->segment->terms;

        side->ended = false;
        result = settle_side(walk, side, cdb_dict_seek(&side->cursor, dict, text, len));
    }
    return result == 0 ? choose(walk) : result;
}

int cdb_ft_walk_forms(struct cdb_ft_walk *walk, const struct cdb_ft_segment *segment, const char *prefix, size_t len,
                      const struct cdb_ft_range *range)
{
    begin(walk, segment, prefix, len, range);
    walk->forms = true;
    return len > CDB_DICT_KEY_MAX ? 1 : seek(walk, walk->prefix, len);
}

int cdb_ft_walk_next(struct cdb_ft_walk *walk)
{
    struct cdb_ft_walk_side *side = &walk->sides[walk->side];
    int result = settle_side(walk, side, cdb_dict_next(&side->cursor));

    return result == 0 ? choose(walk) : result;
}

int cdb_ft_walk_seek(struct cdb_ft_walk *walk, const char *text, size_t len)
{
    struct cdb_ft_walk_side *side = &walk->sides[0];
    int result;

    if (walk->text_len > 0 && cdb_bytes_compare(walk->text, walk->text_len, text, len) >= 0)
        return 0;
    if (walk->forms)
        return seek(walk, text, len);
    result = settle_side(walk, side, cdb_dict_seek(&side->cursor, &walk->segment->terms, text, len));
    return result == 0 ? choose(walk) : result;
}
