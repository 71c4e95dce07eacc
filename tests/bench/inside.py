# SPDX-License-Identifier: MIT
"""inside.py DIRECTORY DOCUMENTS ROUNDS: what python.sh measures, in turn (A B A B), as a table of medians."""
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time

import chrondb

directory, documents, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
GETS, PUTS = 2000, 100
TEXT = (
    "made for a walk through the old town, where the streets are narrow and the evenings long; nobody remembers who drew "
    "the map, and nobody needs it any more"
)


def document(n):
    return {"name": "Name %d" % n, "age": n % 90, "city": "Lisbon", "balance": n + 0.5, "bio": "%s %d" % (TEXT, n)}


def key(n):
    return "user:%d" % (n * 7919 % documents)


path = os.path.join(directory, "db")
db = chrondb.ChronDB(path)
db.import_lines(({"key": "user:%d" % n, "value": document(n)} for n in range(documents)), mode="one")
db.maintain()

lite = sqlite3.connect(os.path.join(directory, "lite"), isolation_level=None)
lite.execute("PRAGMA journal_mode = wal")
lite.execute("PRAGMA synchronous = full")
lite.execute("CREATE TABLE docs (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
lite.execute("CREATE TABLE history (id INTEGER PRIMARY KEY, key TEXT, time TEXT, value TEXT)")
lite.execute("CREATE INDEX history_key ON history (key, id)")
lite.execute("BEGIN")
for n in range(documents):
    pair = ("user:%d" % n, json.dumps(document(n)))
    lite.execute("INSERT INTO docs VALUES (?, ?)", pair)
    lite.execute("INSERT INTO history (key, time, value) VALUES (?, datetime('now'), ?)", pair)
lite.execute("COMMIT")


def lite_get(name):
    return json.loads(lite.execute("SELECT value FROM docs WHERE key = ?", (name,)).fetchone()[0])


def lite_put(name, value):
    pair = (name, json.dumps(value))
    lite.execute("BEGIN IMMEDIATE")
    lite.execute("INSERT INTO history (key, time, value) VALUES (?, datetime('now'), ?)", pair)
    lite.execute("INSERT OR REPLACE INTO docs VALUES (?, ?)", pair)
    lite.execute("COMMIT")


def measure(work, count):
    """Elapsed, and of the processor, in microseconds a call."""
    elapsed, used = time.perf_counter(), time.thread_time()
    for n in range(count):
        work(n)
    return (time.perf_counter() - elapsed) / count * 1e6, (time.thread_time() - used) / count * 1e6


def inside(what, count):
    said = subprocess.check_output([os.path.join(directory, "inside"), path, what, str(count), str(documents)])
    return tuple(map(float, said.split()))


def changed(n):
    return {"name": "Name %d" % n, "round": time.time(), "city": "Lisbon"}


rows = {
    "get: chrondb, C": lambda: inside("get", GETS),
    "get: chrondb, Python, raw": lambda: measure(lambda n: db.get_raw(key(n)), GETS),
    "get: chrondb, Python": lambda: measure(lambda n: db.get(key(n)), GETS),
    "get: sqlite3, Python": lambda: measure(lambda n: lite_get(key(n)), GETS),
    "put: chrondb, C": lambda: inside("put", PUTS),
    "put: chrondb, Python": lambda: measure(lambda n: db.put(key(n), changed(n)), PUTS),
    "put: sqlite3, Python": lambda: measure(lambda n: lite_put(key(n), changed(n)), PUTS),
}
times = {name: [] for name in rows}
for _ in range(rounds):
    for name, row in rows.items():
        times[name].append(row())


def middle(name, column):
    return statistics.median(row[column] for row in times[name])


print("chrondb %s, Python %s, sqlite %s" % (chrondb.version(), sys.version.split()[0], sqlite3.sqlite_version))
print("%d documents, %d rounds, one process, warm; microseconds a call" % (documents, rounds))
print("  %-28s %10s %22s %12s" % ("", "median", "least .. most", "processor"))
for name in rows:
    elapsed = sorted(row[0] for row in times[name])
    print("  %-28s %10.1f %10.1f .. %9.1f %12.1f" % (name, middle(name, 0), elapsed[0], elapsed[-1], middle(name, 1)))
missed = 0
for what, value, limit, unit in (
    ("Python adds to a get", middle("get: chrondb, Python", 1) - middle("get: chrondb, C", 1), 10, " us"),
    ("get beside sqlite3", middle("get: chrondb, Python", 0) / middle("get: sqlite3, Python", 0), 5, ""),
    ("put beside sqlite3", middle("put: chrondb, Python", 0) / middle("put: sqlite3, Python", 0), 1, ""),
):
    print("  %-28s %10.2f%s (target <= %d%s)" % (what, value, unit, limit, "" if value <= limit else ": MISSED"))
