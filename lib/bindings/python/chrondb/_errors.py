# SPDX-License-Identifier: MIT
"""The exceptions, and how a failure of the library becomes one."""
import os
from typing import Any, List, Optional

from . import _native
from ._native import lib


class ChronDBError(Exception):
    """Something failed; every exception of this package is one.

    Its text is for people: one line that says what failed, where and why. For programs:

    code     a number, the same as in chrondb.h: 1 not found, -2 usage, -3 conflict, -4 invalid document, -5 busy,
             -6 no database, -7 damaged, -8 the system failed
    name     what failed exactly, a stable word: "not_found", "invalid_key", "no_branch" ... (chrondb-output(5))
    key      the document that it is about, or None
    path     the file or directory that it is about, or None
    line     where in a document or query, counted from 1, or None
    column   likewise; bytes in a document, characters in a query
    current  after a conflict: the commit that changed the document last; None if there is no such document
    """

    code = 0

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[int] = None,
        name: str = "",
        key: Optional[str] = None,
        path: Optional[str] = None,
        line: Optional[int] = None,
        column: Optional[int] = None,
        current: Optional[str] = None
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.name = name
        self.key = key
        self.path = path
        self.line = line
        self.column = column
        self.current = current

    @property
    def message(self) -> str:
        """The text, for people."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Any:
        # An exception goes back to the parent of a multiprocessing worker by pickle.
        return type(self), self.args, self.__dict__.copy()


class DocumentNotFoundError(ChronDBError, KeyError):
    """There is no such document, or was none at that time. A KeyError too."""

    code = _native.NOTFOUND


class UsageError(ChronDBError, ValueError):
    """A malformed key, time, name, query or argument. A ValueError too."""

    code = _native.EUSAGE


class ConflictError(ChronDBError):
    """A precondition failed, and nothing was written; `current` tells the document's last commit."""

    code = _native.ECONFLICT


class MergeConflictError(ConflictError):
    """Both sides of a merge changed the same, and nothing was written; `conflicts` is a list of Conflict."""

    conflicts: List[Any] = []


class InvalidDocumentError(ChronDBError, ValueError):
    """Not a JSON document, too large, or nested too deep; nothing was written. A ValueError too."""

    code = _native.EINVALID


class BusyError(ChronDBError):
    """Another writer held the lock for too long, or long work was cancelled; trying again may help."""

    code = _native.EBUSY


class NotADatabaseError(ChronDBError):
    """There is no database, or something that is none, or one of a newer format."""

    code = _native.ENODB


class DamagedError(ChronDBError):
    """Data is damaged or cannot be read; the message names the object."""

    code = _native.EDAMAGED


class StorageError(ChronDBError):
    """The system failed: I/O, a full disk, permissions, memory."""

    code = _native.ESYSTEM


class ClosedError(ChronDBError, ValueError):
    """The database, view, transaction or iterator was closed, or belongs to another process. A ValueError too."""

    code = _native.EUSAGE


CLASSES = {
    kind.code: kind
    for kind in (
        DocumentNotFoundError,
        UsageError,
        ConflictError,
        InvalidDocumentError,
        BusyError,
        NotADatabaseError,
        DamagedError,
        StorageError,
    )
}


def text(data: Optional[bytes]) -> Optional[str]:
    """A string of the library; its messages and keys are UTF-8, but nothing may fail while an error is told."""
    return None if data is None else data.decode("utf-8", "replace")


def last_error(code: int) -> ChronDBError:
    """The exception for what a function of the library just returned in this thread."""
    error = lib.chrondb_last_error().contents
    if error.code != code:
        # A signal handler or finalizer of this thread used the library in between: what it said is lost.
        return CLASSES.get(code, ChronDBError)("the library returned %d" % code, code=code, name="internal")
    kind = CLASSES.get(code, ChronDBError)
    name = text(error.name) or ""
    if name == "merge_conflict":
        kind = MergeConflictError
    return kind(
        text(error.message) or "",
        code=code,
        name=name,
        key=text(error.key),
        path=None if error.path is None else os.fsdecode(error.path),
        line=error.line or None,
        column=error.column or None,
        current=text(error.current),
    )


def check(code: int) -> None:
    """Raise unless a function returned 0."""
    if code != 0:
        raise last_error(code)
