#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# batch: all of it, or none.

load helper

@test "a batch is one commit" {
    given put old 1
    try batch <<'END'
{"op":"put","key":"a","value":{"x": 1}}

{"op":"put","key":"old","value":2}
   
{"op":"put","key":"b","value":[]}
{"op":"patch","key":"a","value":{"y":2}}
{"op":"delete","key":"b"}
{"op":"check","key":"a","if_exists":true}
END
    prints "{\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T10:00:00.000000001Z\",\"status\":\"committed\",\"created\":2,\"updated\":2,\"deleted\":1,\"unchanged\":0}"
    same commits 2 "$(git -C .chrondb rev-list --count HEAD)"
    try get old
    prints 2
    try exists b
    [ "$status" -eq 1 ]
}

@test "a batch from a file, without a last newline" {
    printf '{"op":"put","key":"a","value":1}\n{"op":"put","key":"b","value":2}' >ops
    try batch ops -m 'both at once'
    same status committed "$(member status)"
    try log
    same message 'both at once' "$(member message)"
    try batch nowhere
    fails 8 "chrondb: cannot open 'nowhere': No such file or directory"
}

@test "nothing to do: unchanged" {
    given put a 1
    try batch <<<'{"op":"put","key":"a","value":1}'
    prints '{"commit":null,"time":null,"status":"unchanged","created":0,"updated":0,"deleted":0,"unchanged":1}'
    try batch </dev/null
    prints '{"commit":null,"time":null,"status":"unchanged","created":0,"updated":0,"deleted":0,"unchanged":0}'
    same commits 1 "$(git -C .chrondb rev-list --count HEAD)"
}

@test "a bad line: its number; nothing is written" {
    given put a 1
    try batch <<'END'
{"op":"put","key":"b","value":1}

{"op":"put","key":"c","value":}
END
    fails_like 4 'chrondb: line 3: not valid JSON at column 31: *'
    try exists b
    [ "$status" -eq 1 ]
    try --format json batch <<<$'\n\n{"op":"jump","key":"c"}'
    [ "$status" -eq 4 ]
    same line 3 "$(jq .error.line <<<"$stderr")"
    try batch <<<'{"op":"put","key":"a:","value":1}'
    fails_like 2 'chrondb: line 1: *malformed key*'
}

@test "one that fails, fails all" {
    given put a 1
    try batch <<'END'
{"op":"put","key":"b","value":1}
{"op":"delete","key":"missing"}
END
    fails_like 1 "chrondb: *'missing': not found"
    try batch <<'END'
{"op":"put","key":"b","value":1}
{"op":"put","key":"a","value":2,"if_absent":true}
END
    fails_like 3 "chrondb: *'a'*"
    try list --keys
    prints '{"key":"a"}'
}

@test "a batch holds no lock while its lines come in" {
    given init
    mkfifo slow
    "$CHRONDB" batch <slow >batch.out &
    exec 4>slow
    echo '{"op":"put","key":"a","value":1}' >&4
    try put b 2 --lock-timeout 0
    [ "$status" -eq 0 ]
    exec 4>&-
    wait $!
    same status committed "$(jq -r .status batch.out)"
}

@test "many lines" {
    seq 1 3000 | sed 's/.*/{"op":"put","key":"n:&","value":{"n":&,"text":"some words that fill the line"}}/' >ops
    try batch ops
    same created 3000 "$(member created)"
    try count --table n
    prints '{"count":3000}'
}

@test "batch --if-absent holds for operations that state no condition of their own" {
    given put a:1 1
    try batch --if-absent <<< '{"op":"put","key":"a:1","value":2}'
    fails_like 3 "chrondb: cannot put 'a:1': it exists already; its last commit is *"
    try batch --if-absent <<< '{"op":"put","key":"a:1","value":2,"if_exists":true}'
    same 'exit status' 0 "$status"
    try get a:1
    prints 2
}

@test "patch, delete and restore create no database, a malformed key neither" {
    try patch a:1 x=1
    fails 6 "chrondb: no database at '.chrondb'"
    try delete a:1
    fails 6 "chrondb: no database at '.chrondb'"
    try restore a:1 --at now
    fails 6 "chrondb: no database at '.chrondb'"
    try put a: 1
    fails 2 "chrondb: malformed key 'a:': the id behind ':' is empty"
    [ ! -e .chrondb ]
}
