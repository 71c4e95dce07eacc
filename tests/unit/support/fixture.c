/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "scratch.h"

const chrondb_open_options fixture_create = {.size = sizeof(fixture_create), .flags = CHRONDB_OPEN_CREATE};

void fixture_open(struct fixture *fixture)
{
    fixture->directory = scratch_new();
    fixture->path = scratch_path(fixture->directory, "db");
    good(chrondb_open(&fixture->db, fixture->path, &fixture_create));
}

void fixture_close(struct fixture *fixture)
{
    chrondb_close(fixture->db);
    free(fixture->path);
    scratch_remove(fixture->directory);
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

void good(int status)
{
    if (status != 0)
        fail_msg("%d: %s", status, chrondb_last_error()->message);
}

void expect_error(int status, int code, const char *name)
{
    const chrondb_error *error = chrondb_last_error();

    if (status != code || error->code != code || strcmp(error->name, name) != 0)
        fail_msg("%d, %d '%s' instead of %d '%s': %s", status, error->code, error->name, code, name, error->message);
    assert_true(strlen(error->message) > 0);
    for (const char *p = error->message; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}
