#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# How options are written.

load helper

@test "an unknown option: the nearest one" {
    try list --revers
    fails 2 "chrondb: unknown option '--revers'; did you mean '--reverse'?"
    try list --xyzzy
    fails 2 "chrondb: unknown option '--xyzzy'"
    try list -Z
    fails 2 "chrondb: unknown option '-Z'"
    try --fromat=json list
    fails 2 "chrondb: unknown option '--fromat'; did you mean '--format'?"
}

@test "--opt=value, --opt value, -o value, -ovalue are the same" {
    given put k 1 --message=one
    given put k 2 --message one
    given put k 3 -m one
    given put k 4 -mone
    [ "$("$CHRONDB" history k --format raw --no-value | wc -l)" -eq 4 ]
    run -0 jq -r .message < <("$CHRONDB" history k)
    same messages $'one\none\none\none' "$output"
}

@test "short options can be grouped" {
    given put k 1
    try -qv get k
    prints 1
    try get -qvh k
    [[ $output == 'usage: chrondb get '* ]]
}

@test "options and arguments mix; -- ends the options" {
    given put -m first -- --key '"v"'
    try get -- --key
    prints '"v"'
    try list --keys -- --k
    prints '{"key":"--key"}'
}

@test "what starts with - and a digit is a value" {
    try put n -5
    [ "$status" -eq 0 ]
    try get n
    prints -5
    try put n -1.5e3 -m 'a change'
    [ "$status" -eq 0 ]
    try get n
    prints -1.5e3
    given put -- -7 true
    try get -7
    prints true
}

@test "an option without its argument; an argument for an option that takes none" {
    try list --limit
    fails 2 'chrondb: --limit needs an argument: N'
    try put k 1 -m
    fails 2 'chrondb: -m needs an argument: TEXT'
    try list --keys=yes
    fails 2 'chrondb: --keys takes no argument'
}

@test "numbers, seconds and words are checked" {
    for value in -1 1x '' 18446744073709551616 0x10; do
        try list "--limit=$value"
        fails 2 "chrondb: --limit wants a number, not '$value'"
    done
    for value in x -1 '' nan 99999999999; do
        try put k 1 "--lock-timeout=$value"
        fails 2 "chrondb: --lock-timeout wants seconds, not '$value'"
    done
    try list --format=jsn
    fails 2 "chrondb: no such format 'jsn'; did you mean 'json'?"
    try list --color=sometimes
    fails 2 "chrondb: no such color 'sometimes' (--color=auto|always|never)"
}

@test "global options stand before or after the command" {
    given --db there put k 1
    try get --db there k
    prints 1
    try --db=there get k
    prints 1
    try get k --db=there
    prints 1
}

@test "a name left empty is no default" {
    try -b '' put k 1
    fails 2 'chrondb: the name of the branch is empty'
    try put k 1 --index ''
    fails 2 'chrondb: the path of the index is empty'
    [ ! -e .chrondb ]
    CHRONDB_BRANCH='' CHRONDB_INDEX='' given put k 1
}

@test "-C changes the directory, again and again" {
    mkdir -p a/b
    given -C a -C b put k 1
    [ -d a/b/.chrondb ]
    try get k -C a/b
    prints 1
    try -C nowhere get k
    fails 8 "chrondb: cannot change to 'nowhere': No such file or directory"
}

@test "CHRONDB_DIR names the database, --db goes before it" {
    CHRONDB_DIR=one given put k 1
    given --db two put k 2
    CHRONDB_DIR=one try get k
    prints 1
    CHRONDB_DIR=one try get k --db two
    prints 2
}

@test "the nearest .chrondb upwards is found" {
    given put k 1
    mkdir -p deep/er
    try -C deep/er get k
    prints 1
    [ ! -e deep/er/.chrondb ]
}

@test "an unknown option is told as JSON if a --format stands behind it" {
    try put k 1 --bogus --format json
    fails 2 "{\"error\":{\"code\":\"usage\",\"message\":\"unknown option '--bogus'\"}}"
    try bogus x --format=ndjson
    fails 2 "{\"error\":{\"code\":\"usage\",\"message\":\"no such command 'bogus' (chrondb help lists them)\"}}"
}

@test "control characters of the user's do not reach the terminal raw" {
    try list "--$(printf 'x\033[31m\n')"
    fails 2 "chrondb: unknown option '--x\\x1B[31m'"
    try get a $'b\x80\xc2\x9bc'
    fails 2 'chrondb: several keys need --records'
}
