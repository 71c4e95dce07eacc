# SPDX-License-Identifier: MIT
"""What the functions answer: named tuples."""
from typing import Any, Dict, List, NamedTuple, Optional

from ._values import Time


class Result(NamedTuple):
    """What became of one write."""

    key: str
    """The document's key; "" of restore_all()."""
    status: str
    """"created", "updated", "deleted", "unchanged", or "checked"."""
    commit: Optional[str]
    """The document's last commit (after a delete: the delete), which `if_match` takes; None if there is none."""
    time: Optional[Time]
    """When that was."""


class Entry(NamedTuple):
    """A key and its document."""

    key: str
    value: Any


class Version(NamedTuple):
    """One version of a document."""

    key: str
    op: str
    """"create", "update" or "delete"."""
    commit: str
    """The commit that made it."""
    time: Time
    author: str
    """"NAME <MAIL>"."""
    committer: str
    message: str
    meta: Dict[str, str]
    value: Any
    """The document; None after a delete, or with values=False."""
    patch: Any
    """With patch=True: the merge patch from the version before; None if there is none."""


class Blame(NamedTuple):
    """A field of a document, and the commit that last changed it."""

    path: str
    """JSON pointer (RFC 6901); "": the document itself."""
    value: Any
    commit: str
    time: Time
    author: str


class Change(NamedTuple):
    """A document that a commit changed."""

    key: str
    op: str
    """"create", "update" or "delete"."""
    value: Any = None
    """With values=True: the document that it became; None after a delete."""


class Commit(NamedTuple):
    """A commit of a branch."""

    commit: str
    """Its id."""
    time: Time
    author: str
    committer: str
    message: str
    meta: Dict[str, str]
    changes: List[Change]
    """What it changed, in key order."""


class Difference(NamedTuple):
    """A document that differs between two moments."""

    key: str
    op: str
    """"create", "update" or "delete"."""
    old: Any
    """The document at the first moment; None for a create."""
    new: Any
    """The document at the second moment; None for a delete."""
    patch: Any
    """The merge patch (RFC 7396) from old to new; None for creates and deletes, or if none can say it."""


class Ref(NamedTuple):
    """A branch or a tag."""

    name: str
    commit: Optional[str]
    """The commit that it names; None if it names none (git can tag anything)."""
    time: Optional[Time]
    """When that was."""
    is_default: bool
    """A branch: the one that is read and written unless another is named."""
    object: Optional[str] = None
    """Of an annotated tag, which git makes: its own id."""
    previous: Optional[str] = None
    """After it was moved: the commit that it named before."""
    status: Optional[str] = None
    """After a call that may change it: "created", "updated", "deleted" or "unchanged"."""


class Event(NamedTuple):
    """A change that a watch told."""

    key: str
    op: str
    """"create", "update" or "delete"."""
    branch: str
    commit: str
    """The commit that made it; watch(since=...) goes on behind it."""
    time: Time
    value: Any
    """The document; None after a delete."""


class Comparison(NamedTuple):
    """How two commits stand to each other."""

    ours: Optional[str]
    """None before the first commit, which has no news for anybody."""
    theirs: Optional[str]
    same_documents: bool
    our_news: bool
    """It brings a version that `theirs` does not have,"""
    their_news: bool
    """and the other way round."""


class Conflict(NamedTuple):
    """What both sides of a merge changed. A value that is not there is ABSENT."""

    key: Optional[str]
    """None: a file that is no document; `path` is its own."""
    path: str
    """JSON pointer (RFC 6901) into the document; "": all of it."""
    base: Any
    ours: Any
    theirs: Any


class MergeReport(NamedTuple):
    """What a merge did, or would do."""

    status: str
    """"unchanged", "fast-forward" or "merged"."""
    commit: Optional[str]
    """The branch's new head; None: unchanged, or a dry run."""
    time: Time
    puts: int
    deletes: int
    conflicts: int
    """That were decided, or settled by the strategy."""


class Facet(NamedTuple):
    """A value of a field, and how many hits have it."""

    value: Any
    hits: int


class Hit(NamedTuple):
    """A document that a search found."""

    key: str
    score: Optional[float]
    """None: the order does not depend on it, and it was not worked out."""
    value: Any
    """The document; None with values=False."""


class Score(NamedTuple):
    """How a score came about: a part of the nearest one before it with a smaller depth."""

    depth: int
    value: float
    text: str


class ExplainedHit(Hit):
    """A Hit of a search with explain=True; `scores` is a list of Score."""

    scores: List[Score] = []


class Step(NamedTuple):
    """A step of a search's plan: a part of the nearest one before it with a smaller depth."""

    depth: int
    kind: str
    """"term", "phrase", "and", "range" ..."""
    text: str
    """What it looks for, or ""."""
    how: str
    """"block-max", "exhaustive", "leapfrog" ..., or ""."""
    df: int
    """Documents that it finds; superseded versions count too."""
    documents: int
    """Of how many that have the field."""
    weight: float
    average_length: float
    """Words in the field."""
    forms: int
    """Words that a wildcard or a fuzzy word stands for."""
    postings: int
    blocks: int
    """Of postings, that were read,"""
    skipped: int
    """and that were passed over."""
    verified: int
    """Documents that had to be read."""


class SearchStats(NamedTuple):
    """What a search with explain=True read."""

    segments: int
    """Of the index."""
    caught_up: int
    """Documents that the index did not have yet, read from git."""


class Setting(NamedTuple):
    """A setting of a database (chrondb-config(1))."""

    name: str
    value: str
    """In effect."""
    default: str
    description: str
    is_set: bool
    is_valid: bool
    """False: somebody wrote a value that is not allowed."""


class Info(NamedTuple):
    """What a database is; the numbers are explained in chrondb-info(1)."""

    path: str
    branch: str
    head: Optional[str]
    time: Optional[Time]
    documents: int
    tables: int
    commits: int
    loose_objects: int
    packs: int
    disk_bytes: int
    journal_bytes: int
    format: int
    index_bytes: int
    index_commits: int
    index_segments: int
    search_commits: int
    search_documents: int
    search_versions: int
    search_segments: int
    search_bytes: int
    search_language: Optional[str]


class Finding(NamedTuple):
    """Something that is not as it should be (chrondb-verify(1))."""

    kind: str
    """A stable word: "missing_object", "invalid_document" ..."""
    is_error: bool
    """False: unusual, but allowed; nothing is lost or wrong."""
    message: str
    ref: Optional[str]
    commit: Optional[str]
    path: Optional[str]
    key: Optional[str]
    object: Optional[str]


class VerifyReport(NamedTuple):
    """What verify() looked at, and what it found."""

    errors: int
    notes: int
    refs: int
    commits: int
    trees: int
    documents: int
    objects: int
    findings: List[Finding]


class GcReport(NamedTuple):
    """What gc() did."""

    objects: int
    packs_before: int
    packs_after: int
    loose_before: int
    loose_after: int
    bytes_before: int
    bytes_after: int


class ReindexReport(NamedTuple):
    """What reindex() built."""

    branches: int
    commits: int
    keys: int
    bytes: int


class BackupReport(NamedTuple):
    """What backup() wrote."""

    bytes: int
    objects: int
    commits: int
    branches: int
    tags: int
    incremental: bool
    """It stands on commits that it does not hold."""


class RestoreReport(NamedTuple):
    """What restore_backup() read, and what became of the database."""

    bytes: int
    objects: int
    commits: int
    branches: int
    tags: int
    incremental: bool
    status: str
    """"created", "updated" or "unchanged"."""


class ImportReport(NamedTuple):
    """What an import did."""

    lines: int
    resumed: int
    """So many of them were passed over: an interrupted import had them."""
    commits: int
    puts: int
    deletes: int
    head: Optional[str]
