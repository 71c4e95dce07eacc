/* SPDX-License-Identifier: MIT
 *
 * A database of a test's own, and what the tests of chrondb.h say about results. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "chrondb.h"

struct fixture {
    char *directory, *path; /* "DIRECTORY/db" */
    chrondb *db;
};

extern const chrondb_open_options fixture_create; /* CHRONDB_OPEN_CREATE */

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);

/* The same for cmocka_unit_test_setup_teardown: *state is a fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* The result must be 0. */
void good(int status);
/* The result, and the thread's last error, must be of this code and name, with a message of one line. */
void expect_error(int status, int code, const char *name);

#endif
