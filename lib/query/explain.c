/* SPDX-License-Identifier: MIT */
#include "query/explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/scorer.h"
#include "util/array.h"
#include "util/error.h"

/* ---- words for nodes ---------------------------------------------------------------------------- */

static const char *kind_of(const struct cdb_plan *plan)
{
    switch (plan->kind) {
    case CDB_PLAN_NONE:
        return "none";
    case CDB_PLAN_ALL:
        return "all";
    case CDB_PLAN_TERM:
        return "term";
    case CDB_PLAN_PHRASE:
        return "phrase";
    case CDB_PLAN_VALUES:
        return plan->node->kind == CDB_QUERY_RANGE   ? "range"
               : plan->node->kind == CDB_QUERY_EXACT ? "exact"
               : plan->node->kind == CDB_QUERY_TEXT  ? "value"
                                                     : "exists";
    case CDB_PLAN_FORMS:
        return plan->fuzzy != NULL ? "fuzzy" : plan->pattern != NULL ? "wildcard" : "prefix";
    case CDB_PLAN_KEYS:
        return "key";
    case CDB_PLAN_BOOLEAN:
        return plan->required.count == 0 && plan->minimum > 0 && plan->excluded.count == 0 ? "or" : "and";
    }
    return "";
}

static void add_field(struct cdb_buf *out, const struct cdb_plan *plan)
{
    if (plan->field.ptr == NULL)
        return;
    cdb_buf_add(out, plan->field.ptr, plan->field.len);
    cdb_buf_addc(out, ':');
}

/* One line: "bio:design". */
static void add_text(struct cdb_buf *out, const struct cdb_plan *plan)
{
    if (plan->kind == CDB_PLAN_TERM) {
        add_field(out, plan);
        cdb_buf_add(out, plan->terms[0].text.ptr, plan->terms[0].text.len);
    } else if (plan->kind == CDB_PLAN_PHRASE) {
        add_field(out, plan);
        for (size_t i = 0; i < plan->word_count; i++) {
            const struct cdb_query_string *word = &plan->terms[plan->words[i]].text;

            cdb_buf_addc(out, i == 0 ? '"' : ' ');
            cdb_buf_add(out, word->ptr, word->len);
        }
        cdb_buf_addc(out, '"');
        if (plan->slop > 0)
            cdb_buf_addf(out, "~%u", plan->slop);
    } else if (plan->kind != CDB_PLAN_BOOLEAN) {
        cdb_query_print(out, plan->node, CDB_QUERY_OR);
    }
}

static int copy_text(struct cdb_arena *arena, struct cdb_buf *buf, const char **out)
{
    int result = cdb_buf_check(buf);

    if (result == 0) {
        *out = cdb_arena_copy(arena, cdb_buf_str(buf), buf->len);
        result = *out == NULL ? CHRONDB_ESYSTEM : 0;
    }
    cdb_buf_clear(buf);
    return result;
}

/* ---- the plan ----------------------------------------------------------------------------------- */

struct listing {
    struct cdb_arena *arena;
    struct cdb_buf buf;
    struct cdb_search_step *steps;
    size_t count;
};

static size_t count_nodes(const struct cdb_plan *plan)
{
    const struct cdb_plan_list *lists[3] = {&plan->required, &plan->optional, &plan->excluded};
    size_t count = 1;

    if (plan->kind != CDB_PLAN_BOOLEAN)
        return count;
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            count += count_nodes(lists[l]->items[i]);
    return count;
}

static int add_step(struct listing *listing, const struct cdb_plan *plan, const char *role, unsigned depth)
{
    struct cdb_search_step *step = &listing->steps[listing->count++];
    const struct cdb_similarity *similarity = plan->scoring ? plan->similarity : NULL;

    *step = (struct cdb_search_step){
        .depth = depth,
        .role = role,
        .kind = kind_of(plan),
        .how = plan->how,
        .df = plan->kind == CDB_PLAN_TERM ? plan->terms[0].df : plan->df,
        .documents = plan->documents,
        .weight = similarity != NULL ? (double)similarity->weight
                  : plan->scoring    ? plan->boost
                                     : 0,
        .average_length = similarity != NULL ? (double)similarity->average_length : 0,
        .forms = plan->form_count,
        .postings = plan->postings,
        .blocks = plan->blocks,
        .skipped = plan->skipped,
        .verified = plan->verified,
    };
    add_text(&listing->buf, plan);
    return copy_text(listing->arena, &listing->buf, &step->text);
}

/* Recursion is as deep as the query's tree. */
static int list_steps(struct listing *listing, const struct cdb_plan *plan, const char *role, unsigned depth)
{
    const struct cdb_plan_list *lists[3] = {&plan->required, &plan->optional, &plan->excluded};
    static const char *const roles[3] = {"must", "should", "must not"};
    int result = add_step(listing, plan, role, depth);

    if (plan->kind != CDB_PLAN_BOOLEAN)
        return result;
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; result == 0 && i < lists[l]->count; i++) {
            const struct cdb_plan *child = lists[l]->items[i];

            result =
                list_steps(listing, child, l == 0 && plan->scoring && !child->scoring ? "filter" : roles[l], depth + 1);
        }
    return result;
}

/* ---- scores ------------------------------------------------------------------------------------- */

struct scoring {
    struct cdb_arena *arena;
    struct cdb_run run;
    struct cdb_buf buf;
    struct cdb_search_score *lines; /* of the hit at hand */
    size_t count, room;
};

static int add_line(struct scoring *scoring, unsigned depth, double value)
{
    if (cdb_array_grow(&scoring->lines, &scoring->room, scoring->count, sizeof(*scoring->lines)) != 0)
        return CHRONDB_ESYSTEM;
    scoring->lines[scoring->count] = (struct cdb_search_score){depth, value, ""};
    return copy_text(scoring->arena, &scoring->buf, &scoring->lines[scoring->count++].text);
}

/* The scorer of a node in the segment at hand, which is asked for one document after the other. */
static int scorer_of(struct scoring *scoring, struct cdb_plan *plan, struct cdb_scorer **out)
{
    int result = 0;

    if (!plan->explained) {
        result = cdb_scorer_make(&plan->scorer, &scoring->run, plan);
        plan->explained = true;
    }
    *out = plan->scorer;
    return result;
}

/* How often a leaf must be in a document of that norm to score so much. */
static double frequency(const struct cdb_similarity *similarity, unsigned char norm, double score)
{
    double weight = similarity->weight;

    return score > 0 && score < weight ? (double)similarity->k[norm] * score / (weight - score) : 0;
}

/* What a term's or phrase's score is made of. */
static int explain_leaf(struct scoring *scoring, const struct cdb_plan *plan, uint32_t doc, double score,
                        unsigned depth)
{
    const struct cdb_similarity *similarity = plan->similarity;
    struct cdb_ft_norms norms;
    unsigned char norm;
    double freq;
    int result = cdb_ft_norms_open(&norms, scoring->run.segment, plan->terms[0].parts[scoring->run.part].range.field);

    if (result != 0)
        return result;
    norm = cdb_ft_norm(&norms, doc);
    if (norms.result != 0)
        return norms.result;
    freq = frequency(similarity, norm, score);
    if (plan->kind == CDB_PLAN_TERM || plan->slop == 0)
        freq = rint(freq);
    cdb_buf_adds(&scoring->buf, "weight (boost * idf)");
    if (plan->documents > 0 && plan->kind == CDB_PLAN_TERM)
        cdb_buf_addf(&scoring->buf, ", in %llu of %llu documents", (unsigned long long)plan->terms[0].df,
                     (unsigned long long)plan->documents);
    result = add_line(scoring, depth, (double)similarity->weight);
    if (result != 0)
        return result;
    cdb_buf_addf(&scoring->buf, "frequency %.6g in a length of %u, %.6g on average", freq,
                 (unsigned)cdb_ft_byte_to_length[norm], (double)similarity->average_length);
    return add_line(scoring, depth, similarity->weight > 0 ? score / (double)similarity->weight : 0);
}

static int explain_node(struct scoring *scoring, struct cdb_plan *plan, uint32_t doc, unsigned depth);

static int explain_children(struct scoring *scoring, struct cdb_plan *plan, uint32_t doc, unsigned depth)
{
    const struct cdb_plan_list *lists[2] = {&plan->required, &plan->optional};
    int result = 0;

    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; result == 0 && i < lists[l]->count; i++)
            result = explain_node(scoring, lists[l]->items[i], doc, depth);
    return result;
}

/* Recursion is as deep as the query's tree. */
static int explain_node(struct scoring *scoring, struct cdb_plan *plan, uint32_t doc, unsigned depth)
{
    struct cdb_scorer *scorer;
    unsigned char hit = 0;
    double score = 0;
    int result = scorer_of(scoring, plan, &scorer);

    if (result == 0 && scorer != NULL && plan->scoring)
        result = scorer->ops->probe(scorer, &doc, 1, &hit, &score);
    if (result != 0 || hit == 0)
        return result;
    if (plan->kind == CDB_PLAN_BOOLEAN)
        cdb_buf_adds(&scoring->buf, "sum of");
    else
        add_text(&scoring->buf, plan);
    result = add_line(scoring, depth, score);
    if (result != 0)
        return result;
    if (plan->kind == CDB_PLAN_BOOLEAN)
        return explain_children(scoring, plan, doc, depth + 1);
    return plan->similarity != NULL ? explain_leaf(scoring, plan, doc, score, depth + 1) : 0;
}

static int explain_hit(struct scoring *scoring, struct cdb_plan *root, struct cdb_search_hit *hit)
{
    struct cdb_search_score *lines;
    int result;

    scoring->count = 0;
    result = explain_node(scoring, root, hit->doc, 0);
    if (result != 0)
        return result;
    lines = cdb_arena_alloc(scoring->arena, (scoring->count + 1) * sizeof(*lines));
    if (lines == NULL)
        return CHRONDB_ESYSTEM;
    if (scoring->count > 0)
        memcpy(lines, scoring->lines, scoring->count * sizeof(*lines));
    hit->scores = lines;
    hit->score_count = scoring->count;
    return 0;
}

static void forget_scorers(struct cdb_plan *plan)
{
    const struct cdb_plan_list *lists[3] = {&plan->required, &plan->optional, &plan->excluded};

    plan->explained = false;
    plan->scorer = NULL;
    for (size_t l = 0; plan->kind == CDB_PLAN_BOOLEAN && l < 3; l++)
        for (size_t i = 0; i < lists[l]->count; i++)
            forget_scorers(lists[l]->items[i]);
}

static int compare_places(const void *a, const void *b)
{
    const struct cdb_search_hit *x = *(struct cdb_search_hit *const *)a, *y = *(struct cdb_search_hit *const *)b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

/* Segment by segment, in the order of documents: scorers only go forward. */
static int explain_hits(struct cdb_search_result *result, const struct cdb_ft_view *view, struct cdb_plan *root,
                        struct cdb_documents *documents)
{
    struct scoring scoring = {.arena = &result->arena, .buf = CDB_BUF_INIT};
    struct cdb_search_hit **hits = cdb_arena_alloc(&result->arena, (result->count + 1) * sizeof(*hits));
    int code = hits == NULL ? CHRONDB_ESYSTEM : 0;

    for (size_t i = 0; code == 0 && i < result->count; i++)
        hits[i] = &result->hits[i];
    if (code == 0 && result->count > 1)
        qsort(hits, result->count, sizeof(struct cdb_search_hit *), compare_places);
    for (size_t i = 0; code == 0 && i < result->count; i++) {
        const struct cdb_ft_part *part = &view->parts[hits[i]->part];

        if (i == 0 || hits[i]->part != hits[i - 1]->part) {
            cdb_arena_release(&scoring.run.arena);
            scoring.run = (struct cdb_run){.view = view,
                                           .part = hits[i]->part,
                                           .segment = part->segment,
                                           .ends = part->ends,
                                           .docs = cdb_ft_docs(part->segment),
                                           .scores = true,
                                           .documents = documents};
            forget_scorers(root);
        }
        code = explain_hit(&scoring, root, hits[i]);
    }
    forget_scorers(root);
    cdb_arena_release(&scoring.run.arena);
    cdb_buf_release(&scoring.buf);
    free(scoring.lines);
    return code;
}

int cdb_explain(struct cdb_search_result *result, const struct cdb_ft_view *view, struct cdb_plan_tree *tree,
                struct cdb_documents *documents)
{
    struct listing listing = {&result->arena, CDB_BUF_INIT, NULL, 0};
    size_t count = count_nodes(tree->root);
    int code;

    listing.steps = cdb_arena_alloc(&result->arena, count * sizeof(*listing.steps));
    if (listing.steps == NULL)
        return CHRONDB_ESYSTEM;
    code = list_steps(&listing, tree->root, "", 0);
    cdb_buf_release(&listing.buf);
    result->plan = listing.steps;
    result->plan_count = listing.count;
    return code == 0 ? explain_hits(result, view, tree->root, documents) : code;
}
