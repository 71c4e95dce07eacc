/* SPDX-License-Identifier: MIT */
#include "db/version_info.h"

#include <stdlib.h>
#include <string.h>

#include "store/key.h"
#include "util/error.h"

void cdb_version_info_release(struct cdb_version_info *info)
{
    cdb_buf_release(&info->content);
    cdb_buf_release(&info->author);
    cdb_buf_release(&info->committer);
    cdb_buf_release(&info->message);
    cdb_buf_release(&info->decoded);
    cdb_buf_release(&info->meta_text);
    free(info->meta);
    memset(info, 0, sizeof(*info));
}

/* Names and messages of foreign commits may be any bytes: what is not UTF-8 becomes '?'. */
static void add_text(struct cdb_buf *out, const char *text, size_t len)
{
    while (len > 0) {
        size_t good = cdb_utf8_check(text, len);
        cdb_buf_add(out, text, good);
        if (good < len)
            cdb_buf_addc(out, '?');
        good += good < len;
        text += good;
        len -= good;
    }
}

static int read_meta(struct cdb_version_info *info, const struct cdb_commit *commit)
{
    size_t at = 0, count = 0;
    cdb_buf_clear(&info->meta_text);
    cdb_buf_clear(&info->decoded);
    while (cdb_commit_meta(commit, &at, &info->decoded)) {
        const char *text = cdb_buf_str(&info->decoded);
        add_text(&info->meta_text, text, strlen(text)); /* up to a NUL, which no argument can hold */
        cdb_buf_addc(&info->meta_text, '\0');
        cdb_buf_clear(&info->decoded);
        count++;
    }
    info->meta_count = count;
    if (count == 0)
        return 0;
    if (info->meta_text.failed || info->decoded.failed)
        return cdb_error_memory();
    const char **grown = realloc(info->meta, count * sizeof(*grown));
    if (grown == NULL)
        return cdb_error_memory();
    info->meta = grown;
    const char *text = info->meta_text.ptr, *end = text + info->meta_text.len;
    for (size_t i = 0; i < count; i++) {
        info->meta[i] = text < end ? text : "";
        text += text < end ? strlen(text) + 1 : 0;
    }
    return 0;
}

int cdb_version_info_read(struct cdb_version_info *info, struct cdb_repo *repo, const struct cdb_oid *oid,
                          chrondb_time time, chrondb_version_info *out)
{
    struct cdb_commit commit;
    int result = cdb_commit_read(repo->objects, oid, &info->content, &commit);
    if (result != 0)
        return result;
    cdb_oid_format(oid, info->commit);
    cdb_buf_clear(&info->author);
    cdb_buf_clear(&info->committer);
    cdb_buf_clear(&info->message);
    add_text(&info->author, commit.author, commit.author_len);
    add_text(&info->committer, commit.committer, commit.committer_len);
    add_text(&info->message, commit.message, commit.message_len);
    result = read_meta(info, &commit);
    if (result == 0 && (info->author.failed || info->committer.failed || info->message.failed))
        result = cdb_error_memory();
    memset(out, 0, sizeof(*out));
    out->commit = info->commit;
    out->time = time;
    out->author = cdb_buf_str(&info->author);
    out->committer = cdb_buf_str(&info->committer);
    out->message = cdb_buf_str(&info->message);
    out->meta = info->meta;
    out->meta_count = info->meta_count;
    return result;
}
