#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/tsan.sh: the tests with threads once more, under ThreadSanitizer. By hand, after a change of what threads share: it
# builds the library anew and takes five minutes. CHRONDB_BUILD_DIR: where (build). CHRONDB_TEST_OPERATIONS: see
# tests/unit/test_crowd.c.
set -eu
cd "$(dirname "$0")/.."
build=${CHRONDB_BUILD_DIR:-$PWD/build}/tsan
tests='test_api test_background test_catalog_readers test_crowd test_import test_library test_search_run'

# shellcheck disable=SC2086
if ! { cmake --preset tsan -B "$build" && cmake --build "$build" -j "$(nproc)" --target $tests; } >"$build.log" 2>&1; then
    tail -n 50 "$build.log"
    echo "tsan: does not build"
    exit 1
fi
# The sanitizer of some compilers knows no kernel that places memory at random as widely as new ones do.
quiet=$(command -v setarch >/dev/null && echo 'setarch -R' || :)
for test in $tests; do
    # A child of a process with threads opens anew; that is tested here too.
    TSAN_OPTIONS='exitcode=99 die_after_fork=0 halt_on_error=0' $quiet "$build/tests/bin/$test" ||
        { echo "tsan: $test failed"; exit 1; }
done
