#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/valgrind.sh: clients that open, use and close a database again and again, under Valgrind: of chrondb.h, and of
# ChronDB's interface, where one frees what it gets and one frees nothing. By hand, after a change of who owns what; it
# takes minutes. CHRONDB_BUILD_DIR: the build (build). CHRONDB_TEST_CYCLES: how often (10000).
set -eu
cd "$(dirname "$0")/.."
build=${CHRONDB_BUILD_DIR:-$PWD/build}
CHRONDB_TEST_CYCLES=${CHRONDB_TEST_CYCLES:-10000}
export CHRONDB_TEST_CYCLES

CHRONDB_TEST_ONLY=test_cycles valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
    --track-fds=yes --error-exitcode=9 "$build/tests/bin/test_api" || { echo "valgrind: chrondb.h"; exit 1; }
CHRONDB_TEST_VALGRIND=1 sh tests/graal.sh "$build/graal" || { echo "valgrind: ChronDB's interface"; exit 1; }
