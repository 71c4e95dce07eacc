#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Formats, terminals, and standard output that cannot be written.

load helper

fill() {
    given put user:1 '{"name": "Alice"}'
    given put user:2 '[1, 2]'
}

@test "--format json: one array, or one object" {
    fill
    try list --format json
    prints '[
{"key":"user:1","value":{"name":"Alice"}},
{"key":"user:2","value":[1,2]}
]'
    try list --format json zzz
    prints '[]'
    try count --format json
    prints '{"count":2}'
    try delete user:1 --format json
    same length 1 "$(jq length <<<"$output")"
}

@test "--format text: columns" {
    fill
    try list --format text
    prints 'KEY     VALUE
user:1  {"name":"Alice"}
user:2  [1,2]'
    try tables --format text
    prints 'TABLE  COUNT
user   2'
    try count --format text
    prints 'count  2'
    given put user:2 3 -m 'third one' --meta a=b --author 'A <a@b>'
    try log --format text --limit 1
    same columns 'COMMIT        TIME                            AUTHOR   MESSAGE    META  CHANGES' "${lines[0]}"
    same row "$(head_of | cut -c1-12)  2026-11-21T10:00:00.000000002Z  A <a@b>  third one  a=b   user:2 update" "${lines[1]}"
    try history user:2 --format text --no-value
    same columns 'KEY     OP      COMMIT        TIME                            AUTHOR   MESSAGE    META' "$(sed 's/AUTHOR *MESSAGE */AUTHOR   MESSAGE    /' <<<"${lines[0]}")"
    try list --format text zzz
    prints ''
}

@test "--format raw: values only" {
    fill
    try list --format raw
    prints '{"name":"Alice"}
[1,2]'
    try list --keys --format raw
    prints 'user:1
user:2'
    try put user:3 1 --format raw
    prints "$(head_of)"
    try log --format raw --limit 1
    prints "$(head_of)"
    try get user:1 --format raw
    prints '{"name": "Alice"}'
}

@test "keys with control characters are escaped in JSON and in columns" {
    key=$'a\x1b[31m\tb\xc2\x9b'
    given put "$key" 1
    try list
    prints '{"key":"a\u001b[31m\tb\u009b","value":1}'
    try list --keys --format text
    prints 'KEY
a\x1B[31m\x09b\xC2\x9B'
}

@test "on a terminal records are indented and coloured" {
    fill
    try_terminal list user:1
    [[ $output == $'{\n  '*$'\e['*'"key"'*$'\n}' || $output == *$'\e['* ]]
    same text '{
  "key": "user:1",
  "value": {
    "name": "Alice"
  }
}' "$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")"
    try_terminal get user:1
    same text '{
  "name": "Alice"
}' "$(sed 's/\x1b\[[0-9;]*m//g' <<<"$output")"
    [[ $output == *$'\e['* ]]
    NO_COLOR=1 try_terminal get user:1
    [[ $output != *$'\e['* ]]
    try_terminal get user:1 --color=never
    [[ $output != *$'\e['* ]]
    try_terminal list --format ndjson --color=never
    same text '{"key":"user:1","value":{"name":"Alice"}}
{"key":"user:2","value":[1,2]}' "$output"
    try_terminal list --format json --color=never --keys
    same text '[
  {
    "key": "user:1"
  },
  {
    "key": "user:2"
  }
]' "$output"
}

@test "colours in a pipe only if asked" {
    fill
    try list
    [[ $output != *$'\e['* ]]
    try list --color=always
    [[ $output == *$'\e['* ]]
    try list --color
    [[ $output == *$'\e['* ]]
}

@test "control characters from data never reach a terminal raw" {
    local key=$'k\x1b]0;t\x07' format
    printf '{"a":"x\x7fy\xc2\x9bz"}' | "$CHRONDB" put "$key" >/dev/null
    for format in '' --format=ndjson --format=json --format=text --format=raw; do
        try_terminal list $format --color=never
        [ "$status" -eq 0 ]
        [[ $output == *'x'*'y'*'z'* ]]
        run ! has_controls <<<"$output"
        try_terminal history "$key" $format --color=never
        [ "$status" -eq 0 ]
        run ! has_controls <<<"$output"
        try_terminal get "$key" $format --color=never
        [ "$status" -eq 0 ]
        run ! has_controls <<<"$output"
    done
    # In a pipe the document stays as it was put.
    "$CHRONDB" get "$key" >out
    has_controls <out
}

@test "long lists go through the pager, on a terminal only" {
    fill
    printf '#!/bin/sh\necho paged "$LESS"\ncat\n' >pager
    chmod +x pager
    export PAGER=$PWD/pager
    run script -qefc "$(printf '%q ' "$CHRONDB" list --keys --format raw)" /dev/null </dev/null
    same output $'paged FRX\nuser:1\nuser:2' "${output//$'\r'/}"
    CHRONDB_PAGER=cat run script -qefc "$(printf '%q ' "$CHRONDB" list --keys --format raw)" /dev/null </dev/null
    same output $'user:1\nuser:2' "${output//$'\r'/}"
    run script -qefc "$(printf '%q ' "$CHRONDB" count)" /dev/null </dev/null
    [[ $output != *paged* ]]
    run script -qefc "$(printf '%q ' "$CHRONDB" list --at nonsense)" /dev/null </dev/null
    [[ $output != *paged* ]]
    [ "$status" -eq 2 ]
    try list --keys --format raw
    prints $'user:1\nuser:2'
}

@test "a full disk is an error" {
    fill
    for command in list 'get user:1' count help -h 'list --format text' 'list --format raw'; do
        # shellcheck disable=SC2086
        run --separate-stderr sh -c '"$@" >/dev/full' sh "$CHRONDB" $command
        fails 8 'chrondb: cannot write to standard output: No space left on device'
    done
}

@test "a closed standard output is an error, and nothing of it gets into the database" {
    fill
    run --separate-stderr sh -c '"$@" >&-' sh "$CHRONDB" get user:1
    fails 8 'chrondb: cannot write to standard output: Bad file descriptor'
    run --separate-stderr sh -c '"$@" >&- 2>&- <&-' sh "$CHRONDB" put user:3 3
    [ "$status" -eq 8 ]
    git -C .chrondb fsck --strict
    try get user:3
    prints 3
    run --separate-stderr sh -c '"$@" <&-' sh "$CHRONDB" put user:4
    fails 8 "chrondb: cannot put 'user:4': cannot read standard input: Bad file descriptor"
}

@test "a reader that goes away ends us quietly" {
    seq 1 3000 | sed 's/.*/{"op":"put","key":"n:&","value":"some words that fill a line of the list, and then some more"}/' |
        "$CHRONDB" batch >/dev/null
    "$CHRONDB" list 2>err | head -n1 >out || true
    same first '{"key":"n:1","value":"some words that fill a line of the list, and then some more"}' "$(cat out)"
    same stderr '' "$(cat err)"
    # Also where SIGPIPE is ignored.
    (
        trap '' PIPE
        "$CHRONDB" list 2>err | head -n1 >out
    ) || true
    same stderr '' "$(cat err)"
}

@test "--progress tells how far a batch is" {
    given init
    (
        echo '{"op":"put","key":"a","value":1}'
        sleep 0.6
        echo '{"op":"put","key":"b","value":1}'
    ) | "$CHRONDB" batch --progress >/dev/null 2>err
    grep -q 'operations read' err
    (
        echo '{"op":"put","key":"a","value":2}'
        sleep 0.6
        echo '{"op":"put","key":"b","value":2}'
    ) | "$CHRONDB" batch >/dev/null 2>err
    [ ! -s err ]
}
