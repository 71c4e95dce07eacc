// SPDX-License-Identifier: MIT
//! The C library of chrondb, `chrondb.h`, declared for Rust: nothing else. The header is the manual, of what functions
//! do, who owns what, and which errors there are. `lib/bindings/declare.py` writes the declarations anew where it has
//! changed, and tests have a C compiler compare each with it. The crate `chrondb` is the safe way to all of this.
//!
//! `libchrondb.a` is linked, with all it needs, and none of its symbols but `chrondb_*` is seen outside: a libgit2 of
//! another version may be in the same program. It is looked for in the directory that the environment variable
//! `CHRONDB_LIB_DIR` names, a build directory or where it is installed; else in `build/` of the source tree that this
//! crate is part of; else CMake builds it. The feature `system` links what `pkg-config chrondb` says, which is the
//! shared library as a rule.
//!
//! Structs are `Default`: zeros, and `size` set where there is one, which is what the library takes for all defaults.
#![allow(non_camel_case_types)]

use std::marker::{PhantomData, PhantomPinned};
use std::mem;
use std::os::raw::{c_char, c_int, c_uint, c_void};

/// Types whose inside is the library's: they are seen through pointers only.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            _inside: [u8; 0],
            _marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

/// Option structs and reports start with their size.
macro_rules! sized {
    ($($name:ident)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: zeros are a value of every member: numbers, pointers and optional functions.
                let mut zeros: Self = unsafe { mem::zeroed() };
                zeros.size = mem::size_of::<Self>();
                zeros
            }
        }
    )*};
}

/// The others are zeros.
macro_rules! plain {
    ($($name:ident)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: as above.
                unsafe { mem::zeroed() }
            }
        }
    )*};
}

// ---- below: declare.py ----

pub const CHRONDB_MAX_DOCUMENT: usize = 64 * 1024 * 1024;
pub const CHRONDB_MAX_DEPTH: c_int = 1000;
pub const CHRONDB_HEX_SIZE: usize = 40;

extern "C" {
    pub fn chrondb_version() -> *const c_char;
}

// ---- errors ----

pub const CHRONDB_OK: c_int = 0;
pub const CHRONDB_NOTFOUND: c_int = 1;
pub const CHRONDB_END: c_int = 1;
pub const CHRONDB_EUSAGE: c_int = -2;
pub const CHRONDB_ECONFLICT: c_int = -3;
pub const CHRONDB_EINVALID: c_int = -4;
pub const CHRONDB_EBUSY: c_int = -5;
pub const CHRONDB_ENODB: c_int = -6;
pub const CHRONDB_EDAMAGED: c_int = -7;
pub const CHRONDB_ESYSTEM: c_int = -8;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_error {
    pub code: c_int,
    pub name: *const c_char,
    pub message: *const c_char,
    pub key: *const c_char,
    pub path: *const c_char,
    pub current: *const c_char,
    pub line: usize,
    pub column: usize,
}

extern "C" {
    pub fn chrondb_last_error() -> *const chrondb_error;
}

// ---- buffers ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_buffer {
    pub data: *mut c_char,
    pub size: usize,
    pub capacity: usize,
}

extern "C" {
    pub fn chrondb_buffer_free(buffer: *mut chrondb_buffer);
}

// ---- time ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_time {
    pub seconds: i64,
    pub nanoseconds: i32,
}

pub const CHRONDB_TIME_SIZE: usize = 40;

extern "C" {
    pub fn chrondb_time_format(time: chrondb_time, out: *mut c_char);
}

// ---- progress ----

pub type chrondb_progress =
    Option<unsafe extern "C" fn(context: *mut c_void, phase: *const c_char, done: u64, total: u64) -> c_int>;

// ---- open and create ----

opaque!(chrondb);

pub const CHRONDB_OPEN_CREATE: c_uint = 1;
pub const CHRONDB_OPEN_ADOPT: c_uint = 2;
pub const CHRONDB_OPEN_MAINTAIN: c_uint = 4;

pub const CHRONDB_NOTE: c_int = 0;
pub const CHRONDB_WARNING: c_int = 1;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_open_options {
    pub size: usize,
    pub flags: c_uint,
    pub notice: Option<unsafe extern "C" fn(context: *mut c_void, level: c_int, text: *const c_char)>,
    pub notice_context: *mut c_void,
    pub index_path: *const c_char,
}

extern "C" {
    pub fn chrondb_discover(path: *mut chrondb_buffer) -> c_int;
    pub fn chrondb_open(out: *mut *mut chrondb, path: *const c_char, options: *const chrondb_open_options) -> c_int;
    pub fn chrondb_create_from(
        out: *mut *mut chrondb,
        path: *const c_char,
        options: *const chrondb_open_options,
        make: Option<unsafe extern "C" fn(context: *mut c_void, repository: *const c_char) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
    pub fn chrondb_ready_for_git(db: *mut chrondb, lock_timeout_ms: c_int) -> c_int;
    pub fn chrondb_close(db: *mut chrondb);
    pub fn chrondb_path(db: *const chrondb) -> *const c_char;
    pub fn chrondb_was_created(db: *const chrondb) -> c_int;
    pub fn chrondb_maintain(db: *mut chrondb) -> c_int;
    pub fn chrondb_maintenance_due(db: *const chrondb) -> c_int;
}

// ---- snapshots: the database at one moment ----

opaque!(chrondb_snapshot);

extern "C" {
    pub fn chrondb_snapshot_open(
        out: *mut *mut chrondb_snapshot,
        db: *mut chrondb,
        branch: *const c_char,
        when: *const c_char,
    ) -> c_int;
    pub fn chrondb_snapshot_free(snapshot: *mut chrondb_snapshot);
    pub fn chrondb_snapshot_commit(snapshot: *const chrondb_snapshot) -> *const c_char;
    pub fn chrondb_snapshot_time(snapshot: *mut chrondb_snapshot, time: *mut chrondb_time) -> c_int;
    pub fn chrondb_get(snapshot: *mut chrondb_snapshot, key: *const c_char, value: *mut chrondb_buffer) -> c_int;
    pub fn chrondb_get_at(
        db: *mut chrondb,
        branch: *const c_char,
        when: *const c_char,
        key: *const c_char,
        value: *mut chrondb_buffer,
    ) -> c_int;
    pub fn chrondb_exists(snapshot: *mut chrondb_snapshot, key: *const c_char) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_range {
    pub size: usize,
    pub prefix: *const c_char,
    pub table: *const c_char,
    pub after: *const c_char,
    pub limit: u64,
    pub reverse: c_int,
    pub keys_only: c_int,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_entry {
    pub key: *const c_char,
    pub value: *const c_char,
    pub value_size: usize,
}

opaque!(chrondb_list);

extern "C" {
    pub fn chrondb_list_open(
        out: *mut *mut chrondb_list,
        snapshot: *mut chrondb_snapshot,
        range: *const chrondb_range,
    ) -> c_int;
    pub fn chrondb_list_next(list: *mut chrondb_list, entry: *mut chrondb_entry) -> c_int;
    pub fn chrondb_list_free(list: *mut chrondb_list);
    pub fn chrondb_count(snapshot: *mut chrondb_snapshot, range: *const chrondb_range, count: *mut u64) -> c_int;
    pub fn chrondb_tables(
        snapshot: *mut chrondb_snapshot,
        each: Option<unsafe extern "C" fn(context: *mut c_void, table: *const c_char, count: u64) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
}

// ---- writes ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_write_options {
    pub size: usize,
    pub branch: *const c_char,
    pub message: *const c_char,
    pub author: *const c_char,
    pub meta: *const *const c_char,
    pub meta_count: usize,
    pub time: *const c_char,
    pub force_time: c_int,
    pub lock_timeout_ms: c_int,
    pub create_branch: c_int,
}

pub const CHRONDB_IF_ABSENT: c_uint = 1;
pub const CHRONDB_IF_EXISTS: c_uint = 2;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_condition {
    pub size: usize,
    pub flags: c_uint,
    pub r#match: *const c_char,
}

pub type chrondb_status = c_uint;
pub const CHRONDB_CREATED: chrondb_status = 0;
pub const CHRONDB_UPDATED: chrondb_status = 1;
pub const CHRONDB_DELETED: chrondb_status = 2;
pub const CHRONDB_UNCHANGED: chrondb_status = 3;
pub const CHRONDB_CHECKED: chrondb_status = 4;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_result {
    pub key: *const c_char,
    pub status: chrondb_status,
    pub commit: [c_char; CHRONDB_HEX_SIZE + 1],
    pub time: chrondb_time,
}

extern "C" {
    pub fn chrondb_put(
        db: *mut chrondb,
        key: *const c_char,
        value: *const c_char,
        size: usize,
        condition: *const chrondb_condition,
        options: *const chrondb_write_options,
        result: *mut chrondb_result,
    ) -> c_int;
    pub fn chrondb_patch(
        db: *mut chrondb,
        key: *const c_char,
        patch: *const c_char,
        size: usize,
        condition: *const chrondb_condition,
        options: *const chrondb_write_options,
        result: *mut chrondb_result,
    ) -> c_int;
    pub fn chrondb_delete(
        db: *mut chrondb,
        key: *const c_char,
        condition: *const chrondb_condition,
        options: *const chrondb_write_options,
        result: *mut chrondb_result,
    ) -> c_int;
}

opaque!(chrondb_batch);

extern "C" {
    pub fn chrondb_batch_new(out: *mut *mut chrondb_batch, db: *mut chrondb) -> c_int;
    pub fn chrondb_batch_free(batch: *mut chrondb_batch);
    pub fn chrondb_batch_put(
        batch: *mut chrondb_batch,
        key: *const c_char,
        value: *const c_char,
        size: usize,
        condition: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_patch(
        batch: *mut chrondb_batch,
        key: *const c_char,
        patch: *const c_char,
        size: usize,
        condition: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_delete(
        batch: *mut chrondb_batch,
        key: *const c_char,
        condition: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_check(
        batch: *mut chrondb_batch,
        key: *const c_char,
        condition: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_restore(
        batch: *mut chrondb_batch,
        key: *const c_char,
        snapshot: *mut chrondb_snapshot,
        condition: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_restore_all(batch: *mut chrondb_batch, snapshot: *mut chrondb_snapshot) -> c_int;
    pub fn chrondb_batch_restore_table(
        batch: *mut chrondb_batch,
        table: *const c_char,
        snapshot: *mut chrondb_snapshot,
    ) -> c_int;
    pub fn chrondb_key_check(key: *const c_char) -> c_int;
    pub fn chrondb_key_path(key: *const c_char, path: *mut chrondb_buffer) -> c_int;
    pub fn chrondb_batch_add_json(
        batch: *mut chrondb_batch,
        line: *const c_char,
        size: usize,
        defaults: *const chrondb_condition,
    ) -> c_int;
    pub fn chrondb_batch_commit(batch: *mut chrondb_batch, options: *const chrondb_write_options) -> c_int;
    pub fn chrondb_batch_size(batch: *const chrondb_batch) -> usize;
    pub fn chrondb_batch_status(batch: *const chrondb_batch, index: usize) -> chrondb_status;
    pub fn chrondb_batch_result(batch: *const chrondb_batch, index: usize) -> *const chrondb_result;
    pub fn chrondb_batch_commit_id(batch: *const chrondb_batch) -> *const c_char;
    pub fn chrondb_batch_time(batch: *const chrondb_batch) -> chrondb_time;
}

// ---- import: very many documents ----

opaque!(chrondb_import);

pub type chrondb_import_mode = c_uint;
pub const CHRONDB_IMPORT_GROUPS: chrondb_import_mode = 0;
pub const CHRONDB_IMPORT_ONE: chrondb_import_mode = 1;
pub const CHRONDB_IMPORT_EVERY: chrondb_import_mode = 2;
pub const CHRONDB_IMPORT_EACH: chrondb_import_mode = 3;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_import_options {
    pub size: usize,
    pub branch: *const c_char,
    pub message: *const c_char,
    pub author: *const c_char,
    pub meta: *const *const c_char,
    pub meta_count: usize,
    pub mode: chrondb_import_mode,
    pub every: u64,
    pub force_time: c_int,
    pub restart: c_int,
    pub lock_timeout_ms: c_int,
    pub no_index: c_int,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_import_report {
    pub size: usize,
    pub lines: u64,
    pub resumed: u64,
    pub durable_lines: u64,
    pub commits: u64,
    pub puts: u64,
    pub deletes: u64,
    pub head: [c_char; CHRONDB_HEX_SIZE + 1],
}

extern "C" {
    pub fn chrondb_import_open(
        out: *mut *mut chrondb_import,
        db: *mut chrondb,
        options: *const chrondb_import_options,
    ) -> c_int;
    pub fn chrondb_import_line(import: *mut chrondb_import, line: *const c_char, size: usize) -> c_int;
    pub fn chrondb_import_finish(import: *mut chrondb_import) -> c_int;
    pub fn chrondb_import_stop(import: *mut chrondb_import) -> c_int;
    pub fn chrondb_import_get_report(import: *const chrondb_import, report: *mut chrondb_import_report);
    pub fn chrondb_import_free(import: *mut chrondb_import);
}

// ---- history ----

pub type chrondb_op = c_uint;
pub const CHRONDB_OP_CREATE: chrondb_op = 0;
pub const CHRONDB_OP_UPDATE: chrondb_op = 1;
pub const CHRONDB_OP_DELETE: chrondb_op = 2;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_version_info {
    pub key: *const c_char,
    pub op: chrondb_op,
    pub commit: *const c_char,
    pub time: chrondb_time,
    pub author: *const c_char,
    pub committer: *const c_char,
    pub message: *const c_char,
    pub meta: *const *const c_char,
    pub meta_count: usize,
    pub value: *const c_char,
    pub value_size: usize,
    pub patch: *const c_char,
    pub patch_size: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_history_options {
    pub size: usize,
    pub limit: u64,
    pub since: *const c_char,
    pub until: *const c_char,
    pub reverse: c_int,
    pub no_value: c_int,
    pub patch: c_int,
}

opaque!(chrondb_history);

extern "C" {
    pub fn chrondb_history_open(
        out: *mut *mut chrondb_history,
        snapshot: *mut chrondb_snapshot,
        key: *const c_char,
        options: *const chrondb_history_options,
    ) -> c_int;
    pub fn chrondb_history_next(history: *mut chrondb_history, version: *mut chrondb_version_info) -> c_int;
    pub fn chrondb_history_free(history: *mut chrondb_history);
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_change {
    pub key: *const c_char,
    pub op: chrondb_op,
}

opaque!(chrondb_log);

extern "C" {
    pub fn chrondb_log_open(
        out: *mut *mut chrondb_log,
        snapshot: *mut chrondb_snapshot,
        options: *const chrondb_history_options,
    ) -> c_int;
    pub fn chrondb_log_next(
        log: *mut chrondb_log,
        version: *mut chrondb_version_info,
        changes: *mut *const chrondb_change,
        change_count: *mut usize,
    ) -> c_int;
    pub fn chrondb_log_value(log: *mut chrondb_log, index: usize, value: *mut *const c_char, size: *mut usize) -> c_int;
    pub fn chrondb_log_free(log: *mut chrondb_log);
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_difference {
    pub key: *const c_char,
    pub op: chrondb_op,
    pub old_value: *const c_char,
    pub old_size: usize,
    pub new_value: *const c_char,
    pub new_size: usize,
    pub patch: *const c_char,
    pub patch_size: usize,
}

opaque!(chrondb_diff);

extern "C" {
    pub fn chrondb_diff_open(
        out: *mut *mut chrondb_diff,
        from: *mut chrondb_snapshot,
        to: *mut chrondb_snapshot,
        prefixes: *const *const c_char,
        count: usize,
    ) -> c_int;
    pub fn chrondb_diff_next(diff: *mut chrondb_diff, difference: *mut chrondb_difference) -> c_int;
    pub fn chrondb_diff_free(diff: *mut chrondb_diff);
}

opaque!(chrondb_blame);

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_blame_field {
    pub path: *const c_char,
    pub path_size: usize,
    pub value: *const c_char,
    pub value_size: usize,
    pub commit: *const c_char,
    pub time: chrondb_time,
    pub author: *const c_char,
}

extern "C" {
    pub fn chrondb_blame_open(
        out: *mut *mut chrondb_blame,
        snapshot: *mut chrondb_snapshot,
        key: *const c_char,
    ) -> c_int;
    pub fn chrondb_blame_next(blame: *mut chrondb_blame, field: *mut chrondb_blame_field) -> c_int;
    pub fn chrondb_blame_free(blame: *mut chrondb_blame);
}

// ---- watching ----

opaque!(chrondb_watch);

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_watch_options {
    pub size: usize,
    pub branch: *const c_char,
    pub prefix: *const c_char,
    pub table: *const c_char,
    pub since: *const c_char,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_event {
    pub key: *const c_char,
    pub op: chrondb_op,
    pub branch: *const c_char,
    pub commit: *const c_char,
    pub time: chrondb_time,
    pub value: *const c_char,
    pub value_size: usize,
}

extern "C" {
    pub fn chrondb_watch_open(
        out: *mut *mut chrondb_watch,
        db: *mut chrondb,
        options: *const chrondb_watch_options,
    ) -> c_int;
    pub fn chrondb_watch_next(watch: *mut chrondb_watch, event: *mut chrondb_event) -> c_int;
    pub fn chrondb_watch_fd(watch: *const chrondb_watch) -> c_int;
    pub fn chrondb_watch_free(watch: *mut chrondb_watch);
}

// ---- branches and tags ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_ref {
    pub name: *const c_char,
    pub commit: [c_char; CHRONDB_HEX_SIZE + 1],
    pub time: chrondb_time,
    pub has_time: c_int,
    pub object: [c_char; CHRONDB_HEX_SIZE + 1],
    pub previous: [c_char; CHRONDB_HEX_SIZE + 1],
    pub is_default: c_int,
}

extern "C" {
    pub fn chrondb_branch_list(
        db: *mut chrondb,
        each: Option<unsafe extern "C" fn(context: *mut c_void, r#ref: *const chrondb_ref) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
    pub fn chrondb_tag_list(
        db: *mut chrondb,
        each: Option<unsafe extern "C" fn(context: *mut c_void, r#ref: *const chrondb_ref) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
    pub fn chrondb_branch_create(
        db: *mut chrondb,
        name: *const c_char,
        branch: *const c_char,
        start: *const c_char,
        lock_timeout_ms: c_int,
        status: *mut chrondb_status,
        out: *mut chrondb_ref,
    ) -> c_int;
    pub fn chrondb_branch_delete(
        db: *mut chrondb,
        name: *const c_char,
        lock_timeout_ms: c_int,
        out: *mut chrondb_ref,
    ) -> c_int;
    pub fn chrondb_branch_rename(
        db: *mut chrondb,
        from: *const c_char,
        to: *const c_char,
        lock_timeout_ms: c_int,
        status: *mut chrondb_status,
        out: *mut chrondb_ref,
    ) -> c_int;
    pub fn chrondb_tag_create(
        db: *mut chrondb,
        name: *const c_char,
        branch: *const c_char,
        when: *const c_char,
        force: c_int,
        lock_timeout_ms: c_int,
        status: *mut chrondb_status,
        out: *mut chrondb_ref,
    ) -> c_int;
    pub fn chrondb_tag_delete(
        db: *mut chrondb,
        name: *const c_char,
        lock_timeout_ms: c_int,
        out: *mut chrondb_ref,
    ) -> c_int;
    pub fn chrondb_remote_branch_list(
        db: *mut chrondb,
        each: Option<unsafe extern "C" fn(context: *mut c_void, r#ref: *const chrondb_ref) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_comparison {
    pub size: usize,
    pub ours: [c_char; CHRONDB_HEX_SIZE + 1],
    pub theirs: [c_char; CHRONDB_HEX_SIZE + 1],
    pub same_documents: c_int,
    pub our_news: c_int,
    pub their_news: c_int,
}

extern "C" {
    pub fn chrondb_compare(
        db: *mut chrondb,
        branch: *const c_char,
        ours: *const c_char,
        theirs: *const c_char,
        out: *mut chrondb_comparison,
    ) -> c_int;
}

// ---- about ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_info {
    pub size: usize,
    pub path: *const c_char,
    pub branch: [c_char; 1024],
    pub head: [c_char; CHRONDB_HEX_SIZE + 1],
    pub time: chrondb_time,
    pub documents: u64,
    pub tables: u64,
    pub commits: u64,
    pub loose_objects: u64,
    pub packs: u64,
    pub disk_bytes: u64,
    pub journal_bytes: u64,
    pub format: c_int,
    pub index_bytes: u64,
    pub index_commits: u64,
    pub index_segments: u64,
    pub search_commits: u64,
    pub search_documents: u64,
    pub search_versions: u64,
    pub search_segments: u64,
    pub search_bytes: u64,
    pub search_language: [c_char; 32],
}

extern "C" {
    pub fn chrondb_get_info(db: *mut chrondb, branch: *const c_char, info: *mut chrondb_info) -> c_int;
}

// ---- care ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_gc_report {
    pub size: usize,
    pub objects: u64,
    pub packs_before: u64,
    pub packs_after: u64,
    pub loose_before: u64,
    pub loose_after: u64,
    pub bytes_before: u64,
    pub bytes_after: u64,
}

extern "C" {
    pub fn chrondb_gc(
        db: *mut chrondb,
        progress: chrondb_progress,
        context: *mut c_void,
        report: *mut chrondb_gc_report,
    ) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_reindex_report {
    pub size: usize,
    pub branches: u64,
    pub commits: u64,
    pub keys: u64,
    pub bytes: u64,
}

extern "C" {
    pub fn chrondb_reindex(
        db: *mut chrondb,
        progress: chrondb_progress,
        context: *mut c_void,
        report: *mut chrondb_reindex_report,
    ) -> c_int;
}

// ---- backups ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_backup_options {
    pub size: usize,
    pub since: *const c_char,
    pub since_file: *const c_char,
    pub branch: *const c_char,
    pub fd: c_int,
    pub lock_timeout_ms: c_int,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_backup_report {
    pub size: usize,
    pub bytes: u64,
    pub objects: u64,
    pub commits: u64,
    pub branches: u64,
    pub tags: u64,
    pub incremental: c_int,
}

extern "C" {
    pub fn chrondb_backup(
        db: *mut chrondb,
        file: *const c_char,
        options: *const chrondb_backup_options,
        report: *mut chrondb_backup_report,
    ) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_restore_options {
    pub size: usize,
    pub fd: c_int,
    pub lock_timeout_ms: c_int,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_restore_report {
    pub size: usize,
    pub bytes: u64,
    pub objects: u64,
    pub commits: u64,
    pub branches: u64,
    pub tags: u64,
    pub incremental: c_int,
    pub status: chrondb_status,
}

extern "C" {
    pub fn chrondb_restore_backup(
        path: *const c_char,
        file: *const c_char,
        options: *const chrondb_restore_options,
        report: *mut chrondb_restore_report,
    ) -> c_int;
}

// ---- merging ----

opaque!(chrondb_merge);

extern "C" {
    pub fn chrondb_merge_new(out: *mut *mut chrondb_merge, db: *mut chrondb) -> c_int;
    pub fn chrondb_merge_free(merge: *mut chrondb_merge);
    pub fn chrondb_merge_decide(
        merge: *mut chrondb_merge,
        key: *const c_char,
        value: *const c_char,
        size: usize,
    ) -> c_int;
    pub fn chrondb_merge_decide_json(merge: *mut chrondb_merge, line: *const c_char, size: usize) -> c_int;
}

pub type chrondb_merge_strategy = c_uint;
pub const CHRONDB_MERGE_FAIL: chrondb_merge_strategy = 0;
pub const CHRONDB_MERGE_OURS: chrondb_merge_strategy = 1;
pub const CHRONDB_MERGE_THEIRS: chrondb_merge_strategy = 2;
pub const CHRONDB_MERGE_NEWEST: chrondb_merge_strategy = 3;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_merge_options {
    pub size: usize,
    pub write: *const chrondb_write_options,
    pub strategy: chrondb_merge_strategy,
    pub dry_run: c_int,
    pub no_ff: c_int,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
    pub source_name: *const c_char,
}

extern "C" {
    pub fn chrondb_merge_run(
        merge: *mut chrondb_merge,
        source: *const c_char,
        options: *const chrondb_merge_options,
    ) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_conflict {
    pub key: *const c_char,
    pub path: *const c_char,
    pub base: *const c_char,
    pub base_size: usize,
    pub ours: *const c_char,
    pub ours_size: usize,
    pub theirs: *const c_char,
    pub theirs_size: usize,
}

extern "C" {
    pub fn chrondb_merge_conflict(merge: *const chrondb_merge, index: usize, out: *mut chrondb_conflict) -> c_int;
}

pub type chrondb_merge_status = c_uint;
pub const CHRONDB_MERGE_UNCHANGED: chrondb_merge_status = 0;
pub const CHRONDB_FAST_FORWARD: chrondb_merge_status = 1;
pub const CHRONDB_MERGED: chrondb_merge_status = 2;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_merge_report {
    pub status: chrondb_merge_status,
    pub commit: *const c_char,
    pub time: chrondb_time,
    pub puts: u64,
    pub deletes: u64,
    pub conflicts: u64,
}

extern "C" {
    pub fn chrondb_merge_get_report(merge: *mut chrondb_merge) -> *const chrondb_merge_report;
}

// ---- verify ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_finding {
    pub kind: *const c_char,
    pub is_error: c_int,
    pub r#ref: *const c_char,
    pub commit: *const c_char,
    pub path: *const c_char,
    pub key: *const c_char,
    pub object: *const c_char,
    pub message: *const c_char,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_verify_options {
    pub size: usize,
    pub branch: *const c_char,
    pub full: c_int,
    pub finding: Option<unsafe extern "C" fn(context: *mut c_void, finding: *const chrondb_finding) -> c_int>,
    pub finding_context: *mut c_void,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_verify_report {
    pub size: usize,
    pub errors: u64,
    pub notes: u64,
    pub refs: u64,
    pub commits: u64,
    pub trees: u64,
    pub documents: u64,
    pub objects: u64,
}

extern "C" {
    pub fn chrondb_verify(
        db: *mut chrondb,
        options: *const chrondb_verify_options,
        report: *mut chrondb_verify_report,
    ) -> c_int;
}

// ---- settings ----

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_setting {
    pub name: *const c_char,
    pub value: *const c_char,
    pub default_value: *const c_char,
    pub description: *const c_char,
    pub is_set: c_int,
    pub is_valid: c_int,
}

extern "C" {
    pub fn chrondb_config_get(db: *mut chrondb, name: *const c_char, value: *mut chrondb_buffer) -> c_int;
    pub fn chrondb_config_set(
        db: *mut chrondb,
        name: *const c_char,
        value: *const c_char,
        lock_timeout_ms: c_int,
        status: *mut chrondb_status,
    ) -> c_int;
    pub fn chrondb_config_unset(
        db: *mut chrondb,
        name: *const c_char,
        lock_timeout_ms: c_int,
        status: *mut chrondb_status,
    ) -> c_int;
    pub fn chrondb_config_list(
        db: *mut chrondb,
        each: Option<unsafe extern "C" fn(context: *mut c_void, setting: *const chrondb_setting) -> c_int>,
        context: *mut c_void,
    ) -> c_int;
}

// ---- search ----

opaque!(chrondb_search);

pub const CHRONDB_SEARCH_LIMIT: c_int = 10;

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_search_options {
    pub size: usize,
    pub table: *const c_char,
    pub limit: u64,
    pub offset: u64,
    pub after: *const c_char,
    pub sort: *const c_char,
    pub default_and: c_int,
    pub count_only: c_int,
    pub total: c_int,
    pub keys_only: c_int,
    pub explain: c_int,
    pub facets: *const *const c_char,
    pub facet_count: usize,
    pub facet_limit: u64,
    pub progress: chrondb_progress,
    pub progress_context: *mut c_void,
}

extern "C" {
    pub fn chrondb_search_open(
        out: *mut *mut chrondb_search,
        snapshot: *mut chrondb_snapshot,
        query: *const c_char,
        options: *const chrondb_search_options,
    ) -> c_int;
    pub fn chrondb_search_open_ast(
        out: *mut *mut chrondb_search,
        snapshot: *mut chrondb_snapshot,
        ast: *const c_char,
        size: usize,
        options: *const chrondb_search_options,
    ) -> c_int;
    pub fn chrondb_search_ast_branch(ast: *const c_char, size: usize, branch: *mut chrondb_buffer) -> c_int;
    pub fn chrondb_search_mark(
        out: *mut chrondb_buffer,
        query: *const c_char,
        size: usize,
        line: usize,
        column: usize,
    ) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_score {
    pub depth: c_uint,
    pub value: f64,
    pub text: *const c_char,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_hit {
    pub key: *const c_char,
    pub value: *const c_char,
    pub value_size: usize,
    pub score: f64,
    pub scores: *const chrondb_score,
    pub score_count: usize,
}

extern "C" {
    pub fn chrondb_search_next(search: *mut chrondb_search, hit: *mut chrondb_hit) -> c_int;
    pub fn chrondb_search_free(search: *mut chrondb_search);
    pub fn chrondb_search_total(search: *const chrondb_search) -> u64;
    pub fn chrondb_search_cursor(search: *const chrondb_search) -> *const c_char;
    pub fn chrondb_search_commit(search: *const chrondb_search) -> *const c_char;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_facet {
    pub value: *const c_char,
    pub value_size: usize,
    pub count: u64,
}

extern "C" {
    pub fn chrondb_search_facet(
        search: *const chrondb_search,
        index: usize,
        values: *mut *const chrondb_facet,
        distinct: *mut u64,
    ) -> usize;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_step {
    pub depth: c_uint,
    pub kind: *const c_char,
    pub text: *const c_char,
    pub how: *const c_char,
    pub df: u64,
    pub documents: u64,
    pub weight: f64,
    pub average_length: f64,
    pub forms: u64,
    pub postings: u64,
    pub blocks: u64,
    pub skipped: u64,
    pub verified: u64,
}

extern "C" {
    pub fn chrondb_search_step(search: *const chrondb_search, index: usize, step: *mut chrondb_step) -> c_int;
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_search_stats {
    pub size: usize,
    pub segments: u64,
    pub caught_up: u64,
}

extern "C" {
    pub fn chrondb_search_get_stats(search: *const chrondb_search, stats: *mut chrondb_search_stats);
}

#[derive(Clone, Copy)]
#[repr(C)]
pub struct chrondb_mark {
    pub start: usize,
    pub end: usize,
}

extern "C" {
    pub fn chrondb_search_highlight(
        search: *mut chrondb_search,
        json: *const c_char,
        size: usize,
        marks: *mut *const chrondb_mark,
        count: *mut usize,
    ) -> c_int;
}

// ---- JSON text ----

pub const CHRONDB_JSON_PRETTY: c_uint = 1;
pub const CHRONDB_JSON_COLOR: c_uint = 2;
pub const CHRONDB_JSON_SAFE: c_uint = 4;

extern "C" {
    pub fn chrondb_json_check(text: *const c_char, size: usize) -> c_int;
    pub fn chrondb_json_format(out: *mut chrondb_buffer, text: *const c_char, size: usize, flags: c_uint) -> c_int;
    pub fn chrondb_json_merge_patch(
        out: *mut chrondb_buffer,
        target: *const c_char,
        target_size: usize,
        patch: *const c_char,
        patch_size: usize,
    ) -> c_int;
}

// ---- all defaults ----

sized! {
    chrondb_open_options
    chrondb_range
    chrondb_write_options
    chrondb_condition
    chrondb_import_options
    chrondb_import_report
    chrondb_history_options
    chrondb_watch_options
    chrondb_comparison
    chrondb_info
    chrondb_gc_report
    chrondb_reindex_report
    chrondb_backup_options
    chrondb_backup_report
    chrondb_restore_options
    chrondb_restore_report
    chrondb_merge_options
    chrondb_verify_options
    chrondb_verify_report
    chrondb_search_options
    chrondb_search_stats
}

plain! {
    chrondb_error
    chrondb_buffer
    chrondb_time
    chrondb_entry
    chrondb_result
    chrondb_version_info
    chrondb_change
    chrondb_difference
    chrondb_blame_field
    chrondb_event
    chrondb_ref
    chrondb_conflict
    chrondb_merge_report
    chrondb_finding
    chrondb_setting
    chrondb_score
    chrondb_hit
    chrondb_facet
    chrondb_step
    chrondb_mark
}
