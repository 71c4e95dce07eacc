#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/python.sh: get and put from Python, in one process and warm, beside the C library and beside Python's
# sqlite3 (WAL, synchronous=FULL, a table of the present and one of history) on the same machine in the same minutes.
# Build first: cmake --preset release && cmake --build build. BENCH_BUILD: the build, BENCH_DIR: the disk, BENCH_RUNS:
# rounds, BENCH_DOCUMENTS: how many documents there are (100000).
set -eu
cd "$(dirname "$0")/../.."
build=${BENCH_BUILD:-$PWD/build}
library=$build/libchrondb.so.0
[ -f "$library" ] || { echo "bench: $library is not built: cmake --preset release && cmake --build build" >&2; exit 1; }

dir=$(mktemp -d "${BENCH_DIR:-/var/tmp}/chrondb-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
${CC:-cc} -O2 -Ilib -o "$dir/inside" tests/bench/inside.c "$library" -Wl,-rpath,"$build"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/lib/bindings/python CHRONDB_LIB_PATH=$library GIT_CONFIG_GLOBAL=/dev/null \
    python3 tests/bench/inside.py "$dir" "${BENCH_DOCUMENTS:-100000}" "${BENCH_RUNS:-9}"
