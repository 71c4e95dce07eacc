/* SPDX-License-Identifier: MIT */
#include "db/handle.h"
#include "db/index.h"
#include "db/progress.h"
#include "store/maintenance.h"
#include "util/error.h"
#include "util/options.h"

#define WAIT_MS 60000

struct telling {
    chrondb_progress progress;
    void *context;
};

static int tell(void *context, const char *phase, uint64_t done, uint64_t total)
{
    const struct telling *telling = context;
    return cdb_progress_tell(telling->progress, telling->context, phase, done, total);
}

static void fill(chrondb_gc_report *out, const struct cdb_gc_report *sizes)
{
    chrondb_gc_report report = {.objects = sizes->after.packed + sizes->after.loose,
                                .packs_before = sizes->before.packs,
                                .packs_after = sizes->after.packs,
                                .loose_before = sizes->before.loose,
                                .loose_after = sizes->after.loose,
                                .bytes_before = sizes->before.bytes,
                                .bytes_after = sizes->after.bytes};
    cdb_report_write(out, &report, sizeof(report));
}

int chrondb_gc(chrondb *db, chrondb_progress progress, void *context, chrondb_gc_report *report)
{
    if (db == NULL)
        return cdb_error_null();
    struct telling telling = {progress, context};
    struct cdb_gc_report sizes = {.before = {0}};
    int result = cdb_enter(db->repo);
    if (result == 0 && report != NULL)
        result = cdb_report_check(report, "chrondb_gc_report");
    if (result == 0)
        result = cdb_repo_attend(db->repo);
    if (result == 0)
        result = cdb_gc(db->repo, WAIT_MS, tell, &telling, &sizes);
    if (result != 0)
        return result;
    if (report != NULL)
        fill(report, &sizes);
    result = cdb_db_index_maintain(db, true, progress, context);
    if (result == CHRONDB_EBUSY) /* cancelled */
        return result;
    if (result != 0) { /* everything works without it */
        cdb_repo_notice(db->repo, CHRONDB_NOTE, "the index was not brought up to date: %s",
                        chrondb_last_error()->message);
        cdb_error_clear();
    }
    return 0;
}
