# SPDX-License-Identifier: MIT
"""Branches, tags, merging, settings, care."""
import os
import pickle
import subprocess
import tempfile

from support import Case, main

import chrondb
from chrondb import ABSENT


def interrupt(*_arguments):
    raise KeyboardInterrupt


class Branches(Case):
    def test_branches(self):
        db = self.open()
        self.assertEqual(self.fails(chrondb.UsageError, db.create_branch, "dev").name, "no_commit")
        first = db.put("a", 1)
        db.put("a", 2)
        ref = db.create_branch("dev", first.commit)
        self.assertEqual((ref.name, ref.commit, ref.status, ref.is_default), ("dev", first.commit, "created", False))
        self.assertEqual(db.create_branch("dev", first.commit).status, "unchanged")
        self.assertEqual(self.fails(chrondb.ConflictError, db.create_branch, "dev").name, "exists")
        dev = db.branch("dev")
        dev["b"] = 1
        with dev.transaction() as tx:
            tx["c"] = 1
        self.assertEqual((dict(dev.items()), list(db)), ({"a": 1, "b": 1, "c": 1}, ["a"]))
        self.assertEqual((list(dev.at(first.commit)), len(list(dev.log())), dev.info().branch), (["a"], 3, "dev"))
        self.assertEqual(db.put("d", 1, "dev").status, "created")
        self.assertEqual(db.delete("d", "dev").status, "deleted")
        self.assertEqual([e.key for e in db.list_by_prefix("", "dev")], ["a", "b", "c"])
        self.assertEqual([(r.name, r.is_default) for r in db.branches()], [("dev", False), ("main", True)])
        self.assertEqual(db.rename_branch("dev", "next").status, "updated")
        gone = db.delete_branch("next")
        self.assertEqual(gone.status, "deleted")
        self.assertEqual(db.create_branch("back", gone.commit).commit, gone.commit)
        self.fails(chrondb.DocumentNotFoundError, db.delete_branch, "nothing")
        self.assertEqual(self.fails(chrondb.ConflictError, db.delete_branch, "main").name, "default_branch")
        self.assertEqual(self.fails(chrondb.UsageError, dev.get, "a").name, "no_branch")
        self.assertEqual(self.fails(chrondb.UsageError, dev.put, "a", 1).name, "no_branch")
        for name in ("", "a..b", "-x", "a\0b"):
            self.assertEqual(self.fails(chrondb.UsageError, db.create_branch, name).name, "invalid_name")
        self.assertRaises(TypeError, db.branch, None)
        self.assertRaises(TypeError, pickle.dumps, dev)

    def test_tags(self):
        db = self.open()
        first = db.put("a", 1, time="2026-03-01")
        second = db.put("a", 2)
        self.assertEqual(db.create_tag("v1", "2026-03-01").commit, first.commit)
        self.fails(chrondb.ConflictError, db.create_tag, "v1")
        moved = db.create_tag("v1", force=True)
        self.assertEqual((moved.status, moved.previous, moved.commit), ("updated", first.commit, second.commit))
        self.assertEqual([(t.name, t.commit, t.time.ns) for t in db.tags()], [("v1", second.commit, second.time.ns)])
        self.assertEqual(db.delete_tag("v1").status, "deleted")
        self.assertEqual(db.tags(), [])


class Merging(Case):
    def setUp(self):
        super().setUp()
        self.db = self.open()
        self.db.update({"a": {"x": 1, "y": 1}, "b": 1, "c": 1})
        self.db.create_branch("dev")
        self.dev = self.db.branch("dev")

    def test_by_field(self):
        self.dev.patch("a", {"x": 2})
        self.assertEqual(self.db.merge("dev", dry_run=True).status, "fast-forward")
        self.db.patch("a", {"y": 2})
        self.assertEqual(self.db.merge("dev", source_name="the other", dry_run=True).status, "merged")
        report = self.db.merge("dev", message="together")
        self.assertEqual((report.status, report.puts, self.db["a"]), ("merged", 1, {"x": 2, "y": 2}))
        self.assertEqual(next(self.db.log()).message, "together")
        self.assertEqual(self.db.merge("dev").status, "unchanged")
        self.assertEqual(self.dev.merge("main").status, "merged")  # its past does not change

    def test_conflicts(self):
        self.dev.update({"a": {"x": 2, "y": 1}, "b": 2})
        del self.dev["c"]
        self.db.update({"a": {"y": 1}, "b": 3, "c": 2})
        head = self.db.info().head
        error = self.fails(chrondb.MergeConflictError, self.db.merge, "dev")
        self.assertIsInstance(error, chrondb.ConflictError)
        self.assertEqual(
            error.conflicts,
            [("a", "/x", 1, ABSENT, 2), ("b", "", 1, 3, 2), ("c", "", 1, 2, ABSENT)],
        )
        self.assertEqual(pickle.loads(pickle.dumps(error)).conflicts, error.conflicts)
        self.assertEqual(self.db.info().head, head)
        decisions = {"a": {"x": 9}, "b": ABSENT, "c": None}
        self.assertEqual(self.db.merge("dev", decisions=decisions, dry_run=True).commit, None)
        lines = [{"key": "a", "value": {"x": 9}}, '{"key":"b","delete":true}', b'{"key":"c","value":1}']
        self.assertEqual(self.db.merge("dev", decisions=lines, dry_run=True).conflicts, 3)
        self.assertEqual(self.db.merge("dev", decisions=decisions).conflicts, 3)
        self.assertEqual(dict(self.db.items()), {"a": {"x": 9}, "c": None})

    def test_strategies_and_mistakes(self):
        self.dev["b"] = 2
        self.db["b"] = 3
        self.fails(chrondb.UsageError, self.db.merge, "dev", strategy="mine")
        self.fails(chrondb.UsageError, self.db.merge, "nowhere")
        self.fails(chrondb.InvalidDocumentError, self.db.merge, "dev", decisions={"b": float("nan")})
        error = self.fails(chrondb.InvalidDocumentError, self.db.merge, "dev", decisions=['{"key":"b"}'])
        self.assertEqual(error.name, "invalid_decision")
        self.db.merge("dev", strategy="theirs")
        self.assertEqual(self.db["b"], 2)


class Care(Case):
    def test_settings(self):
        db = self.open()
        self.assertEqual(db.get_setting("search.language"), "english")
        self.assertEqual(db.set_setting("search.language", "german"), "created")
        self.assertEqual(db.set_setting("search.language", "german"), "unchanged")
        setting = {s.name: s for s in db.settings()}["search.language"]
        self.assertEqual((setting.value, setting.default, setting.is_set, setting.is_valid), ("german", "english", True, True))
        self.assertEqual((db.unset_setting("search.language"), db.unset_setting("search.language")), ("deleted", "unchanged"))
        self.assertEqual(self.fails(chrondb.UsageError, db.get_setting, "no.such").name, "unknown_setting")

    def test_info_gc_reindex_maintain(self):
        db = self.open()
        for i in range(5):
            db["t:%d" % i] = i
        info = db.info()
        self.assertEqual((info.documents, info.tables, info.commits, info.branch), (5, 1, 5, "main"))
        self.assertEqual((info.head, info.path), (next(db.log()).commit, db.path))
        db.maintain()
        phases = []
        report = db.gc(lambda phase, done, total: phases.append((phase, done, total)))
        self.assertEqual((report.packs_after, report.loose_after), (1, 0))
        self.assertEqual(db.reindex().commits, 5)
        self.assertEqual(len(db), 5)

    def test_backups(self):
        db = self.open()
        first = db.put("a", 1)
        file, later, copy = self.path + ".bundle", self.path + ".later", self.path + "-copy"
        report = db.backup(file)
        self.assertEqual((report.commits, report.branches, report.incremental), (1, 1, False))
        self.assertEqual(report.bytes, os.path.getsize(file))
        db.put("b", 2)
        self.assertTrue(db.backup(later, since_file=file).incremental)
        with tempfile.TemporaryFile() as stream:
            self.assertEqual(db.backup(stream, since=first.commit).commits, 1)
            self.assertEqual(self.fails(chrondb.ConflictError, chrondb.restore_backup, copy, later).name, "missing_commits")
            self.assertEqual(chrondb.restore_backup(copy, file).status, "created")
            stream.seek(0)
            self.assertEqual(chrondb.restore_backup(copy, stream).status, "updated")
        self.assertEqual(chrondb.restore_backup(copy, later), chrondb.restore_backup(copy, later))
        self.assertEqual(dict(self.open(copy)), {"a": 1, "b": 2})
        self.assertEqual(self.fails(chrondb.ConflictError, chrondb.restore_backup, copy, file).name, "exists")
        self.assertEqual(self.fails(chrondb.UsageError, db.backup, file, since="nowhere").name, "invalid_time")
        self.assertRaises(KeyboardInterrupt, db.backup, file, progress=interrupt)
        self.assertRaises(KeyboardInterrupt, chrondb.restore_backup, copy + "2", file, progress=interrupt)
        with open(file, "r+b") as damaged:
            damaged.seek(-30, os.SEEK_END)
            damaged.write(b"x")
        self.fails(chrondb.DamagedError, chrondb.restore_backup, copy + "2", file)
        self.assertFalse(os.path.exists(copy + "2"))

    def test_created_from_a_repository(self):
        db = self.open()
        db["a"] = 1

        def clone(path):
            subprocess.check_call(["git", "clone", "-q", "--bare", "--origin=up", self.path, path])
            subprocess.check_call(["git", "-C", path, "update-ref", "refs/remotes/up/main", "main"])

        copy = chrondb.ChronDB.create_from(self.path + "-copy", clone, maintain=False)
        self.addCleanup(copy.close)
        self.assertEqual((dict(copy), copy.was_created), ({"a": 1}, True))
        self.assertEqual([(ref.name, ref.time) for ref in copy.remote_branches()], [("up/main", None)])
        self.assertEqual(self.fails(chrondb.NotADatabaseError, chrondb.ChronDB.create_from, self.path, clone).name, "exists")
        self.assertRaises(KeyboardInterrupt, chrondb.ChronDB.create_from, self.path + "-2", interrupt)
        self.fails(chrondb.NotADatabaseError, chrondb.ChronDB.create_from, self.path + "-2", os.mkdir)
        self.assertEqual(sorted(os.listdir(self.directory)), ["db", "db-copy"])
        copy.maintain()
        self.assertIs(copy.maintenance_due, False)
        lock = os.path.join(self.path + "-copy", "config.lock")
        open(lock, "w").close()
        self.fails(chrondb.BusyError, copy.ready_for_git, lock_timeout=0)
        os.unlink(lock)
        copy.ready_for_git()

    def test_compare(self):
        db = self.open()
        self.assertEqual(db.compare("now"), (None, None, True, False, False))
        first = db.put("a", 1)
        second = db.put("a", 2)
        db.create_branch("dev", first.commit)
        self.assertEqual(db.compare("dev"), (second.commit, first.commit, False, True, False))
        self.assertEqual(db.branch("dev").compare("main"), (first.commit, second.commit, False, False, True))
        self.assertEqual(db.compare("main", "dev").their_news, True)
        self.assertEqual(self.fails(chrondb.UsageError, db.compare, "nowhere").name, "invalid_time")

    def test_verify(self):
        db = self.open()
        db.update({"a": 1, "t:b": 2})
        report = db.verify(full=True)
        self.assertEqual((report.errors, report.notes, report.findings, report.documents), (0, 0, [], 2))
        db.gc()
        packs = os.path.join(self.path, "objects", "pack")
        (pack,) = [os.path.join(packs, name) for name in os.listdir(packs) if name.endswith(".pack")]
        os.chmod(pack, 0o600)
        with open(pack, "r+b") as file:
            file.seek(20)
            file.write(b"\xff" * 30)
        report = db.verify(full=True)
        self.assertTrue(report.errors and any(found.is_error and found.message for found in report.findings))
        self.fails(chrondb.UsageError, db.verify, branch="none")

    def test_what_progress_raises_stops_the_work(self):
        db = self.open()
        db.import_lines({"key": "k:%d" % i, "value": {"text": "word%d" % i}} for i in range(3000))

        self.assertRaises(KeyboardInterrupt, db.reindex, interrupt)
        self.assertEqual(len(db), 3000)
        self.assertEqual(db.search("word7").total, None)


if __name__ == "__main__":
    main()
