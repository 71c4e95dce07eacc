/* SPDX-License-Identifier: MIT */
#include "cli/fields.h"

#include <stdlib.h>
#include <string.h>

/* A member of an object: a field, or a parent of some. */
struct node {
    const char *name;
    size_t name_size;
    const char *field;  /* the whole argument; NULL for a parent */
    size_t parent;      /* indexes into the nodes; 0 is the document, and "none" */
    size_t first_child; /* of a parent */
    size_t last_child;
    size_t next; /* sibling */
};

struct tree {
    struct node *nodes;
    size_t count, capacity;
    struct cli_error *error;
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789.-";

static size_t name_size(const char *argument)
{
    return strspn(argument, letters) > 0 ? strspn(argument, name_bytes) : 0;
}

bool cli_field_is(const char *argument)
{
    size_t size = name_size(argument);
    return size > 0 && (argument[size] == '=' || (argument[size] == ':' && argument[size + 1] == '='));
}

/* ---- the tree ---- */

static size_t find_child(const struct tree *tree, size_t parent, const char *name, size_t size)
{
    size_t i = tree->nodes[parent].first_child;
    while (i != 0 && (tree->nodes[i].name_size != size || memcmp(tree->nodes[i].name, name, size) != 0))
        i = tree->nodes[i].next;
    return i;
}

/* The new node's index, or 0 without memory. */
static size_t add_node(struct tree *tree, size_t parent, const char *name, size_t size)
{
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity * 2;
        struct node *nodes = realloc(tree->nodes, capacity * sizeof *nodes);
        if (nodes == NULL) {
            cli_error_memory(tree->error);
            return 0;
        }
        tree->nodes = nodes;
        tree->capacity = capacity;
    }
    size_t index = tree->count++;
    tree->nodes[index] = (struct node){.name = name, .name_size = size, .parent = parent};
    struct node *up = &tree->nodes[parent];
    if (up->last_child != 0)
        tree->nodes[up->last_child].next = index;
    else
        up->first_child = index;
    up->last_child = index;
    return index;
}

static int add_field(struct tree *tree, const char *field)
{
    const char *end = field + name_size(field);
    size_t node = 0;
    for (const char *part = field, *stop; part <= end; part = stop + 1) {
        stop = memchr(part, '.', (size_t)(end - part));
        if (stop == NULL)
            stop = end;
        size_t size = (size_t)(stop - part);
        if (size == 0)
            return cli_error_usage(tree->error, "field '%.*s' has an empty name beside a dot", (int)(end - field),
                                   field);
        size_t child = find_child(tree, node, part, size);
        if (child != 0 && (stop == end || tree->nodes[child].field != NULL))
            return cli_error_usage(tree->error, "field '%.*s' is given twice", (int)(stop - field), field);
        if (child == 0 && (child = add_node(tree, node, part, size)) == 0)
            return CHRONDB_ESYSTEM;
        node = child;
    }
    tree->nodes[node].field = field;
    return 0;
}

/* ---- the object ---- */

static int add_value(struct cli_text *out, const char *field, struct cli_error *error)
{
    int name = (int)name_size(field);
    bool json = field[name] == ':';
    const char *value = field + name + (json ? 2 : 1);
    size_t size = strlen(value);
    if (!json && !cli_utf8_valid(value, size))
        return cli_error_usage(error, "field '%.*s' is not valid UTF-8", name, field);
    if (!json) {
        cli_text_add_json(out, value, size);
        return 0;
    }
    if (chrondb_json_check(value, size) != 0)
        return cli_error_context(error, "field '%.*s'", name, field);
    cli_text_add(out, value, size);
    return 0;
}

static int write_tree(struct cli_text *out, const struct tree *tree)
{
    const struct node *nodes = tree->nodes;
    size_t i = 0;
    bool down = true; /* the node's children are still to be written */
    cli_text_addc(out, '{');
    do {
        if (down && nodes[i].first_child != 0)
            i = nodes[i].first_child;
        else if (nodes[i].next != 0) {
            cli_text_addc(out, ',');
            i = nodes[i].next;
        } else {
            cli_text_addc(out, '}');
            i = nodes[i].parent;
            down = false;
            continue;
        }
        down = true;
        cli_text_add_json(out, nodes[i].name, nodes[i].name_size);
        cli_text_addc(out, ':');
        if (nodes[i].field == NULL)
            cli_text_addc(out, '{');
        else if (add_value(out, nodes[i].field, tree->error) != 0)
            return tree->error->code;
    } while (i != 0);
    return 0;
}

int cli_fields_build(struct cli_text *out, char **fields, int count, struct cli_error *error)
{
    struct tree tree = {.count = 1, .capacity = 16, .error = error};
    int result = 0;
    tree.nodes = calloc(tree.capacity, sizeof *tree.nodes); /* the first one is the document */
    if (tree.nodes == NULL)
        return cli_error_memory(error);
    for (int i = 0; i < count && result == 0; i++)
        result = add_field(&tree, fields[i]);
    if (result == 0)
        result = write_tree(out, &tree);
    if (result == 0 && out->failed)
        result = cli_error_memory(error);
    free(tree.nodes);
    return result;
}
