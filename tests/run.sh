#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/run.sh: install what is missing, build, run every test. The exit status is ctest's.
set -eu
cd "$(dirname "$0")/.."

sh tests/setup.sh test
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCHRONDB_TESTS=ON -DCHRONDB_SANITIZE=
cmake --build build -j "$(nproc)"
# Three at once on two processors: some wait for a lock or for the clock most of their time.
exec ctest --test-dir build --output-on-failure -j3
