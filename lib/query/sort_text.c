/* SPDX-License-Identifier: MIT */
#include "query/sort_text.h"

#include <stdlib.h>
#include <string.h>

#include "util/error.h"

#define BYTES_MAX ((size_t)32 << 20) /* then all is forgotten */

void cdb_sort_texts_init(struct cdb_sort_texts *texts, struct cdb_documents *documents)
{
    memset(texts, 0, sizeof(*texts));
    texts->documents = documents;
}

void cdb_sort_texts_release(struct cdb_sort_texts *texts)
{
    cdb_arena_release(&texts->arena);
    free(texts->slots);
    texts->slots = NULL;
    texts->count = texts->room = texts->bytes = 0;
}

static struct cdb_sort_text *find_slot(struct cdb_sort_text *slots, size_t room, uint32_t criterion,
                                       struct cdb_sort_where where)
{
    uint64_t hash = ((uint64_t)where.part << 32 | where.doc) * UINT64_C(0x9e3779b97f4a7c15) + criterion;
    size_t at = (size_t)(hash ^ hash >> 29) & (room - 1);

    while (slots[at].criterion != 0 &&
           (slots[at].criterion != criterion + 1 || slots[at].part != where.part || slots[at].doc != where.doc))
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static int grow(struct cdb_sort_texts *texts)
{
    size_t room = texts->room == 0 ? 256 : 2 * texts->room;
    struct cdb_sort_text *slots = calloc(room, sizeof(*slots));

    if (slots == NULL)
        return cdb_error_memory();
    for (size_t i = 0; i < texts->room; i++) {
        const struct cdb_sort_text *old = &texts->slots[i];

        if (old->criterion != 0)
            *find_slot(slots, room, old->criterion - 1, (struct cdb_sort_where){old->part, old->doc}) = *old;
    }
    free(texts->slots);
    texts->slots = slots;
    texts->room = room;
    return 0;
}

/* Read the value of a document, unless it is there. */
static int ensure(struct cdb_sort_texts *texts, uint32_t criterion, const struct cdb_query_string *field, bool greatest,
                  struct cdb_sort_where where)
{
    const struct cdb_scalar *scalar;
    struct cdb_sort_text *slot;
    int result;

    if (2 * texts->count >= texts->room && grow(texts) != 0)
        return CHRONDB_ESYSTEM;
    slot = find_slot(texts->slots, texts->room, criterion, where);
    if (slot->criterion != 0)
        return 0;
    result = cdb_documents_end(texts->documents, where.part, where.doc, field, greatest, &scalar);
    if (result != 0)
        return result;
    *slot = (struct cdb_sort_text){.part = where.part, .doc = where.doc, .missing = scalar == NULL};
    if (scalar != NULL) {
        slot->type = scalar->type;
        slot->len = scalar->len;
        slot->text = cdb_arena_copy(&texts->arena, scalar->text, scalar->len);
        if (slot->text == NULL)
            return CHRONDB_ESYSTEM;
        texts->bytes += scalar->len;
    }
    slot->criterion = criterion + 1;
    texts->count++;
    return 0;
}

int cdb_sort_texts_compare(struct cdb_sort_texts *texts, uint32_t criterion, const struct cdb_query_string *field,
                           bool greatest, struct cdb_sort_where a, struct cdb_sort_where b, int *order)
{
    const struct cdb_sort_text *x, *y;
    int result;

    if (texts->bytes + texts->room * sizeof(*texts->slots) > BYTES_MAX)
        cdb_sort_texts_release(texts);
    result = ensure(texts, criterion, field, greatest, a);
    if (result == 0)
        result = ensure(texts, criterion, field, greatest, b);
    if (result != 0)
        return result;
    x = find_slot(texts->slots, texts->room, criterion, a);
    y = find_slot(texts->slots, texts->room, criterion, b);
    if (x->missing || y->missing) /* the index says otherwise: what the document says counts */
        *order = x->missing - y->missing;
    else
        *order = cdb_scalar_compare(x->type, x->text, x->len, y->type, y->text, y->len);
    return 0;
}
