# SPDX-License-Identifier: MIT
"""Sixteen threads with several handles on one database, and two processes beside them; and kill -9.

600 operations and 8 kills; CHRONDB_TEST_LONG=1: 10,000 and 100.
"""
import os
import random
import signal
import subprocess
import sys
import threading

from support import Case, main

import chrondb

OPERATIONS, KILLS = (10000, 100) if os.environ.get("CHRONDB_TEST_LONG") else (600, 8)
THREADS, PROCESSES = 16, 2

WORK = """
import random, sys
import chrondb

def work(db, name, count):
    rng, mine, branch = random.Random(name), {}, db.branch("main")
    for n in range(count):
        key, what = "%s:%d" % (name, rng.randrange(8)), rng.randrange(10)
        if what < 4:
            mine[key] = {"n": n, "by": name}
            db.put(key, mine[key])
        elif what == 4 and key in mine:
            branch.patch(key, {"n": -n})
            mine[key] = dict(mine[key] if isinstance(mine[key], dict) else {}, n=-n)
        elif what == 5:
            branch.delete(key, missing_ok=True)
            mine.pop(key, None)
        elif what == 6:
            with db.transaction() as tx:
                tx.put(key, n)
                tx.put("shared:%d" % rng.randrange(3), name)
            mine[key] = n
        elif what == 7:
            assert dict(db.items(name + ":")) == mine, (name, n)
        elif what == 8:
            assert db.snapshot().get(key, default=None) == mine.get(key), (name, n)
        else:
            assert db.get(key, default=None) == mine.get(key), (name, n)
    assert dict(db.items(name + ":")) == mine

if __name__ == "__main__":
    with chrondb.ChronDB(sys.argv[1]) as db:
        work(db, sys.argv[2], int(sys.argv[3]))
"""

SAVE = """
import sys
import chrondb
with chrondb.ChronDB(sys.argv[1]) as db:
    state = db.get("state", default={"n": 0, "sum": 0})
    while True:
        print(state["n"], state["sum"], flush=True)
        n = state["n"] + 1
        state = {"n": n, "sum": state["sum"] + n, "pad": "x" * (n % 50 * 100)}
        db.put("state", state)
"""


class Crowd(Case):
    def test_sixteen_threads_and_two_processes(self):
        count = max(10, OPERATIONS // (THREADS + PROCESSES))
        os.mkdir(self.path)
        os.symlink(self.path, self.path + "-link")
        spellings = (self.path, self.path + "/", self.path + "-link", os.path.relpath(self.path), self.path + "/../db")
        handles = [self.open(spelling) for spelling in spellings]
        others = [
            subprocess.Popen([sys.executable, "-c", WORK, self.path, "process%d" % n, str(count)]) for n in range(PROCESSES)
        ]
        space, errors = {"__name__": "work"}, []
        exec(WORK, space)

        def run(n):
            try:
                space["work"](handles[n % len(handles)], "thread%d" % n, count)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([process.wait() for process in others], [0] * PROCESSES)
        self.assertEqual(errors, [])
        # One line of history, with a commit for every write, in the order of time.
        commits = list(handles[0].log())
        times = [commit.time.ns for commit in commits]
        self.assertEqual(sorted(times, reverse=True), times)
        self.assertEqual(len(set(times)), len(times))
        self.assertEqual(len(commits), handles[0].info().commits)
        self.assertTrue(all(commit.changes for commit in commits))

    def test_state_survives_kill_9(self):
        rng, last = random.Random(6), (0, 0)
        for _ in range(KILLS):
            saver = subprocess.Popen([sys.executable, "-c", SAVE, self.path], stdout=subprocess.PIPE)
            seen = [tuple(map(int, saver.stdout.readline().split()))]
            # What was acknowledged is there; the one write that was not may be.
            self.assertIn(seen[0], (last, (last[0] + 1, last[1] + last[0] + 1)))
            for _ in range(rng.randrange(4)):
                seen.append(tuple(map(int, saver.stdout.readline().split())))
            if rng.randrange(2):
                threading.Event().wait(rng.random() * 0.003)
            saver.send_signal(signal.SIGKILL)
            rest = saver.stdout.read().decode().splitlines(True)
            seen += [tuple(map(int, line.split())) for line in rest if line.endswith("\n")]
            saver.stdout.close()
            self.assertEqual(saver.wait(), -signal.SIGKILL)
            last = seen[-1]
        with chrondb.ChronDB(self.path) as db:
            self.assertIn(db.get("state", default={"n": 0})["n"], (last[0], last[0] + 1))
            values = [version.value["n"] for version in db.history("state")]
            self.assertEqual(values, list(range(len(values), 0, -1)))


if __name__ == "__main__":
    main()
