# SPDX-License-Identifier: MIT
"""Reading: what the database, a branch and a past moment have in common."""
import ctypes
import datetime
from ctypes import byref, string_at
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Union

from . import _native
from ._errors import UsageError, check, last_error
from ._handles import Resource, Steps, give_buffer, take_buffer
from ._native import lib
from ._records import Blame, Change, Commit, Entry, Version
from ._search import SearchResult, field_names, open_search, search_options
from ._values import Dumps, Loads, Raw, c_document, c_key, c_optional, c_when, from_ns, load_document

When = Union[str, datetime.datetime]
RAISE: Any = object()


def count_limit(limit: Optional[int]) -> int:
    """A limit for the library, where 0 means none."""
    if limit is None:
        return 0
    if limit < 0:
        raise UsageError("a limit is not negative: %d" % limit, name="usage")
    return min(limit, _native.NO_LIMIT)


def decode(data: Optional[bytes]) -> str:
    """A text of a commit, which other tools may have written in any encoding."""
    return "" if data is None else data.decode("utf-8", "replace")


def meta_of(version: _native.VersionInfo) -> Dict[str, str]:
    """The metadata of a commit."""
    pairs = (decode(version.meta[i]).partition("=") for i in range(version.meta_count))
    return {name: value for name, _, value in pairs}


def bytes_at(address: Optional[int], size: int) -> Optional[bytes]:
    """A copy of borrowed bytes; None if there are none."""
    return None if address is None else string_at(address, size)


class Documents:
    """Documents by their keys, to be read like a dict.

    A database, a branch of it and a past moment are all of this kind. Iterators see the state of the moment when they
    were made, whatever is written meanwhile, and read as they go: the size of the database does not matter.
    """

    _loads: Loads
    _dumps: Dumps

    def _snapshot(self, branch: Optional[str]) -> Resource:
        raise NotImplementedError

    def _query_branch(self, _ast: bytes) -> Optional[str]:
        """The branch to search, if a query names one and it is not settled which."""
        return None

    def _read(self, key: str, branch: Optional[str]) -> Optional[bytes]:
        """The bytes of a document; None: the library has said why not."""
        c_name = c_key(key)
        snapshot = self._snapshot(branch)
        buffer = take_buffer()
        try:
            with snapshot.lock:
                result = lib.chrondb_get(snapshot.pointer, c_name, byref(buffer))
            if result == 0:
                return string_at(buffer.data, buffer.size)
            if result == _native.NOTFOUND:
                return None
            raise last_error(result)
        finally:
            give_buffer(buffer)

    def _loader(self, raw: bool) -> Optional[Loads]:
        return None if raw else self._loads

    # ---- one document ----

    def get(self, key: str, branch: Optional[str] = None, *, default: Any = RAISE) -> Any:
        """The document of a key, as a Python object.

        Without it: `default`, or DocumentNotFoundError if none is given.
        """
        data = self._read(key, branch)
        if data is not None:
            return load_document(data, self._loads, key)
        if default is RAISE:
            raise last_error(_native.NOTFOUND)
        return default

    def get_raw(self, key: str, branch: Optional[str] = None, *, default: Any = RAISE) -> Raw:
        """The document of a key byte for byte as it was put; put() takes it back as it is."""
        data = self._read(key, branch)
        if data is not None:
            return Raw(data)
        if default is RAISE:
            raise last_error(_native.NOTFOUND)
        return default

    def exists(self, key: str, branch: Optional[str] = None) -> bool:
        """Is there a document with this key?"""
        c_name = c_key(key)
        snapshot = self._snapshot(branch)
        with snapshot.lock:
            result = lib.chrondb_exists(snapshot.pointer, c_name)
            if result < 0:
                raise last_error(result)
        return result == 0

    def __getitem__(self, key: str) -> Any:
        return self.get(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.exists(key)

    # ---- many ----

    def __len__(self) -> int:
        return self.count()

    def __iter__(self) -> Iterator[str]:
        return self.keys()

    def keys(
        self,
        prefix: Optional[str] = None,
        *,
        table: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        reverse: bool = False
    ) -> Iterator[str]:
        """The keys in the order of their bytes.

        prefix   those that start so
        table    those of this table; "": those without a table
        after    those behind this key in the order of listing; it need not exist
        limit    at most so many
        reverse  in descending order
        """
        return (key for key, _ in self._walk(None, True, None, prefix, table, after, limit, reverse))

    def values(
        self,
        prefix: Optional[str] = None,
        *,
        table: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        reverse: bool = False,
        raw: bool = False
    ) -> Iterator[Any]:
        """The documents in the order of their keys; the arguments are those of items()."""
        return (value for _, value in self._walk(None, False, self._loader(raw), prefix, table, after, limit, reverse))

    def items(
        self,
        prefix: Optional[str] = None,
        *,
        table: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        reverse: bool = False,
        raw: bool = False
    ) -> Iterator[Entry]:
        """Keys and documents in the order of the keys' bytes; raw: documents as Raw, else see keys()."""
        return self._walk(None, False, self._loader(raw), prefix, table, after, limit, reverse)

    def list_by_prefix(self, prefix: str, branch: Optional[str] = None, *, raw: bool = False) -> Iterator[Entry]:
        """Keys and documents of the keys that start with `prefix`."""
        return self._walk(branch, False, self._loader(raw), prefix)

    def list_by_table(self, table: str, branch: Optional[str] = None, *, raw: bool = False) -> Iterator[Entry]:
        """Keys and documents of a table; "": those without one."""
        return self._walk(branch, False, self._loader(raw), None, table)

    def _walk(
        self,
        branch: Optional[str],
        keys_only: bool,
        loads: Optional[Loads],
        prefix: Optional[str] = None,
        table: Optional[str] = None,
        after: Optional[str] = None,
        limit: Optional[int] = None,
        reverse: bool = False,
    ) -> Iterator[Entry]:
        if limit == 0:
            return iter(())
        which = _native.Range(
            prefix=c_optional(prefix, "a prefix", "invalid_key"),
            table=c_optional(table, "a table", "invalid_key"),
            after=c_optional(after, "a key", "invalid_key"),
            limit=count_limit(limit),
            reverse=reverse,
            keys_only=keys_only,
        )
        snapshot = self._snapshot(branch)
        listing = Resource(snapshot.handle, lib.chrondb_list_free, snapshot)
        listing.open(lib.chrondb_list_open, snapshot.pointer, byref(which))
        return self._walk_steps(listing, keys_only, loads)

    @staticmethod
    def _walk_steps(listing: Resource, keys_only: bool, loads: Optional[Loads]) -> Iterator[Entry]:
        entry = _native.Entry()
        steps = Steps(listing, lib.chrondb_list_next, entry)
        while True:
            with listing.lock:
                if not steps.next():
                    return
                key, data = entry.key.decode(), None if keys_only else string_at(entry.value, entry.value_size)
            yield Entry(key, None if data is None else load_document(data, loads, key))

    def count(self, prefix: Optional[str] = None, *, table: Optional[str] = None) -> int:
        """How many documents there are, or how many with these keys."""
        which = _native.Range(
            prefix=c_optional(prefix, "a prefix", "invalid_key"), table=c_optional(table, "a table", "invalid_key")
        )
        number = ctypes.c_uint64()
        snapshot = self._snapshot(None)
        with snapshot.lock:
            check(lib.chrondb_count(snapshot.pointer, byref(which), byref(number)))
        return number.value

    def tables(self) -> Dict[str, int]:
        """The tables in the order of their names, and how many documents each has; "": documents without a table."""
        found: Dict[str, int] = {}

        def each(_context: Any, table: bytes, count: int) -> int:
            found[table.decode()] = count
            return 0

        snapshot = self._snapshot(None)
        with snapshot.lock:
            check(lib.chrondb_tables(snapshot.pointer, _native.EACH_TABLE(each), None))
        return found

    # ---- time ----

    def history(
        self,
        key: str,
        branch: Optional[str] = None,
        *,
        limit: Optional[int] = None,
        since: Optional[When] = None,
        until: Optional[When] = None,
        reverse: bool = False,
        values: bool = True,
        patch: bool = False,
        raw: bool = False
    ) -> Iterator[Version]:
        """The versions of a document, newest first, with the commits that made them.

        limit         at most so many, the newest
        since, until  not older, not newer
        reverse       oldest first
        values        False: leave the documents out
        patch         also the change from the version before
        raw           documents as Raw

        A key that never was is DocumentNotFoundError.
        """
        c_name = c_key(key)
        options = _native.HistoryOptions(
            limit=count_limit(limit),
            since=c_when(since),
            until=c_when(until),
            reverse=reverse,
            no_value=not values,
            patch=patch,
        )
        snapshot = self._snapshot(branch)
        history = Resource(snapshot.handle, lib.chrondb_history_free, snapshot)
        history.open(lib.chrondb_history_open, snapshot.pointer, c_name, byref(options))
        return iter(()) if limit == 0 else self._history_steps(history, self._loader(raw))

    @staticmethod
    def _history_steps(history: Resource, loads: Optional[Loads]) -> Iterator[Version]:
        version = _native.VersionInfo()
        steps = Steps(history, lib.chrondb_history_next, version)
        while True:
            with history.lock:
                if not steps.next():
                    return
                key = version.key.decode()
                value = bytes_at(version.value, version.value_size)
                patch = bytes_at(version.patch, version.patch_size)
                found = Version(
                    key,
                    _native.OP[version.op],
                    decode(version.commit),
                    from_ns(version.time.seconds, version.time.nanoseconds),
                    decode(version.author),
                    decode(version.committer),
                    decode(version.message),
                    meta_of(version),
                    None,
                    None,
                )
            yield found._replace(
                value=None if value is None else load_document(value, loads, key),
                patch=None if patch is None else load_document(patch, loads, key),
            )

    def blame(self, key: str, branch: Optional[str] = None, *, raw: bool = False) -> Iterator[Blame]:
        """Which commit last changed each field of a document; the fields in the order of the document."""
        c_name = c_key(key)
        snapshot = self._snapshot(branch)
        blame = Resource(snapshot.handle, lib.chrondb_blame_free, snapshot)
        blame.open(lib.chrondb_blame_open, snapshot.pointer, c_name)
        return self._blame_steps(blame, self._loader(raw), key)

    @staticmethod
    def _blame_steps(blame: Resource, loads: Optional[Loads], key: str) -> Iterator[Blame]:
        field = _native.BlameField()
        steps = Steps(blame, lib.chrondb_blame_next, field)
        while True:
            with blame.lock:
                if not steps.next():
                    return
                value = string_at(field.value, field.value_size)
                found = Blame(
                    decode(string_at(field.path, field.path_size)),
                    None,
                    decode(field.commit),
                    from_ns(field.time.seconds, field.time.nanoseconds),
                    decode(field.author),
                )
            yield found._replace(value=load_document(value, loads, key))

    def log(
        self,
        *,
        limit: Optional[int] = None,
        since: Optional[When] = None,
        until: Optional[When] = None,
        reverse: bool = False,
        values: bool = False,
        raw: bool = False
    ) -> Iterator[Commit]:
        """The commits of the branch, newest first, and what each changed.

        values: also the documents that the changes brought; else as for history().
        """
        options = _native.HistoryOptions(
            limit=count_limit(limit), since=c_when(since), until=c_when(until), reverse=reverse
        )
        snapshot = self._snapshot(None)
        log = Resource(snapshot.handle, lib.chrondb_log_free, snapshot)
        log.open(lib.chrondb_log_open, snapshot.pointer, byref(options))
        return iter(()) if limit == 0 else self._log_steps(log, values, self._loader(raw))

    @staticmethod
    def _log_steps(log: Resource, values: bool, loads: Optional[Loads]) -> Iterator[Commit]:
        version = _native.VersionInfo()
        changes = ctypes.POINTER(_native.Change)()
        count = ctypes.c_size_t()
        steps = Steps(log, lib.chrondb_log_next, version, byref(changes), byref(count))
        while True:
            with log.lock:
                if not steps.next():
                    return
                found = Commit(
                    decode(version.commit),
                    from_ns(version.time.seconds, version.time.nanoseconds),
                    decode(version.author),
                    decode(version.committer),
                    decode(version.message),
                    meta_of(version),
                    [Change(changes[i].key.decode(), _native.OP[changes[i].op]) for i in range(count.value)],
                )
                documents = [log_value(log, i) for i in range(count.value)] if values else []
            for i, data in enumerate(documents):
                change = found.changes[i]
                if data is not None:
                    found.changes[i] = change._replace(value=load_document(data, loads, change.key))
            yield found

    # ---- search ----

    def search(
        self,
        query: str,
        *,
        table: Optional[str] = None,
        limit: Optional[int] = 10,
        offset: int = 0,
        after: Optional[str] = None,
        sort: Optional[str] = None,
        default_operator: str = "or",
        total: bool = False,
        values: bool = True,
        facets: Iterable[str] = (),
        facet_limit: int = 10,
        explain: bool = False,
        raw: bool = False,
        progress: Optional[Callable[[str, int, int], Any]] = None
    ) -> SearchResult:
        """Documents by their words and fields, best first; the query language is chrondb-query(7).

        table             documents of this table only; "": those without one
        limit, offset     at most so many hits (None: all), after passing over so many
        after             the `cursor` of an earlier search: go on behind it, in the state that it saw
        sort              "FIELD", "FIELD:desc", or several with commas; "_score" and "_key" are fields too
        default_operator  "or": any of the words side by side; "and": all
        total             count all hits too
        values            False: no documents
        facets            fields whose values are counted over all hits, the `facet_limit` most frequent of each (0: all)
        explain           tell the plan, and how each score came about: the hits are ExplainedHit
        raw               documents as Raw
        progress          told of an index that must be built first: progress(phase, done, total)

        A malformed query is UsageError, whose text shows where.
        """
        if not isinstance(query, str):
            raise TypeError("a query is a str, not %s; query() takes a dict" % type(query).__name__)
        fields = field_names(facets)
        options = search_options(
            table, limit, offset, after, sort, default_operator, total, values, fields, facet_limit, explain
        )
        return open_search(self._snapshot(None), query, b"", options, fields, self._loader(raw), progress)

    def query(self, query: Mapping[str, Any], branch: Optional[str] = None) -> Dict[str, Any]:
        """Search with a query as JSON (chrondb-query(7)), as ChronDB's library takes it.

        The answer is a dict: "results", the documents; "total", how many match in all; "limit" and "offset", which the
        query said; and "next-cursor", what to give as "after" for more, or None.

        >>> with ChronDB(directory) as db:
        ...     _ = db.put("user:1", {"name": "Alice", "age": 30})
        ...     db.query({"clauses": [{"type": "range", "field": "age", "lower": 18, "value-type": "long"}]})["results"]
        [{'name': 'Alice', 'age': 30}]
        """
        text = c_document(query, self._dumps)
        snapshot = self._snapshot(branch if branch is not None else self._query_branch(text))
        result = open_search(snapshot, None, text, _native.SearchOptions(total=1), [], self._loads, None)
        return {
            "results": [hit.value for hit in result],
            "total": result.total,
            "limit": query.get("limit", 10),
            "offset": query.get("offset", 0),
            "next-cursor": result.cursor,
        }


def log_value(log: Resource, index: int) -> Optional[bytes]:
    """The document that a change brought; the caller holds the lock."""
    value, size = ctypes.c_void_p(), ctypes.c_size_t()
    result = lib.chrondb_log_value(log.pointer, index, byref(value), byref(size))
    if result < 0:
        raise last_error(result)
    return bytes_at(value.value, size.value) if result == 0 else None
