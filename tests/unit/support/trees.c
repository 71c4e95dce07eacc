/* SPDX-License-Identifier: MIT */
#include "trees.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/key.h"

static void random_table(struct random *random, const struct shape *shape, char *text)
{
    static const char *const special[] = {"", "_", "a", "F", "é", "a b", "%", "..", "0"};
    size_t number = random_below(random, shape->tables);

    if (number < sizeof(special) / sizeof(special[0]) && shape->tables > 1)
        snprintf(text, 32, "%s", special[number]);
    else
        snprintf(text, 32, "table%zu", number);
}

void random_key(struct random *random, const struct shape *shape, char *text)
{
    static const char *const forms[] = {"%s%s%zu", "%s%sid %zu", "%s%s.%zu", "%s%sé/%zu"};
    char table[32];
    size_t number = random_below(random, shape->ids);

    random_table(random, shape, table);
    const char *form = forms[number % 7 == 0 ? number % 4 : 0];
    snprintf(text, 64, form, table, *table != '\0' ? ":" : "", number);
}

struct cdb_oid random_blob(struct random *random)
{
    struct cdb_oid oid = {{0xb0}};
    uint64_t number = 1 + random_below(random, 1000000);

    memcpy(oid.id + 4, &number, sizeof(number));
    return oid;
}

/* The digits of a name, as many as `levels` at most; now and then a wrong one. */
static void random_way(struct random *random, const char *name, unsigned levels, char *text)
{
    unsigned depth = (unsigned)random_below(random, levels + 1);

    fan_prefix(name, depth, text);
    if (depth > 0 && random_chance(random, 4))
        text[2 * random_below(random, depth)] = "0123456789abcdef"[random_below(random, 16)];
}

static void add_document(struct random *random, const struct shape *shape, struct paths *paths)
{
    static const uint32_t modes[] = {0100644, 0100644, 0100644, 0100644, 0100644, 0100755, 0100664};
    char text[64], root[2 * 41], fan[2 * 41], path[1024];
    struct cdb_oid oid = random_blob(random);
    struct cdb_key key;

    random_key(random, shape, text);
    assert_int_equal(cdb_key_parse(&key, text, strlen(text)), 0);
    char *table = strndup(key.table != NULL ? key.table : "", key.table_len);
    random_way(random, table, random_chance(random, 80) ? 1 : shape->levels, root);
    random_way(random, key.id, shape->levels, fan);
    snprintf(path, sizeof(path), "%s%s/%s%s", root, key.dir, fan, key.file);
    (void)paths_add(paths, path, modes[random_below(random, 7)], &oid);
    free(table);
}

/* A name of its own, so that no two directories that become one both have it. */
static void add_foreign(struct random *random, const struct shape *shape, struct paths *paths)
{
    static const char *const forms[] = {"%s%s/%snotes%zu.txt", "%s%s/%ssub%zu/x.json", "%s%s/%s%%2Ejson%zu",
                                        "%s%s/%sa:%zu.json"};
    static const uint32_t modes[] = {0100644, 0100755, 0120000, 0160000};
    char table[32], root[2 * 41], fan[2 * 41], path[1024], text[80];
    struct cdb_oid oid = random_blob(random);
    struct cdb_key key;
    uint32_t mode = modes[random_below(random, 4)];
    size_t number = (size_t)random_bits(random);

    random_table(random, shape, table);
    snprintf(text, sizeof(text), "%s%sx", table, *table != '\0' ? ":" : "");
    assert_int_equal(cdb_key_parse(&key, text, strlen(text)), 0);
    random_way(random, table, 1, root);
    random_way(random, "anything", shape->levels, fan);
    switch (random_below(random, 4)) {
    case 0:
        snprintf(path, sizeof(path), "%sREADME%zu.md", root, number);
        break;
    case 1:
        snprintf(path, sizeof(path), "%sdir%zu.d/x/y", root, number);
        break;
    case 2: /* a link where a document could be */
        snprintf(path, sizeof(path), "%s%s/%slink%zu.json", root, key.dir, fan, number);
        mode = random_chance(random, 50) ? 0120000 : 0160000;
        break;
    default:
        snprintf(path, sizeof(path), forms[random_below(random, 4)], root, key.dir, fan, number);
    }
    (void)paths_add(paths, path, mode, &oid);
}

void random_file(struct random *random, const struct shape *shape, struct paths *paths)
{
    if (random_chance(random, 93))
        add_document(random, shape, paths);
    else
        add_foreign(random, shape, paths);
}
