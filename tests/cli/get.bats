#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# get, exists, list, count, tables.

load helper

fill() {
    "$CHRONDB" batch >/dev/null <<'END'
{"op":"put","key":"user:2","value":{"n": 2}}
{"op":"put","key":"user:1","value":{"n":1}}
{"op":"put","key":"user:10","value":10}
{"op":"put","key":"city:paris","value":"Paris"}
{"op":"put","key":"plain","value":null}
END
}

@test "get prints the document, and a newline if it lacks one" {
    given put k ' {"a":1} '
    "$CHRONDB" get k >out
    printf ' {"a":1} \n' | cmp - out
    printf '{"a":1}\n' | "$CHRONDB" put k >/dev/null
    "$CHRONDB" get k >out
    printf '{"a":1}\n' | cmp - out
}

@test "get of a missing key" {
    given put k 1
    try get user:1
    fails 1 "chrondb: cannot get 'user:1': not found"
    try get user:1 --format json
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    same error '["not_found","user:1"]' "$(jq -c '.error|[.code,.key]' <<<"$stderr")"
}

@test "several keys need --records" {
    fill
    try get user:1 user:2
    fails 2 'chrondb: several keys need --records'
    try get user:2 city:paris --records
    prints '{"key":"user:2","value":{"n":2}}
{"key":"city:paris","value":"Paris"}'
    try get plain --records
    prints '{"key":"plain","value":null}'
}

@test "get --records: missing ones are records too, exit 1" {
    fill
    try get nobody user:1 --records
    same output '{"key":"nobody","found":false}
{"key":"user:1","value":{"n":1}}' "$output"
    [ "$status" -eq 1 ]
    [ -z "$stderr" ]
}

@test "get --at" {
    given put k 1
    now 2026-11-21T11:00:00Z
    given put k 2
    try get k --at 2026-11-21T10:30
    prints 1
    try get k --at 2026-11-21T09:00
    fails 1 "chrondb: cannot get 'k': not found"
    try get k --at nonsense
    fails_like 2 "chrondb: *'nonsense'*"
}

@test "reading where no database is" {
    for command in 'get k' list count tables 'exists k' 'at now k' 'history k' log 'diff now' info; do
        try $command
        fails_like 6 'chrondb: *no database at *.chrondb*'
    done
    [ ! -e .chrondb ]
    try --format json --db nowhere get k
    same error no_database "$(jq -r .error.code <<<"$stderr")"
}

@test "exists answers by its exit status, in words if asked" {
    fill
    try exists user:1
    prints ''
    try exists user:3
    fails 1 ''
    try exists user:1 --format json
    prints '{"key":"user:1","exists":true}'
    try exists user:3 --format raw
    same output false "$output"
    [ "$status" -eq 1 ]
    try exists 'a:'
    fails_like 2 'chrondb: *malformed key*'
    try exists user:1 --at 2020-01-01
    fails 1 ''
}

@test "list: in the order of the keys' bytes" {
    fill
    try list
    prints '{"key":"city:paris","value":"Paris"}
{"key":"plain","value":null}
{"key":"user:1","value":{"n":1}}
{"key":"user:10","value":10}
{"key":"user:2","value":{"n":2}}'
}

@test "list: prefix, table, keys, limit, after, reverse" {
    fill
    try list user:1 --keys
    prints '{"key":"user:1"}
{"key":"user:10"}'
    try list --table user --keys --limit 2
    prints '{"key":"user:1"}
{"key":"user:10"}'
    try list --table '' --keys
    prints '{"key":"plain"}'
    try list --keys --after plain -n1
    prints '{"key":"user:1"}'
    try list --keys --reverse --limit 2
    prints '{"key":"user:2"}
{"key":"user:10"}'
    try list --limit 0
    prints ''
    try list nothing
    prints ''
}

@test "list --at, count --at, tables --at" {
    fill
    now 2026-11-21T11:00:00Z
    given put new:1 1
    try list --at 2026-11-21T10:30 --keys new
    prints ''
    try count --at 2026-11-21T10:30
    prints '{"count":5}'
    try tables --at 2026-11-21T10:30
    prints '{"table":null,"count":1}
{"table":"city","count":1}
{"table":"user","count":3}'
    try tables --format raw
    prints '
city
new
user'
}

@test "count" {
    fill
    try count
    prints '{"count":5}'
    try count user:1
    prints '{"count":2}'
    try count --table user
    prints '{"count":3}'
    try count --format raw --table city
    prints 1
    try count zzz
    prints '{"count":0}'
}

@test "an empty database lists nothing" {
    given init
    try list
    prints ''
    try tables
    prints ''
    try count
    prints '{"count":0}'
    try list --format json
    prints '[]'
}
