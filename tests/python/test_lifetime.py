# SPDX-License-Identifier: MIT
"""Objects that outlive their database, threads, forks, the end of the interpreter: errors, never a crash."""
import contextlib
import copy
import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import unittest
import weakref

from support import Case, main

import chrondb


def in_child(path, db):
    """What a child can do: nothing with what it inherited, all with what it opens. Returns what went wrong."""
    db, snapshot, walk, tx = db
    for function in (lambda: db["a"], lambda: db.put("a", 1), lambda: len(snapshot), lambda: next(walk),
                     lambda: tx.put("a", 1), tx.commit, db.snapshot, lambda: list(db.search("x")), lambda: db.path):
        try:
            function()
            return "no error"
        except chrondb.ClosedError as error:
            if error.name != "forked" or "open it anew" not in str(error):
                return repr(error)
    db.close()
    del db, snapshot, walk, tx
    gc.collect()
    with chrondb.ChronDB(path) as own:
        own["child"] = os.getpid()
        return "" if own["a"] == 1 else "wrong"


@contextlib.contextmanager
def in_calls(*locks):
    """Another thread is in calls that take these locks."""
    inside, over = threading.Event(), threading.Event()

    def work():
        with contextlib.ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            inside.set()
            over.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(60)
    yield
    over.set()
    if thread.is_alive():  # not in a child
        thread.join(60)


def in_worker(path, key, queue):
    try:
        with chrondb.ChronDB(path, create=False) as db:
            db[key] = 1
        db.get("a")
    except chrondb.ChronDBError as error:
        queue.put(error)


class Closing(Case):
    def test_everything_is_at_its_end(self):
        db = chrondb.ChronDB(self.path)
        db.update({"a": 1, "b": 2})
        branch, snapshot, tx = db.branch("main"), db.snapshot(), db.transaction()
        running = [db.items(), db.history("a"), db.log(), db.diff("main", "now"), db.search("*:*"), snapshot.keys()]
        result = db.search("*:*", total=True)
        next(running[0])
        with db:
            pass
        db.close()
        self.assertTrue(db.closed)
        for function in [lambda w=w: next(w) for w in running] + [
            lambda: db["a"], lambda: "a" in db, lambda: len(db), lambda: list(db), lambda: db.put("a", 1), db.snapshot,
            db.transaction, db.branches, db.info, db.gc, db.maintain, lambda: db.path, lambda: branch["a"],
            lambda: branch.put("a", 1), lambda: snapshot["a"], lambda: snapshot.commit, lambda: tx.put("a", 1), tx.commit,
            lambda: result.total, lambda: db.import_lines([{}]), db.__enter__,
        ]:
            error = self.fails(chrondb.ClosedError, function)
            self.assertEqual((error.name, str(error)), ("closed", "the database was closed"))
        self.assertEqual(repr(db), "<chrondb.ChronDB closed>")
        repr(branch)

    def test_what_is_dropped_is_freed_in_any_order(self):
        db = chrondb.ChronDB(self.path)
        db.update({"k%d" % i: i for i in range(50)})
        snapshot = db.snapshot()
        walk, hits = snapshot.items(), db.branch("main").search("*:*")
        next(walk)
        gone = weakref.ref(db)
        del db
        self.assertIsNone(gone())  # nothing refers back to it
        self.assertEqual((len(snapshot), len(list(walk)), len(list(hits))), (50, 49, 10))
        del snapshot, walk, hits
        gc.collect()
        self.assertEqual(len(self.open()), 50)

    def test_no_descriptors_are_left(self):
        def used():
            return len(os.listdir("/proc/self/fd"))

        with chrondb.ChronDB(self.path) as db:
            db.update({"k%d" % i: i for i in range(20)})
        before = used()
        for _ in range(100):
            db = chrondb.ChronDB(self.path)
            walk = db.items()
            next(walk)
            db.put("a", 1)
            db.search("x")
            db.close()
        del walk, db
        self.assertEqual(used(), before)

    def test_one_database_opened_several_times(self):
        first = self.open()
        os.symlink(self.path, self.path + "-link")
        second = self.open(os.path.join(self.directory, ".", "db-link", ""))
        first["a"] = 1
        first.close()
        self.assertEqual(second["a"], 1)
        second["b"] = 2
        self.assertEqual(len(self.open()), 2)

    def test_closing_while_threads_are_in_calls(self):
        for _ in range(5):
            db = chrondb.ChronDB(self.path)
            db["a"] = 1
            ends = []

            def work(db=db, ends=ends):
                try:
                    while True:
                        db.put("t", threading.get_ident())
                        list(db.items())
                        db.get("a")
                        db.search("x")
                except chrondb.ClosedError:
                    ends.append("closed")

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                db.get("a")
            db.close()
            for thread in threads:
                thread.join(60)
            self.assertEqual(ends, ["closed"] * 4)

    def test_one_iterator_in_many_threads(self):
        db = self.open()
        db.update({"k%04d" % i: i for i in range(2000)})
        for shared in (db.items(), db.snapshot().search("*:*", limit=None, values=False)):
            found, errors = [], []

            def work(shared=shared, found=found, errors=errors):
                while True:
                    try:
                        found.append(next(shared).key)
                    except StopIteration:
                        return
                    except ValueError as error:  # "generator already executing"
                        errors.append(error)

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(sorted(found), ["k%04d" % i for i in range(2000)])

    def test_one_snapshot_in_many_threads(self):
        db = self.open()
        db.update({"k%03d" % i: i for i in range(200)})
        snapshot, wrong = db.snapshot(), []

        def work():
            for _ in range(3):
                if [snapshot.get(key) for key in snapshot] != list(range(200)) or len(snapshot) != 200:
                    wrong.append(1)
                if next(snapshot.history("k007")).value != 7:
                    wrong.append(2)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        db.update({"k%03d" % i: -i for i in range(200)})
        for thread in threads:
            thread.join(60)
        self.assertEqual(wrong, [])

    def test_pickling_is_refused(self):
        db = self.open()
        for thing in (db, db.branch("main"), db.snapshot(), db.transaction(), db.search("x"), db.items()):
            self.assertRaises(TypeError, pickle.dumps, thing)
            self.assertRaises(TypeError, copy.copy, thing)
        self.assertRaisesRegex(TypeError, "open the database anew", pickle.dumps, db)
        self.assertIs(pickle.loads(pickle.dumps(chrondb.ABSENT)), chrondb.ABSENT)
        self.assertEqual(pickle.loads(pickle.dumps(db.put("a", 1))).status, "created")


class Forking(Case):
    def test_a_child_opens_anew(self):
        db = self.open()
        db.update({"a": 1, "b": 2})
        snapshot, tx = db.snapshot(), db.transaction()
        walk = snapshot.items()
        next(walk)
        inherited = (db, snapshot, walk, tx)
        for _ in range(3):
            with in_calls(snapshot._resource.lock, tx._lock):
                child = os.fork()
            if child == 0:
                signal.alarm(60)
                status = 1
                try:
                    trouble = in_child(self.path, inherited)
                    sys.stderr.write(trouble)
                    status = 1 if trouble else 0
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual(db["child"], child)
        self.assertEqual(next(walk), ("b", 2))

    def test_forks_while_threads_write(self):
        db = self.open()
        db["a"] = 1
        stop = threading.Event()

        def work(key):
            n = 0
            while not stop.is_set():
                n += 1
                db[key] = n
                db.get(key)

        threads = [threading.Thread(target=work, args=("t:%d" % n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            for n in range(10):
                child = os.fork()
                if child == 0:
                    signal.alarm(60)
                    status = 1
                    try:
                        with chrondb.ChronDB(self.path) as own:
                            own["c:%d" % n] = n
                            status = 0 if own["c:%d" % n] == n else 1
                    finally:
                        os._exit(status)
                self.assertEqual(os.waitpid(child, 0)[1], 0)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        self.assertEqual(db.count("c:"), 10)
        self.assertEqual(len({c.commit for c in db.log()}), len(list(db.log())))

    def test_multiprocessing(self):
        self.open()["a"] = 1
        for method in ("fork", "spawn"):
            context = multiprocessing.get_context(method)
            queue = context.SimpleQueue()
            worker = context.Process(target=in_worker, args=(self.path, method, queue))
            worker.start()
            error = queue.get()
            worker.join(60)
            self.assertEqual((type(error), error.name, worker.exitcode), (chrondb.ClosedError, "closed", 0))
            self.assertEqual(self.open()[method], 1)


class Ending(Case):
    """The end of an interpreter with everything open. support.script() wants a silent end with status 0."""

    begin = "import sys, chrondb\ndb = chrondb.ChronDB(sys.argv[1])\ndb.update({'k%d' % i: i for i in range(100)})\n"

    def test_with_all_open(self):
        self.script(
            self.begin + "walk = db.items(); next(walk)\nhits = db.search('*:*')\nsnapshot = db.snapshot()\n"
            "tx = db.transaction()\ntx['a'] = 1\nhistory = db.history('k1')\ncycle = [walk, db]; cycle.append(cycle)"
        )
        self.assertEqual(len(self.open()), 100)

    def test_with_daemon_threads_in_calls(self):
        self.script(
            self.begin + "import threading, time\n"
            "def work():\n    while True:\n        db['t'] = time.time(); list(db.items())\n"
            "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
            "time.sleep(0.2)"
        )
        self.assertGreaterEqual(len(self.open()), 100)

    def test_in_atexit_and_finalizers(self):
        out = self.script(
            self.begin + "import atexit\natexit.register(lambda: print(db['k1'], len(db)))\n"
            "class Last:\n    def __del__(self):\n        db.close()\nlast = Last()\nlast.me = last"
        )
        self.assertEqual(out, "1 100\n")

    def test_by_an_exception_and_by_exit(self):
        self.script(self.begin + "walk = db.items(); next(walk)\nsys.exit(3)", status=3)
        self.script(self.begin + "walk = db.items(); next(walk)\nimport os; os._exit(4)", status=4)

    def test_writing_in_a_finalizer(self):
        self.script(self.begin + "import atexit\natexit.register(lambda: db.put('late', 1))")
        self.assertEqual(self.open()["late"], 1)

    def test_ctrl_c(self):
        out = self.script(
            self.begin + "import os, signal, threading\n"
            "db.import_lines({'key': 'x:%d' % i, 'value': {'t': 'word%d' % i}} for i in range(2000))\n"
            "def interrupt(phase, done, total):\n    os.kill(os.getpid(), signal.SIGINT)\n"
            "try:\n    db.reindex(interrupt)\nexcept KeyboardInterrupt:\n    print('interrupted', len(db))"
        )
        self.assertEqual(out, "interrupted 2100\n")

    def test_ctrl_c_while_the_library_works(self):
        out = self.script(
            self.begin + "import os, signal, threading\n"
            "db.import_lines({'key': 'x:%d' % i, 'value': {'t': 'word%d' % i}} for i in range(2000))\n"
            "threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            "try:\n    for _ in range(2000): db.reindex()\nexcept KeyboardInterrupt:\n    print('interrupted', len(db))\n"
            "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
        )
        self.assertEqual(out, "interrupted 2100\nTrue\n")

    @unittest.skipUnless(hasattr(signal, "setitimer"), "there are no timers")
    def test_signal_handlers_that_use_the_database(self):
        out = self.script(
            self.begin + "import signal\nseen = []\n"
            "def handler(*_):\n    seen.append(db.get('k7')); db.get('none', default=0); len(db)\n"
            "signal.signal(signal.SIGALRM, handler)\nsignal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
            "while len(seen) < 50:\n"
            "    assert [v for v in db.values()] and db.get('missing', default=1) == 1\n"
            "    try:\n        db.put('', 1)\n        print('?')\n    except chrondb.UsageError:\n        pass\n"
            "signal.setitimer(signal.ITIMER_REAL, 0)\nprint(set(seen))"
        )
        self.assertEqual(out, "{7}\n")


if __name__ == "__main__":
    main()
