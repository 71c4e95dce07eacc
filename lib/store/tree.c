/* SPDX-License-Identifier: MIT */
#include "store/tree.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/error.h"

#define MODE_MAX 0177777u

static int damaged(void)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "a tree object is malformed");
}

int cdb_tree_next(struct cdb_tree_cursor *cursor, struct cdb_tree_entry *out)
{
    const char *p = cursor->at;
    uint32_t mode = 0;
    if (p >= cursor->end)
        return 0;
    for (; p < cursor->end && *p != ' '; p++) { /* zeros in front are wrong, but git reads them */
        if (*p < '0' || *p > '7' || (mode = mode * 8 + (uint32_t)(*p - '0')) > MODE_MAX)
            return damaged();
    }
    if (p >= cursor->end || p == cursor->at)
        return damaged();
    const char *name = p + 1;
    const char *nul = memchr(name, '\0', (size_t)(cursor->end - name));
    if (nul == NULL || nul == name || cursor->end - nul - 1 < CDB_OID_SIZE)
        return damaged();
    out->name = name;
    out->name_len = (size_t)(nul - name);
    out->mode = mode;
    memcpy(out->oid.id, nul + 1, CDB_OID_SIZE);
    cursor->at = nul + 1 + CDB_OID_SIZE;
    return 1;
}

int cdb_tree_compare(const struct cdb_tree_entry *a, const struct cdb_tree_entry *b)
{
    size_t common = a->name_len < b->name_len ? a->name_len : b->name_len;
    int order = memcmp(a->name, b->name, common);
    if (order != 0)
        return order;
    unsigned char x = a->name_len > common ? (unsigned char)a->name[common] : cdb_mode_is_dir(a->mode) ? '/' : '\0';
    unsigned char y = b->name_len > common ? (unsigned char)b->name[common] : cdb_mode_is_dir(b->mode) ? '/' : '\0';
    return (x > y) - (x < y);
}

static int compare(const void *a, const void *b)
{
    return cdb_tree_compare(a, b);
}

/* Equal names in the order of the tree, whose bytes the names are. */
static int compare_stably(const void *left, const void *right)
{
    const struct cdb_tree_entry *a = left, *b = right;
    int order = cdb_tree_compare(a, b);
    return order != 0 ? order : (a->name > b->name) - (a->name < b->name);
}

/* Git writes them sorted: check that instead of sorting. */
static size_t put_right(struct cdb_tree_entry *entries, size_t count)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++)
        sorted = cdb_tree_compare(&entries[i - 1], &entries[i]) < 0;
    if (sorted)
        return count;
    qsort(entries, count, sizeof(*entries), compare_stably);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && cdb_tree_compare(&entries[kept - 1], &entries[i]) == 0)
            kept--;
        entries[kept++] = entries[i];
    }
    return kept;
}

int cdb_tree_parse(const struct cdb_buf *content, struct cdb_tree_entry **out, size_t *count)
{
    struct cdb_tree_cursor cursor = {cdb_buf_str(content), cdb_buf_str(content) + content->len};
    struct cdb_tree_entry entry, *entries = NULL;
    size_t used = 0, room = 0;
    int status;
    while ((status = cdb_tree_next(&cursor, &entry)) == 1) {
        if (cdb_array_grow(&entries, &room, used, sizeof(*entries)) != 0) {
            free(entries);
            return CHRONDB_ESYSTEM;
        }
        entries[used++] = entry;
    }
    if (status < 0) {
        free(entries);
        return status;
    }
    *out = entries;
    *count = put_right(entries, used);
    return 0;
}

/* Trees are written for every put: printf would take a sixth of it. */
static void add_octal(struct cdb_buf *out, uint32_t number)
{
    char digits[11];
    size_t first = sizeof(digits);
    do
        digits[--first] = (char)('0' + (number & 7));
    while ((number >>= 3) != 0);
    cdb_buf_add(out, digits + first, sizeof(digits) - first);
}

void cdb_tree_encode(struct cdb_tree_entry *entries, size_t count, struct cdb_buf *out)
{
    if (count > 1)
        qsort(entries, count, sizeof(*entries), compare);
    for (size_t i = 0; i < count; i++) {
        add_octal(out, entries[i].mode);
        cdb_buf_addc(out, ' ');
        cdb_buf_add(out, entries[i].name, entries[i].name_len);
        cdb_buf_addc(out, '\0');
        cdb_buf_add(out, entries[i].oid.id, CDB_OID_SIZE);
    }
}
