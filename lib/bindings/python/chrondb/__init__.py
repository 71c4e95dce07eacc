# SPDX-License-Identifier: MIT
"""chrondb: a database of JSON documents that never forgets.

Every write is a commit in a bare git repository, so that any document, and the whole database, can be read as it was at
any moment. There is no server: the library works on the database's directory, beside any number of threads and other
processes.

    from chrondb import ChronDB

    with ChronDB("shop.db") as db:
        db["user:1"] = {"name": "Alice", "age": 30}
        db.patch("user:1", {"age": 31})
        print(db["user:1"])                                   # {'name': 'Alice', 'age': 31}
        print([v.value["age"] for v in db.history("user:1")]) # [31, 30]
        print(db.at("yesterday").get("user:1", default=None)) # None
        for hit in db.search("alice"):
            print(hit.key, hit.value)
        with db.transaction(message="first order") as tx:     # all or nothing
            tx.put("order:7", {"total": 99.9}, if_absent=True)
            tx.patch("user:1", {"orders": 1})

ChronDB is the database, Branch another branch of it, Snapshot a past moment: all of them Documents, to be read like a
dict. Transaction collects writes. Answers are named tuples; times are Time, a datetime with nanoseconds. Failures are
ChronDBError, of different kinds. What a document is, a key, a time, a query: chrondb(1), chrondb-query(7).
"""
from ._database import Branch, ChronDB, Snapshot, discover, restore_backup, version
from ._errors import (
    BusyError,
    ChronDBError,
    ClosedError,
    ConflictError,
    DamagedError,
    DocumentNotFoundError,
    InvalidDocumentError,
    MergeConflictError,
    NotADatabaseError,
    StorageError,
    UsageError,
)
from ._reading import Documents
from ._records import (
    BackupReport,
    Blame,
    Change,
    Commit,
    Comparison,
    Conflict,
    Difference,
    Entry,
    Event,
    ExplainedHit,
    Facet,
    Finding,
    GcReport,
    Hit,
    ImportReport,
    Info,
    MergeReport,
    Ref,
    ReindexReport,
    RestoreReport,
    Result,
    Score,
    SearchStats,
    Setting,
    Step,
    VerifyReport,
    Version,
)
from ._search import SearchResult
from ._text import check_json, check_key, format_json, key_path, merge_patch
from ._values import ABSENT, Raw, Time
from ._watch import Watch
from ._writing import CommitOptions, Transaction

__all__ = [
    "ABSENT",
    "BackupReport",
    "Blame",
    "Branch",
    "BusyError",
    "Change",
    "ChronDB",
    "ChronDBError",
    "ClosedError",
    "Commit",
    "CommitOptions",
    "Comparison",
    "Conflict",
    "ConflictError",
    "DamagedError",
    "Difference",
    "DocumentNotFoundError",
    "Documents",
    "Entry",
    "Event",
    "ExplainedHit",
    "Facet",
    "Finding",
    "GcReport",
    "Hit",
    "ImportReport",
    "Info",
    "InvalidDocumentError",
    "MergeConflictError",
    "MergeReport",
    "NotADatabaseError",
    "Raw",
    "Ref",
    "ReindexReport",
    "RestoreReport",
    "Result",
    "Score",
    "SearchResult",
    "SearchStats",
    "Setting",
    "Snapshot",
    "Step",
    "StorageError",
    "Time",
    "Transaction",
    "UsageError",
    "VerifyReport",
    "Version",
    "Watch",
    "check_json",
    "check_key",
    "discover",
    "format_json",
    "key_path",
    "merge_patch",
    "restore_backup",
    "version",
]

__version__ = version()

# What is public is called by its public name, in tracebacks and in help().
for _name in __all__:
    if hasattr(globals()[_name], "__module__"):
        globals()[_name].__module__ = __name__
del _name
