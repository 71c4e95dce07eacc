# SPDX-License-Identifier: MIT
"""The C library: where it is found, and what it declares (_declared.py). A call through CDLL releases the interpreter's
lock while it runs."""
import ctypes
import os
from ctypes import c_char_p

from ._declared import *  # noqa: F401,F403
from ._declared import PROTOTYPES

NO_LIMIT = 2**64 - 1

SONAME = "libchrondb.so.0"
# The versions of the library whose structs are those of _declared.py.
COMPATIBLE = "0.1."


def candidates(environ):
    """Where to look, in order: the wheel's own, what the environment says, the system's."""
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), SONAME)
    if os.path.exists(own):
        yield own
    if environ.get("CHRONDB_LIB_PATH"):
        yield environ["CHRONDB_LIB_PATH"]
    if environ.get("CHRONDB_LIB_DIR"):
        for name in (SONAME, "libchrondb.so"):
            yield os.path.join(environ["CHRONDB_LIB_DIR"], name)
    yield SONAME


def problem_of(library):
    """Why a library is not the one that is wanted, or None. ChronDB's own has the same name and another interface."""
    if not hasattr(library, "chrondb_snapshot_open"):
        return "a library of that name, but not chrondb's own interface (chrondb.h)"
    library.chrondb_version.restype = c_char_p
    version = library.chrondb_version().decode()
    if not version.startswith(COMPATIBLE):
        return "version %s, but this package needs %sx" % (version, COMPATIBLE)
    lacking = [name for name in PROTOTYPES if not hasattr(library, name)]
    return "too old: it lacks %s" % ", ".join(lacking) if lacking else None


def load(environ=os.environ):
    """The library, with the types of its functions. ImportError tells everything that was tried."""
    tried = []
    for path in candidates(environ):
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            tried.append(str(error) if path in str(error) else "%s: %s" % (path, error))
            continue
        problem = problem_of(library)
        if problem is None:
            for name, (result, arguments) in PROTOTYPES.items():
                function = getattr(library, name)
                function.restype = result
                function.argtypes = arguments
            return library
        tried.append("%s: %s" % (path, problem))
    raise ImportError(
        "chrondb: the library %s was not found; set CHRONDB_LIB_PATH to its file. Tried: %s" % (SONAME, "; ".join(tried))
    )


lib = load()
