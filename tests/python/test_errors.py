# SPDX-License-Identifier: MIT
"""What fails, and how it is told."""
import fcntl
import os
import pickle
import struct
import threading
import time

from support import Case, main

import chrondb

OFD_SETLK = 37  # F_OFD_SETLK; the fcntl module has it since Python 3.9


class Opening(Case):
    def reason(self, kind, name, **options):
        error = self.fails(kind, chrondb.ChronDB, self.path, **options)
        self.assertEqual(error.name, name)
        self.assertIn(self.path, str(error))
        return error

    def test_nothing_there(self):
        error = self.reason(chrondb.NotADatabaseError, "no_database", create=False)
        self.assertEqual(error.code, -6)
        os.mkdir(self.path)
        self.reason(chrondb.NotADatabaseError, "no_database", create=False)
        self.assertEqual(os.listdir(self.path), [])

    def test_something_else_there(self):
        os.mkdir(self.path)
        with open(os.path.join(self.path, "file"), "w"):
            pass
        self.reason(chrondb.NotADatabaseError, "not_a_database")
        self.path = os.path.join(self.path, "file")
        self.reason(chrondb.NotADatabaseError, "not_a_database")
        self.path += "/below"
        self.reason(chrondb.NotADatabaseError, "not_a_database")

    def test_a_newer_format(self):
        self.open().close()
        with open(os.path.join(self.path, "chrondb", "format"), "r+") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("1", "9"))
        self.reason(chrondb.NotADatabaseError, "unsupported")

    def test_a_bare_repository(self):
        if os.system("git init -q --bare '%s' 2>/dev/null" % self.path) != 0:
            self.skipTest("git is not installed")
        self.reason(chrondb.NotADatabaseError, "not_a_database")
        with chrondb.ChronDB(self.path, adopt=True) as db:
            self.assertTrue(db.was_created)
            db["a"] = 1

    def test_no_permission(self):
        if os.geteuid() == 0:
            self.path = "/proc/1/chrondb"  # not even root may
            self.fails(chrondb.StorageError, chrondb.ChronDB, self.path)
            return
        os.mkdir(self.path, 0o500)
        self.reason(chrondb.StorageError, "permission_denied")

    def test_what_is_no_path(self):
        self.assertEqual(self.fails(chrondb.UsageError, chrondb.ChronDB, "").name, "usage")
        self.assertEqual(self.fails(chrondb.UsageError, chrondb.ChronDB, "a\0b").name, "usage")
        self.assertEqual(self.fails(chrondb.UsageError, chrondb.ChronDB, "x" * 5000).name, "usage")
        self.assertRaises(TypeError, chrondb.ChronDB, 5)
        self.fails(chrondb.UsageError, chrondb.ChronDB, self.path, branch="a\0b")
        self.assertFalse(os.path.exists(self.path))


class Failing(Case):
    def test_busy(self):
        db = self.open()
        db["a"] = 1
        lock = os.open(os.path.join(self.path, "chrondb", "lock"), os.O_RDWR)
        self.addCleanup(os.close, lock)
        fcntl.fcntl(lock, OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        for timeout in (0, 0.05):
            error = self.fails(chrondb.BusyError, db.put, "a", 2, lock_timeout=timeout)
            self.assertEqual((error.name, error.code), ("busy", -5))
        self.assertEqual(db["a"], 1)
        # The interpreter is not held up by one that waits.
        waiting = threading.Thread(target=db.put, args=("a", 3))
        waiting.start()
        time.sleep(0.05)
        self.assertTrue(waiting.is_alive())
        fcntl.fcntl(lock, OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
        waiting.join(30)
        self.assertEqual(db["a"], 3)

    def test_damage(self):
        db = self.open()
        commit = db.put("a", {"x": "y" * 100}).commit
        db.gc()
        db.close()
        packs = os.path.join(self.path, "objects", "pack")
        for name in os.listdir(packs):
            if name.endswith(".pack"):
                os.chmod(os.path.join(packs, name), 0o600)
                with open(os.path.join(packs, name), "r+b") as file:
                    size = file.seek(0, 2)
                    file.seek(12)
                    file.write(b"\xff" * (size - 32))
        for name in os.listdir(os.path.join(self.path, "chrondb")):
            if name.startswith("journal"):
                os.unlink(os.path.join(self.path, "chrondb", name))
        with self.assertRaises(chrondb.ChronDBError) as caught:
            self.open()["a"]
        self.assertIsInstance(caught.exception, (chrondb.DamagedError, chrondb.StorageError))
        self.assertEqual(len(commit), 40)

    def test_every_exception_is_pickled_whole(self):
        db = self.open()
        db["a"] = 1
        error = self.fails(chrondb.ConflictError, db.put, "a", 2, if_absent=True)
        twin = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(twin), str(twin), twin.__dict__), (type(error), str(error), error.__dict__))
        for kind in chrondb.__all__:
            kind = getattr(chrondb, kind)
            if isinstance(kind, type) and issubclass(kind, chrondb.ChronDBError):
                self.assertEqual(str(pickle.loads(pickle.dumps(kind("said", name="x", key="k")))), "said")
                self.assertEqual(str(kind()), "")

    def test_kinds(self):
        self.assertTrue(issubclass(chrondb.DocumentNotFoundError, KeyError))
        self.assertTrue(issubclass(chrondb.InvalidDocumentError, ValueError))
        self.assertTrue(issubclass(chrondb.UsageError, ValueError))
        self.assertTrue(issubclass(chrondb.ClosedError, ValueError))
        codes = {kind.code for kind in chrondb._errors.CLASSES.values()}
        self.assertEqual(codes, {1, -2, -3, -4, -5, -6, -7, -8})

    def test_an_error_whose_cause_was_lost(self):
        self.open()  # the last call of this thread went well
        error = chrondb._errors.last_error(-8)
        self.assertEqual((type(error), error.name, error.code), (chrondb.StorageError, "internal", -8))

    def test_warnings_go_to_the_logger(self):
        db = self.open()
        db.put("a", 1, time="2400-01-01", force_time=True)
        with self.assertLogs("chrondb", "WARNING") as logs:
            db.put("a", 2)
        self.assertIn("2400", logs.output[0])


if __name__ == "__main__":
    main()
