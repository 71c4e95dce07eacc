/* SPDX-License-Identifier: MIT
 *
 * Decisions, without files: when the journal changes halves, when a checkpoint is due, whose lock is stale. */
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

#include "random.h"
#include "scratch.h"
#include "store/lock.h"
#include "store/state.h"
#include "store/txn.h"

#define SMALL (CDB_RECORD_FIXED + 15) /* a record without objects */

static struct cdb_state state_of(uint64_t generation, uint64_t checkpointed, uint64_t tail, uint32_t objects)
{
    struct cdb_state state;

    memset(&state, 0, sizeof(state));
    state.generation = generation;
    state.checkpointed = checkpointed;
    state.tail = tail;
    state.objects = objects;
    return state;
}

static enum cdb_journal_plan plan(uint64_t generation, uint64_t checkpointed, uint64_t tail, uint32_t objects,
                                  uint64_t record, uint32_t more)
{
    struct cdb_state state = state_of(generation, checkpointed, tail, objects);

    return cdb_journal_plan(&state, record, more);
}

/* ---- the journal -------------------------------------------------------------------------------- */

static void test_pending(void **unused)
{
    static const struct {
        uint64_t generation, checkpointed;
        bool pending;
    } cases[] = {{0, 0, false}, {1, 0, false}, {2, 1, false}, {2, 0, true}, {3, 2, false}, {3, 1, true}, {9, 3, true}};
    (void)unused;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cdb_state state = state_of(cases[i].generation, cases[i].checkpointed, 0, 0);
        assert_int_equal(cdb_state_checkpoint_pending(&state), cases[i].pending);
    }
}

static void test_plan_first_write(void **unused)
{
    (void)unused;
    assert_int_equal(plan(0, 0, 0, 0, SMALL, 3), CDB_JOURNAL_SWITCH);
    assert_int_equal(plan(0, 0, 0, 0, CDB_JOURNAL_HALF, 3), CDB_JOURNAL_SWITCH);
    assert_int_equal(plan(0, 0, 0, 0, CDB_JOURNAL_HALF + 1, 3), CDB_JOURNAL_NO_ROOM);
    assert_int_equal(plan(0, 0, 0, 0, UINT64_MAX / 2, 3), CDB_JOURNAL_NO_ROOM);
}

static void test_plan_room(void **unused)
{
    uint64_t half = CDB_JOURNAL_HALF;
    (void)unused;

    assert_int_equal(plan(1, 0, half - SMALL, 3, SMALL, 3), CDB_JOURNAL_APPEND);
    assert_int_equal(plan(1, 0, half - SMALL + 1, 3, SMALL, 3), CDB_JOURNAL_SWITCH);
    /* The other half still waits for its checkpoint. */
    assert_int_equal(plan(2, 0, half - SMALL, 3, SMALL, 3), CDB_JOURNAL_APPEND);
    assert_int_equal(plan(2, 0, half - SMALL + 1, 3, SMALL, 3), CDB_JOURNAL_NO_ROOM);
    assert_int_equal(plan(2, 1, half - SMALL + 1, 3, SMALL, 3), CDB_JOURNAL_SWITCH);
}

static void test_plan_objects(void **unused)
{
    (void)unused;
    assert_int_equal(plan(1, 0, 1000, CDB_JOURNAL_OBJECTS - 3, SMALL, 3), CDB_JOURNAL_APPEND);
    assert_int_equal(plan(1, 0, 1000, CDB_JOURNAL_OBJECTS - 2, SMALL, 3), CDB_JOURNAL_SWITCH);
    assert_int_equal(plan(1, 0, 1000, CDB_JOURNAL_OBJECTS, SMALL, UINT32_MAX), CDB_JOURNAL_SWITCH);
    /* The number of objects is a wish, not a limit: while the other half is busy, go on. */
    assert_int_equal(plan(2, 0, 1000, CDB_JOURNAL_OBJECTS, SMALL, 3), CDB_JOURNAL_APPEND);
    /* A fresh half takes what a record may hold. */
    assert_int_equal(plan(1, 0, 0, 0, SMALL, CDB_JOURNAL_OBJECTS + 1), CDB_JOURNAL_APPEND);
}

/* Whatever the state: nothing is written behind the half's end or over what is not in a pack yet, and what went into
 * a pack finds room, or a writer waits. */
static void test_plan_always(void **unused)
{
    struct random random = random_seed(2);
    (void)unused;

    for (int i = 0; i < 200000; i++) {
        uint64_t generation = random_below(&random, 6);
        uint64_t checkpointed = generation == 0 ? 0 : random_below(&random, (size_t)generation);
        uint64_t tail = generation == 0 ? 0 : random_below(&random, (size_t)CDB_JOURNAL_HALF + 1);
        uint64_t record = SMALL + random_below(&random, (size_t)CDB_JOURNAL_HALF + 100000);
        struct cdb_state state =
            state_of(generation, checkpointed, tail, (uint32_t)random_below(&random, 3 * CDB_JOURNAL_OBJECTS));
        bool pending = cdb_state_checkpoint_pending(&state);
        switch (cdb_journal_plan(&state, record, (uint32_t)random_below(&random, CDB_JOURNAL_OBJECTS))) {
        case CDB_JOURNAL_APPEND:
            assert_true(generation > 0 && tail + record <= CDB_JOURNAL_HALF);
            break;
        case CDB_JOURNAL_SWITCH:
            assert_true(!pending && record <= CDB_JOURNAL_HALF);
            break;
        case CDB_JOURNAL_NO_ROOM:
            assert_true(record > CDB_JOURNAL_HALF || (pending && tail + record > CDB_JOURNAL_HALF));
            break;
        }
        /* The longest ref, no objects: what is left after a pack. */
        if (cdb_journal_plan(&state, CDB_RECORD_FIXED + CDB_JOURNAL_REF_MAX, 0) == CDB_JOURNAL_NO_ROOM)
            assert_true(cdb_journal_must_wait(&state));
    }
}

static void test_must_wait(void **unused)
{
    struct cdb_state busy = state_of(2, 0, CDB_JOURNAL_HALF, 0), free_half = state_of(2, 1, CDB_JOURNAL_HALF, 0);
    struct cdb_state early = state_of(2, 0, CDB_JOURNAL_HALF / 2, 100), first = state_of(1, 0, CDB_JOURNAL_HALF, 9999);
    struct cdb_state many = state_of(2, 0, 1000, 4 * CDB_JOURNAL_OBJECTS);
    (void)unused;

    assert_true(cdb_journal_must_wait(&busy));
    assert_true(cdb_journal_must_wait(&many));
    assert_false(cdb_journal_must_wait(&free_half));
    assert_false(cdb_journal_must_wait(&early));
    assert_false(cdb_journal_must_wait(&first));
}

/* Due at once when a half was frozen; and if whoever was told died, again before long, but not each time. */
static void test_checkpoint_due(void **unused)
{
    struct cdb_state none = state_of(2, 1, 100, 3), fresh = state_of(2, 0, 100, 3);
    unsigned times = 0;
    (void)unused;

    assert_false(cdb_checkpoint_due(&none));
    assert_true(cdb_checkpoint_due(&fresh));
    for (uint32_t write = 1; write <= 300; write++) {
        struct cdb_state state = state_of(2, 0, 100 * write, 100 + 4 * write);
        state.sequence = 1000 + write;
        times += cdb_checkpoint_due(&state);
        assert_false(write == 100 && times == 0);
    }
    assert_true(times <= 30);
}

/* ---- git's lock files ---------------------------------------------------------------------------- */

static void test_lock_judge(void **unused)
{
    static const struct {
        int64_t age;
        enum cdb_verdict absent, present, unknown;
    } cases[] = {
        {INT64_MIN, CDB_WAIT, CDB_WAIT, CDB_WAIT},
        {-1, CDB_WAIT, CDB_WAIT, CDB_WAIT},
        {0, CDB_WAIT, CDB_WAIT, CDB_WAIT},
        {CDB_STALE_SECONDS, CDB_WAIT, CDB_WAIT, CDB_WAIT},
        {CDB_STALE_SECONDS + 1, CDB_REMOVE, CDB_WAIT, CDB_WAIT},
        {CDB_UNKNOWN_SECONDS, CDB_REMOVE, CDB_WAIT, CDB_WAIT},
        {CDB_UNKNOWN_SECONDS + 1, CDB_REMOVE, CDB_WAIT, CDB_REMOVE},
        {INT64_MAX, CDB_REMOVE, CDB_WAIT, CDB_REMOVE},
    };
    (void)unused;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cdb_git_lock_judge(cases[i].age, CDB_ABSENT), cases[i].absent);
        assert_int_equal(cdb_git_lock_judge(cases[i].age, CDB_PRESENT), cases[i].present);
        assert_int_equal(cdb_git_lock_judge(cases[i].age, CDB_UNKNOWN), cases[i].unknown);
    }
}

/* ---- what is known of heads ---------------------------------------------------------------------- */

static struct cdb_oid oid_of(unsigned number)
{
    struct cdb_oid oid;

    memset(oid.id, 0x11, sizeof(oid.id));
    memcpy(oid.id, &number, sizeof(number));
    return oid;
}

static void remember(struct cdb_state *state, unsigned branch, unsigned commit)
{
    char ref[32];
    struct cdb_oid oid = oid_of(commit);

    snprintf(ref, sizeof(ref), "refs/heads/%u", branch);
    state->sequence++;
    cdb_state_remember(state, ref, &oid, (chrondb_time){commit, (int32_t)commit});
}

static bool knows(const struct cdb_state *state, unsigned commit)
{
    struct cdb_oid oid = oid_of(commit);
    const struct cdb_known *known = cdb_state_find(state, &oid);

    if (known != NULL)
        assert_true(known->seconds == commit && known->nanoseconds == (int32_t)commit);
    return known != NULL;
}

static void test_remember(void **unused)
{
    struct cdb_state state = state_of(1, 0, 0, 0);
    (void)unused;

    assert_false(knows(&state, 1));
    remember(&state, 1, 1);
    assert_true(knows(&state, 1));
    remember(&state, 1, 2); /* the branch moved on */
    assert_true(knows(&state, 2) && !knows(&state, 1));
    for (unsigned i = 2; i <= CDB_STATE_KNOWN; i++)
        remember(&state, i, 100 + i);
    assert_true(knows(&state, 2));
    for (unsigned i = 2; i <= CDB_STATE_KNOWN; i++)
        assert_true(knows(&state, 100 + i));
    remember(&state, 1, 3); /* now the second branch is the oldest */
    remember(&state, 99, 4);
    assert_true(knows(&state, 3) && knows(&state, 4) && !knows(&state, 102) && knows(&state, 103));
}

/* Zeros are a free slot, not a commit. */
static void test_remember_nothing(void **unused)
{
    struct cdb_state state = state_of(0, 0, 0, 0);
    struct cdb_oid zero = {{0}};
    (void)unused;

    assert_null(cdb_state_find(&state, &zero));
}

/* ---- the file ---------------------------------------------------------------------------------- */

static void test_state_file(void **unused)
{
    char *path = scratch_new();
    struct cdb_state state = state_of(5, 4, 321, 7), read;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)unused;

    assert_true(dir >= 0);
    memset(&read, 0xa5, sizeof(read));
    assert_int_equal(cdb_state_read(dir, &read), 1);
    assert_true(read.generation == 0 && read.boot[0] == 0);
    scratch_write(path, CDB_STATE_PATH, "", 0);
    assert_int_equal(cdb_state_read(dir, &read), 1);

    memcpy(state.ref, "refs/heads/main", 15);
    remember(&state, 1, 8);
    int fd = openat(dir, CDB_STATE_PATH, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(cdb_state_write(fd, &state), 0);
    assert_int_equal(cdb_state_read(dir, &read), 0);
    assert_memory_equal(&read, &state, sizeof(state));

    /* Every byte counts, and so does every missing one. */
    for (size_t i = 0; i < offsetof(struct cdb_state, reserved); i++) {
        unsigned char right, wrong;
        assert_int_equal(pread(fd, &right, 1, (off_t)i), 1);
        wrong = right ^ 0x40;
        assert_int_equal(pwrite(fd, &wrong, 1, (off_t)i), 1);
        assert_int_equal(cdb_state_read(dir, &read), 1);
        assert_true(read.generation == 0 && read.known[0].ref == 0);
        assert_int_equal(pwrite(fd, &right, 1, (off_t)i), 1);
    }
    assert_int_equal(cdb_state_read(dir, &read), 0);
    for (size_t len = 0; len < sizeof(state); len += 13) {
        scratch_write(path, CDB_STATE_PATH, &state, len);
        assert_int_equal(cdb_state_read(dir, &read), 1);
    }
    close(fd);
    close(dir);
    scratch_remove(path);
}

/* A checksum is no proof: what would be an index or text that does not end is refused. */
static void test_state_lies(void **unused)
{
    char *path = scratch_new();
    struct cdb_state state = state_of(5, 4, 321, 7), read;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)unused;

    scratch_write(path, CDB_STATE_PATH, "", 0);
    int fd = openat(dir, CDB_STATE_PATH, O_RDWR | O_CLOEXEC);
    assert_true(dir >= 0 && fd >= 0);
    state.active = 2;
    assert_int_equal(cdb_state_write(fd, &state), 0);
    assert_int_equal(cdb_state_read(dir, &read), 1);
    state.active = 1;
    memset(state.ref, 'x', sizeof(state.ref));
    assert_int_equal(cdb_state_write(fd, &state), 0);
    assert_int_equal(cdb_state_read(dir, &read), 1);
    close(fd);
    close(dir);
    scratch_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending),        cmocka_unit_test(test_plan_first_write),
        cmocka_unit_test(test_plan_room),      cmocka_unit_test(test_plan_objects),
        cmocka_unit_test(test_plan_always),    cmocka_unit_test(test_must_wait),
        cmocka_unit_test(test_checkpoint_due), cmocka_unit_test(test_lock_judge),
        cmocka_unit_test(test_remember),       cmocka_unit_test(test_remember_nothing),
        cmocka_unit_test(test_state_file),     cmocka_unit_test(test_state_lies),
    };

    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
