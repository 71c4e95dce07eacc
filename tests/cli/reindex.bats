#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb reindex, and what info tells of the index.

load helper

info() { # MEMBER
    "$CHRONDB" info | jq -r ".$1"
}

fill() {
    local i
    for i in 1 2 3 4 5; do
        given put "user:$i" "$i"
    done
    given put config true
}

@test "reindex: one record" {
    fill
    try reindex
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    same members '["branches","commits","keys","bytes"]' "$(jq -c keys_unsorted <<<"$output")"
    same numbers '[1,6,6]' "$(jq -c '[.branches,.commits,.keys]' <<<"$output")"
    [ "$(member bytes)" -gt 0 ]
    same covered 6 "$(info index_commits)"
    same segments 1 "$(info index_segments)"
    same bytes "$(member bytes)" "$(info index_bytes)"
}

@test "branches have commits and keys in common" {
    fill
    git -C .chrondb update-ref refs/heads/side refs/heads/main~1
    given put -b side other 1
    given put -b side config false
    try reindex
    same numbers '[2,8,7]' "$(jq -c '[.branches,.commits,.keys]' <<<"$output")"
}

@test "an empty database" {
    given init
    try reindex
    same numbers '[0,0,0]' "$(jq -c '[.branches,.commits,.keys]' <<<"$output")"
    same commits 0 "$(info index_commits)"
}

@test "no database; arguments" {
    try reindex
    fails 6 "chrondb: no database at '.chrondb'"
    given init
    try reindex now
    fails 2 'chrondb: reindex takes no arguments: chrondb reindex [OPTIONS]'
}

@test "progress is for people, on standard error" {
    fill
    try reindex --progress
    same numbers '[1,6,6]' "$(jq -c '[.branches,.commits,.keys]' <<<"$output")"
}

@test "it cannot be written: exit 8, the cause, and everything works without" {
    fill
    rm -rf .chrondb/chrondb/index
    : >.chrondb/chrondb/index
    try reindex
    fails_like 8 "chrondb: cannot open directory 'chrondb/index': Not a directory"
    try count
    prints '{"count":6}'
    given put more 1
    same commits 7 "$(info commits)"
    same covered 0 "$(info index_commits)"
    [ -f .chrondb/chrondb/index ]
}

@test "every write is told to it" {
    fill
    same covered 6 "$(info index_commits)"
    given delete config
    given batch <<<'{"op":"put","key":"a","value":1}'
    same covered 8 "$(info index_commits)"
    same commits 8 "$(info commits)"
    same documents 6 "$(info documents)"
}

@test "what died or failed is not tried again at once" {
    fill
    rm -rf .chrondb/chrondb/index
    run env CHRONDB_TEST_FOREGROUND_MAINTENANCE=1 CHRONDB_TEST_FAULT=index-segment-written "$CHRONDB" count
    [ "$status" -eq 137 ]
    export CHRONDB_TEST_FOREGROUND_MAINTENANCE=1
    try count
    prints '{"count":6}'
    same covered 0 "$(info index_commits)"
    touch -d '1 minute ago' .chrondb/chrondb/index/attempt
    try count
    prints '{"count":6}'
    same covered 6 "$(info index_commits)"
    [ ! -e .chrondb/chrondb/index/attempt ]
}
