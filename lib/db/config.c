/* SPDX-License-Identifier: MIT
 * The settings of a database: which there are, what they may be, and where they stand. */
#include "db/config.h"

#include <string.h>

#include "db/handle.h"
#include "db/wait.h"
#include "store/config.h"
#include "store/refedit.h"
#include "store/refs.h"
#include "text/analyzer.h"
#include "util/error.h"

#define SEARCH_LANGUAGE "search.language"
#define DEFAULT_BRANCH  "main"

/* ---- the table --------------------------------------------------------------------------------- */

struct setting {
    const char *name;
    const char *variable; /* as git calls it */
    const char *default_value;
    const char *description;
    bool (*is_allowed)(const char *value, size_t len);
    void (*add_allowed)(struct cdb_buf *out); /* append what may be, in words: "one of a, b" */
    /* NULL: it is the variable. As cdb_config_read and cdb_config_write. */
    int (*read)(const chrondb *db, struct cdb_buf *out);
    int (*write)(chrondb *db, const char *value, int timeout_ms, enum cdb_config_change *done);
};

static bool is_language(const char *value, size_t len)
{
    for (const char *const *name = cdb_analyzer_languages(); *name != NULL; name++)
        if (strlen(*name) == len && memcmp(*name, value, len) == 0)
            return true;
    return false;
}

static void add_languages(struct cdb_buf *out)
{
    const char *lead = "one of ";
    for (const char *const *name = cdb_analyzer_languages(); *name != NULL; name++) {
        cdb_buf_addf(out, "%s%s", lead, *name);
        lead = ", ";
    }
}

static bool is_branch(const char *value, size_t len)
{
    struct cdb_buf ref = CDB_BUF_INIT;
    bool valid = strlen(value) == len && cdb_ref_new_name(CDB_HEADS, "branch", value, &ref) == 0;
    if (!valid)
        cdb_error_clear();
    cdb_buf_release(&ref);
    return valid;
}

static void add_branches(struct cdb_buf *out)
{
    cdb_buf_adds(out, "the name of a branch");
}

/* Where HEAD names no branch: nothing, which is not allowed. 1: the default. */
static int read_branch(const chrondb *db, struct cdb_buf *out)
{
    struct cdb_buf target = CDB_BUF_INIT;
    cdb_buf_clear(out);
    int result = cdb_ref_target(db->repo->dir, "HEAD", &target);
    if (result == 1 && strncmp(target.ptr, CDB_HEADS, strlen(CDB_HEADS)) == 0)
        cdb_buf_adds(out, target.ptr + strlen(CDB_HEADS));
    cdb_buf_release(&target);
    if (result < 0 && result != CHRONDB_EDAMAGED)
        return result;
    cdb_error_clear();
    result = cdb_buf_check(out);
    return result == 0 && strcmp(cdb_buf_str(out), DEFAULT_BRANCH) == 0 ? 1 : result;
}

static int check_branch(chrondb *db, const char *value, struct cdb_buf *ref)
{
    struct cdb_oid oid;
    int result = cdb_ref_new_name(CDB_HEADS, "branch", value, ref);
    if (result != 0 || cdb_repo_ref(db->repo, ref->ptr, &oid) != 1 || !cdb_ref_any_branch(db->repo->dir))
        return result;
    return cdb_error(CHRONDB_EUSAGE, "no_branch", "there is no branch '%s'; 'chrondb branch %s' creates it",
                     ref->ptr + strlen(CDB_HEADS), ref->ptr + strlen(CDB_HEADS));
}

static int write_branch(chrondb *db, const char *value, int timeout_ms, enum cdb_config_change *done)
{
    struct cdb_buf ref = CDB_BUF_INIT, before = CDB_BUF_INIT;
    struct cdb_ref_edit edit = {.timeout_ms = timeout_ms};
    bool was_set = read_branch(db, &before) == 0;
    int result = check_branch(db, value != NULL ? value : DEFAULT_BRANCH, &ref);
    edit.ref = ref.ptr;
    if (result == 0)
        result = cdb_ref_set_head(db->repo, &edit);
    if (result == 0)
        *done = edit.outcome == CDB_REF_UNCHANGED ? CDB_CONFIG_UNCHANGED
                : value == NULL                   ? CDB_CONFIG_REMOVED
                : was_set                         ? CDB_CONFIG_UPDATED
                                                  : CDB_CONFIG_CREATED;
    cdb_buf_release(&before);
    cdb_buf_release(&ref);
    return result;
}

/* A name must not be that of a subcommand of `chrondb config`: get, set, unset, list. */
static const struct setting settings[] = {
    {"branch", "HEAD", DEFAULT_BRANCH, "the branch that commands use", is_branch, add_branches, read_branch,
     write_branch},
    {SEARCH_LANGUAGE, "chrondb.search.language", "english", "the language that texts are in", is_language,
     add_languages, NULL, NULL},
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int unknown(const char *name)
{
    struct cdb_buf quoted = CDB_BUF_INIT, known = CDB_BUF_INIT;
    cdb_buf_add_quoted(&quoted, name, strlen(name));
    for (size_t i = 0; i < SETTINGS; i++)
        cdb_buf_addf(&known, "%s%s", i > 0 ? ", " : "", settings[i].name);
    int result = cdb_error(CHRONDB_EUSAGE, "unknown_setting", "no such setting %s; there is %s", cdb_buf_str(&quoted),
                           cdb_buf_str(&known));
    cdb_buf_release(&quoted);
    cdb_buf_release(&known);
    return result;
}

static int find(const char *name, const struct setting **out)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (strcmp(settings[i].name, name) == 0) {
            *out = &settings[i];
            return 0;
        }
    return unknown(name);
}

/* ---- values ------------------------------------------------------------------------------------ */

/* "'VALUE': it must be one of ..." */
static void describe(struct cdb_buf *out, const struct setting *setting, const char *value, size_t len)
{
    cdb_buf_add_quoted(out, value, len);
    cdb_buf_adds(out, ": it must be ");
    setting->add_allowed(out);
}

static int refuse(const struct setting *setting, const char *value)
{
    struct cdb_buf text = CDB_BUF_INIT;
    describe(&text, setting, value, strlen(value));
    int result = cdb_error(CHRONDB_EUSAGE, "invalid_value", "cannot set '%s' to %s", setting->name, cdb_buf_str(&text));
    cdb_buf_release(&text);
    return result;
}

/* Somebody has written into the file what may not be there. */
static int complain(const chrondb *db, const struct setting *setting, const struct cdb_buf *value)
{
    struct cdb_buf text = CDB_BUF_INIT;
    describe(&text, setting, cdb_buf_str(value), value->len);
    int result = cdb_error(CHRONDB_EDAMAGED, "invalid_config",
                           "in '%s/" CDB_CONFIG_PATH "' %s is %s; 'chrondb config set %s VALUE' corrects it",
                           db->repo->path, setting->variable, cdb_buf_str(&text), setting->name);
    cdb_error_set_path(CDB_CONFIG_PATH);
    cdb_buf_release(&text);
    return result;
}

static int complain_of_head(const chrondb *db)
{
    int result = cdb_error(CHRONDB_EDAMAGED, "invalid_config",
                           "'%s/HEAD' names no branch; 'chrondb config set branch NAME' corrects it", db->repo->path);
    cdb_error_set_path("HEAD");
    return result;
}

/* What is in effect. *set: by the file; then it may be anything. 0, or an error. */
static int read_setting(const chrondb *db, const struct setting *setting, struct cdb_buf *out, bool *set)
{
    int result = setting->read != NULL ? setting->read(db, out) : cdb_config_read(db->repo, setting->variable, out);
    *set = result == 0;
    if (result == 1) {
        cdb_buf_clear(out);
        cdb_buf_adds(out, setting->default_value);
        result = cdb_buf_check(out);
    }
    return result;
}

static int read_checked(const chrondb *db, const struct setting *setting, struct cdb_buf *out)
{
    bool set;
    int result = read_setting(db, setting, out, &set);
    if (result == 0 && set && !setting->is_allowed(cdb_buf_str(out), out->len))
        result = setting->read != NULL ? complain_of_head(db) : complain(db, setting, out);
    return result;
}

int cdb_config_language(chrondb *db, struct cdb_buf *out)
{
    const struct setting *setting;
    int result = find(SEARCH_LANGUAGE, &setting);
    return result == 0 ? read_checked(db, setting, out) : result;
}

/* ---- the public functions ---------------------------------------------------------------------- */

int chrondb_config_get(chrondb *db, const char *name, chrondb_buffer *value)
{
    if (db == NULL || name == NULL || value == NULL)
        return cdb_error_null();
    const struct setting *setting;
    struct cdb_buf text = CDB_BUF_INIT;
    value->size = 0;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = find(name, &setting);
    if (result == 0)
        result = read_checked(db, setting, &text);
    if (result == 0)
        result = cdb_buffer_set(value, cdb_buf_str(&text), text.len);
    cdb_buf_release(&text);
    return result;
}

static int write_setting(chrondb *db, const struct setting *setting, const char *value, int lock_timeout_ms,
                         enum chrondb_status *status)
{
    static const enum chrondb_status words[] = {[CDB_CONFIG_UNCHANGED] = CHRONDB_UNCHANGED,
                                                [CDB_CONFIG_CREATED] = CHRONDB_CREATED,
                                                [CDB_CONFIG_UPDATED] = CHRONDB_UPDATED,
                                                [CDB_CONFIG_REMOVED] = CHRONDB_DELETED};
    enum cdb_config_change change = CDB_CONFIG_UNCHANGED;
    int wait_ms = cdb_lock_wait(lock_timeout_ms);
    int result = setting->write != NULL ? setting->write(db, value, wait_ms, &change)
                                        : cdb_config_write(db->repo, setting->variable, value, wait_ms, &change);
    if (result == 0 && status != NULL)
        *status = words[change];
    if (result != 0)
        cdb_error_context("cannot %s '%s'", value != NULL ? "set" : "unset", setting->name);
    return result;
}

int chrondb_config_set(chrondb *db, const char *name, const char *value, int lock_timeout_ms,
                       enum chrondb_status *status)
{
    if (db == NULL || name == NULL || value == NULL)
        return cdb_error_null();
    const struct setting *setting = NULL;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = find(name, &setting);
    if (result == 0 && !setting->is_allowed(value, strlen(value)))
        result = refuse(setting, value);
    return result == 0 ? write_setting(db, setting, value, lock_timeout_ms, status) : result;
}

int chrondb_config_unset(chrondb *db, const char *name, int lock_timeout_ms, enum chrondb_status *status)
{
    if (db == NULL || name == NULL)
        return cdb_error_null();
    const struct setting *setting = NULL;
    int result = cdb_enter(db->repo);
    if (result == 0)
        result = find(name, &setting);
    return result == 0 ? write_setting(db, setting, NULL, lock_timeout_ms, status) : result;
}

int chrondb_config_list(chrondb *db, int (*each)(void *context, const chrondb_setting *setting), void *context)
{
    if (db == NULL || each == NULL)
        return cdb_error_null();
    struct cdb_buf text = CDB_BUF_INIT;
    int result = cdb_enter(db->repo);
    for (size_t i = 0; i < SETTINGS && result == 0; i++) {
        const struct setting *setting = &settings[i];
        bool set;
        result = read_setting(db, setting, &text, &set);
        if (result != 0)
            break;
        chrondb_setting told = {.name = setting->name,
                                .value = cdb_buf_str(&text),
                                .default_value = setting->default_value,
                                .description = setting->description,
                                .is_set = set,
                                .is_valid = setting->is_allowed(cdb_buf_str(&text), text.len)};
        result = each(context, &told);
    }
    cdb_buf_release(&text);
    return result;
}
