/* SPDX-License-Identifier: MIT */
#include "store/commit.h"

#include <inttypes.h>
#include <string.h>

#include "util/error.h"
#include "util/time.h"

#define TIME_TRAILER  "Chrondb-Time: "
#define META_TRAILER  "Chrondb-Meta: "
#define PARENT_LINE   (7 + CDB_OID_HEX + 1) /* "parent ", an id, a newline */
#define YEAR_9999_END 253402300799          /* 9999-12-31T23:59:59Z: what RFC 3339 can write */

struct line {
    const char *text;
    size_t len;
};

static int damaged(const char *what)
{
    return cdb_error(CHRONDB_EDAMAGED, "damaged", "a commit object is malformed: %s", what);
}

static bool next_line(const char **at, const char *end, struct line *out)
{
    if (*at >= end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const char *stop = newline != NULL ? newline : end;
    *out = (struct line){*at, (size_t)(stop - *at)};
    *at = newline != NULL ? newline + 1 : end;
    return true;
}

static bool starts_with(const struct line *line, const char *prefix)
{
    size_t len = strlen(prefix);
    return line->len >= len && memcmp(line->text, prefix, len) == 0;
}

static bool id_line(const struct line *line, const char *prefix, struct cdb_oid *out)
{
    size_t len = strlen(prefix);
    return line->len == len + CDB_OID_HEX && starts_with(line, prefix) && cdb_oid_parse(line->text + len, out);
}

/* "NAME <MAIL> SECONDS ZONE": who, and when (0 if there is no time: git reads such commits too). */
static void parse_person(struct line person, const char **who, size_t *who_len, int64_t *seconds)
{
    const char *close = memrchr(person.text, '>', person.len);
    *who = person.text;
    *who_len = close != NULL ? (size_t)(close - person.text) + 1 : person.len;
    *seconds = 0;
    if (close == NULL)
        return;
    const char *p = close + 1, *end = person.text + person.len;
    while (p < end && *p == ' ')
        p++;
    bool negative = p < end && *p == '-';
    for (p += negative; p < end && *p >= '0' && *p <= '9'; p++)
        *seconds = *seconds < YEAR_9999_END ? *seconds * 10 + (*p - '0') : YEAR_9999_END;
    if (*seconds > YEAR_9999_END)
        *seconds = YEAR_9999_END;
    if (negative)
        *seconds = 0;
}

/* ---- our block of trailers ----------------------------------------------------------------------- */

static void trim_end(const char *text, size_t *len)
{
    while (*len > 0 &&
           (text[*len - 1] == '\n' || text[*len - 1] == ' ' || text[*len - 1] == '\t' || text[*len - 1] == '\r'))
        (*len)--;
}

/* The last block of the message, if every line of it is a trailer of ours. Sets time when it is there exactly once. */
static bool parse_trailers(const char *block, size_t len, chrondb_time *time, bool *has_time)
{
    const char *at = block, *end = block + len;
    struct line line;
    int times = 0;
    *has_time = false;
    while (next_line(&at, end, &line)) {
        if (starts_with(&line, TIME_TRAILER)) {
            size_t skip = strlen(TIME_TRAILER);
            *has_time = ++times == 1 && cdb_time_parse_exact(line.text + skip, line.len - skip, time);
        } else if (!starts_with(&line, META_TRAILER)) {
            /* Another tool's trailer (Signed-off-by ...) may stand beside ours. */
            const char *colon = memchr(line.text, ':', line.len);
            if (colon == NULL || colon == line.text || memchr(line.text, ' ', (size_t)(colon - line.text)) != NULL)
                return false;
        }
    }
    return times > 0;
}

static void split_message(struct cdb_commit *out, int64_t committer_seconds)
{
    size_t len = out->message_len;
    trim_end(out->message, &len);
    out->message_len = len;
    const char *block = out->message;
    for (const char *p = out->message + len; p > out->message; p--) {
        if (p[-1] == '\n' && (p - 1 == out->message || p[-2] == '\n')) {
            block = p;
            break;
        }
    }
    chrondb_time time;
    bool has_time;
    size_t block_len = (size_t)(out->message + len - block);
    if (!parse_trailers(block, block_len, &time, &has_time))
        return;
    out->trailers = block;
    out->trailers_len = block_len;
    out->message_len = (size_t)(block - out->message);
    trim_end(out->message, &out->message_len);
    if (has_time && cdb_commit_git_time(time) == committer_seconds) {
        out->time = time;
        out->ours = true;
    }
}

int cdb_commit_parse(struct cdb_commit *out, const char *content, size_t len)
{
    const char *at = content, *end = content + len;
    struct line line = {NULL, 0};
    int64_t ignored, seconds = 0;
    memset(out, 0, sizeof(*out));
    if (!next_line(&at, end, &line) || !id_line(&line, "tree ", &out->tree))
        return damaged("no tree");
    bool more = next_line(&at, end, &line);
    while (more && starts_with(&line, "parent ")) {
        struct cdb_oid parent;
        if (!id_line(&line, "parent ", &parent))
            return damaged("a parent is no id");
        if (out->parent_count++ == 0)
            out->parents = line.text;
        more = next_line(&at, end, &line);
    }
    /* Git reads a commit that does not say who made it, so we do; up to the blank line: encoding, gpgsig ... */
    for (; more && line.len > 0; more = next_line(&at, end, &line)) {
        if (out->author == NULL && starts_with(&line, "author "))
            parse_person((struct line){line.text + 7, line.len - 7}, &out->author, &out->author_len, &ignored);
        else if (out->committer == NULL && starts_with(&line, "committer "))
            parse_person((struct line){line.text + 10, line.len - 10}, &out->committer, &out->committer_len, &seconds);
    }
    out->message = at;
    out->message_len = (size_t)(end - at);
    out->time = (chrondb_time){seconds, 0};
    split_message(out, seconds);
    return 0;
}

struct cdb_oid cdb_commit_parent(const struct cdb_commit *commit, size_t index)
{
    struct cdb_oid oid = {{0}};
    cdb_oid_parse(commit->parents + index * PARENT_LINE + strlen("parent "), &oid); /* checked when parsed */
    return oid;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static void unescape(struct cdb_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int high = text[i] == '%' && i + 2 < len ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            cdb_buf_addc(out, (char)(high << 4 | low));
            i += 2;
        } else {
            cdb_buf_addc(out, text[i]);
        }
    }
}

bool cdb_commit_meta(const struct cdb_commit *commit, size_t *at, struct cdb_buf *out)
{
    struct line line;
    if (commit->trailers == NULL)
        return false;
    const char *p = commit->trailers + *at, *end = commit->trailers + commit->trailers_len;
    while (next_line(&p, end, &line)) {
        *at = (size_t)(p - commit->trailers);
        if (starts_with(&line, META_TRAILER)) {
            size_t skip = strlen(META_TRAILER);
            unescape(out, line.text + skip, line.len - skip);
            return true;
        }
    }
    return false;
}

/* ---- writing ------------------------------------------------------------------------------------- */

void cdb_commit_escape(struct cdb_buf *out, const char *text, size_t len, bool equals)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || c == '%' || (equals && c == '='))
            cdb_buf_addf(out, "%%%02X", c);
        else
            cdb_buf_addc(out, text[i]);
    }
}

int64_t cdb_commit_git_time(chrondb_time time)
{
    if (time.seconds < 0)
        return 0;
    return time.seconds > CDB_GIT_TIME_MAX ? CDB_GIT_TIME_MAX : time.seconds;
}

static void add_meta(struct cdb_buf *out, const char *meta)
{
    size_t len = strlen(meta), key_len = strcspn(meta, "=");
    cdb_buf_adds(out, META_TRAILER);
    cdb_commit_escape(out, meta, key_len, true);
    cdb_buf_addc(out, '=');
    if (key_len < len)
        cdb_commit_escape(out, meta + key_len + 1, len - key_len - 1, false);
    /* White space at the end of a line does not survive git's own clean-up of messages. */
    if (out->len > 0 && out->ptr[out->len - 1] == ' ') {
        out->len--;
        cdb_buf_adds(out, "%20");
    }
    cdb_buf_addc(out, '\n');
}

void cdb_commit_encode(struct cdb_buf *out, const struct cdb_commit_spec *spec)
{
    char hex[CDB_OID_HEX + 1], when[CHRONDB_TIME_SIZE];
    int64_t seconds = cdb_commit_git_time(spec->time);
    cdb_oid_format(&spec->tree, hex);
    cdb_buf_addf(out, "tree %s\n", hex);
    for (size_t i = 0; i < spec->parent_count; i++) {
        cdb_oid_format(&spec->parents[i], hex);
        cdb_buf_addf(out, "parent %s\n", hex);
    }
    cdb_buf_addf(out, "author %s %" PRId64 " +0000\ncommitter %s %" PRId64 " +0000\n\n", spec->author, seconds,
                 spec->committer, seconds);
    size_t len = strlen(spec->message);
    trim_end(spec->message, &len);
    cdb_buf_add(out, spec->message, len);
    chrondb_time_format(spec->time, when);
    cdb_buf_addf(out, "\n\n" TIME_TRAILER "%s\n", when);
    for (size_t i = 0; i < spec->meta_count; i++)
        add_meta(out, spec->meta[i]);
}

chrondb_time cdb_time_effective(chrondb_time own, const chrondb_time *parent)
{
    if (parent == NULL || cdb_time_compare(own, *parent) > 0)
        return own;
    return cdb_time_next(*parent);
}
