/* SPDX-License-Identifier: MIT
 *
 * The catalog and the tree walk must answer alike: after random writes by chrondb and by plain git, on branches that
 * are made, moved and removed; and whatever was done to the files of the index. Another seed: CHRONDB_TEST_SEED; more:
 * CHRONDB_TEST_ROUNDS, CHRONDB_TEST_LONG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chrondb.h"
#include "random.h"
#include "scratch.h"
#include "util/buf.h"

#define BRANCHES 4
#define FILES    64

/* ---- a world ------------------------------------------------------------------------------------ */

struct world {
    struct random random;
    char *directory, *path, *index;
    chrondb *db;
    unsigned writes;
    unsigned damaged; /* notices of damage */
};

static const char *const branches[BRANCHES] = {"main", "side", "topic/one", "late"};

static const char *const keys[] = {"a",     "b:1",   "b:2",   "b-c:1", "b",       "c:1",      "user:1",    "user:2",
                                   "user",  "user:", "zz:é",  "zz:ü",  "日本:語", "x:y:z",    "user:a/b",  "u",
                                   "t:001", "t:002", "t:003", "t:004", "t:005",   "t:006",    "t:007",     "t:008",
                                   "n1",    "n2",    "n3",    "n4",    "n5",      "q\x01:\n", "user:1:2:3"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static const char *random_key(struct world *world)
{
    const char *key = keys[random_below(&world->random, KEYS)];

    return strcmp(key, "user:") == 0 ? "user:3" : key;
}

static const char *random_branch(struct world *world)
{
    return branches[random_chance(&world->random, 55) ? 0 : random_below(&world->random, BRANCHES)];
}

static void count_notice(void *context, int level, const char *text)
{
    struct world *world = context;

    world->damaged += level == CHRONDB_NOTE && strstr(text, "is damaged") != NULL;
}

static void world_reopen(struct world *world)
{
    chrondb_open_options options = {
        .size = sizeof(options), .flags = CHRONDB_OPEN_CREATE, .notice = count_notice, .notice_context = world};

    chrondb_close(world->db);
    world->db = NULL;
    if (chrondb_open(&world->db, world->path, &options) != 0)
        fail_msg("%s", chrondb_last_error()->message);
}

static void world_new(struct world *world, uint64_t seed)
{
    *world = (struct world){.random = random_seed(seed)};
    world->directory = scratch_new();
    world->path = scratch_path(world->directory, "db");
    world->index = scratch_path(world->path, "chrondb/index");
    world_reopen(world);
}

static void world_free(struct world *world)
{
    chrondb_close(world->db);
    free(world->path);
    free(world->index);
    scratch_remove(world->directory);
}

/* A shell script in the repository; what it prints. */
static bool shell(const struct world *world, char *output, size_t size, const char *format, ...)
{
    struct cdb_buf command = CDB_BUF_INIT;
    va_list args;

    cdb_buf_addf(&command, "cd '%s' && export GIT_DIR=. GIT_WORK_TREE=. && ", world->path);
    va_start(args, format);
    cdb_buf_vaddf(&command, format, args);
    va_end(args);
    FILE *pipe = popen(command.ptr, "r");
    assert_non_null(pipe);
    size_t len = fread(output, 1, size - 1, pipe);
    output[len] = '\0';
    output[strcspn(output, "\n")] = '\0';
    bool good = pclose(pipe) == 0;
    cdb_buf_release(&command);
    return good;
}

/* Some commit that a ref leads to; false: there is none. */
static bool random_commit(struct world *world, char hex[64])
{
    return shell(world, hex, 64,
                 "git rev-list --all | awk '{ list[NR] = $0 } END { if (NR) print list[%zu %% NR + 1] }'",
                 random_below(&world->random, 1000)) &&
           *hex != '\0';
}

/* ---- everything that can be asked, as text ------------------------------------------------------------ */

static void add_failure(struct cdb_buf *out, const char *what, int result)
{
    const chrondb_error *error = chrondb_last_error();

    cdb_buf_addf(out, "%s: %d %s %s\n", what, result, error->name, result < 0 ? error->message : "");
}

static void dump_list(struct cdb_buf *out, chrondb_snapshot *snapshot, const chrondb_range *range)
{
    chrondb_list *list = NULL;
    chrondb_entry entry;
    uint64_t count = 0;
    int result = chrondb_list_open(&list, snapshot, range);

    while (result == 0 && (result = chrondb_list_next(list, &entry)) == 0)
        cdb_buf_addf(out, "  %s=%.*s\n", entry.key, (int)entry.value_size, entry.value != NULL ? entry.value : "");
    if (result != CHRONDB_END)
        add_failure(out, "list", result);
    chrondb_list_free(list);
    result = chrondb_count(snapshot, range, &count);
    cdb_buf_addf(out, "count %d %llu\n", result, (unsigned long long)count);
}

static int dump_table(void *context, const char *table, uint64_t count)
{
    cdb_buf_addf(context, "  table '%s' %llu\n", table, (unsigned long long)count);
    return 0;
}

static void dump_history(struct cdb_buf *out, chrondb_snapshot *snapshot, const char *key,
                         const chrondb_history_options *options)
{
    chrondb_history *history = NULL;
    chrondb_version_info info;
    int result = chrondb_history_open(&history, snapshot, key, options);

    cdb_buf_addf(out, "history %s\n", key);
    while (result == 0 && (result = chrondb_history_next(history, &info)) == 0)
        cdb_buf_addf(out, "  %s %d %lld.%d %.*s | %s\n", info.commit, (int)info.op, (long long)info.time.seconds,
                     (int)info.time.nanoseconds, (int)info.value_size, info.value != NULL ? info.value : "",
                     info.patch != NULL ? info.patch : "-");
    add_failure(out, "end", result);
    chrondb_history_free(history);
}

static void dump_log(struct cdb_buf *out, chrondb_snapshot *snapshot, const chrondb_history_options *options)
{
    chrondb_log *log = NULL;
    chrondb_version_info info;
    const chrondb_change *changes;
    size_t count;
    int result = chrondb_log_open(&log, snapshot, options);

    cdb_buf_adds(out, "log\n");
    while (result == 0 && (result = chrondb_log_next(log, &info, &changes, &count)) == 0) {
        cdb_buf_addf(out, "  %s %lld.%d", info.commit, (long long)info.time.seconds, (int)info.time.nanoseconds);
        for (size_t i = 0; i < count; i++)
            cdb_buf_addf(out, " %s:%d", changes[i].key, (int)changes[i].op);
        cdb_buf_addc(out, '\n');
    }
    if (result != CHRONDB_END)
        add_failure(out, "log", result);
    chrondb_log_free(log);
}

/* What a question is made of; the same with and without the catalog. */
struct question {
    const char *branch;
    char when[80];
    bool has_when;
    chrondb_range range;
    char prefix[32], after[32], table[32];
    const char *key;
    chrondb_history_options history;
    char since[80], until[80];
    bool everything;
};

static void random_when(struct world *world, const char *branch, char *out, size_t size)
{
    char hex[64];
    size_t chance = random_below(&world->random, 100);
    chrondb_time now = {1795247040 + (int64_t)random_below(&world->random, world->writes + 2), 0};
    char text[CHRONDB_TIME_SIZE];

    if (chance < 50) {
        chrondb_time_format(now, text);
        snprintf(out, size, "%s", text);
    } else if (chance < 65) {
        snprintf(out, size, "%s@{%zu}", random_key(world), random_below(&world->random, 4));
    } else if (chance < 80 && random_commit(world, hex)) {
        snprintf(out, size, "%s", hex);
    } else {
        snprintf(out, size, "%s~%zu", branch, random_below(&world->random, random_chance(&world->random, 50) ? 6 : 60));
    }
}

static void random_question(struct world *world, struct question *question)
{
    static const char *const prefixes[] = {"u", "user", "user:", "t:00", "b", "", "\xe6", "zz:", "n", "nothing"};
    static const char *const tables[] = {"user", "", "b", "t", "x", "x:y", "no", "日本"};
    struct random *random = &world->random;
    chrondb_range *range = &question->range;

    memset(question, 0, sizeof(*question));
    question->branch = random_branch(world);
    question->has_when = random_chance(random, 50);
    if (question->has_when)
        random_when(world, question->branch, question->when, sizeof(question->when));
    question->everything = random_chance(random, 30);
    range->size = sizeof(*range);
    if (random_chance(random, 40))
        range->prefix = prefixes[random_below(random, sizeof(prefixes) / sizeof(prefixes[0]))];
    if (random_chance(random, 35))
        range->table = tables[random_below(random, sizeof(tables) / sizeof(tables[0]))];
    if (random_chance(random, 30))
        range->after = random_key(world);
    if (random_chance(random, 40))
        range->limit = random_below(random, 6);
    range->reverse = random_chance(random, 40);
    range->keys_only = random_chance(random, 40);
    question->key = random_key(world);
    question->history = (chrondb_history_options){.size = sizeof(question->history),
                                                  .limit = random_chance(random, 50) ? random_below(random, 5) : 0,
                                                  .reverse = random_chance(random, 30),
                                                  .patch = random_chance(random, 30)};
    if (random_chance(random, 25)) {
        random_when(world, question->branch, question->since, sizeof(question->since));
        question->history.since = question->since;
    }
    if (random_chance(random, 25)) {
        random_when(world, question->branch, question->until, sizeof(question->until));
        question->history.until = question->until;
    }
}

static void dump(struct world *world, const struct question *question, struct cdb_buf *out)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_time time;
    int result =
        chrondb_snapshot_open(&snapshot, world->db, question->branch, question->has_when ? question->when : NULL);

    if (result != 0) {
        add_failure(out, "snapshot", result);
        return;
    }
    const char *commit = chrondb_snapshot_commit(snapshot);
    result = chrondb_snapshot_time(snapshot, &time);
    cdb_buf_addf(out, "at %s %d %lld.%d\n", commit != NULL ? commit : "nothing", result, (long long)time.seconds,
                 (int)time.nanoseconds);
    dump_list(out, snapshot, &question->range);
    assert_int_equal(chrondb_tables(snapshot, dump_table, out), 0);
    dump_history(out, snapshot, question->key, &question->history);
    dump_log(out, snapshot, &question->history);
    for (size_t i = 0; question->everything && i < KEYS; i++)
        if (strcmp(keys[i], "user:") != 0)
            dump_history(out, snapshot, keys[i], NULL);
    if (question->everything) {
        dump_list(out, snapshot, NULL);
        dump_log(out, snapshot, NULL);
    }
    chrondb_snapshot_free(snapshot);
}

static void dump_info(struct world *world, const char *branch, struct cdb_buf *out)
{
    chrondb_info info = {.size = sizeof(info)};
    int result = chrondb_get_info(world->db, branch, &info);

    if (result != 0)
        add_failure(out, "info", result);
    else
        cdb_buf_addf(out, "info %s %s %lld.%d %llu %llu %llu\n", info.branch, info.head, (long long)info.time.seconds,
                     (int)info.time.nanoseconds, (unsigned long long)info.documents, (unsigned long long)info.tables,
                     (unsigned long long)info.commits);
}

static void answer(struct world *world, const struct question *question, bool catalog, struct cdb_buf *out)
{
    if (!catalog)
        setenv("CHRONDB_TEST_NO_CATALOG", "1", 1);
    dump(world, question, out);
    dump_info(world, question->branch, out);
    unsetenv("CHRONDB_TEST_NO_CATALOG");
    assert_false(out->failed);
}

static void expect_same(const struct question *question, const struct cdb_buf *with, const struct cdb_buf *without)
{
    if (strcmp(cdb_buf_str(with), cdb_buf_str(without)) == 0)
        return;
    size_t at = 0, line = 0;
    for (; with->ptr[at] == without->ptr[at]; at++)
        if (with->ptr[at] == '\n')
            line = at + 1;
    fail_msg("branch %s, when %s, prefix %s, table %s, after %s, limit %llu, reverse %d, key %s, since %s, until %s\n"
             "catalog: %.600s\nwalk:    %.600s",
             question->branch, question->has_when ? question->when : "-",
             question->range.prefix ? question->range.prefix : "-", question->range.table ? question->range.table : "-",
             question->range.after ? question->range.after : "-", (unsigned long long)question->range.limit,
             question->range.reverse, question->key, question->since, question->until, with->ptr + line,
             without->ptr + line);
}

static void check(struct world *world)
{
    struct question question;
    struct cdb_buf with = CDB_BUF_INIT, without = CDB_BUF_INIT;

    random_question(world, &question);
    answer(world, &question, true, &with);
    answer(world, &question, false, &without);
    expect_same(&question, &with, &without);
    cdb_buf_release(&with);
    cdb_buf_release(&without);
}

/* ---- writes -------------------------------------------------------------------------------------- */

static void tick(struct world *world)
{
    char text[CHRONDB_TIME_SIZE];
    chrondb_time now = {1795247040 + world->writes, 5};

    world->writes += (unsigned)random_below(&world->random, 3);
    chrondb_time_format(now, text);
    setenv("CHRONDB_TEST_NOW", text, 1);
    snprintf(text, sizeof(text), "%lld +0000", (long long)now.seconds - (random_chance(&world->random, 10) ? 50 : 0));
    setenv("GIT_COMMITTER_DATE", text, 1);
    setenv("GIT_AUTHOR_DATE", text, 1);
}

/* Conditions and results of keys that stay the same also ask the catalog. */
static void check_unchanged(struct world *world, const chrondb_batch *batch, const char *branch)
{
    for (size_t i = 0; i < chrondb_batch_size(batch); i++) {
        if (chrondb_batch_status(batch, i) != CHRONDB_UNCHANGED && chrondb_batch_status(batch, i) != CHRONDB_CHECKED)
            continue;
        chrondb_result with = *chrondb_batch_result(batch, i);
        chrondb_snapshot *snapshot = NULL;
        char when[64];
        snprintf(when, sizeof(when), "%s@{0}", with.key);
        setenv("CHRONDB_TEST_NO_CATALOG", "1", 1);
        if (chrondb_batch_commit_id(batch) != NULL && chrondb_snapshot_open(&snapshot, world->db, branch, when) == 0)
            assert_string_equal(with.commit, chrondb_snapshot_commit(snapshot));
        unsetenv("CHRONDB_TEST_NO_CATALOG");
        chrondb_snapshot_free(snapshot);
    }
}

static void write_batch(struct world *world, size_t operations)
{
    chrondb_batch *batch = NULL;
    chrondb_condition missing = {.size = sizeof(missing), .flags = CHRONDB_IF_EXISTS};
    chrondb_write_options options = {.size = sizeof(options), .branch = random_branch(world), .force_time = 1};

    tick(world);
    assert_int_equal(chrondb_batch_new(&batch, world->db), 0);
    for (size_t i = 0; i < operations; i++) {
        const char *key = random_key(world);
        char value[32];
        snprintf(value, sizeof(value), "{\"n\":%zu}", random_below(&world->random, 4));
        if (random_chance(&world->random, 30))
            assert_int_equal(chrondb_batch_delete(batch, key, &missing), 0);
        else
            assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    }
    int result = chrondb_batch_commit(batch, &options);
    if (result != 0 && strcmp(chrondb_last_error()->name, "no_branch") != 0)
        fail_msg("%s", chrondb_last_error()->message);
    if (result == 0)
        check_unchanged(world, batch, options.branch);
    chrondb_batch_free(batch);
}

/* A commit by git alone: files that are documents, wherever they lie, and a few that are none. */
static void commit_by_git(struct world *world, unsigned parents)
{
    static const char *const paths[] = {"user/1.json", "user/2.json",   "_/a.json",     "b/1.json",
                                        "t/001.json",  "README",        "new/9.json",   "_/n1.json",
                                        "b/x/no",      "user/3/1.json", "x/y%3Az.json", "c/1.json/no"};
    const char *branch = random_branch(world), *other = random_branch(world);
    const char *path = paths[random_below(&world->random, sizeof(paths) / sizeof(paths[0]))];
    char output[256], parent[64] = "";
    const char *base = random_chance(&world->random, 50) ? branch : other;

    tick(world);
    if (!shell(world, output, sizeof(output), "git rev-parse -q --verify refs/heads/%s", branch))
        return;
    if (parents > 1)
        snprintf(parent, sizeof(parent), "-p refs/heads/%s", other);
    bool remove = random_chance(&world->random, 30);
    shell(world, output, sizeof(output),
          "rm -f tmp.index; export GIT_INDEX_FILE=tmp.index; git read-tree refs/heads/%s 2>/dev/null || git read-tree "
          "refs/heads/%s; %s; new=$(git commit-tree -p refs/heads/%s %s -m foreign $(git write-tree) 2>/dev/null) && "
          "git update-ref refs/heads/%s $new; rm -f tmp.index",
          base, branch, remove ? "git update-index --force-remove user/1.json user/2.json _/a.json t/001.json" : ":",
          branch, parent, branch);
    if (!remove)
        shell(world, output, sizeof(output),
              "rm -f tmp.index; export GIT_INDEX_FILE=tmp.index; git read-tree refs/heads/%s; blob=$(echo "
              "'{\"g\":%zu}' | "
              "git hash-object -w --stdin); git update-index --add --replace --cacheinfo 100644,$blob,%s; new=$(git "
              "commit-tree -p refs/heads/%s %s -m foreign $(git write-tree) 2>/dev/null) && git update-ref "
              "refs/heads/%s $new; rm -f tmp.index",
              branch, random_below(&world->random, 5), path, branch, parent, branch);
}

static void move_branch(struct world *world)
{
    char output[256], hex[64];
    const char *branch = branches[random_below(&world->random, BRANCHES)], *from = random_branch(world);

    if (random_chance(&world->random, 15) && strcmp(branch, "main") != 0)
        shell(world, output, sizeof(output), "git update-ref -d refs/heads/%s", branch);
    else if (random_chance(&world->random, 30) && random_commit(world, hex))
        shell(world, output, sizeof(output), "git update-ref refs/heads/%s %s", branch, hex);
    else
        shell(world, output, sizeof(output), "git update-ref refs/heads/%s refs/heads/%s~%zu 2>/dev/null", branch, from,
              random_below(&world->random, 4));
    if (random_chance(&world->random, 20))
        shell(world, output, sizeof(output), "git pack-refs --all");
}

/* ---- what becomes of the index --------------------------------------------------------------------- */

struct listing {
    char *names[FILES];
    size_t count;
};

static void list_index(const struct world *world, struct listing *out)
{
    DIR *directory = opendir(world->index);

    out->count = 0;
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.' && out->count < FILES)
            out->names[out->count++] = scratch_path(world->index, entry->d_name);
    if (directory != NULL)
        closedir(directory);
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->names[i]);
}

static size_t read_file(const char *path, char **out)
{
    FILE *file = fopen(path, "rb");
    struct stat st;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    *out = malloc((size_t)st.st_size + 1);
    assert_non_null(*out);
    assert_int_equal(fread(*out, 1, (size_t)st.st_size, file), st.st_size);
    fclose(file);
    return (size_t)st.st_size;
}

/* Another file of the name: views that are open keep what they have mapped. */
static void write_file(const char *path, const char *data, size_t len)
{
    assert_int_equal(unlink(path), 0);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static void damage(struct world *world)
{
    struct listing listing;
    size_t chance = random_below(&world->random, 100);
    char *data;

    list_index(world, &listing);
    if (listing.count > 0) {
        const char *name = listing.names[random_below(&world->random, listing.count)];
        size_t len = read_file(name, &data);
        if (chance < 15)
            assert_int_equal(unlink(name), 0);
        else if (chance < 55 && len > 0)
            write_file(name, data, random_below(&world->random, len));
        else if (len > 0) {
            data[random_below(&world->random, len)] ^= (char)(1u << random_below(&world->random, 8));
            write_file(name, data, len);
        }
        free(data);
    }
    free_listing(&listing);
    world_reopen(world); /* the handle remembers a view */
}

static void remove_index(struct world *world)
{
    struct listing listing;

    list_index(world, &listing);
    for (size_t i = 0; i < listing.count; i++)
        unlink(listing.names[i]);
    free_listing(&listing);
    rmdir(world->index);
}

static void reindex(struct world *world)
{
    chrondb_reindex_report report = {.size = sizeof(report)};

    if (chrondb_reindex(world->db, NULL, NULL, &report) != 0)
        fail_msg("reindex: %s", chrondb_last_error()->message);
}

/* After maintenance the files have all that the branches have. */
static void check_complete(struct world *world)
{
    assert_int_equal(chrondb_maintain(world->db), 0);
    for (size_t i = 0; i < BRANCHES; i++) {
        chrondb_info info = {.size = sizeof(info)};
        if (chrondb_get_info(world->db, branches[i], &info) == 0 && info.index_commits != info.commits)
            fail_msg("%s: the index has %llu of %llu commits", branches[i], (unsigned long long)info.index_commits,
                     (unsigned long long)info.commits);
    }
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void random_step(struct world *world, bool hostile)
{
    size_t chance = random_below(&world->random, 100);

    if (chance < 60)
        write_batch(world, random_chance(&world->random, 60) ? 1 : 1 + random_below(&world->random, 30));
    else if (chance < 70)
        commit_by_git(world, 1);
    else if (chance < 76)
        commit_by_git(world, 2);
    else if (chance < 82)
        move_branch(world);
    else if (chance < 90)
        assert_int_equal(chrondb_maintain(world->db), 0);
    else if (chance < 92)
        reindex(world);
    else if (chance < 94)
        remove_index(world);
    else if (chance < 97 && hostile)
        damage(world);
    else
        world_reopen(world);
}

static void test_alike(void **state)
{
    struct world world;
    (void)state;

    world_new(&world, 31);
    for (size_t i = random_rounds(80, 1000); i > 0; i--) {
        random_step(&world, false);
        check(&world);
    }
    assert_int_equal(world.damaged, 0);
    check_complete(&world);
    world_free(&world);
}

static void test_alike_whatever_happens_to_the_files(void **state)
{
    struct world world;
    (void)state;

    world_new(&world, 32);
    for (size_t i = random_rounds(80, 1000); i > 0; i--) {
        random_step(&world, true);
        check(&world);
        if (random_chance(&world.random, 20))
            damage(&world);
        check(&world);
    }
    for (size_t i = 0; i < BRANCHES; i++) /* what is damaged is found by those who read it */
        check(&world);
    reindex(&world);
    check_complete(&world);
    world_free(&world);
}

/* Everything on the default branch. */
static void full_question(struct question *question)
{
    memset(question, 0, sizeof(*question));
    question->branch = "main";
    question->range.size = sizeof(question->range);
    question->range.reverse = 1;
    question->key = "user:1";
    question->history.size = sizeof(question->history);
    question->everything = true;
}

static void check_full(struct world *world, const struct cdb_buf *expected, const char *what, size_t at)
{
    struct question question;
    struct cdb_buf with = CDB_BUF_INIT;

    full_question(&question);
    world_reopen(world);
    answer(world, &question, true, &with);
    if (strcmp(with.ptr, expected->ptr) != 0)
        printf("%s at %zu\n", what, at);
    expect_same(&question, &with, expected);
    cdb_buf_release(&with);
}

/* Each byte of each file altered, and each file ended at each byte; every answer stays right. */
static void test_every_byte(void **state)
{
    struct world world;
    struct question question;
    struct listing listing;
    struct cdb_buf expected = CDB_BUF_INIT;
    (void)state;

    world_new(&world, 33);
    for (size_t i = 0; i < 40; i++)
        write_batch(&world, 1 + random_below(&world.random, 3));
    reindex(&world);
    for (size_t i = 0; i < 10; i++)
        write_batch(&world, 2);
    full_question(&question);
    answer(&world, &question, false, &expected);
    list_index(&world, &listing);
    assert_true(listing.count >= 3);
    for (size_t i = 0; i < listing.count; i++) {
        char *data;
        size_t len = read_file(listing.names[i], &data);
        size_t stride = 1 + len / random_rounds(60, SIZE_MAX);
        for (size_t at = random_below(&world.random, stride); at < len; at += stride) {
            char before = data[at];
            data[at] ^= (char)(1u << random_below(&world.random, 8));
            write_file(listing.names[i], data, len);
            check_full(&world, &expected, listing.names[i], at);
            data[at] = before;
            write_file(listing.names[i], data, at);
            check_full(&world, &expected, listing.names[i], at);
            write_file(listing.names[i], data, len);
        }
        free(data);
    }
    free_listing(&listing);
    assert_int_equal(chrondb_maintain(world.db), 0);
    check_full(&world, &expected, "maintained", 0);
    check_complete(&world);
    cdb_buf_release(&expected);
    world_free(&world);
}

/* Two databases that share a directory for their indexes do not meet. */
static void test_shared_directory(void **state)
{
    char *directory = scratch_new(), *shared = scratch_path(directory, "indexes");
    (void)state;

    for (int i = 0; i < 4; i++) {
        char name[8], key[8];
        chrondb *db = NULL;
        chrondb_batch *batch = NULL;
        chrondb_info info = {.size = sizeof(info)};
        snprintf(name, sizeof(name), "db%d", i % 2);
        snprintf(key, sizeof(key), "k%d", i);
        char *path = scratch_path(directory, name), *inside = scratch_path(path, "chrondb/index");
        chrondb_open_options options = {.size = sizeof(options), .flags = CHRONDB_OPEN_CREATE, .index_path = shared};
        assert_int_equal(chrondb_open(&db, path, &options), 0);
        assert_int_equal(chrondb_batch_new(&batch, db), 0);
        assert_int_equal(chrondb_batch_put(batch, key, "1", 1, NULL), 0);
        assert_int_equal(chrondb_batch_commit(batch, NULL), 0);
        chrondb_batch_free(batch);
        assert_int_equal(chrondb_maintain(db), 0);
        assert_int_equal(chrondb_get_info(db, NULL, &info), 0);
        assert_int_equal(info.documents, i / 2 + 1);
        assert_int_equal(info.index_commits, i / 2 + 1);
        assert_int_not_equal(access(inside, F_OK), 0);
        chrondb_close(db);
        free(inside);
        free(path);
    }
    free(shared);
    scratch_remove(directory);
}

/* ---- threads --------------------------------------------------------------------------------------- */

#define THREADS 4
#define FIXED   20 /* keys that stay */

struct reader {
    pthread_t thread;
    chrondb *db;
    const atomic_bool *stop;
    unsigned rounds;
    const char *wrong; /* or NULL */
};

static const char *read_once(chrondb *db)
{
    chrondb_snapshot *snapshot = NULL;
    chrondb_list *list = NULL;
    chrondb_history *history = NULL;
    chrondb_range range = {.size = sizeof(range), .prefix = "fixed:"};
    chrondb_entry entry;
    chrondb_version_info info;
    uint64_t count = 0, listed = 0, versions = 0;
    chrondb_time time;

    if (chrondb_snapshot_open(&snapshot, db, NULL, NULL) != 0)
        return "snapshot";
    if (chrondb_count(snapshot, &range, &count) != 0 || chrondb_list_open(&list, snapshot, &range) != 0 ||
        chrondb_history_open(&history, snapshot, "fixed:3", NULL) != 0 || chrondb_snapshot_time(snapshot, &time) != 0)
        return "open";
    while (chrondb_list_next(list, &entry) == 0)
        listed++;
    while (chrondb_history_next(history, &info) == 0)
        versions++;
    chrondb_history_free(history);
    chrondb_list_free(list);
    chrondb_snapshot_free(snapshot);
    return count != FIXED ? "count" : listed != FIXED ? "list" : versions != 1 ? "history" : NULL;
}

static void *read_on(void *context)
{
    struct reader *reader = context;

    for (; !*reader->stop && reader->wrong == NULL; reader->rounds++)
        reader->wrong = read_once(reader->db);
    return NULL;
}

static void put_one(chrondb *db, const char *key, unsigned number)
{
    chrondb_batch *batch = NULL;
    char value[16];

    snprintf(value, sizeof(value), "%u", number);
    assert_int_equal(chrondb_batch_new(&batch, db), 0);
    assert_int_equal(chrondb_batch_put(batch, key, value, strlen(value), NULL), 0);
    if (chrondb_batch_commit(batch, NULL) != 0)
        fail_msg("%s", chrondb_last_error()->message);
    chrondb_batch_free(batch);
}

/* Readers of one handle beside a writer, maintenance, and an index that goes away. */
static void test_threads(void **state)
{
    struct world world;
    struct reader readers[THREADS];
    atomic_bool stop = false;
    size_t count = random_rounds(160, 1000);
    (void)state;

    unsetenv("CHRONDB_TEST_NOW");
    world_new(&world, 34);
    for (unsigned i = 0; i < FIXED; i++) {
        char key[16];
        snprintf(key, sizeof(key), "fixed:%u", i);
        put_one(world.db, key, i);
    }
    for (size_t i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.db = world.db, .stop = &stop};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        put_one(world.db, "moving", i);
        if (i % 20 == 5)
            assert_int_equal(chrondb_maintain(world.db), 0);
        if (i % 40 == 15)
            reindex(&world);
        if (i % 50 == 25)
            remove_index(&world);
    }
    stop = true;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        if (readers[i].wrong != NULL)
            fail_msg("a reader got a wrong %s after %u rounds", readers[i].wrong, readers[i].rounds);
    }
    world_free(&world);
}

static int clean_environment(void **state)
{
    static const char *const names[] = {"CHRONDB_DIR", "CHRONDB_BRANCH", "CHRONDB_INDEX",
                                        "GIT_DIR",     "EMAIL",          "CHRONDB_TEST_NO_CATALOG"};
    (void)state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
    setenv("GIT_AUTHOR_NAME", "Env", 1);
    setenv("GIT_AUTHOR_EMAIL", "env@example.org", 1);
    setenv("GIT_COMMITTER_NAME", "Env", 1);
    setenv("GIT_COMMITTER_EMAIL", "env@example.org", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike),      cmocka_unit_test(test_alike_whatever_happens_to_the_files),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_shared_directory),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests_name("catalog_db", tests, clean_environment, NULL);
}
