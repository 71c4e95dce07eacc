# SPDX-License-Identifier: MIT
"""Watching."""
import pickle
import select
import sys
import subprocess
import threading

from support import Case, main

import chrondb

WRITER = "import sys, chrondb\nwith chrondb.ChronDB(sys.argv[1]) as db:\n    db.put('p:1', 'from a process')\n"


class Watching(Case):
    def test_changes_in_order(self):
        db = self.open()
        with db.watch(timeout=0) as changes:
            self.assertEqual(list(changes), [])
            first = db.put("user:1", {"n": 1})
            db.update({"user:1": {"n": 2}, "order:1": None})
            del db["user:1"]
            self.assertEqual(
                [(e.key, e.op, e.value) for e in changes],
                [("user:1", "create", {"n": 1}), ("order:1", "create", None), ("user:1", "update", {"n": 2}),
                 ("user:1", "delete", None)],
            )
            self.assertIsNone(changes.poll())
        events = list(db.watch("user:", since=first.commit, timeout=0, raw=True))
        self.assertEqual([(e.op, e.value) for e in events], [("update", b'{"n":2}'), ("delete", None)])
        self.assertEqual((events[-1].commit, events[-1].branch), (db.info().head, "main"))
        self.assertEqual([e.key for e in db.watch(table="order", since="1970-01-02", timeout=0)], ["order:1"])

    def test_waiting_for_a_process(self):
        db = self.open()
        db["a"] = 1
        changes = db.watch(timeout=60)
        self.assertEqual(select.select([changes], [], [], 0)[0], [])
        writer = subprocess.Popen([sys.executable, "-c", WRITER, self.path])
        self.assertEqual(next(changes).value, "from a process")
        self.assertEqual(writer.wait(), 0)
        self.assertEqual(db.branch("main").watch(since="main~1", timeout=0).poll().key, "p:1")

    def test_its_end(self):
        db = chrondb.ChronDB(self.path)
        db["a"] = 1
        changes, ended = db.watch(), []
        self.assertRaises(TypeError, pickle.dumps, changes)

        def wait():
            try:
                next(changes)
            except chrondb.ClosedError as error:
                ended.append(str(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        db.close()
        waiting.join(30)
        self.assertEqual(ended, ["the database was closed"])
        with chrondb.ChronDB(self.path) as db:
            changes = db.watch()
            changes.close()
            self.assertEqual(str(self.fails(chrondb.ClosedError, changes.poll)), "the watch was closed")
            self.fails(chrondb.UsageError, db.watch, since="nowhere")


if __name__ == "__main__":
    main()
