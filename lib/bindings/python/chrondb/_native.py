# SPDX-License-Identifier: MIT
"""The C library: its structs and functions as ctypes sees them, and where it is found.

What chrondb.h declares is repeated here by hand; tests/python/test_native.py holds the two against each other, field by
field. A call through CDLL releases the interpreter's lock while it runs.
"""
import ctypes
import os
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

OK, NOTFOUND, END = 0, 1, 1
EUSAGE, ECONFLICT, EINVALID, EBUSY, ENODB, EDAMAGED, ESYSTEM = -2, -3, -4, -5, -6, -7, -8
OPEN_CREATE, OPEN_ADOPT, OPEN_MAINTAIN = 1, 2, 4
WARNING = 1
IF_ABSENT, IF_EXISTS = 1, 2
STATUS = ("created", "updated", "deleted", "unchanged", "checked")
OPS = ("create", "update", "delete")
STRATEGIES = ("fail", "ours", "theirs", "newest")
MERGE_STATUS = ("unchanged", "fast-forward", "merged")
IMPORT_MODES = ("groups", "one", "every", "each")
NO_LIMIT = 2**64 - 1
HEX = c_char * 41
MESSAGE, INT_POINTER, VOID_POINTER = c_char_p, POINTER(c_int), POINTER(c_void_p)

# Bytes with a size beside them are c_void_p: they may hold anything, and ctypes would stop at a NUL.
BYTES = c_void_p


class Struct(Structure):
    """A struct of chrondb.h; `c_name` is its name there. The size member, where there is one, is filled in."""

    c_name = ""

    def __init__(self, **members):
        super().__init__(**members)
        if self._fields_[0][0] == "size":
            self.size = ctypes.sizeof(self)


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


class Buffer(Structure):
    c_name = "chrondb_buffer"
    _fields_ = [("data", BYTES), ("size", c_size_t), ("capacity", c_size_t)]


class Time(Structure):
    c_name = "chrondb_time"
    _fields_ = [("seconds", c_int64), ("nanoseconds", c_int32)]


# A struct by value is no argument of a callback here, a pointer is: what these get is valid during the call only.
NOTICE = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
PROGRESS = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, c_uint64)
EACH_TABLE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64)


class OpenOptions(Struct):
    c_name = "chrondb_open_options"
    _fields_ = [
        ("size", c_size_t),
        ("flags", c_uint),
        ("notice", NOTICE),
        ("notice_context", c_void_p),
        ("index_path", c_char_p),
    ]


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


class Entry(Structure):
    c_name = "chrondb_entry"
    _fields_ = [("key", c_char_p), ("value", BYTES), ("value_size", c_size_t)]


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


class Condition(Struct):
    c_name = "chrondb_condition"
    _fields_ = [("size", c_size_t), ("flags", c_uint), ("match", c_char_p)]


class Result(Structure):
    c_name = "chrondb_result"
    _fields_ = [("key", c_char_p), ("status", c_int), ("commit", HEX), ("time", Time)]


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
        ("head", HEX),
    ]


class Version(Structure):
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
        ("value", BYTES),
        ("value_size", c_size_t),
        ("patch", BYTES),
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


class BlameField(Structure):
    c_name = "chrondb_blame_field"
    _fields_ = [
        ("path", BYTES),
        ("path_size", c_size_t),
        ("value", BYTES),
        ("value_size", c_size_t),
        ("commit", c_char_p),
        ("time", Time),
        ("author", c_char_p),
    ]


class Change(Structure):
    c_name = "chrondb_change"
    _fields_ = [("key", c_char_p), ("op", c_int)]


class Difference(Structure):
    c_name = "chrondb_difference"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
        ("old_value", BYTES),
        ("old_size", c_size_t),
        ("new_value", BYTES),
        ("new_size", c_size_t),
        ("patch", BYTES),
        ("patch_size", c_size_t),
    ]


class Ref(Structure):
    c_name = "chrondb_ref"
    _fields_ = [
        ("name", c_char_p),
        ("commit", HEX),
        ("time", Time),
        ("has_time", c_int),
        ("object", HEX),
        ("previous", HEX),
        ("is_default", c_int),
    ]


EACH_REF = CFUNCTYPE(c_int, c_void_p, POINTER(Ref))


class Info(Struct):
    c_name = "chrondb_info"
    _fields_ = [
        ("size", c_size_t),
        ("path", c_char_p),
        ("branch", c_char * 1024),
        ("head", HEX),
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
    ]


class Conflict(Structure):
    c_name = "chrondb_conflict"
    _fields_ = [
        ("key", c_char_p),
        ("path", c_char_p),
        ("base", BYTES),
        ("base_size", c_size_t),
        ("ours", BYTES),
        ("ours_size", c_size_t),
        ("theirs", BYTES),
        ("theirs_size", c_size_t),
    ]


class MergeReport(Structure):
    c_name = "chrondb_merge_report"
    _fields_ = [
        ("status", c_int),
        ("commit", c_char_p),
        ("time", Time),
        ("puts", c_uint64),
        ("deletes", c_uint64),
        ("conflicts", c_uint64),
    ]


class Setting(Structure):
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


class Hit(Structure):
    c_name = "chrondb_hit"
    _fields_ = [
        ("key", c_char_p),
        ("value", BYTES),
        ("value_size", c_size_t),
        ("score", c_double),
        ("scores", c_void_p),
        ("score_count", c_size_t),
    ]


class Facet(Structure):
    c_name = "chrondb_facet"
    _fields_ = [("value", BYTES), ("value_size", c_size_t), ("count", c_uint64)]


class WatchOptions(Struct):
    c_name = "chrondb_watch_options"
    _fields_ = [
        ("size", c_size_t),
        ("branch", c_char_p),
        ("prefix", c_char_p),
        ("table", c_char_p),
        ("since", c_char_p),
    ]


class Event(Structure):
    c_name = "chrondb_event"
    _fields_ = [
        ("key", c_char_p),
        ("op", c_int),
        ("branch", c_char_p),
        ("commit", c_char_p),
        ("time", Time),
        ("value", BYTES),
        ("value_size", c_size_t),
    ]


class Finding(Structure):
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


# name: (result, arguments)
PROTOTYPES = {
    "chrondb_version": (c_char_p, []),
    "chrondb_last_error": (POINTER(Error), []),
    "chrondb_buffer_free": (None, [POINTER(Buffer)]),
    "chrondb_discover": (c_int, [POINTER(Buffer)]),
    "chrondb_open": (c_int, [VOID_POINTER, c_char_p, POINTER(OpenOptions)]),
    "chrondb_close": (None, [c_void_p]),
    "chrondb_path": (c_char_p, [c_void_p]),
    "chrondb_was_created": (c_int, [c_void_p]),
    "chrondb_maintain": (c_int, [c_void_p]),
    "chrondb_snapshot_open": (c_int, [VOID_POINTER, c_void_p, c_char_p, c_char_p]),
    "chrondb_snapshot_free": (None, [c_void_p]),
    "chrondb_snapshot_commit": (c_char_p, [c_void_p]),
    "chrondb_snapshot_time": (c_int, [c_void_p, POINTER(Time)]),
    "chrondb_get": (c_int, [c_void_p, c_char_p, POINTER(Buffer)]),
    "chrondb_get_at": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, POINTER(Buffer)]),
    "chrondb_exists": (c_int, [c_void_p, c_char_p]),
    "chrondb_list_open": (c_int, [VOID_POINTER, c_void_p, POINTER(Range)]),
    "chrondb_list_next": (c_int, [c_void_p, POINTER(Entry)]),
    "chrondb_list_free": (None, [c_void_p]),
    "chrondb_count": (c_int, [c_void_p, POINTER(Range), POINTER(c_uint64)]),
    "chrondb_tables": (c_int, [c_void_p, EACH_TABLE, c_void_p]),
    "chrondb_put": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition), POINTER(WriteOptions), POINTER(Result)],
    ),
    "chrondb_patch": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition), POINTER(WriteOptions), POINTER(Result)],
    ),
    "chrondb_delete": (
        c_int,
        [c_void_p, c_char_p, POINTER(Condition), POINTER(WriteOptions), POINTER(Result)],
    ),
    "chrondb_batch_new": (c_int, [VOID_POINTER, c_void_p]),
    "chrondb_batch_free": (None, [c_void_p]),
    "chrondb_batch_put": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition)]),
    "chrondb_batch_patch": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t, POINTER(Condition)]),
    "chrondb_batch_delete": (c_int, [c_void_p, c_char_p, POINTER(Condition)]),
    "chrondb_batch_check": (c_int, [c_void_p, c_char_p, POINTER(Condition)]),
    "chrondb_batch_restore": (c_int, [c_void_p, c_char_p, c_void_p, POINTER(Condition)]),
    "chrondb_batch_restore_all": (c_int, [c_void_p, c_void_p]),
    "chrondb_batch_restore_table": (c_int, [c_void_p, c_char_p, c_void_p]),
    "chrondb_batch_commit": (c_int, [c_void_p, POINTER(WriteOptions)]),
    "chrondb_batch_size": (c_size_t, [c_void_p]),
    "chrondb_batch_result": (POINTER(Result), [c_void_p, c_size_t]),
    "chrondb_batch_commit_id": (c_char_p, [c_void_p]),
    "chrondb_batch_time": (Time, [c_void_p]),
    "chrondb_import_open": (c_int, [VOID_POINTER, c_void_p, POINTER(ImportOptions)]),
    "chrondb_import_line": (c_int, [c_void_p, c_char_p, c_size_t]),
    "chrondb_import_finish": (c_int, [c_void_p]),
    "chrondb_import_get_report": (None, [c_void_p, POINTER(ImportReport)]),
    "chrondb_import_free": (None, [c_void_p]),
    "chrondb_history_open": (c_int, [VOID_POINTER, c_void_p, c_char_p, POINTER(HistoryOptions)]),
    "chrondb_history_next": (c_int, [c_void_p, POINTER(Version)]),
    "chrondb_history_free": (None, [c_void_p]),
    "chrondb_blame_open": (c_int, [VOID_POINTER, c_void_p, c_char_p]),
    "chrondb_blame_next": (c_int, [c_void_p, POINTER(BlameField)]),
    "chrondb_blame_free": (None, [c_void_p]),
    "chrondb_log_open": (c_int, [VOID_POINTER, c_void_p, POINTER(HistoryOptions)]),
    "chrondb_log_next": (c_int, [c_void_p, POINTER(Version), POINTER(POINTER(Change)), POINTER(c_size_t)]),
    "chrondb_log_value": (c_int, [c_void_p, c_size_t, VOID_POINTER, POINTER(c_size_t)]),
    "chrondb_log_free": (None, [c_void_p]),
    "chrondb_diff_open": (c_int, [VOID_POINTER, c_void_p, c_void_p, POINTER(c_char_p), c_size_t]),
    "chrondb_diff_next": (c_int, [c_void_p, POINTER(Difference)]),
    "chrondb_diff_free": (None, [c_void_p]),
    "chrondb_branch_list": (c_int, [c_void_p, EACH_REF, c_void_p]),
    "chrondb_tag_list": (c_int, [c_void_p, EACH_REF, c_void_p]),
    "chrondb_branch_create": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_char_p, c_int, INT_POINTER, POINTER(Ref)],
    ),
    "chrondb_branch_delete": (c_int, [c_void_p, c_char_p, c_int, POINTER(Ref)]),
    "chrondb_branch_rename": (c_int, [c_void_p, c_char_p, c_char_p, c_int, INT_POINTER, POINTER(Ref)]),
    "chrondb_tag_create": (
        c_int,
        [c_void_p, c_char_p, c_char_p, c_char_p, c_int, c_int, INT_POINTER, POINTER(Ref)],
    ),
    "chrondb_tag_delete": (c_int, [c_void_p, c_char_p, c_int, POINTER(Ref)]),
    "chrondb_get_info": (c_int, [c_void_p, c_char_p, POINTER(Info)]),
    "chrondb_gc": (c_int, [c_void_p, PROGRESS, c_void_p, POINTER(GcReport)]),
    "chrondb_reindex": (c_int, [c_void_p, PROGRESS, c_void_p, POINTER(ReindexReport)]),
    "chrondb_merge_new": (c_int, [VOID_POINTER, c_void_p]),
    "chrondb_merge_free": (None, [c_void_p]),
    "chrondb_merge_decide": (c_int, [c_void_p, c_char_p, c_char_p, c_size_t]),
    "chrondb_merge_run": (c_int, [c_void_p, c_char_p, POINTER(MergeOptions)]),
    "chrondb_merge_conflict": (c_int, [c_void_p, c_size_t, POINTER(Conflict)]),
    "chrondb_merge_get_report": (POINTER(MergeReport), [c_void_p]),
    "chrondb_config_get": (c_int, [c_void_p, c_char_p, POINTER(Buffer)]),
    "chrondb_config_set": (c_int, [c_void_p, c_char_p, c_char_p, c_int, INT_POINTER]),
    "chrondb_config_unset": (c_int, [c_void_p, c_char_p, c_int, INT_POINTER]),
    "chrondb_config_list": (c_int, [c_void_p, EACH_SETTING, c_void_p]),
    "chrondb_search_open": (c_int, [VOID_POINTER, c_void_p, c_char_p, POINTER(SearchOptions)]),
    "chrondb_search_open_ast": (c_int, [VOID_POINTER, c_void_p, c_char_p, c_size_t, POINTER(SearchOptions)]),
    "chrondb_search_ast_branch": (c_int, [c_char_p, c_size_t, POINTER(Buffer)]),
    "chrondb_search_mark": (c_int, [POINTER(Buffer), c_char_p, c_size_t, c_size_t, c_size_t]),
    "chrondb_search_next": (c_int, [c_void_p, POINTER(Hit)]),
    "chrondb_search_free": (None, [c_void_p]),
    "chrondb_search_total": (c_uint64, [c_void_p]),
    "chrondb_search_cursor": (c_char_p, [c_void_p]),
    "chrondb_search_commit": (c_char_p, [c_void_p]),
    "chrondb_verify": (c_int, [c_void_p, POINTER(VerifyOptions), POINTER(VerifyReport)]),
    "chrondb_watch_open": (c_int, [VOID_POINTER, c_void_p, POINTER(WatchOptions)]),
    "chrondb_watch_next": (c_int, [c_void_p, POINTER(Event)]),
    "chrondb_watch_fd": (c_int, [c_void_p]),
    "chrondb_watch_free": (None, [c_void_p]),
    "chrondb_search_facet": (c_size_t, [c_void_p, c_size_t, POINTER(POINTER(Facet)), POINTER(c_uint64)]),
}

STRUCTS = [
    kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Structure) and getattr(kind, "c_name", "")
]


# ---- where the library is ----------------------------------------------------------------------------------------

SONAME = "libchrondb.so.0"
# The versions of the library whose structs are those above.
COMPATIBLE = "0.1."


def candidates(environ):
    """Where to look, in order: the wheel's own, what the environment says, the system's."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME)
    if os.path.exists(own):
        yield own
    if environ.get("CHRONDB_LIB_PATH"):
        yield environ["CHRONDB_LIB_PATH"]
    if environ.get("CHRONDB_LIB_DIR"):
        for name in (SONAME, "libchrondb.so"):
            yield os.path.join(environ["CHRONDB_LIB_DIR"], name)
    yield SONAME


def problem_of(library):
    """Why a library is not the one that is wanted, or None. ChronDB's own has the same name and another interface."""
    if not hasattr(library, "chrondb_snapshot_open"):
        return "a library of that name, but not chrondb's own interface (chrondb.h)"
    library.chrondb_version.restype = c_char_p
    version = library.chrondb_version().decode()
    if not version.startswith(COMPATIBLE):
        return "version %s, but this package needs %sx" % (version, COMPATIBLE)
    lacking = [name for name in PROTOTYPES if not hasattr(library, name)]
    return "too old: it lacks %s" % ", ".join(lacking) if lacking else None


def load(environ=os.environ):
    """The library, with the types of its functions. ImportError tells everything that was tried."""
    tried = []
    for path in candidates(environ):
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            tried.append(str(error) if path in str(error) else "%s: %s" % (path, error))
            continue
        problem = problem_of(library)
        if problem is None:
            for name, (result, arguments) in PROTOTYPES.items():
                function = getattr(library, name)
                function.restype = result
                function.argtypes = arguments
            return library
        tried.append("%s: %s" % (path, problem))
    raise ImportError(
        "chrondb: the library %s was not found; set CHRONDB_LIB_PATH to its file. Tried: %s" % (SONAME, "; ".join(tried))
    )


lib = load()
