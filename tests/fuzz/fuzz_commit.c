/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a commit object, which is then written anew; and as the message and metadata of one: what is written is
 * read again as it was. */
#include "fuzz/fuzz.h"
#include "store/commit.h"
#include "util/time.h"

#define META_MAX 16

static bool lies_within(const char *part, size_t part_len, const char *whole, size_t len)
{
    return part >= whole && part <= whole + len && part_len <= (size_t)(whole + len - part);
}

static bool is_blank(char c)
{
    return c == '\n' || c == ' ' || c == '\t' || c == '\r';
}

/* ---- reading ------------------------------------------------------------------------------------ */

static void check_meta(const struct cdb_commit *commit)
{
    struct cdb_buf meta = CDB_BUF_INIT;
    size_t at = 0, before = 0;

    while (cdb_commit_meta(commit, &at, &meta)) {
        CHECK(at > before && at <= commit->trailers_len);
        before = at;
    }
    CHECK(meta.len <= commit->trailers_len && !meta.failed);
    cdb_buf_release(&meta);
}

static void check_parsed(const struct cdb_commit *commit, const char *content, size_t len)
{
    CHECK(lies_within(commit->message, commit->message_len, content, len));
    CHECK(commit->message_len == 0 || !is_blank(commit->message[commit->message_len - 1]));
    CHECK(commit->author == NULL || lies_within(commit->author, commit->author_len, content, len));
    CHECK(commit->author == NULL || memchr(commit->author, '\n', commit->author_len) == NULL);
    CHECK(cdb_time_in_range(commit->time));
    CHECK(commit->trailers == NULL ? !commit->ours : lies_within(commit->trailers, commit->trailers_len, content, len));
    CHECK(commit->trailers == NULL || commit->message + commit->message_len <= commit->trailers);
    CHECK((commit->parents == NULL) == (commit->parent_count == 0));
    CHECK(commit->parent_count <= len / 48);
    for (size_t i = 0; i < commit->parent_count; i++) {
        struct cdb_oid parent = cdb_commit_parent(commit, i), same;
        CHECK(cdb_oid_parse(commit->parents + i * 48 + 7, &same) && cdb_oid_equal(&parent, &same));
        CHECK(lies_within(commit->parents + i * 48, 47, content, len));
    }
    check_meta(commit);
}

/* ---- writing and reading again ------------------------------------------------------------------- */

/* Cut `text` at the next byte 1: a string that may hold anything else but NUL. */
static char *next_part(char **text)
{
    char *part = *text, *end = part != NULL ? strchr(part, 1) : NULL;

    if (end != NULL)
        *end = '\0';
    *text = end != NULL ? end + 1 : NULL;
    return part;
}

/* "key" is written as "key=": every value has its key. */
static void check_meta_again(const struct cdb_commit *commit, const struct cdb_commit_spec *spec)
{
    struct cdb_buf meta = CDB_BUF_INIT;
    size_t at = 0;

    for (size_t i = 0; i < spec->meta_count; i++) {
        size_t len = strlen(spec->meta[i]);
        cdb_buf_clear(&meta);
        CHECK(cdb_commit_meta(commit, &at, &meta));
        CHECK(meta.len >= len && memcmp(meta.ptr, spec->meta[i], len) == 0);
        CHECK(strcmp(meta.ptr + len, strchr(spec->meta[i], '=') != NULL ? "" : "=") == 0);
    }
    CHECK(!cdb_commit_meta(commit, &at, &meta));
    cdb_buf_release(&meta);
}

static void check_again(const struct cdb_commit_spec *spec)
{
    struct cdb_buf content = CDB_BUF_INIT;
    struct cdb_commit commit;
    size_t len = strlen(spec->message);

    cdb_commit_encode(&content, spec);
    CHECK(cdb_buf_check(&content) == 0);
    CHECK(cdb_commit_parse(&commit, content.ptr, content.len) == 0);
    check_parsed(&commit, content.ptr, content.len);
    CHECK(commit.ours && cdb_time_compare(commit.time, spec->time) == 0);
    CHECK(cdb_oid_equal(&commit.tree, &spec->tree) && commit.parent_count == spec->parent_count);
    for (size_t i = 0; i < spec->parent_count; i++) {
        struct cdb_oid parent = cdb_commit_parent(&commit, i);
        CHECK(cdb_oid_equal(&parent, &spec->parents[i]));
    }
    CHECK(commit.author_len == strlen(spec->author) && memcmp(commit.author, spec->author, commit.author_len) == 0);
    while (len > 0 && is_blank(spec->message[len - 1]))
        len--;
    CHECK(commit.message_len == len && memcmp(commit.message, spec->message, len) == 0);
    check_meta_again(&commit, spec);
    cdb_buf_release(&content);
}

/* What could be read of a commit, as a new one; what is behind a NUL in a text is lost. */
static void check_rewritten(const struct cdb_commit *commit)
{
    struct cdb_oid *parents = malloc((commit->parent_count + 1) * sizeof(*parents));
    struct cdb_buf meta = CDB_BUF_INIT;
    char *list[META_MAX], *message = strndup(commit->message, commit->message_len);
    size_t at = 0;

    CHECK(parents != NULL && message != NULL);
    for (size_t i = 0; i < commit->parent_count; i++)
        parents[i] = cdb_commit_parent(commit, i);
    struct cdb_commit_spec spec = {.tree = commit->tree,
                                   .parents = parents,
                                   .parent_count = commit->parent_count,
                                   .author = "A B <a@b>",
                                   .committer = "C <>",
                                   .time = commit->time,
                                   .message = message,
                                   .meta = (const char *const *)list};
    while (spec.meta_count < META_MAX && cdb_commit_meta(commit, &at, &meta)) {
        list[spec.meta_count] = strdup(cdb_buf_str(&meta));
        CHECK(list[spec.meta_count++] != NULL);
        cdb_buf_clear(&meta);
    }
    check_again(&spec);
    for (size_t i = 0; i < spec.meta_count; i++)
        free(list[i]);
    cdb_buf_release(&meta);
    free(message);
    free(parents);
}

/* In memory of exactly its size, so that a byte too far is seen. */
static void check_parse(const uint8_t *data, size_t size)
{
    char *content = malloc(size > 0 ? size : 1);
    struct cdb_commit commit;

    CHECK(content != NULL);
    if (size > 0)
        memcpy(content, data, size);
    int status = cdb_commit_parse(&commit, content, size);
    if (status == 0) {
        check_parsed(&commit, content, size);
        check_rewritten(&commit);
    } else {
        CHECK(status == CHRONDB_EDAMAGED && chrondb_last_error()->code == CHRONDB_EDAMAGED);
        CHECK(*chrondb_last_error()->message != '\0');
    }
    free(content);
}

/* The first bytes are numbers, the rest is text. */
static void check_written(const uint8_t *data, size_t size)
{
    struct cdb_oid parents[3];
    const char *meta[META_MAX];
    struct cdb_commit_spec spec = {.author = "A B <a@b>", .committer = "C <>", .parents = parents, .meta = meta};
    uint64_t number = 0;
    char *text;

    if (size < sizeof(number) || memchr(data + sizeof(number), '\0', size - sizeof(number)) != NULL)
        return;
    memcpy(&number, data, sizeof(number));
    memset(&spec.tree, (int)(number >> 48 & 0xff), sizeof(spec.tree));
    memset(parents, (int)(number >> 56), sizeof(parents));
    spec.parent_count = number & 3;
    spec.time.nanoseconds = (int32_t)(number % 1000000000);
    spec.time.seconds = (int64_t)(number >> 2 & 0x3fffffffff) - 62167219200; /* from the year 0000 */
    CHECK(cdb_time_in_range(spec.time));

    char *copy = strndup((const char *)data + sizeof(number), size - sizeof(number));
    CHECK(copy != NULL);
    text = copy;
    spec.message = next_part(&text);
    while (text != NULL && spec.meta_count < META_MAX)
        meta[spec.meta_count++] = next_part(&text);
    check_again(&spec);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_parse(data, size);
    check_written(data, size);
    return 0;
}
