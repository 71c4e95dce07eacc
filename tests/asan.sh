#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The unit, fuzz and command tests once more, under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer.
set -eu
cd "$(dirname "$0")/.."
build=$CHRONDB_BUILD_DIR/asan

if ! { cmake --preset asan -B "$build" && cmake --build "$build" -j "$(nproc)"; } >"$build.log" 2>&1; then
    cat "$build.log"
    echo "asan: does not build"
    exit 1
fi
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" -L '^(unit|fuzz|cli)$'
