#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Install into a temporary prefix and use what is there: by pkg-config, by find_package, and the program itself.
set -eu
build=$CHRONDB_BUILD_DIR
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/prefix
cc=${CC:-cc}

# try NAME COMMAND...: show what it said only if it fails
try() {
    name=$1
    shift
    if ! "$@" >"$dir/log" 2>&1; then
        echo "install: $name failed: $*"
        cat "$dir/log"
        exit 1
    fi
}

try install cmake --install "$build" --prefix "$prefix"
libdir=$(dirname "$(find "$prefix" -name libchrondb.a)")
for file in bin/chrondb include/chrondb.h share/man/man1/chrondb.1 share/man/man3/chrondb.3 share/bash-completion/completions/chrondb \
    share/zsh/site-functions/_chrondb share/fish/vendor_completions.d/chrondb.fish; do
    [ -f "$prefix/$file" ] || { echo "install: $file is missing"; exit 1; }
done
if find "$prefix" -name '*hooks*' | grep .; then
    echo "install: the program of the tests must not be installed"
    exit 1
fi
# Nothing in it looks back at where it was built.
if grep -rIl -F -e "$build" -e "$PWD" "$prefix"; then
    echo "install: these name the build or source directory"
    exit 1
fi

export PKG_CONFIG_PATH="$libdir/pkgconfig"
try 'pkg-config, shared' sh -c "$cc -Wall -Werror -o '$dir/shared' tests/install/consumer.c \$(pkg-config --cflags --libs chrondb)"
try 'run, shared' env LD_LIBRARY_PATH="$libdir" "$dir/shared" "$dir/db1"
if command -v readelf >/dev/null; then
    readelf -d "$dir/shared" | grep -q 'NEEDED.*libchrondb\.so\.0' || { echo "install: not linked with libchrondb.so.0"; exit 1; }
fi

# The same without the shared library: what libchrondb.a needs is in Libs.private.
mkdir "$dir/aside"
mv "$libdir"/libchrondb.so* "$dir/aside"
try 'pkg-config, static library' sh -c "$cc -o '$dir/static' tests/install/consumer.c \$(pkg-config --cflags --static --libs chrondb)"
try 'run, static library' "$dir/static" "$dir/db2"
if grep -q 'libgit2\.a' "$libdir/pkgconfig/chrondb.pc"; then
    try 'pkg-config, nothing shared' sh -c "$cc -static -o '$dir/full' tests/install/consumer.c \$(pkg-config --cflags --static --libs chrondb)"
    try 'run, nothing shared' "$dir/full" "$dir/db5"
fi
mv "$dir/aside"/* "$libdir"

# The program of chrondb(3), as the page says it is built, and what it prints: the first time, and when it is all there.
if command -v python3 >/dev/null; then
    block() {
        python3 tests/cli/man_examples.py block 'A PROGRAM' "$1" man/chrondb.3
    }
    mkdir "$dir/people"
    block 1 >"$dir/people/people.c"
    block 2 >"$dir/people/expected"
    block 3 | sed 's/^cc /'"$cc"' -std=c99 -Wall -Wextra -Werror /' >"$dir/people/build.sh"
    block 4 >"$dir/people/CMakeLists.txt"
    try 'build people by pkg-config' sh -c "cd '$dir/people' && sh build.sh"
    try 'find_package, people' cmake -S "$dir/people" -B "$dir/people/build" -DCMAKE_PREFIX_PATH="$prefix"
    try 'build people by find_package' cmake --build "$dir/people/build"
    for program in people build/people; do
        try "run $program" sh -c "cd '$dir/people' && LD_LIBRARY_PATH='$libdir' ./$program >printed && diff expected printed"
    done
fi

try 'find_package' cmake -S tests/install -B "$dir/consumer" -DCMAKE_PREFIX_PATH="$prefix"
try 'build with find_package' cmake --build "$dir/consumer"
try 'run, find_package, shared' "$dir/consumer/consumer-shared" "$dir/db3"
try 'run, find_package, static' "$dir/consumer/consumer-static" "$dir/db4"

# Every way wrote a database that the program reads.
for db in db1 db2 db3 db4; do
    try "get from $db" "$prefix/bin/chrondb" --db "$dir/$db" get user:1
    [ "$(cat "$dir/log")" = '{"name":"Alice"}' ] || { echo "install: $db: got $(cat "$dir/log")"; exit 1; }
done
