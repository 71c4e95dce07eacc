/* SPDX-License-Identifier: MIT
 * Import: lines are checked and put together to commits here; documents go through the pipeline (hashed and deflated on
 * all processors) to the window, which makes the commits and publishes them. */
#include <stdlib.h>
#include <string.h>

#include "db/base.h"
#include "db/handle.h"
#include "db/line.h"
#include "db/pipeline.h"
#include "db/resume.h"
#include "db/stamp.h"
#include "db/wait.h"
#include "db/window.h"
#include "store/key.h"
#include "store/objects.h"
#include "util/error.h"
#include "util/options.h"
#include "util/time.h"

#define PUBLISHED_PACKS 12    /* so many windows, and packs are merged in between */
#define INDEX_AT_ONCE   10000 /* so many changes, and the index of words is brought up to date at the end */
#define INDEX_WAIT_MS   5000
#define MANY_LINES      100000 /* so many, and what single writes will need is made beforehand */

struct chrondb_import {
    chrondb *db;
    chrondb_import_options options;
    struct cdb_window_options window_options;
    struct cdb_window *window;
    struct cdb_pipeline *pipeline;
    struct cdb_resume resume;
    struct cdb_progress_mark skip; /* what an interrupted import had done: passed over */
    struct cdb_progress_mark made; /* the lines of the last commit that was made */
    struct cdb_line line;
    struct cdb_buf ref, author, committer, what;
    bool started, ended;
    int failed;
    /* The commit whose lines come in. */
    uint64_t group_lines;
    bool group_named;
    struct cdb_buf group, group_author, group_message, group_meta;
    struct cdb_commit_facts facts;
    bool has_floor;
    int64_t floor; /* the second before which the next line's time must not be */
    uint64_t lines, resumed, durable_lines, publishings;
};

/* ---- publishing -------------------------------------------------------------------------------- */

static int note(void *context, const struct cdb_oid *head)
{
    chrondb_import *import = context;
    return cdb_resume_note(&import->resume, &import->made, head);
}

static int publish(chrondb_import *import)
{
    int result = cdb_window_publish(import->window, note, import);
    if (result != 0)
        return result;
    import->durable_lines = import->made.lines;
    if (++import->publishings % PUBLISHED_PACKS == 0)
        (void)cdb_maintain(import->db->repo); /* what could not be merged now can be later */
    return 0;
}

static int take(void *context, const struct cdb_step *step)
{
    chrondb_import *import = context;
    int result = cdb_window_take(import->window, step);
    if (result != 0 || step->kind != CDB_STEP_COMMIT)
        return result;
    import->made.lines = step->facts.lines;
    import->made.bytes = step->facts.bytes;
    import->made.sum = step->facts.sum;
    return cdb_window_due(import->window) ? publish(import) : 0;
}

/* ---- opening ----------------------------------------------------------------------------------- */

static int check_options(chrondb_import *import)
{
    const chrondb_import_options *options = &import->options;
    if (options->mode == CHRONDB_IMPORT_EVERY && options->every == 0)
        return cdb_error(CHRONDB_EUSAGE, "usage", "a commit needs at least one line");
    const chrondb_write_options write = {.message = options->message,
                                         .author = options->author,
                                         .meta = options->meta,
                                         .meta_count = options->meta_count};
    struct cdb_stamp stamp = {.repo = import->db->repo, .options = &write};
    int result = cdb_stamp_prepare(&stamp);
    import->author = stamp.author; /* to be released */
    import->committer = stamp.committer;
    return result;
}

static int open_window(chrondb_import *import)
{
    import->window_options =
        (struct cdb_window_options){.ref = import->ref.ptr,
                                    .author = cdb_buf_str(&import->author),
                                    .committer = cdb_buf_str(&import->committer),
                                    .message = import->options.message,
                                    .meta = import->options.meta,
                                    .meta_count = import->options.meta_count,
                                    .lock_timeout_ms = cdb_lock_wait(import->options.lock_timeout_ms),
                                    .versions = import->options.mode != CHRONDB_IMPORT_ONE};
    int result = cdb_window_new(&import->window, import->db, &import->window_options);
    if (result != 0)
        return result;
    import->has_floor = !cdb_oid_is_zero(cdb_window_head(import->window));
    import->floor = cdb_window_time(import->window).seconds;
    return cdb_pipeline_new(&import->pipeline, take, import);
}

int chrondb_import_open(chrondb_import **out, chrondb *db, const chrondb_import_options *options)
{
    if (out == NULL || db == NULL)
        return cdb_error_null();
    int result = cdb_enter(db->repo);
    if (result != 0)
        return result;
    chrondb_import *import = calloc(1, sizeof(*import));
    if (import == NULL)
        return cdb_error_memory();
    import->db = db;
    result = cdb_options_read(&import->options, sizeof(import->options), options, "chrondb_import_options");
    if (result == 0)
        result = check_options(import);
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_branch_resolve(db, import->options.branch, &import->ref);
    if (result == 0)
        result = open_window(import);
    if (result == 0) {
        cdb_buf_addf(&import->what, "%s %d %llu", import->ref.ptr, (int)import->options.mode,
                     (unsigned long long)import->options.every);
        result = cdb_buf_check(&import->what);
    }
    if (result != 0) {
        chrondb_import_free(import);
        return result;
    }
    cdb_resume_init(&import->resume, db->repo, import->what.ptr);
    *out = import;
    return 0;
}

void chrondb_import_free(chrondb_import *import)
{
    if (import == NULL || !cdb_is_ours(import->db->repo))
        return;
    cdb_pipeline_free(import->pipeline);
    cdb_window_free(import->window);
    cdb_line_release(&import->line);
    struct cdb_buf *buffers[] = {&import->ref,   &import->author,       &import->committer,     &import->what,
                                 &import->group, &import->group_author, &import->group_message, &import->group_meta};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        cdb_buf_release(buffers[i]);
    free(import);
}

/* ---- commits ----------------------------------------------------------------------------------- */

/* The lines so far, up to `mark`, are a commit. */
static int close_group(chrondb_import *import, const struct cdb_progress_mark *mark)
{
    struct cdb_commit_facts *facts = &import->facts;
    if (import->group_lines == 0)
        return 0;
    facts->lines = mark->lines;
    facts->bytes = mark->bytes;
    facts->sum = mark->sum;
    facts->author = facts->author != NULL ? cdb_buf_str(&import->group_author) : NULL;
    facts->message = facts->message != NULL ? cdb_buf_str(&import->group_message) : NULL;
    facts->meta = import->group_meta.len > 0 ? import->group_meta.ptr : NULL;
    facts->meta_len = import->group_meta.len;
    int64_t second = facts->has_time ? facts->time.seconds : cdb_time_now().seconds;
    if (!import->has_floor || second > import->floor)
        import->floor = second;
    import->has_floor = true;
    int result = cdb_pipeline_commit(import->pipeline, facts);
    memset(facts, 0, sizeof(*facts));
    cdb_buf_clear(&import->group_meta);
    import->group_lines = 0;
    return result;
}

/* What a line says of its commit. */
static int add_facts(chrondb_import *import)
{
    const struct cdb_line *line = &import->line;
    struct cdb_commit_facts *facts = &import->facts;
    if (line->has_time) {
        facts->has_time = true;
        facts->time = line->time;
    }
    if (line->has_author) {
        cdb_buf_clear(&import->group_author);
        cdb_buf_add(&import->group_author, cdb_buf_str(&line->author), line->author.len);
        facts->author = "";
    }
    if (line->has_message) {
        cdb_buf_clear(&import->group_message);
        cdb_buf_add(&import->group_message, cdb_buf_str(&line->message), line->message.len);
        facts->message = "";
    }
    if (line->meta.len > 0) {
        cdb_buf_clear(&import->group_meta);
        cdb_buf_add(&import->group_meta, line->meta.ptr, line->meta.len);
    }
    facts->empty_too = facts->empty_too || line->op == CDB_LINE_NONE;
    bool failed = import->group_author.failed || import->group_message.failed || import->group_meta.failed;
    return failed ? cdb_error_memory() : 0;
}

static bool same_group(const chrondb_import *import)
{
    const struct cdb_line *line = &import->line;
    if (import->options.mode == CHRONDB_IMPORT_ONE)
        return true;
    return import->group_named == line->has_group && import->group.len == line->group.len &&
           memcmp(cdb_buf_str(&import->group), cdb_buf_str(&line->group), line->group.len) == 0;
}

static int begin_group(chrondb_import *import)
{
    const struct cdb_line *line = &import->line;
    import->group_named = line->has_group;
    cdb_buf_clear(&import->group);
    cdb_buf_add(&import->group, cdb_buf_str(&line->group), line->group.len);
    return cdb_buf_check(&import->group);
}

/* Does the commit end with this line, whatever comes? */
static bool group_is_full(const chrondb_import *import)
{
    if (import->group_named)
        return false;
    return import->options.mode == CHRONDB_IMPORT_EACH ||
           (import->options.mode == CHRONDB_IMPORT_EVERY && import->group_lines >= import->options.every);
}

/* ---- lines ------------------------------------------------------------------------------------- */

/* Time does not run backwards along a branch; whole seconds are compared, as in other writes. */
static int check_time(const chrondb_import *import, bool new_group)
{
    const struct cdb_line *line = &import->line;
    char text[CHRONDB_TIME_SIZE], other[CHRONDB_TIME_SIZE];
    if (!line->has_time || import->options.force_time)
        return 0;
    int64_t floor = import->floor;
    bool has_floor = import->has_floor;
    if (new_group && import->group_lines > 0 && import->facts.has_time &&
        (!has_floor || import->facts.time.seconds > floor)) {
        floor = import->facts.time.seconds;
        has_floor = true;
    }
    chrondb_time_format(line->time, text);
    if (cdb_time_compare(line->time, cdb_time_now()) > 0)
        return cdb_error(CHRONDB_EUSAGE, "invalid_time",
                         "cannot write at time %s: it is in the future (--force writes it all the same)", text);
    if (!has_floor || line->time.seconds >= floor)
        return 0;
    chrondb_time_format((chrondb_time){floor, 0}, other);
    return cdb_error(CHRONDB_EUSAGE, "invalid_time",
                     "cannot write at time %s: the commit before it is of %s (--force writes behind it)", text, other);
}

/* Is it the input whose import was interrupted? */
static int start(chrondb_import *import, const char *line, size_t size)
{
    import->started = true;
    if (import->options.restart)
        return 0;
    int result =
        cdb_resume_find(&import->resume, cdb_window_head(import->window), cdb_resume_first(line, size), &import->skip);
    return result < 0 ? result : 0;
}

static int pass_over(chrondb_import *import, const char *line, size_t size)
{
    cdb_resume_count(&import->resume, line, size);
    import->resumed++;
    if (import->resume.now.lines < import->skip.lines)
        return 0;
    if (import->resume.now.sum == import->skip.sum && import->resume.now.bytes == import->skip.bytes) {
        import->made = import->resume.now;
        import->durable_lines = import->resume.now.lines;
        return 0;
    }
    return cdb_error(
        CHRONDB_ECONFLICT, "not_resumable",
        "an import of this kind was interrupted after %llu lines, and these begin like its lines but differ "
        "further on: give those again, or begin anew with --restart",
        (unsigned long long)import->skip.lines);
}

static int add_line(chrondb_import *import, const struct cdb_progress_mark *before)
{
    const struct cdb_line *line = &import->line;
    int result = same_group(import) ? 0 : close_group(import, before);
    if (result == 0 && import->group_lines == 0)
        result = begin_group(import);
    if (result == 0)
        result = add_facts(import);
    if (result == 0 && line->op == CDB_LINE_PUT)
        result =
            cdb_pipeline_put(import->pipeline, cdb_buf_str(&line->key), line->key.len, line->value, line->value_len);
    else if (result == 0 && line->op == CDB_LINE_DELETE)
        result = cdb_pipeline_delete(import->pipeline, cdb_buf_str(&line->key), line->key.len);
    import->group_lines++;
    import->lines++;
    if (result == 0 && group_is_full(import))
        result = close_group(import, &import->resume.now);
    return result;
}

static int fail(chrondb_import *import, int result)
{
    if (result != 0)
        import->failed = result;
    return result;
}

static int check_usable(const chrondb_import *import)
{
    if (import->failed != 0 || import->ended)
        return cdb_error(CHRONDB_EUSAGE, "usage", "the import has ended");
    return 0;
}

int chrondb_import_line(chrondb_import *import, const char *line, size_t size)
{
    if (import == NULL || line == NULL)
        return cdb_error_null();
    int result = cdb_enter(import->db->repo);
    if (result == 0)
        result = check_usable(import);
    while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
        size--;
    if (result == 0 && !import->started)
        result = fail(import, start(import, line, size));
    if (result != 0)
        return result;
    if (import->resume.now.lines < import->skip.lines)
        return fail(import, pass_over(import, line, size));
    struct cdb_progress_mark before = import->resume.now;
    cdb_resume_count(&import->resume, line, size);
    result = cdb_line_parse(&import->line, line, size);
    if (result == 0)
        result = check_time(import, !same_group(import));
    if (result == CHRONDB_EINVALID || result == CHRONDB_EUSAGE)
        return result;
    return fail(import, result == 0 ? add_line(import, &before) : result);
}

/* ---- the end ----------------------------------------------------------------------------------- */

/* A large import leaves the index as others shall find it: all processors build it, and large segments at once.
 * Whatever happens, the import is done. */
static void bring_up_index(chrondb_import *import)
{
    const struct cdb_window_counts *counts = cdb_window_counts(import->window);
    if (import->options.no_index != 0 || counts->puts + counts->deletes < INDEX_AT_ONCE)
        return;
    if (cdb_db_index_bring_up(import->db, import->ref.ptr, INDEX_WAIT_MS, import->options.progress,
                              import->options.progress_context) != 0)
        cdb_db_index_set_due(import->db);
    cdb_error_clear();
}

int chrondb_import_finish(chrondb_import *import)
{
    if (import == NULL)
        return cdb_error_null();
    int result = cdb_enter(import->db->repo);
    if (result == 0)
        result = check_usable(import);
    if (result != 0)
        return result;
    if (import->resume.now.lines < import->skip.lines)
        result =
            cdb_error(CHRONDB_ECONFLICT, "not_resumable",
                      "an import of this kind was interrupted after %llu lines, these begin like its lines but are "
                      "fewer: give those again, or begin anew with --restart",
                      (unsigned long long)import->skip.lines);
    if (result == 0)
        result = close_group(import, &import->resume.now);
    if (result == 0)
        result = cdb_pipeline_drain(import->pipeline);
    import->ended = true;
    if (result == 0)
        result = publish(import);
    if (result == 0) {
        import->durable_lines = import->resume.now.lines;
        cdb_resume_clear(&import->resume);
        bring_up_index(import);
        if (import->lines >= MANY_LINES)
            cdb_loose_prepare(import->db->repo->dir);
        cdb_helper_wake(import->db);
    }
    return fail(import, result);
}

int chrondb_import_stop(chrondb_import *import)
{
    if (import == NULL)
        return cdb_error_null();
    int result = cdb_enter(import->db->repo);
    if (result == 0)
        result = check_usable(import);
    if (result == 0)
        result = cdb_pipeline_drain(import->pipeline);
    if (result == 0)
        result = publish(import);
    import->ended = true;
    return result;
}

void chrondb_import_get_report(const chrondb_import *import, chrondb_import_report *report)
{
    if (import == NULL || report == NULL)
        return;
    const struct cdb_window_counts *counts = cdb_window_counts(import->window);
    chrondb_import_report known = {.lines = import->lines,
                                   .resumed = import->resumed,
                                   .durable_lines = import->durable_lines,
                                   .commits = counts->commits,
                                   .puts = counts->puts,
                                   .deletes = counts->deletes};
    if (!cdb_oid_is_zero(cdb_window_head(import->window)))
        cdb_oid_format(cdb_window_head(import->window), known.head);
    cdb_report_write(report, &known, sizeof(known));
}
