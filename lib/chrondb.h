/* SPDX-License-Identifier: MIT
 *
 * chrondb.h: a key/value database of JSON documents that never forgets.
 *
 * A database is a bare git repository. Every write is a commit, so every past state can be read.
 *
 * CONVENTIONS
 *
 * Results.   Functions return 0 (CHRONDB_OK), a positive answer (CHRONDB_NOTFOUND, CHRONDB_END) or
 *            a negative CHRONDB_E* code. After a negative code, and after CHRONDB_NOTFOUND (name "not_found"),
 *            chrondb_last_error() says why, in the thread that made the call. Through a `T **out` nothing
 *            is stored unless the result is 0.
 * Strings.   `const char *` without a size beside it is NUL-terminated UTF-8; paths of files are what the system has,
 *            any bytes. Documents are bytes with a size; they need no terminator. What is given is copied, or needed
 *            during the call only, where nothing else is said.
 * Keys.      1 or more bytes of valid UTF-8, "table:id" split at the first ':', or no ':' at all. Neither the
 *            table nor the id may be empty. An encoded table or id (see chrondb-format(5)) has at most
 *            255 bytes. A malformed key is CHRONDB_EUSAGE, name "invalid_key".
 * Documents. One JSON value (RFC 8259), at most CHRONDB_MAX_DOCUMENT bytes, nested at most
 *            CHRONDB_MAX_DEPTH deep. Otherwise CHRONDB_EINVALID, name "invalid_json", with line and column.
 * WHEN.      A moment, as text: see "Time" in chrondb(1). Unknown or ambiguous: CHRONDB_EUSAGE, name
 *            "invalid_time".
 * Ownership. What a function returns through a `T **out` is the caller's, to be given to the T's _free or
 *            _close function; these accept NULL. `const char *` members of results are borrowed; each
 *            comment says until when.
 * NULL.      Where nothing is said of it, a pointer must not be NULL: that is CHRONDB_EUSAGE, name "usage"; functions
 *            that return no code then say nothing (NULL, 0). No bytes (size 0) need no pointer. Options, conditions,
 *            reports, what a `status` or a last `out` tells on the side, and a progress may be NULL.
 * Structs.   Option structs start with their size: zero the struct, set `size` to sizeof it, set what you
 *            need. Zero means the default everywhere. NULL options are all defaults. A program that was
 *            built with another version of this header may have a shorter or a longer struct: what is
 *            missing is zero; to set what the library does not know, or no size, is CHRONDB_EUSAGE. Reports
 *            that start with their size are filled as far as they go.
 * Threads.   Every function may be called from any thread. One iterator, batch, import, merge, watch or snapshot must
 *            not be used by two threads at once; a snapshot is used by whoever uses what was opened of it. A stack of
 *            256 KiB is enough. The library never prints, exits, aborts on input, changes the environment, the working
 *            directory, or signal handlers.
 * Processes. What other processes write is seen by a handle that stays open, with the next snapshot. After a fork
 *            the child opens anew; there, what the parent had opened is CHRONDB_EUSAGE, name "wrong_process", and
 *            the _free and _close functions leave it alone. The parent goes on as before.
 *
 * ERRORS that any function may return besides those it names: CHRONDB_ESYSTEM ("no_space", "permission_denied",
 * "out_of_memory", "io_error" ...), CHRONDB_EDAMAGED ("damaged": an object of the database is missing or does
 * not parse), CHRONDB_EUSAGE ("usage": a struct's size, a NULL, what cannot be together; "wrong_process").
 */
#ifndef CHRONDB_H
#define CHRONDB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CHRONDB_API __attribute__((visibility("default")))
#else
#define CHRONDB_API
#endif

#define CHRONDB_VERSION      "0.1.0"
#define CHRONDB_MAX_DOCUMENT ((size_t)64 * 1024 * 1024)
#define CHRONDB_MAX_DEPTH    1000
#define CHRONDB_HEX_SIZE     40 /* hexadecimal digits of a commit id */

/* The version of the library that runs, "MAJOR.MINOR.PATCH"; CHRONDB_VERSION is the header's. */
CHRONDB_API const char *chrondb_version(void);

/* ---- errors ------------------------------------------------------------------------------------ */

enum {
    CHRONDB_OK = 0,
    CHRONDB_NOTFOUND = 1,   /* the answer is no: that key is not there */
    CHRONDB_END = 1,        /* an iterator has nothing more */
    CHRONDB_EUSAGE = -2,    /* a malformed key, time, name or argument */
    CHRONDB_ECONFLICT = -3, /* a precondition failed; nothing was written */
    CHRONDB_EINVALID = -4,  /* not a document; nothing was written */
    CHRONDB_EBUSY = -5,     /* a lock was not free in time; try again */
    CHRONDB_ENODB = -6,     /* no database there, or nothing that chrondb may touch */
    CHRONDB_EDAMAGED = -7,  /* data is damaged or unreadable; the message names the object */
    CHRONDB_ESYSTEM = -8    /* I/O, disk full, permissions, memory */
};

/* Why a call failed. All pointers are borrowed, until the same thread's next call into the library. */
typedef struct chrondb_error {
    int code;            /* CHRONDB_E* or CHRONDB_NOTFOUND */
    const char *name;    /* stable, for programs: "invalid_json", "invalid_key", "busy", ... (chrondb-output(5)) */
    const char *message; /* for people: one line, lower case, context first, never empty */
    const char *key;     /* the document it is about, or NULL */
    const char *path;    /* the file or directory it is about, or NULL */
    const char *current; /* after CHRONDB_ECONFLICT: the key's last commit, or NULL when the key is absent */
    size_t line, column; /* 1-based, column in bytes; 0 when there is no position */
} chrondb_error;

/* The last failure in the calling thread; never NULL (code 0 and an empty message if there was none). */
CHRONDB_API const chrondb_error *chrondb_last_error(void);

/* ---- buffers ----------------------------------------------------------------------------------- */

/* Bytes that the library wrote. Zero-initialise; functions replace the content and reuse the memory.
 * `data` is followed by a NUL that `size` does not count. */
typedef struct chrondb_buffer {
    char *data;
    size_t size;
    size_t capacity;
} chrondb_buffer;

CHRONDB_API void chrondb_buffer_free(chrondb_buffer *buffer);

/* ---- time -------------------------------------------------------------------------------------- */

typedef struct chrondb_time {
    int64_t seconds;     /* since 1970-01-01T00:00:00Z, may be negative */
    int32_t nanoseconds; /* 0 .. 999999999 */
} chrondb_time;

#define CHRONDB_TIME_SIZE 40 /* enough for chrondb_time_format */

/* RFC 3339 in UTC with nine digits after the second, "2026-11-21T07:44:00.123456789Z". */
CHRONDB_API void chrondb_time_format(chrondb_time time, char out[CHRONDB_TIME_SIZE]);

/* ---- progress ---------------------------------------------------------------------------------- */

/* Told how far work has come: `done` of `total` (0: not known) steps of `phase`, a few words. Called up to a few
 * hundred times a second. A nonzero result cancels: the function returns CHRONDB_EBUSY "cancelled", everything stays
 * sound. */
typedef int (*chrondb_progress)(void *context, const char *phase, uint64_t done, uint64_t total);

/* ---- open and create --------------------------------------------------------------------------- */

typedef struct chrondb chrondb;

enum {
    CHRONDB_OPEN_CREATE = 1, /* create the database if there is nothing yet, or an empty directory */
    CHRONDB_OPEN_ADOPT = 2,  /* make a bare git repository without chrondb/ a database */
    /* For processes that live long: maintenance that is due after a write or a search is done in a thread of the
     * library's. The last close waits for its end. `notice` may be called from it. */
    CHRONDB_OPEN_MAINTAIN = 4
};

enum { CHRONDB_NOTE = 0, CHRONDB_WARNING = 1 };

typedef struct chrondb_open_options {
    size_t size;
    unsigned flags; /* CHRONDB_OPEN_* */
    /* Told what happened on the side: CHRONDB_WARNING (a clock in the future ...), CHRONDB_NOTE (a recovery,
     * a stale lock removed ...). `text` is borrowed during the call. Must not call into the library. */
    void (*notice)(void *context, int level, const char *text);
    void *notice_context;
    const char *index_path; /* where the derived index is, or NULL: chrondb/index in the database */
} chrondb_open_options;

/* Which database a command means: $CHRONDB_DIR if set, else the nearest ".chrondb" from the working
 * directory upwards, else ".chrondb". Stores the path; returns 0, or CHRONDB_NOTFOUND for the last case. */
CHRONDB_API int chrondb_discover(chrondb_buffer *path);

/* Open the database at `path`; recover it if its last writer died. The same database opened twice in a process,
 * by any spelling of its path, is one shared instance (the first open's notice and index count); close each.
 * Errors: CHRONDB_ENODB (absent, or only begun, and no CREATE: "no_database"; something else is there, or a repository
 * that cannot be adopted: "not_a_database"; a newer format: "unsupported"), CHRONDB_EDAMAGED (the format cannot be
 * read), CHRONDB_EBUSY (who else creates or adopts it does not come to an end), CHRONDB_EUSAGE (the path is empty or
 * too long). */
CHRONDB_API int chrondb_open(chrondb **out, const char *path, const chrondb_open_options *options);

/* Create a database from a bare git repository that somebody else makes: `make` is called with the absolute path where
 * it is to be, and where nothing is yet. It becomes a database as CHRONDB_OPEN_ADOPT makes one of it, and is moved to
 * `path`, where nothing may be but an empty directory, only when it is complete and durable: nobody sees a part of it,
 * and what a crash leaves beside `path` goes with the next creation there. Any result of `make` but 0 ends it and is
 * returned. Of the flags only CHRONDB_OPEN_MAINTAIN counts. Errors: CHRONDB_ENODB ("exists": there is something at
 * `path`, and `make` was not called; "not_a_database": what was made cannot be adopted), CHRONDB_ECONFLICT ("exists":
 * somebody else made a database there meanwhile), CHRONDB_EBUSY. */
CHRONDB_API int chrondb_create_from(chrondb **out, const char *path, const chrondb_open_options *options,
                                    int (*make)(void *context, const char *repository), void *context);

/* Before git commands that write are run on the repository: locks of git that dead ones left (on its configuration, on
 * tags, on what is fetched) are removed, as a write does it, and those of live ones are waited for, as long as
 * `lock_timeout_ms` (of chrondb_write_options) says. What dead ones left of packs that they received goes too. Costs
 * little if there is nothing. CHRONDB_EBUSY. */
CHRONDB_API int chrondb_ready_for_git(chrondb *db, int lock_timeout_ms);

/* Drop one reference; the last one closes, and waits for maintenance that is under way. What was opened of the database
 * must have been freed before. */
CHRONDB_API void chrondb_close(chrondb *db);

/* The database's directory, absolute; borrowed until close. */
CHRONDB_API const char *chrondb_path(const chrondb *db);

/* Was it created or adopted when this process opened it (the first time, if it is open already)? 1 or 0. */
CHRONDB_API int chrondb_was_created(const chrondb *db);

/* Do the maintenance that is due (a checkpoint of the journal into a pack); return 0 also if nothing was. May take
 * seconds; meant for a background process or an idle moment. Writers and readers go on meanwhile. The work is done in a
 * thread of the lowest priority (processor and disk, on Linux); the calling thread, which waits for it, does with its
 * own priority what others have to wait for. */
CHRONDB_API int chrondb_maintain(chrondb *db);

/* Is maintenance due? 1 or 0; costs no system call. */
CHRONDB_API int chrondb_maintenance_due(const chrondb *db);

/* ---- snapshots: the database at one moment ------------------------------------------------------- */

typedef struct chrondb_snapshot chrondb_snapshot;

/* The state of `branch` (NULL: the default branch, what HEAD names) at `when` (NULL: now). What it shows never
 * changes. A branch without commits is an empty database. Errors: CHRONDB_EUSAGE ("invalid_time", "no_branch").
 * A moment before the first commit is an empty database too. */
CHRONDB_API int chrondb_snapshot_open(chrondb_snapshot **out, chrondb *db, const char *branch, const char *when);
CHRONDB_API void chrondb_snapshot_free(chrondb_snapshot *snapshot);

/* The commit that the snapshot shows, in hex; NULL when it is empty. Borrowed from the snapshot. */
CHRONDB_API const char *chrondb_snapshot_commit(const chrondb_snapshot *snapshot);

/* Its effective time; zeros when it is empty. Found when first asked for. */
CHRONDB_API int chrondb_snapshot_time(chrondb_snapshot *snapshot, chrondb_time *time);

/* The document as it was put, byte for byte. Returns 0 or CHRONDB_NOTFOUND (then `value` is empty). */
CHRONDB_API int chrondb_get(chrondb_snapshot *snapshot, const char *key, chrondb_buffer *value);

/* The same without a snapshot of one's own: as of `when` (NULL: now) on `branch`. Errors of both. */
CHRONDB_API int chrondb_get_at(chrondb *db, const char *branch, const char *when, const char *key,
                               chrondb_buffer *value);

/* Is the key there? 0, or CHRONDB_NOTFOUND. */
CHRONDB_API int chrondb_exists(chrondb_snapshot *snapshot, const char *key);

/* Which keys; all that are set must hold. */
typedef struct chrondb_range {
    size_t size;
    const char *prefix; /* keys that start with these bytes */
    const char *table;  /* keys of this table; "" means the keys without a table */
    const char *after;  /* keys behind this one in the order of listing (it need not exist) */
    uint64_t limit;     /* at most so many; 0: all */
    int reverse;        /* descending */
    int keys_only;      /* entries carry no value, no document is read */
} chrondb_range;

typedef struct chrondb_entry {
    const char *key;   /* borrowed until the next call on the iterator */
    const char *value; /* likewise; NULL with keys_only */
    size_t value_size;
} chrondb_entry;

typedef struct chrondb_list chrondb_list;

/* The documents of a range in the order of their keys' bytes. _next: 0, CHRONDB_END, or an error. The snapshot
 * must outlive the iterator. */
CHRONDB_API int chrondb_list_open(chrondb_list **out, chrondb_snapshot *snapshot, const chrondb_range *range);
CHRONDB_API int chrondb_list_next(chrondb_list *list, chrondb_entry *entry);
CHRONDB_API void chrondb_list_free(chrondb_list *list);

/* How many keys are in the range (limit and after count too). */
CHRONDB_API int chrondb_count(chrondb_snapshot *snapshot, const chrondb_range *range, uint64_t *count);

/* Calls `each` for every table in the order of its name's bytes, name "" first for the keys without a table.
 * A nonzero result of `each`, which must not use the snapshot, ends the walk and is returned. */
CHRONDB_API int chrondb_tables(chrondb_snapshot *snapshot,
                               int (*each)(void *context, const char *table, uint64_t count), void *context);

/* ---- writes ------------------------------------------------------------------------------------ */

/* How a write is recorded. */
typedef struct chrondb_write_options {
    size_t size;
    const char *branch;      /* NULL: what HEAD names */
    const char *message;     /* NULL or "": "put user:1", "put 3, delete 1" ... */
    const char *author;      /* "NAME <MAIL>"; NULL: git's rules, else chrondb <chrondb@HOST> */
    const char *const *meta; /* "key=value" each, for Chrondb-Meta trailers */
    size_t meta_count;
    const char *time;    /* WHEN; not before the second of the branch's last commit, not in the future */
    int force_time;      /* allow it all the same (the past still does not change: order is kept) */
    int lock_timeout_ms; /* 0: 30 seconds; < 0: do not wait */
    /* A batch or a single write, on a branch that is not there: let the branch begin with it, empty before, without a
     * past. Else that is "no_branch". CHRONDB_EUSAGE "invalid_name", CHRONDB_ECONFLICT "in_the_way": as for
     * chrondb_branch_create. */
    int create_branch;
} chrondb_write_options;

enum { CHRONDB_IF_ABSENT = 1, CHRONDB_IF_EXISTS = 2 };

/* What must hold for the key, checked under the lock before anything is written; else CHRONDB_ECONFLICT,
 * name "conflict", error.current tells the key's last commit. */
typedef struct chrondb_condition {
    size_t size;
    unsigned flags;    /* CHRONDB_IF_*; with a delete, IF_EXISTS means: a missing key is no error */
    const char *match; /* a commit (4 or more hex digits) that must be the key's last one */
} chrondb_condition;

enum chrondb_status {
    CHRONDB_CREATED,
    CHRONDB_UPDATED,
    CHRONDB_DELETED,
    CHRONDB_UNCHANGED,
    CHRONDB_CHECKED /* a check that held */
};

/* What became of one operation of a batch. */
typedef struct chrondb_result {
    const char *key; /* borrowed until the batch is freed; of a single write: the argument */
    enum chrondb_status status;
    char commit[CHRONDB_HEX_SIZE + 1]; /* the key's last commit (after a delete: the delete); "" if there is none */
    chrondb_time time;                 /* its effective time */
} chrondb_result;

/* Write one document, durable when it returns 0. `condition`, `options` and `result` may be NULL; a result costs a
 * lookup where the key is left unchanged. Errors: those of the batch functions of these names, and of
 * chrondb_batch_commit. */
CHRONDB_API int chrondb_put(chrondb *db, const char *key, const char *value, size_t size,
                            const chrondb_condition *condition, const chrondb_write_options *options,
                            chrondb_result *result);
CHRONDB_API int chrondb_patch(chrondb *db, const char *key, const char *patch, size_t size,
                              const chrondb_condition *condition, const chrondb_write_options *options,
                              chrondb_result *result);
CHRONDB_API int chrondb_delete(chrondb *db, const char *key, const chrondb_condition *condition,
                               const chrondb_write_options *options, chrondb_result *result);

/* A batch collects operations, holding no lock, and commits all of them as one commit, or none. Operations apply in
 * order; a later one sees the earlier ones. Keys and documents are copied (documents are checked when added). */
typedef struct chrondb_batch chrondb_batch;

CHRONDB_API int chrondb_batch_new(chrondb_batch **out, chrondb *db);
CHRONDB_API void chrondb_batch_free(chrondb_batch *batch);
CHRONDB_API int chrondb_batch_put(chrondb_batch *batch, const char *key, const char *value, size_t size,
                                  const chrondb_condition *condition);
/* RFC 7396 merge patch, applied under the lock. A missing key: chrondb_batch_commit returns CHRONDB_NOTFOUND. */
CHRONDB_API int chrondb_batch_patch(chrondb_batch *batch, const char *key, const char *patch, size_t size,
                                    const chrondb_condition *condition);
/* A missing key: chrondb_batch_commit returns CHRONDB_NOTFOUND, unless CHRONDB_IF_EXISTS. */
CHRONDB_API int chrondb_batch_delete(chrondb_batch *batch, const char *key, const chrondb_condition *condition);
/* Only the condition. */
CHRONDB_API int chrondb_batch_check(chrondb_batch *batch, const char *key, const chrondb_condition *condition);
/* The key as it was in a snapshot of the same database; CHRONDB_NOTFOUND at once if it was not there. The snapshot may
 * be freed before the commit. */
CHRONDB_API int chrondb_batch_restore(chrondb_batch *batch, const char *key, chrondb_snapshot *snapshot,
                                      const chrondb_condition *condition);
/* Everything as it was in the snapshot, or a table ("": the keys without one); must be the batch's only operation. Its
 * result has key "". */
CHRONDB_API int chrondb_batch_restore_all(chrondb_batch *batch, chrondb_snapshot *snapshot);
CHRONDB_API int chrondb_batch_restore_table(chrondb_batch *batch, const char *table, chrondb_snapshot *snapshot);
/* Is it a key? 0, or CHRONDB_EUSAGE. Asks no database. */
CHRONDB_API int chrondb_key_check(const char *key);
/* "TABLE/ID.json", encoded as in the repository (chrondb-format(5)) but without its fan-out; the table is "_" for a key
 * without one. Two keys never have one path. CHRONDB_EUSAGE. Asks no database. */
CHRONDB_API int chrondb_key_path(const char *key, chrondb_buffer *path);
/* One operation as JSON, as `chrondb batch` reads them: {"op":"put|patch|delete|check","key":K,"value":V,
 * "if_absent":true,"if_exists":true,"if_match":COMMIT}. CHRONDB_EINVALID ("invalid_json", "invalid_operation") tells
 * what is wrong with it.
 * `defaults` (or NULL) is the condition of an operation that states none. */
CHRONDB_API int chrondb_batch_add_json(chrondb_batch *batch, const char *line, size_t size,
                                       const chrondb_condition *defaults);

/* Durable when it returns 0. CHRONDB_NOTFOUND: a key to delete or patch is missing, nothing was written. Errors:
 * CHRONDB_ECONFLICT, CHRONDB_EBUSY, CHRONDB_EUSAGE ("invalid_time", "invalid_author", "invalid_meta", "no_branch"),
 * CHRONDB_EINVALID (a patch would exceed the limits of a document). A batch can be committed once. */
CHRONDB_API int chrondb_batch_commit(chrondb_batch *batch, const chrondb_write_options *options);

/* After a commit that returned 0: the results, one an operation in the order they were added; and the commit
 * (NULL: nothing changed). Borrowed until the batch is freed. */
CHRONDB_API size_t chrondb_batch_size(const chrondb_batch *batch);
/* _status costs nothing; _result looks up the last commit of a key that was left unchanged. */
CHRONDB_API enum chrondb_status chrondb_batch_status(const chrondb_batch *batch, size_t index);
CHRONDB_API const chrondb_result *chrondb_batch_result(const chrondb_batch *batch, size_t index);
CHRONDB_API const char *chrondb_batch_commit_id(const chrondb_batch *batch);
CHRONDB_API chrondb_time chrondb_batch_time(const chrondb_batch *batch);

/* ---- import: very many documents ------------------------------------------------------------------ */

/* Lines of NDJSON become commits, at the speed of the disk: trees are built once a commit, objects go straight into
 * packs, on all processors. No lock is held while lines come in.
 *
 * A line: {"key":K,"value":V} or {"key":K,"op":"delete"}, and if wanted "op":"put", "time" (RFC 3339 or another moment,
 * but nothing relative), "author", "message", "meta" ({"NAME":"VALUE"} or ["NAME=VALUE"]), "commit" (any string: lines
 * that follow each other with the same one are one commit, in every mode but ONE), "text" (a string: the document byte
 * for byte, where its layout matters; "value" is ignored then). {"op":"none"} without a key is a commit that changes
 * nothing. Unknown members are an error. Deleting what is not there changes nothing. A commit whose lines change
 * nothing is not made, unless one of them is "none".
 *
 * Times do not run backwards: a line's time before that of the commit before it (in whole seconds), or in the future,
 * is refused unless force_time. A commit has the time, author, message and meta of its last line that states one.
 *
 * Lines become durable window by window. After a crash the database has whole commits only, and where
 * CHRONDB_IMPORT_EACH or _EVERY was interrupted, the same lines given again to a new import of the same branch and mode
 * go on where the last durable commit ended: what is there already is passed over. */
typedef struct chrondb_import chrondb_import;

enum chrondb_import_mode {
    CHRONDB_IMPORT_GROUPS, /* lines with "commit": one commit for each; all others together: one */
    CHRONDB_IMPORT_ONE,    /* everything is one commit */
    CHRONDB_IMPORT_EVERY,  /* a commit for every `every` lines */
    CHRONDB_IMPORT_EACH    /* a commit for each line (or each group of equal "commit") */
};

typedef struct chrondb_import_options {
    size_t size;
    const char *branch;      /* NULL: what HEAD names */
    const char *message;     /* of commits whose lines have none; NULL: "put user:1", "put 3, delete 1" ... */
    const char *author;      /* of commits whose lines have none; NULL: as in chrondb_write_options */
    const char *const *meta; /* added to every commit */
    size_t meta_count;
    enum chrondb_import_mode mode;
    uint64_t every;
    int force_time;
    int restart;         /* do not go on where an interrupted import ended: begin with the first line */
    int lock_timeout_ms; /* as in chrondb_write_options */
    int no_index;        /* leave the index of words to maintenance; else a large import brings it up to date itself */
    chrondb_progress progress; /* of that, or NULL. A nonzero result leaves the rest of it to maintenance */
    void *progress_context;
} chrondb_import_options;

typedef struct chrondb_import_report {
    size_t size;
    uint64_t lines;         /* taken, of these */
    uint64_t resumed;       /* were passed over, an interrupted import had them */
    uint64_t durable_lines; /* taken or passed over, and in durable commits (or without effect) */
    uint64_t commits;       /* durable, made by this import */
    uint64_t puts, deletes; /* in them, that changed something */
    char head[CHRONDB_HEX_SIZE + 1];
} chrondb_import_report;

/* The strings of the options must live as long as the import. CHRONDB_EUSAGE ("no_branch", "invalid_author",
 * "invalid_meta"), CHRONDB_EBUSY. */
CHRONDB_API int chrondb_import_open(chrondb_import **out, chrondb *db, const chrondb_import_options *options);
/* One line, without or with its newline. CHRONDB_EINVALID ("invalid_json", "invalid_line"), CHRONDB_EUSAGE
 * ("invalid_key", "invalid_time", "invalid_author", "invalid_meta"): the line is bad and nothing of it was taken; the
 * next one may be given all the same. Error line and column are positions in this line's text. Any other error ends the
 * import: only _report and _free may follow. CHRONDB_ECONFLICT "not_resumable": these are not the lines of the import
 * that was interrupted. */
CHRONDB_API int chrondb_import_line(chrondb_import *import, const char *line, size_t size);
/* The end of the lines: commit the rest; durable when it returns 0. */
CHRONDB_API int chrondb_import_finish(chrondb_import *import);
/* Stop early: make durable what is in commits that are whole; in one commit, nothing. */
CHRONDB_API int chrondb_import_stop(chrondb_import *import);
CHRONDB_API void chrondb_import_get_report(const chrondb_import *import, chrondb_import_report *report);
/* Drops what is not durable. */
CHRONDB_API void chrondb_import_free(chrondb_import *import);

/* ---- history ----------------------------------------------------------------------------------- */

enum chrondb_op { CHRONDB_OP_CREATE, CHRONDB_OP_UPDATE, CHRONDB_OP_DELETE };

/* A commit, or one version of a key. Everything is borrowed until the next call on the iterator. */
typedef struct chrondb_version_info {
    const char *key;         /* history only */
    enum chrondb_op op;      /* history only */
    const char *commit;      /* hex */
    chrondb_time time;       /* effective */
    const char *author;      /* "NAME <MAIL>" */
    const char *committer;   /* likewise */
    const char *message;     /* without our trailers */
    const char *const *meta; /* "key=value", decoded */
    size_t meta_count;
    const char *value; /* history: the document, NULL after a delete or with no_value */
    size_t value_size;
    const char *patch; /* RFC 7396, from the version before; NULL for creates, deletes, or if none can say it */
    size_t patch_size;
} chrondb_version_info;

typedef struct chrondb_history_options {
    size_t size;
    uint64_t limit;    /* at most so many, the newest; 0: all */
    const char *since; /* WHEN: not older */
    const char *until; /* WHEN: not newer */
    int reverse;       /* oldest first */
    int no_value;      /* read no documents */
    int patch;         /* history: also the change from the version before */
} chrondb_history_options;

typedef struct chrondb_history chrondb_history;

/* All versions of a key, newest first: the commits up to the snapshot's in which it is not what it is in any of their
 * parents, also those on the other side of a merge that took nothing of them. A key that never was: CHRONDB_NOTFOUND.
 * The snapshot must outlive the iterator. */
CHRONDB_API int chrondb_history_open(chrondb_history **out, chrondb_snapshot *snapshot, const char *key,
                                     const chrondb_history_options *options);
CHRONDB_API int chrondb_history_next(chrondb_history *history, chrondb_version_info *version);
CHRONDB_API void chrondb_history_free(chrondb_history *history);

typedef struct chrondb_change {
    const char *key;
    enum chrondb_op op;
} chrondb_change;

typedef struct chrondb_log chrondb_log;

/* The commits of the branch (the first-parent chain), newest first. `changes` are against the first parent,
 * in key order, borrowed until the next call. */
CHRONDB_API int chrondb_log_open(chrondb_log **out, chrondb_snapshot *snapshot, const chrondb_history_options *options);
CHRONDB_API int chrondb_log_next(chrondb_log *log, chrondb_version_info *version, const chrondb_change **changes,
                                 size_t *change_count);
/* The document that change `index` of the commit last given by _next brought. 0, or CHRONDB_NOTFOUND after a delete.
 * Borrowed until the next call on the iterator. */
CHRONDB_API int chrondb_log_value(chrondb_log *log, size_t index, const char **value, size_t *size);
CHRONDB_API void chrondb_log_free(chrondb_log *log);

/* One document that differs. Borrowed until the next call. */
typedef struct chrondb_difference {
    const char *key;
    enum chrondb_op op;
    const char *old_value; /* NULL for a create */
    size_t old_size;
    const char *new_value; /* NULL for a delete */
    size_t new_size;
    const char *patch; /* RFC 7396 from old to new; NULL for creates, deletes, or if none can say it */
    size_t patch_size;
} chrondb_difference;

typedef struct chrondb_diff chrondb_diff;

/* What changed from one snapshot to another of the same database, in key order, for keys that start with one of the
 * prefixes (a whole key is its own prefix), or for all if count is 0. Both snapshots must outlive the iterator. */
CHRONDB_API int chrondb_diff_open(chrondb_diff **out, chrondb_snapshot *from, chrondb_snapshot *to,
                                  const char *const *prefixes, size_t count);
CHRONDB_API int chrondb_diff_next(chrondb_diff *diff, chrondb_difference *difference);
CHRONDB_API void chrondb_diff_free(chrondb_diff *diff);

/* Who has written what of a document: for every field of its present value the commit that last changed it. A field is
 * a member of an object, at any depth, that is no object with members itself; an array is one field, and so is a
 * document that is no object. Other spellings of a value (the order of members, the digits of a number) are no change.
 * Where a merge took a field from one side, it is that side's. Fields that are gone have no line.
 *
 * Costs reading versions back to the oldest that is told, once each; memory follows the size of the document. */
typedef struct chrondb_blame chrondb_blame;

typedef struct chrondb_blame_field {
    const char *path; /* JSON pointer (RFC 6901); "": the document itself. May hold NULs, as names may */
    size_t path_size;
    const char *value; /* as it was put */
    size_t value_size;
    const char *commit; /* hex */
    chrondb_time time;  /* effective */
    const char *author; /* "NAME <MAIL>" */
} chrondb_blame_field;

/* The fields in the order of the document. A key that is not there: CHRONDB_NOTFOUND. _next: 0, CHRONDB_END, or an
 * error; what it gives is borrowed until the next call on the iterator. The snapshot must outlive the iterator. */
CHRONDB_API int chrondb_blame_open(chrondb_blame **out, chrondb_snapshot *snapshot, const char *key);
CHRONDB_API int chrondb_blame_next(chrondb_blame *blame, chrondb_blame_field *field);
CHRONDB_API void chrondb_blame_free(chrondb_blame *blame);

/* ---- watching ------------------------------------------------------------------------------------ */

/* The changes of a branch as they happen, made by any process or by a git push. Commits come in their order along the
 * first parents, keys in theirs inside of a commit; a merge tells what it changed against its first parent. None is
 * lost, however much happens between two calls. Where somebody forces the branch to a commit whose past does not hold
 * what has been told, the difference of both states is told as changes of that commit. A branch that is deleted, or not
 * there yet, is waited for; so is the default branch's first commit.
 *
 *     chrondb_watch_open(&watch, db, &options);
 *     for (;;) {
 *         while ((result = chrondb_watch_next(watch, &event)) == 0)
 *             ...
 *         if (result != CHRONDB_END)
 *             break;
 *         poll(&(struct pollfd){.fd = chrondb_watch_fd(watch), .events = POLLIN}, 1, -1);
 *     }
 *
 * A watch holds no lock and starts no thread; while nothing happens it costs nothing. Memory is bounded however large a
 * commit is. */
typedef struct chrondb_watch chrondb_watch;

typedef struct chrondb_watch_options {
    size_t size;
    const char *branch; /* NULL: what HEAD names now */
    const char *prefix; /* keys that start with these bytes */
    const char *table;  /* keys of this table; "" means the keys without a table */
    const char *since;  /* WHEN: what came behind the state of that moment is told first; NULL: now */
} chrondb_watch_options;

typedef struct chrondb_event {
    const char *key;
    enum chrondb_op op;
    const char *branch; /* its short name */
    const char *commit; /* hex */
    chrondb_time time;  /* effective */
    const char *value;  /* the document, byte for byte; NULL after a delete */
    size_t value_size;
} chrondb_event;

/* Changes from now on are told, or from `since` on. Errors: CHRONDB_EUSAGE "invalid_time", "no_branch" (no name that a
 * branch can have). */
CHRONDB_API int chrondb_watch_open(chrondb_watch **out, chrondb *db, const chrondb_watch_options *options);

/* The next change, borrowed until the next call on the watch. CHRONDB_END: there is none yet. CHRONDB_ENODB
 * "no_database": the database was removed. After an error it may be called again; a document that could not be read
 * (error.key) is passed over then. */
CHRONDB_API int chrondb_watch_next(chrondb_watch *watch, chrondb_event *event);

/* A descriptor for poll(2), select(2) or epoll(7): readable when, after a CHRONDB_END, _next may have something. Only
 * to wait on; it is the watch's. */
CHRONDB_API int chrondb_watch_fd(const chrondb_watch *watch);
CHRONDB_API void chrondb_watch_free(chrondb_watch *watch);

/* ---- branches and tags --------------------------------------------------------------------------- */

/* A branch or a tag. */
typedef struct chrondb_ref {
    const char *name;                  /* without refs/heads/ or refs/tags/; borrowed */
    char commit[CHRONDB_HEX_SIZE + 1]; /* that it names; "" if it names none (git can tag anything) */
    chrondb_time time;                 /* effective; of a commit that can be read */
    int has_time;
    char object[CHRONDB_HEX_SIZE + 1];   /* of an annotated tag, which git makes: the tag's own id; else "" */
    char previous[CHRONDB_HEX_SIZE + 1]; /* after it was moved: the commit that it named before; else "" */
    int is_default;                      /* a branch: HEAD names it */
} chrondb_ref;

/* Calls `each` for every branch, or tag, in the order of the names' bytes. The ref is borrowed during the call, which
 * must not call into the library. A nonzero result of `each` ends the walk and is returned. What cannot be read is told
 * as a warning, and has no time. */
CHRONDB_API int chrondb_branch_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref), void *context);
CHRONDB_API int chrondb_tag_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref), void *context);

/* The functions below are durable when they return 0, and cost the same however large the database is. `out` (or NULL)
 * tells what became of it; its name is that of the argument. `lock_timeout_ms` is that of chrondb_write_options.
 * Errors: CHRONDB_EUSAGE ("invalid_name": git allows no such name; "invalid_time"; "no_branch"; "no_commit": there is
 * none yet that it could name), CHRONDB_ECONFLICT ("exists": at another commit, error.current; "in_the_way": git can
 * have 'a' or 'a/b', not both; "default_branch"), CHRONDB_EBUSY. */

/* A branch at `start` (WHEN, seen from `branch`, as in chrondb_snapshot_open; NULL: its head). `status` (or NULL)
 * becomes CHRONDB_CREATED, or CHRONDB_UNCHANGED if it is there, at that commit. */
CHRONDB_API int chrondb_branch_create(chrondb *db, const char *name, const char *branch, const char *start,
                                      int lock_timeout_ms, enum chrondb_status *status, chrondb_ref *out);
/* `out` tells the commit that it had: no commit is lost, chrondb_branch_create brings it back. CHRONDB_NOTFOUND. The
 * default branch cannot be deleted ("default_branch"). */
CHRONDB_API int chrondb_branch_delete(chrondb *db, const char *name, int lock_timeout_ms, chrondb_ref *out);
/* If it is the default branch, the new name is that of the default branch. CHRONDB_NOTFOUND; "exists" whatever commit
 * that is at. `status` becomes CHRONDB_UPDATED, or CHRONDB_UNCHANGED if the names are the same. */
CHRONDB_API int chrondb_branch_rename(chrondb *db, const char *from, const char *to, int lock_timeout_ms,
                                      enum chrondb_status *status, chrondb_ref *out);

/* A tag at `when`, likewise. `force`: one that is there is moved, CHRONDB_UPDATED. */
CHRONDB_API int chrondb_tag_create(chrondb *db, const char *name, const char *branch, const char *when, int force,
                                   int lock_timeout_ms, enum chrondb_status *status, chrondb_ref *out);
CHRONDB_API int chrondb_tag_delete(chrondb *db, const char *name, int lock_timeout_ms, chrondb_ref *out);

/* Calls `each` likewise for what was fetched from other machines (refs/remotes/): "origin/main". They have no time. */
CHRONDB_API int chrondb_remote_branch_list(chrondb *db, int (*each)(void *context, const chrondb_ref *ref),
                                           void *context);

/* How two commits stand to each other; a report, see Structs. One has news for the other if it is not the same nor an
 * ancestor of it, unless both have the same documents (and the same other files) and all that the one has and the other
 * has not are merges: these bring no version of their own. */
typedef struct chrondb_comparison {
    size_t size;
    char ours[CHRONDB_HEX_SIZE + 1]; /* the commits; "" before the first one, which has no news for anybody */
    char theirs[CHRONDB_HEX_SIZE + 1];
    int same_documents;
    int our_news, their_news;
} chrondb_comparison;

/* `ours` and `theirs`: WHENs, seen from `branch`, as in chrondb_snapshot_open (NULL: its head). CHRONDB_EUSAGE
 * ("invalid_time", "no_branch"). Reads the commits of both sides back to where they parted; where documents are the
 * same and commits are dated in disorder perhaps some more, and if by more than a day it may find news that are none.
 */
CHRONDB_API int chrondb_compare(chrondb *db, const char *branch, const char *ours, const char *theirs,
                                chrondb_comparison *out);

/* ---- about ------------------------------------------------------------------------------------- */

typedef struct chrondb_info {
    size_t size;
    const char *path;                /* borrowed until the database is closed */
    char branch[1024];               /* the branch asked for, without refs/heads/ */
    char head[CHRONDB_HEX_SIZE + 1]; /* "" without commits */
    chrondb_time time;               /* of the head */
    uint64_t documents, tables, commits;
    uint64_t loose_objects, packs, disk_bytes, journal_bytes;
    int format;
    uint64_t index_bytes;    /* of the derived index */
    uint64_t index_commits;  /* so many of `commits` it covers without catching up */
    uint64_t index_segments; /* its files of commits and keys, of all branches */
    /* The index of words (chrondb_search) of the branch, as its files have it. */
    uint64_t search_commits;   /* so many of `commits` it covers without catching up */
    uint64_t search_documents; /* of the state after these */
    uint64_t search_versions;  /* with the superseded ones, that searches of the past find */
    uint64_t search_segments;  /* files with words */
    uint64_t search_bytes;     /* of all its files */
    char search_language[32];  /* that it was built for; "" if there is none */
} chrondb_info;

CHRONDB_API int chrondb_get_info(chrondb *db, const char *branch, chrondb_info *info);

/* ---- care -------------------------------------------------------------------------------------- */

typedef struct chrondb_gc_report {
    size_t size;
    uint64_t objects;
    uint64_t packs_before, packs_after;
    uint64_t loose_before, loose_after;
    uint64_t bytes_before, bytes_after; /* of packs, their indexes, and loose files */
} chrondb_gc_report;

/* All the maintenance now, and thoroughly: the journal and all loose objects into one tight pack with deltas, refs
 * packed, the index merged. Nothing is dropped, reachable or not. Readers and writers go on meanwhile. */
CHRONDB_API int chrondb_gc(chrondb *db, chrondb_progress progress, void *context, chrondb_gc_report *report);

typedef struct chrondb_reindex_report {
    size_t size;
    uint64_t branches, commits, keys; /* keys: different ones, of all branches' presents together */
    uint64_t bytes;                   /* of the index */
} chrondb_reindex_report;

/* Build the derived index of all branches anew, from git alone. */
CHRONDB_API int chrondb_reindex(chrondb *db, chrondb_progress progress, void *context, chrondb_reindex_report *report);

/* ---- backups ------------------------------------------------------------------------------------- */

/* A backup is a git bundle: branches, tags, what HEAD names, settings, and all objects that these reach, in one file.
 * `git clone FILE`, `git fetch FILE` and `git bundle verify FILE` work on it, and any bundle of git's can be restored
 * that holds branches. An incremental one holds what was new since some moment. chrondb-backup(1) says more. */
typedef struct chrondb_backup_options {
    size_t size;
    const char *since;      /* WHEN: only what came later, on each branch; NULL: everything */
    const char *since_file; /* or an earlier backup: only what that does not have */
    const char *branch;     /* which `since` is seen from; NULL: the default branch */
    int fd;                 /* where to write if no file is named; it may be a pipe. NULL options: standard output */
    int lock_timeout_ms;    /* as in chrondb_write_options; only where branches move faster than they can be read */
    chrondb_progress progress;
    void *progress_context;
} chrondb_backup_options;

typedef struct chrondb_backup_report {
    size_t size;
    uint64_t bytes, objects, commits, branches, tags;
    int incremental; /* it stands on commits that it does not hold */
} chrondb_backup_report;

/* Write a backup to `file`, or to options->fd (`file` NULL). Writers and readers go on meanwhile: what it holds is the
 * state at one moment. A file is there whole or not at all: it is written beside its place, synced, read back and
 * checked, object by object, before it replaces what was there; durable when the function returns 0. What goes to a
 * descriptor is neither synced nor checked. Objects that no ref reaches are left out. Errors: CHRONDB_EUSAGE
 * ("invalid_time", "no_branch", "no_commit": since_file has one that is not here, "not_a_file", also
 * what is in the database's own directory), CHRONDB_EDAMAGED (the
 * database lacks an object; since_file is no backup; the file does not read back), CHRONDB_EBUSY ("cancelled"). */
CHRONDB_API int chrondb_backup(chrondb *db, const char *file, const chrondb_backup_options *options,
                               chrondb_backup_report *report);

typedef struct chrondb_restore_options {
    size_t size;
    int fd;              /* where to read if no file is named; it may be a pipe. NULL options: standard input */
    int lock_timeout_ms; /* as in chrondb_write_options */
    chrondb_progress progress;
    void *progress_context;
} chrondb_restore_options;

typedef struct chrondb_restore_report {
    size_t size;
    uint64_t bytes, objects, commits, branches, tags; /* of the backup */
    int incremental;
    enum chrondb_status status; /* CHRONDB_CREATED, _UPDATED, or _UNCHANGED: it was all there already */
} chrondb_restore_report;

/* Restore a backup (`file`, or what options->fd gives) to the directory `path`. Everything is checked before anything
 * of it is visible: checksums, every object, that all that refs reach is there, and the header of a backup that chrondb
 * wrote. Durable when it returns 0.
 *
 * A full one makes a new database: `path` must be absent or an empty directory; whenever the process dies, there is a
 * whole database or none. An incremental one is applied to the database at `path`, which must have what it stands on:
 * branches go forward where they are what they were, or in between; tags, the default branch and the settings become
 * those of the backup. One branch moves after the other; applied once more it finishes what was cut short.
 *
 * Errors: CHRONDB_EDAMAGED (it is no bundle, or cut short, or altered; "unsupported"), CHRONDB_ECONFLICT ("exists": a
 * full one, and there is a database; "missing_commits": an incremental one, and what it stands on is not there;
 * "diverged": a branch or tag has become another; nothing was changed), CHRONDB_ENODB ("not_a_database"), CHRONDB_EBUSY
 * ("busy"; "cancelled"). */
CHRONDB_API int chrondb_restore_backup(const char *path, const char *file, const chrondb_restore_options *options,
                                       chrondb_restore_report *report);

/* ---- merging ------------------------------------------------------------------------------------- */

/* What another branch (or tag, or commit) has, brought into a branch: by key, on the commits where they parted, and
 * inside of objects by field, recursively. Whatever one side only changed is taken; what both changed to the same too.
 * Arrays are merged as wholes. Else there is a conflict, also where one side changed what the other deleted. Other
 * spellings of a value (the order of members, the digits of a number) are no change. Files that are no documents are
 * merged as wholes. The cost follows what the source changed.
 *
 * The past of the branch stays as it was: it only goes forward to the source where its head is on the source's
 * first-parent chain; else the merge is a commit, with the branch's head as its first parent. */
typedef struct chrondb_merge chrondb_merge;

CHRONDB_API int chrondb_merge_new(chrondb_merge **out, chrondb *db);
CHRONDB_API void chrondb_merge_free(chrondb_merge *merge);

/* Before the run: what a key that is in conflict is to be (a `value` of NULL: deleted). Copied. CHRONDB_EUSAGE
 * "invalid_key", CHRONDB_EINVALID. A decision for a key that is not in conflict does not count; the run fails if it
 * says anything but what the merge makes of the key. */
CHRONDB_API int chrondb_merge_decide(chrondb_merge *merge, const char *key, const char *value, size_t size);
/* The same as JSON, as `chrondb merge --resolve` reads it: {"key":K,"value":V} or {"key":K,"delete":true}.
 * CHRONDB_EINVALID "invalid_decision" too. */
CHRONDB_API int chrondb_merge_decide_json(chrondb_merge *merge, const char *line, size_t size);

enum chrondb_merge_strategy {
    CHRONDB_MERGE_FAIL,   /* a conflict fails the merge */
    CHRONDB_MERGE_OURS,   /* what is in conflict is as on the branch, */
    CHRONDB_MERGE_THEIRS, /* as in the source, */
    CHRONDB_MERGE_NEWEST  /* as on the side whose last change of that key is later */
};

typedef struct chrondb_merge_options {
    size_t size;
    const chrondb_write_options *write; /* the branch, and how the merge is recorded; NULL: all defaults */
    enum chrondb_merge_strategy strategy;
    int dry_run; /* only find out; takes no lock, writes nothing */
    int no_ff;   /* make a commit also where the branch could go forward */
    chrondb_progress progress;
    void *progress_context;
    const char *source_name; /* what messages, and the commit's, call the source; NULL: as it is given */
} chrondb_merge_options;

/* Merge `source`, a WHEN that names a commit. Durable when it returns 0. CHRONDB_ECONFLICT "merge_conflict": nothing
 * was written, chrondb_merge_conflict tells why. CHRONDB_EUSAGE ("invalid_time", "no_branch", "invalid_author",
 * "invalid_meta", "invalid_decision"), CHRONDB_EBUSY ("cancelled" by the progress). A merge can be run once. */
CHRONDB_API int chrondb_merge_run(chrondb_merge *merge, const char *source, const chrondb_merge_options *options);

/* Borrowed until the merge is freed. */
typedef struct chrondb_conflict {
    const char *key;  /* NULL: a file that is no document, `path` is its own */
    const char *path; /* JSON pointer (RFC 6901) into the document; "": all of it */
    const char *base; /* the values there, NULL: there is none */
    size_t base_size;
    const char *ours;
    size_t ours_size;
    const char *theirs;
    size_t theirs_size;
} chrondb_conflict;

/* After CHRONDB_ECONFLICT: conflict number `index`, in key order: 0, or CHRONDB_END: there are not so many. */
CHRONDB_API int chrondb_merge_conflict(const chrondb_merge *merge, size_t index, chrondb_conflict *out);

enum chrondb_merge_status {
    CHRONDB_MERGE_UNCHANGED, /* the branch has it all already */
    CHRONDB_FAST_FORWARD,    /* the branch is now what the source is */
    CHRONDB_MERGED           /* a commit with two parents */
};

typedef struct chrondb_merge_report {
    enum chrondb_merge_status status;
    const char *commit;     /* the branch's new head, in hex; NULL: unchanged, or a dry run */
    chrondb_time time;      /* of the branch's head now, or what it would be */
    uint64_t puts, deletes; /* documents of the branch that became, or would become, others */
    uint64_t conflicts;     /* that were decided, or settled by the strategy */
} chrondb_merge_report;

/* After a run that returned 0. Borrowed until the merge is freed. */
CHRONDB_API const chrondb_merge_report *chrondb_merge_get_report(chrondb_merge *merge);

/* ---- verify ------------------------------------------------------------------------------------ */

/* Something that is not as it should be. Borrowed during the call. */
typedef struct chrondb_finding {
    const char *kind;    /* stable, for programs: "missing_object", "invalid_document" ... (chrondb-verify(1)) */
    int is_error;        /* 0: a note: unusual, but allowed; nothing is lost or wrong */
    const char *ref;     /* in full, "refs/heads/main"; NULL as all that follow: it is not about one */
    const char *commit;  /* in hex: the newest one that it was found in */
    const char *path;    /* in the tree of the commit; or a file, from the database's directory */
    const char *key;     /* the document */
    const char *object;  /* in hex: the object of git's */
    const char *message; /* for people: one line, lower case; never NULL */
} chrondb_finding;

typedef struct chrondb_verify_options {
    size_t size;
    const char *branch; /* only this one; NULL: all refs */
    int full;           /* all objects, all history, and all that the index says, not only the present */
    /* Told each finding, or NULL. Must not call into the library. A nonzero result ends the verification, and is
     * returned. */
    int (*finding)(void *context, const chrondb_finding *finding);
    void *finding_context;
    chrondb_progress progress;
    void *progress_context;
} chrondb_verify_options;

typedef struct chrondb_verify_report {
    size_t size;
    uint64_t errors, notes;
    uint64_t refs, commits, trees, documents; /* that were looked at, each once */
    uint64_t objects;                         /* of git's that were read to the last byte */
} chrondb_verify_report;

/* Look whether the database is sound; never writes to it (but as every call, recovers what a writer that died left).
 * Findings are told as they are met, and counted in `report` (or NULL). It works on the refs as they are when it
 * begins; readers, writers and maintenance go on meanwhile. Needs about 100 bytes of memory for an object that is
 * looked at, and what the largest table takes. 0 whatever was found; CHRONDB_EUSAGE "no_branch"; CHRONDB_EBUSY
 * "cancelled" by the progress. */
CHRONDB_API int chrondb_verify(chrondb *db, const chrondb_verify_options *options, chrondb_verify_report *report);

/* ---- settings ---------------------------------------------------------------------------------- */

/* What a database is told once and for all: variables "chrondb.*" of the repository's own git configuration, so that
 * plain git reads and sets them too ("search.language" is `git config chrondb.search.language`); "branch", the default
 * branch, is what HEAD names, and must be there ("no_branch") unless there is none at all. The user's and the
 * system's configuration do not count: a database means the same for everybody. chrondb-config(1) lists the settings.
 * An unknown name is CHRONDB_EUSAGE, name "unknown_setting". A configuration that cannot be understood is
 * CHRONDB_EDAMAGED, name "invalid_config". */

typedef struct chrondb_setting {
    const char *name;
    const char *value;         /* in effect */
    const char *default_value; /* in effect where nothing is set */
    const char *description;   /* a few words */
    int is_set;                /* by the configuration */
    int is_valid;              /* 0: somebody wrote a value that is not allowed; what needs the setting fails */
} chrondb_setting;

/* The value in effect. CHRONDB_EDAMAGED "invalid_config" too if it is not allowed. */
CHRONDB_API int chrondb_config_get(chrondb *db, const char *name, chrondb_buffer *value);

/* Set it, durable when it returns 0; whatever stood there is replaced. `status` (or NULL) becomes CHRONDB_CREATED,
 * _UPDATED or _UNCHANGED. `lock_timeout_ms` is that of chrondb_write_options; it counts for other writers and for a git
 * that changes the configuration. A value that is not allowed is CHRONDB_EUSAGE, name "invalid_value". CHRONDB_EBUSY.
 */
CHRONDB_API int chrondb_config_set(chrondb *db, const char *name, const char *value, int lock_timeout_ms,
                                   enum chrondb_status *status);

/* Back to the default, likewise. CHRONDB_DELETED, or _UNCHANGED if nothing was set. */
CHRONDB_API int chrondb_config_unset(chrondb *db, const char *name, int lock_timeout_ms, enum chrondb_status *status);

/* Calls `each` for every setting that there is, in the order of the names' bytes. The setting is borrowed during the
 * call. A nonzero result of `each` ends the walk and is returned. */
CHRONDB_API int chrondb_config_list(chrondb *db, int (*each)(void *context, const chrondb_setting *setting),
                                    void *context);

/* ---- search ------------------------------------------------------------------------------------ */

/* Documents by their words and fields: the query language is chrondb-query(7). A search works on a snapshot, in the
 * present or at any past moment, and finds every write that was acknowledged before the snapshot was opened: what the
 * index does not have yet is read from git. Where very much is missing (the index was deleted, a large push came) it is
 * built first, told through `progress`. */
typedef struct chrondb_search chrondb_search;

#define CHRONDB_SEARCH_LIMIT 10 /* hits, where no limit is given */

typedef struct chrondb_search_options {
    size_t size;
    const char *table; /* documents of this table only; "": those without a table */
    uint64_t limit;    /* at most so many hits; 0: CHRONDB_SEARCH_LIMIT; UINT64_MAX: all */
    uint64_t offset;   /* hits passed over first */
    /* chrondb_search_cursor of an earlier search with the same query, table, sort and default operator: go on behind
     * it. The commit that it was made at is searched then, whatever the snapshot shows: pages fit together also when
     * writes come in between. */
    const char *after;
    const char *sort;          /* "FIELD[:asc|:desc],..."; "_score" and "_key" are fields too; NULL: best score first.
                                * Missing values come last; hits that are equal are in key order. */
    int default_and;           /* words side by side: 1, all must match; 0, any */
    int count_only;            /* no hits, only the total (and facets); limit, offset, sort and after do not matter */
    int total;                 /* count all hits too */
    int keys_only;             /* hits carry no value, no document is read for them */
    int explain;               /* tell the plan, and how each score came about */
    const char *const *facets; /* fields whose values are counted over all hits */
    size_t facet_count;
    uint64_t facet_limit;      /* values a field, the most frequent first; 0: all */
    chrondb_progress progress; /* of an index that must be built first, or NULL. Cancelled: CHRONDB_EBUSY "cancelled" */
    void *progress_context;
} chrondb_search_options;

/* Run a query. The search belongs to the caller; the snapshot must outlive it. Errors: CHRONDB_EUSAGE "invalid_query"
 * (the query is malformed: error.line and column say where in it, column counts characters), "invalid_sort",
 * "too_many_values" (there are more different long strings than can be sorted by), and "invalid_cursor" (`after` is
 * none, or of another query; or its commit is gone). */
CHRONDB_API int chrondb_search_open(chrondb_search **out, chrondb_snapshot *snapshot, const char *query,
                                    const chrondb_search_options *options);

/* The same for a query in JSON, chrondb-query(7): {"clauses":[...],"sort":[...],"limit":N,"offset":N,"after":CURSOR}.
 * What it says of sort, limit, offset and after counts where the options say nothing. A "branch" must be the one that
 * the snapshot was opened on: see chrondb_search_ast_branch. Errors as for chrondb_search_open; line and column are
 * positions in the JSON. */
CHRONDB_API int chrondb_search_open_ast(chrondb_search **out, chrondb_snapshot *snapshot, const char *ast, size_t size,
                                        const chrondb_search_options *options);

/* Which branch a query in JSON names: 0, or CHRONDB_NOTFOUND: none. CHRONDB_EUSAGE "invalid_query". */
CHRONDB_API int chrondb_search_ast_branch(const char *ast, size_t size, chrondb_buffer *branch);

/* After an "invalid_query": two lines for people, the line of the query (or of the JSON) that it is about, and a caret
 * below the place. `line` and `column` are the error's. The text may be anything; of a long line only what is around
 * the place is shown. */
CHRONDB_API int chrondb_search_mark(chrondb_buffer *out, const char *query, size_t size, size_t line, size_t column);

/* How a score came about: one line, part of the nearest line before it with a smaller depth. */
typedef struct chrondb_score {
    unsigned depth;
    double value;
    const char *text;
} chrondb_score;

typedef struct chrondb_hit {
    const char *key;   /* borrowed until the search is freed */
    const char *value; /* the document, byte for byte; borrowed until the next call on the search; NULL: keys_only */
    size_t value_size;
    double score;                /* NAN: the order does not depend on it, and it was not worked out */
    const chrondb_score *scores; /* with explain; borrowed until the search is freed */
    size_t score_count;
} chrondb_hit;

/* The hits in order. 0, CHRONDB_END, or an error. */
CHRONDB_API int chrondb_search_next(chrondb_search *search, chrondb_hit *hit);
CHRONDB_API void chrondb_search_free(chrondb_search *search);

/* How many documents match in all: with total or count_only, else 0. Exact. */
CHRONDB_API uint64_t chrondb_search_total(const chrondb_search *search);

/* What to give as `after` to get the hits behind this search's last one; NULL: there are no more. Borrowed until the
 * search is freed. */
CHRONDB_API const char *chrondb_search_cursor(const chrondb_search *search);

/* The commit that was searched, in hex; NULL: the snapshot is empty. Borrowed until the search is freed. */
CHRONDB_API const char *chrondb_search_commit(const chrondb_search *search);

/* One value of a facet and how many hits have it. Borrowed until the search is freed. */
typedef struct chrondb_facet {
    const char *value; /* as JSON */
    size_t value_size;
    uint64_t count;
} chrondb_facet;

/* The values of options.facets[index], most frequent first, then in the order of sorting; *distinct (may be NULL) is
 * how many there are, also beyond facet_limit. */
CHRONDB_API size_t chrondb_search_facet(const chrondb_search *search, size_t index, const chrondb_facet **values,
                                        uint64_t *distinct);

/* One step of the plan, with options.explain: in pre-order, a part of the nearest step before it with a smaller depth.
 * Texts are borrowed until the search is freed. */
typedef struct chrondb_step {
    unsigned depth;
    const char *kind;         /* "term", "phrase", "and", "or", "not", "wildcard", "range", "all" ... */
    const char *text;         /* what it looks for, or "" */
    const char *how;          /* "block-max", "exhaustive", "leapfrog" ..., or "" */
    uint64_t df, documents;   /* documents that it finds (superseded versions count too), of how many with the field */
    double weight;            /* boost times idf, or the constant score */
    double average_length;    /* tokens in the field */
    uint64_t forms;           /* words that a wildcard or fuzzy term stands for */
    uint64_t postings;        /* read */
    uint64_t blocks, skipped; /* blocks of postings that were read, and passed over */
    uint64_t verified;        /* documents that had to be read */
} chrondb_step;

/* Step number `index` of the plan: 0, or CHRONDB_END: there are not so many. */
CHRONDB_API int chrondb_search_step(const chrondb_search *search, size_t index, chrondb_step *step);

/* What was read, with options.explain. */
typedef struct chrondb_search_stats {
    size_t size;
    uint64_t segments;  /* of the index that were read */
    uint64_t caught_up; /* documents that the index did not have, read from git for this search */
} chrondb_search_stats;
CHRONDB_API void chrondb_search_get_stats(const chrondb_search *search, chrondb_search_stats *stats);

/* Bytes [start, end) of a JSON text. */
typedef struct chrondb_mark {
    size_t start, end;
} chrondb_mark;

/* Which bytes of a hit's document match the query: words inside of strings, and whole numbers and literals. `json` is
 * the value of a hit, or that laid out anew (chrondb_json_format). Ascending, not overlapping; borrowed until the next
 * call on the search. CHRONDB_EINVALID: it is not JSON. */
CHRONDB_API int chrondb_search_highlight(chrondb_search *search, const char *json, size_t size,
                                         const chrondb_mark **marks, size_t *count);

/* ---- JSON text --------------------------------------------------------------------------------- */

enum {
    CHRONDB_JSON_PRETTY = 1, /* indented by two spaces; else only insignificant white space is removed */
    CHRONDB_JSON_COLOR = 2,  /* with terminal colours */
    CHRONDB_JSON_SAFE = 4    /* control characters (DEL, U+0080 to U+009F) as \u escapes, for terminals */
};

/* 0, or CHRONDB_EINVALID with line and column: is this a document? */
CHRONDB_API int chrondb_json_check(const char *text, size_t size);

/* The same value, laid out anew; numbers, strings and the order of members keep their text. */
CHRONDB_API int chrondb_json_format(chrondb_buffer *out, const char *text, size_t size, unsigned flags);

/* Apply an RFC 7396 merge patch; what it does not touch keeps its text. */
CHRONDB_API int chrondb_json_merge_patch(chrondb_buffer *out, const char *target, size_t target_size, const char *patch,
                                         size_t patch_size);

#ifdef __cplusplus
}
#endif
#endif
