# SPDX-License-Identifier: MIT
"""Readers in loops, get, list, count, history and at, during an import, single puts, batches with their consolidation, gc
and reindex: no error, and never an answer that was not true at some moment since the reader began.

Every commit writes the same number to all keys of the table `same`, one more than the commit before.

CHRONDB_TEST_LONG=1, or CHRONDB_TEST_READER_ROUNDS: 3,000 or so many commits by each way of writing, instead of 300."""
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, SEED, expect, git

KEYS = ["same:%d" % i for i in range(6)]
ROUNDS = crash.often("READER_ROUNDS", 300, 3000)  # commits of the import; as many batches follow
WINDOW = {"CHRONDB_TEST_WINDOW_MS": "20"}  # what is imported becomes visible so often


class Clock:
    """What is acknowledged, and what may be visible already."""

    def __init__(self):
        self.least, self.most = 0, 0


def lines(first, count):
    """NDJSON that a commit every len(KEYS) lines makes into `count` commits, with as many documents of other keys."""
    for number in range(first, first + count):
        for key in KEYS:
            yield json.dumps({"key": key, "value": {"n": number, "text": "x" * (number * 7 % 400)}}) + "\n"


def number_of(value):
    return value["n"]


def look(db, rng, clock, seen):
    """One look at the database; what it says is between what is acknowledged before and what may be there after."""
    least, key = max(clock.least, seen["n"]), rng.choice(KEYS)
    kind = rng.choice(("get", "list", "count", "history", "at"))
    if kind == "get":
        found = [number_of(json.loads(db.ok("get", key).out))]
    elif kind == "list":
        records = [json.loads(line) for line in db.ok("list", "same:").out.splitlines()]
        expect([record["key"] for record in records] == KEYS, "list: %s" % records)
        found = sorted({number_of(record["value"]) for record in records})
        expect(len(found) == 1, "list shows half a commit: %s" % records)
    elif kind == "count":
        expect(int(db.ok("count", "same:", "--format", "raw").out) == len(KEYS), "count")
        return kind
    elif kind == "history":
        records = [json.loads(line) for line in db.ok("history", key, "--limit", "5").out.splitlines()]
        found = [number_of(records[0]["value"])]
        expect([number_of(record["value"]) for record in records] ==
               list(range(found[0], max(-1, found[0] - 5), -1)), "history has gaps: %s" % records)
        seen["commit"], seen["at"] = records[-1]["commit"], number_of(records[-1]["value"])
    elif seen["commit"]:
        expect(number_of(json.loads(db.ok("at", "commit:" + seen["commit"], key).out)) == seen["at"], "the past changed")
        return kind
    else:
        return kind
    expect(least <= found[0] <= clock.most, "%s shows %d; %d is acknowledged, %d may be there" %
           (kind, found[0], least, clock.most))
    seen["n"] = found[0]
    return kind


class Reader(threading.Thread):
    def __init__(self, db, clock, number):
        super().__init__()
        self.db, self.clock, self.rng = db, clock, random.Random(SEED + number)
        self.go_on, self.problem, self.looks = True, None, {}

    def run(self):
        seen = {"n": 0, "commit": None, "at": None}
        try:
            while self.go_on:
                kind = look(self.db, self.rng, self.clock, seen)
                self.looks[kind] = self.looks.get(kind, 0) + 1
        except Exception as problem:
            self.problem = "%s: %s" % (type(problem).__name__, problem)


def write(db, clock):
    """Everything that writes, one after the other. What it does."""
    clock.most = ROUNDS
    db.ok("import", "--commit-every", str(len(KEYS)), stdin="".join(lines(1, ROUNDS)).encode(), env={**db.env, **WINDOW})
    clock.least = ROUNDS
    yield "import"
    db.ok("gc")
    yield "gc"
    for number in range(ROUNDS + 1, ROUNDS * 2 + 1):
        clock.most = number
        operations = "".join(json.dumps({"op": "put", "key": key, "value": {"n": number, "text": os.urandom(3000).hex()}}) + "\n"
                             for key in KEYS)
        db.ok("batch", stdin=operations.encode())
        clock.least = number
    yield "batches and their consolidation"
    db.ok("reindex")
    db.ok("gc")
    yield "reindex and gc"


def test(scratch, _):
    db = Db(scratch.new())
    clock = Clock()
    db.ok("import", stdin="".join(lines(0, 1)).encode())
    readers = [Reader(db, clock, number) for number in range(3)]
    start = time.monotonic()
    for reader in readers:
        reader.start()
    try:
        for what in write(db, clock):
            problems = [reader.problem for reader in readers if reader.problem]
            expect(not problems, "readers beside %s:\n%s" % (what, "\n".join(problems)))
    finally:
        for reader in readers:
            reader.go_on = False
        for reader in readers:
            reader.join()
    problems = [reader.problem for reader in readers if reader.problem]
    expect(not problems, "\n".join(problems))
    looks = {kind: sum(reader.looks.get(kind, 0) for reader in readers) for kind in ("get", "list", "count", "history", "at")}
    expect(all(looks.values()), "readers hardly looked: %s" % looks)
    expect(int(json.loads(db.ok("info").out)["packs"]) >= 1, "nothing was consolidated")
    git(db.path, "fsck", "--strict", "--full")
    return "%s in %.1f s beside writers" % (", ".join("%d %s" % (n, kind) for kind, n in looks.items()),
                                            time.monotonic() - start)


crash.main(test)
