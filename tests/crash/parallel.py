# SPDX-License-Identifier: MIT
"""64 shells put 50 documents each, at once, into a database that is not there yet, while readers read: all succeed, no
reader fails or waits, nothing is missing, and the history is one line whose times grow."""
import fcntl
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, expect, fail, git

SHELLS = 64
EACH = 50 if not crash.SLOW else 10
READERS = 2
# What a read may take on two processors that 66 processes want; one that waits for a writer would take seconds.
READ_LIMIT = 4 if not crash.SLOW else 20
SHELL = ('i=0; while [ $i -lt %d ]; do "$BIN" --db "$DB" put "k:$N-$i" "{\\"shell\\":$N,\\"i\\":$i}" >>"$LOG" || exit 9; '
         'i=$((i+1)); done' % EACH)


class Reader(threading.Thread):
    """Reads in a loop until told to stop. Before there is a database, exit 6 is the answer."""

    def __init__(self, db, *args):
        super().__init__()
        self.db, self.args = db, args
        self.stop, self.count, self.slowest, self.trouble = False, 0, 0, None

    def run(self):
        created = False
        while not self.stop:
            start = time.monotonic()
            try:
                result = self.db.run(*self.args)
            except crash.Failure as failure:
                self.trouble = str(failure)
                return
            self.slowest = max(self.slowest, time.monotonic() - start)
            if result.code not in ((0, 1) if created else (0, 1, 6)) or (result.code == 0 and result.err):
                self.trouble = str(result)
                return
            created = created or result.code != 6
            self.count += 1


def wait_for_maintenance(db):
    """The last command may have left a process that packs."""
    with open(os.path.join(db.path, "chrondb/maintenance.lock"), "a", encoding="ascii") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)


def times_of(db):
    """Chrondb-Time of each commit, oldest first; in this form they sort as text."""
    text = git(db.path, "log", "--reverse", "--format=%(trailers:key=Chrondb-Time,valueonly,separator=%x2C)", "main")
    times = text.split()
    for moment in times:
        expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", moment), "a commit's time is %r" % moment)
    return times


def test(scratch, _):
    db = Db(scratch.new())
    del db.env["CHRONDB_TEST_FOREGROUND_MAINTENANCE"]
    readers = [Reader(db, "list"), Reader(db, "get", "k:1-1")][:READERS]
    for reader in readers:
        reader.start()
    shells = []
    start = time.monotonic()
    for number in range(SHELLS):
        env = dict(db.env, BIN=crash.BIN, DB=db.path, N=str(number), LOG="%s.%d" % (db.path, number))
        shells.append(subprocess.Popen(["sh", "-c", SHELL], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
    failures = []
    for number, shell in enumerate(shells):
        _, err = shell.communicate(timeout=300)
        if shell.returncode != 0:
            failures.append("shell %d: exit %d, %s" % (number, shell.returncode, err.decode()[:300]))
    seconds = time.monotonic() - start
    for reader in readers:
        reader.stop = True
        reader.join()
    expect(not failures, lambda: "%d of %d shells failed: %s" % (len(failures), SHELLS, "; ".join(failures[:3])))
    for reader in readers:
        expect(reader.trouble is None, lambda r=reader: "a reader failed: %s" % r.trouble)
        expect(reader.count > 0, "a reader never ran")
        expect(reader.slowest < READ_LIMIT, lambda r=reader: "a reader waited for %.1f s" % r.slowest)
    total = SHELLS * EACH
    db.values = {"k:%d-%d" % (n, i): {"shell": n, "i": i} for n in range(SHELLS) for i in range(EACH)}
    db.check_values()
    expect(git(db.path, "rev-list", "--count", "main") == str(total), "the history does not have %d commits" % total)
    expect(git(db.path, "rev-list", "--count", "--min-parents=2", "main") == "0", "the history is not one line")
    times = times_of(db)
    expect(len(times) == total, "%d times" % len(times))
    for before, after in zip(times, times[1:]):
        if before >= after:
            fail("times do not grow: %s, then %s" % (before, after))
    acknowledged(db, set(git(db.path, "rev-list", "main").split()))
    wait_for_maintenance(db)
    crash.fsck(db.path)
    return "%d shells put %d documents in %.1f s beside %d reads, the slowest in %.2f s" % (
        SHELLS, total, seconds, sum(r.count for r in readers), max(r.slowest for r in readers))


def acknowledged(db, commits):
    for number in range(SHELLS):
        with open("%s.%d" % (db.path, number), "rb") as file:
            told = [crash.json.loads(line)["commit"] for line in file]
        expect(len(told) == EACH and commits.issuperset(told), "a commit that was told is missing")


crash.main(test)
