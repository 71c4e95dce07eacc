#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb tag: names of moments.

load helper

git_db() {
    git -C .chrondb -c user.name=A -c user.email=a@b "$@"
}

fill() {
    given init
    now 2026-11-21T10:00:01Z
    given put k:1 1
    first=$(git_db rev-parse main)
    now 2026-11-21T10:00:02Z
    given put k:1 2
    second=$(git_db rev-parse main)
    now 2026-11-21T10:00:09Z
}

tidy() {
    local left
    left=$(find .chrondb -name '*.lock' -not -path '*/chrondb/*' -o -name '*.tmp')
    same 'left over' '' "$left" && git_db fsck --strict --no-dangling
}

@test "a moment gets a name, and is found by it" {
    fill
    try tag v1 main~1
    prints '{"tag":"v1","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":null,"status":"created"}'
    try tag release/2
    same commit "$second" "$(member commit)"
    same git "$first" "$(git_db rev-parse refs/tags/v1)"
    given put k:1 3
    try at v1 k:1
    prints 1
    try get k:1 --at release/2
    prints 2
    try tag
    prints '{"tag":"release/2","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","object":null}
{"tag":"v1","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":null}'
    try tag --format raw
    prints $'release/2\nv1'
    try tag again v1 --format raw
    prints "$first"
    tidy
}

@test "again: unchanged; elsewhere: exit 3, or moved by force" {
    fill
    given tag v1 main~1
    try tag v1 main~1
    same status unchanged "$(member status)"
    try tag v1
    fails 3 "chrondb: cannot create tag 'v1': it exists already, at another commit"
    same git "$first" "$(git_db rev-parse v1)"
    try tag --force v1
    prints '{"tag":"v1","commit":"'$second'","time":"2026-11-21T10:00:02.000000000Z","object":null,"previous":"'$first'","status":"updated"}'
    try tag -f v1
    same status unchanged "$(member status)"
    try tag -f v2
    same status created "$(member status)"
    same git "$second $second" "$(git_db rev-parse v1 v2 | paste -sd' ')"
    git_db pack-refs --all
    given tag -f v1 main~1
    same git "$first" "$(git_db rev-parse v1)"
    tidy
}

@test "delete: told with its commit, packed or not" {
    fill
    for packed in no yes; do
        given tag a/v1 main~1
        [ $packed = no ] || git_db pack-refs --all
        try tag -d a/v1
        prints '{"tag":"a/v1","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":null,"status":"deleted"}'
        try tag
        prints ''
    done
    [ ! -e .chrondb/refs/tags/a ]
    try tag --delete a/v1
    fails 1 "chrondb: there is no tag 'a/v1'"
    tidy
}

@test "annotated tags of git: what they are about in the end, and their own id" {
    fill
    git_db tag -am one ann main~1
    git_db tag -am two nested ann
    git_db tag tree 'main^{tree}'
    git_db tag -am blob blob main:k/1.json
    local ann nested blob
    ann=$(git_db rev-parse ann) nested=$(git_db rev-parse nested) blob=$(git_db rev-parse blob)
    for packed in no yes; do
        [ $packed = no ] || git_db pack-refs --all
        try tag
        prints '{"tag":"ann","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":"'$ann'"}
{"tag":"blob","commit":null,"time":null,"object":"'$blob'"}
{"tag":"nested","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":"'$nested'"}
{"tag":"tree","commit":null,"time":null,"object":null}'
    done
    try tag ann main~1
    prints '{"tag":"ann","commit":"'$first'","time":"2026-11-21T10:00:01.000000000Z","object":"'$ann'","status":"unchanged"}'
    try tag ann
    same status 3 "$status"
    try tag -f ann
    same record '["'$second'",null,"'$first'"]' "$(jq -c '[.commit,.object,.previous]' <<<"$output")"
    try tag -d nested
    same object "$nested" "$(member object)"
    try tag copy blob
    fails_like 2 "chrondb: cannot create tag 'copy': cannot tell when 'blob' is: it names no commit"
    given tag -d blob
    given tag -d tree
    tidy
}

@test "hostile tags" {
    fill
    mkdir -p .chrondb/refs/tags
    printf '%040d\n' 1 >.chrondb/refs/tags/missing
    printf 'garbage\n' >.chrondb/refs/tags/garbage
    ln -s ../../../../secret .chrondb/refs/tags/link
    local at=$second i
    for i in $(seq 20); do # tags of tags, more than anybody follows
        at=$(printf 'object %s\ntype %s\ntag t\ntagger A <a@b> 1 +0000\n\nx\n' "$at" "$([ "$i" = 1 ] && echo commit || echo tag)" |
            git_db hash-object -w -t tag --stdin)
    done
    git_db update-ref refs/tags/deep "$at"
    given tag good
    try tag
    same status 0 "$status"
    same good "$second" "$(jq -r 'select(.tag == "good").commit' <<<"$output")"
    same deep null "$(jq -c 'select(.tag == "deep").commit' <<<"$output")"
    [[ $stderr == *"warning: tag 'garbage' cannot be read: "* ]]
    given tag -d deep
    given tag -d missing
}

@test "usage" {
    fill
    try tag -d
    fails 2 'chrondb: these are not the arguments of chrondb tag -d NAME'
    try tag -d -f x
    same status 2 "$status"
    try tag -f
    fails 2 'chrondb: these are not the arguments of chrondb tag --force NAME [WHEN]'
    try tag a b c
    fails 2 'chrondb: tag takes fewer arguments: chrondb tag [NAME [WHEN]]'
    try tag x nowhen
    fails_like 2 "chrondb: cannot create tag 'x': cannot tell when 'nowhen' is: *"
    try tag 'a b'
    fails_like 2 "chrondb: 'a b' is no name for a tag: *"
    given tag a
    try tag a/b
    fails 3 "chrondb: cannot create tag 'a/b': 'a' is in the way: git can have a ref 'a' or 'a/b', not both"
    rm -r .chrondb
    try tag
    fails 6 "chrondb: no database at '.chrondb'"
    given init
    try tag
    prints ''
    try tag x
    fails 2 "chrondb: cannot create tag 'x': there is no commit yet for a tag to name"
}

@test "killed at any point: there or not, and the next command clears up" {
    local point found
    fill
    for point in ref-temporary ref-locked ref-lock-written journal-written journal-synced ref-renamed state-written; do
        CHRONDB_TEST_FAULT=$point run -137 "$CHRONDB" tag v1 main~1
        try tag --format raw
        [[ $output == '' || $output == v1 ]]
        tidy
        given tag v1 main~1
        CHRONDB_TEST_FAULT=$point run -137 "$CHRONDB" tag -f v1
        try get k:1
        found=$(git_db rev-parse v1)
        [[ $found == "$first" || $found == "$second" ]]
        tidy
        given tag -d v1
    done
}

@test "a power cut: moved by us, moved by git, deleted" {
    fill
    given tag ours main~1
    given tag theirs main~1
    given tag gone
    given tag -d gone
    given tag -f ours
    git_db tag -f -am theirs theirs main
    git_db for-each-ref >expected
    printf '%s\n' "$first" >.chrondb/refs/tags/ours
    printf '%s\n' "$second" >.chrondb/refs/tags/gone
    rm -f .chrondb/chrondb/state
    CHRONDB_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555 run "$CHRONDB" get k:1 --at ours
    same value 2 "$output"
    git_db for-each-ref | diff expected -
    tidy
}
