# SPDX-License-Identifier: MIT
"""Builds the wheel, which carries the C library.

The library is that of CHRONDB_LIB_PATH if it is set, else built by CMake from the source around this directory (in an
sdist: below it). Nothing is downloaded.
"""
import ctypes
import os
import re
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70
    from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
SONAME = "libchrondb.so.0"
# What CMake needs to build the library.
PARTS = ("CMakeLists.txt", "LICENSE", "cmake", "cmd", "completions", "lib", "man")


def source():
    """The root of the C source, or None."""
    for root in (os.path.join(HERE, "native"), os.path.join(HERE, "..", "..", "..")):
        if os.path.exists(os.path.join(root, "lib", "chrondb.h")):
            return os.path.realpath(root)
    return None


def version():
    """The library's."""
    root = source()
    if root is not None:
        with open(os.path.join(root, "lib", "chrondb.h"), encoding="utf-8") as header:
            return re.search(r'^#define CHRONDB_VERSION +"([^"]+)"', header.read(), re.MULTILINE).group(1)
    library = ctypes.CDLL(os.environ["CHRONDB_LIB_PATH"])
    library.chrondb_version.restype = ctypes.c_char_p
    return library.chrondb_version().decode()


def build_library(directory):
    """The path of the library that the wheel is to carry."""
    given = os.environ.get("CHRONDB_LIB_PATH")
    if given:
        return given
    root = source()
    if root is None:
        raise SystemExit("chrondb: the C source is not here; set CHRONDB_LIB_PATH to the library")
    subprocess.check_call(
        ["cmake", "-S", root, "-B", directory, "-DCMAKE_BUILD_TYPE=Release", "-DCHRONDB_TESTS=OFF"]
    )
    subprocess.check_call(["cmake", "--build", directory, "--target", "chrondb_shared", "-j", str(os.cpu_count() or 1)])
    return os.path.join(directory, SONAME)


class BuildPy(build_py):
    """The modules, and the library beside them."""

    def run(self):
        super().run()
        library = build_library(os.path.abspath(os.path.join(self.get_finalized_command("build").build_temp, "native")))
        package = os.path.join(self.build_lib, "chrondb")
        self.mkpath(package)
        shutil.copyfile(library, os.path.join(package, SONAME))


class Sdist(sdist):
    """The modules, and the C source below `native`."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        root = source()
        for part in PARTS:
            path, copy = os.path.join(root, part), os.path.join(base_dir, "native", part)
            if os.path.isdir(path):
                shutil.copytree(path, copy, ignore=shutil.ignore_patterns("python", "rust", "__pycache__"))
            else:
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(path, copy)


class Wheel(bdist_wheel):
    """One wheel for every Python 3 of a platform: the modules are Python, the library is not."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


class Platform(Distribution):
    """It is of one platform."""

    def has_ext_modules(self):
        return True


setup(version=version(), distclass=Platform, cmdclass={"build_py": BuildPy, "sdist": Sdist, "bdist_wheel": Wheel})
