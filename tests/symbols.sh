#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/symbols.sh LIBRARY: it exports what chrondb.h declares, under our version, and nothing else; and calls none of
# that through the dynamic linker, which would take another library's function of the same name.
set -eu
library=$1
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed '/^#/d' lib/chrondb.h | tr '\n' ' ' | tr ';' '\n' | sed -n 's/.*CHRONDB_API //p' |
    sed -E 's/^[^(]*[ *](chrondb_[a-z0-9_]+)\(.*/\1@@CHRONDB_0.1/' | sort >"$dir/declared"
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort >"$dir/exported"

[ "$(wc -l <"$dir/declared")" -gt 20 ] || { echo "symbols: the header was not understood"; exit 1; }
if ! diff -u "$dir/declared" "$dir/exported"; then
    echo "symbols: - declared in lib/chrondb.h, not exported; + exported, not declared (lib/chrondb.map)"
    exit 1
fi

if objdump -R "$library" | grep ' chrondb_'; then
    echo "symbols: these are looked up at run time: -Bsymbolic-functions is missing"
    exit 1
fi
