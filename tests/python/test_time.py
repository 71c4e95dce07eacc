# SPDX-License-Identifier: MIT
"""Moments, and what was then."""
import copy
import datetime
import pickle

from support import Case, main

import chrondb
from chrondb import Time

UTC = datetime.timezone.utc
DAY = datetime.datetime(2026, 3, 1, tzinfo=UTC)


class Moments(Case):
    def test_to_the_nanosecond(self):
        time = Time.from_ns(1795247040123456789)
        self.assertEqual(str(time), "2026-11-21T07:44:00.123456789Z")
        self.assertEqual(repr(time), "Time(2026-11-21T07:44:00.123456789Z)")
        self.assertEqual(repr(Time(2026, 11, 21)), "Time(2026-11-21T00:00:00)")  # without a zone it is no moment
        self.assertEqual((time.ns, time.nanosecond, time.microsecond), (1795247040123456789, 789, 123456))
        self.assertEqual(time, datetime.datetime(2026, 11, 21, 7, 44, 0, 123456, tzinfo=UTC))
        self.assertEqual(time.utcoffset(), datetime.timedelta(0))
        later = time + datetime.timedelta(days=1)
        self.assertEqual((later.day, str(later)), (22, "2026-11-22T07:44:00.123456000Z"))
        for twin in (copy.copy(time), copy.deepcopy(time), pickle.loads(pickle.dumps(time))):
            self.assertEqual((twin.ns, type(twin)), (time.ns, Time))
        self.assertEqual(Time.from_ns(-1).ns, -1)
        self.assertEqual(str(Time.from_ns(-1)), "1969-12-31T23:59:59.999999999Z")
        for ns in (-(10**20), 10**21):
            self.assertEqual(Time.from_ns(ns).ns, ns)

    def test_at(self):
        db = self.open()
        first = db.put("a", 1, time=DAY)
        db.put("a", 2, time=DAY + datetime.timedelta(seconds=1))
        db.create_tag("two")
        db.delete("a", time="2026-03-02T00:00:00.000000005Z")
        self.assertEqual(first.time, DAY)
        zone = datetime.timezone(datetime.timedelta(hours=-7))
        for when in (DAY, first.time, DAY.astimezone(zone), first.commit, "2026-03-01", "a@{2}", "main~2"):
            self.assertEqual(db.at(when)["a"], 1)
        self.assertEqual(db.at("two")["a"], 2)
        self.assertEqual(db.at("two").time, DAY + datetime.timedelta(seconds=1))
        gone = next(db.history("a"))
        self.assertEqual((gone.op, gone.value, gone.time.nanosecond), ("delete", None, 5))
        self.assertNotIn("a", db.at(gone.time))
        self.assertIn("a", db.at(Time.from_ns(gone.time.ns - 1)))
        self.assertEqual(len(db.at(DAY - datetime.timedelta(microseconds=1))), 0)
        self.assertEqual(len(db.at("1970-01-02")), 0)

    def test_moments_that_are_none(self):
        db = self.open()
        db["a"] = 1
        for when in (datetime.datetime(2026, 3, 1), "next week", "", "a\0b", datetime.datetime.min.replace(
            tzinfo=datetime.timezone(datetime.timedelta(hours=9)))):
            for function in (db.at, db.diff, lambda w: db.restore("a", w), lambda w: db.history("a", since=w)):
                self.assertEqual(self.fails(chrondb.UsageError, function, when).name, "invalid_time", when)
        for when in (None, 5, datetime.date(2026, 3, 1), b"now"):
            self.assertRaises(TypeError, db.at, when)
        future = datetime.datetime(2500, 1, 1, tzinfo=UTC)
        self.assertEqual(self.fails(chrondb.UsageError, db.put, "a", 2, time=future).name, "invalid_time")
        self.assertEqual(self.fails(chrondb.UsageError, db.put, "a", 2, time="2000-01-01").name, "invalid_time")

    def test_a_snapshot_stays(self):
        db = self.open()
        db.update({"user:1": 1, "user:2": 2})
        with db.snapshot() as before:
            db.update({"user:1": 10, "user:3": 3})
            self.assertEqual(dict(before.items()), {"user:1": 1, "user:2": 2})
            self.assertEqual((len(before), before.get("user:3", default=0), before.count("user:")), (2, 0, 2))
            self.assertEqual((before.tables(), [v.value for v in before.history("user:1")]), ({"user": 2}, [1]))
            self.assertEqual(len(list(before.log())), 1)
            self.assertEqual(before.search("user", limit=0).total, 0)
            walk = before.keys()
            next(walk)
        self.assertEqual(list(walk), ["user:2"])
        error = self.fails(chrondb.ClosedError, before.get, "user:1")
        self.assertEqual(str(error), "the snapshot was closed")
        before.close()
        self.assertRaises(TypeError, db.snapshot().get, "user:1", "main")
        for name in ("put", "patch", "delete", "__setitem__", "transaction"):
            self.assertFalse(hasattr(before, name))

    def test_history(self):
        db = self.open()
        db.put("a", {"n": 1, "x": 0}, time="2026-03-01", message="one", author="Bob <b@example.org>", meta={"why": "a=b\n"})
        db.put("a", {"n": 2, "x": 0}, time="2026-03-02")
        db.delete("a", time="2026-03-03")
        versions = list(db.history("a", patch=True))
        self.assertEqual([v.op for v in versions], ["delete", "update", "create"])
        self.assertEqual([v.value for v in versions], [None, {"n": 2, "x": 0}, {"n": 1, "x": 0}])
        self.assertEqual([v.patch for v in versions], [None, {"n": 2}, None])
        self.assertEqual(versions[2].author, "Bob <b@example.org>")
        self.assertEqual((versions[2].message, versions[2].meta), ("one", {"why": "a=b\n"}))
        self.assertEqual((versions[1].author, versions[1].message, versions[1].meta), ("Ada <ada@example.org>", "put a", {}))
        self.assertEqual(str(versions[1].time), "2026-03-02T00:00:00.000000000Z")
        ops = lambda **options: [v.op[0] for v in db.history("a", **options)]  # noqa: E731
        self.assertEqual(ops(reverse=True), ["c", "u", "d"])
        self.assertEqual((ops(limit=1), ops(limit=0)), (["d"], []))
        self.assertEqual(ops(since=DAY + datetime.timedelta(days=1)), ["d", "u"])
        self.assertEqual(ops(until="2026-03-02"), ["u", "c"])
        self.assertTrue(all(v.value is None for v in db.history("a", values=False)))
        self.assertEqual(next(db.history("a", reverse=True, raw=True)).value, b'{"n":1,"x":0}')

    def test_log_and_diff(self):
        db = self.open()
        db.update({"a": 1, "b": {"x": 1, "y": 2}}, time="2026-03-01", message="first")
        with db.transaction(time="2026-03-02") as tx:
            tx.delete("a")
            tx.patch("b", {"x": 3})
            tx.put("c", None)
        second, first = db.log(values=True)
        self.assertEqual((first.message, [c.key for c in first.changes]), ("first", ["a", "b"]))
        self.assertEqual(second.changes, [("a", "delete", None), ("b", "update", {"x": 3, "y": 2}), ("c", "create", None)])
        self.assertEqual([c.commit for c in db.log(reverse=True, limit=1)], [second.commit])
        self.assertEqual(list(db.log(limit=0)), [])
        self.assertTrue(all(c.value is None for c in next(db.log()).changes))
        self.assertEqual(
            list(db.diff(first.time)),
            [("a", "delete", 1, None, None), ("b", "update", {"x": 1, "y": 2}, {"x": 3, "y": 2}, {"x": 3}),
             ("c", "create", None, None, None)],
        )
        self.assertEqual([d.key for d in db.diff(first.commit, second.commit, ["a", "c"])], ["a", "c"])
        self.assertEqual([d.key for d in db.diff(first.commit, prefixes="b")], ["b"])
        self.assertEqual(list(db.diff("now")), [])

    def test_blame(self):
        db = self.open()
        first = db.put("a", {"x": 1, "y": {"z": [1]}}, author="Bob <b@example.org>")
        second = db.patch("a", {"x": 2})
        fields = list(db.blame("a"))
        self.assertEqual(
            [(f.path, f.value, f.commit, f.author) for f in fields],
            [("/x", 2, second.commit, "Ada <ada@example.org>"), ("/y/z", [1], first.commit, "Bob <b@example.org>")],
        )
        self.assertEqual((fields[1].time.ns, next(db.at(first.commit).blame("a", raw=True)).value), (first.time.ns, b"1"))
        self.fails(chrondb.DocumentNotFoundError, db.blame, "b")

    def test_restore_table(self):
        db = self.open()
        db.update({"a": 1, "t:1": 1, "t:2": 2}, time="2026-03-01")
        db.update({"a": 2, "t:1": 3, "t:3": 3})
        self.assertEqual(db.restore_table("t", "2026-03-01").status, "updated")
        self.assertEqual(dict(db.items()), {"a": 2, "t:1": 1, "t:2": 2})
        self.assertEqual(db.restore_table("", "2026-03-01").status, "updated")
        self.assertEqual(db["a"], 1)

    def test_restore(self):
        db = self.open()
        db.update({"a": 1, "b": 2}, time="2026-03-01")
        db.update({"a": 10, "c": 3}, time="2026-03-02")
        del db["b"]
        self.assertEqual(db.restore("b", "2026-03-01").status, "created")
        self.assertEqual(db["b"], 2)
        self.fails(chrondb.DocumentNotFoundError, db.restore, "c", "2026-03-01")
        self.assertEqual(db.restore_all(DAY, message="back").status, "updated")
        self.assertEqual(dict(db.items()), {"a": 1, "b": 2})
        self.assertEqual(next(db.log()).message, "back")
        self.assertEqual(db.restore_all(DAY).status, "unchanged")


if __name__ == "__main__":
    main()
