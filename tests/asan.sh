#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The unit and fuzz tests once more, and those of commands that read what anybody may have written, under
# AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer. (The other files are left out for the suite's time; run
# them by hand after a change of what they test: ctest --test-dir build/asan -L cli.) It is built for that only: with few
# optimisations, with names and lines but no more for a debugger, and without warnings, which the other build gives.
set -eu
cd "$(dirname "$0")/.."
build=$CHRONDB_BUILD_DIR/asan

if ! { cmake --preset asan -B "$build" && cmake --build "$build" -j "$(nproc)" --target test_programs; } >"$build.log" 2>&1; then
    cat "$build.log"
    echo "asan: does not build"
    exit 1
fi
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" \
    -R '^(unit/.*|fuzz/.*|cli/(batch|blame|errors|garbage|hostile|patch|search))$'
