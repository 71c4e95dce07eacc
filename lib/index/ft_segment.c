/* SPDX-License-Identifier: MIT */
#include "index/ft_segment.h"

#include <stdlib.h>

#include "index/bytes.h"
#include "index/files.h"
#include "index/ft_inside.h"
#include "index/packed.h"
#include "util/error.h"

static int bad_head(void)
{
    return cdb_index_damaged("the beginning of a segment of words is not what was written");
}

static bool get_sections(struct cdb_ft_segment *segment, const unsigned char *entries, uint32_t count)
{
    uint64_t min = CDB_FT_HEAD + (uint64_t)count * CDB_FT_SECTION_ENTRY, len = segment->pages.len;
    bool given[CDB_FT_SECTION_COUNT + 1] = {false};

    for (uint32_t i = 0; i < count; i++) {
        const unsigned char *entry = entries + (size_t)i * CDB_FT_SECTION_ENTRY;
        uint32_t type = cdb_le_get32(entry);
        struct cdb_ft_section section = {cdb_le_get64(entry + 8), cdb_le_get64(entry + 16)};

        if (section.offset < min || section.offset > len || section.len > len - section.offset)
            return false;
        if (type == 0 || type > CDB_FT_SECTION_COUNT)
            continue;
        if (given[type])
            return false;
        given[type] = true;
        segment->sections[type] = section;
    }
    return true;
}

static bool get_numbers(struct cdb_ft_segment *segment, const unsigned char *p)
{
    struct cdb_ft_info *info = &segment->info;

    info->docs = cdb_le_get32(p);
    info->fields = cdb_le_get32(p + 4);
    info->min_from = cdb_le_get32(p + 8);
    info->max_from = cdb_le_get32(p + 12);
    info->number = segment->pages.number;
    info->bytes = segment->pages.file_len;
    if (info->docs > CDB_FT_DOCS_MAX || info->min_from > info->max_from || info->max_from == UINT32_MAX)
        return false;
    segment->from_bits = cdb_packed_width(info->max_from - info->min_from);
    return true;
}

/* Are the sections that numbers say the size of so large? What is taken on trust later is in proportion to the file. */
static bool check_sizes(const struct cdb_ft_segment *segment)
{
    const struct cdb_ft_section *sections = segment->sections;
    uint64_t docs = segment->info.docs, blocks = docs / CDB_FT_KEY_BLOCK + (docs % CDB_FT_KEY_BLOCK != 0);

    return sections[CDB_FT_FROMS].len == cdb_packed_bytes(docs, segment->from_bits) + CDB_FT_FROMS_PADDING &&
           sections[CDB_FT_KEYS].len >= docs && sections[CDB_FT_KEY_BLOCKS].len == blocks * 8 &&
           sections[CDB_FT_FIELDS].len == ((uint64_t)segment->info.fields + 1) * CDB_FT_ROW;
}

static void set_dict(const struct cdb_ft_segment *segment, struct cdb_dict *dict, enum cdb_ft_section_type data,
                     enum cdb_ft_section_type index)
{
    *dict = (struct cdb_dict){segment->pages.content + segment->sections[data].offset,
                              segment->pages.content + segment->sections[index].offset,
                              (size_t)segment->sections[data].len, (size_t)segment->sections[index].len};
}

static int read_head(struct cdb_ft_segment *segment)
{
    const unsigned char *p = cdb_pages_get(&segment->pages, 0, CDB_FT_HEAD);
    uint32_t count;

    if (p == NULL)
        return CHRONDB_EDAMAGED;
    count = cdb_le_get32(p + 20);
    if (count > CDB_FT_SECTIONS_MAX || !get_numbers(segment, p))
        return bad_head();
    p = cdb_pages_get(&segment->pages, CDB_FT_HEAD, (uint64_t)count * CDB_FT_SECTION_ENTRY);
    if (p == NULL)
        return CHRONDB_EDAMAGED;
    if (!get_sections(segment, p, count) || !check_sizes(segment))
        return bad_head();
    set_dict(segment, &segment->terms, CDB_FT_TERMS, CDB_FT_TERMS_INDEX);
    set_dict(segment, &segment->forms, CDB_FT_FORMS, CDB_FT_FORMS_INDEX);
    return 0;
}

/* `data` NULL: the file in `dir`. */
static int open_segment(struct cdb_ft_segment **out, const void *data, size_t len, int dir, uint64_t number)
{
    struct cdb_ft_segment *segment = calloc(1, sizeof(*segment));
    char name[CDB_FILE_NAME_SIZE];
    int result;

    *out = NULL;
    if (segment == NULL)
        return cdb_error_memory();
    cdb_file_numbered(name, number, CDB_FILE_TEXT);
    result = data != NULL ? cdb_pages_view(&segment->pages, data, len, CDB_FT_MAGIC, CDB_FT_VERSION)
                          : cdb_pages_open(&segment->pages, dir, name, number, CDB_FT_MAGIC, CDB_FT_VERSION);
    if (result != 0) {
        free(segment);
        return result;
    }
    result = read_head(segment);
    if (result != 0) {
        cdb_ft_segment_close(segment);
        return result;
    }
    *out = segment;
    return 0;
}

int cdb_ft_segment_view(struct cdb_ft_segment **out, const void *data, size_t len)
{
    return open_segment(out, data != NULL ? data : "", len, -1, 0);
}

int cdb_ft_segment_open(struct cdb_ft_segment **out, int dir, uint64_t number)
{
    return open_segment(out, NULL, 0, dir, number);
}

void cdb_ft_segment_close(struct cdb_ft_segment *segment)
{
    if (segment == NULL)
        return;
    cdb_pages_close(&segment->pages);
    free(segment);
}

const struct cdb_ft_info *cdb_ft_info(const struct cdb_ft_segment *segment)
{
    return &segment->info;
}

struct cdb_pages *cdb_ft_pages(struct cdb_ft_segment *segment)
{
    return &segment->pages;
}
