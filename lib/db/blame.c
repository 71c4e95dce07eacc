/* SPDX-License-Identifier: MIT
 *
 * Which commit last changed each field of a document. All fields start at its newest version. Where the version before
 * has the same value of a field, the field goes on to that; where it has not, the field's commit is found. At a merge a
 * field goes to the first parent that has its value. So every version is read once at most, and none behind the oldest
 * that is told.
 *
 * A field that has come down to a version has the same value there as now: versions are only ever compared with the
 * present document. */
#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/version_info.h"
#include "doc/equal.h"
#include "doc/names.h"
#include "util/array.h"
#include "util/error.h"
#include "util/time.h"

#define NONE       UINT32_MAX
#define FIRST_LINE 16 /* versions that are asked for at first; then twice as many each time */

/* A document, its members to be found. */
struct document {
    struct cdb_buf text;
    struct cdb_json json;
    struct cdb_names names;
};

/* A value of the present document: a field, or an object with members. In the order of the document. */
struct item {
    uint32_t value;  /* its node */
    uint32_t parent; /* the item of the object that it is a member of; NONE: it is the document */
    bool is_object;
    uint32_t owner; /* of a field: who wrote it; NONE: not known yet */
    /* Of an object: the object at its place in the version that was compared in that round; NONE: there is none. */
    uint32_t mate, round;
};

/* A commit that wrote fields. */
struct owner {
    struct cdb_oid commit;
    chrondb_time time;
    char *author; /* NULL: not read yet */
};

/* Fields that have come down to a version: a commit that changed the key. */
struct suspect {
    struct cdb_versions line; /* from some version down to a merge, or as far as it was asked for */
    size_t at;                /* the version */
    uint64_t limit;           /* that the line was asked with */
    uint32_t *fields;         /* items */
    size_t count;
};

struct chrondb_blame {
    struct cdb_repo *repo;
    struct cdb_point *point; /* the snapshot's */
    struct cdb_key key;
    struct document now, before;
    bool is_json;
    struct item *items;
    size_t item_count, item_room;
    struct owner *owners;
    size_t owner_count, owner_room;
    struct suspect *suspects; /* latest last */
    size_t suspect_count, suspect_room;
    uint32_t round;
    size_t next; /* the item to tell */
    struct cdb_version_info info;
    struct cdb_buf content, path, name;
    char hex[CDB_OID_HEX + 1];
};

/* ---- documents ------------------------------------------------------------------------------------- */

static void document_release(struct document *document)
{
    cdb_names_release(&document->names);
    cdb_json_release(&document->json);
    cdb_buf_release(&document->text);
}

/* 0; CHRONDB_EINVALID if it is not JSON. */
static int document_read(struct document *document, struct cdb_repo *repo, const struct cdb_oid *blob)
{
    cdb_names_release(&document->names);
    cdb_json_release(&document->json);
    int result = cdb_blob_document(repo, blob, &document->text);
    if (result == 0)
        result = cdb_json_parse(&document->json, cdb_buf_str(&document->text), document->text.len);
    if (result == 0)
        result = cdb_names_build(&document->names, &document->json);
    return result;
}

static bool has_members(const struct cdb_json *json, uint32_t value)
{
    return json->nodes[value].type == CDB_JSON_OBJECT && json->nodes[value].next > value + 1;
}

static int add_item(chrondb_blame *blame, uint32_t value, uint32_t parent)
{
    if (cdb_array_grow(&blame->items, &blame->item_room, blame->item_count, sizeof(*blame->items)) != 0)
        return CHRONDB_ESYSTEM;
    blame->items[blame->item_count++] = (struct item){.value = value,
                                                      .parent = parent,
                                                      .is_object = has_members(&blame->now.json, value),
                                                      .owner = NONE,
                                                      .mate = NONE};
    return 0;
}

/* All items of the present document: nodes come in its order, so an object's end is where the next node is behind. */
static int add_items(chrondb_blame *blame)
{
    const struct cdb_json *json = &blame->now.json;
    uint32_t parent = NONE;
    int result = add_item(blame, 0, NONE);
    uint32_t name = 1;
    if (result == 0 && blame->items[0].is_object)
        parent = 0;
    while (result == 0 && parent != NONE) {
        const struct item *object = &blame->items[parent];
        if (name == json->nodes[object->value].next) {
            parent = object->parent;
            continue;
        }
        uint32_t value = name + 1;
        bool counts = !cdb_names_is_shadowed(&blame->now.names, name);
        name = json->nodes[value].next;
        if (!counts)
            continue;
        result = add_item(blame, value, parent);
        if (result == 0 && blame->items[blame->item_count - 1].is_object) {
            parent = (uint32_t)(blame->item_count - 1);
            name = value + 1;
        }
    }
    return result;
}

/* ---- comparing ------------------------------------------------------------------------------------- */

/* The value in the version before at an item's place below that object, or NONE. */
static uint32_t find_below(const chrondb_blame *blame, uint32_t object, const struct item *item)
{
    uint32_t name =
        object == NONE ? 0 : cdb_names_find(&blame->before.names, object, &blame->now.json, item->value - 1);
    return name != 0 ? name + 1 : NONE;
}

static uint32_t mate_of(const chrondb_blame *blame, const struct item *item)
{
    uint32_t value = item->parent == NONE ? 0 : find_below(blame, blame->items[item->parent].mate, item);
    return value != NONE && blame->before.json.nodes[value].type == CDB_JSON_OBJECT ? value : NONE;
}

/* Find the mates of an object and of those around it, in this round, from the outermost in. */
static void find_mates(chrondb_blame *blame, uint32_t object)
{
    uint32_t around[CHRONDB_MAX_DEPTH];
    size_t depth = 0;
    for (; object != NONE && blame->items[object].round != blame->round && depth < CHRONDB_MAX_DEPTH;
         object = blame->items[object].parent)
        around[depth++] = object;
    while (depth > 0) {
        struct item *item = &blame->items[around[--depth]];
        item->mate = mate_of(blame, item);
        item->round = blame->round;
    }
}

/* Has the version before the same value there? */
static bool is_same(chrondb_blame *blame, uint32_t field)
{
    const struct item *item = &blame->items[field];
    uint32_t value = 0;
    if (item->parent != NONE) {
        find_mates(blame, item->parent);
        value = find_below(blame, blame->items[item->parent].mate, item);
    }
    return value != NONE &&
           cdb_json_equal(&blame->now.names, item->value, &blame->before.names, value, CDB_EQUAL_VALUES);
}

/* Move the fields that a document has with the same value to the front: *same of them. `blob` zeros: there is none. */
static int split(chrondb_blame *blame, const struct cdb_oid *blob, uint32_t *fields, size_t count, size_t *same)
{
    *same = 0;
    if (cdb_oid_is_zero(blob))
        return 0;
    int result = document_read(&blame->before, blame->repo, blob);
    if (result == CHRONDB_EINVALID) {
        cdb_error_clear();
        return 0;
    }
    blame->round++;
    for (size_t i = 0; result == 0 && i < count; i++) {
        uint32_t field = fields[i];
        if (is_same(blame, field)) {
            fields[i] = fields[*same];
            fields[(*same)++] = field;
        }
    }
    return result;
}

/* ---- suspects -------------------------------------------------------------------------------------- */

static void suspect_release(struct suspect *suspect)
{
    cdb_versions_release(&suspect->line);
    free(suspect->fields);
}

static const struct cdb_version *version_of(const struct suspect *suspect)
{
    return &suspect->line.versions[suspect->at];
}

/* The fields have come down to the same version as others: together they are compared once. */
static int join(struct suspect *to, struct suspect *from)
{
    uint32_t *fields = reallocarray(to->fields, to->count + from->count, sizeof(*fields));
    if (fields == NULL)
        return cdb_error_memory();
    memcpy(fields + to->count, from->fields, from->count * sizeof(*fields));
    to->fields = fields;
    to->count += from->count;
    suspect_release(from);
    return 0;
}

/* Takes the suspect, also where it fails. */
static int add_suspect(chrondb_blame *blame, struct suspect *suspect)
{
    const struct cdb_version *version = version_of(suspect);
    int result = 0;
    for (size_t i = 0; i < blame->suspect_count; i++)
        if (cdb_oid_equal(&version_of(&blame->suspects[i])->commit, &version->commit)) {
            result = join(&blame->suspects[i], suspect);
            goto out;
        }
    result = cdb_array_grow(&blame->suspects, &blame->suspect_room, blame->suspect_count, sizeof(*blame->suspects));
    if (result == 0) {
        size_t at = blame->suspect_count++;
        for (; at > 0 && cdb_time_compare(version_of(&blame->suspects[at - 1])->time, version->time) > 0; at--)
            blame->suspects[at] = blame->suspects[at - 1];
        blame->suspects[at] = *suspect;
    }
out:
    if (result != 0)
        suspect_release(suspect);
    return result;
}

/* The line from the version that the commit has on; the fields are copied. */
static int suspect_commit(chrondb_blame *blame, const struct cdb_oid *commit, uint64_t limit, const uint32_t *fields,
                          size_t count)
{
    struct suspect suspect = {.limit = limit, .count = count};
    suspect.fields = reallocarray(NULL, count, sizeof(*fields));
    if (suspect.fields == NULL)
        return cdb_error_memory();
    memcpy(suspect.fields, fields, count * sizeof(*fields));
    int result = cdb_versions_line(blame->point, commit, &blame->key, limit, &suspect.line);
    if (result == 0 && suspect.line.count == 0)
        result = cdb_error(CHRONDB_EDAMAGED, "damaged", "its history has no beginning");
    if (result != 0) {
        suspect_release(&suspect);
        return result;
    }
    return add_suspect(blame, &suspect);
}

/* The version's commit wrote these. */
static int convict(chrondb_blame *blame, const struct cdb_version *version, const uint32_t *fields, size_t count)
{
    if (count == 0)
        return 0;
    if (cdb_array_grow(&blame->owners, &blame->owner_room, blame->owner_count, sizeof(*blame->owners)) != 0)
        return CHRONDB_ESYSTEM;
    blame->owners[blame->owner_count] = (struct owner){version->commit, version->time, NULL};
    for (size_t i = 0; i < count; i++)
        blame->items[fields[i]].owner = (uint32_t)blame->owner_count;
    blame->owner_count++;
    return 0;
}

/* ---- the walk -------------------------------------------------------------------------------------- */

/* The parents of a merge, and the key's blobs there. */
struct parents {
    struct cdb_oid *commits, *blobs;
    size_t count;
};

/* `blob` stays zeros where the key is not there. */
static int find_blob(chrondb_blame *blame, const struct cdb_oid *commit, struct cdb_oid *blob)
{
    struct cdb_commit parsed;
    struct cdb_lookup lookup;
    int result = cdb_commit_read(blame->repo->objects, commit, &blame->content, &parsed);
    if (result != 0)
        return result;
    result = cdb_docs_find(blame->repo->objects, &parsed.tree, &blame->key, NULL, &lookup);
    if (result == 0 && lookup.found)
        *blob = lookup.blob;
    return result;
}

static int read_parents(chrondb_blame *blame, const struct cdb_oid *merge, struct parents *out)
{
    struct cdb_commit commit;
    int result = cdb_commit_read(blame->repo->objects, merge, &blame->content, &commit);
    if (result != 0)
        return result;
    out->commits = calloc(commit.parent_count + 1, sizeof(*out->commits));
    out->blobs = calloc(commit.parent_count + 1, sizeof(*out->blobs));
    if (out->commits == NULL || out->blobs == NULL)
        return cdb_error_memory();
    out->count = commit.parent_count;
    for (size_t i = 0; i < out->count; i++)
        out->commits[i] = cdb_commit_parent(&commit, i);
    for (size_t i = 0; result == 0 && i < out->count; i++)
        result = find_blob(blame, &out->commits[i], &out->blobs[i]);
    return result;
}

/* Each field goes to the first parent that has it; the rest is the merge's own. */
static int pass_merge(chrondb_blame *blame, struct suspect *suspect)
{
    struct parents parents = {0};
    uint32_t *fields = suspect->fields;
    size_t count = suspect->count, same;
    int result = read_parents(blame, &version_of(suspect)->commit, &parents);
    for (size_t i = 0; result == 0 && count > 0 && i < parents.count; i++) {
        result = split(blame, &parents.blobs[i], fields, count, &same);
        if (result == 0 && same > 0)
            result = suspect_commit(blame, &parents.commits[i], FIRST_LINE, fields, same);
        if (result == 0) {
            fields += same;
            count -= same;
        }
    }
    if (result == 0)
        result = convict(blame, version_of(suspect), fields, count);
    free(parents.commits);
    free(parents.blobs);
    return result;
}

/* The fields that the version before has too go on to it. */
static int pass_on(chrondb_blame *blame, struct suspect *suspect)
{
    const struct cdb_version *version = version_of(suspect);
    size_t same;
    int result = split(blame, &version->old_blob, suspect->fields, suspect->count, &same);
    if (result == 0)
        result = convict(blame, version, suspect->fields + same, suspect->count - same);
    suspect->count = same;
    if (result != 0 || same == 0)
        return result;
    if (suspect->at + 1 == suspect->line.count) {
        uint64_t limit = suspect->limit * 2;
        struct cdb_oid commit = version->commit;
        cdb_versions_release(&suspect->line);
        result = cdb_versions_line(blame->point, &commit, &blame->key, limit, &suspect->line);
        suspect->limit = limit;
        suspect->at = 0;
        if (result == 0 && suspect->line.count < 2)
            result = cdb_error(CHRONDB_EDAMAGED, "damaged", "its history has no beginning");
        if (result != 0)
            return result;
    }
    suspect->at++;
    struct suspect moved = *suspect;
    *suspect = (struct suspect){0};
    return add_suspect(blame, &moved);
}

static int walk(chrondb_blame *blame)
{
    int result = 0;
    while (result == 0 && blame->suspect_count > 0) {
        struct suspect suspect = blame->suspects[--blame->suspect_count];
        result = version_of(&suspect)->merge ? pass_merge(blame, &suspect) : pass_on(blame, &suspect);
        suspect_release(&suspect);
    }
    return result;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

/* Where a document is no JSON it is one field, and every change of it counts. */
static int start(chrondb_blame *blame, const struct cdb_oid *blob)
{
    uint32_t *fields = NULL;
    size_t count = 0;
    int result = document_read(&blame->now, blame->repo, blob);
    blame->is_json = result == 0;
    if (result == CHRONDB_EINVALID) {
        cdb_error_clear();
        static const struct item whole = {.parent = NONE, .owner = NONE};
        blame->items = malloc(sizeof(whole));
        if (blame->items == NULL)
            return cdb_error_memory();
        blame->items[blame->item_count++] = whole;
        result = 0;
    } else if (result == 0) {
        result = add_items(blame);
    }
    if (result == 0 && (fields = reallocarray(NULL, blame->item_count, sizeof(*fields))) == NULL)
        result = cdb_error_memory();
    for (uint32_t i = 0; result == 0 && i < blame->item_count; i++)
        if (!blame->items[i].is_object)
            fields[count++] = i;
    if (result == 0)
        result = suspect_commit(blame, &blame->point->commit, FIRST_LINE, fields, count);
    free(fields);
    return result;
}

static int find_owners(chrondb_blame *blame, chrondb_snapshot *snapshot)
{
    static const uint32_t whole;
    struct cdb_lookup lookup;
    int result = cdb_docs_find(blame->repo->objects, &snapshot->root, &blame->key, NULL, &lookup);
    if (result == 0 && !lookup.found)
        return cdb_error(CHRONDB_NOTFOUND, "not_found", "not found");
    if (result == 0)
        result = start(blame, &lookup.blob);
    if (result == 0 && !blame->is_json)
        return convict(blame, version_of(&blame->suspects[0]), &whole, 1);
    return result == 0 ? walk(blame) : result;
}

int chrondb_blame_open(chrondb_blame **out, chrondb_snapshot *snapshot, const char *key)
{
    if (out == NULL || snapshot == NULL || key == NULL)
        return cdb_error_null();
    int result = cdb_enter(snapshot->db->repo);
    if (result != 0)
        return result;
    struct chrondb_blame *blame = calloc(1, sizeof(*blame));
    if (blame == NULL)
        return cdb_error_memory();
    blame->repo = snapshot->db->repo;
    blame->point = &snapshot->point;
    result = cdb_key_parse(&blame->key, key, strlen(key));
    if (result == 0 && (result = find_owners(blame, snapshot)) != 0)
        cdb_error_about("cannot blame", key);
    if (result != 0) {
        chrondb_blame_free(blame);
        return result;
    }
    *out = blame;
    return 0;
}

void chrondb_blame_free(chrondb_blame *blame)
{
    if (blame == NULL)
        return;
    while (blame->suspect_count > 0)
        suspect_release(&blame->suspects[--blame->suspect_count]);
    for (size_t i = 0; i < blame->owner_count; i++)
        free(blame->owners[i].author);
    free(blame->suspects);
    free(blame->owners);
    free(blame->items);
    document_release(&blame->now);
    document_release(&blame->before);
    cdb_version_info_release(&blame->info);
    cdb_buf_release(&blame->content);
    cdb_buf_release(&blame->path);
    cdb_buf_release(&blame->name);
    free(blame);
}

/* ---- telling --------------------------------------------------------------------------------------- */

static int read_author(chrondb_blame *blame, struct owner *owner)
{
    chrondb_version_info info;
    if (owner->author != NULL)
        return 0;
    int result = cdb_version_info_read(&blame->info, blame->repo, &owner->commit, owner->time, &info);
    if (result == 0 && (owner->author = strdup(info.author)) == NULL)
        result = cdb_error_memory();
    return result;
}

static int write_path(chrondb_blame *blame, const struct item *item)
{
    uint32_t way[CHRONDB_MAX_DEPTH];
    size_t depth = 0;
    for (; item->parent != NONE && depth < CHRONDB_MAX_DEPTH; item = &blame->items[item->parent])
        way[depth++] = item->value - 1;
    cdb_buf_clear(&blame->path);
    while (depth > 0) {
        cdb_buf_clear(&blame->name);
        cdb_json_string(&blame->now.json, way[--depth], &blame->name);
        cdb_json_pointer_add(&blame->path, cdb_buf_str(&blame->name), blame->name.len);
    }
    return blame->name.failed ? cdb_error_memory() : cdb_buf_check(&blame->path);
}

int chrondb_blame_next(chrondb_blame *blame, chrondb_blame_field *field)
{
    if (blame == NULL || field == NULL)
        return cdb_error_null();
    int result = cdb_enter(blame->repo);
    while (blame->next < blame->item_count && blame->items[blame->next].is_object)
        blame->next++;
    if (result != 0 || blame->next == blame->item_count)
        return result != 0 ? result : CHRONDB_END;
    const struct item *item = &blame->items[blame->next++];
    struct owner *owner = &blame->owners[item->owner];
    result = read_author(blame, owner);
    if (result == 0)
        result = write_path(blame, item);
    if (result != 0)
        return result;
    cdb_oid_format(&owner->commit, blame->hex);
    *field = (chrondb_blame_field){.path = cdb_buf_str(&blame->path),
                                   .path_size = blame->path.len,
                                   .value = cdb_buf_str(&blame->now.text),
                                   .value_size = blame->now.text.len,
                                   .commit = blame->hex,
                                   .time = owner->time,
                                   .author = owner->author};
    if (blame->is_json) {
        const struct cdb_json_node *node = &blame->now.json.nodes[item->value];
        field->value += node->start;
        field->value_size = node->end - node->start;
    }
    return 0;
}
