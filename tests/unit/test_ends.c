/* SPDX-License-Identifier: MIT
 *
 * Ends of documents: in memory, in files, cut, against a plain array of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "chrondb.h"
#include "index/ends.h"
#include "index/files.h"
#include "random.h"
#include "scratch.h"
#include "util/buf.h"

struct place {
    char *path;
    int dir;
};

static int set_up(void **state)
{
    static struct place place;

    place.path = scratch_new();
    place.dir = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &place;
    return place.dir >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    close(place->dir);
    scratch_remove(place->path);
    return 0;
}

/* ---- against an array --------------------------------------------------------------------------- */

static void check(struct cdb_ends *ends, const uint32_t *expected, uint32_t docs)
{
    uint32_t dead = 0, min = CDB_ENDS_NONE, max = 0, until;

    assert_int_equal(ends->docs, docs);
    for (uint32_t doc = 0; doc < docs; doc++) {
        assert_int_equal(cdb_ends_until(ends, doc, &until), 0);
        assert_int_equal(until, expected[doc]);
        assert_int_equal(cdb_ends_has(ends, doc), expected[doc] != CDB_ENDS_NONE);
        assert_int_equal(cdb_ends_word(ends, doc / 64) >> doc % 64 & 1, expected[doc] != CDB_ENDS_NONE);
        if (expected[doc] == CDB_ENDS_NONE)
            continue;
        dead++;
        min = expected[doc] < min ? expected[doc] : min;
        max = expected[doc] > max ? expected[doc] : max;
    }
    assert_int_equal(ends->dead, dead);
    uint32_t found_min, found_max;
    assert_int_equal(cdb_ends_span(ends, &found_min, &found_max), 0);
    assert_int_equal(found_min, min);
    assert_int_equal(found_max, max);
}

/* Give some documents an end that have none. */
static void set_some(struct random *random, struct cdb_ends *ends, uint32_t *expected, uint32_t docs, unsigned percent)
{
    for (uint32_t doc = 0; doc < docs; doc++)
        if (expected[doc] == CDB_ENDS_NONE && random_chance(random, percent)) {
            expected[doc] = (uint32_t)random_below(random, 1000);
            assert_int_equal(cdb_ends_set(ends, doc, expected[doc]), 0);
        }
}

static uint32_t *no_ends(uint32_t docs)
{
    uint32_t *expected = malloc(((size_t)docs + 1) * sizeof(*expected));

    assert_non_null(expected);
    for (uint32_t doc = 0; doc < docs; doc++)
        expected[doc] = CDB_ENDS_NONE;
    return expected;
}

static struct cdb_ends *write_and_open(const struct place *place, struct cdb_ends *ends)
{
    struct cdb_ends *again = NULL;
    uint64_t number, bytes, size;
    char name[CDB_FILE_NAME_SIZE];
    int fd;

    assert_int_equal(cdb_ends_write(ends, place->dir, &number, &bytes), 0);
    cdb_file_numbered(name, number, CDB_FILE_ENDS);
    assert_int_equal(cdb_file_open(place->dir, name, O_RDONLY, &fd, &size), 0);
    close(fd);
    assert_int_equal(size, bytes);
    assert_int_equal(cdb_ends_open(&again, place->dir, number, ends->docs), 0);
    unlinkat(place->dir, name, 0);
    return again;
}

static void test_random(void **state)
{
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 511, 512, 513, 5000, 40000};
    struct random random = random_seed(20261121);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned percent = 0; percent <= 100; percent += i < 8 ? 5 : 50) {
            uint32_t docs = sizes[i], *expected = no_ends(docs);
            struct cdb_ends *ends = NULL, *again;

            assert_int_equal(cdb_ends_new(&ends, docs), 0);
            set_some(&random, ends, expected, docs, percent);
            check(ends, expected, docs);
            again = write_and_open(*state, ends);
            check(again, expected, docs);
            /* More ends come on top of those in a file. */
            set_some(&random, again, expected, docs, 1 + percent / 3);
            check(again, expected, docs);
            cdb_ends_close(ends);
            ends = write_and_open(*state, again);
            check(ends, expected, docs);
            cdb_ends_close(ends);
            cdb_ends_close(again);
            free(expected);
        }
}

static int from_of(void *context, uint32_t doc, uint32_t *position)
{
    *position = ((const uint32_t *)context)[doc];
    return 0;
}

static void test_cut(void **state)
{
    enum { DOCS = 700 };
    struct random random = random_seed(20261122);
    uint32_t froms[DOCS];
    (void)state;

    for (uint32_t cut = 0; cut <= 1000; cut += 50) {
        uint32_t *expected = no_ends(DOCS);
        struct cdb_ends *ends = NULL;

        assert_int_equal(cdb_ends_new(&ends, DOCS), 0);
        set_some(&random, ends, expected, DOCS, 40);
        for (size_t doc = 0; doc < DOCS; doc++) {
            froms[doc] = (uint32_t)random_below(&random, expected[doc] == CDB_ENDS_NONE ? 1000 : expected[doc] + 1);
            if (froms[doc] >= cut)
                expected[doc] = 0;
            else if (expected[doc] >= cut)
                expected[doc] = CDB_ENDS_NONE;
        }
        assert_int_equal(cdb_ends_cut(ends, cut, from_of, froms), 0);
        check(ends, expected, DOCS);
        cdb_ends_close(ends);
        free(expected);
    }
}

static int no_from(void *context, uint32_t doc, uint32_t *position)
{
    (void)context;
    *position = 0;
    return doc == 3 ? CHRONDB_EDAMAGED : 0;
}

static void test_cut_fails(void **state)
{
    struct cdb_ends *ends = NULL;
    uint32_t until;
    (void)state;

    assert_int_equal(cdb_ends_new(&ends, 10), 0);
    assert_int_equal(cdb_ends_set(ends, 1, 7), 0);
    assert_int_equal(cdb_ends_cut(ends, 5, no_from, NULL), CHRONDB_EDAMAGED);
    assert_int_equal(cdb_ends_until(ends, 1, &until), 0);
    assert_int_equal(until, 7);
    cdb_ends_close(ends);
}

/* ---- damage ------------------------------------------------------------------------------------- */

/* Every byte wrong, and every length: found when it is opened, or when the end is asked for; never another answer. */
static void test_damage(void **state)
{
    const struct place *place = *state;
    enum { DOCS = 1500 };
    uint32_t *expected = no_ends(DOCS);
    struct random random = random_seed(20261123);
    struct cdb_ends *ends = NULL;
    struct cdb_buf file = CDB_BUF_INIT;
    char name[CDB_FILE_NAME_SIZE];
    uint64_t number, bytes;

    assert_int_equal(cdb_ends_new(&ends, DOCS), 0);
    set_some(&random, ends, expected, DOCS, 90);
    assert_int_equal(cdb_ends_write(ends, place->dir, &number, &bytes), 0);
    cdb_ends_close(ends);
    cdb_file_numbered(name, number, CDB_FILE_ENDS);
    assert_int_equal(cdb_file_read(place->dir, name, 1 << 20, &file), 0);
    for (size_t at = 0; at < file.len; at++) {
        size_t len = random_chance(&random, 20) ? at : file.len;
        unsigned bit = 1u << random_below(&random, 8);

        if (len == file.len)
            file.ptr[at] = (char)((unsigned char)file.ptr[at] ^ bit);
        int result = cdb_ends_view(&ends, file.ptr, len, DOCS);
        assert_true(result == 0 || result == CHRONDB_EDAMAGED);
        bool found = result != 0;
        for (uint32_t doc = 0; result == 0 && doc < DOCS; doc++) {
            uint32_t until;
            int one = cdb_ends_until(ends, doc, &until);

            found = found || one != 0;
            assert_true(one != 0 ? one == CHRONDB_EDAMAGED : until == expected[doc]);
        }
        assert_true(found);
        if (result == 0)
            cdb_ends_close(ends);
        if (len == file.len)
            file.ptr[at] = (char)((unsigned char)file.ptr[at] ^ bit);
    }
    assert_int_equal(cdb_ends_view(&ends, file.ptr, file.len, DOCS + 1), CHRONDB_EDAMAGED);
    cdb_buf_release(&file);
    free(expected);
}

static void test_missing(void **state)
{
    const struct place *place = *state;
    struct cdb_ends *ends = NULL;

    assert_int_equal(cdb_ends_open(&ends, place->dir, 5, 10), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
