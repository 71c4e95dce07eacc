/* SPDX-License-Identifier: MIT
 *
 * The forms of the segment that several become. */
#include <string.h>
#include <sys/mman.h>

#include "index/bytes.h"
#include "index/ft_merger_words.h"
#include "util/array.h"
#include "util/error.h"

/* The term of the walker's form, if it has its documents: false if not. */
static bool get_stem(const struct cdb_walker *walker, char *stem, size_t *len)
{
    const unsigned char *p = walker->value, *end = p + walker->value_len;
    struct cdb_ft_stem found = {walker->text_len, 0, p};
    uint64_t head;

    if (!walker->entry.has_freqs)
        return false;
    if (!walker->is_form && (!cdb_varint_get(&p, end, &head) || !cdb_ft_get_stem(&p, end, &found) ||
                             found.shared > walker->text_len || found.rest > CDB_DICT_KEY_MAX - found.shared))
        return false;
    memcpy(stem, walker->text, found.shared);
    memcpy(stem + found.shared, found.bytes, found.rest);
    *len = found.shared + found.rest;
    return true;
}

/* Do all sources say of the form that it has the documents of the same term? */
static void find_stem(struct cdb_merger_words *words, uint32_t row)
{
    char stem[CDB_DICT_KEY_MAX];
    bool first = true;
    size_t len = 0;

    words->same = true;
    for (size_t i = 0; words->same && i < words->count; i++) {
        const struct cdb_walker *walker = &words->walkers[i];

        if (!walker->chosen || walker->row != row)
            continue;
        words->same = get_stem(walker, stem, &len);
        if (words->same && first) {
            memcpy(words->stem, stem, len);
            words->stem_len = len;
            first = false;
        }
        words->same = words->same && len == words->stem_len && memcmp(stem, words->stem, len) == 0;
    }
}

static int gather_docs(struct cdb_merger_words *words, uint32_t row)
{
    struct cdb_walker *walker;
    uint32_t limit;
    int result = cdb_walkers_open(words, row);

    words->doc_count = 0;
    while (result == 0 && (walker = cdb_walkers_doc(words, &limit)) != NULL) {
        if (walker->next == limit)
            return cdb_index_damaged("two lists have the same document");
        while (result == 0 && walker->next < limit) {
            result = cdb_array_grow(&words->docs, &words->doc_room, words->doc_count, sizeof(uint32_t));
            if (result != 0)
                break;
            words->docs[words->doc_count++] = walker->next;
            result = cdb_walker_doc(walker, row);
        }
    }
    return result;
}

/* The key of a text in a row, which is not too long. */
static size_t make_key(char key[CDB_DICT_KEY_MAX + 1 + CDB_FT_FIELD_KEY_MAX], const char *text, size_t len,
                       uint32_t row)
{
    memcpy(key, text, len);
    key[len] = '\0';
    return len + 1 + cdb_ft_field_key((unsigned char *)key + len + 1, row);
}

/* Write the form with the list of its term, if that has its documents: 0, or 1 if it has more. All documents of the
 * form are documents of the term, so their number decides. */
static int write_as_stem(struct cdb_merger_words *words, uint32_t row)
{
    char key[CDB_DICT_KEY_MAX + 1 + CDB_FT_FIELD_KEY_MAX];
    struct cdb_dict_cursor cursor;
    const unsigned char *p;
    uint64_t head;
    int result = cdb_dict_find(&cursor, &words->terms, key, make_key(key, words->stem, words->stem_len, row));

    if (result != 0)
        return result;
    p = cursor.value;
    if (!cdb_varint_get(&p, p + cursor.value_len, &head) || head >> CDB_FT_LIST_BITS != words->doc_count)
        return 1;
    return cdb_ft_writer_form_as(&words->merger->writer, words->text, words->text_len, row, words->stem,
                                 words->stem_len, cursor.value, cursor.value_len);
}

/* Is the form a term, too, in all sources, and does the dictionary of terms say it? 0, or 1 if not. Forms ascend. */
static int is_term(struct cdb_merger_words *words, uint32_t row)
{
    char key[CDB_DICT_KEY_MAX + 1 + CDB_FT_FIELD_KEY_MAX];
    size_t len = make_key(key, words->text, words->text_len, row);
    struct cdb_dict_cursor *term = &words->term;
    int order = -1, result = 0;

    for (size_t i = 0; i < words->count; i++)
        if (words->walkers[i].chosen && words->walkers[i].row == row && !words->walkers[i].is_form)
            return 1;
    while (result == 0 && !words->terms_ended) {
        order = cdb_bytes_compare(term->key, term->key_len, key, len);
        if (order >= 0)
            break;
        result = cdb_dict_next(term);
        words->terms_ended = result != 0;
    }
    if (result < 0)
        return result;
    return order != 0 || words->terms_ended || term->value_len == 0 || (term->value[0] & CDB_FT_LIST_FORM) == 0;
}

static int merge_form_list(struct cdb_merger_words *words, uint32_t row)
{
    struct cdb_ft_writer *writer = &words->merger->writer;
    unsigned char value[CDB_LIST_VALUE_MAX];
    size_t len;
    int result = is_term(words, row);

    if (result <= 0)
        return result;
    find_stem(words, row);
    result = gather_docs(words, row);
    if (result != 0 || words->doc_count == 0)
        return result;
    result = words->same ? write_as_stem(words, row) : 1;
    if (result != 1)
        return result;
    cdb_list_begin(&writer->list, true);
    result = 0;
    for (size_t i = 0; result == 0 && i < words->doc_count; i++)
        result = cdb_list_doc(&writer->list, words->docs[i], 0, 0);
    if (result == 0)
        result = cdb_list_end(&writer->list, value, &len);
    return result == 0 ? cdb_ft_writer_form(writer, words->text, words->text_len, row, value, len) : result;
}

static int merge_form(struct cdb_merger_words *words)
{
    uint32_t row;
    int result = 0;

    while (result == 0 && (row = cdb_walkers_row(words)) != UINT32_MAX) {
        result = merge_form_list(words, row);
        if (result == 0)
            result = cdb_walkers_pass(words, row);
    }
    return result;
}

int cdb_merger_forms(struct cdb_merger_words *words)
{
    struct cdb_ft_writer *writer = &words->merger->writer;
    void *map = MAP_FAILED;
    size_t len;
    int result = cdb_walkers_begin(words, true);

    if (result == 0)
        result = cdb_sink_flush(&writer->terms_data);
    len = (size_t)cdb_sink_size(&writer->terms_data);
    if (result == 0 && len > 0) {
        map = mmap(NULL, len, PROT_READ, MAP_SHARED, writer->terms_data.fd, 0);
        if (map == MAP_FAILED)
            result = cdb_error_errno(NULL, "cannot map the index");
        words->terms =
            (struct cdb_dict){map, (const unsigned char *)writer->terms_index.ptr, len, writer->terms_index.len};
    }
    cdb_ft_writer_begin_forms(writer);
    if (result == 0) {
        result = cdb_dict_first(&words->term, &words->terms);
        words->terms_ended = result == 1;
        result = result == 1 ? 0 : result;
    }
    while (result == 0 && cdb_walkers_choose(words)) {
        result = merge_form(words);
        if (result == 0)
            result = cdb_merger_tick(words->merger);
    }
    if (map != MAP_FAILED)
        munmap(map, len);
    return result;
}
