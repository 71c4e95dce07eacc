# SPDX-License-Identifier: MIT
"""Changes as they happen."""
import select
import time
from ctypes import byref
from typing import Any, Iterator, Optional

from . import _native
from ._errors import ClosedError, last_error
from ._handles import Handle, Resource
from ._native import lib
from ._reading import When, bytes_at, decode
from ._records import Event
from ._values import Loads, c_optional, c_when, from_ns, load_document


class Watch(Iterator[Event]):
    """The changes of a branch as they happen, made by any thread, process or push. ChronDB.watch() makes it.

    Iterating waits for the next change; it ends when `timeout` seconds have gone by without one. None is lost, however
    much happens between two steps. For event loops there are poll(), which does not wait, and fileno().

    >>> with ChronDB(directory) as db:
    ...     with db.watch("user:", timeout=10) as changes:
    ...         _ = db.put("user:1", {"name": "Alice"})
    ...         event = next(changes)
    ...     event.op, event.key, event.value
    ('create', 'user:1', {'name': 'Alice'})
    """

    # How long a wait goes on before it looks whether the database was closed by another thread.
    SLICE = 0.5

    def __init__(
        self,
        handle: Handle,
        branch: Optional[bytes],
        prefix: Optional[str],
        table: Optional[str],
        since: Optional[When],
        timeout: Optional[float],
        loads: Optional[Loads],
    ) -> None:
        options = _native.WatchOptions(
            branch=branch,
            prefix=c_optional(prefix, "a prefix", "invalid_key"),
            table=c_optional(table, "a table", "invalid_key"),
            since=c_when(since),
        )
        self._timeout = timeout
        self._loads = loads
        watch = Resource(handle, lib.chrondb_watch_free)
        self._watch: Optional[Resource] = watch.open(lib.chrondb_watch_open, handle.pointer, byref(options))

    def _open(self) -> Resource:
        watch = self._watch
        if watch is None:
            raise ClosedError("the watch was closed", name="closed")
        watch.handle.check()
        return watch

    def poll(self) -> Optional[Event]:
        """The next change, or None: there is none yet."""
        watch, event = self._open(), _native.Event()
        with watch.lock:
            result = lib.chrondb_watch_next(watch.pointer, byref(event))
            if result < 0:
                raise last_error(result)
            if result == _native.END:
                return None
            key, value = event.key.decode(), bytes_at(event.value, event.value_size)
            found = Event(
                key,
                _native.OP[event.op],
                decode(event.branch),
                decode(event.commit),
                from_ns(event.time.seconds, event.time.nanoseconds),
                None,
            )
        return found if value is None else found._replace(value=load_document(value, self._loads, key))

    def fileno(self) -> int:
        """A descriptor for select(), poll() or an event loop: readable when, after None, poll() may have something."""
        watch = self._open()
        with watch.lock:
            return lib.chrondb_watch_fd(watch.pointer)

    def __next__(self) -> Event:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            event = self.poll()
            if event is not None:
                return event
            left = self.SLICE if end is None else end - time.monotonic()
            if left <= 0:
                raise StopIteration
            waiting = select.poll()
            waiting.register(self.fileno(), select.POLLIN)
            waiting.poll(min(left, self.SLICE) * 1000 + 1)

    def __iter__(self) -> "Watch":
        return self

    def close(self) -> None:
        """End it. It is no error to close it twice."""
        self._watch = None

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_about: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a watch cannot be pickled: pickle the commit of its last event, to watch since it")
