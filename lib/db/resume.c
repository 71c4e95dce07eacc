/* SPDX-License-Identifier: MIT */
#include "db/resume.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/scratch.h"
#include "store/timeline.h"
#include "util/array.h"
#include "util/error.h"
#include "util/fs.h"

#define HEADER          "chrondb import 1\n"
#define SIZE_MAX_RECORD 512

void cdb_resume_init(struct cdb_resume *resume, struct cdb_repo *repo, const char *what)
{
    memset(resume, 0, sizeof(*resume));
    resume->repo = repo;
    snprintf(resume->path, sizeof(resume->path), "chrondb/resume-%016" PRIx64, cdb_bytes_hash(what, strlen(what)));
}

static uint64_t sum(uint64_t before, const char *text, size_t len)
{
    uint32_t crc = libdeflate_crc32((uint32_t)(before >> 32), text, len);
    return (uint64_t)crc << 32 | libdeflate_adler32((uint32_t)before, text, len);
}

uint64_t cdb_resume_first(const char *line, size_t len)
{
    return sum(1, line, len);
}

void cdb_resume_count(struct cdb_resume *resume, const char *line, size_t len)
{
    if (resume->now.lines++ == 0)
        resume->first = cdb_resume_first(line, len);
    resume->now.bytes += len;
    resume->now.sum = sum(resume->now.sum + resume->now.bytes, line, len);
}

static bool parse_mark(const char *text, struct cdb_progress_mark *out)
{
    char hex[CDB_OID_HEX + 1];
    return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNx64 " %40[0-9a-f]", &out->lines, &out->bytes, &out->sum, hex) ==
               4 &&
           cdb_oid_parse(hex, &out->head);
}

/* What cannot be read is as good as absent: then the import begins with the first line. */
static bool read_record(struct cdb_resume *resume, uint64_t *first, struct cdb_progress_mark marks[2])
{
    struct cdb_buf text = CDB_BUF_INIT;
    bool good = cdb_fs_read(resume->repo->dir, resume->path, SIZE_MAX_RECORD, &text) == 0 &&
                strncmp(cdb_buf_str(&text), HEADER, strlen(HEADER)) == 0;
    const char *line = good ? text.ptr + strlen(HEADER) : NULL;
    good = good && sscanf(line, "%" SCNx64, first) == 1;
    for (int i = 0; i < 2; i++) {
        line = line != NULL ? strchr(line, '\n') : NULL;
        line = line != NULL ? line + 1 : NULL;
        if (!good || line == NULL || !parse_mark(line, &marks[i]))
            memset(&marks[i], 0, sizeof(marks[i]));
    }
    cdb_buf_release(&text);
    cdb_error_clear();
    return good;
}

int cdb_resume_find(struct cdb_resume *resume, const struct cdb_oid *head, uint64_t first,
                    struct cdb_progress_mark *out)
{
    struct cdb_progress_mark marks[2];
    uint64_t noted_first = 0;
    if (!cdb_fs_exists(resume->repo->dir, resume->path) || cdb_oid_is_zero(head) ||
        !read_record(resume, &noted_first, marks) || noted_first != first)
        return 1;
    for (int i = 1; i >= 0; i--) {
        bool contained = false;
        if (marks[i].lines == 0)
            continue;
        int result = cdb_timeline_contains(resume->repo->objects, head, &marks[i].head, &contained);
        if (result == CHRONDB_ESYSTEM)
            return result;
        if (result != 0 || !contained)
            continue;
        *out = resume->noted[1] = marks[i];
        return 0;
    }
    return 1;
}

int cdb_resume_note(struct cdb_resume *resume, const struct cdb_progress_mark *mark, const struct cdb_oid *head)
{
    struct cdb_buf text = CDB_BUF_INIT;
    char hex[CDB_OID_HEX + 1];
    int dir = resume->repo->dir;
    resume->noted[0] = resume->noted[1];
    resume->noted[1] = *mark;
    resume->noted[1].head = *head;
    cdb_buf_addf(&text, HEADER "%" PRIx64 "\n", resume->first);
    for (int i = 0; i < 2; i++) {
        const struct cdb_progress_mark *noted = &resume->noted[i];
        cdb_oid_format(&noted->head, hex);
        cdb_buf_addf(&text, "%" PRIu64 " %" PRIu64 " %" PRIx64 " %s\n", noted->lines, noted->bytes, noted->sum, hex);
    }
    int result = cdb_buf_check(&text);
    if (result == 0)
        result = cdb_fs_write_file(dir, CDB_RESUME_TEMPORARY, text.ptr, text.len, true);
    if (result == 0 && renameat(dir, CDB_RESUME_TEMPORARY, dir, resume->path) != 0)
        result = cdb_error_errno(resume->path, "cannot write '%s'", resume->path);
    if (result == 0)
        result = cdb_fs_sync_dir(dir, "chrondb");
    cdb_buf_release(&text);
    return result;
}

void cdb_resume_clear(struct cdb_resume *resume)
{
    unlinkat(resume->repo->dir, resume->path, 0);
}
