# SPDX-License-Identifier: MIT
"""What the tests of the Python package share."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
PACKAGE = os.path.join(SOURCE, "lib", "bindings", "python")
sys.path.insert(0, PACKAGE)
sys.dont_write_bytecode = True
for name in ("CHRONDB_DIR", "CHRONDB_BRANCH", "CHRONDB_INDEX", "GIT_DIR"):
    os.environ.pop(name, None)
os.environ.update(
    PYTHONPATH=PACKAGE,
    PYTHONDONTWRITEBYTECODE="1",
    GIT_CONFIG_NOSYSTEM="1",
    GIT_CONFIG_GLOBAL="/dev/null",
    GIT_AUTHOR_NAME="Ada",
    GIT_AUTHOR_EMAIL="ada@example.org",
    TZ="Asia/Kathmandu",  # nothing may depend on it
)

import chrondb  # noqa: E402  (after the path)


class Case(unittest.TestCase):
    """A test with a directory of its own, and databases that are closed at its end."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="chrondb-python-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = os.path.join(self.directory, "db")

    def open(self, path=None, *arguments, **options):
        db = chrondb.ChronDB(path or self.path, *arguments, **options)
        self.addCleanup(db.close)
        return db

    def fails(self, kind, function, *arguments, **options):
        """The exception that a call must end with."""
        with self.assertRaises(kind) as caught:
            function(*arguments, **options)
        self.assertIs(type(caught.exception), kind)
        return caught.exception

    def script(self, text, *arguments, status=0, environment=None):
        """Run a script in a process of its own; its standard output. It must not complain."""
        done = subprocess.run(
            [sys.executable, "-c", text, self.path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
            env=dict(os.environ, **(environment or {})),
        )
        self.assertEqual((done.returncode, done.stderr.decode()), (status, ""))
        return done.stdout.decode()


def main():
    unittest.main()
