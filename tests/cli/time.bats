#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# at, history, log, diff, restore.

load helper

# 10:00 create, 11:00 update, 12:00 delete, 13:00 create again; another key at 14:00.
fill() {
    given put user:1 '{"name":"Alice","age":30}' -m one --author 'Ann <ann@example.org>'
    c1=$(head_of)
    now 2026-11-21T11:00:00Z
    given put user:1 '{"name":"Alice","age":31}' -m two --author 'Ann <ann@example.org>'
    c2=$(head_of)
    now 2026-11-21T12:00:00Z
    given delete user:1 -m three --author 'Ben <ben@example.org>'
    c3=$(head_of)
    now 2026-11-21T13:00:00Z
    given put user:1 '{"name":"Al"}' -m four --author 'Ben <ben@example.org>' --meta why=because
    c4=$(head_of)
    now 2026-11-21T14:00:00Z
    given put city:1 '"Paris"' -m five --author 'Ben <ben@example.org>'
    c5=$(head_of)
}

@test "at: the document as it was" {
    fill
    try at 2026-11-21T10:00 user:1
    prints '{"name":"Alice","age":30}'
    try at 2026-11-21T11:59:59.999Z user:1
    prints '{"name":"Alice","age":31}'
    try at "$c1" user:1
    prints '{"name":"Alice","age":30}'
    try at 'user:1@{1}' user:1
    [ "$status" -eq 1 ] # it was deleted then
    try at main~3 user:1
    prints '{"name":"Alice","age":31}'
    try at '2 hours ago' user:1
    [ "$status" -eq 1 ]
    try at now user:1
    prints '{"name":"Al"}'
}

@test "at: before its creation and after its deletion, exit 1" {
    fill
    try at 2026-11-21T09:59:59Z user:1
    fails 1 "chrondb: cannot get 'user:1': not found"
    try at 2026-11-21T12:30 user:1
    fails 1 "chrondb: cannot get 'user:1': not found"
    try at 2026-11-21T12:30 user:1 city:1 --records
    same output '{"key":"user:1","found":false}
{"key":"city:1","found":false}' "$output"
    [ "$status" -eq 1 ]
}

@test "at: a WHEN that is none" {
    fill
    try at 'next week' user:1
    fails_like 2 "chrondb: *'next week'*"
    try --format json at 'next week' user:1
    same code invalid_time "$(jq -r .error.code <<<"$stderr")"
}

@test "history: newest first" {
    fill
    try history user:1
    prints "{\"key\":\"user:1\",\"op\":\"create\",\"commit\":\"$c4\",\"time\":\"2026-11-21T13:00:00.000000000Z\",\"author\":\"Ben <ben@example.org>\",\"message\":\"four\",\"meta\":{\"why\":\"because\"},\"value\":{\"name\":\"Al\"}}
{\"key\":\"user:1\",\"op\":\"delete\",\"commit\":\"$c3\",\"time\":\"2026-11-21T12:00:00.000000000Z\",\"author\":\"Ben <ben@example.org>\",\"message\":\"three\",\"value\":null}
{\"key\":\"user:1\",\"op\":\"update\",\"commit\":\"$c2\",\"time\":\"2026-11-21T11:00:00.000000000Z\",\"author\":\"Ann <ann@example.org>\",\"message\":\"two\",\"value\":{\"name\":\"Alice\",\"age\":31}}
{\"key\":\"user:1\",\"op\":\"create\",\"commit\":\"$c1\",\"time\":\"2026-11-21T10:00:00.000000000Z\",\"author\":\"Ann <ann@example.org>\",\"message\":\"one\",\"value\":{\"name\":\"Alice\",\"age\":30}}"
}

@test "history: limit, since, until, reverse, no-value, patch" {
    fill
    try history user:1 --limit 2 --format raw --no-value
    prints "$c4
$c3"
    try history user:1 --reverse --format raw --no-value
    prints "$c1
$c2
$c3
$c4"
    try history user:1 --since 2026-11-21T11:00 --until 2026-11-21T12:30 --format raw --no-value
    prints "$c3
$c2"
    try history user:1 --no-value --limit 1
    same members '["key","op","commit","time","author","message","meta"]' "$(jq -c keys_unsorted <<<"$output")"
    try history user:1 --patch --until "$c2"
    same patches '{"age":31}
null' "$(jq -c .patch <<<"$output")"
    same members '["key","op","commit","time","author","message","value","patch"]' "$(jq -c keys_unsorted <<<"${lines[0]}")"
    try history user:1 --limit 0
    prints ''
    try history user:1 --format raw
    prints '{"name":"Al"}

{"name":"Alice","age":31}
{"name":"Alice","age":30}'
}

@test "history of a key that never was" {
    fill
    try history user:2
    fails_like 1 "chrondb: *'user:2': not found*"
}

@test "log" {
    fill
    try log --limit 2
    prints "{\"commit\":\"$c5\",\"time\":\"2026-11-21T14:00:00.000000000Z\",\"author\":\"Ben <ben@example.org>\",\"message\":\"five\",\"changes\":[{\"key\":\"city:1\",\"op\":\"create\"}]}
{\"commit\":\"$c4\",\"time\":\"2026-11-21T13:00:00.000000000Z\",\"author\":\"Ben <ben@example.org>\",\"message\":\"four\",\"meta\":{\"why\":\"because\"},\"changes\":[{\"key\":\"user:1\",\"op\":\"create\"}]}"
    try log --reverse --format raw
    prints "$c1
$c2
$c3
$c4
$c5"
    try log --since 2026-11-21T12:00 --until 2026-11-21T13:00 --format raw
    prints "$c4
$c3"
}

@test "log: a commit with several changes, and the messages of our own" {
    given put a 1
    given put b 1
    printf '%s\n' '{"op":"put","key":"a","value":2}' '{"op":"delete","key":"b"}' '{"op":"put","key":"c","value":3}' | "$CHRONDB" batch >/dev/null
    try log --limit 1
    same changes '[{"key":"a","op":"update"},{"key":"b","op":"delete"},{"key":"c","op":"create"}]' "$(jq -c .changes <<<"$output")"
    try log --reverse --limit 3
    same messages 'put a
put b
put 2, delete 1' "$(jq -r .message <<<"$output")"
}

@test "diff between two moments" {
    fill
    try diff "$c1" "$c2"
    prints '{"key":"user:1","op":"update","old":{"name":"Alice","age":30},"new":{"name":"Alice","age":31},"patch":{"age":31}}'
    try diff 2026-11-21T12:30
    prints '{"key":"city:1","op":"create","old":null,"new":"Paris","patch":null}
{"key":"user:1","op":"create","old":null,"new":{"name":"Al"},"patch":null}'
    try diff "$c2" "$c3"
    prints '{"key":"user:1","op":"delete","old":{"name":"Alice","age":31},"new":null,"patch":null}'
}

@test "diff of some keys, --exit-code" {
    fill
    try diff 2026-11-21T12:30 -- city: nothing
    prints '{"key":"city:1","op":"create","old":null,"new":"Paris","patch":null}'
    try diff "$c4" "$c5" --exit-code -- user:1
    prints ''
    try diff "$c4" now --exit-code
    [ "$status" -eq 1 ]
    [ -z "$stderr" ]
    [ -n "$output" ]
    try diff a b c
    fails 2 "chrondb: diff needs one or two moments; keys stand behind '--': chrondb diff A [B] [-- KEY|PREFIX...]"
    try diff -- a
    fails 2 "chrondb: diff needs one or two moments; keys stand behind '--': chrondb diff A [B] [-- KEY|PREFIX...]"
}

@test "restore of a key" {
    fill
    try restore user:1 --at "$c2"
    prints "{\"key\":\"user:1\",\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T14:00:00.000000001Z\",\"status\":\"updated\"}"
    try get user:1
    prints '{"name":"Alice","age":31}'
    try restore user:1 --at "$c2"
    same status unchanged "$(member status)"
    try restore city:1 --at "$c2"
    fails_like 1 "chrondb: cannot restore 'city:1': *"
}

@test "restore --all" {
    fill
    try restore --all --at "$c2" -m back
    prints "{\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T14:00:00.000000001Z\",\"status\":\"updated\"}"
    try list
    prints '{"key":"user:1","value":{"name":"Alice","age":31}}'
    try restore --all --at "$c2"
    prints '{"commit":null,"time":null,"status":"unchanged"}'
}

@test "restore --table" {
    fill
    given put plain 1
    given put user:2 '{}'
    try restore --table user --at "$c2"
    prints "{\"commit\":\"$(head_of)\",\"time\":\"2026-11-21T14:00:00.000000003Z\",\"status\":\"updated\"}"
    try list
    prints '{"key":"city:1","value":"Paris"}
{"key":"plain","value":1}
{"key":"user:1","value":{"name":"Alice","age":31}}'
    try log --limit 1 --format raw
    same changes '["user:1","user:2"]' "$("$CHRONDB" log --limit 1 | jq -c '[.changes[].key]')"
    try restore --table user --at "$c2"
    prints '{"commit":null,"time":null,"status":"unchanged"}'
    try restore --table nobody --at "$c2"
    prints '{"commit":null,"time":null,"status":"unchanged"}'
    # The keys without a table, and a table that was not there.
    given restore --table '' --at "$c5"
    given restore --table city --at "$c4"
    try list --keys --format raw
    prints user:1
    [ -z "$(git -C .chrondb fsck --strict --no-dangling 2>&1)" ]
}

@test "restore: what must be said" {
    local needs='chrondb: restore needs either a KEY, or --table TABLE, or --all'
    try restore --all
    fails 2 'chrondb: restore needs --at WHEN'
    try restore --at now
    fails 2 "$needs"
    try restore k --all --at now
    fails 2 "$needs"
    try restore --table t --all --at now
    fails 2 "$needs"
    try restore k --table t --at now
    fails 2 "$needs"
    [ ! -e .chrondb ]
}
