# SPDX-License-Identifier: MIT
"""Databases, their branches, and past moments."""
import ctypes
import logging
import os
from ctypes import byref, string_at
from typing import IO, TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Mapping, Optional, Tuple, Type, TypeVar
from typing import Union

from . import _native
from ._errors import ChronDBError, ClosedError, MergeConflictError, UsageError, check, last_error, text
from ._handles import Caller, Handle, Resource, Steps, buffer_text, give_buffer, take_buffer
from ._native import lib
from ._reading import Documents, When, bytes_at, decode
from ._records import (
    BackupReport,
    Comparison,
    Conflict,
    Difference,
    Finding,
    GcReport,
    ImportReport,
    Info,
    MergeReport,
    Ref,
    ReindexReport,
    RestoreReport,
    Result,
    Setting,
    VerifyReport,
)
from ._search import Progress, query_branch
from ._values import ABSENT, Dumps, Loads, Time, c_document, c_key, c_optional, c_text, c_when, dumps, from_ns
from ._values import load_document, loads
from ._watch import Watch
from ._writing import (
    CommitOptions,
    Transaction,
    c_line,
    c_list,
    condition,
    document_arguments,
    recorded,
    result_of,
    timeout_ms,
    write_options,
)

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Unpack

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Target = Union[PathLike, int, IO[Any]]
Report = TypeVar("Report")
logger = logging.getLogger("chrondb")
logger.addHandler(logging.NullHandler())


@_native.NOTICE
def tell(_context: Any, level: int, text: bytes) -> None:
    """What happened on the side. One for all databases and for ever: the library keeps the first opener's."""
    logger.log(logging.WARNING if level == _native.WARNING else logging.INFO, "%s", decode(text))


def c_path(path: PathLike, what: str) -> bytes:
    """A path for the library."""
    name = os.fsencode(path)
    if b"\0" in name:
        raise UsageError("%s holds a NUL: %r" % (what, path), name="usage")
    return name


def c_target(file: Target) -> Tuple[Optional[bytes], int]:
    """A file by its path, or a descriptor: what is not used is None, or 0."""
    if hasattr(file, "fileno"):
        file = file.fileno()
    return (None, file) if isinstance(file, int) else (c_path(file, "the path of the backup"), 0)


def c_branch(branch: Optional[str]) -> Optional[bytes]:
    """The name of a branch for the library."""
    return c_optional(branch, "a branch", "no_branch")


def c_name(name: str) -> bytes:
    """The name of a branch or tag that is to be made or changed."""
    return c_text(name, "a name", "invalid_name")


def time_or_none(commit: Optional[str], time: _native.Time) -> Optional[Time]:
    """The time of a commit, if there is one."""
    return None if commit is None else from_ns(time.seconds, time.nanoseconds)


def filled(kind: Callable[..., Report], report: ctypes.Structure, **members: Any) -> Report:
    """A named tuple of a report of the library: its members are the struct's, but for those that are given."""
    for name in kind._fields:  # type: ignore[attr-defined]
        if name not in members:
            members[name] = getattr(report, name)
    return kind(**members)


def ref_of(ref: _native.Ref, status: Optional[str] = None) -> Ref:
    """A branch or tag of the library."""
    return Ref(
        decode(ref.name),
        decode(ref.commit) or None,
        from_ns(ref.time.seconds, ref.time.nanoseconds) if ref.has_time else None,
        bool(ref.is_default),
        decode(ref.object) or None,
        decode(ref.previous) or None,
        status,
    )


def open_options(index_path: Optional[PathLike], flags: int, maintain: bool) -> _native.OpenOptions:
    """How to open a database, for the library."""
    return _native.OpenOptions(
        flags=flags | (_native.OPEN_MAINTAIN if maintain else 0),
        notice=tell,
        index_path=None if index_path is None else os.path.abspath(c_path(index_path, "the path of the index")),
    )


def restore_backup(
    data_path: PathLike,
    file: Target,
    *,
    progress: Optional[Progress] = None,
    lock_timeout: Optional[float] = None
) -> RestoreReport:
    """Restore a backup, a file or a descriptor, to the directory of a database. Everything is checked before any of it
    is visible; durable when it returns. progress(phase, done, total)

    A full backup makes a new database: there may be nothing at `data_path` but an empty directory. An incremental one is
    applied to the database there, which must have what it stands on. Any bundle of git's that holds branches will do.

    >>> with ChronDB(directory) as db:
    ...     db["user:1"] = {"name": "Alice"}
    ...     _ = db.backup(directory + ".bundle")
    >>> restore_backup(directory + "-again", directory + ".bundle").status
    'created'
    >>> with ChronDB(directory + "-again") as db:
    ...     db["user:1"]
    {'name': 'Alice'}
    """
    name, descriptor = c_target(file)
    path, report = c_path(data_path, "the path of the database"), _native.RestoreReport()
    with Caller(progress) as caller:
        options = _native.RestoreOptions(
            fd=descriptor, lock_timeout_ms=timeout_ms(lock_timeout), progress=caller.callback
        )
        check(lib.chrondb_restore_backup(path, name, byref(options), byref(report)))
    return filled(RestoreReport, report, incremental=bool(report.incremental), status=_native.STATUS[report.status])


class Snapshot(Documents):
    """The documents at one moment; what it shows never changes. ChronDB.at() and Branch.at() make it.

    Threads may share it. The `with` statement, or close(), frees it early.
    """

    def __init__(self, view: "Branch", branch: Optional[str], when: Optional[When]) -> None:
        self._loads = view._loads
        self._dumps = view._dumps
        self._resource: Optional[Resource] = view._snapshot_at(branch, when)

    def _snapshot(self, branch: Optional[str]) -> Resource:
        if branch is not None:
            raise TypeError("a snapshot is of one branch: name it when the snapshot is made")
        if self._resource is None:
            raise ClosedError("the snapshot was closed", name="closed")
        self._resource.handle.check()
        return self._resource

    @property
    def commit(self) -> Optional[str]:
        """The commit that it shows; None: it is from before the first one, and empty."""
        snapshot = self._snapshot(None)
        with snapshot.lock:
            commit = lib.chrondb_snapshot_commit(snapshot.pointer)
        return None if commit is None else decode(commit)

    @property
    def time(self) -> Optional[Time]:
        """The time of that commit."""
        commit, snapshot, time = self.commit, self._snapshot(None), _native.Time()
        with snapshot.lock:
            check(lib.chrondb_snapshot_time(snapshot.pointer, byref(time)))
        return time_or_none(commit, time)

    def close(self) -> None:
        """Free it, when the iterators that it gave are gone too. It is no error to close it twice."""
        self._resource = None

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *_about: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<chrondb.Snapshot %s>" % ("closed" if self._resource is None else self.commit)

    def __reduce__(self) -> Any:
        raise TypeError("a snapshot cannot be pickled: pickle its commit")


class Branch(Documents):
    """A branch of a database, to be read and written. ChronDB.branch() makes it; a ChronDB is its default branch.

    Every call sees what was committed before it, by any thread or process. Methods that take `branch` work on that one
    instead.
    """

    def __init__(self, db: "ChronDB", name: Optional[str]) -> None:
        self._db = db
        self._name = name
        self._loads = db._loads
        self._dumps = db._dumps
        self._branch_name(None)  # a name that cannot be one is told at once

    # ---- what reading and writing stand on ----

    @property
    def _handle(self) -> Handle:
        return self._db._handle

    def _checked_handle(self) -> Handle:
        """The database's; raises unless it is open, and this process's own."""
        handle = self._handle
        handle.check()
        return handle

    def _branch_name(self, branch: Optional[str]) -> Optional[bytes]:
        """The branch that a call means, for the library."""
        return c_branch(self._name if branch is None else branch)

    def _snapshot_at(self, branch: Optional[str], when: Optional[When]) -> Resource:
        handle = self._handle
        snapshot = Resource(handle, lib.chrondb_snapshot_free)
        return snapshot.open(lib.chrondb_snapshot_open, handle.pointer, self._branch_name(branch), c_when(when))

    def _snapshot(self, branch: Optional[str]) -> Resource:
        return self._snapshot_at(branch, None)

    def _query_branch(self, ast: bytes) -> Optional[str]:
        return query_branch(ast)

    def _read(self, key: str, branch: Optional[str]) -> Optional[bytes]:
        """As for any documents, but with nothing around the call: this is what get() costs."""
        name = c_key(key)
        handle = self._handle
        if handle.state:
            handle.check()
        buffer = take_buffer()
        try:
            result = lib.chrondb_get_at(handle.pointer, self._branch_name(branch), None, name, byref(buffer))
            if result == 0:
                return string_at(buffer.data, buffer.size)
            if result == _native.NOTFOUND:
                return None
            raise last_error(result)
        finally:
            give_buffer(buffer)

    # ---- views ----

    @property
    def name(self) -> Optional[str]:
        """The branch; None: the database's default branch."""
        return self._name

    def at(self, when: When, branch: Optional[str] = None) -> Snapshot:
        """The documents as they were at a moment, to read.

        `when` is a datetime with a zone, or text as the commands take it (chrondb(1), "Time"): a commit, a branch, a
        tag, "2026-11-21T07:44:00Z", "yesterday", "3 days ago", "user:1@{1}", "now" ...

        >>> with ChronDB(directory) as db:
        ...     before = db.put("user:1", {"age": 30})
        ...     after = db.put("user:1", {"age": 31})
        ...     db.at(before.time)["user:1"], db.at(after.commit)["user:1"], len(db.at("2020-01-01"))
        ({'age': 30}, {'age': 31}, 0)
        """
        if when is None:
            raise TypeError("a time is a str or a datetime, not None")
        return Snapshot(self, branch, when)

    def snapshot(self) -> Snapshot:
        """The documents as they are now, whatever is written afterwards."""
        return Snapshot(self, None, None)

    def watch(
        self,
        prefix: Optional[str] = None,
        *,
        table: Optional[str] = None,
        since: Optional[When] = None,
        timeout: Optional[float] = None,
        raw: bool = False
    ) -> Watch:
        """The changes of the branch as they happen, by any thread, process or push: see Watch.

        prefix, table  of these keys only
        since          what came behind the state of that moment is told first; by default only what comes from now on
        timeout        iterating ends when so many seconds have gone by without a change
        raw            documents as Raw
        """
        handle = self._checked_handle()
        return Watch(handle, self._branch_name(None), prefix, table, since, timeout, self._loader(raw))

    # ---- writing ----

    def _write(
        self, function: Callable[..., int], arguments: Tuple[Any, ...], branch: Optional[str], commit: Mapping[str, Any]
    ) -> Result:
        handle, options, result = self._handle, write_options(self._branch_name(branch), commit), _native.Result()
        handle.check()
        check(function(handle.pointer, *arguments, options, byref(result)))
        return result_of(result)

    def put(
        self,
        key: str,
        value: Any,
        branch: Optional[str] = None,
        *,
        if_absent: bool = False,
        if_exists: bool = False,
        if_match: Optional[str] = None,
        **commit: "Unpack[CommitOptions]"
    ) -> Result:
        """Store a document: an object as json.dumps() gives it, a Raw as it is. Durable when it returns.

        if_absent, if_exists  only if there is no such document, or if there is one
        if_match              only if its last commit is this one
        commit                how it is recorded, see CommitOptions

        Raises ConflictError if a precondition fails, InvalidDocumentError if it is no document.

        >>> with ChronDB(directory) as db:
        ...     first = db.put("user:1", {"name": "Alice"}, message="a new user")
        ...     second = db.put("user:1", {"name": "Alice B."}, if_match=first.commit)
        ...     first.status, second.status
        ('created', 'updated')
        """
        precondition = condition(if_absent, if_exists, if_match)
        return self._write(
            lib.chrondb_put, document_arguments(self._dumps, key, value, precondition), branch, commit
        )

    def patch(
        self,
        key: str,
        patch: Any,
        branch: Optional[str] = None,
        *,
        if_match: Optional[str] = None,
        **commit: "Unpack[CommitOptions]"
    ) -> Result:
        """Change parts of a document by a merge patch (RFC 7396): members are set, those that are None removed.

        What it does not touch keeps its very text. A missing document is DocumentNotFoundError.

        >>> with ChronDB(directory) as db:
        ...     _ = db.put("user:1", Raw('{"name": "Alice", "balance": 10.50, "old": 1}'))
        ...     _ = db.patch("user:1", {"age": 31, "old": None})
        ...     db.get_raw("user:1")
        Raw(b'{"name": "Alice", "balance": 10.50, "age": 31}')
        """
        precondition = condition(False, False, if_match)
        return self._write(
            lib.chrondb_patch, document_arguments(self._dumps, key, patch, precondition), branch, commit
        )

    def delete(
        self,
        key: str,
        branch: Optional[str] = None,
        *,
        missing_ok: bool = False,
        if_match: Optional[str] = None,
        **commit: "Unpack[CommitOptions]"
    ) -> Result:
        """Delete a document; its past stays. Without it DocumentNotFoundError, unless missing_ok."""
        return self._write(lib.chrondb_delete, (c_key(key), condition(False, missing_ok, if_match)), branch, commit)

    def restore(
        self, key: str, when: When, branch: Optional[str] = None, **commit: "Unpack[CommitOptions]"
    ) -> Result:
        """The document as it was at a moment, as a new commit."""
        transaction = Transaction(self, branch, commit)
        transaction.restore(key, when)
        transaction.commit()
        return transaction.results[0]

    def restore_all(self, when: When, branch: Optional[str] = None, **commit: "Unpack[CommitOptions]") -> Result:
        """Everything as it was at a moment, as a new commit; what there was in between stays in the past."""
        transaction = Transaction(self, branch, commit)
        transaction.restore_all(when)
        transaction.commit()
        return transaction.results[0]

    def restore_table(
        self, table: str, when: When, branch: Optional[str] = None, **commit: "Unpack[CommitOptions]"
    ) -> Result:
        """A table ("": the documents without one) as it was at a moment, as a new commit."""
        transaction = Transaction(self, branch, commit)
        transaction.restore_table(table, when)
        transaction.commit()
        return transaction.results[0]

    def update(self, documents: Mapping[str, Any], **commit: "Unpack[CommitOptions]") -> Optional[str]:
        """Store all documents of a dict as one commit; its id, or None if nothing changed."""
        with self.transaction(**commit) as transaction:
            for key, value in documents.items():
                transaction.put(key, value)
        return transaction.commit_id

    def transaction(self, branch: Optional[str] = None, **commit: "Unpack[CommitOptions]") -> Transaction:
        """Writes that are committed together, as one commit, or not at all: see Transaction."""
        return Transaction(self, branch, commit)

    def __setitem__(self, key: str, value: Any) -> None:
        self.put(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def import_lines(
        self,
        lines: Iterable[Any],
        *,
        mode: str = "groups",
        every: int = 0,
        restart: bool = False,
        keep: bool = False,
        index: bool = True,
        progress: Optional[Progress] = None,
        **commit: "Unpack[CommitOptions]"
    ) -> ImportReport:
        """Very many documents, at the speed of the disk.

        Each line is what chrondb-import(1) reads, as a dict or as JSON text: {"key": K, "value": V}, and if wanted
        "time", "op", "author", "message", "meta", "commit".

        mode      "one": everything is one commit; "each": a commit for each line; "every": for so many lines; "groups":
                  for lines that follow each other with one "commit", and one for all others
        restart   begin with the first line, where else an interrupted import of the same lines would be gone on with
        keep      after an exception, keep what is in commits that are whole
        index     False: leave the index of words to maintenance
        progress  told of that: progress(phase, done, total)

        A bad line is an exception, and what is not durable yet is dropped, unless `keep` says otherwise. `time` is not
        taken: lines have times.
        """
        options = dict(commit)
        members = recorded(options)
        for name in options:
            raise TypeError("unexpected keyword argument %r" % name)
        if mode not in _native.IMPORT_MODE:
            raise UsageError("the mode is one of %s, not %r" % (", ".join(_native.IMPORT_MODE), mode), name="usage")
        handle = self._handle
        caller = Caller(progress)
        about = _native.ImportOptions(
            branch=self._branch_name(None),
            mode=_native.IMPORT_MODE.index(mode),
            every=every,
            restart=restart,
            no_index=not index,
            progress=caller.callback,
            **members
        )
        running = Resource(handle, lib.chrondb_import_free)
        running.open(lib.chrondb_import_open, handle.pointer, byref(about))
        try:
            for line in lines:
                text = c_line(line, self._dumps)
                handle.check()
                check(lib.chrondb_import_line(running.pointer, text, len(text)))
        except BaseException:
            if keep:
                lib.chrondb_import_stop(running.pointer)
            raise
        with caller:
            check(lib.chrondb_import_finish(running.pointer))
        report = _native.ImportReport()
        lib.chrondb_import_get_report(running.pointer, byref(report))
        return filled(ImportReport, report, head=decode(report.head) or None)

    # ---- two moments ----

    def diff(self, old: When, new: When = "now", prefixes: Iterable[str] = (), *, raw: bool = False) -> Iterator[Difference]:
        """What differs between two moments, in key order, for keys that start with one of `prefixes`, or all."""
        if isinstance(prefixes, str):
            prefixes = (prefixes,)
        names = [c_text(prefix, "a prefix", "invalid_key") for prefix in prefixes]
        first, second = self._snapshot_at(None, old), self._snapshot_at(None, new)
        diff = Resource(first.handle, lib.chrondb_diff_free, first, second)
        diff.open(lib.chrondb_diff_open, first.pointer, second.pointer, c_list(names), len(names))
        return self._diff_steps(diff, self._loader(raw))

    @staticmethod
    def _diff_steps(diff: Resource, loader: Optional[Loads]) -> Iterator[Difference]:
        found = _native.Difference()
        steps = Steps(diff, lib.chrondb_diff_next, found)
        while True:
            with diff.lock:
                if not steps.next():
                    return
                key, op = found.key.decode(), _native.OP[found.op]
                texts = (
                    bytes_at(found.old_value, found.old_size),
                    bytes_at(found.new_value, found.new_size),
                    bytes_at(found.patch, found.patch_size),
                )
            yield Difference(key, op, *[None if t is None else load_document(t, loader, key) for t in texts])

    def merge(
        self,
        source: When,
        *,
        strategy: str = "fail",
        decisions: Union[Mapping[str, Any], Iterable[Any], None] = None,
        dry_run: bool = False,
        no_ff: bool = False,
        source_name: Optional[str] = None,
        progress: Optional[Progress] = None,
        **commit: "Unpack[CommitOptions]"
    ) -> MergeReport:
        """Bring what another branch (or tag, or commit) has into this one: by key, and inside of objects by field.

        strategy     what is in conflict: "fail"; "ours": as here; "theirs": as there; "newest": as changed last
        decisions    what documents that are in conflict are to be, by their keys; ABSENT: deleted. Or what
                     chrondb-merge(1) reads, as dicts or as text: [{"key": K, "value": V}, {"key": K, "delete": True}]
        dry_run      only find out, and write nothing
        no_ff        make a commit also where the branch could go forward
        source_name  what messages, and the commit's, call the source; by default as it is given

        Conflicts are MergeConflictError, whose `conflicts` tells them; nothing was written.
        """
        if strategy not in _native.MERGE_STRATEGY:
            raise UsageError("the strategy is one of %s" % ", ".join(_native.MERGE_STRATEGY), name="usage")
        handle, name, caller = self._handle, c_when(source, "a source"), Caller(progress)
        write = write_options(self._branch_name(None), commit)
        merge = Resource(handle, lib.chrondb_merge_free).open(lib.chrondb_merge_new, handle.pointer)
        self._decide(merge, decisions or {})
        options = _native.MergeOptions(
            write=ctypes.pointer(write),
            strategy=_native.MERGE_STRATEGY.index(strategy),
            dry_run=dry_run,
            no_ff=no_ff,
            source_name=c_optional(source_name, "a name"),
            progress=caller.callback,
        )
        try:
            with caller:
                check(lib.chrondb_merge_run(merge.pointer, name, byref(options)))
        except MergeConflictError as error:
            error.conflicts = list(self._conflicts(merge))
            raise
        report = lib.chrondb_merge_get_report(merge.pointer).contents
        return filled(
            MergeReport,
            report,
            status=_native.MERGE_STATUS[report.status],
            commit=None if report.commit is None else decode(report.commit),
            time=from_ns(report.time.seconds, report.time.nanoseconds),
        )

    def _decide(self, merge: Resource, decisions: Union[Mapping[str, Any], Iterable[Any]]) -> None:
        if not isinstance(decisions, Mapping):
            for line in decisions:
                text = c_line(line, self._dumps)
                check(lib.chrondb_merge_decide_json(merge.pointer, text, len(text)))
            return
        for key, value in decisions.items():
            data = None if value is ABSENT else c_document(value, self._dumps, key)
            check(lib.chrondb_merge_decide(merge.pointer, c_key(key), data, len(data or b"")))

    def _conflicts(self, merge: Resource) -> Iterator[Conflict]:
        found, index = _native.Conflict(), 0
        while lib.chrondb_merge_conflict(merge.pointer, index, byref(found)) == 0:
            key = None if found.key is None else decode(found.key)
            sides = (
                bytes_at(found.base, found.base_size),
                bytes_at(found.ours, found.ours_size),
                bytes_at(found.theirs, found.theirs_size),
            )
            # A file that is no document has no values that could be read.
            loader = None if key is None else self._loads
            yield Conflict(
                key, decode(found.path), *[ABSENT if s is None else load_document(s, loader, key) for s in sides]
            )
            index += 1

    def compare(self, theirs: When, ours: Optional[When] = None) -> Comparison:
        """How two moments stand to each other; `ours` is by default the branch as it is now.

        One has news for the other if it brings a version that the other does not have.

        >>> with ChronDB(directory) as db:
        ...     _ = db.put("lamp", 10)
        ...     _ = db.create_branch("sale")
        ...     _ = db.put("lamp", 8, branch="sale")
        ...     found = db.compare("sale")
        ...     found.our_news, found.their_news, found.same_documents
        (False, True, False)
        """
        handle, found = self._handle, _native.Comparison()
        handle.check()
        check(lib.chrondb_compare(handle.pointer, self._branch_name(None), c_when(ours), c_when(theirs), byref(found)))
        flags = {name: bool(getattr(found, name)) for name in ("same_documents", "our_news", "their_news")}
        return Comparison(decode(found.ours) or None, decode(found.theirs) or None, **flags)

    def info(self) -> Info:
        """What the database is."""
        info = _native.Info()
        handle = self._checked_handle()
        check(lib.chrondb_get_info(handle.pointer, self._branch_name(None), byref(info)))
        head = decode(info.head) or None
        return filled(
            Info,
            info,
            path=os.fsdecode(info.path),
            branch=decode(info.branch),
            head=head,
            time=time_or_none(head, info.time),
            search_language=decode(info.search_language) or None,
        )

    def __repr__(self) -> str:
        return "<chrondb.Branch %r of %r>" % (self._name, self._db)

    def __reduce__(self) -> Any:
        raise TypeError("a branch cannot be pickled: open the database anew in the other process")


class ChronDB(Branch):
    """A database: JSON documents by their keys, every state of which is kept.

    data_path   its directory; None: $CHRONDB_DIR, else the nearest ".chrondb" from here upwards, else ".chrondb"
    index_path  where the index is that is derived from it; by default inside
    branch      the branch to read and write; by default the one that the repository's HEAD names
    create      make the database if there is nothing yet, or an empty directory
    adopt       make a database of a bare git repository that is none yet
    loads       how documents become objects: a function of a str; by default json.loads()
    dumps       how objects become documents, as str or bytes; by default json.dumps(), without spaces
    maintain    tidy up in a thread of the library when it is due; False: leave it to maintain() or to other processes

    It is like a dict of documents: db["user:1"], `in`, `del`, len(), iteration over keys. Threads may share it. A
    process may open one database several times; a child of a fork opens it anew. What happens on the side, such as a
    recovery after a crash, goes to the logger "chrondb".

    >>> with ChronDB(directory) as db:
    ...     db["user:1"] = {"name": "Alice", "age": 30}
    ...     _ = db.patch("user:1", {"age": 31})
    ...     print(db["user:1"], [version.value["age"] for version in db.history("user:1")])
    {'name': 'Alice', 'age': 31} [31, 30]
    """

    def __init__(
        self,
        data_path: Optional[PathLike] = None,
        index_path: Optional[PathLike] = None,
        *,
        branch: Optional[str] = None,
        create: bool = True,
        adopt: bool = False,
        loads: Loads = loads,
        dumps: Dumps = dumps,
        maintain: bool = True
    ) -> None:
        if data_path is None:
            data_path = discover()
        flags = (_native.OPEN_CREATE if create else 0) | (_native.OPEN_ADOPT if adopt else 0)
        path, options = c_path(data_path, "the path of the database"), open_options(index_path, flags, maintain)
        self._start(branch, loads, dumps, lambda pointer: lib.chrondb_open(pointer, path, byref(options)))

    def _start(self, branch: Optional[str], loads: Loads, dumps: Dumps, opened: Callable[[Any], int]) -> None:
        """`opened` is given where to store the database."""
        self._loads = loads
        self._dumps = dumps
        self._name = branch
        c_branch(branch)
        pointer = ctypes.c_void_p()
        check(opened(byref(pointer)))
        self._owned: Optional[Handle] = Handle(pointer.value or 0)

    @classmethod
    def create_from(
        cls,
        data_path: PathLike,
        make: Callable[[str], Any],
        index_path: Optional[PathLike] = None,
        *,
        branch: Optional[str] = None,
        loads: Loads = loads,
        dumps: Dumps = dumps,
        maintain: bool = True
    ) -> "ChronDB":
        """A new database from a bare git repository that somebody else makes, such as `git clone --bare`.

        make(path) is to make it at that path, where nothing is yet; what it raises ends the work. It is moved to
        `data_path`, where nothing may be but an empty directory, when it is a database, complete and durable.

        >>> import subprocess
        >>> with ChronDB(directory) as db:
        ...     db["user:1"] = {"name": "Alice"}
        >>> clone = lambda path: subprocess.check_call(["git", "clone", "-q", "--bare", directory, path])
        >>> with ChronDB.create_from(directory + "-copy", clone) as copy:
        ...     copy["user:1"]
        {'name': 'Alice'}
        """
        failures: List[BaseException] = []

        def call(_context: Any, path: bytes) -> int:
            try:
                make(os.fsdecode(path))
                return 0
            except BaseException as error:
                failures.append(error)
                return _native.EUSAGE

        path, options = c_path(data_path, "the path of the database"), open_options(index_path, 0, maintain)
        db, callback = cls.__new__(cls), _native.MAKE(call)
        try:
            db._start(
                branch, loads, dumps, lambda pointer: lib.chrondb_create_from(pointer, path, byref(options), callback, None)
            )
        except ChronDBError:
            if failures:
                raise failures[0] from None
            raise
        return db

    @property
    def _handle(self) -> Handle:
        handle = self._owned
        if handle is None:
            raise ClosedError("the database was closed", name="closed")
        return handle

    # ---- its end, and care ----

    def close(self) -> None:
        """No more calls; views and iterators of it are at their end too. It is no error to close it twice.

        Calls that other threads are in are finished, and maintenance that is under way. The files are closed when the
        last iterator and snapshot is gone.
        """
        handle, self._owned = self._owned, None
        if handle is not None:
            handle.close()

    @property
    def closed(self) -> bool:
        """Was it closed?"""
        return self._owned is None

    def __enter__(self) -> "ChronDB":
        self._handle.check()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: "Optional[TracebackType]"
    ) -> None:
        self.close()

    def maintain(self) -> None:
        """Do the maintenance that is due now; it may take a second. Others read and write meanwhile."""
        handle = self._checked_handle()
        check(lib.chrondb_maintain(handle.pointer))

    @property
    def maintenance_due(self) -> bool:
        """Is maintenance due? Costs nothing."""
        handle = self._checked_handle()
        return bool(lib.chrondb_maintenance_due(handle.pointer))

    def ready_for_git(self, *, lock_timeout: Optional[float] = None) -> None:
        """Before git commands that write are run on the repository: locks that dead gits left are removed, and live ones
        are waited for."""
        handle = self._checked_handle()
        check(lib.chrondb_ready_for_git(handle.pointer, timeout_ms(lock_timeout)))

    def gc(self, progress: Optional[Progress] = None) -> GcReport:
        """All the maintenance, and thoroughly: one tight pack. Nothing is dropped. progress(phase, done, total)"""
        report = _native.GcReport()
        self._long(lib.chrondb_gc, progress, report)
        return filled(GcReport, report)

    def reindex(self, progress: Optional[Progress] = None) -> ReindexReport:
        """Build the index anew, from git alone. progress(phase, done, total)"""
        report = _native.ReindexReport()
        self._long(lib.chrondb_reindex, progress, report)
        return filled(ReindexReport, report)

    def verify(
        self, *, full: bool = False, branch: Optional[str] = None, progress: Optional[Progress] = None
    ) -> VerifyReport:
        """Look whether the database is sound; nothing is written. progress(phase, done, total)

        full    all objects, all history, and all that the index says, not only the present
        branch  only this one; else all branches and tags

        Findings are no exception: see the report.
        """
        handle, caller = self._handle, Caller(progress)
        findings: List[Finding] = []

        def each(_context: Any, pointer: Any) -> int:
            found = pointer.contents
            texts = [text(t) for t in (found.ref, found.commit, found.path, found.key, found.object)]
            findings.append(Finding(decode(found.kind), bool(found.is_error), decode(found.message), *texts))
            return 0

        options = _native.VerifyOptions(
            branch=c_branch(branch), full=full, finding=_native.FINDING(each), progress=caller.callback
        )
        report = _native.VerifyReport()
        handle.check()
        with caller:
            check(lib.chrondb_verify(handle.pointer, byref(options), byref(report)))
        return filled(VerifyReport, report, findings=findings)

    def backup(
        self,
        file: Target,
        *,
        since: Optional[When] = None,
        since_file: Optional[PathLike] = None,
        progress: Optional[Progress] = None,
        lock_timeout: Optional[float] = None
    ) -> BackupReport:
        """Write a backup: a git bundle of branches, tags, settings and all that these reach, at one moment.
        restore_backup() takes it. progress(phase, done, total)

        file        its path: it is there whole or not at all, read back and checked, durable when this returns; or a
                    descriptor or open file, which may be a pipe: then it is neither checked nor synced
        since       only what came later, on each branch
        since_file  or an earlier backup: only what that does not have
        """
        handle, report = self._handle, _native.BackupReport()
        name, descriptor = c_target(file)
        handle.check()
        with Caller(progress) as caller:
            options = _native.BackupOptions(
                since=c_when(since),
                since_file=None if since_file is None else c_path(since_file, "the path of the earlier backup"),
                branch=self._branch_name(None),
                fd=descriptor,
                lock_timeout_ms=timeout_ms(lock_timeout),
                progress=caller.callback,
            )
            check(lib.chrondb_backup(handle.pointer, name, byref(options), byref(report)))
        return filled(BackupReport, report, incremental=bool(report.incremental))

    def _long(self, function: Callable[..., int], progress: Optional[Progress], report: ctypes.Structure) -> None:
        handle = self._checked_handle()
        with Caller(progress) as caller:
            check(function(handle.pointer, caller.callback, None, byref(report)))

    @property
    def path(self) -> str:
        """Its directory, absolute."""
        handle = self._checked_handle()
        return os.fsdecode(lib.chrondb_path(handle.pointer))

    @property
    def was_created(self) -> bool:
        """Did opening it create or adopt it?"""
        handle = self._checked_handle()
        return bool(lib.chrondb_was_created(handle.pointer))

    # ---- branches and tags ----

    def branch(self, name: str) -> Branch:
        """A branch, to be read and written; create_branch() makes one. It must be there when it is used."""
        if name is None:
            raise TypeError("the name of a branch is a str, not None")
        return Branch(self, name)

    def branches(self) -> List[Ref]:
        """All branches, in the order of their names."""
        return self._refs(lib.chrondb_branch_list)

    def tags(self) -> List[Ref]:
        """All tags, in the order of their names."""
        return self._refs(lib.chrondb_tag_list)

    def remote_branches(self) -> List[Ref]:
        """What was fetched from other machines: "origin/main" ... They have no time."""
        return self._refs(lib.chrondb_remote_branch_list)

    def _refs(self, function: Callable[..., int]) -> List[Ref]:
        found: List[Ref] = []

        def each(_context: Any, ref: Any) -> int:
            found.append(ref_of(ref.contents))
            return 0

        handle = self._checked_handle()
        check(function(handle.pointer, _native.EACH_REF(each), None))
        return found

    def _change_ref(self, function: Callable[..., int], *arguments: Any, status: Optional[str] = None) -> Ref:
        """`status` None: the function tells it, in front of the ref."""
        handle, ref, told = self._handle, _native.Ref(), ctypes.c_int()
        handle.check()
        last = (byref(ref),) if status is not None else (byref(told), byref(ref))
        check(function(handle.pointer, *arguments, *last))
        return ref_of(ref, status if status is not None else _native.STATUS[told.value])

    def create_branch(
        self, name: str, start: Optional[When] = None, *, lock_timeout: Optional[float] = None
    ) -> Ref:
        """A new branch, at `start` or at the head of this one. It costs the same however large the database is.

        That it is there already is no error if it is at that commit, else ConflictError "exists".
        """
        timeout = timeout_ms(lock_timeout)
        return self._change_ref(
            lib.chrondb_branch_create, c_name(name), self._branch_name(None), c_when(start), timeout
        )

    def delete_branch(self, name: str, *, lock_timeout: Optional[float] = None) -> Ref:
        """Delete a branch. Its commits stay: create_branch(name, ref.commit) brings it back."""
        return self._change_ref(lib.chrondb_branch_delete, c_name(name), timeout_ms(lock_timeout), status="deleted")

    def rename_branch(self, old: str, new: str, *, lock_timeout: Optional[float] = None) -> Ref:
        """Give a branch another name."""
        return self._change_ref(lib.chrondb_branch_rename, c_name(old), c_name(new), timeout_ms(lock_timeout))

    def create_tag(
        self, name: str, when: Optional[When] = None, *, force: bool = False, lock_timeout: Optional[float] = None
    ) -> Ref:
        """A name for a moment, by default for now; force: one that is there is moved."""
        timeout = timeout_ms(lock_timeout)
        return self._change_ref(
            lib.chrondb_tag_create, c_name(name), self._branch_name(None), c_when(when), force, timeout
        )

    def delete_tag(self, name: str, *, lock_timeout: Optional[float] = None) -> Ref:
        """Delete a tag."""
        return self._change_ref(lib.chrondb_tag_delete, c_name(name), timeout_ms(lock_timeout), status="deleted")

    # ---- settings ----

    def settings(self) -> List[Setting]:
        """The settings that there are (chrondb-config(1)), with their values."""
        found: List[Setting] = []

        def each(_context: Any, pointer: Any) -> int:
            setting = pointer.contents
            texts = [decode(text) for text in (setting.name, setting.value, setting.default_value, setting.description)]
            found.append(Setting(*texts, is_set=bool(setting.is_set), is_valid=bool(setting.is_valid)))
            return 0

        handle = self._checked_handle()
        check(lib.chrondb_config_list(handle.pointer, _native.EACH_SETTING(each), None))
        return found

    def get_setting(self, name: str) -> str:
        """The value of a setting that is in effect."""
        handle = self._checked_handle()
        return buffer_text(lib.chrondb_config_get, handle.pointer, c_text(name, "a setting"))

    def set_setting(self, name: str, value: str, *, lock_timeout: Optional[float] = None) -> str:
        """Set it, durably: "created", "updated" or "unchanged"."""
        text = c_text(value, "a value", "invalid_value")
        return self._change_setting(lib.chrondb_config_set, c_text(name, "a setting"), text, timeout_ms(lock_timeout))

    def unset_setting(self, name: str, *, lock_timeout: Optional[float] = None) -> str:
        """Back to the default: "deleted" or "unchanged"."""
        return self._change_setting(lib.chrondb_config_unset, c_text(name, "a setting"), timeout_ms(lock_timeout))

    def _change_setting(self, function: Callable[..., int], *arguments: Any) -> str:
        handle, status = self._handle, ctypes.c_int()
        handle.check()
        check(function(handle.pointer, *arguments, byref(status)))
        return _native.STATUS[status.value]

    def __repr__(self) -> str:
        return "<chrondb.ChronDB %s>" % ("closed" if self._owned is None else ascii(self.path))

    def __reduce__(self) -> Any:
        raise TypeError("a ChronDB cannot be pickled: open the database anew in the other process")


def discover() -> str:
    """Which database a command would mean here: $CHRONDB_DIR, else the nearest ".chrondb" from here upwards."""
    buffer = take_buffer()
    try:
        result = lib.chrondb_discover(byref(buffer))
        if result < 0:
            raise last_error(result)
        return os.fsdecode(string_at(buffer.data, buffer.size))
    finally:
        give_buffer(buffer)


def version() -> str:
    """The version of the library that runs."""
    return lib.chrondb_version().decode()
