# SPDX-License-Identifier: MIT
"""What goes in and what comes out: JSON text, moments, names."""
import datetime
import json
from typing import Any, Callable, Optional, Union

from ._errors import DamagedError, InvalidDocumentError, UsageError

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime.datetime.min.replace(tzinfo=UTC)
LAST = datetime.datetime.max.replace(tzinfo=UTC)
WINDOW = (int((FIRST - EPOCH).total_seconds()), (LAST - EPOCH).days * 86400 + 86399)

Loads = Callable[[str], Any]
Dumps = Callable[[Any], Union[str, bytes]]


class Raw(bytes):
    """A document as JSON text, byte for byte: what `raw=True` and get_raw() give, and what put() and patch() store as
    it is.

    >>> Raw('{"price": 10.50}')
    Raw(b'{"price": 10.50}')
    """

    def __new__(cls, text: Union[str, bytes]) -> "Raw":
        return super().__new__(cls, text.encode() if isinstance(text, str) else text)

    def __repr__(self) -> str:
        return "Raw(%s)" % super().__repr__()

    __str__ = __repr__


class Absent:
    """The type of ABSENT."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"


#: There is no value, where None would be JSON's null.
ABSENT = Absent()


class Time(datetime.datetime):
    """A moment in UTC, to the nanosecond: a datetime whose last three digits are in `nanosecond`.

    Two that differ by less than a microsecond are equal as datetimes; `ns` tells them apart. What arithmetic gives has
    no nanoseconds.

    >>> moment = Time.from_ns(1795247040123456789)
    >>> str(moment), moment.nanosecond
    ('2026-11-21T07:44:00.123456789Z', 789)
    >>> moment.isoformat()
    '2026-11-21T07:44:00.123456+00:00'
    """

    _ns: Optional[int] = None

    @classmethod
    def from_ns(cls, ns: int) -> "Time":
        """The moment so many nanoseconds after 1970-01-01T00:00:00Z.

        The years of a datetime are 1 to 9999. Beyond them it is the first or last moment of these; `ns` stays exact.
        """
        seconds, rest = divmod(ns, 10**9)
        if seconds < WINDOW[0]:
            moment = FIRST
        elif seconds > WINDOW[1]:
            moment = LAST
        else:
            moment = EPOCH + datetime.timedelta(seconds=seconds, microseconds=rest // 1000)
        time = cls(
            moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond, UTC
        )
        time._ns = ns
        return time

    @property
    def ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z, as time.time_ns() counts them."""
        if self._ns is not None:
            return self._ns
        return (self - EPOCH) // datetime.timedelta(microseconds=1) * 1000

    @property
    def nanosecond(self) -> int:
        """The nanoseconds behind `microsecond`, 0 to 999."""
        return self.ns % 1000

    def __str__(self) -> str:
        return rfc3339(self) if self.utcoffset() is not None else self.isoformat()

    def __repr__(self) -> str:
        return "Time(%s)" % self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Time.from_ns, (self.ns,)


def rfc3339(moment: datetime.datetime) -> str:
    """In UTC, with nine digits behind the second."""
    if moment.utcoffset() is None:
        raise UsageError(
            "a datetime without a zone could be any moment: give it one, as in "
            "datetime(2026, 11, 21, tzinfo=timezone.utc)",
            name="invalid_time",
        )
    try:
        utc = datetime.datetime.astimezone(moment, UTC)
    except OverflowError:
        raise UsageError("the year of a time is 1 to 9999", name="invalid_time") from None
    # Other classes, such as pandas.Timestamp, have these last digits too.
    nanosecond = getattr(moment, "nanosecond", 0)
    return "%s%03dZ" % (
        datetime.datetime.isoformat(utc.replace(tzinfo=None), timespec="microseconds"),
        nanosecond,
    )


def c_text(value: Any, what: str, name: str = "usage") -> bytes:
    """A str for the library, where a NUL would end it."""
    if not isinstance(value, str):
        raise TypeError("%s is a str, not %s" % (what, type(value).__name__))
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise UsageError("%s is not Unicode text: %s" % (what, ascii(value)), name=name) from None
    if b"\0" in data:
        raise UsageError("%s holds a NUL: %s" % (what, ascii(value)), name=name)
    return data


def c_optional(value: Any, what: str, name: str = "usage") -> Optional[bytes]:
    """The same, or None."""
    return None if value is None else c_text(value, what, name)


def c_key(key: Any) -> bytes:
    """A key for the library."""
    return c_text(key, "a key", "invalid_key")


def c_when(when: Any, what: str = "a time") -> Optional[bytes]:
    """WHEN for the library: text as it is, a datetime as the moment that it is."""
    if isinstance(when, datetime.datetime):
        return b"time:" + rfc3339(when).encode()
    return c_optional(when, what, "invalid_time")


loads = json.loads


def dumps(value: Any) -> str:
    """The document that a Python object is put as, unless ChronDB(dumps=...) says otherwise."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def c_document(value: Any, dump: Dumps, key: Optional[str] = None) -> bytes:
    """A document for the library."""
    if isinstance(value, Raw):
        return value
    try:
        text = dump(value)
        return text.encode() if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise InvalidDocumentError("not a document: %s" % error, name="invalid_json", key=key) from error


def load_document(data: bytes, loads: Optional[Loads], key: Optional[str]) -> Any:
    """A document of the library as a Python object; `loads` None: as its bytes."""
    if loads is None:
        return Raw(data)
    try:
        return loads(data.decode())
    except (ValueError, RecursionError) as error:
        # Plain git can commit anything, and Python reads no integer of thousands of digits.
        raise DamagedError(
            "cannot read %s as a Python object: %s; get_raw() gives its bytes" % (ascii(key), error),
            name="damaged",
            key=key,
        ) from error


def from_ns(seconds: int, nanoseconds: int) -> Time:
    """A chrondb_time."""
    return Time.from_ns(seconds * 10**9 + nanoseconds)
