# SPDX-License-Identifier: MIT
"""Writing: how a write is recorded, and transactions."""
import ctypes
import threading
from ctypes import byref
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple, Type, TypedDict

from . import _native
from ._errors import UsageError, check
from ._handles import FORKED, Handle, Resource
from ._native import lib
from ._reading import When, decode
from ._records import Result
from ._values import Dumps, Time, c_document, c_key, c_optional, c_text, c_when, from_ns

if TYPE_CHECKING:
    from types import TracebackType

    from ._database import Branch


class CommitOptions(TypedDict, total=False):
    """How a write is recorded; everything that commits takes these as keyword arguments.

    message       the commit's message; else "put user:1", "put 3, delete 1" ...
    author        "NAME <MAIL>"; else git's rules, and at last chrondb <chrondb@HOST>
    meta          a dict of strings, kept in the commit and told by history() and log()
    time          the commit's time: not before the second of the branch's last commit, and not in the future ...
    force_time    ... unless this is True; the past does not change all the same
    lock_timeout  how many seconds to wait for other writers, by default 30; 0: not at all
    create_branch a branch that is not there begins with this write, without a past; for writes of documents only
    """

    message: str
    author: str
    meta: Mapping[str, str]
    time: When
    force_time: bool
    lock_timeout: float
    create_branch: bool


def timeout_ms(seconds: Optional[float]) -> int:
    """A timeout for the library, where 0 is its default and less than 0 means not to wait."""
    if seconds is None:
        return 0
    if seconds <= 0:
        return -1
    return max(1, int(min(seconds * 1000, 2**31 - 1)))


def c_list(texts: List[bytes]) -> Any:
    """An array of strings for the library."""
    return (ctypes.c_char_p * len(texts))(*texts) if texts else None


def c_meta(meta: Optional[Mapping[str, str]]) -> List[bytes]:
    """Metadata for the library, as "name=value"."""
    for name in meta or ():
        if "=" in name:
            raise UsageError("the name of metadata holds no '=': %r" % name, name="invalid_meta")
    return [
        c_text(name, "the name of metadata", "invalid_meta") + b"=" + c_text(value, "metadata", "invalid_meta")
        for name, value in (meta or {}).items()
    ]


def recorded(options: Dict[str, Any]) -> Dict[str, Any]:
    """The members of CommitOptions that chrondb_write_options and chrondb_import_options have in common."""
    meta = c_meta(options.pop("meta", None))
    members = {
        "message": c_optional(options.pop("message", None), "a message"),
        "author": c_optional(options.pop("author", None), "an author", "invalid_author"),
        "meta": c_list(meta),
        "meta_count": len(meta),
        "force_time": bool(options.pop("force_time", False)),
        "lock_timeout_ms": timeout_ms(options.pop("lock_timeout", None)),
    }
    return members


def write_options(branch: Optional[bytes], commit: Mapping[str, Any]) -> _native.WriteOptions:
    """CommitOptions for the library."""
    if not commit:
        return _native.WriteOptions(branch=branch)
    options = dict(commit)
    members = recorded(options)
    members["time"] = c_when(options.pop("time", None))
    members["create_branch"] = bool(options.pop("create_branch", False))
    for name in options:
        raise TypeError("unexpected keyword argument %r: it is none of CommitOptions" % name)
    return _native.WriteOptions(branch=branch, **members)


def condition(if_absent: bool, if_exists: bool, if_match: Optional[str]) -> Optional[_native.Condition]:
    """A precondition for the library."""
    if not (if_absent or if_exists or if_match is not None):
        return None
    flags = (_native.IF_ABSENT if if_absent else 0) | (_native.IF_EXISTS if if_exists else 0)
    return _native.Condition(flags=flags, match=c_optional(if_match, "a commit", "invalid_time"))


def document_arguments(
    dump: Dumps, key: str, value: Any, precondition: Optional[_native.Condition]
) -> Tuple[bytes, bytes, int, Optional[_native.Condition]]:
    """A key, a document (or a patch) and a precondition, as the library's functions take them."""
    name, text = c_key(key), c_document(value, dump, key)
    return name, text, len(text), precondition


def c_line(line: Any, dump: Dumps) -> bytes:
    """A line of NDJSON for the library: a dict, or its text."""
    text = line.encode() if isinstance(line, str) else line
    return text if isinstance(text, bytes) else c_document(text, dump)


def result_of(result: _native.Result) -> Result:
    """What became of a write."""
    commit = decode(result.commit) or None
    time = None if commit is None else from_ns(result.time.seconds, result.time.nanoseconds)
    return Result(decode(result.key), _native.STATUS[result.status], commit, time)


def result_at(batch: Resource, index: int) -> Result:
    """What became of an operation of a batch, after the commit."""
    return result_of(lib.chrondb_batch_result(batch.pointer, index).contents)


class Transaction:
    """Writes that are committed together, as one commit, or not at all.

    It holds no lock until it is committed, at the end of the `with`; an exception inside drops it. Later operations see
    what earlier ones did; the database is only changed by the commit. Threads may share it.

    >>> with ChronDB(directory) as db:
    ...     with db.transaction(message="first order") as tx:
    ...         tx.put("order:7", {"total": 99.9})
    ...         tx.put("user:1", {"orders": 1}, if_absent=True)
    ...     [result.status for result in tx.results]
    ['created', 'created']
    """

    def __init__(self, view: "Branch", branch: Optional[str], commit: Mapping[str, Any]) -> None:
        self._view = view
        self._branch = branch
        self._dumps: Dumps = view._dumps
        self._options = write_options(view._branch_name(branch), commit)
        self._own_lock = threading.RLock()
        self._count = 0
        self._commit_id: Optional[str] = None
        self._time: Optional[Time] = None
        self._committed: Optional[Resource] = None
        self._results: List[Result] = []
        self._handle: Handle = view._handle
        self._batch: Optional[Resource] = Resource(self._handle, lib.chrondb_batch_free)
        self._batch.open(lib.chrondb_batch_new, self._handle.pointer)

    @property
    def _lock(self) -> Any:
        """As that of a Resource."""
        self._handle.check_process()
        return self._own_lock

    # ---- operations ----

    def put(
        self, key: str, value: Any, *, if_absent: bool = False, if_exists: bool = False, if_match: Optional[str] = None
    ) -> None:
        """Store a document: an object as json.dumps() gives it, a Raw as it is.

        The preconditions, checked when the transaction is committed: there is no such document (if_absent); there is
        one (if_exists); its last commit is this one (if_match).
        """
        precondition = condition(if_absent, if_exists, if_match)
        self._add(lib.chrondb_batch_put, *document_arguments(self._dumps, key, value, precondition))

    def patch(self, key: str, patch: Any, *, if_match: Optional[str] = None) -> None:
        """Change parts of a document by a merge patch (RFC 7396): members are set, those that are None removed."""
        precondition = condition(False, False, if_match)
        self._add(lib.chrondb_batch_patch, *document_arguments(self._dumps, key, patch, precondition))

    def delete(self, key: str, *, missing_ok: bool = False, if_match: Optional[str] = None) -> None:
        """Delete a document; without it the commit is DocumentNotFoundError, unless missing_ok."""
        self._add(lib.chrondb_batch_delete, c_key(key), condition(False, missing_ok, if_match))

    def check(
        self, key: str, *, if_absent: bool = False, if_exists: bool = False, if_match: Optional[str] = None
    ) -> None:
        """Only a precondition, as for put()."""
        self._add(lib.chrondb_batch_check, c_key(key), condition(if_absent, if_exists, if_match))

    def add_json(self, operation: Any) -> None:
        """An operation as JSON, as chrondb-batch(1) reads them, as a dict or as text: {"op": "put", "key": K, "value": V,
        "if_match": COMMIT} ..."""
        text = c_line(operation, self._dumps)
        self._add(lib.chrondb_batch_add_json, text, len(text), None)

    def restore(self, key: str, when: When, *, if_match: Optional[str] = None) -> None:
        """The document as it was at a moment; DocumentNotFoundError at once if there was none."""
        name = c_key(key)
        snapshot = self._view._snapshot_at(self._branch, when)
        with snapshot.lock:
            self._add(lib.chrondb_batch_restore, name, snapshot.pointer, condition(False, False, if_match))

    def restore_all(self, when: When) -> None:
        """Everything as it was at a moment; it must be the only operation."""
        snapshot = self._view._snapshot_at(self._branch, when)
        with snapshot.lock:
            self._add(lib.chrondb_batch_restore_all, snapshot.pointer)

    def restore_table(self, table: str, when: When) -> None:
        """A table ("": the documents without one) as it was at a moment; it must be the only operation."""
        name = c_text(table, "a table", "invalid_key")
        snapshot = self._view._snapshot_at(self._branch, when)
        with snapshot.lock:
            self._add(lib.chrondb_batch_restore_table, name, snapshot.pointer)

    def __setitem__(self, key: str, value: Any) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def _open_batch(self) -> Resource:
        if self._batch is None:
            raise UsageError("the transaction has ended", name="usage")
        self._handle.check()
        return self._batch

    def _add(self, function: Any, *arguments: Any) -> None:
        with self._lock:
            check(function(self._open_batch().pointer, *arguments))
            self._count += 1

    # ---- the end ----

    def commit(self) -> Optional[str]:
        """Commit now; durable when it returns. The commit's id, or None: nothing changed.

        Raises ConflictError, DocumentNotFoundError, BusyError ...; then nothing was written.
        """
        with self._lock:
            batch = self._open_batch()
            self._batch = None
            if self._count > 0:
                check(lib.chrondb_batch_commit(batch.pointer, byref(self._options)))
                commit_id = lib.chrondb_batch_commit_id(batch.pointer)
                if commit_id is not None:
                    self._commit_id = decode(commit_id)
                    time = lib.chrondb_batch_time(batch.pointer)
                    self._time = from_ns(time.seconds, time.nanoseconds)
                self._committed = batch
        return self._commit_id

    def rollback(self) -> None:
        """Drop it: nothing is written. Without effect at the end of a transaction that was committed or dropped."""
        if self._handle.state == FORKED:
            self._batch = None
            return
        with self._lock:
            self._batch = None

    @property
    def commit_id(self) -> Optional[str]:
        """After the commit: its id; None: nothing changed."""
        return self._commit_id

    @property
    def time(self) -> Optional[Time]:
        """After the commit: its time."""
        return self._time

    @property
    def statuses(self) -> List[str]:
        """After the commit: "created", "updated", "deleted", "unchanged" or "checked", for each operation, in order.
        Costs nothing, where results look up the last commits of what was left unchanged."""
        with self._lock:
            batch = self._committed
            if batch is None:
                return [result.status for result in self._results]
            size = lib.chrondb_batch_size(batch.pointer)
            return [_native.STATUS[lib.chrondb_batch_status(batch.pointer, i)] for i in range(size)]

    @property
    def results(self) -> List[Result]:
        """After the commit: what became of each operation, in order."""
        with self._lock:
            batch = self._committed
            if batch is not None:
                self._results = [result_at(batch, i) for i in range(lib.chrondb_batch_size(batch.pointer))]
                self._committed = None
            return self._results

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: "Optional[TracebackType]"
    ) -> None:
        if kind is not None:
            self.rollback()
        elif self._batch is not None:
            self.commit()

    def __reduce__(self) -> Any:
        raise TypeError("a transaction cannot be pickled")
