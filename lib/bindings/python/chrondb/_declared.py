# SPDX-License-Identifier: MIT
"""What chrondb.h declares, as ctypes sees it. lib/bindings/declare.py writes it anew where the header has changed, and
tests/python/test_native.py has a C compiler compare.

Bytes with a size beside them are c_void_p in structs: they may hold anything, and ctypes would stop at a NUL.
"""
import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint,
    c_uint64,
    c_void_p,
)


class Struct(Structure):
    """A struct of chrondb.h; `c_name` is its name there. The size member of those that state it is filled in."""

    c_name = ""

    def __init__(self, **members):
        super().__init__(**members)
        if self._fields_[0][0] == "size":
            self.size = ctypes.sizeof(self)


# ---- below: declare.py ----

MAX_DOCUMENT = 67108864
MAX_DEPTH = 1000
HEX_SIZE = 40
OK = 0
NOTFOUND = 1
END = 1
EUSAGE = -2
ECONFLICT = -3
EINVALID = -4
EBUSY = -5
ENODB = -6
EDAMAGED = -7
ESYSTEM = -8


class Error(Struct):
    c_name = "chrondb_error"
    _fields_ = [
        ("code", c_int),
        ("name", c_char_p),
        ("message", c_char_p),
        ("key", c_char_p),
        ("path", c_char_p),
        ("current", c_char_p),
        ("line", c_size_t),
        ("column", c_size_t),
    ]


class Buffer(Struct):
    c_name = "chrondb_buffer"
    _fields_ = [
        ("data", c_void_p),
        ("size", c_size_t),
        ("capacity", c_size_t),
    ]


class Time(Struct):
    c_name = "chrondb_time"
    _fields_ = [
        ("seconds", c_int64),
        ("nanoseconds", c_int32),
    ]


TIME_SIZE = 40
PROGRESS = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, c_uint64)
OPEN_CREATE = 1
OPEN_ADOPT = 2
OPEN_MAINTAIN = 4
NOTE = 0
WARNING = 1
NOTICE = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class OpenOptions(Struct):
    c_name = "chrondb_open_options"
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint),
        ("notice", NOTICE),
        ("notice_context", c_void_p),
        ("index_path", c_char_p),
    ]


MAKE = CFUNCTYPE(c_int, c_void_p, c_char_p)


class Range(Struct):
    c_name = "chrondb_range"
    _fields_ = [
        ("size", c_size_t),
        ("prefix", c_char_p),
        ("table", c_char_p),
        ("after", c_char_p),
        ("limit", c_uint64),
        ("reverse", c_int),
        ("keys_only", c_int),
    ]


class Entry(Struct):
    c_name = "chrondb_entry"
    _fields_ = [
        ("key", c_char_p),
        ("value", c_void_p),
        ("value_size", c_size_t),
    ]


EACH_TABLE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64)


class WriteOptions(Struct):
    c_name = "chrondb_write_options"
    _fields_ = [
        ("size", c_size_t),
        ("branch", c_char_p),
        ("message", c_char_p),
        ("author", c_char_p),
        ("meta", POINTER(c_char_p)),
        ("meta_count", c_size_t),
        ("time", c_char_p),
        ("force_time", c_int),
        ("lock_timeout_ms", c_int),
        ("create_branch", c_int),
    ]


IF_ABSENT = 1
IF_EXISTS = 2


class Condition(Struct):
    c_name = "chrondb_condition"
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint),
        ("match", c_char_p),
    ]


STATUS = ("created", "updated", "deleted", "unchanged", "checked")


class Result(Struct):
    c_name = "chrondb_result"
    _fields_ = [
        ("key", c_char_p),
        ("status", c_int),
        ("commit", c_char * 41),
        ("time", Time),
    ]


IMPORT_MODE = ("groups", "one", "every", "each")


class ImportOptions(Struct):
    c_name = "chrondb_import_options"
    _fields_ = [
        ("size", c_size_t),
        ("branch", c_char_p),
        ("message", c_char_p),
        ("author", c_char_p),
        ("meta", POINTER(c_char_p)),
        ("meta_count", c_size_t),
        ("mode", c_int),
        ("every", c_uint64),
        ("force_time", c_int),
        ("restart", c_int),
        ("lock_timeout_ms", c_int),
        ("no_index", c_int),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
    ]


class ImportReport(Struct):
    c_name = "chrondb_import_report"
    _fields_ = [
        ("size", c_size_t),
        ("lines", c_uint64),
        ("resumed", c_uint64),
        ("durable_lines", c_uint64),
        ("commits", c_uint64),
        ("puts", c_uint64),
        ("deletes", c_uint64),
        ("head", c_char * 41),
    ]


OP = ("create", "update", "delete")


class VersionInfo(Struct):
    c_name = "chrondb_version_info"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
        ("commit", c_char_p),
        ("time", Time),
        ("author", c_char_p),
        ("committer", c_char_p),
        ("message", c_char_p),
        ("meta", POINTER(c_char_p)),
        ("meta_count", c_size_t),
        ("value", c_void_p),
        ("value_size", c_size_t),
        ("patch", c_void_p),
        ("patch_size", c_size_t),
    ]


class HistoryOptions(Struct):
    c_name = "chrondb_history_options"
    _fields_ = [
        ("size", c_size_t),
        ("limit", c_uint64),
        ("since", c_char_p),
        ("until", c_char_p),
        ("reverse", c_int),
        ("no_value", c_int),
        ("patch", c_int),
    ]


class Change(Struct):
    c_name = "chrondb_change"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
    ]


class Difference(Struct):
    c_name = "chrondb_difference"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
        ("old_value", c_void_p),
        ("old_size", c_size_t),
        ("new_value", c_void_p),
        ("new_size", c_size_t),
        ("patch", c_void_p),
        ("patch_size", c_size_t),
    ]


class BlameField(Struct):
    c_name = "chrondb_blame_field"
    _fields_ = [
        ("path", c_void_p),
        ("path_size", c_size_t),
        ("value", c_void_p),
        ("value_size", c_size_t),
        ("commit", c_char_p),
        ("time", Time),
        ("author", c_char_p),
    ]


class WatchOptions(Struct):
    c_name = "chrondb_watch_options"
    _fields_ = [
        ("size", c_size_t),
        ("branch", c_char_p),
        ("prefix", c_char_p),
        ("table", c_char_p),
        ("since", c_char_p),
    ]


class Event(Struct):
    c_name = "chrondb_event"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
        ("branch", c_char_p),
        ("commit", c_char_p),
        ("time", Time),
        ("value", c_void_p),
        ("value_size", c_size_t),
    ]


class Ref(Struct):
    c_name = "chrondb_ref"
    _fields_ = [
        ("name", c_char_p),
        ("commit", c_char * 41),
        ("time", Time),
        ("has_time", c_int),
        ("object", c_char * 41),
        ("previous", c_char * 41),
        ("is_default", c_int),
    ]


EACH_REF = CFUNCTYPE(c_int, c_void_p, POINTER(Ref))


class Comparison(Struct):
    c_name = "chrondb_comparison"
    _fields_ = [
        ("size", c_size_t),
        ("ours", c_char * 41),
        ("theirs", c_char * 41),
        ("same_documents", c_int),
        ("our_news", c_int),
        ("their_news", c_int),
    ]


class Info(Struct):
    c_name = "chrondb_info"
    _fields_ = [
        ("size", c_size_t),
        ("path", c_char_p),
        ("branch", c_char * 1024),
        ("head", c_char * 41),
        ("time", Time),
        ("documents", c_uint64),
        ("tables", c_uint64),
        ("commits", c_uint64),
        ("loose_objects", c_uint64),
        ("packs", c_uint64),
        ("disk_bytes", c_uint64),
        ("journal_bytes", c_uint64),
        ("format", c_int),
        ("index_bytes", c_uint64),
        ("index_commits", c_uint64),
        ("index_segments", c_uint64),
        ("search_commits", c_uint64),
        ("search_documents", c_uint64),
        ("search_versions", c_uint64),
        ("search_segments", c_uint64),
        ("search_bytes", c_uint64),
        ("search_language", c_char * 32),
    ]


class GcReport(Struct):
    c_name = "chrondb_gc_report"
    _fields_ = [
        ("size", c_size_t),
        ("objects", c_uint64),
        ("packs_before", c_uint64),
        ("packs_after", c_uint64),
        ("loose_before", c_uint64),
        ("loose_after", c_uint64),
        ("bytes_before", c_uint64),
        ("bytes_after", c_uint64),
    ]


class ReindexReport(Struct):
    c_name = "chrondb_reindex_report"
    _fields_ = [
        ("size", c_size_t),
        ("branches", c_uint64),
        ("commits", c_uint64),
        ("keys", c_uint64),
        ("bytes", c_uint64),
    ]


class BackupOptions(Struct):
    c_name = "chrondb_backup_options"
    _fields_ = [
        ("size", c_size_t),
        ("since", c_char_p),
        ("since_file", c_char_p),
        ("branch", c_char_p),
        ("fd", c_int),
        ("lock_timeout_ms", c_int),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
    ]


class BackupReport(Struct):
    c_name = "chrondb_backup_report"
    _fields_ = [
        ("size", c_size_t),
        ("bytes", c_uint64),
        ("objects", c_uint64),
        ("commits", c_uint64),
        ("branches", c_uint64),
        ("tags", c_uint64),
        ("incremental", c_int),
    ]


class RestoreOptions(Struct):
    c_name = "chrondb_restore_options"
    _fields_ = [
        ("size", c_size_t),
        ("fd", c_int),
        ("lock_timeout_ms", c_int),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
    ]


class RestoreReport(Struct):
    c_name = "chrondb_restore_report"
    _fields_ = [
        ("size", c_size_t),
        ("bytes", c_uint64),
        ("objects", c_uint64),
        ("commits", c_uint64),
        ("branches", c_uint64),
        ("tags", c_uint64),
        ("incremental", c_int),
        ("status", c_int),
    ]


MERGE_STRATEGY = ("fail", "ours", "theirs", "newest")


class MergeOptions(Struct):
    c_name = "chrondb_merge_options"
    _fields_ = [
        ("size", c_size_t),
        ("write", POINTER(WriteOptions)),
        ("strategy", c_int),
        ("dry_run", c_int),
        ("no_ff", c_int),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
        ("source_name", c_char_p),
    ]


class Conflict(Struct):
    c_name = "chrondb_conflict"
    _fields_ = [
        ("key", c_char_p),
        ("path", c_char_p),
        ("base", c_void_p),
        ("base_size", c_size_t),
        ("ours", c_void_p),
        ("ours_size", c_size_t),
        ("theirs", c_void_p),
        ("theirs_size", c_size_t),
    ]


MERGE_STATUS = ("unchanged", "fast-forward", "merged")


class MergeReport(Struct):
    c_name = "chrondb_merge_report"
    _fields_ = [
        ("status", c_int),
        ("commit", c_char_p),
        ("time", Time),
        ("puts", c_uint64),
        ("deletes", c_uint64),
        ("conflicts", c_uint64),
    ]


class Finding(Struct):
    c_name = "chrondb_finding"
    _fields_ = [
        ("kind", c_char_p),
        ("is_error", c_int),
        ("ref", c_char_p),
        ("commit", c_char_p),
        ("path", c_char_p),
        ("key", c_char_p),
        ("object", c_char_p),
        ("message", c_char_p),
    ]


FINDING = CFUNCTYPE(c_int, c_void_p, POINTER(Finding))


class VerifyOptions(Struct):
    c_name = "chrondb_verify_options"
    _fields_ = [
        ("size", c_size_t),
        ("branch", c_char_p),
        ("full", c_int),
        ("finding", FINDING),
        ("finding_context", c_void_p),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
    ]


class VerifyReport(Struct):
    c_name = "chrondb_verify_report"
    _fields_ = [
        ("size", c_size_t),
        ("errors", c_uint64),
        ("notes", c_uint64),
        ("refs", c_uint64),
        ("commits", c_uint64),
        ("trees", c_uint64),
        ("documents", c_uint64),
        ("objects", c_uint64),
    ]


class Setting(Struct):
    c_name = "chrondb_setting"
    _fields_ = [
        ("name", c_char_p),
        ("value", c_char_p),
        ("default_value", c_char_p),
        ("description", c_char_p),
        ("is_set", c_int),
        ("is_valid", c_int),
    ]


EACH_SETTING = CFUNCTYPE(c_int, c_void_p, POINTER(Setting))
SEARCH_LIMIT = 10


class SearchOptions(Struct):
    c_name = "chrondb_search_options"
    _fields_ = [
        ("size", c_size_t),
        ("table", c_char_p),
        ("limit", c_uint64),
        ("offset", c_uint64),
        ("after", c_char_p),
        ("sort", c_char_p),
        ("default_and", c_int),
        ("count_only", c_int),
        ("total", c_int),
        ("keys_only", c_int),
        ("explain", c_int),
        ("facets", POINTER(c_char_p)),
        ("facet_count", c_size_t),
        ("facet_limit", c_uint64),
        ("progress", PROGRESS),
        ("progress_context", c_void_p),
    ]


class Score(Struct):
    c_name = "chrondb_score"
    _fields_ = [
        ("depth", c_uint),
        ("value", c_double),
        ("text", c_char_p),
    ]


class Hit(Struct):
    c_name = "chrondb_hit"
    _fields_ = [
        ("key", c_char_p),
        ("value", c_void_p),
        ("value_size", c_size_t),
        ("score", c_double),
        ("scores", POINTER(Score)),
        ("score_count", c_size_t),
    ]


class Facet(Struct):
    c_name = "chrondb_facet"
    _fields_ = [
        ("value", c_void_p),
        ("value_size", c_size_t),
        ("count", c_uint64),
    ]


class Step(Struct):
    c_name = "chrondb_step"
    _fields_ = [
        ("depth", c_uint),
        ("kind", c_char_p),
        ("text", c_char_p),
        ("how", c_char_p),
        ("df", c_uint64),
        ("documents", c_uint64),
        ("weight", c_double),
        ("average_length", c_double),
        ("forms", c_uint64),
        ("postings", c_uint64),
        ("blocks", c_uint64),
        ("skipped", c_uint64),
        ("verified", c_uint64),
    ]


class SearchStats(Struct):
    c_name = "chrondb_search_stats"
    _fields_ = [
        ("size", c_size_t),
        ("segments", c_uint64),
        ("caught_up", c_uint64),
    ]


class Mark(Struct):
    c_name = "chrondb_mark"
    _fields_ = [
        ("start", c_size_t),
        ("end", c_size_t),
    ]


JSON_PRETTY = 1
JSON_COLOR = 2
JSON_SAFE = 4

# name: (result, arguments)
PROTOTYPES = {
    "chrondb_version": (c_char_p, []),
    "chrondb_last_error": (POINTER(Error), []),
    "chrondb_buffer_free": (None, [POINTER(Buffer)]),
    "chrondb_time_format": (None, [Time, c_char_p]),
    "chrondb_discover": (c_int, [POINTER(Buffer)]),
    "chrondb_open": (c_int, [POINTER(c_void_p), c_char_p, POINTER(OpenOptions)]),
    "chrondb_create_from": (c_int, [POINTER(c_void_p), c_char_p, POINTER(OpenOptions), MAKE, c_void_p]),
    "chrondb_ready_for_git": (c_int, [c_void_p, c_int]),
    "chrondb_close": (None, [c_void_p]),
    "chrondb_path": (c_char_p, [c_void_p]),
    "chrondb_was_created": (c_int, [c_void_p]),
    "chrondb_maintain": (c_int, [c_void_p]),
    "chrondb_maintenance_due": (c_int, [c_void_p]),
    "chrondb_snapshot_open": (c_int, [POINTER(c_void_p), c_void_p, c_char_p, c_char_p]),
    "chrondb_snapshot_free": (None, [c_void_p]),
    "chrondb_snapshot_commit": (c_char_p, [c_void_p]),
    "chrondb_snapshot_time": (c_int, [c_void_p, POINTER(Time)]),
    "chrondb_get": (c_int, [c_void_p, c_char_p, POINTER(Buffer)]),
    "chrondb_get_at": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, POINTER(Buffer)]),
    "chrondb_exists": (c_int, [c_void_p, c_char_p]),
    "chrondb_list_open": (c_int, [POINTER(c_void_p), c_void_p, POINTER(Range)]),
    "chrondb_list_next": (c_int, [c_void_p, POINTER(Entry)]),
    "chrondb_list_free": (None, [c_void_p]),
    "chrondb_count": (c_int, [c_void_p, POINTER(Range), POINTER(c_uint64)]),
    "chrondb_tables": (c_int, [c_void_p, EACH_TABLE, c_void_p]),
    "chrondb_put": (
        c_int,
        [
            c_void_p,
            c_char_p,
            c_char_p,
            c_size_t,
            POINTER(Condition),
            POINTER(WriteOptions),
            POINTER(Result),
        ],
    ),
    "chrondb_patch": (
        c_int,
        [
            c_void_p,
            c_char_p,
            c_char_p,
            c_size_t,
            POINTER(Condition),
            POINTER(WriteOptions),
            POINTER(Result),
        ],
    ),
    "chrondb_delete": (c_int, [c_void_p, c_char_p, POINTER(Condition), POINTER(WriteOptions), POINTER(Result)]),
    "chrondb_batch_new": (c_int, [POINTER(c_void_p), c_void_p]),
    "chrondb_batch_free": (None, [c_void_p]),
    "chrondb_batch_put": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition)]),
    "chrondb_batch_patch": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition)]),
    "chrondb_batch_delete": (c_int, [c_void_p, c_char_p, POINTER(Condition)]),
    "chrondb_batch_check": (c_int, [c_void_p, c_char_p, POINTER(Condition)]),
    "chrondb_batch_restore": (c_int, [c_void_p, c_char_p, c_void_p, POINTER(Condition)]),
    "chrondb_batch_restore_all": (c_int, [c_void_p, c_void_p]),
    "chrondb_batch_restore_table": (c_int, [c_void_p, c_char_p, c_void_p]),
    "chrondb_key_check": (c_int, [c_char_p]),
    "chrondb_key_path": (c_int, [c_char_p, POINTER(Buffer)]),
    "chrondb_batch_add_json": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(Condition)]),
    "chrondb_batch_commit": (c_int, [c_void_p, POINTER(WriteOptions)]),
    "chrondb_batch_size": (c_size_t, [c_void_p]),
    "chrondb_batch_status": (c_int, [c_void_p, c_size_t]),
    "chrondb_batch_result": (POINTER(Result), [c_void_p, c_size_t]),
    "chrondb_batch_commit_id": (c_char_p, [c_void_p]),
    "chrondb_batch_time": (Time, [c_void_p]),
    "chrondb_import_open": (c_int, [POINTER(c_void_p), c_void_p, POINTER(ImportOptions)]),
    "chrondb_import_line": (c_int, [c_void_p, c_char_p, c_size_t]),
    "chrondb_import_finish": (c_int, [c_void_p]),
    "chrondb_import_stop": (c_int, [c_void_p]),
    "chrondb_import_get_report": (None, [c_void_p, POINTER(ImportReport)]),
    "chrondb_import_free": (None, [c_void_p]),
    "chrondb_history_open": (c_int, [POINTER(c_void_p), c_void_p, c_char_p, POINTER(HistoryOptions)]),
    "chrondb_history_next": (c_int, [c_void_p, POINTER(VersionInfo)]),
    "chrondb_history_free": (None, [c_void_p]),
    "chrondb_log_open": (c_int, [POINTER(c_void_p), c_void_p, POINTER(HistoryOptions)]),
    "chrondb_log_next": (c_int, [c_void_p, POINTER(VersionInfo), POINTER(POINTER(Change)), POINTER(c_size_t)]),
    "chrondb_log_value": (c_int, [c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t)]),
    "chrondb_log_free": (None, [c_void_p]),
    "chrondb_diff_open": (c_int, [POINTER(c_void_p), c_void_p, c_void_p, POINTER(c_char_p), c_size_t]),
    "chrondb_diff_next": (c_int, [c_void_p, POINTER(Difference)]),
    "chrondb_diff_free": (None, [c_void_p]),
    "chrondb_blame_open": (c_int, [POINTER(c_void_p), c_void_p, c_char_p]),
    "chrondb_blame_next": (c_int, [c_void_p, POINTER(BlameField)]),
    "chrondb_blame_free": (None, [c_void_p]),
    "chrondb_watch_open": (c_int, [POINTER(c_void_p), c_void_p, POINTER(WatchOptions)]),
    "chrondb_watch_next": (c_int, [c_void_p, POINTER(Event)]),
    "chrondb_watch_fd": (c_int, [c_void_p]),
    "chrondb_watch_free": (None, [c_void_p]),
    "chrondb_branch_list": (c_int, [c_void_p, EACH_REF, c_void_p]),
    "chrondb_tag_list": (c_int, [c_void_p, EACH_REF, c_void_p]),
    "chrondb_branch_create": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_int, POINTER(c_int), POINTER(Ref)]),
    "chrondb_branch_delete": (c_int, [c_void_p, c_char_p, c_int, POINTER(Ref)]),
    "chrondb_branch_rename": (c_int, [c_void_p, c_char_p, c_char_p, c_int, POINTER(c_int), POINTER(Ref)]),
    "chrondb_tag_create": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, c_int, c_int, POINTER(c_int), POINTER(Ref)]),
    "chrondb_tag_delete": (c_int, [c_void_p, c_char_p, c_int, POINTER(Ref)]),
    "chrondb_remote_branch_list": (c_int, [c_void_p, EACH_REF, c_void_p]),
    "chrondb_compare": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, POINTER(Comparison)]),
    "chrondb_get_info": (c_int, [c_void_p, c_char_p, POINTER(Info)]),
    "chrondb_gc": (c_int, [c_void_p, PROGRESS, c_void_p, POINTER(GcReport)]),
    "chrondb_reindex": (c_int, [c_void_p, PROGRESS, c_void_p, POINTER(ReindexReport)]),
    "chrondb_backup": (c_int, [c_void_p, c_char_p, POINTER(BackupOptions), POINTER(BackupReport)]),
    "chrondb_restore_backup": (c_int, [c_char_p, c_char_p, POINTER(RestoreOptions), POINTER(RestoreReport)]),
    "chrondb_merge_new": (c_int, [POINTER(c_void_p), c_void_p]),
    "chrondb_merge_free": (None, [c_void_p]),
    "chrondb_merge_decide": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t]),
    "chrondb_merge_decide_json": (c_int, [c_void_p, c_char_p, c_size_t]),
    "chrondb_merge_run": (c_int, [c_void_p, c_char_p, POINTER(MergeOptions)]),
    "chrondb_merge_conflict": (c_int, [c_void_p, c_size_t, POINTER(Conflict)]),
    "chrondb_merge_get_report": (POINTER(MergeReport), [c_void_p]),
    "chrondb_verify": (c_int, [c_void_p, POINTER(VerifyOptions), POINTER(VerifyReport)]),
    "chrondb_config_get": (c_int, [c_void_p, c_char_p, POINTER(Buffer)]),
    "chrondb_config_set": (c_int, [c_void_p, c_char_p, c_char_p, c_int, POINTER(c_int)]),
    "chrondb_config_unset": (c_int, [c_void_p, c_char_p, c_int, POINTER(c_int)]),
    "chrondb_config_list": (c_int, [c_void_p, EACH_SETTING, c_void_p]),
    "chrondb_search_open": (c_int, [POINTER(c_void_p), c_void_p, c_char_p, POINTER(SearchOptions)]),
    "chrondb_search_open_ast": (c_int, [POINTER(c_void_p), c_void_p, c_char_p, c_size_t, POINTER(SearchOptions)]),
    "chrondb_search_ast_branch": (c_int, [c_char_p, c_size_t, POINTER(Buffer)]),
    "chrondb_search_mark": (c_int, [POINTER(Buffer), c_char_p, c_size_t, c_size_t, c_size_t]),
    "chrondb_search_next": (c_int, [c_void_p, POINTER(Hit)]),
    "chrondb_search_free": (None, [c_void_p]),
    "chrondb_search_total": (c_uint64, [c_void_p]),
    "chrondb_search_cursor": (c_char_p, [c_void_p]),
    "chrondb_search_commit": (c_char_p, [c_void_p]),
    "chrondb_search_facet": (c_size_t, [c_void_p, c_size_t, POINTER(POINTER(Facet)), POINTER(c_uint64)]),
    "chrondb_search_step": (c_int, [c_void_p, c_size_t, POINTER(Step)]),
    "chrondb_search_get_stats": (None, [c_void_p, POINTER(SearchStats)]),
    "chrondb_search_highlight": (c_int, [c_void_p, c_char_p, c_size_t, POINTER(POINTER(Mark)), POINTER(c_size_t)]),
    "chrondb_json_check": (c_int, [c_char_p, c_size_t]),
    "chrondb_json_format": (c_int, [POINTER(Buffer), c_char_p, c_size_t, c_uint]),
    "chrondb_json_merge_patch": (c_int, [POINTER(Buffer), c_char_p, c_size_t, c_char_p, c_size_t]),
}
