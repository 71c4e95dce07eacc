#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh tests/quickstart.sh: build chrondb and show what it does, on a database in a temporary directory.
set -eu
cd "$(dirname "$0")/.."

sh tests/setup.sh build
# A build directory that is there already keeps its settings.
[ -f build/CMakeCache.txt ] || cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCHRONDB_TESTS=OFF
cmake --build build -j "$(nproc)" --target chrondb

PATH=$PWD/build:$PATH
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$dir"
unset CHRONDB_DIR CHRONDB_BRANCH CHRONDB_INDEX

say() {
    printf '\n# %s\n' "$1"
}

# run COMMAND: show it as it would be typed, then do it
run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

say 'A database is made by the first write. Every write is a commit.'
run "chrondb put user:1 '{\"name\": \"Alice\", \"age\": 30, \"balance\": 10.50}'"
run 'chrondb put user:2 name=Bob age:=25'
run 'chrondb get user:1'

say 'Change one field; what is not touched keeps its very text.'
run 'before=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)'
run 'chrondb patch user:1 age:=31'
run 'chrondb get user:1'

say 'Nothing is forgotten: the versions, the document as it was, the database as it was.'
run 'chrondb history user:1'
run 'chrondb at "$before" user:1'
run 'chrondb at user:1@{1} user:1'
run 'chrondb delete user:2'
run 'chrondb list'
run 'chrondb count --at "$before"'
run 'chrondb list --at "$before"'

say 'Bring it back, and see what happened.'
run 'chrondb restore user:2 --at "$before"'
run 'chrondb log'
run 'chrondb diff "$before" now'

say 'Found by words and fields, now and then.'
run "chrondb search 'name:bob OR age:[30 TO *]'"
run 'chrondb search alice --at "$before" --no-value'

say 'Several changes, all of them or none.'
run "printf '%s\\n' '{\"op\":\"put\",\"key\":\"order:7\",\"value\":{\"total\":99.90}}' '{\"op\":\"patch\",\"key\":\"user:1\",\"value\":{\"orders\":1}}' | chrondb batch -m 'first order'"

say 'It is a git repository, and git finds it sound.'
run 'git -C .chrondb log --oneline'
run 'git -C .chrondb ls-tree -r --name-only main'
run 'git -C .chrondb fsck --full --strict && echo sound'
