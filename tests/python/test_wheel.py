# SPDX-License-Identifier: MIT
"""The wheel carries the library, and works where there is nothing else."""
import os
import shutil
import subprocess
import sys
import tarfile
import unittest
import zipfile

from support import PACKAGE, SOURCE, Case, main


def can_build(python):
    """Has this Python what builds wheels?"""
    tools = "import setuptools, wheel, pip, sys; sys.exit(int(setuptools.__version__.split('.')[0]) < 61)"
    return subprocess.call([python, "-c", tools], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


PYTHON = next((python for python in (sys.executable, "/usr/bin/python3") if can_build(python)), None)
USE = """
import os, sys, chrondb
with chrondb.ChronDB(sys.argv[1]) as db:
    db["user:1"] = {"name": "Alice"}
    print(db["user:1"], os.path.dirname(chrondb.__file__))
"""


@unittest.skipIf(PYTHON is None, "setuptools, wheel or pip are not installed")
class Wheel(Case):
    def run_quietly(self, *command, **environment):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, **environment), cwd=self.directory
        )
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        return done.stdout.decode()

    def test_in_a_fresh_environment(self):
        source, wheels, fresh = (os.path.join(self.directory, name) for name in ("source", "wheels", "fresh"))
        shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        pip = ("--no-index", "--no-deps", "--disable-pip-version-check")
        self.run_quietly(PYTHON, "-m", "pip", "wheel", *pip, "--no-build-isolation", "-w", wheels, source)
        (wheel,) = os.listdir(wheels)
        self.assertRegex(wheel, r"^chrondb-[0-9.]+-py3-none-linux_\w+\.whl$")
        with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
            names = archive.namelist()
        self.assertTrue({"chrondb/libchrondb.so.0", "chrondb/py.typed", "chrondb/__init__.py"} <= set(names), names)
        self.assertFalse([name for name in names if name.endswith((".c", ".h", ".pyc"))])

        self.run_quietly(PYTHON, "-m", "venv", "--without-pip", fresh)
        python = os.path.join(fresh, "bin", "python")
        place = self.run_quietly(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip()
        self.run_quietly(PYTHON, "-m", "pip", "install", *pip, "-q", "--target", place, os.path.join(wheels, wheel))
        shutil.rmtree(source)
        clean = {"PYTHONPATH": "", "CHRONDB_LIB_PATH": "", "CHRONDB_LIB_DIR": "/nowhere"}
        said = self.run_quietly(python, "-c", USE, self.path, **clean)
        self.assertEqual(said, "{'name': 'Alice'} %s\n" % os.path.join(place, "chrondb"))

    def test_the_source_distribution_has_what_cmake_builds(self):
        # Its egg-info would be made beside the sources.
        script = ("setup.py", "-q", "egg_info", "--egg-base", self.directory, "sdist", "--dist-dir", self.directory)
        done = subprocess.run(
            (PYTHON,) + script + ("--formats=tar",), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=PACKAGE
        )
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        (archive,) = [name for name in os.listdir(self.directory) if name.endswith(".tar")]
        with tarfile.open(os.path.join(self.directory, archive)) as tar:
            names = {name.split("/", 1)[1] for name in tar.getnames() if "/" in name}
        for part in ("lib", "cmd", "cmake", "man"):
            for folder, _, files in os.walk(os.path.join(SOURCE, part)):
                below = os.path.relpath(folder, SOURCE)
                if "__pycache__" in below or below.startswith(("lib/bindings/python", "lib/bindings/rust")):
                    continue
                missing = [name for name in files if "native/%s/%s" % (below, name) not in names]
                self.assertEqual(missing, [], below)
        self.assertFalse([name for name in names if name.startswith("native/lib/bindings/rust")])


if __name__ == "__main__":
    main()
