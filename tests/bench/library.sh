#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/bench/library.sh [DOCUMENTS]: what the library costs in one process, warm, with 100,000 documents: reading one,
# and writing one durably, beside a bare fdatasync of the same disk and SQLite's library (WAL, synchronous=FULL).
# Build first: cmake --preset release && cmake --build build. What the environment can change: common.sh.
set -eu
cd "$(dirname "$0")/../.."

documents=${1:-100000}
runs=1000
. tests/bench/common.sh

library=$build/tests/bin/library
[ -x "$library" ] || { echo "bench: $library is not built" >&2; exit 1; }
awk -v n="$documents" 'BEGIN {
    for (i = 1; i <= n; i++)
        printf "{\"key\":\"user:%d\",\"value\":{\"name\":\"Alice %d\",\"age\":%d,\"city\":\"Paris\",\"active\":true,\"bio\":\"%040d She reads, walks, and writes of what she has seen; this text makes the document as long as they are.\"}}\n", i, i, i % 90, i
}' | "$chrondb" --db "$dir/db" import >/dev/null
printf '\n%s documents, %s rounds\n' "$documents" "$runs"
"$library" "$dir" "$documents" "$runs"
