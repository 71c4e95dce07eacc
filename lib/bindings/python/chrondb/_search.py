# SPDX-License-Identifier: MIT
"""Searches: options in, hits out."""
import ctypes
import json
import math
from ctypes import byref, string_at
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from . import _native
from ._errors import ChronDBError, UsageError, check, text
from ._handles import Caller, Resource, Steps, buffer_text
from ._native import lib
from ._records import ExplainedHit, Facet, Hit, Score, SearchStats, Step
from ._text import c_json, written
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
                scores = [score_of(hit.scores[i]) for i in range(hit.score_count)]
            value = None if data is None else load_document(data, loads, key)
            if scores:
                explained = ExplainedHit(key, score, value)
                explained.scores = scores
                yield explained
            else:
                yield Hit(key, score, value)

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


    @property
    def plan(self) -> List[Step]:
        """The steps of the search's plan, with explain=True."""
        found: List[Step] = []
        step = _native.Step()
        while self._ask(lib.chrondb_search_step, len(found), byref(step)) == 0:
            members = (getattr(step, name) for name in Step._fields)
            found.append(Step(*[text(member) if isinstance(member, bytes) else member for member in members]))
        return found

    @property
    def stats(self) -> SearchStats:
        """What was read, with explain=True."""
        stats = _native.SearchStats()
        self._ask(lib.chrondb_search_get_stats, byref(stats))
        return SearchStats(stats.segments, stats.caught_up)

    def highlight(self, document: Union[str, bytes]) -> List[Tuple[int, int]]:
        """Which bytes of a hit's document, a Raw as a rule, match the query: words inside of strings, and whole numbers
        and literals. Pairs of start and end, which ascend and do not overlap.

        >>> with ChronDB(directory) as db:
        ...     _ = db.put("page:1", Raw('{"title": "Travelling with Alice"}'))
        ...     search = db.search("alice", raw=True)
        ...     hit = next(search)
        ...     [hit.value[start:end] for start, end in search.highlight(hit.value)]
        [b'Alice']
        """
        data, marks, count = c_json(document), ctypes.POINTER(_native.Mark)(), ctypes.c_size_t()
        self._search.handle.check()
        with self._search.lock:
            pointer = self._search.pointer
            check(lib.chrondb_search_highlight(pointer, data, len(data), byref(marks), byref(count)))
            return [(marks[i].start, marks[i].end) for i in range(count.value)]


def score_of(score: _native.Score) -> Score:
    """How a score came about."""
    return Score(score.depth, score.value, text(score.text) or "")


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
    explain: bool,
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
        explain=explain,
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
    data = ast if query is None else c_text(query, "a query", "invalid_query")
    try:
        with caller:
            if query is None:
                search.open(lib.chrondb_search_open_ast, snapshot.pointer, ast, len(ast), byref(options))
            else:
                search.open(lib.chrondb_search_open, snapshot.pointer, data, byref(options))
    except UsageError as error:
        if error.name == "invalid_query" and error.line and error.column:
            mark = written(lib.chrondb_search_mark, data, len(data), error.line, error.column)
            error.args = ("%s\n%s" % (error.message, mark.decode("utf-8", "replace").rstrip("\n")),)
        raise
    return SearchResult(search, fields, bool(options.total or options.count_only), loads)
