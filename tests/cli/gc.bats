#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# chrondb gc: everything into one pack, and what it says.

load helper

fill() {
    local i
    for i in 1 2 3 4 5 6 7 8; do
        given put "user:$((i % 3))" "{\"n\":$i,\"text\":\"words that stay as they are, and as they were, in every version\"}"
    done
}

loose() {
    find .chrondb/objects -path '*/??/*' -type f | wc -l
}

@test "one record, one pack, nothing loose" {
    fill
    local before
    before=$(git -C .chrondb cat-file --batch-all-objects --batch-check)
    try gc
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    same members '["objects","packs_before","packs_after","loose_before","loose_after","bytes_before","bytes_after"]' \
        "$(jq -c keys_unsorted <<<"$output")"
    same numbers '[32,0,1,32,0]' "$(jq -c '[.objects,.packs_before,.packs_after,.loose_before,.loose_after]' <<<"$output")"
    same loose 0 "$(loose)"
    same objects "$before" "$(git -C .chrondb cat-file --batch-all-objects --batch-check)"
    git -C .chrondb fsck --strict --full
    git verify-pack .chrondb/objects/pack/*.idx
    try gc
    same numbers '[32,1,1,0,0]' "$(jq -c '[.objects,.packs_before,.packs_after,.loose_before,.loose_after]' <<<"$output")"
}

@test "old versions are deltas on newer ones, commits are whole" {
    fill
    given gc
    git verify-pack -v .chrondb/objects/pack/*.idx >objects
    same 'deltas of commits' 0 "$(grep -c '^.\{40\} commit .* .\{40\}$' objects || :)"
    (($(grep -c '^.\{40\} tree .* .\{40\}$' objects) >= 10))
    same 'deltas of documents' 5 "$(grep -c '^.\{40\} blob .* .\{40\}$' objects)"
    grep -q "^$(git -C .chrondb rev-parse main:user/1.json) blob *[0-9]* [0-9]* [0-9]*\$" objects
    try history user:1 --no-value --format raw
    same versions 3 "$(wc -l <<<"$output")"
}

@test "what nothing reaches is kept, and what git packed too" {
    fill
    local lost
    lost=$(git -C .chrondb hash-object -w --stdin <<<'"nobody'"'"'s"')
    git -C .chrondb repack -q
    git -C .chrondb prune-packed -q
    fill
    git -C .chrondb repack -q
    given gc
    same packs 1 "$(ls .chrondb/objects/pack/*.pack | wc -l)"
    same content '"nobody'"'"'s"' "$(git -C .chrondb cat-file -p "$lost")"
    git -C .chrondb fsck --strict --full
}

@test "refs are packed, but for the branch that is written" {
    fill
    git -C .chrondb update-ref refs/heads/side main~2
    git -C .chrondb -c user.name=A -c user.email=a@a tag -a -m x v1 main~1
    git -C .chrondb symbolic-ref refs/heads/alias refs/heads/side
    local before
    before=$(git -C .chrondb show-ref --head -d)
    given gc
    same refs "$before" "$(git -C .chrondb show-ref --head -d)"
    same loose 'refs/heads/alias refs/heads/main' "$(cd .chrondb && find refs -type f | sort | xargs)"
    git -C .chrondb pack-refs --all
    same refs "$before" "$(git -C .chrondb show-ref --head -d)"
    given put -b side more 1
    try gc
    same side "$(git -C .chrondb rev-parse side)" "$(git -C .chrondb rev-parse refs/heads/alias)"
    try get -b side more
    prints 1
}

@test "a ref counts, not what another tool packed of it before, without a promise to peel" {
    fill
    git -C .chrondb update-ref refs/heads/side main
    printf '# pack-refs with: peeled \n%s refs/heads/side\n' "$(git -C .chrondb rev-parse main~1)" >.chrondb/packed-refs
    given gc
    same side "$(git -C .chrondb rev-parse main)" "$(git -C .chrondb rev-parse side)"
}

@test "an object that cannot be opened: exit 8, and each ref stays" {
    fill
    local before i
    mkdir .chrondb/objects/11
    ln -s 11111111111111111111111111111111111111 .chrondb/objects/11/
    for i in {1..20}; do # a directory may list them in any order
        printf '%040d\n' "$i" >".chrondb/refs/heads/none$i"
        cp .chrondb/refs/heads/main ".chrondb/refs/heads/good$i"
        [ "$i" -ne 10 ] || printf '%040d\n' 0 | tr 0 1 >.chrondb/refs/heads/closed
    done
    before=$(cat .chrondb/refs/heads/*)
    try gc
    fails_like 8 'chrondb: *Too many levels of symbolic links*'
    same refs "$before" "$(cat .chrondb/refs/heads/*)"
}

@test "what is kept stays; damage stays, and the rest is tidied" {
    fill
    git -C .chrondb repack -q
    git -C .chrondb prune-packed -q
    local kept damaged
    kept=$(ls .chrondb/objects/pack/*.pack)
    : >"${kept%.pack}.keep"
    fill
    git -C .chrondb repack -q
    git -C .chrondb prune-packed -q
    # Of what chrondb wrote itself the journal has a copy still.
    damaged=.chrondb/objects/pack/pack-$(git -C .chrondb hash-object -w --stdin <<<'"somebody'"'"'s own words, rather many"' |
        git -C .chrondb pack-objects -q objects/pack/pack).pack
    git -C .chrondb prune-packed -q
    chmod u+w "$damaged"
    printf '\xff\xff\xff\xff' | dd of="$damaged" bs=1 seek=24 conv=notrunc status=none
    try gc
    same status 0 "$status"
    [ -e "$kept" ]
    [ -e "$damaged" ]
    same loose 0 "$(loose)"
    try get user:1
    same status 0 "$status"
}

@test "an empty database; none; arguments" {
    try gc
    fails 6 "chrondb: no database at '.chrondb'"
    given init
    try gc
    same numbers '[0,0,0,0,0,0,0]' "$(jq -c '[.[]]' <<<"$output")"
    try gc now
    fails 2 'chrondb: gc takes no arguments: chrondb gc [OPTIONS]'
}

@test "a branch that is locked by git stays as it is" {
    fill
    git -C .chrondb update-ref refs/heads/side main~2
    : >.chrondb/refs/heads/side.lock
    given gc
    [ -e .chrondb/refs/heads/side ]
    [ -e .chrondb/refs/heads/side.lock ]
    rm .chrondb/refs/heads/side.lock
    : >.chrondb/packed-refs.lock
    git -C .chrondb update-ref refs/heads/other main~2
    try gc -v
    same status 0 "$status"
    [[ $stderr == *'the refs were not packed'* ]]
    [ -e .chrondb/refs/heads/other ]
}

@test "a read-only database: exit 8, the cause" {
    [ "$(id -u)" -ne 0 ] || skip 'root may write everywhere'
    fill
    chmod -R a-w .chrondb
    try gc
    chmod -R u+w .chrondb
    fails_like 8 'chrondb: *Permission denied*'
}

@test "progress is for people, on standard error" {
    fill
    try gc --progress
    same objects 32 "$(member objects)"
}

@test "refs are packed where the file system has no hard links, and none is lost" {
    given put n:1 1
    git -C .chrondb tag first main
    given gc
    given put n:1 2
    git -C .chrondb tag second main
    CHRONDB_TEST_NO_LINKS=1 given gc
    same tags $'first\nsecond' "$(git -C .chrondb tag)"
    same first 1 "$("$CHRONDB" at first n:1)"
    same second 2 "$("$CHRONDB" at second n:1)"
    same locks "" "$(find .chrondb -name '*.lock' -path '*refs*')"
    CHRONDB_TEST_NO_LINKS=1 given put n:1 3
    git -C .chrondb fsck --strict
}
