#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The public header stands alone, in every language that its users compile with.
set -eu
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '#include "chrondb.h"\n#include "chrondb.h"\nint unit;\n' >"$dir/unit.c"
cp "$dir/unit.c" "$dir/unit.cc"

for standard in c99 c11 c17; do
    "${CC:-cc}" -std=$standard -Wall -Wextra -pedantic -Werror -Ilib -fsyntax-only "$dir/unit.c"
done
for standard in c++11 c++17; do
    "${CXX:-c++}" -std=$standard -Wall -Wextra -pedantic -Werror -Ilib -fsyntax-only "$dir/unit.cc"
done
