/* SPDX-License-Identifier: MIT */
#include "query/phrase.h"

#include <string.h>

#include "chrondb.h"

/* ---- building ----------------------------------------------------------------------------------- */

/* Words with the same term get a group, in the order of their offsets. */
static int make_groups(struct cdb_phrase *phrase, struct cdb_arena *arena)
{
    size_t n = phrase->count, filled = 0;
    uint32_t *first = cdb_arena_alloc(arena, n * sizeof(*first)), *times = cdb_arena_alloc(arena, n * sizeof(*times));

    if (first == NULL || times == NULL)
        return CHRONDB_ESYSTEM;
    memset(times, 0, n * sizeof(*times));
    for (size_t i = 0; i < n; i++)
        if (times[phrase->words[i].term]++ == 0)
            first[phrase->words[i].term] = CDB_PHRASE_NO_GROUP;
    for (size_t i = 0; i < n; i++) {
        uint32_t term = phrase->words[i].term;

        if (times[term] < 2)
            continue;
        if (first[term] == CDB_PHRASE_NO_GROUP) {
            first[term] = (uint32_t)phrase->group_count;
            phrase->group_starts[phrase->group_count++] = filled;
            filled += times[term];
            phrase->group_starts[phrase->group_count] = filled;
            times[term] = 2; /* from here on: 2 + how many were placed */
        }
        phrase->words[i].group = first[term];
        phrase->words[i].group_index = times[term]++ - 2;
        phrase->groups[phrase->group_starts[first[term]] + phrase->words[i].group_index] = &phrase->words[i];
    }
    return 0;
}

int cdb_phrase_init(struct cdb_phrase *phrase, struct cdb_arena *arena, const uint32_t *terms, size_t count,
                    uint32_t slop)
{
    memset(phrase, 0, sizeof(*phrase));
    phrase->count = count;
    phrase->slop = slop;
    phrase->words = cdb_arena_alloc(arena, count * sizeof(*phrase->words));
    phrase->groups = cdb_arena_alloc(arena, count * sizeof(*phrase->groups));
    phrase->group_starts = cdb_arena_alloc(arena, (count + 1) * sizeof(*phrase->group_starts));
    phrase->heap = cdb_arena_alloc(arena, count * sizeof(*phrase->heap));
    phrase->stack = cdb_arena_alloc(arena, count * sizeof(*phrase->stack));
    phrase->marks = cdb_arena_alloc(arena, count * sizeof(*phrase->marks));
    if (phrase->words == NULL || phrase->groups == NULL || phrase->group_starts == NULL || phrase->heap == NULL ||
        phrase->stack == NULL || phrase->marks == NULL)
        return CHRONDB_ESYSTEM;
    memset(phrase->marks, 0, count * sizeof(*phrase->marks));
    for (size_t i = 0; i < count; i++)
        phrase->words[i] = (struct cdb_phrase_word){terms[i], (uint32_t)i, CDB_PHRASE_NO_GROUP, 0, 0, 0};
    return make_groups(phrase, arena);
}

/* ---- without slop ------------------------------------------------------------------------------- */

/* The rarest word leads; all walk forward only. */
static size_t choose_lead(const struct cdb_phrase *phrase, const struct cdb_positions *positions)
{
    size_t lead = 0;

    for (size_t i = 1; i < phrase->count; i++)
        if (positions[phrase->words[i].term].count < positions[phrase->words[lead].term].count)
            lead = i;
    return lead;
}

/* Is the word at that position? */
static bool stands_at(struct cdb_phrase_word *word, const struct cdb_positions *list, uint64_t position)
{
    while (word->next < list->count && list->list[word->next] < position)
        word->next++;
    return word->next < list->count && list->list[word->next] == position;
}

static size_t walk_exact(struct cdb_phrase *phrase, const struct cdb_positions *positions,
                         void (*found)(void *context, uint64_t position), void *context)
{
    size_t lead = choose_lead(phrase, positions), times = 0;
    const struct cdb_positions *list = &positions[phrase->words[lead].term];

    for (size_t i = 0; i < phrase->count; i++)
        phrase->words[i].next = 0;
    for (size_t p = 0; p < list->count; p++) {
        bool all = list->list[p] >= lead;

        for (size_t i = 0; all && i < phrase->count; i++)
            all =
                i == lead || stands_at(&phrase->words[i], &positions[phrase->words[i].term], list->list[p] - lead + i);
        if (!all)
            continue;
        times++;
        if (found != NULL)
            found(context, list->list[p] - lead);
    }
    return times;
}

void cdb_phrase_each(struct cdb_phrase *phrase, const struct cdb_positions *positions,
                     void (*found)(void *context, uint64_t position), void *context)
{
    walk_exact(phrase, positions, found, context);
}

/* ---- with slop: the queue ----------------------------------------------------------------------- */

static bool is_less(const struct cdb_phrase_word *a, const struct cdb_phrase_word *b)
{
    return a->at != b->at ? a->at < b->at : a->offset < b->offset;
}

static void heap_add(struct cdb_phrase *phrase, struct cdb_phrase_word *word)
{
    struct cdb_phrase_word **heap = phrase->heap;
    size_t i = phrase->heap_count++;

    for (; i > 0 && is_less(word, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = word;
}

static struct cdb_phrase_word *heap_pop(struct cdb_phrase *phrase)
{
    struct cdb_phrase_word **heap = phrase->heap, *top = heap[0], *last = heap[--phrase->heap_count];
    size_t i = 0, n = phrase->heap_count;

    for (size_t child = 1; child < n; i = child, child = 2 * i + 1) {
        if (child + 1 < n && is_less(heap[child + 1], heap[child]))
            child++;
        if (!is_less(heap[child], last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

/* ---- with slop: the walk ------------------------------------------------------------------------ */

/* False behind the word's last position. */
static bool advance(struct cdb_phrase *phrase, const struct cdb_positions *positions, struct cdb_phrase_word *word)
{
    const struct cdb_positions *list = &positions[word->term];

    if (word->next >= list->count)
        return false;
    word->at = (int64_t)list->list[word->next++] - word->offset;
    if (word->at > phrase->end)
        phrase->end = word->at;
    return true;
}

/* The word of its group that took the same position, or NULL. */
static struct cdb_phrase_word *collision(const struct cdb_phrase *phrase, const struct cdb_phrase_word *word)
{
    for (size_t i = phrase->group_starts[word->group]; i < phrase->group_starts[word->group + 1]; i++) {
        struct cdb_phrase_word *other = phrase->groups[i];

        if (other != word && other->at + other->offset == word->at + word->offset)
            return other;
    }
    return NULL;
}

/* Words in the queue whose place changed: take all out down to the last of them, and put them back. */
static void queue_again(struct cdb_phrase *phrase, size_t changed)
{
    size_t n = 0;

    while (changed > 0) {
        struct cdb_phrase_word *word = heap_pop(phrase);

        phrase->stack[n++] = word;
        if (phrase->marks[word->offset]) {
            phrase->marks[word->offset] = false;
            changed--;
        }
    }
    while (n > 0)
        heap_add(phrase, phrase->stack[--n]);
}

/* The word, which is not in the queue, was advanced. If another one of its group has that position, the lesser of the
 * two goes on, and so forth. False if one is behind its last position. */
static bool resolve(struct cdb_phrase *phrase, const struct cdb_positions *positions, struct cdb_phrase_word *word)
{
    struct cdb_phrase_word *moving = word, *other;
    size_t changed = 0;

    if (word->group == CDB_PHRASE_NO_GROUP)
        return true;
    while ((other = collision(phrase, moving)) != NULL) {
        if (is_less(other, moving))
            moving = other;
        if (!advance(phrase, positions, moving)) {
            memset(phrase->marks, 0, phrase->count * sizeof(*phrase->marks));
            return false;
        }
        if (moving != word && !phrase->marks[moving->offset]) {
            phrase->marks[moving->offset] = true;
            changed++;
        }
    }
    queue_again(phrase, changed);
    return true;
}

/* All words to their first positions; those of a group to its first, second ... one. */
static bool start(struct cdb_phrase *phrase, const struct cdb_positions *positions)
{
    phrase->end = INT64_MIN;
    phrase->heap_count = 0;
    for (size_t i = 0; i < phrase->count; i++) {
        struct cdb_phrase_word *word = &phrase->words[i];

        word->next = word->group == CDB_PHRASE_NO_GROUP ? 0 : word->group_index;
        if (!advance(phrase, positions, word))
            return false;
        heap_add(phrase, word);
    }
    return true;
}

static float sloppy_freq(struct cdb_phrase *phrase, const struct cdb_positions *positions)
{
    struct cdb_phrase_word *word;
    int64_t spread, next, slop = phrase->slop;
    float freq = 0;

    if (!start(phrase, positions))
        return 0;
    word = heap_pop(phrase);
    next = phrase->heap[0]->at;
    spread = phrase->end - word->at;
    while (advance(phrase, positions, word) && resolve(phrase, positions, word)) {
        if (word->at > next) { /* as it was when the word was taken: resolving does not change it in Lucene either */
            if (spread <= slop)
                freq += 1.0f / (1.0f + (float)spread);
            heap_add(phrase, word);
            word = heap_pop(phrase);
            next = phrase->heap[0]->at;
            spread = phrase->end - word->at;
        } else if (phrase->end - word->at < spread) {
            spread = phrase->end - word->at;
        }
    }
    return spread <= slop ? freq + 1.0f / (1.0f + (float)spread) : freq;
}

float cdb_phrase_freq(struct cdb_phrase *phrase, const struct cdb_positions *positions)
{
    if (phrase->slop == 0)
        return (float)walk_exact(phrase, positions, NULL, NULL);
    return sloppy_freq(phrase, positions);
}
