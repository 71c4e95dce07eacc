/* SPDX-License-Identifier: MIT */
#include "index/ft_write.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "index/bytes.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fault.h"

#define HEAD_SIZE (CDB_FT_HEAD + CDB_FT_SECTION_COUNT * CDB_FT_SECTION_ENTRY)

static int out_of_order(void)
{
    return cdb_index_damaged("what goes into a segment of words is not in order");
}

static void begin_section(struct cdb_ft_writer *writer, enum cdb_ft_section_type type)
{
    writer->sections[type].offset = cdb_pages_offset(&writer->file);
}

static void end_section(struct cdb_ft_writer *writer, enum cdb_ft_section_type type)
{
    writer->sections[type].len = cdb_pages_offset(&writer->file) - writer->sections[type].offset;
}

/* A section that was made in a buffer. */
static int add_section(struct cdb_ft_writer *writer, enum cdb_ft_section_type type, struct cdb_buf *bytes)
{
    int result = cdb_buf_check(bytes);

    begin_section(writer, type);
    if (result == 0 && bytes->len > 0)
        cdb_sink_add(&writer->file, bytes->ptr, bytes->len);
    end_section(writer, type);
    cdb_buf_release(bytes);
    return result;
}

/* A section that was made in a sink. */
static void add_sink(struct cdb_ft_writer *writer, enum cdb_ft_section_type type, struct cdb_sink *bytes)
{
    begin_section(writer, type);
    cdb_sink_add_sink(&writer->file, bytes);
    end_section(writer, type);
    cdb_sink_release(bytes);
}

int cdb_ft_writer_init(struct cdb_ft_writer *writer, int dir, uint32_t min_from, uint32_t max_from)
{
    static const unsigned char head[HEAD_SIZE];
    int fd = -1, result = 0;

    memset(writer, 0, sizeof(*writer));
    writer->dir = dir;
    writer->min_from = min_from;
    writer->max_from = max_from;
    if (dir != -1)
        result = cdb_file_create(dir, writer->temporary, &fd);
    if (result != 0)
        writer->temporary[0] = '\0'; /* it may be somebody else's */
    cdb_sink_init(&writer->file, dir, fd);
    cdb_sink_init(&writer->froms, dir, -1);
    cdb_packer_init(&writer->from_packer, &writer->froms, cdb_packed_width(max_from - min_from));
    cdb_sink_init(&writer->positions, dir, -1);
    cdb_sink_init(&writer->dict_data, dir, -1);
    cdb_sink_init(&writer->terms_data, dir, -1);
    cdb_pages_begin(&writer->file);
    cdb_sink_add(&writer->file, head, sizeof(head));
    begin_section(writer, CDB_FT_KEYS);
    return result;
}

void cdb_ft_writer_release(struct cdb_ft_writer *writer)
{
    if (writer->temporary[0] != '\0')
        unlinkat(writer->dir, writer->temporary, 0);
    cdb_sink_release(&writer->file);
    cdb_sink_release(&writer->froms);
    cdb_sink_release(&writer->positions);
    cdb_sink_release(&writer->dict_data);
    cdb_sink_release(&writer->terms_data);
    cdb_buf_release(&writer->terms_index);
    cdb_buf_release(&writer->key_blocks);
    cdb_buf_release(&writer->norm_bytes);
    cdb_buf_release(&writer->entries);
    cdb_dict_writer_release(&writer->dict);
    cdb_list_writer_release(&writer->list);
}

/* ---- documents ---------------------------------------------------------------------------------- */

static void add_key(struct cdb_ft_writer *writer, const char *key, size_t len)
{
    struct cdb_ft_key *last = &writer->last_key;
    unsigned char head[2 * CDB_VARINT_MAX], *p = head;
    size_t shared = 0, max = len < last->len ? len : last->len;

    if (writer->docs % CDB_FT_KEY_BLOCK == 0) {
        cdb_le_put64(head, cdb_pages_offset(&writer->file) - writer->sections[CDB_FT_KEYS].offset);
        cdb_buf_add(&writer->key_blocks, head, 8);
    } else {
        while (shared < max && last->text[shared] == key[shared])
            shared++;
        p = cdb_varint_put(p, shared);
    }
    p = cdb_varint_put(p, len - shared);
    cdb_sink_add(&writer->file, head, (size_t)(p - head));
    if (len > shared)
        cdb_sink_add(&writer->file, key + shared, len - shared);
    memcpy(last->text + shared, key + shared, len - shared);
    last->len = len;
}

int cdb_ft_writer_doc(struct cdb_ft_writer *writer, const char *key, size_t len, uint32_t from)
{
    if (len > CDB_FT_KEY_MAX || from < writer->min_from || from > writer->max_from ||
        (writer->docs > 0 && cdb_bytes_compare(writer->last_key.text, writer->last_key.len, key, len) > 0))
        return out_of_order();
    if (writer->docs == CDB_FT_DOCS_MAX)
        return cdb_error(CHRONDB_ESYSTEM, "index_too_large", "too many documents for one segment of the index");
    add_key(writer, key, len);
    cdb_packer_add(&writer->from_packer, from - writer->min_from);
    writer->docs++;
    return 0;
}

int cdb_ft_writer_end_docs(struct cdb_ft_writer *writer)
{
    static const unsigned char zeros[CDB_FT_FROMS_PADDING];

    end_section(writer, CDB_FT_KEYS);
    cdb_packer_finish(&writer->from_packer);
    cdb_sink_add(&writer->froms, zeros, sizeof(zeros));
    add_sink(writer, CDB_FT_FROMS, &writer->froms);
    return add_section(writer, CDB_FT_KEY_BLOCKS, &writer->key_blocks);
}

/* ---- norms -------------------------------------------------------------------------------------- */

/* Dense norms take more room, and are much quicker: they may be 8 times as many. */
#define DENSE_FACTOR 8

void cdb_ft_writer_begin_norms(struct cdb_ft_writer *writer, uint32_t count)
{
    if (writer->sections[CDB_FT_NORMS].offset == 0)
        begin_section(writer, CDB_FT_NORMS);
    writer->norm_offset = cdb_pages_offset(&writer->file) - writer->sections[CDB_FT_NORMS].offset;
    writer->norm_dense = (uint64_t)count * DENSE_FACTOR >= writer->docs;
    writer->norm_count = count;
    writer->norm_next = 0;
    cdb_buf_clear(&writer->norm_bytes);
}

/* Documents without tokens, up to `doc`. */
static void add_zeros(struct cdb_ft_writer *writer, uint32_t doc)
{
    static const unsigned char zeros[256];

    for (uint32_t n; writer->norm_next < doc; writer->norm_next += n) {
        n = doc - writer->norm_next < sizeof(zeros) ? doc - writer->norm_next : (uint32_t)sizeof(zeros);
        cdb_sink_add(&writer->file, zeros, n);
    }
}

void cdb_ft_writer_norm(struct cdb_ft_writer *writer, uint32_t doc, unsigned char norm)
{
    unsigned char bytes[4];

    writer->norm_count--;
    if (writer->norm_dense) {
        add_zeros(writer, doc);
        cdb_sink_add(&writer->file, &norm, 1);
        writer->norm_next = doc + 1;
    } else {
        cdb_le_put32(bytes, doc);
        cdb_sink_add(&writer->file, bytes, sizeof(bytes));
        cdb_buf_add(&writer->norm_bytes, &norm, 1);
    }
}

int cdb_ft_writer_end_norms(struct cdb_ft_writer *writer, uint64_t *offset, bool *dense)
{
    if (writer->norm_count != 0)
        return out_of_order();
    if (writer->norm_dense)
        add_zeros(writer, writer->docs);
    else if (writer->norm_bytes.len > 0)
        cdb_sink_add(&writer->file, writer->norm_bytes.ptr, writer->norm_bytes.len);
    *offset = writer->norm_offset;
    *dense = writer->norm_dense;
    return cdb_buf_check(&writer->norm_bytes);
}

void cdb_ft_writer_end_all_norms(struct cdb_ft_writer *writer)
{
    if (writer->sections[CDB_FT_NORMS].offset == 0)
        begin_section(writer, CDB_FT_NORMS);
    end_section(writer, CDB_FT_NORMS);
}

/* ---- words -------------------------------------------------------------------------------------- */

static void begin_dict(struct cdb_ft_writer *writer)
{
    cdb_sink_init(&writer->dict_data, writer->dir, -1);
    cdb_dict_writer_init(&writer->dict, &writer->dict_data);
}

static int end_dict(struct cdb_ft_writer *writer, enum cdb_ft_section_type data, enum cdb_ft_section_type index)
{
    struct cdb_buf blocks = CDB_BUF_INIT;
    int result = cdb_dict_writer_finish(&writer->dict, &blocks);

    cdb_dict_writer_release(&writer->dict);
    add_sink(writer, data, &writer->dict_data);
    if (result != 0) {
        cdb_buf_release(&blocks);
        return result;
    }
    return add_section(writer, index, &blocks);
}

static int add_word(struct cdb_ft_writer *writer, const char *text, size_t len, uint32_t field,
                    const unsigned char *value, size_t value_len)
{
    char key[CDB_DICT_KEY_MAX];

    if (len + 1 + CDB_FT_FIELD_KEY_MAX > sizeof(key))
        return out_of_order();
    memcpy(key, text, len);
    key[len] = '\0';
    return cdb_dict_writer_add(&writer->dict, key, len + 1 + cdb_ft_field_key((unsigned char *)key + len + 1, field),
                               value, value_len);
}

void cdb_ft_writer_begin_terms(struct cdb_ft_writer *writer)
{
    begin_section(writer, CDB_FT_POSTINGS);
    cdb_list_writer_init(&writer->list, &writer->file, &writer->positions);
    begin_dict(writer);
}

void cdb_ft_writer_term(struct cdb_ft_writer *writer, const char *term, size_t len)
{
    writer->text_len = len < sizeof(writer->text) ? len : sizeof(writer->text);
    memcpy(writer->text, term, writer->text_len);
    writer->entry_count = 0;
    cdb_buf_clear(&writer->entries);
}

void cdb_ft_writer_entry(struct cdb_ft_writer *writer, uint32_t field, const unsigned char *value, size_t len)
{
    unsigned char head[5];

    cdb_le_put32(head, field);
    head[4] = (unsigned char)len;
    cdb_buf_add(&writer->entries, head, sizeof(head));
    cdb_buf_add(&writer->entries, value, len);
    writer->entry_count++;
}

int cdb_ft_writer_end_term(struct cdb_ft_writer *writer, uint32_t whole_df)
{
    const unsigned char *p = (const unsigned char *)writer->entries.ptr;
    unsigned char value[CDB_VARINT_MAX];
    int result = cdb_buf_check(&writer->entries);

    if (result == 0 && writer->entry_count > 1)
        result = add_word(writer, writer->text, writer->text_len, 0, value,
                          (size_t)(cdb_varint_put(value, whole_df) - value));
    for (uint32_t i = 0; result == 0 && i < writer->entry_count; i++) {
        result = add_word(writer, writer->text, writer->text_len, cdb_le_get32(p), p + 5, p[4]);
        p += 5 + p[4];
    }
    return result;
}

int cdb_ft_writer_end_terms(struct cdb_ft_writer *writer)
{
    /* The lists of forms follow, in the same section: the dictionary waits. */
    struct cdb_buf blocks = CDB_BUF_INIT;
    int result = cdb_dict_writer_finish(&writer->dict, &blocks);

    cdb_dict_writer_release(&writer->dict);
    writer->terms_data = writer->dict_data;
    writer->terms_index = blocks;
    cdb_sink_init(&writer->dict_data, writer->dir, -1);
    return result;
}

void cdb_ft_writer_begin_forms(struct cdb_ft_writer *writer)
{
    begin_dict(writer);
}

int cdb_ft_writer_form(struct cdb_ft_writer *writer, const char *form, size_t len, uint32_t field,
                       const unsigned char *value, size_t value_len)
{
    return add_word(writer, form, len, field, value, value_len);
}

int cdb_ft_writer_form_as(struct cdb_ft_writer *writer, const char *form, size_t len, uint32_t field, const char *term,
                          size_t term_len, const unsigned char *value, size_t value_len)
{
    unsigned char made[CDB_LIST_VALUE_MAX + CDB_DICT_KEY_MAX], *p = made;
    const unsigned char *rest = value;
    size_t shared = 0;
    uint64_t head;

    if (!cdb_varint_get(&rest, value + value_len, &head) || term_len > CDB_DICT_KEY_MAX / 2 ||
        value_len > CDB_LIST_VALUE_MAX)
        return out_of_order();
    while (shared < len && shared < term_len && form[shared] == term[shared])
        shared++;
    p = cdb_varint_put(p, head & ~(uint64_t)CDB_FT_LIST_FORM);
    p = cdb_varint_put(p, shared);
    p = cdb_varint_put(p, term_len - shared);
    memcpy(p, term + shared, term_len - shared);
    p += term_len - shared;
    memcpy(p, rest, value_len - (size_t)(rest - value));
    p += value_len - (size_t)(rest - value);
    return add_word(writer, form, len, field, made, (size_t)(p - made));
}

int cdb_ft_writer_end_words(struct cdb_ft_writer *writer)
{
    int result = 0;

    end_section(writer, CDB_FT_POSTINGS);
    add_sink(writer, CDB_FT_POSITIONS, &writer->positions);
    add_sink(writer, CDB_FT_TERMS, &writer->terms_data);
    result = add_section(writer, CDB_FT_TERMS_INDEX, &writer->terms_index);
    if (result == 0)
        result = end_dict(writer, CDB_FT_FORMS, CDB_FT_FORMS_INDEX);
    return result;
}

/* ---- the rest ----------------------------------------------------------------------------------- */

void cdb_ft_writer_begin_columns(struct cdb_ft_writer *writer)
{
    begin_section(writer, CDB_FT_COLUMNS);
}

void cdb_ft_writer_end_columns(struct cdb_ft_writer *writer)
{
    end_section(writer, CDB_FT_COLUMNS);
}

void cdb_ft_writer_fields(struct cdb_ft_writer *writer, const struct cdb_ft_row *rows, uint32_t fields)
{
    uint64_t name = 0;

    begin_section(writer, CDB_FT_FIELDS);
    for (uint32_t i = 0; i <= fields; i++) {
        const struct cdb_ft_row *row = &rows[i];
        unsigned char bytes[CDB_FT_ROW];

        cdb_le_put32(bytes, row->parent);
        cdb_le_put32(bytes + 4, row->end);
        cdb_le_put32(bytes + 8, row->name_len);
        cdb_le_put32(bytes + 12, (row->leaf ? CDB_FT_ROW_LEAF : 0) | (row->dense ? CDB_FT_ROW_DENSE : 0));
        cdb_le_put64(bytes + 16, name);
        cdb_le_put32(bytes + 24, row->docs);
        cdb_le_put32(bytes + 28, row->values);
        cdb_le_put64(bytes + 32, row->length);
        cdb_le_put64(bytes + 40, row->norms);
        cdb_le_put64(bytes + 48, row->column);
        cdb_le_put64(bytes + 56, row->column_len);
        cdb_sink_add(&writer->file, bytes, sizeof(bytes));
        name += row->name_len;
    }
    end_section(writer, CDB_FT_FIELDS);
    begin_section(writer, CDB_FT_NAMES);
    for (uint32_t i = 0; i <= fields; i++)
        if (rows[i].name_len > 0)
            cdb_sink_add(&writer->file, rows[i].name, rows[i].name_len);
    end_section(writer, CDB_FT_NAMES);
}

static void put_head(struct cdb_ft_writer *writer, uint32_t fields)
{
    unsigned char head[HEAD_SIZE] = {0};

    cdb_le_put32(head, writer->docs);
    cdb_le_put32(head + 4, fields);
    cdb_le_put32(head + 8, writer->min_from);
    cdb_le_put32(head + 12, writer->max_from);
    cdb_le_put32(head + 20, CDB_FT_SECTION_COUNT);
    for (uint32_t type = 1; type <= CDB_FT_SECTION_COUNT; type++) {
        unsigned char *entry = head + CDB_FT_HEAD + (type - 1) * CDB_FT_SECTION_ENTRY;
        const struct cdb_ft_section *section = &writer->sections[type];

        cdb_le_put32(entry, type);
        cdb_le_put64(entry + 8, section->len > 0 ? section->offset : HEAD_SIZE);
        cdb_le_put64(entry + 16, section->len);
    }
    cdb_sink_change(&writer->file, CDB_PAGES_HEAD, head, sizeof(head));
}

int cdb_ft_writer_finish(struct cdb_ft_writer *writer, uint32_t fields, uint64_t *number, uint64_t *bytes)
{
    char name[CDB_FILE_NAME_SIZE];
    int result = 0;

    *number = 0;
    if (writer->dir != -1)
        result = cdb_file_random(number);
    if (result != 0)
        return result;
    put_head(writer, fields);
    result = cdb_pages_end(&writer->file, *number, CDB_FT_MAGIC, CDB_FT_VERSION);
    *bytes = cdb_sink_size(&writer->file);
    if (result != 0 || writer->dir == -1)
        return result;
    cdb_file_numbered(name, *number, CDB_FILE_TEXT);
    CDB_FAULT("index-text-written");
    if (renameat(writer->dir, writer->temporary, writer->dir, name) != 0)
        return cdb_error_errno(name, "cannot rename '%s' to '%s'", writer->temporary, name);
    writer->temporary[0] = '\0';
    return 0;
}
