/* SPDX-License-Identifier: MIT
 *
 * Wildcards and fuzzy terms: all documents with a form that matches. The forms are found when the scorer is made. The
 * longest lists among them are read window by window, as far as the search goes; of the others (which may be very
 * many, and short) the documents are noted as bits at once. */
#include <string.h>

#include "index/bytes.h"
#include "query/docset.h"
#include "query/postings.h"
#include "query/scorer.h"
#include "util/error.h"

#define LISTS 32 /* that are read as the search goes; no more than cdb_lists_open makes no pile of */

struct forms {
    struct cdb_scorer base;
    struct cdb_list *lists;
    size_t count;
    struct cdb_docset noted;
};

/* ---- finding ------------------------------------------------------------------------------------ */

static int next(struct cdb_scorer *scorer, uint32_t target, uint32_t *doc)
{
    struct forms *forms = (struct forms *)scorer;
    uint32_t noted = cdb_docset_next(&forms->noted, target);
    int result = cdb_lists_next(forms->lists, forms->count, target, doc);

    *doc = noted < *doc ? noted : *doc;
    return result;
}

static int bound(struct cdb_scorer *scorer, uint32_t from, uint32_t *to, bool shrink, double *out)
{
    (void)from;
    (void)to;
    (void)shrink;
    *out = scorer->max;
    return 0;
}

static int mark(struct forms *forms, uint32_t from, uint32_t to, unsigned char *marks)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < forms->count; i++)
        result = cdb_list_mark(&forms->lists[i], from, to, marks);
    cdb_docset_mark(&forms->noted, from, to, marks);
    return result;
}

static int produce(struct cdb_scorer *scorer, uint32_t from, uint32_t to, double floor, struct cdb_batch *batch)
{
    struct cdb_frame *frame = cdb_frame_take(scorer->run);
    double score = scorer->scoring ? scorer->max : 0;
    int result;

    (void)floor;
    batch->count = 0;
    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    result = mark((struct forms *)scorer, from, to, frame->marks);
    batch->count = cdb_marks_drain(frame->marks, from, batch->docs);
    for (size_t i = 0; scorer->run->scores && i < batch->count; i++)
        batch->scores[i] = score;
    cdb_frame_give(scorer->run, frame);
    return result;
}

static int probe(struct cdb_scorer *scorer, const uint32_t *docs, size_t count, unsigned char *hits, double *scores)
{
    struct forms *forms = (struct forms *)scorer;
    struct cdb_frame *frame = cdb_frame_take(scorer->run);
    uint32_t *found;
    int result = 0;

    if (frame == NULL)
        return CHRONDB_ESYSTEM;
    found = frame->index;
    for (size_t i = 0; i < count; i++)
        found[i] = cdb_docset_has(&forms->noted, docs[i]);
    for (size_t i = 0; result == 0 && i < forms->count; i++)
        result = cdb_list_look_up(&forms->lists[i], docs, count, false, found, frame->freqs);
    for (size_t i = 0; i < count; i++) {
        hits[i] |= found[i] != 0;
        if (found[i] != 0 && scorer->scoring)
            scores[i] += scorer->max;
    }
    cdb_frame_give(scorer->run, frame);
    return result;
}

static void finish(struct cdb_scorer *scorer)
{
    const struct forms *forms = (const struct forms *)scorer;

    cdb_lists_finish(forms->lists, forms->count, scorer->plan);
    scorer->plan->how = forms->noted.words != NULL ? "forms, bits" : "forms";
}

static const struct cdb_scorer_ops ops = {next, bound, produce, NULL, probe, finish};

/* ---- the forms ---------------------------------------------------------------------------------- */

struct gathering {
    struct forms *forms;
    struct cdb_ft_entry entries[LISTS]; /* the longest ones so far */
    size_t count;
    struct cdb_ft_postings postings; /* for noting */
    struct cdb_ft_walk walk;
    char text[CDB_DICT_KEY_MAX]; /* the form before */
    size_t text_len;
    bool has_text, matched;
    size_t dead, passed; /* forms that begin with the first `dead` bytes do not match; how many were passed over */
};

/* Note all documents of a list. */
static int note(struct gathering *gathering, const struct cdb_ft_entry *entry)
{
    struct forms *forms = gathering->forms;
    struct cdb_run *run = forms->base.run;
    struct cdb_ft_postings *postings = &gathering->postings;
    int result = cdb_docset_need(&forms->noted, &run->arena, run->docs);

    if (result != 0)
        return result;
    result = cdb_ft_postings_open(postings, run->segment, entry);
    if (result != 0)
        return result;
    while (cdb_ft_next_block(postings) != CDB_FT_END)
        for (uint32_t i = 0; i < postings->count; i++)
            if (postings->docs[i] < run->docs)
                cdb_docset_add(&forms->noted, postings->docs[i]);
    forms->base.plan->postings += postings->df;
    forms->base.plan->blocks += postings->blocks_decoded;
    return postings->result;
}

static int take(struct gathering *gathering)
{
    const struct cdb_ft_entry *entry = &gathering->walk.entry;
    size_t least = 0;
    int result;

    gathering->forms->base.cost += entry->df;
    if (gathering->count < LISTS) {
        gathering->entries[gathering->count++] = *entry;
        return 0;
    }
    for (size_t i = 1; i < LISTS; i++)
        if (gathering->entries[i].df < gathering->entries[least].df)
            least = i;
    if (entry->df <= gathering->entries[least].df)
        return note(gathering, entry);
    result = note(gathering, &gathering->entries[least]);
    gathering->entries[least] = *entry;
    return result;
}

static size_t shared_bytes(const struct gathering *gathering)
{
    const struct cdb_ft_walk *walk = &gathering->walk;
    size_t most = gathering->text_len < walk->text_len ? gathering->text_len : walk->text_len, n = 0;

    while (n < most && gathering->text[n] == walk->text[n])
        n++;
    return gathering->has_text ? n : 0;
}

/* Does the form that the walk is at match? A form comes once for each field. */
static bool is_match(struct gathering *gathering)
{
    const struct cdb_plan *plan = gathering->forms->base.plan;
    const struct cdb_ft_walk *walk = &gathering->walk;
    size_t shared = shared_bytes(gathering), dead = 0;

    if (gathering->has_text && shared == walk->text_len && shared == gathering->text_len)
        return gathering->matched;
    if (plan->fuzzy != NULL)
        gathering->matched = cdb_fuzzy_matches(plan->fuzzy, walk->text, walk->text_len, shared, &dead);
    else
        gathering->matched = plan->pattern == NULL || cdb_pattern_matches(plan->pattern, walk->text, walk->text_len);
    gathering->passed = dead != 0 && dead == gathering->dead && shared >= dead ? gathering->passed + 1 : 0;
    gathering->dead = dead;
    gathering->forms->base.plan->form_count += gathering->matched;
    memcpy(gathering->text, walk->text, walk->text_len);
    gathering->text_len = walk->text_len;
    gathering->has_text = true;
    return gathering->matched;
}

/* After so many forms with the same hopeless beginning, behind all that have it. */
#define PATIENCE 8

static int go_on(struct gathering *gathering)
{
    char behind[CDB_DICT_KEY_MAX];
    size_t len = gathering->dead;

    if (gathering->passed < PATIENCE)
        return cdb_ft_walk_next(&gathering->walk);
    gathering->passed = 0;
    memcpy(behind, gathering->text, len);
    while (len > 0 && (unsigned char)behind[len - 1] == 0xff)
        len--;
    if (len == 0)
        return 1;
    behind[len - 1] = (char)((unsigned char)behind[len - 1] + 1);
    return cdb_ft_walk_seek(&gathering->walk, behind, len);
}

static int gather(struct gathering *gathering, const struct cdb_ft_range *range)
{
    const struct cdb_plan *plan = gathering->forms->base.plan;
    const char *prefix = plan->prefix.ptr != NULL ? plan->prefix.ptr : "";
    int result =
        cdb_ft_walk_forms(&gathering->walk, gathering->forms->base.run->segment, prefix, plan->prefix.len, range);

    while (result == 0) {
        if (is_match(gathering))
            result = take(gathering);
        if (result == 0)
            result = go_on(gathering);
    }
    return result < 0 ? result : 0;
}

static int open_lists(struct gathering *gathering, const struct cdb_ft_range *range)
{
    struct forms *forms = gathering->forms;
    struct cdb_term_part part = {*range, gathering->entries, gathering->count};
    uint64_t cost;

    return cdb_lists_open(&forms->lists, &forms->count, forms->base.run, forms->base.plan, &part, &cost);
}

int cdb_scorer_forms(struct cdb_scorer **out, struct cdb_run *run, struct cdb_plan *plan)
{
    struct forms *forms = cdb_scorer_new(run, plan, &ops, sizeof(*forms));
    struct gathering *gathering = cdb_arena_alloc(&run->arena, sizeof(*gathering));
    struct cdb_ft_range range;
    int result;

    if (forms == NULL || gathering == NULL)
        return CHRONDB_ESYSTEM;
    result = cdb_ft_find_field(run->segment, plan->field.ptr, plan->field.len, &range);
    if (result != 0)
        return result < 0 ? result : 0;
    gathering->forms = forms;
    gathering->count = 0;
    gathering->has_text = gathering->matched = false;
    gathering->dead = gathering->passed = 0;
    if (plan->fuzzy != NULL)
        plan->fuzzy->count = plan->fuzzy->rows != NULL; /* nothing was read yet in this segment */
    result = gather(gathering, &range);
    if (result != 0 || (gathering->count == 0 && forms->noted.words == NULL))
        return result;
    result = open_lists(gathering, &range);
    plan->df += forms->base.cost < run->docs ? forms->base.cost : run->docs;
    forms->base.cost = forms->base.cost < run->docs ? forms->base.cost : run->docs;
    forms->base.constant = true;
    forms->base.max = forms->base.scoring ? (float)plan->boost : 0;
    *out = &forms->base;
    return result;
}
