#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The unit and fuzz tests once more, and those of commands that read what anybody may have written, under
# AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer. (The long ones that only repeat sound commands are left
# out: they have nothing to find.)
set -eu
cd "$(dirname "$0")/.."
build=$CHRONDB_BUILD_DIR/asan

if ! { cmake --preset asan -B "$build" && cmake --build "$build" -j "$(nproc)"; } >"$build.log" 2>&1; then
    cat "$build.log"
    echo "asan: does not build"
    exit 1
fi
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" -L '^(unit|fuzz|cli)$' \
    -E '^cli/(changelogs|clock|completion|format|help|index_format|manpages|readme|time)$'
