#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/graal.sh DIR: the library in DIR has ChronDB's interface: what it exports, and what programs get that were made
# for it, in C and by Python's ctypes, with nothing but what is in DIR. A database is opened, used and closed 100 times;
# CHRONDB_TEST_LONG=1: 10,000 times; CHRONDB_TEST_CYCLES: so many times. CHRONDB_TEST_VALGRIND=1: under Valgrind too.
set -eu
library=$1
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cc=${CC:-cc}
cycles=100
[ -z "${CHRONDB_TEST_LONG:-}" ] || cycles=10000
cycles=${CHRONDB_TEST_CYCLES:-$cycles}

# Exactly the functions that the headers declare, without a version, as GraalVM's have none.
cat "$library/graal_isolate.h" "$library/libchrondb.h" | tr '\n' ' ' | tr ';' '\n' |
    sed -nE 's/.*[ *]((chrondb|graal)_[a-z_]+)\([^()]*\) *$/\1/p' | sort >"$dir/declared"
nm -D --defined-only "$library/libchrondb.so" | awk '{ print $3 }' | sort >"$dir/exported"
[ "$(wc -l <"$dir/declared")" = 16 ] || { echo "graal: the headers were not understood"; cat "$dir/declared"; exit 1; }
diff -u "$dir/declared" "$dir/exported" || { echo "graal: - declared, + exported"; exit 1; }

for standard in c99 c11; do
    printf '#include "libchrondb.h"\n#include "libchrondb.h"\nint unit;\n' >"$dir/unit.c"
    $cc -std=$standard -Wall -Wextra -pedantic -Werror -I"$library" -fsyntax-only "$dir/unit.c"
done
cp "$dir/unit.c" "$dir/unit.cc"
"${CXX:-c++}" -std=c++11 -Wall -Wextra -pedantic -Werror -I"$library" -fsyntax-only "$dir/unit.cc"

$cc -std=c99 -Wall -Wextra -pedantic -Werror -g -I"$library" -o "$dir/client" tests/graal/client.c \
    -L"$library" -Wl,-rpath,"$library" -lchrondb -lpthread
mkdir "$dir/used"
"$dir/client" "$dir/used" "$cycles" || { echo "graal: the C client failed"; exit 1; }
if [ -n "${CHRONDB_TEST_VALGRIND:-}" ]; then
    mkdir "$dir/valgrind"
    CLIENT_UNDER_VALGRIND=1 valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
        --error-exitcode=9 "$dir/client" "$dir/valgrind" "$cycles" || { echo "graal: Valgrind found something"; exit 1; }
fi

if command -v python3 >/dev/null; then
    for mode in free keep; do
        python3 tests/graal/client.py "$library/libchrondb.so" "$dir" $mode ||
            { echo "graal: the Python client ($mode) failed"; exit 1; }
    done
else
    echo "graal: python3 is not installed; its client is left out"
fi
