/* SPDX-License-Identifier: MIT
 *
 * Work of the lowest priority, and what it has done by who waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/background.h"
#include "util/error.h"

struct seen {
    pthread_t thread;
    int priority;
    int result; /* to return */
    const char *message;
};

static int priority(void)
{
#ifdef SYS_gettid
    return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
#else
    return getpriority(PRIO_PROCESS, 0);
#endif
}

static int look(void *context)
{
    struct seen *seen = context;

    seen->thread = pthread_self();
    seen->priority = priority();
    if (seen->result < 0)
        cdb_error_set(seen->result, "io_error", "%s", seen->message);
    return seen->result;
}

struct work {
    struct seen self, urgent[2];
    int results[2];
    char messages[2][64];
};

static int work(void *context)
{
    struct work *it = context;

    for (int i = 0; i < 2; i++) {
        it->results[i] = cdb_urgent(look, &it->urgent[i]);
        snprintf(it->messages[i], sizeof(it->messages[i]), "%s", chrondb_last_error()->message);
        cdb_error_clear();
    }
    return look(&it->self);
}

static void test_both_priorities(void **state)
{
    struct work it = {.self = {.result = CHRONDB_EBUSY, .message = "below"},
                      .urgent = {{.result = 7}, {.result = CHRONDB_EDAMAGED, .message = "above"}}};
    int before = priority();
    (void)state;

    assert_int_equal(cdb_background(work, &it), CHRONDB_EBUSY);
    assert_int_equal(chrondb_last_error()->code, CHRONDB_EBUSY);
    assert_string_equal(chrondb_last_error()->message, "below");
    assert_false(pthread_equal(it.self.thread, pthread_self()));
    assert_int_equal(it.self.priority, 19);
    for (int i = 0; i < 2; i++) {
        assert_true(pthread_equal(it.urgent[i].thread, pthread_self()));
        assert_int_equal(it.urgent[i].priority, before);
    }
    assert_int_equal(it.results[0], 7);
    assert_string_equal(it.messages[0], "");
    assert_int_equal(it.results[1], CHRONDB_EDAMAGED);
    assert_string_equal(it.messages[1], "above");
    assert_int_equal(priority(), before);
}

static int nested(void *context)
{
    struct work *it = context;

    return cdb_background(work, it);
}

/* Background work of what is urgent for other background work. */
static int urgently_nested(void *context)
{
    return cdb_urgent(nested, context);
}

static void test_nested(void **state)
{
    struct work it = {.self = {.result = 0}};
    (void)state;

    assert_int_equal(cdb_background(urgently_nested, &it), 0);
    assert_int_equal(it.self.priority, 19);
    assert_int_equal(it.urgent[0].priority, priority());
}

static void test_urgent_alone(void **state)
{
    struct seen seen = {.result = 3};
    (void)state;

    assert_int_equal(cdb_urgent(look, &seen), 3);
    assert_true(pthread_equal(seen.thread, pthread_self()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_priorities),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_urgent_alone),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
