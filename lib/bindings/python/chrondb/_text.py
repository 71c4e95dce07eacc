# SPDX-License-Identifier: MIT
"""Keys and JSON text, without a database."""
from ctypes import byref, string_at
from typing import Any, Callable, Union

from . import _native
from ._errors import check
from ._handles import give_buffer, take_buffer
from ._native import lib
from ._values import Raw, c_key


def written(function: Callable[..., int], *arguments: Any) -> bytes:
    """What a function writes to the buffer that is its first argument."""
    buffer = take_buffer()
    try:
        check(function(byref(buffer), *arguments))
        return string_at(buffer.data, buffer.size)
    finally:
        give_buffer(buffer)


def c_json(text: Union[str, bytes]) -> bytes:
    """JSON text for the library."""
    return text.encode() if isinstance(text, str) else bytes(text)


def check_key(key: str) -> None:
    """Raise UsageError if this is no key.

    >>> check_key("user:1")
    """
    check(lib.chrondb_key_check(c_key(key)))


def key_path(key: str) -> str:
    """The name of the document's file, encoded as in the repository (chrondb-format(5)), without its fan-out.

    >>> key_path("user:1"), key_path("motd")
    ('user/1.json', '_/motd.json')
    """
    name = c_key(key)
    return written(lambda buffer: lib.chrondb_key_path(name, buffer)).decode()


def check_json(text: Union[str, bytes]) -> None:
    """Raise InvalidDocumentError, with line and column, if this is no document.

    >>> check_json('{"name": "Alice"}')
    """
    data = c_json(text)
    check(lib.chrondb_json_check(data, len(data)))


def format_json(text: Union[str, bytes], *, pretty: bool = False, safe: bool = False) -> Raw:
    """The same value, laid out anew; numbers, strings and the order of members keep their text.

    pretty  indented by two spaces; else without white space that means nothing
    safe    control characters (DEL, U+0080 to U+009F) as \\u escapes, for terminals

    >>> format_json('{"price": 10.50, "tags": []}')
    Raw(b'{"price":10.50,"tags":[]}')
    """
    data = c_json(text)
    flags = (_native.JSON_PRETTY if pretty else 0) | (_native.JSON_SAFE if safe else 0)
    return Raw(written(lib.chrondb_json_format, data, len(data), flags))


def merge_patch(target: Union[str, bytes], patch: Union[str, bytes]) -> Raw:
    """A document after a merge patch (RFC 7396); what the patch does not touch keeps its text.

    >>> merge_patch('{"price": 10.50, "old": 1}', '{"old": null, "new": 2}')
    Raw(b'{"price": 10.50, "new": 2}')
    """
    data, change = c_json(target), c_json(patch)
    return Raw(written(lib.chrondb_json_merge_patch, data, len(data), change, len(change)))
