# SPDX-License-Identifier: MIT
"""Who owns what of the library, and until when.

A Handle is an open database, a Resource anything else that the library gave: each frees its pointer when the last
reference to it goes. Whoever calls the library with a pointer holds a reference to its owner, so that nothing is freed
under a call of another thread: closing a database only forbids further calls. A resource refers to what it was made
of, which is therefore freed after it. The child of a fork must not touch its parent's: these are forgotten there.
"""
import ctypes
import os
import signal
import threading
import weakref
from typing import Any, Callable, List, Optional

from . import _native
from ._errors import ClosedError, check, last_error
from ._native import lib

OPEN, CLOSED, FORKED = 0, 1, 2
WHY = {
    CLOSED: "the database was closed",
    FORKED: "the database was opened before a fork, in the parent process: open it anew in this one",
}


class Handle:
    """An open database."""

    __slots__ = ("pointer", "state", "__weakref__")

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        self.state = OPEN
        handles.add(self)

    def check(self) -> None:
        """Raise unless it is open, and this process's own."""
        if self.state != OPEN:
            raise ClosedError(WHY[self.state], name="closed" if self.state == CLOSED else "forked")

    def check_process(self) -> None:
        """Raise if it is another process's; what it gave may still be read when it was closed."""
        if self.state == FORKED:
            self.check()

    def close(self) -> None:
        """No more calls; those that are under way hold a reference."""
        if self.state == OPEN:
            self.state = CLOSED

    def __del__(self, close: Callable[[int], None] = lib.chrondb_close, forked: int = FORKED) -> None:
        if self.state != forked:
            close(self.pointer)


class Resource:
    """A snapshot, iterator, batch or search: what `open` stored through its first argument."""

    __slots__ = ("pointer", "free", "handle", "parents", "_lock")

    def __init__(self, handle: Handle, free: Callable[[Any], None], *parents: "Resource") -> None:
        self.pointer = ctypes.c_void_p()
        self.free = free
        self.handle = handle
        self.parents = parents
        # One thread at a time may use a snapshot, and what was made of it.
        self._lock = parents[0]._lock if parents else threading.RLock()

    @property
    def lock(self) -> Any:
        """To be held while it is used. Raises in the child of a fork, where a thread that is not there may hold it."""
        self.handle.check_process()
        return self._lock

    def open(self, function: Callable[..., int], *arguments: Any) -> "Resource":
        """Call `function`; raise if it fails."""
        self.handle.check()
        with self.lock:
            check(function(ctypes.byref(self.pointer), *arguments))
        return self

    def __del__(self, forked: int = FORKED) -> None:
        if self.pointer and self.handle.state != forked:
            self.free(self.pointer)


class Steps:
    """An iterator of the library, in the hands of a generator: `record` is what each step fills."""

    __slots__ = ("resource", "function", "arguments")

    def __init__(self, resource: Resource, function: Callable[..., int], record: Any, *more: Any) -> None:
        self.resource = resource
        self.function = function
        self.arguments = (ctypes.byref(record),) + more

    def next(self) -> bool:
        """Is there another? The caller holds the lock: what it gets is borrowed."""
        resource = self.resource
        resource.handle.check()
        result = self.function(resource.pointer, *self.arguments)
        if result < 0:
            raise last_error(result)
        return result == 0


handles: "weakref.WeakSet[Handle]" = weakref.WeakSet()


def forget() -> None:
    """In the child of a fork."""
    for handle in list(handles):
        handle.state = FORKED


os.register_at_fork(after_in_child=forget)


# ---- buffers -----------------------------------------------------------------------------------------------------

# Those that are not in use; the library reuses their memory. A list's pop and append are atomic.
buffers: List[_native.Buffer] = []
KEEP = 1 << 16


def take_buffer() -> _native.Buffer:
    """A buffer for one call."""
    try:
        return buffers.pop()
    except IndexError:
        return _native.Buffer()


def give_buffer(buffer: _native.Buffer) -> None:
    """It is no longer needed."""
    if buffer.capacity > KEEP or len(buffers) > 64:
        lib.chrondb_buffer_free(ctypes.byref(buffer))
    else:
        buffers.append(buffer)


def buffer_text(function: Callable[..., int], *arguments: Any) -> str:
    """What a function writes to the buffer that is its last argument."""
    buffer = take_buffer()
    try:
        check(function(*arguments, ctypes.byref(buffer)))
        return ctypes.string_at(buffer.data, buffer.size).decode("utf-8", "replace")
    finally:
        give_buffer(buffer)


# ---- callbacks ---------------------------------------------------------------------------------------------------


class Caller:
    """The callback of work that may take long; what the work raises in it goes on at the end of the `with`.

    Ctrl-C ends the work: the library is told to stop. Python sees signals when the callback begins, where the exception
    could not be caught and would be lost; so its own handler gives way to one that remembers, while the work runs. A
    handler of the program's stays.
    """

    def __init__(self, progress: Optional[Callable[[str, int, int], Any]]) -> None:
        failures: List[BaseException] = []
        inside: List[bool] = []  # is `progress` running? It is interrupted at once

        def step(_context: Any, phase: bytes, done: int, total: int) -> int:
            try:
                if progress is not None and not failures:
                    inside.append(True)
                    progress(phase.decode("utf-8", "replace"), done, total)
                    inside.clear()
            except BaseException as error:
                failures.append(error)
                inside.clear()
            return 1 if failures else 0

        def interrupted(number: int, frame: Any) -> None:
            if inside:
                signal.default_int_handler(number, frame)
            failures.append(KeyboardInterrupt())

        self.failures = failures
        self.callback = _native.PROGRESS(step)
        self.interrupted = interrupted
        self.is_handler = False

    def __enter__(self) -> "Caller":
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self.interrupted)
                self.is_handler = True
            except ValueError:
                pass  # signals are for the main thread alone
        return self

    def __exit__(self, *_about: Any) -> None:
        if self.is_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.failures:
            raise self.failures[0] from None
