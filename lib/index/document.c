/* SPDX-License-Identifier: MIT */
#include "index/document.h"

#include <stdlib.h>
#include <string.h>

#include "doc/lexer.h"
#include "doc/names.h"
#include "doc/string.h"
#include "util/array.h"
#include "util/error.h"

/* A reading. Objects are numbered, and each member (a name under a path) knows the last object that it was in: if it
 * comes again in the same one, the document has duplicate names, and is read anew by way of a tree. That cannot be
 * missed: within an object, objects that lie deeper have longer paths; unless the path is as deep as they go, and then
 * the tree is taken as well; and also where a document has too many fields. */
struct walk {
    struct cdb_document *document;
    struct cdb_paths *paths;
    const char *json;
    size_t len;
    uint32_t member; /* the last one: for guessing the next */
    uint32_t first;  /* members whose object is below were not in this document yet */
    uint32_t fields; /* counted so far */
    bool needs_tree;
    bool too_many;       /* fields: there is no use in going on */
    struct cdb_buf name; /* one that had escapes */
};

struct level {
    uint32_t path;   /* of its elements, or of the object */
    uint32_t object; /* its number */
};

/* ---- scalars and names -------------------------------------------------------------------------- */

static void put_plain(struct cdb_scalar *scalar, const char *text, size_t len)
{
    scalar->text = text;
    scalar->len = (uint32_t)len;
}

/* Without its quotes, and decoded. */
static int put_string(struct walk *walk, struct cdb_scalar *scalar, const char *text, size_t len)
{
    struct cdb_buf *decoded = &walk->document->decoded;
    size_t before = decoded->len;

    if (memchr(text, '\\', len) == NULL) {
        put_plain(scalar, text + 1, len - 2);
        return 0;
    }
    /* Decoded text is never longer, so that the memory for all of the document does not move. */
    if (before == 0 && !cdb_buf_reserve(decoded, walk->len))
        return cdb_buf_check(decoded);
    cdb_json_string_decode(text, len, decoded);
    put_plain(scalar, decoded->ptr + before, decoded->len - before);
    return 0;
}

static int add_scalar(struct walk *walk, uint32_t path, enum cdb_json_type type, const char *text, size_t len)
{
    struct cdb_document *document = walk->document;
    struct cdb_scalar *scalar;

    if (cdb_array_grow(&document->scalars, &document->room, document->count, sizeof(*document->scalars)) != 0)
        return CHRONDB_ESYSTEM;
    scalar = &document->scalars[document->count++];
    scalar->path = path;
    scalar->type = type;
    if (type == CDB_JSON_STRING)
        return put_string(walk, scalar, text, len);
    put_plain(scalar, text, len);
    return 0;
}

struct name {
    const char *text;
    size_t len;
};

/* A name without its quotes. */
static int read_name(struct walk *walk, const char *text, size_t len, struct name *name)
{
    *name = (struct name){text + 1, len - 2};
    if (memchr(text, '\\', len) == NULL)
        return 0;
    cdb_buf_clear(&walk->name);
    cdb_json_string_decode(text, len, &walk->name);
    *name = (struct name){cdb_buf_str(&walk->name), walk->name.len};
    return cdb_buf_check(&walk->name);
}

/* The member with a name that is given with its quotes, or NULL without memory. */
static struct cdb_path_member *find_member(struct walk *walk, uint32_t parent, const char *text, size_t len)
{
    struct name name;

    if (read_name(walk, text, len, &name) != 0)
        return NULL;
    walk->member = cdb_paths_member(walk->paths, parent, name.text, name.len, walk->member);
    return walk->member != 0 ? &walk->paths->members[walk->member] : NULL;
}

/* The path of scalars that are in no object: that of the member named "". */
static int find_top(struct walk *walk, uint32_t *path)
{
    const struct cdb_path_member *member = find_member(walk, CDB_PATH_ROOT, "\"\"", 2);

    if (member == NULL)
        return CHRONDB_ESYSTEM;
    *path = member->path;
    return 0;
}

/* ---- in one pass over the text ------------------------------------------------------------------ */

static uint32_t number_object(struct cdb_paths *paths)
{
    if (paths->objects == UINT32_MAX) { /* begin again */
        for (size_t i = 0; i < paths->member_count; i++)
            paths->members[i].object = 0;
        paths->objects = 0;
    }
    return ++paths->objects;
}

static int take_name(struct walk *walk, const struct cdb_lexer *lexer, const struct level *level, uint32_t *path)
{
    struct cdb_path_member *member =
        find_member(walk, level->path, lexer->text + lexer->start, lexer->name_end - lexer->start);

    if (member == NULL)
        return CHRONDB_ESYSTEM;
    if (member->object < walk->first) {
        if (walk->fields >= CDB_PATH_FIELDS)
            walk->needs_tree = walk->too_many = true;
        walk->fields += member->parts;
    }
    if (member->object == level->object || member->clamped)
        walk->needs_tree = true;
    member->object = level->object;
    *path = member->path;
    return 0;
}

static int take_scalar(struct walk *walk, const struct cdb_lexer *lexer, uint32_t path)
{
    int result = path == CDB_PATH_ROOT ? find_top(walk, &path) : 0;

    return result == 0 ? add_scalar(walk, path, lexer->type, lexer->text + lexer->start,
                                    (size_t)(lexer->at - lexer->text) - lexer->start)
                       : result;
}

/* Also checks the whole text. */
static int walk_text(struct walk *walk)
{
    struct level levels[CHRONDB_MAX_DEPTH + 1]; /* the open ones; 0 is what the document is in */
    struct cdb_lexer lexer;
    uint32_t path = CDB_PATH_ROOT; /* of the value that comes next */
    int result = 0;

    if (!cdb_lexer_init(&lexer, walk->json, walk->len))
        return CHRONDB_EINVALID;
    levels[0] = (struct level){CDB_PATH_ROOT, 0};
    walk->first = walk->paths->objects + 1;
    while (result == 0 && !walk->too_many) {
        switch (cdb_lexer_next(&lexer)) {
        case CDB_LEX_ERROR:
            return CHRONDB_EINVALID;
        case CDB_LEX_END:
            return 0;
        case CDB_LEX_NAME:
            result = take_name(walk, &lexer, &levels[lexer.depth], &path);
            break;
        case CDB_LEX_OPEN:
            levels[lexer.depth].path = path;
            if (lexer.in_object)
                levels[lexer.depth].object = number_object(walk->paths);
            break;
        case CDB_LEX_CLOSE:
            path = levels[lexer.depth].path;
            break;
        case CDB_LEX_VALUE:
        default:
            result = take_scalar(walk, &lexer, path);
            break;
        }
    }
    return result;
}

/* ---- by way of a tree, where names that come again have been found ------------------------------ */

struct open {
    uint32_t path, end; /* the node behind it */
    bool object;
    bool beyond; /* names in it are no fields */
};

/* The path of a name's value in `in`. Seen in this document are members whose object is walk->first. */
static int enter(struct walk *walk, const struct open *in, const char *text, size_t len, struct open *value)
{
    struct cdb_path_member *member;
    struct name name;

    value->path = in->path;
    value->beyond = in->beyond;
    if (!value->beyond && walk->fields >= CDB_PATH_FIELDS) {
        if (read_name(walk, text, len, &name) != 0)
            return CHRONDB_ESYSTEM;
        member = &walk->paths->members[cdb_paths_known_member(walk->paths, in->path, name.text, name.len)];
        value->beyond = member->object != walk->first;
    }
    if (value->beyond)
        return 0;
    member = find_member(walk, in->path, text, len);
    if (member == NULL)
        return CHRONDB_ESYSTEM;
    walk->fields += member->object != walk->first ? member->parts : 0;
    member->object = walk->first;
    value->path = member->path;
    return 0;
}

static int walk_nodes(struct walk *walk, const struct cdb_json *json, const struct cdb_names *names)
{
    struct open open[CHRONDB_MAX_DEPTH + 1];
    struct open value = {.path = CDB_PATH_ROOT};
    uint32_t node = 0;
    unsigned depth = 0;

    open[0] = (struct open){CDB_PATH_ROOT, json->count, false, false};
    walk->first = number_object(walk->paths);
    walk->fields = 0;
    while (node < json->count) {
        const struct cdb_json_node *at = &json->nodes[node];
        const char *text = json->text + at->start;
        size_t len = at->end - at->start;

        while (node == open[depth].end)
            depth--;
        if (!open[depth].object) {
            value = open[depth];
        } else if (cdb_names_is_shadowed(names, node)) {
            node = json->nodes[node + 1].next;
            continue;
        } else {
            if (enter(walk, &open[depth], text, len, &value) != 0)
                return CHRONDB_ESYSTEM;
            at = &json->nodes[++node];
            text = json->text + at->start;
            len = at->end - at->start;
        }
        if (at->type == CDB_JSON_ARRAY || at->type == CDB_JSON_OBJECT)
            open[++depth] = (struct open){value.path, at->next, at->type == CDB_JSON_OBJECT, value.beyond};
        else if ((value.path == CDB_PATH_ROOT && find_top(walk, &value.path) != 0) ||
                 add_scalar(walk, value.path, (enum cdb_json_type)at->type, text, len) != 0)
            return CHRONDB_ESYSTEM;
        node++;
    }
    return 0;
}

static int walk_tree(struct walk *walk)
{
    struct cdb_names names = CDB_NAMES_INIT;
    struct cdb_json json = CDB_JSON_INIT;
    int result = cdb_json_parse(&json, walk->json, walk->len);

    walk->document->count = 0;
    cdb_buf_clear(&walk->document->decoded);
    if (result == 0)
        result = cdb_names_build(&names, &json);
    if (result == 0)
        result = walk_nodes(walk, &json, &names);
    cdb_names_release(&names);
    cdb_json_release(&json);
    return result;
}

/* ---- both --------------------------------------------------------------------------------------- */

int cdb_document_read(struct cdb_document *document, struct cdb_paths *paths, const char *json, size_t len)
{
    struct walk walk = {.document = document, .paths = paths, .json = json, .len = len, .name = CDB_BUF_INIT};
    int result;

    document->count = 0;
    cdb_buf_clear(&document->decoded);
    result = walk_text(&walk);
    if (result == 0 && walk.needs_tree)
        result = walk_tree(&walk);
    if (result != 0)
        document->count = 0;
    cdb_buf_release(&walk.name);
    return result;
}

void cdb_document_release(struct cdb_document *document)
{
    free(document->scalars);
    cdb_buf_release(&document->decoded);
    *document = (struct cdb_document)CDB_DOCUMENT_INIT;
}
