# SPDX-License-Identifier: MIT
#
# client.py LIBRARY DIR free|keep [ROUNDS]: ctypes, as ChronDB's Python binding uses the library. "keep": results are
# declared c_char_p, so that Python copies them and nothing can be given back. "free": they are pointers, and all are.
import ctypes
import json
import resource
import sys
import threading
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p

library, directory, mode = sys.argv[1:4]
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 300
string = c_void_p if mode == "free" else c_char_p

lib = ctypes.CDLL(library)
lib.graal_create_isolate.argtypes = [c_void_p, POINTER(c_void_p), POINTER(c_void_p)]
lib.graal_tear_down_isolate.argtypes = [c_void_p]
lib.chrondb_open.argtypes = [c_void_p, c_char_p, c_char_p]
lib.chrondb_close.argtypes = [c_void_p, c_int]
lib.chrondb_delete.argtypes = [c_void_p, c_int, c_char_p, c_char_p]
lib.chrondb_put.argtypes = [c_void_p, c_int, c_char_p, c_char_p, c_char_p]
for name in "get list_by_prefix list_by_table history query".split():
    getattr(lib, "chrondb_" + name).argtypes = [c_void_p, c_int, c_char_p, c_char_p]
for name in "put get list_by_prefix list_by_table history query last_error".split():
    getattr(lib, "chrondb_" + name).restype = string
lib.chrondb_last_error.argtypes = [c_void_p]
lib.chrondb_free_string.argtypes = [c_void_p, string]
lib.chrondb_free_string.restype = None


class Database:
    def __init__(self, path):
        isolate, self.thread = c_void_p(), c_void_p()
        assert lib.graal_create_isolate(None, byref(isolate), byref(self.thread)) == 0
        self.handle = lib.chrondb_open(self.thread, path.encode(), (path + "-index").encode())
        assert self.handle >= 0, self.text(lib.chrondb_last_error(self.thread))

    def text(self, result):
        if result is None or mode == "keep":
            return result
        copy = ctypes.string_at(result)
        lib.chrondb_free_string(self.thread, result)
        return copy

    def call(self, name, *arguments):
        function = getattr(lib, "chrondb_" + name)
        result = self.text(function(self.thread, self.handle, *[a and a.encode() for a in arguments]))
        if result is None:
            error = self.text(lib.chrondb_last_error(self.thread))
            if error is not None:
                raise RuntimeError(error.decode())
            return None
        return json.loads(result)

    def close(self):
        assert lib.chrondb_close(self.thread, self.handle) == 0
        assert lib.graal_tear_down_isolate(self.thread) == 0


def use(db, number, failures):
    try:
        for i in range(rounds // 10):
            key = "t%d:%d" % (number, i)
            assert db.call("put", key, json.dumps({"n": i, "text": "ä€😀"}), None)["id"] == key
            assert db.call("get", key, None) == {"n": i, "text": "ä€😀", "id": key}
            assert db.call("get", "none:%d" % i, None) is None
            try:
                db.call("put", key, "[", None)
                raise AssertionError("not JSON, and taken")
            except RuntimeError as error:
                assert key in str(error), error
    except BaseException as error:  # told by the main thread
        failures.append(error)


db = Database(directory + "/python-" + mode)
failures = []
workers = [threading.Thread(target=use, args=(db, n, failures)) for n in range(8)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert not failures, failures
assert len(db.call("list_by_table", "t3", None)) == rounds // 10
assert db.call("query", json.dumps({"clauses": [{"type": "term", "field": "n", "value": 1}]}), None)["total"] == 8
assert [entry["document"]["n"] for entry in db.call("history", "t1:1", None)] == [1]
assert lib.chrondb_delete(db.thread, db.handle, b"t1:1", None) == 0
assert lib.chrondb_delete(db.thread, db.handle, b"t1:1", None) == 1

db.call("put", "large", json.dumps({"text": "x" * 200000}), None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for i in range(rounds * 3):
    assert len(db.call("get", "large", None)["text"]) == 200000
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 80 * 1024, "%d KiB more" % grown
db.close()

# What was there is there in the next process, and in another isolate.
db = Database(directory + "/python-" + mode)
assert db.call("get", "t3:0", None)["n"] == 0
db.close()
