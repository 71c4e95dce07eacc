# SPDX-License-Identifier: MIT
"""Writes: transactions, preconditions, how commits are recorded, imports."""
import pickle
import threading

from support import Case, main

import chrondb
from chrondb import Raw


class Preconditions(Case):
    def test_if_absent_exists_match(self):
        db = self.open()
        first = db.put("a", 1, if_absent=True)
        error = self.fails(chrondb.ConflictError, db.put, "a", 2, if_absent=True)
        self.assertEqual((error.name, error.code, error.key, error.current), ("conflict", -3, "a", first.commit))
        second = db.put("a", 2, if_match=first.commit)
        for function in (lambda m: db.put("a", 3, if_match=m), lambda m: db.patch("a", {}, if_match=m),
                         lambda m: db.delete("a", if_match=m)):
            self.assertEqual(self.fails(chrondb.ConflictError, function, first.commit).current, second.commit)
        self.assertIsNone(self.fails(chrondb.ConflictError, db.put, "b", 1, if_exists=True).current)
        self.assertEqual(db.put("a", 3, if_exists=True).status, "updated")
        self.assertEqual(db.delete("a", if_match=db.put("a", 4).commit[:8]).status, "deleted")
        self.assertEqual(len(db), 0)

    def test_compare_and_set_by_threads_loses_nothing(self):
        db = self.open()
        db["n"] = 0

        def add():
            for _ in range(5):
                while True:
                    version = next(db.history("n", limit=1))
                    try:
                        db.put("n", version.value + 1, if_match=version.commit)
                        break
                    except chrondb.ConflictError:
                        pass

        threads = [threading.Thread(target=add) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(db["n"], 20)


class Transactions(Case):
    def test_all_as_one_commit(self):
        db = self.open()
        db.update({"old": 1, "user:1": {"n": 1}})
        with db.transaction(message="all") as tx:
            tx["a"] = 1
            tx.put("b", Raw("2.0"), if_absent=True)
            tx.patch("user:1", {"m": 2})
            tx.patch("user:1", {"k": 3})
            del tx["old"]
            tx.delete("none", missing_ok=True)
            tx.check("user:1", if_exists=True)
            tx.restore("old", "now")
            self.assertEqual((len(tx), len(db), tx.results, tx.commit_id), (8, 2, [], None))
        self.assertEqual(dict(db.items()), {"a": 1, "b": 2.0, "old": 1, "user:1": {"n": 1, "m": 2, "k": 3}})
        self.assertEqual(
            [r.status for r in tx.results],
            ["created", "created", "updated", "updated", "deleted", "unchanged", "checked", "created"],
        )
        commit = next(db.log())
        self.assertEqual((commit.commit, commit.message, commit.time.ns), (tx.commit_id, "all", tx.time.ns))
        self.assertEqual([c.key for c in commit.changes], ["a", "b", "user:1"])

    def test_operations_as_json(self):
        db = self.open()
        with db.transaction() as tx:
            tx.add_json({"op": "put", "key": "a", "value": {"n": 1}, "if_absent": True})
            tx.add_json('{"op":"patch","key":"a","value":{"m":2}}')
            self.fails(chrondb.InvalidDocumentError, tx.add_json, {"op": "put", "key": "b"})
        self.assertEqual((dict(db), len(tx.results)), ({"a": {"n": 1, "m": 2}}, 2))

    def test_an_exception_drops_it(self):
        db = self.open()
        with self.assertRaises(ZeroDivisionError):
            with db.transaction() as tx:
                tx["a"] = 1
                1 / 0
        self.assertEqual((len(db), tx.results, tx.commit_id), (0, [], None))
        self.assertEqual(str(self.fails(chrondb.UsageError, tx.put, "a", 1)), "the transaction has ended")
        tx.rollback()

    def test_one_that_fails_writes_nothing(self):
        db = self.open()
        db["a"] = 1
        for kind, operation in (
            (chrondb.ConflictError, lambda tx: tx.check("a", if_absent=True)),
            (chrondb.DocumentNotFoundError, lambda tx: tx.delete("none")),
            (chrondb.DocumentNotFoundError, lambda tx: tx.patch("none", {})),
        ):
            tx = db.transaction()
            tx["b"] = 2
            operation(tx)
            self.fails(kind, tx.commit)
            self.fails(chrondb.UsageError, tx.commit)
        self.assertEqual(list(db), ["a"])

    def test_by_hand(self):
        db = self.open()
        tx = db.transaction()
        self.assertIsNone(tx.commit())
        self.assertEqual(tx.results, [])
        with db.transaction() as tx:
            tx["a"] = 1
            self.assertEqual(len(tx.commit()), 40)
        with db.transaction() as tx:
            tx["a"] = 1
        self.assertEqual((tx.commit_id, tx.results[0].status), (None, "unchanged"))
        with db.transaction() as tx:
            tx["b"] = 1
            tx.rollback()
        with db.transaction() as tx:
            self.fails(chrondb.UsageError, tx.put, "", 1)
            self.fails(chrondb.InvalidDocumentError, tx.put, "c", Raw("x"))
            self.fails(chrondb.DocumentNotFoundError, tx.restore, "zz", "now")
            tx["c"] = 1
        self.assertEqual(list(db), ["a", "c"])
        self.assertRaises(TypeError, pickle.dumps, tx)

    def test_threads_may_share_one(self):
        db = self.open()
        with db.transaction() as tx:
            threads = [
                threading.Thread(target=lambda n=n: [tx.put("k:%d-%d" % (n, i), i) for i in range(200)]) for n in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual((len(db), len(tx.results), len(list(db.log()))), (800, 800, 1))

    def test_results_after_the_database_was_closed(self):
        with chrondb.ChronDB(self.path) as db:
            with db.transaction() as tx:
                tx["a"] = 1
            late = db.transaction()
            late["b"] = 2
        self.assertEqual((tx.statuses, tx.results[0].status, tx.statuses), (["created"], "created", ["created"]))
        self.assertEqual(self.fails(chrondb.ClosedError, late.commit).name, "closed")


class Recording(Case):
    def test_options(self):
        db = self.open()
        db.put("a", 1, message="hello\nworld", author="A <a@b>", meta={"k": "v", "l": ""}, time="2026-01-01", lock_timeout=1)
        version = next(db.history("a"))
        self.assertEqual((version.message, version.author, version.meta), ("hello\nworld", "A <a@b>", {"k": "v", "l": ""}))
        self.assertEqual(str(version.time), "2026-01-01T00:00:00.000000000Z")
        self.fails(chrondb.UsageError, db.put, "a", 2, time="2025-01-01")
        self.assertEqual(db.put("a", 2, time="2025-01-01", force_time=True).status, "updated")
        for name, value in (("author", "nobody"), ("meta", {"": "x"}), ("meta", {"a=b": "x"})):
            error = self.fails(chrondb.UsageError, db.put, "a", 3, **{name: value})
            self.assertEqual(error.name, "invalid_" + name)
        for options in ({"mesage": "x"}, {"message": 5}, {"meta": {"a": 5}}, {"time": 5}):
            self.assertRaises(TypeError, db.put, "a", 3, **options)
        self.assertEqual(self.fails(chrondb.UsageError, db.put, "a", 3, "nobranch").name, "no_branch")


    def test_a_branch_that_begins_with_a_write(self):
        db = self.open()
        db["a"] = 1
        self.assertEqual(db.put("b", 2, "new", create_branch=True).status, "created")
        self.assertEqual((list(db.branch("new")), list(db)), (["b"], ["a"]))
        with db.transaction("other", create_branch=True) as tx:
            tx["c"] = 3
        self.assertEqual(list(db.branch("other")), ["c"])
        self.assertRaises(TypeError, db.import_lines, [], create_branch=True)


class Imports(Case):
    def test_lines(self):
        db = self.open()
        lines = [{"key": "i:%d" % i, "value": i, "time": "2026-01-%02d" % (i + 1)} for i in range(9)]
        report = db.import_lines(lines, mode="each")
        self.assertEqual((report.lines, report.commits, report.puts, len(db)), (9, 9, 9, 9))
        self.assertEqual(list(db.at("2026-01-03")), ["i:0", "i:1", "i:2"])
        report = db.import_lines(iter(['{"key":"a","value":1}', b'{"key":"b","op":"delete"}\n', {"key": "c", "value": 1}]))
        self.assertEqual((report.commits, report.puts, report.head), (1, 2, next(db.log()).commit))
        self.assertEqual(db.import_lines([], mode="one").commits, 0)
        self.assertEqual(db.import_lines(lines[:3], mode="every", every=2, force_time=True, message="again").commits, 0)

    def test_bad_lines(self):
        db = self.open()
        for line in ("{", {"key": "a"}, {"key": "a", "value": 1, "x": 2}):
            self.fails(chrondb.InvalidDocumentError, db.import_lines, [{"key": "ok", "value": 1}, line])
        self.fails(chrondb.UsageError, db.import_lines, [{"key": "", "value": 1}])
        self.fails(chrondb.UsageError, db.import_lines, [], mode="some")
        self.assertRaises(TypeError, db.import_lines, [], time="2026-01-01")

        def broken():
            yield {"key": "ok", "value": 1}
            raise OSError("the source failed")

        self.assertRaises(OSError, db.import_lines, broken())
        self.assertRaises(OSError, db.import_lines, broken(), keep=True)
        self.assertEqual(len(db), 0)
        self.assertRaises(OSError, db.import_lines, broken(), mode="each", keep=True)
        self.assertEqual(list(db), ["ok"])


if __name__ == "__main__":
    main()
