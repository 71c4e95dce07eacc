# SPDX-License-Identifier: MIT
"""Searches: options in, hits out."""
import ctypes
import json
import math
from ctypes import byref, string_at
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional

from . import _native
from ._errors import ChronDBError, UsageError, check
from ._handles import Caller, Resource, Steps, buffer_text, give_buffer, take_buffer
from ._native import lib
from ._records import Facet, Hit
from ._values import Loads, c_optional, c_text, load_document

Progress = Callable[[str, int, int], Any]


class SearchResult(Iterator[Hit]):
    """The hits of a search, in order, read as they are asked for; and what is known of all of them."""

    def __init__(self, search: Resource, fields: List[bytes], counted: bool, loads: Optional[Loads]) -> None:
        self._search = search
        self._fields = fields
        self._counted = counted
        self._hits = self._steps(search, loads)

    @staticmethod
    def _steps(search: Resource, loads: Optional[Loads]) -> Iterator[Hit]:
        hit = _native.Hit()
        steps = Steps(search, lib.chrondb_search_next, hit)
        while True:
            with search.lock:
                if not steps.next():
                    return
                key, score = hit.key.decode(), None if math.isnan(hit.score) else hit.score
                data = None if hit.value is None else string_at(hit.value, hit.value_size)
            yield Hit(key, score, None if data is None else load_document(data, loads, key))

    def __iter__(self) -> "SearchResult":
        return self

    def __next__(self) -> Hit:
        return next(self._hits)

    def __reduce__(self) -> Any:
        raise TypeError("a search result cannot be pickled: pickle the list of its hits")

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._search.handle.check()
        with self._search.lock:
            return function(self._search.pointer, *arguments)

    @property
    def total(self) -> Optional[int]:
        """How many documents match in all, exactly; None unless the search was asked for it."""
        return self._ask(lib.chrondb_search_total) if self._counted else None

    @property
    def cursor(self) -> Optional[str]:
        """What to give as `after` to get the hits behind this search's last one; None: there are no more."""
        cursor = self._ask(lib.chrondb_search_cursor)
        return None if cursor is None else cursor.decode()

    @property
    def commit(self) -> Optional[str]:
        """The commit that was searched; None: there is none yet."""
        commit = self._ask(lib.chrondb_search_commit)
        return None if commit is None else commit.decode()

    @property
    def facets(self) -> Dict[str, List[Facet]]:
        """For each field that was asked for: its values, the most frequent first, and how many hits have them."""
        found: Dict[str, List[Facet]] = {}
        values, distinct = ctypes.POINTER(_native.Facet)(), ctypes.c_uint64()
        for index, field in enumerate(self._fields):
            count = self._ask(lib.chrondb_search_facet, index, byref(values), byref(distinct))
            found[field.decode()] = [
                Facet(json.loads(string_at(values[i].value, values[i].value_size)), values[i].count)
                for i in range(count)
            ]
        return found


def search_options(
    table: Optional[str],
    limit: Optional[int],
    offset: int,
    after: Optional[str],
    sort: Optional[str],
    default_operator: str,
    total: bool,
    values: bool,
    fields: List[bytes],
    facet_limit: int,
) -> _native.SearchOptions:
    """The options for the library. To ask for no hits means to count them."""
    if default_operator not in ("or", "and"):
        raise UsageError("the default operator is 'or' or 'and', not %r" % (default_operator,), name="usage")
    if (limit is not None and limit < 0) or offset < 0 or facet_limit < 0:
        raise UsageError("limit, offset and facet_limit are not negative", name="usage")
    return _native.SearchOptions(
        table=c_optional(table, "a table", "invalid_key"),
        limit=_native.NO_LIMIT if limit is None else min(limit, _native.NO_LIMIT),
        offset=min(offset, _native.NO_LIMIT),
        after=c_optional(after, "a cursor", "invalid_cursor"),
        sort=c_optional(sort, "an order", "invalid_sort"),
        default_and=default_operator == "and",
        count_only=limit == 0,
        total=total,
        keys_only=not values,
        facets=(ctypes.c_char_p * len(fields))(*fields) if fields else None,
        facet_count=len(fields),
        facet_limit=facet_limit,
    )


def field_names(fields: Iterable[str]) -> List[bytes]:
    """The fields to count values of."""
    if isinstance(fields, str):
        fields = (fields,)
    return [c_text(field, "a field") for field in fields]


def query_branch(ast: bytes) -> Optional[str]:
    """The branch that a query as JSON names."""
    try:
        return buffer_text(lib.chrondb_search_ast_branch, ast, len(ast))
    except ChronDBError as error:
        if error.code != _native.NOTFOUND:
            raise
        return None


def mark(text: bytes, line: int, column: int) -> str:
    """The line of a query that an error is about, and a caret below the place."""
    buffer = take_buffer()
    try:
        check(lib.chrondb_search_mark(byref(buffer), text, len(text), line, column))
        return string_at(buffer.data, buffer.size).decode("utf-8", "replace").rstrip("\n")
    finally:
        give_buffer(buffer)


def open_search(
    snapshot: Resource,
    query: Optional[str],
    ast: bytes,
    options: _native.SearchOptions,
    fields: List[bytes],
    loads: Optional[Loads],
    progress: Optional[Progress],
) -> SearchResult:
    """Run a query, given as text or (with `query` None) as JSON."""
    search = Resource(snapshot.handle, lib.chrondb_search_free, snapshot)
    caller = Caller(progress)
    options.progress = caller.callback
    text = ast if query is None else c_text(query, "a query", "invalid_query")
    try:
        with caller:
            if query is None:
                search.open(lib.chrondb_search_open_ast, snapshot.pointer, ast, len(ast), byref(options))
            else:
                search.open(lib.chrondb_search_open, snapshot.pointer, text, byref(options))
    except UsageError as error:
        if error.name == "invalid_query" and error.line and error.column:
            error.args = ("%s\n%s" % (error.message, mark(text, error.line, error.column)),)
        raise
    return SearchResult(search, fields, bool(options.total or options.count_only), loads)
